"""``python -m coro top``: the coroutines of a process as a live screen.

What belongs here: the rounds, and what the keys do.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from coro._inspection import _client, _ps, _table
from coro._inspection._columns import Row
from coro._inspection._terminal import Terminal

FEW = 20  # coroutines, where no screen says how many


def show(pid: int, sort: str, interval: float, limit: int | None, rounds: int | None, patience: float) -> None:
    """Show a process's coroutines again and again, until it ends or the user has seen enough."""
    with _client.Connection(pid, patience) as connection:
        connection.ask("watch")
        if sys.stdout.isatty():
            terminal = Terminal()
            with terminal.in_use():
                _Screen(connection, terminal, sort, interval, limit).run(rounds)
        else:
            _print_rounds(connection, sort, interval, limit or FEW, rounds)


def _print_rounds(connection: _client.Connection, sort: str, interval: float, limit: int, rounds: int | None) -> None:
    for number in itertools.count():
        if number == rounds:
            return
        time.sleep(interval)
        process, rows = _ps.ask(connection, sort, limit)
        text = _table.page(process, rows, sort, None)
        print("\n".join([*([""] * (number > 0)), *text]), flush=True)


@dataclass
class _Screen:
    """What is shown, and how."""

    connection: _client.Connection
    terminal: Terminal
    sort: str
    interval: float
    limit: int | None
    paused: bool = False
    process: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def run(self, rounds: int | None) -> None:
        """One round after another, until there were `rounds`, or the user quits."""
        self.draw()
        done = 0
        while done != rounds:
            if not self.wait():
                return
            if not self.paused:
                self.look()
                done += 1
            self.draw()

    def wait(self) -> bool:
        """Wait for the next round, and do what the keys say. Whether to go on."""
        end = time.monotonic() + self.interval
        while (left := end - time.monotonic()) > 0:
            match self.terminal.key(left):
                case "q":
                    return False
                case "p" | " ":
                    self.paused = not self.paused
                case "s" | "right":
                    self.sort_by_next(1)
                case "left":
                    self.sort_by_next(-1)
                case _:
                    continue
            self.draw()
        return True

    def sort_by_next(self, step: int) -> None:
        """Sort by the next column that is shown; the process chooses by it from the next round on."""
        shown = list(dict.fromkeys(column.name for column in _table.columns(self.rows)))
        at = shown.index(self.sort) if self.sort in shown else 0
        self.sort = shown[(at + step) % len(shown)]

    def look(self) -> None:
        room = max(1, shutil.get_terminal_size().lines)
        self.process, self.rows = _ps.ask(self.connection, self.sort, min(self.limit or room, room))

    def draw(self) -> None:
        """Write the screen, as large as the terminal is now."""
        width, height = shutil.get_terminal_size()
        foot = (
            f"sorted by {self.sort}; s, left, right: another column; p: {'go on' if self.paused else 'pause'}; q: quit"
        )
        if self.process:
            text = _table.page(self.process, self.rows, self.sort, width)
        else:
            text = [f"looking at process {self.connection.pid} ..."]
        body = text[: max(0, height - 1)]
        body += [""] * (height - 1 - len(body))
        self.terminal.draw([_table.cut_to(line, width) for line in [*body, foot]])
