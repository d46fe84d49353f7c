"""Run times and delays, while somebody watches."""

import threading

import pytest

import coro
from coro._inspection import _statistics
from coro.interface import scheduler


@pytest.fixture
def watched(no_leaks):
    _statistics.watch()
    yield
    _statistics.unwatch()
    assert _statistics.watchers() == 0


def compute(ns):
    end = _statistics.clock() + ns
    while _statistics.clock() < end:
        pass


def in_turns(rounds, ns):
    for _ in range(rounds):
        compute(ns)
        coro.yield_slice()


class TestRunTime:
    def test_is_at_least_what_was_computed(self, watched):
        busy = coro.spawn(in_turns, 5, 2_000_000)
        short = coro.spawn(in_turns, 5, 10_000)
        busy.join()
        short.join()
        assert _statistics.numbers(busy)[0] >= 10_000_000
        assert _statistics.numbers(busy)[0] > _statistics.numbers(short)[0] >= 50_000

    def test_of_one_that_runs_now_goes_on(self, watched):
        me = coro.current()
        first = _statistics.numbers(me)[0]
        compute(100_000)
        assert _statistics.numbers(me)[0] >= first + 100_000

    def test_does_not_count_waiting(self, watched, parked):
        sleeper = parked()
        before = _statistics.numbers(sleeper)[0]
        compute(5_000_000)
        coro.sleep_relative(0.005)
        assert _statistics.numbers(sleeper)[0] == before

    def test_does_not_count_the_time_in_the_poll(self, watched):
        me = coro.current()
        before, began = _statistics.numbers(me)[0], _statistics.clock()
        coro.sleep_relative(0.05)
        assert _statistics.numbers(me)[0] - before < (_statistics.clock() - began) / 2

    def test_in_another_thread(self, watched, in_thread):
        def scenario():
            busy = coro.spawn(in_turns, 3, 1_000_000)
            busy.join()
            return _statistics.numbers(busy)[0]

        assert in_thread(scenario) >= 3_000_000

    def test_of_one_that_ran_already_when_somebody_came_to_watch(self):
        begun, go_on = threading.Event(), threading.Event()
        made = []

        def other():
            made.append(coro.current())
            begun.set()
            while not go_on.is_set():
                pass

        thread = threading.Thread(target=other)
        thread.start()
        begun.wait()
        _statistics.watch()
        compute(2_000_000)
        assert _statistics.numbers(made[0])[0] >= 2_000_000
        _statistics.unwatch()
        go_on.set()
        thread.join()
        made.clear()


class TestDelay:
    def test_is_the_time_in_the_ready_queue(self, watched):
        first = coro.spawn(compute, 3_000_000)
        second = coro.spawn(compute, 0)
        second.join()
        first.join()
        assert _statistics.numbers(first)[2] < _statistics.numbers(second)[2]
        _, delays, delay, longest = _statistics.numbers(second)
        assert delays == 1
        assert longest == delay >= 3_000_000

    def test_of_those_that_are_ready_already_when_somebody_comes_to_watch(self):
        co = coro.spawn(compute, 0)
        compute(5_000_000)
        began = _statistics.clock()
        _statistics.watch()
        co.join()
        _, delays, delay, _ = _statistics.numbers(co)
        assert delays == 1
        assert delay <= _statistics.clock() - began
        _statistics.unwatch()

    def test_does_not_count_running_on_after_a_wake(self, watched):
        """One that yields is put into the queue before it stops: it does not wait for itself."""
        co = coro.spawn(in_turns, 2, 1_000_000)
        coro.yield_slice()
        co.join()
        run, _, delay, _ = _statistics.numbers(co)
        assert delay < run

    def test_the_longest_and_the_sum(self, watched):
        co = coro.spawn(in_turns, 3, 0)
        for length in (1_000_000, 4_000_000, 2_000_000):
            compute(length)
            coro.yield_slice()
        co.join()
        _, delays, delay, longest = _statistics.numbers(co)
        assert delays in (3, 4)
        assert delay >= 7_000_000
        assert 4_000_000 <= longest < delay


class TestWatching:
    def test_nothing_is_counted_before_and_after(self):
        me = coro.current()
        assert _statistics.numbers(me) == (0, 0, 0, 0)
        coro.spawn(compute, 0).join()
        assert _statistics.numbers(me) == (0, 0, 0, 0)
        _statistics.watch()
        coro.spawn(compute, 0).join()
        assert _statistics.numbers(me) != (0, 0, 0, 0)
        _statistics.unwatch()
        coro.spawn(compute, 0).join()
        assert _statistics.numbers(me) == (0, 0, 0, 0)

    def test_ends_with_the_last_one(self, watched):
        co = coro.spawn(in_turns, 1, 0)
        _statistics.watch()
        _statistics.unwatch()
        co.join()
        assert _statistics.numbers(co)[1] == 1

    def test_begins_anew(self):
        me = coro.current()
        for _ in range(2):
            began = _statistics.clock()
            _statistics.watch()
            coro.spawn(compute, 100_000).join()
            assert 0 < _statistics.numbers(me)[0] <= _statistics.clock() - began
            _statistics.unwatch()

    def test_one_unwatch_too_many_does_nothing(self):
        _statistics.unwatch()
        assert _statistics.watchers() == 0

    def test_in_a_child(self, run):
        assert (
            run("""
                import os, coro
                from coro._inspection import _statistics
                from coro._inspection import _server
                _statistics.watch()
                child = os.fork()
                if not child:
                    coro.spawn(list).join()
                    assert _statistics.watchers() == 0
                    assert _statistics.numbers(coro.current()) == (0, 0, 0, 0)
                    os._exit(7)
                print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), _statistics.watchers())
            """)
            == "7 1\n"
        )


def test_clock_is_that_of_since(parked):
    co = parked()
    coro.sleep_relative(0.02)
    assert 0 < co.since <= _statistics.clock()
    assert _statistics.clock() > scheduler().main.since
