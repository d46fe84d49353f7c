"""What the tests of coro-patch share.

`both` runs a test twice, in plain Python and under the emulation: what it asserts is true of
Python, and so has to be true of the emulation.
"""

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

import coro
from coro.testing import leak_check, virtual_clock

pytest.register_assert_rewrite("side_by_side")

# No files left behind, and no failure because a machine is slow.
hypothesis.settings.register_profile(
    "coro-patch",
    database=None,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("coro-patch")


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    with leak_check():
        yield
        wait_for_real_threads()


def wait_for_real_threads() -> None:
    """A real thread that has done its work still has its scheduler for a moment."""
    tasks = Path("/proc/self/task")
    # Beside the main thread there is that of pytest's watchdog (faulthandler_timeout).
    while tasks.exists() and len(list(tasks.iterdir())) > 2:
        coro.sleep_relative(1e-3)


@pytest.fixture
def emulated(no_leaks: None) -> Iterator[None]:
    """Install the emulation, and take it back after the test."""
    coro.install_thread_emulation()
    try:
        yield
    finally:
        coro.uninstall_thread_emulation()


@pytest.fixture(params=["plain", "emulated"])
def both(request: pytest.FixtureRequest, no_leaks: None) -> Iterator[str]:
    """Run the test in plain Python and under the emulation; which of them it is."""
    if request.param == "emulated":
        coro.install_thread_emulation()
    try:
        yield request.param
    finally:
        coro.uninstall_thread_emulation()


@pytest.fixture
def virtual(emulated: None) -> Iterator[None]:
    """Time passes only by jumps."""
    with virtual_clock():
        yield


@pytest.fixture
def run_program() -> Callable[[str], str]:
    """Run a program of its own; it must not complain. Returns what it prints."""

    def run(program: str) -> str:
        # From 3.12 on a fork beside threads warns, beside emulated ones as well.
        warnings = ["-W", "error", "-W", "ignore:This process:DeprecationWarning"]
        done = subprocess.run(
            [sys.executable, *warnings, "-c", textwrap.dedent(program)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stderr == ""
        assert done.returncode == 0
        return done.stdout

    return run
