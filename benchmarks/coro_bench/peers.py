"""The table of peers: what coro is compared with, and how the programs of each are started."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent.parent / "programs"


@dataclass(frozen=True)
class Peer:
    """A library, in one of its ways.

    Args:
        name: as it is shown.
        program: the file in `programs`; for those in C, of the source.
        needs: the module that must be installed; None if nothing must.
        before: words between the interpreter and the program.
        after: words between the program and what it is to do.
    """

    name: str
    program: str
    needs: str | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def is_compiled(self) -> bool:
        return self.program.endswith(".c")

    @property
    def is_here(self) -> bool:
        """Whether what it needs is installed."""
        return self.needs is None or importlib.util.find_spec(self.needs) is not None

    def command(self, *words: object) -> list[str]:
        """How to start one of Python's; `words` as `programs/command.py` tells."""
        return [sys.executable, *self.before, str(PROGRAMS / self.program), *self.after, *map(str, words)]


CORO = Peer("coro", "with_coro.py")

PEERS = (
    CORO,
    Peer("gevent", "with_gevent.py", "gevent"),
    Peer("eventlet", "with_eventlet.py", "eventlet"),
    Peer("asyncio streams", "with_asyncio.py", None, after=("asyncio", "streams")),
    Peer("asyncio protocol", "with_asyncio.py", None, after=("asyncio", "protocol")),
    Peer("uvloop streams", "with_asyncio.py", "uvloop", after=("uvloop", "streams")),
    Peer("uvloop protocol", "with_asyncio.py", "uvloop", after=("uvloop", "protocol")),
    Peer("trio", "with_trio.py", "trio"),
    Peer("threads", "with_threads.py"),
    Peer("C epoll", "c/epoll_server.c"),
    Peer("C io_uring", "c/uring_server.c"),
    # The same threads, emulated.
    Peer("coro_patch", "with_threads.py", "coro_patch", before=("-m", "coro_patch")),
    Peer("gevent.monkey", "with_threads.py", "gevent", before=("-m", "gevent.monkey")),
)

BY_NAME = {peer.name: peer for peer in PEERS}
