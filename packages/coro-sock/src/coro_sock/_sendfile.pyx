"""Sending a file.

What belongs here: `sendfile`. Of a regular file the kernel copies the contents itself
(sendfile(2)). Of any other object with a `read` method, and where the kernel refuses, they
are read and sent block by block.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.errno cimport EINVAL, ENOSYS, ENOTSOCK, EOPNOTSUPP, errno
from libc.stdint cimport INT64_MAX, int64_t

from coro.interface.capi cimport CORO_WRITE
from coro_sock._descriptor cimport Attempt, Descriptor
from coro_sock._platform cimport SOCK_STREAM, coro_sendfile
from coro_sock._stream cimport try_send

import io
import operator
import os
import stat

cdef enum:
    BLOCK = 65536           # bytes that are read and sent at a time
    LONGEST = 1 << 30       # bytes for one sendfile(2)


cdef object sendfile(Descriptor self, object file, object offset, object count):
    """How many bytes were sent: `count`, or as many as there are from `offset` on. The file's
    position is behind them then."""
    cdef int64_t begin, at, most
    check(self, file, count)
    begin = at = operator.index(offset)
    most = INT64_MAX if count is None else min(count, INT64_MAX)
    source = descriptor_of(file)
    try:
        if source is None or not send_by_kernel(self, source, &at, most):
            if at:
                file.seek(at)
            send_by_blocks(self, file, &at, most)
        return at - begin
    finally:
        if source is not None:
            os.close(source)
        if at > begin and can_seek(file):
            file.seek(at)


cdef int check(Descriptor self, object file, object count) except -1:
    self.open_fd()
    if isinstance(file, io.TextIOBase) or "b" not in getattr(file, "mode", "b"):
        raise ValueError("file must be opened in binary mode")
    if self.is_socket and self.stype != SOCK_STREAM:
        raise ValueError("only SOCK.STREAM sockets can send files")
    if count is not None and not isinstance(count, int):
        raise TypeError(f"count must be a positive integer, not {count!r}")
    if count is not None and count <= 0:
        raise ValueError(f"count must be a positive integer, not {count!r}")
    if self.timeout == 0:
        raise ValueError("a socket that does not wait (timeout 0) cannot send files")
    return 0


cdef bint can_seek(object file) except -1:
    """Whether it has a position: a pipe's file has a `seek` that refuses."""
    if getattr(file, "closed", False):
        return False
    return hasattr(file, "seek") and (not hasattr(file, "seekable") or file.seekable())


cdef object descriptor_of(object file):
    """A duplicate of the descriptor of a regular file, or None. The file may be closed, and
    its number used again, while the socket is waited for."""
    try:
        source = file.fileno()
        regular = stat.S_ISREG(os.fstat(source).st_mode)
    except (AttributeError, OSError):  # io.UnsupportedOperation is an OSError
        return None
    return os.dup(source) if regular else None


cdef bint send_by_kernel(Descriptor self, int source, int64_t *at, int64_t most) except -1:
    """False, and nothing has been sent, if the kernel cannot do that."""
    cdef Attempt attempt
    cdef int64_t sent = 0
    cdef ssize_t n
    cdef int fd
    try:
        self.begin(&attempt, CORO_WRITE, 0)
        while sent < most:
            fd = self.fd
            with nogil:  # it may read from a disk
                n = coro_sendfile(fd, source, at, <size_t> min(<int64_t> LONGEST, most - sent))
            if n == 0:
                break
            if n > 0:
                sent += n
                self.go_on(&attempt, 0)
            elif not sent and errno in (EINVAL, ENOSYS, ENOTSOCK, EOPNOTSUPP):
                return False
            else:
                self.refused(&attempt, errno)
        return True
    finally:
        self.end(&attempt)


cdef int send_by_blocks(Descriptor self, object file, int64_t *at, int64_t most) except -1:
    cdef Attempt attempt
    cdef int64_t end = INT64_MAX if most > INT64_MAX - at[0] else at[0] + most
    try:
        self.begin(&attempt, CORO_WRITE, 0)
        self.take_turn(&attempt)  # others run while the file is read, if that waits
        while at[0] < end:
            data = file.read(min(<int64_t> BLOCK, end - at[0]))
            if not data:
                break
            send_block(self, &attempt, data, at)
    finally:
        self.end(&attempt)
    return 0


cdef int send_block(Descriptor self, Attempt *attempt, object data, int64_t *at) except -1:
    """Send all of it, and move `at` on with each part that is gone."""
    cdef Py_buffer view
    cdef Py_ssize_t sent = 0
    cdef ssize_t n
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        while sent < view.len:
            n = try_send(self, <const char *> view.buf + sent, view.len - sent, 0)
            if n >= 0:
                sent += n
                at[0] += n
                self.go_on(attempt, 0)
            else:
                self.refused(attempt, errno)
    finally:
        PyBuffer_Release(&view)
    return 0
