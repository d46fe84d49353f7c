from cpython.ref cimport PyObject


cdef bint may_wait(int fd, int *kind) noexcept
cdef Py_ssize_t read_into(int fd, char *buffer, Py_ssize_t size, int kind) except -2
cdef Py_ssize_t write_from(int fd, const char *buffer, Py_ssize_t size, int kind) except -2
cdef bytes read_bytes(int fd, Py_ssize_t size, int kind)
