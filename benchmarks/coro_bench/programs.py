"""The processes of a measurement.

What belongs here: building the programs in C, starting servers and load generators, giving them
processors, reading what a process has used. What is measured with them is in `measuring`.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from coro_bench.peers import PROGRAMS, Peer

END_TIME = 5  # seconds that a server has to end
ANSWER_TIME = 30  # seconds that it has to answer
CONNECTIONS_OF_ADDRESS = 20_000  # less than there are ports for them, see ip_local_port_range in ip(7)
OTHER_DESCRIPTORS = 100  # more than any of these processes needs beside its connections

#: Of what is started. gevent.monkey does not put the program's folder on Python's path, eventlet says at
#: each start that it is deprecated, and how sets are ordered is no matter of luck.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PROGRAMS), "PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0"}


class CannotMeasureError(Exception):
    """Something that is needed does not work here; the text says what."""


@functools.cache
def _build_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="coro-benchmarks-")


def compiler() -> str | None:
    """The C compiler, if there is one."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@functools.cache
def compiled(source: str) -> str:
    """The path of a program in C, built if it is not yet.

    Raises:
        CannotMeasureError: there is no compiler, or it fails.
    """
    found = compiler()
    if found is None:
        raise CannotMeasureError("there is no C compiler")
    program = str(Path(_build_folder().name) / Path(source).stem)
    done = subprocess.run([found, "-O2", "-o", program, str(PROGRAMS / source)], stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise CannotMeasureError(f"{source} does not compile: {done.stderr.strip().splitlines()[-1]}")
    return program


def server_command(peer: Peer, name: str, *arguments: int) -> list[str]:
    """How to start a server of a peer."""
    if peer.is_compiled:
        return [compiled(peer.program), name, *map(str, arguments)]
    return peer.command("serve", name, *arguments)


def pin(process: int, number: int) -> None:
    """Give a process a processor, if there is more than one."""
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) > 1:
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(process, {processors[number % len(processors)]})


def cpu_seconds(process: int) -> float:
    """The CPU time that another process has used: the clock of clock_getcpuclockid(3),
    which Linux numbers like this."""
    return time.clock_gettime((~process << 3) | 2)


def ticks(process: int) -> tuple[int, int]:
    """The CPU time of another process in user space and in the kernel, in ticks: utime and stime in
    proc(5). The kernel only guesses how they share the time, by looking now and then."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def private_bytes(process: int) -> int:
    """The memory that another process alone has written to, see proc(5). Unlike its whole
    memory, this does not change when others begin or end to share its libraries."""
    with open(f"/proc/{process}/smaps_rollup") as sums:
        private_dirty = next(line for line in sums if line.startswith("Private_Dirty:"))
    return int(private_dirty.split()[1]) * 1024


@dataclass
class Server:
    """A server that runs."""

    process: int
    port: int
    descriptors: int  # that it had open when it began

    def settle(self) -> None:
        """Wait until it has closed its connections, for a while at most: some keep more open than they began with."""
        deadline = time.monotonic() + END_TIME
        while len(os.listdir(f"/proc/{self.process}/fd")) > self.descriptors and time.monotonic() < deadline:
            time.sleep(0.001)

    def drive(self, kind: str, *numbers: int) -> dict[str, float]:
        """Have a load generator ask it; what that tells. See `c/load.c`."""
        command = [compiled("c/load.c"), kind, *map(str, (self.port, *numbers))]
        load = subprocess.Popen(command, stdout=subprocess.PIPE)
        pin(load.pid, 1)
        told, _ = load.communicate()
        if load.returncode != 0:
            raise CannotMeasureError(f"the load generator ended with status {load.returncode}: {' '.join(command)}")
        answer: dict[str, float] = json.loads(told)
        return answer

    def connect(self, size: int, number: int) -> socket.socket:
        """Connection `number`, which has had one message of `size` bytes answered, and is idle."""
        here = f"127.0.0.{1 + number // CONNECTIONS_OF_ADDRESS}"
        client = socket.create_connection(("127.0.0.1", self.port), ANSWER_TIME, source_address=(here, 0))
        client.sendall(bytes(size))
        while size > 0:
            came = len(client.recv(size))
            if came == 0:
                raise CannotMeasureError("the server has closed a connection")
            size -= came
        return client


@contextlib.contextmanager
def running(command: Sequence[str], under: Sequence[str] = ()) -> Iterator[Server]:
    """Run a server during a block.

    Args:
        command: the server; it prints its port.
        under: what it runs under, with its options: strace, which starts it as a process of its own, or
            valgrind, which becomes it.
    """
    process = subprocess.Popen([*under, *command], stdout=subprocess.PIPE, env=ENVIRONMENT)
    assert process.stdout is not None
    try:
        pin(process.pid, 0)
        port = process.stdout.readline()
        if not port:
            raise CannotMeasureError(f"the server did not start: {' '.join(command)}")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        server = int(children[0]) if children and under and under[0] == "strace" else process.pid
        yield Server(server, int(port), len(os.listdir(f"/proc/{server}/fd")))
        os.kill(server, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_TIME)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def allow_connections(wanted: int) -> int:
    """Raise the limit of descriptors of this process, and so of those that it starts, for
    that many connections. Returns how many of them are possible."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OTHER_DESCRIPTORS
    if hard < needed:
        with contextlib.suppress(ValueError, PermissionError):  # who is not root may not
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, needed))
            soft = hard = needed
    if soft < needed:
        soft = min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(wanted, soft - OTHER_DESCRIPTORS)
