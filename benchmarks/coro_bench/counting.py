"""Counting what does not wobble: system calls and instructions.

Either is counted twice, for few and for many of a thing. The difference is what the things cost,
without starting, connecting and ending.
"""

from __future__ import annotations

import collections
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from coro_bench.peers import Peer
from coro_bench.programs import ENVIRONMENT, CannotMeasureError, running, server_command

FEW = 1000
MARK = "getppid"  # see `programs/command.py`


def system_calls(peer: Peer, name: str, kind: str, numbers: Sequence[int], count: int) -> dict[str, float]:
    """System calls of a server for each of `count` things, by name.

    Args:
        peer, name: the server.
        kind, numbers: what the load generator is told, but for the count.

    Raises:
        CannotMeasureError: there is no strace, or it may not trace.
    """
    if shutil.which("strace") is None:
        raise CannotMeasureError("strace is not installed")

    def calls(things: int) -> collections.Counter[str]:
        with tempfile.NamedTemporaryFile("r", prefix="coro-syscalls-") as summary:
            with running(server_command(peer, name), ["strace", "-c", "-f", "-o", summary.name]) as server:
                server.drive(kind, *numbers, things)
                server.settle()  # or the ends of connections would count in one run and not in the other
            return read_summary(summary.read())

    few, many = calls(FEW), calls(FEW + count)
    return {call: (number - few[call]) / count for call, number in many.most_common()}


def read_summary(text: str) -> collections.Counter[str]:
    """The calls in the table of `strace -c`: columns % time, seconds, usecs/call, calls,
    errors (which may be empty) and syscall."""
    calls: collections.Counter[str] = collections.Counter()
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
            calls[words[-1]] += int(words[3])
    return calls


def instructions_of_workloads(peer: Peer, names: Sequence[str], count: int) -> dict[str, float]:
    """Instructions in user space for each of `count` runs of a peer's small workloads, by name.

    All run in one process, as valgrind takes seconds to start Python. callgrind writes what it has
    counted whenever the process calls a certain function of libc, which nobody else does.

    Raises:
        CannotMeasureError: there is no valgrind, or a workload fails under it.
    """
    with tempfile.TemporaryDirectory(prefix="coro-callgrind-") as folder:
        command = [
            *_callgrind(f"{folder}/out"),
            f"--dump-before={MARK}",
            *peer.command("count", ",".join(names), count),
        ]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        if done.returncode != 0:
            raise CannotMeasureError(f"a workload fails under valgrind: {done.stderr[-500:]}")
        # out.1, out.2 and so on; what comes after the last mark is in `out`.
        parts = [read_callgrind(Path(folder, f"out.{number}").read_text()) for number in range(1, 3 * len(names) + 1)]
    return {name: (parts[3 * i + 2] - parts[3 * i + 1]) / count for i, name in enumerate(names)}


def instructions_of_server(peer: Peer, name: str, kind: str, numbers: Sequence[int], count: int) -> float:
    """Instructions in user space of a server for each of `count` things.

    Raises:
        CannotMeasureError: there is no valgrind.
    """

    def instructions(things: int) -> int:
        with tempfile.TemporaryDirectory(prefix="coro-callgrind-") as folder:
            with running(server_command(peer, name), _callgrind(f"{folder}/out")) as server:
                server.drive(kind, *numbers, things)
                server.settle()
            return read_callgrind(Path(folder, "out").read_text())

    return (instructions(FEW + count) - instructions(FEW)) / count


def _callgrind(file: str) -> list[str]:
    if shutil.which("valgrind") is None:
        raise CannotMeasureError("valgrind is not installed")
    return ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={file}"]


def read_callgrind(text: str) -> int:
    """All instructions that callgrind has counted: its line `totals:` or `summary:`."""
    found = re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)
    if found is None:
        raise CannotMeasureError("callgrind has counted nothing")
    return int(found[1])
