from coro_sock._descriptor cimport Descriptor

cdef tuple recvmsg(Descriptor self, Py_ssize_t size, Py_ssize_t ancillary_size, int flags)
cdef tuple recvmsg_into(Descriptor self, object buffers, Py_ssize_t ancillary_size, int flags)
cdef object sendmsg(Descriptor self, object buffers, object ancillary, int flags, object address)
