"""`fcntl`: what changes how a descriptor waits.

What belongs here: `fcntl` and `ioctl`, by which a program sets a descriptor O_NONBLOCK (F_SETFL,
FIONBIO). They do it themselves; the socket that has the descriptor looks at its mode again.
"""

cimport cython

from coro_patch._emulated._socket_owner cimport disown_file

import fcntl as fcntl_module

cdef object original_fcntl = fcntl_module.fcntl
cdef object original_ioctl = fcntl_module.ioctl


@cython.binding(False)
def fcntl(fd, cmd, arg=0, /):
    """Do something with a descriptor: see `fcntl.fcntl`."""
    disown_file(fd)
    return original_fcntl(fd, cmd, arg)


@cython.binding(False)
def ioctl(fd, request, arg=0, mutate_flag=True, /):
    """Do something with a device: see `fcntl.ioctl`."""
    disown_file(fd)
    return original_ioctl(fd, request, arg, mutate_flag)
