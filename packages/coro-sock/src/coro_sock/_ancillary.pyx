"""Messages with ancillary data: descriptors, credentials, packet information.

What belongs here: `recvmsg`, `recvmsg_into` and `sendmsg`. Python's own socket does the work
(`_foreign`); what is added is the waiting, our form of addresses, and the data that an
interrupted receive has left.
"""

from coro.interface.capi cimport CORO_READ, CORO_WRITE
from coro_sock._addresses cimport in_our_form
from coro_sock._descriptor cimport Attempt, Descriptor
from coro_sock._foreign cimport retry, retry_begun
from coro_sock._platform cimport MSG_NOSIGNAL
from coro_sock._stream cimport has_kept, need_memory, take_kept


cdef tuple recvmsg(Descriptor self, Py_ssize_t size, Py_ssize_t ancillary_size, int flags):
    cdef Attempt attempt
    need_memory(size)
    if ancillary_size:
        self.hide_what_is_left()
    try:
        self.begin(&attempt, CORO_READ, flags)
        if has_kept(self, flags):
            return take_kept(self, size, flags), [], 0, None
        data, ancillary, its_flags, address = retry_begun(
            self, &attempt, "recvmsg", (size, ancillary_size, flags))
        return data, ancillary, its_flags, in_our_form(self.domain, address)
    finally:
        self.end(&attempt)


cdef tuple recvmsg_into(Descriptor self, object buffers, Py_ssize_t ancillary_size, int flags):
    cdef Attempt attempt
    cdef list views = [writable(number, each) for number, each in enumerate(buffers)]
    if ancillary_size:
        self.hide_what_is_left()
    try:
        self.begin(&attempt, CORO_READ, flags)
        if has_kept(self, flags):
            return scatter(take_kept(self, sum([len(each) for each in views]), flags), views), [], 0, None
        n, ancillary, its_flags, address = retry_begun(
            self, &attempt, "recvmsg_into", (views, ancillary_size, flags))
        return n, ancillary, its_flags, in_our_form(self.domain, address)
    finally:
        self.end(&attempt)


cdef object writable(object number, object buffer):
    """A view of the bytes of a buffer."""
    view = memoryview(buffer)
    if view.readonly:
        raise TypeError(f"buffers[{number}] must be a writable object with the buffer protocol, not "
                        f"{type(buffer).__name__}")
    return view.cast("B")


cdef Py_ssize_t scatter(bytes data, list views) except -1:
    rest = data
    for each in views:
        n = min(len(each), len(rest))
        each[:n] = rest[:n]
        rest = rest[n:]
    return len(data)


cdef object sendmsg(Descriptor self, object buffers, object ancillary, int flags, object address):
    # What an iterator gives can be had only once, and a try may have to be repeated.
    return retry(self, CORO_WRITE, flags, "sendmsg", (list(buffers), list(ancillary), flags | MSG_NOSIGNAL, address))
