"""What the two parts of the demo have in common: their numbers, and three steps."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from time import perf_counter

from server import EchoServer
from system import resident_bytes
from talk import PATIENCE, Tally

import coro


class Part:
    """Clients that drive the server, and what they have done so far.

    `connect` and `talk` run in a coroutine. When that is told to stop, `close` leaves
    nothing behind: no coroutine, no socket and no process.

    Args:
        connections: how many clients there are.
        requests: how many requests each of them sends.
        size: the largest request, in bytes.

    Attributes:
        place: where the clients are, in a word.
        state: what they do at the moment, in a word.
        done: how many requests came back until now.
        tally: what they have done; of clients outside, at the end.
        began: when they began to talk, on the clock of `time.perf_counter`.
        seconds: how long they have talked, once they have ended.
        most_coroutines: how many coroutines of the process were seen alive at once.
        memory: bytes of memory that an idle connection takes, once it is measured.
    """

    place = ""

    def __init__(self, connections: int, requests: int, size: int) -> None:
        self.connections = connections
        self.requests = requests
        self.size = size
        self.state = "waiting"
        self.done = 0
        self.tally = Tally()
        self.most_coroutines = 0
        self.memory: float | None = None
        self.seconds = 0.0
        self.began = 0.0

    # The three steps

    def connect(self, server: EchoServer) -> None:
        """Make the connections, and measure their memory while they stand idle."""
        raise NotImplementedError

    def talk(self) -> None:
        """Send all requests and check the answers."""
        raise NotImplementedError

    def close(self) -> None:
        """End whatever still goes on. Called once, after any of the others or none."""
        raise NotImplementedError

    # What they share

    @property
    def expected(self) -> int:
        """How many requests there are to be."""
        return self.connections * self.requests

    @property
    def failures(self) -> list[str]:
        """What went wrong; nothing, if every request came back as it was sent."""
        if self.tally.failures or self.tally.requests == self.expected:
            return self.tally.failures
        return [f"{self.tally.requests:,} requests came back, but there were to be {self.expected:,}"]

    def look(self) -> None:
        """Note how many coroutines are alive while the clients talk."""
        if self.state == "talking":
            self.most_coroutines = max(self.most_coroutines, len(coro.all_threads))

    @contextlib.contextmanager
    def connecting(self, server: EchoServer) -> Iterator[None]:
        """Around the making of connections: measures what they cost."""
        self.state = "connecting"
        gc.collect()
        before = resident_bytes()
        accepted = len(server.serving)
        yield
        coro.with_timeout(PATIENCE, server.wait_for_connections, accepted + self.connections)
        gc.collect()
        self.memory = (resident_bytes() - before) / self.connections
        self.state = "connected"

    @contextlib.contextmanager
    def talking(self) -> Iterator[None]:
        """Around the conversations: measures how long they take."""
        self.state = "talking"
        self.began = perf_counter()
        try:
            yield
        finally:
            self.seconds = self.seconds or perf_counter() - self.began
            self.state = "done"
