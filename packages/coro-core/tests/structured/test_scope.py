"""Scopes and shields: `coro._structured._scope`, and `shield` of `coro._timeouts`."""

import threading
import weakref
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import coro
from coro._structured._scope import scope
from coro._timeouts import shield
from coro.interface import scheduler
from coro.testing import virtual_clock
from waiting import spawn_waiting

SECOND = 10**9


class Failed(Exception):
    pass


class Drastic(BaseException):
    pass


def fail_after(seconds, error=Failed):
    coro.sleep_relative(seconds)
    raise error


def stubborn(seconds, ends, times=1):
    """Survives being shut down `times` times, and ends `seconds` later."""
    for _ in range(times):
        try:
            coro.sleep_relative(1000)
        except coro.Shutdown:
            ends.append("told")
    coro.sleep_relative(seconds)
    ends.append("ended")


def compute_beyond(moment):
    """Without a wait, until the clock has gone past `moment()`, and ticked many times."""
    while coro.now() < moment() + SECOND // 50:
        pass


def run(fun, *args):
    """In a coroutine of its own, to its end."""
    co = coro.spawn(fun, *args)
    co.join()
    return co


class TestTheEnd:
    def test_waits_for_all(self, virtual):
        ends = []
        with scope() as group:
            for n in (3, 1, 2):
                group.spawn(lambda n=n: (coro.sleep_relative(n), ends.append(n)))
            assert len(group.coroutines) == 3
        assert ends == [1, 2, 3]
        assert group.coroutines == []

    def test_of_an_empty_scope_does_not_wait(self):
        before = coro.current().switches
        with scope():
            pass
        assert coro.current().switches == before

    def test_results_and_names(self, virtual):
        with scope() as group:
            made = group.spawn(divmod, 17, 5)
            named = group.spawn(lambda **kw: kw, thread_name="worker", a=1)
        assert made.result() == (3, 2)
        assert (named.name, named.result()) == ("worker", {"a": 1})

    def test_siblings_may_be_started_by_siblings(self, virtual):
        depth = []

        def grow(n):
            depth.append(n)
            coro.sleep_relative(1)
            if n:
                group.spawn(grow, n - 1)
                group.spawn(grow, n - 1)

        with scope() as group:
            group.spawn(grow, 4)
        assert len(depth) == 31

    def test_coroutines_have_wholly_ended(self, finalizer):
        """Also what their arguments do when they die."""
        log = []
        with scope() as group:
            co = group.spawn(lambda thing: None, finalizer(lambda: coro.sleep_relative(0), log))
        assert co.dead
        assert log == [None]

    def test_nested(self, virtual):
        order = []
        with scope() as outer:
            outer.spawn(lambda: (coro.sleep_relative(5), order.append("outer")))
            with scope() as inner:
                inner.spawn(lambda: (coro.sleep_relative(2), order.append("inner")))
            order.append("between")
        assert order == ["inner", "between", "outer"]

    def test_a_report_tells_what_it_waits_for(self, parked):
        def body():
            with scope() as group:
                scopes.append(group)
                group.spawn(scheduler().wait)

        scopes = []
        co = spawn_waiting(body)
        assert co.waiting == ("scope", scopes[0])
        assert repr(scopes.pop()) == "<scope: 1 coroutines>"
        co.shutdown()
        co.join()

    def test_thousands_leave_nothing_in_a_scope_that_goes_on(self):
        with scope() as group:
            for _ in range(3000):
                group.spawn(list)
                coro.yield_slice()
                assert len(group.coroutines) <= 1

    def test_a_dead_end_is_told_and_ends_all(self, virtual):
        with pytest.raises(ExceptionGroup) as info, scope() as group:
            co = group.spawn(scheduler().wait)
        assert isinstance(info.value.exceptions[0], coro.DeadlockError)
        assert co.dead

    def test_in_a_generator_that_is_closed(self, virtual):
        def generator():
            with scope() as group:
                made.append(group.spawn(coro.sleep_relative, 9))
                yield

        made = []
        each = generator()
        next(each)
        each.close()
        assert made.pop().dead

    @pytest.mark.parametrize("inside", [False, True])
    def test_with_the_os_thread(self, in_thread, capsys, inside):
        def scenario():
            def body():
                with scope() as group:
                    group.spawn(scheduler().wait)
                    group.spawn(scheduler().wait)
                    if inside:
                        scheduler().wait()

            co = coro.spawn(body)
            for _ in range(3):
                coro.yield_slice()
            return co

        assert isinstance(in_thread(scenario).failure, coro.DeadCoroutine)
        assert capsys.readouterr().err == ""


class TestWrongUse:
    def test_spawning_before_it_has_begun(self):
        with pytest.raises(RuntimeError, match="has not begun: use it in a with statement"):
            scope().spawn(list)

    def test_spawning_when_it_has_ended(self):
        with scope() as group:
            pass
        with pytest.raises(RuntimeError, match=r"has ended.*use coro\.spawn"):
            group.spawn(list)

    def test_a_second_block(self):
        group = scope()
        with group, pytest.raises(RuntimeError, match="one block"):
            group.__enter__()
        with pytest.raises(RuntimeError, match="one block"):
            group.__enter__()

    def test_what_cannot_be_called(self):
        with pytest.raises(ExceptionGroup) as info, scope() as group:
            group.spawn(None)
        assert isinstance(info.value.exceptions[0], TypeError)

    @pytest.mark.parametrize(
        ("wrong", "error"), [(-1, ValueError), (float("nan"), ValueError), ("1", TypeError), ([], TypeError)]
    )
    def test_wrong_timeouts(self, wrong, error):
        with pytest.raises(error, match="timeout"):
            scope(timeout=wrong)

    def test_a_scope_whose_os_thread_has_ended(self, in_thread):
        def scenario():
            group = scope()
            group.__enter__()
            return group

        group = in_thread(scenario)
        with pytest.raises(coro.DeadCoroutine):
            group.spawn(list)
        assert group.coroutines == []


class TestFailures:
    def test_of_one_ends_the_others_and_the_body(self, virtual, capsys):
        with pytest.raises(ExceptionGroup) as info, scope() as group:
            group.spawn(fail_after, 2)
            other = group.spawn(coro.sleep_relative, 1000)
            coro.sleep_relative(1000)
        assert [type(each) for each in info.value.exceptions] == [Failed]
        assert isinstance(other.failure, coro.Shutdown)
        assert info.value.exceptions[0].__traceback__ is not None
        assert capsys.readouterr().err == ""  # it was raised, so it is not told too

    def test_of_one_while_the_body_has_ended(self, virtual):
        before = coro.now()
        with pytest.raises(ExceptionGroup), scope() as group:
            group.spawn(fail_after, 2)
            group.spawn(coro.sleep_relative, 1000)
        assert coro.now() - before == 2 * SECOND

    def test_of_the_body(self, virtual):
        with pytest.raises(ExceptionGroup) as info, scope() as group:
            other = group.spawn(coro.sleep_relative, 1000)
            coro.yield_slice()
            raise Failed
        assert [type(each) for each in info.value.exceptions] == [Failed]
        assert isinstance(other.failure, coro.Shutdown)

    def test_those_that_did_not_begin_never_do(self):
        ran = []
        with pytest.raises(ExceptionGroup), scope() as group:
            group.spawn(ran.append, 1)
            raise Failed
        assert ran == []

    def test_of_several_come_out_together(self, virtual):
        def fail_when_told(error):
            try:
                coro.sleep_relative(1000)
            finally:
                raise error

        with pytest.raises(ExceptionGroup) as info, scope() as group:
            group.spawn(fail_when_told, KeyError)
            group.spawn(fail_when_told, IndexError)
            group.spawn(fail_after, 1)
            with pytest.raises(coro.Interrupted, match="has failed"):
                coro.sleep_relative(1000)
            raise OSError
        kinds = [type(each) for each in info.value.exceptions]
        assert kinds[0] is OSError  # the body's
        assert kinds[1] is Failed
        assert set(kinds[2:]) == {KeyError, IndexError}

    def test_that_are_no_exceptions(self, virtual):
        with pytest.raises(BaseExceptionGroup) as info, scope() as group:
            group.spawn(fail_after, 1, Drastic)
        assert not isinstance(info.value, ExceptionGroup)
        assert [type(each) for each in info.value.exceptions] == [Drastic]

    def test_a_wait_that_was_served_is_not_interrupted(self, virtual):
        """The interrupt of the body strikes at the next wait, and at most once."""
        log = []
        with pytest.raises(ExceptionGroup), scope() as group:
            me = coro.current()

            def wake_and_fail():
                scheduler().wake(me)
                raise Failed

            group.spawn(wake_and_fail)
            log.append(scheduler().wait())
            with pytest.raises(coro.Interrupted):
                coro.yield_slice()
            coro.sleep_relative(1)
            log.append("slept")
        assert log == [True, "slept"]

    def test_nested_scopes_nest_groups(self, virtual):
        with pytest.raises(ExceptionGroup) as info, scope() as outer:
            outer.spawn(coro.sleep_relative, 1000)
            with scope() as inner:
                inner.spawn(fail_after, 1)
        assert isinstance(info.value.exceptions[0], ExceptionGroup)
        assert isinstance(info.value.exceptions[0].exceptions[0], Failed)

    @pytest.mark.parametrize("kind", [coro.Shutdown, coro.Interrupted])
    def test_ending_by_an_order_is_none(self, virtual, kind):
        with scope() as group:
            co = group.spawn(fail_after, 1, kind)
            group.spawn(coro.sleep_relative, 3)
        assert isinstance(co.failure, kind)

    def test_no_reference_stays(self, virtual, no_collector):
        class Thing:
            pass

        def fail(thing):
            raise Failed

        thing = Thing()
        reference = weakref.ref(thing)
        try:
            with scope(timeout=50) as group:
                group.spawn(fail, thing)
                scheduler().wait()
        except* Failed:
            pass
        group = weakref.ref(group)
        del thing
        assert reference() is None
        assert group() is None

    def test_those_that_survive_being_shut_down_are_awaited(self, virtual):
        ends = []
        with pytest.raises(ExceptionGroup), scope() as group:
            group.spawn(stubborn, 5, ends)
            group.spawn(fail_after, 1)
        assert ends == ["told", "ended"]

    def test_starting_others_meanwhile(self, virtual):
        """They are shut down before they begin, so that the end does come."""
        made = []

        def hydra():
            try:
                coro.sleep_relative(1000)
            finally:
                made.append(group.spawn(hydra))

        with pytest.raises(ExceptionGroup), scope() as group:
            group.spawn(hydra)
            group.spawn(fail_after, 1)
        assert [type(co.failure) for co in made] == [coro.Shutdown]
        assert not made.pop().started


class TestOrdersForTheProgram:
    @pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
    def test_of_a_coroutine_come_out_as_themselves(self, virtual, kind):
        with pytest.raises(kind), scope() as group:
            group.spawn(fail_after, 1, kind)
            other = group.spawn(coro.sleep_relative, 1000)
        assert isinstance(other.failure, coro.Shutdown)
        coro.sleep_relative(1)  # and only once

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
    def test_of_the_body(self, virtual, kind):
        with pytest.raises(kind), scope() as group:
            other = group.spawn(coro.sleep_relative, 1000)
            raise kind
        assert other.dead

    def test_reach_the_main_coroutine_through_all_scopes_once(self, virtual):
        def inner():
            with scope() as group:
                group.spawn(fail_after, 1, SystemExit)

        def outer():
            with scope() as group:
                group.spawn(inner)

        co = coro.spawn(outer)
        with pytest.raises(SystemExit):
            co.join()
        co.join()
        coro.sleep_relative(1)

    def test_while_it_waits_come_out_when_all_have_ended(self, virtual):
        def interrupt():
            coro.sleep_relative(1)
            main.raise_exception(KeyboardInterrupt)

        main, ends = coro.current(), []
        co = coro.spawn(interrupt)
        with pytest.raises(KeyboardInterrupt), scope() as group:
            group.spawn(stubborn, 5, ends)
        assert ends == ["told", "ended"]
        co.join()

    def test_again_while_it_waits(self, virtual):
        """Who presses Ctrl-C twice wants to get past one that does not end."""

        def interrupt():
            for _ in range(2):
                coro.sleep_relative(1)
                main.raise_exception(KeyboardInterrupt)

        main, ends = coro.current(), []
        co = coro.spawn(interrupt)
        with pytest.raises(KeyboardInterrupt), scope() as group:
            group.spawn(stubborn, 5, ends, 2)
        assert ends == ["told", "told", "ended"]
        co.join()

    def test_failures_besides_are_told(self, virtual, quiet):
        def fail_when_told():
            try:
                coro.sleep_relative(1000)
            finally:
                raise Failed

        with pytest.raises(KeyboardInterrupt), scope() as group:
            group.spawn(fail_when_told)
            coro.yield_slice()
            raise KeyboardInterrupt
        assert [type(each) for each in quiet] == [Failed]


class TestInterrupts:
    def test_a_time_limit_further_out_in_the_body(self, virtual):
        with pytest.raises(coro.TimeoutError, match="2 seconds"), coro.timeout(2), scope() as group:
            other = group.spawn(coro.sleep_relative, 1000)
            coro.sleep_relative(1000)
        assert isinstance(other.failure, coro.Shutdown)

    def test_a_time_limit_further_out_at_the_end(self, virtual):
        with pytest.raises(coro.TimeoutError, match="2 seconds"), coro.timeout(2), scope() as group:
            other = group.spawn(coro.sleep_relative, 1000)
        assert isinstance(other.failure, coro.Shutdown)

    def test_with_timeout_knows_its_own(self, virtual):
        def body():
            with scope() as group:
                group.spawn(coro.sleep_relative, 1000)

        with pytest.raises(coro.TimeoutError):
            coro.with_timeout(1, body)

    @pytest.mark.parametrize("wait", [False, True])
    def test_shutdown(self, virtual, wait):
        made = []

        def body():
            with scope() as group:
                made.append(group.spawn(coro.sleep_relative, 1000))
                if wait:
                    scheduler().wait()

        co = coro.spawn(body)
        coro.sleep_relative(1)
        co.shutdown()
        co.join()
        assert isinstance(co.failure, coro.Shutdown)
        assert isinstance(made.pop().failure, coro.Shutdown)

    @pytest.mark.parametrize("times", [1, 2, 5])
    def test_shutdown_again_and_again_loses_nobody(self, virtual, times):
        """Nor does it disturb them while they clean up."""
        ends, alive = [], []

        def body():
            try:
                with scope() as group:
                    group.spawn(stubborn, 10, ends)
            finally:
                alive.extend(group.coroutines)

        co = coro.spawn(body)
        coro.sleep_relative(1)
        for _ in range(times):
            co.shutdown()
            coro.sleep_relative(1)
        co.join()
        assert ends == ["told", "ended"]
        assert alive == []
        assert isinstance(co.failure, coro.Shutdown)

    def test_the_outermost_comes_out(self, virtual):
        """Both come while it waits for one that takes its time, and is told once."""
        ends = []
        with pytest.raises(coro.TimeoutError, match="after 4"), coro.timeout(4):
            try:
                with coro.timeout(2), scope() as group:
                    group.spawn(stubborn, 10, ends)
            except coro.TimeoutError:
                ends.append("inner")
        assert ends == ["told", "ended"]

    def test_failures_that_follow_are_told(self, virtual, quiet):
        def fail_when_told():
            try:
                coro.sleep_relative(1000)
            finally:
                raise Failed

        for wait in (True, False):
            with pytest.raises(coro.TimeoutError), coro.timeout(1), scope() as group:
                group.spawn(fail_when_told)
                if wait:
                    scheduler().wait()
        assert [type(each) for each in quiet] == [Failed] * 2

    def test_after_a_failure_strikes_at_the_next_wait(self, virtual):
        """The failure was first, so it comes out; and the interrupt is not lost."""
        ends = []
        with pytest.raises(coro.TimeoutError, match="3 seconds"), coro.timeout(3):
            with pytest.raises(ExceptionGroup), scope() as group:
                group.spawn(stubborn, 10, ends)
                group.spawn(fail_after, 1)
            ends.append("computes")
            coro.yield_slice()
        assert ends[-2:] == ["ended", "computes"]

    def test_when_all_have_ended_already(self):
        """A wait that was served wins."""
        log = []
        with pytest.raises(coro.TimeoutError), coro.timeout(0.001) as limit:
            with scope() as group:
                group.spawn(compute_beyond, lambda: limit.expired_at)
            log.append("ended")
            coro.yield_slice()
            log.append("not reached")
        assert log == ["ended"]

    def test_an_exception_for_the_waiting_body(self, virtual):
        main = coro.current()
        co = coro.spawn(lambda: (coro.sleep_relative(1), main.raise_exception(coro.WakeUp)))
        with pytest.raises(ExceptionGroup) as info, scope() as group:
            group.spawn(coro.sleep_relative, 1000)
        assert [type(each) for each in info.value.exceptions] == [coro.WakeUp]
        co.join()

    @given(when=st.integers(0, 12), what=st.sampled_from(["timeout", "shutdown"]), patience=st.integers(0, 3))
    def test_at_any_moment_leave_no_trace(self, when, what, patience):
        def child(n):
            try:
                coro.sleep_relative(n)
            finally:
                with shield():
                    coro.sleep_relative(patience)
                ends.append(n)

        def body():
            try:
                with coro.timeout(when + 0.5 if what == "timeout" else None), scope() as group:
                    made.extend(group.spawn(child, n) for n in (2, 4, 6))
                    coro.sleep_relative(3)
                    made.append(group.spawn(child, 5))
            except coro.TimeoutError:
                assert what == "timeout"
                assert not group.coroutines
            log.append("after")

        ends, made, log = [], [], []
        with virtual_clock():
            co = coro.spawn(body)
            if what == "shutdown":
                coro.sleep_relative(when + 0.5)
                co.shutdown()
            co.join()
            assert scheduler().counts()["timers"] == 0
        assert all(each.dead for each in made)
        assert co.failure is None or isinstance(co.failure, coro.Shutdown)
        assert (log == ["after"]) is (co.failure is None)
        assert len(ends) == len([each for each in made if each.started])


class TestShutdownOfAGroup:
    def test_by_the_body(self, virtual):
        with scope() as group:
            made = [group.spawn(coro.sleep_relative, 1000) for _ in range(3)]
            coro.sleep_relative(1)
            group.shutdown()
            coro.sleep_relative(1)  # the body goes on
        assert [type(co.failure) for co in made] == [coro.Shutdown] * 3

    def test_by_one_of_them(self, virtual):
        log = []

        def ends_all():
            coro.sleep_relative(1)
            group.shutdown()
            log.append("not reached")

        with scope() as group:
            other = group.spawn(coro.sleep_relative, 1000)
            co = group.spawn(ends_all)
        assert log == []
        assert isinstance(co.failure, coro.Shutdown)
        assert isinstance(other.failure, coro.Shutdown)

    def test_by_somebody_else_while_it_waits(self, virtual):
        groups = []

        def body():
            with scope() as group:
                groups.append(group)
                group.spawn(coro.sleep_relative, 1000)
            return "ended"

        co = coro.spawn(body)
        coro.sleep_relative(1)
        groups.pop().shutdown()
        co.join()
        assert co.result() == "ended"

    def test_by_another_os_thread(self):
        with scope() as group:
            group.spawn(scheduler().wait)
            thread = threading.Thread(target=group.shutdown)
            thread.start()
        thread.join()

    def test_is_for_good(self):
        ran = []
        with scope() as group:
            group.shutdown()
            late = group.spawn(ran.append, 1)
        assert ran == []
        assert isinstance(late.failure, coro.Shutdown)

    def test_an_interrupt_of_the_wait_that_follows_comes_out(self, virtual):
        ends = []
        with pytest.raises(coro.TimeoutError), coro.timeout(3), scope() as group:
            group.spawn(stubborn, 10, ends)
            coro.sleep_relative(1)
            group.shutdown()
        assert ends == ["told", "ended"]

    def test_again(self, virtual):
        ends = []
        with scope() as group:
            group.spawn(stubborn, 10, ends, 2)
            for _ in range(2):
                coro.sleep_relative(1)
                group.shutdown()
        assert ends == ["told", "told", "ended"]

    def test_before_and_after_the_block(self):
        group = scope()
        group.shutdown()
        with group:
            pass
        group.shutdown()


class TestDeadline:
    def test_interrupts_body_and_coroutines(self, virtual):
        before = coro.now()
        with pytest.raises(coro.TimeoutError, match="scope timed out after 2 seconds") as info, scope(2) as group:
            assert group.deadline == before + 2 * SECOND
            other = group.spawn(coro.sleep_relative, 1000)
            coro.sleep_relative(1000)
        assert coro.now() - before == 2 * SECOND
        assert isinstance(other.failure, coro.Shutdown)
        assert isinstance(info.value.__cause__, coro.Interrupted)

    def test_at_the_end_of_the_block(self, virtual):
        with pytest.raises(coro.TimeoutError), scope(timeout=2) as group:
            group.spawn(coro.sleep_relative, 1000)

    def test_in_time(self, virtual):
        with scope(timeout=2) as group:
            group.spawn(coro.sleep_relative, 1)
        assert scheduler().counts()["timers"] == 0
        coro.sleep_relative(5)

    @pytest.mark.parametrize("none", [None, float("inf")])
    def test_without(self, virtual, none):
        with scope(timeout=none) as group:
            assert group.deadline is None
            group.spawn(coro.sleep_relative, 10**6)

    @pytest.mark.parametrize(("outer", "inner", "which"), [(2, 5, "2"), (5, 2, "5"), (3, 3.0, "3 ")])
    def test_the_nearest_wins(self, virtual, outer, inner, which):
        """And the outer one, if both are due at once."""
        log = []
        with pytest.raises(coro.TimeoutError, match=f"after {which}"), scope(outer):
            try:
                with scope(inner) as group:
                    group.spawn(coro.sleep_relative, 1000)
                    coro.sleep_relative(1000)
            except coro.TimeoutError:
                log.append("inner")
            coro.sleep_relative(1000)
        assert log == (["inner"] if inner < outer else [])

    def test_ends_coroutines_though_the_body_does_not_wait_for_them(self, virtual):
        """Behind a shield, or because it swallows the interrupt."""
        ends = []
        with pytest.raises(coro.TimeoutError), scope(2) as group:
            other = group.spawn(coro.sleep_relative, 1000)
            with shield():
                coro.sleep_relative(5)
                ends.append(other.dead)
            try:
                coro.yield_slice()
            except coro.Interrupted:
                ends.append("swallowed")
        assert ends == [True, "swallowed"]

    def test_swallowed_with_nobody_else_there_is_none(self, virtual):
        with scope(1):
            try:
                coro.sleep_relative(2)
            except coro.Interrupted:
                pass
            else:
                pytest.fail("not interrupted")

    def test_with_failures_besides_comes_in_their_group(self, virtual):
        def fail_when_told():
            try:
                coro.sleep_relative(1000)
            finally:
                raise Failed

        with pytest.raises(ExceptionGroup) as info, scope(2) as group:
            group.spawn(fail_when_told)
        assert [type(each) for each in info.value.exceptions] == [coro.TimeoutError, Failed]

    def test_after_a_failure_does_not_count(self, virtual):
        ends = []
        with pytest.raises(ExceptionGroup) as info, scope(2) as group:
            group.spawn(stubborn, 10, ends)
            group.spawn(fail_after, 1)
        assert [type(each) for each in info.value.exceptions] == [Failed]

    def test_of_those_who_take_their_time(self, virtual):
        ends = []
        before = coro.now()
        with pytest.raises(coro.TimeoutError), scope(2) as group:
            group.spawn(stubborn, 10, ends)
        assert coro.now() - before == 12 * SECOND
        assert ends == ["told", "ended"]

    def test_and_success_in_one_turn(self):
        with scope(0.001) as group:
            co = group.spawn(compute_beyond, lambda: group.deadline)
        assert co.failure is None
        coro.yield_slice()

    def test_that_strikes_before_success_in_one_turn(self, virtual):
        with pytest.raises(coro.TimeoutError), scope(2) as group:
            group.spawn(coro.sleep_relative, 2)


class TestShield:
    def test_holds_time_limits_back_until_the_next_wait(self, virtual):
        log = []
        with pytest.raises(coro.TimeoutError), coro.timeout(1):
            with shield():
                coro.sleep_relative(5)
                log.append("inside")
            log.append("after")
            coro.yield_slice()
            log.append("not reached")
        assert log == ["inside", "after"]

    def test_that_is_followed_by_no_wait(self, virtual):
        with coro.timeout(1), shield():
            coro.sleep_relative(5)

    def test_holds_shutdown_back(self, virtual):
        log = []

        def body():
            with shield():
                coro.sleep_relative(5)
                log.append("inside")
            log.append("after")
            coro.sleep_relative(5)

        co = coro.spawn(body)
        coro.sleep_relative(1)
        co.shutdown()
        co.shutdown()
        co.join()
        assert log == ["inside", "after"]
        assert isinstance(co.failure, coro.Shutdown)

    def test_time_limits_inside_work(self, virtual):
        with pytest.raises(coro.TimeoutError, match="5 seconds"), coro.timeout(5):
            with shield():
                with pytest.raises(coro.TimeoutError, match="7 seconds"), coro.timeout(7):
                    coro.sleep_relative(9)
                coro.sleep_relative(1)
            coro.sleep_relative(1)

    @pytest.mark.parametrize("error", [KeyboardInterrupt, coro.WakeUp, SystemExit, Failed])
    def test_lets_other_exceptions_through(self, virtual, error):
        main = coro.current()
        co = coro.spawn(lambda: (coro.sleep_relative(1), main.raise_exception(error)))
        with pytest.raises(error), shield():
            coro.sleep_relative(5)
        co.join()

    def test_nested(self, virtual):
        log = []
        with pytest.raises(coro.TimeoutError), coro.timeout(1):
            with shield():
                with shield():
                    coro.sleep_relative(2)
                coro.sleep_relative(1)  # the inner one has left, the outer has not
            log.append("after")
            coro.sleep_relative(1)
        assert log == ["after"]

    def test_a_time_limit_from_before_it_that_was_not_delivered(self):
        log = []
        with pytest.raises(coro.TimeoutError), coro.timeout(0.001) as limit:
            coro.spawn(lambda: (scheduler().wake(main), compute_beyond(lambda: limit.expired_at)))
            main = coro.current()
            scheduler().wait()  # served, and the limit is over
            with shield():
                coro.sleep_relative(0.001)
            log.append("after")
            coro.yield_slice()
        assert log == ["after"]

    def test_shutdown_from_another_os_thread_before_it(self):
        """It was thrown while the coroutine ran, and so not delivered yet."""
        log = []

        def body():
            thread = threading.Thread(target=coro.current().shutdown)
            thread.start()
            thread.join()
            with shield():
                coro.yield_slice()
                log.append("inside")
            coro.yield_slice()
            log.append("not reached")

        co = run(body)
        assert log == ["inside"]
        assert isinstance(co.failure, coro.Shutdown)

    def test_ctrl_c_first_and_what_was_held_after_it(self, virtual):
        log = []

        def body():
            with pytest.raises(KeyboardInterrupt), shield():
                coro.sleep_relative(1000)
            log.append("interrupted")
            with pytest.raises(coro.Shutdown):
                coro.sleep_relative(1000)
            coro.sleep_relative(1)
            return "ended"

        co = coro.spawn(body)
        coro.yield_slice()
        co.shutdown()
        co.raise_exception(KeyboardInterrupt)
        co.join()
        assert log == ["interrupted"]
        assert co.result() == "ended"

    def test_both_are_pending_when_it_ends(self, virtual):
        log = []

        def body():
            me = coro.current()

            def strike():
                me.shutdown()
                me.raise_exception(KeyboardInterrupt)

            with shield():
                thread = threading.Thread(target=strike)
                thread.start()
                thread.join()
            for kind in (KeyboardInterrupt, coro.Shutdown):
                with pytest.raises(kind):
                    coro.sleep_relative(1)
                log.append(kind)
            coro.sleep_relative(1)

        assert run(body).failure is None
        assert log == [KeyboardInterrupt, coro.Shutdown]

    def test_of_one_that_was_told_to_end_by_its_scope(self, virtual):
        log = []

        def careful():
            try:
                coro.sleep_relative(1000)
            finally:
                with shield():
                    coro.sleep_relative(5)
                    log.append("cleaned up")

        with pytest.raises(coro.TimeoutError), coro.timeout(20), scope(timeout=2) as group:
            group.spawn(careful)
        assert log == ["cleaned up"]

    def test_one_object_serves_one_block_at_a_time(self):
        each = shield()
        with each, pytest.raises(RuntimeError, match="in use"):
            each.__enter__()
        with pytest.raises(RuntimeError, match="not in use"):
            each.__exit__(None, None, None)
        with each:
            assert repr(each) == "<shield>"

    def test_of_a_generator_that_is_closed_elsewhere(self, virtual):
        def generator():
            with shield():
                yield

        def body():
            with pytest.raises(coro.TimeoutError), coro.timeout(1):
                next(shielded)
                coro.sleep_relative(1000)

        shielded = generator()
        co = coro.spawn(body)
        coro.sleep_relative(5)
        assert not co.dead
        shielded.close()
        coro.yield_slice()
        assert co.dead
        assert co.failure is None

    def test_left_open_when_the_coroutine_ends(self, virtual):
        shielded = shield()
        run(shielded.__enter__)
        shielded.__exit__(None, None, None)
        with pytest.raises(coro.TimeoutError), coro.timeout(1):
            coro.sleep_relative(2)

    def test_left_open_with_an_interrupt_held(self, virtual):
        def careless():
            shield().__enter__()
            coro.sleep_relative(5)

        co = coro.spawn(careless)
        coro.sleep_relative(1)
        co.shutdown()
        co.join()
        assert co.failure is None

    def test_time_limit_that_ends_inside_a_shield(self, virtual):
        """Blocks left out of order: its interrupt is void."""
        limit, guard = coro.timeout(1), shield()
        limit.__enter__()
        guard.__enter__()
        coro.sleep_relative(2)
        limit.__exit__(None, None, None)
        guard.__exit__(None, None, None)
        coro.sleep_relative(2)

    def test_joined_locks_and_sleeps_go_on(self, virtual):
        """A held interrupt does not even end a wait early."""
        before = coro.now()
        co = coro.spawn(coro.sleep_relative, 7)
        with coro.timeout(1), shield():
            co.join()
        assert coro.now() - before == 7 * SECOND

    @given(
        limits=st.lists(st.integers(1, 10), min_size=1, max_size=4),
        at=st.integers(0, 4),
        length=st.integers(0, 12),
        after=st.integers(0, 12),
    )
    def test_model(self, limits, at, length, after):
        """A shield between nested time limits: those within strike as if they were alone, those
        without strike after it, outermost first."""
        at = min(at, len(limits))
        outer, inner = limits[:at], limits[at:]
        log = []

        def nest(lengths, then):
            if not lengths:
                then()
                return
            try:
                with coro.timeout(lengths[0]):
                    nest(lengths[1:], then)
            except coro.TimeoutError:
                log.append((lengths[0], coro.now() - began))

        def block():
            with shield():
                nest(inner, lambda: coro.sleep_relative(length))
                middle.append(coro.now() - began)
            coro.sleep_relative(after)
            log.append(("slept", coro.now() - began))

        middle = []
        with virtual_clock():
            began = coro.now()
            nest(outer, block)
        # What strikes in the very moment in which a sleep ends may come before or after it.
        assume(not inner or min(inner) != length)
        now = min([length, *inner])
        assume(not outer or min(outer) <= now or min(outer) != now + after)
        expected = [(now, now * SECOND)] if now < length else []
        assert middle == [now * SECOND]
        if outer and min(outer) <= now:
            first = next(each for each in outer if each <= now)
            expected.append((first, now * SECOND))
        elif outer and min(outer) < now + after:
            expected.append((min(outer), min(outer) * SECOND))
        else:
            expected.append(("slept", (now + after) * SECOND))
        assert log == expected


class TestFork:
    def test_in_the_body(self, run):
        out = run("""
            import os, sys, coro
            from coro._structured._scope import scope

            with scope() as group:
                co = group.spawn(coro.sleep_relative, 0.01)
                coro.yield_slice()
                child = os.fork()
                if not child:
                    assert group.coroutines == []
                    group.spawn(print, "child", flush=True)
            if not child:
                sys.exit(3)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
            assert co.failure is None
            print("parent")
        """)
        assert out == "child\nparent\n"

    def test_in_one_of_its_coroutines(self, start):
        program = start("""
            import os, sys, coro
            from coro._structured._scope import scope

            def forks():
                child = os.fork()
                if not child:
                    raise ValueError("in the child")
                return child

            with scope() as group:
                co = group.spawn(forks)
            print(os.waitstatus_to_exitcode(os.waitpid(co.result(), 0)[1]))
        """)
        status, out, err = program.end()
        assert (status, out) == (0, "1\n")
        assert err.count("ValueError: in the child") == 1


class TestOtherThreads:
    """What happens between the look at the members and the wait for them."""

    def test_the_last_one_is_cancelled_just_before_the_wait(self) -> None:
        class Slow(scope):
            def wait_for_members(self) -> None:
                thread = threading.Thread(target=member.shutdown)
                thread.start()
                thread.join()
                super().wait_for_members()

        with coro.timeout(60), Slow() as group:
            member = group.spawn(print, "never")
        assert member.dead

    def test_a_shutdown_while_one_is_spawned(self) -> None:
        class Slow(scope):
            def start_member(self, *member: Any) -> coro.coro | None:
                self.shutdown()
                return super().start_member(*member)

        with Slow() as group:
            late = group.spawn(print, "never")
        assert late.dead
        assert isinstance(late.failure, coro.Shutdown)

    def test_the_end_while_one_is_spawned(self) -> None:
        """In another OS thread, which has found the scope open."""
        looked, ended = threading.Event(), threading.Event()
        refused = []

        class Slow(scope):
            def start_member(self, *member: Any) -> coro.coro | None:
                looked.set()
                assert ended.wait(60)
                return super().start_member(*member)

        def spawn() -> None:
            with pytest.raises(RuntimeError, match="has ended") as caught:
                group.spawn(print, "never")
            refused.append(caught.value)

        thread = threading.Thread(target=spawn)
        with Slow() as group:
            thread.start()
            assert looked.wait(60)
        ended.set()
        thread.join()
        assert len(refused) == 1

    def test_an_interrupt_just_before_the_wait_is_passed_on(self) -> None:
        class Slow(scope):
            first = True

            def wait_for_members(self) -> None:
                if self.first:
                    self.first = False
                    thread = threading.Thread(target=owner.shutdown)
                    thread.start()
                    thread.join()
                super().wait_for_members()

        def own() -> None:
            with Slow() as group:
                group.spawn(coro.sleep_relative, 3600)
                coro.yield_slice()

        owner = coro.spawn(own)
        owner.join(60)
        assert isinstance(owner.failure, coro.Shutdown)
