"""Plain OS threads, one for each connection. See `command`.

The same servers run under coro's emulation and gevent's, where its threads are no OS threads:
`python -m coro_patch with_threads.py ...` and `python -m gevent.monkey with_threads.py ...`.
"""

from __future__ import annotations

import http.server
import queue
import socket
import threading
import time
from collections.abc import Callable
from time import process_time

from command import BACKLOG, HOST, READ_SIZE, TOTAL, Measured, announce, main, nothing, peak_bytes, sleep_lengths

# --- servers ----------------------------------------------------------------------


def serve_streams(handle: Callable[[socket.socket], None]) -> None:
    with socket.create_server((HOST, 0), backlog=BACKLOG) as listener:
        announce(listener.getsockname()[1])
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=handle, args=(connection,), daemon=True).start()


def pass_on(source: socket.socket, target: socket.socket) -> None:
    while data := source.recv(READ_SIZE):
        target.sendall(data)


def serve_echo() -> None:
    def echo(connection: socket.socket) -> None:
        with connection:
            pass_on(connection, connection)

    serve_streams(echo)


def serve_churn() -> None:
    with socket.create_server((HOST, 0), backlog=BACKLOG) as listener:
        announce(listener.getsockname()[1])
        while True:
            connection, _ = listener.accept()
            connection.close()


def serve_bulk() -> None:
    def count(connection: socket.socket) -> None:
        total = 0
        with connection:
            while data := connection.recv(READ_SIZE):
                total += len(data)
            connection.sendall(TOTAL.pack(total))

    serve_streams(count)


def serve_proxy(port: int) -> None:
    def serve(client: socket.socket) -> None:
        with client, socket.create_connection((HOST, port)) as server:
            back = threading.Thread(target=pass_on, args=(server, client), daemon=True)
            back.start()
            pass_on(client, server)
            server.shutdown(socket.SHUT_RDWR)  # which wakes the other thread
            back.join()

    serve_streams(serve)


def serve_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HOST, 0))
        announce(server.getsockname()[1])
        while True:
            data, address = server.recvfrom(READ_SIZE)
            server.sendto(data, address)


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", "14")
        self.end_headers()
        self.wfile.write(b"Hello, world!\n")

    def log_message(self, *arguments: object) -> None:
        """Do not print a line for each."""


def serve_http() -> None:
    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = BACKLOG

    with Server((HOST, 0), Page) as server:
        announce(server.server_port)
        server.serve_forever()


# --- workloads --------------------------------------------------------------------


def run_yield(count: int) -> Measured:
    def take_turns() -> None:
        sleep = time.sleep
        for _ in range(count // 2):
            sleep(0)

    both = [threading.Thread(target=take_turns), threading.Thread(target=take_turns)]
    began = process_time()
    for each in both:
        each.start()
    for each in both:
        each.join()
    return {"yield": (process_time() - began) / count}


def run_spawn_join(count: int) -> Measured:
    began = process_time()
    for _ in range(count):
        thread = threading.Thread(target=nothing)
        thread.start()
        thread.join()
    return {"spawn_join": (process_time() - began) / count}


def run_sleepers(count: int) -> Measured:
    lengths = sleep_lengths(count)
    memory, began = peak_bytes(), process_time()
    sleepers = [threading.Thread(target=time.sleep, args=(length,)) for length in lengths]
    for sleeper in sleepers:
        sleeper.start()
    for sleeper in sleepers:
        sleeper.join()
    seconds = process_time() - began
    return {"sleepers": seconds / count, "sleepers_memory": (peak_bytes() - memory) / count}


def run_lock(count: int) -> Measured:
    lock = threading.Lock()
    began = process_time()
    for _ in range(count):
        with lock:
            pass
    return {"lock": (process_time() - began) / count}


def run_queue(count: int) -> Measured:
    there: queue.SimpleQueue[int] = queue.SimpleQueue()
    back: queue.SimpleQueue[int] = queue.SimpleQueue()

    def answer() -> None:
        for _ in range(count):
            back.put(there.get())

    answering = threading.Thread(target=answer)
    answering.start()
    began = process_time()
    for number in range(count):
        there.put(number)
        back.get()
    answering.join()
    return {"queue": (process_time() - began) / count}


if __name__ == "__main__":
    main(globals())
