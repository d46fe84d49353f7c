"""The class `sock`: what it is made from, its options, its names, and what it says to wrong arguments."""

import errno
import socket
import struct

import pytest

import coro
import coro_sock
from coro_sock import sock

# -- making one


def test_defaults() -> None:
    with sock() as made:
        assert (made.domain, made.stype, made.protocol) == (socket.AF_INET, socket.SOCK_STREAM, 0)


def test_bad_families() -> None:
    with pytest.raises(OSError, match="not supported"):
        sock(12345)
    with pytest.raises(TypeError):
        sock("AF_INET")  # type: ignore[arg-type]


def test_a_socket_cannot_be_initialized_twice() -> None:
    with coro_sock.tcp_sock() as once, pytest.raises(RuntimeError, match="initialized before"):
        once.__init__()  # type: ignore[misc]


def test_a_socket_that_was_never_initialized() -> None:
    empty = sock.__new__(sock)
    with pytest.raises(coro.ClosedError, match="the socket is closed"):
        empty.recv(1)
    empty.close()


# -- a closed one


@pytest.mark.parametrize(
    "operation",
    [
        lambda s: s.recv(1),
        lambda s: s.recv_exact(1),
        lambda s: s.recv_into(bytearray(1)),
        lambda s: s.send(b"x"),
        lambda s: s.bind(("127.0.0.1", 0)),
        lambda s: s.listen(1),
        lambda s: s.accept(),
        lambda s: s.connect(("127.0.0.1", 1)),
        lambda s: s.shutdown(socket.SHUT_RD),
        lambda s: s.getsockname(),
        lambda s: s.getpeername(),
        lambda s: s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE),
        lambda s: s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),
        lambda s: s.set_reuse_addr(),
    ],
)
def test_a_closed_socket_says_so(operation: object) -> None:
    closed = coro_sock.tcp_sock()
    fd = closed.fd
    closed.close()
    with pytest.raises(coro.ClosedError, match=rf"the socket is closed \(it had descriptor {fd}\)") as caught:
        operation(closed)  # type: ignore[operator]
    assert caught.value.errno == errno.EBADF


# -- wrong arguments


@pytest.mark.parametrize("size", [-1, -(2**40)])
def test_negative_sizes(tcp: tuple[sock, sock], size: int) -> None:
    with pytest.raises(ValueError, match="buffer_size must not be negative"):
        tcp[1].recv(size)
    with pytest.raises(ValueError, match="bytes must not be negative"):
        tcp[1].recv_exact(size)


def test_recv_into_what_cannot_be_written(tcp: tuple[sock, sock]) -> None:
    with pytest.raises((BufferError, TypeError)):
        tcp[1].recv_into(b"constant")
    with pytest.raises(ValueError, match="nbytes is 5, but the buffer has 4 bytes"):
        tcp[1].recv_into(bytearray(4), 5)
    with pytest.raises(ValueError, match="nbytes must not be negative"):
        tcp[1].recv_into(bytearray(4), -1)


def test_sending_what_is_no_data(tcp: tuple[sock, sock]) -> None:
    with pytest.raises(TypeError, match="bytes-like"):
        tcp[0].send("text")  # type: ignore[arg-type]


# -- options and names


def test_options(tcp: tuple[sock, sock]) -> None:
    client, _ = tcp
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    linger = struct.pack("ii", 1, 7)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == linger
    with pytest.raises(OSError, match="buflen must be 0-1024, not 1025"):
        client.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 1025)
    with pytest.raises(OSError, match="Protocol not available"):
        client.getsockopt(socket.SOL_SOCKET, 0xFFFF)


def test_reuse_addr() -> None:
    with coro_sock.tcp_sock() as made:
        made.set_reuse_addr()
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1


def test_repr(tcp: tuple[sock, sock]) -> None:
    client, _ = tcp
    fd = client.fd
    assert repr(client) == f"<sock fd={fd} domain=2 stype=1>"
    client.close()
    assert repr(client) == f"<sock fd=-1 domain=2 stype=1 closed, was {fd}>"
