from cpython.ref cimport PyObject


cdef unsigned long identity() noexcept
cdef PyObject *apart() noexcept
cdef bint in_coroutine() noexcept
cdef unsigned long forker_identity() noexcept
