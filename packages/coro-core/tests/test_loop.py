"""The event loop: starting, exiting, and wrong uses."""

import signal
import threading

import pytest

import coro
from coro import _loop
from gaps import before_line


@pytest.fixture(autouse=True)
def silent():
    coro.set_print_exit_string(False)
    yield
    coro.set_print_exit_string(True)
    assert not _loop._asked_before
    assert not coro.coro_is_running()


def exit_code(**kwargs):
    with pytest.raises(SystemExit) as info:
        coro.event_loop(**kwargs)
    return info.value.code


class TestExiting:
    @pytest.mark.parametrize("code", [0, 3, None, "text"])
    def test_from_a_coroutine(self, code):
        coro.spawn(coro.set_exit, code)
        assert exit_code() == code

    def test_the_code_is_0_unless_given(self):
        coro.spawn(coro.set_exit)
        assert exit_code() == 0

    def test_before_it_runs(self):
        coro.set_exit(1)
        coro.set_exit(2)  # the last one counts
        assert exit_code() == 2

    def test_those_that_are_ready_still_run(self):
        log = []
        coro.spawn(coro.set_exit)
        coro.spawn(log.append, 1)
        exit_code()
        assert log == [1]
        coro.set_exit()
        coro.spawn(log.append, 2)
        exit_code()
        assert log == [1, 2]

    def test_twice(self):
        def both():
            coro.set_exit(1)
            coro.set_exit(2)

        coro.spawn(both)
        assert exit_code() == 2

    def test_from_another_thread(self):
        coro.spawn(lambda: threading.Thread(target=coro.set_exit, args=(5,)).start())
        assert exit_code() == 5
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join()

    @pytest.mark.parametrize("who", ["thread", "handler", "twice"])
    def test_between_its_look_and_its_wait(self, who):
        def exit_in_thread():
            thread = threading.Thread(target=coro.set_exit)
            thread.start()
            thread.join()

        def ask():
            if who != "thread":
                signal.raise_signal(signal.SIGTERM)
            if who != "handler":
                exit_in_thread()

        with before_line(_loop._Loop.wait, "self._told.wait()", ask):
            assert exit_code() == 0

    def test_from_another_thread_while_it_begins(self):
        """That looks for a loop, and leaves word when it has found none."""
        looked, begun = threading.Event(), threading.Event()

        def wait():
            looked.set()
            assert begun.wait(60)

        def ask():
            with before_line(_loop.set_exit, "_asked_before[asker] = code", wait):
                coro.set_exit(7)

        thread = threading.Thread(target=ask)
        thread.start()
        assert looked.wait(60)
        coro.spawn(begun.set)
        assert exit_code() == 7
        thread.join()

    def test_from_another_thread_that_was_first(self, start):
        # A thread may be done before the main thread comes to its event loop.
        for first in ("pass", "coro.current()"):
            program = start(f"""
                import threading, coro
                coro.set_print_exit_string(False)
                {first}
                thread = threading.Thread(target=coro.set_exit, args=(5,))
                thread.start()
                thread.join()
                coro.spawn(coro.sleep_relative, 3600)
                coro.event_loop()
            """)
            assert program.end(20) == (5, "", "")

    def test_again(self):
        for code in range(3):
            coro.spawn(coro.set_exit, code)
            assert exit_code() == code

    def test_a_late_timer_is_not_waited_for(self, parked):
        sleeper = coro.spawn(coro.sleep_relative, 3600)
        coro.spawn(coro.set_exit)
        exit_code()
        sleeper.shutdown()
        sleeper.join()


class TestEnds:
    def test_by_system_exit_of_a_coroutine(self):
        def leave():
            raise SystemExit(4)

        coro.spawn(leave)
        assert exit_code() == 4

    def test_by_keyboard_interrupt_of_a_coroutine(self):
        def leave():
            raise KeyboardInterrupt

        coro.spawn(leave)
        with pytest.raises(KeyboardInterrupt):
            coro.event_loop()

    def test_by_an_exception_from_outside(self):
        main = coro.current()
        coro.spawn(lambda: main.raise_exception(coro.WakeUp))
        with pytest.raises(coro.WakeUp):
            coro.event_loop()

    def test_by_a_deadlock(self):
        with pytest.raises(coro.DeadlockError, match="event loop"):
            coro.event_loop()

    def test_a_stray_wake_does_not(self):
        main = coro.current()

        def body():
            while main.waiting is None:
                coro.yield_slice()
            main.schedule()
            coro.yield_slice()
            coro.yield_slice()
            coro.set_exit(1)

        coro.spawn(body)
        assert exit_code() == 1


class TestWrongUses:
    def test_in_a_coroutine(self, quiet):
        co = coro.spawn(coro.event_loop)
        co.join()
        with pytest.raises(RuntimeError, match="main coroutine"):
            co.result()

    def test_within_itself(self, quiet):
        # Only the main coroutine could, and it waits; a handler of a signal runs there.
        def body():
            signal.raise_signal(signal.SIGUSR1)
            coro.set_exit()

        log = []

        def handler(*_):
            try:
                coro.event_loop()
            except RuntimeError as error:
                log.append(str(error))

        before = signal.signal(signal.SIGUSR1, handler)
        coro.spawn(body)
        exit_code()
        signal.signal(signal.SIGUSR1, before)
        assert len(log) == 1

    @pytest.mark.parametrize(
        ("wrong", "error"), [(-1, ValueError), (float("nan"), ValueError), ("30", TypeError), ([], TypeError)]
    )
    def test_timeouts(self, wrong, error):
        with pytest.raises(error, match="timeout"):
            coro.event_loop(wrong)
        assert not coro.coro_is_running()

    def test_exit_string(self, capsys):
        coro.set_exit()
        exit_code()
        assert capsys.readouterr().err == ""
        coro.set_print_exit_string(True)
        coro.set_exit()
        exit_code()
        assert capsys.readouterr().err == "Exiting\n"


class TestTimeout:
    @pytest.mark.parametrize("seconds", [None, 0.001, float("inf"), 10**400])
    def test_any_length(self, seconds):
        coro.spawn(lambda: (coro.sleep_relative(0.003), coro.set_exit(1)))
        assert exit_code(timeout=seconds) == 1

    def test_0_leaves_other_threads_their_turn(self, start):
        program = start("""
            import threading, coro
            coro.set_print_exit_string(False)
            coro.current()
            go = threading.Event()
            def leave():
                go.wait()
                coro.set_exit(7)
            threading.Thread(target=leave).start()
            coro.spawn(go.set)
            coro.event_loop(timeout=0)
        """)
        assert program.end(timeout=20) == (7, "", "")

    def test_the_limit_ends_with_the_loop(self, virtual):
        coro.spawn(coro.set_exit)
        exit_code(timeout=1)
        coro.sleep_relative(100)


class TestRunning:
    def test_seen_from_inside(self):
        seen = []
        coro.spawn(lambda: (seen.append(coro.coro_is_running()), coro.set_exit()))
        assert not coro.coro_is_running()
        exit_code()
        assert seen == [True]

    def test_in_another_thread(self, in_thread):
        def scenario():
            coro.spawn(coro.set_exit, 3)
            assert exit_code() == 3

        in_thread(scenario)


class TestTerm:
    """SIGTERM ends the loop, if the program has not arranged otherwise."""

    def test_it_is_set_exit(self, start):
        program = start("""
            import coro
            coro.set_print_exit_string(False)
            def body():
                print("ready", flush=True)
                try:
                    coro.sleep_relative(3600)
                finally:
                    print("never")
            coro.spawn(body)
            try:
                coro.event_loop()
            except SystemExit as exit:
                print(exit.code, flush=True)
                raise
        """)
        program.wait_for("ready")
        program.wait_until_asleep()
        program.signal(signal.SIGTERM)
        assert program.end() == (0, "0\n", "")

    def test_those_that_are_ready_still_run(self):
        log = []

        def body():
            signal.raise_signal(signal.SIGTERM)
            coro.yield_slice()
            log.append(1)

        coro.spawn(body)
        assert exit_code() == 0
        coro.yield_slice()
        assert log == [1]

    def test_a_code_that_was_set_stays(self):
        coro.spawn(lambda: (coro.set_exit(3), signal.raise_signal(signal.SIGTERM)))
        assert exit_code() == 3

    def test_a_code_that_is_set_later_counts(self):
        coro.spawn(lambda: (signal.raise_signal(signal.SIGTERM), coro.set_exit(3)))
        assert exit_code() == 3

    def test_while_coroutines_compute(self, start):
        program = start("""
            import coro
            coro.set_print_exit_string(False)
            def body():
                print("ready", flush=True)
                while True:
                    coro.yield_slice()
            coro.spawn(body)
            coro.event_loop()
        """)
        program.wait_for("ready")
        program.signal(signal.SIGTERM)
        assert program.end() == (0, "", "")

    def test_before_and_after_the_loop_it_is_the_systems(self):
        seen = []
        coro.spawn(lambda: (seen.append(signal.getsignal(signal.SIGTERM)), coro.set_exit()))
        exit_code()
        assert seen[0] not in (signal.SIG_DFL, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

    @pytest.mark.parametrize("programs", [signal.SIG_IGN, lambda *_: coro.set_exit(8)])
    def test_what_the_program_has_set_stays(self, programs):
        before = signal.signal(signal.SIGTERM, programs)
        coro.spawn(lambda: (signal.raise_signal(signal.SIGTERM), coro.yield_slice(), coro.spawn(end)))

        def end():
            if programs is signal.SIG_IGN:
                coro.set_exit(8)

        assert exit_code() == 8
        assert signal.signal(signal.SIGTERM, before) is programs

    def test_it_keeps_no_dead_end_from_being_told(self):
        with pytest.raises(coro.DeadlockError):
            coro.event_loop()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

    def test_in_another_thread_the_loop_takes_over_nothing(self, in_thread):
        def scenario():
            coro.spawn(lambda: (seen.append(signal.getsignal(signal.SIGTERM)), coro.set_exit()))
            exit_code()

        seen = []
        in_thread(scenario)
        assert seen == [signal.SIG_DFL]

    def test_the_handler_kept_for_longer_than_the_loop_is_as_none(self, start):
        program = start("""
            import signal, coro
            coro.set_print_exit_string(False)
            kept = []
            coro.spawn(lambda: (kept.append(signal.getsignal(signal.SIGTERM)), coro.set_exit()))
            try:
                coro.event_loop()
            except SystemExit:
                pass
            signal.signal(signal.SIGTERM, kept.pop())
            signal.raise_signal(signal.SIGTERM)
        """)
        assert program.end() == (-signal.SIGTERM, "", "")

    def test_a_child_without_a_loop_dies_by_it(self, run):
        out = run("""
            import os, signal, sys, coro
            coro.set_print_exit_string(False)
            def forks():
                child = os.fork()
                if not child:
                    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
                    signal.raise_signal(signal.SIGTERM)
                print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
                coro.set_exit()
            coro.spawn(forks)
            coro.event_loop()
        """)
        assert out == f"{-signal.SIGTERM}\n"


class TestInstallingSignalHandlers:
    @pytest.fixture
    def seen(self):
        """What is set while the loop runs, to which `event_loop` is to be called."""
        found = []
        coro.spawn(lambda: (found.extend(map(signal.getsignal, (signal.SIGINT, signal.SIGTERM))), coro.set_exit()))
        return found

    @pytest.mark.parametrize("off", [False, 0])
    def test_off_for_all_loops(self, seen, monkeypatch, off):
        monkeypatch.setattr(coro, "install_signal_handlers", off, raising=False)
        exit_code()
        assert seen == [signal.default_int_handler, signal.SIG_DFL]

    def test_off_for_one(self, seen):
        exit_code(install_signal_handlers=False)
        assert seen == [signal.default_int_handler, signal.SIG_DFL]

    def test_the_argument_counts(self, seen, monkeypatch):
        monkeypatch.setattr(coro, "install_signal_handlers", False, raising=False)
        exit_code(install_signal_handlers=True)
        assert signal.default_int_handler not in seen
        assert signal.SIG_DFL not in seen

    def test_it_is_on_unless_set(self, seen):
        exit_code()
        assert signal.default_int_handler not in seen
        assert signal.SIG_DFL not in seen

    def test_without_them_the_programs_handlers_run_at_once_all_the_same(self, start):
        program = start("""
            import signal, coro
            coro.set_print_exit_string(False)
            signal.signal(signal.SIGUSR1, lambda *_: coro.set_exit(8))
            coro.spawn(lambda: (print("ready", flush=True), coro.sleep_relative(3600)))
            coro.event_loop(None, install_signal_handlers=False)
        """)
        program.wait_for("ready")
        program.signal(signal.SIGUSR1)  # before it sleeps, or while it does
        assert program.end() == (8, "", "")
