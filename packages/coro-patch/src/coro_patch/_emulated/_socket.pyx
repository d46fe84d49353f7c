"""`socket.socket`: the methods that may block, changed in place.

What belongs here: methods that take the place of those of `socket.socket`. Names are looked
up in `_socket_names`.

The class stays the class, and its objects get no new state: their timeout is the one that
Python's own socket object keeps. Every method has one shape. A socket without waiting
(timeout 0) is left to the original. Otherwise try without waiting, with MSG_DONTWAIT, so
that the descriptor's own mode stays as the program set it; if the kernel says EAGAIN, wait
and try again, until one deadline for all tries.

- `recv`, `recv_into`, `send` and `sendall` call the kernel directly. The others, whose
  addresses and messages are much work to parse, call the original. With a timeout it would
  poll first: the timeout is taken out of the object while it runs.
- accept(2) and connect(2) know no flag for one call. A listening descriptor is set
  O_NONBLOCK and stays so; setting it to and fro would race with other processes that share
  it. A connecting one is so only during the call.
- The first wait of a socket for reading makes the kernel look anew; the next ones go by what
  is known since (`_socket_owner`). Where a TCP socket has given less than was asked for,
  nothing more is there yet, and the next `recv` waits for news before it tries. Each wait for
  writing looks anew.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject_TypeCheck, PyTypeObject
from cpython.ref cimport Py_DECREF, PyObject
from libc.errno cimport (
    EAGAIN, EALREADY, EBADF, EINPROGRESS, EINTR, EISCONN, errno,
)
from libc.stdint cimport int64_t

from coro.interface.capi cimport (
    CORO_ANNOUNCED, CORO_FOREVER, CORO_READ, CORO_SCRATCH_SIZE, CORO_TRIED, CORO_WRITE, CoroCAPI, Coro_Import,
)
from coro_patch._emulated._socket_owner cimport Owned, disown, disown_all, modes_change, now, own, owned
from coro_patch._foundation._identity cimport in_coroutine
from coro_patch._foundation._waiting cimport deadline_in, park, prepare_to_wait, wait_fd

import _socket
import gc
import io
import os
import socket as socket_module

from coro_patch._emulated._socket_names import with_number

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef extern from "_platform.h":
    ctypedef struct CoroPySocket:
        int fd, family, type, protocol
        int64_t timeout
    const int AF_UNIX, SOCK_STREAM, SO_RCVTIMEO, SO_SNDTIMEO
    const int MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, MSG_PEEK, MSG_WAITALL
    int CORO_KIND_OF_SOCKET(int type)
    int coro_is_nonblocking(int fd)
    int coro_set_nonblocking(int fd, bint on)
    int64_t coro_socket_limit(int fd, int option)
    int coro_socket_error(int fd)
    bint coro_has_peer(int fd)
    void coro_settle_connection(int fd)
    int coro_raise_error(int error) except -1
    ssize_t c_recv "recv"(int fd, void *buffer, size_t size, int flags)
    ssize_t c_send "send"(int fd, const void *buffer, size_t size, int flags)

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1
    # Raw pointers, because a bytes object can be shrunk only while it has one owner.
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) except NULL
    char *bytes_start "PyBytes_AS_STRING"(PyObject *made)
    int shrink_bytes "_PyBytes_Resize"(PyObject **made, Py_ssize_t size) except -1

cdef enum:
    FIRST_BACKOFF = 1_000_000      # ns
    LONGEST_BACKOFF = 50_000_000   # ns
    TRIES_BEFORE_BACKOFF = 2
    LARGEST_SENDFILE = 1 << 30     # bytes at a time, as the original

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)

cdef object c_socket = _socket.socket
cdef object Socket = socket_module.socket

cdef object original_recv = c_socket.recv
cdef object original_recv_into = c_socket.recv_into
cdef object original_recvfrom = c_socket.recvfrom
cdef object original_recvfrom_into = c_socket.recvfrom_into
cdef object original_recvmsg = c_socket.recvmsg
cdef object original_recvmsg_into = c_socket.recvmsg_into
cdef object original_send = c_socket.send
cdef object original_sendall = c_socket.sendall
cdef object original_sendto = c_socket.sendto
cdef object original_sendmsg = c_socket.sendmsg
cdef object original_sendmsg_afalg = getattr(c_socket, "sendmsg_afalg", None)
cdef object original_accept = c_socket._accept
cdef object original_connect = c_socket.connect
cdef object original_connect_ex = c_socket.connect_ex
cdef object original_gettimeout = c_socket.gettimeout
cdef object original_settimeout = c_socket.settimeout
cdef object original_setblocking = c_socket.setblocking
cdef object original_setsockopt = c_socket.setsockopt
cdef object original_detach = Socket.detach
cdef object original_sendfile = Socket._sendfile_use_sendfile

# Descriptors that were set O_NONBLOCK here, and not by the program.
cdef set set_nonblocking_here = set()


# --- the C object -------------------------------------------------------------------


cdef bint layout_is_known():
    """Whether Python's socket object looks as CoroPySocket says."""
    cdef CoroPySocket *inside
    probe = c_socket()
    try:
        inside = <CoroPySocket *> <PyObject *> probe
        if c_socket.__basicsize__ < <Py_ssize_t> sizeof(CoroPySocket):
            return False
        for seconds, ns in ((0.0, 0), (1.5, 1_500_000_000), (None, -1)):
            probe.settimeout(seconds)
            if (inside.timeout if inside.timeout >= 0 else -1) != ns:
                return False
        return (inside.fd == probe.fileno() and inside.family == probe.family
                and inside.type == probe.type and inside.protocol == probe.proto)
    finally:
        probe.close()


cdef bint known = layout_is_known()


cdef inline CoroPySocket *inside(self) except NULL:
    """The C side of a socket; TypeError for anything else."""
    if type(self) is not Socket and not PyObject_TypeCheck(self, <PyTypeObject *> c_socket):
        raise TypeError(f"a socket is needed, not {type(self).__name__}")
    return <CoroPySocket *> <PyObject *> self


cdef int fd_of(self) except -2:
    cdef CoroPySocket *fields = inside(self)
    return fields.fd if known else c_socket.fileno(self)


cdef int open_fd_of(self) except -1:
    """The descriptor; EBADF if the socket is closed."""
    cdef int fd = fd_of(self)
    return fd if fd >= 0 else coro_raise_error(EBADF)


cdef int64_t timeout_of(self) except -2:
    """ns; -1 for none."""
    cdef CoroPySocket *fields = inside(self)
    cdef int64_t timeout
    if known:
        timeout = fields.timeout if fields.timeout >= 0 else -1
    else:
        seconds = original_gettimeout(self)
        timeout = -1 if seconds is None else <int64_t> (seconds * 1e9)
    if timeout == 0 and lent and id(self) in lent:
        return (<Lent> lent[id(self)]).timeout
    return timeout


cdef int family_of(self) except -1:
    return inside(self).family if known else c_socket.family.__get__(self)


cdef int kind_of(self) except -1:
    return CORO_KIND_OF_SOCKET(inside(self).type if known else c_socket.type.__get__(self))


cdef int64_t take_timeout(self) except -2:
    """Make an original that would wait for the socket's timeout not wait; the timeout."""
    cdef CoroPySocket *fields = inside(self)
    cdef int64_t timeout = timeout_of(self)
    if known:
        fields.timeout = 0
    elif timeout != 0:
        original_settimeout(self, 0.0)
    return timeout


cdef int put_timeout_back(self, int64_t timeout) except -1:
    """Unless the program has set another meanwhile."""
    cdef CoroPySocket *fields = inside(self)
    if known:
        if fields.timeout == 0:
            fields.timeout = timeout
    elif timeout != 0 and c_socket.fileno(self) >= 0:
        original_settimeout(self, timeout / 1e9 if timeout > 0 else None)
    return 0


cdef class Lent:
    """The timeout of a socket, while originals run that are not to wait for it. They let other OS
    threads run, and for those it has not changed."""

    cdef object socket
    cdef int64_t timeout
    cdef int calls

    cdef int end(self) except -1:
        if lent.get(id(self.socket)) is self:
            del lent[id(self.socket)]
            put_timeout_back(self.socket, self.timeout)
        return 0


cdef dict lent = {}  # by the id of the socket


cdef object call_at_once(self, method, tuple args, dict kwargs=None):
    """Call an original that would wait for the socket's timeout, so that it does not. Without a
    timeout it waits in the kernel only, and the caller has seen to that."""
    cdef int64_t timeout = timeout_of(self)
    cdef Lent mine
    if kwargs is None:
        kwargs = {}
    if timeout <= 0:
        return method(self, *args, **kwargs)
    mine = lent.get(id(self))
    if mine is None:
        mine = Lent.__new__(Lent)
        mine.socket = self
        lent[id(self)] = mine
    mine.timeout = timeout
    mine.calls += 1
    take_timeout(self)
    try:
        return method(self, *args, **kwargs)
    finally:
        mine.calls -= 1
        if mine.calls == 0:
            mine.end()


def end_calls_of_others():
    """In a forked child the other OS threads, and the calls that they were in, are gone."""
    cdef Lent each
    for each in list(lent.values()):
        each.end()


os.register_at_fork(after_in_child=end_calls_of_others)


# --- trying and waiting -------------------------------------------------------------


cdef struct Patience:
    int64_t timeout   # ns; -1 for none
    int64_t deadline
    int tries
    bint own_limit    # the limit is SO_RCVTIMEO or SO_SNDTIMEO


cdef int begin(Patience *patience, int64_t timeout) except -1:
    """Before the first try. Nothing has been read or written: an interrupt loses nothing."""
    patience.timeout = timeout
    patience.deadline = CORO_FOREVER
    patience.tries = 0
    patience.own_limit = False
    if in_coroutine():
        core.selfish_act()
    return 0


cdef int not_now(self, int error, int events, int flags, Patience *patience) except -1:
    """A try has failed with `error`: wait if it only has to be tried again, else raise."""
    cdef int fd
    cdef Owned *owner
    if error == EINTR:
        PyErr_CheckSignals()
        return 0
    if error != EAGAIN:
        coro_raise_error(error)
    prepare_to_wait()
    if patience.tries >= TRIES_BEFORE_BACKOFF:
        back_off(patience)
        return wait_anew(self, events, patience)
    fd = open_fd_of(self)
    owner = owned(self, fd) if events == CORO_READ else NULL
    if patience.tries == 0:
        if patience.timeout >= 0:
            patience.deadline = deadline_in(patience.timeout)
        else:
            limit_blocking(fd, events, flags, owner, patience)
    if owner == NULL:
        return wait_anew(self, events, patience)
    owner.is_drained = False
    return wait(fd, events | CORO_ANNOUNCED | CORO_TRIED, patience)


cdef int wait_anew(self, int events, Patience *patience) except -1:
    """Wait, whoever has waited on this descriptor before."""
    cdef int fd = open_fd_of(self)
    if events == CORO_READ and not patience.own_limit and isinstance(self, Socket):
        own(self, fd)
    return wait(fd, events, patience)


cdef int wait_for_news(self, Patience *patience) except -1:
    """Before the first try: wait if it would be in vain."""
    cdef int fd = fd_of(self)
    cdef Owned *owner = owned(self, fd)
    if owner == NULL or not owner.is_drained or patience.timeout < 0 and owner.looked != now():
        return 0
    if patience.timeout >= 0:
        patience.deadline = deadline_in(patience.timeout)
    owner.is_drained = False
    return wait(fd, CORO_READ | CORO_ANNOUNCED, patience)


cdef int wait(int fd, int how, Patience *patience) except -1:
    patience.tries += 1
    if not wait_fd(fd, how, patience.deadline):
        if patience.own_limit:
            coro_raise_error(EAGAIN)
        raise TimeoutError("timed out")
    return 0


cdef int limit_blocking(int fd, int events, int flags, Owned *owner, Patience *patience) except -1:
    """What plain Python would do on a socket without a timeout, which asks the kernel to
    wait: that has rules of its own."""
    cdef int64_t limit
    if flags & (MSG_DONTWAIT | MSG_ERRQUEUE):
        coro_raise_error(EAGAIN)
    if owner != NULL and owner.looked == now():
        return 0
    if coro_is_nonblocking(fd) == 1 and fd not in set_nonblocking_here:
        coro_raise_error(EAGAIN)
    limit = coro_socket_limit(fd, SO_RCVTIMEO if events == CORO_READ else SO_SNDTIMEO)
    if limit > 0:
        patience.own_limit = True
        patience.deadline = deadline_in(limit)
    elif owner != NULL:
        owner.looked = now()
    return 0


cdef int back_off(Patience *patience) except -1:
    """A datagram to a UNIX socket whose queue is full: it is said to be writable, and is
    not, and nothing will tell when it is."""
    cdef int64_t pause = min(
        <int64_t> LONGEST_BACKOFF,
        FIRST_BACKOFF * <int64_t> (patience.tries - TRIES_BEFORE_BACKOFF))
    park("socket", NULL, min(patience.deadline, deadline_in(pause)))
    return 0


cdef object retry(self, method, tuple args, int flags, tuple rest, dict kwargs, int events):
    """``method(*args, flags, *rest, **kwargs)``, tried until it need not wait."""
    cdef Patience patience
    if kwargs is not None:
        kwargs["flags"] = flags | MSG_DONTWAIT
    else:
        args = (*args, flags | MSG_DONTWAIT, *rest)
    begin(&patience, timeout_of(self))
    if flags & MSG_OOB:
        expect_a_mark(self)
    while True:
        try:
            return call_at_once(self, method, args, kwargs)
        except (BlockingIOError, InterruptedError) as error:
            number = error.errno
        not_now(self, number, events, flags, &patience)


cdef int expect_a_mark(self) except -1:
    """Urgent data is about to be taken. Nothing tells of it then, but a read still stops where it
    stood."""
    cdef Owned *owner = owned(self, fd_of(self))
    if owner != NULL:
        owner.empties_by_short_read = owner.is_drained = False
    return 0


# --- receiving ----------------------------------------------------------------------


cdef ssize_t receive(self, char *buffer, Py_ssize_t size, int flags, Patience *patience) except -1:
    """One successful recv(2); or, as MSG_WAITALL asks of a blocking socket, several."""
    cdef ssize_t n, have = 0
    cdef bint fill = (flags & MSG_WAITALL and patience.timeout < 0
                      and not flags & (MSG_PEEK | MSG_DONTWAIT))
    cdef Owned *owner
    if size == 0:
        return 0  # as the original, which does not ask the kernel
    if not flags:
        wait_for_news(self, patience)
    elif flags & MSG_OOB:
        expect_a_mark(self)
    while True:
        n = c_recv(fd_of(self), buffer + have, size - have, flags | MSG_DONTWAIT)
        if n < 0:
            if have and errno != EAGAIN and errno != EINTR:
                return have  # the error comes again with the next call
            not_now(self, errno, CORO_READ, flags, patience)
            continue
        if not flags:
            owner = owned(self, fd_of(self))
            if owner != NULL:
                owner.is_drained = owner.empties_by_short_read and n < size and n > 0
        have += n
        if not fill or n == 0 or have == size or kind_of(self) != SOCK_STREAM:
            return have
        patience.tries = 0


def recv(self, Py_ssize_t bufsize, int flags=0, /):
    """Receive up to `bufsize` bytes: see `socket.socket.recv`."""
    cdef Patience patience
    cdef int64_t timeout = timeout_of(self)
    cdef Py_ssize_t room
    cdef ssize_t n
    cdef char *scratch
    if timeout == 0 or bufsize < 0:
        return original_recv(self, bufsize, flags)
    begin(&patience, timeout)
    if bufsize <= CORO_SCRATCH_SIZE and not flags & MSG_WAITALL:
        # Nothing can switch between the last recv(2) and the copy.
        scratch = core.scratch(&room)
        n = receive(self, scratch, bufsize, flags, &patience)
        return PyBytes_FromStringAndSize(scratch, n)
    return recv_large(self, bufsize, flags, &patience)


cdef object recv_large(self, Py_ssize_t size, int flags, Patience *patience):
    cdef PyObject *made = new_bytes(NULL, size)
    cdef ssize_t n
    try:
        n = receive(self, bytes_start(made), size, flags, patience)
    except BaseException:
        Py_DECREF(<object> made)
        raise
    if n != size:
        shrink_bytes(&made, n)  # frees it if it fails
    data = <object> made
    Py_DECREF(data)
    return data


def recv_into(self, buffer, Py_ssize_t nbytes=0, int flags=0):
    """Receive into a buffer: see `socket.socket.recv_into`."""
    cdef Py_buffer view
    cdef Patience patience
    cdef int64_t timeout = timeout_of(self)
    if timeout == 0 or nbytes < 0:
        return original_recv_into(self, buffer, nbytes, flags)
    PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
    try:
        if nbytes > view.len:
            return original_recv_into(self, buffer, nbytes, flags)  # it tells what is wrong
        begin(&patience, timeout)
        return receive(self, <char *> view.buf, nbytes or view.len, flags, &patience)
    finally:
        PyBuffer_Release(&view)


def recvfrom(self, Py_ssize_t bufsize, int flags=0, /):
    """Receive, and tell from whom: see `socket.socket.recvfrom`."""
    if timeout_of(self) == 0:
        return original_recvfrom(self, bufsize, flags)
    return retry(self, original_recvfrom, (bufsize,), flags, (), None, CORO_READ)


def recvfrom_into(self, buffer, Py_ssize_t nbytes=0, int flags=0):
    """Receive into a buffer, and tell from whom: see `socket.socket.recvfrom_into`."""
    if timeout_of(self) == 0:
        return original_recvfrom_into(self, buffer, nbytes, flags)
    return retry(self, original_recvfrom_into, (buffer, nbytes), flags, (), None, CORO_READ)


def recvmsg(self, Py_ssize_t bufsize, Py_ssize_t ancbufsize=0, int flags=0, /):
    """Receive with ancillary data: see `socket.socket.recvmsg`."""
    if timeout_of(self) == 0:
        return original_recvmsg(self, bufsize, ancbufsize, flags)
    return retry(self, original_recvmsg, (bufsize, ancbufsize), flags, (), None, CORO_READ)


def recvmsg_into(self, buffers, Py_ssize_t ancbufsize=0, int flags=0, /):
    """Receive into buffers, with ancillary data: see `socket.socket.recvmsg_into`."""
    if timeout_of(self) == 0:
        return original_recvmsg_into(self, buffers, ancbufsize, flags)
    buffers = again_and_again(buffers)
    return retry(self, original_recvmsg_into, (buffers, ancbufsize), flags, (), None, CORO_READ)


# --- sending ------------------------------------------------------------------------


cdef object again_and_again(things):
    """What an iterator gives can be had only once, and a try may have to be repeated."""
    return things if isinstance(things, (list, tuple)) else list(things)


def send(self, data, int flags=0, /):
    """Send: see `socket.socket.send`."""
    cdef Py_buffer view
    cdef Patience patience
    cdef int64_t timeout = timeout_of(self)
    cdef ssize_t n, sent = 0
    if timeout == 0:
        return original_send(self, data, flags)
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        begin(&patience, timeout)
        while True:
            n = c_send(fd_of(self), <char *> view.buf + sent, view.len - sent, flags | MSG_DONTWAIT)
            if n < 0:
                if sent and (errno != EAGAIN and errno != EINTR or flags & MSG_DONTWAIT):
                    return sent  # the error comes again with the next call
                not_now(self, errno, CORO_WRITE, flags, &patience)
                continue
            sent += n
            # The kernel, asked to wait, takes everything.
            if sent >= view.len or timeout > 0 or n == 0 or kind_of(self) != SOCK_STREAM:
                return sent
            patience.tries = 0
    finally:
        PyBuffer_Release(&view)


def sendall(self, data, int flags=0, /):
    """Send everything: see `socket.socket.sendall`."""
    cdef Py_buffer view
    cdef Patience patience
    cdef int64_t timeout = timeout_of(self)
    cdef Py_ssize_t sent = 0
    cdef ssize_t n
    if timeout == 0:
        return original_sendall(self, data, flags)
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        begin(&patience, timeout)
        if timeout > 0:
            patience.deadline = deadline_in(timeout)
        while True:
            n = c_send(fd_of(self), <char *> view.buf + sent, view.len - sent, flags | MSG_DONTWAIT)
            if n < 0:
                wait_for_all(self, errno, flags, &patience)
                continue
            sent += n
            if sent >= view.len:
                return
            patience.tries = 0 if timeout < 0 else 1
            if timeout > 0 and core.now() >= patience.deadline:
                raise TimeoutError("timed out")
    finally:
        PyBuffer_Release(&view)


cdef int wait_for_all(self, int error, int flags, Patience *patience) except -1:
    """As not_now(), with one deadline for all the pieces."""
    if patience.tries == 0 and patience.timeout > 0:
        patience.tries = 1  # the deadline stands
    return not_now(self, error, CORO_WRITE, flags, patience)


def sendto(self, data, *args):
    """Send to an address: see `socket.socket.sendto`."""
    cdef int flags
    if len(args) == 2:
        flags, address = args
    elif len(args) == 1:
        flags, address = 0, args[0]
    else:
        return original_sendto(self, data, *args)  # it tells what is wrong
    address = with_number(family_of(self), address)
    if timeout_of(self) == 0:
        return original_sendto(self, data, flags, address)
    return retry(self, original_sendto, (data,), flags, (address,), None, CORO_WRITE)


def sendmsg(self, buffers, ancdata=(), int flags=0, address=None, /):
    """Send with ancillary data: see `socket.socket.sendmsg`."""
    address = with_number(family_of(self), address)
    if timeout_of(self) == 0:
        return original_sendmsg(self, buffers, ancdata, flags, address)
    buffers, ancdata = again_and_again(buffers), again_and_again(ancdata)
    return retry(self, original_sendmsg, (buffers, ancdata), flags, (address,), None, CORO_WRITE)


def sendmsg_afalg(self, msg=(), *, int flags=0, **kwargs):
    """Send to a socket of the kernel's cryptography: see `socket.socket.sendmsg_afalg`."""
    if timeout_of(self) == 0:
        return original_sendmsg_afalg(self, msg, flags=flags, **kwargs)
    return retry(self, original_sendmsg_afalg, (again_and_again(msg),), flags, (), kwargs, CORO_WRITE)


# --- connections --------------------------------------------------------------------


cdef bint make_nonblocking(int fd) except -1:
    """Whether that changed anything."""
    cdef int is_so = coro_is_nonblocking(fd)
    if is_so < 0:
        coro_raise_error(errno)
    if is_so:
        return False
    if coro_set_nonblocking(fd, True) < 0:
        coro_raise_error(errno)
    set_nonblocking_here.add(fd)
    return True


cdef int make_blocking_again(int fd) except -1:
    set_nonblocking_here.discard(fd)
    if fd >= 0 and coro_set_nonblocking(fd, False) < 0:
        coro_raise_error(errno)
    return 0


cdef int give_mode_back(self) except -1:
    """Make a descriptor that was set O_NONBLOCK here blocking again."""
    cdef int fd = fd_of(self)
    if fd in set_nonblocking_here:
        set_nonblocking_here.discard(fd)
        if timeout_of(self) < 0:
            make_blocking_again(fd)
    return 0


def give_modes_back():
    """Make all of them blocking again, so that the originals wait as they did."""
    disown_all()  # what the originals do is not seen here
    modes_change()
    if set_nonblocking_here:
        for each in gc.get_objects():
            if issubclass(type(each), c_socket):
                give_mode_back(each)
        set_nonblocking_here.clear()


def _accept(self):
    """Accept a connection: see `socket.socket.accept`, which calls this."""
    cdef Patience patience
    cdef int64_t timeout = timeout_of(self)
    if timeout == 0:
        return original_accept(self)
    begin(&patience, timeout)
    while True:
        if timeout < 0:
            make_nonblocking(fd_of(self))
        try:
            return call_at_once(self, original_accept, ())
        except (BlockingIOError, InterruptedError) as error:
            number = error.errno
        not_now(self, number, CORO_READ, 0, &patience)


cdef int try_to_connect(self, address) except -1:
    """connect(2) without waiting; its errno, 0 for success."""
    cdef int fd = fd_of(self)
    cdef bint changed = timeout_of(self) < 0 and fd >= 0 and make_nonblocking(fd)
    try:
        return call_at_once(self, original_connect_ex, (address,))
    finally:
        if changed:
            make_blocking_again(fd_of(self))


cdef int connect_to(self, address) except -1:
    """Connect; the errno, 0 for success."""
    cdef int64_t timeout = timeout_of(self)
    cdef int64_t deadline = CORO_FOREVER
    cdef int64_t pause = FIRST_BACKOFF
    cdef int error
    prepare_to_wait()
    if in_coroutine():
        core.selfish_act()
    if timeout > 0:
        deadline = deadline_in(timeout)
    while True:
        error = try_to_connect(self, address)
        if error != EAGAIN or family_of(self) != AF_UNIX:
            break
        # The listener's backlog is full, and nothing will tell when it is not.
        if core.now() >= deadline:
            raise TimeoutError("timed out")
        park("connect", NULL, min(deadline, deadline_in(pause)))
        pause = min(2 * pause, <int64_t> LONGEST_BACKOFF)
    if error == EINPROGRESS or error == EINTR or error == EALREADY and timeout < 0:
        return finish_connecting(self, deadline)
    return error


cdef int finish_connecting(self, int64_t deadline) except -1:
    """Wait until the connection stands or has failed; the errno."""
    cdef int error
    while True:
        if not wait_fd(fd_of(self), CORO_WRITE, deadline):
            raise TimeoutError("timed out")
        error = coro_socket_error(fd_of(self))
        if error == EISCONN:
            return 0
        if error:
            return error
        if coro_has_peer(fd_of(self)):
            if deadline == CORO_FOREVER:
                coro_settle_connection(fd_of(self))
            return 0


def connect(self, address, /):
    """Connect to an address: see `socket.socket.connect`."""
    cdef int error
    address = with_number(family_of(self), address)
    if timeout_of(self) == 0:
        return original_connect(self, address)
    error = connect_to(self, address)
    if error:
        coro_raise_error(error)


def connect_ex(self, address, /):
    """Connect to an address; the errno, 0 for success: see `socket.socket.connect_ex`."""
    address = with_number(family_of(self), address)
    if timeout_of(self) == 0:
        return original_connect_ex(self, address)
    try:
        return connect_to(self, address)
    except TimeoutError:
        return EAGAIN


def setsockopt(self, *args):
    """Set an option: see `socket.socket.setsockopt`. It may be a limit of how long to wait, or
    change what a short read means."""
    original_setsockopt(self, *args)
    disown(fd_of(self))
    modes_change()


def settimeout(self, value, /):
    """Set the timeout: see `socket.socket.settimeout`. A copy of the socket has the same mode."""
    original_settimeout(self, value)
    lent.pop(id(self), None)
    if value is not None:
        modes_change()


def setblocking(self, flag, /):
    """Set the mode: see `socket.socket.setblocking`. A copy of the socket has the same."""
    original_setblocking(self, flag)
    lent.pop(id(self), None)
    modes_change()


# --- the end ------------------------------------------------------------------------


def _real_close(self, _ss=c_socket):
    """Close it: see `socket.socket.close`, which calls this. Who waits on it gets
    `coro.ClosedError`, which is an OSError with EBADF."""
    cdef int fd = fd_of(self)
    if fd >= 0:
        set_nonblocking_here.discard(fd)
        disown(fd)
        core.close_fd(fd)
    _ss.close(self)


def detach(self):
    """Give the descriptor away: see `socket.socket.detach`."""
    cdef int fd = fd_of(self)
    if fd >= 0:
        give_mode_back(self)
        disown(fd)
        core.release_fd(fd)
    return original_detach(self)


def _sendfile_use_sendfile(self, file, offset=0, count=None):
    """Send a file: see `socket.socket.sendfile`, which calls this."""
    cdef Patience patience
    cdef int fd
    cdef bint changed
    if timeout_of(self) == 0:
        return original_sendfile(self, file, offset, count)
    give_up = socket_module._GiveupOnSendfile
    self._check_sendfile_params(file, offset, count)
    try:
        source = file.fileno()
        size = os.fstat(source).st_size
    except (AttributeError, io.UnsupportedOperation, OSError) as error:
        raise give_up(error)  # not a regular file
    if not size:
        return 0
    fd = fd_of(self)
    begin(&patience, timeout_of(self))
    changed = patience.timeout < 0 and make_nonblocking(fd)
    total = 0
    try:
        while count is None or total < count:
            block = LARGEST_SENDFILE if count is None else min(LARGEST_SENDFILE, count - total)
            try:
                sent = os.sendfile(fd_of(self), source, offset, block)
            except (BlockingIOError, InterruptedError) as error:
                number = error.errno
            except OSError as error:
                if total == 0:
                    # The kernel cannot send this kind of file; the caller copies it.
                    raise give_up(error)
                raise error from None
            else:
                if sent == 0:
                    break
                offset += sent
                total += sent
                patience.tries = 0
                continue
            not_now(self, number, CORO_WRITE, 0, &patience)
        return total
    finally:
        if changed and fd_of(self) == fd:
            make_blocking_again(fd)
        if total > 0 and hasattr(file, "seek"):
            file.seek(offset)
