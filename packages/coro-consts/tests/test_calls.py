"""SOCK, MSG and SHUT, used in the calls that take them."""

import socket

import pytest

from coro_consts import AF, MSG, SHUT, SO, SOCK, SOL


@pytest.mark.skipif(not hasattr(SOCK, "NONBLOCK"), reason="no SOCK_NONBLOCK here")
def test_a_type_with_flags_is_a_plain_integer_that_works() -> None:
    kind = SOCK.STREAM | SOCK.NONBLOCK | SOCK.CLOEXEC
    assert type(kind) is int
    assert kind == socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    with socket.socket(AF.INET, kind) as s:
        assert s.gettimeout() == 0.0
        assert s.getsockopt(SOL.SOCKET, SO.TYPE) == SOCK.STREAM


def test_types_are_no_bits() -> None:
    assert SOCK.STREAM | SOCK.DGRAM == SOCK.RAW
    assert type(SOCK.STREAM | SOCK.DGRAM) is int


def test_peek_and_dontwait() -> None:
    one, two = socket.socketpair()
    with one, two:
        with pytest.raises(BlockingIOError):
            two.recv(5, MSG.DONTWAIT)
        one.send(b"hello", MSG.NOSIGNAL)
        assert two.recv(5, MSG.PEEK | MSG.DONTWAIT) == b"hello"
        assert two.recv(5, MSG.WAITALL) == b"hello"


def test_flags_that_the_kernel_tells_become_members() -> None:
    one, two = socket.socketpair(AF.UNIX, SOCK.DGRAM)
    with one, two:
        one.send(b"hello")
        _, _, flags, _ = two.recvmsg(2)
        assert MSG.TRUNC in MSG(flags)


def test_shutting_one_half() -> None:
    one, two = socket.socketpair()
    with one, two:
        one.shutdown(SHUT.WR)
        assert two.recv(1) == b""
        two.send(b"x")
        assert one.recv(1) == b"x"


def test_the_three_ways_to_shut() -> None:
    assert [str(way) for way in SHUT] == ["SHUT.RD", "SHUT.WR", "SHUT.RDWR"]
