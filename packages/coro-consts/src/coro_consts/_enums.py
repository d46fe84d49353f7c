"""The two kinds of constants: one of a list, and flags that combine.

Belongs here: how members of either kind print, format and pickle.  Does not
belong here: the constants themselves.

Both kinds look the same on every Python.  The standard IntEnum and IntFlag do
not: ``str()`` and ``format()`` of a member have changed between versions.
"""

from enum import IntEnum, IntFlag

TYPE_CHECKING = False

# What a format specification ends in when it asks for a number.
_NUMERIC = frozenset("bcdeEfFgGnoxX%")


def _format(member: int, spec: str) -> str:
    if spec and spec[-1] in _NUMERIC:
        return int.__format__(member, spec)
    return str.__format__(str(member), spec)


class Constant(IntEnum):
    """An integer with a name, one of a list.

    Equal to the plain integer, and hashes like it.  ``str()`` and ``repr()``
    both give the name with its class, ``AF.INET``; so does an empty format.
    ``format(AF.INET, "d")`` is the number.  Operators give plain integers.

    Two names for one number are one member: the name written first in the class
    is the one that prints.  Pickles hold the name and not the number, which
    another platform may use for something else.
    """

    def __init_subclass__(cls) -> None:
        # Pickles hold the name of the class's module, so they must hold the public
        # one: the private modules may be cut up differently some day.
        cls.__module__ = "coro_consts"

    if TYPE_CHECKING:
        # mypy takes two enum classes for never equal unless __eq__ is their own, and
        # would refuse AF.INET == socket.AF_INET.
        def __eq__(self, other: object) -> bool: ...
        def __hash__(self) -> int: ...

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self._name_}"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return _format(self, spec)

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return getattr, (type(self), self._name_)


class Flags(IntFlag):
    """Integers with a name, each one bit, made to be combined with ``|``.

    Combining gives a member of the same class, which prints as the parts:
    ``MSG.PEEK|MSG.DONTWAIT``.  Bits that have no name here are kept and print as
    a number: ``MSG.PEEK|MSG(0x1000000)``.  No bits at all print as ``MSG(0)``.
    Any of these forms, evaluated, gives the value back.

    In everything else like a `Constant`.
    """

    def __init_subclass__(cls) -> None:
        cls.__module__ = "coro_consts"

    if TYPE_CHECKING:
        # mypy takes two enum classes for never equal unless __eq__ is their own, and
        # would refuse AF.INET == socket.AF_INET.
        def __eq__(self, other: object) -> bool: ...
        def __hash__(self) -> int: ...

    def __repr__(self) -> str:
        names, rest = _parts(self)
        own = type(self).__name__
        words = [f"{own}.{name}" for name in names]
        if rest:
            words.append(f"{own}({rest:#x})")
        return "|".join(words) or f"{own}(0)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return _format(self, spec)

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return combine, (type(self), *_parts(self))


def _parts(flags: Flags) -> tuple[tuple[str, ...], int]:
    """Split into the names of the single bits, and the bits without a name."""
    names: list[str] = []
    rest = flags._value_
    for name, flag in type(flags).__members__.items():
        bit = flag._value_
        if bit & rest and bit & (bit - 1) == 0:
            names.append(name)
            rest &= ~bit
    return tuple(names), rest


def combine(cls: type[Flags], names: tuple[str, ...], rest: int) -> Flags:
    """Undo `_parts`.  Pickles name this function: leave it in its place."""
    value = rest
    for name in names:
        flag: Flags = getattr(cls, name)
        value |= flag._value_
    return cls(value)
