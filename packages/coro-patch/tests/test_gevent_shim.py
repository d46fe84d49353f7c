"""The module that answers where `gevent.monkey` would."""

import importlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import coro
from coro_patch import gevent_shim


@pytest.fixture
def no_gevent(monkeypatch: pytest.MonkeyPatch) -> None:
    """gevent is not imported, and cannot be."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "gevent"]:
        monkeypatch.delitem(sys.modules, name)
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "gevent" else find_spec(name))


@pytest.fixture
def monkey(no_gevent: None) -> Iterator[Any]:
    gevent_shim.install()
    yield importlib.import_module("gevent.monkey")
    gevent_shim.uninstall()


def test_it_answers_for_the_emulation(monkey: Any) -> None:
    original = time.sleep
    assert not monkey.is_anything_patched()
    assert list(monkey.saved) == []
    coro.install_thread_emulation(socket=False)
    try:
        assert monkey.is_anything_patched()
        assert monkey.is_module_patched("threading")
        assert not monkey.is_module_patched("math")
        assert monkey.is_object_patched("time", "sleep")
        assert not monkey.is_object_patched("time", "time")
        assert "select" in monkey.saved
        assert "math" not in monkey.saved
        assert monkey.saved["time"]["sleep"] is original
        assert "time" not in monkey.saved["time"]
        assert monkey.get_original("time", "sleep") is original
        assert monkey.get_original("time", ["time", "sleep"]) == [time.time, original]
    finally:
        coro.uninstall_thread_emulation()
    assert not monkey.is_anything_patched()


def test_a_program_finds_it_in_each_way_of_importing(monkey: Any) -> None:
    program: dict[str, Any] = {}
    exec("import gevent.monkey\nfrom gevent import monkey\none = gevent.monkey", program)
    assert program["monkey"] is program["one"] is monkey


def test_it_does_nothing_but_answer(monkey: Any) -> None:
    with pytest.raises(AttributeError, match=r"gevent\.monkey\.patch_all: coro_patch\.gevent_shim stands in"):
        monkey.patch_all()
    with pytest.raises(AttributeError, match=r"gevent\.spawn: "):
        _ = sys.modules["gevent"].spawn


def test_it_goes_away(no_gevent: None) -> None:
    gevent_shim.install()
    gevent_shim.install()
    gevent_shim.uninstall()
    assert not {"gevent", "gevent.monkey"} & set(sys.modules)


def test_gevent_itself_is_not_replaced(no_gevent: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gevent.monkey", sys)
    with pytest.raises(RuntimeError, match="imported already"):
        gevent_shim.install()


def test_the_rest_of_gevent_stays(run_program: Callable[[str], str]) -> None:
    pytest.importorskip("gevent")
    program = """
        from coro_patch import gevent_shim
        gevent_shim.install()
        import gevent.monkey
        from gevent import monkey
        print(monkey is gevent.monkey, monkey.is_anything_patched(), callable(gevent.spawn))
    """
    assert run_program(program) == "True False True\n"


def test_it_is_not_there_by_itself(run_program: Callable[[str], str]) -> None:
    assert run_program("import sys, coro_patch; coro_patch.install(); print('gevent.monkey' in sys.modules)") == (
        "False\n"
    )
