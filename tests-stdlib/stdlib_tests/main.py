"""The command line: ``python tests-stdlib [options] [tests]``.

What belongs here: options, and the run from its beginning to the exit status.
"""

import argparse
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from stdlib_tests import environments, exceptions, scores
from stdlib_tests.comparison import Comparison, compare
from stdlib_tests.environments import Environments
from stdlib_tests.outcomes import Result, Results
from stdlib_tests.plan import MODULES, Unit, files_of, units
from stdlib_tests.processes import run_unit
from stdlib_tests.progress import Progress

LONGEST_WHY = 1500  # characters


class Outcomes(NamedTuple):
    """What came of all tests, and of which of them it came only when they ran once more."""

    emulated: Results
    plain: Results
    unsteady: list[str]
    #: the files that have run
    files: list[str]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python tests-stdlib",
        description="CPython's own tests under the emulation, and in plain Python beside it.",
        epilog="Exit status: 0; 1 if a test fails that plain Python passes and that is not in exceptions.toml, or if "
        "an exception passes; 2 if nothing could be run.",
    )
    made.add_argument(
        "tests", nargs="*", help="test_socket, test_socket.SomeTests, test_socket.SomeTests.test_one; all if none"
    )
    made.add_argument("--python", default=sys.executable, help="the Python, with coro-patch installed; this one")
    made.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="files at the same time; as many as there are processors"
    )
    made.add_argument("--limit", type=float, default=120.0, help="the longest that a test may take, seconds; 120")
    made.add_argument("--keep-going", action="store_true", help="do not stop at the first file with a failure")
    made.add_argument("--again", type=int, default=1, help="how often a test that fails may try once more; 1")
    made.add_argument(
        "--use", action="append", default=[], metavar="RESOURCE", help="a resource of test.support, such as network"
    )
    made.add_argument("--write-docs", action="store_true", help="keep the scores, and write docs/stdlib-tests.md")
    made.add_argument("--verbose", action="store_true", help="tell of each test")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    # What a shell starts in the background ignores SIGINT, and so would the tests of it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    known = exceptions.load()
    files = files_of(options.python, list(MODULES))
    try:
        chosen = units(options.tests, files)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="stdlib-python-") as folder:
        pythons = environments.make(options.python, Path(folder))
        outcomes = run(chosen, pythons, options)
    # A file that was left out makes its module incomplete.
    whole = {unit.module for unit in chosen if not unit.only and unit.module in outcomes.files}
    complete = {name for name, modules in files.items() if whole.issuperset(modules)}
    comparison = compare(outcomes.emulated, outcomes.plain, exceptions.for_version(known, pythons.version), complete)
    names = dict.fromkeys(unit.name for unit in chosen)
    lines = scores.scores(outcomes.emulated, comparison, names)
    tell(pythons.version, outcomes, comparison)
    print(scores.table(lines))
    if options.write_docs:
        scores.keep(pythons.version, [line for line in lines if line.module in complete])
        scores.DOCS.write_text(scores.page(scores.read(), known))
    return 0 if comparison.good else 1


# --- running ------------------------------------------------------------------------


def run(chosen: list[Unit], pythons: Environments, options: argparse.Namespace) -> Outcomes:
    """Run the files, some at a time, each in plain Python and under the emulation."""
    outcomes = Outcomes({}, {}, [], [])
    progress = Progress(options.verbose)
    stop = threading.Event()

    def one(kind: str, python: str, results: Results, unit: Unit) -> None:
        if stop.is_set():
            return
        progress.unit(kind, unit.module, "begins")
        found, unsteady = with_second_tries(kind, python, unit, options, progress)
        results.update(found)
        outcomes.unsteady.extend(f"{kind}: {each}" for each in unsteady)
        progress.unit(kind, unit.module, "has ended")
        if kind == "emulated":
            outcomes.files.append(unit.module)
            if not options.keep_going and any(each.outcome.bad for each in found.values()):
                stop.set()

    with ThreadPoolExecutor(options.jobs) as pool:
        runs = []
        for unit in chosen:
            runs.append(pool.submit(one, "plain", pythons.plain, outcomes.plain, unit))
            runs.append(pool.submit(one, "emulated", pythons.emulated, outcomes.emulated, unit))
        for each in runs:
            each.result()
    return outcomes


def with_second_tries(
    kind: str, python: str, unit: Unit, options: argparse.Namespace, progress: Progress
) -> tuple[Results, list[str]]:
    """The results of a file, and the tests that passed only when they ran once more."""

    def told(identity: str, result: Result) -> None:
        progress.result(kind, identity, result)

    resources = unit.resources(options.use)
    results = run_unit(python, unit, options.limit, resources, told)
    unsteady = []
    for _ in range(options.again):
        # What is no test, as the exit of the process, cannot run once more.
        bad = [each for each, result in results.items() if result.outcome.bad and " " not in each]
        if not bad:
            break
        for identity, result in run_unit(python, unit, options.limit, resources, told, bad).items():
            if identity in results and not result.outcome.bad:
                unsteady.append(identity)
                results[identity] = result
    return results, unsteady


# --- telling ------------------------------------------------------------------------


def tell(version: str, outcomes: Outcomes, comparison: Comparison) -> None:
    print(f"\nPython {version}\n")
    for identity in comparison.failures:
        result = outcomes.emulated[identity]
        plain = outcomes.plain.get(identity)
        print(f"FAILED {identity}: {result.outcome}; in plain Python: {plain.outcome if plain else 'not run'}")
        print("    " + result.why.strip()[-LONGEST_WHY:].replace("\n", "\n    ") + "\n")
    for heading, identities in (
        ("fails in plain Python too", comparison.common),
        ("on the list", comparison.listed),
        ("passed when it ran once more", outcomes.unsteady),
    ):
        for identity in identities:
            print(f"{heading}: {identity}")
    for identity, why in comparison.stale.items():
        print(f"STALE {identity}: {why}")
    print()
