"""What a request costs in gunicorn with coro's worker class, beside gevent's: CPU time of the worker.

    python benchmarks/gunicorn_workers.py [--rounds N] [--seconds S] [--only NAME] [--json FILE]

Needs gunicorn, gevent and wrk. Both gunicorns run all the time, one worker each, on one processor;
wrk asks the one and the other in turn from the next processor. More in README.md beside this file.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from compare import Result, Target, positive, save
from echo_harness import END_TIME, cpu_seconds, pin

WORKER_CLASSES = {"coro": "coro_patch.gunicorn.CoroWorker", "gevent": "gevent"}

APPLICATION = r"""
def application(environ, start_response):
    return globals()[environ["PATH_INFO"][1:]](start_response)

def small(start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "14")])
    return [b"Hello, world!\n"]

def chunks(start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    for number in range(3):
        yield b"chunk %d\n" % number

def large(start_response, body=b"x" * 65536):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""

PAGES = {
    "small": "a list of one piece of 14 bytes",
    "chunks": "a generator of three pieces, sent chunked",
    "large": "a list of one piece of 64 KiB",
}
TARGET = Target("small", "gevent", "at most", 0.85)

CONNECTIONS = 50
ROUNDS = 9
SECONDS = 2
START_TIME = 20  # seconds that a gunicorn has to answer


@contextlib.contextmanager
def gunicorn(library: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Runs one: its port, and the process that is its worker."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", "-k", WORKER_CLASSES[library], "-b", f"fd://{listener.fileno()}"]
        command += ["--log-level", "warning", "--chdir", str(folder), "app:application"]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()])
    try:
        deadline = time.monotonic() + START_TIME
        while not (workers := Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"gunicorn with {WORKER_CLASSES[library]} does not run")
            time.sleep(0.05)
        pin(int(workers[0]), 0)
        yield port, int(workers[0])
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_TIME)
        process.kill()
        process.wait()


def ask(port: int, page: str, seconds: int) -> int:
    """Have wrk ask for a page as often as it can; how often that was."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", f"http://127.0.0.1:{port}/{page}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    pin(process.pid, 1)
    said, _ = process.communicate()
    done = re.search(r"(\d+) requests in", said)
    if done is None or "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"{' '.join(command)} says:\n{said}")
    return int(done[1])


def measure(page: str, rounds: int, seconds: int, folder: Path) -> Result:
    """Ask the libraries in turn, again and again; CPU seconds of a request."""
    result = Result(page, rounds)
    with contextlib.ExitStack() as running:
        servers = {library: running.enter_context(gunicorn(library, folder)) for library in WORKER_CLASSES}
        for number in range(rounds + 1):
            for library, (port, worker) in servers.items():
                before = cpu_seconds(worker)
                requests = ask(port, page, seconds)
                if number > 0:  # what is done once was done in the first
                    result.add(library, (cpu_seconds(worker) - before) / requests)
    return result


def describe(result: Result) -> str:
    lines = [f"{result.name}: a request for {PAGES[result.name]}, us of CPU"]
    for library, runs in result.runs.items():
        lowest, middle, highest = (each * 1e6 for each in (min(runs), result.median(library), max(runs)))
        lines.append(f"  {library:8} {middle:10.1f}   ({lowest:.1f} to {highest:.1f})")
    ratio = result.ratios["gevent"]
    lines.append(f"  {ratio:.3f} of gevent's")
    if result.name == TARGET.name:
        lines.append(f"  target: {TARGET.judge(ratio)}")
    return "\n".join(lines)


def missing() -> list[str]:
    lacking = [name for name in ("gunicorn", "gevent", "coro_patch") if not importlib.util.find_spec(name)]
    return lacking + ([] if shutil.which("wrk") else ["wrk"])


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures what a request costs in gunicorn, beside gevent's worker.")
    parser.add_argument("--rounds", type=positive, default=ROUNDS, metavar="N", help=f"({ROUNDS})")
    parser.add_argument("--seconds", type=positive, default=SECONDS, metavar="S", help=f"of each turn ({SECONDS})")
    parser.add_argument("--only", choices=PAGES, action="append", metavar="NAME", help=", ".join(PAGES))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    options = parser.parse_args()
    if lacking := missing():
        print(f"Left out, because these are not installed: {', '.join(lacking)}.")
        return
    load = os.getloadavg()[0]
    results = []
    with tempfile.TemporaryDirectory(prefix="coro-benchmarks-") as name:
        folder = Path(name)
        (folder / "app.py").write_text(APPLICATION)
        for page in options.only or PAGES:
            results.append(measure(page, options.rounds, options.seconds, folder))
            print(describe(results[-1]), end="\n\n", flush=True)
    versions = {name: importlib.metadata.version(name) for name in ("coro-core", "gunicorn", "gevent")}
    print(
        f"Medians of {options.rounds} rounds, {CONNECTIONS} connections. {versions}, "
        f"Python {sys.version.split()[0]}, load {load:.1f} before the first."
    )
    if options.json is not None:
        save(results, options.json, versions=versions)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
