"""The programs of the tutorial, in processes of their own."""

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from peers import PATIENCE, Peer
from webdriver import ENTER, browser

import coro

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

pytestmark = pytest.mark.usefixtures("in_time_and_clean")


@contextlib.contextmanager
def example(name: str, *arguments: object) -> Iterator[tuple[Peer, int]]:
    """Runs an example, and ends it. Its first line has a port."""
    with Peer(sys.executable, "-W", "error", EXAMPLES / name, *arguments) as peer:
        found = re.search(r"(?:port |:)(\d+)", peer.read_line())
        assert found is not None
        yield peer, int(found[1])


def test_an_address_in_use_is_told_once() -> None:
    """And by the program, not by a coroutine that nobody waits for."""
    with example("echo_server.py", 0) as (_, port):
        command = [sys.executable, "-W", "error", EXAMPLES / "echo_server.py", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert (done.returncode, done.stderr.count("Traceback")) == (1, 1)
        assert f"Address already in use (while attempting to bind on address ('127.0.0.1', {port}))" in done.stderr


def ask(port: int, data: bytes) -> bytes:
    """What comes back for some data, until the other side closes."""
    with coro.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_echo_server() -> None:
    with example("echo_server.py", 0) as (_, port):
        assert ask(port, b"hello" * 100_000) == b"hello" * 100_000


class TestProxy:
    def test_passes_on_both_ways(self) -> None:
        with (
            example("echo_server.py", 0) as (_, server_port),
            example("proxy.py", 0, f"127.0.0.1:{server_port}") as (_, port),
        ):
            data = os.urandom(1 << 20)
            assert ask(port, data) == data

    def test_tells_that_there_is_no_server(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            nobody = taken.getsockname()[1]
        with example("proxy.py", 0, f"127.0.0.1:{nobody}") as (peer, port):
            assert ask(port, b"") == b""
            assert "Connection refused" in peer.read_error_line("proxy: ")

    def test_says_how_it_is_called(self) -> None:
        done = subprocess.run([sys.executable, EXAMPLES / "proxy.py", "9000"], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (1, "usage: python examples/proxy.py PORT HOST:PORT\n")


class TestCrawler:
    @pytest.fixture
    def site(self, tmp_path: Path, emulated: None) -> Iterator[str]:
        """A hundred pages that link to each other, and one to a page that is not there."""
        for number in range(100):
            links = "".join(f'<a href="{to % 100}.html#top">{to}</a>' for to in (number + 1, number * 2))
            (tmp_path / f"{number}.html").write_text(f"<!doctype html>{links}")
        (tmp_path / "50.html").write_text('<a href="gone.html"></a><a href="http://other.invalid/"></a><a name="x">')

        class Files(SimpleHTTPRequestHandler):
            def __init__(self, *arguments: object) -> None:
                super().__init__(*arguments, directory=str(tmp_path))  # type: ignore[arg-type]

            def log_message(self, format: str, *args: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
            serving = coro.spawn(server.serve_forever)
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()
            serving.join()

    def test_visits_all_and_tells_what_is_broken(self, site: str) -> None:
        command = [sys.executable, "-W", "error", EXAMPLES / "crawler.py", f"{site}/0.html"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert told.stderr == ""
        assert told.stdout == f"{site}/gone.html: HTTP Error 404: File not found\n100 pages, 1 broken\n"

    def test_says_how_it_is_called(self) -> None:
        command = [sys.executable, "-W", "error", EXAMPLES / "crawler.py", "127.0.0.1:8000"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert (done.returncode, done.stderr) == (1, "usage: python examples/crawler.py ADDRESS [PAGES]\n")

    def test_visits_no_more_than_it_is_told(self, site: str) -> None:
        command = [sys.executable, EXAMPLES / "crawler.py", f"{site}/0.html", "7"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert told.stdout.startswith("7 pages")


@pytest.mark.parametrize("launcher", [[], ["-m", "coro_patch"]], ids=["threads", "emulated"])
def test_word_count(launcher: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", *launcher, EXAMPLES / "word_count.py"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("two: 599, one: 400, three: 397\n")


class TestChat:
    @pytest.fixture
    def port(self) -> Iterator[int]:
        with example("chat.py", 0) as (_, port):
            yield port

    def listen(self, port: int) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", "/events")
        answer = connection.getresponse()
        assert answer.readline() == b": welcome\n"
        return answer

    def say(self, port: int, line: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("POST", "/say", line.encode())
            return connection.getresponse().status

    def test_all_hear_what_one_says(self, port: int) -> None:
        with self.listen(port) as first, self.listen(port) as second:
            assert self.say(port, 'hello "all"\nof you: ü') == 200
            for listener in (first, second):
                assert listener.readline() == b"\n"
                assert listener.readline() == b'data: "hello \\"all\\"\\nof you: \\u00fc"\n'

    def test_who_has_gone_is_no_trouble(self, port: int) -> None:
        self.listen(port).close()
        with self.listen(port) as listener:
            for number in range(3):
                assert self.say(port, str(number)) == 200
            assert listener.read(len(b'\ndata: "0"\n\ndata: "1"\n\ndata: "2"\n\n')).endswith(b'"2"\n\n')

    @pytest.mark.parametrize(
        ("method", "path", "size", "status"), [("GET", "/x", 0, 404), ("POST", "/say", 20_000, 413)]
    )
    def test_what_it_refuses(self, port: int, method: str, path: str, size: int, status: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, bytes(size))
            assert connection.getresponse().status == status

    def test_in_two_windows_of_a_browser(self, port: int, tmp_path: Path) -> None:
        is_listening = 'events.readyState == 1 ? done() : events.addEventListener("open", () => done())'
        what_was_said = """
            const lines = () => [...document.querySelectorAll("li")].map(line => line.textContent)
            const look = () => lines().length < arguments[0] || done(lines())
            new MutationObserver(look).observe(document.querySelector("ul"), { childList: true })
            look()
        """
        address = f"http://127.0.0.1:{port}/"
        with browser(tmp_path) as chromium:
            windows = [chromium.open_window(address), chromium.open_window(address)]
            for window in windows:
                chromium.show(window)
                chromium.run(is_listening)
            for number, window in enumerate(windows):
                chromium.show(window)
                chromium.type(f"<b>hello {number}</b>{ENTER}")
                chromium.run(what_was_said, number + 1)
            for window in windows:
                chromium.show(window)
                assert chromium.run(what_was_said, 2) == ["<b>hello 0</b>", "<b>hello 1</b>"]
            chromium.close_window()
            chromium.show(windows[0])
            chromium.type(f"who is there?{ENTER}")
            assert chromium.run(what_was_said, 3)[2:] == ["who is there?"]


@pytest.mark.parametrize(
    ("name", "arguments", "number"),
    [
        ("echo_server.py", [0], signal.SIGTERM),
        ("echo_server.py", [0], signal.SIGINT),
        ("proxy.py", [0, "127.0.0.1:9"], signal.SIGTERM),
        ("proxy.py", [0, "127.0.0.1:9"], signal.SIGINT),
        ("chat.py", [0], signal.SIGINT),
    ],
)
def test_a_signal_ends_it_quietly(name: str, arguments: list[object], number: signal.Signals) -> None:
    with example(name, *arguments) as (peer, _):
        peer.process.send_signal(number)
        assert peer.process.wait(PATIENCE) == 0
        assert b"Traceback" not in peer.errors.read()
