"""`fcntl`: what may change how a descriptor waits.

What belongs here: `fcntl` and `ioctl`, by which a program sets a descriptor O_NONBLOCK (F_SETFL,
FIONBIO), and `os.set_blocking`. The originals do all there is to do; sockets look at their modes again.
"""

cimport cython

from coro_patch._emulated._socket_owner cimport modes_change

import fcntl as fcntl_module
import os

cdef object original_fcntl = fcntl_module.fcntl
cdef object original_ioctl = fcntl_module.ioctl
cdef object original_set_blocking = os.set_blocking


@cython.binding(False)
def fcntl(*args):
    """Do something with a descriptor: see `fcntl.fcntl`."""
    answer = original_fcntl(*args)
    modes_change()
    return answer


@cython.binding(False)
def ioctl(*args):
    """Do something with a device: see `fcntl.ioctl`."""
    answer = original_ioctl(*args)
    modes_change()
    return answer


@cython.binding(False)
def set_blocking(*args):
    """Set the mode of a descriptor: see `os.set_blocking`."""
    answer = original_set_blocking(*args)
    modes_change()
    return answer
