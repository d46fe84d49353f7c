"""IPPROTO and SOL."""

import socket

import pytest

from coro_consts import IPPROTO, SO, SOL


def test_the_common_name_is_the_one_that_prints() -> None:
    assert str(IPPROTO(0)) == "IPPROTO.IP"
    assert IPPROTO["HOPOPTS"] is IPPROTO.IP


@pytest.mark.parametrize("name", ["TCP", "UDP", "ICMP", "IGMP", "ESP", "SCTP"])
def test_protocols_are_those_of_the_system_database(name: str) -> None:
    try:
        number = socket.getprotobyname(name)
    except OSError:
        pytest.skip(f"no protocol database here, or it lacks {name}")
    assert IPPROTO[name] == number


def test_levels_of_protocols_are_the_protocols() -> None:
    assert SOL.TCP == IPPROTO.TCP
    assert SOL.UDP == IPPROTO.UDP
    assert SOL.IP == IPPROTO.IP


def test_the_level_of_the_socket_itself() -> None:
    with socket.socket() as s:
        s.setsockopt(SOL.SOCKET, SO.KEEPALIVE, 1)
        assert s.getsockopt(SOL.SOCKET, SO.KEEPALIVE)


@pytest.mark.parametrize("cls", [IPPROTO, SOL])
def test_where_there_is_a_v6_there_is_its_number(cls: type) -> None:
    if hasattr(cls, "IPV6"):
        assert cls.IPV6 == 41
