"""Has a path become longer? What is counted, beside what is kept in `guard.json`.

    python benchmarks guard            compare; exit status 1 if something has grown
    python benchmarks guard --keep     keep what is counted now, where a change is meant

Instructions in user space and system calls do not depend on how busy a machine is. Instructions do
depend on Python, on what has compiled it and coro, and on greenlet; so they are kept for each
combination of these, and compared where the same is at hand. System calls are the same everywhere.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from coro_bench import counting
from coro_bench.measuring import COUNTED
from coro_bench.peers import BY_NAME, CORO, Peer
from coro_bench.programs import CannotMeasureError, compiler

EMULATED = BY_NAME["coro_patch"]

KEPT = Path(__file__).resolve().parent.parent / "guard.json"

#: How much more is no reason to worry: in how many messages a poll finds, luck has a part.
TOLERANCE = {"instructions": 0.03, "system calls": 0.03}

WORKLOAD_COUNT = 3000

#: Servers: whose, which, what the load generator does, with how many connections of what size. Connections come
#: one at a time: of more, how many an `accept_many` finds depends on how busy the machine is, and so what each costs.
SERVERS: dict[str, tuple[Peer, str, str, tuple[int, ...]]] = {
    "echo of 64 bytes, 1 connection": (CORO, "echo", "echo", (1, 64)),
    "echo of 64 bytes, 100 connections": (CORO, "echo", "echo", (100, 64)),
    "emulated echo, 100 connections": (EMULATED, "echo", "echo", (100, 64)),
    "connection accepted and closed": (CORO, "churn", "churn", (1,)),
    "datagram": (CORO, "udp", "udp", (100, 64)),
}
SERVER_COUNT = 4000

Counts = dict[str, float]


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks guard", description="Compares what coro's paths cost with guard.json."
    )
    parser.add_argument("--keep", action="store_true", help="write what is counted now to guard.json")
    options = parser.parse_args(words)
    kept: dict[str, dict[str, Counts]] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    build = build_name()
    failed = False
    for kind, key, count in (("instructions", build, instructions), ("system calls", "everywhere", system_calls)):
        try:
            counted = count()
        except CannotMeasureError as error:
            print(f"{kind} are not compared: {error}")
            continue
        if options.keep:
            kept.setdefault(kind, {})[key] = {name: round(value, 3) for name, value in counted.items()}
            continue
        before = kept.get(kind, {}).get(key)
        print(f"{kind} ({key}):")
        if before is None:
            print("  are not kept of this build. To keep them: python benchmarks guard --keep")
        lines, grown = compare(before or {}, counted, TOLERANCE[kind])
        print(*lines, sep="\n")
        failed = failed or grown
    if options.keep:
        KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        print(f"kept in {KEPT.name}; the commit should say why they have changed")
    if failed:
        print(
            "A path has become longer. `valgrind --tool=callgrind` and `strace` tell where. If it is meant to be: "
            "`python benchmarks guard --keep`, and commit guard.json with the reason."
        )
    return 1 if failed else 0


def compare(before: Mapping[str, float], now: Mapping[str, float], tolerance: float) -> tuple[list[str], bool]:
    """A line for each count, and whether one has grown by more than `tolerance` (a share of it)."""
    lines, failed = [], False
    for name, value in now.items():
        line = f"  {name:40} {value:12,.2f}"
        if name in before:
            change = value / before[name] - 1 if before[name] else 0.0
            verdict = ""
            if change > tolerance:
                failed, verdict = True, "   LONGER"
            elif change < -tolerance:
                verdict = "   shorter: --keep would hold it there"
            line += f"   kept {before[name]:12,.2f}   {change:+7.1%}{verdict}"
        lines.append(line.rstrip())
    return lines, failed


def build_name() -> str:
    """What instructions depend on."""
    found = compiler()
    built_with = ""
    if found is not None:
        version = subprocess.run([found, "-dumpfullversion"], stdout=subprocess.PIPE, text=True).stdout.strip()
        built_with = f", {Path(found).resolve().name} {version}"
    python = f"{platform.python_implementation()} {platform.python_version()} ({platform.python_compiler()})"
    return f"{python}, greenlet {importlib.metadata.version('greenlet')}{built_with}, {platform.machine()}"


def instructions() -> Counts:
    counted = counting.instructions_of_workloads(CORO, COUNTED, WORKLOAD_COUNT)
    counted["emulated lock"] = counting.instructions_of_workloads(EMULATED, ["lock"], WORKLOAD_COUNT)["lock"]
    return counted | _of_servers(counting.instructions_of_server)


def system_calls() -> Counts:
    """Without the waits of a server of many: how many messages each finds depends on how busy the machine is."""

    def counted(peer: Peer, name: str, kind: str, numbers: tuple[int, ...], count: int) -> float:
        calls = counting.system_calls(peer, name, kind, numbers, count)
        return sum(number for call, number in calls.items() if numbers[0] == 1 or not call.startswith("epoll_"))

    return _of_servers(counted)


def _of_servers(count: Callable[..., float]) -> Counts:
    return {name: count(*what, SERVER_COUNT) for name, what in SERVERS.items()}
