from coro_sock._descriptor cimport Descriptor

cdef long wait_until_ready(Descriptor self, int events) except -1
