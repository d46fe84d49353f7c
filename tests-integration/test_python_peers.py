"""coro's sockets against Python's own, which block, in other processes."""

import hashlib
import json
import random
import sys
from collections.abc import Callable, Iterator
from errno import ECONNRESET, EPIPE
from pathlib import Path

import pytest
from peers import (
    HTTP_SERVER,
    KINDS,
    Address,
    HTTPClient,
    Peer,
    Start,
    address_of,
    at_once,
    connect,
    ended,
    free_address,
    listen,
    meanwhile,
    serve,
    wait_for,
)
from plain_sockets import noise

import coro

pytestmark = pytest.mark.usefixtures("in_time_and_clean")

PLAIN = [sys.executable, "-W", "error", Path(__file__).with_name("plain_sockets.py")]

#: Bytes that are more than fits into the buffers of a connection.
TOO_MUCH = 64 << 20

every_kind = pytest.mark.parametrize("kind", KINDS)
every_network = pytest.mark.parametrize("kind", ["ipv4", "ipv6"])


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def echo(connection: coro.sock) -> None:
    while data := connection.recv(65536):
        connection.sendall(data)


def announced(server: Peer) -> Address:
    """Where a server says that it listens."""
    address = json.loads(server.read_line())
    return address if isinstance(address, str) else tuple(address[:2])


class Obedient:
    """A peer with one connection, the other end of `socket`, that does what it is told."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.socket = connect(announced(peer))
        assert peer.read_line() == "accepted"

    def begin(self, order: str) -> None:
        self.peer.talk.sendall(order.encode() + b"\n")

    def do(self, order: str) -> str:
        self.begin(order)
        return self.peer.read_line()


@pytest.fixture
def obedient(kind: str, start: Start, tmp_path: Path) -> Iterator[Obedient]:
    peer = Obedient(start(*PLAIN, "obey", json.dumps(free_address(kind, tmp_path))))
    with peer.socket:
        yield peer


def wait_until_it_waits(coroutine: coro.coro) -> None:
    wait_for(lambda: coroutine.waiting)


@every_kind
class TestEcho:
    def test_data_of_any_size_comes_back(self, kind: str, start: Start, tmp_path: Path) -> None:
        source = random.Random(kind)
        server = start(*PLAIN, "echo", json.dumps(free_address(kind, tmp_path)))
        with connect(announced(server)) as client:
            for size in [1, 2, 3, 1000, 65535, 65536, 65537, 1 << 20, 8 << 20]:
                data = source.randbytes(size)
                with meanwhile(client.sendall, data):
                    assert client.recv_exact(size) == data
            client.shutdown(coro.SHUT.WR)
            assert client.recv(1) == b""

    def test_two_hundred_clients_at_once(self, kind: str, start: Start, tmp_path: Path) -> None:
        address = announced(start(*PLAIN, "echo", json.dumps(free_address(kind, tmp_path))))
        clients = at_once(200, lambda _: connect(address))

        def talk(number: int) -> None:
            source = random.Random(number)
            with clients[number] as client:
                for size in [1, 1000, 50_000]:
                    data = source.randbytes(size)
                    client.sendall(data)
                    assert client.recv_exact(size) == data
                client.shutdown(coro.SHUT.WR)
                assert client.recv(1) == b""

        at_once(200, talk)

    def test_two_hundred_clients_that_block(self, kind: str, start: Start, tmp_path: Path) -> None:
        with serve(echo, free_address(kind, tmp_path)) as address:
            assert start(*PLAIN, "clients", json.dumps(address), 200).finish() == b"done\n"


@every_kind
class TestHalfOfAConnection:
    def test_after_the_end_of_what_it_sends_it_can_receive(self, obedient: Obedient) -> None:
        obedient.begin("receive -1")
        obedient.socket.sendall(noise(3_000_000))
        obedient.socket.shutdown(coro.SHUT.WR)
        assert obedient.peer.read_line() == sha256(noise(3_000_000))
        obedient.begin("send 3000000")
        assert obedient.socket.recv_exact(3_000_000) == noise(3_000_000)
        assert obedient.peer.read_line() == "sent"
        assert obedient.do("close") == "closed"
        assert obedient.socket.recv(1) == b""

    def test_after_the_end_of_what_it_receives_it_can_send(self, obedient: Obedient) -> None:
        with meanwhile(obedient.do, "end"):
            assert obedient.socket.recv(1) == b""
        assert obedient.socket.recv(1) == b""
        obedient.begin("receive 3000000")
        obedient.socket.sendall(noise(3_000_000))
        assert obedient.peer.read_line() == sha256(noise(3_000_000))


@every_network
class TestReset:
    def test_ends_a_send_that_waits(self, obedient: Obedient) -> None:
        sender = coro.current()

        def reset() -> None:
            obedient.do("receive 1000000")
            wait_until_it_waits(sender)
            obedient.do("reset")

        with meanwhile(reset), pytest.raises(ConnectionResetError):
            obedient.socket.sendall(bytes(TOO_MUCH))
        with pytest.raises(BrokenPipeError):
            obedient.socket.send(b"x")
        assert obedient.socket.recv(1) == b""

    @pytest.mark.parametrize("receive", ["recv", "recv_exact"])
    def test_ends_a_receive_that_waits(self, receive: str, obedient: Obedient) -> None:
        receiver = coro.current()

        def reset() -> None:
            wait_until_it_waits(receiver)
            obedient.do("reset")

        with meanwhile(reset), pytest.raises(ConnectionResetError):
            getattr(obedient.socket, receive)(10)

    def test_ends_both_directions(self, obedient: Obedient) -> None:
        """The kernel tells the reason once, to one of the two; the other only sees that it is over."""
        outcomes = []

        def until_it_ends(work: Callable[..., object], argument: object) -> None:
            try:
                outcomes.append(work(argument))
            except ConnectionError as error:
                outcomes.append(error.errno)

        reading = coro.spawn(until_it_ends, obedient.socket.recv, 10)
        writing = coro.spawn(until_it_ends, obedient.socket.sendall, bytes(TOO_MUCH))
        with ended([reading, writing]):
            obedient.do("receive 1000000")
            wait_until_it_waits(reading)
            wait_until_it_waits(writing)
            obedient.do("reset")
        assert outcomes in ([b"", ECONNRESET], [ECONNRESET, b""], [ECONNRESET, EPIPE])


@every_kind
class TestKilled:
    def test_what_it_had_sent_arrives(self, obedient: Obedient) -> None:
        obedient.begin(f"send {TOO_MUCH}")
        received = bytearray(obedient.socket.recv_exact(1 << 20))
        obedient.peer.kill()
        while data := obedient.socket.recv(1 << 20):
            received += data
        assert received == noise(len(received))
        assert len(received) < TOO_MUCH

    def test_too_little_for_recv_exact(self, obedient: Obedient) -> None:
        receiver = coro.current()

        def send_some_and_die() -> None:
            obedient.do("send 1000")
            wait_until_it_waits(receiver)
            obedient.peer.kill()

        with meanwhile(send_some_and_die), pytest.raises(EOFError) as caught:
            obedient.socket.recv_exact(1001)
        assert caught.value.args[0] == noise(1000)

    def test_ends_a_send_that_waits(self, obedient: Obedient) -> None:
        sender = coro.current()

        def die() -> None:
            wait_until_it_waits(sender)
            obedient.peer.kill()

        with meanwhile(die), pytest.raises((ConnectionResetError, BrokenPipeError)):
            obedient.socket.sendall(bytes(TOO_MUCH))

    def test_ends_all_of_its_connections(self, kind: str, start: Start, tmp_path: Path) -> None:
        server = start(*PLAIN, "echo", json.dumps(free_address(kind, tmp_path)))
        address = announced(server)
        waiting = []

        def talk(number: int) -> None:
            with connect(address) as client:
                client.send(b"%d" % number)
                client.recv(10)
                waiting.append(number)
                if len(waiting) == 100:
                    server.kill()
                assert client.recv(1) == b""

        at_once(100, talk)


@every_kind
class TestOtherWaysToSendAndReceive:
    def test_many_pieces_at_once(self, obedient: Obedient) -> None:
        data = noise(3_000_000)
        obedient.begin("receive 3000000")
        pieces = [data[:1], data[1:1000], b"", memoryview(data)[1000:2_000_000], data[2_000_000:]]
        assert obedient.socket.writev(pieces) == len(data)
        assert obedient.peer.read_line() == sha256(data)
        obedient.begin("send 3000000")
        assert obedient.socket.readv([len(piece) for piece in pieces]) == tuple(map(bytes, pieces))

    def test_pieces_of_a_stream_that_ends_too_early(self, obedient: Obedient) -> None:
        obedient.do("send 1500")
        obedient.do("close")
        assert obedient.socket.readv([1000, 1000, 1000]) == (noise(1000), noise(1500)[1000:])

    def test_a_file(self, obedient: Obedient, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(noise(5_000_000))
        obedient.begin("receive 5000000")
        with open(tmp_path / "file", "rb") as file:
            assert obedient.socket.sendfile(file) == 5_000_000
        assert obedient.peer.read_line() == sha256(noise(5_000_000))

    def test_into_a_buffer(self, obedient: Obedient) -> None:
        obedient.begin("send 3000000")
        buffer, size = bytearray(3_000_000), 0
        while size < len(buffer):
            size += obedient.socket.recv_into(memoryview(buffer)[size:])
        assert buffer == noise(3_000_000)

    def test_when_it_is_readable(self, obedient: Obedient) -> None:
        with meanwhile(obedient.do, "send 1000"):
            assert 1 <= obedient.socket.wait_for_read() <= 1000
        assert obedient.socket.recv_exact(1000) == noise(1000)

    def test_lines_of_text(self, kind: str, start: Start, tmp_path: Path) -> None:
        address = announced(start(*PLAIN, "echo", json.dumps(free_address(kind, tmp_path))))
        with connect(address) as client, client.makefile("rw", encoding="utf-8") as file:
            for number in range(1000):
                file.write(f"Zeile {number}: grüß dich\n")
                file.flush()
                assert file.readline() == f"Zeile {number}: grüß dich\n"

    def test_many_connections_accepted_at_once(self, kind: str, start: Start, tmp_path: Path) -> None:
        with listen(free_address(kind, tmp_path)) as listener:
            clients = start(*PLAIN, "clients", json.dumps(address_of(listener)), 200)
            accepted = []
            while len(accepted) < 200:
                accepted += listener.accept_many()

        def serve_one(number: int) -> None:
            with accepted[number][0] as connection:
                echo(connection)

        at_once(200, serve_one)
        assert clients.finish() == b"done\n"


class TestHTTP:
    @pytest.fixture
    def files(self, tmp_path: Path) -> dict[str, bytes]:
        """What Python's HTTP server serves, by its path."""
        files = {f"/{size}": noise(size) for size in [0, 1, 100_000, 5_000_000]}
        for path, content in files.items():
            (tmp_path / path[1:]).write_bytes(content)
        return files

    @pytest.fixture
    def server_of_python(self, files: dict[str, bytes], start: Start, tmp_path: Path) -> Address:
        options = ["--bind", "127.0.0.1", "--directory", tmp_path, "--protocol", "HTTP/1.1"]
        line = start(sys.executable, "-u", "-m", "http.server", "0", *options).read_line()
        return "127.0.0.1", int(line.split(" port ")[1].split()[0])

    def test_server_of_python(self, files: dict[str, bytes], server_of_python: Address) -> None:
        def fetch(number: int) -> None:
            with HTTPClient(server_of_python) as client:
                for _ in range(5):
                    for path, content in files.items():
                        assert client.ask("GET", path) == (200, content)
                        assert client.ask("HEAD", path) == (200, b"")
                assert client.ask("GET", "/nowhere")[0] == 404

        at_once(5, fetch)  # which is as many as it lets wait

    def test_server_of_python_without_any_library(self, files: dict[str, bytes], server_of_python: Address) -> None:
        with connect(server_of_python) as client, client.makefile("rb") as stream:
            client.sendall(b"GET /5000000 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert stream.readline().split(maxsplit=2)[1] == b"200"
            headers = dict(line.rstrip().split(b": ", 1) for line in iter(stream.readline, b"\r\n"))
            assert headers[b"Content-Length"] == b"5000000"
            assert stream.read() == files["/5000000"]

    def test_clients_of_python(self, start: Start) -> None:
        url = start(*HTTP_SERVER, "0").read_line().removeprefix("Listening at ")
        clients = start(*PLAIN, "fetch", "127.0.0.1", url.rpartition(":")[2].rstrip("/"), 20)
        assert clients.finish() == b"done\n"
