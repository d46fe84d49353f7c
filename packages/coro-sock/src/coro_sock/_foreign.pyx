"""What Python's own socket knows better.

What belongs here: calling a method of `_socket.socket` on one of our descriptors. It has the
forms of addresses of some thirty families (AF_VSOCK, AF_NETLINK, AF_PACKET ...), and parses
ancillary data; doing that again in C would gain nothing.

The object of `_socket` lives for one call: it would close the descriptor when it is dropped,
so it is made to let go of it at once. Our descriptors never block, and it thinks that it has
no timeout, so it neither polls nor waits.
"""

from coro_sock._descriptor cimport Attempt, Descriptor
from coro_sock._errors cimport raise_error
from coro_sock._platform cimport AF_INET, AF_INET6, AF_UNIX

import _socket

# The real one, whatever is emulated later.
cdef object PythonSocket = _socket.socket


cdef bint is_foreign(Descriptor self) noexcept:
    """Whether its addresses are left to Python."""
    return self.is_socket and self.domain != AF_INET and self.domain != AF_INET6 and self.domain != AF_UNIX


cdef object call(Descriptor self, str method, tuple args):
    twin = PythonSocket(self.domain, self.stype, self.protocol, self.open_fd())
    try:
        if twin.gettimeout() is not None:  # socket.setdefaulttimeout() has been called
            twin.settimeout(0)
        return getattr(twin, method)(*args)
    finally:
        twin.detach()


cdef object ask(Descriptor self, str method, tuple args):
    """Call a method that never waits.

    Raises:
        what the method raises, as the classes of `coro.oserrors` if there is an errno.
    """
    self.open_fd()
    try:
        return call(self, method, args)
    except OSError as error:
        number = error.errno
        if type(number) is not int or isinstance(error, _socket.gaierror):
            raise
    raise_error(number)


cdef object retry(Descriptor self, int events, int flags, str method, tuple args):
    """Call a method until the kernel does not ask to wait."""
    cdef Attempt attempt
    try:
        self.begin(&attempt, events, flags)
        return retry_begun(self, &attempt, method, args)
    finally:
        self.end(&attempt)


cdef object retry_begun(Descriptor self, Attempt *attempt, str method, tuple args):
    """The same in an operation that has begun."""
    while True:
        try:
            return call(self, method, args)
        except OSError as error:
            number = error.errno
            if type(number) is not int or isinstance(error, _socket.gaierror):
                raise
        self.refused(attempt, number)
