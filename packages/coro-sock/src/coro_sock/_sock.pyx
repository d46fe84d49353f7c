"""The class `sock`: a socket whose methods look blocking and let other coroutines run.

What belongs here: its methods, their arguments and what is said about them. What they do is
in the modules that they call: `_descriptor` (how all of them wait), `_stream`, `_vectored`,
`_datagram`, `_ancillary`, `_connections`, `_readiness`, `_sendfile`, `_makefile`.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EBADF, ENOTSOCK
from libc.limits cimport INT_MAX, INT_MIN
from libc.stdint cimport INT64_MAX

from coro.interface.capi cimport CORO_READ, CORO_WRITE
from coro_sock cimport (
    _ancillary, _connections, _datagram, _foreign, _platform, _readiness, _sendfile, _stream, _vectored,
)
from coro_sock._addresses cimport NEEDS_RESOLVING, Address, parse
from coro_sock._descriptor cimport TELLS_NOTHING, Descriptor, live_descriptors
from coro_sock._errors cimport raise_errno, raise_error
from coro_sock._platform cimport (
    CORO_TCP_INQ, CORO_TYPE_FLAGS, IPPROTO_TCP, SO_RCVLOWAT, SO_REUSEADDR, SOL_SOCKET, TCP_ULP, c_getsockopt,
    c_listen, c_setsockopt, c_shutdown, coro_dup, coro_fd_setup, coro_is_socket, coro_socket,
    coro_socket_domain, coro_socket_protocol, coro_socket_type, coro_socketpair, socklen_t,
)

import os

from coro_consts import AF, SOCK
from coro_sock import _makefile, _resolver

cdef enum:
    LONGEST_OPTION = 1024  # bytes, as in Python's socket module

AF_UNSPEC = _platform.AF_UNSPEC


@cython.auto_pickle(False)
cdef class sock(Descriptor):
    """sock(domain=AF.INET, stype=SOCK.STREAM, protocol=0, fd=-1)\n--\n
    A socket. Methods that cannot go on let other coroutines run meanwhile.

    Several coroutines may use one socket, for reading and for writing at once: they are
    served in the order in which they came.

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
        family, type, proto: the same, by the names and types that Python's sockets have.

    Raises:
        OSError: the system refuses (socket(2)).
    """

    def __init__(
            self, Py_ssize_t domain=_platform.AF_INET, Py_ssize_t stype=_platform.SOCK_STREAM,
            Py_ssize_t protocol=0, Py_ssize_t fd=-1):
        cdef int is_socket = 1, number = c_int("fd", fd)
        if self.orig_fd != -1:
            raise RuntimeError("this socket was initialized before")
        if number < -1:
            raise ValueError(f"fd must be a descriptor, or -1 to make a new one, not {number}")
        self.domain = c_int("domain", domain)
        self.stype = c_int("stype", stype) & ~CORO_TYPE_FLAGS
        self.protocol = c_int("protocol", protocol)
        if number == -1:
            number = coro_socket(self.domain, self.stype, self.protocol)
            if number < 0:
                raise_errno()
        else:
            is_socket = coro_is_socket(number)
            if is_socket < 0 or coro_fd_setup(number) < 0:
                raise_errno()
            self.telling = TELLS_NOTHING  # others may have it too
        self.own(number, is_socket)

    def __repr__(self):
        return (f"<sock fd={self.fd} domain={self.domain} stype={self.stype}"
                f"{'' if self.fd >= 0 else f' closed, was {self.orig_fd}'}>")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    @property
    def family(self):
        """The address family, an `AF` if it has a name there."""
        return named(AF, self.domain)

    @property
    def type(self):
        """The type, a `SOCK` if it has a name there."""
        return named(SOCK, self.stype)

    @property
    def proto(self):
        """The protocol, an int."""
        return self.protocol

    # -- the descriptor

    def fileno(self):
        """The number of the descriptor; -1 once it is closed."""
        return self.fd

    def get_fileno(self):
        """The same as `fileno`."""
        return self.fd

    def close(self):
        """Close it. Who waits on it gets `ClosedError`. Safe to call again."""
        self.close_fd()

    def detach(self):
        """Give up the descriptor without closing it. Returns its number; -1 if closed."""
        return self.release_fd()

    def dup(self):
        """A new socket object with a new descriptor for the same open socket (dup(2)), of the
        same domain, type and timeout."""
        cdef sock made = self.__class__.__new__(self.__class__)
        cdef int fd = coro_dup(self.open_fd())
        if fd < 0:
            raise_errno()
        self.hide_what_is_left()
        made.hide_what_is_left()
        made.inherit(self, fd)
        made.timeout = self.timeout
        return made

    def makefile(self, mode="r", Py_ssize_t bufsize=-1, *, encoding=None, errors=None, newline=None):
        """A file object over a `dup` of this socket.

        What an interrupted `recv_exact` has left goes to a file that reads. A file with a buffer
        may lose what it has received when its own reading is interrupted, as those of Python's
        sockets do.

        Args:
            mode: as for the builtin `open`: "r", "w", "rw", and "b" for bytes.
            bufsize: 0 for no buffer (bytes only), 1 for line buffering, or the size of the
                buffer in bytes; -1 for the usual size.
            encoding, errors, newline: as for `open`, for text.

        Returns:
            an object of the standard `io` classes. Closing it leaves this socket open. With a
            buffer it is for one coroutine at a time.

        Raises:
            TypeError, ValueError: as `open`, of a mode or a size that makes no sense.
            OSError: no descriptor is free, among others.
        """
        cdef sock copy
        raw_mode, binary = _makefile.check(mode, bufsize)
        copy = self.dup()
        file = _makefile.make(_makefile.SocketFile(copy, raw_mode), bufsize, binary, encoding, errors, newline)
        if "r" in raw_mode:
            copy.kept, self.kept = self.kept, None
        return file

    def shutdown(self, Py_ssize_t how):
        """Shut down one or both halves of the connection (shutdown(2)); see `SHUT`.

        Raises:
            OSError: it is not connected, among others.
        """
        if c_shutdown(self.open_fd(), c_int("how", how)) < 0:
            raise_errno()

    # -- timeouts

    def settimeout(self, timeout):
        """Let each operation take at most that long.

        Args:
            timeout: seconds; None for no limit, 0 to raise `BlockingIOError` rather than wait.

        Raises:
            ValueError: `timeout` is negative or not a number.
            TypeError: it is of another type.
        """
        cdef double seconds
        if timeout is None:
            self.timeout = -1
            return
        try:
            seconds = timeout
        except TypeError:
            raise TypeError(f"timeout must be a number of seconds or None, not {timeout!r}") from None
        if not seconds >= 0:
            raise ValueError(f"timeout must be a number of seconds from 0 on, or None, not {timeout!r}")
        self.timeout = INT64_MAX // 4 if seconds > 1e9 else <long long> (seconds * 1e9 + 0.5)
        if seconds > 0 and self.timeout == 0:
            self.timeout = 1

    def gettimeout(self):
        """The limit that `settimeout` has set, seconds; None if there is none."""
        return None if self.timeout < 0 else self.timeout / 1e9

    def setblocking(self, flag):
        """``settimeout(None)`` if `flag` is true, else ``settimeout(0)``. Other coroutines run
        during a wait in either case."""
        self.timeout = -1 if flag else 0

    def getblocking(self):
        """Whether an operation may wait: False with a timeout of 0."""
        return self.timeout != 0

    def get_inheritable(self):
        """Whether a program that is executed gets the descriptor; False unless it was set."""
        return os.get_inheritable(self.open_fd())

    def set_inheritable(self, inheritable):
        """Set whether a program that is executed gets the descriptor."""
        os.set_inheritable(self.open_fd(), inheritable)

    # -- waiting

    def wait_for_read(self):
        """Wait until something can be read.

        Returns:
            how much: bytes (0 at the end of a stream; of datagrams, the size of the first
            one), or of a socket that listens how many connections wait to be accepted. Where
            the system does not tell, 1.

        Raises:
            OSError: the system's error; ClosedError: it is closed, or was meanwhile.
        """
        return _readiness.wait_until_ready(self, CORO_READ)

    def wait_for_write(self):
        """Wait until something can be written.

        Returns:
            how many bytes there is room for, about: the system counts its own overhead too.

        Raises:
            as `wait_for_read`.
        """
        return _readiness.wait_until_ready(self, CORO_WRITE)

    # -- receiving

    def recv(self, Py_ssize_t buffer_size, Py_ssize_t flags=0):
        """Receive what has come, at most `buffer_size` bytes.

        Args:
            buffer_size: bytes.
            flags: as in recv(2).

        Returns:
            the data; ``b""`` at the end of the stream.

        Raises:
            OSError: the system's error, such as `ConnectionResetError`.
            ClosedError: the socket is closed, or was closed meanwhile.
            TimeoutError: it took longer than `settimeout` allows.
            ValueError: `buffer_size` is negative.
        """
        if buffer_size <= 0:
            return nothing(self, "buffer_size", buffer_size)
        return _stream.recv(self, buffer_size, c_int("flags", flags))

    def read(self, Py_ssize_t buffer_size):
        """The same as `recv`."""
        if buffer_size <= 0:
            return nothing(self, "buffer_size", buffer_size)
        return _stream.recv(self, buffer_size, 0)

    def recv_into(self, buffer, Py_ssize_t nbytes=0, Py_ssize_t flags=0):
        """Receive into a writable buffer.

        Args:
            buffer: any contiguous writable object with the buffer protocol.
            nbytes: how much to receive at the most; 0 for the size of the buffer.
            flags: as in recv(2).

        Returns:
            the number of bytes received; 0 at the end of the stream.

        Raises:
            as `recv`; ValueError: `nbytes` is negative or larger than the buffer;
            TypeError: `buffer` is not contiguous or not writable.
        """
        cdef Py_buffer view
        cdef Py_ssize_t size
        get_writable(buffer, &view)
        try:
            size = amount(&view, nbytes)
            if size == 0:
                return len(nothing(self, "nbytes", size))
            return _stream.recv_into(self, <char *> view.buf, size, c_int("flags", flags))
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
        if bytes < 0:
            refuse_negative("bytes", bytes)
        return _stream.recv_exact(self, bytes)

    def readv(self, size_list):
        """Receive into several buffers, until all are full or the stream ends.

        Args:
            size_list: the sizes of the buffers, bytes.

        Returns:
            a tuple of as many bytes objects of these sizes. If the stream ends before, only
            those that were filled, the last one perhaps in part.

        Raises:
            as `recv_exact`, but for EOFError.
        """
        return _vectored.readv(self, size_list)

    def recvfrom(self, Py_ssize_t buffer_size, Py_ssize_t flags=0):
        """Receive, and tell from whom.

        Returns:
            ``(data, address)``; of a connected stream the address is None.

        Raises:
            as `recv`.
        """
        if buffer_size < 0:
            refuse_negative("buffer_size", buffer_size)
        return _datagram.recvfrom(self, buffer_size, c_int("flags", flags))

    def recvfrom_into(self, buffer, Py_ssize_t nbytes=0, Py_ssize_t flags=0):
        """Receive into a writable buffer, and tell from whom.

        Args:
            as for `recv_into`.

        Returns:
            ``(number of bytes, address)``.

        Raises:
            as `recv_into`.
        """
        cdef Py_buffer view
        get_writable(buffer, &view)
        try:
            return _datagram.recvfrom_into(
                self, buffer, <char *> view.buf, amount(&view, nbytes), c_int("flags", flags))
        finally:
            PyBuffer_Release(&view)

    def recvmsg(self, Py_ssize_t bufsize, Py_ssize_t ancbufsize=0, Py_ssize_t flags=0):
        """Receive with ancillary data: as `socket.socket.recvmsg`.

        Returns:
            ``(data, ancillary data, flags, address)``.

        Raises:
            as `recv`.
        """
        if bufsize < 0:
            refuse_negative("bufsize", bufsize)
        return _ancillary.recvmsg(self, bufsize, ancillary_size(ancbufsize), c_int("flags", flags))

    def recvmsg_into(self, buffers, Py_ssize_t ancbufsize=0, Py_ssize_t flags=0):
        """Receive into several buffers, with ancillary data: as `socket.socket.recvmsg_into`.

        Returns:
            ``(number of bytes, ancillary data, flags, address)``.

        Raises:
            as `recv_into`.
        """
        return _ancillary.recvmsg_into(self, buffers, ancillary_size(ancbufsize), c_int("flags", flags))

    # -- sending

    def send(self, data, Py_ssize_t flags=0):
        """Send all of `data`.

        Args:
            data: any contiguous object with the buffer protocol.
            flags: as in send(2).

        Returns:
            the number of bytes sent, which is the size of `data`; it may be less only with a
            timeout of 0.

        Raises:
            OSError: the system's error, such as `BrokenPipeError`.
            ClosedError: the socket is closed, or was closed meanwhile.
            TimeoutError: it took longer than `settimeout` allows; a part may have been sent.
        """
        return _stream.send_data(self, data, c_int("flags", flags))

    def sendall(self, data, Py_ssize_t flags=0):
        """The same as `send`."""
        return _stream.send_data(self, data, c_int("flags", flags))

    def write(self, data):
        """The same as `send`."""
        return _stream.send_data(self, data, 0)

    def writev(self, data):
        """Send all of several buffers.

        Args:
            data: a sequence of contiguous objects with the buffer protocol.

        Returns:
            the number of bytes sent, which is the sum of their sizes.

        Raises:
            as `send`.
        """
        return _vectored.writev(self, data)

    def sendto(self, data, address, flags=0):
        """Send a message to an address.

        Args:
            data: any contiguous object with the buffer protocol.
            address: to whom; a host's name is looked up first.
            flags: as in sendto(2). Python's order, ``sendto(data, flags, address)``, works too.

        Returns:
            the number of bytes sent.

        Raises:
            as `send`; and as `connect`, of the address.
        """
        cdef Py_buffer view
        cdef int number
        if isinstance(address, int):
            address, flags = flags, address
        number = c_int("flags", flags)
        self.open_fd()
        address = self.with_number(address, True)
        if _foreign.is_foreign(self):
            return _foreign.retry(self, CORO_WRITE, number, "sendto", (data, number | _platform.MSG_NOSIGNAL, address))
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            return _datagram.sendto(self, <const char *> view.buf, view.len, number, address)
        finally:
            PyBuffer_Release(&view)

    def sendmsg(self, buffers, ancdata=(), Py_ssize_t flags=0, address=None):
        """Send with ancillary data: as `socket.socket.sendmsg`.

        Returns:
            the number of bytes sent, which may be less than there are.

        Raises:
            as `send`.
        """
        self.open_fd()
        if address is not None:
            address = self.with_number(address, True)
        return _ancillary.sendmsg(self, buffers, ancdata, c_int("flags", flags), address)

    def sendfile(self, file, offset=0, count=None):
        """Send a file, or what else can be read.

        Args:
            file: an object open for reading bytes.
            offset: where to begin, bytes.
            count: how much to send, bytes; None for all that follows.

        Returns:
            the number of bytes sent. The file's position is behind them then.

        Raises:
            ValueError: it is a text file, this is no stream or has a timeout of 0, or a number
                is out of range.
            others as `send`.
        """
        return _sendfile.sendfile(self, file, offset, count)

    # -- connecting

    def bind(self, address):
        """Bind it to an address.

        Args:
            address: ``(ip, port)`` for IP, where ``""`` is any address and port 0 a free one; a
                str or bytes for UNIX; for other families as in Python's socket module.

        Raises:
            OSError: the system's error, such as EADDRINUSE.
            TypeError, ValueError, OverflowError: `address` has not the right form.
        """
        self.open_fd()
        _connections.bind(self, self.with_number(address, True))

    def listen(self, Py_ssize_t backlog=128):
        """Listen for connections.

        Args:
            backlog: how many may wait to be accepted (listen(2)).
        """
        if c_listen(self.open_fd(), max(c_int("backlog", backlog), 0)) < 0:
            raise_errno()
        self.drained = False

    def accept(self):
        """Wait for a connection and accept it.

        Returns:
            ``(socket, address)``: a new `sock`, and the address of the other side.

        Raises:
            OSError: the system's error. With EMFILE or ENFILE (no descriptor is free) the
                connection stays in the backlog and can be accepted later.
        """
        return _connections.accept(self)

    def accept_many(self, Py_ssize_t max=0):
        """Wait for a connection, and accept it and all others that wait.

        Args:
            max: accept at most that many; 0 for no limit.

        Returns:
            a list of ``(socket, address)``, with one at the least.

        Raises:
            as `accept`, if not even one could be accepted.
        """
        if max < 0:
            refuse_negative("max", max)
        return _connections.accept_many(self, max)

    def connect(self, address):
        """Connect to an address; a host's name is looked up first.

        Raises:
            OSError: the system's error, such as `ConnectionRefusedError`; or
                `socket.gaierror` if the name is not known.
            TimeoutError: it took longer than `settimeout` allows.
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
        self.open_fd()
        # A name is looked up before anything is tried, as that may take long.
        _connections.connect(self, self.with_number(address, resolve))

    def connect_ex(self, address):
        """As `connect`, but the system's errors are returned: the errno, 0 for success, EAGAIN
        if it took too long.

        Raises:
            TypeError, ValueError, OverflowError, socket.gaierror: as `connect`.
        """
        if self.fd < 0:
            return EBADF
        address = self.with_number(address, True)
        try:
            _connections.connect(self, address)
        except TimeoutError as error:
            return error.errno or EAGAIN
        except OSError as error:
            if error.errno is None:
                raise
            return error.errno
        return 0

    cdef object with_number(self, object address, bint resolve):
        """`address` with its host as a number, looked up if need be."""
        cdef Address parsed
        if not self.is_socket and self.fd >= 0:
            raise_error(ENOTSOCK)
        if _foreign.is_foreign(self) or parse(self.domain, address, &parsed) != NEEDS_RESOLVING:
            return address
        if not resolve:
            raise ValueError(
                f"the host {address[0]!r} is not a numeric address: use connect(), which looks "
                "up names, or connect_addr(address, resolve=True)")
        return _resolver.resolve(address, self.domain, self.stype, self.protocol)

    def getsockname(self):
        """Its own address; ``""`` for the host stands for any address."""
        return _connections.local_address(self)

    def getpeername(self):
        """The address of the other side."""
        return _connections.peer_address(self)

    # -- options

    def getsockopt(self, Py_ssize_t level, Py_ssize_t optname, Py_ssize_t buflen=0):
        """The value of an option (getsockopt(2)).

        Args:
            level: a `SOL` or `IPPROTO`.
            optname: an `SO`, `TCP`, ... of that level.
            buflen: the size of the value, bytes, if it is not an int.

        Returns:
            an int if `buflen` is 0, else bytes.
        """
        cdef int value = 0, its_level = c_int("level", level), its_name = c_int("optname", optname)
        cdef socklen_t size = sizeof(value)
        if buflen == 0:
            if c_getsockopt(self.open_fd(), its_level, its_name, &value, &size) < 0:
                raise_errno()
            return value
        if not 0 <= c_int("buflen", buflen) <= LONGEST_OPTION:
            raise OSError(f"buflen must be 0-{LONGEST_OPTION}, not {buflen}")
        data = PyBytes_FromStringAndSize(NULL, buflen)
        size = <socklen_t> buflen
        if c_getsockopt(self.open_fd(), its_level, its_name, PyBytes_AS_STRING(data), &size) < 0:
            raise_errno()
        return data[:size]

    def setsockopt(self, Py_ssize_t level, Py_ssize_t optname, value, optlen=None):
        """Set an option (setsockopt(2)).

        Args:
            level, optname: as for `getsockopt`.
            value: an int, or an object with the buffer protocol; None to pass no value but
                only the length `optlen`.
            optlen: bytes, for a `value` of None only.
        """
        cdef int number, failed, its_level = c_int("level", level), its_name = c_int("optname", optname)
        cdef Py_buffer view
        # A kernel's TLS makes a short read mean something else; below a limit the poller tells nothing.
        if (its_level == IPPROTO_TCP and its_name == TCP_ULP or
                its_level == SOL_SOCKET and its_name == SO_RCVLOWAT):
            self.empties_by_short_read = self.drained = False
        if its_level == IPPROTO_TCP and its_name == CORO_TCP_INQ:
            self.telling = TELLS_NOTHING  # to us
        if (value is None) != (optlen is not None):
            raise TypeError("setsockopt() takes an optlen if, and only if, value is None")
        if value is None:
            number = c_int("optlen", optlen)
            failed = c_setsockopt(self.open_fd(), its_level, its_name, NULL, <socklen_t> number)
        elif isinstance(value, int):
            number = c_int("value", value)
            failed = c_setsockopt(self.open_fd(), its_level, its_name, &number, sizeof(number))
        else:
            PyObject_GetBuffer(value, &view, PyBUF_SIMPLE)
            try:
                failed = c_setsockopt(self.open_fd(), its_level, its_name, view.buf, <socklen_t> view.len)
            finally:
                PyBuffer_Release(&view)
        if failed < 0:
            raise_errno()

    def set_reuse_addr(self):
        """Set SO_REUSEADDR: the address may be bound while old connections linger."""
        self.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)


# --- arguments ----------------------------------------------------------------------------


cdef int refuse_negative(str name, Py_ssize_t value) except -1:
    raise ValueError(f"{name} must not be negative, but is {value}")


cdef int c_int(str name, Py_ssize_t value) except? -1:
    """An argument that the system takes as an int. The methods declare it as Py_ssize_t, because
    Cython makes an int of 1.5 too."""
    if not INT_MIN <= value <= INT_MAX:
        raise OverflowError(f"{name} must be a C int ({INT_MIN} to {INT_MAX}), but is {value}")
    return <int> value


cdef bytes nothing(Descriptor self, str name, Py_ssize_t size):
    """What is received if no bytes are asked for: that comes at once, as from Python's sockets."""
    if size < 0:
        refuse_negative(name, size)
    self.open_fd()
    return b""


cdef Py_ssize_t ancillary_size(Py_ssize_t size) except -1:
    if not 0 <= size <= INT_MAX:
        raise ValueError(f"ancbufsize, the room for ancillary data, must be 0-{INT_MAX} bytes, not {size}")
    return size


cdef int get_writable(object buffer, Py_buffer *view) except -1:
    try:
        return PyObject_GetBuffer(buffer, view, PyBUF_WRITABLE)
    except (BufferError, TypeError) as error:
        raise TypeError("buffer must be a contiguous writable object with the buffer protocol, which this "
                        f"{type(buffer).__name__} is not") from error


cdef Py_ssize_t amount(Py_buffer *view, Py_ssize_t nbytes) except -1:
    """How much to receive into a buffer."""
    if nbytes < 0:
        refuse_negative("nbytes", nbytes)
    if nbytes > view.len:
        raise ValueError(f"nbytes is {nbytes}, but the buffer has {view.len} bytes")
    return nbytes or view.len


cdef object named(object constants, int value):
    try:
        return constants(value)
    except ValueError:
        return value


# --- sockets from descriptors ---------------------------------------------------------------


def kind_of_socket(Py_ssize_t fd):
    """``(domain, type, protocol)`` of an open descriptor; of one that is no socket,
    ``(AF_UNSPEC, 0, 0)``.

    Raises:
        OSError: it is not open.
    """
    cdef int number = c_int("fd", fd)
    cdef int is_socket = coro_is_socket(number)
    if is_socket < 0:
        raise_errno()
    if not is_socket:
        return _platform.AF_UNSPEC, 0, 0
    return coro_socket_domain(number), coro_socket_type(number), coro_socket_protocol(number)


def socketpair(
        Py_ssize_t domain=_platform.AF_UNIX, Py_ssize_t stype=_platform.SOCK_STREAM, Py_ssize_t protocol=0):
    """Make an unnamed pair of connected sockets (socketpair(2)).

    Args:
        domain: the address family, an `AF`; `AF.UNIX` if not given.
        stype: the type, a `SOCK`; `SOCK.STREAM` if not given.
        protocol: normally 0.

    Returns:
        a tuple of two `sock`.

    Raises:
        OSError: the system refuses.
    """
    cdef int ends[2]
    cdef sock one = sock.__new__(sock), other = sock.__new__(sock)
    for made in (one, other):
        (<sock> made).domain = c_int("domain", domain)
        (<sock> made).stype = c_int("stype", stype) & ~CORO_TYPE_FLAGS
        (<sock> made).protocol = c_int("protocol", protocol)
    if coro_socketpair(one.domain, one.stype, one.protocol, ends) < 0:
        raise_errno()
    one.own(ends[0], True)
    other.own(ends[1], True)
    return one, other


def get_live_sockets():
    """How many socket objects exist, closed ones included."""
    return live_descriptors()
