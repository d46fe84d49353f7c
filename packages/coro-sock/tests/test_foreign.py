"""Families whose addresses are left to Python's own socket: AF_NETLINK, AF_PACKET, AF_VSOCK."""

import errno
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

import coro
from coro_sock import sock
from listeners import join, until_blocked

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture(params=[None, 5.0])
def default_timeout(request: pytest.FixtureRequest) -> Iterator[float | None]:
    """What a program may have set for Python's sockets, and what must not matter here."""
    socket.setdefaulttimeout(request.param)
    yield request.param
    socket.setdefaulttimeout(None)


# -- AF_NETLINK

REQUEST, DUMP = 1, 0x300  # flags of netlink(7)
GET_LINK, NEW_LINK, DONE = 18, 16, 3  # kinds of message of rtnetlink(7)


@pytest.fixture
def netlink(default_timeout: float | None) -> Iterator[sock]:
    """A socket for rtnetlink(7)."""
    if not hasattr(socket, "AF_NETLINK"):
        pytest.skip("this system has no AF_NETLINK")
    with sock(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as made:
        made.bind((0, 0))
        yield made


def dump_of_links() -> bytes:
    return struct.pack("=IHHIIB3x", 20, GET_LINK, REQUEST | DUMP, 7, 0, socket.AF_UNSPEC)


def kinds_of_messages(data: bytes) -> Iterator[int]:
    while data:
        length, kind = struct.unpack_from("=IH", data)
        yield kind
        data = data[(length + 3) & ~3 :]


@pytest.mark.parametrize("how", ["sendto", "sendmsg", "connect"])
def test_the_kernel_lists_the_interfaces(netlink: sock, how: str) -> None:
    receiving = coro.spawn(netlink.recvfrom, 100_000)
    until_blocked(receiving)
    match how:
        case "sendto":
            assert netlink.sendto(dump_of_links(), (0, 0)) == 20
        case "sendmsg":
            assert netlink.sendmsg([dump_of_links()[:10], dump_of_links()[10:]], (), 0, (0, 0)) == 20
        case _:
            netlink.connect((0, 0))
            assert netlink.getpeername() == (0, 0)
            netlink.send(dump_of_links())
    data, address = join(receiving)[0]
    assert address == (0, 0)
    kinds = list(kinds_of_messages(data))
    buffer = bytearray(100_000)
    while DONE not in kinds:
        size, address = netlink.recvfrom_into(buffer)
        assert address == (0, 0)
        kinds += kinds_of_messages(bytes(buffer[:size]))
    assert kinds.count(NEW_LINK) == len(socket.if_nameindex())


def test_the_address_that_the_kernel_chose(netlink: sock) -> None:
    number, groups = netlink.getsockname()
    assert number > 0
    assert groups == 0
    with sock(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as other:
        with pytest.raises(OSError, match="in use") as caught:
            other.bind((number, 0))
        assert type(caught.value) is coro.oserrors.EADDRINUSE


def test_waiting_has_its_limits(netlink: sock) -> None:
    receives: list[tuple[Any, ...]] = [("recvfrom", 10), ("recvfrom_into", bytearray(1)), ("recvmsg", 10), ("recv", 10)]
    for name, argument in receives:
        netlink.settimeout(0)
        with pytest.raises(BlockingIOError) as caught:
            getattr(netlink, name)(argument)
        assert type(caught.value) is coro.oserrors.EAGAIN
        netlink.settimeout(0.001)
        with pytest.raises(TimeoutError, match=r"^timed out$"):
            getattr(netlink, name)(argument)
        netlink.settimeout(None)
        with pytest.raises(coro.TimeoutError), coro.timeout(0.001):
            getattr(netlink, name)(argument)


def test_closing_ends_the_wait(netlink: sock) -> None:
    receiving = [coro.spawn(netlink.recvfrom, 10), coro.spawn(netlink.recvmsg, 10)]
    until_blocked(*receiving)
    netlink.close()
    for co in receiving:
        co.join()
        assert type(co.failure) is coro.ClosedError


def test_a_closed_socket_says_so(netlink: sock) -> None:
    netlink.close()
    calls: list[tuple[Any, ...]] = [
        ("bind", (0, 0)),
        ("connect", (0, 0)),
        ("getsockname",),
        ("getpeername",),
        ("accept",),
        ("recvfrom", 10),
        ("recvfrom_into", bytearray(1)),
        ("recvmsg", 10),
        ("sendto", b"x", (0, 0)),
        ("sendmsg", [b"x"]),
    ]
    for name, *arguments in calls:
        with pytest.raises(coro.ClosedError, match="the socket is closed"):
            getattr(netlink, name)(*arguments)
    assert netlink.connect_ex((0, 0)) == errno.EBADF


def test_addresses_of_the_wrong_form(netlink: sock) -> None:
    for name in ("bind", "connect", "connect_ex"):
        with pytest.raises(TypeError):
            getattr(netlink, name)("text")
    with pytest.raises(TypeError):
        netlink.sendto(b"x", "text")
    with pytest.raises(TypeError):
        netlink.sendmsg([b"x"], (), 0, "text")


def test_what_the_family_cannot_do(netlink: sock) -> None:
    with pytest.raises(OSError, match="not supported") as caught:
        netlink.accept()
    assert type(caught.value) is coro.oserrors.EOPNOTSUPP


def test_the_descriptor_stays_open(netlink: sock) -> None:
    # Each call makes an object of Python's, which would close it.
    for _ in range(3):
        netlink.getsockname()
        with pytest.raises(TypeError):
            netlink.bind(None)
    os.fstat(netlink.fd)


# -- AF_PACKET

ETHERTYPE = 0x88B5  # for local experiments (IEEE 802)


@pytest.fixture
def packets(default_timeout: float | None) -> Iterator[tuple[sock, sock]]:
    """Two sockets for packets of the loopback interface."""
    if not hasattr(socket, "AF_PACKET"):
        pytest.skip("this system has no AF_PACKET")
    made = []
    try:
        for _ in range(2):
            made.append(sock(socket.AF_PACKET, socket.SOCK_DGRAM, 0))
            made[-1].bind(("lo", ETHERTYPE))
    except PermissionError as error:
        for each in made:
            each.close()
        pytest.skip(f"AF_PACKET needs CAP_NET_RAW: {error}")
    one, other = made
    with one, other:
        yield one, other


def test_a_packet(packets: tuple[sock, sock]) -> None:
    one, other = packets
    assert other.getsockname()[:2] == ("lo", ETHERTYPE)
    receiving = coro.spawn(other.recvfrom, 100)
    until_blocked(receiving)
    assert one.sendto(b"hello", ("lo", ETHERTYPE, 0, 0, b"\0" * 6)) == 5
    data, address = join(receiving)[0]
    assert data == b"hello"
    assert address[:2] == ("lo", ETHERTYPE)


def test_errors_of_packets(packets: tuple[sock, sock]) -> None:
    one, _ = packets
    with pytest.raises(OSError, match="No such device") as caught:
        one.bind(("no-such-interf", ETHERTYPE))
    assert type(caught.value) is coro.oserrors.ENODEV
    with pytest.raises(OSError, match="Message too long") as caught:
        one.sendto(b"x" * 200_000, ("lo", ETHERTYPE, 0, 0, b"\0" * 6))
    assert type(caught.value) is coro.oserrors.EMSGSIZE
    for name in ("listen", "accept"):
        with pytest.raises(OSError, match="not supported") as caught:
            getattr(one, name)()
        assert type(caught.value) is coro.oserrors.EOPNOTSUPP


# -- AF_VSOCK


@pytest.fixture
def vsock(default_timeout: float | None) -> Iterator[sock]:
    """A socket that listens for virtual machines, this one among them."""
    if not hasattr(socket, "AF_VSOCK"):
        pytest.skip("this system has no AF_VSOCK")
    try:
        made = sock(socket.AF_VSOCK, socket.SOCK_STREAM)
    except OSError as error:
        pytest.skip(f"AF_VSOCK cannot be had: {error}")
    with made:
        made.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))
        made.listen()
        yield made


def test_a_connection_inside_of_one_machine(vsock: sock) -> None:
    loopback = 1  # VMADDR_CID_LOCAL
    _, port = vsock.getsockname()
    with sock(socket.AF_VSOCK, socket.SOCK_STREAM) as client:
        client.settimeout(0.2)
        try:
            client.connect((loopback, port))
        except OSError as error:
            pytest.skip(f"AF_VSOCK has no loopback here (vsock_loopback): {error}")
        client.settimeout(None)
        server, address = vsock.accept()
        with server:
            assert address == client.getsockname()
            assert client.getpeername() == (loopback, port)
            receiving = coro.spawn(server.recv_exact, 10)
            until_blocked(receiving)
            client.send(b"hello")
            client.sendmsg([b"wo", b"rld"])
            assert join(receiving) == [b"helloworld"]


def test_waiting_for_a_connection_has_its_limits(vsock: sock) -> None:
    vsock.settimeout(0)
    with pytest.raises(BlockingIOError) as caught:
        vsock.accept()
    assert type(caught.value) is coro.oserrors.EAGAIN
    vsock.settimeout(0.001)
    with pytest.raises(TimeoutError, match=r"^timed out$"):
        vsock.accept()


def test_a_machine_that_there_is_not(vsock: sock) -> None:
    with sock(socket.AF_VSOCK, socket.SOCK_STREAM) as client:
        client.settimeout(0.05)
        with pytest.raises(OSError, match=r"."):
            client.connect((12345, 1))
