"""A celery worker whose tasks are coroutines, with a Redis server for broker and results.

Tasks and tests tell each other by lists in the same server: a task that waits says so, and goes on
when it is given something. What a test waits for has no time limit but its patience.
"""

import contextlib
import gc
import http.server
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from peers import Peer, program, wait_for

import coro

celery = pytest.importorskip("celery", reason="celery is not installed")
redis = pytest.importorskip("redis", reason="redis, the client, is not installed")

#: How many tasks at once; and seconds to wait for one.
TASKS = 200
PATIENCE = 30

#: After how many seconds the tests give to somebody else what a worker has taken and not
#: acknowledged. The workers do so after a longer time: they are not to take it from each other.
VISIBILITY = 1

PROGRAM = """
    import time
    import urllib.request
    import redis
    from celery import Celery
    from celery.exceptions import SoftTimeLimitExceeded
    from celery.signals import worker_ready

    app = Celery("tasks", broker={url!r}, backend={url!r})
    app.conf.update({settings!r})
    client = redis.Redis(unix_socket_path={path!r}, max_connections=1000, socket_timeout=None)

    @worker_ready.connect
    def tell(**_):
        client.rpush("ready", 1)

    @app.task
    def add(first, second):
        return first + second

    @app.task
    def wait(name):
        client.rpush("waiting", name)
        return client.blpop(name)[1].decode()

    @app.task(acks_late=True)
    def wait_and_acknowledge(name):
        client.rpush("waiting", name)
        client.blpop(name)
        client.rpush("done", name)

    @app.task
    def leave(name):
        try:
            return wait(name)
        finally:
            client.rpush("left", name)

    @app.task
    def fetch(url):
        with urllib.request.urlopen(url) as answer:
            return answer.read().decode()

    @app.task(soft_time_limit=0.1)
    def give_in():
        try:
            time.sleep(1000)
        except SoftTimeLimitExceeded:
            return "gave in"

    @app.task(bind=True, max_retries=3)
    def succeed_at_last(self):
        if self.request.retries < 2:
            raise self.retry(countdown=0.01)
        return self.request.retries

    @app.task
    def ask_others(number):
        return sum(each.get() for each in [add.delay(one, 1) for one in range(number)])

    @app.task
    def add_up(numbers):
        return sum(numbers)

    @app.task(rate_limit="20/s")
    def seldom():
        return time.time()
"""


class Server:
    """A Redis server, and who asks it for tasks."""

    def __init__(self, folder: Path) -> None:
        path = str(folder / "socket")
        self.folder = folder
        self.client = redis.Redis(unix_socket_path=path, socket_timeout=None)
        self.app = celery.Celery("tests", broker=f"redis+socket://{path}", backend=f"redis+socket://{path}")
        self.app.conf.broker_transport_options = {"visibility_timeout": VISIBILITY}
        settings = {
            "broker_transport_options": {"visibility_timeout": 3600},
            "broker_connection_retry_on_startup": True,
        }
        code = PROGRAM.format(url=f"redis+socket://{path}", path=path, settings=settings)
        (folder / "tasks.py").write_text(textwrap.dedent(code))

    def send(self, name: str, *args: Any, **options: Any) -> Any:
        return self.app.send_task(f"tasks.{name}", args, **options)

    def take(self, name: str, number: int = 1) -> set[str]:
        """Wait for so many items of a list."""
        taken = set()
        for _ in range(number):
            item = self.client.blpop(name, PATIENCE)
            assert item is not None, f"{len(taken)} of {number} {name}:\n{self.log()}"
            taken.add(item[1].decode())
        return taken

    def log(self) -> str:
        return "\n".join(path.read_text() for path in self.folder.glob("*.log"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("celery")
    places = ["--port", "0", "--unixsocket", folder / "socket", "--dir", folder]
    with Peer(program("redis-server"), *places, "--save", "", "--logfile", folder / "redis.log"):
        made = Server(folder)
        with coro.timeout(PATIENCE):
            wait_for(lambda: answers(made.client))
        yield made
        gc.collect()  # results say good-bye to the server
        made.app.close()
        made.app.backend.client.close()
        made.client.close()


def answers(client: Any) -> bool:
    with contextlib.suppress(redis.ConnectionError):
        return bool(client.ping())
    return False


class Worker:
    """A worker that is ready. At the end of the block it has ended."""

    def __init__(self, server: Server, *options: str) -> None:
        self.server = server
        command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-P", "custom", "-c", str(TASKS + 50)]
        command += ["--loglevel", "INFO", "--without-mingle", "--without-gossip", *options]
        self.path = server.folder / f"{time.monotonic_ns()}.log"
        with self.path.open("w") as log:
            self.process = subprocess.Popen(
                command,
                cwd=server.folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "CELERY_CUSTOM_WORKER_POOL": "coro_patch.celery:TaskPool"},
            )
        try:
            server.take("ready")
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self.process:
            self.process.kill()

    def end(self, number: int) -> int:
        """Send a signal, and wait for the end; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def shared(server: Server) -> Iterator[Worker]:
    """The worker of most tests."""
    with Worker(server) as worker:
        yield worker
        assert worker.end(signal.SIGTERM) == 0
    assert "Pool callback raised" not in worker.path.read_text()


@pytest.fixture
def worker(server: Server, shared: Worker) -> Iterator[Server]:
    """Where to send tasks."""
    yield server
    assert server.client.llen("celery") == 0, server.log()
    # A result may be told before the task is acknowledged.
    wait_for(lambda: server.client.hlen("unacked") == 0)


def test_two_hundred_wait_at_once_and_the_worker_answers(worker: Server) -> None:
    results = [worker.send("wait", f"task {number}") for number in range(TASKS)]
    assert worker.take("waiting", TASKS) == {f"task {number}" for number in range(TASKS)}

    inspect = worker.app.control.inspect(timeout=PATIENCE, limit=1)
    [running] = inspect.active().values()
    assert {each["id"] for each in running} == {each.id for each in results}
    [pool] = (each["pool"] for each in inspect.stats().values())
    assert pool["implementation"] == "coro_patch.celery:TaskPool"
    assert pool["coroutines"] == TASKS
    assert list(inspect.ping().values()) == [{"ok": "pong"}]

    def hear(event: dict[str, Any]) -> None:
        assert event["active"] == TASKS
        receiver.should_stop = True

    with worker.app.connection_for_read() as connection:
        receiver = worker.app.events.Receiver(connection, handlers={"worker-heartbeat": hear})
        receiver.capture(limit=None, timeout=PATIENCE, wakeup=False)

    for number in range(TASKS):
        worker.client.rpush(f"task {number}", number)
    assert [each.get(timeout=PATIENCE) for each in results] == [str(number) for number in range(TASKS)]


def test_two_hundred_requests_at_once(worker: Server) -> None:
    """The server answers nobody until all have asked."""
    together = threading.Barrier(TASKS)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            together.wait(PATIENCE)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.path.encode())

        def log_message(self, *args: object) -> None:
            pass

    class Listener(http.server.ThreadingHTTPServer):
        request_queue_size = TASKS
        daemon_threads = False

    with Listener(("127.0.0.1", 0), Handler) as listener:
        serving = threading.Thread(target=listener.serve_forever, args=(0.01,))
        serving.start()
        results = [worker.send("fetch", f"http://127.0.0.1:{listener.server_port}/{each}") for each in range(TASKS)]
        assert [each.get(timeout=PATIENCE) for each in results] == [f"/{each}" for each in range(TASKS)]
        listener.shutdown()
        serving.join()


class TestTimeLimits:
    def test_the_soft_one_is_raised_in_the_task(self, worker: Server) -> None:
        assert worker.send("give_in").get(timeout=PATIENCE) == "gave in"
        from celery.exceptions import SoftTimeLimitExceeded

        with pytest.raises(SoftTimeLimitExceeded):
            worker.send("wait", "for ever", soft_time_limit=0.1).get(timeout=PATIENCE)
        worker.take("waiting")

    def test_the_hard_one_ends_it(self, worker: Server) -> None:
        from celery.exceptions import TimeLimitExceeded

        with pytest.raises(TimeLimitExceeded):
            worker.send("leave", "hard", time_limit=0.1).get(timeout=PATIENCE)
        assert worker.take("left") == {"hard"}
        worker.take("waiting")


def test_a_task_that_is_revoked(worker: Server) -> None:
    from celery.exceptions import TaskRevokedError

    result = worker.send("leave", "revoked")
    worker.take("waiting")
    result.revoke(terminate=True)
    with pytest.raises(TaskRevokedError):
        result.get(timeout=PATIENCE)
    assert worker.take("left") == {"revoked"}


def test_a_retry(worker: Server) -> None:
    assert worker.send("succeed_at_last").get(timeout=PATIENCE) == 2


def test_a_countdown(worker: Server) -> None:
    assert worker.send("add", 1, 2, countdown=0.05).get(timeout=PATIENCE) == 3


def test_a_chord(worker: Server) -> None:
    header = [celery.signature("tasks.add", (number, 1), app=worker.app) for number in range(50)]
    chord = celery.chord(header, app=worker.app)(celery.signature("tasks.add_up", app=worker.app))
    assert chord.get(timeout=PATIENCE) == sum(range(1, 51))


def test_tasks_that_wait_for_tasks(worker: Server) -> None:
    results = [worker.send("ask_others", 5) for _ in range(20)]
    assert [each.get(timeout=PATIENCE) for each in results] == [15] * 20


def test_a_limit_of_how_often(worker: Server) -> None:
    times = sorted(each.get(timeout=PATIENCE) for each in [worker.send("seldom") for _ in range(5)])
    assert times[-1] - times[0] > 3 / 20


def test_the_limit_of_how_many(server: Server) -> None:
    """A task that has to wait for its turn can still be revoked; the pool can be made larger."""
    with Worker(server, "-c", "2", "-Q", "few", "-n", "few@here") as worker:
        results = [server.send("wait", f"task {number}", queue="few") for number in range(6)]
        assert server.take("waiting", 2) == {"task 0", "task 1"}
        control = server.app.control
        inspect = control.inspect(["few@here"], timeout=PATIENCE, limit=1)
        wait_for(lambda: len(inspect.reserved()["few@here"]) == 4)
        control.revoke(results[2].id, reply=True, timeout=PATIENCE, limit=1)
        server.client.rpush("task 0", "go")
        assert server.take("waiting") == {"task 3"}
        control.pool_grow(1, reply=True, timeout=PATIENCE, limit=1)
        assert server.take("waiting") == {"task 4"}
        assert server.client.llen("waiting") == 0
        for number in range(6):
            server.client.rpush(f"task {number}", "go")
        server.take("waiting")
        assert results[5].get(timeout=PATIENCE) == "go"
        assert results[2].state == "REVOKED"
        assert worker.end(signal.SIGTERM) == 0


class TestEnd:
    """What becomes of fifty tasks that run and acknowledge late."""

    NAMES = frozenset(f"task {number}" for number in range(50))

    @pytest.fixture(autouse=True)
    def _forget(self, server: Server) -> None:
        server.client.delete("waiting", "done", "late", "unacked", "unacked_index", *self.NAMES)

    def run(self, server: Server) -> None:
        for name in self.NAMES:
            server.send("wait_and_acknowledge", name, queue="late")
        assert server.take("waiting", len(self.NAMES)) == self.NAMES
        assert server.client.hlen("unacked") == len(self.NAMES)

    def release(self, server: Server) -> None:
        for name in self.NAMES:
            server.client.rpush(name, "go")

    def test_a_warm_shutdown_waits_for_them(self, server: Server) -> None:
        with Worker(server, "-Q", "late", "-n", "late") as worker:
            self.run(server)
            worker.process.terminate()
            wait_for(lambda: "Warm shutdown" in worker.path.read_text())
            assert worker.process.poll() is None
            self.release(server)
            assert worker.process.wait(PATIENCE) == 0
        assert server.take("done", len(self.NAMES)) == self.NAMES
        assert server.client.hlen("unacked") == server.client.llen("late") == 0

    def test_after_a_cold_shutdown_another_worker_does_them(self, server: Server) -> None:
        with Worker(server, "-Q", "late", "-n", "late") as worker:
            self.run(server)
            worker.end(signal.SIGQUIT)
            assert "Traceback" not in worker.path.read_text()
        assert server.client.llen("done") == 0
        assert server.client.hlen("unacked") == 0
        self.check_that_another_does_them(server)

    def test_after_a_kill_another_worker_does_them(self, server: Server) -> None:
        with Worker(server, "-Q", "late", "-n", "late") as worker:
            self.run(server)
            worker.end(signal.SIGKILL)
        assert server.client.hlen("unacked") == len(self.NAMES)
        # What every worker does from time to time: nobody has acknowledged them for too long.
        with server.app.connection_for_write() as connection:
            quality = connection.default_channel.qos
            wait_for(lambda: quality.restore_visible(num=100) or not server.client.hlen("unacked"))
        self.check_that_another_does_them(server)

    def check_that_another_does_them(self, server: Server) -> None:
        assert server.client.llen("late") == len(self.NAMES)
        self.release(server)
        with Worker(server, "-Q", "late", "-n", "late") as worker:
            assert server.take("done", len(self.NAMES)) == self.NAMES
            assert worker.end(signal.SIGTERM) == 0
        assert server.client.hlen("unacked") == server.client.llen("late") == 0
