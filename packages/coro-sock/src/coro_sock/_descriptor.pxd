from libc.stdint cimport int64_t


cdef enum:
    NOT_YET = -1  # a deadline that nobody has needed


cdef enum:
    # Whether receives tell what is left.
    MAY_TELL = 0   # nobody has asked yet
    TELLS
    TELLS_NOTHING  # nobody may ask


cdef struct Attempt:
    # One operation that is under way. It stands on the stack of the one who tries.
    int events        # CORO_READ or CORO_WRITE: what it may have to wait for
    bint at_once      # rather fail than wait
    bint has_turn     # nobody else tries the same until `end`
    int futile        # refusals in a row
    int64_t deadline  # once it has waited


cdef class Descriptor:
    cdef object __weakref__
    cdef readonly int fd
    cdef readonly int orig_fd
    cdef readonly int domain
    cdef readonly int stype
    cdef readonly int protocol
    cdef bint is_socket
    cdef bint empties_by_short_read  # a TCP socket, of which nothing unusual was asked
    cdef bint drained                # nothing is left to read
    cdef int telling                 # MAY_TELL, TELLS, TELLS_NOTHING
    cdef bint reads_are_large        # the last read was, and so the next may be
    cdef int taken                   # CORO_READ, CORO_WRITE: somebody has that turn
    cdef int awaited                 # the same: somebody waits for it
    cdef object readers, writers     # those, in deques; None if nobody ever did
    cdef object pausing              # who have the turn and let time pass: a list, or None
    cdef unsigned int turns_since    # the fork since which these hold
    cdef int64_t timeout             # ns; -1 for none
    cdef int accept_failures         # in a row, because descriptors had run out
    cdef bint has_accepted           # so it is a listener
    cdef int64_t accept_after        # ns; the moment before which it is not tried again
    cdef bytes kept                  # read by an operation that was interrupted

    cdef int own(self, int fd, bint is_socket) except -1
    cdef int inherit(self, Descriptor other, int fd) except -1
    cdef int hide_what_is_left(self) except -1
    cdef int open_fd(self) except -1
    cdef int close_fd(self) except -1
    cdef int release_fd(self) except -2
    cdef int let_go(self, int (*tell)(int fd) except -1) except -2

    cdef int begin(self, Attempt *attempt, int events, int flags) except -1
    cdef int go_on(self, Attempt *attempt, int flags) except -1
    cdef int wait_if_drained(self, Attempt *attempt) except -1
    cdef int refused(self, Attempt *attempt, int error) except -1
    cdef int wait(self, Attempt *attempt, int how) except -1
    cdef int pause(self, Attempt *attempt, const char *why, int64_t length) except -1
    cdef int set_deadline(self, Attempt *attempt) except -1
    cdef int end(self, Attempt *attempt) except -1

    cdef int take_turn(self, Attempt *attempt) except -1
    cdef int wait_for_turn(self, Attempt *attempt) except -1
    cdef int call_next(self, int events) except -1
    cdef object queue(self, int events)
    cdef void forget_turns_of_parent(self) noexcept


cdef Py_ssize_t live_descriptors() noexcept
cdef int64_t pause_after(int failures) noexcept
