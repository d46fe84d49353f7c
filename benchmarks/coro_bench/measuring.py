"""Measuring one peer once. Each gives figures by name, as in `workloads.FIGURES`, in seconds or bytes."""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys

from coro_bench import counting
from coro_bench.peers import BY_NAME, Peer
from coro_bench.programs import (
    CannotMeasureError,
    Server,
    allow_connections,
    cpu_seconds,
    private_bytes,
    running,
    server_command,
)

WARM_UP = 5000  # things at most, before those that count

CHURN_CONNECTIONS = 20
UDP_CLIENTS, UDP_SIZE = 100, 64
PROXY_CONNECTIONS, PROXY_SIZE = 100, 1024
BULK_CONNECTIONS, BULK_SIZE = 4, 262_144
EMULATED_CONNECTIONS, EMULATED_SIZE = 100, 64
IDLE_MESSAGE = 64  # bytes

#: What it is to import a library.
IMPORTS = {
    "coro": "coro",
    "gevent": "gevent",
    "eventlet": "eventlet",
    "asyncio streams": "asyncio",
    "uvloop streams": "uvloop",
    "trio": "trio",
}


def _driven(server: Server, kind: str, numbers: tuple[int, ...], count: int) -> tuple[float, dict[str, float]]:
    """CPU seconds of the server for each thing, and what the load generator tells."""
    server.drive(kind, *numbers, min(count, WARM_UP))
    before = cpu_seconds(server.process)
    told = server.drive(kind, *numbers, count)
    return (cpu_seconds(server.process) - before) / count, told


def _serve(name: str, peer: Peer, kind: str, numbers: tuple[int, ...], count: int) -> tuple[float, dict[str, float]]:
    with running(server_command(peer, name)) as server:
        return _driven(server, kind, numbers, count)


def echo(name: str, peer: Peer, connections: int, size: int, count: int) -> dict[str, float]:
    """CPU of the server for a message, messages a second, and how long one takes."""
    if allow_connections(connections) < connections:
        raise CannotMeasureError(f"the limit of descriptors does not allow {connections:,} connections")
    cpu, told = _serve("echo", peer, "echo", (connections, size), count)
    return {
        name: cpu,
        f"{name}_rate": told["count"] / told["seconds"],
        **{f"{name}_{share}": told[share] for share in ("p50", "p99", "p999")},
    }


def churn(peer: Peer, count: int) -> dict[str, float]:
    return {"churn": _serve("churn", peer, "churn", (CHURN_CONNECTIONS,), count)[0]}


def udp(peer: Peer, count: int) -> dict[str, float]:
    return {"udp": _serve("udp", peer, "udp", (UDP_CLIENTS, UDP_SIZE), count)[0]}


def proxy(peer: Peer, count: int) -> dict[str, float]:
    """CPU of a proxy for an echo. Behind it is the server in C."""
    with running(server_command(BY_NAME["C epoll"], "echo")) as behind:
        with running(server_command(peer, "proxy", behind.port)) as server:
            return {"proxy": _driven(server, "echo", (PROXY_CONNECTIONS, PROXY_SIZE), count)[0]}


def bulk(peer: Peer, count: int) -> dict[str, float]:
    """Bytes that are received in a second of CPU."""
    cpu, _ = _serve("bulk", peer, "bulk", (BULK_CONNECTIONS, BULK_SIZE), count)
    return {"bulk": BULK_SIZE / cpu}


def idle_memory(peer: Peer, connections: int) -> dict[str, float]:
    """Memory of an idle connection. The other ends are in this process."""
    connections = allow_connections(connections)
    with contextlib.ExitStack() as clients, running(server_command(peer, "echo")) as server:

        def connect() -> None:
            clients.enter_context(server.connect(IDLE_MESSAGE))

        connect()  # with it comes what the server sets up once
        before = private_bytes(server.process)
        for _ in range(connections):
            connect()
        return {"idle": (private_bytes(server.process) - before) / connections}


def micro(name: str, peer: Peer, count: int) -> dict[str, float]:
    """A small workload, in a process of its own."""
    done = subprocess.run(peer.command("run", name, count), check=True, stdout=subprocess.PIPE)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def import_time(peer: Peer, count: int) -> dict[str, float]:
    """CPU seconds that Python needs more if it imports a library."""

    def seconds(code: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in range(count):
            subprocess.run([sys.executable, "-c", code], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / count

    return {"import": seconds(f"import {IMPORTS[peer.name]}") - seconds("pass")}


def emulated_echo(peer: Peer, count: int) -> dict[str, float]:
    return {"emulated_echo": _serve("echo", peer, "echo", (EMULATED_CONNECTIONS, EMULATED_SIZE), count)[0]}


def emulated_lock(peer: Peer, count: int) -> dict[str, float]:
    return {"emulated_lock": micro("lock", peer, count)["lock"]}


def system_calls(peer: Peer, count: int) -> dict[str, float]:
    calls = counting.system_calls(peer, "echo", "echo", (EMULATED_CONNECTIONS, EMULATED_SIZE), count)
    return {"syscalls": sum(calls.values())}
