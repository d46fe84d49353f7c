"""The drivers of PostgreSQL, with stand-ins that wait by the same rules as they do.

The drivers themselves, with a server, are in tests-integration.
"""

import importlib
import socket
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import coro
from coro_patch import psycopg

STAND_INS = {
    "psycopg2/__init__.py": "",
    "psycopg2/extensions.py": """
        POLL_OK, POLL_READ, POLL_WRITE, POLL_ERROR = range(4)
        class OperationalError(Exception): pass
        callback = None
        def set_wait_callback(function):
            global callback
            callback = function
        def get_wait_callback():
            return callback
    """,
    "psycopg/__init__.py": "",
    "psycopg/connection.py": "_INTERRUPTED = (KeyboardInterrupt, SystemExit)\n",
    "psycopg/waiting.py": """
        import select
        def wait_c(gen, fileno, interval=0.0):
            raise AssertionError("it blocks")
        def wait_selector(gen, fileno, interval=0.0):
            raise AssertionError("it is slower")
        def wait_poll(gen, fileno, interval=0.0):
            next(gen)
            poll = select.poll()
            poll.register(fileno, select.POLLIN)
            try:
                while True:
                    gen.send(1 if poll.poll(int(interval * 1000)) else 0)
            except StopIteration as ended:
                return ended.value
        wait = wait_c
    """,
}


class Connection:
    """As psycopg2 sees one: it is asked for what it waits for, until it is complete."""

    def __init__(self, states: list[int]) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.states = states

    def fileno(self) -> int:
        return self.ours.fileno()

    def poll(self) -> int:
        return self.states.pop(0)

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the stand-ins are imported from, instead of the drivers."""
    names = [name for name in sys.modules if name.partition(".")[0] in ("psycopg", "psycopg2")]
    for name in names:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    psycopg.uninstall()
    for name in [name for name in sys.modules if name.partition(".")[0] in ("psycopg", "psycopg2")]:
        del sys.modules[name]


@pytest.fixture
def drivers(folder: Path) -> Path:
    for name, text in STAND_INS.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
    importlib.invalidate_caches()
    return folder


@pytest.fixture
def extensions(drivers: Path) -> ModuleType:
    return importlib.import_module("psycopg2.extensions")


@pytest.fixture
def waiting(drivers: Path) -> ModuleType:
    return importlib.import_module("psycopg.waiting")


class TestPsycopg2:
    def test_waits_for_what_the_connection_asks_for(self, emulated: None, extensions: Any) -> None:
        psycopg.install()
        connection = Connection([extensions.POLL_WRITE, extensions.POLL_READ, extensions.POLL_OK])
        waiter = coro.spawn(extensions.get_wait_callback(), connection)
        coro.yield_slice()
        assert not waiter.dead
        connection.theirs.send(b"x")
        waiter.join()
        assert connection.states == []
        connection.close()

    def test_lets_a_time_limit_through(self, emulated: None, extensions: Any) -> None:
        connection = Connection([extensions.POLL_READ])
        with pytest.raises(coro.TimeoutError), coro.timeout(0.01):
            psycopg.wait(connection)
        connection.close()

    def test_refuses_a_state_that_there_is_not(self, emulated: None, extensions: Any) -> None:
        connection = Connection([extensions.POLL_ERROR])
        with pytest.raises(extensions.OperationalError, match="bad state from poll: 3"):
            psycopg.wait(connection)
        connection.close()

    def test_gets_its_own_callback_back(self, emulated: None, extensions: Any) -> None:
        extensions.set_wait_callback(print)
        psycopg.install()
        psycopg.install()
        assert extensions.get_wait_callback() is psycopg.wait
        psycopg.uninstall()
        assert extensions.get_wait_callback() is print

    def test_keeps_a_callback_that_came_later(self, emulated: None, extensions: Any) -> None:
        psycopg.install()
        extensions.set_wait_callback(print)
        psycopg.uninstall()
        assert extensions.get_wait_callback() is print


class TestPsycopg3:
    def test_waits_in_python_on_the_emulation(self, emulated: None, waiting: Any) -> None:
        def work() -> Any:
            ready = 0
            while not ready:
                ready = yield 1
            return "done"

        psycopg.install()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            waiter = coro.spawn(lambda: waiting.wait(work(), ours.fileno(), interval=30))
            coro.yield_slice()
            assert not waiter.dead
            theirs.send(b"x")
            waiter.join()
            assert waiter.result() == "done"

    def test_cancels_what_is_interrupted(self, emulated: None, waiting: Any) -> None:
        connection: Any = importlib.import_module("psycopg.connection")
        before = connection._INTERRUPTED
        psycopg.install()
        psycopg.install()
        after = (*before, coro.Interrupted)
        assert after == connection._INTERRUPTED
        psycopg.uninstall()
        assert connection._INTERRUPTED is before
        assert waiting.wait is waiting.wait_c

    def test_of_an_older_release(self, emulated: None, waiting: Any) -> None:
        connection: Any = importlib.import_module("psycopg.connection")
        del connection._INTERRUPTED, waiting.wait_poll
        psycopg.install()
        assert waiting.wait is waiting.wait_selector
        psycopg.uninstall()
        assert waiting.wait is waiting.wait_c

    def test_needs_select_to_be_emulated(self, drivers: Path) -> None:
        with pytest.raises(RuntimeError, match=r"not emulated: call coro\.install_thread_emulation"):
            psycopg.install()


def test_without_a_driver_it_says_so(folder: Path, emulated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(folder)])
    importlib.invalidate_caches()
    with pytest.raises(ImportError, match="neither psycopg nor psycopg2 is installed"):
        psycopg.install()
