"""The end of the interpreter: what still runs then has it end as in plain Python.

Each program runs in plain Python and under the emulation, which write the same and end alike.
Two things are not compared: numbers of addresses, and the frames of compiled code in a
traceback, which the emulation's functions have and Python's own have not.
"""

import sys
from pathlib import Path

import pytest

from side_by_side import alike, run

ENDS = {
    "a daemon thread that sleeps": """
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
print("over")
""",
    "a daemon thread that never stops": """
def spin():
    while True:
        time.sleep(0)
threading.Thread(target=spin, daemon=True).start()
print("over")
""",
    "a daemon thread that holds a lock with `with`": """
held = threading.Event()
lock = threading.Lock()
def hold():
    with lock:
        held.set()
        time.sleep(1000)
threading.Thread(target=hold, daemon=True).start()
held.wait()
print(lock.locked())
""",
    "a daemon thread that would go on": """
begun = threading.Event()
def clean():
    while True:
        try:
            begun.set()
            time.sleep(1000)
        except BaseException as error:
            print("woken", error)
threading.Thread(target=clean, daemon=True).start()
begun.wait()
print("over")
""",
    "a thread that ends later": """
over = threading.Event()
def late():
    over.wait()
    time.sleep(0.05)
    print("late")
threading.Thread(target=late).start()
print("over")
over.set()
""",
    "threads that start threads": """
def work(depth):
    time.sleep(0.01)
    print(depth)
    if depth:
        threading.Thread(target=work, args=(depth - 1,)).start()
threading.Thread(target=work, args=(5,)).start()
""",
    "a thread started by `_thread`": """
import _thread
_thread.start_new_thread(time.sleep, (1000,))
print("over")
""",
    "a timer": """
timer = threading.Timer(0.05, print, ("late",))
print("over")
timer.start()
""",
    "sys.exit in a thread": """
thread = threading.Thread(target=sys.exit, args=(5,))
thread.start()
thread.join()
print("over")
""",
    "an error in a thread that ends last": """
def fail():
    time.sleep(0.05)
    raise ValueError("bad")
threading.Thread(target=fail, name="one").start()
sys.exit(4)
""",
    "an error in a thread of `_thread`": """
import _thread
begun = threading.Event()
def fail():
    begun.set()
    raise ValueError("bad")
_thread.start_new_thread(fail, ())
begun.wait()
while _thread._count():
    time.sleep(0.001)
""",
    "an error while threads run": """
def late():
    time.sleep(0.05)
    print("late")
threading.Thread(target=late).start()
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
1 / 0
""",
    "os._exit while threads run": """
threading.Thread(target=time.sleep, args=(1000,)).start()
print("over", flush=True)
os._exit(7)
""",
    "os._exit in a thread": """
def leave():
    print("left", flush=True)
    os._exit(8)
threading.Thread(target=leave).start()
time.sleep(1000)
""",
    "a signal that kills": """
import signal
threading.Thread(target=time.sleep, args=(1000,)).start()
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(1000)
""",
    "an interrupt of a join": """
import signal
joining, done, caught = threading.Event(), threading.Event(), []
def handle(*signal_and_frame):
    if not caught:
        caught.append(True)
        signal.default_int_handler(*signal_and_frame)
signal.signal(signal.SIGINT, handle)
# Plain Python does not see a signal between its last look and its wait, so one may be too few.
def interrupt():
    joining.wait()
    while not caught:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
    done.wait()
thread = threading.Thread(target=interrupt)
thread.start()
try:
    joining.set()
    thread.join()
except KeyboardInterrupt:
    print("interrupted")
done.set()
""",
    "an interrupt of the join at exit": """
import signal
at_exit = threading.Event()
threading._register_atexit(at_exit.set)
def interrupt():
    at_exit.wait()
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.2)
    print("late")
threading.Thread(target=interrupt).start()
""",
    "an interrupt of the join of a pool at exit": """
import signal
from concurrent.futures import ThreadPoolExecutor
at_exit = threading.Event()
threading._register_atexit(at_exit.set)
def interrupt():
    at_exit.wait()
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.2)
    print("late")
ThreadPoolExecutor(1).submit(interrupt)
""",
    "a pool with work in its queue": """
from concurrent.futures import ThreadPoolExecutor
pool, over = ThreadPoolExecutor(1), threading.Event()
def work(number):
    over.wait()
    time.sleep(0.01)
    print(number)
futures = [pool.submit(work, number) for number in range(5)]
print("over")
over.set()
""",
    "atexit that joins": """
import atexit
done = threading.Event()
thread = threading.Thread(target=done.wait, daemon=True)
thread.start()
def end():
    done.set()
    thread.join()
    print(thread.is_alive())
atexit.register(end)
""",
    "atexit that starts a thread": """
import atexit
def late():
    try:
        thread = threading.Thread(target=print, args=("in it",))
        thread.start()
        thread.join()
    except RuntimeError as error:
        print(error)
atexit.register(late)
""",
    "atexit that fails": """
import atexit
atexit.register(lambda: 1 / 0)
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
""",
    "atexit that sleeps and locks": """
import atexit
lock = threading.Lock()
def late():
    with lock:
        time.sleep(0.01)
    print(lock.acquire(timeout=0.01), lock.acquire(timeout=0.01))
atexit.register(late)
""",
    "__del__ that locks": """
class Locker:
    lock = threading.RLock()
    def __del__(self, print=print):
        with self.lock:
            print("locked")
keep = Locker()
""",
    "__del__ that sleeps": """
class Sleeper:
    def __del__(self, sleep=time.sleep, print=print):
        sleep(0.01)
        print("slept")
keep = Sleeper()
""",
    "__del__ that waits for a while for what is held": """
class Waiter:
    lock, event = threading.Lock(), threading.Event()
    def __del__(self, print=print):
        self.lock.acquire()
        print(self.lock.acquire(timeout=0.02), self.event.wait(0.02))
keep = Waiter()
""",
    "__del__ that uses a socket": """
import socket
class User:
    here, there = socket.socketpair()
    def __del__(self, print=print, TimeoutError=TimeoutError):
        self.there.sendall(b"x")
        print(self.here.recv(10))
        self.here.settimeout(0.02)
        try:
            self.here.recv(10)
        except TimeoutError as error:
            print(error)
        self.here.close()
        self.there.close()
keep = User()
""",
    "__del__ that uses a queue": """
import queue
class User:
    queue = queue.SimpleQueue()
    def __del__(self, print=print):
        self.queue.put(1)
        print(self.queue.get())
keep = User()
""",
    "a generator that locks when it is closed": """
lock = threading.Lock()
def numbers():
    try:
        yield 1
    finally:
        with lock:
            print("closed")
generator = numbers()
next(generator)
""",
    "an async generator that locks when it is closed": """
import asyncio
lock = threading.Lock()
async def numbers():
    try:
        yield 1
        yield 2
    finally:
        with lock:
            print("closed")
async def main():
    global generator
    generator = numbers()
    print(await anext(generator))
asyncio.run(main())
""",
    "an event loop in a daemon thread": """
import asyncio
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
print(asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01, "slept"), loop).result())
""",
    "a server in accept": """
import socket
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=listener.accept, daemon=True).start()
print("over")
""",
    "a server that serves": """
import http.server, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with opener.open("http://127.0.0.1:%d/" % server.server_port) as answer:
    print(answer.read())
""",
    "a thread in recv": """
import socket
here, there = socket.socketpair()
def read():
    here.recv(1)
threading.Thread(target=read, daemon=True).start()
print("over")
""",
    "a thread in a pipe": """
reader, writer = os.pipe()
threading.Thread(target=os.read, args=(reader, 1), daemon=True).start()
file = os.fdopen(os.dup(reader), "rb")
threading.Thread(target=file.read, daemon=True).start()
print("over")
""",
    "a thread in standard input": """
threading.Thread(target=sys.stdin.buffer.raw.read, args=(1,), daemon=True).start()
print("over")
""",
    "a child that runs": """
import subprocess
child = subprocess.Popen(["sleep", "0.2"])
print("over")
""",
    "a child that somebody waits for": """
import subprocess
child = subprocess.Popen(["sleep", "0.2"])
threading.Thread(target=child.wait, daemon=True).start()
print("over")
""",
    "a fork from a thread": """
import warnings
warnings.simplefilter("ignore")
def fork():
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    else:
        print("child", threading.current_thread() is threading.main_thread(), flush=True)
threading.Thread(target=fork, name="one").start()
""",
    "a fork from a thread that fails": """
import warnings
warnings.simplefilter("ignore")
def fork():
    pid = os.fork()
    if pid:
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    else:
        raise ValueError("in the child")
threading.Thread(target=fork, name="one").start()
""",
    "a pool of processes that is alive": """
import multiprocessing
pool = multiprocessing.get_context("fork").Pool(2)
print(pool.map(abs, range(-5, 0)))
""",
    "an executor of processes that is alive": """
import concurrent.futures, multiprocessing
pool = concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("fork"))
print(list(pool.map(abs, range(-5, 0))))
""",
    "a process that runs": """
import multiprocessing
def work():
    time.sleep(0.1)
    print("late")
print("over", flush=True)
multiprocessing.get_context("fork").Process(target=work).start()
""",
    "logging at exit": """
import atexit, logging
logging.basicConfig(format="%(threadName)s %(message)s", stream=sys.stdout)
atexit.register(logging.warning, "at exit")
threading.Timer(0.05, logging.warning, ("late",)).start()
""",
}
if sys.version_info >= (3, 14):  # an earlier Python hangs
    ENDS["a join of a daemon thread when Python is being torn down"] = """
class Cycle:
    def __init__(self):
        self.itself = self
        self.thread = threading.Thread(target=time.sleep, args=(1000,), daemon=True)
        self.thread.start()
    def __del__(self):
        for timeout in None, 10:
            try:
                self.thread.join(timeout)
            except PythonFinalizationError as error:
                print(error, self.thread.is_alive())
Cycle()
"""

# With warnings, and with what development mode checks: some that have much left at the end.
STRICT = [
    "a daemon thread that never stops",
    "a thread that ends later",
    "a pool with work in its queue",
    "a pool of processes that is alive",
    "an event loop in a daemon thread",
    "a server that serves",
    "a child that somebody waits for",
]


def check(text: str, folder: Path, *options: str) -> None:
    (folder / "program.py").write_text("import os, sys, threading, time\n" + text)
    alike("program.py", folder=folder, options=options, compiled_frames=False)


@pytest.mark.parametrize("end", ENDS)
def test_the_end(tmp_path: Path, end: str) -> None:
    check(ENDS[end], tmp_path)


@pytest.mark.parametrize("options", [("-W", "error"), ("-X", "dev")], ids=" ".join)
@pytest.mark.parametrize("end", STRICT)
def test_the_end_when_python_is_strict(tmp_path: Path, end: str, options: tuple[str, ...]) -> None:
    check(ENDS[end], tmp_path, *options)


def test_coroutines_that_nobody_has_joined_just_end(tmp_path: Path) -> None:
    """Those that wait, those that are ready and those that have not begun."""
    (tmp_path / "program.py").write_text("""
import coro, threading

def wait(event):
    try:
        event.wait()
    finally:
        print("never")

for _ in range(10):
    coro.spawn(wait, threading.Event())
    coro.spawn(coro.sleep_relative, 1000)
coro.yield_slice()
coro.spawn(print, "never")
print("over")
""")
    for options in [(), ("-X", "dev"), ("-W", "error")]:
        command = (*options, "-m", "coro_patch")
        assert run("program.py", folder=tmp_path, options=command) == ("over\n", "", 0)
