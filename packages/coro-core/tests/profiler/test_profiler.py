"""coro.profiler: what it counts, and to whom it gives the time. What it writes: test_profiler_reports."""

import contextlib
import cProfile
import functools
import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
import weakref
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

import coro
from coro import profiler
from coro.interface import scheduler
from coro.profiler import FunctionStats, Profile
from coro.profiler._collector import Collector


def stats(profile: Profile, name: str) -> FunctionStats:
    """The numbers of the one function of this file, or builtin one, of that name."""
    found = [
        each
        for each in profile.functions
        if each.function.name.rpartition(">.")[2] == name
        or (each.function.kind == "builtin" and name in each.function.name)
    ]
    assert len(found) == 1, (name, [each.function for each in profile.functions])
    return found[0]


def calls(profile: Profile, name: str) -> int:
    return stats(profile, name).calls


def callers(profile: Profile, name: str) -> set[str]:
    return {caller.name.rpartition(">.")[2] for caller in stats(profile, name).callers}


def busy(ms: float) -> None:
    end = time.process_time() + ms / 1000
    while time.process_time() < end:
        pass


def leaf() -> None:
    pass


def three_leaves() -> None:
    leaf()
    leaf()
    leaf()


def wait() -> None:
    scheduler().wait("a word")


@pytest.fixture
def after(no_leaks: None) -> Iterator[None]:
    """Whatever a test does, no profiler is left to the next."""
    yield
    with contextlib.suppress(RuntimeError):
        profiler.stop()
    assert sys.getprofile() is None


pytestmark = pytest.mark.usefixtures("after")

# ------------------------------------------------------------------ calls ---


def test_each_call_is_counted_with_its_caller() -> None:
    with profiler.start() as profile:
        three_leaves()
        leaf()
        [].append(1)
        len("")
    assert calls(profile, "three_leaves") == 1
    assert calls(profile, "leaf") == 4
    assert callers(profile, "leaf") == {"three_leaves", "test_each_call_is_counted_with_its_caller"}
    (edge,) = [edge for caller, edge in stats(profile, "leaf").callers.items() if caller.name == "three_leaves"]
    assert (edge.calls, edge.primitive_calls) == (3, 3)
    assert stats(profile, "three_leaves").callees[stats(profile, "leaf").function] is edge
    assert calls(profile, "<method 'append' of 'list' objects>") == 1
    assert calls(profile, "<built-in method builtins.len>") == 1


def test_the_profiler_is_not_in_its_profile() -> None:
    with profiler.start() as profile:
        pass
    assert profile.summary.calls == 0
    profiler.start()
    assert profiler.stop().summary.calls == 0


def test_the_profile_of_nothing_has_all_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with profiler.start() as profile:
        pass
    profile.print_stats()
    profile.save_html(tmp_path / "page.html")
    profile.to_pstats().print_stats()
    assert "0 calls in 1 coroutines" in capsys.readouterr().out


def test_calls_to_itself_are_counted_apart_and_their_time_once() -> None:
    def fib(n: int) -> int:
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    with profiler.start() as profile:
        assert fib(10) == 55
    fib_stats = stats(profile, "fib")
    assert (fib_stats.calls, fib_stats.primitive_calls) == (177, 1)
    assert fib_stats.wall == fib_stats.own_wall <= profile.summary.elapsed
    edge = fib_stats.callers[fib_stats.function]
    assert edge.calls == 176


def test_functions_that_call_each_other() -> None:
    def even(n: int) -> bool:
        return n == 0 or odd(n - 1)

    def odd(n: int) -> bool:
        return n != 0 and even(n - 1)

    with profiler.start() as profile:
        assert even(10)
    assert (calls(profile, "even"), calls(profile, "odd")) == (6, 5)
    assert stats(profile, "even").primitive_calls == 1
    assert stats(profile, "even").wall == stats(profile, "even").own_wall + stats(profile, "odd").own_wall


@pytest.mark.usefixtures("deep_recursion")
def test_deep_recursion_is_a_deep_stack() -> None:
    def down(n: int) -> None:
        if n:
            down(n - 1)

    with profiler.start() as profile:
        down(10_000)
    assert (calls(profile, "down"), stats(profile, "down").primitive_calls) == (10_001, 1)
    assert profile.collapsed()


def test_exceptions_leave_functions_as_returns_do() -> None:
    def fail() -> None:
        raise KeyError("x")

    def catches() -> None:
        with contextlib.suppress(KeyError):
            fail()
        with contextlib.suppress(ValueError):
            int("x")
        with contextlib.suppress(ValueError):
            [].index(1)
        leaf()

    with profiler.start() as profile:
        catches()
        leaf()
    assert calls(profile, "fail") == 1
    assert callers(profile, "leaf") == {"catches", "test_exceptions_leave_functions_as_returns_do"}
    assert callers(profile, "<method 'index' of 'list' objects>") == {"catches"}


def test_each_step_of_a_generator_is_a_call() -> None:
    def numbers() -> Generator[int]:
        leaf()
        yield 1
        leaf()
        yield 2

    with profiler.start() as profile:
        for _ in numbers():
            pass
        leaf()
        left = numbers()
        next(left)
        left.close()
    assert calls(profile, "numbers") in (4, 5)  # newer Pythons close without a step
    assert calls(profile, "leaf") == 4
    assert callers(profile, "leaf") == {"numbers", "test_each_step_of_a_generator_is_a_call"}


def test_returns_without_a_call_are_ignored() -> None:
    def begin() -> None:
        profiler.start()
        leaf()

    begin()
    leaf()
    profile = profiler.stop()
    assert calls(profile, "begin") == 0  # it was called before
    assert calls(profile, "leaf") == 2
    assert callers(profile, "leaf") == {"begin", "test_returns_without_a_call_are_ignored"}


def test_calls_that_are_open_at_the_stop_have_their_time() -> None:
    def end() -> Profile:
        busy(2)
        return profiler.stop()

    profiler.start()
    profile = end()
    assert calls(profile, "end") == 1
    assert stats(profile, "end").wall >= 1_000_000


def test_code_that_dies_is_remembered() -> None:
    with profiler.start() as profile:
        for number in range(100):
            names: dict[str, Any] = {}
            exec(f"def made_{number}(): pass", names)
            names[f"made_{number}"]()
            del names
    made = {each.function.name: each.calls for each in profile.functions if each.function.name.startswith("made_")}
    assert made == {f"made_{number}": 1 for number in range(100)}


def test_the_same_function_made_many_times_is_one() -> None:
    source = compile("def f(): pass\nf()", "somewhere.py", "exec")
    with profiler.start() as profile:
        for _ in range(10):
            exec(source.replace(co_name="<module>"))
            exec(compile("def f(): pass\nf()", "somewhere.py", "exec"))
    assert [each.calls for each in profile.functions if each.function.name == "f"] == [20]


def test_too_many_stacks_are_counted_in_their_callers() -> None:
    def deep(n: int) -> None:
        if n:
            deep(n - 1)

    def later() -> None:
        leaf()

    collector = Collector("/nowhere")
    Profile(collector).stop()
    base = len(collector.tree())  # the frames in which this test stands
    collector = Collector("/nowhere", most_paths=base + 12)
    with Profile(collector) as profile:
        deep(50)
        deep(50)
        leaf()
        later()
    assert profile.summary.full
    assert len(collector.tree()) == base + 12
    assert 10 <= calls(profile, "deep") < 50
    assert sum(each.own_wall for each in profile.functions) == pytest.approx(profile.summary.running, rel=0.01, abs=1e6)


# -------------------------------------------------------------- coroutines ---


def test_waiting_is_wall_time_and_no_cpu_time() -> None:
    def waits() -> None:
        coro.sleep_relative(0.05)

    def works() -> None:
        busy(20)

    with profiler.start() as profile:
        waits()
        works()
    waited, worked = stats(profile, "waits"), stats(profile, "works")
    assert waited.wall >= 50_000_000
    assert waited.own_wall >= 50_000_000
    assert waited.cpu < 20_000_000 <= worked.cpu + 1_000_000
    assert worked.cpu <= worked.wall
    (sleep,) = (each for each in profile.waits if each.function.name == "sleep")
    assert sleep.calls == 1
    assert [caller.name.rpartition(">.")[2] for caller in sleep.callers] == ["waits"]


def test_blocking_is_wall_time_and_no_cpu_time() -> None:
    with profiler.start() as profile:
        time.sleep(0.05)
        busy(5)
    blocked = stats(profile, "<built-in method time.sleep>")
    assert blocked.wall >= 50_000_000
    assert blocked.cpu < 10_000_000
    assert stats(profile, "busy").cpu >= 4_000_000


def test_the_cpu_time_is_that_of_the_kernel() -> None:
    with profiler.start() as profile:
        for _ in range(20):
            busy(1)
            time.sleep(0.0001)
            coro.yield_slice()
    assert profile.summary.cpu == pytest.approx(profile.summary.thread_cpu, rel=0.1, abs=1e6)
    assert profile.summary.cpu >= 19_000_000


def test_switches_in_nested_calls_do_not_mix_stacks() -> None:
    def outer(name: str) -> None:
        inner_a() if name == "a" else inner_b()
        leaf()

    def inner_a() -> None:
        coro.yield_slice()
        leaf()
        wait()

    def inner_b() -> None:
        wait()
        coro.yield_slice()
        three_leaves()

    with profiler.start() as profile:
        both = [coro.spawn(outer, name) for name in "ab" for _ in range(5)]
        while not all(co.waiting for co in both):
            coro.yield_slice()
        for co in both:
            scheduler().wake(co)
        for co in both:
            co.join()
    assert callers(profile, "leaf") == {"inner_a", "outer", "three_leaves"}
    assert callers(profile, "three_leaves") == {"inner_b"}
    assert calls(profile, "leaf") == 5 + 10 + 15
    assert callers(profile, "inner_a") == callers(profile, "inner_b") == {"outer"}
    assert callers(profile, "outer") == set()
    (word,) = (each for each in profile.waits if each.function.name == "a word")
    assert word.calls == 10


def test_each_coroutine_has_its_numbers() -> None:
    def works(ms: int) -> None:
        busy(ms)
        wait()
        coro.yield_slice()

    with profiler.start() as profile:
        small = coro.spawn(works, 5, thread_name="small")
        big = coro.spawn(works, 20, thread_name="big")
        while not (small.waiting and big.waiting):
            coro.yield_slice()
        time.sleep(0.02)  # both could go on now, and wait for their turn; it is in no one's CPU time
        scheduler().wake(small)
        scheduler().wake(big)
        time.sleep(0.02)
        small.join()
        big.join()
    found = {each.name: each for each in profile.coroutines}
    assert set(found) == {"main", "small", "big"}
    assert (found["small"].id, found["big"].id) == (small.id, big.id)
    assert 4_000_000 <= found["small"].cpu < found["big"].cpu
    for each in (found["small"], found["big"]):
        assert each.waits == 1
        assert each.switches == 3
        assert each.waiting >= 20_000_000
        assert each.ready >= 20_000_000
        assert max(each.cpu, each.longest) <= each.running
        assert each.wall == each.running + each.waiting + each.ready <= profile.summary.elapsed
    assert found["main"].wall == pytest.approx(profile.summary.elapsed, rel=0.05, abs=5e6)


def test_coroutines_of_one_name_are_a_group() -> None:
    with profiler.start() as profile:
        for name in ("x", "x", "y"):
            coro.spawn(leaf, thread_name=name).join()
    groups = {each.name: each for each in profile.groups}
    assert (groups["x"].count, groups["x"].id) == (2, None)
    assert groups["y"].count == 1
    assert groups["y"].id is not None
    assert groups["x"].switches == 2
    assert groups["main"].waits == 3


def test_a_coroutine_that_waits_from_before_to_after() -> None:
    co = coro.spawn(wait)
    while not co.waiting:
        coro.yield_slice()
    with profiler.start() as profile:
        time.sleep(0.01)
    assert stats(profile, "wait").calls == 0
    assert stats(profile, "wait").wall == pytest.approx(profile.summary.elapsed, rel=0.1, abs=1e6)
    assert stats(profile, "wait").cpu == 0
    scheduler().wake(co)
    co.join()


def test_a_coroutine_that_is_suspended_at_the_start_goes_on_from_there() -> None:
    def inner() -> None:
        wait()

    def middle() -> None:
        inner()
        leaf()

    def loop() -> None:
        while True:
            middle()
            three_leaves()

    co = coro.spawn(loop)
    while not co.waiting:
        coro.yield_slice()
    with profiler.start() as profile:
        for _ in range(3):
            scheduler().wake(co)
            coro.yield_slice()
    assert (calls(profile, "middle"), calls(profile, "leaf"), calls(profile, "three_leaves")) == (3, 3 + 9, 3)
    assert callers(profile, "leaf") == {"middle", "three_leaves"}
    assert callers(profile, "three_leaves") == {"loop"}
    assert callers(profile, "middle") == {"loop"}
    co.shutdown()
    co.join()


def test_a_stack_that_is_resumed_after_the_stop_is_not_profiled() -> None:
    def twice() -> None:
        leaf()
        wait()
        leaf()
        assert sys.getprofile() is None

    co = coro.spawn(twice)
    with profiler.start() as profile:
        while not co.waiting:
            coro.yield_slice()
    scheduler().wake(co)
    co.join()
    assert co.failure is None
    assert calls(profile, "leaf") == 1


def test_two_profiles_one_after_the_other_with_a_stack_across_both() -> None:
    def often() -> None:
        while True:
            leaf()
            wait()

    co = coro.spawn(often)
    found = []
    for _ in range(3):
        with profiler.start() as profile:
            scheduler().wake(co)
            coro.yield_slice()
        found.append((calls(profile, "leaf"), callers(profile, "leaf"), callers(profile, "wait")))
    assert found == [(1, {"often"}, {"often"})] * 3
    co.shutdown()
    co.join()


def test_an_end_while_profiled_and_an_end_by_an_exception(quiet: list[BaseException]) -> None:
    def fails() -> None:
        leaf()
        coro.yield_slice()
        raise KeyError("x")

    with profiler.start() as profile:
        coro.spawn(fails).join()
        coro.spawn(leaf).join()
    assert callers(profile, "leaf") == {"fails"}
    assert calls(profile, "leaf") == 2
    assert len(quiet) == 1


def test_a_coroutine_that_ended_is_not_kept() -> None:
    class Result:
        pass

    died: list[int] = []

    def result() -> Result:
        made = Result()
        weakref.finalize(made, died.append, 1)
        return made

    profiler.start()
    coro.spawn(result).join()
    gc.collect()
    assert died == [1]
    profiler.stop()


def test_the_stop_may_come_from_another_coroutine() -> None:
    stopped: list[Profile] = []

    def stopper() -> None:
        stopped.append(profiler.stop())

    def starter() -> None:
        profiler.start()
        leaf()
        coro.yield_slice()
        leaf()

    a = coro.spawn(starter)
    b = coro.spawn(stopper)
    a.join()
    b.join()
    assert calls(stopped[0], "leaf") == 1
    assert calls(stopped[0], "stopper") == 1
    assert {each.name for each in stopped[0].coroutines} == {
        "main",
        *(each.name for each in (a, b)),
    }


def test_ten_thousand_coroutines() -> None:
    def work() -> None:
        coro.yield_slice()
        leaf()

    with profiler.start() as profile:
        all_of_them = [coro.spawn(work, thread_name=f"w{number % 10}") for number in range(10_000)]
        for co in all_of_them:
            co.join()
    assert calls(profile, "leaf") == calls(profile, "work") == 10_000
    assert profile.summary.coroutines == 10_001
    assert sorted((each.name, each.count) for each in profile.groups) == [
        ("main", 1),
        *((f"w{number}", 1000) for number in range(10)),
    ]


def test_too_many_coroutines_are_summed() -> None:
    with Profile(Collector("/nowhere", most_records=3)) as profile:
        for _ in range(10):
            coro.spawn(leaf).join()
    assert profile.summary.coroutines == 11
    assert {each.name: each.count for each in profile.coroutines}["(later ones)"] == 7


def test_a_coroutine_that_is_cancelled_before_it_runs_is_no_ones() -> None:
    with profiler.start() as profile:
        co = coro.spawn(leaf)
        co.shutdown()
        coro.yield_slice()
    assert profile.summary.coroutines == 1


def test_time_on_the_virtual_clock_is_no_time(virtual: None) -> None:
    with profiler.start() as profile:
        coro.sleep_relative(3600)
    assert profile.summary.elapsed < 1_000_000_000 * 60
    assert {each.function.name for each in profile.waits} >= {"sleep"}


# ----------------------------------------------------------- start and stop ---


def test_there_is_one_profile_at_a_time() -> None:
    profile = profiler.start()
    with pytest.raises(RuntimeError, match="another profiler runs already"):
        profiler.start()
    with pytest.raises(RuntimeError, match="still runs: stop"):
        profile.print_stats()
    assert profiler.stop() is profile
    with pytest.raises(RuntimeError, match="no profile runs in this OS thread"):
        profiler.stop()
    with pytest.raises(RuntimeError, match="does not run in this OS thread"):
        profile.stop()


def test_the_block_may_stop_it() -> None:
    with profiler.start() as profile:
        leaf()
        profiler.stop()
        leaf()
    assert calls(profile, "leaf") == 1


def test_it_makes_way_for_no_other_profiler() -> None:
    def other(*event: object) -> None:
        pass

    sys.setprofile(other)
    try:
        with pytest.raises(RuntimeError, match="another profiler runs already"):
            profiler.start()
        assert sys.getprofile() is other
    finally:
        sys.setprofile(None)
    other_profiler = cProfile.Profile()
    other_profiler.enable()
    try:
        with pytest.raises(RuntimeError, match="another profiler runs already"):
            profiler.start()
    finally:
        other_profiler.disable()


def test_a_profiler_that_took_its_place_is_left_alone() -> None:
    def other(*event: object) -> None:
        pass

    profiler.start()
    leaf()
    sys.setprofile(other)
    profile = profiler.stop()
    assert sys.getprofile() is other
    sys.setprofile(None)
    assert calls(profile, "leaf") == 1


@pytest.mark.skipif(sys.version_info < (3, 12), reason="cProfile takes the place of others without a word")
def test_cprofile_is_told_that_it_runs() -> None:
    profiler.start()
    with pytest.raises(ValueError, match="already"):
        cProfile.Profile().enable()
    profiler.stop()
    other = cProfile.Profile()
    other.enable()
    other.disable()


def test_a_profile_is_of_one_os_thread(in_thread: Callable[[Callable[[], Any]], Any]) -> None:
    def elsewhere() -> Profile:
        with pytest.raises(RuntimeError, match="no profile runs in this OS thread"):
            profiler.stop()
        with pytest.raises(RuntimeError, match="does not run in this OS thread"):
            mine.stop()
        leaf()
        with profiler.start() as other:
            coro.spawn(three_leaves).join()
        return other

    mine = profiler.start()
    theirs = in_thread(elsewhere)
    leaf()
    profiler.stop()
    assert calls(mine, "leaf") == 1
    assert calls(theirs, "leaf") == 3
    assert theirs.summary.coroutines == 2


def test_a_coroutine_that_another_os_thread_wakes() -> None:
    here = scheduler()

    def wakes(co: coro.coro) -> None:
        while not co.waiting:
            time.sleep(0.001)
        here.wake(co)

    with profiler.start() as profile:
        thread = threading.Thread(target=wakes, args=(here.current,))
        thread.start()
        wait()
        thread.join()
    assert calls(profile, "wait") == 1
    assert profile.coroutines[0].waits >= 1


def test_an_os_thread_that_ends_profiled_leaves_nothing(in_thread: Callable[[Callable[[], Any]], Any]) -> None:
    def begin() -> None:
        profiler.start()
        coro.spawn(leaf).join()

    in_thread(begin)
    coro.yield_slice()  # an observer that is told of this thread finds that its own has ended
    coro.spawn(leaf).join()
    with profiler.start() as profile:
        leaf()
    assert calls(profile, "leaf") == 1


def test_a_forked_child_has_no_profile() -> None:
    """In a program of its own: here, pytest has an OS thread for its time limit, of which fork warns."""
    program = """
        import os, sys
        from coro import profiler

        def leaf(): pass

        def calls(profile):
            return [each.calls for each in profile.functions if each.function.name.endswith("leaf")]

        with profiler.start() as profile:
            leaf()
            if not (pid := os.fork()):
                assert sys.getprofile() is None
                leaf()
                profile.__exit__(None, None, None)
                try:
                    profile.print_stats()
                except RuntimeError as error:
                    print(error, flush=True)
                with profiler.start() as own:
                    leaf(), leaf(), leaf()
                print("child", calls(own), flush=True)
                os._exit(0)
            leaf()
        assert os.waitpid(pid, 0)[1] == 0
        print("parent", calls(profile))
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    refused, *counted = done.stdout.splitlines()
    assert "left behind in the parent" in refused
    assert counted == ["child [3]", "parent [2]"]


def test_garbage_is_collected_while_profiled() -> None:
    class Cycle:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            leaf()

    with profiler.start() as profile:
        for _ in range(10):
            Cycle()
        gc.collect()
    assert calls(profile, "leaf") == 10
    assert calls(profile, "Cycle.__del__") == 10


def test_starting_and_stopping_leaves_nothing() -> None:
    def cycle() -> None:
        with profiler.start() as profile:
            coro.spawn(three_leaves).join()
            [].append(len(""))
        assert calls(profile, "leaf") == 3

    def allocated() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    code = leaf.__code__
    for _ in range(20):
        cycle()
    references = sys.getrefcount(code)
    tracemalloc.start()
    try:
        cycle()
        before = allocated()
        for _ in range(200):
            cycle()
        grown = allocated() - before
    finally:
        tracemalloc.stop()
    assert grown < 20_000
    assert sys.getrefcount(code) == references


def test_nothing_watches_when_it_is_off() -> None:
    with profiler.start():
        pass
    assert not [each for each in gc.get_objects() if isinstance(each, Collector) and each.runs]


# ----------------------------------------------------------------------- go ---


def test_go_returns_and_writes(tmp_path: Path) -> None:
    def add(a: int, b: int = 0) -> int:
        leaf()
        return a + b

    for name, beginning in (("p.html", b"<!DOCTYPE html>"), ("p.txt", b""), ("p.pstats", b"")):
        assert profiler.go(add, 1, b=2, profile_filename=str(tmp_path / name)) == 3
        assert (tmp_path / name).read_bytes().startswith(beginning)


def test_go_writes_also_when_it_raises(tmp_path: Path) -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        profiler.go(fail, profile_filename=str(tmp_path / "p.html"))
    assert "fail" in (tmp_path / "p.html").read_text()
    assert sys.getprofile() is None


def test_go_writes_to_a_name_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    profiler.go(leaf)
    assert os.listdir() == ["coro_profile.html"]


# ---------------------------------------------------------- other people's ---


def test_cprofile_of_a_program_with_coroutines() -> None:
    """Its calls are right. It knows nothing of switches: the functions of another coroutine
    that run while one waits are taken for callees of that."""

    def program() -> None:
        both = [coro.spawn(three_leaves) for _ in range(10)]
        for co in both:
            co.join()
        waiting = [coro.spawn(worker) for _ in range(10)]
        for co in waiting:
            co.join()

    def worker() -> None:
        coro.yield_slice()
        leaf()

    profile = cProfile.Profile()
    began = time.perf_counter()
    profile.runcall(program)
    elapsed = time.perf_counter() - began
    counted = {entry.code.co_name: entry for entry in profile.getstats() if not isinstance(entry.code, str)}
    assert counted["leaf"].callcount == 40
    assert counted["three_leaves"].callcount == counted["worker"].callcount == 10
    assert all(-0.001 <= entry.inlinetime <= elapsed for entry in counted.values())


def test_lines_are_traced_in_all_coroutines() -> None:
    lines = []

    def trace(frame: Any, event: str, arg: object) -> Any:
        if frame.f_code in (traced.__code__, after_waiting.__code__):
            lines.append((frame.f_code.co_name, event))
            return trace
        return None

    def after_waiting() -> None:
        coro.yield_slice()
        leaf()

    def traced() -> None:
        after_waiting()

    before = sys.gettrace()  # coverage's, perhaps
    sys.settrace(trace)
    try:
        workers = [coro.spawn(traced) for _ in range(3)]
        for co in workers:
            co.join()
    finally:
        sys.settrace(before)
    assert lines.count(("traced", "call")) == lines.count(("traced", "return")) == 3
    assert lines.count(("after_waiting", "line")) == 6


def test_a_partial_and_a_method_have_their_names() -> None:
    class Thing:
        def method(self) -> None:
            leaf()

    with profiler.start() as profile:
        functools.partial(Thing().method)()
    assert callers(profile, "leaf") == {"Thing.method"}
