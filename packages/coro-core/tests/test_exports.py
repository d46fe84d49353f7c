"""Names that other distributions add to `coro`."""

import importlib.metadata
import sys
from types import ModuleType

import pytest

import coro
from coro import _exports


@pytest.fixture
def announced(monkeypatch):
    """Takes the place of what installed distributions announce."""
    entries = []
    asked = []

    def entry_points(*, group):
        asked.append(group)
        return entries

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    monkeypatch.setattr(_exports, "_entries", None)
    names = set(vars(coro))
    yield entries
    assert set(asked) <= {"coro.exports"}
    assert len(asked) <= 1  # the metadata is read once
    for name in set(vars(coro)) - names:
        delattr(coro, name)


def entry(name, value):
    return importlib.metadata.EntryPoint(name, value, "coro.exports")


class TestFinding:
    def test_a_name(self, announced):
        announced.append(entry("pretty", "textwrap:dedent"))
        import textwrap

        assert coro.pretty is textwrap.dedent

    def test_the_first_look_up_is_kept(self, announced):
        announced.append(entry("pretty", "textwrap:dedent"))
        assert "pretty" not in vars(coro)
        first = coro.pretty
        assert vars(coro)["pretty"] is first

    def test_from_import(self, announced):
        announced.append(entry("pretty", "textwrap:dedent"))
        from coro import pretty

        assert pretty("  x") == "x"

    def test_dir(self, announced):
        announced.append(entry("pretty", "textwrap:dedent"))
        assert "pretty" in dir(coro)
        assert {"spawn", "profiler", "testing"} <= set(dir(coro))

    def test_a_module_of_core(self, run):
        run("""
            import coro
            assert coro.profiler.start and coro.testing.virtual_clock
        """)

    def test_a_nested_object(self, announced):
        announced.append(entry("joined", "os:path.join"))
        import os

        assert coro.joined is os.path.join


class TestMissing:
    def test_nobodys(self, announced):
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            _ = coro.nonsense
        assert not hasattr(coro, "nonsense")

    @pytest.mark.parametrize(
        ("name", "home"),
        [("AF", "coro-consts"), ("tcp_sock", "coro-sock"), ("install_thread_emulation", "coro-patch")],
    )
    def test_of_a_distribution_that_is_not_installed(self, monkeypatch, name, home):
        vars(coro).pop(name, None)
        monkeypatch.setitem(sys.modules, home.replace("-", "_"), None)
        with pytest.raises(AttributeError, match=f"coro.{name} is part of {home}.*pip install"):
            getattr(coro, name)

    def test_an_import_error_is_not_hidden(self, announced):
        announced.append(entry("broken", "no_such_module_anywhere:x"))
        with pytest.raises(ModuleNotFoundError):
            _ = coro.broken
        assert "broken" not in vars(coro)

    def test_submodules_import_in_any_order(self, run):
        for module in ("interface", "testing", "errors", "oserrors", "_exports", "_capi"):
            run(f"from coro import {module}")
            run(f"import coro.{module}")

    @pytest.mark.parametrize("name", ["tcp_sock", "backdoor", "AF", "install_thread_emulation"])
    def test_of_a_distribution_that_is_too_old(self, monkeypatch, name):
        home = next(home for home, names in _exports.HOMES.items() if name in names)
        vars(coro).pop(name, None)
        monkeypatch.setitem(sys.modules, home.replace("-", "_"), ModuleType(home.replace("-", "_")))
        monkeypatch.delitem(sys.modules, "coro_sock.backdoor", raising=False)
        with pytest.raises(AttributeError, match=f"coro.{name} is part of {home}.*too old"):
            getattr(coro, name)

    def test_what_a_distribution_itself_lacks_is_not_taken_for_it(self, monkeypatch, tmp_path):
        vars(coro).pop("AF", None)
        (tmp_path / "coro_consts.py").write_text("import no_such_module_anywhere")
        monkeypatch.delitem(sys.modules, "coro_consts", raising=False)
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
            _ = coro.AF

    def test_coros_own_names_are_found_without_metadata(self, run):
        run("""
            import sys, coro
            from coro import interface, testing, _capi
            coro.spawn(list).join()
            for name in ("AF", "tcp_sock", "install_thread_emulation", "_private"):
                hasattr(coro, name)
            assert "importlib.metadata" not in sys.modules
        """)


def test_all_is_there():
    for name in coro.__all__:
        assert hasattr(coro, name)


def test_what_is_imported_late_is_a_public_name():
    late = {name for names in _exports.LATE.values() for name in names}
    assert late <= set(coro.__all__)
    for module, names in _exports.LATE.items():
        for name in names:
            assert getattr(coro, name) is getattr(sys.modules[module], name)


def test_importing_coro_imports_little_else(run):
    """What takes long to import, and what replaces nothing that a program may not need."""
    run("""
        import sys
        before = set(sys.modules)
        import coro
        others = {name for name in set(sys.modules) - before if name.partition(".")[0] not in ("coro", "greenlet")}
        assert not others & {"typing", "traceback", "enum", "signal", "collections", "contextlib", "threading"}, others
        assert "coro.sync" not in sys.modules
    """)
