from cpython.ref cimport PyObject

from coro_sock._descriptor cimport Descriptor

cdef extern from "Python.h":
    # Raw pointers, because a bytes object can be shrunk only while it has one owner.
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) except NULL
    char *bytes_start "PyBytes_AS_STRING"(PyObject *made)
    int shrink_bytes "_PyBytes_Resize"(PyObject **made, Py_ssize_t size) except -1

cdef int need_memory(Py_ssize_t size) except -1
cdef object cut(PyObject *made, Py_ssize_t size, Py_ssize_t n)

cdef object recv(Descriptor self, Py_ssize_t size, int flags)
cdef Py_ssize_t recv_into(Descriptor self, char *buffer, Py_ssize_t size, int flags) except -1
cdef bytes recv_exact(Descriptor self, Py_ssize_t size)
cdef ssize_t try_send(Descriptor self, const char *data, Py_ssize_t size, int flags) noexcept
cdef Py_ssize_t send(Descriptor self, const char *data, Py_ssize_t size, int flags) except -1
cdef Py_ssize_t send_data(Descriptor self, object data, int flags) except -1

cdef bint has_kept(Descriptor self, int flags) noexcept
cdef bytes take_kept(Descriptor self, Py_ssize_t size, int flags)
cdef Py_ssize_t give_kept(Descriptor self, char *buffer, Py_ssize_t size, int flags) except -1
cdef int keep(Descriptor self, bytes data) except -1
