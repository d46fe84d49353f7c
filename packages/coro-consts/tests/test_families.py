"""AF and PF."""

import socket

import pytest

from coro_consts import AF, PF


def test_the_common_name_is_the_one_that_prints() -> None:
    assert str(AF(socket.AF_UNIX)) == "AF.UNIX"
    assert AF["LOCAL"] is AF.UNIX
    assert str(PF.INET) == "AF.INET"


@pytest.mark.skipif(not hasattr(AF, "NETLINK"), reason="no netlink here")
def test_route_is_netlink_on_linux() -> None:
    assert AF["ROUTE"] is AF.NETLINK
    assert str(AF.ROUTE) == "AF.NETLINK"


def test_a_name_keeps_the_case_that_socket_has() -> None:
    assert AF.DECnet == socket.AF_DECnet


def test_socket_takes_a_family() -> None:
    with socket.socket(AF.UNIX) as s:
        assert s.family == AF.UNIX


def test_kernel_says_there_is_no_such_family_or_makes_one() -> None:
    # Written here and not in socket: EAFNOSUPPORT at worst, never a wrong family.
    if not hasattr(AF, "XDP"):
        pytest.skip("no XDP here")
    try:
        with socket.socket(AF.XDP, socket.SOCK_RAW) as s:
            assert s.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) == AF.XDP
    except OSError as error:
        pytest.skip(f"this kernel makes no XDP sockets: {error}")
