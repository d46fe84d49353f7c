"""The constants of the socket interface, as enums: ``AF.INET``, ``SO.REUSEADDR``.

The classes are the constants that a program hands to socket(2), setsockopt(2),
recv(2) and getaddrinfo(3), each named by its prefix: ``socket.AF_INET`` is
``AF.INET``.  Every member is an integer equal to the one in the standard
:mod:`socket` module.  A constant that the running platform lacks is absent:
asking for it raises AttributeError.

This module holds only the list of names.  The classes stand in the modules
beside it, one subject each, and are built when first asked for: a program that
wants ``AF`` and ``SOCK`` does not pay for four hundred other constants.
Functions and error classes do not belong in this package.
"""

# Type checkers take this name for typing.TYPE_CHECKING, and know that it is true.
# Importing typing would cost more than all the rest of this module.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from coro_consts._calls import MSG, SHUT, SOCK
    from coro_consts._families import AF, PF
    from coro_consts._ip import IP, IPV6
    from coro_consts._levels import IPPROTO, SOL
    from coro_consts._names import AI, EAI, NI
    from coro_consts._so import SO
    from coro_consts._tcp import TCP

__all__ = [
    "AF",
    "AI",
    "EAI",
    "IP",
    "IPPROTO",
    "IPV6",
    "MSG",
    "NI",
    "PF",
    "SHUT",
    "SO",
    "SOCK",
    "SOL",
    "TCP",
]

_HOME = {
    "AF": "_families",
    "AI": "_names",
    "EAI": "_names",
    "IP": "_ip",
    "IPPROTO": "_levels",
    "IPV6": "_ip",
    "MSG": "_calls",
    "NI": "_names",
    "PF": "_families",
    "SHUT": "_calls",
    "SO": "_so",
    "SOCK": "_calls",
    "SOL": "_levels",
    "TCP": "_tcp",
}


if not TYPE_CHECKING:
    # Hidden, or a type checker would believe that every name exists.
    def __getattr__(name: str) -> type:
        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # Not importlib.import_module(): importlib is a package of its own to load.
        # With a fromlist, __import__ returns the inner module.
        module = __import__(f"{__name__}.{home}", fromlist=(name,))
        value: type = getattr(module, name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
