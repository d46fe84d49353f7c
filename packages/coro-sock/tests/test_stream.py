"""Receiving and sending plain bytes: what arrives, what is left, and what the other side may do meanwhile."""

import array
import errno
import itertools
import mmap
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import coro
import listeners
from coro.testing import virtual_clock
from coro_sock import sock
from listeners import join, until_blocked

pytestmark = pytest.mark.usefixtures("quiet")

sizes = st.lists(st.integers(1, 3000), min_size=1, max_size=20)


@pytest.fixture(params=["ipv4", "unix-abstract"])
def transport(request: pytest.FixtureRequest) -> str:
    transport: str = request.param
    return transport


# -- what is sent arrives


def test_an_echo(pair: tuple[sock, sock]) -> None:
    client, server = pair
    assert client.send(b"hello") == 5
    assert server.recv(100) == b"hello"
    assert server.sendall(b"world") == 5
    assert client.read(100) == b"world"
    assert client.write(b"!") == 1
    client.close()
    assert server.recv(1) == b"!"
    assert server.recv(100) == b""


def test_reading_waits_for_the_other_side(pair: tuple[sock, sock]) -> None:
    client, server = pair
    reading = coro.spawn(server.recv, 10)
    until_blocked(reading)
    assert reading.waiting == ("read", server.fd)
    client.send(b"x")
    assert join(reading) == [b"x"]


@pytest.mark.parametrize("size", [1, 65536, 65537, 3_000_000])
def test_all_is_sent_however_much_it_is(pair: tuple[sock, sock], size: int) -> None:
    client, server = pair
    data = os.urandom(size)
    sending = coro.spawn(client.send, data)
    assert server.recv_exact(size) == data
    assert join(sending) == [size]


def cut_up(payload: bytes, lengths: list[int]) -> Iterator[bytes]:
    """The payload in parts of these lengths, over and over."""
    at = 0
    for length in itertools.cycle(lengths):
        if at >= len(payload):
            return
        yield payload[at : at + length]
        at += length


def send_some(sender: sock, how: str, part: bytes) -> None:
    match how:
        case "send":
            assert sender.send(memoryview(part)) == len(part)
        case "writev":
            assert sender.writev([part[:1], b"", bytearray(part[1:])]) == len(part)
        case "sendmsg":
            while part:
                part = part[sender.sendmsg([part]) :]


def receive_some(receiver: sock, how: str, size: int, left: int) -> bytes:
    match how:
        case "recv":
            return receiver.recv(size)
        case "recv_large":
            return receiver.recv(100_000)
        case "recv_into":
            buffer = bytearray(size)
            return bytes(buffer[: receiver.recv_into(buffer)])
        case "recv_all":
            return receiver.recv(min(size, left), socket.MSG_WAITALL)
        case "recv_exact":
            return receiver.recv_exact(min(size, left))
        case "readv":
            size = min(size, left)
            return b"".join(receiver.readv([0, size // 2, size - size // 2]))
        case "recvfrom":
            return receiver.recvfrom(size)[0]
        case "recvmsg":
            return receiver.recvmsg(size)[0]
        case _:
            buffers = [bytearray(size // 2), bytearray(size - size // 2)]
            n = receiver.recvmsg_into(buffers)[0]
            return b"".join(buffers)[:n]


SENDING = ["send", "writev", "sendmsg"]
RECEIVING = [
    "recv",
    "recv_large",
    "recv_into",
    "recv_all",
    "recv_exact",
    "readv",
    "recvfrom",
    "recvmsg",
    "recvmsg_into",
]


@given(st.data())
@settings(max_examples=30)
def test_any_split_of_any_payload_arrives_whole_and_in_order(
    transport: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    payload = data.draw(st.binary(min_size=1, max_size=200)) * data.draw(st.integers(1, 200))
    parts = list(cut_up(payload, data.draw(sizes)))
    sending = itertools.cycle(data.draw(st.lists(st.sampled_from(SENDING), min_size=1, max_size=5)))
    receiving = itertools.cycle(data.draw(st.lists(st.sampled_from(RECEIVING), min_size=1, max_size=10)))
    lengths = itertools.cycle(data.draw(sizes))
    left, right = listeners.tiny_pair(transport, Path("/"))

    def send_all() -> None:
        with left:
            for part in parts:
                send_some(left, next(sending), part)

    with right:
        writing = coro.spawn(send_all)
        received = b""
        while len(received) < len(payload):
            part = receive_some(right, next(receiving), next(lengths), len(payload) - len(received))
            assert part
            received += part
        assert received == payload
        assert right.recv(1) == b""
        join(writing)


@given(st.data())
@settings(max_examples=30)
def test_interruptions_lose_nothing_and_double_nothing(transport: str, data: st.DataObject) -> None:
    payload = bytes(data.draw(st.integers(0, 255)) ^ n & 0xFF for n in range(data.draw(st.integers(1, 1000))))
    parts = list(cut_up(payload, data.draw(st.lists(st.integers(1, 300), min_size=1, max_size=20))))
    waits = itertools.cycle(data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=10)))
    receiving = itertools.cycle(data.draw(st.lists(st.sampled_from(RECEIVING), min_size=1, max_size=10)))
    limits = itertools.cycle(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=10)))
    lengths = itertools.cycle(data.draw(sizes))
    left, right = listeners.tiny_pair(transport, Path("/"))

    def send_all() -> None:
        for part in parts:
            left.send(part)
            coro.sleep_relative(next(waits))

    received = b""
    with left, right, virtual_clock():
        writing = coro.spawn(send_all)
        while len(received) < len(payload):
            how, size = next(receiving), next(lengths)
            if next(limits) % 2:
                right.settimeout(next(limits))
            try:
                with coro.timeout(next(limits)):
                    received += receive_some(right, how, size, len(payload) - len(received))
            except TimeoutError:
                pass
        join(writing)
        assert received == payload
        with pytest.raises(BlockingIOError):
            right.recv(1, socket.MSG_DONTWAIT)


def test_recv_exact_gives_what_came_when_the_stream_ends(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.send(b"half")
    client.shutdown(socket.SHUT_WR)
    with pytest.raises(EOFError) as caught:
        server.recv_exact(8)
    assert caught.value.args == (b"half",)
    assert server.recv(8) == b""


def test_recv_exact_of_nothing(pair: tuple[sock, sock]) -> None:
    assert pair[1].recv_exact(0) == b""


# -- what an interrupted receive leaves


@pytest.fixture
def kept(tcp: tuple[sock, sock]) -> tuple[sock, sock]:
    """A socket with which an interrupted receive has left b"abcd"."""
    client, server = tcp
    client.send(b"abcd")
    reading = coro.spawn(server.recv_exact, 8)
    until_blocked(reading)
    reading.shutdown()
    reading.join()
    return client, server


def test_what_was_kept_is_received_first(kept: tuple[sock, sock]) -> None:
    client, server = kept
    assert server.recv(1) == b"a"
    client.send(b"efgh")
    assert server.recv_exact(7) == b"bcdefgh"


def test_what_was_kept_is_received_into_a_buffer(kept: tuple[sock, sock]) -> None:
    _, server = kept
    buffer = bytearray(3)
    assert server.recv_into(buffer) == 3
    assert buffer == b"abc"
    assert server.recv_into(buffer) == 1
    assert buffer == b"dbc"


def test_what_was_kept_is_seen_by_peeking(kept: tuple[sock, sock]) -> None:
    _, server = kept
    buffer = bytearray(2)
    assert server.recv(3, socket.MSG_PEEK) == b"abc"
    assert server.recv_into(buffer, 2, socket.MSG_PEEK) == 2
    assert server.recvfrom(1, socket.MSG_PEEK) == (b"a", None)
    assert server.wait_for_read() == 4
    assert server.recv(100) == b"abcd"


def test_what_was_kept_begins_a_receive_of_all(kept: tuple[sock, sock]) -> None:
    client, server = kept
    client.send(b"efgh")
    assert server.recv(8, socket.MSG_WAITALL) == b"abcdefgh"


def test_what_was_kept_twice_stays_in_order(kept: tuple[sock, sock]) -> None:
    client, server = kept
    client.send(b"ef")
    for _ in range(2):
        reading = coro.spawn(server.readv, [3, 10])
        until_blocked(reading)
        reading.shutdown()
        reading.join()
    assert server.recv(100) == b"abcdef"


def test_what_was_kept_is_had_at_the_end_of_the_stream(kept: tuple[sock, sock]) -> None:
    client, server = kept
    client.close()
    with pytest.raises(EOFError) as caught:
        server.recv_exact(5)
    assert caught.value.args == (b"abcd",)


def test_what_was_kept_goes_with_the_socket(kept: tuple[sock, sock]) -> None:
    _, server = kept
    server.close()
    with pytest.raises(coro.ClosedError):
        server.recv(1)


def test_urgent_data_is_not_what_was_kept(kept: tuple[sock, sock]) -> None:
    client, server = kept
    client.send(b"!", socket.MSG_OOB)
    assert server.recv(1, socket.MSG_OOB) == b"!"
    assert server.recv(10) == b"abcd"


def test_a_timeout_interrupts_a_read_and_leaves_the_data(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    with pytest.raises(coro.TimeoutError):
        coro.with_timeout(0.001, server.recv, 10)
    client.send(b"late")
    assert server.recv(10) == b"late"


# -- flags


@pytest.mark.parametrize("size", [100, 100_000])
def test_peeking_does_not_take(pair: tuple[sock, sock], size: int) -> None:
    client, server = pair
    client.send(b"seen")
    assert server.recv(size, socket.MSG_PEEK) == b"seen"
    buffer = bytearray(size)
    assert server.recv_into(buffer, 0, socket.MSG_PEEK) == 4
    assert server.recv(size) == buffer[:4] == b"seen"


def test_peeking_waits(pair: tuple[sock, sock]) -> None:
    client, server = pair
    peeking = coro.spawn(server.recv, 10, socket.MSG_PEEK)
    until_blocked(peeking)
    client.send(b"x")
    assert join(peeking) == [b"x"]
    assert server.recv(10) == b"x"


@pytest.mark.parametrize("size", [8, 200_000])
def test_waiting_for_all(pair: tuple[sock, sock], size: int) -> None:
    client, server = pair
    buffer = bytearray(size)
    first = coro.spawn(server.recv, size, socket.MSG_WAITALL)
    second = coro.spawn(server.recv_into, buffer, size, socket.MSG_WAITALL)
    until_blocked(first, second)
    client.send(b"x" * (size - 1))
    coro.yield_slice()
    assert not first.dead
    client.send(b"x" + b"y" * size)
    assert join(first, second) == [b"x" * size, size]
    assert buffer == b"y" * size


def test_waiting_for_all_ends_with_the_stream(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.send(b"part")
    client.close()
    assert server.recv(8, socket.MSG_WAITALL) == b"part"
    assert server.recv(8, socket.MSG_WAITALL) == b""


def test_not_waiting(pair: tuple[sock, sock]) -> None:
    client, server = pair
    for flags in (socket.MSG_DONTWAIT, socket.MSG_DONTWAIT | socket.MSG_WAITALL):
        with pytest.raises(BlockingIOError) as caught:
            server.recv(10, flags)
        assert caught.value.errno == errno.EAGAIN
        client.send(b"ab")
        server.wait_for_read()
        assert server.recv(10, flags) == b"ab"


def test_not_waiting_to_send_gives_how_much_was_sent(pair: tuple[sock, sock]) -> None:
    client, server = pair
    sent = client.send(b"x" * 30_000_000, socket.MSG_DONTWAIT)
    assert 0 < sent < 30_000_000
    assert server.recv_exact(sent) == b"x" * sent


def test_truncating_a_stream_throws_data_away(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    client.send(b"thrown away, kept")
    server.wait_for_read()
    assert len(server.recv(11, socket.MSG_TRUNC)) == 11
    assert server.recv(100) == b", kept"


def test_urgent_data_comes_apart(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    client.send(b"a!", socket.MSG_OOB)
    server.wait_for_read()
    assert server.recv(1, socket.MSG_OOB) == b"!"
    with pytest.raises(OSError, match="Invalid argument"):  # there is no more of it
        server.recv(1, socket.MSG_OOB)
    assert server.recv(10) == b"a"


def test_urgent_data_does_not_hide_what_follows(tcp: tuple[sock, sock]) -> None:
    # A read stops at the urgent mark, so it is short although more is there.
    client, server = tcp
    reading = coro.spawn(server.recv, 100)
    until_blocked(reading)
    client.send(b"a!", socket.MSG_OOB)
    client.send(b"rest")
    (received,) = join(reading)
    while not received.endswith(b"rest"):
        received += coro.with_timeout(10, server.recv, 100)
    assert received == b"arest"


def receive_urgent(server: sock) -> bytes:
    return server.recv(1, socket.MSG_OOB)


def receive_urgent_from(server: sock) -> bytes:
    data, _ = server.recvfrom(1, socket.MSG_OOB)
    return data


@pytest.mark.parametrize("receive", [receive_urgent, receive_urgent_from])
def test_urgent_data_that_was_taken_first_does_not_hide_what_follows(
    tcp: tuple[sock, sock], receive: Callable[[sock], bytes]
) -> None:
    """A read still stops where it stood, and the kernel does not tell of it any more."""
    client, server = tcp
    for _ in range(2):
        reading = coro.spawn(server.recv, 100)
        until_blocked(reading)
        client.send(b"first")
        assert join(reading) == [b"first"]
        client.send(b"before")
        client.send(b"!", socket.MSG_OOB)
        client.send(b"after")
        assert receive(server) == b"!"
        assert [coro.with_timeout(10, server.recv, 100) for _ in range(2)] == [b"before", b"after"]


def test_what_is_less_than_the_poller_tells_of_is_received(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 10)
    reading = coro.spawn(server.recv, 100)
    until_blocked(reading)
    client.send(b"twelve bytes")
    assert join(reading) == [b"twelve bytes"]
    client.send(b"short")
    assert coro.with_timeout(10, server.recv, 3) == b"sho"


# -- large and small receives


@pytest.mark.parametrize("size", [16383, 16384, 16385, 65535, 65536, 65537, 1 << 20, 1 << 24])
@pytest.mark.parametrize("have", [1, 100, 16384, 65536])
def test_the_memory_of_what_was_received_is_cut_to_its_size(transport: str, size: int, have: int) -> None:
    client, server = listeners.pair(transport, Path("/"))
    with client, server:
        for large_before in (b"", b"x" * 20_000):
            client.send(large_before)
            server.recv_exact(len(large_before))
            data = os.urandom(have)
            client.send(data)
            received = b""
            while len(received) < have:
                part = server.recv(size)
                assert sys.getsizeof(part) == sys.getsizeof(b"") + len(part)
                received += part
            assert received == data


@pytest.mark.memory
def test_a_huge_size_is_refused_before_the_system_call(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    client.send(b"kept")
    for receive in (server.recv, server.recv_exact, server.recvfrom, server.recvmsg):
        with pytest.raises(MemoryError):
            receive(2**62)
        with pytest.raises(OverflowError):
            receive(2**70)
    assert server.recv(10) == b"kept"


@pytest.mark.memory
def test_a_huge_size_is_refused_without_data(tcp: tuple[sock, sock]) -> None:
    _, server = tcp
    with pytest.raises(MemoryError):
        server.recv(2**62)


def test_sending_nothing(tcp: tuple[sock, sock]) -> None:
    assert tcp[0].send(b"") == 0


# -- kinds of buffer


def buffers(data: bytes) -> Iterator[tuple[str, Any]]:
    yield "bytes", data
    yield "bytearray", bytearray(data)
    yield "slice", memoryview(b"<<" + data + b">>")[2:-2]
    yield "array", array.array("I", data)
    yield "two dimensions", memoryview(data).cast("B", [2, len(data) // 2])
    mapped = mmap.mmap(-1, len(data))
    mapped[:] = data
    yield "mmap", mapped


@pytest.mark.parametrize("name", [name for name, _ in buffers(b"01234567")])
def test_any_contiguous_buffer_is_sent(pair: tuple[sock, sock], name: str) -> None:
    client, server = pair
    data = os.urandom(400_000)
    buffer = dict(buffers(data))[name]
    sending = [coro.spawn(client.send, buffer), coro.spawn(client.writev, [buffer, buffer])]
    assert server.recv_exact(3 * len(data)) == 3 * data
    assert join(*sending) == [len(data), 2 * len(data)]


@pytest.mark.parametrize("name", ["bytearray", "array", "mmap"])
def test_any_writable_buffer_is_received_into(pair: tuple[sock, sock], name: str) -> None:
    client, server = pair
    buffer = dict(buffers(bytes(16)))[name]
    client.send(b"0123456789abcdef")
    server.wait_for_read()
    assert server.recv_into(memoryview(buffer).cast("B")[2:6]) == 4
    assert server.recv_into(memoryview(buffer).cast("B")[6:], 4) == 4
    assert server.recvfrom_into(memoryview(buffer).cast("B")[10:])[0] == 6
    assert memoryview(buffer).tobytes() == b"\0\x000123456789abcd"[:2] + b"0123456789abcd"
    assert server.recv(10) == b"ef"


def test_a_buffer_in_use_cannot_be_resized(pair: tuple[sock, sock]) -> None:
    client, _ = pair
    listeners.fill(client)
    outgoing, incoming = bytearray(1_000_000), bytearray(10)
    waiting = [coro.spawn(client.send, outgoing), coro.spawn(client.writev, [outgoing])]
    waiting.append(coro.spawn(client.recv_into, incoming))
    until_blocked(*waiting)
    for buffer in (outgoing, incoming):
        with pytest.raises(BufferError):
            buffer.append(1)
    for co in waiting:
        co.shutdown()
    for co in waiting:
        co.join()
    del waiting, co
    for buffer in (outgoing, incoming):
        buffer.append(1)


def test_what_is_not_contiguous_is_refused(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    with pytest.raises(BufferError):
        client.send(memoryview(b"abcdef")[::2])
    with pytest.raises((BufferError, TypeError)):
        server.recv_into(memoryview(bytearray(6))[::2])


# -- reads that get all they asked for


FULL = 20_000


def read_full(server: sock, client: sock, often: int = 3) -> None:
    """Some large reads that get all they asked for, after which the kernel tells what is left."""
    for _ in range(often):
        client.send(bytes(FULL))
        while server.wait_for_read() < FULL:
            coro.yield_()
        assert len(server.recv(FULL)) == FULL


def test_what_comes_after_a_read_that_left_nothing(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    read_full(server, client)
    for reading in (coro.spawn(server.recv, FULL), coro.spawn(server.recv, 1)):
        until_blocked(reading)
        client.send(b"x")
        assert join(reading) == [b"x"]


def test_what_is_left_by_a_full_read_is_there(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    read_full(server, client)
    client.send(bytes(FULL) + b"rest")
    while server.wait_for_read() < FULL + 4:
        coro.yield_()
    assert server.recv(FULL) == bytes(FULL)
    assert server.recv(FULL) == b"rest"


@pytest.mark.parametrize("size", [FULL, 1])
def test_an_end_after_a_full_read_is_seen(tcp: tuple[sock, sock], size: int) -> None:
    client, server = tcp
    read_full(server, client)
    client.send(bytes(FULL))
    client.close()
    while server.wait_for_read() < FULL:
        coro.yield_()
    assert len(server.recv(FULL)) == FULL
    assert server.recv(size) == b""
    assert server.recv(FULL) == b""


def test_a_reset_after_a_full_read_is_seen(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    read_full(server, client)
    reading = coro.spawn(server.recv, FULL)
    until_blocked(reading)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    with pytest.raises(ConnectionResetError):
        join(reading)


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from([1, 16384, FULL, 40_000]), min_size=1, max_size=8),
    st.sampled_from([16384, FULL, 40_000]),
)
def test_full_reads_and_others_in_any_order(lengths: list[int], size: int) -> None:
    client, server = listeners.pair("ipv4", Path("/"))
    with client, server:
        for length in lengths:
            data, received = os.urandom(length), b""
            client.send(data)
            while len(received) < length:
                received += coro.with_timeout(10, server.recv, size)
            assert received == data
        client.close()
        assert coro.with_timeout(10, server.recv, size) == b""


# -- what the other side may do


def test_end_of_stream_is_seen_after_a_short_read(tcp: tuple[sock, sock]) -> None:
    # The data and the end come before the server reads: no later event tells of the end.
    client, server = tcp
    client.send(b"x")
    client.close()
    assert server.recv(100) == b"x"
    assert server.recv(100) == b""
    assert server.recv(100) == b""


def test_half_close(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.send(b"question")
    client.shutdown(socket.SHUT_WR)
    assert server.recv_exact(8) == b"question"
    assert server.recv(1) == b""
    server.send(b"answer")
    assert client.recv_exact(6) == b"answer"


def test_shutting_down_the_reading_half_ends_a_read(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.send(b"x")
    assert server.recv(10) == b"x"
    readers = [coro.spawn(server.recv, 10), coro.spawn(server.recv, 10)]
    until_blocked(*readers)
    server.shutdown(socket.SHUT_RD)
    assert join(*readers) == [b"", b""]


def test_shutting_down_the_writing_half_ends_a_write(tcp: tuple[sock, sock]) -> None:
    client, _ = tcp  # of a UNIX stream the kernel does not tell those who poll
    listeners.fill(client)
    writers = [coro.spawn(client.send, b"x" * 1_000_000), coro.spawn(client.send, b"y")]
    until_blocked(*writers)
    client.shutdown(socket.SHUT_WR)
    for writer in writers:
        writer.join()
        assert isinstance(writer.failure, BrokenPipeError)


def reset(made: sock) -> None:
    """Close a TCP connection so that the other side sees a reset."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    made.close()


def test_a_peer_that_resets_while_one_reads(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    reading = coro.spawn(server.recv, 10)
    until_blocked(reading)
    reset(client)
    reading.join()
    assert type(reading.failure) is coro.oserrors.ECONNRESET
    assert isinstance(reading.failure, ConnectionResetError)


def test_a_peer_that_resets_while_one_writes(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    listeners.fill(server)
    writers = [coro.spawn(server.send, b"x" * 10_000_000), coro.spawn(server.writev, [b"y"])]
    until_blocked(*writers)
    reset(client)
    for writer in writers:
        writer.join()
    # The kernel tells of a reset once; who comes after that learns that the pipe is broken.
    assert [type(writer.failure) for writer in writers] == [coro.oserrors.ECONNRESET, coro.oserrors.EPIPE]


def test_a_peer_that_closes_while_one_writes(pair: tuple[sock, sock]) -> None:
    client, server = pair
    listeners.fill(server)
    writing = coro.spawn(server.send, b"x" * 10_000_000)
    until_blocked(writing)
    client.close()
    writing.join()
    assert isinstance(writing.failure, (BrokenPipeError, ConnectionResetError))


def test_writing_to_who_has_gone(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.close()

    def send_for_ever() -> None:
        while True:
            server.send(b"x" * 10_000)

    with pytest.raises((BrokenPipeError, ConnectionResetError)):  # one of the two, by timing
        send_for_ever()


def test_a_broken_pipe_does_not_end_the_process(run: Callable[..., str]) -> None:
    source = """
        import signal, coro, coro_sock
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        for send in (
            lambda s: s.send(b"x"),
            lambda s: s.writev([b"x", b"y"]),
            lambda s: s.sendmsg([b"x"]),
            lambda s: s.sendto(b"x", ""),
        ):
            left, right = coro_sock.socketpair()
            right.close()
            try:
                send(left)
            except OSError as error:
                print(type(error).__name__)
    """
    # Of sendto the kernel finds first that a connected stream takes no address.
    assert run(source).split() == ["EPIPE", "EPIPE", "EPIPE", "EISCONN"]


# -- signals


@pytest.fixture
def ring() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Sends a signal soon, which most likely interrupts a poll, and calls a function then.

    It is sent again until Python has called: outside of an event loop, a signal that comes just
    before a poll is seen after that.
    """
    before = signal.getsignal(signal.SIGALRM)

    def install(handler: Callable[[], object]) -> None:
        def once(number: int, frame: object) -> None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            handler()

        signal.signal(signal.SIGALRM, once)
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)

    yield install
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


Ring = Callable[[Callable[[], object]], None]


def test_a_wait_goes_on_after_the_handler_of_a_signal(tcp: tuple[sock, sock], ring: Ring) -> None:
    client, server = tcp
    ring(lambda: client.send(b"from the handler", socket.MSG_DONTWAIT))
    assert server.recv_exact(16) == b"from the handler"


def test_a_handler_that_raises_ends_the_wait_and_leaves_no_trace(tcp: tuple[sock, sock], ring: Ring) -> None:
    client, server = tcp

    def handler() -> None:
        raise KeyError("from the handler")

    client.send(b"ab")
    ring(handler)
    with pytest.raises(KeyError, match="from the handler"):
        server.recv_exact(4)
    next_one = coro.spawn(server.recv_exact, 4)
    client.send(b"cd")
    assert join(next_one) == [b"abcd"]


def test_a_handler_may_close_the_socket_that_is_waited_for(tcp: tuple[sock, sock], ring: Ring) -> None:
    _, server = tcp
    ring(server.close)
    with pytest.raises(coro.ClosedError):
        server.recv(1)


def test_data_that_is_dropped_shows_nothing_of_others(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    client.send(b"a secret")
    assert server.recv(100) == b"a secret"  # by way of the same buffer
    client.send(b"dropped!")
    server.wait_for_read()
    assert server.recv(100, socket.MSG_TRUNC) == bytes(8)
