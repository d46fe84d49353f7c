from cpython.ref cimport PyObject
from libc.stdint cimport int32_t, int64_t

from coro._observer cimport Observer
from coro._scheduler cimport Scheduler, coro


cdef enum Kind:
    PYTHON
    BUILTIN
    WAIT


cdef struct Path:
    void *key          # what was called: see Collector.child
    int32_t parent     # its caller's path; -1 for the root
    int32_t last       # the path below it that was taken last
    Kind kind
    int64_t calls
    int64_t cpu, wall  # of itself, without what is below; ns


cdef class Record:
    cdef coro coroutine   # until it ends
    cdef object id, name
    cdef int32_t path     # where it stands
    cdef int32_t wait     # the path of its wait, while it is suspended
    cdef int64_t beyond   # open calls for which there was no path
    cdef bint queued      # suspended, and ready to go on
    cdef int64_t since    # when that began, or when it was resumed
    cdef int64_t cpu, running, waiting, ready, longest
    cdef int64_t switches, waits, count


cdef class Collector(Observer):
    cdef Path *paths
    cdef int32_t used, room, most_paths
    cdef int32_t *table       # finds a path by its parent and key; -1 where it is empty
    cdef size_t table_mask
    cdef readonly bint full   # some calls found no path
    cdef dict reasons         # for each reason of a wait, the object that is its key
    cdef dict names           # for the key of a builtin function
    cdef list kept            # what keys point to, or into
    cdef str folder
    cdef public object owner  # for whom it collects, while it runs
    cdef Scheduler scheduler
    cdef Record running       # None inside the scheduler
    cdef int32_t path         # where the running one stands
    cdef int64_t beyond
    cdef dict records         # of those that have not ended, by coroutine
    cdef list ended
    cdef Py_ssize_t most_records
    cdef Record rest          # of those that ended when there were too many
    cdef int64_t began, last, step, step_cpu
    cdef int64_t cpu, cpu_before, cpu_read, guessed
    cdef readonly int64_t elapsed, thread_cpu

    cdef void tick(self) noexcept
    cdef void charge(self) noexcept
    cdef int32_t child(self, int32_t parent, void *key, Kind kind, PyObject *called) noexcept
    cdef int32_t add(self, int32_t parent, void *key, Kind kind, object called) except -3
    cdef int grow(self) except -1
    cdef void enter(self, void *key, Kind kind, PyObject *called) noexcept
    cdef void leave(self, void *key) noexcept
    cdef Record record(self, coro co)
    cdef Record record_begun(self, coro co)
    cdef int32_t wait_path(self, int32_t parent, coro co, bint queued) noexcept
    cdef void pause(self) noexcept
    cdef void end_wait(self, Record record, int64_t now) noexcept
    cdef int file_away(self, Record record) except -1
    cdef int detach(self) except -1
