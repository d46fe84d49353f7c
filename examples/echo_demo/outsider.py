"""The second process of the demo: clients that know nothing of coro.

It drives the server over plain blocking sockets of the standard library, a thread for each
connection. The demo starts it with a plan on its command line, a JSON object, and talks
with it in lines. It writes JSON objects to its standard output: ``{"connected": N}`` when
all connections stand, ``{"requests": N}`` while it works, and ``{"tally": ..., "seconds": ...}``
when it is done. It reads ``go``, to begin; anything else, and the end of the input, means to stop.
"""

from __future__ import annotations

import json
import socket
import sys
from threading import Event, Thread
from time import perf_counter
from typing import Any

from talk import PATIENCE, EchoError, Tally, exchange, finish, payloads

PROGRESS_SECONDS = 0.1


def connect(address: list[Any] | str) -> socket.socket:
    """A connection to the server."""
    if isinstance(address, str):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(address)
    else:
        connection = socket.create_connection((address[0], address[1]))
    connection.settimeout(PATIENCE)
    return connection


def talk(connection: socket.socket, number: int, plan: dict[str, Any], tally: Tally, stop: Event) -> None:
    """The whole conversation of one connection. Runs in a thread of its own."""
    try:
        for payload in payloads(f"outside {number}", plan["requests"], plan["size"]):
            if stop.is_set():
                return
            tally.count(payload, exchange(connection, payload, tally.size))
        finish(connection, socket.SHUT_WR, tally.size)
    except (EchoError, OSError) as error:
        if not stop.is_set():
            tally.fail(number, error)


def say(**message: object) -> None:
    """Tell the demo something."""
    print(json.dumps(message), flush=True)


def report_progress(tallies: list[Tally], done: Event) -> None:
    """Tell the demo now and then how far it is. Runs in a thread of its own."""
    while not done.wait(PROGRESS_SECONDS):
        say(requests=sum(tally.requests for tally in tallies))


def listen_for_stop(stop: Event) -> None:
    """Wait for the next line from the demo, or for its end. Runs in a thread of its own."""
    sys.stdin.readline()
    stop.set()


def main() -> None:
    plan = json.loads(sys.argv[1])
    # A tally each: threads must not count in one.
    tallies = [Tally() for _ in range(plan["connections"])]
    connections = [connect(plan["address"]) for _ in tallies]
    say(connected=len(connections))
    if sys.stdin.readline() != "go\n":
        return

    stop = Event()
    Thread(target=listen_for_stop, args=[stop], daemon=True).start()
    done = Event()
    reporter = Thread(target=report_progress, args=[tallies, done], daemon=True)
    reporter.start()
    began = perf_counter()
    threads = [
        Thread(target=talk, args=[connection, number, plan, tally, stop], daemon=True)
        for number, (connection, tally) in enumerate(zip(connections, tallies, strict=True))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = perf_counter() - began
    done.set()
    reporter.join()

    total = Tally()
    for tally in tallies:
        total.add(tally)
    say(tally=total.to_json(), seconds=seconds)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"outsider: {error}")
