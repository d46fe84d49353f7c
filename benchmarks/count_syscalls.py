"""How many system calls coro's echo server makes for a request.

    python count_syscalls.py [COUNT]

The server runs under `strace -c`, twice, once with many more requests. The difference
between the two is what the requests cost, without starting, connecting and ending.
"""

from __future__ import annotations

import collections
import shutil
import sys
import tempfile
from collections.abc import Sequence

from echo_harness import CONNECTIONS, SIZE, running, server_command

FEW = 1000
COUNT = 20000

#: What is shown by name.
SHOWN = 0.0005


def counted(command: Sequence[str], requests: int) -> collections.Counter[str]:
    """The system calls of a whole life of the server, by name."""
    with tempfile.NamedTemporaryFile("r", prefix="coro-syscalls-") as summary:
        with running(["strace", "-c", "-f", "-o", summary.name, *command]) as server:
            server.drive(requests)
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


def calls_for_a_request(count: int = COUNT) -> dict[str, float] | None:
    """System calls for a request, by name; None if there is no strace."""
    if shutil.which("strace") is None:
        return None
    command = server_command("coro")
    few, many = counted(command, FEW), counted(command, FEW + count)
    return {name: (calls - few[name]) / count for name, calls in many.most_common()}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    calls = calls_for_a_request(count)
    if calls is None:
        print("Skipped: strace is not installed.")
        return
    print(f"System calls for each of {count:,} requests, {CONNECTIONS} connections, {SIZE} bytes:")
    for name, number in calls.items():
        if abs(number) >= SHOWN:
            print(f"  {name:16} {number:7.3f}")
    print(f"  {'all':16} {sum(calls.values()):7.3f}")


if __name__ == "__main__":
    main()
