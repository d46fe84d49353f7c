"""How many system calls an echo server makes for a message.

    python count_syscalls.py [--library NAME] [--connections N] [--size BYTES] [--count N]

The server runs under `strace -c`, twice, once with many more messages. The difference
between the two is what the messages cost, without starting, connecting and ending.
"""

from __future__ import annotations

import argparse
import collections
import shutil
import tempfile
from collections.abc import Sequence

from echo_harness import Traffic, c_program, running, server_command
from echo_servers import SERVERS

FEW = 1000
COUNT = 20000

#: What is shown by name.
SHOWN = 0.0005


def counted(command: Sequence[str], traffic: Traffic, messages: int) -> collections.Counter[str]:
    """The system calls of a whole life of the server, by name."""
    with tempfile.NamedTemporaryFile("r", prefix="coro-syscalls-") as summary:
        with running(["strace", "-c", "-f", "-o", summary.name, *command]) as server:
            server.drive(traffic, messages)
        return read_summary(summary.read())


def read_summary(text: str) -> collections.Counter[str]:
    """The calls in the table of `strace -c`: columns % time, seconds, usecs/call, calls,
    errors (which may be empty) and syscall."""
    calls: collections.Counter[str] = collections.Counter()
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
            calls[words[-1]] += int(words[3])
    return calls


def calls_for_a_message(library: str, traffic: Traffic, count: int) -> dict[str, float] | None:
    """System calls for a message, by name; None if there is no strace."""
    if shutil.which("strace") is None:
        return None
    command = server_command(library)
    few, many = counted(command, traffic, FEW), counted(command, traffic, FEW + count)
    return {name: (calls - few[name]) / count for name, calls in many.most_common()}


def main() -> None:
    libraries = [*SERVERS, *(["C"] if c_program() else [])]
    parser = argparse.ArgumentParser(description="Counts the system calls of an echo server for a message.")
    parser.add_argument("--library", choices=libraries, default="coro", help="(coro)")
    parser.add_argument("--connections", type=int, default=100, metavar="N", help="(100)")
    parser.add_argument("--size", type=int, default=64, metavar="BYTES", help="of a message (64)")
    parser.add_argument("--count", type=int, default=COUNT, metavar="N", help=f"of messages ({COUNT})")
    options = parser.parse_args()
    traffic = Traffic(options.connections, options.size)
    calls = calls_for_a_message(options.library, traffic, options.count)
    if calls is None:
        print("Skipped: strace is not installed.")
        return
    print(f"System calls of {options.library} for each of {options.count:,} messages, {traffic}:")
    for name, number in calls.items():
        if abs(number) >= SHOWN:
            print(f"  {name:16} {number:7.3f}")
    print(f"  {'all':16} {sum(calls.values()):7.3f}")


if __name__ == "__main__":
    main()
