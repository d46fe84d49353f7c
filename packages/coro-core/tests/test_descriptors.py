"""Waiting on descriptors, with the poller that this process uses; see also test_pollers."""

import os
import socket
import subprocess

import pytest

import coro
from coro.interface import EXCLUSIVE, READ, WRITE, scheduler
from waiting import spawn_waiting


def wait(fd, events, timeout=None):
    return scheduler().wait_for_descriptor(fd, events, timeout)


class TestWrongUses:
    @pytest.mark.parametrize("fd", [-1, -5])
    def test_a_closed_number(self, fd):
        with pytest.raises(coro.ClosedError, match="closed") as info:
            wait(fd, READ)
        assert isinstance(info.value, OSError)

    def test_a_number_that_was_closed(self, pipe):
        assert wait(pipe[1], WRITE) == WRITE
        os.close(pipe[1])
        with pytest.raises(coro.ClosedError):
            wait(pipe[1], WRITE)

    def test_a_number_that_was_never_open(self):
        with pytest.raises(coro.ClosedError):
            wait(4000, READ)

    @pytest.mark.parametrize("fd", [10**6, 2**28, 2**30, 2**31 - 1])
    @pytest.mark.memory
    def test_a_number_that_no_file_has(self, fd, run):
        # In a process of its own: it hung, or took all memory for a table of that size.
        run(f"""
            import resource
            resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
            import coro
            from coro.interface import scheduler
            try:
                scheduler().wait_for_descriptor({fd}, 1)
            except coro.ClosedError:
                pass
        """)

    @pytest.mark.parametrize("fd", [2**31, -(2**40), 10**30])
    def test_no_number_of_a_file_at_all(self, fd):
        with pytest.raises(OverflowError):
            wait(fd, READ)

    @pytest.mark.parametrize("fd", [None, "1", []])
    def test_no_number(self, fd):
        with pytest.raises(TypeError):
            wait(fd, READ)

    @pytest.mark.parametrize("events", [0, 4, 8, EXCLUSIVE])
    def test_nothing_to_wait_for(self, pipe, events):
        with pytest.raises(ValueError, match="events"):
            wait(pipe[0], events)

    @pytest.mark.parametrize(("wrong", "error"), [(-1, ValueError), (float("nan"), ValueError), ("1", TypeError)])
    def test_wrong_timeouts(self, pipe, wrong, error):
        with pytest.raises(error, match="timeout"):
            wait(pipe[0], READ, wrong)

    def test_forgetting_what_was_never_known(self):
        scheduler().forget_descriptor(-1)
        scheduler().forget_descriptor(12345)
        scheduler().forget_descriptor(12345, False)


class TestWaiting:
    def test_the_time_is_up(self, pipe, virtual):
        before = coro.now()
        assert wait(pipe[0], READ, 5) == 0
        assert coro.now() - before == 5 * 10**9
        assert wait(pipe[0], READ, 0) == 0

    def test_ready_wins_over_a_time_that_is_up(self, pipe):
        assert wait(pipe[1], WRITE, 0) == WRITE

    def test_interrupted(self, pipe):
        co = spawn_waiting(wait, pipe[0], READ)
        co.shutdown()
        co.join()
        assert scheduler().counts()["waiting on descriptors"] == 0

    def test_many_on_one(self, pipe):
        made = [spawn_waiting(wait, pipe[0], READ) for _ in range(10)]
        os.write(pipe[1], b"x")
        for co in made:
            co.join()
            assert co.result() == READ

    def test_one_of_many_goes(self, pipe):
        made = [spawn_waiting(wait, pipe[0], READ) for _ in range(3)]
        made[1].shutdown()
        made[1].join()
        os.write(pipe[1], b"x")
        for co in (made[0], made[2]):
            co.join()
            assert co.result() == READ

    def test_exclusive(self, pipe, quiet):
        first = spawn_waiting(wait, pipe[0], READ)
        with pytest.raises(coro.SimultaneousError) as info:
            wait(pipe[0], READ | EXCLUSIVE)
        assert info.value.co is coro.current()
        assert info.value.other is first
        assert str(pipe[0]) in str(info.value)
        info = None
        first.shutdown()
        first.join()

    def test_exclusive_in_the_other_direction(self):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            reader = spawn_waiting(wait, ours.fileno(), READ)
            assert wait(ours.fileno(), WRITE | EXCLUSIVE) == WRITE
            reader.shutdown()
            reader.join()
            scheduler().forget_descriptor(ours.fileno())

    def test_a_stray_wake_is_a_spurious_return(self, pipe):
        co = spawn_waiting(wait, pipe[0], READ)
        co.schedule()
        co.join()
        assert co.result() == READ


class TestClosing:
    @pytest.mark.parametrize("stays_open", [True, False])
    def test_all_who_wait_are_told(self, pipe, quiet, stays_open):
        made = [spawn_waiting(wait, pipe[0], READ) for _ in range(3)]
        scheduler().forget_descriptor(pipe[0], stays_open)
        for co in made:
            co.join()
            assert isinstance(co.failure, coro.ClosedError)
            assert co.failure.errno == 9
        assert scheduler().counts()["waiting on descriptors"] == 0

    def test_one_that_was_served_before_is_not_told(self, pipe):
        here = scheduler()
        co = spawn_waiting(wait, pipe[0], READ)
        os.write(pipe[1], b"x")

        def close():
            here.forget_descriptor(pipe[0])

        # Both are woken by one event; the closer runs second.
        closer_waits = coro.spawn(lambda: (wait(pipe[0], READ), close()))
        co.join()
        closer_waits.join()
        assert co.result() == READ

    def test_its_own_waiter_closes_it(self, pipe, quiet):
        # Two wake up together, the first closes: the second was served, and finds out by trying.
        def reader():
            events = wait(pipe[0], READ)
            scheduler().forget_descriptor(pipe[0])
            return events

        made = [coro.spawn(reader) for _ in range(2)]
        coro.yield_slice()
        os.write(pipe[1], b"x")
        for co in made:
            co.join()
            assert co.result() == READ


class TestReusedNumbers:
    def reopen(self, fd, make):
        """Close `fd` and give its number to another file at once."""
        other = make()
        os.dup2(other, fd)
        os.close(other)

    def test_the_next_owner_is_not_woken_by_a_stale_event(self, pipe):
        here = scheduler()
        extra = os.dup(pipe[0])  # keeps the old file, and its registration, alive
        co = spawn_waiting(wait, pipe[0], READ)
        co.shutdown()
        co.join()
        here.forget_descriptor(pipe[0], False)
        reader, writer = os.pipe()
        os.dup2(reader, pipe[0])
        os.close(reader)
        second = spawn_waiting(wait, pipe[0], READ)
        os.write(pipe[1], b"stale")
        for _ in range(300):
            coro.yield_slice()
        assert not second.dead
        os.write(writer, b"fresh")
        second.join()
        assert os.read(pipe[0], 10) == b"fresh"
        os.close(extra)
        os.close(writer)

    def test_reported_and_closed_in_one_turn(self, pipe, quiet):
        # Both descriptors have news. The first to run closes the second and opens another
        # file under its number: whoever waits on that must not be woken by the old news.
        here = scheduler()
        other_reader, other_writer = os.pipe()
        log = []

        def first():
            wait(pipe[0], READ)
            here.forget_descriptor(other_reader, False)
            fresh_reader, fresh_writer = os.pipe()
            os.dup2(fresh_reader, other_reader)
            os.close(fresh_reader)
            second = spawn_waiting(wait, other_reader, READ)
            for _ in range(300):
                coro.yield_slice()
            log.append(second.dead)
            os.write(fresh_writer, b"x")
            second.join()
            here.forget_descriptor(other_reader, False)
            os.close(fresh_writer)

        opener = coro.spawn(first)
        coro.yield_slice()
        os.write(pipe[1], b"x")
        os.write(other_writer, b"x")
        opener.join()
        assert log == [False]
        os.close(other_reader)
        os.close(other_writer)

    def test_closed_behind_our_back(self, pipe):
        # By code that knows nothing of coro, so nobody was told.
        here = scheduler()
        assert wait(pipe[1], WRITE) == WRITE
        reader, writer = os.pipe()
        os.dup2(reader, pipe[1])  # pipe[1] is the reading end of another pipe now
        os.close(reader)
        assert wait(pipe[1], READ, 0) == 0
        os.write(writer, b"x")
        assert wait(pipe[1], READ) == READ
        here.forget_descriptor(pipe[1])
        os.close(writer)


class TestRegularFiles:
    def test_always_ready(self, tmp_path):
        with open(tmp_path / "file", "w+") as file:
            for events in (READ, WRITE, READ | WRITE):
                for _ in range(2):
                    assert wait(file.fileno(), events) == events
            scheduler().forget_descriptor(file.fileno())

    def test_then_closed(self, tmp_path):
        with open(tmp_path / "file", "w+") as file:
            fd = file.fileno()
            wait(fd, READ)
        with pytest.raises(coro.ClosedError):
            wait(fd, READ)
        scheduler().forget_descriptor(fd, False)

    def test_then_a_pipe_under_the_number(self, tmp_path):
        with open(tmp_path / "file", "w+") as file:
            fd = os.dup(file.fileno())
        wait(fd, READ)
        reader, writer = os.pipe()
        os.dup2(reader, fd)
        os.close(reader)
        assert wait(fd, READ, 0) == 0
        os.write(writer, b"x")
        assert wait(fd, READ) == READ
        scheduler().forget_descriptor(fd, False)
        os.close(fd)
        os.close(writer)

    def test_under_the_number_of_a_pipe(self, pipe, tmp_path, virtual):
        wait(pipe[1], WRITE)
        with open(tmp_path / "file", "w+") as file:
            os.dup2(file.fileno(), pipe[1])
        assert wait(pipe[1], READ, 5) == READ


def test_a_child_that_has_a_copy(pipe):
    """A file that lives on in another process may be closed and reused here."""
    here = scheduler()
    co = spawn_waiting(wait, pipe[0], READ)
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=[pipe[0]])
    co.shutdown()
    co.join()
    here.forget_descriptor(pipe[0], False)
    reader, writer = os.pipe()
    os.dup2(reader, pipe[0])
    os.close(reader)
    second = spawn_waiting(wait, pipe[0], READ)
    os.write(pipe[1], b"old")
    for _ in range(300):
        coro.yield_slice()
    assert not second.dead
    os.write(writer, b"new")
    second.join()
    os.close(writer)
    child.communicate()


def test_waiting_for_writing_while_the_other_end_has_stopped_sending():
    """A half-closed connection is no reason to wake writers, nor to poll without rest."""
    import time

    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        try:
            while True:
                ours.send(bytes(65536))
        except BlockingIOError:
            pass
        theirs.shutdown(socket.SHUT_WR)
        writer = spawn_waiting(wait, ours.fileno(), WRITE)
        before, cpu_before = time.monotonic(), time.process_time()
        with pytest.raises(coro.TimeoutError):
            writer.join(0.2)
        used = (time.process_time() - cpu_before) / (time.monotonic() - before)
        assert used < 0.5
        writer.shutdown()
        writer.join()
        scheduler().forget_descriptor(ours.fileno())
