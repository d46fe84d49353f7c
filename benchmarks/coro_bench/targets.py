"""The table of targets: what coro is to reach beside its peers, in one run on one machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from coro_bench.results import Results

Verdict = Literal["met", "MISSED", "not judged"]


@dataclass(frozen=True)
class Target:
    """A limit of one peer's figure beside another's.

    Args:
        figure: see `workloads.FIGURES`.
        of: whose.
        beside: of whom the other figure is; None if the figure itself is limited.
        most: what it may be; of a figure of which more is better, the least that it may be.
        least: whether that is so.
    """

    figure: str
    beside: str | None
    most: float
    of: str = "coro"
    least: bool = False

    def value(self, results: Results) -> float | None:
        """What it is; None if it was not measured."""
        result = results.get(self.figure)
        if result is None or self.of not in result.runs:
            return None
        return result.median(self.of) if self.beside is None else result.ratio(self.of, self.beside)

    def judge(self, results: Results) -> Verdict:
        value = self.value(results)
        if value is None:
            return "not judged"
        return "met" if (value >= self.most if self.least else value <= self.most) else "MISSED"

    def __str__(self) -> str:
        of_peer = f" of {self.beside}'s" if self.beside else ""
        return f"at {'least' if self.least else 'most'} {self.most:,}{of_peer}"


@dataclass(frozen=True, kw_only=True)
class Growth(Target):
    """A limit of how much more a figure grows than a peer's, from another figure on.

    Args:
        since: the other figure.
    """

    since: str

    def value(self, results: Results) -> float | None:
        before, after = results.get(self.since), results.get(self.figure)
        if before is None or after is None or self.beside is None:
            return None
        ratios = before.ratio(self.of, self.beside), after.ratio(self.of, self.beside)
        return ratios[1] / ratios[0] if ratios[0] and ratios[1] else None

    def __str__(self) -> str:
        return f"grows at most {self.most:,} times as much as {self.beside}'s since {self.since}"


TARGETS = (
    Target("echo_100x64", "C epoll", 1.15),
    Target("echo_100x64", "uvloop protocol", 1.0),
    Target("echo_100x64", "gevent", 0.4),
    Target("echo_1x64", "C epoll", 1.15),
    Target("echo_1000x1024", "uvloop protocol", 1.0),
    Target("echo_10000x64", "uvloop protocol", 1.0),
    Growth("echo_10000x64", "C epoll", 1.3, since="echo_100x64"),
    Target("echo_10x262144", "C epoll", 1.1),
    Target("churn", "gevent", 0.5),
    Target("udp", "gevent", 0.45),
    Target("yield", "gevent", 0.1),
    Target("yield", "uvloop streams", 0.25),
    Target("lone_yield", "gevent", 0.1),
    Target("lone_yield", "uvloop streams", 0.25),
    Target("spawn_join", "gevent", 0.06),
    Target("spawn_many", "gevent", 0.06),
    Target("timeout", "gevent", 0.15),
    Target("queue", "gevent", 0.2),
    Target("emulated_lock", "threads", 1.5, of="coro_patch"),
    Target("idle", "gevent", 0.7),
    Target("import", "gevent", 0.3),
    Target("emulated_echo", "gevent.monkey", 0.5, of="coro_patch"),
    Target("gunicorn_plain", "gevent.monkey", 0.85, of="coro_patch"),
    Target("requests", "gevent.monkey", 0.8, of="coro_patch"),
    # What earlier work has promised.
    Target("echo_4x65536", "C epoll", round(1 / 0.9, 3)),
    Target("echo_4x65536_rate", "C epoll", 0.9, least=True),
    Target("sleepers", "gevent", 0.25),
    Target("lock", "gevent", 0.8),
    Target("idle", None, 9000),
    Target("syscalls", None, 2.1),
)
