"""What is shown while the tests run.

What belongs here: lines on stderr, from several threads.
"""

import sys
import threading
import time

from stdlib_tests.outcomes import Result

_EVERY = 15.0  # seconds


class Progress:
    """Tells of what goes wrong at once, and now and then how far it is."""

    def __init__(self, verbose: bool) -> None:
        self.verbose = verbose
        self.ended = 0
        self.bad = 0
        self._lock = threading.Lock()
        self._start = self._told = time.monotonic()

    def result(self, kind: str, identity: str, result: Result) -> None:
        with self._lock:
            self.ended += 1
            self.bad += result.outcome.bad
            if self.verbose or result.outcome.bad:
                self._say(f"{kind}: {identity}: {result.outcome}")
            elif time.monotonic() - self._told > _EVERY:
                self._say(f"{self.ended} tests have ended, {self.bad} of them badly; now {identity}")

    def unit(self, kind: str, module: str, event: str) -> None:
        with self._lock:
            self._say(f"{kind}: {module} {event}")

    def _say(self, text: str) -> None:
        self._told = time.monotonic()
        print(f"[{self._told - self._start:6.1f}] {text}", file=sys.stderr, flush=True)
