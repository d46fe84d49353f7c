"""The page of results in docs/, with its pictures.

What belongs here: results as Markdown. The words about them are in docs/performance.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coro_bench import plots
from coro_bench.peers import BY_NAME
from coro_bench.results import Result, Results
from coro_bench.targets import TARGETS
from coro_bench.workloads import FIGURES

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
FOLDER = "benchmarks"

_INTRODUCTION = """\
# Results of the benchmarks

`make bench ARGS=--docs` has measured this and written it; what is measured, and how, is told in
[Benchmarks](benchmarking.md), and where the time goes in [performance.md](performance.md).
{where}

Times are CPU time of the process that is measured. A ratio is coro's (or coro-patch's) figure beside the peer's: the
median of the rounds' ratios. Lowest and highest of the rounds stand in brackets.
"""


def write(results: Results, where: Mapping[str, Any]) -> list[Path]:
    """Write the page, the pictures and the numbers. Returns their paths."""
    folder = DOCS / FOLDER
    folder.mkdir(exist_ok=True)
    pictures = plots.draw(results, folder)
    numbers = folder / "results.json"
    numbers.write_text(json.dumps({"environment": where, "results": results.to_json()}) + "\n")
    page = DOCS / "benchmarks.md"
    page.write_text(
        "\n".join(
            [_INTRODUCTION.format(where=_where(where)), *_pictures(pictures), *_targets(results), *_tables(results)]
        )
    )
    return [page, numbers, *pictures]


def _where(where: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    return f"Python {where['python']}, {where['system']}, {where['processors']} processors. {versions}."


def _targets(results: Results) -> list[str]:
    lines = ["## Targets", "", "| | is | should be | |", "| --- | --: | --- | --- |"]
    for target in TARGETS:
        value = target.value(results)
        if value is not None:
            lines.append(f"| {FIGURES[target.figure].title} | {value:,.3f} | {target} | {target.judge(results)} |")
    return [*lines, ""]


def _pictures(paths: list[Path]) -> list[str]:
    found = [path for path in paths if path.suffix == ".svg"]
    return ["## Pictures", "", *(f"![{path.stem}]({FOLDER}/{path.name})" for path in found), ""]


def _tables(results: Results) -> list[str]:
    lines = ["## Figures", ""]
    for name in results.names():
        result = results.get(name)
        if result is not None:
            lines += _table(result)
    return lines


def _table(result: Result) -> list[str]:
    figure = FIGURES[result.name]
    ours = "coro" if "coro" in result.runs else "coro_patch"
    lines = [
        f"### {result.name}",
        "",
        f"{figure.title}, {figure.unit}",
        "",
        "| | median | ratio | lowest and highest |",
    ]
    lines.append("| --- | --: | --: | --- |")
    for peer in sorted(result.runs, key=list(BY_NAME).index):
        low, middle, high = (
            f"{value * figure.factor:,.{figure.digits}f}"
            for value in (min(result.runs[peer]), result.median(peer), max(result.runs[peer]))
        )
        ratio = result.ratio(ours, peer)
        shown = f"{ratio:.3f}" if ratio is not None and peer != ours else ""
        lines.append(f"| {peer} | {middle} | {shown} | {low} to {high} |")
    return [*lines, ""]
