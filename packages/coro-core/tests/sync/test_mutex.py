"""The mutex: who holds it, who gets it next, and its wrong use."""

import pytest

import coro
from coro.sync import LockError, mutex
from coro.testing import wait_all_blocked


def test_one_at_a_time_in_the_order_of_coming() -> None:
    lock = mutex()
    log: list[str] = []

    def use(name: str) -> None:
        with lock:
            log.append(f"{name} in")
            coro.yield_slice()
            log.append(f"{name} out")

    users = [coro.spawn(use, name) for name in "abc"]
    for each in users:
        each.join()
    assert log == ["a in", "a out", "b in", "b out", "c in", "c out"]
    assert not lock.locked()


def test_who_holds_it_may_lock_it_again() -> None:
    lock = mutex()
    assert lock.lock() is False
    assert lock.lock() is False
    assert lock.trylock() is False
    for _ in range(2):
        lock.unlock()
        assert lock.has_lock()
    lock.unlock()
    assert not lock.locked()


def test_lock_says_whether_it_waited_and_unlock_whether_somebody_got_it() -> None:
    lock = mutex()
    lock.lock()
    other = coro.spawn(lock.lock)
    wait_all_blocked()
    assert len(lock) == 1
    assert lock.unlock() is True
    assert lock.has_lock(other)
    assert lock.held_by == (other,)
    assert lock.trylock() is True
    other.join()
    assert other.result() is True


def test_it_is_handed_over_and_nobody_can_take_it_in_between() -> None:
    lock = mutex()
    lock.lock()
    other = coro.spawn(lock.lock)
    wait_all_blocked()
    lock.unlock()
    assert lock.trylock() is True
    assert not lock.has_lock()
    other.join()


def test_unlocking_what_is_not_locked() -> None:
    with pytest.raises(LockError, match="not locked"):
        mutex().unlock()


def test_unlocking_anothers() -> None:
    lock = mutex()
    holder = coro.spawn(lock.lock, thread_name="the holder")
    holder.join()
    with pytest.raises(LockError, match="the holder"):
        lock.unlock()
    assert lock.held_by == (holder,)


def test_an_interrupt_while_waiting_leaves_no_trace() -> None:
    lock = mutex()
    lock.lock()
    first, second = coro.spawn(lock.lock), coro.spawn(lock.lock)
    wait_all_blocked()
    first.shutdown()
    first.join()
    assert len(lock) == 1
    lock.unlock()
    assert lock.has_lock(second)
    second.join()


def test_who_is_interrupted_after_being_served_passes_it_on() -> None:
    lock = mutex()
    lock.lock()
    first, second = coro.spawn(lock.lock), coro.spawn(lock.lock)
    wait_all_blocked()
    lock.unlock()
    assert lock.has_lock(first)
    first.shutdown()
    first.join()
    second.join()
    assert lock.has_lock(second)


def test_one_that_will_be_interrupted_is_passed_over() -> None:
    lock = mutex()
    lock.lock()
    first, second = coro.spawn(lock.lock), coro.spawn(lock.lock)
    wait_all_blocked()
    first.shutdown()
    lock.unlock()
    assert lock.has_lock(second)
    first.join()
    second.join()


@pytest.mark.usefixtures("virtual")
def test_a_timeout_while_waiting_leaves_no_trace() -> None:
    lock = mutex()
    holder = coro.spawn(lock.lock)
    holder.join()
    with pytest.raises(coro.TimeoutError):
        coro.with_timeout(3600, lock.lock)
    assert len(lock) == 0
    assert lock.held_by == (holder,)


def test_what_needs_no_waiting_lets_nobody_else_run() -> None:
    lock = mutex()
    other = coro.spawn(lambda: None)
    for _ in range(1000):
        with lock:
            pass
    assert not other.started
    other.join()


def test_its_words() -> None:
    lock = mutex()
    assert repr(lock) == "<mutex unlocked, 0 waiting>"
    lock.lock()
    assert "held by <coro" in repr(lock)
    lock.unlock()
    assert lock
