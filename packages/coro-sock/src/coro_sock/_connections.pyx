"""Addresses of a socket, and connections.

What belongs here: `bind`, `accept`, `accept_many`, `connect`, and the addresses of both ends.
Hosts are numbers here; names have been looked up before.

Accepting: where many coroutines accept from one listener, one of them has the turn, so a new
connection wakes one. ECONNABORTED means that a connection was reset while it waited to be
accepted; the next one is taken instead. An accept(2) in vain is dear, so who has not just been
told that somebody is there asks first; but not before the first one, which tells those that do
not listen. When descriptors have run out, the caller is told (EMFILE, ENFILE ...) and the
connection stays in the backlog. A server that shrugs this off and accepts again would be told
again at once, for ever; so the next accept lets some time pass first, and more each time, up to
50 ms.

Connecting: connect(2) begins it and says EINPROGRESS; the socket becomes writable when it
stands or has failed. SO_ERROR says why it has failed, but only to the first who asks or
reads; whether it stands, connect(2) says, asked again. After a failure it can be tried again.
A UNIX socket whose listener's backlog is full says EAGAIN instead, and nothing tells when
there is room: it is tried again after a while.
"""

from cpython.object cimport Py_TYPE, PyObject, PyTypeObject
from libc.errno cimport (
    EAGAIN, EALREADY, ECONNABORTED, EINPROGRESS, EINTR, EMFILE, ENFILE, EISCONN, ENOBUFS, ENOMEM, errno,
)

from coro.interface.capi cimport CORO_READ, CORO_TRIED, CORO_WRITE, CoroCAPI, Coro_Import
from coro_sock._addresses cimport Address, parse, unparse
from coro_sock._descriptor cimport Attempt, Descriptor, pause_after
from coro_sock._errors cimport raise_errno, raise_error
from coro_sock._foreign cimport ask, call, is_foreign
from coro_sock._platform cimport (
    AF_UNIX, SOL_SOCKET, SO_ERROR, c_bind, c_connect, c_getpeername, c_getsockname, c_getsockopt, coro_accept,
    coro_fd_setup, coro_may_accept, coro_unconnect, socklen_t,
)

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)
cdef tuple NO_ARGUMENTS = ()


# --- addresses --------------------------------------------------------------------------


cdef int bind(Descriptor self, object address) except -1:
    cdef Address parsed
    if is_foreign(self):
        ask(self, "bind", (address,))
        return 0
    parse(self.domain, address, &parsed)
    return 0 if c_bind(self.open_fd(), &parsed.of.any, parsed.size) == 0 else raise_errno()


cdef object local_address(Descriptor self):
    cdef Address address
    if is_foreign(self):
        return ask(self, "getsockname", ())
    address.size = sizeof(address.of)
    if c_getsockname(self.open_fd(), &address.of.any, &address.size) < 0:
        raise_errno()
    return unparse(&address)


cdef object peer_address(Descriptor self):
    cdef Address address
    if is_foreign(self):
        return ask(self, "getpeername", ())
    address.size = sizeof(address.of)
    if c_getpeername(self.open_fd(), &address.of.any, &address.size) < 0:
        raise_errno()
    return unparse(&address)


# --- accepting --------------------------------------------------------------------------


cdef tuple try_accept(Descriptor self, int *error):
    """``(socket, address)``, or None and the errno."""
    cdef Address address  # here, and not in accept(): large, and nothing switches
    cdef Descriptor made = new_of_kind(self)  # first, as it may fail
    cdef int fd
    if is_foreign(self):
        return try_accept_foreign(self, made, error)
    address.size = sizeof(address.of)
    fd = coro_accept(self.fd, &address.of.any, &address.size)
    if fd < 0:
        error[0] = errno
        return None
    made.inherit(self, fd)
    return made, unparse(&address)


cdef Descriptor new_of_kind(Descriptor other):
    cdef PyTypeObject *kind = Py_TYPE(other)
    return kind.tp_new(<type> kind, <PyObject *> NO_ARGUMENTS, NULL)


cdef tuple try_accept_foreign(Descriptor self, Descriptor made, int *error):
    try:
        fd, address = call(self, "_accept", ())
    except OSError as problem:
        error[0] = problem.errno
        return None
    made.inherit(self, fd)
    if coro_fd_setup(fd) < 0:
        raise_errno()
    return made, address


cdef tuple accept(Descriptor self):
    cdef Attempt attempt
    cdef tuple accepted
    cdef int error
    cdef bint told
    try:
        self.begin(&attempt, CORO_READ, 0)
        told = not self.has_accepted or is_foreign(self)
        if self.accept_failures and not attempt.at_once:
            # Until a moment, and not for a time: who gives up before that tries again some day.
            self.pause(&attempt, b"accept", min(
                self.accept_after - core.now(), pause_after(self.accept_failures)))
        while True:
            error = EAGAIN
            if told or coro_may_accept(self.open_fd()):
                accepted = try_accept(self, &error)
                if accepted is not None:
                    self.accept_failures = 0
                    self.has_accepted = True
                    return accepted
            accept_failed(self, &attempt, error)
            told = True
    finally:
        self.end(&attempt)


cdef int accept_failed(Descriptor self, Attempt *attempt, int error) except -1:
    if error == ECONNABORTED:
        return 0
    if error == EMFILE or error == ENFILE or error == ENOBUFS or error == ENOMEM:
        self.accept_failures += 1
        self.accept_after = core.now() + pause_after(self.accept_failures)
    return self.refused(attempt, error)


cdef list accept_many(Descriptor self, Py_ssize_t most):
    """Those who wait in the backlog, `most` of them unless that is 0; at least one."""
    cdef list found = [accept(self)]
    cdef tuple accepted
    cdef int error
    while (not most or len(found) < most) and (is_foreign(self) or coro_may_accept(self.fd)):
        try:
            accepted = try_accept(self, &error)
        except Exception:
            break
        if accepted is not None:
            found.append(accepted)
        elif error != ECONNABORTED and error != EINTR:
            break  # the next accept tells if it is an error
    return found


# --- connecting -------------------------------------------------------------------------


cdef int try_connect(Descriptor self, object address) except -1:
    """Begin to connect; the errno, 0 if that was all."""
    cdef Address parsed
    if is_foreign(self):
        return ask(self, "connect_ex", (address,))
    parse(self.domain, address, &parsed)
    return 0 if c_connect(self.open_fd(), &parsed.of.any, parsed.size) == 0 else errno


cdef int connect(Descriptor self, object address) except -1:
    cdef Attempt attempt
    cdef int failures = 0
    cdef int error
    try:
        self.begin(&attempt, CORO_WRITE, 0)
        while True:
            error = try_connect(self, address)
            if error == 0:
                return 0
            if attempt.at_once:
                raise_error(error)
            if error == EINPROGRESS or error == EINTR or error == EALREADY:
                return finish_connect(self, &attempt, address)
            if error != EAGAIN or self.domain != AF_UNIX:
                raise_error(error)
            failures += 1
            self.pause(&attempt, b"connect", pause_after(failures))
    finally:
        self.end(&attempt)


cdef int finish_connect(Descriptor self, Attempt *attempt, object address) except -1:
    """Wait until the connection stands or has failed."""
    cdef int error
    cdef socklen_t size
    while True:
        self.take_turn(attempt)
        self.wait(attempt, CORO_TRIED)
        error = 0
        size = sizeof(error)
        if c_getsockopt(self.open_fd(), SOL_SOCKET, SO_ERROR, &error, &size) < 0:
            raise_errno()
        if error:
            coro_unconnect(self.fd)
            raise_error(error)
        error = try_connect(self, address)
        if error == 0 or error == EISCONN:
            return 0
        if error != EINPROGRESS and error != EALREADY and error != EINTR:
            raise_error(error)
