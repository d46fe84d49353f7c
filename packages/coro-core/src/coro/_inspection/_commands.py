"""The command line of ``python -m coro``.

What belongs here: arguments, messages and the exit status. 0: it was shown. 1: there was nothing
to show, and stderr says why. 2: the arguments are wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import os
import sys
from collections.abc import Callable, Sequence

from coro._inspection import _client, _dump, _ps, _top
from coro._inspection._columns import SORTS

EPILOG = """\
A process can be looked into while it is in event_loop(), or after start_inspection(), by its owner
and root; CORO_INSPECT=0 in its environment forbids it. It pays for being looked at by a few
percent while run times are counted.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says. Returns the exit status."""
    chosen = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name may be in no encoding of this terminal
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        _run(chosen)
        sys.stdout.flush()
    except _client.NoAnswerError as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130 if chosen.command != "top" else 0  # that is how one leaves it
    except BrokenPipeError:  # who reads has seen enough; nothing is to be written at exit, either
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _run(chosen: argparse.Namespace) -> None:
    match chosen.command:
        case "ps" if chosen.pid is None:
            _ps.show_processes()
        case "ps":
            _ps.show(chosen.pid, chosen.sort, chosen.interval, chosen.limit, chosen.patience)
        case "dump":
            _dump.show(chosen.pid, chosen.text, chosen.patience)
        case "top":
            _top.show(chosen.pid, chosen.sort, chosen.interval, chosen.limit, chosen.rounds, chosen.patience)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m coro",
        description="Look at the coroutines of a running process.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    ps = commands.add_parser(
        "ps",
        help="a table of its coroutines; without PID, the processes that can be looked into",
        description="Print a table of a process's coroutines: what each waits on and for how long, "
        "and what it did in the interval. Without PID, list the processes that can be looked into.",
    )
    ps.add_argument("pid", metavar="PID", type=_positive, nargs="?", help="the number of the process")
    _add_table_arguments(ps, sort="id")
    _add_seconds(ps, "--interval", _seconds, 1.0, "how long to count run times and delays; 0 for not at all")

    dump = commands.add_parser(
        "dump",
        help="all of them with their stacks, as JSON",
        description="Print all coroutines of a process with their stacks, as one JSON document.",
    )
    dump.add_argument("pid", metavar="PID", type=_positive, help="the number of the process")
    dump.add_argument("--text", action="store_true", help="as text; those with equal stacks stand together")

    top = commands.add_parser(
        "top",
        help="a live screen of those that do the most",
        description="Show the busiest coroutines of a process on a screen that is kept up to date. Keys: q quits, "
        "s and the arrows choose the column to sort by, p pauses.",
    )
    top.add_argument("pid", metavar="PID", type=_positive, help="the number of the process")
    _add_table_arguments(top, sort="run")
    _add_seconds(top, "--interval", _positive_seconds, 1.0, "the time between two screens")
    top.add_argument("--rounds", metavar="N", type=_positive, help="end after that many (default: never)")

    for each in (ps, dump, top):
        _add_seconds(each, "--patience", _positive_seconds, _client.PATIENCE, "how long to wait for an answer")
    return parser


def _add_table_arguments(command: argparse.ArgumentParser, sort: str) -> None:
    command.add_argument(
        "--sort",
        metavar="COLUMN",
        choices=list(SORTS),
        default=sort,
        help=f"the column to sort by, the largest numbers first: {', '.join(SORTS)} (default: %(default)s)",
    )
    command.add_argument("--limit", metavar="N", type=_positive, help="show only the first N coroutines")


def _add_seconds(
    command: argparse.ArgumentParser, name: str, checked: Callable[[str], float], default: float, what: str
) -> None:
    command.add_argument(name, metavar="SECONDS", type=checked, default=default, help=f"{what} (default: %(default)g)")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"it must be 1 or more, not {text}")
    return number


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"it must be 0 or more, not {text}")
    return seconds


def _positive_seconds(text: str) -> float:
    seconds = _seconds(text)
    if not seconds:
        raise argparse.ArgumentTypeError("it must be more than 0")
    return seconds
