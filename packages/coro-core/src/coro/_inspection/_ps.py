"""``python -m coro ps``: the coroutines of a process, or the processes that can be looked into."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Any

from coro._inspection import _client, _table
from coro._inspection._columns import Row

NOT_LONG = 1.0  # seconds to wait for each of several processes


def show(pid: int, sort: str, interval: float, limit: int | None, patience: float) -> None:
    """Print a table of a process's coroutines, with what they did in `interval` seconds."""
    with _client.Connection(pid, patience) as connection:
        if interval:
            connection.ask("watch")
            time.sleep(interval)
        process, rows = ask(connection, sort, limit)
    print("\n".join(_table.page(process, rows, sort, width())))


def ask(connection: _client.Connection, sort: str, limit: int | None) -> tuple[dict[str, Any], list[Row]]:
    """A snapshot, with each coroutine's share of the interval."""
    process, rows = connection.ask("snapshot", **({} if limit is None else {"sort": sort, "limit": limit}))
    interval = process.get("interval")
    for row in rows:
        row["share"] = row["run"] / interval if interval and "run" in row else None
    return process, rows


def show_processes() -> None:
    """Print the processes of this user that have a socket, and what they are."""
    cells = []
    for pid in _client.processes_that_serve():
        try:
            with _client.Connection(pid, NOT_LONG) as connection:
                process, _ = connection.ask("process")
            count, command = f"{process['coroutines']:,}", _table.command(process)
        except _client.NoAnswerError as error:
            process, count, command = {}, "", str(error)
        cells.append([str(pid), count, _table.duration(process.get("uptime")), command])
    if not cells:
        raise _client.NoAnswerError("no process of this user can be looked into: none is in coro's event_loop()")
    print("\n".join(_table.layout(["PID", "COROUTINES", "UP", "COMMAND"], cells, [True, True, True, False], width())))


def width() -> int | None:
    """Of the terminal; None if there is none to fit to."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
