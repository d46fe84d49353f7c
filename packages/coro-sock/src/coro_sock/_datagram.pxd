from coro_sock._descriptor cimport Descriptor

cdef object recvfrom(Descriptor self, Py_ssize_t size, int flags)
cdef object recvfrom_into(Descriptor self, object buffer, char *start, Py_ssize_t size, int flags)
cdef Py_ssize_t sendto(Descriptor self, const char *data, Py_ssize_t size, int flags, object address) except -1
