"""What all waits have in common: who may not wait gives nothing back, and what is made in a wait."""

import signal
import threading
from collections.abc import Callable

import pytest

import coro
from coro.sync import condition_variable, event, fifo, inverted_semaphore, mutex, rw_lock, semaphore
from coro.testing import wait_all_blocked


def served_once() -> None:
    """The caller has waited for a lock, and got it."""
    first = mutex()

    def hold() -> None:
        with first:
            coro.yield_slice()

    coro.spawn(hold)
    coro.yield_slice()
    assert first.lock() is True
    first.unlock()


def test_a_handler_that_may_not_wait_takes_nothing_from_others() -> None:
    lock, both, things, sem = mutex(), rw_lock(), fifo[int](), semaphore(0)
    refused: list[str] = []
    served_once()

    def hold() -> None:
        with lock, both.writing():
            coro.sleep_relative(3600)

    holder = coro.spawn(hold)
    wait_all_blocked()
    woken = event()

    def handler(number: int, frame: object) -> None:
        uses: list[Callable[[], object]] = [
            lock.lock,
            both.read_lock,
            both.write_lock,
            things.pop,
            sem.acquire,
            condition_variable().wait,
            event().wait,
            inverted_semaphore(1).block_till_zero,
        ]
        for use in uses:
            with pytest.raises(RuntimeError, match="signal handler"):
                use()
            refused.append(use.__name__)
        woken.set()

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        woken.wait()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert len(refused) == 8
    assert lock.held_by == both.held_by == (holder,)
    assert (list(things), sem.avail) == ([], 0)
    holder.shutdown()
    holder.join()


def test_a_thread_that_ends_takes_nothing_from_others() -> None:
    lock = mutex()

    def work() -> None:
        own = mutex()
        own.lock()

        def wait() -> None:
            own.lock()
            try:
                coro.sleep_relative(3600)
            finally:
                with pytest.raises(RuntimeError, match="has ended"):
                    lock.lock()

        coro.spawn(wait)
        wait_all_blocked()
        own.unlock()
        wait_all_blocked()

    lock.lock()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert lock.has_lock()
    lock.unlock()


def test_a_finalizer_inside_the_scheduler_takes_nothing_from_others() -> None:
    lock = mutex()
    holder = coro.spawn(lock.lock)
    holder.join()
    served_once()

    class Waits:
        def __del__(self) -> None:
            with pytest.raises(RuntimeError):
                lock.lock()

    cancelled = coro.spawn(print, Waits())
    cancelled.shutdown()
    del cancelled
    coro.yield_slice()
    assert lock.held_by == (holder,)


def test_an_exception_that_waits_when_it_is_made_is_made_by_who_raises_it() -> None:
    lock, other = mutex(), mutex()

    class Slow(Exception):
        def __init__(self) -> None:
            super().__init__()
            with other:
                pass

    def wait() -> None:
        with pytest.raises(Slow):
            lock.lock()

    lock.lock()
    waiting = coro.spawn(wait)
    holder = coro.spawn(other.lock)
    wait_all_blocked()
    raising = coro.spawn(waiting.raise_exception, Slow)
    wait_all_blocked()
    assert not raising.dead
    assert lock.has_lock()
    holding = coro.spawn(lambda: None)
    holding.join()
    assert len(lock) == 1
    raising.shutdown()
    raising.join()
    waiting.raise_exception(coro.Shutdown)
    waiting.join()
    assert lock.has_lock()
    lock.unlock()
    assert holder.dead


def test_raise_all_in_one_that_is_shielded() -> None:
    condition = condition_variable()

    def wait() -> str:
        with coro.shield():
            return str(condition.wait())

    waiting = coro.spawn(wait)
    wait_all_blocked()
    assert condition.raise_all(coro.Shutdown) == 1
    assert condition.wake_one("news") is True
    waiting.join()
    assert waiting.result() == "news"


def test_a_block_that_somebody_else_leaves_interrupts_all_the_same() -> None:
    """A timeout that was due is withdrawn while its owner waits; it had been passed over."""
    lock = mutex()
    lock.lock()

    def limited():  # type: ignore[no-untyped-def]
        with coro.timeout(0.001):
            yield

    generator = limited()

    def wait() -> None:
        next(generator)
        lock.lock()

    waiting = coro.spawn(wait)
    wait_all_blocked()
    coro.spawn(lambda: None)
    due = coro.now() + 5_000_000
    while coro.now() < due:
        pass
    coro.yield_slice()
    lock.unlock()
    generator.close()
    waiting.join(60)
    assert len(lock) == 0
