"""Memory for the frames of Python functions."""

import shutil
import subprocess
import sys
import textwrap

import pytest

import coro

WITH_DEPTH = """
    import coro

    def at_depth(depth, function):
        return function() if depth == 0 else at_depth(depth - 1, function)
"""


def result_of(co):
    co.join()
    return co.result()


def test_deep_calls():
    """Through many chunks, and back."""

    def down(depth):
        return 0 if depth == 0 else 1 + down(depth - 1)

    several = [coro.spawn(down, 500) for _ in range(3)]
    assert [result_of(each) for each in several] == [500] * 3


def test_waits_at_any_depth():
    """What stands on a chunk is still there after others have run."""

    def down(depth):
        here = [depth]
        coro.yield_slice()
        below = down(depth - 1) if depth else []
        coro.yield_slice()
        return here + below

    several = [coro.spawn(down, depth) for depth in range(60)]
    for depth, each in enumerate(several):
        assert result_of(each) == list(range(depth, -1, -1))


def test_an_exception_through_all_chunks():
    def down(depth):
        if depth == 0:
            raise ValueError("deep")
        down(depth - 1)

    def catch():
        try:
            down(300)
        except ValueError as error:
            return str(error)

    assert result_of(coro.spawn(catch)) == "deep"


@pytest.mark.memory
def test_a_coroutine_that_waits_is_small(run):
    """It needs no page of its own for its frames."""
    run("""
        import coro

        def private():
            with open("/proc/self/smaps_rollup") as sums:
                return 1024 * int(next(line for line in sums if line.startswith("Private_Dirty:")).split()[1])

        def wait(length):
            coro.sleep_relative(length)

        def begin(count):
            made = [coro.spawn(wait, 1000) for _ in range(count)]
            coro.yield_slice()
            return made

        keep = begin(300)
        before = private()
        more = begin(3000)
        each = (private() - before) / 3000
        assert each < 5500, each  # a page more would be 7000
        for co in keep + more:
            co.shutdown()
        for co in keep + more:
            co.join()
    """)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_calls_across_the_end_of_a_chunk_map_no_memory(tmp_path):
    """Not at each call, whatever the depth in which it happens."""
    program, summary = tmp_path / "program.py", tmp_path / "calls"
    program.write_text(
        textwrap.dedent(
            WITH_DEPTH
            + """
    def often():
        def leaf():
            a = b = c = d = e = f = g = h = 0
        def loop():
            for _ in range(300):
                leaf()
        for depth in range(40):
            at_depth(depth, loop)

    coro.spawn(often).join()
    """
        )
    )
    strace = ["strace", "-f", "-c", "-e", "trace=mmap,munmap", "-o", str(summary)]
    subprocess.run([*strace, sys.executable, str(program)], check=True)
    counted = sum(
        int(line.split()[3]) for line in summary.read_text().splitlines() if line.split()[-1:] in (["mmap"], ["munmap"])
    )
    assert counted < 1000


@pytest.mark.memory
def test_a_thread_that_ends_gives_back_what_it_kept(run):
    run(
        WITH_DEPTH
        + """
    import gc, threading

    def in_thread():
        coro.spawn(at_depth, 200, coro.yield_slice).join()

    def begin_and_end():
        thread = threading.Thread(target=in_thread)
        thread.start()
        thread.join()

    def written():
        gc.collect()  # the schedulers of threads that have ended
        with open("/proc/self/smaps_rollup") as sums:
            return int(next(line for line in sums if line.startswith("Private_Dirty:")).split()[1])

    for _ in range(500):  # malloc's own arenas grow for a while
        begin_and_end()
    before = written()
    for _ in range(2000):
        begin_and_end()
    assert written() - before < 4000, (before, written())  # KiB; two chunks of each thread would be four times that
    """
    )
