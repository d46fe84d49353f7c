"""`io`: file objects of pipes, terminals and sockets.

What belongs here: the methods of `io.FileIO` that read and write, and those of the buffered
classes on it that must not meet in the middle of one. Files on disks are left to the originals:
they cannot be polled, and reading them blocks the OS thread (`coro.run_in_thread` runs what
takes long).

These are the file objects that `subprocess` and `os.popen` give, and `sys.stdin` and its kin.
Both classes are written in C and changed in place, since Python's buffered and text files find
the methods of what is below them by name.

A buffered object has a lock of its own, by OS thread: two coroutines of one thread that use it
at once get RuntimeError ("reentrant call inside ..."), where two threads would wait for each
other. Then nothing has been done yet, so the second waits for the first and tries again.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.ref cimport PyObject

from coro.interface.capi cimport CORO_FOREVER, CoroCAPI, Coro_Import
from coro_patch._foundation._descriptor cimport may_wait, read_bytes, read_into, write_from
from coro_patch._foundation._identity cimport identity
from coro_patch._foundation._waiting cimport Queue, Waiter, append, free_waiter, new_waiter, park, wake_all

import functools
import io

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef extern from "_platform.h":
    int coro_finalizing()
    bint coro_is_nonblocking(int fd)

cdef enum:
    CHUNK = 65536          # bytes that readall() asks for at a time

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)

cdef object FileIO = io.FileIO

cdef object original_readinto = FileIO.readinto
cdef object original_read = FileIO.read
cdef object original_readall = FileIO.readall
cdef object original_close = FileIO.close
cdef object original_write = FileIO.write
cdef object original_fileno = FileIO.fileno
cdef object original_readable = FileIO.readable
cdef object original_writable = FileIO.writable


# --- who is in the middle of a call ----------------------------------------------------


cdef class Call:
    """One call of a FileIO that may be waiting."""

    cdef unsigned long caller
    cdef Queue others

cdef dict calls = {}  # of each FileIO, by its id


cdef Call begin(self):
    cdef Call call = Call.__new__(Call)
    call.caller = identity()
    calls[id(self)] = call
    return call


cdef int end(self, Call call) except -1:
    if calls.get(id(self)) is call:
        del calls[id(self)]
    wake_all(&call.others)
    return 0


cdef bint wait_for_other(buffered) except -1:
    """Wait until another coroutine has ended its call; False if there is none."""
    cdef Waiter *waiter
    cdef Call call = calls.get(id(getattr(buffered, "raw", None)))
    if call is None or call.caller == identity():
        return False
    waiter = new_waiter()
    append(&call.others, waiter)
    try:
        park("file", <PyObject *> buffered, CORO_FOREVER)
    finally:
        free_waiter(&call.others, waiter)
    return True


def buffered(original):
    """A method of a buffered class that lets another coroutine end its call first."""

    @functools.wraps(original)
    def method(self, *args, **kwargs):
        while True:
            try:
                return original(self, *args, **kwargs)
            except RuntimeError:
                if not calls or not wait_for_other(self):
                    raise

    return method


# --- FileIO ----------------------------------------------------------------------------


cdef int fd_of(self, able, int *kind) except -2:
    """The descriptor, if it may have to wait; else -1. Complaints are left to the original."""
    cdef int fd
    if not isinstance(self, FileIO) or self.closed or not able(self):
        return -1
    fd = original_fileno(self)
    return fd if may_wait(fd, kind) else -1


cdef Py_ssize_t move(self, int fd, int kind, buffer, bint reading) except -2:
    """Read into a buffer, or write from it; how many bytes, or -1 if the original shall do it."""
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE if reading else PyBUF_SIMPLE)
    call = begin(self)
    try:
        if reading:
            return read_into(fd, <char *> view.buf, view.len, kind)
        return write_from(fd, <const char *> view.buf, view.len, kind)
    finally:
        end(self, call)
        PyBuffer_Release(&view)


def readinto(self, buffer, /):
    """Read into a buffer: see `io.RawIOBase.readinto`."""
    cdef int kind, fd = fd_of(self, original_readable, &kind)
    cdef Py_ssize_t n = move(self, fd, kind, buffer, True) if fd >= 0 else -1
    return n if n >= 0 else original_readinto(self, buffer)


def read(self, size=-1, /):
    """Read at most `size` bytes: see `io.RawIOBase.read`."""
    cdef int kind, fd
    if size is None or type(size) is int and size < 0:
        return self.readall()
    fd = fd_of(self, original_readable, &kind)
    if fd >= 0 and type(size) is int and size < 1 << 31:
        call = begin(self)
        try:
            data = read_bytes(fd, size, kind)
        finally:
            end(self, call)
        if data is not None:
            return data
    return original_read(self, size)


def readall(self):
    """Read until the end: see `io.RawIOBase.readall`."""
    cdef int kind, fd = fd_of(self, original_readable, &kind)
    if fd < 0 or coro_is_nonblocking(fd):
        return original_readall(self)
    pieces = []
    call = begin(self)
    try:
        while data := read_bytes(fd, CHUNK, kind):
            pieces.append(data)
    finally:
        end(self, call)
    if data is None:  # the program has made it non-blocking meanwhile
        rest = original_readall(self)
        if rest is not None:
            pieces.append(rest)
        elif not pieces:
            return None
    return b"".join(pieces)


def write(self, data, /):
    """Write bytes, all of them: see `io.RawIOBase.write`."""
    cdef int kind, fd = fd_of(self, original_writable, &kind)
    cdef Py_ssize_t n = move(self, fd, kind, data, False) if fd >= 0 else -1
    return n if n >= 0 else original_write(self, data)


def close(self):
    """Close it: see `io.IOBase.close`. Who waits on it gets `coro.ClosedError`."""
    if isinstance(self, FileIO) and not coro_finalizing() and not self.closed and self.closefd:
        core.close_fd(original_fileno(self))
    return original_close(self)
