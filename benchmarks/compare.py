"""What coro costs beside gevent and others: CPU time for a yield, an echo and the like.

    python benchmarks/compare.py [--quick] [--only NAME] [--repetitions N] [--json FILE]

What is measured, and how, is told in README.md beside this file.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from count_syscalls import calls_for_a_message
from echo_harness import Traffic, allow_connections, c_program, measure_echo, measure_idle_memory

WORKLOADS = Path(__file__).with_name("workloads.py")

REPETITIONS = 5
QUICK_SHARE = 10  # a quick run does this much less

#: How often each workload runs what it measures.
COUNTS = {
    "yield": 500_000,
    "spawn_join": 100_000,
    "timeout": 300_000,
    "sleepers": 100_000,
    "mutex": 500_000,
    "ping_pong": 100_000,
    "echo": 100_000,
    "echo_64k": 30_000,
    "idle_memory": 10_000,  # connections, one message each
    "syscalls": 20_000,
}

#: How many rounds of a run's part stand for one round of whole runs. What copies much feels what else
#: the machine does, and that changes within seconds: shorter runs have more of it in common.
PARTS = {"echo": 4, "echo_64k": 6}

#: What the echo servers are asked.
TRAFFIC = {
    "echo": Traffic(connections=100, size=64),
    "echo_64k": Traffic(connections=4, size=65536),
    "syscalls": Traffic(connections=100, size=64),
}
IDLE_MESSAGE = 64  # bytes

TITLES = {
    "yield": "a yield, two coroutines taking turns",
    "spawn_join": "spawn and join a coroutine",
    "timeout": "a timeout that does not fire",
    "sleepers": "a coroutine that sleeps, among {count:,}",
    "sleepers_memory": "memory of a coroutine that sleeps",
    "mutex": "a mutex that nobody else wants, locked and unlocked",
    "ping_pong": "an item through a queue and back through another, between two coroutines",
    "echo": f"an echo of {TRAFFIC['echo']}: the server",
    "echo_64k": f"echoes of {TRAFFIC['echo_64k']}: the server",
    "echo_64k_clock": "the same by the clock",
    "idle_memory": "memory of an idle connection, {count:,} of them: the server",
    "syscalls": f"an echo of {TRAFFIC['syscalls']}: the server",
}
UNITS = {
    "sleepers_memory": ("bytes", 1.0, 0),
    "echo_64k": ("GB a second of CPU", 1e-9, 3),
    "echo_64k_clock": ("GB a second", 1e-9, 3),
    "idle_memory": ("bytes", 1.0, 0),
    "syscalls": ("system calls", 1.0, 3),
}
CPU_MICROSECONDS = ("us of CPU", 1e6, 3)


@dataclass(frozen=True)
class Target:
    """A limit for coro's median, or for its ratio to that of a peer."""

    name: str
    peer: str | None
    bound: Literal["at most", "at least"]
    limit: float

    def is_met(self, value: float) -> bool:
        return value <= self.limit if self.bound == "at most" else value >= self.limit

    def judge(self, value: float | None) -> str:
        """The target and whether it is met; `value` is None where the peer is left out."""
        verdict = "not judged" if value is None else "met" if self.is_met(value) else "MISSED"
        of_peer = f" of {self.peer}'s" if self.peer else ""
        return f"{self.bound} {self.limit:,}{of_peer}: {verdict}"


TARGETS = [
    Target("yield", "gevent", "at most", 0.2),
    Target("spawn_join", "gevent", "at most", 0.1),
    Target("timeout", "gevent", "at most", 0.25),
    Target("sleepers", "gevent", "at most", 0.25),
    Target("mutex", "gevent", "at most", 0.8),
    Target("ping_pong", "gevent", "at most", 0.25),
    Target("echo", "gevent", "at most", 0.45),
    Target("echo", "uvloop", "at most", 1.05),
    Target("echo_64k", "C", "at least", 0.9),
    Target("echo_64k_clock", "C", "at least", 0.9),
    Target("idle_memory", None, "at most", 9000),
    Target("syscalls", None, "at most", 2.1),
]


@dataclass
class Result:
    """What was measured of one thing: the runs of each library, in seconds or the like."""

    name: str
    count: int
    runs: dict[str, list[float]] = field(default_factory=dict)

    def add(self, library: str, value: float) -> None:
        self.runs.setdefault(library, []).append(value)

    def median(self, library: str) -> float:
        return statistics.median(self.runs[library])

    @property
    def ratios(self) -> dict[str, float]:
        """coro beside each of the others: the median of what it is in each round of runs. Those of
        a round follow each other, so what else the machine does concerns them alike."""
        return {
            peer: statistics.median(ours / theirs for ours, theirs in zip(self.runs["coro"], runs, strict=True))
            for peer, runs in self.runs.items()
            if peer != "coro"
        }

    @property
    def verdicts(self) -> list[str]:
        """The targets, and whether they are met."""
        return [
            target.judge(self.ratios.get(target.peer) if target.peer else self.median("coro"))
            for target in TARGETS
            if target.name == self.name
        ]

    def to_json(self) -> dict[str, object]:
        return {
            "count": self.count,
            "ratios": self.ratios,
            "targets": self.verdicts,
            "libraries": {
                library: {"median": self.median(library), "min": min(runs), "max": max(runs), "runs": runs}
                for library, runs in self.runs.items()
            },
        }


class Progress:
    """One line on stderr that says what runs now; nothing where that is no terminal."""

    def __init__(self) -> None:
        self.on_terminal = sys.stderr.isatty()

    def show(self, text: str) -> None:
        if self.on_terminal:
            print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)

    def announce(self, text: str) -> None:
        if not self.on_terminal:
            print(text, file=sys.stderr, flush=True)


def run_workload(library: str, name: str, count: int) -> Mapping[str, float]:
    """Run a small workload in a fresh process."""
    command = [sys.executable, str(WORKLOADS), library, name, str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    measured: Mapping[str, float] = json.loads(done.stdout)
    return measured


def measure(name: str, library: str, count: int) -> Mapping[str, float]:
    """Measure one thing once, with one library. Returns numbers by the names of results."""
    if name == "echo":
        cpu_seconds, _ = measure_echo(library, TRAFFIC[name], count)
        return {name: cpu_seconds / count}
    if name == "echo_64k":
        cpu_seconds, clock_seconds = measure_echo(library, TRAFFIC[name], count)
        size = count * TRAFFIC[name].size
        return {name: size / cpu_seconds, f"{name}_clock": size / clock_seconds}
    if name == "idle_memory":
        return {name: measure_idle_memory(library, Traffic(count, IDLE_MESSAGE))}
    if name == "syscalls":
        calls = calls_for_a_message(library, TRAFFIC[name], count)
        return {} if calls is None else {name: sum(calls.values())}
    return run_workload(library, name, count)


def compare(name: str, count: int, repetitions: int, progress: Progress) -> list[Result]:
    """Measure the libraries in turn, again and again, so that a busy machine is busy for
    all of them."""
    results: dict[str, Result] = {}
    libraries = ["coro", *peers(name)]
    progress.announce(f"{name}: {', '.join(libraries)}")
    parts = PARTS.get(name, 1)
    repetitions, count = repetitions * parts, count // parts
    for repetition in range(1, repetitions + 1):
        for library in libraries:
            progress.show(f"{name}: {library}, {repetition} of {repetitions}")
            for measured, value in measure(name, library, count).items():
                results.setdefault(measured, Result(measured, count)).add(library, value)
    progress.show("")
    return list(results.values())


def peers(name: str) -> list[str]:
    """What coro is compared with, as far as it is here."""
    if name == "syscalls":
        return []
    if name in ("echo", "echo_64k"):
        return [*installed("gevent"), "asyncio", *installed("uvloop"), *(["C"] if c_program() else [])]
    return [*installed("gevent"), "asyncio"]


def installed(library: str) -> list[str]:
    """The library, if it is here."""
    return [library] if importlib.util.find_spec(library) else []


def describe(result: Result) -> str:
    """A result as some lines of text."""
    unit, factor, digits = UNITS.get(result.name, CPU_MICROSECONDS)
    lines = [f"{result.name}: {TITLES[result.name].format(count=result.count)}, {unit}"]
    for library, runs in result.runs.items():
        line = f"  {library:8} {result.median(library) * factor:12,.{digits}f}"
        if len(runs) > 1:
            line += f"   ({min(runs) * factor:,.{digits}f} to {max(runs) * factor:,.{digits}f})"
        lines.append(line)
    lines += [f"  {ratio:.3f} of {peer}'s" for peer, ratio in result.ratios.items()]
    lines += [f"  target: {verdict}" for verdict in result.verdicts]
    return "\n".join(lines)


def environment() -> dict[str, object]:
    """Where this was measured."""
    versions = {}
    for name in ("coro-core", "coro-sock", "greenlet", "gevent", "uvloop"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "left out"
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "load_generator": "C" if c_program() else "Python",
        "versions": versions,
    }


def missing() -> list[str]:
    """What is left out because it is not here."""
    lines = [
        f"{library} is not installed: it is left out." for library in ("gevent", "uvloop") if not installed(library)
    ]
    if c_program() is None:
        lines.append("There is no C compiler: the server in C is left out, and the load comes from Python.")
    return lines


def positive(text: str) -> int:
    """What argparse calls to read a number of repetitions."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, not {text!r}")
    return int(text)


def save(results: list[Result], path: Path, **more: Any) -> None:
    """Write the results as JSON, and what else is to be known of them."""
    document = {**more, "results": {each.name: each.to_json() for each in results}}
    path.write_text(json.dumps(document, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures what coro costs beside gevent and others.")
    parser.add_argument("--quick", action="store_true", help=f"measure {QUICK_SHARE} times less of each")
    parser.add_argument("--only", choices=COUNTS, action="append", metavar="NAME", help=", ".join(COUNTS))
    parser.add_argument("--repetitions", type=positive, default=REPETITIONS, metavar="N", help=f"({REPETITIONS})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    options = parser.parse_args()
    if options.json is not None:
        try:
            options.json.touch()  # rather now than after some minutes
        except OSError as error:
            parser.error(f"argument --json: {error}")

    where = environment()
    progress = Progress()
    results: list[Result] = []
    for name in options.only or COUNTS:
        count = COUNTS[name] // (QUICK_SHARE if options.quick else 1)
        if name == "idle_memory" and (allowed := allow_connections(count)) < count:
            print(f"idle_memory: the limit of descriptors allows {allowed:,} connections and not {count:,}.\n")
            count = allowed
        # Counts do not differ from run to run.
        found = compare(name, count, 1 if name == "syscalls" else options.repetitions, progress)
        if not found:
            print("syscalls: strace is not installed: left out.\n")
        for result in found:
            results.append(result)
            print(describe(result), end="\n\n", flush=True)

    for line in missing():
        print(line)
    print(
        f"Medians of {options.repetitions} repetitions (of the echoes' parts), lowest and highest in brackets. "
        f"Python {where['python']}, {where['processors']} processors, load {where['load_before']:.1f} before the first."
    )
    if options.json is not None:
        traffic = {name: asdict(each) for name, each in TRAFFIC.items()}
        save(results, options.json, environment=where, traffic=traffic)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
