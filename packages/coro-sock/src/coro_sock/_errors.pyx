"""Raising what the system refused.

What belongs here: from an errno to the exception, which is of the class of that name in
`coro.oserrors`, and so also of the builtin class that Python has for it.
"""

from libc.errno cimport errno

from coro import oserrors


cdef int raise_error(int number) except -1:
    raise oserrors.error(number)


cdef int raise_errno() except -1:
    return raise_error(errno)
