"""The plugin for pytest: `coro._pytest_plugin`, in runs of pytest of its own."""

import importlib.metadata
import sys

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs pytest over a test module, with all warnings as errors; gives its result. In this process,
    unless it is to be `alone` in one as a user's would be."""

    def run_it(source, *arguments, ini="", alone=False):
        pytester.makeini(f"[pytest]\naddopts = --strict-markers --strict-config -W error\n{ini}")
        pytester.makepyfile(source)
        how = pytester.runpytest_subprocess if alone else pytester.runpytest_inprocess
        return how("-p", "no:cacheprovider", *arguments)

    monkeypatch.delenv("CORO_SHUFFLE_SEED", raising=False)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    yield run_it
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):
        vars(sys).pop(name, None)  # of a test that failed, with all that its frames hold


def passes(result, number=1):
    result.assert_outcomes(passed=number)
    assert result.ret == 0
    result.stderr.no_fnmatch_line("*")


class TestNobodyAsks:
    def test_nothing_is_done(self, run):
        passes(
            run(
                """
                import sys
                import pytest

                @pytest.fixture(scope="module")
                def wide():
                    return 1

                def test(wide):
                    from coro._scheduler import all_schedulers, main_scheduler
                    assert all_schedulers() == []
                    assert "coro.testing" not in sys.modules
            """,
                alone=True,
            )
        )

    def test_it_can_be_left_out(self, run):
        source = """
            def test(request):
                assert not request.config.pluginmanager.hasplugin("coro")
        """
        passes(run(source, "-p", "no:coro", alone=True))
        result = run("def test(coro_loop): pass", "-p", "no:coro", alone=True)
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["*fixture 'coro_loop' not found*"])

    def test_pytest_finds_it(self):
        [entry] = importlib.metadata.entry_points(group="pytest11", name="coro")
        assert entry.value == "coro._pytest_plugin"

    def test_it_says_what_it_has(self, run):
        result = run("", "--markers")
        result.stdout.fnmatch_lines(["@pytest.mark.coro(timeout=None, shuffle=None): run the test in a coroutine*"])
        result = run("", "--fixtures")
        result.stdout.fnmatch_lines(["*coro_loop*", "    A clean scheduler:*", "virtual_clock*"])


class TestMarker:
    def test_the_test_is_a_coroutine(self, run):
        passes(
            run("""
                import coro
                import pytest
                from coro.interface import scheduler

                @pytest.fixture
                def of_main():
                    assert coro.current() is scheduler().main
                    yield 1
                    assert coro.current() is scheduler().main

                @pytest.mark.coro
                @pytest.mark.parametrize("number", [1, 2])
                def test_one(of_main, number, tmp_path):
                    assert coro.current() is not scheduler().main
                    assert coro.current().name == f"test_one[{number}]"
                    assert scheduler().main.waiting == ("join", coro.current())
                    assert of_main == 1
                    coro.sleep_relative(0)

                def test_another():
                    assert coro.current() is scheduler().main
            """),
            3,
        )

    def test_methods_and_classes(self, run):
        passes(
            run("""
                import unittest
                import coro
                import pytest
                from coro.interface import scheduler

                @pytest.mark.coro
                class TestIt:
                    def test(self):
                        assert coro.current() is not scheduler().main

                class TestUnit(unittest.TestCase):
                    def setUp(self):
                        self.made = 1

                    @pytest.mark.coro
                    def test(self):
                        self.assertEqual(self.made, 1)
                        self.assertIsNot(coro.current(), scheduler().main)
            """),
            2,
        )

    def test_auto_mode(self, run):
        source = """
            import coro
            from coro.interface import scheduler

            def test():
                assert coro.current() is not scheduler().main
        """
        passes(run(source, ini="coro_mode = auto"))
        run(source, ini="coro_mode = strict").assert_outcomes(failed=1)
        result = run(source, ini="coro_mode = odd")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["*coro_mode must be strict or auto, not 'odd'*"])

    def test_asynchronous_tests_are_left_to_others(self, run):
        result = run("async def test(): pass", ini="coro_mode = auto")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*async def functions are not natively supported*"])

    def test_wrong_arguments_are_told(self, run):
        result = run("""
            import pytest

            @pytest.mark.coro(5)
            def test_one(): pass

            @pytest.mark.coro(time=5)
            def test_other(): pass
        """)
        result.assert_outcomes(failed=2)
        result.stdout.fnmatch_lines(["@pytest.mark.coro: *positional argument*", "@pytest.mark.coro: *'time'*"])

    def test_markers_add_up_and_the_nearest_counts(self, run):
        passes(
            run("""
                import pytest
                from coro.testing import shuffled

                pytestmark = pytest.mark.coro(timeout=60, shuffle=5)

                def test_one():
                    with pytest.raises(RuntimeError, match="shuffled already"), shuffled():
                        pass

                @pytest.mark.coro(shuffle=False)
                def test_another():
                    with shuffled():
                        pass
            """),
            2,
        )


class TestFailures:
    def test_an_assertion_is_told_as_ever(self, run):
        result = run("""
            import coro
            import pytest

            def helper(number):
                coro.sleep_relative(0)
                assert number == 2 + 2

            @pytest.mark.coro
            def test():
                helper(3)
        """)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                "    def test():",
                ">       helper(3)",
                "test_*.py:10: ",
                ">       assert number == 2 + 2",
                "E       assert 3 == (2 + 2)",
                "test_*.py:6: AssertionError",
            ]
        )
        for hidden in ("*_pytest_plugin*", "*ended by an exception*"):
            result.stdout.no_fnmatch_line(hidden)
        result.stderr.no_fnmatch_line("*")

    def test_outcomes(self, run):
        result = run(
            """
            import coro
            import pytest

            pytestmark = pytest.mark.coro

            def test_skip():
                coro.yield_slice()
                pytest.skip("no reason")

            def test_importorskip():
                pytest.importorskip("no_such_module")

            def test_xfail():
                pytest.xfail("known")

            @pytest.mark.xfail(raises=ZeroDivisionError)
            def test_expected():
                1 / 0

            def test_fail():
                pytest.fail("it does")

            def test_ends():
                raise SystemExit(3)

            def test_shut_down():
                coro.current().shutdown()

            def test_raises():
                with pytest.raises(ZeroDivisionError):
                    1 / 0
            """,
            "-rsxf",
        )
        result.assert_outcomes(skipped=2, xfailed=2, failed=3, passed=1)
        result.stdout.fnmatch_lines_random(
            [
                "SKIPPED * test_*.py:8: no reason",
                "FAILED *::test_fail - Failed: it does",
                "FAILED *::test_ends - SystemExit: 3",
                "FAILED *::test_shut_down - coro.errors.Shutdown*",
            ]
        )
        result.stdout.no_fnmatch_line("*ended by an exception*")
        result.stderr.no_fnmatch_line("*")

    def test_another_coroutine_ends_the_program(self, run):
        result = run("""
            import coro
            import pytest

            def leave():
                raise SystemExit(3)

            @pytest.mark.coro
            def test():
                try:
                    coro.spawn(leave)
                    coro.sleep_relative(3600)
                finally:
                    print("tidied up")
        """)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines([">           coro.sleep_relative(3600)", "*SystemExit*", "tidied up"])

    def test_ctrl_c(self, run):
        # As from a terminal: the signal comes while the test waits, and all of pytest ends.
        result = run(
            """
            import os
            import signal
            import threading
            import coro
            import pytest

            @pytest.mark.coro
            def test():
                timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
                timer.start()
                try:
                    coro.sleep_relative(3600)
                finally:
                    timer.join()
                    os.write(1, b"tidied up\\n")

            @pytest.mark.coro
            def test_never():
                raise ZeroDivisionError
        """,
            "-s",
            alone=True,
        )
        assert result.ret == pytest.ExitCode.INTERRUPTED
        result.stdout.fnmatch_lines(["*tidied up*", "*KeyboardInterrupt*", "*no tests ran*"])

    def test_a_dead_end(self, run):
        result = run("""
            import coro
            import pytest
            from coro.interface import scheduler

            def wait_for_godot():
                scheduler().wait("godot")

            @pytest.mark.coro
            def test():
                coro.spawn(wait_for_godot, thread_name="vladimir").join()
        """)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                ">       coro.spawn(wait_for_godot, thread_name=*",
                "E       coro.errors.DeadlockError:*",
                "E         <coro * 'vladimir' waiting (godot)>*",
                "E *scheduler().wait(?godot?)",
            ]
        )


class TestTimeout:
    HANGS = """
        import coro
        import pytest
        from coro.interface import scheduler

        def wait_for_godot():
            scheduler().wait("godot")

        @pytest.mark.coro(timeout=0.01)
        def test():
            with coro.timeout(3600):
                try:
                    coro.spawn(wait_for_godot, thread_name="vladimir").join()
                finally:
                    print("tidied up")
    """

    def test_all_that_hang_are_told_with_their_stacks(self, run):
        result = run(self.HANGS)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                ">       *coro.spawn(wait_for_godot, thread_name=*",
                "E *Failed: the test did not end within 0.01 seconds",
                "E *<coro * 'test' waiting (join) for coro * 'vladimir'>",
                "E *in test",
                "E *<coro * 'vladimir' waiting (godot)>",
                "E *in wait_for_godot",
                "E *scheduler().wait(?godot?)",
                "tidied up",
            ]
        )

    def test_one_that_ends_in_time(self, run):
        passes(
            run("""
                import coro
                import pytest

                @pytest.mark.coro(timeout=60)
                def test():
                    coro.sleep_relative(0.001)
            """)
        )

    def test_it_is_in_the_time_of_the_test(self, run):
        result = run("""
            import coro
            import pytest

            pytestmark = pytest.mark.usefixtures("virtual_clock")

            @pytest.mark.coro(timeout=7200)
            def test_one():
                coro.sleep_relative(3600)

            @pytest.mark.coro(timeout=1800)
            def test_other():
                coro.sleep_relative(3600)
        """)
        result.assert_outcomes(passed=1, failed=1)
        result.stdout.fnmatch_lines(["*the test did not end within 1800 seconds*"])

    def test_one_that_does_not_listen(self, run):
        result = run("""
            import coro
            import pytest

            pytestmark = pytest.mark.usefixtures("virtual_clock")

            @pytest.mark.coro(timeout=1)
            def test_once():
                try:
                    coro.sleep_relative(3600)
                except BaseException:
                    pass

            @pytest.mark.coro(timeout=1)
            def test_ever():
                for _ in range(2):
                    try:
                        coro.sleep_relative(3600)
                    except BaseException:
                        pass
        """)
        result.assert_outcomes(failed=2)
        result.stdout.fnmatch_lines_random(
            [f"FAILED *::test_{which} - Failed: the test did not*" for which in ("once", "ever")]
        )


class TestShuffle:
    SOURCE = """
        import coro
        import pytest

        @pytest.mark.coro(shuffle={seed})
        def test():
            log = []
            for number in range(8):
                coro.spawn(log.append, number)
            for _ in range(8):
                coro.sleep_relative(0)
            assert log == "an order"
    """

    @staticmethod
    def outcome(result):
        """The order in which things happened, and the seed that was told."""
        result.assert_outcomes(failed=1)
        [order] = [line for line in result.outlines if line.startswith("E       AssertionError: assert [")]
        [told] = [line for line in result.outlines if line.startswith("E       found with shuffled(seed=")]
        return order, int(told.partition("=")[2].rstrip(")"))

    def test_the_seed_is_told_and_finds_the_order_again(self, run, monkeypatch):
        order, seed = self.outcome(run(self.SOURCE.format(seed=True)))
        assert self.outcome(run(self.SOURCE.format(seed=seed))) == (order, seed)
        monkeypatch.setenv("CORO_SHUFFLE_SEED", str(seed))
        assert self.outcome(run(self.SOURCE.format(seed=True))) == (order, seed)


class TestCleanScheduler:
    def test_what_is_left_behind_is_a_failure(self, run):
        result = run("""
            import coro
            import pytest
            from coro.interface import scheduler

            log = []

            def linger():
                try:
                    coro.sleep_relative(3600)
                finally:
                    log.append("shut down")

            def test_one(coro_loop):
                assert coro_loop is scheduler()
                coro.spawn(linger, thread_name="lingerer")

            @pytest.mark.coro
            def test_other():
                assert log == ["shut down"]
                coro.spawn(linger, thread_name="straggler")
                coro.spawn(coro.sleep_relative, 0)  # this one ends by itself
        """)
        result.assert_outcomes(passed=2, errors=2)
        for name in ("lingerer", "straggler"):
            result.stdout.fnmatch_lines(
                [
                    "these coroutines were left behind, and were shut down now:",
                    f"<coro * '{name}' waiting (sleep)>",
                    "*in linger",
                ]
            )

    def test_a_failure_is_told_once(self, run):
        result = run("""
            import coro
            import pytest

            @pytest.mark.coro
            def test_one():
                coro.spawn(coro.sleep_relative, 3600)
                coro.yield_slice()
                1 / 0

            @pytest.mark.coro
            def test_other():
                assert len(coro.all_threads) == 2
        """)
        result.assert_outcomes(passed=1, failed=1)

    def test_one_that_does_not_end(self, run):
        result = run(
            """
            import coro
            import pytest

            def stay():
                while True:
                    try:
                        coro.sleep_relative(3600)
                    except coro.Shutdown:
                        pass

            def test(coro_loop):
                coro.spawn(stay)
                coro.yield_slice()
        """,
            alone=True,
        )
        result.assert_outcomes(passed=1, errors=1)
        result.stdout.fnmatch_lines(["these coroutines do not end though they were told to:", "*in stay"])

    def test_one_that_is_always_busy(self, run):
        result = run("""
            import coro
            import pytest

            def spin():
                while True:
                    coro.yield_slice()

            def test(coro_loop):
                coro.spawn(spin)
        """)
        result.assert_outcomes(passed=1, errors=1)
        result.stdout.fnmatch_lines(["these coroutines were left behind, and were shut down now:", "*in spin"])

    def test_nothing_comes_from_earlier_tests(self, run):
        passes(
            run("""
                import coro
                import pytest

                def test_one():
                    coro.spawn(coro.sleep_relative, 3600)

                def test_other(coro_loop):
                    assert list(coro.all_threads.values()) == [coro_loop.main]

                @pytest.mark.coro
                def test_third():
                    assert len(coro.all_threads) == 2
            """),
            3,
        )

    def test_wider_fixtures_keep_their_coroutines(self, run):
        passes(
            run("""
                import coro
                import pytest
                from coro.interface import scheduler

                log = []

                def serve():
                    while True:
                        scheduler().wait("requests")
                        log.append("served")

                @pytest.fixture(scope="module")
                def server():
                    co = coro.spawn(serve)
                    coro.yield_slice()
                    yield co
                    co.shutdown()
                    co.join()

                def ask(server):
                    before = len(log)
                    scheduler().wake(server)
                    coro.yield_slice()
                    assert len(log) == before + 1

                @pytest.mark.coro
                def test_one(server):
                    ask(server)

                def test_other(coro_loop, server):
                    ask(server)

                @pytest.mark.coro
                def test_third(request):
                    ask(request.getfixturevalue("server"))
            """),
            3,
        )

    def test_what_a_fixture_starts_and_ends_is_not_left(self, run):
        passes(
            run("""
                import coro
                import pytest

                @pytest.fixture
                def sleeper():
                    co = coro.spawn(coro.sleep_relative, 3600)
                    yield co
                    co.shutdown()

                @pytest.fixture(autouse=True)
                def another():
                    co = coro.spawn(coro.sleep_relative, 3600)
                    yield
                    co.shutdown()

                @pytest.mark.coro
                def test(sleeper):
                    coro.yield_slice()
                    assert sleeper.waiting
            """)
        )

    def test_daemons_stay(self, run):
        passes(
            run(
                """
                import coro

                def test(coro_loop):
                    coro.spawn(coro.sleep_relative, 3600).daemon = True
                """,
                alone=True,
            )
        )


class TestVirtualClock:
    def test_an_hour_takes_no_time(self, run):
        passes(
            run("""
                import time
                import coro
                import pytest

                @pytest.mark.coro
                def test_one(virtual_clock):
                    before = time.monotonic()
                    coro.sleep_relative(10**7)
                    assert time.monotonic() - before < 60

                def test_other(virtual_clock):
                    coro.sleep_relative(10**7)

                def test_third():
                    assert coro.now() <= time.monotonic_ns()
            """),
            3,
        )


def test_a_mark_on_one_set_of_parameters_is_not_the_others(run):
    passes(
        run(
            """
            import pytest

            @pytest.mark.parametrize("marked", [pytest.param(True, marks=pytest.mark.coro), False])
            def test(marked, request):
                assert ("coro_loop" in request.fixturenames) is marked
            """
        ),
        2,
    )
