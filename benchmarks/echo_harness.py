"""Runs echo servers and load generators, each in a process of its own.

What belongs here: starting, pinning and measuring them. What is compared with what is in
`compare`.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent

WARM_UP = 5000  # messages
END_TIME = 5  # seconds that a server has to end
ANSWER_TIME = 30  # seconds that it has to answer a connection that is then idle
OTHER_DESCRIPTORS = 100  # more than any of these processes needs beside its connections


@dataclass(frozen=True)
class Traffic:
    """What an echo server is asked.

    Args:
        connections: how many there are.
        size: bytes of a message; each connection has one under way.
    """

    connections: int
    size: int

    def __str__(self) -> str:
        return f"{self.size:,} bytes, {self.connections:,} connections"


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


def load_command(port: int, traffic: Traffic, count: int) -> list[str]:
    """How to start the load generator."""
    program = c_program()
    start = [sys.executable, str(HERE / "echo_load.py")] if program is None else [program, "load"]
    return [*start, *map(str, (port, traffic.connections, traffic.size, count))]


def pin(process: int, number: int) -> None:
    """Give a process a processor, if there is more than one."""
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) > 1:
        os.sched_setaffinity(process, {processors[number % len(processors)]})


def cpu_seconds(process: int) -> float:
    """The CPU time that another process has used: the clock of clock_getcpuclockid(3),
    which Linux numbers like this."""
    return time.clock_gettime((~process << 3) | 2)


def private_bytes(process: int) -> int:
    """The memory that another process alone has written to, see proc(5). Unlike its whole
    memory, this does not change when others begin or end to share its libraries."""
    with open(f"/proc/{process}/smaps_rollup") as sums:
        private_dirty = next(line for line in sums if line.startswith("Private_Dirty:"))
    return int(private_dirty.split()[1]) * 1024


@dataclass
class Server:
    """An echo server that runs."""

    process: subprocess.Popen[bytes]
    port: int

    def drive(self, traffic: Traffic, count: int) -> None:
        """Send it that many messages, and wait until they are answered."""
        load = subprocess.Popen(load_command(self.port, traffic, count))
        pin(load.pid, 1)
        if load.wait() != 0:
            raise RuntimeError(f"the load generator ended with status {load.returncode}")

    def connect(self, size: int) -> socket.socket:
        """A connection that has had one message of `size` bytes answered, and is idle."""
        client = socket.create_connection(("127.0.0.1", self.port), ANSWER_TIME)
        client.sendall(bytes(size))
        while size > 0:
            came = len(client.recv(size))
            if came == 0:
                raise RuntimeError("the server has closed a connection")
            size -= came
        return client


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
            process.wait(END_TIME)
        process.kill()
        process.wait()
        process.stdout.close()


def measure_echo(library: str, traffic: Traffic, count: int) -> tuple[float, float]:
    """Seconds that a library's server takes for `count` messages: of its CPU, and by the clock."""
    with running(server_command(library)) as server:
        server.drive(traffic, min(count, WARM_UP))
        cpu_before, began = cpu_seconds(server.process.pid), time.perf_counter()
        server.drive(traffic, count)
        return cpu_seconds(server.process.pid) - cpu_before, time.perf_counter() - began


def measure_idle_memory(library: str, traffic: Traffic) -> float:
    """Bytes that an idle connection takes in a library's server. The other ends are in this
    process; see `allow_connections`."""
    with contextlib.ExitStack() as clients, running(server_command(library)) as server:

        def connect() -> None:
            clients.enter_context(server.connect(traffic.size))

        connect()  # with it comes what the server sets up once
        before = private_bytes(server.process.pid)
        for _ in range(traffic.connections):
            connect()
        return (private_bytes(server.process.pid) - before) / traffic.connections


def allow_connections(wanted: int) -> int:
    """Raise the limit of descriptors of this process, and so of those that it starts, for
    that many connections. Returns how many of them are possible."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted + OTHER_DESCRIPTORS:
        soft = min(wanted + OTHER_DESCRIPTORS, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(wanted, soft - OTHER_DESCRIPTORS)
