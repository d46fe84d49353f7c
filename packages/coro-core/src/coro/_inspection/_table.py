"""Coroutines as lines of text.

What belongs here: the columns, how numbers are written, and fitting both to a width. Whatever
comes from the process is made harmless for a terminal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from coro._inspection._columns import Row, order

GAP = "  "
NARROWEST = 8  # what a column of words may be cut to
WIDEST = 32  # of those that are not the last


class Column(NamedTuple):
    name: str  # as in `_columns.SORTS`
    title: str
    text: Callable[[Row], str]
    is_number: bool = True


def columns(rows: Sequence[Row]) -> list[Column]:
    """Those that say something about these coroutines."""
    counted = any("run" in row for row in rows)
    several_threads = len({row.get("thread") for row in rows}) > 1
    return [
        Column("id", "ID", lambda row: str(row["id"])),
        Column("name", "NAME", lambda row: clean(row.get("name")), False),
        *[Column("thread", "THREAD", lambda row: clean(row.get("thread")), False)] * several_threads,
        Column("state", "STATE", lambda row: clean(row.get("state")), False),
        Column("for", "FOR", lambda row: duration(row.get("for"))),
        *[
            Column("run", "RUN%", lambda row: percent(row.get("share"))),
            Column("run", "RUN", lambda row: duration(row.get("run"))),
        ]
        * counted,
        Column("switches", "SWITCHES", lambda row: f"{row.get('switches', 0):,}"),
        *[
            Column("delay", "DELAY", lambda row: duration(row.get("delay"))),
            Column("longest", "LONGEST", lambda row: duration(row.get("longest"))),
        ]
        * counted,
        Column("wait", "WAITS ON", _wait, False),
    ]


def page(process: dict[str, Any], rows: Sequence[Row], sort: str, width: int | None) -> list[str]:
    """What to say of a process, and the table of its coroutines; arguments as for `lines`."""
    return [*heading(process, rows), "", *lines(rows, sort, width)]


def lines(rows: Sequence[Row], sort: str, width: int | None) -> list[str]:
    """A table of coroutines: its heading, and a line for each.

    Args:
        sort: the column to sort by.
        width: of the terminal, in characters; None for no limit.
    """
    chosen = columns(rows)
    cells = [[column.text(row) for column in chosen] for row in sorted(rows, key=order(sort))]
    return layout([column.title for column in chosen], cells, [column.is_number for column in chosen], width)


def layout(
    titles: Sequence[str], cells: Sequence[Sequence[str]], are_numbers: Sequence[bool], width: int | None
) -> list[str]:
    """Cells below each other. Words on the left, numbers on the right; words are cut to fit."""
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    if width is not None:
        last = len(widths) - 1
        wordy = [at for at in range(last) if not are_numbers[at]]
        for at in wordy:
            widths[at] = min(widths[at], WIDEST)
        spare = width - sum(widths[:last]) - len(GAP) * last
        for at in wordy:
            cut = max(0, min(widths[at] - NARROWEST, len(titles[last]) + NARROWEST - spare))
            widths[at] -= cut
            spare += cut
        widths[last] = max(0, min(widths[last], spare))
    result = []
    for line in [titles, *cells]:
        fitted = [
            cell.rjust(room) if is_number else cut_to(cell, room).ljust(room)
            for cell, room, is_number in zip(line, widths, are_numbers, strict=True)
        ]
        result.append(cut_to(GAP.join(fitted).rstrip(), width))
    return result


def heading(process: dict[str, Any], rows: Sequence[Row]) -> list[str]:
    """What to say of the process above its coroutines."""
    schedulers: list[dict[str, Any]] = process.get("schedulers", [])
    first = f"process {process.get('pid')}: {command(process)}"
    facts = [
        clean(process.get("coro")),
        f"Python {clean(process.get('python'))}",
        *sorted({clean(each.get("poller")) for each in schedulers}),
        f"up {duration(process.get('uptime'))}",
    ]
    states = Counter(row.get("state") for row in rows)
    counts = f"{process.get('coroutines', 0):,} coroutines"
    if rows and len(rows) >= process.get("coroutines", 0):
        counts += ": " + ", ".join(f"{number:,} {clean(state)}" for state, number in states.most_common())
    result = [first, ", ".join(facts), counts]
    for each in schedulers:
        rate = each.get("handovers_per_second")
        rates = "" if rate is None else f", {rate:,.0f} hand-overs a second"
        result.append(f"thread {clean(each.get('thread'))}: {each.get('ready', 0):,} ready{rates}")
    return result


def command(process: dict[str, Any]) -> str:
    """The command line of a process, in one line."""
    return clean(" ".join(" ".join(process.get("command", [])).split()))


def duration(seconds: float | None) -> str:
    """A time in a few characters: ``12us``, ``3.4ms``, ``2.1s``, ``5m12s``, ``3h05m``, ``2d03h``."""
    if seconds is None:
        return ""
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f}us"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.{1 if seconds < 0.09995 else 0}f}ms"
    if seconds < 99.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


def percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.1f}"


def clean(text: object) -> str:
    """Text of the process: no character of it moves the cursor, or does more."""
    words = "" if text is None else str(text)
    return words if words.isprintable() else "".join(char if char.isprintable() else "?" for char in words)


def cut_to(text: str, width: int | None) -> str:
    if width is None or len(text) <= width:
        return text
    return text[: width - 1] + "…" if width > 1 else text[:width]


def _wait(row: Row) -> str:
    holders = row.get("holders") or []
    wait = clean(row.get("wait"))
    return f"{wait} (held by {', '.join(map(str, holders))})" if holders and row.get("why") != "join" else wait
