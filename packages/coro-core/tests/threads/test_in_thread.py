"""Real threads for programs: `coro._threads._in_thread`, and the way in from them."""

import _thread
import contextlib
import contextvars
import threading
import time
import traceback
import weakref

import pytest

import coro
from coro._threads._in_thread import ThreadPool, call_soon_threadsafe, run_in_thread, set_thread_limit
from coro.interface import Scheduler, scheduler
from gaps import before_line
from waiting import Gate, until, until_waiting


@pytest.fixture
def pool():
    made = ThreadPool(1)
    yield made
    made.shutdown()
    assert "0 calls" in repr(made)


class TestRunInThread:
    def test_gives_the_result(self):
        assert run_in_thread(divmod, 17, 5) == (3, 2)
        assert run_in_thread(int, "ff", base=16) == 255

    def test_runs_elsewhere_while_others_run(self):
        gate = Gate("result")
        coro.spawn(gate.open.set)
        assert run_in_thread(gate) == "result"
        assert run_in_thread(threading.get_ident) != threading.get_ident()

    def test_any_name_may_be_a_keyword(self):
        def take(**kwargs):
            return kwargs

        assert run_in_thread(take, fun=1, self=2, why=3) == {"fun": 1, "self": 2, "why": 3}

    def test_carries_context_variables(self):
        variable = contextvars.ContextVar("variable")
        variable.set("caller's")
        assert run_in_thread(variable.get) == "caller's"
        run_in_thread(variable.set, "thread's")
        assert variable.get() == "caller's"

    def test_raises_what_it_raises(self):
        def fail():
            raise LookupError("gone")

        with pytest.raises(LookupError) as info:
            run_in_thread(fail)
        names = [frame.name for frame in traceback.extract_tb(info.value.__traceback__)]
        assert names[0] == "test_raises_what_it_raises"
        assert names[-1] == "fail"

    @pytest.mark.parametrize("wrong", [None, 5, "len"])
    def test_what_cannot_be_called(self, wrong):
        with pytest.raises(TypeError, match="fun must be callable"):
            run_in_thread(wrong)

    def test_an_interrupt_leaves_it_to_end_by_itself(self):
        gate = Gate()
        co = coro.spawn(run_in_thread, gate)
        until(gate.begun)
        co.shutdown()
        co.join()
        assert isinstance(co.failure, coro.Shutdown)
        assert not gate.ended.is_set()
        gate.open.set()
        until(gate.ended)

    def test_no_reference_stays(self):
        class Thing:
            pass

        def keep(thing, fail):
            if fail:
                raise KeyError
            return thing

        for fail in (False, True):
            thing = Thing()
            reference = weakref.ref(thing)
            with contextlib.suppress(KeyError):
                run_in_thread(keep, thing, fail)
            del thing
            while reference() is not None:  # the real thread lets go of it in its own time
                coro.yield_slice()

    def test_the_limit(self):
        assert set_thread_limit(2) == 64
        try:
            gates = [Gate() for _ in range(3)]
            made = [coro.spawn(run_in_thread, gate) for gate in gates]
            until(gates[1].begun)
            until_waiting(made[2])
            assert not gates[2].begun.is_set()
            gates[0].open.set()
            until(gates[2].begun)
            for gate in gates:
                gate.open.set()
            for co in made:
                co.join()
        finally:
            assert set_thread_limit(64) == 2

    @pytest.mark.parametrize(
        ("wrong", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("1", TypeError)]
    )
    def test_wrong_limits(self, wrong, error):
        for attempt in (set_thread_limit, ThreadPool):
            with pytest.raises(error, match="limit"):
                attempt(wrong)
        assert set_thread_limit(64) == 64

    def test_many_at_once(self):
        made = [coro.spawn(run_in_thread, pow, n, 2) for n in range(300)]
        for co in made:
            co.join()
        assert [co.result() for co in made] == [n * n for n in range(300)]


class TestPool:
    def test_what_it_tells(self, pool):
        assert pool.limit == 1
        assert repr(pool) == "<ThreadPool: up to 1 threads, 0 calls>"

    def test_first_come_first_served(self, pool):
        order = []
        made = [coro.spawn(pool.run, order.append, n) for n in range(20)]
        for co in made:
            co.join()
        assert order == list(range(20))

    def test_an_interrupted_call_in_the_queue_never_begins(self, pool):
        gate, ran = Gate(), []
        first = coro.spawn(pool.run, gate)
        until(gate.begun)
        second = coro.spawn(pool.run, ran.append, 2)
        until_waiting(second)
        second.shutdown()
        second.join()
        gate.open.set()
        first.join()
        pool.run(list)
        assert ran == []

    def test_shutdown_waits_for_all_calls(self, pool):
        gate, ran = Gate(), []
        made = [coro.spawn(pool.run, gate), coro.spawn(pool.run, ran.append, 2)]
        for co in made:
            until_waiting(co)
        closing = coro.spawn(pool.shutdown)
        until_waiting(closing)
        assert closing.waiting[0] == "the calls of a ThreadPool"
        assert repr(pool) == "<ThreadPool: shut down, 2 calls>"
        gate.open.set()
        closing.join()
        assert ran == [2]  # it was queued
        for co in made:
            co.join()
            assert co.failure is None

    def test_shutdown_waits_for_calls_whose_callers_were_interrupted(self, pool):
        gate = Gate()
        co = coro.spawn(pool.run, gate)
        until(gate.begun)
        co.shutdown()
        co.join()
        coro.spawn(gate.open.set)
        pool.shutdown()
        assert gate.ended.is_set()

    def test_an_interrupted_shutdown(self, pool):
        gate = Gate()
        co = coro.spawn(pool.run, gate)
        until(gate.begun)
        with pytest.raises(coro.TimeoutError), coro.timeout(0.001):
            pool.shutdown()
        with pytest.raises(RuntimeError, match="shut down"):
            pool.run(list)
        gate.open.set()
        pool.shutdown()
        co.join()

    def test_several_may_wait_for_it_from_several_os_threads(self, pool):
        gate, ends = Gate(), []
        co = coro.spawn(pool.run, gate)
        until(gate.begun)
        threads = [threading.Thread(target=lambda: (pool.shutdown(), ends.append(1))) for _ in range(3)]
        for thread in threads:
            thread.start()
        closing = [coro.spawn(pool.shutdown) for _ in range(3)]
        for each in closing:
            until_waiting(each)
        gate.open.set()
        for each in closing:
            each.join()
        for thread in threads:
            thread.join()
        co.join()
        assert ends == [1] * 3

    def test_use_after_shutdown(self, pool):
        ran = []
        pool.shutdown()
        pool.shutdown()
        with pytest.raises(RuntimeError, match=r"shut down: make a new ThreadPool, or use coro\.run_in_thread"):
            pool.run(ran.append, 1)
        assert ran == []

    def test_as_a_block(self):
        with pytest.raises(KeyError), ThreadPool(2) as pool:
            co = coro.spawn(pool.run, divmod, 7, 2)
            coro.yield_slice()
            raise KeyError
        co.join()
        assert co.result() == (3, 1)
        with pytest.raises(RuntimeError, match="shut down"):
            pool.run(list)

    def test_shutdown_while_one_is_called(self):
        pool, called = ThreadPool(), []
        with (
            before_line(ThreadPool.run, "self._calls[call] = None", pool.shutdown),
            pytest.raises(RuntimeError, match="was shut down"),
        ):
            pool.run(called.append, None)
        assert called == []
        assert repr(pool) == "<ThreadPool: shut down, 0 calls>"

    def test_when_the_system_gives_no_thread(self, pool, monkeypatch):
        def refuse(*args):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr("coro._threads._real_threads._start_new_thread", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            pool.run(list)

    def test_interrupts_at_any_moment(self):
        """Each call ends once, and the pool sees the end of all."""
        counted = []
        pool = ThreadPool(3)
        for n in range(300):
            co = coro.spawn(pool.run, counted.append, n)
            for _ in range(n % 4):
                coro.yield_slice()
            co.shutdown()
        pool.shutdown()
        assert len(counted) == len(set(counted))
        assert repr(pool) == "<ThreadPool: shut down, 0 calls>"

    def test_fork(self, run):
        run("""
            import os, threading, coro
            from coro._threads._in_thread import ThreadPool, run_in_thread

            pool, begun, go = ThreadPool(1), threading.Event(), threading.Event()
            co = coro.spawn(pool.run, lambda: (begun.set(), go.wait()))
            while not begun.is_set():
                coro.yield_slice()
            queued = coro.spawn(pool.run, list)
            coro.yield_slice()
            import warnings
            warnings.simplefilter("ignore")
            child = os.fork()
            if not child:
                assert run_in_thread(divmod, 7, 2) == (3, 1)
                assert pool.run(divmod, 7, 2) == (3, 1)
                pool.shutdown()
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            go.set()
            pool.shutdown()
            queued.join()
            assert queued.result() == []
        """)


class TestCallSoonThreadsafe:
    def in_plain_thread(self, function):
        """A thread that neither coro nor threading knows of."""
        _thread.start_new_thread(function, ())

    def test_from_a_thread_without_a_scheduler(self):
        seen, schedulers = [], len(coro._scheduler.all_schedulers())
        main = coro.current()

        def other():
            call_soon_threadsafe(seen.append, 1)
            call_soon_threadsafe(lambda: seen.append(threading.get_ident()))
            call_soon_threadsafe(main.schedule)

        self.in_plain_thread(other)
        scheduler().wait()
        assert seen == [1, threading.get_ident()]
        assert len(coro._scheduler.all_schedulers()) == schedulers

    def test_wakes_one_that_sleeps_in_a_poll(self):
        main = coro.current()

        def other():
            while not main.scheduler.asleep:
                time.sleep(0)
            call_soon_threadsafe(main.schedule, "up")

        self.in_plain_thread(other)
        assert coro.sleep_relative(3600) == "up"

    def test_order_is_kept(self):
        seen, threads_count, calls = [], 4, 500

        def other(n):
            for i in range(calls):
                call_soon_threadsafe(seen.append, (n, i))

        threads = [threading.Thread(target=other, args=(n,)) for n in range(threads_count)]
        for thread in threads:
            thread.start()
        while len(seen) < threads_count * calls:
            coro.yield_slice()
        for thread in threads:
            thread.join()
        for n in range(threads_count):
            assert [i for m, i in seen if m == n] == list(range(calls))

    def test_it_may_wait(self):
        seen = []
        call_soon_threadsafe(lambda: (coro.sleep_relative(0.001), seen.append("first")))
        call_soon_threadsafe(seen.append, "second")
        while len(seen) < 2:
            coro.yield_slice()
        assert seen == ["second", "first"]

    def test_an_error_is_told(self, quiet):
        def fail():
            raise KeyError

        call_soon_threadsafe(fail)
        coro.yield_slice()
        assert [type(error) for error in quiet] == [KeyError]

    @pytest.mark.parametrize("wrong", [None, 5])
    def test_what_cannot_be_called(self, wrong):
        with pytest.raises(TypeError, match="fun must be callable"):
            call_soon_threadsafe(wrong)
        with pytest.raises(TypeError, match="fun must be callable"):
            scheduler().call_soon_threadsafe(wrong)

    def test_of_another_scheduler(self):
        there, begun, seen = [], threading.Event(), []

        def other():
            there.append(scheduler())
            me = coro.current()
            there.append(me)
            begun.set()
            scheduler().wait()

        thread = threading.Thread(target=other)
        thread.start()
        begun.wait()
        there[0].call_soon_threadsafe(lambda: seen.append(threading.get_ident()))
        while not seen:
            pass
        assert seen == [thread.ident]
        there[0].call_soon_threadsafe(there[0].wake, there[1])
        thread.join()
        with pytest.raises(coro.DeadCoroutine):
            there[0].call_soon_threadsafe(list)
        there.clear()

    def test_is_part_of_the_protocol(self):
        assert isinstance(scheduler(), Scheduler)

    def test_without_a_scheduler_in_the_main_thread(self, run):
        out = run("""
            import threading, coro
            from coro._threads._in_thread import call_soon_threadsafe

            def other():
                try:
                    call_soon_threadsafe(print, 1)
                except coro.ScheduleError as error:
                    print(error)

            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            call_soon_threadsafe(print, "from the main thread itself")
            coro.yield_slice()
        """)
        first, second = out.splitlines()
        assert "main thread has no scheduler" in first
        assert second == "from the main thread itself"
