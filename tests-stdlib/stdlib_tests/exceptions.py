"""The list of exceptions: tests that may fail under the emulation, each with its reason.

What belongs here: reading ``exceptions.toml``, which says how an entry looks.
"""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).parent.parent / "exceptions.toml"

_FIELDS = {"test": str, "versions": list, "why": str, "plain": str, "gevent": str}


class Known(NamedTuple):
    """One exception."""

    #: the qualified name: module, class and method
    test: str
    versions: tuple[str, ...]
    why: str
    #: what plain Python and gevent make of it
    plain: str
    gevent: str
    #: it fails only now and then, so passing does not make the entry stale
    sometimes: bool = False


def load(file: Path = FILE) -> list[Known]:
    """Read the list.

    Raises:
        ValueError: an entry is not as it should be; the message says which and why.
    """
    entries = tomllib.loads(file.read_text()).get("exception", [])
    known = [_entry(number, entry) for number, entry in enumerate(entries, 1)]
    seen: set[tuple[str, str]] = set()
    for each in known:
        for version in each.versions:
            if (each.test, version) in seen:
                raise ValueError(f"{file.name}: {each.test} is there twice for {version}")
            seen.add((each.test, version))
    return known


def _entry(number: int, entry: dict[str, Any]) -> Known:
    where = f"exceptions.toml: entry {number}, {entry.get('test', 'without a test')}"
    for name, kind in _FIELDS.items():
        if not isinstance(entry.get(name), kind) or not entry[name]:
            raise ValueError(f"{where}: it needs {name!r}, a {kind.__name__} that is not empty")
    if unknown := entry.keys() - _FIELDS.keys() - {"sometimes"}:
        raise ValueError(f"{where}: it has {', '.join(sorted(unknown))}, which means nothing")
    if entry["test"].count(".") < 3:
        raise ValueError(f"{where}: the name is not qualified, as test.test_x.SomeTests.test_y is")
    return Known(**{**entry, "versions": tuple(entry["versions"])})


def for_version(known: list[Known], version: str) -> dict[str, Known]:
    """The entries for one Python, by test."""
    return {each.test: each for each in known if version in each.versions}
