"""What is said about coroutines: above all, who waits on what in a deadlock."""

import signal

import pytest

import coro
from coro import _reports
from coro.interface import scheduler


class TestDeadlock:
    def test_is_raised_in_main(self):
        with pytest.raises(coro.DeadlockError, match="nothing can run any more"):
            scheduler().wait("lunch")

    def test_lists_who_waits_on_what(self, parked):
        first = parked("breakfast")
        second = coro.spawn(first.join, thread_name="second")
        with pytest.raises(coro.DeadlockError) as info:
            second.join()
        lines = str(info.value).splitlines()
        assert f"  <coro {first.id} 'parked' waiting (breakfast)>" in lines
        assert f"  <coro {second.id} 'second' waiting (join) for coro {first.id} 'parked'>" in lines
        assert any("'main' waiting (join) for coro" in line for line in lines)
        assert len(lines) == 4
        second.shutdown()
        second.join()

    def test_two_that_join_each_other(self):
        pair = []
        pair.append(coro.spawn(lambda: pair[1].join()))
        pair.append(coro.spawn(lambda: pair[0].join()))
        with pytest.raises(coro.DeadlockError):
            pair[0].join()
        pair[0].shutdown()
        pair[1].join()

    def test_again_and_again(self):
        for _ in range(3):
            with pytest.raises(coro.DeadlockError):
                scheduler().wait()

    def test_when_the_last_coroutine_waits(self):
        # It is this one that finds out, on its own stack, but main is told.
        co = coro.spawn(lambda: scheduler().wait())
        with pytest.raises(coro.DeadlockError):
            co.join()
        co.schedule()
        co.join()

    def test_when_the_last_coroutine_ends(self):
        coro.spawn(coro.yield_slice)
        with pytest.raises(coro.DeadlockError):
            scheduler().wait()

    def test_not_while_a_timer_is_set(self, virtual):
        assert scheduler().wait(timeout=5) is False

    def test_not_while_somebody_waits_on_a_descriptor(self, pipe, start):
        program = start("""
            import os, coro
            from coro.interface import scheduler
            print("ready", flush=True)
            scheduler().wait_for_descriptor(0, 1)
            print(os.read(0, 10))
        """)
        program.wait_for("ready")
        program.wait_until_asleep()
        program.process.stdin.write("x\n")
        program.process.stdin.flush()
        assert program.end() == (0, "b'x\\n'\n", "")

    def test_not_while_a_signal_is_handled(self):
        main = coro.current()
        before = signal.signal(signal.SIGALRM, lambda *_: main.schedule("rang"))
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            assert coro.sleep_relative(float("inf")) == "rang"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def test_not_while_there_is_another_thread(self):
        import threading

        main = coro.current()

        def wake():
            while main.waiting is None:
                pass
            main.schedule()

        thread = threading.Thread(target=wake)
        thread.start()
        scheduler().wait()
        thread.join()

    def test_under_the_virtual_clock(self, virtual):
        coro.spawn(coro.sleep_relative, 100)
        with pytest.raises(coro.DeadlockError):
            scheduler().wait()

    def test_a_program_ends_by_it(self, start):
        program = start("""
            import coro
            first = coro.spawn(lambda: second.join(), thread_name="first")
            second = coro.spawn(lambda: first.join(), thread_name="second")
            coro.event_loop()
        """)
        status, out, err = program.end()
        assert (status, out) == (1, "")
        assert "DeadlockError" in err
        assert "'first' waiting (join) for coro" in err
        assert "'second' waiting (join) for coro" in err
        assert "'main' waiting (event loop)" in err

    def test_a_name_that_cannot_be_told(self):
        """The report is made in the scheduler: a mistake there must not hit a bystander."""

        class Nameless(coro.coro):
            def get_name(self):
                raise ZeroDivisionError("no name")

        nameless = Nameless(lambda: scheduler().wait())
        nameless.start()
        bystander = coro.spawn(lambda: scheduler().wait())
        with pytest.raises((coro.DeadlockError, ZeroDivisionError)):
            scheduler().wait()
        assert not nameless.dead
        assert not bystander.dead
        for co in (nameless, bystander):
            co.schedule()
            co.join()
            assert co.failure is None

    def test_what_the_report_itself_makes_ready_runs(self, monkeypatch):
        """While it is looked whether a signal may help, the handler of one may run."""
        log = []

        def signals_may_wake():
            if not log:
                log.append("looked")
                main = coro.current()
                coro.spawn(lambda: (log.append("ran"), main.schedule()))
            return True

        monkeypatch.setattr(_reports, "signals_may_wake", signals_may_wake)
        scheduler().wait()
        assert log == ["looked", "ran"]

    def test_handlers_of_any_kind(self):
        """A handler need only be callable, and not hashable."""

        class Handler:
            __hash__ = None

            def __call__(self, *_):
                main.schedule("rang")

        main = coro.current()
        before = signal.signal(signal.SIGALRM, Handler())
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            assert coro.sleep_relative(float("inf")) == "rang"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


class TestWords:
    def test_waiting_on_an_object(self):
        from coro._reports import state

        class Told:
            dead = scheduled = False
            started = True
            waiting = ("lock", "the lock")

        assert state(Told()) == "waiting (lock) on 'the lock'"
