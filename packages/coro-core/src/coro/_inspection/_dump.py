"""``python -m coro dump``: all that is known, as JSON; or where all coroutines stand, as text."""

from __future__ import annotations

import json
import linecache
import os
from typing import Any

from coro._inspection import _client, _table
from coro._inspection._columns import Row
from coro._inspection._server import VERSION

Stack = tuple[tuple[str, int, str], ...]


def show(pid: int, as_text: bool, patience: float) -> None:
    """Print the coroutines of a process with their stacks."""
    with _client.Connection(pid, patience) as connection:
        process, rows = connection.ask("stacks")
    rows.sort(key=lambda row: row["id"])
    if not as_text:
        print(json.dumps({"version": VERSION, "process": process, "coroutines": rows}, indent=1))
        return
    print("\n".join(_table.heading(process, rows)))
    for stack, those in grouped(rows):
        print("\n" + "\n".join(_group(stack, those)))


def grouped(rows: list[Row]) -> list[tuple[Stack, list[Row]]]:
    """Coroutines that stand at the same place together; the largest group last, above the prompt."""
    groups: dict[Stack, list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(tuple(frame) for frame in row.get("stack", ())), []).append(row)
    return sorted(groups.items(), key=lambda group: len(group[1]))


def _group(stack: Stack, rows: list[Row]) -> list[str]:
    result = []
    if len(rows) > 1:
        result.append(f"{len(rows):,} coroutines, such as")
    result.append(_title(rows[0]))
    if rows[0].get("frames_left_out"):
        result.append(f"  ... {rows[0]['frames_left_out']:,} more frames")
    for file, line, function in stack:
        result.append(f"  File {_quoted(file)}, line {line}, in {_table.clean(function)}")
        if file.endswith(".py") and os.path.isfile(file) and (source := linecache.getline(file, line or 0).strip()):
            result.append(f"    {_table.clean(source)}")
    if not stack:
        result.append("  (no Python frame)")
    return result


def _title(row: dict[str, Any]) -> str:
    words = f"coro {row['id']} {_quoted(row.get('name'))}, {_table.clean(row.get('state'))}"
    if row.get("for") is not None:
        words += f" for {_table.duration(row['for'])}"
    if row.get("wait"):
        words += f": {_table.clean(row['wait'])}"
    return words


def _quoted(text: object) -> str:
    return f'"{_table.clean(text)}"'
