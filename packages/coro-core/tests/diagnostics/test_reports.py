"""What is said about coroutines: above all, who waits on what in a deadlock."""

import signal
import time

import pytest

import coro
from coro._diagnostics import _reports
from coro._diagnostics._waits import LONGEST, Wait, text, wait_of
from coro.interface import READ, scheduler
from coro.sync import mutex, rw_lock
from coro.testing import virtual_clock


def dead_end():
    """Wait until there is a dead end, and give the error that tells of it."""
    with pytest.raises(coro.DeadlockError) as info:
        scheduler().wait("the dead end")
    return info.value


def wait_for_alarm(handler):
    """Wait for nothing but a signal, whose handler makes the wait end with "rang"."""
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        assert coro.sleep_relative(float("inf")) == "rang"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def end(*coroutines):
    """Shut them down, in an order in which each can end."""
    for co in coroutines:
        co.shutdown()
    for co in coroutines:
        co.join()


def lines_of(error):
    """The lines of its message, without the times."""
    return [line.partition(" for 0.")[0] for line in str(error).splitlines()]


class TestDeadlock:
    def test_is_raised_in_main(self):
        with pytest.raises(coro.DeadlockError, match="nothing can run any more"):
            scheduler().wait("lunch")

    def test_lists_who_waits_on_what(self, parked):
        first = parked("breakfast")
        second = coro.spawn(first.join, thread_name="second")
        with pytest.raises(coro.DeadlockError) as info:
            second.join()
        lines = lines_of(info.value)
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
        wait_for_alarm(lambda *_: main.schedule("rang"))

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
        assert "(its name raises ZeroDivisionError) waiting (wait)>" in str(dead_end())
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
        wait_for_alarm(Handler())


class TestCircles:
    """Those who wait for each other come first, and everybody is told with who holds what."""

    def test_of_locks(self):
        first, second = mutex(), mutex()

        def take(one, other):
            with one:
                coro.yield_slice()
                with other:
                    pass

        a = coro.spawn(take, first, second, thread_name="a")
        b = coro.spawn(take, second, first, thread_name="b")
        error = dead_end()
        _, circle, *rest = lines_of(error)
        assert circle == (
            f"  circle: coro {a.id} 'a' waits (lock) on <mutex held by <coro {b.id} 'b'>, 1 waiting> "
            f"held by coro {b.id} 'b', which "
            f"waits (lock) on <mutex held by <coro {a.id} 'a'>, 1 waiting> held by coro {a.id} 'a'"
        )
        assert f"  <coro {a.id} 'a' waiting (lock) on <mutex held by <coro {b.id} 'b'>, 1 waiting>>" in rest
        waits = {wait.coroutine: wait for wait in error.waits}
        assert waits[a][1:3] == ("lock", second)
        assert waits[a].holders == (b,)
        assert waits[b][1:3] == ("lock", first)
        assert waits[b].holders == (a,)
        assert 0 <= time.monotonic_ns() - waits[a].since < 60e9
        del waits, error
        end(a, b)

    def test_of_a_lock_and_a_join(self):
        lock = mutex()

        def hold():
            with lock:
                coro.yield_slice()
                b.join()

        def want():
            with lock:
                pass

        a = coro.spawn(hold, thread_name="a")
        b = coro.spawn(want, thread_name="b")
        circle = lines_of(dead_end())[1]
        assert circle.startswith(f"  circle: coro {a.id} 'a' waits (join) for coro {b.id} 'b', which waits (lock) on <")
        assert circle.endswith(f"held by coro {a.id} 'a'")
        end(a, b)

    def test_of_many_who_share_a_lock(self):
        """The writer waits for two readers, and one of these for the writer."""
        lock = rw_lock()

        def read(onward):
            lock.read_lock()
            try:
                coro.yield_slice()
                onward()
            finally:
                lock.read_unlock()

        def write():
            lock.write_lock()

        idle = coro.spawn(read, lambda: scheduler().wait("tea"), thread_name="idle")
        busy = coro.spawn(read, lambda: writer.join(), thread_name="busy")
        writer = coro.spawn(write, thread_name="writer")
        error = dead_end()
        circles = [line for line in lines_of(error) if "circle" in line]
        assert len(circles) == 1
        assert f"coro {busy.id} 'busy' waits (join) for coro {writer.id} 'writer', which waits" in circles[0]
        (held,) = [wait.holders for wait in error.waits if wait.coroutine is writer]
        assert set(held) == {idle, busy}
        del error, held
        end(writer, busy, idle)

    def test_of_two_that_join_each_other(self):
        pair = []
        pair += [coro.spawn(lambda other=1 - n: pair[other].join(), thread_name=f"c{n}") for n in (0, 1)]
        report = str(dead_end())
        names = [f"coro {co.id} {co.name!r}" for co in pair]
        assert f"  circle: {names[0]} waits (join) for {names[1]}, which waits (join) for {names[0]}\n" in report
        pair[0].shutdown()
        pair[1].join()

    def test_each_is_told_once(self):
        """A long circle with many who wait for one in it."""
        ring = []
        ring += [coro.spawn(lambda n=n: ring[(n + 1) % 100].join()) for n in range(100)]
        others = [coro.spawn(ring[n % 3].join) for n in range(20)]
        lines = lines_of(dead_end())
        circles = [line for line in lines if "circle" in line]
        assert len(circles) == 1
        assert circles[0].startswith(f"  circle: coro {ring[0].id} ")
        assert all(f"coro {co.id} " in circles[0] for co in ring)
        assert not any(f"coro {co.id} " in circles[0] for co in others)
        ring[0].shutdown()
        for co in ring + others:
            co.join()

    def test_two_apart_from_each_other(self):
        pairs = []
        for _ in range(2):
            pair = []
            pair += [coro.spawn(lambda pair=pair, n=n: pair[1 - n].join()) for n in (0, 1)]
            pairs.append(pair)
        lines = lines_of(dead_end())
        assert [("circle" in line) for line in lines[1:4]] == [True, True, False]
        for pair in pairs:
            pair[0].shutdown()
            pair[1].join()

    def test_none_without_one(self, parked):
        co = coro.spawn(parked().join)
        assert "circle" not in str(dead_end())
        end(co)

    def test_a_very_long_list_is_cut(self, monkeypatch):
        monkeypatch.setattr(_reports, "LONGEST_LIST", 5)
        many = [coro.spawn(scheduler().wait) for _ in range(10)]
        error = dead_end()
        assert str(error).splitlines()[-1] == "  ... and 6 more"
        assert len(str(error).splitlines()) == 7
        assert {wait.coroutine for wait in error.waits} == {*many, coro.current()}
        del error
        end(*many)


class TestTimes:
    def test_are_told(self, parked):
        parked("breakfast")
        (line,) = [line for line in str(dead_end()).splitlines() if "breakfast" in line]
        assert 0 <= float(line.rpartition("> for ")[2].removesuffix(" s")) < 60

    def test_are_not_told_when_they_mean_nothing(self, parked):
        """Hours by the virtual clock are no time at all by the real one."""
        with virtual_clock():
            co = coro.spawn(coro.sleep_relative, 3600)
            assert " s\n" not in str(dead_end()) + "\n"
            assert co.dead


class FakeCoroutine:
    """One that waits on whatever a test wants."""

    id, name, since = 7, "fake", 5
    dead = scheduled = False
    started = True

    def __init__(self, on):
        self.waiting = ("lock", on)

    def get_frame(self): ...


class TestWaits:
    def test_of_one_who_does_not_wait(self):
        assert wait_of(coro.current()) is None
        new = coro.new(print)
        assert wait_of(new) is None
        new.start()
        assert wait_of(new) is None
        new.shutdown()
        assert wait_of(new) is None

    def test_of_one_whose_wait_is_over(self, parked):
        co = parked("tea")
        assert wait_of(co) == Wait(co, "tea", None, co.since, (), "None")
        scheduler().wake(co)
        assert wait_of(co) is None

    def test_of_a_join(self, parked):
        first = parked()
        second = coro.spawn(first.join)
        coro.yield_slice()
        assert wait_of(second) == Wait(second, "join", first, second.since, (first,), f"coro {first.id} 'parked'")
        end(second)

    def test_on_a_descriptor(self, pipe):
        co = coro.spawn(scheduler().wait_for_descriptor, pipe[0], READ)
        coro.yield_slice()
        wait = wait_of(co)
        assert (wait.why, wait.on, wait.holders, wait.on_text) == ("read", pipe[0], (), str(pipe[0]))
        assert repr(co).endswith(f"waiting to read descriptor {pipe[0]}>")
        del wait
        end(co)

    @pytest.mark.parametrize("wrong", [None, 5, ["no tuple"], (5, None), ZeroDivisionError()])
    def test_with_holders_that_are_none(self, wrong):
        class Lock:
            @property
            def held_by(self):
                if isinstance(wrong, Exception):
                    raise wrong
                return wrong

        assert wait_of(FakeCoroutine(Lock())).holders == ()

    def test_on_an_object_whose_repr_raises(self):
        class Mute:
            def __repr__(self):
                raise ZeroDivisionError

        on = Mute()
        words = wait_of(FakeCoroutine(on)).words
        assert words == f"waiting (lock) on <Mute at {id(on):#x}, its repr raises ZeroDivisionError>"
        assert _reports.state(FakeCoroutine(on)) == words

    def test_a_dead_end_is_told_whatever_the_objects_do(self):
        class Bad:
            held_by = property(lambda self: 1 / 0)

            def __repr__(self):
                raise ZeroDivisionError

        error = _reports.deadlock([FakeCoroutine(Bad()), coro.current()])
        assert "<coro 7 'fake' waiting (lock) on <Bad at" in str(error)
        assert error.waits[0].on_text.endswith("its repr raises ZeroDivisionError>")

    def test_an_interrupt_of_a_repr_is_passed_on(self):
        class Interrupted:
            def __repr__(self):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            text(Interrupted())
        assert repr(coro.current()).endswith("running>")  # nothing is left behind


class TestTexts:
    def test_are_of_one_line_and_not_too_long(self):
        class Long:
            def __repr__(self):
                return "two\nlines " + "x" * 1000

        assert text(Long()).startswith("two lines xxx")
        assert text(Long()).endswith("x...")
        assert len(text(Long())) == LONGEST

    def test_tell_coroutines_briefly(self):
        me = coro.current()
        assert text([me]) == f"[<coro {me.id} 'main'>]"
        assert repr([me]) == f"[<coro {me.id} 'main' running>]"

    def test_do_not_go_round_in_circles(self):
        fake = FakeCoroutine(None)

        class Lock:
            def __repr__(self):
                return f"<Lock of {_reports.describe(fake)}>"

        fake.waiting = ("lock", Lock())
        assert _reports.describe(fake) == "<coro 7 'fake' waiting (lock) on <Lock of <coro 7 'fake'>>>"

    def test_within_texts(self):
        me = coro.current()

        class Outer:
            def __repr__(self):
                return f"{text([me])} {me!r}"

        assert text(Outer()) == f"[<coro {me.id} 'main'>] <coro {me.id} 'main'>"
        assert repr(me).endswith("running>")


class TestWords:
    def test_waiting_on_an_object(self):
        assert _reports.state(FakeCoroutine("the lock")) == "waiting (lock) on 'the lock'"
