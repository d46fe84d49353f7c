"""Messages with ancillary data: descriptors, credentials, packet information."""

import array
import os
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import coro
import coro_sock
from coro_sock import sock
from listeners import fill, join, until_blocked

pytestmark = pytest.mark.usefixtures("quiet")

TCP_INQ = 36  # Linux; Python has no name for it
SPACE = socket.CMSG_SPACE(64 * 4)


@pytest.fixture(params=[socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
def unix(request: pytest.FixtureRequest) -> Iterator[tuple[sock, sock]]:
    """Two connected UNIX sockets."""
    left, right = coro_sock.socketpair(socket.AF_UNIX, request.param)
    with left, right:
        yield left, right


@pytest.fixture
def streams() -> Iterator[tuple[sock, sock]]:
    left, right = coro_sock.socketpair()
    with left, right:
        yield left, right


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def descriptors(*numbers: int) -> list[tuple[int, int, bytes]]:
    """The ancillary data that passes these on."""
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", numbers).tobytes())]


def passed(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found: list[int] = []
    for level, kind, data in ancillary:
        assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
        found.extend(array.array("i", data[: len(data) - len(data) % 4]))
    return found


# -- descriptors


@pytest.mark.parametrize("count", [1, 2, 50])
def test_descriptors_are_passed(unix: tuple[sock, sock], pipe: tuple[int, int], count: int) -> None:
    left, right = unix
    reader, writer = pipe
    assert left.sendmsg([b"here ", b"they are"], descriptors(*[writer] * count)) == 13
    data, ancillary, flags, address = right.recvmsg(100, SPACE)
    # The kernel says of a sequence of packets where each ends.
    assert (data, flags & ~socket.MSG_EOR, address) == (b"here they are", 0, "")
    numbers = passed(ancillary)
    assert len(numbers) == count
    for number in numbers:
        os.write(number, b"x")
        os.close(number)
    assert os.read(reader, 100) == b"x" * count


def test_a_socket_is_passed(streams: tuple[sock, sock]) -> None:
    left, right = streams
    one, other = coro_sock.socketpair()
    left.sendmsg([b"x"], descriptors(one.fd))
    one.close()
    (number,) = passed(right.recvmsg(1, SPACE)[1])
    with sock(socket.AF_UNIX, socket.SOCK_STREAM, 0, number) as again, other:
        receiving = coro.spawn(again.recv, 10)
        until_blocked(receiving)
        other.send(b"hello")
        assert join(receiving) == [b"hello"]


def test_receiving_waits(unix: tuple[sock, sock], pipe: tuple[int, int]) -> None:
    left, right = unix
    buffer = bytearray(10)
    receiving = [coro.spawn(right.recvmsg, 10, SPACE), coro.spawn(right.recvmsg_into, [buffer], SPACE)]
    until_blocked(*receiving)
    for _ in receiving:
        left.sendmsg([b"x"], descriptors(pipe[1]))
        coro.yield_slice()
    first, second = join(*receiving)
    assert (first[0], second[0], buffer[:1]) == (b"x", 1, b"x")
    for number in passed(first[1]) + passed(second[1]):
        os.close(number)


def test_who_is_interrupted_leaves_the_descriptors(unix: tuple[sock, sock], pipe: tuple[int, int]) -> None:
    left, right = unix
    receiving = coro.spawn(right.recvmsg, 10, SPACE)
    until_blocked(receiving)
    left.sendmsg([b"x"], descriptors(pipe[1]))
    receiving.shutdown()  # the message is there, and it has not run since
    receiving.join()
    data, ancillary, _, _ = right.recvmsg(10, SPACE)
    assert data == b"x"
    (number,) = passed(ancillary)
    os.close(number)


def test_descriptors_that_nobody_receives_are_closed(unix: tuple[sock, sock], pipe: tuple[int, int]) -> None:
    # The check that all tests have would find them.
    left, right = unix
    left.sendmsg([b"x"], descriptors(*pipe))
    assert right.recv(10) == b"x"
    left.sendmsg([b"y"], descriptors(*pipe))


def test_what_does_not_fit_is_cut_off(unix: tuple[sock, sock], pipe: tuple[int, int]) -> None:
    left, right = unix
    left.sendmsg([b"x"], descriptors(*[pipe[1]] * 5))
    data, ancillary, flags, _ = right.recvmsg(10, socket.CMSG_LEN(2 * 4))
    assert data == b"x"
    assert flags & socket.MSG_CTRUNC
    numbers = passed(ancillary)
    assert 0 < len(numbers) < 5
    for number in numbers:
        os.close(number)


def test_a_short_read_of_a_stream_is_not_its_end(streams: tuple[sock, sock], pipe: tuple[int, int]) -> None:
    # A read stops behind a message with descriptors, though more is there.
    left, right = streams
    left.sendmsg([b"with"], descriptors(pipe[1]))
    left.send(b"after")
    data, ancillary, _, _ = right.recvmsg(100, SPACE)
    assert data == b"with"
    for number in passed(ancillary):
        os.close(number)
    assert right.recv(100) == b"after"


# -- credentials


def test_credentials_are_told(unix: tuple[sock, sock]) -> None:
    left, right = unix
    right.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    mine = struct.pack("3i", os.getpid(), os.getuid(), os.getgid())
    left.send(b"x")
    left.sendmsg([b"y"], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, mine)])
    for expected in (b"x", b"y"):
        data, ancillary, _, _ = right.recvmsg(1, SPACE)
        assert data == expected
        assert ancillary == [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, mine)]


def test_false_credentials(unix: tuple[sock, sock]) -> None:
    left, _ = unix
    false = struct.pack("3i", 2**22 + 5, os.getuid(), os.getgid())
    with pytest.raises(OSError, match=r"No such process|not permitted") as caught:
        left.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, false)])
    assert isinstance(caught.value, (coro.oserrors.ESRCH, coro.oserrors.EPERM))


# -- packet information


def test_packet_information_of_ipv4() -> None:
    with coro_sock.udp_sock() as one, coro_sock.udp_sock() as other:
        other.bind(("", 0))
        other.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_PKTINFO", 8), 1)
        port = other.getsockname()[1]
        one.bind(("127.0.0.1", 0))
        assert one.sendmsg([b"pa", b"", b"rts"], (), 0, ("127.0.0.2", port)) == 5
        data, ((level, kind, info),), flags, address = other.recvmsg(10, SPACE)
        assert (data, level, kind, flags) == (b"parts", socket.IPPROTO_IP, getattr(socket, "IP_PKTINFO", 8), 0)
        assert address == one.getsockname()
        _, _, destination = struct.unpack("I4s4s", info)
        assert socket.inet_ntoa(destination) == "127.0.0.2"


def test_packet_information_of_ipv6() -> None:
    if not coro_sock.has_ipv6():
        pytest.skip("this machine has no IPv6")
    with coro_sock.udp6_sock() as one, coro_sock.udp6_sock() as other:
        try:
            one.bind(("::1", 0))
        except OSError as error:
            pytest.skip(f"this machine has no IPv6 loopback address: {error}")
        other.bind(("", 0))
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        one.sendmsg([b"x"], iter([]), 0, ("::1", other.getsockname()[1]))
        data, ((level, kind, info),), _, address = other.recvmsg(10, SPACE)
        assert (data, level, kind) == (b"x", socket.IPPROTO_IPV6, socket.IPV6_PKTINFO)
        assert address == one.getsockname() == ("::1", address[1])
        assert socket.inet_ntop(socket.AF_INET6, info[:16]) == "::1"


def test_errors_are_read_while_another_waits_for_data() -> None:
    # They come by a queue of their own, so the turn to read is not asked for.
    recverr = 11  # IP_RECVERR of <linux/in.h>
    with coro_sock.udp_sock() as one, coro_sock.udp_sock() as gone:
        gone.bind(("127.0.0.1", 0))
        nobody = gone.getsockname()
        gone.close()
        one.bind(("127.0.0.1", 0))
        one.setsockopt(socket.IPPROTO_IP, recverr, 1)
        reading = coro.spawn(one.recv, 10)
        until_blocked(reading)
        with pytest.raises(BlockingIOError):
            one.recvmsg(10, SPACE, socket.MSG_ERRQUEUE)
        one.sendto(b"x", nobody)
        data, ((_, kind, _),), flags, address = one.recvmsg(10, SPACE, socket.MSG_ERRQUEUE)
        assert (data, kind, address) == (b"x", recverr, nobody)
        assert flags & socket.MSG_ERRQUEUE
        reading.shutdown()
        reading.join()


# -- buffers


def test_several_buffers(pair: tuple[sock, sock]) -> None:
    client, server = pair
    assert client.sendmsg(iter([b"ab", bytearray(b"cd"), memoryview(b"efg")])) == 7
    server.wait_for_read()
    buffers: list[Any] = [bytearray(1), bytearray(0), memoryview(bytearray(3)), array.array("H", [0])]
    assert server.recvmsg_into(iter(buffers))[:3] == (6, [], 0)
    assert b"".join(bytes(each) for each in buffers) == b"abcdef"
    assert server.recvmsg(10)[:3] == (b"g", [], 0)


def test_what_cannot_be_written(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.send(b"kept")
    for wrong in ([b"constant"], [bytearray(1), "text"], 5):
        with pytest.raises((TypeError, BufferError)):
            server.recvmsg_into(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        client.sendmsg(["text"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="bufsize must not be negative"):
        server.recvmsg(-1)
    with pytest.raises(ValueError, match="ancbufsize"):
        server.recvmsg(1, -1)
    assert server.recv(10) == b"kept"


def test_the_end_of_a_stream(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.close()
    assert server.recvmsg(10)[:3] == (b"", [], 0)
    assert server.recvmsg_into([bytearray(5)])[:3] == (0, [], 0)


@pytest.fixture
def kept(streams: tuple[sock, sock]) -> sock:
    """A socket with which an interrupted receive has left b"abcd"."""
    left, right = streams
    left.send(b"abcd")
    reading = coro.spawn(right.recv_exact, 8)
    until_blocked(reading)
    reading.shutdown()
    reading.join()
    left.send(b"ef")
    return right


def test_what_was_kept_comes_first(kept: sock) -> None:
    assert kept.recvmsg(3) == (b"abc", [], 0, None)
    assert kept.recvmsg(3) == (b"d", [], 0, None)
    assert kept.recvmsg(3)[0] == b"ef"


def test_what_was_kept_comes_first_into_buffers(kept: sock) -> None:
    buffers = [bytearray(1), bytearray(2), bytearray(3)]
    assert kept.recvmsg_into(buffers, 0, socket.MSG_PEEK) == (4, [], 0, None)
    assert kept.recvmsg_into(buffers) == (4, [], 0, None)
    assert buffers == [b"a", b"bc", b"d\0\0"]
    assert kept.recvmsg_into(buffers)[0] == 2


def test_sending_waits(streams: tuple[sock, sock], pipe: tuple[int, int]) -> None:
    left, right = streams
    filled = fill(left)
    sending = [coro.spawn(left.sendmsg, iter([b"one"]), iter(descriptors(pipe[1]))), coro.spawn(left.send, b"two")]
    until_blocked(*sending)
    assert sending[1].waiting == ("turn to write", left)
    right.recv_exact(filled)
    data, ancillary, _, _ = right.recvmsg(10, SPACE)
    assert data == b"one"
    for number in passed(ancillary):
        os.close(number)
    assert right.recv_exact(3) == b"two"
    assert join(*sending) == [3, 3]


# -- what large reads ask the kernel to tell (TCP_INQ)


@pytest.fixture
def told(tcp: tuple[sock, sock]) -> tuple[sock, sock]:
    """A connection whose second end is told what is left."""
    client, server = tcp
    for _ in range(2):
        client.send(bytes(20_000))
        while server.wait_for_read() < 20_000:
            coro.yield_()
        server.recv(20_000)
    if sys.platform == "linux":
        assert server.getsockopt(socket.IPPROTO_TCP, TCP_INQ) == 1
    return client, server


def test_receives_of_others_are_not_told_what_is_left(told: tuple[sock, sock]) -> None:
    client, server = told
    client.send(b"abc")
    assert server.recvmsg(1, SPACE)[:2] == (b"a", [])
    assert server.recvmsg_into([bytearray(1)], SPACE)[:2] == (1, [])
    assert server.recv(20_000) == b"c"


def test_a_second_descriptor_is_not_told_what_is_left(told: tuple[sock, sock]) -> None:
    client, server = told
    with server.dup() as other:
        client.send(b"ab")
        assert other.recvmsg(1, SPACE)[:2] == (b"a", [])
        assert server.recv(20_000) == b"b"


def test_a_descriptor_that_is_given_away_is_not_told_what_is_left(told: tuple[sock, sock]) -> None:
    client, server = told
    with socket.socket(fileno=server.detach()) as other:
        client.send(b"a")
        other.setblocking(True)
        assert other.recvmsg(1, SPACE)[:2] == (b"a", [])


def test_who_asks_what_is_left_is_told(told: tuple[sock, sock]) -> None:
    client, server = told
    server.setsockopt(socket.IPPROTO_TCP, TCP_INQ, 1)
    client.send(b"abc")
    while server.wait_for_read() < 3:
        coro.yield_()
    assert server.recvmsg(1, SPACE)[:2] == (b"a", [(socket.IPPROTO_TCP, TCP_INQ, struct.pack("i", 2))])
