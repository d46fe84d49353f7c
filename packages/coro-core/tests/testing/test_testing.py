"""The tools for tests, tested."""

import contextlib
import os
import threading
import time

import pytest

import coro
from coro.interface import RealThreads, scheduler
from coro.testing import LeakError, counts, find_race, leak_check, shuffled, virtual_clock, wait_all_blocked


class TestVirtualClock:
    def test_hours_take_no_time(self):
        before = time.monotonic()
        with virtual_clock():
            coro.sleep_relative(10**7)
        assert time.monotonic() - before < 60

    def test_time_stands_still_otherwise(self):
        with virtual_clock():
            moment = coro.now()
            time.sleep(0)
            for _ in range(100):
                coro.yield_slice()
            assert coro.now() == moment

    def test_it_begins_now_and_ends_now(self):
        before = time.monotonic_ns()
        with virtual_clock():
            assert before <= coro.now() <= time.monotonic_ns()
            coro.sleep_relative(1000)
        assert coro.now() <= time.monotonic_ns()

    def test_not_within_itself(self):
        with virtual_clock():
            with pytest.raises(RuntimeError, match="on already"), virtual_clock():
                pass
            coro.sleep_relative(100)  # still virtual

    def test_news_of_descriptors_comes_before_a_jump(self, pipe, virtual):
        os.write(pipe[1], b"x")
        before = coro.now()
        assert scheduler().wait_for_descriptor(pipe[0], 1, 100) == 1
        assert coro.now() == before

    def test_other_threads_have_their_own_clock(self, virtual, in_thread):
        coro.sleep_relative(10**6)
        assert in_thread(coro.now) < coro.now()

    def test_an_error_inside_is_not_hidden(self):
        # A failing test has no chance to tidy up first.
        try:
            with pytest.raises(ZeroDivisionError), virtual_clock():
                sleeper = coro.spawn(coro.sleep_relative, 100)
                coro.yield_slice()
                raise ZeroDivisionError
        finally:
            sleeper.shutdown()
            sleeper.join()
        with virtual_clock():  # it is off, so it can be switched on
            pass

    def test_a_dead_end_is_told(self, virtual):
        coro.spawn(coro.sleep_relative, 3600)
        stuck = coro.spawn(scheduler().wait, "godot", thread_name="vladimir")
        before = coro.now()
        with pytest.raises(coro.DeadlockError, match=r"'vladimir' waiting \(godot\)"):
            scheduler().wait("estragon")
        assert coro.now() - before == 3600 * 10**9  # the sleeper went first
        stuck.shutdown()
        stuck.join()

    def test_without_a_timer_it_waits_for_a_real_thread(self, virtual):
        go = threading.Event()
        threads = RealThreads(1)
        waiter = coro.spawn(threads.call, "a thread", go.wait)
        wait_all_blocked()
        before = coro.now()
        threading.Timer(0.01, go.set).start()
        waiter.join()
        assert waiter.result() is True
        assert coro.now() == before
        while threads.running or threading.active_count() > 1:
            coro.yield_slice()

    def test_a_timer_comes_before_a_real_thread(self, virtual):
        go = threading.Event()
        threads = RealThreads(1)
        with pytest.raises(coro.TimeoutError):
            coro.with_timeout(3600, threads.call, "a thread", go.wait)
        go.set()
        while threads.running or threading.active_count() > 1:
            coro.yield_slice()


class TestWaitAllBlocked:
    def test_all_others_wait_then(self, virtual):
        log = []

        def work(turns):
            for _ in range(turns):
                coro.yield_slice()
            log.append(turns)
            coro.sleep_relative(1)

        workers = [coro.spawn(work, turns) for turns in (300, 3, 0)]
        before = coro.now()
        wait_all_blocked()
        assert log == [0, 3, 300]
        assert all(co.waiting for co in workers)
        assert coro.now() == before
        for co in workers:
            co.join()

    def test_with_nobody_else(self):
        wait_all_blocked()

    def test_what_is_due_comes_first(self, pipe, virtual):
        reader = coro.spawn(scheduler().wait_for_descriptor, pipe[0], 1)
        sleeper = coro.spawn(coro.sleep_relative, 0)
        wait_all_blocked()
        assert sleeper.dead
        assert not reader.dead
        os.write(pipe[1], b"x")
        wait_all_blocked()
        assert reader.dead

    def test_those_that_run_afterwards_are_waited_for(self):
        # One that is woken wakes another, and so on: all of it is one wait.
        def chain(length):
            if length:
                coro.spawn(chain, length - 1).join()
            log.append(length)

        log = []
        coro.spawn(chain, 50)
        wait_all_blocked()
        assert log == list(range(51))

    def test_several_may_wait_here(self):
        log = []
        for number in range(3):
            coro.spawn(lambda number=number: (wait_all_blocked(), log.append(number)))
        wait_all_blocked()
        wait_all_blocked()
        assert sorted(log) == [0, 1, 2]

    def test_it_can_be_interrupted(self, virtual):
        def busy():
            while True:
                coro.yield_slice()

        def wait():
            try:
                wait_all_blocked()
            finally:
                log.append("interrupted")

        log = []
        worker = coro.spawn(busy)
        waiter = coro.spawn(wait)
        for _ in range(3):
            coro.yield_slice()
        waiter.shutdown()
        waiter.join()
        assert log == ["interrupted"]
        worker.shutdown()
        wait_all_blocked()  # nothing of it is left
        assert worker.dead


def add_up(log):
    """Three coroutines add 1 each to a number. One of them yields in between, and so loses what
    others add meanwhile; but not if it comes last, as it does when all take turns."""
    total = 0

    def careful(name):
        nonlocal total
        coro.yield_slice()
        log.append(name)
        total += 1

    def careless():
        nonlocal total
        coro.yield_slice()
        seen = total
        log.append("reads")
        coro.yield_slice()
        log.append("writes")
        total = seen + 1

    workers = [coro.spawn(careful, "one"), coro.spawn(careful, "other"), coro.spawn(careless)]
    for co in workers:
        co.join()
        co.result()
    assert total == 3


def order_of(seed):
    """The order in which the seed lets things happen."""
    log = []
    with virtual_clock(), shuffled(seed), contextlib.suppress(AssertionError):
        add_up(log)
    return log


def seed_told(error):
    [note] = error.__notes__
    return int(note.removeprefix("found with shuffled(seed=").removesuffix(")"))


@pytest.fixture
def no_seed_given(monkeypatch):
    monkeypatch.delenv("CORO_SHUFFLE_SEED", raising=False)


@pytest.mark.usefixtures("no_seed_given")
class TestShuffled:
    def test_without_it_the_race_is_not_seen(self):
        for _ in range(10):
            log = []
            add_up(log)
            assert log == ["one", "other", "reads", "writes"]

    def test_a_seed_is_an_order(self):
        orders = {seed: order_of(seed) for seed in range(50)}
        assert len({tuple(order) for order in orders.values()}) == 12  # all that are possible
        for seed, order in orders.items():
            for _ in range(5):
                assert order_of(seed) == order

    def test_an_order_does_not_depend_on_when_it_is_tried(self):
        # Many turns, over many ticks of the kernel's clock, at each of which the timers are looked at.
        def work(number):
            for _ in range(200):
                coro.yield_slice()
                log.append(number)
                coro.sleep_relative(number)

        orders = []
        for _ in range(3):
            log = []
            with virtual_clock(), shuffled(7):
                workers = [coro.spawn(work, number) for number in range(10)]
                for co in workers:
                    co.join()
            orders.append(log)
        assert orders[0] == orders[1] == orders[2]

    def test_an_order_does_not_depend_on_how_fast_one_runs_alone(self):
        orders = set()
        for _ in range(30):
            log = []
            with virtual_clock(), shuffled(7):
                for _ in range(2000):  # with nobody to choose from
                    coro.yield_slice()
                for number in range(8):
                    coro.spawn(log.append, number)
                wait_all_blocked()
            orders.add(tuple(log))
        assert len(orders) == 1

    def test_a_failure_tells_the_seed(self):
        with pytest.raises(ZeroDivisionError) as caught, shuffled(123):
            raise ZeroDivisionError
        assert caught.value.__notes__ == ["found with shuffled(seed=123)"]

    def test_so_does_an_interrupt(self):
        def work():
            with shuffled(5):
                scheduler().wait()

        worker = coro.spawn(work)
        wait_all_blocked()
        worker.shutdown()
        worker.join()
        assert worker.failure.__notes__ == ["found with shuffled(seed=5)"]
        with shuffled(5):  # it is off, so it can be switched on
            pass

    def test_the_seed_is_new_each_time(self):
        with shuffled() as one:
            pass
        with shuffled() as other:
            pass
        assert one != other

    def test_the_environment_can_give_the_seed(self, monkeypatch):
        monkeypatch.setenv("CORO_SHUFFLE_SEED", "17")
        with shuffled() as seed:
            assert seed == 17
        with shuffled(18) as seed:  # one that is given wins
            assert seed == 18
        monkeypatch.setenv("CORO_SHUFFLE_SEED", "")
        with shuffled() as seed:
            assert seed != 17

    def test_the_environment_says_nonsense(self, monkeypatch):
        monkeypatch.setenv("CORO_SHUFFLE_SEED", "tuesday")
        with pytest.raises(ValueError, match="CORO_SHUFFLE_SEED must be an integer, not 'tuesday'"), shuffled():
            pass

    def test_not_within_itself(self):
        with shuffled():
            with pytest.raises(RuntimeError, match="shuffled already"), shuffled():
                pass
            with pytest.raises(RuntimeError, match="shuffled already"), shuffled():
                pass

    def test_other_threads_keep_their_order(self, in_thread):
        def both():
            with shuffled(1):
                pass
            log = []
            add_up(log)
            return log

        with shuffled(0):
            assert in_thread(both) == ["one", "other", "reads", "writes"]

    def test_afterwards_it_is_first_come_first_served_again(self):
        order_of(0)
        log = []
        for number in range(100):
            coro.spawn(log.append, number)
        wait_all_blocked()
        assert log == list(range(100))


@pytest.mark.usefixtures("no_seed_given")
class TestFindRace:
    def test_it_is_found_and_found_again(self):
        logs = []

        def run():
            log = []
            logs.append(log)
            add_up(log)

        with pytest.raises(AssertionError) as caught:
            find_race(run, range(50))
        seed = seed_told(caught.value)
        assert len(logs) == seed + 1  # it was the first that failed
        for _ in range(5):
            assert order_of(seed) == logs[-1]

    def test_there_is_none(self):
        calls = []
        find_race(lambda: calls.append(coro.spawn(list).join()))
        assert len(calls) == 200

    def test_a_dead_end_is_one(self):
        def run():
            # Each takes the two in an order of its own, so they may come to wait for each other.
            held = {"fork": None, "spoon": None}

            def take(thing):
                while held[thing] is not None:
                    waiting.append(coro.current())
                    scheduler().wait(f"the {thing}")
                held[thing] = coro.current()

            def eat(first, second):
                take(first)
                coro.yield_slice()
                take(second)
                held[first] = held[second] = None
                while waiting:
                    scheduler().wake(waiting.pop())

            waiting = []
            eaters = [coro.spawn(eat, "fork", "spoon"), coro.spawn(eat, "spoon", "fork")]
            for co in eaters:
                co.join()

        with pytest.raises(coro.DeadlockError, match="the fork") as caught:
            find_race(run)
        seed_told(caught.value)

    def test_the_environment_chooses_the_only_order(self, monkeypatch):
        monkeypatch.setenv("CORO_SHUFFLE_SEED", "1234567")
        calls = []
        with pytest.raises(ZeroDivisionError) as caught:
            find_race(lambda: calls.append(1 / 0))
        assert seed_told(caught.value) == 1234567
        find_race(lambda: calls.append(1))
        assert calls == [1]

    def test_an_hour_takes_no_time(self):
        find_race(lambda: coro.sleep_relative(3600), range(5))

    def test_what_one_run_leaves_is_gone_before_the_next(self):
        def run():
            assert len(coro.all_threads) == before
            coro.spawn(coro.sleep_relative, 3600)

        before = len(coro.all_threads)
        find_race(run, range(5))
        assert len(coro.all_threads) == before


class TestLeakCheck:
    def test_nothing_left(self):
        with leak_check():
            coro.spawn(list).join()

    def test_a_coroutine(self):
        with pytest.raises(LeakError, match="1 coroutines"), leak_check():
            co = coro.spawn(lambda: scheduler().wait())
            coro.yield_slice()
        co.schedule()
        co.join()

    def test_a_timer(self):
        with pytest.raises(LeakError, match="1 timers"), leak_check():
            co = coro.spawn(coro.sleep_relative, 3600)
            coro.yield_slice()
        co.schedule()
        co.join()

    def test_descriptors(self):
        with pytest.raises(LeakError, match="2 open descriptors"), leak_check():
            ends = os.pipe()
        for fd in ends:
            os.close(fd)

    def test_a_registration(self, pipe):
        with pytest.raises(LeakError, match="1 descriptors"), leak_check():
            scheduler().wait_for_descriptor(pipe[1], 2)

    def test_a_thread(self):
        go = threading.Event()
        with pytest.raises(LeakError, match="1 OS threads"), leak_check():
            thread = threading.Thread(target=go.wait)
            thread.start()
        go.set()
        thread.join()

    def test_what_is_left_has_a_name(self, pipe):
        go = threading.Event()
        with pytest.raises(LeakError) as caught, leak_check():
            co = coro.spawn(coro.sleep_relative, 3600, thread_name="sloth")
            thread = threading.Thread(target=go.wait, name="spider")
            thread.start()
            coro.yield_slice()
            fd = os.dup(pipe[0])
        go.set()
        thread.join()
        os.close(fd)
        co.shutdown()
        co.join()
        for name in ("'sloth' waiting", "OS thread 'spider'", f"descriptor {fd}: pipe:"):
            assert name in str(caught.value)

    def test_an_error_inside_is_not_hidden(self):
        with pytest.raises(ZeroDivisionError), leak_check():
            co = coro.spawn(lambda: scheduler().wait())
            raise ZeroDivisionError
        co.shutdown()

    def test_counts(self):
        assert counts()["coroutines"] == coro.get_live_coros()
        assert set(counts()) >= {"coroutines", "ready", "timers", "OS threads"}
