"""requests and urllib3 over the emulation, as a program that imported them first uses them."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from meeting import CLIENTS
from peers import PATIENCE, free_port, in_threads, real_threads, running_nginx

requests = pytest.importorskip("requests", reason="requests is not installed")
urllib3 = pytest.importorskip("urllib3", reason="urllib3 is not installed")

#: Everything comes from elsewhere, by HTTP and by TLS.
NGINX = """
    server {{
        listen unix:{folder}/socket;
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://{web}; }}
    }}
    server {{
        listen 127.0.0.1:{tls_port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        location / {{ proxy_pass http://{web}; }}
    }}
"""

#: What the client prints when all answers are there. It says nothing before: one answer is
#: given when all the clients have asked.
CLIENT = """
import queue, socket, ssl, threading
import requests, urllib3

certificate, clients = {certificate!r}, {clients}

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
context.load_cert_chain(certificate)
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


def test_https_after_everything_was_imported(certificate: Path) -> None:
    """All clients and the server in one OS thread; the requests meet at a barrier."""
    client = textwrap.dedent(CLIENT).format(certificate=str(certificate), clients=CLIENTS)
    done = subprocess.run([sys.executable, "-W", "error", "-c", client], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    assert done.stdout.split() == [str(CLIENTS)]


@pytest.fixture
def nginx(web: str, certificate: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where an nginx listens that stands in front of a server in this process."""
    addresses = {}

    def http(port: int) -> str:
        settings = {"port": port, "tls_port": free_port(), "folder": tmp_path, "web": web, "certificate": certificate}
        addresses.update(http="http://127.0.0.1:{port}".format(**settings))
        addresses.update(https="https://127.0.0.1:{tls_port}".format(**settings))
        return NGINX.format(**settings)

    with running_nginx(tmp_path, http):
        yield addresses


@pytest.mark.parametrize("scheme", ["http", "https"])
class TestNginx:
    """Every client asks twice over one connection, and has no second answer before all have asked."""

    PATHS = ("/first", "/together")

    def test_requests(self, nginx: dict[str, str], certificate: Path, scheme: str) -> None:
        def ask(number: int) -> None:
            with requests.Session() as session:
                session.verify, session.trust_env = str(certificate), False
                for path in self.PATHS:
                    answer = session.get(f"{nginx[scheme]}{path}/{number}", timeout=PATIENCE)
                    assert (answer.status_code, answer.text) == (200, f"{path}/{number}")
                assert real_threads() == 1

        in_threads(CLIENTS, ask)

    def test_one_pool_of_urllib3_for_all(self, nginx: dict[str, str], certificate: Path, scheme: str) -> None:
        def ask(number: int) -> None:
            for path in self.PATHS:
                answer = pool.request("GET", f"{nginx[scheme]}{path}/{number}")
                assert (answer.status, answer.data) == (200, f"{path}/{number}".encode())
            assert real_threads() == 1

        options = {"maxsize": CLIENTS, "block": True, "timeout": PATIENCE, "retries": False}
        with urllib3.PoolManager(ca_certs=str(certificate), **options) as pool:
            in_threads(CLIENTS, ask)
