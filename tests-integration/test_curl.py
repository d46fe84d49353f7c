"""examples/http_server.py, in a process of its own, and curl."""

import contextlib
import hashlib
import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from peers import HTTP_SERVER, KINDS, PATIENCE, Address, Peer, Start, connect, free_address, program, wait_for

import coro

pytestmark = pytest.mark.usefixtures("in_time_and_clean")


class Server(NamedTuple):
    """A server that runs: where sockets find it, and where curl does."""

    peer: Peer
    address: Address
    url: str
    options: list[object]


Curl = Callable[..., bytes]


@contextlib.contextmanager
def serving(kind: str, folder: Path) -> Iterator[Server]:
    """Runs the server, at an address of that kind."""
    address = free_address(kind, folder)
    options = ["--unix", address] if kind == "unix" else ["--host", address[0]]
    with Peer(*HTTP_SERVER, "0", *options) as peer:
        url = peer.read_line().removeprefix("Listening at ")
        if kind == "unix":
            yield Server(peer, address, "http://localhost/", ["--unix-socket", address])
        else:
            yield Server(peer, (address[0], int(url.split(":")[-1].rstrip("/"))), url, [])


@pytest.fixture(scope="module", params=KINDS)
def shared_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(request.param, tmp_path_factory.mktemp("server")) as server:
        with connect(server.address) as first:  # when it is answered, the event loop has all that it opens
            first.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while first.recv(1 << 16):
                pass
        yield server


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    """A server that must be well after the test, and must have closed all connections."""

    def descriptors() -> int:
        return len(os.listdir(f"/proc/{shared_server.peer.process.pid}/fd"))

    before = descriptors()
    yield shared_server
    wait_for(lambda: descriptors() <= before)


@pytest.fixture
def curl(server: Server, start: Start) -> Curl:
    """Runs curl with these options and returns what it writes."""
    options = ["--disable", "--no-progress-meter", "--noproxy", "*", "--max-time", PATIENCE, *server.options]

    def run(*more: object) -> bytes:
        return start(program("curl"), *options, *more).finish()

    return run


def content(size: int) -> bytes:
    """What is at ``/bytes/SIZE``."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def lines(number: int) -> bytes:
    return b"".join(b"line %d\n" % n for n in range(number))


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    """A file of 20 MB."""
    path = tmp_path / "upload"
    path.write_bytes(random.Random(0).randbytes(20_000_000))
    return path


class TestDownload:
    def test_a_few_words(self, server: Server, curl: Curl) -> None:
        assert curl(server.url) == b"Nothing blocks but looks.\n"

    @pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 20_000_000])
    def test_body_of_known_length(self, size: int, server: Server, curl: Curl) -> None:
        digest = hashlib.sha256(content(size)).hexdigest()
        assert hashlib.sha256(curl(f"{server.url}bytes/{size}")).hexdigest() == digest

    @pytest.mark.parametrize("number", [0, 1, 100_000])
    def test_body_in_chunks(self, number: int, server: Server, curl: Curl) -> None:
        assert curl(f"{server.url}lines/{number}") == lines(number)

    def test_chunks_are_unknown_to_http_1_0(self, server: Server, curl: Curl) -> None:
        answer = curl("--http1.0", "--include", f"{server.url}lines/1000")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"\r\nConnection: close" in head
        assert b"chunked" not in head
        assert body == lines(1000)

    @pytest.mark.parametrize(
        ("path", "length"),
        [("bytes/20000000", b"Content-Length: 20000000\r\n"), ("lines/5", b"Transfer-Encoding: chunked\r\n")],
    )
    def test_head_alone(self, path: str, length: bytes, server: Server, curl: Curl) -> None:
        head = curl("--head", server.url + path)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert length in head
        assert head.endswith(b"\r\n\r\n")

    def test_no_such_page(self, server: Server, curl: Curl) -> None:
        answer = curl("--write-out", "%{http_code}", f"{server.url}nowhere?at=all")
        assert answer == b"There is no /nowhere here.\n404"

    def test_no_such_method(self, server: Server, curl: Curl) -> None:
        answer = curl("--write-out", "%{http_code}", "--request", "BREW", server.url)
        assert answer == b"Nobody here knows how to BREW.\n501"


class TestUpload:
    def test_of_some_bytes(self, server: Server, curl: Curl, tmp_path: Path) -> None:
        (tmp_path / "data").write_bytes(bytes(range(256)) * 10)
        kind = "application/x-test"
        answer = curl(
            "--data-binary",
            f"@{tmp_path / 'data'}",
            "--header",
            f"Content-Type: {kind}",
            "--include",
            f"{server.url}echo",
        )
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"Content-Type: application/x-test\r\n" in head
        assert body == bytes(range(256)) * 10

    def test_of_nothing(self, server: Server, curl: Curl) -> None:
        assert curl("--data", "", f"{server.url}echo") == b""

    @pytest.mark.parametrize("coding", ["identity", "chunked"])
    def test_of_much(self, coding: str, server: Server, curl: Curl, upload: Path) -> None:
        options = ["--data-binary", f"@{upload}"]
        if coding == "chunked":
            options += ["--header", "Transfer-Encoding: chunked"]
        assert curl(*options, f"{server.url}digest").decode() == hashlib.sha256(upload.read_bytes()).hexdigest()
        assert curl(*options, f"{server.url}echo") == upload.read_bytes()

    def test_begins_when_the_server_says_so(self, server: Server, curl: Curl, upload: Path) -> None:
        options = ["--header", "Expect: 100-continue", "--expect100-timeout", PATIENCE, "--include"]
        answer = curl(*options, "--data-binary", f"@{upload}", f"{server.url}digest")
        permission, first, second = answer.split(b"\r\n\r\n", 2)
        assert permission == b"HTTP/1.1 100 Continue"
        assert first.startswith(b"HTTP/1.1 200 OK\r\n")
        assert second.decode() == hashlib.sha256(upload.read_bytes()).hexdigest()

    def test_does_not_begin_when_nobody_wants_it(self, server: Server, curl: Curl, upload: Path) -> None:
        options = ["--header", "Expect: 100-continue", "--expect100-timeout", PATIENCE]
        answer = curl(
            *options,
            "--write-out",
            "%{http_code} %{size_upload}",
            "--data-binary",
            f"@{upload}",
            f"{server.url}nowhere",
        )
        assert answer == b"There is no /nowhere here.\n404 0"

    def test_that_nobody_asked_for_does_not_spoil_the_next_request(self, server: Server, curl: Curl) -> None:
        options = ["--data", "x" * 1000, "--write-out", "%{http_code} %{num_connects}\n"]
        answers = curl(*options, f"{server.url}nowhere", f"{server.url}nowhere")
        assert answers == b"There is no /nowhere here.\n404 1\nThere is no /nowhere here.\n404 0\n"

    def test_that_is_too_large(self, server: Server, curl: Curl, tmp_path: Path) -> None:
        with open(tmp_path / "huge", "wb") as file:
            file.truncate((64 << 20) + 1)
        answer = curl("--write-out", "%{http_code}", "--data-binary", f"@{tmp_path / 'huge'}", f"{server.url}echo")
        assert answer.endswith(b"\n413")


class TestConnections:
    def test_are_used_again(self, server: Server, curl: Curl) -> None:
        paths = ["bytes/10", "lines/1", "nowhere", "bytes/0"]
        answers = curl("--write-out", "(%{num_connects})", *(server.url + path for path in paths))
        assert answers == content(10) + b"(1)line 0\n(0)There is no /nowhere here.\n(0)(0)"

    def test_many_in_parallel(self, server: Server, curl: Curl, tmp_path: Path) -> None:
        options = ["--parallel", "--parallel-immediate", "--parallel-max", 100]
        curl(*options, "--output", tmp_path / "#1", f"{server.url}bytes/[10000-10199]")
        for size in range(10_000, 10_200):
            assert (tmp_path / str(size)).read_bytes() == content(size)

    def test_large_ones_in_parallel(self, server: Server, curl: Curl, tmp_path: Path) -> None:
        options = ["--parallel", "--parallel-immediate"]
        curl(*options, "--output", tmp_path / "#1", f"{server.url}bytes/[5000000-5000007]")
        for size in range(5_000_000, 5_000_008):
            assert (tmp_path / str(size)).read_bytes() == content(size)

    @pytest.mark.parametrize("path", ["bytes/20000000", "lines/10000000"])
    def test_a_client_that_goes_away(self, path: str, server: Server, curl: Curl, start: Start) -> None:
        options = ["--disable", "--silent", "--no-buffer", "--noproxy", "*", *server.options]
        client = start(program("curl"), *options, server.url + path)
        assert len(client.output.read(1_000_000)) == 1_000_000
        client.kill()
        assert curl(server.url) == b"Nothing blocks but looks.\n"


class TestWhatCurlDoesNotSay:
    """Requests that only somebody else makes, written by hand."""

    def test_requests_that_do_not_wait_for_each_other(self, server: Server) -> None:
        requests = [
            b"GET /bytes/100000 HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n",
            b"\r\nGET /lines/2 HTTP/1.0\r\n\r\n",
        ]
        with connect(server.address) as client, client.makefile("rb") as stream:
            client.sendall(b"".join(requests))
            answers = stream.read().split(b"HTTP/1.1 200 OK\r\n")
        bodies = [answer.partition(b"\r\n\r\n")[2] for answer in answers[1:]]
        assert bodies == [content(100_000), b"abcde", b"line 0\nline 1\n"]

    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            (b"GET /\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
            (b"GET /" + bytes(9000) + b" HTTP/1.1\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n", 400),
            (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400),
            (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            (b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n", 400),
            (b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdef\r\n", 400),
        ],
    )
    def test_what_is_not_http(self, request_: bytes, status: int, server: Server) -> None:
        with connect(server.address) as client, client.makefile("rb") as stream:
            client.sendall(request_)
            assert stream.read().startswith(b"HTTP/1.1 %d " % status)

    @pytest.mark.parametrize(
        "request_", [b"", b"GET / HT", b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc"]
    )
    def test_half_a_request(self, request_: bytes, server: Server) -> None:
        with connect(server.address) as client, client.makefile("rb") as stream:
            client.sendall(request_)
            client.shutdown(coro.SHUT.WR)
            assert stream.read() == b""


def test_ends_when_it_is_interrupted(tmp_path: Path) -> None:
    with serving("unix", tmp_path) as server, connect(server.address):
        server.peer.process.send_signal(signal.SIGINT)
        assert server.peer.output.read() == b""
        assert server.peer.process.wait() == 130
        assert b"Traceback" not in server.peer.errors.read()
    assert list(tmp_path.iterdir()) == []
