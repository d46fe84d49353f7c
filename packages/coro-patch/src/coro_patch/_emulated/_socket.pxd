from libc.stdint cimport int64_t


cdef int fd_of(self) except -2
cdef int64_t timeout_of(self) except -2
cdef int64_t take_timeout(self) except -2
cdef int put_timeout_back(self, int64_t timeout) except -1
cdef bint make_nonblocking(int fd) except -1
cdef int give_mode_back(self) except -1
