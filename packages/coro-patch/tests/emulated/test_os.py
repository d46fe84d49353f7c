"""`os` and `io`: descriptors that have to be waited for, and child processes."""

import contextlib
import io
import os
import pty
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import coro

MEGABYTE = 1 << 20


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


def in_thread(function: Callable[..., Any], *args: Any) -> tuple[threading.Thread, list[Any]]:
    told: list[Any] = []
    thread = threading.Thread(target=lambda: told.append(function(*args)))
    thread.start()
    return thread, told


def blocked(*made: coro.coro) -> None:
    """Let the others run until they wait."""
    while not all(each.waiting for each in made):
        coro.yield_slice()


class TestReading:
    def test_a_reader_gets_what_comes(self, both: str, pipe: tuple[int, int]) -> None:
        thread, told = in_thread(os.read, pipe[0], 10)
        os.write(pipe[1], b"abc")
        thread.join()
        assert told == [b"abc"]

    def test_others_run_while_it_waits(self, emulated: None, pipe: tuple[int, int]) -> None:
        reader = coro.spawn(os.read, pipe[0], 10)
        blocked(reader)
        assert reader.waiting == ("read", pipe[0])
        os.write(pipe[1], b"abc")
        reader.join()
        assert reader.result() == b"abc"

    def test_the_mode_of_the_descriptor_stays(self, emulated: None, pipe: tuple[int, int]) -> None:
        reader = coro.spawn(os.read, pipe[0], 10)
        blocked(reader)
        assert os.get_blocking(pipe[0])
        os.write(pipe[1], b"abc")
        reader.join()

    def test_one_that_the_program_made_non_blocking_does_not_wait(self, both: str, pipe: tuple[int, int]) -> None:
        os.set_blocking(pipe[0], False)
        with pytest.raises(BlockingIOError):
            os.read(pipe[0], 1)

    def test_of_several_readers_each_byte_goes_to_one(self, emulated: None, pipe: tuple[int, int]) -> None:
        readers = [coro.spawn(os.read, pipe[0], 1) for _ in range(20)]
        blocked(*readers)
        os.write(pipe[1], bytes(range(20)))
        for reader in readers:
            reader.join()
        assert sorted(reader.result()[0] for reader in readers) == list(range(20))

    def test_an_interrupt_takes_nothing(self, emulated: None, pipe: tuple[int, int]) -> None:
        with pytest.raises(TimeoutError):
            coro.with_timeout(0.001, os.read, pipe[0], 10)
        os.write(pipe[1], b"abc")
        assert os.read(pipe[0], 10) == b"abc"

    def test_the_end(self, both: str, pipe: tuple[int, int]) -> None:
        os.close(pipe[1])
        assert os.read(pipe[0], 10) == b""

    def test_into_several_buffers(self, both: str, pipe: tuple[int, int]) -> None:
        first, second = bytearray(2), bytearray(5)
        thread, told = in_thread(os.readv, pipe[0], [first, second])
        os.write(pipe[1], b"abcd")
        thread.join()
        assert (told, first, second) == ([4], b"ab", b"cd\0\0\0")

    @pytest.mark.parametrize("make", ["socketpair", "pty", "eventfd"])
    def test_other_kinds(self, both: str, make: str) -> None:
        if make == "socketpair":
            ends = [each.detach() for each in socket.socketpair()]
            data = b"abc\n"
        elif make == "pty":
            ends, data = list(pty.openpty()), b"abc\n"
        else:
            one = os.eventfd(0)
            ends, data = [one, os.dup(one)], (5).to_bytes(8, "little")
        try:
            thread, told = in_thread(os.read, ends[1], 8)
            assert os.write(ends[0], data) == len(data)
            thread.join()
            assert told == [data]
        finally:
            for end in ends:
                os.close(end)

    @pytest.mark.parametrize("wrong", [(-1, 1), ("x", 1), (0, -1), (0, "x"), (1 << 40, 1), (9999, 1)])
    def test_wrong_uses_are_told_as_ever(self, emulated: None, wrong: tuple[Any, Any]) -> None:
        original = coro.get_original("os", "read")
        with pytest.raises((TypeError, ValueError, OverflowError, OSError)) as expected:
            original(*wrong)
        with pytest.raises(expected.type) as told:
            os.read(*wrong)
        assert str(told.value) == str(expected.value)


class TestWriting:
    def test_all_is_written(self, both: str, pipe: tuple[int, int]) -> None:
        thread, told = in_thread(os.write, pipe[1], bytes(MEGABYTE))
        have = 0
        while have < MEGABYTE:
            have += len(os.read(pipe[0], MEGABYTE))
        thread.join()
        assert told == [MEGABYTE]

    def test_of_several_buffers_too(self, both: str, pipe: tuple[int, int]) -> None:
        thread, told = in_thread(os.writev, pipe[1], [b"x" * MEGABYTE, b"y" * 5])
        data = b""
        while len(data) < MEGABYTE + 5:
            data += os.read(pipe[0], MEGABYTE)
        thread.join()
        assert told == [MEGABYTE + 5]
        assert data.endswith(b"xyyyyy")

    def test_nobody_reads_any_more(self, both: str, pipe: tuple[int, int]) -> None:
        os.close(pipe[0])
        with pytest.raises(BrokenPipeError):
            os.write(pipe[1], b"x")


class TestNumbers:
    def test_an_exchanged_file(self, both: str, pipe: tuple[int, int]) -> None:
        number = os.dup(pipe[0])
        try:
            assert os.dup2(pipe[1], number, inheritable=False) == number
            assert not os.get_inheritable(number)
            assert os.dup2(pipe[1], fd2=number) == number
            assert os.get_inheritable(number)
            assert os.write(number, b"through the other") == 17
            assert os.read(pipe[0], 100) == b"through the other"
        finally:
            os.close(number)

    def test_what_cannot_be_exchanged(self, both: str, pipe: tuple[int, int]) -> None:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.dup2(1 << 20, pipe[0])
        with pytest.raises(TypeError):
            os.dup2(pipe[0])  # type: ignore[call-arg]
        assert os.write(pipe[1], b"as before") == 9
        assert os.read(pipe[0], 100) == b"as before"

    def test_who_waits_for_the_file_that_was_there_is_told(self, emulated: None, pipe: tuple[int, int]) -> None:
        number = os.dup(pipe[0])
        reader = coro.spawn(os.read, number, 100)
        while reader.waiting is None:
            coro.yield_slice()
        os.dup2(pipe[0], number)
        reader.join()
        with pytest.raises(coro.ClosedError, match="was closed"):
            reader.result()
        os.close(number)

    def test_several_are_closed_at_once(self, both: str, pipe: tuple[int, int]) -> None:
        numbers = [os.dup(pipe[0]) for _ in range(3)]
        for wrong in (1.5, "x", None):
            with pytest.raises(TypeError):
                os.closerange(numbers[0], wrong)  # type: ignore[arg-type]
        for number in numbers:
            os.closerange(number, number + 1)
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(number)


class TestFiles:
    """`io`: file objects of pipes."""

    def test_reading_lets_others_run(self, both: str, pipe: tuple[int, int]) -> None:
        with open(pipe[0], "rb", closefd=False) as file:
            thread, told = in_thread(file.read)
            os.write(pipe[1], b"ab")
            os.write(pipe[1], b"cd")
            os.close(pipe[1])
            thread.join()
        assert told == [b"abcd"]

    def test_lines(self, both: str, pipe: tuple[int, int]) -> None:
        with open(pipe[0], closefd=False) as file:
            thread, told = in_thread(file.readline)
            os.write(pipe[1], b"one\ntwo\n")
            thread.join()
            assert told == ["one\n"]
            assert file.readline() == "two\n"

    def test_several_that_write_to_one_file_wait_for_each_other(self, both: str, pipe: tuple[int, int]) -> None:
        file = open(pipe[1], "wb", closefd=False)  # noqa: SIM115 - its end is part of the test

        def write() -> None:
            file.write(b"x" * MEGABYTE)
            file.flush()

        threads = [in_thread(write)[0] for _ in range(3)]
        have = 0
        while have < 3 * MEGABYTE:
            have += len(os.read(pipe[0], MEGABYTE))
        for thread in threads:
            thread.join()
        file.close()
        assert have == 3 * MEGABYTE

    def test_without_a_buffer(self, both: str, pipe: tuple[int, int]) -> None:
        with open(pipe[0], "rb", 0, closefd=False) as file:
            thread, told = in_thread(file.read, 3)
            os.write(pipe[1], b"abcde")
            thread.join()
            assert told == [b"abc"]
            target = bytearray(5)
            assert file.readinto(target) == 2

    def test_non_blocking_ones_say_so(self, both: str, pipe: tuple[int, int]) -> None:
        os.set_blocking(pipe[0], False)
        with open(pipe[0], "rb", 0, closefd=False) as file:
            assert file.read(3) is None
            assert file.read() is None

    def test_what_a_file_complains_of(self, both: str, pipe: tuple[int, int]) -> None:
        with open(pipe[0], "rb", 0, closefd=False) as file, pytest.raises(io.UnsupportedOperation):
            file.write(b"x")
        with pytest.raises(ValueError, match="closed file"):
            file.read(1)


# pytest's watchdog is a thread; from 3.15 on os.fork() raises what the filters make of the warning.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
class TestChildren:
    @pytest.mark.parametrize("wait", ["wait", "waitpid", "wait3", "wait4", "waitid"])
    def test_each_way_to_wait(self, both: str, wait: str) -> None:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(3)
        calls: dict[str, Callable[[], Any]] = {
            "wait": os.wait,
            "waitpid": lambda: os.waitpid(pid, 0),
            "wait3": lambda: os.wait3(0),
            "wait4": lambda: os.wait4(pid, 0),
            "waitid": lambda: os.waitid(os.P_PID, pid, os.WEXITED),
        }
        thread, told = in_thread(calls[wait])
        os.close(writer)
        os.close(reader)
        thread.join()
        if wait == "waitid":
            assert (told[0].si_pid, told[0].si_status) == (pid, 3)
        else:
            assert told[0][0] == pid
            assert os.waitstatus_to_exitcode(told[0][1]) == 3
        with pytest.raises(ChildProcessError):
            calls[wait]()

    def test_a_status_can_be_left_where_it_is(self, both: str) -> None:
        pid = os.fork()
        if pid == 0:
            os._exit(3)
        assert os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT).si_status == 3
        assert os.waitpid(pid, 0)[0] == pid

    def test_system(self, both: str) -> None:
        assert os.waitstatus_to_exitcode(os.system("exit 3")) == 3
        assert os.system("kill -9 $$") == signal.SIGKILL

    def test_forkpty(self, both: str) -> None:
        pid, terminal = pty.fork()
        if pid == 0:
            os.write(1, b"hello")
            os._exit(0)
        assert os.read(terminal, 100) == b"hello"
        os.waitpid(pid, 0)
        os.close(terminal)
