"""A small HTTP/1.1 server (RFC 9112): straight lines, and a coroutine for each connection.

    python examples/http_server.py [PORT]

    GET  /           a few words
    GET  /bytes/N    N bytes
    GET  /lines/N    N lines, made while they are sent
    POST /echo       the body of the request
    POST /digest     the SHA-256 of the body, which is never in memory as a whole

`answer` is what this server is about, and all above it is HTTP. Connections stay open,
requests may follow each other before they are answered, and bodies have a length or come
in chunks, either way.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.utils import formatdate
from http import HTTPStatus
from http.client import HTTPException, parse_headers

import coro

#: Seconds that a client may take for the head of a request, or be silent before it.
PATIENCE = 30

#: Bytes: how much is read or sent at a time, the longest line, and the largest body that
#: is in memory as a whole.
PIECE = 65536
LONGEST_LINE = 8192
LARGEST_BODY = 64 << 20


class HTTPError(Exception):
    """The client gets this status for an answer, and is not listened to any longer."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


@dataclass
class Request:
    method: str
    path: str
    version: str
    headers: Message
    #: The body in pieces, which are read when they are asked for.
    body: Iterator[bytes]
    #: The client sends the body only when it is told to go on.
    is_held_back: bool

    def keeps_alive(self) -> bool:
        """Whether another request may follow on this connection."""
        wish = self.headers.get("Connection", "").lower()
        return "close" not in wish if self.version == "HTTP/1.1" else "keep-alive" in wish


@dataclass
class Answer:
    status: HTTPStatus
    #: In pieces, if its length is not known in advance.
    body: bytes | Iterable[bytes]
    kind: str = "text/plain"


class Connection:
    """One client's connection."""

    def __init__(self, socket: coro.sock) -> None:
        self.socket = socket

    def serve(self, answer: Callable[[Request], Answer]) -> None:
        """Answer requests until the client has no more of them."""
        gone = (EOFError, ConnectionError, TimeoutError)
        with self.socket, self.socket.makefile("rb") as self.stream, contextlib.suppress(*gone):
            try:
                while (request := self.read_request()) and self.send(answer(request), request):
                    for _ in request.body:  # of which nobody wanted to know
                        pass
            except HTTPError as error:
                self.send(Answer(error.status, f"{error}\n".encode()))
                self.let_it_be_read()

    def read_line(self) -> bytes:
        line = self.stream.readline(LONGEST_LINE)
        if line.endswith(b"\n"):
            return line.rstrip(b"\r\n")
        if len(line) == LONGEST_LINE:
            raise HTTPError(HTTPStatus.BAD_REQUEST)
        raise EOFError("the client has gone")

    def read_request(self) -> Request | None:
        """The next request; None if the client has no more."""
        with coro.timeout(PATIENCE):
            if not self.stream.peek(1):
                return None
            line = self.read_line() or self.read_line()  # an empty line before it is forgiven
            try:
                method, path, version = line.decode("ascii").split(" ")
                headers = parse_headers(self.stream)
            except (ValueError, HTTPException):
                raise HTTPError(HTTPStatus.BAD_REQUEST) from None
        if version not in ("HTTP/1.0", "HTTP/1.1"):
            raise HTTPError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
        if version == "HTTP/1.1" and len(headers.get_all("Host", [])) != 1:
            raise HTTPError(HTTPStatus.BAD_REQUEST)
        is_held_back = version == "HTTP/1.1" and headers.get("Expect", "").lower() == "100-continue"
        request = Request(method, path.partition("?")[0], version, headers, iter(()), is_held_back)
        request.body = self.read_body(request)
        return request

    def read_body(self, request: Request) -> Iterator[bytes]:
        coding = request.headers.get_all("Transfer-Encoding", [])
        lengths = request.headers.get_all("Content-Length", [])
        if request.is_held_back:
            request.is_held_back = False
            self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if len(lengths) == 1 and lengths[0].isdecimal() and len(lengths[0]) <= 15 and not coding:
            yield from self.read_pieces(int(lengths[0]))
        elif coding == ["chunked"] and not lengths:
            while size := self.read_chunk_size():
                yield from self.read_pieces(size)
                if self.read_line():
                    raise HTTPError(HTTPStatus.BAD_REQUEST)
            while self.read_line():
                pass  # what may follow the chunks does not matter here
        elif coding or lengths:
            raise HTTPError(HTTPStatus.BAD_REQUEST)

    def read_chunk_size(self) -> int:
        match = re.fullmatch(rb"([0-9a-fA-F]{1,15})[ \t]*(;.*)?", self.read_line())
        if not match:
            raise HTTPError(HTTPStatus.BAD_REQUEST)
        return int(match[1], 16)

    def read_pieces(self, size: int) -> Iterator[bytes]:
        while size > 0:
            piece = self.stream.read1(min(size, PIECE))
            if not piece:
                raise EOFError("the client has gone")
            size -= len(piece)
            yield piece

    def send(self, answer: Answer, request: Request | None = None) -> bool:
        """Send an answer. Returns whether another may follow on this connection."""
        keep_alive = request is not None and request.keeps_alive() and not request.is_held_back
        headers = {"Date": formatdate(usegmt=True), "Content-Type": answer.kind}
        body: Iterable[bytes]
        if isinstance(answer.body, bytes):
            headers["Content-Length"] = str(len(answer.body))
            body = [answer.body]
        elif request is not None and request.version == "HTTP/1.1":
            headers["Transfer-Encoding"] = "chunked"
            body = chunks(answer.body)
        else:
            keep_alive = False  # only the connection's end tells such a client where the body ends
            body = answer.body
        headers["Connection"] = "keep-alive" if keep_alive else "close"

        lines = [f"HTTP/1.1 {answer.status} {answer.status.phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")
        if request is not None and request.method == "HEAD":
            body = []
        for piece in merged(itertools.chain([head], body)):
            self.socket.sendall(piece)
        return keep_alive

    def let_it_be_read(self) -> None:
        """Wait until the client has closed its side.

        The kernel answers what comes for a closed socket with a reset, which destroys all
        that the client has not read yet.
        """
        self.socket.shutdown(coro.SHUT.WR)
        with coro.timeout(PATIENCE):
            while self.socket.recv(PIECE):
                pass


def merged(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in larger pieces, none of them empty."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        if len(waiting) >= PIECE:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


def chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces as the chunked coding has them."""
    for piece in merged(pieces):
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def answer(request: Request) -> Answer:
    """What this server has to say."""
    match request.method, request.path.split("/")[1:]:
        case "GET" | "HEAD", [""]:
            return Answer(HTTPStatus.OK, b"Nothing blocks but looks.\n")
        case "GET" | "HEAD", ["bytes", number] if number.isdecimal() and len(number) <= 8:
            period = bytes(range(251))  # a prime, so that a piece that is missing does not go unnoticed
            return Answer(HTTPStatus.OK, (period * (int(number) // 251 + 1))[: int(number)], "application/octet-stream")
        case "GET" | "HEAD", ["lines", number] if number.isdecimal() and len(number) <= 8:
            return Answer(HTTPStatus.OK, (b"line %d\n" % n for n in range(int(number))))
        case "POST", ["echo"]:
            body = bytearray()
            for piece in request.body:
                body += piece
                if len(body) > LARGEST_BODY:
                    raise HTTPError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return Answer(HTTPStatus.OK, bytes(body), request.headers.get("Content-Type", "application/octet-stream"))
        case "POST", ["digest"]:
            digest = hashlib.sha256()
            for piece in request.body:
                digest.update(piece)
            return Answer(HTTPStatus.OK, digest.hexdigest().encode())
        case "GET" | "HEAD" | "POST", _:
            return Answer(HTTPStatus.NOT_FOUND, f"There is no {request.path} here.\n".encode())
        case _:
            return Answer(HTTPStatus.NOT_IMPLEMENTED, f"Nobody here knows how to {request.method}.\n".encode())


def listen(host: str, port: int) -> coro.sock:
    """A socket that listens there."""
    listener = coro.tcp6_sock() if ":" in host else coro.tcp_sock()
    listener.set_reuse_addr()
    listener.bind((host, port))
    listener.listen(1024)
    return listener


def listen_unix(path: str) -> coro.sock:
    listener = coro.unix_sock()
    listener.bind(path)
    listener.listen(1024)
    return listener


def accept(listener: coro.sock) -> None:
    while True:
        try:
            socket, _ = listener.accept()
        except (coro.oserrors.EMFILE, coro.oserrors.ENFILE):
            continue  # descriptors have run out: the next accept lets some time pass
        coro.spawn(Connection(socket).serve, answer)


def main() -> None:
    parser = argparse.ArgumentParser(description="A small HTTP/1.1 server on coro.")
    parser.add_argument("port", nargs="?", type=int, default=8000, help="0 for any that is free; default: 8000")
    parser.add_argument("--host", default="127.0.0.1", help="a numeric address; default: 127.0.0.1")
    parser.add_argument("--unix", metavar="PATH", help="listen there too")
    options = parser.parse_args()

    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as opened:
        listener = opened.enter_context(listen(options.host, options.port))
        coro.spawn(accept, listener)
        if options.unix:
            coro.spawn(accept, opened.enter_context(listen_unix(options.unix)))
            opened.callback(os.unlink, options.unix)
        host = f"[{options.host}]" if ":" in options.host else options.host
        # Said by a coroutine, so when it is true: who hears it may send, or interrupt, at once.
        coro.spawn(print, f"Listening at http://{host}:{listener.getsockname()[1]}/", flush=True)
        coro.event_loop()
    sys.exit(130)


if __name__ == "__main__":
    main()
