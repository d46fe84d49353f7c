"""Reading into and writing from many buffers with one system call."""

import itertools
import os
import socket
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import coro
import coro_sock
import listeners
from coro_sock import fd_sock, sock
from listeners import join, until_blocked

pytestmark = pytest.mark.usefixtures("quiet")

IOV_MAX = os.sysconf("SC_IOV_MAX")


@pytest.fixture
def streams() -> Iterator[tuple[sock, sock]]:
    """Two connected UNIX streams with the smallest buffers."""
    left, right = listeners.tiny_unix_pair()
    with left, right:
        yield left, right


@pytest.fixture
def datagrams() -> Iterator[tuple[sock, sock]]:
    """Two connected UNIX datagram sockets."""
    left, right = coro_sock.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with left, right:
        yield left, right


@pytest.fixture
def pipe() -> Iterator[tuple[sock, sock]]:
    """The reading and the writing end of a pipe."""
    reader, writer = (fd_sock(fd) for fd in os.pipe())
    with reader, writer:
        yield reader, writer


def in_turn(count: int) -> list[bytes]:
    """So many buffers of 0 to 3 bytes."""
    letters = itertools.cycle(b"abcdefghijk")
    return [bytes(itertools.islice(letters, n % 4)) for n in range(count)]


# -- writing


@given(st.data())
@settings(max_examples=50)
def test_any_parts_are_written_whole_and_in_order(data: st.DataObject) -> None:
    # The kernel takes what fits, so writes end in the middle of buffers, wherever that is.
    parts = data.draw(st.lists(st.binary(max_size=3000), max_size=30)) * data.draw(st.integers(1, 3))
    before = data.draw(st.integers(0, 5000))
    lengths = itertools.cycle(data.draw(st.lists(st.integers(1, 5000), min_size=1, max_size=10)))
    left, right = listeners.tiny_unix_pair()
    with left, right:
        writing = coro.spawn(lambda: left.send(b"x" * before) + left.writev(parts))
        expected = b"x" * before + b"".join(parts)
        received = b""
        while len(received) < len(expected):
            received += right.recv(next(lengths))
        assert received == expected
        assert join(writing) == [len(expected)]


def test_a_short_write_at_every_byte(pipe: tuple[sock, sock]) -> None:
    # A write of more than PIPE_BUF bytes to a pipe takes what there is room for, in pages.
    reader, writer = pipe
    room = listeners.fill(writer)
    assert reader.recv_exact(room) == b"\xff" * room
    parts = [b"ab", b"", b"cde", b"", b"f", b"", b""]
    whole = b"".join(parts)
    for left_over in range(len(whole) + 1):
        head = os.urandom(room - left_over)
        writing = coro.spawn(writer.writev, [head, *parts, b"g" * 5000])
        if left_over < len(whole):
            until_blocked(writing)
        assert reader.recv_exact(room + len(whole) - left_over + 5000) == head + whole + b"g" * 5000
        assert join(writing) == [room + len(whole) - left_over + 5000]


@pytest.mark.parametrize("count", [IOV_MAX - 1, IOV_MAX, IOV_MAX + 1, 2 * IOV_MAX, 5000])
def test_more_parts_than_the_kernel_takes(pair: tuple[sock, sock], count: int) -> None:
    client, server = pair
    parts = in_turn(count)
    writing = coro.spawn(client.writev, parts)
    assert server.recv_exact(len(b"".join(parts))) == b"".join(parts)
    assert join(writing) == [len(b"".join(parts))]


@pytest.mark.parametrize(
    "parts",
    [
        [b"", b"", b"ab", b"c"],
        [b"ab", b"", b"", b"c"],
        [b"abc", b"", b""],
        [b""] * 3000 + [b"a"] + [b""] * 3000 + [b"bc"] + [b""] * 3000,
    ],
)
def test_empty_parts_anywhere(pair: tuple[sock, sock], parts: list[bytes]) -> None:
    client, server = pair
    assert client.writev(parts) == 3
    assert server.recv_exact(3) == b"abc"


@pytest.mark.parametrize("parts", [[], [b""], [b""] * 5000, ()])
def test_nothing_to_write(pair: tuple[sock, sock], parts: Iterable[bytes]) -> None:
    client, server = pair
    assert client.writev(parts) == 0
    with pytest.raises(BlockingIOError):
        server.recv(1, socket.MSG_DONTWAIT)


@pytest.mark.parametrize("form", [list, tuple, iter, lambda parts: (part for part in parts), dict.fromkeys])
def test_any_iterable_of_parts(pair: tuple[sock, sock], form: Any) -> None:
    client, server = pair
    assert client.writev(form([b"ab", b"cd"])) == 4
    assert server.recv_exact(4) == b"abcd"


def test_any_kind_of_part(pair: tuple[sock, sock]) -> None:
    client, server = pair
    parts = [b"ab", bytearray(b"cd"), memoryview(b"xefx")[1:3], memoryview(b"ghij").cast("H")]
    assert client.writev(parts) == 10
    assert server.recv_exact(10) == b"abcdefghij"


def test_a_part_that_is_no_buffer_is_named(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    with pytest.raises(TypeError, match=r"data\[2\] must be an object with the buffer protocol, not str"):
        client.writev([b"a", b"b", "c"])  # type: ignore[list-item]
    with pytest.raises(BufferError, match=r"data\[1\] is not contiguous"):
        client.writev([b"a", memoryview(b"abcd")[::2]])
    with pytest.raises(TypeError, match="not iterable"):
        client.writev(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"data\[0\] must be"):
        client.writev(b"bytes are a sequence of ints")  # type: ignore[arg-type]
    with pytest.raises(BlockingIOError):  # nothing of it was sent
        server.recv(1, socket.MSG_DONTWAIT)


def test_an_iterator_that_raises(tcp: tuple[sock, sock]) -> None:
    client, server = tcp

    def parts() -> Iterator[bytes]:
        yield b"a"
        raise KeyError("no more")

    with pytest.raises(KeyError, match="no more"):
        client.writev(parts())
    with pytest.raises(BlockingIOError):
        server.recv(1, socket.MSG_DONTWAIT)


def test_a_part_in_use_cannot_be_resized(streams: tuple[sock, sock]) -> None:
    left, right = streams
    filled = listeners.fill(left)
    part = bytearray(b"y" * 10)
    writing = coro.spawn(left.writev, [b"x", part])
    until_blocked(writing)
    with pytest.raises(BufferError):
        part.append(1)
    assert right.recv_exact(filled + 11)[filled:] == b"x" + b"y" * 10
    assert join(writing) == [11]
    part.append(1)


def test_writing_without_waiting_tells_how_much_it_was(streams: tuple[sock, sock]) -> None:
    left, right = streams
    left.settimeout(0)
    written = left.writev([b"abc" * 1000] * 1000)
    assert 0 < written < 3_000_000
    assert right.recv_exact(written) == (b"abc" * 1_000_000)[:written]
    with pytest.raises(BlockingIOError):
        right.recv(1, socket.MSG_DONTWAIT)


def test_a_closed_socket_is_told_before_there_is_anything_to_do() -> None:
    closed = coro_sock.tcp_sock()
    closed.close()
    for parts in ([], [b""], [b"x"]):
        with pytest.raises(coro.ClosedError):
            closed.writev(parts)
    for sizes in ([], [0], [1]):
        with pytest.raises(coro.ClosedError):
            closed.readv(sizes)


# -- messages


def test_parts_make_up_one_datagram(datagrams: tuple[sock, sock]) -> None:
    left, right = datagrams
    assert left.writev([b"", b"ab", b"", b"c", b""]) == 3
    assert left.writev([]) == 0
    assert left.writev([b"", b""]) == 0
    assert left.writev([b"end"]) == 3
    assert [right.recv(10) for _ in range(4)] == [b"abc", b"", b"", b"end"]


@pytest.mark.parametrize("count", [IOV_MAX, IOV_MAX + 1, 5000])
def test_many_parts_make_up_one_datagram_too(datagrams: tuple[sock, sock], count: int) -> None:
    left, right = datagrams
    parts = in_turn(count)
    assert left.writev(parts) == len(b"".join(parts))
    assert right.recv(100_000) == b"".join(parts)


def test_a_datagram_that_is_too_long(datagrams: tuple[sock, sock]) -> None:
    left, _ = datagrams
    with pytest.raises(OSError, match="Message too long") as caught:
        left.writev([b"x" * 5_000_000] * 2)
    assert type(caught.value) is coro.oserrors.EMSGSIZE


def test_reading_a_datagram_in_parts(datagrams: tuple[sock, sock]) -> None:
    left, right = datagrams
    left.send(b"abcdef")
    assert right.readv([2, 3, 1]) == (b"ab", b"cde", b"f")


# -- reading


@given(st.data())
@settings(max_examples=50)
def test_any_sizes_are_read_in_order(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(0, 2000), max_size=20)) * data.draw(st.sampled_from([1, 2, 100]))
    payload = os.urandom(sum(sizes))
    chunks = itertools.cycle(data.draw(st.lists(st.integers(1, 5000), min_size=1, max_size=10)))
    left, right = listeners.tiny_unix_pair()

    def send() -> None:
        at = 0
        while at < len(payload):
            at += left.send(payload[at : at + next(chunks)])
            coro.yield_slice()

    with left, right:
        sending = coro.spawn(send)
        parts = right.readv(sizes)
        assert [len(part) for part in parts] == sizes
        assert b"".join(parts) == payload
        join(sending)


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, ()),
        (1, (b"a",)),
        (2, (b"ab", b"")),
        (3, (b"ab", b"", b"c")),
        (4, (b"ab", b"", b"cd")),
        (5, (b"ab", b"", b"cde")),
        (6, (b"ab", b"", b"cde", b"f", b"")),
    ],
)
def test_the_stream_ends_at_every_byte(pair: tuple[sock, sock], length: int, expected: tuple[bytes, ...]) -> None:
    client, server = pair
    client.send(b"abcdef"[:length])
    client.close()
    assert server.readv([2, 0, 3, 1, 0, 2]) == expected
    assert server.readv([1]) == ()


def test_reading_into_more_parts_than_the_kernel_takes(pair: tuple[sock, sock]) -> None:
    client, server = pair
    parts = in_turn(5000)
    sending = coro.spawn(client.send, b"".join(parts))
    assert list(server.readv([len(part) for part in parts])) == parts
    join(sending)


@pytest.mark.parametrize("form", [list, tuple, iter, lambda sizes: (size for size in sizes)])
def test_any_iterable_of_sizes(pair: tuple[sock, sock], form: Any) -> None:
    client, server = pair
    client.send(b"abc")
    assert server.readv(form([1, 2])) == (b"a", b"bc")


def test_nothing_to_read(pair: tuple[sock, sock]) -> None:
    _, server = pair
    assert server.readv([]) == ()
    assert server.readv([0, 0]) == (b"", b"")


def test_wrong_sizes(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    client.send(b"kept")
    with pytest.raises(ValueError, match="size_list must not contain negative sizes, but has -1"):
        server.readv([1, -1])
    with pytest.raises(MemoryError):
        server.readv([1, 2**62])
    with pytest.raises(OverflowError):
        server.readv([2**70])
    with pytest.raises(TypeError):
        server.readv(["1"])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        server.readv([1.5])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        server.readv(1)  # type: ignore[arg-type]
    assert server.readv([4]) == (b"kept",)


@pytest.mark.parametrize("have", range(1, 6))
def test_an_interrupted_read_keeps_what_it_has(pair: tuple[sock, sock], have: int) -> None:
    client, server = pair
    client.send(b"abcdef"[:have])
    reading = coro.spawn(server.readv, [1, 0, 2, 3])
    until_blocked(reading)
    reading.shutdown()
    reading.join()
    client.send(b"abcdef"[have:])
    assert server.readv([2, 2, 2]) == (b"ab", b"cd", b"ef")


# -- what is no socket


def test_a_pipe(pipe: tuple[sock, sock]) -> None:
    reader, writer = pipe
    parts = in_turn(5000)
    assert writer.writev(parts) == len(b"".join(parts))
    assert list(reader.readv([len(part) for part in parts])) == parts
    reading = coro.spawn(reader.readv, [1, 2])
    until_blocked(reading)
    writer.writev([b"ab"])
    writer.close()
    assert join(reading) == [(b"a", b"b")]


def test_a_pipe_that_nobody_reads(pipe: tuple[sock, sock]) -> None:
    reader, writer = pipe
    reader.close()
    with pytest.raises(BrokenPipeError):
        writer.writev([b"x"])
