"""Waiting without reading or writing: `wait_for_read` and `wait_for_write`."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coro
import coro_sock
import listeners
from coro import fd_sock, sock
from listeners import fill, join, until_blocked


@pytest.fixture
def ends(_no_leaks: None) -> Iterator[tuple[sock, sock]]:
    left, right = coro.socketpair()
    with left, right:
        yield left, right


@pytest.fixture
def datagrams(_no_leaks: None) -> Iterator[tuple[sock, sock]]:
    """One that sends messages to the other."""
    with coro.udp_sock() as sender, coro.udp_sock() as receiver:
        receiver.bind(("127.0.0.1", 0))
        sender.connect(receiver.getsockname())
        yield sender, receiver


@pytest.fixture
def pipe(_no_leaks: None) -> Iterator[tuple[sock, sock]]:
    """Its end to read from, and its end to write to."""
    reader, writer = map(fd_sock, os.pipe())
    with reader, writer:
        yield reader, writer


# -- how much can be read


def test_of_a_stream_it_is_the_bytes_that_came(pair: tuple[sock, sock]) -> None:
    client, server = pair
    waiting = coro.spawn(server.wait_for_read)
    until_blocked(waiting)
    assert waiting.waiting == ("read", server.fd)
    client.send(b"12345")
    assert join(waiting) == [5]
    assert server.wait_for_read() == 5  # it takes nothing away
    assert server.recv(2) == b"12"
    assert server.wait_for_read() == 3
    assert server.recv(100) == b"345"


def test_what_it_has_seen_is_still_there_for_a_read(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.send(b"first")
    assert server.recv(100) == b"first"  # a short read: nothing is left
    for _ in range(3):
        waiting = coro.spawn(server.wait_for_read)
        until_blocked(waiting)
        client.send(b"more")
        assert join(waiting) == [4]
        assert coro.with_timeout(10, server.recv, 100) == b"more"


def test_it_waits_beside_one_who_reads(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.send(b"x")
    assert server.recv(100) == b"x"
    reading = coro.spawn(server.recv, 100)
    waiting = coro.spawn(server.wait_for_read)
    until_blocked(reading, waiting)
    client.send(b"for the reader")
    assert join(reading) == [b"for the reader"]
    client.send(b"again")  # the data was gone when it looked
    assert join(waiting) == [5]


def test_the_end_of_a_stream_is_nothing_to_read(pair: tuple[sock, sock]) -> None:
    client, server = pair
    waiting = coro.spawn(server.wait_for_read)
    until_blocked(waiting)
    client.shutdown(socket.SHUT_WR)
    assert join(waiting) == [0]
    assert server.wait_for_read() == 0


def test_a_reset_ends_the_wait(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    waiting = coro.spawn(server.wait_for_read)
    until_blocked(waiting)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    assert join(waiting) == [0]
    with pytest.raises(ConnectionResetError):
        server.recv(1)


def test_of_datagrams_it_is_the_size_of_the_first(datagrams: tuple[sock, sock]) -> None:
    sender, receiver = datagrams
    waiting = coro.spawn(receiver.wait_for_read)
    until_blocked(waiting)
    sender.send(b"first")
    sender.send(b"the second")
    assert join(waiting) == [5]
    receiver.recv(1)
    assert receiver.wait_for_read() == 10


def test_an_empty_datagram_can_be_read_too(datagrams: tuple[sock, sock]) -> None:
    sender, receiver = datagrams
    sender.send(b"")
    assert receiver.wait_for_read() == 0
    assert receiver.recv(10) == b""


def test_of_datagrams_between_unix_sockets() -> None:
    left, right = coro.socketpair(stype=socket.SOCK_DGRAM)
    with left, right:
        waiting = coro.spawn(right.wait_for_read)
        until_blocked(waiting)
        left.send(b"message")
        assert join(waiting) == [7]


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="this system does not tell the backlog (TCP_INFO)")
@pytest.mark.parametrize("kind", ["ipv4", "ipv6"])
def test_of_a_listener_it_is_its_backlog(kind: str, tmp_path: Path) -> None:
    with listeners.listen(kind, tmp_path) as listener:
        waiting = coro.spawn(listener.wait_for_read)
        until_blocked(waiting)
        clients = [listeners.make(kind) for _ in range(3)]
        for number, client in enumerate(clients, 1):
            client.connect(listener.getsockname())
            assert listener.wait_for_read() == number
        assert join(waiting)[0] >= 1
        accepted = [listener.accept()[0]]
        assert listener.wait_for_read() == 2
        accepted += [each for each, _ in listener.accept_many()]
        again = coro.spawn(listener.wait_for_read)
        until_blocked(again)
        again.shutdown()
        again.join()
        for each in clients + accepted:
            each.close()


def test_of_a_unix_listener_it_is_something(tmp_path: Path) -> None:
    with listeners.listen("unix-path", tmp_path) as listener, coro.unix_sock() as client:
        client.connect(listener.getsockname())
        assert listener.wait_for_read() == 1
        listener.accept()[0].close()


def test_of_a_pipe_it_is_the_bytes_in_it(pipe: tuple[sock, sock]) -> None:
    reader, writer = pipe
    waiting = coro.spawn(reader.wait_for_read)
    until_blocked(waiting)
    writer.send(b"12345")
    assert join(waiting) == [5]
    reader.recv(5)
    writer.close()
    assert reader.wait_for_read() == 0


def test_of_an_eventfd_it_is_something() -> None:
    with fd_sock(os.eventfd(0)) as counter:
        waiting = coro.spawn(counter.wait_for_read)
        until_blocked(waiting)
        os.eventfd_write(counter.fd, 5)
        assert join(waiting) == [1]


def test_of_a_regular_file_it_is_what_is_left_of_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    with fd_sock(os.open(tmp_path / "file", os.O_RDONLY)) as file:
        assert file.wait_for_read() == 5
        file.recv(3)
        assert file.wait_for_read() == 2


def test_what_an_interrupted_recv_exact_kept_can_be_read(ends: tuple[sock, sock]) -> None:
    left, right = ends
    left.send(b"abc")
    with pytest.raises(coro.TimeoutError):
        coro.with_timeout(0.001, right.recv_exact, 5)
    assert right.wait_for_read() == 3


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=10), st.integers(1, 5000))
def test_what_it_tells_is_what_a_read_returns(sizes: list[int], at_once: int) -> None:
    left, right = coro.socketpair()
    with left, right:
        for size in sizes:
            left.send(bytes(size))
        rest = sum(sizes)
        while rest:
            assert right.wait_for_read() == rest
            rest -= len(right.recv(at_once))


# -- how much can be written


def test_there_is_room_in_a_new_socket(pair: tuple[sock, sock]) -> None:
    client, _ = pair
    room = client.wait_for_write()
    assert 0 < room <= client.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)


def test_what_is_sent_takes_room(ends: tuple[sock, sock]) -> None:
    left, right = ends
    before = left.wait_for_write()
    left.send(bytes(10_000))
    assert left.wait_for_write() <= before - 10_000
    right.recv_exact(10_000)
    assert left.wait_for_write() == before


def test_a_full_socket_waits_for_room(pair: tuple[sock, sock]) -> None:
    client, server = pair
    filled = fill(client)
    waiting = coro.spawn(client.wait_for_write)
    until_blocked(waiting)
    assert waiting.waiting == ("write", client.fd)
    server.recv_exact(filled)
    assert join(waiting)[0] > 0
    assert client.send(b"x", socket.MSG_DONTWAIT) == 1


def test_a_full_pipe_waits_for_room(pipe: tuple[sock, sock]) -> None:
    reader, writer = pipe
    assert writer.wait_for_write() == fill(writer)
    waiting = coro.spawn(writer.wait_for_write)
    until_blocked(waiting)
    reader.recv_exact(20_000)
    assert join(waiting)[0] >= 4096


def test_who_reads_has_gone(pair: tuple[sock, sock]) -> None:
    client, server = pair
    fill(client)
    waiting = coro.spawn(client.wait_for_write)
    until_blocked(waiting)
    server.close()
    assert join(waiting)[0] > 0  # a send says what is wrong
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        client.send(b"x")


def test_datagrams_always_have_room(datagrams: tuple[sock, sock]) -> None:
    assert datagrams[0].wait_for_write() > 0


# -- several, and the end of waiting


def test_all_who_wait_are_told(pair: tuple[sock, sock]) -> None:
    client, server = pair
    waiting = [coro.spawn(server.wait_for_read) for _ in range(10)]
    until_blocked(*waiting)
    client.send(b"123")
    assert join(*waiting) == [3] * 10


def test_one_waits_to_read_and_one_to_write(ends: tuple[sock, sock]) -> None:
    left, right = ends
    filled = fill(left)
    to_read, to_write = coro.spawn(left.wait_for_read), coro.spawn(left.wait_for_write)
    until_blocked(to_read, to_write)
    right.send(b"12")
    assert join(to_read) == [2]
    assert to_write.waiting == ("write", left.fd)
    right.recv_exact(filled)
    assert join(to_write)[0] > 0


@pytest.mark.parametrize("method", ["wait_for_read", "wait_for_write"])
def test_closing_wakes_all_who_wait(pair: tuple[sock, sock], method: str, quiet: None) -> None:
    client, _ = pair
    fill(client)
    waiting = [coro.spawn(getattr(client, method)) for _ in range(5)]
    until_blocked(*waiting)
    client.close()
    for each in waiting:
        with pytest.raises(coro.ClosedError):
            join(each)


@pytest.mark.parametrize("method", ["wait_for_read", "wait_for_write"])
def test_a_timeout_of_the_socket_holds_for_waiting(ends: tuple[sock, sock], virtual: None, method: str) -> None:
    left, _ = ends
    fill(left)
    left.settimeout(3600)
    begin = coro.now()
    with pytest.raises(TimeoutError, match="timed out"):
        getattr(left, method)()
    assert coro.now() - begin == 3600 * 10**9


@pytest.mark.parametrize("method", ["wait_for_read", "wait_for_write"])
def test_an_outer_timeout_ends_a_wait_and_nothing_else(ends: tuple[sock, sock], virtual: None, method: str) -> None:
    left, right = ends
    filled = fill(left)
    with pytest.raises(coro.TimeoutError):
        coro.with_timeout(10, getattr(left, method))
    right.send(b"123")
    right.recv_exact(filled)
    assert getattr(left, method)() > 0


@pytest.mark.parametrize("method", ["wait_for_read", "wait_for_write"])
def test_a_socket_that_does_not_wait_says_so(ends: tuple[sock, sock], method: str) -> None:
    left, right = ends
    filled = fill(left)
    left.settimeout(0)
    with pytest.raises(BlockingIOError):
        getattr(left, method)()
    right.send(b"123")
    right.recv_exact(filled)
    assert getattr(left, method)() > 0


@pytest.mark.parametrize("method", ["wait_for_read", "wait_for_write"])
def test_a_closed_socket_is_not_waited_for(method: str) -> None:
    closed = coro.tcp_sock()
    closed.close()
    with pytest.raises(coro.ClosedError):
        getattr(closed, method)()


def test_urgent_data_is_something_to_read() -> None:
    with coro_sock.create_server(("127.0.0.1", 0)) as listener, coro_sock.tcp_sock() as client:
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            server.settimeout(5)
            waiting = coro.spawn(server.wait_for_read)
            until_blocked(waiting)
            client.send(b"!", socket.MSG_OOB)
            waiting.join()
            assert waiting.result() == 0  # in the stream there is nothing
            assert server.recv(1, socket.MSG_OOB) == b"!"
