# Lengths of time, as callers give them (seconds) and as coro keeps them (ns).
from libc.math cimport isnan
from libc.stdint cimport INT64_MAX, int64_t

cdef inline int64_t nanoseconds(object seconds, str argument) except -1:
    """`seconds` in ns; INT64_MAX for what is too far away to ever come."""
    cdef double value
    if isinstance(seconds, (str, bytes, bytearray)):
        raise TypeError(
            f"{argument} must be a number of seconds, not {type(seconds).__name__}")
    try:
        value = seconds
    except TypeError:
        raise TypeError(
            f"{argument} must be a number of seconds, not {type(seconds).__name__}") from None
    except OverflowError:
        value = 1e300 if seconds > 0 else -1e300
    if isnan(value):
        raise ValueError(f"{argument} must be a number of seconds, not NaN")
    if value < 0:
        raise ValueError(f"{argument} must not be negative, but is {seconds!r} seconds")
    return <int64_t> (value * 1e9 + 0.5) if value < 9e9 else INT64_MAX

cdef inline int64_t deadline_after(int64_t now, int64_t length) noexcept:
    """`now` + `length`, or INT64_MAX if that is never."""
    return now + length if length < INT64_MAX - now else INT64_MAX
