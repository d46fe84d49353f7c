"""AI, NI and EAI, used in the look-ups that take them.  No look-up asks a network."""

import socket

import pytest

from coro_consts import AF, AI, EAI, NI, SOCK


def test_numeric_host_and_passive() -> None:
    found = socket.getaddrinfo(None, 80, AF.INET, SOCK.STREAM, 0, AI.PASSIVE | AI.NUMERICHOST | AI.NUMERICSERV)
    assert [address for *_, address in found] == [("0.0.0.0", 80)]
    found = socket.getaddrinfo(None, 80, AF.INET, SOCK.STREAM, 0, AI.NUMERICHOST)
    assert [address for *_, address in found] == [("127.0.0.1", 80)]


def test_a_name_where_a_number_was_asked_for() -> None:
    with pytest.raises(socket.gaierror) as caught:
        socket.getaddrinfo("localhost", None, flags=AI.NUMERICHOST)
    assert caught.value.errno == EAI.NONAME
    assert str(EAI(caught.value.args[0])) == "EAI.NONAME"


def test_flags_that_are_none() -> None:
    with pytest.raises(socket.gaierror) as caught:
        socket.getaddrinfo("127.0.0.1", 80, flags=AI(0x40000000))
    assert EAI(caught.value.args[0]) is EAI.BADFLAGS


def test_numeric_names() -> None:
    flags = NI.NUMERICHOST | NI.NUMERICSERV
    assert socket.getnameinfo(("127.0.0.1", 80), flags) == ("127.0.0.1", "80")


def test_lengths_are_no_flags() -> None:
    assert type(NI.MAXHOST) is type(NI.MAXSERV) is int
    assert NI.MAXHOST == socket.NI_MAXHOST
    # On Linux 32 is NI_MAXSERV and, since 3.13, the flag NI_IDN.
    assert "MAX" not in str(NI(NI.MAXSERV)) + str(NI(NI.MAXHOST))


def test_trying_again_is_not_failing() -> None:
    assert len({EAI.AGAIN, EAI.FAIL, EAI.NONAME, EAI.FAMILY, EAI.SERVICE}) == 5
