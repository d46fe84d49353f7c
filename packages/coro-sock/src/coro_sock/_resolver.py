"""Looking up names without blocking the scheduler.

What belongs here: which resolver is asked, and what is answered without any. The sockets look
up their names here; how a resolver finds an answer is its own affair.
"""

import _socket
from typing import Any

from coro.interface import Resolver
from coro_sock._numeric import Addresses, numeric_addresses, numeric_names
from coro_sock._system_resolver import SystemResolver

_system = SystemResolver()
_resolver: Resolver = _system


def get_resolver() -> Resolver:
    """The resolver that looks up the names of all sockets: `SystemResolver`, unless set."""
    return _resolver


def set_resolver(resolver: Resolver | None) -> Resolver:
    """Set the resolver that looks up the names of all sockets.

    Args:
        resolver: what has the methods of `coro.interface.Resolver`. It is not asked for
            addresses that are numbers already. None for the system's.

    Returns:
        the resolver until now.

    Raises:
        TypeError: `resolver` lacks a method; the message names it.
    """
    global _resolver
    if resolver is None:
        resolver = _system
    missing = [name for name in ("getaddrinfo", "getnameinfo") if not callable(getattr(resolver, name, None))]
    if missing or isinstance(resolver, type):
        lack = f"has no {'() and no '.join(missing)}()" if missing else "is a class: set an object of it"
        raise TypeError(f"a resolver has the methods of coro.interface.Resolver, but {resolver!r} {lack}")
    before, _resolver = _resolver, resolver
    return before


def getaddrinfo(
    host: str | bytes | None,
    port: str | bytes | int | None,
    family: int = 0,
    type: int = 0,
    proto: int = 0,
    flags: int = 0,
) -> Addresses:
    """`socket.getaddrinfo`, letting other coroutines run meanwhile.

    Raises:
        socket.gaierror: the name is not known, among others.
    """
    numeric = numeric_addresses(host, port, family, type, proto, flags)
    if numeric is not None:
        return numeric
    found = _resolver.getaddrinfo(host, port, family, type, proto, flags)
    if not found:
        raise _socket.gaierror(_socket.EAI_NONAME, f"the resolver knows no address of {host!r}")
    return found


def getnameinfo(sockaddr: tuple[Any, ...], flags: int) -> tuple[str, str]:
    """`socket.getnameinfo`, letting other coroutines run meanwhile.

    Raises:
        socket.gaierror: a name was asked for (NI_NAMEREQD), and there is none.
    """
    numeric = numeric_names(sockaddr, flags)
    if numeric is not None:
        return numeric
    return _resolver.getnameinfo(sockaddr, flags)


def resolve(address: tuple[Any, ...], family: int, type: int, proto: int) -> tuple[Any, ...]:
    """`address` with its host's name replaced by the first number found for it.

    What stands behind the port, the flowinfo and scope_id of IPv6, is kept if it is given.

    Raises:
        as `getaddrinfo`.
    """
    number = getaddrinfo(address[0], address[1], family, type, proto)[0][4]
    return (*number[:2], *address[2:], *number[len(address) :])
