"""`multiprocessing`: its locks, between processes and between coroutines of one."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable

import pytest

import coro

fork = multiprocessing.get_context("fork")


def test_tries_and_releases(both: str) -> None:
    lock, rlock, semaphore = fork.Lock(), fork.RLock(), fork.BoundedSemaphore(2)
    assert lock.acquire()
    assert not lock.acquire(block=False)
    assert not lock.acquire(timeout=0.001)
    lock.release()
    with pytest.raises(ValueError, match="released too many times"):
        lock.release()
    with rlock, rlock:
        assert repr(rlock) == "<RLock(MainProcess, 2)>"
    with pytest.raises(AssertionError, match="not owned by thread"):
        rlock.release()
    assert semaphore.acquire()
    assert semaphore.acquire()
    assert not semaphore.acquire(False)
    semaphore.release()
    semaphore.release()
    with pytest.raises(ValueError, match="released too many times"):
        semaphore.release()
    with pytest.raises(TypeError):
        lock.acquire(True, "1")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [fork.Lock, fork.RLock])
def test_threads_exclude_each_other(both: str, kind: Callable[[], threading.Lock]) -> None:
    lock = kind()
    inside, most = [0], [0]

    def work() -> None:
        for _ in range(3):
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.0005)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_others_run_while_another_process_has_the_lock(run_program: Callable[[str], str]) -> None:
    assert (
        run_program(
            """
        import coro, multiprocessing, os, threading, time
        coro.install_thread_emulation()
        fork = multiprocessing.get_context("fork")
        lock, held, seen = fork.Lock(), fork.Event(), fork.Event()
        def hold():
            with lock:
                held.set()
                seen.wait()
        process = fork.Process(target=hold)
        process.start()
        held.wait()
        def tick():
            for _ in range(20):
                time.sleep(0.001)
            print(taken)
            seen.set()
        taken = False
        thread = threading.Thread(target=tick)
        thread.start()
        with lock:
            taken = True
        thread.join()
        process.join()
        print(taken)
        """
        )
        == "False\nTrue\n"
    )


def test_a_wait_that_is_interrupted_leaves_no_trace(emulated: None) -> None:
    lock = fork.Lock()
    lock.acquire()
    waiters = [coro.spawn(lock.acquire) for _ in range(3)]
    while not all(waiter.waiting for waiter in waiters):
        coro.yield_slice()
    for waiter in waiters:
        waiter.shutdown()
        waiter.join()
    lock.release()
    assert lock.acquire(timeout=5)
    lock.release()


def test_conditions_and_events(both: str) -> None:
    condition, event = fork.Condition(), fork.Event()
    seen = []

    def work() -> None:
        with condition:
            condition.wait()
        event.wait()
        seen.append(True)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    while condition._sleeping_count.get_value() < 3:  # type: ignore[attr-defined]
        time.sleep(0.001)
    with condition:
        condition.notify_all()
    event.set()
    for thread in threads:
        thread.join()
    assert seen == [True] * 3


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools_queues_and_managers(run_program: Callable[[str], str], tmp_path: os.PathLike[str], method: str) -> None:
    assert (
        run_program(
            f"""
        import multiprocessing, multiprocessing.connection, sys, threading, time
        import coro
        coro.install_thread_emulation()
        context = multiprocessing.get_context({method!r})
        with context.Pool(2) as pool:
            results = []
            threads = [threading.Thread(target=lambda n=n: results.append(pool.apply(pow, (n, 2)))) for n in range(10)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            assert sorted(results) == [n * n for n in range(10)]
            assert pool.map(abs, range(100)) == list(range(100))
        queue = context.Queue()
        threading.Timer(0.01, queue.put, ["x" * 100000]).start()
        assert queue.get() == "x" * 100000
        with context.Manager() as manager:
            shared = manager.dict()
            shared["key"] = 1
            assert dict(shared) == {{"key": 1}}
        process = context.Process(target=time.sleep, args=(0.01,))
        process.start()
        process.join()
        print(process.exitcode)
        """
        )
        == "0\n"
    )
