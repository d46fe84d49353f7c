"""Several calls at once: `coro._structured._parallel`."""

import traceback
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coro
from coro._structured._parallel import in_parallel
from coro.errors import FAILURE, SUCCESS, InParallelError
from coro.testing import virtual_clock


def after(seconds, result):
    coro.sleep_relative(seconds)
    if isinstance(result, type) and issubclass(result, BaseException):
        raise result("on purpose")
    return result


class TestResults:
    def test_come_in_order(self, virtual):
        before = coro.now()
        assert in_parallel([(after, (3, "a")), (after, [1, "b"]), (after, (2, "c"))]) == ["a", "b", "c"]
        assert coro.now() - before == 3 * 10**9

    def test_of_no_calls(self):
        assert in_parallel([]) == []
        assert in_parallel(()) == []

    def test_without_arguments(self):
        assert in_parallel([(list, ())]) == [[]]

    def test_each_in_a_coroutine_of_its_name(self):
        def who():
            return coro.current().name

        names = in_parallel([(who, ())] * 3)
        assert names == [who.__qualname__] * 3

    def test_of_calls_that_call_others(self, virtual):
        def tree(depth):
            return 1 + sum(in_parallel([(tree, (depth - 1,))] * 2)) if depth else 1

        assert tree(5) == 63

    @given(st.lists(st.tuples(st.integers(0, 5), st.integers() | st.sampled_from([KeyError, coro.WakeUp]))))
    def test_law(self, calls):
        """Either the list of what each returned, or what became of each."""
        with virtual_clock():
            try:
                assert in_parallel([(after, call) for call in calls]) == [result for _, result in calls]
            except InParallelError as error:
                seen = [(status, result[0] if status is FAILURE else result) for status, result in error.result_list]
                assert seen == [(FAILURE if isinstance(result, type) else SUCCESS, result) for _, result in calls]
                assert FAILURE in [status for status, _ in seen]


class TestFailures:
    def test_wait_for_all(self, virtual, capsys):
        with pytest.raises(InParallelError) as info:
            in_parallel([(after, (1, KeyError)), (after, (5, "late")), (after, (2, OSError))])
        first, second, third = info.value.result_list
        assert second == (SUCCESS, "late")
        assert (first[0], third[0]) == (FAILURE, FAILURE)
        kind, error, tb = first[1]
        assert kind is KeyError
        assert isinstance(error, KeyError)
        assert traceback.extract_tb(tb)[-1].name == "after"
        assert str(info.value) == "2 of 3 calls failed, the first by KeyError('on purpose')"
        assert info.value.__cause__ is error
        assert capsys.readouterr().err == ""

    def test_one_that_somebody_else_shut_down(self, virtual):
        def victim():
            seen.append(coro.current())
            coro.sleep_relative(1000)

        def culprit():
            coro.sleep_relative(1)
            seen.pop().shutdown()

        seen = []
        with pytest.raises(InParallelError) as info:
            in_parallel([(victim, ()), (culprit, ())])
        assert [status for status, _ in info.value.result_list] == [FAILURE, SUCCESS]
        assert info.value.result_list[0][1][0] is coro.Shutdown

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
    def test_orders_for_the_program_end_all(self, virtual, kind):
        before = coro.now()
        with pytest.raises(kind):
            in_parallel([(after, (1, kind)), (after, (1000, "late"))])
        assert coro.now() - before == 10**9

    def test_no_reference_stays(self, no_collector):
        class Thing:
            pass

        def fail(thing):
            raise KeyError

        thing = Thing()
        reference = weakref.ref(thing)
        with pytest.raises(InParallelError):
            in_parallel([(fail, (thing,)), (list, ())])
        del thing
        assert reference() is None


class TestInterrupts:
    @given(when=st.integers(0, 6), shutdown=st.booleans())
    def test_end_all_and_leave_no_trace(self, when, shutdown):
        def call(n):
            running.append(n)
            try:
                coro.sleep_relative(n)
            finally:
                running.remove(n)

        def caller():
            return in_parallel([(call, (n,)) for n in (1, 3, 5)])

        running = []
        with virtual_clock():
            co = coro.spawn(caller if shutdown else lambda: coro.with_timeout(when + 0.5, caller))
            if shutdown:
                coro.sleep_relative(when + 0.5)
                co.shutdown()
            before = coro.set_exception_notifier(list)  # a TimeoutError is a failure
            co.join()
            coro.set_exception_notifier(before)
            if when < 5:
                assert isinstance(co.failure, coro.Shutdown if shutdown else coro.TimeoutError)
            else:
                assert co.result() == [None] * 3
        assert running == []


class TestWrongUse:
    @pytest.mark.parametrize(
        ("calls", "match"),
        [
            (None, "must be a list of .* pairs, not NoneType"),
            ({}, "not dict"),
            ((each for each in ()), "not generator"),
            ([list], r"fun_arg_list\[0\] must be a pair"),
            ([(list, ()), (list,)], r"fun_arg_list\[1\] must be a pair"),
            ([(list, (), {})], r"fun_arg_list\[0\] must be a pair"),
            ([(list, ()), ("list", ())], r"fun_arg_list\[1\]\[0\] must be callable, not str"),
            ([(list, "ab")], r"fun_arg_list\[0\]\[1\] must be a tuple of arguments, not str"),
            ([(list, 1)], r"write \(it,\)"),
        ],
    )
    def test_is_refused(self, calls, match):
        with pytest.raises(TypeError, match=match):
            in_parallel(calls)

    def test_of_a_later_one_calls_none(self):
        ran = []
        with pytest.raises(TypeError, match=r"\[1\]"):
            in_parallel([(ran.append, (1,)), (None, ())])
        coro.yield_slice()
        assert ran == []

    def test_wrong_arguments_are_failures_of_their_call(self):
        with pytest.raises(InParallelError) as info:
            in_parallel([(len, ()), (len, ("abc",))])
        assert info.value.result_list[0][1][0] is TypeError
        assert info.value.result_list[1] == (SUCCESS, 3)
