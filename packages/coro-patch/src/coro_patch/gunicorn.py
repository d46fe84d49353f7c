"""gunicorn's worker class: ``gunicorn -k coro_patch.gunicorn.CoroWorker``.

What belongs here: what makes of gunicorn's `AsyncWorker` one that serves each connection in a
coroutine. The arbiter and the protocols (the parser, HTTP/2, the PROXY protocol, what is answered
to bad requests) are gunicorn's own.

- The arbiter stays plain Python. A worker installs the emulation when it begins, before it loads
  the application; with ``--preload`` that is loaded already, and is patched late.
- The main coroutine beats the heart (the arbiter kills whose heart stops), and does what signals
  ask for. Their handlers only note it: what is to be done may have to wait, for the lock of a log for
  example. Python itself writes each signal into a pipe of gunicorn's, and that wakes it.
- A coroutine for each listener accepts while there is room (``--worker-connections``); further
  connections wait in the kernel. All workers wait for the same listeners, so where there are
  several workers, each takes one connection at a time and lets others have the next.
- gunicorn looks its settings up dozens of times in a request, and each time searches them. Here
  they are attributes of a copy, which is made when the application has been loaded.
- gunicorn writes the head of a response and each chunk one by one; see `_Outgoing`.
"""

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from datetime import datetime
from errno import ECONNABORTED, EHOSTDOWN, EHOSTUNREACH, ENETDOWN, ENETUNREACH, ENOPROTOOPT, EOPNOTSUPP, EPERM, EPROTO
from types import FrameType, TracebackType
from typing import Any

from gunicorn.http import wsgi
from gunicorn.sock import ssl_context
from gunicorn.workers.base_async import AsyncWorker

import coro
from coro.errors import Interrupted
from coro.interface import READ, scheduler
from coro_patch._installing._install import get_original, install

__all__ = ["CoroWorker"]

#: Seconds between two beats of the heart, at the most.
LONGEST_PAUSE = 1.0
#: Of the time for a graceful stop, the share that is kept for those who are told to end, and the most
#: of it in seconds. When the time is over the arbiter kills.
LAST_SHARE = 0.2
LAST_RESPITE = 1.0
#: Seconds without accepting, when there is no descriptor or memory for another connection.
PAUSE_WHEN_SHORT = 0.1
#: So many connections a worker without others accepts at a time.
BATCH = 64
#: Bytes of a response that are collected, at the most.
LARGEST_COLLECTION = 65536

#: accept(2) fails so because of a connection that is lost. Linux tells of its network errors too.
LOST = {ECONNABORTED, EHOSTDOWN, EHOSTUNREACH, ENETDOWN, ENETUNREACH, ENOPROTOOPT, EOPNOTSUPP, EPERM, EPROTO}


class CoroWorker(AsyncWorker):
    """A worker of gunicorn that serves each connection in a coroutine of its own."""

    cfg: Any
    alive: bool

    def init_process(self) -> None:
        self._to_do: list[Callable[[], object]] = []
        self._serving: set[coro.coro] = set()
        self._idle: dict[socket.socket, coro.coro] = {}
        # Until now there are the arbiter's handlers, which do nothing here; and what follows takes a while.
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(each, self.handle_exit)
        self.patch()
        super().init_process()

    def patch(self) -> None:
        """Install the emulation. A derived class may leave parts out."""
        install()

    def run(self) -> None:
        """Serve until something asks to stop; then stop, gracefully."""
        self._tls = ssl_context(self.cfg) if self.cfg.is_ssl else None
        self.cfg = _with_attributes(self.cfg)
        self._room = coro.semaphore(self.worker_connections)
        for listener in self.sockets:
            coro.spawn(self._accept, listener.sock, thread_name=f"gunicorn: {listener}")
        pause = min(LONGEST_PAUSE, self.timeout or LONGEST_PAUSE)
        while self.alive:
            self.notify()
            self._wait(pause)
        self._stop(pause)

    def notify(self) -> None:
        """Beat the heart; stop if there is no arbiter any more to hear it."""
        super().notify()
        if self.alive and os.getppid() != self.ppid:
            self.log.info("Parent changed, shutting down: %s", self)
            self.alive = False

    def _wait(self, pause: float) -> None:
        """Wait until a signal comes or `_wake` is called; do what was asked for meanwhile."""
        if scheduler().wait_for_descriptor(self.PIPE[0], READ, pause):
            with contextlib.suppress(BlockingIOError):
                os.read(self.PIPE[0], 4096)
        while self._to_do:
            self._to_do.pop(0)()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # then it is full, which wakes too
            os.write(self.PIPE[1], b"\0")

    def _stop(self, pause: float) -> None:
        for listener in self.sockets:
            listener.close()
        for client, serving in list(self._idle.items()):
            self._end_requests(client, serving)
        respite = min(LAST_RESPITE, LAST_SHARE * self.cfg.graceful_timeout)
        deadline = time.monotonic() + self.cfg.graceful_timeout - respite
        while self._serving and (left := deadline - time.monotonic()) > 0:
            self.notify()
            self._wait(min(pause, left))
        if self._serving:
            self.log.warning("Worker graceful timeout (pid:%s)", self.pid)
            late = list(self._serving)
            for each in late:
                each.shutdown()
            with contextlib.suppress(coro.TimeoutError), coro.timeout(respite):
                for each in late:
                    each.join()

    # --- signals ------------------------------------------------------------------------

    def init_signals(self) -> None:
        super().init_signals()
        # The arbiter sends it when the heart has stopped. What the emulation's own handlers raise
        # goes to the main coroutine; this must end the one that lets nobody else run.
        get_original("_signal", "signal")(signal.SIGABRT, self.handle_abort)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        self.alive = False
        self._to_do.append(lambda: super(CoroWorker, self).handle_quit(sig, None))

    def handle_usr1(self, sig: int, frame: FrameType | None) -> None:
        self._to_do.append(self.log.reopen_files)

    def handle_winch(self, sig: int, frame: FrameType | None) -> None:
        """Do nothing, as the original, which tells so in the log."""

    def handle_abort(self, sig: int, frame: FrameType | None) -> None:
        self._to_do.append(lambda: sys.exit(1))
        self._wake()
        super().handle_abort(sig, frame)

    # --- connections --------------------------------------------------------------------

    def _accept(self, sock: socket.socket) -> None:
        """Accept connections of a listener until it is closed."""
        listener = _Listener(sock)
        batch = 1 if self.cfg.workers > 1 else BATCH
        while sock.fileno() >= 0:
            try:
                scheduler().wait_for_descriptor(sock.fileno(), READ)
                for _ in range(batch):
                    if not self.alive:
                        return
                    self._accept_one(sock, listener)
            except BlockingIOError:
                pass
            except OSError as error:
                if sock.fileno() >= 0 and error.errno not in LOST:
                    self.log.error("Cannot accept a connection: %s", error)
                    coro.sleep_relative(PAUSE_WHEN_SHORT)

    def _accept_one(self, sock: socket.socket, listener: "_Listener") -> None:
        self._room.acquire()
        try:
            fd, address = sock._accept()  # type: ignore[attr-defined]
            client = socket.socket(sock.family, sock.type, sock.proto, fd)
        except BaseException:
            self._room.release()
            raise
        self._serving.add(coro.spawn(self._serve, listener, client, address))

    def _serve(self, listener: "_Listener", client: socket.socket, address: Any) -> None:
        try:
            if self._tls is not None:
                client = self._tls.wrap_socket(
                    client,
                    server_side=True,
                    suppress_ragged_eofs=self.cfg.suppress_ragged_eofs,
                    do_handshake_on_connect=self.cfg.do_handshake_on_connect,
                )
            self.handle(listener, client, address)
        except OSError as error:
            self.log.debug("TLS did not begin: %s", error)
            client.close()
        finally:
            self._idle.pop(client, None)
            self._serving.discard(coro.current())
            self._room.release()
            if not self.alive:
                self._wake()

    def timeout_ctx(self) -> "_Limit":
        return _Limit(self.cfg.keepalive)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        if not isinstance(exc, Interrupted):  # that is the end of the worker, and no error
            super().handle_error(req, client, addr, exc)

    def handle_request(self, listener_name: Any, req: Any, sock: socket.socket, addr: Any) -> None:
        """Have the application answer a request, and send what it gives.

        Raises:
            StopIteration: the connection is to be closed.
        """
        self._idle.pop(sock, None)
        response, environ = None, {}
        try:
            begun = datetime.now()
            self.cfg.pre_request(self, req)
            response, environ = wsgi.create(req, sock, addr, listener_name, self.cfg)
            environ["wsgi.multithread"] = True
            response.sock = outgoing = _Outgoing(sock)
            self._count_request()
            if not self.alive or not self.cfg.keepalive:
                response.force_close()
            body = self.wsgi(environ, response.start_response)
            if self.is_already_handled(body):
                return
            try:
                self._send(response, body, outgoing)
            finally:
                self.log.access(response, req, environ, datetime.now() - begun)
                if hasattr(body, "close"):
                    body.close()
            if response.should_close():
                raise StopIteration
            self._idle[sock] = coro.current()
            if not self.alive:
                self._end_requests(sock, coro.current())
        except (StopIteration, OSError):
            raise
        except (Exception, SystemExit):
            if response is None or not response.headers_sent:
                raise
            # There is an answer on its way already; the client shall see that it is not complete.
            self.log.exception("Error handling request")
            with contextlib.suppress(OSError):
                outgoing.flush()
                sock.shutdown(socket.SHUT_RDWR)
            raise StopIteration from None
        finally:
            try:
                self.cfg.post_request(self, req, environ, response)
            except Exception:
                self.log.exception("Exception in post_request hook")

    def _end_requests(self, client: socket.socket, serving: coro.coro) -> None:
        """Close a connection that waits for a request, which may be the caller's own."""
        if self._tls is None:
            # What has been received is still read and answered; after that comes the end.
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RD)
        elif serving is coro.current():
            raise StopIteration
        else:  # OpenSSL would complain about such an end, and to the client
            serving.raise_exception(StopIteration())

    def _count_request(self) -> None:
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
            self._wake()

    def _send(self, response: Any, body: Any, outgoing: "_Outgoing") -> None:
        if type(body) in (list, tuple):  # there is nothing to wait for
            outgoing.collects = True
            for piece in body:
                response.write(piece)
        elif isinstance(body, wsgi.FileWrapper):
            response.write_file(body)
        else:
            for piece in body:
                response.write(piece)
                outgoing.flush()
        response.close()
        outgoing.flush()


class _Listener:
    """What a connection has to know of the socket that accepted it, which may be closed by now."""

    def __init__(self, sock: socket.socket) -> None:
        self.name = sock.getsockname()

    def getsockname(self) -> Any:
        return self.name


class _Limit(coro.timeout):
    """A time limit that ends its block silently."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        try:
            return super().__exit__(kind, error, trace)
        except coro.TimeoutError:
            return True


class _Outgoing:
    """What a response writes to, in place of the socket.

    The head waits for the first piece of the body. Where the application has given everything at
    once, all pieces and the end of a chunked body go with it. Nothing waits while the application
    works: WSGI has each piece sent before the next is asked for.

    Attributes:
        collects: whether the application has given everything at once.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.collects = False
        self._sock = sock
        self._held: list[bytes] | None = []
        self._size = 0

    def sendall(self, data: bytes) -> None:
        held = self._held
        if held is None:
            self._sock.sendall(data)
            return
        held.append(data)
        self._size += len(data)
        if self._size > LARGEST_COLLECTION or (len(held) > 1 and not self.collects):
            self.flush()

    def sendfile(self, *args: Any, **kwargs: Any) -> int:
        self.flush()
        return self._sock.sendfile(*args, **kwargs)

    def flush(self) -> None:
        """Send what is held, and from now on everything at once."""
        held, self._held = self._held, None
        if held and self._size <= LARGEST_COLLECTION:
            self._sock.sendall(b"".join(held))
        elif held:
            for each in held:
                self._sock.sendall(each)


def _with_attributes(cfg: Any) -> Any:
    """A copy of gunicorn's settings that has them as attributes. What it computes from several
    (`is_ssl` and the like) it goes on to compute."""
    made = object.__new__(type(cfg))
    vars(made).update(vars(cfg))
    vars(made).update({name: setting.get() for name, setting in cfg.settings.items()})
    return made
