"""The table of workloads: what is measured, of whom, and how it is called.

A workload measures one peer once and gives figures by name; what a figure is stands in `FIGURES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from coro_bench import measuring, web
from coro_bench.peers import PEERS, Peer

ALL = tuple(peer.name for peer in PEERS)
COROUTINES = ("coro", "gevent", "eventlet", "asyncio streams", "uvloop streams", "trio")
SERVERS = (
    *("coro", "gevent", "eventlet", "asyncio streams", "asyncio protocol", "uvloop streams", "uvloop protocol"),
    *("trio", "threads", "C epoll"),
)
EMULATED = ("coro_patch", "gevent.monkey", "threads")
GUNICORN = ("coro_patch", "gevent.monkey")
#: How many connections plain threads can stand.
MOST_THREADS = 1000


@dataclass(frozen=True)
class Figure:
    """A number that is shown.

    Args:
        title: what it is.
        unit: what it is shown in.
        factor: what the number, in seconds, bytes and the like, is multiplied with for that.
        digits: how many of them are shown behind the point.
        column: its name, if it is shown as a column beside the figure before it.
    """

    title: str
    unit: str
    factor: float = 1.0
    digits: int = 3
    column: str = ""


@dataclass(frozen=True)
class Workload:
    """Something to measure.

    Args:
        name: what it is called on the command line, and the first word of its figures.
        measure: measures a peer once, given how many things to do; figures by name.
        count: how many.
        peers: who is measured.
        once: counts do not differ from run to run, so one is enough.
        turns: how many runs of each peer a round has. What copies much feels what else the machine does to
            its memory, and that changes within seconds: more turns have more of it in common.
    """

    name: str
    measure: Callable[[Peer, int], dict[str, float]]
    count: int
    peers: tuple[str, ...]
    once: bool = False
    turns: int = 1


def echo_name(connections: int, size: int) -> str:
    return f"echo_{connections}x{size}"


ECHO_CONNECTIONS = (1, 10, 100, 1000, 10_000)
ECHO_SIZES = (64, 1024, 16_384, 262_144)
#: All of these, and one with so many connections that they keep every server busy, and no more.
ECHO_PAIRS = [*((connections, size) for size in ECHO_SIZES for connections in ECHO_CONNECTIONS), (4, 65_536)]


LARGE = 16_384


def _echo_count(connections: int, size: int) -> int:
    """Messages of a run: half a second of a fast server, and each connection has some."""
    return max(int(40_000 / (1 + size / 10_000)), 3 * connections)


def _echo(connections: int, size: int) -> Workload:
    peers: tuple[str, ...] = (*SERVERS, "C io_uring")
    if connections > MOST_THREADS:
        peers = tuple(name for name in peers if name != "threads")
    name = echo_name(connections, size)
    return Workload(
        name,
        lambda peer, count: measuring.echo(name, peer, connections, size, count),
        _echo_count(connections, size),
        peers,
        turns=3 if size >= LARGE else 1,
    )


#: Those that everybody asks for, and then all others.
ECHOES = [_echo(connections, size) for connections, size in ECHO_PAIRS]

MICRO = {
    "yield": ("a yield, two coroutines taking turns", 500_000),
    "lone_yield": ("a yield while nobody else is ready", 500_000),
    "spawn_join": ("spawn and join a coroutine", 100_000),
    "spawn_many": ("the same, 1,000 at once", 100_000),
    "timeout": ("a timeout that does not fire", 300_000),
    "sleepers": ("a coroutine that sleeps, among 100,000", 100_000),
    "lock": ("a lock that nobody else wants, taken and released", 500_000),
    "queue": ("an item through a queue and back through another, between two coroutines", 100_000),
    "threads": ("a function that does nothing, called in an OS thread", 10_000),
}


def _micro(name: str, count: int) -> Workload:
    # `threads` stands in for a coroutine library where that is not absurd.
    others = ("threads",) if name in ("lock", "queue") else ()
    return Workload(name, lambda peer, n: measuring.micro(name, peer, n), count, (*COROUTINES, *others))


def _idle(name: str, connections: int, peers: tuple[str, ...], once: bool = False) -> Workload:
    return Workload(name, lambda peer, n: measuring.idle_memory(name, peer, n), connections, peers, once)


WORKLOADS = [
    *ECHOES,
    Workload("churn", measuring.churn, 10_000, SERVERS),
    _idle("idle", 10_000, SERVERS),
    _idle("idle_many", 100_000, tuple(name for name in SERVERS if name != "threads"), once=True),
    Workload("udp", measuring.udp, 40_000, tuple(name for name in SERVERS if not name.endswith("streams"))),
    Workload("proxy", measuring.proxy, 20_000, SERVERS),
    Workload("bulk", measuring.bulk, 20_000, SERVERS, turns=3),
    *(_micro(name, count) for name, (_, count) in MICRO.items()),
    Workload(
        "import", measuring.import_time, 10, ("coro", "gevent", "eventlet", "asyncio streams", "uvloop streams", "trio")
    ),
    Workload("emulated_echo", measuring.emulated_echo, 30_000, EMULATED),
    Workload("emulated_lock", measuring.emulated_lock, 500_000, EMULATED),
    Workload("requests", measuring.requests_client, 4000, EMULATED),
    Workload("http_server", web.http_server, 2000, EMULATED),
    Workload("gunicorn", web.gunicorn, 2000, GUNICORN),
    Workload("gunicorn_tls", web.gunicorn_tls, 2000, GUNICORN),
    Workload(
        "instructions", measuring.instructions, 3000, ("coro", "gevent", "asyncio streams", "uvloop streams"), once=True
    ),
    Workload("syscalls", measuring.system_calls, 20_000, SERVERS, once=True),
]

MICROSECONDS = ("us of CPU", 1e6)


def _figures() -> dict[str, Figure]:
    found = {}
    for connections, size in ECHO_PAIRS:
        name, what = echo_name(connections, size), f"{size:,} bytes, {connections:,} connections"
        found[name] = Figure(f"an echo of {what}: the server", *MICROSECONDS)
        for share in ("user", "system"):
            title = f"an echo of {what}: the server's {share} time"
            found[f"{name}_{share}"] = Figure(title, *MICROSECONDS, column=f"{share} us")
        found[f"{name}_rate"] = Figure(f"echoes of {what}", "a second", 1, 0, column="a second")
        for share in ("p50", "p99", "p999"):
            title = f"an echo of {what}: {share} of the time it takes"
            found[f"{name}_{share}"] = Figure(title, "us", 1e6, 1, column=f"{share} us")
    for name, (title, _) in MICRO.items():
        found[name] = Figure(title, *MICROSECONDS)
    for name in measuring.COUNTED:
        found[f"{name}_instructions"] = Figure(MICRO[name][0], "instructions", 1, 0)
    found["echo_instructions"] = Figure("an echo of 64 bytes, 100 connections: the server", "instructions", 1, 0)
    found |= {
        "sleepers_memory": Figure("memory of a coroutine that sleeps", "bytes", 1, 0),
        "churn": Figure("a connection accepted and closed: the server", *MICROSECONDS),
        "churn_rate": Figure("connections accepted and closed", "a second", 1, 0, column="a second"),
        "idle_many": Figure("the same, 100,000 or as many as the limit of descriptors allows", "bytes", 1, 0),
        "idle": Figure("memory of an idle connection, 10,000 of them: the server", "bytes", 1, 0),
        "udp": Figure("an echo of a datagram of 64 bytes, 100 clients: the server", *MICROSECONDS),
        "proxy": Figure("an echo of 1,024 bytes through a proxy, 100 connections: the proxy", *MICROSECONDS),
        "bulk": Figure("bytes received, 4 connections: the server", "GB a second of CPU", 1e-9),
        "bulk_rate": Figure("bytes received, 4 connections", "GB a second by the clock", 1e-9, column="by the clock"),
        "import": Figure("importing it, beside Python's own start", "ms of CPU", 1e3, 1),
        "emulated_echo": Figure("an echo of 64 bytes by a thread, 100 connections: the server", *MICROSECONDS),
        "emulated_lock": Figure("a `threading.Lock` that nobody else wants, taken and released", "ns of CPU", 1e9, 1),
        "requests": Figure("a request by `requests`, in one of 200 threads: the client", *MICROSECONDS),
        "http_server": Figure("a request answered by `http.server`, 50 connections", *MICROSECONDS),
        "gunicorn_plain": Figure("gunicorn: a request for 14 bytes, 50 connections: the worker", *MICROSECONDS),
        "gunicorn_json": Figure("gunicorn: a request for JSON: the worker", *MICROSECONDS),
        "gunicorn_chunked": Figure("gunicorn: a request for three chunks: the worker", *MICROSECONDS),
        "gunicorn_large": Figure("gunicorn: a request for 64 KiB: the worker", *MICROSECONDS),
        "gunicorn_tls": Figure("gunicorn: a request for 14 bytes over TLS: the worker", *MICROSECONDS),
        "syscalls": Figure("an echo of 64 bytes, 100 connections: the server", "system calls"),
    }
    return found


FIGURES = _figures()
