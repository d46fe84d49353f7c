"""A stock HTTP server and a hundred stock clients cooperate in one OS thread.

Nothing here knows of coroutines: `http.server`, `socketserver`, `urllib.request`, `threading`
and `concurrent.futures` are the standard library's own. Each program runs in a process of
its own, so that it decides itself what is imported before the emulation is installed.
"""

import subprocess
import sys
import textwrap

import pytest

EARLY = """
import coro
coro.install_thread_emulation()
import concurrent.futures, http.server, os, queue, socket, socketserver, ssl, threading, time, urllib.request
"""

LATE = """
import concurrent.futures, http.server, os, queue, socket, socketserver, ssl, threading, time, urllib.request
from threading import Barrier, Lock, Thread
from time import sleep
import coro
coro.install_thread_emulation()
"""

BOTH = """
CLIENTS = 100

def real_threads():
    return len(os.listdir("/proc/self/task"))

def body_for(path):
    return b"".join(b"%d: %s\\n" % (n, path.encode()) for n in range(300))

def fetch(port, number):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/client/{number}", timeout=30) as answer:
        return answer.status, answer.headers["Content-Type"], answer.read()

def check(answers):
    for number, (status, kind, body) in enumerate(answers):
        assert status == 200 and kind == "text/x-test", (status, kind)
        assert body == body_for(f"/client/{number}"), number

def in_threads(port):
    answers = [None] * CLIENTS
    def client(number):
        answers[number] = fetch(port, number)
    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.wait()
        body = body_for(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "text/x-test")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def wait(self):
        pass
    def log_message(self, *arguments):
        pass
"""

THREADED = """
# It opens only when all hundred requests are being handled.
gate = threading.Barrier(CLIENTS)
threads_seen = set()

class Waiting(Handler):
    def wait(self):
        gate.wait(timeout=30)
        threads_seen.add(real_threads())

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = CLIENTS
    daemon_threads = False

with Server(("127.0.0.1", 0), Waiting) as server:
    loop = threading.Thread(target=server.serve_forever)
    loop.start()
    check(in_threads(server.server_address[1]))
    server.shutdown()
    loop.join()
assert threads_seen == {1}, threads_seen
assert threading.active_count() == 1, threading.enumerate()
"""

ONE_AT_A_TIME = """
class Server(http.server.HTTPServer):
    request_queue_size = CLIENTS

with Server(("127.0.0.1", 0), Handler) as server:
    loop = threading.Thread(target=server.serve_forever)
    loop.start()
    check(in_threads(server.server_address[1]))
    server.shutdown()
    loop.join()
assert real_threads() == 1
assert threading.active_count() == 1, threading.enumerate()
"""

POOL = """
gate = threading.Barrier(CLIENTS)

class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            gate.wait(timeout=30)
            self.wfile.write(line.upper())

class Server(socketserver.ThreadingTCPServer):
    request_queue_size = CLIENTS

def ask(number):
    with socket.create_connection(server.server_address, timeout=30) as client:
        client.sendall(b"from client %d\\n" % number)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            return answer.read()

with Server(("127.0.0.1", 0), Echo) as server:
    with concurrent.futures.ThreadPoolExecutor(CLIENTS + 1) as pool:
        loop = pool.submit(server.serve_forever)
        answers = list(pool.map(ask, range(CLIENTS)))
        assert answers == [b"FROM CLIENT %d\\n" % number for number in range(CLIENTS)]
        server.shutdown()
        assert loop.result() is None
assert real_threads() == 1
assert threading.active_count() == 1, threading.enumerate()
"""

EXIT = """
# The emulation is taken back, and the same program works in real threads.
coro.uninstall_thread_emulation()
if {again}:
    gate = threading.Barrier(2)
    seen = []
    def meet():
        gate.wait(30)
        seen.append(real_threads())
        gate.wait(30)
    other = threading.Thread(target=meet)
    other.start()
    meet()
    other.join()
    assert max(seen) > 1, seen
print("done")
"""


def run(*parts: str) -> None:
    program = "\n".join(textwrap.dedent(part) for part in parts)
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    assert done.stdout == "done\n"
    assert done.returncode == 0


@pytest.mark.parametrize("beginning", [EARLY, LATE], ids=["installed first", "installed last"])
class TestHundredClients:
    def test_a_threading_server_answers_all_at_once(self, beginning: str) -> None:
        run(beginning, BOTH, THREADED, EXIT.format(again=True))

    def test_a_server_without_threads_answers_one_after_another(self, beginning: str) -> None:
        run(beginning, BOTH, ONE_AT_A_TIME, EXIT.format(again=False))

    def test_a_stream_server_and_a_pool_of_threads(self, beginning: str) -> None:
        run(beginning, BOTH, POOL, EXIT.format(again=False))


def test_without_the_emulation_the_same_program_needs_real_threads() -> None:
    """The proof proves something: in plain Python there is more than one OS thread."""
    without = EARLY.replace("coro.install_thread_emulation()", "")
    program = "\n".join([without, BOTH, THREADED])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert "AssertionError: {" in done.stderr  # threads_seen
