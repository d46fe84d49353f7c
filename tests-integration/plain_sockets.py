"""Python's own blocking sockets, as programs for test_python_peers.

    plain_sockets.py echo ADDRESS            echoes on each connection, in a thread of its own
    plain_sockets.py clients ADDRESS N       N clients of an echo server, connected all at once
    plain_sockets.py obey ADDRESS            does to one connection what its standard input says
    plain_sockets.py fetch HOST PORT N       N clients of examples/http_server.py, a thread each

An address is in JSON. Servers say on the first line where they listen, and clients "done"
when all was right. What belongs here: whatever must know nothing of coro.
"""

import concurrent.futures
import hashlib
import http.client
import json
import random
import socket
import struct
import sys
import threading
import urllib.request
from typing import Any

#: Seconds without any progress, after which a client gives up.
PATIENCE = 50


def noise(size: int) -> bytes:
    """Bytes that show if some are lost: random ones, again and again, in a period that is prime."""
    return (random.Random(0).randbytes(1_000_003) * (size // 1_000_003 + 1))[:size]


def family(address: Any) -> int:
    if isinstance(address, str):
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def listen(address: Any) -> socket.socket:
    listener = socket.socket(family(address))
    listener.bind(address)
    listener.listen(1024)
    print(json.dumps(listener.getsockname()), flush=True)
    return listener


def serve_echo(address: Any) -> None:
    def echo(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)

    with listen(address) as listener:
        while True:
            threading.Thread(target=echo, args=listener.accept()[:1], daemon=True).start()


def obey(address: Any) -> None:
    """Orders, each answered by a line when it is done: ``send N``, ``receive N``, ``end``, ``reset``, ``close``.

    What is sent is `noise`; receiving answers with the SHA-256 of
    what came, and of -1 bytes it means: all until the end.
    """
    with listen(address) as listener:
        connection, _ = listener.accept()
    with connection:
        print("accepted", flush=True)
        for line in sys.stdin:
            match line.split():
                case ["send", size]:
                    connection.sendall(noise(int(size)))
                    print("sent", flush=True)
                case ["receive", size]:
                    with connection.makefile("rb", buffering=0) as stream:
                        digest, left = hashlib.sha256(), int(size)
                        while left and (data := stream.read(65536 if left < 0 else min(left, 65536))):
                            digest.update(data)
                            left -= len(data) if left > 0 else 0
                    print(digest.hexdigest(), flush=True)
                case ["end"]:
                    connection.shutdown(socket.SHUT_WR)
                    print("ended", flush=True)
                case ["reset"]:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.close()
                    print("reset", flush=True)
                case ["close"]:
                    connection.close()
                    print("closed", flush=True)


def in_threads(number: int, work: Any) -> None:
    with concurrent.futures.ThreadPoolExecutor(number) as pool:
        for _ in pool.map(work, range(number)):
            pass
    print("done")


def be_clients(address: Any, number: int) -> None:
    everybody_is_connected = threading.Barrier(number)

    def talk(seed: int) -> None:
        source = random.Random(seed)
        with socket.socket(family(address)) as client, client.makefile("rb") as answers:
            client.settimeout(PATIENCE)
            client.connect(address)
            everybody_is_connected.wait(PATIENCE)
            for size in [1, 1000, 50_000]:
                data = source.randbytes(size)
                client.sendall(data)
                assert answers.read(size) == data
            client.shutdown(socket.SHUT_WR)
            assert answers.read() == b""

    in_threads(number, talk)


def fetch(host: str, port: int, number: int) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def talk(seed: int) -> None:
        body = random.Random(seed).randbytes(200_000)
        with opener.open(f"http://{host}:{port}/", timeout=PATIENCE) as answer:
            assert answer.status == 200
            assert answer.read() == b"Nothing blocks but looks.\n"

        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)

        def ask(method: str, path: str, **more: Any) -> tuple[int, bytes]:
            connection.request(method, path, **more)
            answer = connection.getresponse()
            return answer.status, answer.read()

        assert ask("POST", "/echo", body=body) == (200, body)
        kept = connection.sock
        assert ask("HEAD", "/bytes/1000") == (200, b"")
        assert ask("POST", "/digest", body=iter([body[:7], body[7:]])) == (200, sha256(body))  # in chunks
        assert ask("GET", "/lines/5000") == (200, b"".join(b"line %d\n" % n for n in range(5000)))
        assert ask("GET", "/nowhere") == (404, b"There is no /nowhere here.\n")
        assert connection.sock is kept
        connection.close()

    in_threads(number, talk)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def main(what: str, *arguments: str) -> None:
    match what:
        case "fetch":
            fetch(arguments[0], int(arguments[1]), int(arguments[2]))
        case _:
            address = json.loads(arguments[0])
            if isinstance(address, list):
                address = tuple(address)
            match what:
                case "echo":
                    serve_echo(address)
                case "obey":
                    obey(address)
                case "clients":
                    be_clients(address, int(arguments[1]))


if __name__ == "__main__":
    main(*sys.argv[1:])
