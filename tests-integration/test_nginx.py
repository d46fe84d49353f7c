"""coro's sockets against nginx: it serves files, and stands in front of examples/http_server.py."""

import hashlib
import random
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from peers import HTTP_SERVER, Address, HTTPClient, Peer, at_once, connect, program, running_nginx

pytestmark = pytest.mark.usefixtures("in_time_and_clean")

CONFIGURATION = """
    client_max_body_size 0;
    keepalive_requests 10000;

    upstream tcp {{ server 127.0.0.1:{upstream_port}; keepalive 16; }}
    upstream unix {{ server unix:{folder}/upstream; keepalive 16; }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";

    server {{
        listen 127.0.0.1:{port};
        listen unix:{folder}/socket;
        root {folder}/files;
        location /tcp/ {{ proxy_pass http://tcp/; }}
        location /unix/ {{ proxy_pass http://unix/; proxy_buffering off; proxy_request_buffering off; }}
    }}
"""


class Nginx(NamedTuple):
    """An nginx that runs: where it listens, and what it serves."""

    addresses: dict[str, Address]
    small: bytes
    large: bytes


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    program("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    source = random.Random(0)
    files = {"small": source.randbytes(10_000), "large": source.randbytes(50_000_000)}
    (folder / "files").mkdir()
    for name, content in files.items():
        (folder / "files" / name).write_bytes(content)

    with Peer(*HTTP_SERVER, "0", "--unix", folder / "upstream") as server:
        upstream_port = server.read_line().rpartition(":")[2].rstrip("/")
        settings = {"folder": folder, "upstream_port": upstream_port}
        with running_nginx(folder, lambda port: CONFIGURATION.format(port=port, **settings)) as port:
            yield Nginx({"tcp": ("127.0.0.1", port), "unix": str(folder / "socket")}, files["small"], files["large"])


@pytest.fixture(params=["tcp", "unix"])
def address(request: pytest.FixtureRequest, nginx: Nginx) -> Address:
    return nginx.addresses[request.param]


class TestFiles:
    def test_five_hundred_requests_over_fifty_connections(self, address: Address, nginx: Nginx) -> None:
        def fetch(number: int) -> None:
            with HTTPClient(address) as client:
                client.connect()
                connection = client.sock
                for _ in range(10):
                    assert client.ask("GET", "/small") == (200, nginx.small)
                    assert client.sock is connection

        at_once(50, fetch)

    def test_a_large_one(self, address: Address, nginx: Nginx) -> None:
        with HTTPClient(address) as client:
            client.request("GET", "/large")
            digest = hashlib.sha256()
            with client.getresponse() as answer:
                while data := answer.read(1 << 20):
                    digest.update(data)
        assert digest.digest() == hashlib.sha256(nginx.large).digest()

    def test_a_large_one_to_many_at_once(self, address: Address, nginx: Nginx) -> None:
        def fetch(number: int) -> None:
            first = 5_000_000 * number
            with HTTPClient(address) as client:
                answer = client.ask("GET", "/large", headers={"Range": f"bytes={first}-{first + 4_999_999}"})
                assert answer == (206, nginx.large[first : first + 5_000_000])

        at_once(10, fetch)

    @pytest.mark.parametrize(
        ("range_", "wanted"),
        [
            ("0-0", slice(1)),
            ("1000-1999", slice(1000, 2000)),
            ("-100", slice(-100, None)),
            ("49999999-", slice(-1, None)),
        ],
    )
    def test_a_part(self, range_: str, wanted: slice, address: Address, nginx: Nginx) -> None:
        with HTTPClient(address) as client:
            answer = client.ask("GET", "/large", headers={"Range": f"bytes={range_}"})
            assert answer == (206, nginx.large[wanted])

    def test_no_such_part(self, address: Address) -> None:
        with HTTPClient(address) as client:
            assert client.ask("GET", "/large", headers={"Range": "bytes=50000000-"})[0] == 416

    def test_requests_that_do_not_wait_for_each_other(self, address: Address, nginx: Nginx) -> None:
        request = b"GET /small HTTP/1.1\r\nHost: localhost\r\n"
        with connect(address) as client, client.makefile("rb") as stream:
            client.sendall((request + b"\r\n") * 19 + request + b"Connection: close\r\n\r\n")
            answers = stream.read().split(b"HTTP/1.1 200 OK\r\n")[1:]
        assert [answer.partition(b"\r\n\r\n")[2] for answer in answers] == [nginx.small] * 20


@pytest.mark.parametrize("upstream", ["tcp", "unix"])
class TestInFrontOfAServerOnCoro:
    """With one upstream nginx collects what it passes on; with the other it does not."""

    @staticmethod
    def content(size: int) -> bytes:
        """What is at ``/bytes/SIZE``."""
        return (bytes(range(251)) * (size // 251 + 1))[:size]

    def test_many_requests(self, upstream: str, address: Address) -> None:
        def fetch(number: int) -> None:
            with HTTPClient(address) as client:
                for each in range(10):
                    size = 1000 * number + each
                    assert client.ask("GET", f"/{upstream}/bytes/{size}") == (200, self.content(size))
                    text = b"".join(b"line %d\n" % n for n in range(number))
                    assert client.ask("GET", f"/{upstream}/lines/{number}") == (200, text)
                    assert client.ask("HEAD", f"/{upstream}/bytes/{size}") == (200, b"")

        at_once(20, fetch)

    def test_a_large_download(self, upstream: str, address: Address) -> None:
        with HTTPClient(address) as client:
            status, body = client.ask("GET", f"/{upstream}/bytes/20000000")
        assert status == 200
        assert hashlib.sha256(body).digest() == hashlib.sha256(self.content(20_000_000)).digest()

    @pytest.mark.parametrize("coding", ["identity", "chunked"])
    def test_large_uploads(self, coding: str, upstream: str, address: Address, nginx: Nginx) -> None:
        def send(number: int) -> None:
            body = nginx.large[number * 5_000_000 :][:5_000_000]
            pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
            with HTTPClient(address) as client:
                answer = client.ask("POST", f"/{upstream}/digest", body=body if coding == "identity" else pieces)
                assert answer == (200, hashlib.sha256(body).hexdigest().encode())

        at_once(4, send)

    def test_no_such_page(self, upstream: str, address: Address) -> None:
        with HTTPClient(address) as client:
            assert client.ask("GET", f"/{upstream}/nowhere") == (404, b"There is no /nowhere here.\n")
