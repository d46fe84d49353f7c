"""Messages with an address: receiving and telling from whom, sending to whom one wants.

What belongs here: `recvfrom`, `recvfrom_into` and `sendto`. The address that the kernel fills
in is large, so it stands in the functions that try once, which return before anything can
switch. Sockets of other families than IPv4, IPv6 and UNIX go through Python's own (`_foreign`).
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.ref cimport Py_DECREF, PyObject
from libc.errno cimport errno

from coro.interface.capi cimport CORO_READ, CORO_SCRATCH_SIZE, CORO_WRITE, CoroCAPI, Coro_Import
from coro_sock._addresses cimport Address, parse, unparse_peer
from coro_sock._descriptor cimport Attempt, Descriptor
from coro_sock._foreign cimport is_foreign, retry_begun
from coro_sock._platform cimport MSG_NOSIGNAL, c_recvfrom, c_sendto
from coro_sock._stream cimport bytes_start, cut, give_kept, has_kept, need_memory, new_bytes, take_kept

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)


# --- receiving --------------------------------------------------------------------------


cdef object try_recvfrom(Descriptor self, Py_ssize_t size, int flags):
    """``(data, address)`` of one recvfrom(2), or None and errno."""
    cdef Address address
    cdef Py_ssize_t room
    cdef PyObject *made
    cdef char *scratch
    cdef ssize_t n
    cdef int error
    address.size = sizeof(address.of)
    if size <= CORO_SCRATCH_SIZE:
        scratch = core.scratch(&room)
        n = c_recvfrom(self.fd, scratch, size, flags, &address.of.any, &address.size)
        if n < 0:
            return None
        # Before the address, which Python code helps to make: it might use scratch as well.
        data = PyBytes_FromStringAndSize(scratch, min(n, size))  # MSG_TRUNC: n may be larger
    else:
        made = new_bytes(NULL, size)
        n = c_recvfrom(self.fd, bytes_start(made), size, flags, &address.of.any, &address.size)
        if n < 0:
            error = errno
            Py_DECREF(<object> made)
            (&errno)[0] = error
            return None
        data = cut(made, size, min(n, size))
    return data, unparse_peer(self.domain, &address)


cdef object recvfrom(Descriptor self, Py_ssize_t size, int flags):
    """``(data, address)``."""
    cdef Attempt attempt
    need_memory(size)
    try:
        self.begin(&attempt, CORO_READ, flags)
        if has_kept(self, flags):
            return take_kept(self, size, flags), None
        if is_foreign(self):
            return retry_begun(self, &attempt, "recvfrom", (size, flags))
        while True:
            received = try_recvfrom(self, size, flags)
            if received is not None:
                return received
            self.refused(&attempt, errno)
    finally:
        self.end(&attempt)


cdef object try_recvfrom_into(Descriptor self, char *buffer, Py_ssize_t size, int flags):
    """``(number of bytes, address)`` of one recvfrom(2), or None and errno."""
    cdef Address address
    cdef ssize_t n
    address.size = sizeof(address.of)
    n = c_recvfrom(self.fd, buffer, size, flags, &address.of.any, &address.size)
    return None if n < 0 else (n, unparse_peer(self.domain, &address))


cdef object recvfrom_into(Descriptor self, object buffer, char *start, Py_ssize_t size, int flags):
    """``(number of bytes, address)``, into `buffer`, which begins at `start`."""
    cdef Attempt attempt
    try:
        self.begin(&attempt, CORO_READ, flags)
        if has_kept(self, flags):
            return give_kept(self, start, size, flags), None
        if is_foreign(self):
            return retry_begun(self, &attempt, "recvfrom_into", (buffer, size, flags))
        while True:
            received = try_recvfrom_into(self, start, size, flags)
            if received is not None:
                return received
            self.refused(&attempt, errno)
    finally:
        self.end(&attempt)


# --- sending ----------------------------------------------------------------------------


cdef ssize_t try_sendto(Descriptor self, const char *data, Py_ssize_t size, int flags, object address) except -2:
    cdef Address parsed
    parse(self.domain, address, &parsed)
    return c_sendto(self.fd, data, size, flags | MSG_NOSIGNAL, &parsed.of.any, parsed.size)


cdef Py_ssize_t sendto(Descriptor self, const char *data, Py_ssize_t size, int flags, object address) except -1:
    """One message to an address whose host is a number; how much of it was sent."""
    cdef Attempt attempt
    cdef ssize_t n
    try:
        self.begin(&attempt, CORO_WRITE, flags)
        while True:
            n = try_sendto(self, data, size, flags, address)
            if n >= 0:
                return n
            self.refused(&attempt, errno)
    finally:
        self.end(&attempt)
