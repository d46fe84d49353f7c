"""Messages with an address: UDP, UNIX datagrams, and the same calls on streams."""

import array
import errno
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import coro
import coro_sock
import listeners
from coro_sock import sock
from listeners import join, until_blocked

pytestmark = pytest.mark.usefixtures("quiet")

KINDS = ["ipv4", "ipv6", "unix-path", "unix-abstract"]


def make(kind: str) -> sock:
    match kind:
        case "ipv4":
            return coro_sock.udp_sock()
        case "ipv6":
            return coro_sock.udp6_sock()
        case _:
            return sock(socket.AF_UNIX, socket.SOCK_DGRAM)


def bound(kind: str, folder: Path) -> sock:
    """A datagram socket of that kind with an address."""
    if kind == "ipv6" and not coro_sock.has_ipv6():
        pytest.skip("this machine has no IPv6")
    made = make(kind)
    try:
        made.bind(listeners.free_address(kind, folder))
    except OSError as error:
        made.close()
        if kind == "ipv6":
            pytest.skip(f"this machine has no IPv6 loopback address: {error}")
        raise
    return made


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def two(kind: str, tmp_path: Path) -> Iterator[tuple[sock, sock]]:
    """Two datagram sockets that have an address each."""
    with bound(kind, tmp_path) as one, bound(kind, tmp_path) as other:
        yield one, other


@pytest.fixture
def udp(tmp_path: Path) -> Iterator[tuple[sock, sock]]:
    with bound("ipv4", tmp_path) as one, bound("ipv4", tmp_path) as other:
        yield one, other


@pytest.fixture
def unix(tmp_path: Path) -> Iterator[tuple[sock, sock]]:
    """Two UNIX datagram sockets: one without an address, the other with one."""
    with make("unix-path") as one, bound("unix-path", tmp_path) as other:
        yield one, other


# -- there and back


def test_a_message_tells_who_sent_it(two: tuple[sock, sock]) -> None:
    one, other = two
    assert one.sendto(b"question", other.getsockname()) == 8
    data, address = other.recvfrom(100)
    assert (data, address) == (b"question", one.getsockname())
    other.sendto(b"answer", address)
    buffer = bytearray(10)
    assert one.recvfrom_into(buffer) == (6, other.getsockname())
    assert buffer == b"answer\0\0\0\0"


def test_receiving_waits(two: tuple[sock, sock]) -> None:
    one, other = two
    buffer = bytearray(10)
    receiving = [coro.spawn(other.recvfrom, 10), coro.spawn(other.recvfrom_into, buffer), coro.spawn(other.recv, 10)]
    until_blocked(*receiving)
    for data in (b"first", b"second", b"third"):
        one.sendto(data, other.getsockname())
    assert join(*receiving) == [(b"first", one.getsockname()), (6, one.getsockname()), b"third"]
    assert buffer == b"second\0\0\0\0"


def test_a_sender_without_an_address(unix: tuple[sock, sock]) -> None:
    one, other = unix
    one.sendto(b"who am I", other.getsockname())
    assert other.recvfrom(100) == (b"who am I", "")


def test_a_pair_without_addresses() -> None:
    left, right = coro_sock.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with left, right:
        left.send(b"hello")
        assert right.recvfrom(100) == (b"hello", "")
        assert left.getsockname() == left.getpeername() == ""


def test_an_address_given_as_bytes(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/socket-\xff"
    with make("unix-path") as one, make("unix-path") as other:
        other.bind(path)
        one.sendto(b"x", path)
        assert other.recv(1) == b"x"
        assert os.fsencode(other.getsockname()) == path


def test_flags_may_come_before_the_address(two: tuple[sock, sock]) -> None:
    one, other = two
    one.sendto(b"as in Python", 0, other.getsockname())
    one.sendto(b"as in Shrapnel", other.getsockname(), socket.MSG_DONTWAIT)
    one.sendto(b"flags in Python", socket.MSG_DONTWAIT, other.getsockname())
    assert [other.recv(100) for _ in range(3)] == [b"as in Python", b"as in Shrapnel", b"flags in Python"]


def test_a_name_is_looked_up(udp: tuple[sock, sock]) -> None:
    one, other = udp
    one.sendto(b"hello", ("localhost", other.getsockname()[1]))
    assert other.recvfrom(10) == (b"hello", one.getsockname())
    one.sendmsg([b"hel", b"lo"], [], 0, ("localhost", other.getsockname()[1]))
    assert other.recvfrom(10) == (b"hello", one.getsockname())


@pytest.mark.parametrize("data", [bytearray(b"abcd"), memoryview(b"xabcdx")[1:5], array.array("B", b"abcd")])
def test_any_buffer_is_sent(udp: tuple[sock, sock], data: Any) -> None:
    one, other = udp
    one.sendto(data, other.getsockname())
    assert other.recv(10) == b"abcd"


def test_what_is_no_data(udp: tuple[sock, sock]) -> None:
    one, other = udp
    with pytest.raises(TypeError, match="bytes-like"):
        one.sendto("text", other.getsockname())  # type: ignore[call-overload]
    with pytest.raises(BlockingIOError):
        other.recv(1, socket.MSG_DONTWAIT)


# -- sizes


def test_an_empty_message(two: tuple[sock, sock]) -> None:
    one, other = two
    assert one.sendto(b"", other.getsockname()) == 0
    one.sendto(b"after", other.getsockname())
    assert other.recvfrom(100) == (b"", one.getsockname())
    assert other.recv(100) == b"after"


@pytest.mark.parametrize("size", [4, 70_000])
def test_what_does_not_fit_is_cut_off(two: tuple[sock, sock], size: int) -> None:
    one, other = two
    length = 10 if size == 4 else 100
    for _ in range(5):
        one.sendto(b"x" * length, other.getsockname())
    expected = b"x" * min(size, length)
    buffer = bytearray(size)
    assert other.recv(size) == expected
    assert other.recvfrom(size) == (expected, one.getsockname())
    assert other.recvfrom_into(buffer)[0] == len(expected)
    # With MSG_TRUNC the kernel gives the length that it had. Only what came can be returned.
    assert other.recv(size, socket.MSG_TRUNC) == expected
    assert other.recv_into(buffer, size, socket.MSG_TRUNC) == length
    with pytest.raises(BlockingIOError):
        other.recv(1, socket.MSG_DONTWAIT)


def test_truncation_tells_the_true_length(udp: tuple[sock, sock]) -> None:
    one, other = udp
    for _ in range(3):
        one.sendto(b"0123456789", other.getsockname())
    assert other.recvfrom(4, socket.MSG_TRUNC) == (b"0123", one.getsockname())
    assert other.recvfrom_into(bytearray(4), 4, socket.MSG_TRUNC) == (10, one.getsockname())
    data, _, flags, _ = other.recvmsg(4)
    assert (data, flags) == (b"0123", socket.MSG_TRUNC)


def test_peeking_at_a_message(two: tuple[sock, sock]) -> None:
    one, other = two
    one.sendto(b"look", other.getsockname())
    for _ in range(2):
        assert other.recvfrom(100, socket.MSG_PEEK) == (b"look", one.getsockname())
    assert other.wait_for_read() == 4
    assert other.recv(100) == b"look"


def test_a_large_message(two: tuple[sock, sock]) -> None:
    one, other = two
    data = os.urandom(60_000)
    one.sendto(data, other.getsockname())
    assert other.recvfrom(65_507) == (data, one.getsockname())
    one.sendto(data, other.getsockname())
    assert other.recvfrom(100_000) == (data, one.getsockname())


def test_a_message_that_is_too_long(two: tuple[sock, sock]) -> None:
    one, other = two
    with pytest.raises(OSError, match="Message too long") as caught:
        one.sendto(b"x" * 5_000_000, other.getsockname())
    assert type(caught.value) is coro.oserrors.EMSGSIZE


@pytest.mark.parametrize("name", ["recvfrom", "recvfrom_into"])
def test_wrong_sizes(udp: tuple[sock, sock], name: str) -> None:
    one, other = udp
    one.sendto(b"kept", other.getsockname())
    with pytest.raises(ValueError, match="negative"):
        getattr(other, name)(*([-1] if name == "recvfrom" else [bytearray(4), -1]))
    with pytest.raises(OverflowError):
        getattr(other, name)(*([2**70] if name == "recvfrom" else [bytearray(4), 2**70]))
    assert other.recv(10) == b"kept"


# -- connected


def test_a_connected_socket_sends_and_hears_one_peer(two: tuple[sock, sock], kind: str, tmp_path: Path) -> None:
    one, other = two
    one.connect(other.getsockname())
    assert one.getpeername() == other.getsockname()
    assert one.send(b"hello") == 5
    assert other.recvfrom(10) == (b"hello", one.getsockname())
    with bound(kind, tmp_path) as stranger:
        if kind.startswith("unix"):
            with pytest.raises(PermissionError):
                stranger.sendto(b"not for you", one.getsockname())
        else:
            stranger.sendto(b"not for you", one.getsockname())
    other.sendto(b"answer", one.getsockname())
    assert one.recv(20) == b"answer"


def test_who_is_not_connected_cannot_send_without_an_address(two: tuple[sock, sock]) -> None:
    one, _ = two
    with pytest.raises(OSError, match=r"Destination address required|not connected") as caught:
        one.send(b"x")
    assert caught.value.errno in (errno.EDESTADDRREQ, errno.ENOTCONN)


def test_connecting_to_another_peer(udp: tuple[sock, sock], tmp_path: Path) -> None:
    one, other = udp
    with bound("ipv4", tmp_path) as third:
        one.connect(other.getsockname())
        one.connect(third.getsockname())
        assert one.getpeername() == third.getsockname()
        one.send(b"x")
        assert third.recv(1) == b"x"


def test_nobody_listens(tmp_path: Path) -> None:
    with bound("ipv4", tmp_path) as gone, coro_sock.udp_sock() as one:
        one.connect(gone.getsockname())
        gone.close()
        reading = coro.spawn(one.recv, 10)
        until_blocked(reading)
        one.send(b"x")
        reading.join()
        assert type(reading.failure) is coro.oserrors.ECONNREFUSED
        one.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            one.send(b"y")
        with pytest.raises(BlockingIOError):  # it was told, and is gone
            one.recv(1, socket.MSG_DONTWAIT)


def test_nobody_has_that_path(tmp_path: Path) -> None:
    with make("unix-path") as one:
        with pytest.raises(FileNotFoundError):
            one.sendto(b"x", str(tmp_path / "nobody"))
        with bound("unix-path", tmp_path) as gone:
            path = gone.getsockname()
        with pytest.raises(ConnectionRefusedError):
            one.sendto(b"x", path)


def test_broadcasting_needs_permission(udp: tuple[sock, sock]) -> None:
    one, _ = udp
    for host in ("255.255.255.255", "<broadcast>"):
        with pytest.raises(PermissionError) as caught:
            one.sendto(b"x", (host, 9))
        assert type(caught.value) is coro.oserrors.EACCES


# -- waiting


def fill_queue(sender: sock, address: Any) -> int:
    """Send until the receiver's queue is full; how many messages that were."""
    for sent in range(100_000):
        try:
            sender.sendto(b"x", address, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return sent
    pytest.skip("the queue of a UNIX datagram socket is not limited here")


@pytest.mark.parametrize("who", ["the same", "another", "connected"])
def test_a_sender_waits_while_the_queue_is_full(unix: tuple[sock, sock], who: str) -> None:
    filler, other = unix
    address = other.getsockname()
    sent = fill_queue(filler, address)
    with make("unix-path") as second:
        if who == "connected":
            second.connect(address)
        sender = filler if who == "the same" else second
        if who == "connected":
            sending = [coro.spawn(sender.send, b"y%d" % n) for n in range(3)]
        else:
            sending = [coro.spawn(sender.sendto, b"y%d" % n, address) for n in range(3)]
        until_blocked(*sending)
        messages = [other.recv(10) for _ in range(sent + 3)]
        assert messages[sent:] == [b"y0", b"y1", b"y2"]
        assert join(*sending) == [2, 2, 2]


@pytest.mark.usefixtures("virtual")
def test_a_sender_waits_no_longer_than_the_limit(unix: tuple[sock, sock]) -> None:
    sender, other = unix
    fill_queue(sender, other.getsockname())
    sender.settimeout(60)
    begun = coro.now()
    with pytest.raises(TimeoutError, match="timed out"):
        sender.sendto(b"y", other.getsockname())
    assert coro.now() - begun == 60 * 10**9


def test_a_sender_that_waits_uses_no_time(unix: tuple[sock, sock]) -> None:
    sender, other = unix
    fill_queue(sender, other.getsockname())
    sender.settimeout(0.5)
    begun = resource.getrusage(resource.RUSAGE_SELF)
    with pytest.raises(TimeoutError, match="timed out"):
        sender.sendto(b"y", other.getsockname())
    ended = resource.getrusage(resource.RUSAGE_SELF)
    assert ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime < 0.25


@pytest.mark.usefixtures("virtual")
def test_a_sender_that_waits_can_be_interrupted_and_closed(unix: tuple[sock, sock]) -> None:
    sender, other = unix
    address = other.getsockname()
    sent = fill_queue(sender, address)
    sending = [coro.spawn(sender.sendto, b"y", address) for _ in range(3)]
    until_blocked(*sending)
    coro.sleep_relative(10)
    sending[0].shutdown()
    sending[0].join()
    coro.sleep_relative(10)
    sender.close()
    for co in sending[1:]:
        co.join()
        assert isinstance(co.failure, coro.ClosedError)
    assert [other.recv(10) for _ in range(sent)] == [b"x"] * sent
    with pytest.raises(BlockingIOError):
        other.recv(10, socket.MSG_DONTWAIT)


@pytest.mark.usefixtures("virtual")
@pytest.mark.parametrize(
    ("name", "arguments"), [("recvfrom", (1,)), ("recvfrom_into", (bytearray(1),)), ("recv", (1,))]
)
def test_a_limit(udp: tuple[sock, sock], name: str, arguments: tuple[Any, ...]) -> None:
    one, other = udp
    other.settimeout(1)
    begun = coro.now()
    with pytest.raises(TimeoutError, match="timed out"):
        getattr(other, name)(*arguments)
    assert coro.now() - begun == 10**9
    other.settimeout(0)
    with pytest.raises(BlockingIOError):
        getattr(other, name)(*arguments)
    one.sendto(b"x", other.getsockname())
    getattr(other, name)(*arguments)


# -- streams


def test_of_a_stream_there_is_no_address(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.send(b"abcdef")
    data, address = server.recvfrom(3)
    assert data == b"abc"
    assert address in (None, "")
    buffer = bytearray(3)
    assert server.recvfrom_into(buffer)[0] == 3
    assert buffer == b"def"
    client.close()
    assert server.recvfrom(3)[0] == b""


def test_short_receives_of_a_stream_beside_each_other(tcp: tuple[sock, sock]) -> None:
    # recv notes that the socket is empty; recvfrom and recvmsg wait then as recv does.
    client, server = tcp
    receives: list[Callable[[], object]] = [
        lambda: server.recvfrom(100)[0],
        lambda: server.recv(100),
        lambda: server.recvmsg(100)[0],
        lambda: server.recv(100),
    ]
    for n, receive in enumerate(receives * 3):
        receiving = coro.spawn(receive)
        until_blocked(receiving)
        client.send(b"%d" % n)
        assert join(receiving) == [b"%d" % n]


def test_sendto_on_a_connected_stream(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    assert client.sendto(b"x", server.getsockname()) == 1  # tcp(7) ignores the address
    assert server.recv(10) == b"x"


def test_a_signal_handler_that_reads_takes_nothing_from_who_was_interrupted(tmp_path: Path) -> None:
    """The address of a UNIX socket is made by Python code, in which handlers run."""
    mine, other = coro_sock.sock(socket.AF_UNIX, socket.SOCK_DGRAM), coro_sock.socketpair()
    sender = coro_sock.sock(socket.AF_UNIX, socket.SOCK_DGRAM)
    with mine, sender, other[0], other[1]:
        mine.bind(str(tmp_path / "mine"))
        sender.bind(str(tmp_path / "sender"))
        other[1].settimeout(0)

        def handler(*_: object) -> None:
            other[0].send(b"THEIRS")
            with suppress(BlockingIOError):  # it may be interrupted by another call of itself
                other[1].recv(100)

        before = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
        try:
            for _ in range(3000):
                sender.sendto(b"mine", str(tmp_path / "mine"))
                assert mine.recvfrom(100) == (b"mine", str(tmp_path / "sender"))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
