"""`os`: descriptors that may have to wait, and child processes.

What belongs here: the functions of `os` that block for as long as another process likes. How a
descriptor is read and written stands in `_descriptor`, how a child is waited for in coro-core.
`os.fork` is the original: coro-core cleans up in the child. `pread`, `pwrite` and their kin are
for files, which are always ready. `splice`, and opening a FIFO, block.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer

from coro.interface.capi cimport CORO_FOREVER, CORO_READ, CORO_WRITE, CoroCAPI, Coro_Import
from coro_patch._emulated._socket_owner cimport disown
from coro_patch._foundation._descriptor cimport may_wait, read_bytes, write_from
from coro_patch._foundation._identity cimport in_coroutine

import _socket
import os

import coro
from coro_patch._foundation._offload import offload

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef extern from "_platform.h":
    int coro_finalizing()
    const int CORO_SOCKET
    const int POLLIN
    bint coro_is_nonblocking(int fd)
    bint coro_is_ready(int fd, int events)

cdef enum:
    LARGEST_READV = 1 << 20    # bytes at a time
    LARGEST_NUMBER = 0x7FFFFFFF

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)

cdef object original_close = os.close
cdef object original_dup2 = os.dup2
cdef object original_closerange = os.closerange
cdef object original_close_socket = _socket.close
cdef object original_read = os.read
cdef object original_write = os.write
cdef object original_readv = os.readv
cdef object original_writev = os.writev
cdef object original_sendfile = getattr(os, "sendfile", None)
cdef object original_eventfd_read = getattr(os, "eventfd_read", None)
cdef object original_waitpid = os.waitpid
cdef object original_wait = os.wait
cdef object original_wait3 = os.wait3
cdef object original_wait4 = os.wait4
cdef object original_waitid = getattr(os, "waitid", None)
cdef object original_system = os.system


# --- descriptors --------------------------------------------------------------------


cdef bint concerns_us(object fd, int *kind) except -1:
    """Whether `fd` is the number of a descriptor that may have to wait."""
    return type(fd) is int and 0 <= fd <= LARGEST_NUMBER and may_wait(<int> fd, kind)


@cython.binding(False)  # like a builtin: no method when it stands in the body of a class
def read(fd, length, /):
    """Read at most `length` bytes: see `os.read`."""
    cdef int kind
    if type(length) is int and 0 <= length <= LARGEST_NUMBER and concerns_us(fd, &kind):
        data = read_bytes(fd, length, kind)
        if data is not None:
            return data
    return original_read(fd, length)


@cython.binding(False)
def write(fd, data, /):
    """Write bytes, all of them: see `os.write`."""
    cdef int kind
    cdef Py_buffer view
    cdef Py_ssize_t n
    if concerns_us(fd, &kind):
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            n = write_from(fd, <const char *> view.buf, view.len, kind)
        finally:
            PyBuffer_Release(&view)
        if n >= 0:
            return n
    return original_write(fd, data)


@cython.binding(False)
def readv(fd, buffers, /):
    """Read into several buffers: see `os.readv`."""
    cdef int kind
    if not concerns_us(fd, &kind) or not isinstance(buffers, (list, tuple)):
        return original_readv(fd, buffers)
    try:
        views = [memoryview(each).cast("B") for each in buffers]
        room = sum([view.nbytes for view in views if not view.readonly])
    except TypeError:
        return original_readv(fd, buffers)  # it tells what is wrong
    if any([view.readonly for view in views]):
        return original_readv(fd, buffers)
    data = read_bytes(fd, min(room, LARGEST_READV), kind)
    if data is None:
        return original_readv(fd, buffers)
    done = 0
    for view in views:
        n = min(view.nbytes, len(data) - done)
        view[:n] = data[done:done + n]
        done += n
    return done


@cython.binding(False)
def writev(fd, buffers, /):
    """Write several buffers, all of them: see `os.writev`."""
    cdef int kind
    cdef bytes data
    cdef Py_ssize_t n
    if not concerns_us(fd, &kind) or not isinstance(buffers, (list, tuple)):
        return original_writev(fd, buffers)
    try:
        data = b"".join(buffers)
    except TypeError:
        return original_writev(fd, buffers)
    n = write_from(fd, data, len(data), kind)
    return n if n >= 0 else original_writev(fd, buffers)


cdef int tell_closed(fd) except -1:
    """The file of this number is closed now: who waits on it, in whatever thread, is told."""
    if type(fd) is int and 0 <= fd <= LARGEST_NUMBER and not coro_finalizing():
        disown(fd)
        core.close_fd(fd)
    return 0


@cython.binding(False)
def close(fd):
    """Close a descriptor: see `os.close`. Who waits on it gets `coro.ClosedError`, which is an
    OSError with EBADF: its number may soon be another file's."""
    tell_closed(fd)
    original_close(fd)


@cython.binding(False)
def close_socket(fd, /):
    """Close a descriptor: see `socket.close`. Who waits on it is told, as by `close`."""
    tell_closed(fd)
    original_close_socket(fd)


@cython.binding(False)
def closerange(fd_low, fd_high, /):
    """Close the descriptors from a number on to before another: see `os.closerange`. Who waits on
    one is told, as by `close`."""
    if type(fd_low) is int and type(fd_high) is int:
        for fd in range(max(fd_low, 0), min(fd_high, os.sysconf("SC_OPEN_MAX"))):
            tell_closed(fd)
    original_closerange(fd_low, fd_high)


@cython.binding(False)
def dup2(fd, fd2, inheritable=True):
    """Make a number another one's file: see `os.dup2`. Who waits on the file that had the number
    before is told, as by `close`."""
    number = original_dup2(fd, fd2, inheritable)
    if fd != fd2:
        tell_closed(number)
    return number


@cython.binding(False)
def sendfile(*args, **kwargs):
    """Copy from a file to a descriptor: see `os.sendfile`.

    There is no way to ask for it without waiting, and a descriptor with some room may not have
    enough. So it is waited for that first, and then sent in a real thread.
    """
    cdef int kind
    out = args[0] if args else kwargs.get("out_fd")
    if not concerns_us(out, &kind) or coro_is_nonblocking(out):
        return original_sendfile(*args, **kwargs)
    core.wait_fd(out, CORO_WRITE, CORO_FOREVER)
    return offload("sendfile", _keywords(original_sendfile, args, kwargs))


def _keywords(function, args, kwargs):
    return lambda: function(*args, **kwargs)


@cython.binding(False)
def eventfd_read(fd):
    """The value of an eventfd: see `os.eventfd_read`."""
    cdef int kind
    if concerns_us(fd, &kind) and not coro_is_nonblocking(fd):
        while not coro_is_ready(fd, POLLIN):
            core.wait_fd(fd, CORO_READ, CORO_FOREVER)
    return original_eventfd_read(fd)


# --- child processes ------------------------------------------------------------------
# Not what cannot wait: who asks with WNOHANG shares what it learns with those who wait.


cdef bint ours(tuple numbers) except -1:
    """Whether the arguments are such that the original would not complain of them."""
    if not in_coroutine():
        return False
    for number in numbers:
        if type(number) is not int:
            return False
    return True


@cython.binding(False)
def waitpid(pid, options, /):
    """Wait for a child process: see `os.waitpid`."""
    return (coro.waitpid if ours((pid, options)) else original_waitpid)(pid, options)


@cython.binding(False)
def wait():
    """Wait for any child process: see `os.wait`."""
    return coro.waitpid(-1) if ours(()) else original_wait()


@cython.binding(False)
def wait3(options):
    """Wait for any child process and what it used: see `os.wait3`."""
    return coro.wait4(-1, options) if ours((options,)) else original_wait3(options)


@cython.binding(False)
def wait4(pid, options):
    """Wait for a child process and what it used: see `os.wait4`."""
    return (coro.wait4 if ours((pid, options)) else original_wait4)(pid, options)


@cython.binding(False)
def waitid(idtype, id, options, /):  # no-cython-lint - the original's signature
    """Wait for a child process: see `os.waitid`."""
    return (coro.waitid if ours((idtype, id, options)) else original_waitid)(idtype, id, options)


@cython.binding(False)
def system(command):
    """Run a command in a shell: see `os.system`. The process ignores SIGINT meanwhile."""
    return offload("os.system", original_system, command)
