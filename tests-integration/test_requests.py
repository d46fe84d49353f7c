"""requests and urllib3 over the emulation, as a program that imported them first uses them."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from peers import program

pytest.importorskip("requests", reason="requests is not installed")

CLIENTS = 200

#: What the client prints when all answers are there. It says nothing before: one answer is
#: given when all the clients have asked.
CLIENT = """
import queue, socket, ssl, threading
import requests, urllib3

certificate, both, clients = {certificate!r}, {both!r}, {clients}

import coro_patch
coro_patch.install()

import http.server
together = threading.Barrier(clients)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path.startswith("/together"):
            together.wait()
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = clients
    daemon_threads = False
    def finish_request(self, request, address):
        # In the thread of the connection: a handshake is no affair of the others.
        with context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, address)
    def shutdown_request(self, request):
        self.close_request(request)

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(both)
server = Server(("127.0.0.1", 0), Handler)
serving = threading.Thread(target=server.serve_forever, args=(0.01,))
serving.start()
url = "https://127.0.0.1:%d" % server.server_port

def ask(number):
    paths = ["/first", "/together%d" % number]
    if number % 2:
        with requests.Session() as session:
            session.verify = certificate
            session.trust_env = False
            texts = [session.get(url + path, timeout=60).content.decode() for path in paths]
    else:
        with urllib3.PoolManager(ca_certs=certificate, timeout=60, retries=False) as pool:
            texts = [pool.request("GET", url + path).data.decode() for path in paths]
    assert texts == paths
    answers.put(number)

answers = queue.Queue()
threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
server.shutdown()
serving.join()
server.server_close()
print(answers.qsize())
"""


def test_https_after_everything_was_imported(tmp_path: Path) -> None:
    """All clients and the server in one OS thread; the requests meet at a barrier."""
    key, certificate, both = (tmp_path / name for name in ("key", "certificate", "both"))
    options = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = [program("openssl"), "req", "-x509", *options.split(), "-addext", names]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    both.write_text(key.read_text() + certificate.read_text())
    client = textwrap.dedent(CLIENT).format(certificate=str(certificate), both=str(both), clients=CLIENTS)
    done = subprocess.run([sys.executable, "-W", "error", "-c", client], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    assert done.stdout.split() == [str(CLIENTS)]
