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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from count_syscalls import calls_for_a_request
from echo_harness import c_program, measure_echo

WORKLOADS = Path(__file__).with_name("workloads.py")

REPETITIONS = 5
QUICK_SHARE = 10  # a quick run does this much less

#: How often each workload runs what it measures.
COUNTS = {
    "yield": 500_000,
    "spawn_join": 100_000,
    "timeout": 300_000,
    "sleepers": 100_000,
    "echo": 100_000,
    "syscalls": 20_000,
}

#: The highest that the number may be, beside gevent's.
RATIO_TARGETS = {"yield": 0.2, "spawn_join": 0.1}
SYSCALLS_TARGET = 2.1

TITLES = {
    "yield": "a yield, two coroutines taking turns",
    "spawn_join": "spawn and join a coroutine",
    "timeout": "a timeout that does not fire",
    "sleepers": "a coroutine that sleeps, among {count:,}",
    "sleepers_memory": "memory of a coroutine that sleeps",
    "echo": "an echo of 64 bytes, 100 connections: the server",
    "syscalls": "an echo of 64 bytes, 100 connections: the server",
}
UNITS = {"sleepers_memory": ("bytes", 1.0, 0), "syscalls": ("system calls", 1.0, 3)}
CPU_MICROSECONDS = ("us of CPU", 1e6, 3)


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
    def ratio(self) -> float | None:
        """coro's median beside gevent's."""
        if "coro" not in self.runs or "gevent" not in self.runs:
            return None
        return self.median("coro") / self.median("gevent")

    @property
    def verdict(self) -> str:
        """The target and whether it is met; nothing if there is none."""
        if self.name == "syscalls":
            return judge("", self.median("coro"), SYSCALLS_TARGET)
        if self.name in RATIO_TARGETS and self.ratio is not None:
            return judge(" of gevent's", self.ratio, RATIO_TARGETS[self.name])
        return ""

    def to_json(self) -> dict[str, object]:
        return {
            "count": self.count,
            "ratio_to_gevent": self.ratio,
            "libraries": {
                library: {"median": self.median(library), "min": min(runs), "max": max(runs), "runs": runs}
                for library, runs in self.runs.items()
            },
        }


def judge(of_what: str, value: float, target: float) -> str:
    verdict = "met" if value <= target else "MISSED"
    return f"at most {target}{of_what}: {verdict}"


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


def repeat(
    name: str,
    count: int,
    libraries: Sequence[str],
    repetitions: int,
    measure: Callable[[str, int], Mapping[str, float]],
    progress: Progress,
) -> list[Result]:
    """Measure the libraries in turn, again and again, so that a busy machine is busy for
    all of them."""
    results: dict[str, Result] = {}
    progress.announce(f"{name}: {', '.join(libraries)}")
    for repetition in range(1, repetitions + 1):
        for library in libraries:
            progress.show(f"{name}: {library}, {repetition} of {repetitions}")
            for measured, value in measure(library, count).items():
                results.setdefault(measured, Result(measured, count)).add(library, value)
    progress.show("")
    return list(results.values())


def compare(name: str, count: int, repetitions: int, progress: Progress) -> list[Result]:
    """Measure one thing with all libraries that are here."""
    if name == "syscalls":
        progress.announce(f"{name}: coro")
        progress.show(f"{name}: coro")
        calls = calls_for_a_request(count)
        progress.show("")
        return [] if calls is None else [Result(name, count, {"coro": [sum(calls.values())]})]
    if name == "echo":
        peers = installed("gevent") + ["asyncio"] + installed("uvloop") + (["C"] if c_program() else [])

        def echo(library: str, count: int) -> Mapping[str, float]:
            return {"echo": measure_echo(library, count)}

        return repeat(name, count, ["coro", *peers], repetitions, echo, progress)

    def workload(library: str, count: int) -> Mapping[str, float]:
        return run_workload(library, name, count)

    return repeat(name, count, ["coro", *installed("gevent")], repetitions, workload, progress)


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
    if result.ratio is not None:
        lines.append(f"  {result.ratio:.3f} of gevent's")
    if result.verdict:
        lines.append(f"  target: {result.verdict}")
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
        found = compare(name, count, options.repetitions, progress)
        if not found:
            print("syscalls: strace is not installed: left out.\n")
        for result in found:
            results.append(result)
            print(describe(result), end="\n\n", flush=True)

    for line in missing():
        print(line)
    print(
        f"Medians of {options.repetitions}, lowest and highest in brackets. Python {where['python']}, "
        f"{where['processors']} processors, load {where['load_before']:.1f} before the first."
    )
    if options.json is not None:
        document = {"environment": where, "results": {each.name: each.to_json() for each in results}}
        options.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
