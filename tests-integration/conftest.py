"""What every test of this folder may ask for."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from meeting import meeting_web
from peers import PATIENCE, Peer, Start, program

import coro
from coro.testing import leak_check


@pytest.fixture
def in_time_and_clean() -> Iterator[None]:
    """The test fails when it takes too long, or leaves something behind."""
    with leak_check(), coro.timeout(PATIENCE):
        yield


@pytest.fixture
def emulated(in_time_and_clean: None) -> Iterator[None]:
    """Threads are coroutines while the test runs, and what blocks lets others run."""
    coro.install_thread_emulation()
    try:
        yield
    finally:
        coro.uninstall_thread_emulation()


@pytest.fixture
def web(emulated: None) -> Iterator[str]:
    """The host and the port of an HTTP server; see `meeting.meeting_web`."""
    with meeting_web() as address:
        yield address


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate for localhost, which vouches for itself."""
    folder = tmp_path_factory.mktemp("certificate")
    options = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    command = [
        program("openssl"),
        "req",
        "-x509",
        *options.split(),
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
    ]
    subprocess.run(
        [*command, "-keyout", folder / "key", "-out", folder / "certificate"], check=True, capture_output=True
    )
    both = folder / "both.pem"
    both.write_text((folder / "key").read_text() + (folder / "certificate").read_text())
    return both


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts programs, which are stopped when the test ends."""
    with contextlib.ExitStack() as started:
        yield lambda *command: started.enter_context(Peer(*command))
