cdef class Observer:
    cdef void readied(self, object co) noexcept
    cdef void resumed(self, object co) noexcept
    cdef void suspended(self, object co) noexcept


cdef class Callbacks(Observer):
    cdef object on_suspended, on_resumed
