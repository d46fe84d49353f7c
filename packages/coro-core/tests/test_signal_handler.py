"""Handlers of signals that are coroutines: `coro.signal_handler`."""

import contextvars
import os
import signal
import threading

import pytest

import coro
from coro import signal_handler
from coro.interface import scheduler

USR1, USR2 = signal.SIGUSR1, signal.SIGUSR2


@pytest.fixture(autouse=True)
def put_back(no_leaks):
    before = {number: signal.getsignal(number) for number in (USR1, USR2, signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal_handler.unregister(number)
        signal.signal(number, handler)
    assert signal.set_wakeup_fd(-1) == -1


@pytest.fixture
def log():
    return []


def until(condition):
    while not condition():
        coro.yield_slice()


class TestAHandler:
    def test_is_called_with_the_number_in_a_coroutine_of_its_own(self, log):
        signal_handler.register(USR1, lambda number: log.append((number, coro.current())))
        signal.raise_signal(USR1)
        assert log == []
        until(lambda: log)
        [(number, co)] = log
        assert number == USR1
        assert co is not coro.current()
        assert co.name == "handler of SIGUSR1"
        log.clear()

    def test_may_wait(self, log, virtual):
        signal_handler.register(USR1, lambda number: (coro.sleep_relative(3600), log.append(number)))
        signal.raise_signal(USR1)
        coro.sleep_relative(3599)
        assert log == []
        coro.sleep_relative(2)
        assert log == [USR1]

    def test_runs_beside_itself(self, log, virtual):
        def handle(number):
            log.append("begins")
            coro.sleep_relative(1)
            log.append("ends")

        signal_handler.register(USR1, handle)
        for _ in range(2):
            signal.raise_signal(USR1)
        coro.sleep_relative(2)
        assert log == ["begins", "begins", "ends", "ends"]

    def test_may_wake_main(self):
        main = coro.current()
        signal_handler.register(USR1, lambda number: main.schedule("up"))
        coro.spawn(signal.raise_signal, USR1)
        assert coro.sleep_relative(3600) == "up"

    def test_that_raises_is_told_and_others_go_on(self, log, quiet):
        def fail(number):
            raise KeyError(number)

        signal_handler.register(USR1, fail)
        signal_handler.register(USR2, log.append)
        for number in (USR1, USR2, USR1):
            signal.raise_signal(number)
        until(lambda: log and len(quiet) == 2)
        assert [type(error) for error in quiet] == [KeyError, KeyError]

    @pytest.mark.parametrize("order", [SystemExit, KeyboardInterrupt])
    def test_may_end_the_program(self, order):
        def leave(number):
            raise order

        signal_handler.register(USR1, leave)
        signal.raise_signal(USR1)
        with pytest.raises(order):
            coro.sleep_relative(3600)

    def test_sees_the_context_of_who_registered_it(self, log):
        variable = contextvars.ContextVar("variable", default="main's")

        def arrange():
            variable.set("registered")
            signal_handler.register(USR1, lambda number: log.append(variable.get()))

        def strike():
            variable.set("struck")
            signal.raise_signal(USR1)

        for body in (arrange, strike):
            coro.spawn(body).join()
        until(lambda: log)
        assert log == ["registered"]

    def test_while_many_signals_come_and_coroutines_switch(self, log):
        """Each finds the handler of the one before done, so none may be merged with another."""
        signal_handler.register(USR1, log.append)
        main, done = threading.main_thread().ident, []
        here = scheduler()

        def shoot():
            for n in range(300):
                signal.pthread_kill(main, USR1)
                while len(log) <= n:
                    os.sched_yield()
            done.append(True)
            here.wake(here.main)

        def switch():
            while not done:
                coro.yield_slice()

        made = [coro.spawn(switch) for _ in range(2000)]
        thread = threading.Thread(target=shoot)
        thread.start()
        for co in made:
            co.join()
        thread.join()
        assert log == [USR1] * 300

    def test_of_bursts_of_two_kinds(self, log):
        signal_handler.register(USR1, log.append)
        signal_handler.register(USR2, log.append)
        coro.spawn(lambda: [signal.raise_signal(n) for n in (USR2, USR1, USR1, USR2)]).join()
        until(lambda: len(log) == 4)
        assert log == [USR2, USR1, USR1, USR2]

    @pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="this system has no real-time signals")
    def test_of_a_signal_without_a_name(self, log):
        number = signal.SIGRTMIN + 3
        signal_handler.register(number, lambda number: log.append(coro.current().name))
        signal.raise_signal(number)
        until(lambda: log)
        signal_handler.unregister(number)
        assert log == [f"handler of signal {int(number)}"]


class TestInAProgram:
    @pytest.mark.parametrize(
        "wait",
        [
            "coro.event_loop()",
            "coro.sleep_relative(float('inf'))",
            "scheduler().wait_for_descriptor(os.pipe()[0], 1)",
            "scheduler().wait()",
            "coro.spawn(coro.sleep_relative, 3600).join()",
        ],
    )
    def test_it_runs_at_once_in_any_wait_of_main(self, start, wait):
        program = start(f"""
            import os, signal, coro
            from coro import signal_handler
            from coro.interface import scheduler

            def handle(number):
                coro.sleep_relative(0.001)
                print("handled", number, flush=True)
                os._exit(0)

            signal_handler.register(signal.SIGUSR1, handle)
            print("ready", flush=True)
            {wait}
        """)
        program.wait_for("ready")
        program.signal(USR1)  # before it sleeps, or while it does
        assert program.end() == (0, f"handled {int(USR1)}\n", "")

    def test_a_signal_just_before_the_sleep_is_not_slept_through(self, run):
        """Between the last bytecode and the poll no handler runs, and nothing interrupts a poll
        that has not begun. The times are those at which most signals fall into that gap."""
        run("""
            import os, signal, coro
            from coro import signal_handler
            for n in range(300):
                main = coro.current()
                signal_handler.register(signal.SIGALRM, lambda number: main.schedule("up"))
                signal.setitimer(signal.ITIMER_REAL, 0.000001 + n % 20 * 0.000001)
                assert coro.sleep_relative(60) == "up", n
        """)

    def test_main_may_not_have_used_coro_yet(self, run):
        out = run("""
            import signal
            from coro import signal_handler
            signal_handler.register(signal.SIGUSR1, lambda number: print("handled"))
            signal.raise_signal(signal.SIGUSR1)
            import coro
            coro.yield_slice()
        """)
        assert out == "handled\n"

    def test_it_keeps_a_wait_without_end_from_being_a_dead_end(self, start):
        program = start("""
            import signal, coro
            from coro import signal_handler
            from coro.interface import scheduler
            main = coro.current()
            signal_handler.register(signal.SIGUSR1, lambda number: main.raise_exception(coro.WakeUp), once_only=True)
            print("ready", flush=True)
            for _ in range(2):
                try:
                    scheduler().wait()
                except (coro.WakeUp, coro.DeadlockError) as error:
                    print(type(error).__name__)
        """)
        program.wait_for("ready")
        program.wait_until_asleep()
        program.signal(USR1)
        assert program.end() == (0, "WakeUp\nDeadlockError\n", "")

    @pytest.mark.parametrize("where", ["main", "a coroutine"])
    def test_a_child_keeps_it(self, run, where):
        out = run(f"""
            import os, signal, coro
            from coro import signal_handler
            from coro._processes import fork, waitpid

            def handle(number):
                coro.sleep_relative(0.001)
                print("in the parent" if os.getpid() == parent else "in the child", flush=True)
                waiter.schedule("up")

            def forks():
                global waiter
                child = fork()
                if not child:
                    waiter = coro.current()
                    signal.raise_signal(signal.SIGUSR1)
                    assert coro.sleep_relative(60) == "up"
                    os._exit(0)
                assert os.waitstatus_to_exitcode(waitpid(child)[1]) == 0

            parent = os.getpid()
            signal_handler.register(signal.SIGUSR1, handle)
            if {where == "main"}:
                forks()
            else:
                co = coro.spawn(forks)
                co.join()
                co.result()
            waiter = coro.current()
            signal.raise_signal(signal.SIGUSR1)
            assert coro.sleep_relative(60) == "up"
        """)
        assert out == "in the child\nin the parent\n"

    def test_a_child_is_not_woken_by_the_parents_signals(self, run):
        """Each has a pipe of its own, to which its signals are told."""
        run("""
            import os, signal, coro
            from coro import signal_handler
            from coro._processes import fork, waitpid
            from coro.interface import scheduler
            signal_handler.register(signal.SIGUSR1, lambda number: None)
            before = scheduler().wake_pipe()
            low = os.dup(before)  # so that the child's pipe has another number
            child = fork()
            if not child:
                told = signal.set_wakeup_fd(-1)
                os._exit(0 if told == scheduler().wake_pipe() and os.fstat(told) != os.fstat(low) else 1)
            assert os.waitstatus_to_exitcode(waitpid(child)[1]) == 0
            assert signal.set_wakeup_fd(-1) == before
        """)


class TestRegistering:
    def test_gives_the_handler_until_now(self):
        first, second = print, repr
        assert signal_handler.register(USR1, first) is signal.SIG_DFL
        assert signal_handler.register(USR1, second) is first
        assert signal_handler.register(USR1, signal.SIG_IGN) is second
        assert signal_handler.register(USR1, first) is signal.SIG_IGN
        assert signal_handler.register(USR1, None) is first

    def test_what_it_gives_can_be_registered_again(self, log):
        signal_handler.register(USR1, log.append)
        before = signal_handler.register(USR1, print)
        signal_handler.register(USR1, before)
        signal.raise_signal(USR1)
        until(lambda: log)

    def test_ignoring(self, log):
        signal_handler.register(USR1, log.append)
        signal_handler.register(USR1, signal.SIG_IGN)
        signal.raise_signal(USR1)
        coro.yield_slice()
        assert signal.getsignal(USR1) is signal.SIG_IGN
        assert log == []

    def test_raising_keyboard_interrupt_again(self):
        assert signal_handler.register(signal.SIGINT, print) is signal.default_int_handler
        signal_handler.register(signal.SIGINT, signal.default_int_handler)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    @pytest.mark.parametrize("by", [signal_handler.unregister, lambda number: signal_handler.register(number, None)])
    def test_unregistering_puts_back_what_the_program_had_set(self, log, by):
        def programs(number, frame):
            log.append("the program's")

        signal.signal(USR1, programs)
        assert signal_handler.register(USR1, print) is programs
        signal_handler.register(USR1, repr)
        assert by(USR1) is repr
        signal.raise_signal(USR1)
        assert log == ["the program's"]
        assert by(USR1) is None

    def test_unregistering_leaves_what_the_program_has_set_since(self):
        signal_handler.register(USR1, print)
        signal.signal(USR1, signal.SIG_IGN)
        assert signal_handler.unregister(USR1) is None
        assert signal.getsignal(USR1) is signal.SIG_IGN
        signal.set_wakeup_fd(-1)  # nobody told coro to do so

    def test_once_only(self, log):
        signal.signal(USR1, signal.SIG_IGN)
        signal_handler.register(USR1, log.append, once_only=True)
        for _ in range(3):
            signal.raise_signal(USR1)
        until(lambda: log)
        assert log == [USR1]
        assert signal.getsignal(USR1) is signal.SIG_IGN

    def test_shrapnels_older_name(self):
        assert signal_handler.register_signal_handler is signal_handler.register

    def test_another_wakeup_descriptor_stays(self, pipe):
        signal.set_wakeup_fd(pipe[1])
        signal_handler.register(USR1, print)
        signal_handler.unregister(USR1)
        assert signal.set_wakeup_fd(-1) == pipe[1]

    def test_in_an_event_loop_that_ends(self, log):
        """It goes on waking the scheduler, and what the loop had set is put back with it."""
        coro.set_print_exit_string(False)
        coro.spawn(lambda: (signal_handler.register(signal.SIGTERM, log.append), coro.set_exit()))
        with pytest.raises(SystemExit):
            coro.event_loop()
        coro.set_print_exit_string(True)
        signal.raise_signal(signal.SIGTERM)
        until(lambda: log)
        assert signal.set_wakeup_fd(scheduler().wake_pipe()) == scheduler().wake_pipe()
        signal_handler.unregister(signal.SIGTERM)


class TestWrongUses:
    @pytest.mark.parametrize("wrong", ["print", 5.5, [], object()])
    def test_a_handler_that_cannot_be_called(self, wrong):
        with pytest.raises(TypeError, match="handler must be callable"):
            signal_handler.register(USR1, wrong)
        assert signal.getsignal(USR1) is signal.SIG_DFL

    @pytest.mark.parametrize("wrong", ["SIGUSR1", 1.0, None])
    def test_a_signal_that_is_no_number(self, wrong):
        with pytest.raises(TypeError, match="signum must be"):
            signal_handler.register(wrong, print)
        with pytest.raises(TypeError):
            signal_handler.unregister(wrong)

    @pytest.mark.parametrize("wrong", [-1, 0, 1000, 2**100])
    def test_a_number_that_is_no_signal(self, wrong):
        for function in (lambda: signal_handler.register(wrong, print), lambda: signal_handler.unregister(wrong)):
            with pytest.raises((ValueError, OverflowError)):
                function()

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
    def test_a_signal_that_nobody_can_handle(self, number):
        with pytest.raises(OSError, match=f"{number.name} cannot be handled"):
            signal_handler.register(number, print)

    def test_in_another_thread(self, in_thread):
        with pytest.raises(ValueError, match="main thread"):
            in_thread(lambda: signal_handler.register(USR1, print))
        signal_handler.register(USR1, print)
        with pytest.raises(ValueError, match="main thread"):
            in_thread(lambda: signal_handler.unregister(USR1))

    def test_a_handler_that_takes_no_number(self, quiet):
        signal_handler.register(USR1, lambda: None)
        signal.raise_signal(USR1)
        until(lambda: quiet)
        assert isinstance(quiet[0], TypeError)
