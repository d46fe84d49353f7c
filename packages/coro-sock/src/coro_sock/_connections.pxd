from coro_sock._descriptor cimport Descriptor

cdef int bind(Descriptor self, object address) except -1
cdef tuple accept(Descriptor self)
cdef list accept_many(Descriptor self, Py_ssize_t most)
cdef int connect(Descriptor self, object address) except -1
cdef object local_address(Descriptor self)
cdef object peer_address(Descriptor self)
