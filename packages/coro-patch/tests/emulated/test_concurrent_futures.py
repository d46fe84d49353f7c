"""`concurrent.futures`: the standard library's own, on emulated threads."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait

import pytest


def test_a_pool_of_threads(both: str) -> None:
    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(lambda n: n * n, range(20))) == [n * n for n in range(20)]
        futures = [pool.submit(time.sleep, n / 1000) for n in range(10)]
        assert len(list(as_completed(futures))) == 10
        two = [pool.submit(time.sleep, seconds) for seconds in (0, 0.05)]
        done, left = wait(two, return_when=FIRST_COMPLETED)
        assert (len(done), len(left)) == (1, 1)
        assert pool.submit(divmod, 1, 0).exception(1) is not None


def test_its_threads_wait_together(virtual: None) -> None:
    start = time.monotonic()
    with ThreadPoolExecutor(100) as pool:
        pool.map(time.sleep, [0.01] * 100)
    assert time.monotonic() - start < 10


def test_a_result_that_does_not_come(both: str) -> None:
    free = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(free.wait)
        with pytest.raises(TimeoutError):
            future.result(0.01)
        free.set()
        assert future.result()


def test_work_that_is_left_at_exit_is_done(run_program: Callable[[str], str]) -> None:
    assert (
        run_program(
            """
        import coro, time
        coro.install_thread_emulation()
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(2)
        for n in range(4):
            pool.submit(lambda n=n: (time.sleep(0.01 * n), print(n, flush=True)))
        """
        )
        == "0\n1\n2\n3\n"
    )


def test_a_pool_of_processes(run_program: Callable[[str], str]) -> None:
    assert (
        run_program(
            """
        import coro, multiprocessing, threading, time
        coro.install_thread_emulation()
        from concurrent.futures import ProcessPoolExecutor
        ticks, done = [], threading.Event()
        def tick():
            while not done.is_set():
                ticks.append(time.sleep(0.001))
        thread = threading.Thread(target=tick)
        thread.start()
        with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
            assert list(pool.map(pow, range(50), [2] * 50)) == [n * n for n in range(50)]
            pool.submit(time.sleep, 0.2).result()
        done.set()
        thread.join()
        print(len(ticks) > 20)
        """
        )
        == "True\n"
    )
