"""Files that are no sockets: `fd_sock` and `file_sock`."""

import ctypes
import errno
import gc
import io
import os
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import coro
from coro import fd_sock, file_sock, sock
from listeners import fill, join, until_blocked

libc = ctypes.CDLL(None, use_errno=True)


def from_libc(function: str, *arguments: Any) -> int:
    """What a function of the C library returns, which must be there and succeed."""
    if not hasattr(libc, function):
        pytest.skip(f"the C library has no {function}()")
    result: int = getattr(libc, function)(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@pytest.fixture
def pipe(_no_leaks: None) -> Iterator[tuple[sock, sock]]:
    """Its end to read from, and its end to write to."""
    reader, writer = map(fd_sock, os.pipe())
    with reader, writer:
        yield reader, writer


# -- pipes


def test_reading_a_pipe_waits(pipe: tuple[sock, sock]) -> None:
    reader, writer = pipe
    reading = coro.spawn(reader.recv, 100)
    until_blocked(reading)
    assert reading.waiting == ("read", reader.fd)
    writer.send(b"through")
    assert join(reading) == [b"through"]


def test_a_full_pipe_makes_its_writer_wait(pipe: tuple[sock, sock]) -> None:
    reader, writer = pipe
    data = os.urandom(300_000)
    writing = coro.spawn(writer.send, data)
    until_blocked(writing)
    assert reader.recv_exact(len(data)) == data
    assert join(writing) == [len(data)]


def test_closing_the_end_that_writes_is_the_end_of_the_stream(pipe: tuple[sock, sock]) -> None:
    reader, writer = pipe
    writer.send(b"the rest")
    reading = coro.spawn(lambda: [reader.recv(100), reader.recv(100), reader.recv(100)])
    coro.yield_slice()
    writer.close()
    assert join(reading) == [[b"the rest", b"", b""]]


def test_what_an_interrupted_recv_exact_of_a_pipe_had_received_stays(pipe: tuple[sock, sock]) -> None:
    reader, writer = pipe
    writer.send(b"abcd")
    with pytest.raises(coro.TimeoutError):
        coro.with_timeout(0.001, reader.recv_exact, 8)
    writer.send(b"efgh")
    assert reader.recv_exact(8) == b"abcdefgh"


def test_every_way_to_read_and_write_a_pipe(pipe: tuple[sock, sock]) -> None:
    reader, writer = pipe
    buffer = bytearray(4)
    assert writer.writev([b"ab", bytearray(b"cd")]) == 4
    assert reader.readv([1, 3]) == (b"a", b"bcd")
    assert writer.write(memoryview(b"efgh")) == 4
    assert reader.recv_into(buffer) == 4
    assert buffer == b"efgh"
    assert writer.sendall(b"line\n") == 5
    with reader.makefile("rb") as file:
        assert file.readline() == b"line\n"


def test_writing_to_a_pipe_that_nobody_reads(run: Callable[..., str]) -> None:
    # In a program of its own, which SIGPIPE might end.
    program = """
        import os, coro
        reader, writer = map(coro.fd_sock, os.pipe())
        reader.close()
        for write in (lambda: writer.send(b"x"), lambda: writer.writev([b"x", b"y"])):
            try:
                write()
            except BrokenPipeError as error:
                print(error.errno == __import__("errno").EPIPE)
    """
    assert run(program) == "True\nTrue\n"


def test_the_reader_goes_while_the_writer_waits(pipe: tuple[sock, sock], quiet: None) -> None:
    reader, writer = pipe
    fill(writer)
    writing = coro.spawn(writer.send, b"more")
    until_blocked(writing)
    reader.close()
    with pytest.raises(BrokenPipeError):
        join(writing)


def test_many_read_one_pipe_in_their_order(pipe: tuple[sock, sock]) -> None:
    reader, writer = pipe
    readers = [coro.spawn(reader.recv_exact, 5) for _ in range(50)]
    until_blocked(*readers)
    for number in range(50):
        writer.send(b"%05d" % number)
    assert join(*readers) == [b"%05d" % number for number in range(50)]


def test_many_write_to_one_pipe_and_nothing_is_mixed(pipe: tuple[sock, sock]) -> None:
    reader, writer = pipe
    writers = [coro.spawn(writer.send, bytes([number]) * 50_000) for number in range(20)]
    until_blocked(*writers[1:])
    received = reader.recv_exact(20 * 50_000)
    assert [received[n * 50_000 : (n + 1) * 50_000] for n in range(20)] == [
        bytes([number]) * 50_000 for number in range(20)
    ]
    join(*writers)


def test_closing_wakes_all_who_wait_on_a_pipe(pipe: tuple[sock, sock], quiet: None) -> None:
    reader, _ = pipe
    readers = [coro.spawn(reader.recv, 1) for _ in range(5)]
    until_blocked(*readers)
    reader.close()
    for each in readers:
        with pytest.raises(coro.ClosedError):
            join(each)


def test_what_only_a_socket_can_do_is_refused(pipe: tuple[sock, sock]) -> None:
    reader, writer = pipe
    address = ("127.0.0.1", 1)
    for use in (
        reader.accept,
        reader.accept_many,
        lambda: reader.listen(1),
        lambda: reader.bind(address),
        lambda: reader.connect(address),
        lambda: reader.connect_addr(address),
        lambda: reader.shutdown(socket.SHUT_RD),
        reader.getsockname,
        reader.getpeername,
        lambda: reader.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE),
        lambda: reader.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        reader.set_reuse_addr,
        lambda: reader.recv(1, socket.MSG_PEEK),
        lambda: reader.recvfrom(1),
        lambda: reader.recvfrom_into(bytearray(1)),
        lambda: reader.recvmsg(1),
        lambda: reader.recvmsg_into([bytearray(1)]),
        lambda: writer.send(b"x", socket.MSG_OOB),
        lambda: writer.sendto(b"x", address),
        lambda: writer.sendmsg([b"x"]),
    ):
        with pytest.raises(coro.oserrors.ENOTSOCK):
            use()


def test_the_pipes_of_a_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "print(input().upper())"], stdin=-1, stdout=-1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with file_sock(process.stdin) as to_it, file_sock(process.stdout) as from_it:
            answering = coro.spawn(from_it.recv_exact, 9)
            until_blocked(answering)
            to_it.send(b"question\n")
            assert join(answering) == [b"QUESTION\n"]
            assert from_it.recv(100) == b""
        assert process.stdin.closed
        assert process.stdout.closed


def test_a_fifo_from_both_ends(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with (
        fd_sock(os.open(path, os.O_RDONLY | os.O_NONBLOCK)) as reader,
        fd_sock(os.open(path, os.O_WRONLY)) as writer,
    ):
        reading = coro.spawn(reader.recv, 100)
        until_blocked(reading)
        writer.send(b"through")
        assert join(reading) == [b"through"]
        writer.close()
        assert reader.recv(100) == b""
        with fd_sock(os.open(path, os.O_WRONLY)) as second:  # it can be opened again
            second.send(b"again")
            assert reader.recv(100) == b"again"


# -- terminals


@pytest.fixture
def terminal(_no_leaks: None) -> Iterator[tuple[sock, sock]]:
    """The side of the screen and the keys, and the side of the program. Nothing is echoed."""
    screen, program = os.openpty()
    attributes = termios.tcgetattr(program)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(program, termios.TCSANOW, attributes)
    with fd_sock(screen) as ours, fd_sock(program) as its:
        yield ours, its


def test_a_terminal_gives_whole_lines(terminal: tuple[sock, sock]) -> None:
    screen, program = terminal
    reading = coro.spawn(program.recv, 100)
    screen.send(b"half")
    until_blocked(reading)
    screen.send(b" and half\n")
    assert join(reading) == [b"half and half\n"]
    program.send(b"to the screen\n")
    assert screen.recv_exact(15) == b"to the screen\r\n"


def test_the_end_of_file_of_a_terminal(terminal: tuple[sock, sock]) -> None:
    screen, program = terminal
    reading = coro.spawn(program.recv, 100)
    until_blocked(reading)
    screen.send(b"\x04")  # ^D
    assert join(reading) == [b""]
    screen.send(b"goes on\n")
    assert program.recv(100) == b"goes on\n"


def test_a_terminal_whose_other_side_has_gone(terminal: tuple[sock, sock], quiet: None) -> None:
    screen, program = terminal
    reading = coro.spawn(screen.recv, 100)
    until_blocked(reading)
    program.close()
    with pytest.raises(coro.oserrors.EIO):
        join(reading)


# -- counters and notices


def test_an_eventfd() -> None:
    with fd_sock(os.eventfd(0)) as counter:
        reading = coro.spawn(counter.recv, 8)
        until_blocked(reading)
        os.eventfd_write(counter.fd, 3)
        os.eventfd_write(counter.fd, 4)
        assert struct.unpack("Q", join(reading)[0]) == (7,)
        counter.send(struct.pack("Q", 2**64 - 2))  # as high as it goes
        writing = coro.spawn(counter.send, struct.pack("Q", 1))
        until_blocked(writing)
        assert struct.unpack("Q", counter.recv(8)) == (2**64 - 2,)
        join(writing)
        assert os.eventfd_read(counter.fd) == 1


def test_a_timerfd() -> None:
    with fd_sock(from_libc("timerfd_create", 1, 0)) as timer:  # CLOCK_MONOTONIC
        reading = coro.spawn(timer.recv, 8)
        until_blocked(reading)
        in_a_millisecond = (ctypes.c_long * 4)(0, 0, 0, 1_000_000)
        from_libc("timerfd_settime", timer.fd, 0, in_a_millisecond, None)
        assert struct.unpack("Q", join(reading)[0]) == (1,)


def test_inotify(tmp_path: Path) -> None:
    with fd_sock(from_libc("inotify_init1", 0)) as notices:
        created = 0x100
        watch = from_libc("inotify_add_watch", notices.fd, os.fsencode(tmp_path), created)
        reading = coro.spawn(notices.recv, 4096)
        until_blocked(reading)
        (tmp_path / "news").touch()
        [notice] = join(reading)
        number, mask, _, size = struct.unpack_from("iIII", notice)
        assert (number, mask) == (watch, created)
        assert notice[16 : 16 + size].rstrip(b"\0") == b"news"


def test_a_pidfd() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as process:
        with fd_sock(os.pidfd_open(process.pid)) as pid:
            waiting = coro.spawn(pid.wait_for_read)
            until_blocked(waiting)
            process.send_signal(signal.SIGKILL)
            join(waiting)
        assert process.wait() == -signal.SIGKILL


# -- files that cannot be waited for


def test_a_regular_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = bytes(range(256)) * 1000
    path.write_bytes(contents)
    with fd_sock(os.open(path, os.O_RDONLY)) as file:
        assert file.recv(10) == bytes(range(10))
        assert file.recv_exact(246) == bytes(range(10, 256))
        assert file.readv([100_000, 155_744]) == (contents[256:100_256], contents[100_256:])
        assert file.recv(10) == b""
        assert file.wait_for_read() == 0
        with pytest.raises(EOFError):
            file.recv_exact(1)


def test_a_regular_file_is_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with fd_sock(os.open(path, os.O_WRONLY | os.O_CREAT)) as file:
        assert file.wait_for_write() > 0
        assert file.send(bytes(1_000_000)) == 1_000_000
        assert file.writev([b"the", b"end"]) == 6
        with pytest.raises(OSError, match="Bad file descriptor") as caught:
            file.recv(1)  # it is not open for reading
        assert not isinstance(caught.value, coro.ClosedError)
    assert path.read_bytes() == bytes(1_000_000) + b"theend"


def test_reading_a_file_lets_others_run(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1000))
    with fd_sock(os.open(path, os.O_RDONLY)) as file:
        other = coro.spawn(coro.yield_slice)
        while not other.dead:
            assert file.recv(1)  # a thousand reads are enough
        join(other)


def test_dev_null() -> None:
    with fd_sock(os.open(os.devnull, os.O_RDWR)) as null:
        assert null.send(bytes(1_000_000)) == 1_000_000
        assert null.recv(10) == b""


def test_dev_zero() -> None:
    with fd_sock(os.open("/dev/zero", os.O_RDONLY)) as zero:
        assert zero.recv(10) == bytes(10)
        assert zero.recv_exact(1_000_000) == bytes(1_000_000)


def test_dev_full() -> None:
    with fd_sock(os.open("/dev/full", os.O_WRONLY)) as full, pytest.raises(OSError, match="No space left") as caught:
        full.send(b"x")
    assert caught.value.errno == errno.ENOSPC


def test_a_folder(tmp_path: Path) -> None:
    with fd_sock(os.open(tmp_path, os.O_RDONLY)) as folder, pytest.raises(IsADirectoryError):
        folder.recv(10)


# -- sockets


@pytest.mark.parametrize(
    ("domain", "stype", "protocol"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP),
        (socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP),
        (socket.AF_UNIX, socket.SOCK_SEQPACKET, 0),
    ],
)
@pytest.mark.parametrize("kind", ["fd", "file"])
def test_of_a_socket_the_kind_is_found_out(kind: str, domain: int, stype: int, protocol: int) -> None:
    plain = socket.socket(domain, stype)
    with fd_sock(plain.detach()) if kind == "fd" else file_sock(plain) as made:
        assert (made.domain, made.stype, made.protocol) == (domain, stype, protocol)
        assert (made.family, made.type) == (domain, stype)


def test_a_socket_may_come_as_a_file_object() -> None:
    one, other = socket.socketpair()
    with other, file_sock(one) as made:
        other.sendall(b"hello")
        assert made.recv(10, socket.MSG_PEEK) == made.recv(10) == b"hello"
    assert one.fileno() == -1


# -- whose descriptor it is


def test_a_file_sock_closes_its_file(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb", 0) as file:
        fd = file.fileno()
        made = file_sock(file)
        assert made.fd == fd
        made.close()
        made.close()
        assert file.closed
        assert not is_open(fd)


def test_a_file_sock_that_is_dropped_closes_its_file(tmp_path: Path) -> None:
    file = open(tmp_path / "file", "wb")  # noqa: SIM115
    made = file_sock(file)
    file.write(b"in the buffer")
    del made
    assert file.closed
    assert (tmp_path / "file").read_bytes() == b"in the buffer"


def test_a_file_that_nobody_else_holds_is_closed_without_a_warning(tmp_path: Path) -> None:
    made = file_sock(open(tmp_path / "file", "wb"))  # noqa: SIM115
    fd = made.fd
    del made
    gc.collect()
    assert not is_open(fd)


def test_closing_does_not_close_who_has_the_number_now(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(writer)
    made = file_sock(open(reader, "rb", 0))  # noqa: SIM115
    made.close()
    again = os.open(tmp_path, os.O_RDONLY)
    assert again == reader
    made.close()
    del made
    gc.collect()
    assert is_open(again)
    os.close(again)


def test_detach_leaves_the_descriptor_to_the_file() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    with open(reader, "rb", 0) as file:
        made = file_sock(file)
        assert made.detach() == reader
        assert made.detach() == -1
        made.close()
        del made
        assert file.read() == b""


def test_a_duplicate_of_a_file_sock_is_its_own() -> None:
    reader, writer = os.pipe()
    with fd_sock(writer) as other_end:
        with file_sock(open(reader, "rb", 0)) as made:
            copy = made.dup()
        assert type(copy) is file_sock
        other_end.send(b"still")
        assert copy.recv(10) == b"still"
        fd = copy.fd
        del copy
        assert not is_open(fd)


def test_closing_the_file_wakes_who_waits(quiet: None) -> None:
    reader, writer = os.pipe()
    with fd_sock(writer), file_sock(open(reader, "rb", 0)) as made:
        reading = coro.spawn(made.recv, 1)
        until_blocked(reading)
        made.close()
        with pytest.raises(coro.ClosedError):
            join(reading)


# -- wrong use


def test_a_descriptor_that_is_not_open() -> None:
    fd = os.dup(1)
    os.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        fd_sock(fd)
    assert caught.value.errno == errno.EBADF


@pytest.mark.parametrize(
    ("fd", "kind"), [(-1, ValueError), (-(2**70), ValueError), (2**40, OverflowError), (2**70, OverflowError)]
)
def test_what_can_be_no_descriptor(fd: int, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        fd_sock(fd)


@pytest.mark.parametrize("fd", ["3", None, 1.0, b"1"])
def test_what_is_no_descriptor(fd: Any) -> None:
    with pytest.raises(TypeError):
        fd_sock(fd)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"must have a fileno\(\) method, which str has not"):
        file_sock("a name")
    with pytest.raises(io.UnsupportedOperation, match="fileno"):
        file_sock(io.BytesIO())
    with open(tmp_path / "file", "wb") as file:
        pass
    with pytest.raises(ValueError, match="closed file"):
        file_sock(file)
