"""The door to other distributions: the Protocols, and the table of C functions.

The table is called through ctypes, as a C extension would call it.
"""

import ctypes
import os
import socket
from pathlib import Path

import pytest

import coro
from coro import _capi, interface
from coro.interface import EXCLUSIVE, READ, WRITE, scheduler
from waiting import spawn_waiting

TRIED, ANNOUNCED = 4, 8
FOREVER = 2**63 - 1

Function = ctypes.PYFUNCTYPE


class Table(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("provider", ctypes.c_char_p),
        ("now", Function(ctypes.c_int64)),
        ("current", Function(ctypes.py_object)),
        ("selfish_act", Function(ctypes.c_int)),
        ("park", Function(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int64)),
        ("wake", Function(ctypes.c_int, ctypes.py_object)),
        ("wait_fd", Function(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64)),
        ("open_fd", Function(ctypes.c_int, ctypes.c_int)),
        ("close_fd", Function(ctypes.c_int, ctypes.c_int)),
        ("release_fd", Function(ctypes.c_int, ctypes.c_int)),
        ("scratch", Function(ctypes.c_void_p, ctypes.POINTER(ctypes.c_ssize_t))),
        ("running", Function(ctypes.c_void_p, ctypes.POINTER(ctypes.c_int))),
    ]


def table() -> Table:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return Table.from_address(get(_capi._C_API, b"coro._capi._C_API"))


api = table()


class TestTable:
    def test_version(self):
        assert (api.major, api.minor) == interface.VERSION
        assert api.size >= ctypes.sizeof(Table)
        assert api.provider.startswith(b"coro-core ")

    def test_now(self, virtual):
        assert api.now() == coro.now()

    def test_current(self):
        assert api.current() is coro.current()
        co = coro.spawn(api.current)
        co.join()
        assert co.result() is co

    def test_park_until_woken(self):
        co = coro.spawn(api.park, b"lunch", None, FOREVER)
        coro.yield_slice()
        assert co.waiting == ("lunch", None)
        assert api.wake(co) == 1
        assert api.wake(co) == 0
        co.join()
        assert co.result() == 1

    def test_park_on_an_object(self):
        table = object()
        co = coro.spawn(api.park, b"lunch", id(table), FOREVER)
        coro.yield_slice()
        assert co.waiting == ("lunch", table)
        assert repr(co).endswith(f"waiting (lunch) on {table!r}>")
        api.wake(co)
        co.join()

    def test_park_until_a_moment(self, virtual):
        moment = coro.now() + 5
        assert api.park(b"lunch", None, moment) == 0
        assert coro.now() == moment
        assert api.park(b"lunch", None, 0) == 0

    def test_park_interrupted(self, virtual):
        with pytest.raises(coro.TimeoutError), coro.timeout(1):
            api.park(b"lunch", None, FOREVER)

    @pytest.mark.parametrize("wrong", [None, 5, "x", object()])
    def test_only_coroutines_are_woken(self, wrong):
        with pytest.raises(TypeError, match="only a coroutine"):
            api.wake(wrong)

    def test_wake_of_one_that_does_not_wait(self):
        assert api.wake(coro.current()) == 0
        assert api.wake(coro.new(list)) == 0

    def test_wake_of_one_that_was_never_initialized(self, run):
        run("""
            import ctypes, coro
            from coro import _capi
            get = ctypes.pythonapi.PyCapsule_GetPointer
            get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
            table = get(_capi._C_API, b"coro._capi._C_API")
            # after 4 uint32, one pointer, now, current, selfish_act and park
            address = ctypes.c_void_p.from_address(table + 16 + 5 * ctypes.sizeof(ctypes.c_void_p)).value
            wake = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object)(address)
            assert wake(coro.coro.__new__(coro.coro)) == 0
        """)

    def test_running(self, in_thread):
        def running():
            is_main = ctypes.c_int(7)
            address = api.running(is_main)
            return address, is_main.value

        assert running() == (id(coro.current()), 1)
        co = coro.spawn(running)
        co.join()
        assert co.result() == (id(co), 0)
        before = coro.get_live_coros()
        assert in_thread(running) == (None, 7)  # and no scheduler is made
        assert coro.get_live_coros() == before

    def test_running_inside_the_scheduler(self, finalizer):
        log = []
        coro.spawn(lambda: finalizer(lambda: api.running(ctypes.c_int()), log))
        coro.yield_slice()
        coro.yield_slice()
        assert log == [None]

    def test_scratch(self):
        size = ctypes.c_ssize_t()
        buffer = api.scratch(size)
        assert size.value == 65536
        ctypes.memset(buffer, 7, size.value)
        assert api.scratch(size) == buffer


class TestSelfishness:
    def others(self):
        """Counts how often others get their turn."""
        turns = []

        def other():
            while True:
                turns.append(1)
                coro.yield_slice()

        co = coro.spawn(other)
        coro.yield_slice()
        turns.clear()
        return co, turns

    @pytest.mark.parametrize("budget", [1, 4, 32])
    def test_after_its_budget_others_run(self, budget):
        def selfish():
            coro.current().set_max_selfish_acts(budget)
            seen = []
            for _ in range(3 * budget + 1):
                api.selfish_act()
                seen.append(len(turns))
            return seen

        other, turns = self.others()
        co = coro.spawn(selfish)
        co.join()
        other.shutdown()
        other.join()
        seen = co.result()
        acts_between = [seen.count(n) for n in range(seen[0], seen[-1])]
        assert acts_between == [budget] * 3

    def test_waiting_renews_the_budget(self):
        def selfish():
            for _ in range(4):
                api.selfish_act()
            coro.yield_slice()
            before = len(turns)
            for _ in range(4):
                api.selfish_act()
            return len(turns) - before

        other, turns = self.others()
        co = coro.spawn(selfish)
        co.join()
        other.shutdown()
        other.join()
        assert co.result() == 0

    def test_one_that_always_succeeds_lets_timers_fire(self):
        sleeper = coro.spawn(coro.sleep_relative, 0.001)
        coro.yield_slice()
        while not sleeper.dead:
            api.selfish_act()

    def test_an_interrupt_is_delivered_there(self):
        def selfish():
            while True:
                api.selfish_act()

        co = coro.spawn(selfish)
        coro.yield_slice()
        co.shutdown()
        co.join()
        assert isinstance(co.failure, coro.Shutdown)


class TestDescriptors:
    @pytest.fixture
    def pair(self):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            yield ours, theirs
            if ours.fileno() >= 0:
                api.release_fd(ours.fileno())

    def test_announced_waiting(self, pair):
        ours, theirs = pair
        fd = ours.fileno()
        assert api.open_fd(fd) == 0
        assert api.wait_fd(fd, WRITE | ANNOUNCED, FOREVER) == WRITE
        co = spawn_waiting(api.wait_fd, fd, READ | ANNOUNCED, FOREVER)
        theirs.send(b"x")
        co.join()
        assert co.result() == READ

    def test_each_change_is_told_after_a_try(self, pair):
        ours, theirs = pair
        fd = ours.fileno()
        api.open_fd(fd)
        for n in range(50):
            with pytest.raises(BlockingIOError):
                ours.recv(1)
            co = spawn_waiting(api.wait_fd, fd, READ | ANNOUNCED | TRIED, FOREVER)
            theirs.send(bytes([n]))
            co.join()
            assert ours.recv(10) == bytes([n])

    def test_news_that_came_while_nobody_waited(self, pair):
        ours, theirs = pair
        fd = ours.fileno()
        api.open_fd(fd)
        assert api.wait_fd(fd, READ | ANNOUNCED | TRIED, 0) == 0
        theirs.send(b"x")
        coro.sleep_relative(0.0001)  # a poll happens
        assert api.wait_fd(fd, READ | ANNOUNCED, FOREVER) == READ

    def test_news_that_an_interrupted_waiter_did_not_use(self, pair):
        ours, theirs = pair
        fd = ours.fileno()
        api.open_fd(fd)

        def interrupt():
            api.wait_fd(fd, READ | ANNOUNCED | TRIED, FOREVER)
            co.raise_exception(coro.Shutdown)

        # One event wakes both; the first strikes before the second can use it.
        first = coro.spawn(interrupt)
        coro.yield_slice()
        co = spawn_waiting(api.wait_fd, fd, READ | ANNOUNCED | TRIED, FOREVER)
        theirs.send(b"x")
        first.join()
        co.join()
        assert isinstance(co.failure, coro.Shutdown)
        assert api.wait_fd(fd, READ | ANNOUNCED, FOREVER) == READ

    def test_the_other_end_has_gone(self, pair):
        ours, theirs = pair
        fd = ours.fileno()
        api.open_fd(fd)
        assert api.wait_fd(fd, READ | ANNOUNCED | TRIED, 0) == 0
        theirs.close()
        for _ in range(3):
            assert api.wait_fd(fd, READ | ANNOUNCED, FOREVER) == READ

    @pytest.mark.parametrize("function", ["close_fd", "release_fd", "open_fd"])
    def test_waiters_are_told(self, pair, quiet, function):
        fd = pair[0].fileno()
        api.open_fd(fd)
        co = spawn_waiting(api.wait_fd, fd, READ | ANNOUNCED, FOREVER)
        getattr(api, function)(fd)
        co.join()
        assert isinstance(co.failure, coro.ClosedError)

    def test_the_next_owner_knows_nothing_of_the_old(self, pair):
        ours, theirs = pair
        fd = ours.fileno()
        api.open_fd(fd)
        theirs.send(b"x")
        assert api.wait_fd(fd, READ | ANNOUNCED, FOREVER) == READ
        api.close_fd(fd)
        reader, writer = os.pipe()
        os.dup2(reader, fd)
        os.close(reader)
        api.open_fd(fd)
        assert api.wait_fd(fd, READ | ANNOUNCED, 0) == 0
        os.write(writer, b"x")
        assert api.wait_fd(fd, READ | ANNOUNCED, FOREVER) == READ
        os.close(writer)

    @pytest.mark.parametrize("function", ["close_fd", "release_fd"])
    def test_unknown_numbers(self, function):
        assert getattr(api, function)(-1) == 0
        assert getattr(api, function)(100_000) == 0

    def test_open_of_a_closed_number(self):
        with pytest.raises(coro.ClosedError):
            api.open_fd(-1)

    def test_exclusive(self, pair):
        fd = pair[0].fileno()
        api.open_fd(fd)
        co = spawn_waiting(api.wait_fd, fd, READ | ANNOUNCED, FOREVER)
        with pytest.raises(coro.SimultaneousError):
            api.wait_fd(fd, READ | ANNOUNCED | EXCLUSIVE, FOREVER)
        co.shutdown()
        co.join()


class TestPythonSide:
    def test_protocols(self):
        assert isinstance(coro.current(), interface.Coroutine)
        assert isinstance(scheduler(), interface.Scheduler)

    def test_the_header_is_installed(self):
        folder = Path(interface.include_directory())
        header = (folder / "coro_capi.h").read_text()
        assert f"#define CORO_CAPI_MAJOR {interface.VERSION[0]}" in header
        assert f"#define CORO_CAPI_MINOR {interface.VERSION[1]}" in header
        assert "coro_capi.h" in (folder / "capi.pxd").read_text()

    def test_the_bits_are_those_of_the_header(self):
        header = (Path(interface.include_directory()) / "coro_capi.h").read_text()
        for name, value in [("READ", READ), ("WRITE", WRITE), ("EXCLUSIVE", EXCLUSIVE)]:
            assert f"#define CORO_{name} {value}" in header
