"""What comes of a test.

What belongs here: outcomes and results, which everything else speaks of.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple


class Outcome(StrEnum):
    PASSED = "passed"
    SKIPPED = "skipped"
    FAILED = "failed"
    #: an expectedFailure of CPython's own, and one that did not fail
    EXPECTED = "expected failure"
    UNEXPECTED = "unexpected success"
    #: did not end in its time
    HUNG = "hung"
    #: the process ended in the middle of it
    CRASHED = "crashed"

    @property
    def bad(self) -> bool:
        return self in (Outcome.FAILED, Outcome.UNEXPECTED, Outcome.HUNG, Outcome.CRASHED)


class Result(NamedTuple):
    """What has come of one test."""

    outcome: Outcome
    #: the traceback, the reason of a skip, or the last words of the process
    why: str = ""


#: by the id of the test
Results = dict[str, Result]


def belongs(identity: str, place: str) -> bool:
    """Whether a test is `place` or in it: a module, a class."""
    return identity == place or identity.startswith(f"{place}.")


def in_module(identity: str, module: str) -> bool:
    """Whether a test is one of ``test.<module>``, or speaks for it."""
    return belongs(identity.partition(" ")[0], f"test.{module}")


def count(results: Iterable[Result]) -> Mapping[Outcome, int]:
    counts = dict.fromkeys(Outcome, 0)
    for result in results:
        counts[result.outcome] += 1
    return counts
