"""Coroutine objects: making, naming, starting, ending, and every wrong use."""

import contextvars
import functools
import sys
import weakref

import pytest

import coro
import coro.testing
from coro.interface import scheduler


def nothing():
    pass


class TestMaking:
    def test_arguments_reach_the_function(self):
        co = coro.spawn(lambda *args, **kwargs: (args, kwargs), 1, 2, a=3)
        co.join()
        assert co.result() == ((1, 2), {"a": 3})

    def test_a_keyword_may_be_called_like_our_parameters(self):
        co = coro.spawn(lambda **kwargs: kwargs, fun=1, self=2)
        co.join()
        assert co.result() == {"fun": 1, "self": 2}

    def test_the_class_is_the_same_as_new(self):
        co = coro.coro(lambda x: x, 5, thread_name="five")
        assert (co.name, co.started) == ("five", False)
        co.start()
        co.join()
        assert co.result() == 5

    @pytest.mark.parametrize("make", [coro.new, coro.spawn, coro.coro])
    @pytest.mark.parametrize("wrong", [None, 5, "nothing"])
    def test_the_function_must_be_callable(self, make, wrong):
        with pytest.raises(TypeError, match="must be callable"):
            make(wrong)
        with pytest.raises(TypeError):
            make()

    def test_no_second_initialization(self):
        co = coro.new(nothing)
        with pytest.raises(RuntimeError, match="before"):
            co.__init__(nothing)

    def test_a_new_one_has_done_nothing(self):
        co = coro.new(nothing)
        assert not (co.started)
        assert not (co.scheduled)
        assert not (co.dead)
        assert co.waiting is None
        assert co.failure is None
        assert co.get_frame() is None
        assert co.id not in coro.all_threads

    def test_ids_are_never_used_again(self):
        seen = {coro.new(nothing).id for _ in range(100)}
        assert len(seen) == 100

    def test_a_subclass(self):
        class Named(coro.coro):
            def __init__(self, fun):
                super().__init__(fun)
                self.extra = 1

        co = Named(lambda: 3)
        co.start()
        co.join()
        assert (co.result(), co.extra) == (3, 1)

    def test_weak_references(self):
        co = coro.spawn(nothing)
        reference = weakref.ref(co)
        co.join()
        del co
        assert reference() is None


class TestNeverInitialized:
    """A subclass may forget to call ``__init__``: no use of the object may crash."""

    def test_start(self):
        co = coro.coro.__new__(coro.coro)
        with pytest.raises(coro.ScheduleError):
            co.start()
        with pytest.raises(coro.ScheduleError):
            coro.schedule(co)

    def test_join_and_result(self):
        co = coro.coro.__new__(coro.coro)
        with pytest.raises(coro.NotStartedError):
            co.join()
        with pytest.raises(coro.NotStartedError):
            co.result()

    def test_looks(self):
        co = coro.coro.__new__(coro.coro)
        assert "not started" in repr(co)
        assert co.scheduler is None

    def test_cancelling(self, run):
        # in a process of its own: it crashed
        run("""
            import coro
            for stop in (lambda co: co.shutdown(), lambda co: co.raise_exception(ValueError, cancel_start=True)):
                co = coro.coro.__new__(coro.coro)
                try:
                    stop(co)
                except coro.ScheduleError:
                    pass
        """)

    def test_waking(self, run):
        run("""
            import coro
            from coro.interface import scheduler
            assert not scheduler().wake(coro.coro.__new__(coro.coro))
        """)


class TestNames:
    def test_the_function_gives_the_name(self):
        assert coro.new(nothing).name == "nothing"

    def test_a_callable_without_a_name(self):
        class Callable:
            def __call__(self):
                pass

        assert coro.new(Callable()).name == "Callable"

    def test_setting_it(self):
        co = coro.new(nothing, thread_name="first")
        assert co.name == "first"
        assert co.set_name("second") is co
        assert co.get_name() == "second"
        co.name = "third"
        assert co.name == "third"

    @pytest.mark.parametrize("wrong", [b"x", 1, object()])
    def test_it_must_be_a_str(self, wrong):
        co = coro.new(nothing)
        for attempt in (lambda: co.set_name(wrong), lambda: coro.new(nothing, thread_name=wrong)):
            with pytest.raises(TypeError, match="must be a str"):
                attempt()
        with pytest.raises(TypeError, match="must be a str"):
            co.set_name(None)
        assert co.name == "nothing"

    def test_it_outlives_the_function(self):
        co = coro.spawn(nothing)
        co.join()
        assert co.name == "nothing"


class TestRepr:
    def test_in_every_state(self, parked):
        seen = []
        co = coro.new(lambda: seen.append(repr(co)), thread_name="me")
        assert repr(co) == f"<coro {co.id} 'me' not started>"
        co.start()
        assert repr(co) == f"<coro {co.id} 'me' scheduled to start>"
        co.join()
        assert seen == [f"<coro {co.id} 'me' running>"]
        assert repr(co) == f"<coro {co.id} 'me' ended>"

    def test_waiting(self, parked, pipe):
        assert repr(parked("lunch")).endswith("'parked' waiting (lunch)>")
        reader = coro.spawn(scheduler().wait_for_descriptor, pipe[0], 1)
        coro.yield_slice()
        assert repr(reader).endswith(f"waiting to read descriptor {pipe[0]}>")
        joiner = coro.spawn(reader.join)
        coro.yield_slice()
        assert repr(joiner).endswith(f"waiting (join) for coro {reader.id} {reader.name!r}>")
        reader.shutdown()
        joiner.join()

    def test_woken_but_not_running_yet(self, parked):
        co = parked()
        co.schedule()
        assert repr(co).endswith("scheduled>")
        co.join()

    def test_ended_by_an_exception(self):
        co = coro.spawn(nothing)
        co.shutdown()
        assert repr(co).endswith("ended by Shutdown>")

    def test_main(self):
        assert repr(coro.current()).endswith("'main' running>")


class TestStarting:
    def test_twice(self):
        co = coro.spawn(nothing)
        with pytest.raises(coro.ScheduleError, match="started before"):
            co.start()
        co.join()
        with pytest.raises(coro.DeadCoroutine):
            co.start()

    def test_while_it_runs_or_waits(self, parked):
        with pytest.raises(coro.ScheduleError, match="started before"):
            parked().start()
        with pytest.raises(coro.ScheduleError, match="started before"):
            coro.current().start()

    def test_it_runs_when_the_caller_waits_and_not_before(self):
        log = []
        co = coro.spawn(log.append, 1)
        assert log == []
        assert co.scheduled
        assert not co.started
        coro.yield_slice()
        assert log == [1]
        assert co.started
        assert co.dead

    def test_the_registry_has_it_from_start_to_end(self):
        co = coro.new(nothing)
        with pytest.raises(KeyError):
            coro.get_thread_by_id(co.id)
        co.start()
        assert coro.get_thread_by_id(co.id) is co
        assert coro.all_threads[co.id] is co
        co.join()
        with pytest.raises(KeyError):
            coro.get_thread_by_id(co.id)

    def test_live_coros(self):
        before = coro.get_live_coros()
        made = [coro.new(nothing) for _ in range(5)]
        assert coro.get_live_coros() == before + 5
        del made[:]
        assert coro.get_live_coros() == before


class TestScheduling:
    def test_starts_a_new_one(self):
        log = []
        co = coro.new(log.append, 1)
        coro.schedule(co)
        co.join()
        assert log == [1]

    def test_gives_sleep_its_value(self, virtual):
        co = coro.spawn(coro.sleep_relative, 5)
        coro.yield_slice()
        co.schedule("early")
        co.join()
        assert co.result() == "early"

    def test_wrong_states(self, parked):
        co = parked()
        with pytest.raises(coro.ScheduleError, match="runs"):
            coro.schedule(coro.current())
        co.schedule()
        with pytest.raises(coro.ScheduleError, match="already"):
            co.schedule()
        co.join()
        with pytest.raises(coro.DeadCoroutine):
            co.schedule()
        with pytest.raises(TypeError):
            coro.schedule(None)
        with pytest.raises(TypeError):
            coro.schedule("x")

    def test_one_that_is_scheduled_to_start(self):
        co = coro.spawn(nothing)
        with pytest.raises(coro.ScheduleError, match="already"):
            co.schedule()
        co.join()


class TestJoining:
    def test_its_end_and_after(self):
        co = coro.spawn(nothing)
        co.join()
        co.join()
        co.join(0)

    def test_by_many(self):
        log = []
        co = coro.spawn(coro.yield_slice)
        joiners = [coro.spawn(lambda n=n: (co.join(), log.append(n))) for n in range(10)]
        for joiner in joiners:
            joiner.join()
        assert log == list(range(10))

    def test_itself(self, quiet):
        co = coro.spawn(lambda: coro.current().join())
        co.join(1)
        with pytest.raises(coro.ScheduleError, match="itself"):
            co.result()
        with pytest.raises(coro.ScheduleError, match="itself"):
            coro.current().join()

    def test_not_started(self):
        with pytest.raises(coro.NotStartedError):
            coro.new(nothing).join()

    def test_a_failure_is_not_raised(self, quiet):
        co = coro.spawn(int, "x")
        co.join()
        with pytest.raises(ValueError, match="invalid literal"):
            co.result()

    def test_timeout(self, virtual, parked):
        co = parked()
        before = coro.now()
        with pytest.raises(coro.TimeoutError, match="within 5 seconds"):
            co.join(5)
        assert coro.now() - before == 5 * 10**9
        with pytest.raises(coro.TimeoutError):
            co.join(0)
        assert not co.dead

    @pytest.mark.parametrize(
        ("wrong", "error"),
        [(-1, ValueError), (float("nan"), ValueError), ("1", TypeError), (b"1", TypeError), (1j, TypeError)],
    )
    def test_wrong_timeouts(self, wrong, error, parked):
        with pytest.raises(error, match="timeout"):
            parked().join(wrong)

    @pytest.mark.parametrize("endless", [float("inf"), 1e300, 10**400, 2**63])
    def test_timeouts_beyond_time(self, endless):
        co = coro.spawn(nothing)
        co.join(endless)
        assert co.dead

    def test_an_interrupted_joiner_is_forgotten(self, parked):
        co = parked()
        joiner = coro.spawn(co.join)
        coro.yield_slice()
        joiner.shutdown()
        joiner.join()
        reference = weakref.ref(joiner)
        del joiner
        assert reference() is None

    def test_a_stray_wake_does_not_end_it(self, parked):
        co = parked()
        joiner = coro.spawn(co.join)
        coro.yield_slice()
        joiner.schedule()
        coro.yield_slice()
        assert not joiner.dead
        co.schedule()
        joiner.join()


class TestResult:
    def test_waits_for_the_end(self, parked):
        assert coro.spawn(lambda: (coro.yield_slice(), 42)[1]).result() == 42
        with pytest.raises(coro.NotStartedError):
            coro.new(nothing).result()
        with pytest.raises(coro.TimeoutError, match=r"did not end within 0\.01 seconds"):
            parked().result(0.01)
        with pytest.raises(ValueError, match="timeout"):
            coro.spawn(nothing).result(-1)

    def test_of_itself(self, quiet):
        co = coro.spawn(lambda: coro.current().result())
        co.join(1)
        assert isinstance(co.failure, coro.ScheduleError)

    def test_of_a_cancelled_one(self):
        co = coro.new(nothing)
        co.raise_exception(KeyError("k"), cancel_start=True)
        with pytest.raises(KeyError):
            co.result()
        with pytest.raises(KeyError):
            co.result()  # again

    def test_failure_is_the_exception(self, quiet):
        co = coro.spawn(int, "x")
        co.join()
        assert isinstance(co.failure, ValueError)


class TestRaising:
    def test_in_one_that_waits(self, parked, quiet):
        co = parked()
        co.raise_exception(KeyError("k"))
        co.join()
        assert co.failure.args == ("k",)

    def test_a_class_does_too(self, parked):
        co = parked()
        co.raise_exception(coro.Shutdown)
        co.join()
        assert isinstance(co.failure, coro.Shutdown)

    def test_a_class_that_cannot_be_made(self, parked, quiet):
        co = parked()
        with pytest.raises(TypeError):
            co.raise_exception(UnicodeDecodeError)
        assert co.waiting

    def test_the_woken_one_gets_it_only_by_force(self, parked):
        co = parked()
        co.schedule()
        with pytest.raises(coro.ScheduleError, match="already"):
            co.raise_exception(KeyError, force=False)
        co.raise_exception(coro.Shutdown)
        co.join()
        assert isinstance(co.failure, coro.Shutdown)

    def test_the_last_one_counts(self, parked, quiet):
        co = parked()
        co.raise_exception(KeyError)
        co.raise_exception(IndexError)
        co.join()
        assert isinstance(co.failure, IndexError)

    def test_in_one_that_yields(self):
        def forever():
            while True:
                coro.yield_slice()

        co = coro.spawn(forever)
        coro.yield_slice()
        co.shutdown()
        co.join()
        assert isinstance(co.failure, coro.Shutdown)

    @pytest.mark.parametrize("wrong", [None, "x", int, 5, object()])
    def test_no_exception(self, wrong, parked):
        with pytest.raises(TypeError, match="exception"):
            parked().raise_exception(wrong)

    def test_wrong_states(self):
        co = coro.new(nothing)
        with pytest.raises(coro.NotStartedError, match="cancel_start"):
            co.raise_exception(KeyError)
        co.start()
        with pytest.raises(coro.NotStartedError):
            co.raise_exception(KeyError)
        co.join()
        with pytest.raises(coro.DeadCoroutine):
            co.raise_exception(KeyError)
        with pytest.raises(coro.ScheduleError, match="use 'raise'"):
            coro.current().raise_exception(KeyError)

    def test_a_caught_one_lets_it_go_on(self, parked):
        log = []

        def stubborn():
            try:
                scheduler().wait()
            except coro.WakeUp:
                log.append("woken")
            scheduler().wait()
            log.append("again")

        co = coro.spawn(stubborn)
        coro.yield_slice()
        co.raise_exception(coro.WakeUp)
        coro.yield_slice()
        co.schedule()
        co.join()
        assert log == ["woken", "again"]


class TestCancelling:
    @pytest.mark.parametrize("begin", [False, True])
    def test_it_never_runs(self, begin):
        log = []
        co = coro.new(log.append, 1)
        if begin:
            co.start()
        co.shutdown()
        assert co.dead
        assert not co.started
        assert not co.scheduled
        assert co.id not in coro.all_threads
        coro.yield_slice()
        assert log == []
        with pytest.raises(coro.DeadCoroutine):
            co.start()
        co.join()
        co.shutdown()  # nothing more to do

    def test_joiners_are_told(self):
        co = coro.new(nothing)
        joiner = coro.spawn(lambda: co.join())
        co.start()
        co.shutdown()
        joiner.join()

    def test_a_joiner_that_waits_already(self):
        joiner = coro.spawn(lambda: co.join())
        stopper = coro.spawn(lambda: co.shutdown())
        co = coro.spawn(nothing)
        joiner.join()
        stopper.join()

    def test_shutdown_of_oneself(self):
        co = coro.spawn(lambda: coro.current().shutdown())
        co.join()
        assert isinstance(co.failure, coro.Shutdown)


class TestSelfishActs:
    @pytest.mark.parametrize("wrong", [0, -1, 32769, 2**40, -(2**70)])
    def test_bounds(self, wrong):
        co = coro.new(nothing)
        with pytest.raises(ValueError, match="32768"):
            co.set_max_selfish_acts(wrong)
        with pytest.raises(ValueError, match="32768"):
            coro.set_selfishness(wrong)
        assert co.set_max_selfish_acts(1) == 4

    @pytest.mark.parametrize("wrong", ["4", None, []])
    def test_types(self, wrong):
        with pytest.raises(TypeError):
            coro.new(nothing).set_max_selfish_acts(wrong)

    def test_the_old_number_comes_back(self):
        co = coro.new(nothing)
        assert co.set_max_selfish_acts(32768) == 4
        assert co.set_max_selfish_acts(1) == 32768

    def test_of_new_coroutines(self):
        assert coro.set_selfishness(9) == 4
        try:
            assert coro.new(nothing).set_max_selfish_acts(1) == 9
        finally:
            coro.set_selfishness(4)


class TestFrames:
    def test_of_the_running_one(self):
        def show():
            return coro.current().get_frame() is sys._getframe()

        co = coro.spawn(show)
        co.join()
        assert co.result() is True
        assert show()

    def test_of_a_suspended_one(self):
        def inner():
            scheduler().wait()

        co = coro.spawn(inner)
        coro.yield_slice()
        frame = co.get_frame()
        assert frame.f_code is inner.__code__
        del frame
        co.schedule()
        co.join()
        assert co.get_frame() is None

    def test_of_main_seen_from_another(self):
        main = coro.current()
        co = coro.spawn(lambda: main.get_frame().f_code)
        co.join()
        assert co.result() is sys._getframe().f_code


def without_variables(test):
    """Coroutines have no context if there is nothing in that of their maker, as in most programs;
    pytest has variables of its own."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        contextvars.Context().run(test, *args, **kwargs)

    return run


class TestContext:
    variable = contextvars.ContextVar("variable", default="unset")

    def test_copied_when_made(self):
        token = self.variable.set("before")
        try:
            co = coro.new(self.variable.get)
            self.variable.set("after")
            co.start()
            co.join()
            assert co.result() == "before"
        finally:
            self.variable.reset(token)

    @without_variables
    def test_isolated(self):
        def change(value):
            assert self.variable.get() == "unset"
            self.variable.set(value)
            coro.yield_slice()
            return self.variable.get()

        made = [coro.spawn(change, n) for n in range(10)]
        for co in made:
            co.join()
        assert [co.result() for co in made] == list(range(10))
        assert self.variable.get() == "unset"

    @without_variables
    def test_one_stack_after_another_starts_clean(self):
        # The second runs on the stack that the first has left.
        coro.spawn(self.variable.set, 1).join()
        co = coro.spawn(self.variable.get)
        co.join()
        assert co.result() == "unset"

    @pytest.mark.parametrize("place", ["result", "frame", "argument", "attribute", "value", "cancelled"])
    @without_variables
    def test_what_dies_with_one_sets_nothing_for_another(self, place):
        """It dies on a stack that other coroutines use after it, whatever it was held by."""
        variable = contextvars.ContextVar("variable", default="unset")

        class OnDeath:
            def __del__(self):
                variable.set("left behind")

        class Job(coro.coro):
            pass

        def result():
            return OnDeath()

        def frame():
            local = OnDeath()
            raise ValueError(local and "with a traceback")

        def argument():
            coro.spawn(lambda given: None, OnDeath())

        def attribute():
            coro.current().thing = OnDeath()

        def value():
            variable.set(OnDeath())

        def cancelled():
            co = coro.spawn(lambda given: None, OnDeath())
            co.shutdown()

        before = coro.set_exception_notifier(lambda: None)
        try:
            for later in (False, True):
                Job(
                    {each.__name__: each for each in (result, frame, argument, attribute, value, cancelled)}[place]
                ).start()
                if later:
                    coro.testing.wait_all_blocked()
                seen = [coro.spawn(variable.get) for _ in range(2)]
                for co in seen:
                    co.join()
                assert [co.result() for co in seen] == ["unset"] * 2
        finally:
            coro.set_exception_notifier(before)
        assert variable.get() == "unset"

    @without_variables
    def test_a_value_whose_end_sets_another_one_keeps_nobody(self):
        variable = contextvars.ContextVar("variable")
        ends = []

        class Hydra:
            def __del__(self):
                if len(ends) < 1000:
                    ends.append(None)
                    variable.set(Hydra())

        coro.spawn(lambda: variable.set(Hydra()) and None).join()
        assert 1 <= len(ends) < 1000
        ends.extend([None] * 1000)

    @without_variables
    def test_inside_a_context_of_its_own(self):
        def inside():
            self.variable.set("inner")
            coro.yield_slice()
            return self.variable.get()

        def outer():
            inner = contextvars.copy_context().run(inside)
            return inner, self.variable.get()

        made = [coro.spawn(outer) for _ in range(3)]
        for co in made:
            co.join()
            assert co.result() == ("inner", "unset")
