"""`time.sleep`."""

import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction

import pytest

import coro


class Index:
    def __index__(self) -> int:
        return 0


@pytest.mark.parametrize(
    ("length", "error"),
    [
        (-1, ValueError),
        (-0.001, ValueError),
        (float("nan"), ValueError),
        (1e300, OverflowError),
        (2**80, OverflowError),
        (float("inf"), OverflowError),
        ("1", TypeError),
        (None, TypeError),
        pytest.param(
            Fraction(1, 2),
            TypeError,
            marks=pytest.mark.skipif(sys.version_info >= (3, 15), reason="from Python 3.15 on it is a length"),
        ),
    ],
)
def test_wrong_lengths_are_refused_in_pythons_words(length: object, error: type[Exception]) -> None:
    with pytest.raises(error) as plain:
        time.sleep(length)  # type: ignore[arg-type]
    coro.install_thread_emulation()
    try:
        with pytest.raises(error) as emulated:
            time.sleep(length)  # type: ignore[arg-type]
    finally:
        coro.uninstall_thread_emulation()
    assert str(emulated.value) == str(plain.value)


@pytest.mark.parametrize("length", [0, 0.0, False, Index(), 1e-9])
def test_all_kinds_of_numbers(both: str, length: float) -> None:
    assert time.sleep(length) is None


def test_it_takes_as_long_as_it_says_and_others_run(virtual: None) -> None:
    seen = []

    def sleeper(seconds: float) -> None:
        time.sleep(seconds)
        seen.append((seconds, coro.now() - start))

    start = coro.now()
    threads = [threading.Thread(target=sleeper, args=(n,)) for n in (3600, 60, 1.5)]
    for thread in threads:
        thread.start()
    time.sleep(7200)  # in the main coroutine, too
    assert seen == [(1.5, 1_500_000_000), (60, 60_000_000_000), (3600, 3_600_000_000_000)]
    assert coro.now() - start == 7_200_000_000_000


def test_no_time_at_all_lets_others_run(emulated: None) -> None:
    order = []
    thread = threading.Thread(target=lambda: (order.append("thread"), time.sleep(0), order.append("thread again")))
    thread.start()
    order.append("main")
    time.sleep(0)
    thread.join()
    assert order[0] == "thread"
    assert set(order[1:]) == {"main", "thread again"}


def test_a_real_thread_sleeps_by_itself(run_program: Callable[[str], str]) -> None:
    assert (
        run_program(
            """
        import coro, os, time
        coro.install_thread_emulation()
        from coro.interface import scheduler
        real_start = coro.get_original("_thread", "start_new_thread")
        real_lock = coro.get_original("_thread", "allocate_lock")()
        real_lock.acquire()
        before = len(os.listdir("/proc/self/fd"))
        def sleeper():
            time.sleep(0.01)
            print(len(os.listdir("/proc/self/fd")) - before)  # no scheduler was made for it
            real_lock.release()
        real_start(sleeper, ())
        real_lock.acquire()
        """
        )
        == "0\n"
    )
