from coro._wait_queue cimport WaitQueue


cdef class fifo:
    cdef object __weakref__
    cdef object items            # a deque
    cdef Py_ssize_t limit        # 0 for none
    cdef list promised           # pushers who were given a place and have not run yet
    cdef bint is_closed
    cdef WaitQueue poppers, pushers

    cdef int put(self, object thing, bint in_front) except -1
    cdef bint is_full(self) except -1
    cdef int forget_parents_pushers(self) except -1
    cdef int wait_for_room(self) except -1
    cdef object get(self)
    cdef bint hand_to_popper(self, object thing) except -1
    cdef int give_room(self) except -1
    cdef object closed_error(self)
