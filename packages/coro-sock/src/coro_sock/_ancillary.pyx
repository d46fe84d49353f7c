"""Messages with ancillary data: descriptors, credentials, packet information.

What belongs here: `recvmsg`, `recvmsg_into` and `sendmsg`. Python's own socket does the work
(`_foreign`); what is added is the waiting, our form of addresses, and the data that an
interrupted receive has left.
"""

from coro.interface.capi cimport CORO_READ, CORO_WRITE
from coro_sock._addresses cimport in_our_form
from coro_sock._descriptor cimport Descriptor
from coro_sock._foreign cimport retry
from coro_sock._stream cimport has_kept, recv


cdef tuple recvmsg(Descriptor self, Py_ssize_t size, Py_ssize_t ancillary_size, int flags):
    if has_kept(self, flags):
        return recv(self, size, flags), [], 0, None
    data, ancillary, its_flags, address = retry(
        self, CORO_READ, flags, "recvmsg", (size, ancillary_size, flags))
    return data, ancillary, its_flags, in_our_form(self.domain, address)


cdef tuple recvmsg_into(Descriptor self, object buffers, Py_ssize_t ancillary_size, int flags):
    cdef list views = [memoryview(each).cast("B") for each in buffers]
    if has_kept(self, flags):
        return scatter(recv(self, sum([len(each) for each in views]), flags), views), [], 0, None
    n, ancillary, its_flags, address = retry(
        self, CORO_READ, flags, "recvmsg_into", (views, ancillary_size, flags))
    return n, ancillary, its_flags, in_our_form(self.domain, address)


cdef Py_ssize_t scatter(bytes data, list views) except -1:
    rest = data
    for each in views:
        n = min(len(each), len(rest))
        each[:n] = rest[:n]
        rest = rest[n:]
    return len(data)


cdef object sendmsg(Descriptor self, object buffers, object ancillary, int flags, object address):
    # What an iterator gives can be had only once, and a try may have to be repeated.
    return retry(self, CORO_WRITE, flags, "sendmsg", (list(buffers), list(ancillary), flags, address))
