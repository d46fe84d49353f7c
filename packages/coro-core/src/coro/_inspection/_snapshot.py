"""What is told about the process and its coroutines.

What belongs here: data that can go out as JSON, made from the public state of schedulers and
coroutines. How it goes out is the server's business.

A process may have a hundred thousand coroutines, and all of them are to go on while somebody
looks. So an answer is made in slices, between which others run; it is no picture of one moment.
Between two slices only ids are kept: a coroutine that ends meanwhile is gone.

Names, reprs and waits are from the program, so they may raise. Then that is what is told.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from coro._capi import PROVIDER
from coro._diagnostics._waits import Wait, text, wait_of
from coro._inspection import _open_files, _statistics
from coro._inspection._columns import Row, order
from coro._scheduler import Scheduler, all_schedulers, all_threads, coro, scheduler

SLICE = 1_000_000  # ns to work before others get their turn
FRAMES = 200  # of a stack; what is farther out is left out

Numbers = tuple[int, int, int, int, int]  # switches, and those of `_statistics.numbers`
NONE: Numbers = (0, 0, 0, 0, 0)


class Snapshots:
    """What one asker is told, from one time to the next."""

    def __init__(self) -> None:
        self.watching = False
        self.before: dict[int, Numbers] = {}  # the numbers of each coroutine at the last look
        self.handovers: dict[int, int] = {}
        self.at: int | None = None  # when that was, ns
        self.slice_began = 0

    def watch(self) -> None:
        """Count from now on; the next answer tells of the time since."""
        if not self.watching:
            self.watching = True
            _statistics.watch()
        self._begin()
        self.handovers = {each.thread_ident: each.handovers for each in all_schedulers()}
        for _ in self._look():
            pass

    def end(self) -> None:
        """Nobody asks any more."""
        if self.watching:
            self.watching = False
            _statistics.unwatch()

    def process(self) -> dict[str, Any]:
        """The process, its schedulers, and the numbers of both."""
        return {
            "pid": os.getpid(),
            "command": _guarded(lambda: [str(word) for word in sys.orig_argv], []),
            "python": ".".join(map(str, sys.version_info[:3])),
            "coro": PROVIDER,
            "uptime": _uptime(),
            "coroutines": len(all_threads),
            "schedulers": [self._scheduler(each) for each in all_schedulers()],
        }

    def answer(
        self, sort: str | None = None, limit: int | None = None, stacks: bool = False
    ) -> Iterator[dict[str, Any]]:
        """The lines of an answer: the process, then the coroutines in portions.

        Args:
            sort: a column of `_columns.SORTS`, by which to choose the first `limit`.
            limit: how many to tell of; None for all, in no order.
            stacks: whether to tell where each stands.
        """
        since = self._begin()
        process = self.process()
        interval = None if since is None or self.at is None else (self.at - since) / 1e9
        process["interval"] = interval
        for each in process["schedulers"]:
            before = self.handovers.get(each["ident"], 0)  # 0: a new thread
            each["handovers_per_second"] = (each["handovers"] - before) / interval if interval else None
        self.handovers = {each["ident"]: each["handovers"] for each in process["schedulers"]}
        yield {"process": process}
        compared = interval is not None
        rows: Iterator[Row] = (_row(co, now, before if compared else None) for co, now, before in self._look())
        if limit is not None:
            rows = iter(_first(rows, limit, sort or "id"))
        portion: list[Row] = []
        for row in rows:
            co = all_threads.get(row["id"])
            if co is not None:
                row.update(_doing(co))  # it may have gone on since
                row.update(_wait(co))
                if stacks:
                    row.update(_stack(co))
                del co
            portion.append(row)
            if self._breathe():
                yield {"coroutines": portion}
                portion = []
        yield {"coroutines": portion}

    def _begin(self) -> int | None:
        """Begin a look. Returns when the last one was, or None if there was none to compare with."""
        since, self.at = self.at, _statistics.clock()
        self.slice_began = self.at
        return since if self.watching else None

    def _look(self) -> Iterator[tuple[coro, Numbers, Numbers]]:
        """Each coroutine with its numbers, and those of the look before."""
        before, self.before = self.before, {}
        for number in all_threads:
            co = all_threads.get(number)
            if co is not None:
                now = (co.switches, *_statistics.numbers(co))
                if self.watching:
                    self.before[number] = now
                yield co, now, before.get(number, NONE)
                del co  # or it would outlive its end while others run
            self._breathe()

    def _breathe(self) -> bool:
        """Let others run, if it is time. Whether it was.

        Not by `yield_slice`, which may pass over timers and descriptors while nobody is ready.
        """
        if _statistics.clock() - self.slice_began < SLICE:
            return False
        scheduler().wait("inspection", 0)
        self.slice_began = _statistics.clock()
        return True

    def _scheduler(self, each: Scheduler) -> dict[str, Any]:
        counts = each.counts()
        return {
            "thread": _thread(each),
            "ident": each.thread_ident,
            "poller": each.poller_name,
            "asleep": each.asleep,
            "handovers": each.handovers,
            "ready": counts.pop("ready"),
            "counts": counts,
        }


def _first(rows: Iterator[Row], limit: int, sort: str) -> list[Row]:
    """The first few by a column. All of them sorted at once would keep others waiting."""
    key = order(sort)
    best: list[Row] = []
    fresh: list[Row] = []
    for row in rows:
        fresh.append(row)
        if len(fresh) > limit:
            best = heapq.nsmallest(limit, best + fresh, key)
            fresh = []
    return heapq.nsmallest(limit, best + fresh, key)


def _row(co: coro, now: Numbers, before: Numbers | None) -> Row:
    row: Row = {
        "id": co.id,
        "name": _guarded(lambda: str(co.name)),
        "thread": _thread(co.scheduler),
        "daemon": co.daemon,
        "switches": co.switches,
        **_doing(co),
    }
    if before is not None:
        switches, run, delays, delay = (now[i] - before[i] for i in range(4))
        row["run"] = run / 1e9
        row["switches_in_interval"] = switches
        row["delay"] = delay / delays / 1e9 if delays else None
        row["longest"] = now[4] / 1e9 if now[2] else None
        row["run_total"] = now[1] / 1e9
    return row


def _doing(co: coro) -> Row:
    """Its state, what it waits for, and the seconds since it last ran."""
    waiting = co.waiting
    if co.dead:
        state = "ended"
    elif co.scheduled:
        state = "ready" if co.started else "starting"
    else:
        state = "running" if waiting is None else "waiting"
    stands = state in ("waiting", "ready") and co.since
    return {
        "state": state,
        "why": waiting[0] if waiting is not None and state == "waiting" else "",
        "for": max(0, _statistics.clock() - co.since) / 1e9 if stands else None,
    }


def _wait(co: coro) -> Row:
    """What it waits on, in words, and who could end that."""
    try:
        wait = wait_of(co)
        return {} if wait is None else {"wait": _wait_words(wait), "holders": [each.id for each in wait.holders]}
    except Exception as error:
        return {"wait": f"(its wait raises {type(error).__name__})", "holders": []}


def _wait_words(wait: Wait) -> str:
    if wait.on is None:
        return wait.why
    if isinstance(wait.on, int):
        return f"{wait.why} descriptor {wait.on} ({_open_files.describe(wait.on) or 'closed'})"
    return f"{wait.why}: {wait.on_text}"


def _stack(co: coro) -> Row:
    """Where it stands, the outermost frame first, as in a traceback: file, line, function."""
    frame: FrameType | None = _guarded(co.get_frame, None)
    stack: list[tuple[str, int | None, str]] = []
    left_out = 0
    while frame is not None:
        if len(stack) < FRAMES:
            stack.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname))
        else:
            left_out += 1
        frame = frame.f_back
    return {"stack": stack[::-1], "frames_left_out": left_out}


def _thread(each: Scheduler) -> str:
    """The name of a scheduler's OS thread, which its main coroutine was named for."""
    return str(_guarded(lambda: each.main.name.removeprefix("main of ")))


def _guarded(get: Callable[[], Any], otherwise: Any = ...) -> Any:
    """Something of the program, or that it cannot be had."""
    try:
        return get()
    except Exception as error:
        return f"({type(error).__name__}: {text(error)})" if otherwise is ... else otherwise


def _uptime() -> float | None:
    """Seconds since the process was started; None where that cannot be known. See proc_pid_stat(5)."""
    with contextlib.suppress(OSError, AttributeError, ValueError, IndexError), open("/proc/self/stat") as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return None
