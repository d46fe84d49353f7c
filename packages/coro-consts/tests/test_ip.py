"""IP and IPV6, asked of real sockets."""

import socket
import sys

import pytest

from coro_consts import AF, IP, IPPROTO, IPV6, SOCK, SOL

linux = pytest.mark.skipif(sys.platform != "linux", reason="options of Linux")


def test_ttl() -> None:
    with socket.socket(AF.INET, SOCK.DGRAM) as s:
        s.setsockopt(SOL.IP, IP.TTL, 17)
        assert s.getsockopt(SOL.IP, IP.TTL) == 17


@linux
def test_written_numbers_do_what_their_names_say() -> None:
    with socket.socket(AF.INET, SOCK.DGRAM) as s:
        s.setsockopt(SOL.IP, IP.MTU_DISCOVER, IP.PMTUDISC_DO)
        assert s.getsockopt(SOL.IP, IP.MTU_DISCOVER) == IP.PMTUDISC_DO
        for option in (IP.RECVERR, IP.RECVTTL, IP.FREEBIND, IP.PKTINFO):
            assert s.getsockopt(SOL.IP, option) == 0
            s.setsockopt(SOL.IP, option, 1)
            assert s.getsockopt(SOL.IP, option) == 1
        # With FREEBIND, and not without, an address of nobody can be bound.
        s.bind(("192.0.2.1", 0))
    with socket.socket(AF.INET, SOCK.DGRAM) as s, pytest.raises(OSError, match="assign"):
        s.bind(("192.0.2.1", 0))


@linux
def test_received_ttl_arrives_under_the_name_of_its_type() -> None:
    with (
        socket.socket(AF.INET, SOCK.DGRAM) as one,
        socket.socket(AF.INET, SOCK.DGRAM) as two,
    ):
        two.bind(("127.0.0.1", 0))
        two.setsockopt(SOL.IP, IP.RECVTTL, 1)
        one.setsockopt(SOL.IP, IP.TTL, 33)
        one.sendto(b"x", two.getsockname())
        _, ((level, kind, data),), _, _ = two.recvmsg(1, 100)
        assert (level, kind) == (SOL.IP, IP.TTL)
        assert int.from_bytes(data, sys.byteorder) == 33


@pytest.mark.parametrize(
    ("cls", "names"),
    [
        (IP, ["DEFAULT_MULTICAST_TTL", "MAX_MEMBERSHIPS", "PMTUDISC_DO"]),
        (IPV6, ["RTHDR_TYPE_0", "PMTUDISC_DO"]),
    ],
)
def test_what_is_no_option_is_no_member(cls: type, names: list[str]) -> None:
    for name in names:
        if hasattr(cls, name):
            assert type(getattr(cls, name)) is int


@linux
def test_two_names_of_one_option() -> None:
    assert IP["RECVRETOPTS"] is IP.RETOPTS
    assert IPV6["ADD_MEMBERSHIP"] is IPV6.JOIN_GROUP
    assert str(IPV6.ADD_MEMBERSHIP) == "IPV6.JOIN_GROUP"


def test_v6only() -> None:
    try:
        s = socket.socket(AF.INET6)
    except OSError as error:
        pytest.skip(f"this kernel makes no IPv6 sockets: {error}")
    with s:
        for value in (1, 0):
            s.setsockopt(IPPROTO.IPV6, IPV6.V6ONLY, value)
            assert s.getsockopt(IPPROTO.IPV6, IPV6.V6ONLY) == value
