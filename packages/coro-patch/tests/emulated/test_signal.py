"""`signal`: waiting for signals, and where handlers run."""

import contextlib
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import coro


def wait_until_blocked(status: Path, number: int) -> None:
    """pytest's watchdog blocks all signals once it runs; before that, it would be struck by them.

    While glibc begins a thread all are blocked as well, its own 32 included, and then for a moment none.
    """
    with contextlib.suppress(OSError):  # the thread has ended
        while True:
            blocked = int(re.findall(r"SigBlk:\s*(\w+)", status.read_text())[0], 16)
            if blocked & 1 << (number - 1) and not blocked & 1 << (32 - 1):
                return
            time.sleep(1e-3)


@pytest.fixture
def blocked_signal() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    for status in Path("/proc/self/task").glob("*/status"):
        wait_until_blocked(status, signal.SIGUSR1)
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.fixture
def handled() -> Iterator[list[int]]:
    """Who handled SIGUSR1, by identity."""
    told: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: told.append(threading.get_ident()))
    yield told
    signal.signal(signal.SIGUSR1, before)


@pytest.fixture
def alarm() -> Iterator[list[int]]:
    """What SIGALRM told its handler."""
    told: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: told.append(number))
    yield told
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def kill_soon() -> threading.Thread:
    thread = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGUSR1))
    thread.start()
    return thread


class TestBlockedSignals:
    def test_sigwait(self, both: str, blocked_signal: None) -> None:
        thread = kill_soon()
        told = signal.sigwait(iter([signal.SIGUSR1]))
        assert (told, type(told)) == (signal.SIGUSR1, signal.Signals)
        thread.join()

    def test_sigwaitinfo(self, both: str, blocked_signal: None) -> None:
        thread = kill_soon()
        assert signal.sigwaitinfo([signal.SIGUSR1]).si_pid == os.getpid()
        thread.join()

    def test_the_time_is_up(self, both: str, blocked_signal: None) -> None:
        assert signal.sigtimedwait([signal.SIGUSR1], 0.001) is None

    def test_others_run_meanwhile(self, emulated: None, blocked_signal: None) -> None:
        waiter = coro.spawn(signal.sigwait, [signal.SIGUSR1])
        while not waiter.waiting:
            coro.yield_slice()
        os.kill(os.getpid(), signal.SIGUSR1)
        waiter.join()
        assert waiter.result() == signal.SIGUSR1

    @pytest.mark.parametrize("wrong", [([999], ValueError), (1, TypeError)])
    def test_wrong_uses(self, both: str, wrong: tuple[object, type[Exception]]) -> None:
        with pytest.raises(wrong[1]):
            signal.sigwait(wrong[0])  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="non-negative"):
            signal.sigtimedwait([signal.SIGUSR1], -1)


class TestHandlers:
    def test_pause_ends_when_one_has_run(self, both: str, alarm: list[int]) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)  # one may come before the pause
        signal.pause()
        assert set(alarm) == {signal.SIGALRM}

    def test_who_pauses_and_who_listens_are_both_told(self, both: str, alarm: list[int]) -> None:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        assert signal.set_wakeup_fd(writer) == -1
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)  # one may come before the pause
        signal.pause()
        assert signal.set_wakeup_fd(-1) == writer
        assert set(os.read(reader, 100)) == {signal.SIGALRM}
        os.close(reader)
        os.close(writer)

    def test_they_run_as_the_main_thread(self, both: str, handled: list[int]) -> None:
        thread = kill_soon()
        thread.join()
        while not handled:
            time.sleep(0.001)
        assert handled == [threading.main_thread().ident]

    def test_they_may_wait_where_they_interrupt_a_wait(self, both: str, alarm: list[int]) -> None:
        def wait(number: int, frame: object) -> None:
            time.sleep(0.001)
            alarm.append(threading.get_ident())

        signal.signal(signal.SIGALRM, wait)
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        while not alarm:
            time.sleep(0.1)
        assert alarm == [threading.main_thread().ident]

    def test_what_they_raise_in_a_wait_ends_it(self, both: str, alarm: list[int]) -> None:
        def refuse(number: int, frame: object) -> None:
            raise ZeroDivisionError

        signal.signal(signal.SIGALRM, refuse)
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with pytest.raises(ZeroDivisionError):
            time.sleep(10)

    def test_what_they_raise_goes_to_the_main_thread(self, both: str) -> None:
        def refuse(number: int, frame: object) -> None:
            raise ZeroDivisionError

        before = signal.signal(signal.SIGUSR1, refuse)
        thread = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGUSR1))
        try:
            with pytest.raises(ZeroDivisionError):
                thread.start()
                thread.join()
                time.sleep(10)
            thread.join()
        finally:
            signal.signal(signal.SIGUSR1, before)

    def test_the_program_sees_its_own(self, both: str, handled: list[int]) -> None:
        mine = signal.getsignal(signal.SIGUSR1)
        assert callable(mine)
        assert mine.__name__ == "<lambda>"
        assert signal.signal(signal.SIGUSR1, mine) is mine
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def test_those_set_before_are_given_back(self, no_leaks: None, handled: list[int]) -> None:
        mine = signal.getsignal(signal.SIGUSR1)
        coro.install_thread_emulation()
        coro.uninstall_thread_emulation()
        assert signal.getsignal(signal.SIGUSR1) is mine


class TestIdentities:
    def test_a_signal_to_a_thread(self, both: str, handled: list[int]) -> None:
        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        assert thread.ident is not None
        signal.pthread_kill(thread.ident, signal.SIGUSR1)
        while not handled:
            time.sleep(0.001)
        done.set()
        thread.join()

    def test_one_that_has_ended(self, emulated: None) -> None:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        assert thread.ident is not None
        with pytest.raises(ProcessLookupError):
            signal.pthread_kill(thread.ident, 0)

    def test_its_clock(self, both: str) -> None:
        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        assert thread.ident is not None
        assert time.clock_gettime(time.pthread_getcpuclockid(thread.ident)) >= 0
        done.set()
        thread.join()
