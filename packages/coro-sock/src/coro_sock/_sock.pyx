"""The class `sock`: a socket whose methods look blocking and let other coroutines run.

What belongs here: the life of a socket and its stream operations. Addresses are parsed
in `_addresses`, names looked up in `_resolver`.

Every operation has one shape: try; if the kernel says EAGAIN, wait; try again. The try
comes first, because most succeed. Three things are worth knowing:

- The descriptor never blocks (O_NONBLOCK), and the poller is told of it once, when an
  operation first has to wait. `open_fd` and `close_fd` announce where its life begins and
  ends, so that a number which the kernel gives out again is not mistaken for the old one.
- When a read from a TCP socket returns less than was asked for, the socket is empty
  (epoll(7)). The next read then waits at once instead of trying in vain. An end of file,
  an error or urgent data switches this off, and it is never used for UNIX sockets, where
  a read also stops at a message that carries descriptors.
- Before an operation is tried, the coroutine's budget of selfish acts is charged, and it
  may have to let others run first. Nothing has been read or written at that point, so
  an interrupt there loses nothing.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport (
    PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE,
)
from libc.errno cimport (
    EAGAIN, EALREADY, ECONNABORTED, ECONNRESET, EINPROGRESS, EINTR, ENOTCONN, errno,
)
from cpython.ref cimport Py_DECREF, PyObject
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from coro.interface.capi cimport (
    CORO_ANNOUNCED, CORO_FOREVER, CORO_READ, CORO_TRIED, CORO_WRITE, CoroCAPI, Coro_Import,
)
from coro_sock._addresses cimport (
    AF_INET, AF_INET6, AF_UNIX, NEEDS_RESOLVING, Address, parse, sockaddr, socklen_t, unparse,
)

from coro.errors import ClosedError
from coro_sock import _resolver

cdef extern from *:
    const char *CORO_DISTRIBUTION  # "coro-sock 1.2.3", from the build

cdef extern from "_platform.h":
    const int SOCK_STREAM, SOL_SOCKET, SO_ERROR, SO_REUSEADDR
    const int IPPROTO_TCP, TCP_ULP, MSG_NOSIGNAL, CORO_TYPE_FLAGS
    int coro_socket(int domain, int type, int protocol)
    int coro_accept(int listener, sockaddr *address, socklen_t *size)
    int coro_fd_setup(int fd)
    int coro_raise_errno() except -1
    int c_bind "bind"(int fd, const sockaddr *address, socklen_t size)
    int c_connect "connect"(int fd, const sockaddr *address, socklen_t size)
    int c_listen "listen"(int fd, int backlog)
    int c_shutdown "shutdown"(int fd, int how)
    int c_close "close"(int fd)
    int c_getsockname "getsockname"(int fd, sockaddr *address, socklen_t *size)
    int c_getpeername "getpeername"(int fd, sockaddr *address, socklen_t *size)
    int c_getsockopt "getsockopt"(int fd, int level, int name, void *value, socklen_t *size)
    int c_setsockopt "setsockopt"(int fd, int level, int name, const void *value, socklen_t size)
    ssize_t c_recv "recv"(int fd, void *buffer, size_t size, int flags)
    ssize_t c_send "send"(int fd, const void *buffer, size_t size, int flags)

cdef extern from "Python.h":
    # Raw pointers, because a bytes object can be shrunk only while it has one owner.
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) except NULL
    char *bytes_start "PyBytes_AS_STRING"(PyObject *made)
    int shrink_bytes "_PyBytes_Resize"(PyObject **made, Py_ssize_t size) except -1

cdef enum:
    LONGEST_OPTION = 1024           # bytes, as in Python's socket module
    FIRST_BACKOFF = 1_000_000       # ns
    LONGEST_BACKOFF = 50_000_000    # ns

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)
cdef Py_ssize_t scratch_size
core.scratch(&scratch_size)

cdef Py_ssize_t live_sockets = 0


cdef class sock:
    """A socket. Methods that cannot go on let other coroutines run meanwhile.

    Args:
        domain: the address family, an `AF`; `AF.INET` if not given.
        stype: the type, a `SOCK`; `SOCK.STREAM` if not given.
        protocol: as in socket(2); normally 0.
        fd: a descriptor to take over instead of making a new socket; it is set not to
            block, and closed with this object.

    Attributes:
        fd: the number of the descriptor; -1 once it is closed.
        orig_fd: the number that it had.
        domain, stype, protocol: as given.

    Raises:
        OSError: the system refuses (socket(2)).
    """

    def __cinit__(self):
        global live_sockets
        live_sockets += 1
        self.fd = self.orig_fd = -1

    def __init__(self, int domain=AF_INET, int stype=SOCK_STREAM, int protocol=0, int fd=-1):
        if self.orig_fd != -1:
            raise RuntimeError("this socket was initialized before")
        self.domain = domain
        self.stype = stype & ~CORO_TYPE_FLAGS
        self.protocol = protocol
        if fd < 0:
            fd = coro_socket(domain, self.stype, protocol)
            if fd < 0:
                coro_raise_errno()
        elif coro_fd_setup(fd) < 0:
            coro_raise_errno()
        self.own(fd)

    def __dealloc__(self):
        global live_sockets
        live_sockets -= 1
        if self.fd >= 0:
            try:
                core.close_fd(self.fd)
            except Exception:
                pass  # the thread's scheduler has ended, and with it who could wait
            c_close(self.fd)
            self.fd = -1

    def __repr__(self):
        return (f"<sock fd={self.fd} domain={self.domain} stype={self.stype}"
                f"{'' if self.fd >= 0 else f' closed, was {self.orig_fd}'}>")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    # -- the descriptor

    cdef int own(self, int fd) except -1:
        self.fd = self.orig_fd = fd
        self.empties_by_short_read = (
            (self.domain == AF_INET or self.domain == AF_INET6)
            and self.stype == SOCK_STREAM
            and (self.protocol == 0 or self.protocol == IPPROTO_TCP))
        return core.open_fd(fd)

    cdef int open_fd(self) except -1:
        """The descriptor, or ClosedError."""
        if self.fd < 0:
            raise ClosedError(
                "the socket is closed" if self.orig_fd < 0 else
                f"the socket is closed (it had descriptor {self.orig_fd})")
        return self.fd

    def fileno(self):
        """The number of the descriptor; -1 once it is closed."""
        return self.fd

    def get_fileno(self):
        """The same as `fileno`."""
        return self.fd

    def close(self):
        """Close it. Who waits on it gets `ClosedError`. Safe to call again."""
        cdef int fd = self.fd
        if fd < 0:
            return
        self.fd = -1
        self.kept = None
        core.close_fd(fd)
        # The number is free whatever close(2) says; EINTR must not be retried on Linux.
        if c_close(fd) < 0 and errno != EINTR and errno != ECONNRESET:
            coro_raise_errno()

    def detach(self):
        """Give up the descriptor without closing it. Returns its number; -1 if closed."""
        cdef int fd = self.fd
        if fd >= 0:
            core.release_fd(fd)
            self.fd = -1
        return fd

    def shutdown(self, int how):
        """Shut down one or both halves of the connection (shutdown(2)); see `SHUT`.

        Raises:
            OSError: it is not connected, among others.
        """
        if c_shutdown(self.open_fd(), how) < 0:
            coro_raise_errno()

    # -- waiting

    cdef int refused(self, int events) except -1:
        """A call has failed: wait if it only has to be tried again, else raise."""
        if errno == EINTR:
            return 0
        if errno != EAGAIN:
            if self.fd < 0:
                self.open_fd()
            coro_raise_errno()
        core.wait_fd(self.open_fd(), events | CORO_ANNOUNCED | CORO_TRIED, CORO_FOREVER)
        return 0

    cdef int before_read(self, int flags) except -1:
        core.selfish_act()
        if self.drained and flags == 0:
            core.wait_fd(self.open_fd(), CORO_READ | CORO_ANNOUNCED, CORO_FOREVER)
            self.drained = False
        return 0

    # -- reading

    cdef int read_into(self, char *buffer, Py_ssize_t size, int flags) except -1:
        """One successful recv(2) of at most `size` bytes, 2 GiB at the most."""
        cdef ssize_t n
        size = min(size, 0x7FFFFFFF)
        while True:
            n = c_recv(self.fd, buffer, size, flags)
            if n >= 0:
                self.drained = (self.empties_by_short_read and 0 < n < size and flags == 0)
                return <int> n
            self.refused(CORO_READ)

    cdef bytes take_kept(self, Py_ssize_t size):
        data = self.kept
        self.kept = None if size >= len(data) else data[size:]
        return data[:size]

    cdef Py_ssize_t give_kept(self, char *buffer, Py_ssize_t size) except -1:
        data = self.take_kept(size)
        memcpy(buffer, PyBytes_AS_STRING(data), len(data))
        return len(data)

    def recv(self, Py_ssize_t buffer_size, int flags=0):
        """Receive what has come, at most `buffer_size` bytes.

        Returns:
            the data; ``b""`` at the end of the stream.

        Raises:
            OSError: the system's error, such as `ConnectionResetError`.
            ClosedError: the socket is closed, or was closed meanwhile.
            ValueError: `buffer_size` is negative.
        """
        cdef char *scratch
        cdef Py_ssize_t room
        cdef int n
        if buffer_size < 0:
            raise ValueError(f"buffer_size must not be negative, but is {buffer_size}")
        self.open_fd()
        if self.kept is not None:
            return self.take_kept(buffer_size)
        self.before_read(flags)
        if buffer_size <= scratch_size:
            # Nothing can switch between the last recv(2) and the copy.
            scratch = core.scratch(&room)
            n = self.read_into(scratch, buffer_size, flags)
            return PyBytes_FromStringAndSize(scratch, n)
        return self.recv_large(buffer_size, flags)

    cdef object recv_large(self, Py_ssize_t size, int flags):
        cdef PyObject *made = new_bytes(NULL, size)
        cdef int n
        try:
            n = self.read_into(bytes_start(made), size, flags)
        except BaseException:
            Py_DECREF(<object> made)
            raise
        if n != size:
            shrink_bytes(&made, n)  # frees it if it fails
        data = <object> made
        Py_DECREF(data)
        return data

    def read(self, Py_ssize_t buffer_size):
        """The same as `recv`."""
        return self.recv(buffer_size)

    def recv_into(self, buffer, Py_ssize_t nbytes=0, int flags=0):
        """Receive into a writable buffer.

        Args:
            buffer: any contiguous writable object with the buffer protocol.
            nbytes: how much to receive at the most; 0 for the size of the buffer.
            flags: as in recv(2).

        Returns:
            the number of bytes received; 0 at the end of the stream.

        Raises:
            as `recv`; ValueError: `nbytes` is negative or larger than the buffer;
            BufferError, TypeError: `buffer` is not writable.
        """
        cdef Py_buffer view
        PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
        try:
            if nbytes < 0:
                raise ValueError(f"nbytes must not be negative, but is {nbytes}")
            if nbytes > view.len:
                raise ValueError(f"nbytes is {nbytes}, but the buffer has {view.len} bytes")
            self.open_fd()
            size = nbytes or view.len
            if self.kept is not None:
                return self.give_kept(<char *> view.buf, size)
            self.before_read(flags)
            return self.read_into(<char *> view.buf, size, flags)
        finally:
            PyBuffer_Release(&view)

    def recv_exact(self, Py_ssize_t bytes):
        """Receive exactly that many bytes.

        When it is interrupted, what it has received already stays with the socket and is
        what the next receive returns first.

        Raises:
            EOFError: the stream ended before; its argument is the data that came.
            others as `recv`.
        """
        cdef object data
        cdef char *start
        cdef Py_ssize_t have = 0, wanted = bytes
        cdef int n
        if wanted < 0:
            raise ValueError(f"bytes must not be negative, but is {wanted}")
        self.open_fd()
        if wanted == 0:
            return b""
        data = PyBytes_FromStringAndSize(NULL, wanted)
        start = PyBytes_AS_STRING(data)
        try:
            if self.kept is not None:
                have = self.give_kept(start, wanted)
            while have < wanted:
                self.before_read(0)
                n = self.read_into(start + have, wanted - have, 0)
                if n == 0:
                    partial, have = start[:have], 0
                    raise EOFError(partial)
                have += n
        except BaseException:
            if have:
                self.kept = start[:have]
            raise
        return data

    # -- writing

    def send(self, data, int flags=0):
        """Send all of `data`.

        Args:
            data: any contiguous object with the buffer protocol.
            flags: as in send(2).

        Returns:
            the number of bytes sent, which is the size of `data`.

        Raises:
            OSError: the system's error, such as `BrokenPipeError`.
            ClosedError: the socket is closed, or was closed meanwhile.
        """
        cdef Py_buffer view
        if PyBytes_CheckExact(data):
            return self.send_all(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), flags)
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            return self.send_all(<const char *> view.buf, view.len, flags)
        finally:
            PyBuffer_Release(&view)

    def sendall(self, data, int flags=0):
        """The same as `send`."""
        return self.send(data, flags)

    def write(self, data):
        """The same as `send`."""
        return self.send(data)

    cdef object send_all(self, const char *data, Py_ssize_t size, int flags):
        cdef Py_ssize_t sent = 0
        cdef ssize_t n
        self.open_fd()
        core.selfish_act()
        while True:
            n = c_send(self.fd, data + sent, size - sent, flags | MSG_NOSIGNAL)
            if n < 0:
                self.refused(CORO_WRITE)
                continue
            sent += n
            if sent >= size:
                return sent

    # -- connecting

    def bind(self, address):
        """Bind it to an address of its family; see `coro_sock._addresses`.

        Raises:
            OSError: the system's error, such as EADDRINUSE.
            TypeError, ValueError, OverflowError: `address` has not the right form.
        """
        cdef Address parsed
        self.open_fd()
        self.parse_address(address, &parsed, True)
        if c_bind(self.open_fd(), &parsed.of.any, parsed.size) < 0:
            coro_raise_errno()

    def listen(self, int backlog=128):
        """Listen for connections.

        Args:
            backlog: how many may wait to be accepted (listen(2)).
        """
        if c_listen(self.open_fd(), max(backlog, 0)) < 0:
            coro_raise_errno()
        self.drained = False

    def accept(self):
        """Wait for a connection and accept it.

        Returns:
            ``(socket, address)``: a new `sock`, and the address of the other side.

        Raises:
            OSError: the system's error. With EMFILE or ENFILE (no descriptor is free) the
                connection stays in the backlog and can be accepted later.
        """
        cdef sock made
        self.open_fd()
        core.selfish_act()
        while True:
            made = self.__class__.__new__(self.__class__)
            address = self.try_accept(made)
            if address is not None:
                return made, address
            if errno != ECONNABORTED:
                self.refused(CORO_READ)

    cdef object try_accept(self, sock made):
        """The address of who was accepted into `made`, or None and errno."""
        cdef Address address  # here, and not in accept(): large, and nothing switches
        cdef int fd
        address.size = sizeof(address.of)
        fd = coro_accept(self.fd, &address.of.any, &address.size)
        if fd < 0:
            return None
        made.domain = self.domain
        made.stype = self.stype
        made.protocol = self.protocol
        made.own(fd)
        return unparse(&address)

    def connect(self, address):
        """Connect to an address; a host's name is looked up first.

        Raises:
            OSError: the system's error, such as `ConnectionRefusedError`; or
                `socket.gaierror` if the name is not known.
            TypeError, ValueError, OverflowError: `address` has not the right form.
        """
        self.connect_addr(address, True)

    def connect_addr(self, address, bint resolve=False):
        """Connect to an address.

        Args:
            address: as for `connect`.
            resolve: look up the host if it is a name.

        Raises:
            as `connect`; ValueError: the host is a name and `resolve` is false.
        """
        cdef int64_t pause = FIRST_BACKOFF
        self.open_fd()
        # A name is looked up before anything is tried, as that may take long.
        address = self.with_numbers(address, resolve)
        core.selfish_act()
        while True:
            if self.try_connect(address) == 0:
                return
            if errno == EINPROGRESS or errno == EINTR or errno == EALREADY:
                self.finish_connect()
                return
            if not (errno == EAGAIN and self.domain == AF_UNIX):
                coro_raise_errno()
            # The listener's backlog is full, and nothing will tell when it is not.
            core.park("connect", NULL, core.now() + pause)
            pause = min(2 * pause, LONGEST_BACKOFF)

    cdef int try_connect(self, object address) except? -2:
        cdef Address parsed
        parse(self.domain, address, &parsed)
        return c_connect(self.open_fd(), &parsed.of.any, parsed.size)

    cdef int finish_connect(self) except -1:
        """Wait until the connection stands or has failed."""
        cdef int error
        cdef socklen_t size
        while True:
            core.wait_fd(self.open_fd(), CORO_WRITE | CORO_ANNOUNCED, CORO_FOREVER)
            error = 0
            size = sizeof(error)
            if c_getsockopt(self.open_fd(), SOL_SOCKET, SO_ERROR, &error, &size) < 0:
                coro_raise_errno()
            if error:
                (&errno)[0] = error
                coro_raise_errno()
            if self.is_connected():
                return 0

    cdef bint is_connected(self) except -1:
        cdef Address address
        address.size = sizeof(address.of)
        if c_getpeername(self.fd, &address.of.any, &address.size) == 0:
            return True
        if errno == ENOTCONN:  # woken too early
            return False
        return coro_raise_errno()

    cdef object with_numbers(self, object address, bint resolve):
        """`address` with its host as a number, looked up if need be."""
        cdef Address parsed
        if parse(self.domain, address, &parsed) != NEEDS_RESOLVING:
            return address
        if not resolve:
            raise ValueError(
                f"the host {address[0]!r} is not a numeric address: use connect(), which looks "
                "up names, or connect_addr(address, resolve=True)")
        return _resolver.resolve(address, self.domain, self.stype, self.protocol)

    cdef int parse_address(self, object address, Address *parsed, bint resolve) except -1:
        parse(self.domain, self.with_numbers(address, resolve), parsed)
        return 0

    # -- names and options

    def getsockname(self):
        """Its own address; ``""`` for the host stands for any address."""
        cdef Address address
        address.size = sizeof(address.of)
        if c_getsockname(self.open_fd(), &address.of.any, &address.size) < 0:
            coro_raise_errno()
        return unparse(&address)

    def getpeername(self):
        """The address of the other side."""
        cdef Address address
        address.size = sizeof(address.of)
        if c_getpeername(self.open_fd(), &address.of.any, &address.size) < 0:
            coro_raise_errno()
        return unparse(&address)

    def getsockopt(self, int level, int optname, socklen_t buflen=0):
        """The value of an option (getsockopt(2)).

        Args:
            level: a `SOL` or `IPPROTO`.
            optname: an `SO`, `TCP`, ... of that level.
            buflen: the size of the value, if it is not an int.

        Returns:
            an int if `buflen` is 0, else bytes.
        """
        cdef int value = 0
        cdef socklen_t size = sizeof(value)
        cdef bytes data
        if buflen == 0:
            if c_getsockopt(self.open_fd(), level, optname, &value, &size) < 0:
                coro_raise_errno()
            return value
        if buflen > LONGEST_OPTION:
            raise OSError(f"buflen must be 0-{LONGEST_OPTION}, not {buflen}")
        data = PyBytes_FromStringAndSize(NULL, buflen)
        if c_getsockopt(self.open_fd(), level, optname, PyBytes_AS_STRING(data), &buflen) < 0:
            coro_raise_errno()
        return data[:buflen]

    def setsockopt(self, int level, int optname, value):
        """Set an option (setsockopt(2)).

        Args:
            level, optname: as for `getsockopt`.
            value: an int, or an object with the buffer protocol.
        """
        cdef int number
        cdef Py_buffer view
        cdef int failed
        # Options such as a kernel's TLS make a short read mean something else.
        if level == IPPROTO_TCP and optname == TCP_ULP:
            self.empties_by_short_read = self.drained = False
        if isinstance(value, int):
            number = value
            if c_setsockopt(self.open_fd(), level, optname, &number, sizeof(number)) < 0:
                coro_raise_errno()
            return
        PyObject_GetBuffer(value, &view, PyBUF_SIMPLE)
        try:
            failed = c_setsockopt(self.open_fd(), level, optname, view.buf, <socklen_t> view.len)
            if failed < 0:
                coro_raise_errno()
        finally:
            PyBuffer_Release(&view)

    def set_reuse_addr(self):
        """Set SO_REUSEADDR: the address may be bound while old connections linger."""
        self.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)


def get_live_sockets():
    """How many socket objects exist, closed ones included."""
    return live_sockets
