"""What the demo shows: how far it is while it runs, and the table at its end."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import TextIO

from part import Part

import coro

#: Seconds between two lines: what an eye can follow, and what a log can bear.
TERMINAL_INTERVAL = 0.1
LOG_INTERVAL = 1.0

BAR_WIDTH = 20
ERASE_LINE = "\r\x1b[2K"


class Progress:
    """Shows how far a part is: on a terminal in one line that is drawn again and again,
    elsewhere in a line now and then.

    Args:
        stream: where to write; None to show nothing.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.on_terminal = stream is not None and stream.isatty()

    @contextlib.contextmanager
    def following(self, part: Part) -> Iterator[None]:
        """Show how far the part is while this block runs."""
        follower = coro.spawn(self.follow, part, thread_name="progress")
        try:
            yield
        finally:
            follower.shutdown()
            self.clear()

    def follow(self, part: Part) -> None:
        """Show how far the part is until told to end. Runs in a coroutine of its own."""
        while True:
            part.look()
            self.write(describe(part, draw_bar=self.on_terminal))
            coro.sleep_relative(TERMINAL_INTERVAL if self.on_terminal else LOG_INTERVAL)

    def write(self, text: str) -> None:
        if self.stream is None:
            return
        if self.on_terminal:
            width = os.get_terminal_size(self.stream.fileno()).columns
            self.stream.write(ERASE_LINE + text[: width - 1])
        else:
            self.stream.write(text + "\n")
        self.stream.flush()

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self.stream is not None and self.on_terminal:
            self.stream.write(ERASE_LINE)
            self.stream.flush()


def describe(part: Part, draw_bar: bool) -> str:
    """How far a part is, in a line."""
    if part.state != "talking":
        return f"clients {part.place}: {part.state}"
    share = part.done / part.expected
    bar = f"[{'#' * int(share * BAR_WIDTH):{BAR_WIDTH}}] " if draw_bar else ""
    return (
        f"clients {part.place}: {bar}{share:4.0%}, {part.done:,} of {part.expected:,} requests, "
        f"{part.done / (perf_counter() - part.began):,.0f} a second"
    )


def table(parts: Sequence[Part]) -> str:
    """What the parts have done, side by side."""
    rows = [
        ["", *(part.place for part in parts)],
        ["clients", *(f"{part.connections:,}" for part in parts)],
        ["requests", *(f"{part.tally.requests:,}" for part in parts)],
        ["seconds", *(f"{part.seconds:.2f}" for part in parts)],
        ["requests a second", *(rate(part, part.tally.requests, ",.0f") for part in parts)],
        ["MB a second, each way", *(rate(part, part.tally.size / 1e6, ",.1f") for part in parts)],
        ["latency, p50", *(latency(part, 0.50) for part in parts)],
        ["latency, p99", *(latency(part, 0.99) for part in parts)],
        ["coroutines at the peak", *(f"{part.most_coroutines:,}" for part in parts)],
        ["memory a connection *", *(memory(part) for part in parts)],
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "   ".join([label.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]).rstrip() for label, *cells in rows
    ]
    lines.insert(1, "-" * len(lines[0]))
    lines.append("* resident, when idle: the server's coroutine, and its socket; inside, the client's socket too")
    return "\n".join(lines)


def rate(part: Part, amount: float, form: str) -> str:
    return format(amount / part.seconds, form) if part.tally.requests else "-"


def latency(part: Part, share: float) -> str:
    return f"{part.tally.latency(share) * 1e3:.2f} ms" if part.tally.requests else "-"


def memory(part: Part) -> str:
    return "-" if part.memory is None else f"{part.memory / 1000:.1f} kB"


def complain(text: str) -> None:
    print(f"echo_demo: {text}", file=sys.stderr)
