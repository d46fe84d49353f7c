"""The command line of `python benchmarks`."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from coro_bench import page, plots
from coro_bench.peers import BY_NAME, PEERS, Peer
from coro_bench.programs import CannotMeasureError, compiled
from coro_bench.report import describe, describe_targets
from coro_bench.results import Results
from coro_bench.workloads import ECHO_CONNECTIONS, ECHO_SIZES, WORKLOADS, Workload, echo_name

ROUNDS = 5
QUICK_SHARE = 10  # a quick run does this much less

#: What a run without --only measures of the many echoes: a curve over connections, one over sizes, and what
#: has a target of its own. All of them are `--only echo`.
USUAL_ECHOES = {
    *(echo_name(connections, 64) for connections in ECHO_CONNECTIONS),
    *(echo_name(100, size) for size in ECHO_SIZES),
    "echo_1000x1024",
    "echo_4x65536",
    "echo_10x262144",
}

DISTRIBUTIONS = ("coro-core", "coro-sock", "coro-patch", "greenlet", "gevent", "eventlet", "uvloop", "trio")


class Progress:
    """One line on stderr that says what runs now; a line for each workload where that is no terminal."""

    def __init__(self) -> None:
        self.on_terminal = sys.stderr.isatty()

    def show(self, text: str) -> None:
        if self.on_terminal:
            print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)

    def announce(self, text: str) -> None:
        if not self.on_terminal:
            print(text, file=sys.stderr, flush=True)


def main(words: Sequence[str] | None = None) -> int:
    options = _parse(words)
    workloads = [workload for workload in WORKLOADS if _is_chosen(workload.name, options.only)]
    peers = [peer for peer in PEERS if not options.peer or peer.name in options.peer]
    left_out = [peer.name for peer in peers if not peer.is_here]
    progress, results, failures = Progress(), Results(), []
    where = environment()
    if options.earlier is not None:
        earlier = json.loads(options.earlier.read_text())
        results = Results.from_json(earlier["results"])
        if not options.only:  # it is only shown once more
            workloads, where = [], earlier["environment"]
    _save(results, where, options.json)
    for number, workload in enumerate(workloads, 1):
        progress.announce(f"{number} of {len(workloads)}: {workload.name}")
        found = Results()
        chosen = [peer for peer in peers if peer.name in workload.peers and peer.name not in left_out]
        failures += _measure(workload, chosen, options, found, f"{number} of {len(workloads)}", progress)
        print(describe(found, found.names()), end="\n\n", flush=True)
        results.update(found)
        _save(results, where, options.json)  # each time: who interrupts it can go on with --from
    print(describe_targets(results), end="\n\n")
    for line in [*(f"{name} is not installed: it is left out." for name in left_out), *failures]:
        print(line)
    print(
        f"Medians of {options.rounds} rounds (large messages three times as many, counts one), the ratio of coro's to "
        f"each, lowest and highest. Python "
        f"{where['python']}, {where['processors']} processors, load {where['load_before']:.1f} before the first."
    )
    written = plots.draw(results, options.plots) if options.plots is not None else []
    written += page.write(results, where) if options.docs else []
    for path in written:
        print(f"wrote {path}")
    return 0


def _measure(
    workload: Workload,
    peers: list[Peer],
    options: argparse.Namespace,
    results: Results,
    position: str,
    progress: Progress,
) -> list[str]:
    """Measure the peers in turn, again and again, so that a busy machine is busy for all of them.

    Returns:
        of each that could not be measured, why; it is not tried again.
    """
    failures: dict[str, str] = {}
    count = max(workload.count // (QUICK_SHARE if options.quick else 1), 1)
    rounds = 1 if workload.once else options.rounds * workload.turns
    for turn in range(1, rounds + 1):
        for peer in peers:
            if peer.name in failures:
                continue
            progress.show(f"{position}: {workload.name}, {peer.name}, {turn} of {rounds}")
            try:
                results.add(peer.name, workload.measure(peer, count))
            except CannotMeasureError as error:
                failures[peer.name] = f"{workload.name} of {peer.name} is left out: {error}"
    progress.show("")
    return list(failures.values())


def _save(results: Results, where: dict[str, object], file: Path | None) -> None:
    if file is not None:
        file.write_text(json.dumps({"environment": where, "results": results.to_json()}, indent=1) + "\n")


def _is_chosen(name: str, only: list[str] | None) -> bool:
    if not only:
        return not name.startswith("echo_") or name in USUAL_ECHOES
    return any(name == word or name.startswith(f"{word}_") for word in only)


def environment() -> dict[str, object]:
    """Where this was measured."""
    versions = {}
    release = ".".join(platform.release().split(".")[:2])  # the rest is of one build
    for name in DISTRIBUTIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "left out"
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {release} {platform.machine()}",
        "processors": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "versions": versions,
    }


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    names = [workload.name for workload in WORKLOADS]
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measures what coro costs beside its peers.")
    parser.add_argument("--quick", action="store_true", help=f"measure {QUICK_SHARE} times less of each")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help=f"a workload, or all that begin so: {', '.join(names)}"
    )
    parser.add_argument("--peer", action="append", metavar="NAME", help=", ".join(map(repr, BY_NAME)))
    parser.add_argument("--rounds", type=positive, default=ROUNDS, metavar="N", help=f"({ROUNDS})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw them there, as SVG and PNG (matplotlib)")
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks.md, with pictures")
    parser.add_argument(
        "--from",
        type=Path,
        dest="earlier",
        metavar="FILE",
        help="begin with the results of an earlier --json; what --only names is measured anew",
    )
    options = parser.parse_args(words)
    for word in options.only or ():
        if not any(_is_chosen(name, [word]) for name in names):
            parser.error(f"argument --only: there is no {word!r}; there are {', '.join(names)}")
    for word in options.peer or ():
        if word not in BY_NAME:
            parser.error(f"argument --peer: there is no {word!r}; there are {', '.join(BY_NAME)}")
    if options.json is not None:
        try:
            options.json.touch()  # rather now than after some minutes
        except OSError as error:
            parser.error(f"argument --json: {error}")
    if (options.docs or options.plots is not None) and importlib.util.find_spec("matplotlib") is None:
        parser.error("pictures need matplotlib, which is not installed")
    if options.earlier is not None and not options.earlier.is_file():
        parser.error(f"argument --from: there is no file {options.earlier}")
    try:
        compiled("c/load.c")
    except CannotMeasureError as error:
        parser.error(f"the load generator is in C: {error}")
    return options


def positive(text: str) -> int:
    """What argparse calls to read how many rounds there are."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, not {text!r}")
    return int(text)
