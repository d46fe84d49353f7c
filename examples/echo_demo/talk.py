"""What a client of the echo server says, and how it checks what comes back.

What belongs here: what the coroutines of the demo and the threads of its second process
have in common. It needs nothing but the standard library, and it has no idea which of the
two runs it: `exchange` is the same straight line in both.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

#: Seconds that an answer may take before the connection counts as failed.
PATIENCE = 30.0

#: The largest request. A client sends one whole before it reads the answer, so it has to
#: fit into the buffers of the sockets.
LARGEST_REQUEST = 65536


class Connection(Protocol):
    """What `exchange` needs of a socket: coro's and the standard library's both have it."""

    def sendall(self, data: bytes, /) -> object: ...
    def recv(self, size: int, /) -> bytes: ...
    def shutdown(self, how: int, /) -> None: ...


class EchoError(Exception):
    """The echo was not what had been sent."""


@dataclass
class Tally:
    """What some connections have done."""

    size: int = 0  # bytes, each way
    latencies: array[float] = field(default_factory=lambda: array("d"))  # seconds
    failures: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """How many requests came back right."""
        return len(self.latencies)

    def count(self, payload: bytes, seconds: float) -> None:
        self.size += len(payload)
        self.latencies.append(seconds)

    def fail(self, connection: int, error: Exception) -> None:
        self.failures.append(f"connection {connection}: {error!s:.200}")

    def add(self, other: Tally) -> None:
        self.size += other.size
        self.latencies.extend(other.latencies)
        self.failures.extend(other.failures)

    def latency(self, share: float) -> float:
        """The seconds within which this share of the requests came back."""
        ordered = sorted(self.latencies)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    def to_json(self) -> dict[str, Any]:
        return {"size": self.size, "latencies": list(self.latencies), "failures": self.failures}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Tally:
        return cls(data["size"], array("d", data["latencies"]), data["failures"])


def payloads(seed: str, requests: int, size: int) -> Iterator[bytes]:
    """Random requests of 1 to `size` bytes, the same ones for the same seed.

    Every connection has a seed of its own. A byte that is lost, repeated or swapped with
    another, or an answer that belongs to somebody else, cannot go unnoticed.
    """
    source = random.Random(seed)
    for _ in range(requests):
        yield source.randbytes(source.randint(1, size))


def exchange(connection: Connection, payload: bytes, start: int) -> float:
    """Send a request, and check the answer byte by byte.

    Args:
        connection: the client's socket.
        payload: the request.
        start: how many bytes went over the connection before; for the message.

    Returns:
        the seconds from sending to the last byte of the answer.

    Raises:
        EchoError: something else came back, or less.
        OSError: the connection failed.
    """
    began = perf_counter()
    connection.sendall(payload)
    came = 0
    while came < len(payload):
        data = connection.recv(len(payload) - came)
        if not data:
            missing = len(payload) - came
            raise EchoError(f"the stream ended at offset {start + came}, {missing} bytes too early")
        if data != payload[came : came + len(data)]:
            raise mismatch(payload[came:], data, start + came)
        came += len(data)
    return perf_counter() - began


def finish(connection: Connection, how: int, end: int) -> None:
    """End the conversation, and check that nothing more comes than was sent.

    Args:
        connection: the client's socket.
        how: SHUT_WR.
        end: how many bytes went over the connection; for the message.
    """
    connection.shutdown(how)
    data = connection.recv(1)
    if data:
        raise EchoError(f"byte {data[0]:#04x} came at offset {end}, after the last one that was sent")


def mismatch(sent: bytes, came: bytes, start: int) -> EchoError:
    """The error that names the first byte that differs."""
    offset = next(i for i in range(len(came)) if came[i] != sent[i])
    return EchoError(f"at offset {start + offset}, byte {sent[offset]:#04x} was sent but {came[offset]:#04x} came back")
