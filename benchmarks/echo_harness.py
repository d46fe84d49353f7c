"""Runs echo servers and load generators, each in a process of its own.

What belongs here: starting, pinning and measuring them. What is compared with what is in
`compare`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent

CONNECTIONS = 100
SIZE = 64
WARM_UP = 5000  # requests


@cache
def build_directory() -> tempfile.TemporaryDirectory[str]:
    """Where the C program is built; it goes with this process."""
    return tempfile.TemporaryDirectory(prefix="coro-benchmarks-")


@cache
def c_program() -> str | None:
    """The path of the compiled echo.c; None if there is no compiler, or it fails."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    program = str(Path(build_directory().name) / "echo")
    done = subprocess.run([compiler, "-O2", "-o", program, str(HERE / "echo.c")])
    return program if done.returncode == 0 else None


def server_command(library: str) -> list[str]:
    """How to start the server of a library, "C" included."""
    if library != "C":
        return [sys.executable, str(HERE / "echo_servers.py"), library]
    program = c_program()
    assert program is not None
    return [program, "server"]


def load_command(port: int, count: int) -> list[str]:
    """How to start the load generator."""
    program = c_program()
    start = [sys.executable, str(HERE / "echo_load.py")] if program is None else [program, "load"]
    return [*start, *map(str, (port, CONNECTIONS, SIZE, count))]


def pin(process: int, number: int) -> None:
    """Give a process a processor, if there is more than one."""
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) > 1:
        os.sched_setaffinity(process, {processors[number % len(processors)]})


def cpu_seconds(process: int) -> float:
    """The CPU time that another process has used: the clock of clock_getcpuclockid(3),
    which Linux numbers like this."""
    return time.clock_gettime((~process << 3) | 2)


@dataclass
class Server:
    """An echo server that runs."""

    process: subprocess.Popen[bytes]
    port: int

    def drive(self, count: int) -> None:
        """Send it that many requests, and wait until they are answered."""
        load = subprocess.Popen(load_command(self.port, count))
        pin(load.pid, 1)
        if load.wait() != 0:
            raise RuntimeError(f"the load generator ended with status {load.returncode}")


@contextlib.contextmanager
def running(command: Sequence[str]) -> Iterator[Server]:
    """Run an echo server during a block."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        pin(process.pid, 0)
        port = process.stdout.readline()
        if not port:
            raise RuntimeError(f"the server {' '.join(command)} did not start")
        yield Server(process, int(port))
    finally:
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1 if command[-1] != "server" else 0)
        process.kill()
        process.wait()
        process.stdout.close()


def measure_echo(library: str, count: int) -> float:
    """Seconds of CPU that a library's server takes for a request."""
    with running(server_command(library)) as server:
        server.drive(min(count, WARM_UP))
        before = cpu_seconds(server.process.pid)
        server.drive(count)
        return (cpu_seconds(server.process.pid) - before) / count
