"""The errors of the operating system as classes by name: ``except oserrors.ECONNRESET``.

What belongs here: one class for each name in `errno`, and how to come from a number to
its class. Each derives from the builtin that Python chooses for the number, so that
``except ConnectionResetError`` catches the same errors; a second name of a number
(EWOULDBLOCK beside EAGAIN) is the same class. ``ECONNRESET()`` fills in ``errno`` and
``strerror``; with arguments it takes those of `OSError`.

A class is made when it is first asked for, so a program pays for the few that it uses.
Python itself knows nothing of them: what the standard library raises has only the builtin's
class.
"""

import errno
import os

TYPE_CHECKING = False  # as `coro.errors` has it

_numbers = {name: number for name, number in vars(errno).items() if isinstance(number, int)}
_classes: dict[int, type[OSError]] = {}  # those that were asked for

__all__ = ["class_of", "error", *_numbers]  # pyright: ignore[reportUnsupportedDunderAll]

if TYPE_CHECKING:

    class EBADF(OSError): ...  # a base class of coro.errors, which __getattr__ cannot type


def class_of(number: int) -> type[OSError]:
    """The class for an error number.

    Args:
        number: as in C's ``errno``.

    Returns:
        The class, or `OSError` itself for a number that has no name on this platform.
    """
    try:
        return _classes[number]
    except KeyError:
        return _make(number) if number in errno.errorcode else OSError


def error(number: int, *rest: object) -> OSError:
    """An exception for an error number, in the system's words.

    Args:
        number: as in C's ``errno``.
        rest: what `OSError` takes after ``strerror``: a file name.
    """
    return class_of(number)(number, os.strerror(number), *rest)


def _make(number: int) -> type[OSError]:
    builtin = type(OSError(number, ""))

    def __init__(self: OSError, *args: object) -> None:
        OSError.__init__(self, *(args or (number, os.strerror(number))))

    namespace = {"__module__": __name__, "__doc__": f"{os.strerror(number)}.", "__init__": __init__}
    made = type(errno.errorcode[number], (builtin,), namespace)
    return _classes.setdefault(number, made)  # another thread may have been faster


def __getattr__(name: str) -> type[OSError]:
    """The class of that name: looked up once, then kept here."""
    if name not in _numbers:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = class_of(_numbers[name])
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_numbers})
