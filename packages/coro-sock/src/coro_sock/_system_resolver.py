"""The system's resolver, which blocks, in real OS threads.

What belongs here: `SystemResolver`. It asks whatever the system is set up to ask (hosts(5),
DNS, nsswitch.conf(5)), and the system says nothing of how long an answer is good.
"""

import _socket
from typing import Any, cast

from coro.interface import RealThreads
from coro_sock._lookup_cache import LookupCache
from coro_sock._numeric import Addresses, numeric_addresses, numeric_names

# The real ones, whatever is emulated later.
_getaddrinfo = _socket.getaddrinfo
_getnameinfo = _socket.getnameinfo


class SystemResolver:
    """Looks up names as `socket.getaddrinfo` does, while other coroutines run.

    Those who ask the same at the same time share one look-up, and its answer is kept for a
    short while. Failures are not kept.

    Args:
        threads: how many look-ups may run at once; further ones queue.
        cache_size: how many answers to keep at most; 0 for none.
        ttl: how long to keep an answer, in seconds.

    Raises:
        TypeError, ValueError: an argument is no number, or out of range.
    """

    def __init__(self, threads: int = 8, cache_size: int = 1000, ttl: float = 10.0) -> None:
        if not ttl >= 0:
            raise ValueError(f"ttl must be 0 or more seconds, not {ttl}")
        self.ttl = ttl
        self._threads = RealThreads(threads)
        self._cache = LookupCache(cache_size)

    def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> Addresses:
        """The addresses of a host; see `socket.getaddrinfo`.

        Raises:
            socket.gaierror: the name is not known, among others.
        """
        numeric = numeric_addresses(host, port, family, type, proto, flags)
        if numeric is not None:
            return numeric
        question = (host, port, family, type, proto, flags)

        def look_up() -> tuple[Any, float]:
            return tuple(self._threads.call("getaddrinfo", _getaddrinfo, *question)), self.ttl

        return list(self._cache.answer(question, look_up, f"getaddrinfo {host!r}"))

    def getnameinfo(self, sockaddr: tuple[Any, ...], flags: int) -> tuple[str, str]:
        """The names of an address's host and port; see `socket.getnameinfo`.

        Raises:
            socket.gaierror: a name was asked for (NI_NAMEREQD), and there is none.
        """
        numeric = numeric_names(sockaddr, flags)
        if numeric is not None:
            return numeric
        question = (sockaddr, flags)

        def look_up() -> tuple[Any, float]:
            return self._threads.call("getnameinfo", _getnameinfo, cast(Any, sockaddr), flags), self.ttl

        found: tuple[str, str] = self._cache.answer(question, look_up, f"getnameinfo {sockaddr!r}")
        return found

    def clear_cache(self) -> None:
        """Forget all answers."""
        self._cache.clear()
