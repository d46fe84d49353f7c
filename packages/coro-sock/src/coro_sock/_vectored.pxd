from coro_sock._descriptor cimport Descriptor

cdef tuple readv(Descriptor self, object sizes)
cdef Py_ssize_t writev(Descriptor self, object data) except -1
