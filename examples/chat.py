"""A chat room with a web page.

    python examples/chat.py [PORT]

Then open the address that it prints in two windows of a browser. The server is the standard library's own,
with a thread for each request; under the emulation such a thread is a coroutine. A page that is open has one
request that never ends, over which lines come as server-sent events (HTML standard, section 9.2).
"""

from __future__ import annotations

import contextlib
import json
import sys

import coro

coro.install_thread_emulation()

import queue
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEARTBEAT = 15  # seconds after which a silent stream says that it is still there
LONGEST_LINE = 10_000  # bytes

PAGE = b"""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Chat</title>
<style>
  body { font: 16px/1.5 system-ui; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
  li { list-style: none } ul { padding: 0 } input { font: inherit; width: 100%; padding: .5rem }
</style>
<h1>Chat</h1>
<ul></ul>
<form><input placeholder="Say something" aria-label="Say something" autofocus></form>
<script>
  const list = document.querySelector("ul"), form = document.querySelector("form"), input = form.elements[0]
  const events = new EventSource("events")
  events.onmessage = event => {
    const line = document.createElement("li")
    line.textContent = JSON.parse(event.data)
    list.append(line)
  }
  form.onsubmit = event => {
    event.preventDefault()
    fetch("say", { method: "POST", body: input.value })
    form.reset()
  }
</script>
"""


class Room:
    """Whoever listens has a queue of lines."""

    def __init__(self) -> None:
        self.listeners: set[queue.SimpleQueue[str]] = set()

    def say(self, line: str) -> None:
        for listener in self.listeners:
            listener.put(line)


class Chat(BaseHTTPRequestHandler):
    room = Room()
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/events":
            self.stream()
        elif self.path == "/":
            self.answer(PAGE, "text/html; charset=utf-8")
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        if self.path != "/say":
            self.send_error(404)
        elif size > LONGEST_LINE:
            self.send_error(413)
        else:
            self.room.say(self.rfile.read(size).decode(errors="replace"))
            self.answer(b"")

    def answer(self, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        """Send lines until the browser has gone."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.close_connection = True
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.room.listeners.add(lines)
        try:
            self.wfile.write(b": welcome\n\n")
            while True:
                try:
                    line = lines.get(timeout=HEARTBEAT)
                    self.wfile.write(b"data: %s\n\n" % json.dumps(line).encode())
                except queue.Empty:
                    self.wfile.write(b": still here\n\n")
        except ConnectionError:
            pass  # the window was closed
        finally:
            self.room.listeners.discard(lines)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


def main(port: int) -> None:
    with ThreadingHTTPServer(("127.0.0.1", port), Chat) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
