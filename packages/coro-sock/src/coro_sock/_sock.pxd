from coro_sock._descriptor cimport Descriptor


cdef class sock(Descriptor):
    cdef object with_number(self, object address, bint resolve)
