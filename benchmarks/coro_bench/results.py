"""What came out: the runs of each peer, their medians, and ratios between peers."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Result:
    """What was measured of one thing.

    Args:
        name: of the figure, as in `workloads.FIGURES`.
        runs: what each peer's runs gave, in the order of the rounds.
    """

    name: str
    runs: dict[str, list[float]] = field(default_factory=dict)

    def add(self, peer: str, value: float) -> None:
        self.runs.setdefault(peer, []).append(value)

    def median(self, peer: str) -> float:
        return statistics.median(self.runs[peer])

    def ratio(self, peer: str, other: str) -> float | None:
        """One beside another: the median of what it is in each round. Those of a round follow each
        other, so what else the machine does concerns them alike. None if one of them is missing, failed at
        some time, or was too little to be seen."""
        ours, theirs = self.runs.get(peer, []), self.runs.get(other, [])
        if not ours or len(ours) != len(theirs) or 0 in theirs:
            return None
        return statistics.median(one / another for one, another in zip(ours, theirs, strict=True))

    def to_json(self) -> dict[str, object]:
        return {
            peer: {"median": self.median(peer), "lowest": min(runs), "highest": max(runs), "runs": runs}
            for peer, runs in self.runs.items()
        }


class Results:
    """All results, by name, in the order in which they came."""

    def __init__(self) -> None:
        self._by_name: dict[str, Result] = {}

    def add(self, peer: str, figures: dict[str, float]) -> None:
        """Add what one run of a peer gave."""
        for name, value in figures.items():
            self._by_name.setdefault(name, Result(name)).add(peer, value)

    def get(self, name: str) -> Result | None:
        return self._by_name.get(name)

    def names(self) -> list[str]:
        return list(self._by_name)

    @classmethod
    def from_json(cls, document: dict[str, dict[str, dict[str, Any]]]) -> Results:
        """What `to_json` has given."""
        made = cls()
        for name, peers in document.items():
            made._by_name[name] = Result(name, {peer: list(numbers["runs"]) for peer, numbers in peers.items()})
        return made

    def update(self, newer: Results) -> None:
        """Take those of `newer`, also in place of those that are here."""
        self._by_name.update(newer._by_name)

    def to_json(self) -> dict[str, object]:
        return {name: result.to_json() for name, result in self._by_name.items()}
