"""Connecting to a host by its name.

What belongs here: which of its addresses are tried, in which order and when. One attempt is
`sock.connect`, the look-up is in `_resolver`.

This is Happy Eyeballs (RFC 8305). A host has several addresses, of two families, and some may
not answer at all; each of those would cost minutes if they were tried one after another. So
the families take turns, and the next attempt starts when the latest has failed or a short
delay has passed; those before go on meanwhile. The first that stands wins, and the others are
closed on the spot.
"""

import _socket
import errno
import itertools
import math
from collections import deque
from collections.abc import Iterable
from typing import Any

from coro import coro, current, now, spawn, with_timeout
from coro.interface import scheduler
from coro_sock import _resolver
from coro_sock._sock import sock

#: the RFC's recommendation, in seconds
DELAY = 0.25

Candidate = tuple[int, int, int, str, tuple[Any, ...]]


def create_connection(
    address: tuple[str | bytes | None, str | bytes | int | None],
    timeout: float | None = None,
    source_address: tuple[Any, ...] | None = None,
    *,
    all_errors: bool = False,
    happy_eyeballs_delay: float | None = DELAY,
) -> sock:
    """Connect to a host, whichever of its addresses answers first.

    Args:
        address: ``(host, port)``; the host may be a name, and the port that of a service.
        timeout: seconds for all of it, the look-up included; the socket keeps it as its own
            (`sock.settimeout`). None for no limit.
        source_address: ``(host, port)`` to bind the socket to before; ``""`` and 0 leave
            the choice to the system.
        all_errors: raise what all attempts failed by, and not only the first's failure.
        happy_eyeballs_delay: seconds until the next address is tried while one before has
            neither answered nor failed (RFC 8305, section 5); None to wait for its failure.

    Returns:
        a `sock` that is connected.

    Raises:
        socket.gaierror: the name is not known, among others.
        OSError: what the attempt at the preferred address failed by, such as
            `ConnectionRefusedError`.
        ExceptionGroup: the same of all attempts, with `all_errors`.
        TimeoutError: the time was up.
        ValueError: `happy_eyeballs_delay` or `timeout` is negative.
    """
    if happy_eyeballs_delay is not None and not happy_eyeballs_delay >= 0:
        raise ValueError(f"happy_eyeballs_delay must be 0 or more seconds, or None, not {happy_eyeballs_delay}")
    made = with_timeout(timeout, _connect, *address, source_address, all_errors, happy_eyeballs_delay)
    made.settimeout(timeout)
    return made


def _connect(host: Any, port: Any, source_address: Any, all_errors: bool, delay: float | None) -> sock:
    candidates = _resolver.getaddrinfo(host, port, 0, _socket.SOCK_STREAM)
    race = _Race(in_turns(candidates), source_address, delay)
    errors = race.run()
    if race.winner is not None:
        return race.winner
    try:
        if all_errors:
            raise ExceptionGroup("create_connection failed", errors)
        raise errors[0]
    finally:
        errors.clear()  # their tracebacks hold this frame


def in_turns(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The addresses so that the families take turns, the first one's first (RFC 8305, section 4)."""
    families: dict[int, list[Candidate]] = {}
    for each in candidates:
        families.setdefault(each[0], []).append(each)
    return [each for turn in itertools.zip_longest(*families.values()) for each in turn if each is not None]


class _Race:
    """Attempts at several addresses, of which one is to win.

    The caller alone starts them and ends them; an attempt notes how it ended, and wakes the
    caller.
    """

    def __init__(self, candidates: list[Candidate], source_address: Any, delay: float | None) -> None:
        self.left = deque(enumerate(candidates))
        self.source_address = source_address
        self.delay = math.inf if delay is None else delay * 1e9  # ns
        self.here = scheduler()
        self.caller = current()
        self.next_start: float = now()  # ns
        self.attempts: list[coro] = []
        self.socks: list[sock] = []
        self.running = 0
        self.over = False
        self.winner: sock | None = None
        self.fault: Exception | None = None
        self.errors: dict[int, OSError] = {}

    def run(self) -> list[OSError]:
        """What the attempts failed by, in the order of the addresses, unless there is a winner."""
        finished = False
        try:
            while self.winner is None and self.fault is None and (self.left or self.running):
                self.step()
            if self.fault is not None:
                raise self.fault
            finished = True
        finally:
            self.end(finished)
        interrupted = OSError(errno.ECONNABORTED, "every attempt to connect was interrupted")
        errors = [self.errors[number] for number in sorted(self.errors)] or [interrupted]
        self.errors.clear()  # their tracebacks hold this object
        return errors

    def step(self) -> None:
        if not self.left:
            self.here.wait("connect")
            return
        pause = self.next_start - now()
        if pause > 0:
            self.here.wait("connect", pause / 1e9)
            return
        number, candidate = self.left.popleft()
        self.next_start = now() + self.delay
        self.running += 1
        if not self.left and self.running == 1:  # nobody to race against
            self.attempt(number, candidate)
        else:
            self.attempts.append(spawn(self.attempt, number, candidate, thread_name=f"connect to {candidate[4][0]}"))

    def attempt(self, number: int, candidate: Candidate) -> None:
        family, kind, protocol, _, address = candidate
        try:
            made = sock(family, kind, protocol)
            self.socks.append(made)
            if self.source_address is not None:
                made.bind(self.source_address)
            made.connect(address)
            if self.winner is None:
                self.winner = made
        except OSError as error:
            self.errors[number] = error
            if self.left and self.left[0][0] == number + 1:  # the latest has failed
                self.next_start = now()
        except Exception as error:
            self.fault = error
        finally:
            self.running -= 1
            if not self.over:
                self.here.wake(self.caller)

    def end(self, finished: bool) -> None:
        self.over = True
        for co in self.attempts:
            co.shutdown()
        for each in self.socks:
            if each is not self.winner or not finished:
                each.close()
        self.fault = None  # its traceback holds the frame that holds this
