"""Who runs next: order, fairness, wake-ups, and places where nothing may wait."""

import contextlib
import contextvars
import gc
import os
import sys
import threading
from collections import deque

import greenlet
import pytest
from hypothesis import given
from hypothesis import strategies as st

import coro
from coro.interface import scheduler
from coro.testing import virtual_clock


class TestOrder:
    def test_first_ready_first_run(self):
        log = []
        made = [coro.spawn(log.append, n) for n in range(100)]
        for co in made:
            co.join()
        assert log == list(range(100))

    def test_yielding_goes_to_the_end_of_the_queue(self):
        log = []

        def worker(name):
            for n in range(3):
                log.append((n, name))
                coro.yield_slice()

        made = [coro.spawn(worker, name) for name in "abc"]
        for co in made:
            co.join()
        assert log == [(n, name) for n in range(3) for name in "abc"]

    def test_yielding_alone_returns_at_once(self):
        for _ in range(1000):
            coro.yield_slice()

    def test_woken_in_order_of_waking(self, parked):
        log = []

        def wait(n):
            scheduler().wait()
            log.append(n)

        made = [coro.spawn(wait, n) for n in range(10)]
        coro.yield_slice()
        for n in (3, 1, 4, 0, 5, 9, 2, 6, 8, 7):
            made[n].schedule()
        for co in made:
            co.join()
        assert log == [3, 1, 4, 0, 5, 9, 2, 6, 8, 7]

    def test_more_than_the_queue_has_room_for_at_first(self):
        # It grows while its beginning is in the middle of the ring.
        log = []

        def worker(n):
            log.append(n)
            coro.yield_slice()
            if n < 1000:
                coro.spawn(worker, n + 1000)
            log.append(n)

        made = [coro.spawn(worker, n) for n in range(1000)]
        for co in made:
            co.join()
        coro.yield_slice()
        coro.yield_slice()
        assert log == [*range(1000), *range(1000), *range(1000, 2000), *range(1000, 2000)]


# What each coroutine does: yield, or spawn the coroutine with that program.
programs = st.lists(st.lists(st.one_of(st.just("yield"), st.integers(0, 5)), max_size=6), min_size=1, max_size=6)


@given(programs)
def test_order_against_a_model(programs):
    """Coroutines that yield and spawn run in the order of one queue."""
    limit = 200  # coroutines; programs may spawn each other for ever

    def model():
        queue = deque((number, iter(program)) for number, program in enumerate(programs))
        made, log = len(queue), []
        while queue:
            number, rest = queue.popleft()
            log.append(number)
            for step in rest:
                if step == "yield":
                    queue.append((number, rest))
                    break
                if made < limit:
                    queue.append((made, iter(programs[step % len(programs)])))
                    made += 1
        return log

    log = []
    made = []

    def body(number, program):
        log.append(number)
        for step in program:
            if step == "yield":
                coro.yield_slice()
                log.append(number)
            elif len(made) < limit:
                begin(programs[step % len(programs)])

    def begin(program):
        made.append(coro.spawn(body, len(made), program))

    for program in programs:
        begin(program)
    for co in made:  # it grows meanwhile
        co.join()
        assert co.failure is None
    assert log == model()


steps = st.recursive(
    st.one_of(
        st.just(("yield",)),
        st.tuples(st.just("sleep"), st.integers(0, 4)),
        st.tuples(st.just("join"), st.integers(0, 7), st.one_of(st.none(), st.integers(0, 5))),
        st.tuples(st.just("schedule"), st.integers(0, 7)),
        st.tuples(st.just("raise"), st.integers(0, 7), st.booleans()),
        st.tuples(st.just("shutdown"), st.integers(0, 7)),
        st.tuples(st.just("start"), st.integers(0, 7)),
    ),
    lambda inner: st.tuples(st.just("limit"), st.integers(0, 5), st.lists(inner, max_size=4)),
    max_leaves=6,
)


class Interleaving:
    """Coroutines that do what random programs say, and books about them."""

    def __init__(self, programs):
        self.begun = [0] * len(programs)
        self.ended = [0] * len(programs)
        self.unread = {}  # coroutine number -> what the schedule() that ended its sleep sent
        self.tokens = 0
        self.made = [coro.new(self.body, number, program) for number, program in enumerate(programs)]

    def body(self, number, program):
        self.begun[number] += 1
        try:
            for step in program:
                self.step(number, step)
        finally:
            self.ended[number] += 1

    def step(self, number, step):
        what, *arguments = step
        target = self.made[arguments[0] % len(self.made)] if arguments else None
        try:
            match what:
                case "yield":
                    coro.yield_slice()
                case "sleep":
                    self.sleep(number, arguments[0])
                case "join":
                    target.join(arguments[1])
                case "schedule":
                    self.tokens += 1
                    waiting = target.waiting
                    target.schedule(self.tokens)
                    if waiting == ("sleep", None):
                        self.unread[self.made.index(target)] = self.tokens
                case "raise":
                    target.raise_exception(coro.WakeUp, force=arguments[1])
                case "shutdown":
                    target.shutdown()
                case "start":
                    target.start()
                case "limit":
                    with coro.timeout(arguments[0]):
                        for inner in arguments[1]:
                            self.step(number, inner)
        except (coro.ScheduleError, coro.TimeoutError, coro.WakeUp):
            pass

    def sleep(self, number, seconds):
        try:
            value = coro.sleep_relative(seconds)
        except BaseException:
            self.unread.pop(number, None)  # an exception takes the place of the value
            raise
        assert value == self.unread.pop(number, None)


@given(st.lists(st.lists(steps, max_size=8), min_size=2, max_size=8))
def test_random_interleavings(programs):
    with virtual_clock():
        books = Interleaving(programs)
        for co in books.made[::2]:
            if not co.started and not co.scheduled:
                co.start()
        try:
            while running := [co for co in books.made if (co.started or co.scheduled) and not co.dead]:
                running[0].join(1000)
        except (coro.TimeoutError, coro.DeadlockError):
            pass  # joins in a circle, or sleepers without end
        # Only those are left that wait for each other.
        for co in books.made:
            assert not co.scheduled
            if not co.dead and co.started:
                assert co.waiting[0] == "join"
        for co in books.made:
            co.shutdown()
        for co in books.made:
            co.join()
            assert co.failure is None or isinstance(co.failure, (coro.Shutdown, coro.WakeUp)), co.failure
            assert co.id not in coro.all_threads
        for number, co in enumerate(books.made):
            assert books.begun[number] == books.ended[number] == co.started
        assert not books.unread
        coro.yield_slice()  # cancelled ones stay in the queue until their turn
        assert scheduler().counts() == {
            "ready": 0,
            "timers": 0,
            "waiting on descriptors": 0,
            "descriptors": scheduler().counts()["descriptors"],
        }


class TestFairness:
    def test_timers_get_their_turn_while_others_yield_for_ever(self):
        stop = []

        def forever():
            while not stop:
                coro.yield_slice()

        made = [coro.spawn(forever) for _ in range(2)]
        coro.sleep_relative(0.001)
        stop.append(True)
        for co in made:
            co.join()

    def test_descriptors_get_their_turn_while_others_yield_for_ever(self, pipe):
        stop = []

        def forever():
            while not stop:
                coro.yield_slice()

        made = [coro.spawn(forever) for _ in range(2)]
        reader = coro.spawn(scheduler().wait_for_descriptor, pipe[0], 1)
        coro.yield_slice()
        os.write(pipe[1], b"x")
        reader.join()
        stop.append(True)
        for co in made:
            co.join()

    def test_one_that_yields_alone_sees_timers_and_descriptors(self, pipe):
        sleeper = coro.spawn(coro.sleep_relative, 0.001)
        reader = coro.spawn(scheduler().wait_for_descriptor, pipe[0], 1)
        coro.yield_slice()
        os.write(pipe[1], b"x")
        while not (sleeper.dead and reader.dead):
            coro.yield_slice()

    def test_yielding_does_not_wait_for_the_next_timer(self, parked):
        sleeper = coro.spawn(coro.sleep_relative, 3600)
        for _ in range(1000):
            coro.yield_slice()
        sleeper.shutdown()
        sleeper.join()


class TestWaking:
    def test_says_whether_it_did(self, parked):
        here = scheduler()
        co = parked()
        assert here.wake(co) is True
        assert here.wake(co) is False
        co.join()
        assert here.wake(co) is False
        assert here.wake(coro.current()) is False
        assert here.wake(coro.new(list)) is False

    def test_only_coroutines(self):
        with pytest.raises(TypeError):
            scheduler().wake(None)
        with pytest.raises(TypeError):
            scheduler().wake(5)

    def test_wait_says_whether_it_was_woken(self, virtual):
        here = scheduler()
        assert here.wait(timeout=1) is False
        co = coro.spawn(here.wait, "lunch", 5)
        coro.yield_slice()
        assert co.waiting == ("lunch", None)
        here.wake(co)
        co.join()
        assert co.result() is True

    @pytest.mark.parametrize(("wrong", "error"), [(-1, ValueError), (float("nan"), ValueError), ("x", TypeError)])
    def test_wrong_timeouts(self, wrong, error):
        with pytest.raises(error, match="timeout"):
            scheduler().wait(timeout=wrong)

    def test_an_interrupted_one_is_not_woken_as_well(self, parked):
        co = parked()
        co.shutdown()
        assert scheduler().wake(co) is False
        co.join()

    def test_wake_after_a_wake_that_was_lost_to_an_exception(self, quiet):
        here = scheduler()

        def body():
            with contextlib.suppress(coro.WakeUp):
                here.wait()
            return here.wait()

        co = coro.spawn(body)
        coro.yield_slice()
        assert here.wake(co)
        co.raise_exception(coro.WakeUp)
        coro.yield_slice()
        assert here.wake(co)
        co.join()
        assert co.result() is True


class TestMain:
    def test_is_a_coroutine_too(self):
        main = coro.current()
        assert main is scheduler().main
        assert main is scheduler().current
        assert main.started
        assert coro.all_threads[main.id] is main

    def test_can_be_woken_and_interrupted(self, virtual):
        main = coro.current()
        coro.spawn(lambda: main.schedule("up"))
        assert coro.sleep_relative(5) == "up"
        coro.spawn(lambda: main.raise_exception(coro.WakeUp))
        with pytest.raises(coro.WakeUp):
            coro.sleep_relative(5)
        coro.spawn(lambda: main.shutdown())
        with pytest.raises(coro.Shutdown):
            coro.sleep_relative(5)

    def test_can_be_joined_with_a_limit(self, virtual):
        main = coro.current()

        def impatient():
            with pytest.raises(coro.TimeoutError):
                main.join(1)

        co = coro.spawn(impatient)
        co.join()
        assert co.failure is None

    def test_there_is_one_scheduler_in_a_thread(self):
        with pytest.raises(RuntimeError, match="has one scheduler"):
            type(scheduler())()
        with pytest.raises(RuntimeError, match="has one scheduler"):
            scheduler().__init__()
        assert scheduler() is scheduler()


class TestWhereNothingMayWait:
    """Finalizers that run while no coroutine does, or in the middle of choosing one.

    They are told so, and nothing else suffers.
    """

    def check(self, log):
        assert [type(end) for end in log] == [RuntimeError]
        assert "nothing can wait here" in str(log[0])
        before = coro.spawn(lambda: 1)
        before.join()
        coro.yield_slice()
        log.clear()

    @pytest.mark.parametrize(
        "wait",
        [
            coro.yield_slice,
            lambda: coro.sleep_relative(0.001),
            lambda: coro.with_timeout(1, list),
            lambda: scheduler().wait(),
            lambda: scheduler().main.join(),
        ],
    )
    def test_a_cancelled_one_that_dies_when_its_turn_comes(self, finalizer, wait):
        log = []
        coro.spawn(print, finalizer(wait, log)).shutdown()
        coro.yield_slice()
        self.check(log)

    def test_a_result_that_nobody_wants(self, finalizer):
        log = []
        coro.spawn(lambda: finalizer(coro.yield_slice, log))
        coro.yield_slice()
        coro.yield_slice()
        self.check(log)

    def test_a_time_limit_that_nobody_ended(self, finalizer):
        log = []

        class Limit(coro.timeout):
            pass

        def careless():
            limit = Limit(0.0001)
            limit.last = finalizer(coro.yield_slice, log)
            limit.__enter__()

        co = coro.spawn(careless)
        co.join()
        del co
        coro.sleep_relative(0.001)
        gc.collect()
        assert len(log) == 1

    def test_work_may_be_started_there(self, finalizer):
        log, ran = [], []
        coro.spawn(print, finalizer(lambda: coro.spawn(ran.append, 1), log)).shutdown()
        coro.yield_slice()
        coro.yield_slice()
        assert ran == [1]
        log.clear()

    def test_the_queue_may_grow_there(self, finalizer):
        log, ran = [], []

        def spawn_many():
            for n in range(1000):
                coro.spawn(ran.append, n)

        coro.spawn(print, finalizer(spawn_many, log)).shutdown()
        coro.spawn(ran.append, -1)
        while len(ran) < 1001:
            coro.yield_slice()
        assert ran == list(range(-1, 1000))

    def test_in_the_scheduler_nobody_is_current(self, finalizer):
        log = []
        coro.spawn(lambda: finalizer(coro.current, log))
        coro.yield_slice()
        coro.yield_slice()
        assert "inside the scheduler" in str(log[0])
        log.clear()


class TestFinalizersAtTheEnd:
    """What a coroutine leaves behind dies while it still runs, so it may wait then."""

    @staticmethod
    def wait():
        coro.sleep_relative(1)
        coro.spawn(list)
        coro.yield_slice()
        return "waited"

    def finish(self, co, log):
        co.join()
        assert log == ["waited"]
        assert co.dead
        assert not co.scheduled
        assert co.id not in coro.all_threads
        log.clear()

    def test_arguments(self, finalizer, virtual):
        log = []
        co = coro.spawn(lambda argument: None, finalizer(self.wait, log))
        self.finish(co, log)

    def test_the_function(self, finalizer, virtual):
        log = []

        def function_with_a_cell():
            last = finalizer(self.wait, log)
            return lambda: last and None

        co = coro.spawn(function_with_a_cell())
        self.finish(co, log)

    def test_the_context(self, finalizer, virtual):
        # The last reference to a value may be the coroutine's context.
        variable = contextvars.ContextVar("variable", default=None)
        log = []

        def body():
            variable.set(finalizer(self.wait, log))

        co = coro.spawn(body)
        self.finish(co, log)

    def test_the_value_of_a_wake(self, finalizer, virtual):
        # schedule() gives a value to one that waits for something else than sleep.
        log = []
        co = coro.spawn(lambda: scheduler().wait())
        coro.yield_slice()
        co.schedule(finalizer(self.wait, log))
        self.finish(co, log)

    def test_an_exception_that_comes_too_late(self, finalizer, virtual):
        log = []

        class Late(Exception):
            pass

        def body():
            late = Late()
            late.last = finalizer(self.wait, log)
            # From another thread, as this one runs: it waits no more, so nothing is raised.
            thread = threading.Thread(target=coro.current().raise_exception, args=(late,))
            thread.start()
            del late
            thread.join()
            del thread

        co = coro.spawn(body)
        self.finish(co, log)


class TestGreenlets:
    def test_a_greenlet_inside_a_coroutine_may_wait(self, virtual):
        def inner():
            coro.sleep_relative(1)
            return coro.current()

        def outer():
            return greenlet.greenlet(inner).switch()

        co = coro.spawn(outer)
        other = coro.spawn(coro.sleep_relative, 0.5)
        co.join()
        other.join()
        assert co.result() is co

    def test_a_greenlet_inside_main_may_wait(self, virtual):
        def inner():
            coro.sleep_relative(1)
            return coro.current()

        assert greenlet.greenlet(inner).switch() is scheduler().main

    def test_deep_recursion_in_a_coroutine(self):
        def deep(n):
            if n == 0:
                coro.yield_slice()
                return 0
            return 1 + deep(n - 1)

        depth = sys.getrecursionlimit() // 2
        made = [coro.spawn(deep, depth) for _ in range(20)]
        for co in made:
            co.join()
            assert co.result() == depth

    def test_too_deep_recursion_ends_only_the_one(self, quiet):
        def deep():
            return deep()

        co = coro.spawn(deep)
        co.join()
        assert isinstance(co.failure, RecursionError)
        other = coro.spawn(lambda: 1)
        other.join()
        assert other.result() == 1
        quiet.clear()


def test_counts(virtual, pipe, parked):
    here = scheduler()
    before = here.counts()
    co = coro.spawn(here.wait_for_descriptor, pipe[0], 1, 10)
    assert here.counts()["ready"] == before["ready"] + 1
    coro.yield_slice()
    after = here.counts()
    assert {key: after[key] - before[key] for key in after} == {
        "ready": 0,
        "timers": 1,
        "waiting on descriptors": 1,
        "descriptors": 1,
    }
    co.shutdown()
    co.join()
