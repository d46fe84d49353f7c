"""What all tests of coro-core share: nothing may be left behind."""

import contextlib
import gc
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest

import coro
from coro.interface import scheduler
from coro.testing import leak_check, virtual_clock
from waiting import until_waiting

# No files left behind, and no failure because a machine is slow. The autouse fixtures
# need not run again for each example: what an example leaves is seen at the end.
hypothesis.settings.register_profile(
    "coro-core",
    database=None,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("coro-core")


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Coroutines, timers, registrations and descriptors return to what they were."""
    with leak_check():
        yield


@pytest.fixture
def virtual(no_leaks: None) -> Iterator[None]:
    """Time passes only by jumps."""
    with virtual_clock():
        yield


@pytest.fixture
def parked(no_leaks: None) -> Iterator[Callable[..., coro.coro]]:
    """Makes coroutines that wait for ever, and shuts them down at the end."""
    made = []

    def park(why: str = "wait") -> coro.coro:
        co = coro.spawn(lambda: scheduler().wait(why), thread_name="parked")
        made.append(co)
        until_waiting(co)
        return co

    yield park
    for co in made:
        co.shutdown()
    for co in made:
        co.join()
    made.clear()


@pytest.fixture
def quiet(no_leaks: None) -> Iterator[list[BaseException]]:
    """Keeps the exceptions that coroutines end by, instead of printing them."""
    seen: list[BaseException] = []
    before = coro.set_exception_notifier(lambda: seen.append(sys.exc_info()[1]))
    yield seen
    coro.set_exception_notifier(before)
    seen.clear()


@pytest.fixture
def quick_switches(no_leaks: None) -> Iterator[None]:
    """Threads take turns often, so that they meet in more places."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def no_collector(no_leaks: None) -> Iterator[None]:
    """What dies here is held by no cycle."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def pipe(no_leaks: None) -> Iterator[tuple[int, int]]:
    """The two ends of a pipe, which do not block."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    yield reader, writer
    for fd in (reader, writer):
        scheduler().forget_descriptor(fd)
        with contextlib.suppress(OSError):  # the test closed it
            os.close(fd)


class Program:
    """A Python program in a process of its own."""

    def __init__(self, source: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(source), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def wait_for(self, line: str) -> None:
        """Until it has printed `line`."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == line

    def wait_until_asleep(self) -> None:
        """Until the kernel says that its main thread sleeps, which here means in a poll."""
        while self.process.poll() is None:
            with open(f"/proc/{self.process.pid}/stat") as stat:
                if stat.read().rpartition(")")[2].split()[0] == "S":
                    return
        pytest.fail(f"the program has ended instead of sleeping: {self.end()}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, timeout: float = 60) -> tuple[int, str, str]:
        """Its exit status, and what it wrote (since `wait_for`) to stdout and stderr."""
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            pytest.fail(f"the program did not end; stdout: {out!r}, stderr: {err!r}")
        return self.process.returncode, out, err


@pytest.fixture
def start(no_leaks: None) -> Iterator[Callable[..., Program]]:
    """Starts a program, which must end before the test does."""
    programs = []

    def begin(source: str, *arguments: str, **environment: str) -> Program:
        program = Program(source, *arguments, environment=environment)
        programs.append(program)
        return program

    yield begin
    for program in programs:
        if program.process.poll() is None:
            program.process.kill()
        with program.process:  # closes its pipes
            pass


@pytest.fixture
def run(start: Callable[..., Program]) -> Callable[..., str]:
    """Runs a program to its end; gives its stdout, if it wrote no error and its status is 0."""

    def run_it(source: str, *arguments: str, **environment: str) -> str:
        status, out, err = start(source, *arguments, **environment).end()
        assert (status, err) == (0, "")
        return out

    return run_it


@pytest.fixture
def in_thread(no_leaks: None) -> Callable[[Callable[[], Any]], Any]:
    """Calls a function in a fresh OS thread, so with a scheduler of its own."""

    def call(function: Callable[[], Any]) -> Any:
        ends: list[Any] = []

        def target() -> None:
            try:
                ends.append((function(), None))
            except BaseException as error:
                ends.append((None, error))

        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
        value, error = ends.pop()
        if error is not None:
            raise error
        return value

    return call


class Finalizer:
    """Does something when it dies, and keeps how that ended."""

    def __init__(self, action: Callable[[], Any], log: list[Any]) -> None:
        self.action = action
        self.log = log

    def __del__(self) -> None:
        try:
            self.log.append(self.action())
        except BaseException as error:
            self.log.append(error)


@pytest.fixture(scope="session")
def finalizer() -> type[Finalizer]:
    return Finalizer
