"""Attributes of classes that are written in C.

What belongs here: setting them. Python's code may not. `io` needs it: its files are written in
C, and find the methods of what is below them by name.
"""

cdef extern from "_platform.h":
    int coro_set_in_class(object type, object name, void *value) except -1


def set_attribute(place, name, value):
    """As `setattr`, also for a class that cannot be changed."""
    if isinstance(place, type):
        coro_set_in_class(place, name, <void *> value)
    else:
        setattr(place, name, value)


def delete_attribute(place, name):
    """As `delattr`, also for a class that cannot be changed."""
    if isinstance(place, type):
        coro_set_in_class(place, name, NULL)
    else:
        delattr(place, name)
