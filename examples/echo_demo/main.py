"""The echo demo from its command line to its exit status."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence

from display import Progress, complain, table
from inside import Inside
from outside import Outside
from part import Part
from server import Address, EchoServer, Handler, echo
from system import allow_descriptors
from talk import LARGEST_REQUEST

import coro

OK = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130  # as a shell reports what SIGINT has ended

CLIENTS = 1000
REQUESTS = 200
SIZE = 1024
QUICK_CLIENTS = 50
QUICK_REQUESTS = 10

MOST_CLIENTS = 100_000
MOST_OUTSIDE = 200  # each is a thread of the second process
MOST_REQUESTS = 1_000_000

#: Descriptors besides those of connections, generously.
OTHER_DESCRIPTORS = 32

#: Of many failures the first few say enough.
FAILURES_SHOWN = 10


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """What argparse calls to read a whole number that has limits."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None
        if not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(f"must be from {lowest:,} to {highest:,}, not {number:,}")
        return number

    return read


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line, as argparse gives it."""
    parser = argparse.ArgumentParser(
        prog="echo_demo",
        description="An echo server on coro, its clients in one process and in a second one, and every byte checked.",
    )
    parser.add_argument(
        "--clients",
        type=whole_number(1, MOST_CLIENTS),
        metavar="N",
        help=f"clients inside ({CLIENTS}); a fifth as many, at most {MOST_OUTSIDE}, are outside",
    )
    parser.add_argument(
        "--requests",
        type=whole_number(1, MOST_REQUESTS),
        metavar="N",
        help=f"requests of each client ({REQUESTS})",
    )
    parser.add_argument(
        "--size",
        type=whole_number(1, LARGEST_REQUEST),
        default=SIZE,
        metavar="BYTES",
        help=f"the largest request; each has from 1 byte to this ({SIZE})",
    )
    parser.add_argument("--host", help="where to listen, a name or a number (127.0.0.1)")
    parser.add_argument("--port", type=whole_number(0, 65535), help="where to listen (any free port)")
    parser.add_argument("--unix", metavar="PATH", help="listen on a UNIX socket instead")
    parser.add_argument("--backdoor", metavar="PATH", help="let a Python prompt be had at this UNIX socket")
    parser.add_argument("--only", choices=["inside", "outside"], help="run one of the two parts")
    parser.add_argument("--quick", action="store_true", help="few clients and requests, unless told otherwise")
    parser.add_argument("--no-progress", action="store_true", help="show no progress")
    options = parser.parse_args(arguments)
    if options.unix is not None and (options.host is not None or options.port is not None):
        parser.error("argument --unix: not allowed with --host or --port")
    options.clients = options.clients or (QUICK_CLIENTS if options.quick else CLIENTS)
    options.requests = options.requests or (QUICK_REQUESTS if options.quick else REQUESTS)
    return options


def choose_address(options: argparse.Namespace) -> Address:
    """Where to listen."""
    if options.unix is not None:
        return str(options.unix)
    return options.host or "127.0.0.1", options.port or 0


def clients_outside(clients: int) -> int:
    """How many clients there are outside, beside that many inside."""
    return min(max(clients // 5, 1), MOST_OUTSIDE)


def choose_clients(wanted: int) -> int:
    """How many clients there can be inside: as many as wanted, if there are descriptors enough."""
    allowed = allow_descriptors(2 * wanted + clients_outside(wanted) + OTHER_DESCRIPTORS)
    possible = wanted
    while possible > 1 and 2 * possible + clients_outside(possible) + OTHER_DESCRIPTORS > allowed:
        possible -= 1
    if possible < wanted:
        complain(f"this process may have only {allowed:,} descriptors: {possible:,} instead of {wanted:,} clients")
    return possible


def run_parts(server: EchoServer, parts: Sequence[Part], progress: Progress) -> None:
    """Run one part after the other. Runs in a coroutine of its own.

    All connections are made before the first part begins. What a connection costs is
    measured then; later, memory that a part gave back would be used again.
    """
    try:
        with contextlib.ExitStack() as opened:
            for part in parts:
                with progress.following(part):
                    opened.callback(part.close)
                    part.connect(server)
            for part in parts:
                with progress.following(part):
                    part.talk()
    except OSError as error:
        complain(str(error))  # and some requests are missing, so the demo has failed
    finally:
        server.stop()
        coro.set_exit()


def wait_for_exit(conductor: coro.coro) -> bool:
    """Let the coroutines run until the conductor has ended. Returns whether Ctrl-C ended it."""
    coro.set_print_exit_string(False)
    # It raises nothing, so Ctrl-C cannot cut short the cleaning up, however often it comes.
    signal.signal(signal.SIGINT, lambda *_: coro.set_exit(INTERRUPTED))
    interrupted = False
    try:
        coro.event_loop()
    except SystemExit as end:
        interrupted = end.code == INTERRUPTED
    conductor.shutdown()
    conductor.join()
    return interrupted


def report(parts: Sequence[Part], interrupted: bool) -> int:
    """Say what was done and whether it was right. Returns the exit status."""
    print(table(parts))
    print()
    failed = False
    for part in parts:
        failures = part.tally.failures if interrupted else part.failures
        failed = failed or bool(failures)
        for failure in failures[:FAILURES_SHOWN]:
            complain(f"{part.place}: {failure}")
        if len(failures) > FAILURES_SHOWN:
            complain(f"{part.place}: and {len(failures) - FAILURES_SHOWN:,} more failures")
    requests = sum(part.tally.requests for part in parts)
    size = sum(part.tally.size for part in parts)
    if interrupted:
        print(f"Interrupted: until then, {requests:,} requests had come back, and every byte was checked.")
        return INTERRUPTED
    if failed:
        print("FAILED: not everything came back as it was sent.")
        return FAILED
    print(f"All {requests:,} requests came back, and each of their {size:,} bytes was right.")
    return OK


def main(arguments: Sequence[str] | None = None, handler: Handler = echo) -> int:
    """Run the demo.

    Args:
        arguments: the command line; that of the process if None.
        handler: what serves a connection.

    Returns:
        the exit status.
    """
    options = read_options(arguments)
    address = choose_address(options)
    clients = choose_clients(options.clients)
    parts: list[Part] = []
    if options.only != "outside":
        parts.append(Inside(clients, options.requests, options.size))
    if options.only != "inside":
        parts.append(Outside(clients_outside(clients), options.requests, options.size))
    try:
        server = EchoServer(address, sum(part.connections for part in parts), handler)
    except OSError as error:
        complain(f"cannot listen at {address}: {error}")
        return USAGE
    progress = Progress(None if options.no_progress else sys.stderr)
    if options.backdoor is not None:
        names = {"server": server, "parts": parts, "coro": coro}
        coro.spawn(coro.backdoor.serve, unix_path=options.backdoor, namespace=names, thread_name="backdoor")
    conductor = coro.spawn(run_parts, server, parts, progress, thread_name="conductor")
    interrupted = wait_for_exit(conductor)
    return report(parts, interrupted)
