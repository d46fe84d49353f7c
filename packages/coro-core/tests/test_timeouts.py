"""Sleeping and time limits."""

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coro
from coro.interface import scheduler
from coro.testing import virtual_clock

SECOND = 10**9

WRONG_LENGTHS = [
    (-1, ValueError),
    (-1e-9, ValueError),
    (-(10**400), ValueError),
    (float("-inf"), ValueError),
    (float("nan"), ValueError),
    ("1", TypeError),
    (b"1", TypeError),
    (bytearray(b"1"), TypeError),
    (1j, TypeError),
    ([], TypeError),
]


class TestSleeping:
    @pytest.mark.parametrize("seconds", [1, 0.5, 1e-9, 3600, 10**6])
    def test_as_long_as_asked(self, virtual, seconds):
        before = coro.now()
        assert coro.sleep_relative(seconds) is None
        assert coro.now() - before == round(seconds * SECOND)

    @pytest.mark.parametrize("nothing", [0, 0.0, -0.0, 1e-12, False])
    def test_for_no_time_lets_others_run(self, nothing):
        log = []
        co = coro.spawn(log.append, 1)
        coro.sleep_relative(nothing)
        assert log == [1]
        co.join()

    @pytest.mark.parametrize(("wrong", "error"), [*WRONG_LENGTHS, (None, TypeError)])
    def test_wrong_lengths(self, wrong, error):
        with pytest.raises(error, match="seconds"):
            coro.sleep_relative(wrong)

    def test_a_number_that_fails(self):
        class Number:
            def __float__(self):
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            coro.sleep_relative(Number())

    @pytest.mark.parametrize("endless", [float("inf"), 1e300, 10**400, 10**10])
    def test_for_ever(self, endless):
        co = coro.spawn(coro.sleep_relative, endless)
        coro.yield_slice()
        assert scheduler().counts()["timers"] == 0
        co.schedule("up")
        co.join()
        assert co.result() == "up"

    def test_in_order_of_waking(self, virtual):
        log = []

        def sleeper(n):
            coro.sleep_relative(n)
            log.append(n)

        made = [coro.spawn(sleeper, n) for n in (5, 3, 9, 1, 7)]
        for co in made:
            co.join()
        assert log == [1, 3, 5, 7, 9]

    def test_ties_wake_in_order(self, virtual):
        log = []

        def sleeper(n):
            coro.sleep_relative(1)
            log.append(n)

        made = [coro.spawn(sleeper, n) for n in range(50)]
        for co in made:
            co.join()
        assert log == list(range(50))

    def test_absolute(self, virtual):
        target = coro.now() + 3 * SECOND
        coro.sleep_absolute(target)
        assert coro.now() == target

    @pytest.mark.parametrize("past", [0, -1, -(10**400), 1, True])
    def test_absolute_in_the_past_lets_others_run(self, past):
        log = []
        co = coro.spawn(log.append, 1)
        coro.sleep_absolute(past)
        assert log == [1]
        co.join()

    @pytest.mark.parametrize("wrong", [1.5, "1", None, float("nan")])
    def test_absolute_wants_an_int(self, wrong):
        with pytest.raises(TypeError, match="when"):
            coro.sleep_absolute(wrong)

    @pytest.mark.parametrize("endless", [2**63 - 1, 2**63, 10**400])
    def test_absolute_for_ever(self, endless):
        co = coro.spawn(coro.sleep_absolute, endless)
        coro.yield_slice()
        co.schedule(1)
        co.join()
        assert co.result() == 1

    def test_the_value_of_a_wake_is_used_once(self, virtual):
        def twice():
            return coro.sleep_relative(1), coro.sleep_relative(1)

        co = coro.spawn(twice)
        coro.yield_slice()
        co.schedule("first")
        co.join()
        assert co.result() == ("first", None)

    def test_the_clock(self):
        before = coro.now()
        assert before // 1000 <= coro.now_usec() <= coro.now() // 1000


class TestWithTimeout:
    def test_in_time(self, virtual):
        assert coro.with_timeout(5, lambda *a, **k: (a, k), 1, x=2) == ((1,), {"x": 2})
        assert scheduler().counts()["timers"] == 0

    def test_too_late(self, virtual):
        before = coro.now()
        with pytest.raises(coro.TimeoutError, match="5 seconds") as info:
            coro.with_timeout(5, coro.sleep_relative, 10)
        assert isinstance(info.value, TimeoutError)  # the builtin one
        assert isinstance(info.value.__cause__, coro.Interrupted)
        assert coro.now() - before == 5 * SECOND

    def test_no_limit(self, virtual):
        assert coro.with_timeout(None, coro.sleep_relative, 10**6) is None
        assert coro.with_timeout(float("inf"), coro.sleep_relative, 10**6) is None

    @pytest.mark.parametrize(("wrong", "error"), WRONG_LENGTHS)
    def test_wrong_lengths(self, wrong, error):
        with pytest.raises(error, match="seconds"):
            coro.with_timeout(wrong, list)
        with pytest.raises(error, match="seconds"):
            coro.timeout(wrong)

    def test_what_is_called_must_be_callable(self):
        with pytest.raises(TypeError):
            coro.with_timeout(1, None)
        with pytest.raises(TypeError):
            coro.with_timeout(1)
        assert scheduler().counts()["timers"] == 0

    def test_an_error_passes_through(self):
        with pytest.raises(ZeroDivisionError):
            coro.with_timeout(1, lambda: 1 / 0)
        assert scheduler().counts()["timers"] == 0

    def test_code_that_does_not_wait_is_not_interrupted(self):
        def compute():
            end = coro.now() + SECOND // 1000
            while coro.now() < end:
                pass
            return "done"

        assert coro.with_timeout(0, compute) == "done"
        coro.yield_slice()  # and the time limit does not strike after its block

    def test_another_timeout_error_is_not_its_own(self, virtual):
        def fails():
            raise TimeoutError("mine")

        with pytest.raises(TimeoutError, match="mine"):
            coro.with_timeout(1, fails)

    def test_shutdown_passes_through(self, virtual):
        co = coro.spawn(coro.with_timeout, 10, coro.sleep_relative, 20)
        coro.yield_slice()
        co.shutdown()
        co.join()
        assert isinstance(co.failure, coro.Shutdown)

    def test_a_swallowed_interrupt_ends_the_block_quietly(self, virtual):
        def stubborn():
            try:
                coro.sleep_relative(10)
            except coro.Interrupted:
                return "swallowed"

        assert coro.with_timeout(1, stubborn) == "swallowed"

    def test_except_exception_does_not_catch_the_interrupt(self, virtual):
        def careless():
            try:
                coro.sleep_relative(10)
            except Exception:
                return "caught"

        with pytest.raises(coro.TimeoutError):
            coro.with_timeout(1, careless)


def wake_and_compute(co, limit):
    """Wake `co`, then compute for so long that its time limit expires before it runs."""
    woken = scheduler().wake(co)
    while coro.now() < limit.expired_at + SECOND // 50:  # many ticks of the coarse clock
        pass
    return woken


class TestBlock:
    def test_ends_with_a_timeout_error(self, virtual):
        with pytest.raises(coro.TimeoutError, match="2 seconds"), coro.timeout(2):
            coro.sleep_relative(3)

    def test_one_object_serves_one_block_at_a_time(self, virtual):
        limit = coro.timeout(5)
        with limit, pytest.raises(RuntimeError, match="in use"):
            limit.__enter__()
        with pytest.raises(RuntimeError, match="not in use"):
            limit.__exit__(None, None, None)
        with pytest.raises(coro.TimeoutError), limit:  # again, after its end
            coro.sleep_relative(6)
        with limit:
            coro.sleep_relative(4)

    def test_two_coroutines_cannot_share_one(self, virtual, quiet):
        limit = coro.timeout(5)

        def use():
            with limit:
                coro.sleep_relative(1)

        first, second = coro.spawn(use), coro.spawn(use)
        first.join()
        second.join()
        assert first.failure is None
        assert isinstance(second.failure, RuntimeError)

    def test_what_it_shows(self, virtual):
        limit = coro.timeout(5)
        assert repr(limit) == "<timeout of 5 seconds>"
        assert not limit.pending
        assert limit.expired_at is None
        with limit:
            assert limit.pending
            assert limit.expired_at == coro.now() + 5 * SECOND
        assert not limit.pending
        with coro.timeout(None) as endless:
            assert not endless.pending
            assert endless.expired_at is None

    def test_the_outer_one_wins_when_both_are_due(self, virtual):
        log = []
        with pytest.raises(coro.TimeoutError, match=r"of 3|after 3"), coro.timeout(3):
            try:
                with coro.timeout(3.0):
                    coro.sleep_relative(9)
            except coro.TimeoutError:
                log.append("inner")
        assert log == []

    def test_the_outer_one_strikes_after_the_inner(self, virtual):
        with pytest.raises(coro.TimeoutError, match="5 seconds"), coro.timeout(5):
            with pytest.raises(coro.TimeoutError, match="2 seconds"), coro.timeout(2):
                coro.sleep_relative(9)
            coro.sleep_relative(9)

    @pytest.mark.parametrize("waits", [1, 2])
    def test_a_served_wait_wins_and_the_next_one_is_interrupted(self, waits):
        # On a busy machine the limit may be over before the waker has its turn, which its
        # wake() tells. Then there was nothing to win, and a longer limit may do.
        for length in (0.001, 0.01, 0.1, 1, 10):
            served, expired = [], False
            try:
                with coro.timeout(length) as limit:
                    waker = coro.spawn(wake_and_compute, coro.current(), limit)
                    for _ in range(waits):
                        served.append(scheduler().wait())
            except coro.TimeoutError:
                expired = True
            waker.join()
            if waker.result():
                break
        assert served == [True]
        assert expired is (waits == 2)

    def test_a_wake_that_comes_after_the_time_limit_is_refused(self, virtual):
        # so that whoever wakes can choose another
        main = coro.current()

        def wake():
            coro.sleep_relative(1)
            return scheduler().wake(main)

        waker = coro.spawn(wake)
        coro.yield_slice()
        with pytest.raises(coro.TimeoutError), coro.timeout(1):
            scheduler().wait()
        waker.join()
        assert waker.result() is False

    def test_left_in_a_wrong_order(self, virtual):
        outer, inner = coro.timeout(5), coro.timeout(3)
        outer.__enter__()
        inner.__enter__()
        outer.__exit__(None, None, None)
        with pytest.raises(coro.TimeoutError, match="3 seconds"):
            try:
                coro.sleep_relative(9)
            except BaseException as error:
                inner.__exit__(type(error), error, None)
        coro.sleep_relative(9)

    def test_in_a_generator_that_dies_elsewhere(self, virtual):
        def generator():
            with coro.timeout(5):
                yield

        def begin(generator):
            next(generator)
            coro.sleep_relative(3)

        limited = generator()
        co = coro.spawn(begin, limited)
        coro.yield_slice()
        limited.close()
        assert scheduler().counts()["timers"] == 1  # the sleep
        co.join()
        assert co.failure is None

    def test_left_open_when_the_coroutine_ends(self, virtual):
        # Nobody is left to be interrupted, so the timer should not stay for an hour.
        def careless():
            coro.timeout(3600).__enter__()

        co = coro.spawn(careless)
        co.join()
        assert scheduler().counts()["timers"] == 0

    def test_left_open_in_a_generator_that_outlives_the_coroutine(self, virtual):
        def generator():
            with coro.timeout(5):
                yield

        limited = generator()
        co = coro.spawn(next, limited)
        co.join()
        assert scheduler().counts()["timers"] == 0
        limited.close()  # ends the time limit once more

    def test_no_reference_stays(self, virtual):
        class Limit(coro.timeout):
            pass

        limit = Limit(1)
        reference = weakref.ref(limit)
        with pytest.raises(coro.TimeoutError), limit:
            coro.sleep_relative(2)
        del limit
        gc.collect()
        assert reference() is None


# Random nests of time limits and sleeps, against a model that only counts.
sleeps = st.tuples(st.just("sleep"), st.integers(1, 9))
nests = st.recursive(
    st.lists(sleeps, max_size=3),
    lambda inner: st.lists(
        st.one_of(sleeps, st.tuples(st.just("limit"), st.integers(0, 12), st.booleans(), inner)), max_size=4
    ),
    max_leaves=12,
)


class ModelInterrupt(Exception):
    def __init__(self, limit):
        self.limit = limit


class Model:
    """What the documents say: the earliest limit strikes, of equal ones the outermost."""

    def __init__(self):
        self.now = 0
        self.log = []
        self.limits = []

    def run(self, nest):
        for what, length, *more in nest:
            if what == "sleep":
                self.sleep(length)
            else:
                self.limit(length, *more)

    def sleep(self, length):
        struck = min(self.limits, key=lambda limit: limit["when"], default=None)
        if struck is None or struck["when"] > self.now + length:
            self.now += length
            self.log.append(("slept", self.now))
            return
        self.now = max(self.now, struck["when"])
        # Others of that moment that lie further out strike first.
        struck = next(limit for limit in self.limits if limit["when"] <= self.now)
        struck["when"] = float("inf")  # once
        raise ModelInterrupt(struck)

    def limit(self, length, catch, nest):
        limit = {"when": self.now + length}
        self.limits.append(limit)
        try:
            self.run(nest)
        except ModelInterrupt as interrupt:
            if interrupt.limit is not limit:
                raise
            self.log.append(("timed out", length, self.now))
            if not catch:
                raise TimeoutError from None
        except TimeoutError:
            self.log.append(("passed", length, self.now))
            if not catch:
                raise
        finally:
            self.limits.pop()


def run_nest(nest, zero, log, seen):
    for what, length, *more in nest:
        if what == "sleep":
            coro.sleep_relative(length)
            log.append(("slept", (coro.now() - zero) // SECOND))
            continue
        catch, inner = more
        try:
            with coro.timeout(length):
                run_nest(inner, zero, log, seen)
        except coro.TimeoutError as error:
            # A new error was made here; one that was seen further in passes by.
            end = "passed" if error in seen else "timed out"
            seen.append(error)
            log.append((end, length, (coro.now() - zero) // SECOND))
            if not catch:
                raise


@given(nests)
def test_nests_against_the_model(nest):
    model = Model()
    try:
        model.run(nest)
    except TimeoutError:
        model.log.append("timed out at last")
    log = []
    with virtual_clock():
        try:
            run_nest(nest, coro.now(), log, [])
        except coro.TimeoutError:
            log.append("timed out at last")
    assert log == model.log
