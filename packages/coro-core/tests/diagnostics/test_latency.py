"""Warnings of coroutines that do not let others run.

The coroutines of these tests do not sleep: they spin until the watchdog has told, so a slow
machine makes them slow, and nothing else.
"""

import contextlib
import itertools
import os
import sys
import threading
import time

import pytest

import coro
from coro._diagnostics import _latency
from coro._diagnostics._latency import (
    BURST,
    LONGEST_GAP,
    REFILL,
    REMEMBERED,
    Rate,
    _Watchdog,
    set_latency_warning,
)
from coro._diagnostics._latency import NS_PER_SECOND as SECOND
from coro._scheduler import bystanders
from coro.interface import scheduler

SHORT = 0.002  # s
PATIENCE = 60  # s
HOUR = 3600 * SECOND


class Log:
    """A notifier that keeps what it is told."""

    def __init__(self):
        self.reports = []

    def __call__(self, co, seconds, where):
        self.reports.append((co.id, seconds, where))

    def of(self, co):
        """The reports of that one. On a machine that is busy there are some of others too."""
        return [(seconds, where) for who, seconds, where in self.reports if who == co.id]

    def spin_until(self, count):
        """Without letting others run, until the caller was told of so often."""
        deadline = time.monotonic() + PATIENCE
        while len(self.of(coro.current())) < count:
            assert time.monotonic() < deadline, "the watchdog has not told"


@contextlib.contextmanager
def watch(seconds, notifier=None):
    """Switch the watchdog on, and off until its thread has gone."""
    assert set_latency_warning(seconds, notifier) == 0.0
    try:
        yield _latency._watchdog
    finally:
        watchdog = _latency._watchdog
        assert set_latency_warning(None) == seconds
        until_gone(watchdog)


def until_gone(watchdog):
    deadline = time.monotonic() + PATIENCE
    while watchdog.ident[0] in sys._current_frames() or watchdog.ident[0] in bystanders:
        os.sched_yield()  # it needs the GIL
        assert time.monotonic() < deadline, "the watchdog has not ended"


@pytest.fixture
def log(no_leaks):
    kept = Log()
    with watch(SHORT, kept):
        yield kept


class TestSetting:
    def test_gives_what_was_set(self):
        assert set_latency_warning(3600) == 0.0
        assert set_latency_warning(7200.5) == 3600.0
        assert set_latency_warning(0) == 7200.5
        assert set_latency_warning(None) == 0.0

    @pytest.mark.parametrize("wrong", ["1", b"1", [1], 1j, object()])
    def test_to_what_is_no_number(self, wrong):
        with pytest.raises(TypeError, match="seconds must be a number or None"):
            set_latency_warning(wrong)

    @pytest.mark.parametrize("wrong", [-1, -0.001, float("nan"), float("inf")])
    def test_to_no_length_of_time(self, wrong):
        with pytest.raises(ValueError, match="seconds must be a finite number and not negative"):
            set_latency_warning(wrong)

    def test_a_notifier_that_cannot_be_called(self):
        with watch(3600) as watchdog:
            with pytest.raises(TypeError, match="notifier must be callable or None"):
                set_latency_warning(1, notifier=5)
            assert _latency._watchdog is watchdog

    def test_again_and_again_leaves_no_thread(self):
        for _ in range(200):
            with watch(3600) as watchdog:
                assert bystanders == set(watchdog.ident)
        assert not bystanders

    def test_again_while_it_is_on_leaves_one_thread(self):
        before = set(sys._current_frames())
        watchdogs = []
        for _ in range(50):
            set_latency_warning(3600)
            watchdogs.append(_latency._watchdog)
        set_latency_warning(None)
        for each in watchdogs:
            assert each.ended.acquire(timeout=PATIENCE)
        while set(sys._current_frames()) - before:
            pass
        assert not bystanders

    def test_from_several_threads_at_once(self):
        """The last one counts, and all others end."""
        before = set(sys._current_frames())

        def set_often():
            for _ in range(50):
                set_latency_warning(3600)

        threads = [threading.Thread(target=set_often) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        set_latency_warning(None)
        deadline = time.monotonic() + PATIENCE
        while set(sys._current_frames()) - before or bystanders:
            assert time.monotonic() < deadline

    def test_where_the_system_gives_no_thread(self, monkeypatch):
        def refuse(*_):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(_latency, "start_new_thread", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            set_latency_warning(1)
        assert set_latency_warning(None) == 0.0


class TestTelling:
    def test_of_a_coroutine_that_is_stuck(self, log):
        def compute():
            log.spin_until(1)

        co = coro.spawn(compute)
        co.join()
        seconds, where = log.of(co)[0]
        assert SHORT <= seconds < PATIENCE
        assert f"[diagnostics/test_latency.py compute|{compute.__code__.co_firstlineno + 1}]" in where

    def test_while_it_blocks_its_thread(self, log):
        """A function in C that lets go of the GIL: here one that reads from a pipe."""
        reader, writer = os.pipe()

        def block():
            return os.read(reader, 10)

        def tell(co, seconds, where):
            log(co, seconds, where)
            if where.startswith("[diagnostics/test_latency.py block|"):
                os.write(writer, b"told")

        set_latency_warning(SHORT, tell)
        co = coro.spawn(block)
        co.join()
        os.close(reader)
        os.close(writer)
        assert co.result().startswith(b"told")
        assert log.of(co)[0][1] == f"[diagnostics/test_latency.py block|{block.__code__.co_firstlineno + 1}]"

    def test_of_main_when_others_wait(self, log, parked):
        parked()
        log.spin_until(1)
        assert "test_of_main_when_others_wait" in log.of(coro.current())[0][1]

    def test_not_of_a_program_that_is_alone(self):
        """It looks often enough to see, but there is nobody whom it could hold up."""
        log = Log()
        with watch(SHORT, log) as watchdog:
            looks = []
            look = watchdog.look
            watchdog.look = lambda now: (look(now), looks.append(now))
            while not looks or looks[-1] - looks[0] < 10 * SHORT * 1e9:
                pass
            assert not log.reports

    def test_not_of_those_who_let_others_run(self, parked):
        watchdog = _Watchdog(1.0, log := Log())
        parked()
        for hour in range(10):
            watchdog.look(hour * HOUR)
            scheduler().wait(timeout=0)
        assert not log.reports
        watchdog.look(10 * HOUR)
        watchdog.look(11 * HOUR)  # it sees no hand-over this time
        assert len(log.of(coro.current())) == 1

    def test_not_of_a_thread_that_sleeps(self):
        """For hours, in a poll."""
        watchdog = _Watchdog(1.0, log := Log())
        there = []

        def program():
            coro.spawn(coro.sleep_relative, PATIENCE)
            there.extend([scheduler(), coro.current()])
            scheduler().wait(timeout=PATIENCE)

        thread = threading.Thread(target=program)
        thread.start()
        while len(there) < 2 or not there[0].asleep:
            pass
        for hour in range(10):
            watchdog.look(hour * HOUR)
        assert there[0].asleep
        assert not log.reports
        there[1].schedule()
        thread.join()
        there.clear()

    def test_of_those_in_other_threads(self, log, in_thread):
        def program():
            co = coro.spawn(log.spin_until, 1)
            co.join()
            return len(log.of(co))

        assert in_thread(program) >= 1

    def test_under_the_virtual_clock(self, log, virtual):
        """Only time that really passes counts."""
        coro.sleep_relative(3600)
        co = coro.spawn(log.spin_until, 1)
        co.join()
        assert log.of(co)[0][0] < 3600

    def test_not_when_it_is_off(self, log):
        watchdog = _latency._watchdog
        set_latency_warning(None)
        until_gone(watchdog)
        log.reports.clear()
        coro.spawn(sum, range(10**6)).join()
        assert not log.reports
        set_latency_warning(SHORT, log)

    def test_of_one_whose_name_raises(self, start):
        program = start("""
            import sys, time, coro
            from coro._diagnostics import _latency

            class Nameless(coro.coro):
                def get_name(self):
                    raise ZeroDivisionError

            def spin():
                while not _latency._watchdog.rate._due:
                    pass

            _latency.set_latency_warning(0.002)
            co = Nameless(spin)
            co.start()
            co.join()
            watchdog = _latency._watchdog
            _latency.set_latency_warning(None)
            watchdog.ended.acquire()
        """)
        status, out, err = program.end()
        assert (status, out) == (0, "")
        assert "(its name raises ZeroDivisionError)> at [" in err

    def test_on_stderr(self, start):
        program = start("""
            import coro
            from coro._diagnostics import _latency

            def encode():
                while not _latency._watchdog.rate._due:
                    pass

            _latency.set_latency_warning(0.002)
            coro.spawn(encode, thread_name="mp4 encoder").join()
            watchdog = _latency._watchdog
            _latency.set_latency_warning(None)
            watchdog.ended.acquire()
        """)
        status, out, err = program.end()
        assert (status, out) == (0, "")
        line = err.splitlines()[0]
        who, _, rest = line.partition("\t")
        assert who == "2:"
        assert time.strptime(rest[:24])
        assert rest[24:].startswith(" High Latency: (0.0")
        assert "s) for <coro 2 'mp4 encoder'> at [<string> encode|" in rest

    def test_a_notifier_that_fails(self, start):
        """It is told of, and the watch goes on."""
        program = start("""
            import coro
            from coro._diagnostics._latency import set_latency_warning

            told = []

            def notifier(*report):
                told.append(report)
                raise ZeroDivisionError("no luck")

            def spin():
                while len(told) < 3:
                    pass

            set_latency_warning(0.002, notifier)
            coro.spawn(spin).join()
        """)
        status, out, err = program.end()
        assert (status, out) == (0, "")
        assert err.count("ZeroDivisionError: no luck") >= 2
        assert "Exception ignored in <function notifier" in err


class TestSeldom:
    """Nobody is helped by a thousand lines."""

    def test_one_that_stays_stuck_is_told_at_intervals_that_double(self, log):
        co = coro.spawn(log.spin_until, 4)
        co.join()
        lengths = [seconds for seconds, _ in log.of(co)]
        gaps = [after - before for before, after in itertools.pairwise(lengths)]
        for n, gap in enumerate(gaps):  # the first is what is allowed, the next twice that
            assert gap >= SHORT * 2**n * 0.99

    def test_one_that_is_stuck_again_and_again(self, parked):
        """In the same function, every three seconds for two: a hundred times, told nine times."""
        watchdog = _Watchdog(1.0, log := Log())
        parked()
        for second in range(0, 300, 3):
            watchdog.look(second * SECOND)
            watchdog.look((second + 2) * SECOND)
            scheduler().wait(timeout=0)
        assert len(log.of(coro.current())) == 9
        assert len(log.reports) == 9

    def test_each_subject_at_intervals_that_double(self):
        rate = Rate(gap=100)
        told = [now for now in range(10_000) if rate.allows(now, "one")]
        assert told == [0, 100, 300, 700, 1500, 3100, 6300]

    def test_subjects_are_apart(self):
        rate = Rate(gap=100)
        assert rate.allows(0, "one", "here")
        assert not rate.allows(1, "one", "there")
        assert not rate.allows(1, "other", "here")
        assert rate.allows(1, "other", "there")

    def test_the_longest_gap(self):
        rate = Rate(gap=LONGEST_GAP)
        assert [now for now in range(0, 5 * LONGEST_GAP, LONGEST_GAP // 2) if rate.allows(now, "one")] == [
            hour * LONGEST_GAP for hour in range(5)
        ]

    def test_all_together(self):
        """Many subjects at once are cut off, and counted; later there is room again."""
        rate = Rate(gap=1)
        assert sum(rate.allows(5, each) for each in range(BURST + 7)) == BURST
        assert rate.take_untold() == 7
        assert rate.take_untold() == 0
        assert not rate.allows(5 + REFILL - 1, "too early")
        assert rate.allows(5 + REFILL, "one more")
        assert not rate.allows(5 + REFILL, "and no other")
        assert sum(rate.allows(5 + 100 * REFILL, (each,)) for each in range(100)) == BURST

    def test_what_was_left_out_is_counted_in_the_next_report(self, start):
        program = start("""
            import time, coro
            from coro._diagnostics import _latency

            _latency.set_latency_warning(3600)
            watchdog = _latency._watchdog
            watchdog.rate.untold = 3
            co = coro.spawn(lambda: None)
            now = time.monotonic_ns()
            watchdog.look(now)
            watchdog.look(now + 7200 * 10**9)
        """)
        status, out, err = program.end()
        assert (status, out) == (0, "")
        assert err.endswith("; 3 other reports were left out before this one\n")
        assert "High Latency: (7200.000s) for <coro 1 'main'> at [" in err

    def test_the_oldest_subjects_are_forgotten(self):
        rate = Rate(gap=10**18)
        for each in range(REMEMBERED + 10):
            rate.allows(0, each)
        assert len(rate._due) == REMEMBERED
        assert 9 not in rate._due


class TestDeadEnds:
    """The watchdog wakes nobody."""

    def test_are_told_while_it_watches(self, log):
        for _ in range(20):
            with pytest.raises(coro.DeadlockError):
                scheduler().wait()

    def test_are_told_right_after_it_is_switched(self, run):
        """While it begins and while it ends: with threads that take turns as often as they can."""
        run("""
            import sys, coro
            from coro._diagnostics._latency import set_latency_warning
            from coro.interface import scheduler

            sys.setswitchinterval(1e-6)
            for n in range(4000):
                set_latency_warning(3600 * (n % 2))
                try:
                    scheduler().wait()
                except coro.DeadlockError:
                    continue
                raise AssertionError
        """)


class TestForkAndExit:
    def test_a_child_is_watched_too(self, run):
        out = run("""
            import os, warnings, coro
            from coro._diagnostics import _latency
            from coro._diagnostics._latency import set_latency_warning
            from coro._scheduler import bystanders
            from coro.interface import scheduler

            warnings.simplefilter("ignore", DeprecationWarning)  # fork() beside a thread
            told = []
            set_latency_warning(0.002, lambda *report: told.append(report))

            def spin():
                while not told:
                    pass

            def program():
                told.clear()
                coro.spawn(spin).join()
                assert bystanders == set(_latency._watchdog.ident)
                try:
                    scheduler().wait()
                except coro.DeadlockError:
                    os.write(1, b"watched\\n")  # at once: both write to one pipe

            child = os.fork()
            program()
            if child:
                assert os.waitpid(child, 0)[1] == 0
        """)
        assert out == "watched\n" * 2

    def test_a_child_is_not_watched_if_the_parent_is_not(self, run):
        run("""
            import os, coro
            from coro._diagnostics._latency import set_latency_warning

            child = os.fork()
            if not child:
                assert set_latency_warning(None) == 0.0
                assert len(os.listdir("/proc/self/task")) == 1
            else:
                assert os.waitpid(child, 0)[1] == 0
        """)

    def test_a_program_ends_while_it_is_watched(self, start):
        program = start("""
            import coro
            from coro._diagnostics._latency import set_latency_warning
            set_latency_warning(0.001)
            coro.spawn(coro.sleep_relative, 0).join()
        """)
        assert program.end()[:2] == (0, "")

    def test_a_program_ends_in_the_middle_of_reports(self, start):
        """While the watchdog writes as much as it can."""
        for _ in range(5):
            program = start("""
                import coro
                from coro._diagnostics import _latency
                _latency.BURST = 10**9
                _latency.LONGEST_GAP = 1
                _latency.set_latency_warning(0.0001)
                def spin():
                    while len(_latency._watchdog.rate._due) < 3:
                        coro.yield_slice()
                        sum(range(100_000))
                coro.spawn(spin).join()
            """)
            status, out, err = program.end()
            assert (status, out) == (0, "")
            assert all("High Latency" in line for line in err.splitlines())

    def test_a_program_ends_though_the_notifier_hangs(self, start):
        program = start("""
            import time, coro
            from coro._diagnostics._latency import set_latency_warning

            told = []

            def hang(*report):
                told.append(report)
                time.sleep(3600)

            def spin():
                while not told:
                    pass

            set_latency_warning(0.002, hang)
            coro.spawn(spin).join()
        """)
        assert program.end() == (0, "", "")
