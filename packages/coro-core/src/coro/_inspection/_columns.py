"""What can be sorted by, and how.

What belongs here: one function for each column, from what is told of a coroutine to something
that sorts. The process uses it to choose the first few, and the commands to show them in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Row = dict[str, Any]


def _number(field: str) -> Callable[[Row], Any]:
    return lambda row: -(row.get(field) or 0)  # the largest first


def _word(field: str) -> Callable[[Row], Any]:
    return lambda row: str(row.get(field) or "")


SORTS: dict[str, Callable[[Row], Any]] = {
    "id": lambda row: 0,
    "name": _word("name"),
    "thread": _word("thread"),
    "state": _word("state"),
    "for": _number("for"),
    "run": _number("run"),
    "switches": _number("switches"),
    "delay": _number("delay"),
    "longest": _number("longest"),
    "wait": _word("why"),
}
"""The columns by name. The smallest comes first; numbers are negative, so the largest does."""


def order(column: str) -> Callable[[Row], Any]:
    """The key to sort by a column; the same ones come in the order of their making."""
    key = SORTS[column]
    return lambda row: (key(row), row["id"])
