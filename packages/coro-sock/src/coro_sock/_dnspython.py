"""dnspython on sockets of coro.

What belongs here: the sockets that dnspython's asynchronous functions use, and running such a
function. The ``async`` is one of form only: where it would suspend, a method of `sock` waits
and lets other coroutines run, so every function runs to its end in one step.
"""

import socket
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, TypeVarTuple

import dns.asyncbackend
import dns.exception

from coro import sleep_relative, with_timeout
from coro_sock._sock import sock

Args = TypeVarTuple("Args")
Result = TypeVar("Result")


def finish(function: Coroutine[Any, Any, Result]) -> Result:
    """What an asynchronous function of dnspython returns, if it uses `backend`."""
    try:
        function.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        function.close()
    raise RuntimeError("a function of dnspython waits for something that coro does not know")


def _limited(timeout: float | None, function: Callable[[*Args], Result], *args: *Args) -> Result:
    try:
        return with_timeout(timeout, function, *args)
    except TimeoutError:
        raise dns.exception.Timeout(timeout=timeout) from None  # type: ignore[no-untyped-call]


class _Socket:
    """What datagrams and streams have in common."""

    sock: sock

    async def close(self) -> None:
        self.sock.close()

    async def getpeername(self) -> Any:
        return self.sock.getpeername()

    async def getsockname(self) -> Any:
        return self.sock.getsockname()


class _DatagramSocket(_Socket, dns.asyncbackend.DatagramSocket):  # type: ignore[name-defined, misc]
    def __init__(self, made: sock) -> None:
        super().__init__(made.domain, made.stype)
        self.sock = made

    async def sendto(self, what: bytes, destination: Any, timeout: float | None) -> int:
        return _limited(timeout, self.sock.send, what)  # it is connected

    async def recvfrom(self, size: int, timeout: float | None) -> tuple[bytes, Any]:
        data, address = _limited(timeout, self.sock.recvfrom, size)
        if self.family == socket.AF_INET6:  # dnspython compares it with the long form
            address = (*address, 0, 0)[:4]
        return data, address


class _StreamSocket(_Socket, dns.asyncbackend.StreamSocket):  # type: ignore[name-defined, misc]
    def __init__(self, made: sock) -> None:
        super().__init__(made.domain, made.stype)
        self.sock = made

    async def sendall(self, what: bytes, timeout: float | None) -> None:
        _limited(timeout, self.sock.sendall, what)

    async def recv(self, size: int, timeout: float | None) -> bytes:
        return _limited(timeout, self.sock.recv, size)


class Backend(dns.asyncbackend.Backend):  # type: ignore[name-defined, misc]
    """Makes the sockets. Datagram sockets are connected: so the kernel drops what comes from
    elsewhere, and tells at once when nobody listens."""

    def name(self) -> str:
        return "coro"

    def datagram_connection_required(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        return True

    async def make_socket(
        self,
        af: int,
        socktype: int,
        proto: int = 0,
        source: Any = None,
        destination: Any = None,
        timeout: float | None = None,
        ssl_context: Any = None,
        server_hostname: str | None = None,
    ) -> Any:
        if ssl_context is not None:
            raise NotImplementedError("DNS over TLS is not supported")
        made = sock(af, socktype, proto)
        try:
            if source is not None:
                made.bind(source)
            _limited(timeout, made.connect, destination)
        except BaseException:
            made.close()
            raise
        return _DatagramSocket(made) if socktype == socket.SOCK_DGRAM else _StreamSocket(made)

    async def sleep(self, interval: float) -> None:
        sleep_relative(interval)


backend = Backend()
