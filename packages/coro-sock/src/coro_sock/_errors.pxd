cdef int raise_error(int number) except -1
cdef int raise_errno() except -1
