"""Measuring one peer once. Each gives figures by name, as in `workloads.FIGURES`, in seconds or bytes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import resource
import subprocess
import sys
from typing import NamedTuple

from coro_bench import counting
from coro_bench.peers import BY_NAME, Peer
from coro_bench.programs import (
    ENVIRONMENT,
    CannotMeasureError,
    Server,
    allow_connections,
    cpu_seconds,
    pin,
    private_bytes,
    running,
    server_command,
    ticks,
)

WARM_UP = 5000  # things at most, before those that count

CHURN_CONNECTIONS = 20
UDP_CLIENTS, UDP_SIZE = 100, 64
PROXY_CONNECTIONS, PROXY_SIZE = 100, 1024
BULK_CONNECTIONS, BULK_SIZE = 4, 262_144
EMULATED_CONNECTIONS, EMULATED_SIZE = 100, 64
IDLE_MESSAGE = 64  # bytes

#: The small workloads whose instructions are counted.
COUNTED = ("yield", "spawn_join", "timeout", "lock", "queue")

#: What it is to import a library.
IMPORTS = {
    "coro": "coro",
    "gevent": "gevent",
    "eventlet": "eventlet",
    "asyncio streams": "asyncio",
    "uvloop streams": "uvloop",
    "trio": "trio",
}


class Cost(NamedTuple):
    """What serving one thing costs: CPU seconds."""

    cpu: float
    user: float
    system: float


def _driven(server: Server, kind: str, numbers: tuple[int, ...], count: int) -> tuple[Cost, dict[str, float]]:
    """What each thing costs the server, and what the load generator tells."""
    server.drive(kind, *numbers, min(count, WARM_UP))
    before, ticks_before = cpu_seconds(server.process), ticks(server.process)
    told = server.drive(kind, *numbers, count)
    cpu = (cpu_seconds(server.process) - before) / count
    user, system = (after - early for after, early in zip(ticks(server.process), ticks_before, strict=True))
    share = system / max(user + system, 1)
    return Cost(cpu, cpu * (1 - share), cpu * share), told


def _serve(name: str, peer: Peer, kind: str, numbers: tuple[int, ...], count: int) -> tuple[Cost, dict[str, float]]:
    with running(server_command(peer, name)) as server:
        return _driven(server, kind, numbers, count)


def echo(name: str, peer: Peer, connections: int, size: int, count: int) -> dict[str, float]:
    """CPU of the server for a message, messages a second, and how long one takes."""
    if allow_connections(connections) < connections:
        raise CannotMeasureError(f"the limit of descriptors does not allow {connections:,} connections")
    cost, told = _serve("echo", peer, "echo", (connections, size), count)
    return {
        name: cost.cpu,
        f"{name}_user": cost.user,
        f"{name}_system": cost.system,
        f"{name}_rate": told["count"] / told["seconds"],
        **{f"{name}_{share}": told[share] for share in ("p50", "p99", "p999")},
    }


def churn(peer: Peer, count: int) -> dict[str, float]:
    cost, told = _serve("churn", peer, "churn", (CHURN_CONNECTIONS,), count)
    return {"churn": cost.cpu, "churn_rate": told["count"] / told["seconds"]}


def udp(peer: Peer, count: int) -> dict[str, float]:
    return {"udp": _serve("udp", peer, "udp", (UDP_CLIENTS, UDP_SIZE), count)[0].cpu}


def proxy(peer: Peer, count: int) -> dict[str, float]:
    """CPU of a proxy for an echo. Behind it is the server in C."""
    with (
        running(server_command(BY_NAME["C epoll"], "echo")) as behind,
        running(server_command(peer, "proxy", behind.port)) as server,
    ):
        return {"proxy": _driven(server, "echo", (PROXY_CONNECTIONS, PROXY_SIZE), count)[0].cpu}


def bulk(peer: Peer, count: int) -> dict[str, float]:
    """Bytes that are received in a second of CPU, and in one by the clock."""
    cost, told = _serve("bulk", peer, "bulk", (BULK_CONNECTIONS, BULK_SIZE), count)
    return {"bulk": BULK_SIZE / cost.cpu, "bulk_rate": BULK_SIZE * told["count"] / told["seconds"]}


def idle_memory(name: str, peer: Peer, connections: int) -> dict[str, float]:
    """Memory of an idle connection, of as many as are allowed. The other ends are in this process."""
    connections = allow_connections(connections)
    with contextlib.ExitStack() as clients, running(server_command(peer, "echo")) as server:
        clients.enter_context(server.connect(IDLE_MESSAGE, 0))  # with it comes what the server sets up once
        before = private_bytes(server.process)
        for number in range(connections):
            clients.enter_context(server.connect(IDLE_MESSAGE, number))
        return {name: (private_bytes(server.process) - before) / connections}


def micro(name: str, peer: Peer, *numbers: int) -> dict[str, float]:
    """A small workload, in a process of its own."""
    process = subprocess.Popen(peer.command("run", name, *numbers), stdout=subprocess.PIPE, env=ENVIRONMENT)
    pin(process.pid, 0)
    printed, _ = process.communicate()
    if process.returncode != 0:
        raise CannotMeasureError(f"the program ended with status {process.returncode}")
    figures: dict[str, float] = json.loads(printed)
    return figures


def import_time(peer: Peer, count: int) -> dict[str, float]:
    """CPU seconds that Python needs more if it imports a library."""

    def seconds(code: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in range(count):
            subprocess.run([sys.executable, "-c", code], check=True, env=ENVIRONMENT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / count

    return {"import": seconds(f"import {IMPORTS[peer.name]}") - seconds("pass")}


def emulated_echo(peer: Peer, count: int) -> dict[str, float]:
    return {"emulated_echo": _serve("echo", peer, "echo", (EMULATED_CONNECTIONS, EMULATED_SIZE), count)[0].cpu}


def requests_client(peer: Peer, count: int) -> dict[str, float]:
    """CPU of 200 clients for a request. They ask the server in C."""
    with running(server_command(BY_NAME["C epoll"], "http")) as server:
        client = dataclasses.replace(peer, program="with_requests.py")
        return micro("requests", client, count, server.port)


def emulated_lock(peer: Peer, count: int) -> dict[str, float]:
    return {"emulated_lock": micro("lock", peer, count)["lock"]}


def system_calls(peer: Peer, count: int) -> dict[str, float]:
    calls = counting.system_calls(peer, "echo", "echo", (EMULATED_CONNECTIONS, EMULATED_SIZE), count)
    return {"syscalls": sum(calls.values())}


def instructions(peer: Peer, count: int) -> dict[str, float]:
    """Instructions in user space of the small workloads, and of the server for an echo."""
    counted = counting.instructions_of_workloads(peer, COUNTED, count)
    counted["echo"] = counting.instructions_of_server(
        peer, "echo", "echo", (EMULATED_CONNECTIONS, EMULATED_SIZE), count
    )
    return {f"{name}_instructions": value for name, value in counted.items()}
