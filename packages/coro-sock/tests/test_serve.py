"""Listening: `coro_sock._serve`."""

import errno
import socket
from pathlib import Path
from typing import Any

import pytest

import coro_sock
from coro_sock import create_connection, create_server, has_dualstack_ipv6

needs_ipv6 = pytest.mark.skipif(not coro_sock.has_ipv6(), reason="this machine has no IPv6")
needs_dualstack = pytest.mark.skipif(not has_dualstack_ipv6(), reason="this machine has no dual-stack sockets")


def test_a_server_can_be_connected_to() -> None:
    with create_server(("127.0.0.1", 0)) as listener, create_connection(listener.getsockname()) as client:
        server, address = listener.accept()
        server.close()
        assert address == client.getsockname()
        assert (listener.domain, listener.stype) == (socket.AF_INET, socket.SOCK_STREAM)
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1


def test_its_address_can_be_used_again_at_once() -> None:
    with create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        client = create_connection(address)
        listener.accept()[0].close()  # the server's side lingers
    with client:
        create_server(address).close()


def test_an_address_that_is_taken_is_named() -> None:
    with create_server(("127.0.0.1", 0)) as listener:
        before = coro_sock.get_live_sockets()
        address = listener.getsockname()
        with pytest.raises(OSError, match="while attempting to bind on address") as caught:
            create_server(address)
        assert caught.value.errno == errno.EADDRINUSE
        assert repr(address) in str(caught.value)
        del caught
        assert coro_sock.get_live_sockets() == before


def test_several_can_share_an_address() -> None:
    with (
        create_server(("127.0.0.1", 0), reuse_port=True) as one,
        create_server(one.getsockname(), reuse_port=True) as other,
    ):
        assert one.getsockname() == other.getsockname()
        with pytest.raises(OSError, match="bind on address"):
            create_server(one.getsockname())


def test_a_backlog_can_be_chosen() -> None:
    with create_server(("127.0.0.1", 0), backlog=1) as listener:
        create_connection(listener.getsockname()).close()
        listener.accept()[0].close()


def test_a_unix_server(tmp_path: Path) -> None:
    with create_server(str(tmp_path / "socket"), family=socket.AF_UNIX) as listener, coro_sock.unix_sock() as client:
        client.connect(listener.getsockname())
        listener.accept()[0].close()


@needs_ipv6
def test_an_ipv6_server_is_for_ipv6_alone() -> None:
    with create_server(("::", 0), family=socket.AF_INET6) as listener:
        assert listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
        port = listener.getsockname()[1]
        create_connection(("::1", port)).close()
        with pytest.raises(ConnectionRefusedError):
            create_connection(("127.0.0.1", port))


@needs_dualstack
def test_one_server_for_both_families() -> None:
    with create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        port = listener.getsockname()[1]
        for host in ("::1", "127.0.0.1"):
            create_connection((host, port)).close()
            listener.accept()[0].close()


def test_only_an_ipv6_server_is_for_both() -> None:
    with pytest.raises(ValueError, match="dualstack_ipv6 requires the AF_INET6 family"):
        create_server(("127.0.0.1", 0), dualstack_ipv6=True)


def test_dual_stack_is_told_as_python_tells_it() -> None:
    assert has_dualstack_ipv6() is socket.has_dualstack_ipv6()


@pytest.mark.parametrize(
    ("address", "error"),
    [
        (("127.0.0.1",), TypeError),
        (("127.0.0.1", "80"), TypeError),
        (("127.0.0.1", 1 << 16), OverflowError),
        (("no-such-host.invalid", 0), socket.gaierror),
        (("192.0.2.77", 0), OSError),  # an address of nobody (RFC 5737)
    ],
)
def test_a_wrong_address_leaves_nothing_open(address: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        create_server(address)
