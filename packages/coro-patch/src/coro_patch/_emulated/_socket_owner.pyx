"""What a socket object knows of its descriptor, so that it need not ask the kernel each time it waits.

What belongs here: the table of owners, by descriptor number. What follows from it stands in
`_socket`.

**What has come.** The poller watches edge-triggered: the kernel tells each change once, and what
nobody waited for is kept as news (CORO_ANNOUNCED). A wait may go by that if the number is still the
file that the poller was told of. Nobody tells when that ends: a socket may be collected without any
method being called, and its number is the next one's. So knowledge is tied to an object. Its first
wait makes the kernel look anew, and the object owns the number from then on, for this thread's
poller, until another object waits on it. Objects are known by weak references, since a new one may
have the address, too, of one that is gone. What closes, or exchanges, the file of a living socket
object by its number must be a function that is emulated (`os.close`, `os.dup2` and their kin): C code
that did so would leave the object waiting for ever.

**How it waits.** A blocking socket may have been made non-blocking (O_NONBLOCK), or given a time
limit (SO_RCVTIMEO), by its number or by a copy, which shares the file. So whatever sets a mode or a
limit of any descriptor moves a counter, and everybody looks once more.
"""

from cpython.mem cimport PyMem_Realloc
from cpython.ref cimport Py_XDECREF, PyObject
from libc.string cimport memset

cdef extern from "_platform.h":
    bint coro_refers_to(PyObject *reference, PyObject *thing)
    bint coro_empties_by_short_read(int fd)

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()
    PyObject *PyWeakref_NewRef(object thing, PyObject *callback) except NULL

cdef enum:
    FIRST_ROOM = 64

cdef Owned *table = NULL
cdef Py_ssize_t room = 0
cdef unsigned long changes = 1


cdef Owned *owned(self, int fd) noexcept:
    """What is known of `fd`, if `self` owns it here; else NULL. Valid until the next `own`."""
    if 0 <= fd < room and coro_refers_to(table[fd].owner, <PyObject *> self):
        if table[fd].thread == PyThread_get_thread_ident():
            return &table[fd]
    return NULL


cdef int own(self, int fd) except -1:
    """`self` is about to wait on `fd`, and makes the kernel look anew."""
    cdef PyObject *owner = PyWeakref_NewRef(self, NULL)
    cdef PyObject *previous
    if fd >= room and grow(fd) < 0:
        Py_XDECREF(owner)
        raise MemoryError("no memory for the table of sockets")
    previous = table[fd].owner
    table[fd].owner = owner
    table[fd].thread = PyThread_get_thread_ident()
    table[fd].looked = 0
    table[fd].empties_by_short_read = coro_empties_by_short_read(fd)
    table[fd].is_drained = False
    Py_XDECREF(previous)
    return 0


cdef void disown(int fd) noexcept:
    """Nothing that is known of `fd` holds any more."""
    cdef PyObject *owner
    if 0 <= fd < room:
        owner = table[fd].owner
        table[fd].owner = NULL
        Py_XDECREF(owner)


cdef void disown_all() noexcept:
    cdef Py_ssize_t fd
    for fd in range(room):
        disown(<int> fd)


cdef unsigned long now() noexcept:
    """What a mode or a limit that is looked at now may be known by."""
    return changes


cdef void modes_change() noexcept:
    """A mode or a limit of some descriptor has been set, or may have been."""
    global changes
    changes += 1


cdef int grow(int fd) noexcept:
    global table, room
    cdef Owned *larger
    cdef Py_ssize_t wanted = max(<Py_ssize_t> FIRST_ROOM, room)
    while wanted <= fd:
        wanted *= 2
    larger = <Owned *> PyMem_Realloc(table, <size_t> wanted * sizeof(Owned))
    if larger == NULL:
        return -1
    memset(larger + room, 0, <size_t> (wanted - room) * sizeof(Owned))
    table, room = larger, wanted
    return 0
