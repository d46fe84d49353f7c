cdef class Observer:
    cdef void readied(self, object co) noexcept
    cdef void resumed(self, object co) noexcept
    cdef void suspended(self, object co) noexcept
