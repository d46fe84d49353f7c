"""Blocking functions in real threads: `coro._threads._real_threads`."""

import contextvars
import os
import threading
import time
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coro
from coro.interface import RealThreads, scheduler
from gaps import before_line
from waiting import Gate, until, until_waiting


@pytest.fixture
def threads():
    made = RealThreads(2)
    yield made
    until_idle(made)


def until_idle(threads):
    while threads.running:
        coro.yield_slice()


def occupied():
    """One thread, which works until a gate opens; the gate; the coroutine that waits for it."""
    threads, gate = RealThreads(1), Gate()
    first = coro.spawn(threads.call, "test", gate)
    until(gate.begun)
    return threads, gate, first


class TestACall:
    def test_gives_what_the_function_returns(self, threads):
        assert threads.call("test", divmod, 17, 5) == (3, 2)

    def test_runs_elsewhere(self, threads):
        assert threads.call("test", threading.get_ident) != threading.get_ident()

    def test_lets_others_run(self, threads):
        gate = Gate("result")
        co = coro.spawn(threads.call, "lunch", gate)
        until(gate.begun)
        assert co.waiting == ("lunch", None)
        gate.open.set()
        co.join()
        assert co.result() == "result"

    def test_of_the_main_coroutine_lets_others_run(self, threads):
        gate = Gate()
        coro.spawn(gate.open.set)
        threads.call("test", gate)

    def test_sees_the_context_of_its_caller_and_leaves_it(self, threads):
        variable = contextvars.ContextVar("variable")

        def look():
            seen = variable.get()
            variable.set("the thread's")
            return seen

        variable.set("the caller's")
        assert threads.call("test", look) == "the caller's"
        assert variable.get() == "the caller's"

    def test_raises_what_the_function_raises(self, threads):
        def fail():
            raise LookupError("gone")

        with pytest.raises(LookupError, match="gone") as caught:
            threads.call("test", fail)
        assert [each.name for each in caught.traceback][-1] == "fail"

    @pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, coro.Shutdown, StopIteration])
    def test_raises_whatever_that_is(self, threads, kind):
        def fail():
            raise kind

        with pytest.raises(kind):
            threads.call("test", fail)

    def test_leaves_no_cycle_of_references(self, threads, no_collector):
        class Thing:
            pass

        def fail(thing):
            raise LookupError(thing)

        def scenario():
            thing = Thing()
            with pytest.raises(LookupError):
                threads.call("test", fail, thing)
            return weakref.ref(thing)

        reference = scenario()
        until_idle(threads)
        assert reference() is None

    def test_leaves_its_arguments_and_its_result_to_the_caller_s_thread(self, threads, quick_switches):
        class Thing:
            def __del__(self):
                died_in.append(threading.get_ident())

        died_in = []
        for _ in range(500):
            threads.call("test", lambda thing: Thing(), Thing())
        until_idle(threads)
        assert died_in == [threading.get_ident()] * 1000

    def test_goes_on_waiting_when_woken_for_nothing(self, threads):
        gate = Gate(7)
        co = coro.spawn(threads.call, "test", gate)
        until(gate.begun)
        for _ in range(3):
            assert scheduler().wake(co)
            coro.yield_slice()
        assert co.waiting == ("test", None)
        gate.open.set()
        co.join()
        assert co.result() == 7

    def test_whose_outcome_comes_just_before_it_waits_is_woken(self, threads):
        def let_it_come():
            gate.open.set()
            while threads.running:
                time.sleep(0)

        gate = Gate(7)
        with coro.timeout(60), before_line(RealThreads.call, "job.settled.wait()", let_it_come):
            assert threads.call("test", gate) == 7

    def test_whose_outcome_comes_while_a_finalizer_waits_is_woken(self, threads):
        """One that is run just before the wait of the call."""
        gate = Gate(7)

        def finalize():
            gate.open.set()
            with pytest.raises(coro.TimeoutError):
                coro.with_timeout(0.01, scheduler().wait)

        with coro.timeout(60), before_line(RealThreads.call, "job.settled.wait()", finalize):
            assert threads.call("test", gate) == 7

    def test_inside_the_scheduler_is_refused(self, threads, finalizer):
        log, ran = [], []
        coro.spawn(lambda: finalizer(lambda: threads.call("test", ran.append, 1), log))
        coro.yield_slice()
        assert "inside the scheduler" in str(log.pop())
        assert (threads.queued, ran) == (0, [])


class TestTheLimit:
    @pytest.mark.parametrize("wrong", [0, -1])
    def test_is_at_least_one(self, wrong):
        with pytest.raises(ValueError, match="limit must be 1 or more"):
            RealThreads(wrong)

    @pytest.mark.parametrize("wrong", [1.5, "2", None])
    def test_is_a_number(self, wrong):
        with pytest.raises(TypeError, match="limit must be an int"):
            RealThreads(wrong)

    def test_is_kept(self, threads):
        gates = [Gate(number) for number in range(5)]
        calls = [coro.spawn(threads.call, "test", gate) for gate in gates]
        until(gates[0].begun)
        until(gates[1].begun)
        assert repr(threads) == "<RealThreads: 2 of 2 run, 3 jobs queued>"
        for gate in gates:
            assert gate.begun.is_set() or threads.queued
            until(gate.begun)
            gate.open.set()
        for co in calls:
            co.join()
        assert [co.result() for co in calls] == list(range(5))

    def test_holds_the_first_back_least(self):
        threads, gate, first = occupied()
        order = []
        calls = [coro.spawn(threads.call, "test", order.append, number) for number in range(20)]
        until_waiting(calls[-1])
        gate.open.set()
        for co in [first, *calls]:
            co.join()
        assert order == list(range(20))
        until_idle(threads)

    def test_one_thread_takes_one_job_after_another_and_ends(self):
        threads, gate, first = occupied()
        calls = [coro.spawn(threads.call, "test", threading.get_native_id) for _ in range(5)]
        until_waiting(calls[-1])
        gate.open.set()
        for co in [first, *calls]:
            co.join()
        (number,) = {co.result() for co in calls}
        while os.path.exists(f"/proc/self/task/{number}"):
            coro.yield_slice()
        assert (threads.running, threads.queued) == (0, 0)

    @given(limit=st.integers(1, 4), lengths=st.lists(st.integers(0, 3), max_size=20))
    def test_is_never_exceeded(self, limit, lengths):
        threads, busy, most = RealThreads(limit), [], []

        def work(length):
            busy.append(None)
            most.append(len(busy))
            for _ in range(length):
                time.sleep(0)
            busy.pop()
            return length

        calls = [coro.spawn(threads.call, "test", work, length) for length in lengths]
        for co in calls:
            co.join()
        assert [co.result() for co in calls] == lengths
        assert max(most, default=0) <= limit
        until_idle(threads)


class TestAnInterrupt:
    def test_leaves_the_function_to_its_end(self, threads):
        gate = Gate("dropped")
        co = coro.spawn(threads.call, "test", gate)
        until(gate.begun)
        co.shutdown()
        co.join()
        assert not gate.ended.is_set()
        gate.open.set()
        until(gate.ended)
        until_idle(threads)

    def test_gives_the_thread_back(self):
        threads = RealThreads(1)
        for _ in range(3):
            gate = Gate()
            co = coro.spawn(threads.call, "test", gate)
            until(gate.begun)
            co.shutdown()
            co.join()
            gate.open.set()
        assert threads.call("test", int, "7") == 7
        until_idle(threads)

    def test_takes_a_job_that_has_not_begun_out_of_the_queue(self):
        threads, gate, first = occupied()
        ran = []
        calls = [coro.spawn(threads.call, "test", ran.append, number) for number in range(3)]
        until_waiting(calls[-1])
        calls[1].shutdown()
        calls[1].join()
        assert threads.queued == 2
        gate.open.set()
        for co in [first, *calls]:
            co.join()
        assert ran == [0, 2]
        until_idle(threads)

    def test_of_thousands_takes_little_time(self):
        threads, gate, first = occupied()
        calls = [coro.spawn(threads.call, "test", int) for _ in range(20_000)]
        until_waiting(calls[-1])
        assert threads.queued == 20_000
        with coro.timeout(30):
            for co in reversed(calls):
                co.shutdown()
            for co in calls:
                co.join()
        assert threads.queued == 0
        gate.open.set()
        first.join()
        until_idle(threads)

    def test_drops_an_exception_without_a_word(self, threads, capfd):
        gate, died = Gate(), threading.Event()

        class Wrong(Exception):
            def __del__(self):
                died.set()

        def fail():
            gate()
            raise Wrong

        co = coro.spawn(threads.call, "test", fail)
        until(gate.begun)
        co.shutdown()
        co.join()
        gate.open.set()
        until(died)
        until_idle(threads)
        assert capfd.readouterr() == ("", "")

    def test_does_not_disturb_the_caller_s_next_wait(self, threads):
        gate = Gate()

        def scenario():
            with pytest.raises(coro.WakeUp):
                threads.call("test", gate)
            return scheduler().wait("something else")

        co = coro.spawn(scenario)
        until(gate.begun)
        co.raise_exception(coro.WakeUp)
        while co.waiting != ("something else", None):
            coro.yield_slice()
        gate.open.set()
        until_idle(threads)
        coro.yield_slice()
        assert co.waiting == ("something else", None)
        co.schedule()
        co.join()

    def test_may_be_a_time_limit(self, threads):
        gate = Gate()
        with pytest.raises(coro.TimeoutError), coro.timeout(0.001):
            threads.call("test", gate)
        gate.open.set()


class TestNoThread:
    """In programs of their own: up to 3.13 at least, Python goes on counting a thread that it could
    not start. A stack larger than any memory is what the system cannot give."""

    def test_is_an_error_of_the_caller(self, run):
        run("""
            import _thread
            from coro.interface import RealThreads

            threads = RealThreads(2)
            _thread.stack_size(1 << 46)
            for _ in range(3):  # and nothing of the limit is used up
                try:
                    threads.call("test", int)
                except RuntimeError as error:
                    assert "can't start new thread" in str(error)
                else:
                    raise AssertionError
            assert (threads.running, threads.queued) == (0, 0)
            _thread.stack_size(0)
            assert threads.call("test", int, "7") == 7
        """)

    def test_is_no_error_while_one_runs(self, run):
        run("""
            import _thread, threading, coro
            from coro.interface import RealThreads

            threads, begun, go = RealThreads(2), threading.Event(), threading.Event()
            first = coro.spawn(threads.call, "test", lambda: begun.set() or go.wait())
            while not begun.is_set():
                coro.yield_slice()
            _thread.stack_size(1 << 46)
            second = coro.spawn(threads.call, "test", int, "7")
            while second.waiting is None:
                coro.yield_slice()
            assert (threads.running, threads.queued) == (1, 1)
            go.set()
            second.join()
            assert second.result() == 7
            first.join()
        """)


class TestSeveralOSThreads:
    def test_share_one(self, threads, quick_switches):
        results = []

        def scenario():
            calls = [coro.spawn(threads.call, "test", int, str(number)) for number in range(50)]
            for co in calls:
                co.join()
            results.append([co.result() for co in calls])

        others = [threading.Thread(target=scenario) for _ in range(4)]
        for each in others:
            each.start()
        scenario()
        for each in others:
            each.join()
        assert results == [list(range(50))] * 5

    def test_one_that_ends_leaves_nothing_behind(self, threads, in_thread):
        gate = Gate()

        def scenario():
            coro.spawn(threads.call, "test", gate)
            coro.spawn(threads.call, "test", gate)
            co = coro.spawn(threads.call, "test", gate)
            until_waiting(co)
            until(gate.begun)

        in_thread(scenario)
        assert threads.queued == 0
        gate.open.set()


def test_a_dead_end_is_seen_when_the_thread_has_ended(run):
    run("""
        import os, coro
        from coro.interface import RealThreads, scheduler

        assert RealThreads(1).call("test", int, "7") == 7
        while len(os.listdir("/proc/self/task")) > 1:
            pass
        try:
            scheduler().wait()
        except coro.DeadlockError:
            pass
        else:
            raise AssertionError
    """)


def test_the_end_of_the_program_waits_for_none(run):
    run("""
        import time, coro
        from coro.interface import RealThreads

        threads = RealThreads(1)
        coro.spawn(threads.call, "test", time.sleep, 3600)
        while not threads.running:
            coro.yield_slice()
    """)


class TestFork:
    def test_gives_the_child_none_of_the_parent_s_jobs(self, run):
        run("""
            import os, threading, warnings, coro
            from coro.interface import RealThreads

            warnings.simplefilter("ignore", DeprecationWarning)  # about threads and forking

            threads, go, ran = RealThreads(1), threading.Event(), []
            calls = [coro.spawn(threads.call, "test", f) for f in (go.wait, lambda: ran.append(1))]
            while threads.queued != 1:
                coro.yield_slice()
            child = os.fork()
            if not child:
                assert (threads.running, threads.queued) == (0, 0)
                assert threads.call("test", int, "7") == 7
                assert ran == []
                os._exit(3)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
            go.set()
            for co in calls:
                co.join()
            assert ran == [1]
        """)

    def test_in_a_thread_leaves_the_queue_to_the_parent(self, run):
        out = run("""
            import os, warnings, coro
            from coro.interface import RealThreads

            warnings.simplefilter("ignore", DeprecationWarning)  # about threads and forking
            threads = RealThreads(1)
            forking = coro.spawn(threads.call, "test", os.fork)  # the child's thread goes on, too
            printing = coro.spawn(threads.call, "test", lambda: print("once", flush=True))
            printing.join()
            forking.join()
            assert os.waitpid(forking.result(), 0)[1] == 0
        """)
        assert out == "once\n"
