"""Every poller against one contract: what is stated in ``_poller.pyx``.

Each test runs in an OS thread of its own, whose scheduler takes the poller that the
environment names. More about descriptors is in test_descriptors.
"""

import contextlib
import os
import signal
import socket
import sys
import threading

import pytest

import coro
from coro._pollers import ENVIRONMENT_VARIABLE, poller_class
from coro.interface import READ, WRITE, Poller, scheduler
from waiting import spawn_waiting

POLLERS = ["epoll", "poll"] if sys.platform == "linux" else ["poll"]


@pytest.fixture(params=POLLERS)
def on_poller(request, in_thread, monkeypatch):
    """Runs a scenario where the scheduler has this poller."""
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, request.param)

    def run(scenario):
        def check_and_run():
            assert scheduler().poller_name == request.param
            scenario()

        in_thread(check_and_run)

    return run


def wait(fd, events, timeout=None):
    return scheduler().wait_for_descriptor(fd, events, timeout)


@contextlib.contextmanager
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        yield ours, theirs
        for end in (ours, theirs):
            if end.fileno() >= 0:
                scheduler().forget_descriptor(end.fileno(), False)


def fill(end):
    with contextlib.suppress(BlockingIOError):
        while True:
            end.send(bytes(65536))


def drain(end):
    with contextlib.suppress(BlockingIOError):
        while end.recv(65536):
            pass


class TestReadiness:
    def test_ready_already(self, on_poller):
        @on_poller
        def scenario():
            with pair() as (ours, theirs):
                theirs.send(b"x")
                assert wait(ours.fileno(), READ) == READ
                assert wait(ours.fileno(), WRITE) == WRITE

    def test_ready_later(self, on_poller):
        @on_poller
        def scenario():
            with pair() as (ours, theirs):
                reader = spawn_waiting(wait, ours.fileno(), READ)
                theirs.send(b"x")
                reader.join()
                assert reader.result() == READ

    def test_writable_again(self, on_poller):
        @on_poller
        def scenario():
            with pair() as (ours, theirs):
                fill(ours)
                writer = spawn_waiting(wait, ours.fileno(), WRITE)
                assert not writer.dead
                drain(theirs)
                writer.join()
                assert writer.result() == WRITE

    def test_asked_again_without_reading(self, on_poller):
        # Whoever does not announce a descriptor gets its state, not only its changes.
        @on_poller
        def scenario():
            with pair() as (ours, theirs):
                theirs.send(b"x")
                for _ in range(5):
                    assert wait(ours.fileno(), READ) == READ

    def test_each_change_is_told(self, on_poller):
        @on_poller
        def scenario():
            with pair() as (ours, theirs):
                for n in range(50):
                    reader = spawn_waiting(wait, ours.fileno(), READ)
                    theirs.send(bytes([n]))
                    reader.join()
                    assert ours.recv(10) == bytes([n])
                    assert wait(ours.fileno(), READ, 0) == 0

    def test_both_directions_at_once(self, on_poller):
        @on_poller
        def scenario():
            with pair() as (ours, theirs):
                fill(ours)
                reader = spawn_waiting(wait, ours.fileno(), READ)
                writer = spawn_waiting(wait, ours.fileno(), WRITE)
                either = spawn_waiting(wait, ours.fileno(), READ | WRITE)
                theirs.send(b"x")
                reader.join()
                either.join()
                assert reader.result() == READ
                assert either.result() == READ
                coro.yield_slice()
                assert not writer.dead
                drain(theirs)
                writer.join()

    @pytest.mark.parametrize("events", [READ, WRITE])
    def test_a_hang_up_wakes_everyone(self, on_poller, events):
        @on_poller
        def scenario():
            with pair() as (ours, theirs):
                fill(ours)
                waiter = spawn_waiting(wait, ours.fileno(), events)
                theirs.close()
                waiter.join()
                assert waiter.result() == events
                assert wait(ours.fileno(), events) == events  # and it stays so

    def test_the_end_of_a_stream_wakes_readers(self, on_poller):
        @on_poller
        def scenario():
            with pair() as (ours, theirs):
                reader = spawn_waiting(wait, ours.fileno(), READ)
                theirs.shutdown(socket.SHUT_WR)
                reader.join()
                assert ours.recv(1) == b""

    def test_a_pipe_without_readers_wakes_writers(self, on_poller):
        @on_poller
        def scenario():
            reader, writer = os.pipe()
            os.set_blocking(writer, False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(writer, bytes(65536))
            waiter = spawn_waiting(wait, writer, WRITE)
            os.close(reader)
            waiter.join()
            assert waiter.result() == WRITE
            scheduler().forget_descriptor(writer, False)
            os.close(writer)

    def test_more_than_one_poll_reports(self, on_poller):
        # 256 events are taken at a time; nobody may starve behind them.
        @on_poller
        def scenario():
            pipes = [os.pipe() for _ in range(600)]
            readers = [spawn_waiting(wait, reader, READ) for reader, _ in pipes]
            for _, writer in pipes:
                os.write(writer, b"x")
            for co in readers:
                co.join()
                assert co.result() == READ
            for reader, writer in pipes:
                scheduler().forget_descriptor(reader, False)
                os.close(reader)
                os.close(writer)

    def test_those_that_are_always_ready_starve_nobody(self, on_poller):
        @on_poller
        def scenario():
            stop = []
            pipes = [os.pipe() for _ in range(300)]

            def again_and_again(fd):
                while not stop:
                    wait(fd, READ)

            for _, writer in pipes:
                os.write(writer, b"x")
            busy = [coro.spawn(again_and_again, reader) for reader, _ in pipes]
            coro.yield_slice()
            with pair() as (ours, theirs):
                reader = spawn_waiting(wait, ours.fileno(), READ)
                theirs.send(b"x")
                reader.join()
            stop.append(True)
            for co in busy:
                co.join()
            for reader, writer in pipes:
                scheduler().forget_descriptor(reader, False)
                os.close(reader)
                os.close(writer)


class TestNumbers:
    def test_closed(self, on_poller, quiet):
        @on_poller
        def scenario():
            with pair() as (ours, _):
                waiters = [spawn_waiting(wait, ours.fileno(), READ) for _ in range(2)]
                scheduler().forget_descriptor(ours.fileno(), False)
                number = ours.detach()
                os.close(number)
                for co in waiters:
                    co.join()
                    assert isinstance(co.failure, coro.ClosedError)
                with pytest.raises(coro.ClosedError):
                    wait(number, READ)

    def test_forgotten_but_open(self, on_poller):
        @on_poller
        def scenario():
            with pair() as (ours, theirs):
                for _ in range(3):
                    assert wait(ours.fileno(), READ, 0) == 0
                    scheduler().forget_descriptor(ours.fileno())
                theirs.send(b"x")
                assert wait(ours.fileno(), READ) == READ

    def test_the_next_owner(self, on_poller):
        @on_poller
        def scenario():
            with pair() as (first, _first_end), pair() as (second, second_end):
                number = first.fileno()
                assert wait(number, READ, 0) == 0
                scheduler().forget_descriptor(number, False)
                os.dup2(second.fileno(), number)
                waiter = spawn_waiting(wait, number, READ)
                second_end.send(b"x")
                waiter.join()
                assert waiter.result() == READ

    def test_a_regular_file(self, on_poller, tmp_path):
        @on_poller
        def scenario():
            with open(tmp_path / "file", "w+") as file:
                assert wait(file.fileno(), READ) == READ
                assert wait(file.fileno(), WRITE) == WRITE
                assert wait(file.fileno(), READ | WRITE) == READ | WRITE
                scheduler().forget_descriptor(file.fileno(), False)

    def test_an_error_leaves_no_waiter(self, on_poller):
        @on_poller
        def scenario():
            with pytest.raises(coro.ClosedError):
                wait(4000, READ)
            counts = scheduler().counts()
            assert counts["waiting on descriptors"] == counts["descriptors"] == 0


class TestTime:
    def test_a_time_limit(self, on_poller):
        @on_poller
        def scenario():
            with pair() as (ours, _):
                before = coro.now()
                assert wait(ours.fileno(), READ, 0.003) == 0
                assert coro.now() - before >= 3_000_000

    def test_timers_fire_not_before_their_time(self, on_poller):
        @on_poller
        def scenario():
            for nanoseconds in (1, 1000, 999_999, 1_000_001):
                target = coro.now() + nanoseconds
                coro.sleep_absolute(target)
                assert coro.now() >= target


class TestWaking:
    def test_from_another_thread_while_it_polls(self, on_poller):
        @on_poller
        def scenario():
            main = coro.current()

            def wake():
                while main.waiting is None:
                    pass
                main.schedule("up")

            thread = threading.Thread(target=wake)
            thread.start()
            assert coro.sleep_relative(3600) == "up"
            thread.join()

    def test_thousands_of_times(self, on_poller):
        @on_poller
        def scenario():
            main = coro.current()
            turn = threading.Semaphore(0)

            def wake():
                for _ in range(3000):
                    turn.acquire()
                    while not scheduler_of_main.wake(main):
                        pass

            scheduler_of_main = scheduler()
            thread = threading.Thread(target=wake)
            thread.start()
            for _ in range(3000):
                turn.release()
                assert scheduler_of_main.wait()
            thread.join()


class TestChoice:
    @pytest.mark.parametrize("name", POLLERS)
    def test_forced(self, name, monkeypatch):
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, name)
        assert poller_class().name == name

    def test_default(self, monkeypatch):
        monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
        assert poller_class().name == POLLERS[0]
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, "")
        assert poller_class().name == POLLERS[0]

    def test_elsewhere(self, monkeypatch):
        monkeypatch.setattr(sys, "platform", "darwin")
        monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
        assert poller_class().name == "poll"
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, "epoll")
        with pytest.raises(ValueError, match="'poll'"):
            poller_class()

    def test_unknown(self, start):
        program = start("import coro; coro.current()", **{ENVIRONMENT_VARIABLE: "kqueue"})
        status, _, err = program.end()
        assert status == 1
        assert "CORO_POLLER=kqueue" in err

    @pytest.mark.parametrize("name", POLLERS)
    def test_looks(self, name, monkeypatch):
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, name)
        from coro._descriptors import Descriptors

        poller = poller_class()(Descriptors())
        assert isinstance(poller, Poller)
        poller.close()
        poller.close()

    @pytest.mark.parametrize("name", POLLERS)
    def test_one_that_cannot_be_made_closes_nothing(self, name, run):
        """Without a free descriptor there is no poller; the others must stay open."""
        run(
            """
            import os, resource
            import coro
            from coro._descriptors import Descriptors
            from coro._pollers import poller_class

            kind = poller_class()
            try:
                kind(None)
            except TypeError:
                pass
            os.fstat(0)
            for room in range(4):  # for none, for one end of the pipe, for both, for all
                resource.setrlimit(resource.RLIMIT_NOFILE, (3 + room, 4096))
                try:
                    kind(Descriptors()).close()
                except coro.oserrors.EMFILE:
                    pass
                for fd in range(3):
                    os.fstat(fd)
            """,
            **{ENVIRONMENT_VARIABLE: name},
        )


@pytest.mark.parametrize("name", POLLERS)
def test_a_signal_ends_the_poll(name, start):
    program = start(
        """
        import signal, coro
        log = []
        signal.signal(signal.SIGUSR1, lambda *_: coro.current().schedule("handled"))
        coro.spawn(print, "ready", flush=True)
        print(coro.sleep_relative(3600))
        """,
        **{ENVIRONMENT_VARIABLE: name},
    )
    program.wait_for("ready")
    program.wait_until_asleep()
    program.signal(signal.SIGUSR1)
    assert program.end() == (0, "handled\n", "")


@pytest.mark.parametrize("name", POLLERS)
def test_one_that_fails_tells_who_waits_on_a_descriptor(name, start):
    """Whoever polls when there is nothing to run is told, and its wait leaves nothing behind.

    The next poll fails too. It comes with the next tick of the clock, so main is told as well, or is not.
    """
    program = start(
        """
        import contextlib, os, coro
        from coro.interface import READ, scheduler

        reader, writer = os.pipe()

        def wait(**limit):
            scheduler().wait_for_descriptor(reader, READ, **limit)

        def wait_without_poller():
            wait(timeout=0)  # the poller knows it now
            os.closerange(writer + 1, 256)
            try:
                wait()
            except OSError as error:
                print(os.strerror(error.errno), scheduler().counts()["waiting on descriptors"])

        co = coro.spawn(wait_without_poller)
        with contextlib.suppress(OSError):
            co.join()
        """,
        **{ENVIRONMENT_VARIABLE: name},
    )
    assert program.end(timeout=20) == (0, "Bad file descriptor 0\n", "")


@pytest.mark.parametrize("name", POLLERS)
@pytest.mark.parametrize("who", ["main", "a worker between two coroutines"])
def test_one_that_fails_tells_main_and_does_not_spin(name, who, start):
    program = start(
        """
        import os, sys, coro
        def close_all():
            os.closerange(3, 256)
        if sys.argv[1] == "main":
            coro.current()
            close_all()
        else:
            coro.spawn(close_all)
        try:
            coro.sleep_relative(3600)
        except OSError as error:
            print(os.strerror(error.errno))
        """,
        who,
        **{ENVIRONMENT_VARIABLE: name},
    )
    assert program.end(timeout=20) == (0, "Bad file descriptor\n", "")
