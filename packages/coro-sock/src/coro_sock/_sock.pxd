from coro_sock._addresses cimport Address


cdef class sock:
    cdef object __weakref__
    cdef readonly int fd
    cdef readonly int orig_fd
    cdef readonly int domain
    cdef readonly int stype
    cdef readonly int protocol
    cdef bint empties_by_short_read  # a TCP socket, of which nothing unusual was asked
    cdef bint drained                # the last read was short: nothing is left to read
    cdef bytes kept                  # read by a recv_exact that was interrupted

    cdef int own(self, int fd) except -1
    cdef int open_fd(self) except -1
    cdef int refused(self, int events) except -1
    cdef int before_read(self, int flags) except -1
    cdef int read_into(self, char *buffer, Py_ssize_t size, int flags) except -1
    cdef object recv_large(self, Py_ssize_t size, int flags)
    cdef bytes take_kept(self, Py_ssize_t size)
    cdef Py_ssize_t give_kept(self, char *buffer, Py_ssize_t size) except -1
    cdef object send_all(self, const char *data, Py_ssize_t size, int flags)
    cdef object try_accept(self, sock made)
    cdef int try_connect(self, object address) except? -2
    cdef int finish_connect(self) except -1
    cdef bint is_connected(self) except -1
    cdef object with_numbers(self, object address, bint resolve)
    cdef int parse_address(self, object address, Address *parsed, bint resolve) except -1
