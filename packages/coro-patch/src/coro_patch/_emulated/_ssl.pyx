"""`_ssl._SSLSocket`: the methods of Python's TLS object that may block, changed in place.

What belongs here: the methods that send or receive. `ssl.SSLSocket` is Python code on top of
them, but for what it takes from `socket.socket`; only its `sendall` is here too. A TLS object that
works on buffers in memory (`ssl.SSLObject`, asyncio) never waits, and one that was made without
an `ssl.SSLSocket` for its owner cannot say what its socket is: the originals do both.

Python's TLS object waits by itself: it asks the socket object for its timeout and polls for
so long, and without a timeout OpenSSL calls read(2) and write(2) on the descriptor, for which
there is no MSG_DONTWAIT. So during each call the timeout is taken out of the socket object,
as for `recvfrom`; and the descriptor of a socket without a timeout is set O_NONBLOCK and
stays so until `unwrap` or `detach`. Then the TLS object says which event it waits for, the
coroutine waits for that and calls again, until one deadline for the operation. In plain
Python neither SO_RCVTIMEO nor a program's own O_NONBLOCK ends such a wait (OpenSSL asks
again), so nothing here looks at them.

- Whoever has begun to write must be the one to go on: OpenSSL keeps a record that was sent
  in part, and takes the next call for its continuation. So there is one writer at a time, and
  all of a `sendall` is one write. An interrupt or a timeout in the middle leaves such a
  record, as a timeout in plain Python does.
- A child process gets a copy of it. The rest is the parent's to send: the child may not
  write there any more.
- An operation keeps to the TLS object that it began with (another coroutine may drop it),
  and ends if the socket is closed meanwhile: its number may mean another file by then, and
  OpenSSL knows only the number.
"""

from libc.errno cimport EBADF
from libc.stdint cimport int64_t

from coro.interface.capi cimport CORO_FOREVER, CORO_READ, CORO_WRITE, CoroCAPI, Coro_Import
from coro_patch._foundation._identity cimport in_coroutine
from coro_patch._emulated._socket cimport (
    fd_of,
    give_mode_back,
    make_nonblocking,
    put_timeout_back,
    take_timeout,
    timeout_of,
)
from coro_patch._foundation._waiting cimport deadline_in, prepare_to_wait, wait_fd

import _ssl
import functools
import os
import socket
import ssl

from coro_patch._emulated._thread_locks import RLock

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef extern from "_platform.h":
    int coro_raise_error(int error) except -1

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)

cdef object TLSSocket = ssl.SSLSocket
cdef object TLSError = ssl.SSLError
cdef object WantRead = ssl.SSLWantReadError
cdef object WantWrite = ssl.SSLWantWriteError
cdef object TLSObject = _ssl._SSLSocket
cdef object original_do_handshake = TLSObject.do_handshake
cdef object original_read = TLSObject.read
cdef object original_write = TLSObject.write
cdef object original_shutdown = TLSObject.shutdown
cdef object original_sendfile = getattr(TLSObject, "sendfile", None)  # new in 3.15
cdef object original_sendall = TLSSocket.sendall

# How many forks lie between this process and the one that loaded the module.
cdef int generation = 0


def after_fork_in_child():
    global generation
    generation += 1


os.register_at_fork(after_in_child=after_fork_in_child)


cdef class Exchange:
    """What an SSLSocket's other users have to know of who uses it now; kept in its `__dict__`."""

    cdef object writer        # held by who writes
    cdef int64_t timeout      # ns; what was taken out of the socket object
    cdef int inside           # so many calls of the TLS object run: in OS threads, in its callbacks
    cdef int generation
    cdef bint half_written    # OpenSSL has a record that was sent in part
    cdef bint of_parent       # ... by a process that this one was forked from

    def __cinit__(self):
        self.writer = RLock()
        self.generation = generation


cdef Exchange exchange_of(self):
    cdef Exchange exchange
    cdef dict attributes = self.__dict__
    found = attributes.get("_coro_exchange")
    if found is None:
        found = attributes.setdefault("_coro_exchange", Exchange())
    exchange = <Exchange?> found
    if exchange.generation != generation:
        leave_to_parent(self, exchange)
    return exchange


cdef int leave_to_parent(self, Exchange exchange) except -1:
    """After a fork: who used it then does not exist here, except for who forked."""
    exchange.generation = generation
    if exchange.half_written:
        exchange.of_parent = True
    if not exchange.writer._is_owned():
        exchange.writer = RLock()
        if exchange.inside:
            exchange.inside = 0
            put_timeout_back(self, exchange.timeout)
    return 0


cdef int64_t limit_of(self, Exchange exchange) except -2:
    """The socket's timeout in ns; -1 for none."""
    cdef int64_t timeout = timeout_of(self)
    return exchange.timeout if timeout == 0 and exchange.inside else timeout


# --- trying and waiting -------------------------------------------------------------


cdef object call_at_once(self, Exchange exchange, method, tuple args):
    """Call the TLS object so that it does not wait."""
    cdef int64_t timeout = take_timeout(self)
    if timeout != 0 or not exchange.inside:
        exchange.timeout = timeout
    exchange.inside += 1
    try:
        return method(*args)
    finally:
        if exchange.inside:
            exchange.inside -= 1
        if not exchange.inside:
            put_timeout_back(self, exchange.timeout)


cdef int wait_for(int fd, int events, int64_t deadline, what) except -1:
    if not wait_fd(fd, events, deadline):
        what = what or ("read" if events == CORO_READ else "write")
        raise TimeoutError(handshake_text() if what == "handshake" else f"The {what} operation timed out")
    return 0


cdef object call(self, int fd, Exchange exchange, int64_t timeout, method, tuple args, buffer, what):
    """Call the TLS object, again whenever it can go on, until it is done.

    `buffer` is what it reads or writes, which keeps its size as long. `what` is the name of the
    operation, in the words of the original; None for what it waits for.
    """
    cdef int64_t deadline = deadline_in(timeout) if timeout > 0 else CORO_FOREVER
    cdef int events
    held = None
    if fd < 0:  # it was detached; only OpenSSL still has the number
        return method(*args)
    prepare_to_wait()
    if in_coroutine():
        core.selfish_act()
    if what == "write" and exchange.half_written and timeout > 0:
        # The original polls before each write; it shows only here, where the call may fail.
        wait_for(fd, CORO_WRITE, deadline, what)
    while True:
        if fd_of(self) != fd:
            coro_raise_error(EBADF)
        if timeout < 0:
            make_nonblocking(fd)
        try:
            return call_at_once(self, exchange, method, args)
        except WantRead:
            events = CORO_READ
        except WantWrite:
            events = CORO_WRITE
        if buffer is not None and held is None:
            held = memoryview(buffer)
        if what == "write":
            exchange.half_written = True
        wait_for(fd, events, deadline, what)


@functools.cache
def handshake_text():
    """What the original says when there is no more time: it names a line of its own source."""
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(1e-9)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        try:
            context._wrap_socket(here, False).do_handshake()
        except TimeoutError as error:
            return str(error)


cdef int take_turn(Exchange exchange, int64_t timeout) except -1:
    """Become the one who writes; `exchange.writer` is to be released."""
    if exchange.of_parent:
        raise TLSError(ssl.SSL_ERROR_SSL, "a record was half written when this process was forked; its parent goes on")
    if not exchange.writer.acquire(True, timeout / 1e9 if timeout > 0 else -1):
        raise TimeoutError("The write operation timed out")
    return 0


cdef object call_alone(self, Exchange exchange, int64_t timeout, method, tuple args, buffer, what):
    """As `call`, for what sends: one at a time."""
    cdef int fd = fd_of(self)
    take_turn(exchange, timeout)
    try:
        done = call(self, fd, exchange, timeout, method, args, buffer, what)
        exchange.half_written = False
        return done
    finally:
        exchange.writer.release()


cdef object cooperate(self, method, tuple args, buffer, what, bint alone):
    """What a method does: as its original, but others run while it waits."""
    cdef Exchange exchange
    cdef int64_t timeout
    owner = self.owner
    if not isinstance(owner, TLSSocket):
        return method(self, *args)
    exchange = exchange_of(owner)
    timeout = limit_of(owner, exchange)
    if timeout == 0:
        return method(self, *args)
    if alone:
        return call_alone(owner, exchange, timeout, method, (self, *args), buffer, what)
    return call(owner, fd_of(owner), exchange, timeout, method, (self, *args), buffer, what)


# --- the methods --------------------------------------------------------------------


def do_handshake(self, *args):
    """Start TLS: see `ssl.SSLSocket.do_handshake`, which calls this."""
    return cooperate(self, original_do_handshake, args, None, "handshake", False)


def read(self, *args):
    """Receive: see `ssl.SSLSocket.read`, which calls this with the size and perhaps a buffer."""
    return cooperate(self, original_read, args, args[1] if len(args) > 1 else None, "read", False)


def write(self, *args):
    """Send: see `ssl.SSLSocket.write`, which calls this with the data."""
    return cooperate(self, original_write, args, args[0] if args else None, "write", True)


def sendfile(self, *args):
    """Send from a file by TLS in the kernel: see `ssl.SSLSocket.sendfile`, which calls this."""
    return cooperate(self, original_sendfile, args, None, "sendfile", True)


def shutdown(self, *args):
    """End TLS: see `ssl.SSLSocket.unwrap`, which calls this."""
    plain = cooperate(self, original_shutdown, args, None, None, True)
    owner = self.owner
    if isinstance(owner, TLSSocket):
        give_mode_back(owner)
    return plain


def sendall(self, data, flags=0):
    """Send everything: see `ssl.SSLSocket.sendall`."""
    cdef Exchange exchange = exchange_of(self)
    cdef int64_t timeout = limit_of(self, exchange)
    if self._sslobj is None or timeout == 0:
        return original_sendall(self, data, flags)
    take_turn(exchange, timeout)
    try:
        return original_sendall(self, data, flags)  # which calls `write` of the TLS object
    finally:
        exchange.writer.release()
