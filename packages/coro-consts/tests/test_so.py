"""SO, asked of real sockets: a wrong number is refused, or answers something else."""

import os
import socket
import sys

import pytest

from coro_consts import AF, SO, SOCK, SOL

linux = pytest.mark.skipif(sys.platform != "linux", reason="options of Linux")


def ask(s: socket.socket, option: SO, size: int = 0) -> int | bytes:
    try:
        return s.getsockopt(SOL.SOCKET, option, size) if size else s.getsockopt(SOL.SOCKET, option)
    except OSError as error:
        pytest.skip(f"this kernel does not know {option}: {error}")


def test_reading_back_what_was_set() -> None:
    with socket.socket() as s:
        for option in (SO.REUSEADDR, SO.KEEPALIVE, SO.OOBINLINE, SO.BROADCAST):
            assert ask(s, option) == 0
            s.setsockopt(SOL.SOCKET, option, 1)
            assert ask(s, option)


def test_a_socket_tells_its_type_and_its_errors() -> None:
    with socket.socket(AF.INET, SOCK.DGRAM) as s:
        assert ask(s, SO.TYPE) == SOCK.DGRAM
        assert ask(s, SO.ERROR) == 0


@linux
def test_domain_and_protocol() -> None:
    with socket.socket(AF.INET, SOCK.STREAM) as s:
        assert ask(s, SO.DOMAIN) == AF.INET
        assert ask(s, SO.PROTOCOL) == socket.IPPROTO_TCP


@linux
def test_the_peer_of_a_pair_is_this_process() -> None:
    one, two = socket.socketpair()
    with one, two:
        credentials = ask(one, SO.PEERCRED, 12)
        assert isinstance(credentials, bytes)
        assert int.from_bytes(credentials[:4], sys.byteorder) == os.getpid()


@linux
@pytest.mark.skipif(not hasattr(SO, "PEEK_OFF"), reason="no common numbering here")
def test_written_numbers_do_what_their_names_say() -> None:
    one, two = socket.socketpair()
    with one, two:
        two.setsockopt(SOL.SOCKET, SO.PEEK_OFF, 2)
        one.send(b"hello")
        assert two.recv(2, socket.MSG_PEEK) == b"ll"
        assert ask(two, SO.PEEK_OFF) == 4
        one_cookie, two_cookie = ask(one, SO.COOKIE, 8), ask(two, SO.COOKIE, 8)
        assert one_cookie != two_cookie
        assert ask(one, SO.COOKIE, 8) == one_cookie


def test_options_of_other_levels_do_not_pass_for_options_of_this_one() -> None:
    assert isinstance(SO(SO.DEBUG), SO)
    assert str(SO(int(SO.DEBUG))) == "SO.DEBUG"
    for name in ("VM_SOCKETS_BUFFER_MIN_SIZE", "J1939_FILTER", "ORIGINAL_DST"):
        if hasattr(SO, name):
            assert type(getattr(SO, name)) is int
            assert name not in SO.__members__


@linux
def test_options_of_other_systems_are_absent() -> None:
    for name in ("ACCEPTFILTER", "NOSIGPIPE", "USELOOPBACK", "EXCLUSIVEADDRUSE"):
        assert not hasattr(SO, name)
        with pytest.raises(AttributeError):
            getattr(SO, name)
