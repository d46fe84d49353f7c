"""The process that runs tests: ``python worker.py JOB``.

What belongs here: one module's tests, run, and told of line by line. It is a program of its own
that uses nothing of ours: plain Python runs it too, and the tests should find as little of it
as can be.

JOB is a JSON file: ``module``; ``only``, what an id has to begin with, none for all; ``ids``,
the tests that are left to run, or null; ``resources`` for `test.support`; ``report``, the file
to write. A line of the report is a JSON object with ``event``: ``found`` (``ids``), ``start``
(``id``), ``stop`` (``id``, ``outcome``, ``why``), ``fixture`` (the same, the id being that of the
class or the module whose set-up failed) or ``end``.
"""

import contextlib
import faulthandler
import importlib
import io
import json
import os
import sys
import unittest
from collections.abc import Iterator
from typing import Any

LONGEST_WHY = 4000  # characters


class Report:
    """The file that the lines go to."""

    def __init__(self, path: str) -> None:
        # A bare FileIO: nothing of it is emulated, and nothing is lost when the process dies.
        self.file = io.FileIO(path, "a")
        self.pid = os.getpid()

    def line(self, event: str, **fields: Any) -> None:
        if os.getpid() == self.pid:  # not a forked child that has lost its way
            self.file.write(json.dumps({"event": event, **fields}).encode() + b"\n")


class Result(unittest.TestResult):
    """Tells of each test when it begins and when it ends."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report
        self.outcome = ""
        self.why: list[str] = []

    def startTest(self, test: Any) -> None:
        super().startTest(test)
        self.outcome, self.why = "", []
        self.report.line("start", id=test.id())

    def stopTest(self, test: Any) -> None:
        super().stopTest(test)
        # Up to 3.12 nothing is told of a test that had subtests and no fault.
        self.report.line("stop", id=test.id(), outcome=self.outcome or "passed", why="\n".join(self.why)[-LONGEST_WHY:])

    def note(self, test: Any, outcome: str, why: str = "") -> None:
        if type(test).__name__ == "_ErrorHolder":  # unittest's stand-in for a class or a module
            place = test.id().partition("(")[2].rstrip(")")
            self.report.line("fixture", id=place, outcome=outcome, why=f"{test.id()}\n{why}"[-LONGEST_WHY:])
            return
        # One subtest that fails makes the test fail, whatever the others do.
        if self.outcome != "failed":
            self.outcome = outcome
        if why:
            self.why.append(why)

    def failed(self, test: Any, error: Any) -> None:
        self.note(test, "failed", self._exc_info_to_string(error, test))  # type: ignore[attr-defined]

    def addSuccess(self, test: Any) -> None:
        self.note(test, "passed")

    def addFailure(self, test: Any, err: Any) -> None:
        self.failed(test, err)

    def addError(self, test: Any, err: Any) -> None:
        self.failed(test, err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self.failed(test, err)

    def addSkip(self, test: Any, reason: str) -> None:
        self.note(test, "skipped", reason)

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        self.note(test, "expected failure")

    def addUnexpectedSuccess(self, test: Any) -> None:
        self.note(test, "unexpected success")


def flat(suite: Any) -> Iterator[Any]:
    """The tests of a suite and of those in it."""
    for each in suite:
        if isinstance(each, unittest.TestSuite):
            yield from flat(each)
        else:
            yield each


def chosen(identity: str, only: list[str], ids: list[str] | None) -> bool:
    if ids is not None:
        return identity in ids
    return not only or any(identity == each or identity.startswith(f"{each}.") for each in only)


def main(path: str) -> None:
    with open(path) as file:
        job = json.load(file)
    del sys.argv[1:]
    del sys.path[0]  # the folder of this file
    faulthandler.enable()
    report = Report(job["report"])

    from test import support

    support.use_resources = job["resources"]
    with contextlib.suppress(AttributeError):
        support.verbose = False
    try:
        found = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(job["module"]))
    except unittest.SkipTest as error:
        report.line("fixture", id=job["module"], outcome="skipped", why=str(error))
        report.line("end")
        return
    suite = unittest.TestSuite(test for test in flat(found) if chosen(test.id(), job["only"], job["ids"]))
    report.line("found", ids=[test.id() for test in flat(suite)])
    suite.run(Result(report))
    report.line("end")


if __name__ == "__main__":  # multiprocessing's children import this file
    main(sys.argv[1])
