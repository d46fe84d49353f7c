"""What the tests of coro-sock share: sockets, programs, and a check that nothing was left behind."""

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

import coro
import listeners
from coro.testing import leak_check, virtual_clock
from coro_sock import sock

# No files left behind, and no failure because a machine is slow. The autouse fixtures
# need not run again for each example: what an example leaves is seen at the end.
hypothesis.settings.register_profile(
    "coro-sock",
    database=None,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("coro-sock")


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    with leak_check():
        yield


@pytest.fixture
def quiet() -> Iterator[None]:
    """For coroutines that are meant to fail, and tests that look at their results."""
    before = coro.set_exception_notifier(lambda: None)
    yield
    coro.set_exception_notifier(before)


@pytest.fixture
def virtual() -> Iterator[None]:
    """Time passes only by jumps."""
    with virtual_clock():
        yield


@pytest.fixture(params=listeners.KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """A kind of stream socket: the test runs over each."""
    kind: str = request.param
    return kind


@pytest.fixture
def pair(kind: str, tmp_path: Path) -> Iterator[tuple[sock, sock]]:
    """A client and a server that are connected, of each kind."""
    client, server = listeners.pair(kind, tmp_path)
    with client, server:
        yield client, server


@pytest.fixture
def tcp(tmp_path: Path) -> Iterator[tuple[sock, sock]]:
    """A client and a server that are connected."""
    client, server = listeners.pair("ipv4", tmp_path)
    with client, server:
        yield client, server


@pytest.fixture
def run() -> Callable[..., str]:
    """Runs a program to its end; gives its stdout, if it wrote no error and its status is 0."""

    def run_it(source: str, *arguments: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(source), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        return ended.stdout

    return run_it
