"""Forks of a busy process with TLS connections: what is the parent's no child goes on with.

Each TLS record has a number, which is used up with it. A child that wrote on a connection of
its parent's would use one that the parent uses too; the other end then cannot decrypt what
comes, and says so. The other end is a process in plain Python.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from peers import Peer, Start

FORKS = 1000

#: Seconds, more than enough for all of them.
PATIENCE = 110

#: Answers each line with the number that it begins with; they have to come one by one. Says at
#: the end how many connections there were, and complains of what was wrong with one.
PEER = """
import socket, ssl, sys, threading

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
print(listener.getsockname()[1], flush=True)
served = []

def serve(connection):
    served.append(connection)
    with context.wrap_socket(connection, server_side=True) as wrapped:
        with wrapped.makefile("rwb") as stream:
            for expected, line in enumerate(stream):
                number = int(line.split()[0])
                assert number == expected, (number, expected)
                stream.write(b"%d\\n" % number)
                stream.flush()
        wrapped.unwrap()

def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],)).start()

threading.Thread(target=accept, daemon=True).start()
sys.stdin.read()
print(len(served), flush=True)
"""

COMMON = """
import gc, mmap, os, queue, socket, ssl, sys, threading, time, warnings
from concurrent.futures import ThreadPoolExecutor

port, certificate = int(sys.argv[1]), sys.argv[2]
# What Python says of forks of a process with threads. This is about what happens then.
warnings.simplefilter("ignore", DeprecationWarning)
context = ssl.create_default_context(cafile=certificate)

class Connection:
    def __init__(self):
        plain = socket.create_connection(("127.0.0.1", port))
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        self.answers = self.socket.makefile("rb")
        self.number = 0
    def ask(self, size=10):
        self.socket.sendall(b"%d %b\\n" % (self.number, b"x" * size))
        answer = self.answers.readline()
        assert answer == b"%d\\n" % self.number, answer
        self.number += 1
    def end(self):
        self.socket.unwrap()
        self.answers.close()
        self.socket.close()
"""

BUSY = """
import coro
parent = os.getpid()
over = threading.Event()
# One page that all processes share: whoever runs where he should not marks his place.
ran = mmap.mmap(-1, mmap.PAGESIZE)

def check(place):
    if os.getpid() != parent:
        ran[place] = 1

def talk():
    connection = Connection()
    try:
        while not over.is_set():
            check(0)
            connection.ask(connection.number % 20 * 1000)
            time.sleep(0.001)
    finally:
        check(1)
        connection.end()

def listen():
    connection = Connection()
    connection.ask()
    listening.append(connection)
    try:
        assert connection.answers.readline() == b"1\\n"
    finally:
        check(2)
        connection.end()

def tick():
    check(3)
    if not over.is_set():
        threading.Timer(0.001, tick).start()

def work(number):
    check(4)
    time.sleep(0.001)
    if not over.is_set():
        pool.submit(work, number)

def consume():
    for _ in iter(items.get, None):
        check(5)
        items.put(1)
        time.sleep(0.001)

listening = []
items = queue.Queue()
items.put(1)
pool = ThreadPoolExecutor(4)
threads = [threading.Thread(target=each) for each in [talk] * 4 + [listen] * 2 + [consume]]
for each in threads:
    each.start()
tick()
for number in range(4):
    pool.submit(work, number)
while len(listening) < 2:
    time.sleep(0.001)

def leave():
    "End at once."

def wait():
    "Give others the chance to run that should not."
    time.sleep(0.001)
    for _ in range(20):
        coro.yield_slice()

def drop():
    "Drop all that is the parent's."
    listening.clear()
    threads.clear()
    gc.collect()

def use_tls():
    "Use TLS as the parent does."
    connection = Connection()
    for size in (10, 100_000):
        connection.ask(size)
    connection.end()

def use_threads():
    "Use threads as the parent does."
    seen = []
    timer = threading.Timer(0.001, seen.append, (1,))
    timer.start()
    with ThreadPoolExecutor(2) as own:
        assert list(own.map(abs, [-1, -2])) == [1, 2]
    timer.join()
    assert seen == [1]
    assert threading.active_count() == 1

def fork(child, end):
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    status = 1
    try:
        child()
        status = 40
    finally:
        if end == "exit" and status == 40:
            sys.exit(40)  # with all that Python does then
        os._exit(status)

def from_a_thread(child):
    with ThreadPoolExecutor(1) as one:
        return one.submit(fork, child, "_exit").result()

def child_of(number):
    "The dear ones seldom."
    if number % 25 == 0:
        return use_tls
    if number % 20 == 1:
        return drop
    return (leave, wait, use_threads)[number % 3]

for number in range(int(sys.argv[3])):
    child = child_of(number)
    if number % 37 == 0:
        status = fork(child, "exit")
    elif number % 4 == 0:
        status = from_a_thread(child)
    else:
        status = fork(child, "_exit")
    assert status == 40, (number, child, status)

over.set()
items.put(None)
for each in listening:
    each.socket.sendall(b"1 end\\n")
for each in threads:
    each.join()
pool.shutdown()
print(bytes(ran[:6]))
"""


#: What a child may do with a connection of its parent's. A line for each: whether the parent
#: can go on with it.
WAYS = """
def leave(connection):
    pass

def drop(connection):
    connection.socket = connection.answers = None
    gc.collect()

def close(connection):
    connection.answers.close()
    connection.socket.close()

def detach(connection):
    os.close(connection.socket.detach())

def write(connection):
    connection.socket.sendall(b"1 child\\n")

def unwrap(connection):
    connection.socket.settimeout(0.01)
    connection.socket.unwrap()

for way in (leave, drop, close, detach, write, unwrap):
    for end in (sys.exit, os._exit):
        connection = Connection()
        connection.ask()
        process = os.fork()
        if not process:
            try:
                way(connection)
            except OSError:
                pass
            end(0)
        assert os.waitpid(process, 0)[1] == 0
        try:
            connection.ask()
            connection.ask()
            connection.end()
            print(way.__name__, "goes on", flush=True)
        except (OSError, AssertionError):
            print(way.__name__, "is broken", flush=True)
"""


@pytest.fixture
def peer(start: Start, certificate: Path) -> Peer:
    return start(sys.executable, "-W", "error", "-c", PEER, certificate)


def run(program: str, *arguments: object, emulated: bool) -> str:
    """What the program prints; it must not complain."""
    command = [sys.executable, *(["-m", "coro_patch"] if emulated else []), "-c", COMMON + program]
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE)
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


def test_no_child_goes_on_with_what_is_the_parents(peer: Peer, certificate: Path) -> None:
    """TLS connections that are busy and that wait, timers, a pool and a queue: not one of a
    thousand children runs any of them, or writes in their place; and each can use all this anew."""
    assert run(BUSY, peer.read_line(), certificate, FORKS, emulated=True) == f"{bytes(6)}\n"
    peer.end_input()
    assert int(peer.finish()) == 6 + FORKS // 25


def test_a_connection_of_the_parents_survives_what_it_does_in_plain_python(peer: Peer, certificate: Path) -> None:
    """A child may drop it and close it. It may not write: nothing in Python prevents that."""
    port = peer.read_line()
    plain, emulated = [run(WAYS, port, certificate, emulated=each) for each in (False, True)]
    assert emulated == plain
    assert plain.count("goes on") == plain.count("broken") * 2 == 8
