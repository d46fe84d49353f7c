cdef class Record:
    cdef object __weakref__
    cdef dict locals     # the locals that have a dict for this thread: weakrefs by id
    cdef bint of_thread  # an emulated thread has it, no other coroutine
    cdef object sentinel  # a weak reference to the lock to release at the end, or None
    cdef str name        # what `_thread.set_name` was told, or None

    cdef int clear(self) except -1


cdef Record this_record()
cdef int end_record() except -1
