from coro_sock._descriptor cimport Descriptor

cdef object sendfile(Descriptor self, object file, object offset, object count)
