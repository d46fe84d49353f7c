"""Measuring HTTP servers, asked by wrk.

What belongs here: Python's own `http.server` in emulated threads, and gunicorn with the worker classes of
coro and gevent. Both are counted by the CPU of the process that answers.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from coro_bench.peers import Peer
from coro_bench.programs import (
    ANSWER_TIME,
    END_TIME,
    ENVIRONMENT,
    CannotMeasureError,
    cpu_seconds,
    pin,
    running,
    server_command,
)

CONNECTIONS = 50
SHORT = 1  # seconds of what is not counted; wrk knows whole ones only
POLL = 0.02  # seconds between two looks whether gunicorn has a worker

WORKER_CLASSES = {"coro_patch": "coro_patch.gunicorn.CoroWorker", "gevent.monkey": "gevent"}

#: An application as its own documentation would write it; each page is a function.
APPLICATION = r"""
import json

def application(environ, start_response):
    return globals()[environ["PATH_INFO"][1:]](start_response)

def plain(start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "14")])
    return [b"Hello, world!\n"]

def as_json(start_response):
    body = json.dumps({"id": 17, "name": "coro", "tags": ["fast", "small"], "scores": list(range(20))}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]

def chunked(start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    for number in range(3):
        yield b"chunk %d\n" % number

def large(start_response, body=b"x" * 65536):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""

PAGES = {
    "gunicorn_plain": "plain",
    "gunicorn_json": "as_json",
    "gunicorn_chunked": "chunked",
    "gunicorn_large": "large",
}


def http_server(peer: Peer, milliseconds: int) -> dict[str, float]:
    with running(server_command(peer, "http")) as server:
        return {"http_server": _cost(server.process, f"http://127.0.0.1:{server.port}/", milliseconds)}


def gunicorn(peer: Peer, milliseconds: int) -> dict[str, float]:
    with _worker(peer) as (process, port):
        return {name: _cost(process, f"http://127.0.0.1:{port}/{page}", milliseconds) for name, page in PAGES.items()}


def gunicorn_tls(peer: Peer, milliseconds: int) -> dict[str, float]:
    """The plain page; all connections are made anew, and shaken hands over, when wrk starts."""
    with _worker(peer, tls=True) as (process, port):
        return {"gunicorn_tls": _cost(process, f"https://127.0.0.1:{port}/plain", milliseconds)}


def _cost(process: int, url: str, milliseconds: int) -> float:
    """CPU seconds of a process for a request."""
    _ask(url, SHORT)
    before = cpu_seconds(process)
    answered = _ask(url, milliseconds / 1000)
    return (cpu_seconds(process) - before) / answered


def _ask(url: str, seconds: float) -> int:
    """Have wrk ask for a page as often as it can; how often that was."""
    if shutil.which("wrk") is None:
        raise CannotMeasureError("wrk is not installed")
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(round(seconds), SHORT)}", url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    pin(process.pid, 1)
    said, _ = process.communicate()
    done = re.search(r"(\d+) requests in", said)
    if done is None or int(done[1]) == 0 or "Non-2xx" in said or "Socket errors" in said:
        raise CannotMeasureError(f"{' '.join(command)} says: {said}")
    return int(done[1])


@contextlib.contextmanager
def _worker(peer: Peer, tls: bool = False) -> Iterator[tuple[int, int]]:
    """Runs a gunicorn with one worker: its process, and the port."""
    with tempfile.TemporaryDirectory(prefix="coro-benchmarks-") as folder:
        Path(folder, "app.py").write_text(APPLICATION)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            command = [
                sys.executable,
                "-m",
                "gunicorn",
                "-k",
                WORKER_CLASSES[peer.name],
                "-b",
                f"fd://{listener.fileno()}",
            ]
            command += ["--log-level", "warning", "--chdir", folder, *(_certificate(folder) if tls else ())]
            process = subprocess.Popen([*command, "app:application"], pass_fds=[listener.fileno()], env=ENVIRONMENT)
        try:
            worker = _first_child(process)
            pin(worker, 0)
            yield worker, port
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_TIME)
            process.kill()
            process.wait()


def _first_child(process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + ANSWER_TIME
    while not (children := Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()):
        if process.poll() is not None or time.monotonic() > deadline:
            raise CannotMeasureError("gunicorn does not run")
        time.sleep(POLL)
    return int(children[0])


def _certificate(folder: str) -> list[str]:
    """gunicorn's options for one that is made for this."""
    if shutil.which("openssl") is None:
        raise CannotMeasureError("openssl is not installed")
    key, certificate = f"{folder}/key.pem", f"{folder}/certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=localhost", "-days", "2", "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return ["--keyfile", key, "--certfile", certificate]
