"""The scoreboard.

What belongs here: counting results, keeping the counts of each Python between runs, and writing
them down: for a terminal, and as ``docs/stdlib-tests.md``.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from stdlib_tests.comparison import Comparison
from stdlib_tests.exceptions import Known
from stdlib_tests.outcomes import Outcome, Results, count, in_module
from stdlib_tests.plan import MODULES

KEPT = Path(__file__).parent.parent / "scores"
DOCS = Path(__file__).parent.parent.parent / "docs" / "stdlib-tests.md"


class Score(NamedTuple):
    """One line of the scoreboard. `run` are those that were not skipped."""

    module: str
    run: int
    passed: int
    skipped: int
    #: expected failures of CPython's own
    expected: int
    #: on the list of exceptions
    listed: int
    #: in plain Python too
    common: int
    failed: int

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(str(value) for value in self)


def scores(emulated: Results, comparison: Comparison, modules: Iterable[str]) -> list[Score]:
    """A line for each module."""
    lines = []
    for module in modules:
        mine = {identity: result for identity, result in emulated.items() if in_module(identity, module)}
        counts = count(mine.values())
        lines.append(
            Score(
                module,
                run=len(mine) - counts[Outcome.SKIPPED],
                passed=counts[Outcome.PASSED],
                skipped=counts[Outcome.SKIPPED],
                expected=counts[Outcome.EXPECTED],
                listed=sum(each in mine for each in comparison.listed),
                common=sum(each in mine for each in comparison.common),
                failed=sum(each in mine for each in comparison.failures),
            )
        )
    return lines


def total(lines: list[Score]) -> Score:
    sums = [sum(column) for column in zip(*(line[1:] for line in lines), strict=True)]
    return Score("all", *sums) if lines else Score("all", 0, 0, 0, 0, 0, 0, 0)


# --- between runs -------------------------------------------------------------------


def keep(version: str, lines: list[Score], folder: Path = KEPT) -> None:
    """Keep the lines of modules that have run as a whole; those of others stay what they were."""
    kept = {line.module: line for line in read(folder).get(version, [])} | {line.module: line for line in lines}
    ordered = sorted(kept.values(), key=lambda line: MODULES.index(line.module))
    folder.mkdir(exist_ok=True)
    text = json.dumps([line._asdict() for line in ordered], indent=1)
    (folder / f"{version}.json").write_text(text + "\n")


def read(folder: Path = KEPT) -> dict[str, list[Score]]:
    """What was kept, by the version of Python."""
    files = sorted(folder.glob("*.json"), key=lambda file: [int(part) for part in file.stem.split(".")])
    return {file.stem: [Score(**line) for line in json.loads(file.read_text())] for file in files}


# --- writing ------------------------------------------------------------------------

_HEADS = ("module", "run", "passed", "skipped", "expected failures", "on the list", "plain fails too", "failed")


def table(lines: list[Score]) -> str:
    """For a terminal."""
    rows = [_HEADS, *(line.fields for line in [*lines, total(lines)])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    return "\n".join(
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in cells)
        for cells in (list(enumerate(zip(row, widths, strict=True))) for row in rows)
    )


_INTRODUCTION = """\
# CPython's own tests

These are CPython's own tests, unmodified, run under the emulation by `tox -e py313-stdlib` (or
`python tests-stdlib`), which has written this page (`--write-docs`). Each file of tests runs in a fresh process in
which the emulation is installed when Python starts; so it is in the children that the tests start,
but for those started with `-S`, and for subinterpreters. The same tests run in plain Python beside
it: *plain fails too* are those that fail in both, which says nothing about the emulation. The network is
not used, but for a few tests of test_timeout, which skip themselves where there is none.

*On the list* are the exceptions below. A test that fails and is not there fails the run, and so
does an exception that passes.

Some builds of Python 3.11 and 3.12 come without test_concurrent_futures. Those here were 3.11.7 and 3.12.1; for
that one module it was the whole of 3.11.2, and the tests of 3.13.0 on 3.12.1, where six need what is new in 3.13.
"""


def page(kept: dict[str, list[Score]], known: list[Known]) -> str:
    """The text of ``docs/stdlib-tests.md``."""
    parts = [_INTRODUCTION]
    for version, lines in kept.items():
        parts.append(f"## Python {version}\n\n{_markdown(_HEADS, [line.fields for line in [*lines, total(lines)]])}")
    parts.append("## Exceptions\n")
    if known:
        heads = ("test", "versions", "why", "plain", "gevent")
        rows = [(f"`{one.test}`", ", ".join(one.versions), one.why, one.plain, one.gevent) for one in known]
        parts[-1] += f"\n{_markdown(heads, rows)}"
    else:
        parts[-1] += "\nThere are none.\n"
    return "\n".join(parts)


def _markdown(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(heads), *map(list, rows)]
    lines.insert(1, ["---" if column < 1 or len(lines[0]) != len(_HEADS) else "--:" for column in range(len(lines[0]))])
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
