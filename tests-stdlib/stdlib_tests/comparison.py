"""What the emulation makes worse than plain Python.

What belongs here: laying the results beside each other and beside the list of exceptions. A test
that fails in plain Python too tells nothing about the emulation.
"""

from collections.abc import Mapping
from typing import NamedTuple

from stdlib_tests.exceptions import Known
from stdlib_tests.outcomes import Results, in_module


class Comparison(NamedTuple):
    """Ids of tests, but for `stale`, which says of each entry what is wrong with it."""

    #: they fail here, pass in plain Python and are on no list: these fail the run
    failures: list[str]
    #: they fail here and are on the list
    listed: list[str]
    #: they fail in plain Python too
    common: list[str]
    #: entries of the list that are not true (any more): these fail the run, too
    stale: dict[str, str]

    @property
    def good(self) -> bool:
        return not self.failures and not self.stale


def compare(emulated: Results, plain: Results, known: Mapping[str, Known], complete: set[str]) -> Comparison:
    """Compare.

    Args:
        emulated, plain: the results.
        known: the exceptions for this Python.
        complete: the modules that have run as a whole. Of these, an exception that is no
            test at all is stale.
    """
    failures, listed, common = [], [], []
    for identity, result in emulated.items():
        if not result.outcome.bad:
            continue
        if identity in known:
            listed.append(identity)
        elif identity in plain and plain[identity].outcome.bad:
            common.append(identity)
        else:
            failures.append(identity)
    stale = {}
    for identity, entry in known.items():
        if identity not in emulated:
            if any(in_module(identity, module) for module in complete):
                stale[identity] = "there is no such test"
        elif not emulated[identity].outcome.bad and not entry.sometimes:
            stale[identity] = emulated[identity].outcome
        elif identity in plain and plain[identity].outcome.bad and entry.plain == "passes":
            stale[identity] = "it fails in plain Python too"
    return Comparison(failures, listed, common, stale)
