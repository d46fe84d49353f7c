"""All of coro.sync between OS threads, each with a scheduler of its own."""

import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable

import pytest

import coro
from coro import _pollers
from coro.errors import FifoClosed
from coro.sync import condition_variable, event, fifo, inverted_semaphore, mutex, rw_lock, semaphore
from coro.testing import wait_all_blocked

ITEMS = 1_000_000


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run `work(number)` in the main coroutines of so many OS threads, and wait for their ends."""
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if failures:
        raise failures[0]


def pass_through(things: fifo[int], threads: int, share: int) -> None:
    """Half of the threads push and half pop, `share` items each; each item comes out once."""
    sums = [0] * threads

    def work(number: int) -> None:
        if number % 2:
            for thing in range(share):
                things.push(thing)
        else:
            sums[number] = sum(things.pop() for _ in range(share))

    in_threads(threads, work)
    assert sum(sums) == (threads // 2) * sum(range(share))


@pytest.mark.parametrize("threads", [2, 4, 8])
def test_a_million_items_through_a_fifo(threads: int) -> None:
    things: fifo[int] = fifo()
    pass_through(things, threads, ITEMS // (threads // 2))
    assert len(things) == 0
    assert things.waiting == 0


@pytest.mark.parametrize("threads", [2, 8])
def test_a_million_items_through_a_full_fifo(threads: int) -> None:
    """With a limit, both sides wait for each other all the time."""
    pass_through(fifo(limit=100), threads, ITEMS // 10 // (threads // 2))


@pytest.mark.parametrize("threads", [2, 4, 8])
def test_a_million_items_through_a_semaphore(threads: int) -> None:
    sem = semaphore(0)
    share = ITEMS // (threads // 2)

    def work(number: int) -> None:
        for _ in range(share):
            if number % 2:
                sem.release()
            else:
                sem.acquire()

    in_threads(threads, work)
    assert sem.avail == 0
    assert len(sem) == 0


@pytest.mark.parametrize("threads", [2, 8])
def test_a_mutex_and_several_coroutines_in_each_thread(threads: int) -> None:
    lock = mutex()
    count = 0

    def add() -> None:
        nonlocal count
        for _ in range(200):
            with lock:
                before = count
                coro.yield_slice()
                count = before + 1

    def work(number: int) -> None:
        adding = [coro.spawn(add) for _ in range(5)]
        for each in adding:
            each.join()

    in_threads(threads, work)
    assert count == threads * 5 * 200
    assert not lock.locked()


def test_a_rw_lock_between_threads() -> None:
    lock = rw_lock()
    value = [0, 0]

    def work(number: int) -> None:
        for _ in range(300):
            if number % 2:
                with lock.writing():
                    value[0] += 1
                    coro.yield_slice()
                    value[1] += 1
            else:
                with lock.reading():
                    first = value[0]
                    coro.yield_slice()
                    assert first == value[1]

    in_threads(6, work)
    assert value == [900, 900]


def comes_through_a_semaphore() -> tuple[Callable[[], object], Callable[[], object]]:
    sem = semaphore(0)
    return sem.release, sem.acquire


def comes_through_an_inverted_semaphore() -> tuple[Callable[[], object], Callable[[], object]]:
    zero = inverted_semaphore(1)
    return zero.release, zero.block_till_zero


def comes_through_an_event() -> tuple[Callable[[], object], Callable[[], object]]:
    happened = event()
    return happened.set, happened.wait


def comes_through_a_fifo() -> tuple[Callable[[], object], Callable[[], object]]:
    things: fifo[int] = fifo()
    return lambda: things.push(1), things.pop


def leaves_a_full_fifo() -> tuple[Callable[[], object], Callable[[], object]]:
    things: fifo[int] = fifo(limit=1)
    things.push(1)
    return things.pop, lambda: things.push(2)


def closes_a_fifo() -> tuple[Callable[[], object], Callable[[], object]]:
    things: fifo[int] = fifo()

    def pop() -> None:
        with pytest.raises(FifoClosed):
            things.pop()

    return things.close, pop


def closes_a_full_fifo() -> tuple[Callable[[], object], Callable[[], object]]:
    things: fifo[int] = fifo(limit=1)
    things.push(1)

    def push() -> None:
        with pytest.raises(FifoClosed):
            things.push(2)

    return things.close, push


@pytest.mark.parametrize(
    "case",
    [
        comes_through_a_semaphore,
        comes_through_an_inverted_semaphore,
        comes_through_an_event,
        comes_through_a_fifo,
        leaves_a_full_fifo,
        closes_a_fifo,
        closes_a_full_fifo,
    ],
)
def test_what_comes_while_a_thread_gets_its_scheduler(
    case: Callable[[], tuple[Callable[[], object], Callable[[], object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread's first wait makes its scheduler, and other threads run meanwhile."""
    give, take = case()
    poller_class = _pollers.poller_class
    gave: list[object] = []

    def give_meanwhile() -> type:
        gave.append(give())
        return poller_class()

    monkeypatch.setattr(_pollers, "poller_class", give_meanwhile)
    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert len(gave) == 1


def test_a_plain_thread_wakes_coroutines_and_makes_no_scheduler() -> None:
    things: fifo[str] = fifo()
    happened, sem, zero, condition = event(), semaphore(0), inverted_semaphore(1), condition_variable()

    def wait() -> str:
        happened.wait()
        sem.acquire()
        zero.block_till_zero()
        condition.wait()
        return things.pop()

    waiting = coro.spawn(wait)
    schedulers: list[int] = []

    def give() -> None:
        happened.set()
        sem.release()
        zero.release()
        while not condition.wake_one():
            pass
        things.push("news")
        schedulers.append(sum(each.name.startswith("main of") for each in coro.all_threads.values()))

    wait_all_blocked()
    thread = threading.Thread(target=give)
    thread.start()
    waiting.join(30)
    thread.join()
    assert waiting.result() == "news"
    assert schedulers == [0]


def test_who_waits_in_a_thread_that_ends_gives_back_what_it_got() -> None:
    things: fifo[int] = fifo()

    def work(number: int) -> None:
        coro.spawn(things.pop)
        wait_all_blocked()
        things.push(7)  # handed to one that never runs again

    in_threads(1, work)
    assert things.pop() == 7


def test_after_a_fork_the_child_does_not_serve_the_parents_coroutines() -> None:
    program = """
        import os, coro
        from coro.sync import fifo, mutex
        from coro.testing import wait_all_blocked
        things, lock = fifo(), mutex()
        lock.lock()
        waiting = [coro.spawn(things.pop), coro.spawn(lock.lock)]
        wait_all_blocked()
        pid = os.fork()
        if pid == 0:
            things.push(1)
            assert len(things) == 1, things
            assert lock.unlock() is False
            assert things.pop() == 1
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        things.push(2)
        lock.unlock()
        for each in waiting:
            each.join()
        assert waiting[0].result() == 2
        print("both")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("both\n", "")
