"""A profile: from its start to what is asked of it.

What belongs here: the object that users hold. What it says is made by the others:
`_analysis` adds up, `_report`, `_html`, `_flame` and `_pstats` write.
"""

import os
import pstats
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TextIO

from coro.profiler import _flame, _html, _pstats, _report
from coro.profiler._analysis import Analysis, Clock, Coroutine, FunctionStats, Summary, analyse
from coro.profiler._collector import Collector

Sort = Literal["calls", "own_cpu", "own_wall", "cpu", "wall"]


class Profile:
    """Where the time went, by function and by coroutine; see `coro.profiler.start`."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self.complete: bool = False
        """Whether it has been stopped, so that it has numbers."""
        collector.start()
        collector.owner = self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._collector.runs:  # not if the block stopped it, nor in a process that it forked
            self.stop()

    def stop(self) -> Self:
        """End it. In the OS thread that started it, from any coroutine.

        Raises:
            RuntimeError: it does not run in this thread.
        """
        self._collector.stop()
        self._collector.owner = None
        self.complete = True
        return self

    @cached_property
    def _analysis(self) -> Analysis:
        if not self.complete:
            raise RuntimeError(
                "this profile still runs: stop() it first"
                if self._collector.runs
                else "this profile was left behind in the parent by fork()"
            )
        return analyse(self._collector)

    # -- numbers

    @property
    def summary(self) -> Summary:
        """The sums."""
        return self._analysis.summary

    @property
    def functions(self) -> list[FunctionStats]:
        """The functions, those with most CPU time (with what they called) first."""
        return self._analysis.functions

    @property
    def waits(self) -> list[FunctionStats]:
        """What was waited for, a "function" for each reason, the longest first."""
        return self._analysis.waits

    @property
    def coroutines(self) -> list[Coroutine]:
        """The coroutines that ran or waited, those with most CPU time first."""
        return self._analysis.coroutines

    @property
    def groups(self) -> list[Coroutine]:
        """The coroutines, those of one name as one."""
        return self._analysis.groups

    # -- reports

    def print_stats(self, sort: Sort = "cpu", limit: int | None = 50, file: TextIO | None = None) -> None:
        """Print tables of the functions, the waits and the coroutines.

        Args:
            sort: the column that puts the functions in order: "calls", "own_cpu", "own_wall",
                "cpu" or "wall".
            limit: the longest that a table may be, in rows; None for no limit.
            file: where to; sys.stdout if not given.

        Raises:
            ValueError: there is no such column.
        """
        print(_report.text(self._analysis, sort, limit), file=file)

    def collapsed(self, clock: Clock = "wall") -> str:
        """The stacks, a line of ``outer;inner;innermost microseconds`` for each, as flamegraph.pl,
        speedscope and others read them.

        Args:
            clock: "wall", with waits, or "cpu".
        """
        return _flame.collapsed(self._analysis, clock)

    def save_html(self, path: str | os.PathLike[str]) -> None:
        """Write a page of tables and flame graphs, which needs nothing else."""
        Path(path).write_text(_html.page(self._analysis), encoding="utf-8")

    def to_pstats(self, clock: Clock = "cpu") -> pstats.Stats:
        """As what cProfile would have made, with CPU or wall time."""
        return _pstats.stats(self._analysis, clock)

    def dump_stats(self, path: str | os.PathLike[str], clock: Clock = "cpu") -> None:
        """Write a file for `pstats.Stats`, snakeviz and others, with CPU or wall time."""
        self.to_pstats(clock).dump_stats(os.fspath(path))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what the name of the file asks for: a page (.html), collapsed stacks (.txt), or
        data for `pstats`."""
        match Path(path).suffix:
            case ".html" | ".htm":
                self.save_html(path)
            case ".txt":
                Path(path).write_text(self.collapsed(), encoding="utf-8")
            case _:
                self.dump_stats(path)
