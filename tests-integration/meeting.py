"""Servers in this process that answer nobody before all clients have asked.

What belongs here: what several tests of clients need to show that all of them wait at the same
time. Servers and clients run under the emulation, in one OS thread.
"""

import contextlib
import http.server
import socketserver
import threading
from collections.abc import Iterator

from peers import PATIENCE

#: How many clients there are at a time.
CLIENTS = 200


class Gathering:
    """Where those who serve wait until all have come."""

    def __init__(self, number: int = CLIENTS) -> None:
        self.barrier = threading.Barrier(number)

    def join(self) -> None:
        self.barrier.wait(PATIENCE)


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[tuple[str, int]]:
    """Run a server of the standard library; where it is."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[:2]  # type: ignore[misc]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Web(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = False


@contextlib.contextmanager
def meeting_web() -> Iterator[str]:
    """Run an HTTP server; its host and port. It answers GET with the path, for ``/together...``
    when all clients have asked, and POST with the body, reversed."""
    gathering = Gathering()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.startswith("/together"):
                gathering.join()
            self.answer(self.path.encode())

        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers["Content-Length"]))[::-1])

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    with serving(Web(("127.0.0.1", 0), Handler)) as (host, port):
        yield f"{host}:{port}"
