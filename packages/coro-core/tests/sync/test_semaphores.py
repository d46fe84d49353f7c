"""Semaphores: how many there are, who gets them, and their wrong use."""

import pytest

import coro
from coro.sync import LockError, inverted_semaphore, semaphore
from coro.testing import wait_all_blocked


def test_there_are_so_many() -> None:
    sem = semaphore(3)
    assert sem.acquire() is False
    assert sem.acquire(2) is False
    assert sem.avail == int(sem) == 0
    sem.release(3)
    with sem:
        assert sem.avail == 2
    assert sem.avail == 3


def test_who_waits_longest_is_served_first_even_if_later_ones_want_fewer() -> None:
    sem = semaphore(1)
    large, small = coro.spawn(sem.acquire, 3), coro.spawn(sem.acquire, 1)
    wait_all_blocked()
    assert len(sem) == 2
    sem.release(1)
    wait_all_blocked()
    assert not small.dead
    assert sem.avail == 2
    sem.release(2)
    large.join()
    small.join()
    assert large.result() is True
    assert sem.avail == 0


def test_nobody_takes_what_was_given_to_another() -> None:
    sem = semaphore(0)
    first = coro.spawn(sem.acquire)
    wait_all_blocked()
    sem.release()
    assert sem.avail == 0
    second = coro.spawn(sem.acquire)
    first.join()
    wait_all_blocked()
    assert not second.dead
    sem.release()
    second.join()


@pytest.mark.parametrize("served", [False, True])
def test_an_interrupt_leaves_no_trace(served: bool) -> None:
    sem = semaphore(0)
    first, second = coro.spawn(sem.acquire, 2), coro.spawn(sem.acquire, 1)
    wait_all_blocked()
    sem.release(2 if served else 1)
    first.shutdown()
    first.join()
    second.join()
    assert second.result() is True
    assert sem.avail == (1 if served else 0)


def test_releasing_too_much() -> None:
    sem = semaphore(1, limit=2)
    with pytest.raises(LockError, match="2 more would be too many: 1 of 2"):
        sem.release(2)
    sem.release()
    with pytest.raises(LockError, match="too many"):
        sem.release()
    assert sem.avail == 2
    without_limit = semaphore(0)
    without_limit.release(2**62)
    with pytest.raises(LockError, match="too many"):
        without_limit.release(2**62)


def test_acquiring_more_than_there_can_be() -> None:
    with pytest.raises(ValueError, match="limit of 2, but is 3"):
        semaphore(1, limit=2).acquire(3)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda: semaphore(-1), ValueError, "value must not be negative, but is -1"),
        (lambda: semaphore(3, 2), ValueError, "value must not be more than limit"),
        (lambda: semaphore("1"), TypeError, "str"),
        (lambda: semaphore(), TypeError, "positional"),
        (lambda: semaphore(1).acquire(-1), ValueError, "value must not be negative"),
        (lambda: semaphore(1).release(-1), ValueError, "value must not be negative"),
        (lambda: inverted_semaphore(-1), ValueError, "value must not be negative"),
        (lambda: inverted_semaphore(1).acquire(-1), ValueError, "value must not be negative"),
        (lambda: inverted_semaphore(1).release(-1), ValueError, "value must not be negative"),
        (lambda: inverted_semaphore(1).release(2), LockError, "the count is 1: 2 cannot be taken away"),
        (lambda: inverted_semaphore(2**63 - 1).acquire(1), OverflowError, "too many"),
    ],
)
def test_wrong_numbers(wrong: object, error: type[Exception], words: str) -> None:
    assert callable(wrong)
    with pytest.raises(error, match=words):
        wrong()


def test_block_till_zero() -> None:
    sem = inverted_semaphore()
    sem.block_till_zero()
    sem.acquire(2)
    waiting = [coro.spawn(sem.block_till_zero) for _ in range(3)]
    wait_all_blocked()
    sem.release()
    wait_all_blocked()
    assert len(sem) == 3
    sem.release()
    sem.acquire()  # it was zero: who waited goes on
    for each in waiting:
        each.join()
    assert sem.value == int(sem) == 1


def test_work_in_a_block_is_counted() -> None:
    sem = inverted_semaphore()
    with sem:
        assert sem.value == 1
    assert sem.value == 0


def test_an_interrupt_while_blocked_till_zero() -> None:
    sem = inverted_semaphore(1)
    waiting = coro.spawn(sem.block_till_zero)
    wait_all_blocked()
    waiting.shutdown()
    waiting.join()
    assert len(sem) == 0
    sem.release()


def test_their_words() -> None:
    assert repr(semaphore(2)) == "<semaphore 2 available, 0 waiting>"
    assert repr(inverted_semaphore(2)) == "<inverted_semaphore at 2, 0 waiting>"
    assert semaphore(0)
    assert inverted_semaphore()
