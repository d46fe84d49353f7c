"""Several OS threads, each with its scheduler, and wake-ups between them."""

import _thread
import contextvars
import gc
import sys
import threading
import weakref

import pytest

import coro
from coro import _pollers
from coro._scheduler import all_schedulers
from coro.interface import scheduler


class TestEach:
    def test_has_its_own(self, in_thread):
        def scenario():
            assert scheduler() is scheduler()
            assert coro.current() is scheduler().main
            assert coro.current().name.startswith("main of ")
            assert coro.current().id in coro.all_threads
            return id(scheduler()), scheduler().main.id

        ours = id(scheduler())
        theirs, main = in_thread(scenario)
        assert theirs != ours
        assert main not in coro.all_threads

    def test_one_that_was_made_while_it_is_made_stays(self, in_thread, monkeypatch):
        """A finalizer or a signal's handler may use coro first."""
        poller_class = _pollers.poller_class
        early, log = [], []

        def spawn_meanwhile():
            monkeypatch.undo()
            early.append(coro.spawn(log.append, "ran"))
            return poller_class()

        def scenario():
            monkeypatch.setattr(_pollers, "poller_class", spawn_meanwhile)
            here = scheduler()
            assert early[0].scheduler is here
            assert coro.current() is here.main
            early[0].join()
            return log

        schedulers = all_schedulers()
        assert in_thread(scenario) == ["ran"]
        assert all_schedulers() == schedulers

    def test_runs_its_own_coroutines(self):
        def scenario():
            seen = []
            made = [coro.spawn(lambda: seen.append(threading.get_ident())) for _ in range(100)]
            for co in made:
                co.join()
            assert seen == [threading.get_ident()] * 100
            ends.append(True)

        ends = []
        threads = [threading.Thread(target=scenario) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ends) == 8

    def test_starts_in_the_thread_that_made_it(self, in_thread):
        ran = []
        co = coro.new(lambda: ran.append(threading.get_ident()))
        in_thread(co.start)
        co.join()
        assert ran == [threading.get_ident()]

    def test_many_threads_come_and_go(self, in_thread):
        for _ in range(50):
            assert in_thread(lambda: ends(lambda: 7)) == 7

    def test_a_thread_without_coro_costs_nothing(self, in_thread):
        before = coro.get_live_coros()
        assert in_thread(coro.get_live_coros) == before


def ends(function):
    co = coro.spawn(function)
    co.join()
    return co.result()


class TestAcross:
    def test_join(self, quick_switches):
        go = threading.Event()
        made = []

        def other():
            made.append(coro.spawn(lambda: 5))
            go.set()
            made[0].join()

        thread = threading.Thread(target=other)
        thread.start()
        go.wait()
        made[0].join()
        assert made[0].result() == 5
        thread.join()
        made.clear()

    def test_join_while_garbage_is_collected(self, run):
        """Up to 3.11 a new object may have it collected, and finalizers let other threads run."""
        run("""
            import gc, threading, coro

            class Garbage:
                def __init__(self, finalize):
                    self.me, self.finalize = self, finalize

                def __del__(self):
                    self.finalize()

            def join_two(after):
                target, waits = coro.spawn(coro.yield_slice), []

                def other():
                    waits.append(coro.current())
                    target.join()

                def meanwhile():
                    thread.start()
                    while not waits or waits[0].waiting is None and not waits[0].dead:
                        pass

                thread = threading.Thread(target=other)
                Garbage(meanwhile)
                gc.set_threshold(after)
                gc.enable()
                target.join()
                gc.disable()
                gc.collect()
                thread.join(60)
                assert not thread.is_alive()

            coro.current()
            gc.disable()
            gc.collect()
            gc.freeze()
            for after in range(1, 40):
                join_two(after)
        """)

    def test_join_of_one_whose_thread_sleeps(self):
        made = []
        begun = threading.Event()

        def other():
            made.append(coro.spawn(coro.sleep_relative, 3600))
            begun.set()
            made[0].join()

        thread = threading.Thread(target=other)
        thread.start()
        begun.wait()
        while made[0].waiting is None:
            pass
        made[0].schedule("up")
        made[0].join()
        assert made[0].result() == "up"
        thread.join()
        made.clear()

    def test_spawn(self):
        """In the thread of a scheduler, from any other."""
        ran = []
        here = scheduler()
        main = coro.current()
        done = coro.new(main.schedule)

        def other():
            co = here.spawn(lambda *a, **k: ran.append((threading.get_ident(), a, k)), 1, thread_name="far", a=2)
            assert co.name == "far"
            assert co.scheduler is here
            co.join()
            done.start()

        thread = threading.Thread(target=other)
        thread.start()
        here.wait()
        thread.join()
        done.join()
        assert ran == [(threading.get_ident(), (1,), {"a": 2})]

    def test_spawn_where_the_thread_has_ended(self, in_thread):
        there = in_thread(scheduler)
        before = set(coro.all_threads)
        with pytest.raises(coro.DeadCoroutine):
            there.spawn(list)
        assert set(coro.all_threads) == before

    def test_shutdown(self):
        made = []
        begun = threading.Event()

        def other():
            made.append(coro.spawn(coro.sleep_relative, 3600))
            begun.set()
            made[0].join()

        thread = threading.Thread(target=other)
        thread.start()
        begun.wait()
        made[0].shutdown()
        thread.join()
        assert isinstance(made[0].failure, coro.Shutdown)
        made.clear()

    def test_interrupting_one_that_computes(self):
        """It is raised where that one waits next."""
        made = []
        told = threading.Event()
        begun = threading.Event()

        def compute():
            begun.set()
            told.wait()  # blocks the OS thread
            with pytest.raises(coro.WakeUp):
                coro.yield_slice()
            return "told"

        def other():
            made.append(coro.spawn(compute))
            made[0].join()

        thread = threading.Thread(target=other)
        thread.start()
        begun.wait()
        made[0].raise_exception(coro.WakeUp)
        told.set()
        thread.join()
        assert made[0].result() == "told"
        made.clear()

    def test_frame_of_one_that_runs_elsewhere(self):
        go, begun = threading.Event(), threading.Event()
        mains = []

        def other():
            mains.append(coro.current())
            begun.set()
            go.wait()

        thread = threading.Thread(target=other)
        thread.start()
        begun.wait()
        frame = mains[0].get_frame()
        assert frame is not None
        del frame
        go.set()
        thread.join()
        mains.clear()

    def test_100_000_wakes_from_many_threads(self, quick_switches):
        """Each schedule() that succeeds ends one sleep, with its value, and no more."""
        total, threads_count, sleepers_count = 100_000, 4, 400
        received = []
        sent = [0] * threads_count
        stopping = []

        def sleeper():
            while True:
                value = coro.sleep_relative(3600)
                if value is None:
                    return
                received.append(value)

        def waker(n):
            mine = sleepers[n::threads_count]
            number = 0
            while number < total // threads_count:
                for co in mine:
                    try:
                        co.schedule((n, number))
                    except coro.ScheduleError:
                        continue  # it has not gone back to sleep yet
                    number += 1
                    if number == total // threads_count:
                        break
            sent[n] = number
            if sum(sent) == total:
                stopping.append(True)
                done.schedule()

        sleepers = [coro.spawn(sleeper) for _ in range(sleepers_count)]
        done = coro.spawn(lambda: scheduler().wait())
        coro.yield_slice()
        threads = [threading.Thread(target=waker, args=(n,)) for n in range(threads_count)]
        for thread in threads:
            thread.start()
        done.join()
        for thread in threads:
            thread.join()
        while len(received) < total:
            coro.yield_slice()
        assert sorted(received) == [
            (n, number) for n in range(threads_count) for number in range(total // threads_count)
        ]
        for co in sleepers:
            co.schedule()
        for co in sleepers:
            co.join()

    def test_pingpong(self, quick_switches):
        """Two schedulers wake each other in turn; one lost wake-up would stop both."""
        rounds = 3000
        mains = {}
        both = threading.Barrier(2)

        def wake(name):
            while not mains[name].scheduler.wake(mains[name]):
                coro.yield_slice()  # it does not wait yet

        def ping():
            mains["ping"] = coro.current()
            both.wait()
            for _ in range(rounds):
                wake("pong")
                assert scheduler().wait()
            finished.append("ping")

        def pong():
            mains["pong"] = coro.current()
            both.wait()
            for _ in range(rounds):
                assert scheduler().wait()
                wake("ping")
            finished.append("pong")

        finished = []
        threads = [threading.Thread(target=target) for target in (ping, pong)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        mains.clear()
        assert sorted(finished) == ["ping", "pong"]


class TestEnd:
    def begin_and_leave(self, in_thread, body, **kwargs):
        """A coroutine that still waits when its OS thread ends."""
        made = []

        def scenario():
            made.append(coro.spawn(body, **kwargs))
            coro.yield_slice()

        in_thread(scenario)
        return made.pop()

    def test_waiting_coroutines_are_unwound(self, in_thread, capsys):
        log = []

        def body():
            try:
                scheduler().wait()
            finally:
                log.append("unwound")

        co = self.begin_and_leave(in_thread, body)
        assert log == ["unwound"]
        assert co.dead
        assert co.id not in coro.all_threads
        assert capsys.readouterr().err == ""

    def test_how_they_ended(self, in_thread):
        co = self.begin_and_leave(in_thread, lambda: scheduler().wait())
        assert isinstance(co.failure, coro.DeadCoroutine)
        assert "OS thread ended" in str(co.failure)
        with pytest.raises(coro.DeadCoroutine):
            co.result()

    def test_their_last_words_may_not_wait(self, in_thread):
        log = []

        def body():
            try:
                scheduler().wait()
            finally:
                try:
                    coro.yield_slice()
                except RuntimeError as error:
                    log.append(str(error))

        co = self.begin_and_leave(in_thread, body)
        assert len(log) == 1
        assert "has ended" in log[0]
        assert co.dead

    def test_their_last_words_may_not_start_others(self, in_thread):
        log = []

        def body():
            try:
                scheduler().wait()
            finally:
                try:
                    coro.spawn(list)
                except coro.DeadCoroutine as error:
                    log.append(str(error))

        before = set(coro.all_threads)
        self.begin_and_leave(in_thread, body)
        assert len(log) == 1
        assert set(coro.all_threads) == before

    def test_those_that_never_ran(self, in_thread):
        made = []

        def scenario():
            made.append(coro.spawn(list))
            made.append(coro.new(list))

        in_thread(scenario)
        started, new = made
        assert started.dead
        assert isinstance(started.failure, coro.DeadCoroutine)
        assert not new.dead
        for _ in range(2):
            with pytest.raises(coro.DeadCoroutine):
                new.start()
        assert new.id not in coro.all_threads
        assert not new.scheduled
        made.clear()

    def test_uses_of_what_is_left(self, in_thread):
        co = self.begin_and_leave(in_thread, lambda: scheduler().wait())
        for attempt in (co.start, co.schedule, lambda: co.raise_exception(KeyError)):
            with pytest.raises(coro.DeadCoroutine):
                attempt()
        co.join()
        co.shutdown()
        assert not scheduler().wake(co)
        assert co.get_frame() is None
        assert "ended by DeadCoroutine" in repr(co)

    def test_who_joins_from_another_thread_is_told(self):
        made, begun, go = [], threading.Event(), threading.Event()

        def other():
            made.append(coro.spawn(lambda: scheduler().wait()))
            coro.yield_slice()
            begun.set()
            go.wait()

        thread = threading.Thread(target=other)
        thread.start()
        begun.wait()
        coro.spawn(go.set)
        made[0].join()
        thread.join()
        assert made[0].dead
        made.clear()

    def test_main_of_the_thread_has_ended(self, in_thread):
        main = in_thread(coro.current)
        assert main.dead
        main.join()
        with pytest.raises(coro.DeadCoroutine):
            main.schedule()

    def test_the_scheduler_goes_away(self, in_thread):
        def scenario():
            coro.spawn(coro.sleep_relative, 3600)
            coro.spawn(lambda: scheduler().wait())
            with coro.timeout(5):
                coro.yield_slice()
            return weakref.ref(scheduler())

        reference = in_thread(scenario)
        gc.collect()
        assert reference() is None

    @pytest.mark.parametrize("had_one", [True, False])
    def test_none_is_made_for_who_dies_last(self, monkeypatch, had_one):
        """The values of context variables die after the thread's dict, which ends the scheduler."""
        if not had_one and sys.version_info < (3, 12):
            pytest.skip("this Python does not tell that a thread ends")
        failed, told = [], threading.Event()

        def tell(failure):
            failed.append(str(failure.exc_value))
            told.set()

        monkeypatch.setattr(sys, "unraisablehook", tell)
        variable = contextvars.ContextVar("variable")

        class Last:
            def __del__(self):
                coro.spawn(print, "never")

        def scenario():
            if had_one:
                coro.current()
            variable.set(Last())

        schedulers = all_schedulers()
        _thread.start_new_thread(scenario, ())  # threading's have, from 3.14 on, a context that outlives them
        assert told.wait(60)
        assert failed == ["coro cannot be used here: this thread is ending"]
        assert all_schedulers() == schedulers

    def test_by_an_exception(self, monkeypatch):
        seen = []
        monkeypatch.setattr(threading, "excepthook", lambda info: seen.append(info.exc_type))

        def other():
            coro.spawn(coro.sleep_relative, 3600)
            coro.yield_slice()
            raise KeyError

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert seen == [KeyError]


class TestExit:
    """The interpreter ends quietly, whatever is left."""

    def test_with_coroutines_in_every_state(self, run):
        run("""
            import coro
            from coro.interface import scheduler

            def body(wait):
                try:
                    wait()
                finally:
                    print("unwound")

            def forever():
                while True:
                    coro.yield_slice()

            for wait in (lambda: coro.sleep_relative(60), lambda: scheduler().wait(), forever,
                         lambda: coro.current().join, lambda: scheduler().wait_for_descriptor(0, 1)):
                coro.spawn(body, wait)
            coro.yield_slice()
            coro.spawn(list)
            kept = coro.new(list)
            with coro.timeout(5):
                coro.yield_slice()
                raise SystemExit
        """)

    def test_inside_the_event_loop(self, start):
        program = start("""
            import coro
            from coro.interface import scheduler
            for _ in range(10):
                coro.spawn(lambda: scheduler().wait())
                coro.spawn(coro.sleep_relative, 60)
            coro.spawn(coro.set_exit, 4)
            coro.event_loop()
        """)
        assert program.end() == (4, "", "Exiting\n")

    def test_with_daemon_threads(self, run):
        run("""
            import threading, coro
            from coro.interface import scheduler
            ready = threading.Barrier(4)

            def other():
                coro.spawn(coro.sleep_relative, 60)
                coro.spawn(lambda: (ready.wait(), scheduler().wait()))
                scheduler().wait()

            for _ in range(3):
                threading.Thread(target=other, daemon=True).start()
            ready.wait()
        """)

    def test_with_threads_that_end_last(self, run):
        out = run("""
            import threading, coro
            main = threading.main_thread()

            def other():
                main.join()
                coro.spawn(print, "late")
                coro.spawn(coro.sleep_relative, 60)
                coro.yield_slice()

            threading.Thread(target=other).start()
        """)
        assert out == "late\n"

    def test_work_at_exit(self, run):
        out = run("""
            import atexit, coro
            co = coro.spawn(print, "at exit")
            atexit.register(co.join)
        """)
        assert out == "at exit\n"
