"""The one door between coro's distributions.

What belongs here: what one distribution may know of another. For Python code, the
Protocols below and the functions that hand out what fulfils them. For C, the table in
``coro_capi.h`` and its Cython view ``capi.pxd``, which lie beside this file.

`VERSION` is the version of that table: an extension that was built for another major
version is refused when it is imported, with a message that names both.
"""

import os
from typing import Any, Protocol, runtime_checkable

from coro import _capi
from coro._observer import Callbacks
from coro._scheduler import observe, scheduler
from coro._threads._real_threads import RealThreads

__all__ = [
    "EXCLUSIVE",
    "READ",
    "VERSION",
    "WRITE",
    "Callbacks",
    "Coroutine",
    "Poller",
    "RealThreads",
    "Resolver",
    "Scheduler",
    "include_directory",
    "keep_originals",
    "observe",
    "scheduler",
]

#: (major, minor) of the C table of the installed coro-core.
VERSION: tuple[int, int] = _capi.VERSION

#: What to wait for on a descriptor: bits, as in coro_capi.h.
READ = 1
WRITE = 2
EXCLUSIVE = 16


def include_directory() -> str:
    """The folder of ``coro_capi.h``, for building an extension against this coro-core."""
    return os.path.dirname(__file__)


def keep_originals() -> None:
    """Import those modules of core that use functions of the standard library which an emulation replaces.

    They keep what they find when they are imported, so an emulation calls this before it begins.
    """
    import coro._diagnostics._latency
    import coro._loop
    import coro._processes
    import coro._structured._parallel
    import coro._threads._in_thread
    import coro.sync  # noqa: F401


@runtime_checkable
class Coroutine(Protocol):
    """A coroutine, as others see it. `coro.coro` fulfils it."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def started(self) -> bool: ...
    @property
    def scheduled(self) -> bool: ...
    @property
    def dead(self) -> bool: ...
    def start(self) -> None: ...
    def schedule(self, value: Any = None) -> None: ...
    def raise_exception(
        self,
        exc: BaseException | type[BaseException],
        force: bool = True,
        cancel_start: bool = False,
    ) -> None: ...
    def shutdown(self) -> None: ...
    def join(self, timeout: float | None = None) -> None: ...
    def result(self, timeout: float | None = None) -> Any: ...


@runtime_checkable
class Scheduler(Protocol):
    """The scheduler of one OS thread. `scheduler` gives the caller's."""

    @property
    def main(self) -> Coroutine: ...
    @property
    def current(self) -> Coroutine | None: ...
    @property
    def poller_name(self) -> str: ...
    def now(self) -> int:
        """The clock, ns."""
        ...

    def wait(self, why: str = "wait", timeout: float | None = None) -> bool:
        """Suspend the running coroutine until `wake`; False if `timeout` seconds passed."""
        ...

    def spawn(self, fun: Any, /, *args: Any, thread_name: str | None = None, **kwargs: Any) -> Any:
        """Start a coroutine in this scheduler, from any OS thread."""
        ...

    def call_soon_threadsafe(self, fun: Any, /, *args: Any) -> None:
        """Have ``fun(*args)`` called soon in this scheduler, from any OS thread, in order."""
        ...

    def wake(self, coroutine: Any) -> bool:
        """Wake one that waits, from any thread; False if something else did so before."""
        ...

    def wait_for_descriptor(self, fd: int, events: int, timeout: float | None = None) -> int:
        """Suspend until `fd` may be ready; the events that came, 0 if the time was up."""
        ...

    def forget_descriptor(self, fd: int, stays_open: bool = True) -> None:
        """Wake with ClosedError those who wait on `fd`."""
        ...

    def counts(self) -> dict[str, int]:
        """What the scheduler holds now."""
        ...


@runtime_checkable
class Poller(Protocol):
    """What a poller shows to Python. What it does is stated in ``_poller.pyx``."""

    @property
    def name(self) -> str: ...
    def close(self) -> None: ...


@runtime_checkable
class Resolver(Protocol):
    """Turns names into addresses without blocking the scheduler, and back.

    Coroutines of several OS threads may ask it at the same time. Numbers are not asked for.
    """

    def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[tuple[int, int, int, str, tuple[Any, ...]]]:
        """The addresses of a host, in the form of `socket.getaddrinfo`; or its `gaierror`."""
        ...

    def getnameinfo(self, sockaddr: tuple[Any, ...], flags: int) -> tuple[str, str]:
        """The names of an address's host and port, as `socket.getnameinfo`."""
        ...
