"""Clients outside: a second process, which knows nothing of coro.

What belongs here: starting it, hearing from it and ending it, while other coroutines run.
What it does is in `outsider`.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from part import Part
from server import EchoServer
from talk import Tally

import coro

OUTSIDER = Path(__file__).with_name("outsider.py")

#: Seconds that the second process has to end by itself when it is told to.
GRACE = 3.0


class Outside(Part):
    """Clients that are threads of a second process."""

    place = "outside"

    def __init__(self, connections: int, requests: int, size: int) -> None:
        super().__init__(connections, requests, size)
        self.outsider: Outsider | None = None

    def connect(self, server: EchoServer) -> None:
        with self.connecting(server):
            self.outsider = Outsider(
                address=server.address,
                connections=self.connections,
                requests=self.requests,
                size=self.size,
            )
            if not self.outsider.read():
                raise OSError("the second process ended before it was connected")

    def talk(self) -> None:
        assert self.outsider is not None
        with self.talking():
            self.look()
            self.outsider.write("go")
            try:
                self.take_reports(self.outsider)
            except coro.Interrupted:
                # What it has done until now is worth knowing, if it answers soon.
                with contextlib.suppress(OSError):
                    self.outsider.write("stop")
                    coro.with_timeout(GRACE, self.take_reports, self.outsider)
                raise

    def take_reports(self, outsider: Outsider) -> None:
        """Take what the second process says, until it ends."""
        while report := outsider.read():
            if "tally" in report:
                self.tally = Tally.from_json(report["tally"])
                self.done = self.tally.requests
                self.seconds = report["seconds"]
            else:
                self.done = report["requests"]

    def close(self) -> None:
        if self.outsider is None:
            return
        status = self.outsider.end()
        if status != 0:
            self.tally.failures.append(f"the second process ended with status {status}")


class Outsider:
    """The second process, and the socket that is its standard input and output.

    Args:
        plan: what it is to do; see `outsider`.
    """

    def __init__(self, **plan: Any) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                # -S: the standard library, and nothing that is installed beside it.
                [sys.executable, "-S", str(OUTSIDER), json.dumps(plan)],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                # Ctrl-C is for this process, which then tells the other one to stop.
                process_group=0,
            )
        self.channel = coro.sock(coro.AF.UNIX, coro.SOCK.STREAM, fd=ours.detach())
        self.unread = b""

    def write(self, line: str) -> None:
        self.channel.sendall(line.encode() + b"\n")

    def read(self) -> dict[str, Any]:
        """Its next report; an empty one when it has ended."""
        while b"\n" not in self.unread:
            data = self.channel.recv(65536)
            if not data:
                return {}
            self.unread += data
        line, _, self.unread = self.unread.partition(b"\n")
        report: dict[str, Any] = json.loads(line)
        return report

    def end(self) -> int:
        """Let it end, or make it, while other coroutines go on.

        Returns:
            its exit status; negative if a signal ended it.
        """
        self.channel.close()
        try:
            coro.with_timeout(GRACE, self.wait)
        except TimeoutError:
            self.process.kill()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end."""
        while (status := self.process.poll()) is None:
            coro.sleep_relative(0.005)
        return status
