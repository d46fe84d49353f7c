"""Sending files: `sock.sendfile`."""

import io
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coro
import coro_sock
from coro import fd_sock, sock
from listeners import fill, join, shrink, tiny_unix_pair, until_blocked

DATA = os.urandom(400_000)


class OnlyRead:
    """What can be read and nothing else."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(size)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def ends(_no_leaks: None) -> Iterator[tuple[sock, sock]]:
    left, right = coro.socketpair()
    with left, right:
        yield left, right


def received(right: sock, sending: coro.coro) -> tuple[int, bytes]:
    """What `sending` returned, and all that arrived, when its socket is closed behind it."""
    data = bytearray()
    while part := right.recv(65536):
        data += part
    return join(sending)[0], bytes(data)


def send_and_close(left: sock, *arguments: Any) -> int:
    with left:
        return left.sendfile(*arguments)


# -- what is sent


def test_a_file_arrives_whole(pair: tuple[sock, sock], path: Path) -> None:
    client, server = pair
    with open(path, "rb") as file:
        assert received(server, coro.spawn(send_and_close, client, file)) == (len(DATA), DATA)
        assert file.tell() == len(DATA)


@pytest.mark.parametrize("kind", ["regular", "memory", "only-read", "unbuffered", "temporary"])
def test_any_kind_of_file(ends: tuple[sock, sock], path: Path, kind: str) -> None:
    left, right = ends
    file: Any
    match kind:
        case "regular":
            file = open(path, "rb")  # noqa: SIM115
        case "unbuffered":
            file = open(path, "rb", 0)  # noqa: SIM115
        case "memory":
            file = io.BytesIO(DATA)
        case "only-read":
            file = OnlyRead(DATA)
        case _:
            file = tempfile.SpooledTemporaryFile(max_size=1_000_000)  # noqa: SIM115
            file.write(DATA)
            file.seek(0)
    assert received(right, coro.spawn(send_and_close, left, file)) == (len(DATA), DATA)
    if kind != "only-read":
        file.close()


sizes = st.one_of(st.integers(0, 300), st.sampled_from([4095, 4096, 65535, 65536, 65537, 200_000]))


@given(sizes, sizes, st.none() | sizes.filter(bool), st.booleans(), st.integers(0, 200))
def test_any_part_of_any_file(size: int, offset: int, count: int | None, in_memory: bool, position: int) -> None:
    left, right = tiny_unix_pair()
    data = DATA[:size]
    with tempfile.TemporaryFile() as on_disk, right:
        on_disk.write(data)
        on_disk.flush()
        file = io.BytesIO(data) if in_memory else on_disk
        file.seek(0 if in_memory and not offset else position)  # an offset of 0 is not looked for, as in Python
        expected = data[offset:] if count is None else data[offset : offset + count]
        assert received(right, coro.spawn(send_and_close, left, file, offset, count)) == (len(expected), expected)
        if expected:
            assert file.tell() == offset + len(expected)


def test_a_pipe_is_sent_to_its_end(ends: tuple[sock, sock]) -> None:
    left, right = ends
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as file:
        os.write(writer, b"through a pipe")
        os.close(writer)
        assert left.sendfile(file) == 14
        assert right.recv(100) == b"through a pipe"


def test_the_file_of_another_socket_is_sent_as_it_comes(ends: tuple[sock, sock]) -> None:
    left, right = ends
    source, sink = coro.socketpair()
    with source, sink, source.makefile("rb", 0) as file:
        sending = coro.spawn(left.sendfile, file)
        until_blocked(sending)
        sink.send(b"first ")
        assert right.recv(100) == b"first "
        sink.send(b"second")
        assert right.recv(100) == b"second"
        sink.close()
        assert join(sending) == [12]


def test_a_file_is_sent_into_a_pipe(path: Path) -> None:
    reader, writer = map(fd_sock, os.pipe())
    with reader, open(path, "rb") as file:
        assert received(reader, coro.spawn(send_and_close, writer, file)) == (len(DATA), DATA)


def test_an_empty_file(ends: tuple[sock, sock]) -> None:
    with tempfile.TemporaryFile() as file:
        assert ends[0].sendfile(file) == 0
    assert ends[0].sendfile(io.BytesIO()) == 0
    assert ends[0].sendfile(OnlyRead(b"")) == 0


def test_an_offset_behind_the_end(ends: tuple[sock, sock], path: Path) -> None:
    with open(path, "rb") as file:
        assert ends[0].sendfile(file, len(DATA)) == 0
        assert ends[0].sendfile(file, 2**40) == 0
    assert ends[0].sendfile(io.BytesIO(b"x"), 100) == 0


def test_a_count_larger_than_any_file(ends: tuple[sock, sock]) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"small")
        file.flush()
        assert ends[0].sendfile(file, 1, 2**70) == 4
    assert ends[0].sendfile(io.BytesIO(b"small"), 0, 2**70) == 5
    assert ends[1].recv(100) == b"mallsmall"


# -- while it waits


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_slow_reader_gets_it_all(in_memory: bool, path: Path) -> None:
    left, right = tiny_unix_pair()
    with open(path, "rb") as on_disk, right:
        file = io.BytesIO(DATA) if in_memory else on_disk
        sending = coro.spawn(send_and_close, left, file)
        data = bytearray()
        while part := right.recv(3000):
            data += part
            until_blocked_or_dead(sending)
        assert bytes(data) == DATA
        assert join(sending) == [len(DATA)]


def until_blocked_or_dead(co: coro.coro) -> None:
    while co.waiting is None and not co.dead:
        coro.yield_slice()


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("offset", [0, 12_345])
def test_the_position_says_how_far_an_interrupted_one_went(in_memory: bool, offset: int, path: Path) -> None:
    left, right = tiny_unix_pair()
    with left, right, open(path, "rb") as on_disk:
        file = io.BytesIO(DATA) if in_memory else on_disk
        with pytest.raises(coro.TimeoutError):
            coro.with_timeout(0.005, left.sendfile, file, offset)
        went = file.tell()
        assert offset < went < len(DATA)
        left.shutdown(socket.SHUT_WR)
        assert right.recv_exact(went - offset) == DATA[offset:went]
        assert right.recv(1) == b""


@pytest.mark.parametrize("in_memory", [True, False])
def test_nothing_of_others_gets_in_between(in_memory: bool, path: Path) -> None:
    left, right = tiny_unix_pair()
    with open(path, "rb") as on_disk, right:
        file = io.BytesIO(DATA) if in_memory else on_disk
        sending = coro.spawn(left.sendfile, file)
        until_blocked(sending)
        second = coro.spawn(send_and_close, left, io.BytesIO(b"behind it"))
        until_blocked(second)
        assert right.recv_exact(len(DATA)) == DATA
        assert received(right, second) == (9, b"behind it")
        assert join(sending) == [len(DATA)]


@pytest.mark.parametrize("in_memory", [True, False])
def test_closing_ends_it(in_memory: bool, path: Path, quiet: None) -> None:
    left, right = tiny_unix_pair()
    with right, open(path, "rb") as on_disk:
        sending = coro.spawn(left.sendfile, io.BytesIO(DATA) if in_memory else on_disk)
        until_blocked(sending)
        left.close()
        with pytest.raises(coro.ClosedError):
            join(sending)


@pytest.mark.parametrize("in_memory", [True, False])
def test_nobody_is_there(ends: tuple[sock, sock], in_memory: bool, path: Path) -> None:
    left, right = ends
    right.close()
    with open(path, "rb") as on_disk, pytest.raises(BrokenPipeError):
        left.sendfile(io.BytesIO(DATA) if in_memory else on_disk)


def test_a_timeout_of_the_socket_holds_for_it(ends: tuple[sock, sock], path: Path) -> None:
    left, _ = ends
    shrink(left)
    left.settimeout(0.001)
    with open(path, "rb") as file, pytest.raises(TimeoutError, match="timed out"):
        left.sendfile(file)


def test_an_error_of_the_file_comes_out_and_the_turn_is_given_back(ends: tuple[sock, sock]) -> None:
    class Broken(OnlyRead):
        def read(self, size: int = -1, /) -> bytes:
            if block := super().read(size):
                return block
            raise OSError("the disk is gone")

    left, right = ends
    with pytest.raises(OSError, match="the disk is gone"):
        left.sendfile(Broken(b"first block"))
    left.send(b", and what follows")
    assert right.recv(100) == b"first block, and what follows"


# -- wrong use, which is told as Python's own socket tells it


class ReadsText:
    def read(self, size: int) -> str:
        return "text"


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ((None,), "read"),
        (("a name",), "read"),
        ((ReadsText(),), "bytes-like"),
        ((io.StringIO("text"),), "file|bytes-like"),
        ((io.BytesIO(b"x"), -1), "negative seek"),
        ((io.BytesIO(b"x"), "1"), "integer"),
        ((io.BytesIO(b"x"), 1.5), "integer"),
        ((io.BytesIO(b"x"), 2**70), "large"),
        ((io.BytesIO(b"x"), 0, 0), "count must be a positive integer"),
        ((io.BytesIO(b"x"), 0, -1), "count must be a positive integer"),
        ((io.BytesIO(b"x"), 0, "1"), "count must be a positive integer"),
        ((io.BytesIO(b"x"), 0, 1.0), "count must be a positive integer"),
    ],
)
def test_wrong_arguments(ends: tuple[sock, sock], arguments: Any, names: str) -> None:
    plain, other = socket.socketpair()
    with plain, other, pytest.raises(Exception) as of_python:  # noqa: PT011
        plain.sendfile(*arguments)
    with pytest.raises(Exception, match=names) as ours:
        ends[0].sendfile(*arguments)
    # A file of text is found out sooner, when nothing has been read.
    assert type(ours.value) is (ValueError if isinstance(arguments[0], io.StringIO) else type(of_python.value))


def test_a_text_file(ends: tuple[sock, sock], path: Path) -> None:
    with open(path, encoding="latin-1") as file, pytest.raises(ValueError, match="binary mode"):
        ends[0].sendfile(file)  # type: ignore[arg-type]


def test_a_negative_offset_of_a_regular_file(ends: tuple[sock, sock], path: Path) -> None:
    with open(path, "rb") as file, pytest.raises(OSError, match="Invalid argument"):
        ends[0].sendfile(file, -1)


def test_a_closed_file(ends: tuple[sock, sock], path: Path) -> None:
    with open(path, "rb") as file:
        pass
    with pytest.raises(ValueError, match="closed file"):
        ends[0].sendfile(file)


def test_datagrams_send_no_files(path: Path) -> None:
    with coro.udp_sock() as made, open(path, "rb") as file, pytest.raises(ValueError, match=r"only SOCK\.STREAM"):
        made.sendfile(file)


def test_a_socket_that_does_not_wait_sends_no_files(ends: tuple[sock, sock], path: Path) -> None:
    ends[0].settimeout(0)
    with open(path, "rb") as file, pytest.raises(ValueError, match="timeout 0"):
        ends[0].sendfile(file)


def test_a_closed_socket_sends_no_files(path: Path) -> None:
    made = coro.tcp_sock()
    made.close()
    with open(path, "rb") as file, pytest.raises(coro.ClosedError):
        made.sendfile(file)


def test_a_full_socket_waits_before_anything_is_sent(ends: tuple[sock, sock], path: Path) -> None:
    left, right = ends
    filled = fill(left)
    with open(path, "rb") as file:
        sending = coro.spawn(left.sendfile, file, 0, 100)
        until_blocked(sending)
        assert file.tell() == 0
        assert right.recv_exact(filled + 100)[filled:] == DATA[:100]
        assert join(sending) == [100]


class SlowFile:
    """Its `read` lets others run before it has something."""

    def __init__(self, *blocks: bytes) -> None:
        self.blocks = [*blocks, b""]

    def read(self, size: int) -> bytes:
        coro.sleep_relative(0.001)
        return self.blocks.pop(0)


def test_what_others_send_is_not_mixed_into_a_slow_file() -> None:
    mine, peer = coro_sock.socketpair()
    with mine, peer:
        first = coro.spawn(mine.sendfile, SlowFile(b"a" * 1000, b"a" * 1000))
        until_blocked(first)
        second = coro.spawn(mine.send, b"b" * 3_000_000)
        received = peer.recv_exact(3_002_000)
        assert received == b"a" * 2000 + b"b" * 3_000_000
        for co in (first, second):
            co.join()
            co.result()


def test_a_source_that_is_closed_meanwhile_is_sent_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 4_000_000)
    mine, peer = coro_sock.socketpair()
    with mine, peer:
        file = path.open("rb")
        sending = coro.spawn(mine.sendfile, file)
        until_blocked(sending)
        file.close()
        assert peer.recv_exact(4_000_000) == b"x" * 4_000_000
        sending.join()
        assert sending.result() == 4_000_000
