"""Running the tests of one file.

What belongs here: processes of `worker`, their time limits, and going on with a new process after
one that hung or died.
"""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stdlib_tests.outcomes import Outcome, Result, Results, belongs
from stdlib_tests.plan import Unit

WORKER = Path(__file__).with_name("worker.py")

#: the longest that a process may take to end when its tests have ended, seconds
TO_EXIT = 30.0
LAST_WORDS = 3000  # characters
_LOOK = 0.1  # seconds

Tell = Callable[[str, Result], None]


class Log:
    """What one process has reported until now."""

    def __init__(self) -> None:
        self.results: Results = {}
        self.found: list[str] = []
        self.running: str | None = None
        self.ended = False

    def take(self, line: dict[str, Any]) -> dict[str, Result]:
        """Read one line; what is known now and was not before."""
        event = line["event"]
        news: dict[str, Result] = {}
        if event == "found":
            self.found = line["ids"]
        elif event == "start":
            self.running = line["id"]
        elif event == "stop":
            self.running = None
            news[line["id"]] = Result(Outcome(line["outcome"]), line["why"])
        elif event == "fixture":
            news = self._without_fixture(line["id"], Result(Outcome(line["outcome"]), line["why"]))
        elif event == "end":
            self.ended = True
        self.results |= news
        return news

    def _without_fixture(self, place: str, result: Result) -> dict[str, Result]:
        """A class or a module could not be set up, so its tests have not run; or it could not be
        taken down, when they have."""
        missing = {each: result for each in self.left() if belongs(each, place)}
        return missing or {f"{place} (fixture)": result}

    def left(self) -> list[str]:
        return [each for each in self.found if each not in self.results]


def run_unit(
    python: str, unit: Unit, limit: float, resources: list[str], tell: Tell, left: list[str] | None = None
) -> Results:
    """Run the tests of one file, in as many processes as it takes.

    Args:
        python: the executable.
        limit: the longest that one test may take, seconds.
        resources: for `test.support`.
        tell: is called with each result as it comes.
        left: the tests to run; None for those that the unit says.
    """
    results: Results = {}
    while left is None or left:
        log, fate = _run(python, unit, left, limit, resources, tell)
        results |= log.results
        ahead = log.left()
        if fate is not None:
            # A process that has not come to a test will not do so the next time.
            hit = [log.running] if log.running else [] if log.results and ahead else ahead or [f"{unit.module} (exit)"]
            for each in hit:
                results[each] = fate
                tell(each, fate)
        left = [each for each in ahead if each not in results]
        if fate is None:
            break
    return results


def _run(
    python: str, unit: Unit, ids: list[str] | None, limit: float, resources: list[str], tell: Tell
) -> tuple[Log, Result | None]:
    """One process: what it has reported, and what became of it if it did not end as it should."""
    with tempfile.TemporaryDirectory(prefix="stdlib-tests-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        report = home / "report"
        report.touch()
        (home / "cwd").mkdir()
        job = {"module": unit.module, "only": unit.only, "ids": ids, "resources": resources, "report": str(report)}
        (home / "job").write_text(json.dumps(job))
        with (home / "output").open("wb") as output:
            process = subprocess.Popen(
                [python, WORKER, home / "job"],
                cwd=home / "cwd",
                env=_environment(home),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            log, hung = _watch(process, report, limit, tell)
        finally:
            _end(process)
        fate = None
        said = (home / "output").read_text(errors="replace")[-LAST_WORDS:]
        if hung:
            fate = Result(Outcome.HUNG, said)
        elif not log.ended:
            fate = Result(Outcome.CRASHED, f"exit status {process.returncode}\n{said}")
        return log, fate


def _environment(home: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return {**inherited, "TMPDIR": str(home)}


def _watch(process: subprocess.Popen[bytes], report: Path, limit: float, tell: Tell) -> tuple[Log, bool]:
    """Read the report until the process ends; whether it took longer than it may."""
    log = Log()
    since = time.monotonic()
    with report.open("rb") as file:
        rest = b""
        while True:
            over = process.poll() is not None  # before the last look, so that no line is missed
            *lines, rest = (rest + file.read()).split(b"\n")
            for line in lines:
                since = time.monotonic()
                for identity, result in log.take(json.loads(line)).items():
                    tell(identity, result)
            if over:
                return log, False
            if time.monotonic() - since > (min(limit, TO_EXIT) if log.ended else limit):
                process.send_signal(signal.SIGABRT)  # faulthandler says where it is
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)
                return log, True
            time.sleep(_LOOK)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it has left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
