"""The fifo: what comes out, who gets it, limits, closing, and its wrong use."""

import gc
import subprocess
import sys
import textwrap
import weakref

import pytest

import coro
from coro.sync import FifoClosed, fifo
from coro.testing import wait_all_blocked


def poppers(things: fifo[int], count: int) -> list[coro.coro]:
    made = [coro.spawn(things.pop) for _ in range(count)]
    wait_all_blocked()
    return made


def test_first_in_first_out() -> None:
    things: fifo[int] = fifo()
    assert not things
    for each in (1, 2, 3):
        things.push(each)
    things.push_front(0)
    assert list(things) == [0, 1, 2, 3]
    assert len(things) == 4
    assert things.top() == 0
    assert things.pop() == 0
    assert things.pop_all() == [1, 2, 3]
    with pytest.raises(IndexError, match="empty"):
        things.top()


def test_who_waits_longest_gets_the_first() -> None:
    things: fifo[int] = fifo()
    some = poppers(things, 3)
    assert things.waiting == 3
    for number in range(3):
        things.push(number)
    assert len(things) == 0  # they have been handed over
    for each in some:
        each.join()
    assert [each.result() for each in some] == [0, 1, 2]


def test_pop_all_waits_for_the_first() -> None:
    things: fifo[int] = fifo()
    taking = coro.spawn(things.pop_all)
    wait_all_blocked()
    for number in range(3):
        things.push(number)
    taking.join()
    assert taking.result() == [0, 1, 2]


@pytest.mark.parametrize("another", [False, True])
def test_what_was_handed_to_one_who_is_interrupted_is_not_lost(another: bool) -> None:
    things: fifo[int] = fifo()
    (first,) = poppers(things, 1)
    things.push(1)
    things.push(2)
    second = coro.spawn(things.pop) if another else None
    first.shutdown()
    first.join()
    if second is not None:
        second.join()
        assert second.result() in (1, 2)
        things.push_front(second.result())
    assert sorted(things.pop_all()) == [1, 2]


def test_a_full_one_lets_pushers_wait_in_their_order() -> None:
    things: fifo[int] = fifo(limit=2)
    pushers = [coro.spawn(things.push, number) for number in range(5)]
    wait_all_blocked()
    assert len(things) == 2
    assert [things.pop() for _ in range(5)] == [0, 1, 2, 3, 4]
    for each in pushers:
        each.join()


def test_a_pusher_that_is_interrupted_has_pushed_nothing() -> None:
    things: fifo[int] = fifo(limit=1)
    things.push(0)
    first, second = coro.spawn(things.push, 1), coro.spawn(things.push, 2)
    wait_all_blocked()
    assert things.pop() == 0
    first.shutdown()  # it has been given the place
    first.join()
    second.join()
    assert things.pop() == 2
    things.push(3)
    assert things.pop_all() == [3]


def test_pop_all_lets_pushers_in() -> None:
    things: fifo[int] = fifo(limit=2)
    pushers = [coro.spawn(things.push, number) for number in range(4)]
    wait_all_blocked()
    assert things.pop_all() == [0, 1]
    for each in pushers:
        each.join()
    assert things.pop_all() == [2, 3]


def test_a_push_to_who_waits_needs_no_room() -> None:
    things: fifo[int] = fifo(limit=1)
    (popper,) = poppers(things, 1)
    things.push(1)
    things.push(2)
    popper.join()
    assert popper.result() == 1
    assert things.pop() == 2


def test_closing() -> None:
    things: fifo[int] = fifo()
    things.push(1)
    things.close()
    things.close()
    assert things.closed
    assert things.pop() == 1
    for use in (things.pop, things.pop_all):
        with pytest.raises(FifoClosed, match="closed"):
            use()
    for give in (things.push, things.push_front):
        with pytest.raises(FifoClosed, match="closed"):
            give(1)


def test_closing_wakes_all_who_wait() -> None:
    def refused(use: object, *args: object) -> bool:
        assert callable(use)
        with pytest.raises(FifoClosed):
            use(*args)
        return True

    empty: fifo[int] = fifo()
    full: fifo[int] = fifo(limit=1)
    full.push(0)
    some = [coro.spawn(refused, empty.pop), coro.spawn(refused, empty.pop_all), coro.spawn(refused, full.push, 1)]
    wait_all_blocked()
    empty.close()
    full.close()
    for each in some:
        each.join()
        assert each.result() is True
    assert list(full) == [0]


def test_closing_between_a_place_and_the_push() -> None:
    things: fifo[int] = fifo(limit=1)
    things.push(0)

    def push() -> str:
        with pytest.raises(FifoClosed):
            things.push(1)
        return "refused"

    pusher = coro.spawn(push)
    wait_all_blocked()
    assert things.pop() == 0
    things.close()
    pusher.join()
    assert pusher.result() == "refused"
    assert len(things) == 0


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_of_nothing(limit: int) -> None:
    with pytest.raises(ValueError, match="limit must be 1 or more"):
        fifo(limit)


def test_a_limit_that_is_no_number() -> None:
    with pytest.raises(TypeError, match="str"):
        fifo("1")  # type: ignore[arg-type]


def test_it_keeps_nothing_that_was_popped() -> None:
    class Thing:
        pass

    things: fifo[Thing] = fifo()
    taker = coro.spawn(things.pop)
    wait_all_blocked()
    things.push(Thing())
    taker.join()
    kept = weakref.ref(taker.result())
    del taker
    gc.collect()
    assert kept() is None


def test_looking_while_others_push() -> None:
    things: fifo[int] = fifo()
    things.push(1)
    for each in things:
        things.push(each + 1)
    assert list(things) == [1, 2]


def test_its_words() -> None:
    things: fifo[int] = fifo()
    assert repr(things) == "<fifo 0 in it, 0 waiting to pop, 0 to push>"
    things.close()
    assert "closed" in repr(things)


def test_a_place_that_was_promised_before_a_fork_is_free_in_the_child() -> None:
    program = """
        import os, coro
        from coro.sync import fifo
        things = fifo(1)
        things.push(1)
        coro.spawn(things.push, 2)
        coro.yield_slice()
        things.pop()
        pid = os.fork()
        if pid == 0:
            with coro.timeout(60):
                things.push(3)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert things.pop() == 2
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=90)
    assert (done.returncode, done.stderr) == (0, "")
