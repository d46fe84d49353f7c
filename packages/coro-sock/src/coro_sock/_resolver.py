"""Looking up names without blocking the scheduler.

What belongs here: turning a host's name into a number. A numeric host never comes here
(`_addresses` parses it). The system's resolver blocks, so it runs in a real OS thread
while the coroutine waits.
"""

import _socket
import _thread
from typing import Any

from coro import current
from coro.interface import scheduler

# The real ones, whatever is emulated later.
_start_new_thread = _thread.start_new_thread
_getaddrinfo = _socket.getaddrinfo


def getaddrinfo(
    host: str | bytes | None,
    port: str | int | None,
    family: int = 0,
    type: int = 0,
    proto: int = 0,
    flags: int = 0,
) -> list[tuple[int, int, int, str, tuple[Any, ...]]]:
    """`socket.getaddrinfo`, letting other coroutines run meanwhile.

    Raises:
        socket.gaierror: the name is not known, among others.
    """
    here = scheduler()
    me = current()
    outcome: list[Any] = []

    def look_up() -> None:
        try:
            outcome.append(_getaddrinfo(host, port, family, type, proto, flags))
        except BaseException as error:
            outcome.append(error)
        here.wake(me)  # if it still waits; a wait for something else sees that it is not meant

    _start_new_thread(look_up, ())
    while not outcome:
        here.wait("getaddrinfo")
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    found: list[tuple[int, int, int, str, tuple[Any, ...]]] = outcome[0]
    return found


def resolve(address: tuple[Any, ...], family: int, type: int, proto: int) -> tuple[Any, ...]:
    """`address` with its host's name replaced by the first number found for it."""
    found = getaddrinfo(address[0], address[1], family, type, proto)
    return found[0][4]
