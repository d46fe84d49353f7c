"""gunicorn with the worker class `coro_patch.gunicorn.CoroWorker`, over loopback.

Where a test needs a request to be under way, the application says so with a first piece of its answer, and
then waits for the rest of the request, or for other requests.
"""

import contextlib
import http.client
import importlib.util
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peers import GRACE, PATIENCE, Address, HTTPClient, Peer, at_once, connect, program, wait_for

import coro

pytestmark = [
    pytest.mark.usefixtures("in_time_and_clean"),
    pytest.mark.skipif(not importlib.util.find_spec("gunicorn"), reason="gunicorn is not installed"),
]

CLASS = "coro_patch.gunicorn.CoroWorker"

#: How many requests are answered when all of them have come.
CROWD = 200

APPLICATION = """
    import os, threading, time
    import coro, coro_patch

    crowd, pair = threading.Barrier(CROWD), threading.Barrier(2)
    now = most = 0

    def application(environ, start_response):
        page = globals()[environ["PATH_INFO"].strip("/") or "hello"]
        return page(environ, start_response)

    def answer(start_response, text):
        body = str(text).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    def hello(environ, start_response):
        return answer(start_response, "hello")

    def pid(environ, start_response):
        return answer(start_response, os.getpid())

    def together(environ, start_response):
        crowd.wait()
        return answer(start_response, "all are here")

    def two(environ, start_response):
        global now, most
        now += 1
        most = max(most, now)
        pair.wait()
        now -= 1
        return answer(start_response, most)

    def slowly(environ, start_response):
        '''Begins its answer before it reads the request.'''
        start_response("200 OK", [])
        yield b"begun,"
        yield environ["wsgi.input"].read()

    def never(environ, start_response):
        start_response("200 OK", [])
        yield b"begun,"
        threading.Event().wait()

    def python(environ, start_response):
        while True:
            pass

    def kernel(environ, start_response):
        coro_patch.get_original("time", "sleep")(600)

    def nap(environ, start_response):
        time.sleep(2.5)
        return answer(start_response, "rested")

    def nothing(environ, start_response):
        start_response("204 No Content", [])
        return []

    def pieces(environ, start_response):
        start_response("200 OK", [("X-One", "1")])
        return [b"one", b"", b"two" * 30_000, b"three"]

    def stream(environ, start_response):
        start_response("200 OK", [("Content-Length", "6")])
        yield b"one"
        yield b"two and too much"

    def chunks(environ, start_response):
        start_response("200 OK", [])
        yield b""
        for n in range(3):
            yield b"%d" % n

    def imperative(environ, start_response):
        write = start_response("200 OK", [])
        write(b"written,")
        write(b"and again,")
        return [b"returned"]

    def wrong(environ, start_response):
        start_response("200 OK", [("Content-Length", "100")])
        return [b"fine", "not bytes"]

    def error(environ, start_response):
        raise ValueError("this page is broken")

    def late_error(environ, start_response):
        start_response("200 OK", [("Content-Length", "100")])
        yield b"fine"
        raise ValueError("this page is broken")

    def echo(environ, start_response):
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    def told(environ, start_response):
        names = ["REMOTE_ADDR", "wsgi.url_scheme", "wsgi.multithread", "wsgi.multiprocess", "SERVER_PROTOCOL"]
        return answer(start_response, [environ.get(name) for name in names])

    def file(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](open("file", "rb"))

    def part(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        opened = open("file", "rb")
        opened.seek(100)
        return environ["wsgi.file_wrapper"](opened)

    def upgrade(environ, start_response):
        sock = environ["gunicorn.socket"]
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: echo\\r\\nConnection: Upgrade\\r\\n\\r\\n")
        while data := sock.recv(4096):
            sock.sendall(data.upper())
        from gunicorn.workers.base_async import ALREADY_HANDLED
        return ALREADY_HANDLED
"""


class Gunicorn:
    """A gunicorn that runs.

    Attributes:
        peer: its arbiter.
        addresses: where it listens.
    """

    def __init__(self, peer: Peer, folder: Path, listeners: int) -> None:
        self.peer = peer
        self.folder = folder
        self.said: list[str] = []
        listening = self.wait_until_it_says("Listening at: ").partition("Listening at: ")[2]
        self.addresses: list[Address] = [
            name.removeprefix("unix:") if name.startswith("unix:") else ("127.0.0.1", int(name.rpartition(":")[2]))
            for name in listening.rpartition(" (")[0].split(",")
        ]
        assert len(self.addresses) == listeners

    @property
    def address(self) -> Address:
        return self.addresses[0]

    def wait_until_it_says(self, what: str) -> str:
        """The next line of its log that has this in it."""
        for line in self.peer.errors:
            self.said.append(line.decode())
            if what in self.said[-1]:
                return self.said[-1].rstrip("\n")
        pytest.fail(f"it never said {what!r}:\n{''.join(self.said)}")

    def ask(self, path: str, method: str = "GET", **more: object) -> tuple[int, bytes]:
        with HTTPClient(self.address) as client:
            return client.ask(method, path, **more)

    def pid(self) -> int:
        """That of the worker that answers."""
        return int(self.ask("/pid")[1])

    def signal(self, number: int) -> None:
        self.peer.process.send_signal(number)

    def end(self) -> str:
        """Wait until it ends by itself, without an error. What it said since the last wait."""
        errors = self.peer.errors.read().decode()
        self.said.append(errors)
        assert self.peer.process.wait(GRACE) == 0, self.said
        return errors

    @contextlib.contextmanager
    def slow_request(self) -> Iterator["SlowRequest"]:
        with connect(self.address) as sock:
            yield SlowRequest(sock)


class SlowRequest:
    """One that the application has begun to answer, and of which it waits for the rest."""

    def __init__(self, sock: coro.sock) -> None:
        self.sock = sock
        self.stream = sock.makefile("rb")
        sock.sendall(b"POST /slowly HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            self.head += self.stream.readline()
        assert self.stream.readline() + self.stream.readline() == b"6\r\nbegun,\r\n"

    def finish(self) -> None:
        self.sock.sendall(b"rest")
        assert self.stream.read() == b"4\r\nrest\r\n0\r\n\r\n"


@contextlib.contextmanager
def running(folder: Path, *options: object, kind: str = CLASS, binds: list[str] | None = None) -> Iterator[Gunicorn]:
    binds = binds or ["127.0.0.1:0"]
    if not (folder / "app.py").exists():
        (folder / "app.py").write_text(textwrap.dedent(APPLICATION).replace("CROWD", str(CROWD)))
    # From 25 on there is a socket by which it is controlled, in the user's home.
    (folder / "settings.py").write_text("control_socket_disable = True\n")
    command = [sys.executable, "-m", "gunicorn", "-c", folder / "settings.py", "--chdir", folder, "-k", kind]
    for each in binds:
        command += ["-b", each]
    with Peer(*command, *options, "app:application") as peer:
        yield Gunicorn(peer, folder, len(binds))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """One for the tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("gunicorn")
    (folder / "file").write_bytes(os.urandom(3_000_000))
    with running(folder, "--keep-alive", "30", binds=["127.0.0.1:0", f"unix:{folder}/socket"]) as made:
        yield made


@pytest.fixture(scope="module")
def other(server: Gunicorn) -> Iterator[Gunicorn]:
    """The same application, served by gunicorn's own worker with threads."""
    with running(server.folder, "--keep-alive", "30", "--threads", "4", kind="gthread") as made:
        yield made


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Gunicorn]]:
    """Runs one with these options."""
    with contextlib.ExitStack() as stack:
        yield lambda *options, **more: stack.enter_context(running(tmp_path, *options, **more))


def exchange(address: Address, *requests: bytes) -> bytes:
    """What comes for the requests on one connection until its end, without what changes each second."""
    with connect(address) as sock, sock.makefile("rb") as stream:
        sock.sendall(b"".join(requests))
        return re.sub(rb"\r\nDate: [^\r]*", b"", stream.read())


class TestServing:
    def test_two_hundred_requests_at_once(self, server: Gunicorn) -> None:
        assert at_once(CROWD, lambda _: server.ask("/together")) == [(200, b"all are here")] * CROWD

    def test_many_requests_on_few_connections(self, server: Gunicorn) -> None:
        def work(number: int) -> None:
            with HTTPClient(server.addresses[number % 2]) as client:
                client.connect()
                connection = client.sock
                for each in range(30):
                    body = b"x" * (each * 1000)
                    assert client.ask("POST", "/echo", body=body) == (200, body)
                    assert client.sock is connection

        at_once(8, work)

    def test_a_file(self, server: Gunicorn) -> None:
        content = (server.folder / "file").read_bytes()
        assert server.ask("/file") == (200, content)
        assert server.ask("/part") == (200, content[100:105])

    def test_a_connection_that_the_application_takes(self, server: Gunicorn) -> None:
        with connect(server.address) as sock, sock.makefile("rb") as stream:
            sock.sendall(b"GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            assert stream.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
            while stream.readline() != b"\r\n":
                pass
            for word in b"one", b"two":
                sock.sendall(word)
                assert stream.read(3) == word.upper()
            sock.shutdown(coro.SHUT.WR)
            assert stream.read() == b""

    def test_slow_clients_hold_nobody_up(self, server: Gunicorn) -> None:
        with contextlib.ExitStack() as opened:
            for _ in range(50):
                opened.enter_context(connect(server.address)).sendall(b"GET /hello HTTP/1.1\r\nHo")
            slow = [opened.enter_context(server.slow_request()) for _ in range(50)]
            assert server.ask("/") == (200, b"hello")
            for each in slow:
                each.sock.sendall(b"rest")

    def test_clients_that_go_away(self, server: Gunicorn) -> None:
        linger = b"\1\0\0\0\0\0\0\0"  # at the end of the connection, a reset
        for request in (
            b"",
            b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\nx",
        ):
            with connect(server.address) as sock:
                sock.sendall(request)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        # What came before it has been dealt with by then.
        assert server.ask("/error")[0] == 500
        assert "Traceback" not in server.wait_until_it_says("Error handling request")
        server.wait_until_it_says("this page is broken")
        assert not any("Socket error" in line for line in server.said)

    def test_an_error_is_told_in_the_log(self, server: Gunicorn) -> None:
        assert server.ask("/error")[0] == 500
        server.wait_until_it_says("Error handling request")
        server.wait_until_it_says("ValueError: this page is broken")


REQUESTS = {
    "an answer": b"GET /hello HTTP/1.1\r\n",
    "its head": b"HEAD /hello HTTP/1.1\r\n",
    "to HTTP 1.0": b"GET /hello HTTP/1.0\r\n",
    "no content": b"GET /nothing HTTP/1.1\r\n",
    "several pieces": b"GET /pieces HTTP/1.1\r\n",
    "several pieces to HTTP 1.0": b"GET /pieces HTTP/1.0\r\n",
    "a stream": b"GET /stream HTTP/1.1\r\n",
    "chunks": b"GET /chunks HTTP/1.1\r\n",
    "the head of chunks": b"HEAD /chunks HTTP/1.1\r\n",
    "written": b"GET /imperative HTTP/1.1\r\n",
    "not bytes": b"GET /wrong HTTP/1.1\r\n",
    "an error": b"GET /error HTTP/1.1\r\n",
    "a late error": b"GET /late_error HTTP/1.1\r\n",
    "a file": b"GET /file HTTP/1.1\r\n",
    "part of a file": b"GET /part HTTP/1.1\r\n",
    "the head of a file": b"HEAD /file HTTP/1.1\r\n",
    "forwarded": b"GET /told HTTP/1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 1.2.3.4\r\n",
    "not HTTP": b"something else\r\n",
    "a bad header": b"GET /hello HTTP/1.1\r\nno colon\r\n",
}


class TestTheSameBytes:
    """What a client gets is what gunicorn's own worker with threads sends."""

    @pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
    def test_for_one_request(self, server: Gunicorn, other: Gunicorn, request_: bytes) -> None:
        request_ += b"Host: localhost\r\nConnection: close\r\n\r\n"
        assert exchange(server.address, request_) == exchange(other.address, request_)

    def test_for_requests_that_do_not_wait(self, server: Gunicorn, other: Gunicorn) -> None:
        # gthread forgets the second of two when it comes with the first up to version 23.
        request_ = b"GET /%b HTTP/1.1\r\nHost: localhost\r\n%b\r\n"
        requests = [request_ % (page, b"") for page in (b"hello", b"chunks", b"pieces", b"nothing")]
        last = request_ % (b"hello", b"Connection: close\r\n")
        got = exchange(server.address, *requests, last)
        assert [got.count(text) for text in (b"HTTP/1.1 200 OK", b"HTTP/1.1 204 No Content")] == [4, 1]
        assert got.endswith(exchange(other.address, last))


class TestLimits:
    def test_the_number_of_connections(self, run: Callable[..., Gunicorn]) -> None:
        server = run("--worker-connections", "2")
        answers = at_once(20, lambda _: server.ask("/two", headers={"Connection": "close"}))
        assert answers == [(200, b"2")] * 20

    def test_an_idle_connection_is_closed_after_a_while(self, run: Callable[..., Gunicorn]) -> None:
        server = run("--keep-alive", "1")
        with HTTPClient(server.address) as client, connect(server.address) as silent:
            assert client.ask("GET", "/")[0] == 200
            assert client.sock.recv(1) == b""
            assert silent.recv(1) == b""

    def test_no_kept_connections(self, run: Callable[..., Gunicorn]) -> None:
        server = run("--keep-alive", "0")
        assert b"Connection: close" in exchange(server.address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    def test_the_number_of_requests(self, run: Callable[..., Gunicorn]) -> None:
        server = run("--max-requests", "10", "--max-requests-jitter", "5")
        pids = [server.pid() for _ in range(60)]
        assert all(10 <= pids.count(pid) <= 15 for pid in set(pids) - {pids[-1]})
        assert len(set(pids)) >= 4

    @pytest.mark.parametrize("page", ["python", "kernel"])
    def test_a_worker_that_hangs_is_replaced(self, run: Callable[..., Gunicorn], page: str) -> None:
        server = run("--timeout", "1")
        before = server.pid()
        with connect(server.address) as sock:
            sock.sendall(b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % page.encode())
            server.wait_until_it_says("WORKER TIMEOUT")
            if page == "python":
                server.wait_until_it_says("Error handling request")
                server.wait_until_it_says("in python")  # that is where it was
        assert server.pid() != before
        server.signal(signal.SIGTERM)
        server.end()

    def test_a_worker_that_waits_does_not_hang(self, run: Callable[..., Gunicorn]) -> None:
        server = run("--timeout", "1")
        before = server.pid()
        assert server.ask("/nap") == (200, b"rested")
        assert server.pid() == before


class TestSignals:
    @pytest.mark.parametrize("workers", [1, 3])
    def test_term_lets_requests_be_finished(self, run: Callable[..., Gunicorn], workers: int) -> None:
        server = run("--workers", workers, "--keep-alive", "60")
        with server.slow_request() as slow, HTTPClient(server.address) as idle:
            assert idle.ask("GET", "/") == (200, b"hello")
            server.signal(signal.SIGTERM)
            assert idle.sock.recv(1) == b""  # now it stops
            slow.finish()
            server.end()

    def test_int_does_not_wait(self, run: Callable[..., Gunicorn]) -> None:
        server = run()
        with server.slow_request() as slow:
            server.signal(signal.SIGINT)
            assert slow.stream.read() == b""
            server.end()

    def test_requests_have_so_much_time_to_be_finished(self, run: Callable[..., Gunicorn]) -> None:
        server = run("--graceful-timeout", "1")
        with connect(server.address) as sock, sock.makefile("rb") as stream:
            sock.sendall(b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n")
            while b"begun" not in stream.readline():
                pass
            server.signal(signal.SIGTERM)
            server.wait_until_it_says("Worker graceful timeout")
            assert stream.read() == b""
            assert "Traceback" not in server.end()

    def test_hup_loads_the_application_anew(self, run: Callable[..., Gunicorn]) -> None:
        server = run()
        text = (server.folder / "app.py").read_text()
        with server.slow_request() as slow:
            (server.folder / "app.py").write_text(text.replace('"hello")', '"hello again")'))
            server.signal(signal.SIGHUP)
            wait_for(lambda: server.ask("/") == (200, b"hello again"))
            slow.finish()
        server.signal(signal.SIGTERM)
        server.end()

    def test_reload_watches_the_application(self, run: Callable[..., Gunicorn]) -> None:
        server = run("--reload", "--reload-engine", "poll")
        assert server.ask("/") == (200, b"hello")
        text = (server.folder / "app.py").read_text()
        (server.folder / "app.py").write_text(text.replace('"hello")', '"hello again")'))
        # The time of the change shall be another one, however coarse the clock of the files is.
        os.utime(server.folder / "app.py", (2e9, 2e9))
        wait_for(lambda: server.ask("/") == (200, b"hello again"))

    def test_usr1_opens_the_logs_anew(self, run: Callable[..., Gunicorn], tmp_path: Path) -> None:
        log, rotated = tmp_path / "access", tmp_path / "access.1"
        server = run("--access-logfile", log)
        assert server.ask("/nothing") == (204, b"")
        wait_for(lambda: '"GET /nothing HTTP/1.1" 204' in log.read_text())
        log.rename(rotated)
        server.signal(signal.SIGUSR1)
        wait_for(lambda: log.exists() and server.ask("/") and log.read_text())
        assert '"GET / HTTP/1.1" 200 5' in log.read_text()


class TestOptions:
    def test_all_of_several_workers_serve(self, run: Callable[..., Gunicorn]) -> None:
        server = run("--workers", "3")
        pids: set[int] = set()
        wait_for(lambda: pids.add(server.pid()) or len(pids) == 3)
        assert server.peer.process.pid not in pids

    def test_preload(self, run: Callable[..., Gunicorn]) -> None:
        server = run("--preload")
        assert at_once(CROWD, lambda _: server.ask("/two")[0]) == [200] * CROWD

    def test_tls(self, run: Callable[..., Gunicorn], tmp_path: Path) -> None:
        key, certificate = tmp_path / "key", tmp_path / "certificate"
        options = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
        command = [program("openssl"), "req", "-x509", *options.split(), "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        (tmp_path / "file").write_bytes(os.urandom(1_000_000))
        server = run("--certfile", certificate, "--keyfile", key, "--keep-alive", "60")
        context = ssl.create_default_context(cafile=str(certificate))
        with connect(server.address) as silent, connect(server.address) as rude:
            rude.sendall(b"GET / HTTP/1.1\r\n\r\n")  # is no TLS
            client = http.client.HTTPSConnection(*server.address, context=context, timeout=PATIENCE)
            with contextlib.closing(client):
                for path, size in ("/hello", 5), ("/file", 1_000_000), ("/chunks", 3):
                    client.request("GET", path)
                    with client.getresponse() as answer:
                        assert len(answer.read()) == size
                server.signal(signal.SIGTERM)
                assert client.sock.recv(1) == b""
            silent.close()
            server.end()
