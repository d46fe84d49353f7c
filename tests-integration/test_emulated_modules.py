"""Modules of the standard library that nothing was done about: they stand on what is emulated.

Servers and clients run in one OS thread, as many as are wanted at a time, and every server is told
of all its clients before it answers the first: so they cannot have come one after the other.
"""

import contextlib
import ftplib
import http.client
import imaplib
import io
import logging
import poplib
import sched
import smtplib
import socket
import socketserver
import threading
import time
import urllib.request
import wsgiref.simple_server
import xmlrpc.client
import xmlrpc.server
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from meeting import CLIENTS, Gathering, serving
from peers import PATIENCE, in_threads

import coro
from coro.testing import virtual_clock

pytestmark = pytest.mark.usefixtures("emulated")


@contextlib.contextmanager
def speaking(talk: Callable[[Any, Callable[[str], None]], None]) -> Iterator[tuple[str, int]]:
    """Run a server of a protocol of lines: `talk` gets each connection's stream, and what sends a line."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            talk(self.rfile, lambda line: self.wfile.write(line.encode() + b"\r\n") and None)

    with serving(Server(("127.0.0.1", 0), Handler)) as address:
        yield address


class Server(socketserver.ThreadingTCPServer):
    request_queue_size = 1024
    daemon_threads = False


def test_socketserver() -> None:
    gathering = Gathering()

    def talk(lines: Any, say: Callable[[str], None]) -> None:
        word = lines.readline().decode().strip()
        gathering.join()
        say(word.upper())

    def client(number: int) -> bytes:
        with socket.create_connection(address, PATIENCE) as connection, connection.makefile("rwb") as stream:
            stream.write(b"hello %d\n" % number)
            stream.flush()
            return stream.readline()

    with speaking(talk) as address:
        assert in_threads(CLIENTS, client) == [b"HELLO %d\r\n" % number for number in range(CLIENTS)]


def test_http_client_and_server(web: str) -> None:
    def client(number: int) -> bytes:
        with contextlib.closing(http.client.HTTPConnection(web, timeout=PATIENCE)) as connection:
            connection.request("GET", "/together")
            assert connection.getresponse().read() == b"/together"
            body = b"%d" % number * 10_000
            connection.request("POST", "/", body=body)
            assert connection.getresponse().read() == body[::-1]
            return b"done"

    assert in_threads(CLIENTS, client) == [b"done"] * CLIENTS


def test_urllib(web: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def client(number: int) -> bytes:
        with opener.open(f"http://{web}/together/{number}", timeout=PATIENCE) as answer:
            return answer.read()

    assert in_threads(CLIENTS, client) == [b"/together/%d" % number for number in range(CLIENTS)]


def test_wsgiref() -> None:
    gathering = Gathering()

    class ThreadingWSGIServer(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
        request_queue_size = 1024
        daemon_threads = False

    class Handler(wsgiref.simple_server.WSGIRequestHandler):
        def log_message(self, *words: object) -> None:
            pass

    def application(environment: dict[str, Any], start_response: Any) -> list[bytes]:
        gathering.join()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environment["PATH_INFO"].encode()]

    def client(number: int) -> bytes:
        with contextlib.closing(http.client.HTTPConnection(host, port, timeout=PATIENCE)) as connection:
            connection.request("GET", f"/{number}")
            return connection.getresponse().read()

    server = wsgiref.simple_server.make_server("127.0.0.1", 0, application, ThreadingWSGIServer, Handler)
    with serving(server) as (host, port):
        assert in_threads(CLIENTS, client) == [b"/%d" % number for number in range(CLIENTS)]


def test_xmlrpc() -> None:
    gathering = Gathering()

    class ThreadingXMLRPCServer(socketserver.ThreadingMixIn, xmlrpc.server.SimpleXMLRPCServer):
        request_queue_size = 1024
        daemon_threads = False

    def add(one: int, other: int) -> int:
        gathering.join()
        return one + other

    def client(number: int) -> int:
        with xmlrpc.client.ServerProxy(f"http://{host}:{port}/") as proxy:
            return proxy.add(number, 1)  # type: ignore[return-value]

    server = ThreadingXMLRPCServer(("127.0.0.1", 0), logRequests=False)
    server.register_function(add)
    with serving(server) as (host, port):
        assert in_threads(CLIENTS, client) == [number + 1 for number in range(CLIENTS)]


def test_smtplib() -> None:
    gathering, mailbox = Gathering(), []

    def talk(lines: Any, say: Callable[[str], None]) -> None:
        say("220 here")
        for line in lines:
            match line.split()[0].upper():
                case b"EHLO":
                    say("250 hello")
                case b"DATA":
                    say("354 go ahead")
                    mail = b"".join(iter(lines.readline, b".\r\n"))
                    gathering.join()
                    mailbox.append(mail)
                    say("250 taken")
                case b"QUIT":
                    say("221 bye")
                    return
                case _:
                    say("250 yes")

    def client(number: int) -> dict[str, Any]:
        with smtplib.SMTP(host, port, "here", PATIENCE) as smtp:
            return smtp.sendmail("a@here", ["b@there"], f"Subject: {number}\n\n.dots\n")

    with speaking(talk) as (host, port):
        assert in_threads(CLIENTS, client) == [{}] * CLIENTS
    assert sorted(mailbox) == sorted(b"Subject: %d\r\n\r\n..dots\r\n" % number for number in range(CLIENTS))


def test_poplib() -> None:
    gathering = Gathering()

    def talk(lines: Any, say: Callable[[str], None]) -> None:
        say("+OK here")
        for line in lines:
            match line.split():
                case [b"RETR", number]:
                    gathering.join()
                    say("+OK")
                    say(f"mail {number.decode()}")
                    say("..dots")
                    say(".")
                case [b"QUIT"]:
                    say("+OK bye")
                    return
                case _:
                    say("+OK yes")

    def client(number: int) -> list[bytes]:
        pop = poplib.POP3(host, port, PATIENCE)
        pop.user("me")
        pop.pass_("secret")
        mail = pop.retr(number + 1)[1]
        pop.quit()
        return mail

    with speaking(talk) as (host, port):
        assert in_threads(CLIENTS, client) == [[b"mail %d" % (number + 1), b".dots"] for number in range(CLIENTS)]


def test_imaplib() -> None:
    gathering = Gathering()

    def talk(lines: Any, say: Callable[[str], None]) -> None:
        say("* OK here")
        for line in lines:
            tag, command, *_ = line.decode().split()
            match command:
                case "CAPABILITY":
                    say("* CAPABILITY IMAP4REV1")
                case "SELECT":
                    gathering.join()
                    say("* 7 EXISTS")
                case "FETCH":
                    say("* 1 FETCH (RFC822 {7}")
                    say("m\r\nail!)")
                case "LOGOUT":
                    say("* BYE")
            say(f"{tag} OK done")
            if command == "LOGOUT":
                return

    def client(number: int) -> tuple[Any, Any]:
        with imaplib.IMAP4(host, port, PATIENCE) as imap:
            imap.login("me", "secret")
            return imap.select()[1], imap.fetch("1", "(RFC822)")[1][0]

    with speaking(talk) as (host, port):
        assert in_threads(CLIENTS, client) == [([b"7"], (b"1 (RFC822 {7}", b"m\r\nail!"))] * CLIENTS


def test_ftplib() -> None:
    gathering = Gathering()

    def talk(lines: Any, say: Callable[[str], None]) -> None:
        say("220 here")
        for line in lines:
            match line.decode().split():
                case ["EPSV"] | ["PASV"]:
                    listener = socket.create_server(("127.0.0.1", 0))
                    high, low = divmod(listener.getsockname()[1], 256)
                    say(f"227 entering (127,0,0,1,{high},{low})")
                case ["RETR", name]:
                    with listener:
                        connection, _ = listener.accept()
                    say("150 here it comes")
                    gathering.join()
                    with connection:
                        connection.sendall(name.encode() * 10_000)
                    say("226 that was it")
                case ["QUIT"]:
                    say("221 bye")
                    return
                case _:
                    say("230 yes")

    def client(number: int) -> bytes:
        with ftplib.FTP(timeout=PATIENCE) as ftp, io.BytesIO() as file:
            ftp.connect(host, port)
            ftp.login("me", "secret")
            ftp.set_pasv(True)
            ftp.retrbinary(f"RETR <{number}>", file.write)
            ftp.quit()
            return file.getvalue()

    with speaking(talk) as (host, port):
        assert in_threads(CLIENTS, client) == [b"<%d>" % number * 10_000 for number in range(CLIENTS)]


def test_sched() -> None:
    done = []

    def run(number: int) -> None:
        scheduler = sched.scheduler(lambda: coro.now() / 1e9, time.sleep)
        scheduler.enter(20, 1, done.append, (("late", number),))
        scheduler.enter(10, 1, done.append, (("early", number),))
        scheduler.run()

    with virtual_clock():
        begun = coro.now()
        in_threads(CLIENTS, run)
        assert [word for word, _ in done] == ["early"] * CLIENTS + ["late"] * CLIENTS
        assert coro.now() - begun < 21e9


class TestLogging:
    def test_from_a_thousand_coroutines_loses_and_tears_no_line(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        logger = logging.Logger("busy")
        handler = logging.FileHandler(path)
        handler.setFormatter(logging.Formatter("%(threadName)s %(message)s"))
        logger.addHandler(handler)
        begin = threading.Event()

        def work(number: int) -> None:
            begin.wait()
            for line in range(10):
                logger.warning("%d %s", line, "x" * number)
                time.sleep(0)

        threads = [threading.Thread(target=work, args=(number,), name=f"t{number}") for number in range(1000)]
        for thread in threads:
            thread.start()
        begin.set()
        for thread in threads:
            thread.join()
        handler.close()
        expected = [f"t{number} {line} {'x' * number}" for number in range(1000) for line in range(10)]
        assert sorted(path.read_text().splitlines()) == sorted(expected)

    def test_a_handler_that_waits_has_the_others_wait_for_it(self) -> None:
        """Its lock is an emulated one, also if the handler was there before the emulation."""
        coro.uninstall_thread_emulation()
        ours, theirs = socket.socketpair()

        class Slow(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                for letter in self.format(record) + "\n":
                    ours.sendall(letter.encode())
                    time.sleep(0)

        logger = logging.Logger("slow")
        logger.addHandler(handler := Slow())
        coro.install_thread_emulation()
        lines: list[str] = []
        with theirs, theirs.makefile() as stream:
            reader = threading.Thread(target=lambda: lines.extend(stream))
            reader.start()
            in_threads(CLIENTS, lambda number: logger.warning("line %d", number))
            ours.close()
            reader.join()
        assert sorted(lines) == sorted(f"line {number}\n" for number in range(CLIENTS))
        handler.close()
