"""Signals: Ctrl-C, handlers that wake coroutines, and what a handler may not do."""

import signal

import pytest

import coro
from coro.interface import scheduler

WAITS = {
    "event loop": "coro.event_loop()",
    "join": "co.join()",
    "sleep": "coro.sleep_relative(3600)",
    "endless sleep": "coro.sleep_relative(float('inf'))",
    "descriptor": "scheduler().wait_for_descriptor(0, 1)",
    "time limit": "coro.with_timeout(3600, co.join)",
}


class TestCtrlC:
    @pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
    def test_while_main_waits(self, start, wait):
        program = start(f"""
            import coro
            from coro.interface import scheduler

            def body():
                print("ready", flush=True)
                try:
                    coro.sleep_relative(3600)
                except BaseException as error:
                    print("it was raised in a coroutine")
                    raise

            co = coro.spawn(body)
            try:
                {wait}
            except KeyboardInterrupt:
                print("interrupted")
        """)
        program.wait_for("ready")
        program.wait_until_asleep()
        program.signal(signal.SIGINT)
        assert program.end() == (0, "interrupted\n", "")

    @pytest.mark.parametrize("wait", ["coro.event_loop()", "co.join()"])
    def test_while_coroutines_compute(self, start, wait):
        program = start(f"""
            import coro

            def body():
                print("ready", flush=True)
                while True:
                    coro.yield_slice()

            coro.spawn(coro.sleep_relative, 3600)
            co = coro.spawn(body)
            try:
                {wait}
            except KeyboardInterrupt:
                print("interrupted")
        """)
        program.wait_for("ready")
        program.signal(signal.SIGINT)
        assert program.end() == (0, "interrupted\n", "")

    def test_while_nothing_but_main_lives(self, start):
        program = start("""
            import signal, coro
            signal.signal(signal.SIGUSR1, print)  # so that to wait for ever makes sense
            print("ready", flush=True)
            try:
                coro.event_loop()
            except KeyboardInterrupt:
                print("interrupted")
        """)
        program.wait_for("ready")
        program.wait_until_asleep()
        program.signal(signal.SIGINT)
        assert program.end() == (0, "interrupted\n", "")

    def test_unhandled_it_ends_the_program(self, start):
        program = start("""
            import coro
            coro.spawn(lambda: (print("ready", flush=True), coro.sleep_relative(3600)))
            coro.event_loop()
        """)
        program.wait_for("ready")
        program.wait_until_asleep()
        program.signal(signal.SIGINT)
        status, _, err = program.end()
        assert status == -signal.SIGINT
        assert err.rstrip().endswith("KeyboardInterrupt")

    def test_the_programs_own_handler_stays(self, start):
        program = start("""
            import signal, coro
            coro.set_print_exit_string(False)
            signal.signal(signal.SIGINT, lambda *_: coro.set_exit(8))
            coro.spawn(lambda: (print("ready", flush=True), coro.sleep_relative(3600)))
            coro.event_loop()
        """)
        program.wait_for("ready")
        program.wait_until_asleep()
        program.signal(signal.SIGINT)
        assert program.end() == (8, "", "")

    def test_in_a_coroutine_within_the_loop_it_goes_to_main(self, monkeypatch):
        log = []

        def body():
            signal.raise_signal(signal.SIGINT)
            log.append("goes on")
            coro.yield_slice()
            log.append("and on")

        co = coro.spawn(body)
        with pytest.raises(KeyboardInterrupt):
            coro.event_loop()
        co.join()
        assert log == ["goes on", "and on"]

    def test_the_handler_is_put_back(self):
        before = signal.getsignal(signal.SIGINT)
        coro.set_print_exit_string(False)
        coro.set_exit()
        with pytest.raises(SystemExit):
            coro.event_loop()
        coro.set_print_exit_string(True)
        assert signal.getsignal(signal.SIGINT) is before
        descriptor = signal.set_wakeup_fd(-1)
        assert descriptor == -1

    def test_without_the_loop_it_is_raised_where_it_strikes(self, quiet):
        def body():
            signal.raise_signal(signal.SIGINT)

        co = coro.spawn(body)
        with pytest.raises(KeyboardInterrupt):
            co.join()


class TestHandlers:
    @pytest.fixture
    def handle(self):
        before = signal.getsignal(signal.SIGUSR1)

        def install(handler):
            signal.signal(signal.SIGUSR1, lambda *_: handler())

        yield install
        signal.signal(signal.SIGUSR1, before)

    @pytest.fixture
    def wakeup(self):
        """Signals are told to the scheduler, as the event loop arranges it."""
        before = signal.set_wakeup_fd(scheduler().wake_pipe(), warn_on_full_buffer=False)
        yield
        signal.set_wakeup_fd(before)

    def test_one_may_spawn_and_wake(self, handle):
        log = []
        main = coro.current()
        handle(lambda: coro.spawn(lambda: (log.append(1), main.schedule("up"))))
        coro.spawn(signal.raise_signal, signal.SIGUSR1)
        assert coro.sleep_relative(3600) == "up"
        assert log == [1]

    def test_one_that_raises_hits_whoever_runs(self, handle, quiet):
        def fail():
            raise KeyError

        handle(fail)
        co = coro.spawn(signal.raise_signal, signal.SIGUSR1)
        co.join()
        assert isinstance(co.failure, KeyError)

    def test_one_that_interrupts_a_wait(self, start):
        """In the poll main's handler runs, in the middle of its wait: there it may do
        anything but wait."""
        program = start("""
            import signal, coro
            log = []

            def handler(*_):
                main = coro.current()
                for wait in (coro.yield_slice, lambda: coro.sleep_relative(1), lambda: co.join()):
                    try:
                        wait()
                    except RuntimeError as error:
                        log.append("cannot wait" in str(error))
                coro.spawn(lambda: main.schedule("up"))

            signal.signal(signal.SIGUSR1, handler)
            co = coro.spawn(lambda: (print("ready", flush=True), coro.sleep_relative(3600)))
            print(coro.sleep_relative(3600), log)
        """)
        program.wait_for("ready")
        program.wait_until_asleep()
        program.signal(signal.SIGUSR1)
        assert program.end() == (0, "up [True, True, True]\n", "")

    def test_one_that_raises_in_a_wait(self, start):
        program = start("""
            import signal, coro
            from coro.interface import scheduler

            def handler(*_):
                raise KeyError("handled")

            signal.signal(signal.SIGUSR1, handler)
            coro.spawn(lambda: (print("ready", flush=True), coro.sleep_relative(3600)))
            try:
                scheduler().wait_for_descriptor(0, 1)
            except KeyError as error:
                print(error)
            print(scheduler().counts()["waiting on descriptors"])
        """)
        program.wait_for("ready")
        program.wait_until_asleep()
        program.signal(signal.SIGUSR1)
        assert program.end() == (0, "'handled'\n0\n", "")

    def test_many_signals_lose_no_wake_up(self, start):
        program = start("""
            import signal, coro
            count = 0

            def handler(*_):
                global count
                count += 1

            def ticker():
                for _ in range(300):
                    coro.sleep_relative(0.0005)

            signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
            made = [coro.spawn(ticker) for _ in range(3)]
            for _ in range(300):
                coro.sleep_relative(0.0005)
            for co in made:
                co.join()
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert count > 10
        """)
        assert program.end() == (0, "", "")

    def compute_until(self, moment):
        """Let no poll happen until then, and then let the signal and the timer come at once."""
        while coro.now() <= moment + 20_000_000:
            pass
        signal.raise_signal(signal.SIGUSR1)

    def test_a_signal_and_the_end_of_a_sleep_at_once(self, handle, wakeup, parked):
        log = []
        handle(lambda: log.append("handled"))
        target = coro.now() + 1_000_000
        coro.spawn(self.compute_until, target)
        coro.sleep_absolute(target)
        assert log == ["handled"]

    def test_a_signal_and_a_time_limit_at_once(self, handle, wakeup, parked):
        handle(list)
        with pytest.raises(coro.TimeoutError), coro.timeout(0.001) as limit:
            coro.spawn(self.compute_until, limit.expired_at)
            scheduler().wait()

    def test_a_wake_while_main_is_to_look_at_signals(self, handle, wakeup, pipe):
        """It is in the queue then, but not because its wait is over."""
        import os

        handle(list)
        main = coro.current()
        log = []

        def poke():
            # The signal is told to the poller only; the handler has run when that sees it.
            signal.raise_signal(signal.SIGUSR1)
            os.write(pipe[1], b"x")

        def wake():
            scheduler().wait_for_descriptor(pipe[0], 1)
            # Main was made ready in the same turn, before this one.
            log.append(main.scheduled)
            main.schedule("up")

        coro.spawn(wake)
        coro.spawn(poke)
        assert coro.sleep_relative(3600) == "up"

    def test_a_wake_that_the_next_handler_overtakes(self, start):
        """One handler wakes main, the next raises there: the wake leaves nothing behind."""
        program = start("""
            import signal, coro
            from coro.interface import scheduler

            def wake(*_):
                main.schedule("lost")

            def fail(*_):
                raise KeyError

            main = coro.current()
            signal.signal(signal.SIGUSR1, wake)  # has the smaller number, so it is first
            signal.signal(signal.SIGUSR2, fail)
            coro.spawn(lambda: (print("ready", flush=True), coro.sleep_relative(3600)))
            try:
                scheduler().wait()
            except KeyError:
                print("raised")
            waker = coro.spawn(lambda: scheduler().wake(main))
            assert scheduler().wait(timeout=60)
            waker.join()
            assert waker.result() is True
            assert not main.scheduled
        """)
        program.wait_for("ready")
        program.wait_until_asleep()
        # Stopped, it gets both at once when it goes on.
        program.signal(signal.SIGSTOP)
        program.signal(signal.SIGUSR1)
        program.signal(signal.SIGUSR2)
        program.signal(signal.SIGCONT)
        assert program.end(20) == (0, "raised\n", "")
