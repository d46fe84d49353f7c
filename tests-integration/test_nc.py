"""coro's sockets against netcat (OpenBSD's), as a client and as a server.

The two standard streams of netcat are the other side of the connection. So each test sees
both ends, and has to look after both at the same time.
"""

import random
import subprocess
from pathlib import Path

import pytest
from peers import (
    KINDS,
    Address,
    Peer,
    Start,
    address_of,
    at_once,
    connect,
    free_address,
    listen,
    meanwhile,
    program,
    serve,
)

import coro

pytestmark = pytest.mark.usefixtures("in_time_and_clean")

#: More than the buffers take, also those of netcat's standard streams.
MUCH = random.Random(0).randbytes(8 << 20)

every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def nc() -> str:
    path = program("nc")
    usage = subprocess.run([path, "-h"], capture_output=True, text=True)
    if not usage.stderr.startswith("OpenBSD netcat"):
        pytest.skip("nc is not OpenBSD's netcat (Debian: netcat-openbsd)")
    return path


def arguments(address: Address) -> list[object]:
    """How netcat is told an address. It looks up nothing."""
    return ["-n", "-U", address] if isinstance(address, str) else ["-n", *address]


def where(peer: Peer, beginning: str) -> Address:
    """The address of a netcat, as the first line says that begins like this."""
    line = peer.read_error_line(beginning)
    if line.startswith("/"):
        return line
    host, port = line.split()
    return host, int(port)


def exchange(one: coro.sock, other: coro.sock, forth: bytes, back: bytes) -> None:
    """Send both ways at once, from one socket to the other, and check what arrives."""

    def receive(socket: coro.sock, expected: bytes) -> None:
        assert socket.recv_exact(len(expected)) == expected

    with meanwhile(one.sendall, forth), meanwhile(other.sendall, back), meanwhile(receive, other, forth):
        receive(one, back)


@every_kind
class TestStream:
    def test_netcat_listens(self, kind: str, nc: str, start: Start, tmp_path: Path) -> None:
        peer = start(nc, "-v", "-l", *arguments(free_address(kind, tmp_path)))
        with connect(where(peer, "Listening on ")) as client:
            visitor = where(peer, "Connection received on ")
            assert kind == "unix" or visitor == client.getsockname()[:2]
            exchange(client, peer.talk, MUCH, MUCH[::-1])
            client.shutdown(coro.SHUT.WR)
            assert peer.finish() == b""
            assert client.recv(1) == b""

    def test_netcat_connects(self, kind: str, nc: str, start: Start, tmp_path: Path) -> None:
        with listen(free_address(kind, tmp_path)) as listener:
            peer = start(nc, "-N", *arguments(address_of(listener)))
            connection, _ = listener.accept()
        with connection:
            exchange(connection, peer.talk, MUCH, MUCH[::-1])
            peer.end_input()
            assert connection.recv(1) == b""
            connection.sendall(b"good-bye")
        assert peer.finish() == b"good-bye"

    def test_many_that_connect(self, kind: str, nc: str, start: Start, tmp_path: Path) -> None:
        def echo(connection: coro.sock) -> None:
            while data := connection.recv(65536):
                connection.sendall(data)

        with serve(echo, free_address(kind, tmp_path)) as address:

            def talk(number: int) -> None:
                data = random.Random(number).randbytes(100_000)
                peer = start(nc, "-N", *arguments(address))
                with meanwhile(peer.talk.sendall, data):
                    assert peer.output.read(len(data)) == data
                peer.end_input()
                assert peer.finish() == b""

            at_once(20, talk)

    def test_nobody_listens(self, kind: str, nc: str, start: Start, tmp_path: Path) -> None:
        peer = start(nc, "-v", "-l", *arguments(free_address(kind, tmp_path)))
        address = where(peer, "Listening on ")
        peer.kill()
        with pytest.raises(ConnectionRefusedError):
            connect(address)


def make_datagram(kind: str, folder: Path, name: str) -> coro.sock:
    """A datagram socket of that kind, bound to an address."""
    match kind:
        case "ipv4":
            made = coro.udp_sock()
        case "ipv6":
            made = coro.udp6_sock()
        case _:
            made = coro.sock(coro.AF.UNIX, coro.SOCK.DGRAM)
    made.bind(str(folder / name) if kind == "unix" else free_address(kind, folder))
    return made


@every_kind
class TestDatagrams:
    #: What netcat reads of its standard input at once, it sends at once; 16384 bytes at the most.
    SIZES = (1, 2, 1000, 1472, 1473, 9000, 16384)

    def test_netcat_listens(self, kind: str, nc: str, start: Start, tmp_path: Path) -> None:
        peer = start(nc, "-v", "-u", "-l", *arguments(free_address(kind, tmp_path)))
        address = where(peer, "Bound on ")
        with make_datagram(kind, tmp_path, "ours") as ours:
            for size in self.SIZES:
                assert ours.sendto(MUCH[:size], address) == size
                assert peer.output.read(size) == MUCH[:size]
                peer.talk.sendall(MUCH[-size:])
                data, sender = ours.recvfrom(65536)
                assert data == MUCH[-size:]
                assert (sender if kind == "unix" else sender[:2]) == address

    def test_netcat_sends_first(self, kind: str, nc: str, start: Start, tmp_path: Path) -> None:
        with make_datagram(kind, tmp_path, "ours") as ours:
            own = ["-s", tmp_path / "theirs"] if kind == "unix" else []
            peer = start(nc, "-u", *own, *arguments(address_of(ours)))
            for size in self.SIZES:
                peer.talk.sendall(MUCH[:size])
                data, sender = ours.recvfrom(65536)
                assert data == MUCH[:size]
                assert ours.sendto(MUCH[-size:], sender) == size
                assert peer.output.read(size) == MUCH[-size:]

    def test_many_at_one_socket(self, kind: str, nc: str, start: Start, tmp_path: Path) -> None:
        def answer(ours: coro.sock) -> None:
            for _ in range(20 * 10):
                data, sender = ours.recvfrom(65536)
                ours.sendto(data[::-1], sender)

        with make_datagram(kind, tmp_path, "ours") as ours, meanwhile(answer, ours):

            def talk(number: int) -> None:
                own = ["-s", tmp_path / f"theirs-{number}"] if kind == "unix" else []
                peer = start(nc, "-u", "-W", 10, *own, *arguments(address_of(ours)))
                source = random.Random(number)
                for _ in range(10):
                    data = source.randbytes(1000)
                    peer.talk.sendall(data)
                    assert peer.output.read(1000) == data[::-1]
                assert peer.finish() == b""

            at_once(20, talk)

    def test_connected_to_one_that_is_gone(self, kind: str, nc: str, start: Start, tmp_path: Path) -> None:
        peer = start(nc, "-v", "-u", "-l", *arguments(free_address(kind, tmp_path)))
        address = where(peer, "Bound on ")
        with make_datagram(kind, tmp_path, "ours") as ours:
            ours.connect(address)
            ours.send(b"here I am")
            assert peer.output.read(9) == b"here I am"
            peer.kill()
            # From the network the refusal comes afterwards, as the answer to a datagram.
            with pytest.raises(ConnectionRefusedError):
                ours.send(b"and you?")
                ours.recv(1)
