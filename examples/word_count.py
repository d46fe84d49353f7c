"""Counts words in texts that a slow server gives out, with 200 threads.

    python examples/word_count.py
    python -m coro_patch examples/word_count.py

There is nothing of coro in it. The server is part of the program, so that it can be run anywhere.
"""

from __future__ import annotations

import collections
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

TEXTS = 400
THREADS = 200
THINKING = 0.2  # seconds that the server takes for each text

WORDS = "one two two three three three".split()


class SlowLibrary(BaseHTTPRequestHandler):
    """Gives out texts, after a while."""

    def do_GET(self) -> None:
        time.sleep(THINKING)
        number = int(self.path.removeprefix("/text/"))
        text = " ".join(WORDS[: number % len(WORDS) + 1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


class Library(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = THREADS


def count_words(address: str) -> collections.Counter[str]:
    with urlopen(address) as answer:
        return collections.Counter(answer.read().decode().split())


def main() -> None:
    began = time.monotonic()
    with Library(("127.0.0.1", 0), SlowLibrary) as server:
        threading.Thread(target=server.serve_forever).start()
        texts = [f"http://127.0.0.1:{server.server_port}/text/{number}" for number in range(TEXTS)]
        with ThreadPoolExecutor(THREADS) as pool:
            total = sum(pool.map(count_words, texts), collections.Counter())
        server.shutdown()
    print(", ".join(f"{word}: {number}" for word, number in total.most_common()))
    print(f"{TEXTS} texts took {time.monotonic() - began:.1f} s; one takes {THINKING}")


if __name__ == "__main__":
    main()
