"""How the programs that are measured are started, and what they share.

    python with_LIBRARY.py serve NAME [PORT]    a server: it prints its port, and serves until it is ended
    python with_LIBRARY.py run NAME COUNT [PORT]
                                                a workload: it prints a JSON object, what it measured by name
    python with_LIBRARY.py count NAME,... COUNT the same, for somebody who counts its instructions: with a mark
                                                between few, few again and COUNT more runs of each

A program has a function for each server and each workload, named `serve_NAME` and `run_NAME`, written
as its library's own documentation would write it. What a library does not offer is not there.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import struct
import sys
from collections.abc import Mapping
from typing import Any

Measured = dict[str, float]

READ_SIZE = 65536
BACKLOG = 1024
FEW = 1000  # runs of a workload after which it is as it stays
HOST = "127.0.0.1"
AT_ONCE = 1000  # coroutines that `spawn_many` spawns before it waits for them

#: What a server of `bulk` answers at the end: how many bytes have come.
TOTAL = struct.Struct("!Q")


def announce(port: int) -> None:
    print(port, flush=True)


def nothing() -> None:
    pass


def crowds(count: int) -> list[int]:
    """How many `spawn_many` spawns each time; `count` in all."""
    return [min(AT_ONCE, count - begun) for begun in range(0, count, AT_ONCE)]


def sleep_lengths(count: int) -> list[float]:
    """Seconds, in no order, so that timers come and go all over the heap."""
    source = random.Random(count)
    return [source.uniform(0.1, 1.0) for _ in range(count)]


def peak_bytes() -> int:
    """The most memory that this process has had in RAM until now, see proc(5)."""
    with open("/proc/self/status") as status:
        high_water_mark = next(line for line in status if line.startswith("VmHWM:"))
    return int(high_water_mark.split()[1]) * 1024


def _end_with_parent() -> None:
    """End this process when the one that has started it ends, however it does: see PR_SET_PDEATHSIG
    in prctl(2)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def main(functions: Mapping[str, Any], words: list[str] | None = None) -> None:
    """Do what the command line says, with the functions of a program."""
    what, name, *rest = sys.argv[1:] if words is None else words
    if what == "count":
        for each in name.split(","):
            for times in (FEW, FEW, FEW + int(rest[0])):
                functions[f"run_{each}"](times)
                os.getppid()  # the mark: see `coro_bench.counting`
        return
    function = functions[f"{what}_{name}"]
    if what == "serve":
        _end_with_parent()
        function(*map(int, rest))
    else:
        count, *more = map(int, rest)
        function(min(count, FEW), *more)  # imports, and what each library does only once
        print(json.dumps(function(count, *more)))
