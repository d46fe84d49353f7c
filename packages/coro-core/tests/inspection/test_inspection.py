"""Looking into this process: who may, what is told, and what it costs.

The side that looks is a real client in a real thread or process of its own; the side that is
looked at is this process, whose coroutines take turns meanwhile.
"""

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import coro
from coro._inspection import (
    _address,
    _client,
    _columns,
    _server,
    _statistics,
    served,
    start_inspection,
    stop_inspection,
)
from coro.interface import RealThreads, scheduler

THREADS = RealThreads(8)


@pytest.fixture(autouse=True)
def runtime(no_leaks, tmp_path, monkeypatch):
    """The folder for the user's sockets, of this test alone."""
    folder = tmp_path / "runtime"
    folder.mkdir(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setattr(_address, "FALLBACK", str(tmp_path))
    monkeypatch.delenv("CORO_INSPECT", raising=False)
    return folder


@pytest.fixture
def path(runtime):
    """The socket of this process, while it serves."""
    yield start_inspection()
    stop_inspection()
    assert _server._server is None
    for _ in range(3):
        coro.yield_slice()
    assert _statistics.watchers() == 0


def aside(function, *args):
    """Call a blocking function in a real thread, while the coroutines go on."""
    return THREADS.call("asker", function, *args)


def ask(*wants, **fields):
    """One connection, several requests; the last answer."""

    def talk():
        with _client.Connection(os.getpid(), 20) as connection:
            for want in wants:
                answer = connection.ask(want, **(fields if want in ("snapshot", "stacks") else {}))
            return answer

    return aside(talk)


def row_of(co, rows):
    found = [row for row in rows if row["id"] == co.id]
    assert len(found) == 1
    return found[0]


def raw(path, data):
    """What comes back for some bytes, to the end."""

    def talk():
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as lines:
                return [json.loads(line) for line in lines]

    return aside(talk)


class TestWhatIsTold:
    def test_of_the_process(self, path):
        process, rows = ask("process")
        assert rows == []
        assert process["pid"] == os.getpid()
        assert process["python"] == ".".join(map(str, sys.version_info[:3]))
        assert process["coro"].startswith("coro-core ")
        assert process["command"] == sys.orig_argv
        assert process["uptime"] > 0
        assert process["coroutines"] == 3  # main, that which accepts, and that which answers
        (main,) = process["schedulers"]
        assert main["thread"] == "main"
        assert main["poller"] == scheduler().poller_name

    def test_states(self, path, parked):
        waits = parked("for rain")
        joins = coro.spawn(waits.join)
        ready = coro.spawn(list)
        _, rows = ask("snapshot")
        assert row_of(waits, rows)["state"] == "waiting"
        assert row_of(waits, rows)["wait"] == "for rain"
        assert row_of(waits, rows)["for"] >= 0
        assert row_of(joins, rows)["wait"] == f"join: coro {waits.id} 'parked'"
        assert row_of(joins, rows)["holders"] == [waits.id]
        assert ready.id not in [row["id"] for row in rows]  # it has ended by now
        assert [row["state"] for row in rows].count("running") == 1  # that which answers
        joins.shutdown()
        joins.join()

    def test_descriptors_in_words(self, path, pipe):
        listener = socket.create_server(("127.0.0.1", 0))
        peer = socket.create_connection(listener.getsockname())
        mine, _ = listener.accept()
        first, second = socket.socketpair()
        made = {
            fd: coro.spawn(scheduler().wait_for_descriptor, fd, 1)
            for fd in (listener.fileno(), mine.fileno(), first.fileno(), pipe[0])
        }
        _, rows = ask("snapshot")
        here, there = ("{}:{}".format(*name) for name in (mine.getsockname(), mine.getpeername()))
        told = {fd: row_of(co, rows)["wait"].partition("(")[2].rstrip(")") for fd, co in made.items()}
        assert told == {
            listener.fileno(): f"tcp listening {here}",
            mine.fileno(): f"tcp {here} -> {there}",
            first.fileno(): "unix",
            pipe[0]: "pipe",
        }
        for co in made.values():
            co.shutdown()
            co.join()
        for each in (listener, peer, mine, first, second):
            scheduler().forget_descriptor(each.fileno())
            each.close()

    def test_run_times_and_switches_of_the_interval(self, path, parked):
        idle = parked()
        go_on = True

        def work():
            while go_on:
                sum(range(20_000))
                coro.sleep_relative(0)

        busy = coro.spawn(work)
        with aside(_client.Connection, os.getpid()) as connection:
            aside(connection.ask, "watch")
            for _ in range(2):
                enough = busy.switches + 10
                while busy.switches < enough:
                    coro.yield_slice()
                process, rows = aside(connection.ask, "snapshot")
        go_on = False
        busy.join()
        assert process["interval"] > 0
        assert row_of(idle, rows)["run"] == 0
        assert row_of(busy, rows)["run"] > 0
        assert row_of(busy, rows)["run_total"] > row_of(busy, rows)["run"]
        assert row_of(busy, rows)["run"] <= process["interval"] * 1.5
        assert 0 < row_of(busy, rows)["switches_in_interval"] < row_of(busy, rows)["switches"]
        assert row_of(busy, rows)["longest"] >= row_of(busy, rows)["delay"]
        assert process["schedulers"][0]["handovers_per_second"] > 0

    def test_without_watching_there_are_no_run_times(self, path):
        process, rows = ask("snapshot")
        assert process["interval"] is None
        assert "run" not in rows[0]
        assert _statistics.watchers() == 0

    def test_stacks(self, path):
        def inner():
            scheduler().wait()

        def outer():
            inner()

        co = coro.spawn(outer)
        _, rows = ask("stacks")
        stack = row_of(co, rows)["stack"]
        assert [function.rpartition(".")[2] for _, _, function in stack] == ["outer", "inner"]
        assert stack[1][:2] == [__file__, inner.__code__.co_firstlineno + 1]
        co.shutdown()
        co.join()

    def test_of_a_deep_stack_the_innermost_frames(self, path):
        def deep(n):
            return deep(n - 1) if n else scheduler().wait()

        co = coro.spawn(deep, 300)
        _, rows = ask("stacks")
        assert len(row_of(co, rows)["stack"]) == 200
        assert row_of(co, rows)["frames_left_out"] == 101
        co.shutdown()
        co.join()

    def test_coroutines_of_other_threads(self, path):
        made = []

        def other():
            made.append(coro.spawn(lambda: scheduler().wait("elsewhere"), thread_name="theirs"))
            made[0].join()

        helper = coro.spawn(aside, other)
        while not made or made[0].waiting is None:
            coro.yield_slice()
        process, rows = ask("stacks")
        assert row_of(made[0], rows)["thread"] == row_of(made[0].scheduler.main, rows)["thread"] != "main"
        assert len(process["schedulers"]) == 2
        assert row_of(made[0], rows)["stack"]
        made[0].schedule()
        helper.join()
        made.clear()

    def test_names_and_reprs_that_raise(self, path):
        class Odd(coro.coro):
            def get_name(self):
                raise ValueError("no name")

        odd = Odd(lambda: scheduler().wait())
        odd.start()
        joins = coro.spawn(odd.join)
        surrogate = coro.spawn(scheduler().wait, thread_name="\udc80\x1b[2J")
        _, rows = ask("stacks")
        assert "ValueError" in row_of(odd, rows)["name"]
        assert "ValueError" in row_of(joins, rows)["wait"]
        assert row_of(surrogate, rows)["name"] == "??[2J"
        for co in (joins, odd, surrogate):
            co.shutdown()
            coro.yield_slice()

    @pytest.mark.parametrize("sort", list(_columns.SORTS))
    def test_the_first_by_a_column(self, path, parked, sort):
        for number in range(30):
            parked(f"reason {29 - number:02}")
        key = _columns.order(sort)
        _, rows = ask("watch", "snapshot", sort=sort, limit=7)
        assert len(rows) == 7
        if sort in ("id", "name", "thread", "state", "wait"):  # these stand still
            _, everything = ask("watch", "snapshot")
            parked_ones = [row["id"] for row in sorted(everything, key=key) if row["name"] == "parked"]
            chosen = [row["id"] for row in sorted(rows, key=key) if row["name"] == "parked"]
            assert chosen == parked_ones[: len(chosen)]

    def test_of_10_000_coroutines(self, path):
        made = [coro.spawn(scheduler().wait) for _ in range(10_000)]
        turns = 0
        go_on = True

        def count_turns():
            nonlocal turns
            while go_on:
                turns += 1
                coro.sleep_relative(0)  # a timer, at which nobody looks who only yields

        counter = coro.spawn(count_turns)
        coro.yield_slice()
        before = turns
        process, rows = ask("stacks")
        assert process["coroutines"] >= 10_000
        assert {co.id for co in made} <= {row["id"] for row in rows}
        assert turns > before + 10
        _, rows = ask("watch", "snapshot", sort="run", limit=20)
        assert len(rows) == 20
        go_on = False
        counter.join()
        for co in made:
            co.shutdown()
        for co in made:
            co.join()


class TestRequests:
    def test_several_in_one_packet(self, path):
        answer = raw(path, b'{"want":"process"}\n' * 3)
        assert [sorted(line) for line in answer] == [["process", "version"], ["end"]] * 3

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"\n", "JSON"),
            (b"nonsense\n", "JSON"),
            (b"[" * 4000 + b"\n", "JSON"),
            (b"\xff\n", "JSON"),
            (b"[]\n", "wanted"),
            (b'{"want": "stack"}\n', "wanted"),
            (b'{"want": ["stacks"]}\n', "wanted"),
            (b'{"want": "snapshot", "sort": "x"}\n', "sort"),
            (b'{"want": "snapshot", "sort": []}\n', "sort"),
            (b'{"want": "snapshot", "limit": 0}\n', "limit"),
            (b'{"want": "snapshot", "limit": "1"}\n', "limit"),
            (b"x" * 5000, "4096"),
        ],
    )
    def test_wrong_ones_are_told_so(self, path, data, words):
        (answer,) = raw(path, data)
        assert sorted(answer) == ["error", "version"]
        assert words in answer["error"]

    def test_an_incomplete_one_is_no_request(self, path):
        assert raw(path, b'{"want":"process"}') == []


class TestAskers:
    def test_one_that_goes_away_in_the_middle(self, path):
        made = [coro.spawn(scheduler().wait) for _ in range(2000)]

        def talk():
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(path)
                connection.sendall(b'{"want":"watch"}\n{"want":"stacks"}\n')
                connection.recv(10)

        aside(talk)
        while _server._server.askers:
            coro.yield_slice()
        assert _statistics.watchers() == 0
        for co in made:
            co.shutdown()
            coro.yield_slice()
        ask("process")

    def test_one_that_does_not_read_is_cut_off(self, path, monkeypatch):
        monkeypatch.setattr(_server, "PATIENCE", 0.05)
        made = [coro.spawn(scheduler().wait) for _ in range(5000)]
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            connection.sendall(b'{"want":"stacks"}\n')
            while not _server._server.askers:
                coro.yield_slice()
            while _server._server.askers:
                coro.sleep_relative(0.01)
        for co in made:
            co.shutdown()
            coro.yield_slice()

    def test_two_that_watch(self, path):
        with _both() as (first, second):
            aside(first.ask, "watch")
            aside(second.ask, "watch")
            assert _statistics.watchers() == 2
            for each in (first, second, first):
                process, rows = aside(each.ask, "snapshot")
                assert process["interval"] > 0
                assert row_of(coro.current(), rows)["run"] >= 0
        while _server._server.askers:
            coro.yield_slice()
        assert _statistics.watchers() == 0

    def test_no_more_than_a_few(self, path):
        with contextlib.ExitStack() as stack:
            for _ in range(_server.ASKERS):
                connection = stack.enter_context(aside(_client.Connection, os.getpid()))
                aside(connection.ask, "process")
            with pytest.raises(_client.NoAnswerError, match="too many"):
                ask("process")

    def test_one_that_has_asked_nothing_for_long_gives_way(self, path, monkeypatch):
        with contextlib.ExitStack() as stack:
            made = []
            for _ in range(_server.ASKERS):
                made.append(stack.enter_context(aside(_client.Connection, os.getpid())))
                aside(made[-1].ask, "process")
            monkeypatch.setattr(_server, "IDLE", 0)
            ask("process")
            with pytest.raises(_client.NoAnswerError, match="no more"):
                aside(made[0].ask, "process")
            aside(made[1].ask, "process")


@contextlib.contextmanager
def _both():
    with aside(_client.Connection, os.getpid()) as first, aside(_client.Connection, os.getpid()) as second:
        yield first, second


class TestWhoMay:
    def test_the_folder_and_the_socket_are_private(self, path, runtime):
        assert path == str(runtime / "coro" / str(os.getpid()))
        assert stat.S_IMODE(os.lstat(runtime / "coro").st_mode) == 0o700
        found = os.lstat(path)
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert os.listdir(runtime / "coro") == [str(os.getpid())]

    @pytest.mark.parametrize("mode", [0o770, 0o707, 0o755])
    def test_a_folder_open_to_others_is_refused(self, runtime, tmp_path, mode):
        (runtime / "coro").mkdir()
        (runtime / "coro").chmod(mode)
        with served():
            assert _server._server.path == str(tmp_path / f"coro-{os.geteuid()}" / str(os.getpid()))
        (tmp_path / f"coro-{os.geteuid()}").chmod(mode)
        with pytest.raises(PermissionError, match="open to others"):
            start_inspection()
        with served():
            assert _server._server is None
            assert isinstance(_server.failure, PermissionError)
        assert list((runtime / "coro").iterdir()) == []

    def test_a_link_is_not_followed(self, runtime, tmp_path):
        (tmp_path / "elsewhere").mkdir(0o700)
        (runtime / "coro").symlink_to(tmp_path / "elsewhere")
        (tmp_path / f"coro-{os.geteuid()}").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(NotADirectoryError):
            start_inspection()
        assert list((tmp_path / "elsewhere").iterdir()) == []

    def test_a_runtime_folder_that_others_can_write_is_passed_over(self, runtime, tmp_path):
        runtime.chmod(0o777)
        with served():
            assert _server._server.path.startswith(str(tmp_path / "coro-"))

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
    def test_another_user_is_told_nothing(self, path, runtime, tmp_path):
        for folder in [runtime, runtime / "coro", *tmp_path.parents, tmp_path]:
            if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
                folder.chmod(folder.stat().st_mode | 0o055)
        os.chmod(path, 0o666)
        program = f"""
import os, socket
os.setgid(65534); os.setuid(65534)
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect({path!r})
    try:
        connection.sendall(b'{{"want":"process"}}\\n')
        print(connection.recv(100))
    except (BrokenPipeError, ConnectionResetError):
        print(b"")
"""
        command = [sys.executable, "-c", program]
        assert aside(lambda: subprocess.run(command, capture_output=True, text=True, check=True).stdout) == "b''\n"
        ask("process")


class TestTheSocket:
    def test_is_there_while_it_serves(self, runtime):
        with served():
            assert os.listdir(runtime / "coro") == [str(os.getpid())]
            ask("process")
        assert os.listdir(runtime / "coro") == []

    def test_takes_the_place_of_one_that_was_left(self, runtime):
        (runtime / "coro").mkdir(0o700)
        for name in (str(os.getpid()), f"{os.getpid()}.unborn"):
            with socket.socket(socket.AF_UNIX) as left:
                left.bind(str(runtime / "coro" / name))
        with served():
            ask("process")
        assert os.listdir(runtime / "coro") == []

    def test_is_not_removed_if_it_is_anothers(self, path):
        os.rename(path, path + ".away")
        Path(path).touch()
        stop_inspection()
        assert Path(path).exists()

    def test_of_a_dead_process_is_removed_by_who_looks(self, runtime):
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        (runtime / "coro").mkdir(0o700)
        left = runtime / "coro" / str(dead.pid)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(left))
        (runtime / "coro" / "unrelated").touch()
        assert _client.processes_that_serve() == []
        assert [each.name for each in (runtime / "coro").iterdir()] == ["unrelated"]

    def test_can_be_switched_off(self, runtime, monkeypatch):
        monkeypatch.setenv("CORO_INSPECT", "0")
        with served():
            assert _server._server is None
        assert not (runtime / "coro").exists()

    def test_is_for_the_main_thread(self, runtime, in_thread):
        def scenario():
            with served():
                assert _server._server is None

        in_thread(scenario)

    def test_a_loop_leaves_one_that_was_started_before(self, path):
        with served():
            pass
        ask("process")
        assert start_inspection() == path

    def test_of_a_thread_that_ends(self, runtime, in_thread):
        in_thread(lambda: (start_inspection(), coro.yield_slice()))
        assert _server._server is None
        assert os.listdir(runtime / "coro") == []

    def test_shutting_its_coroutine_down_ends_it(self, path):
        co = _server._server.coroutine
        coro.yield_slice()
        co.shutdown()
        co.join()
        assert _server._server is None

    def test_stops_while_somebody_is_answered(self, runtime):
        start_inspection()
        with aside(_client.Connection, os.getpid()) as connection:
            aside(connection.ask, "watch")
            stop_inspection()
            with pytest.raises(_client.NoAnswerError, match="no more"):
                aside(connection.ask, "snapshot")
        assert _statistics.watchers() == 0

    def test_paths_that_are_too_long(self, runtime, tmp_path, monkeypatch):
        deep = runtime / ("x" * 100)
        deep.mkdir(0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
        with served():
            assert str(tmp_path / "coro-") in (_server._server.path if _server._server else str(_server.failure))


class TestFork:
    def test_the_child_leaves_the_parents_socket_alone(self, start, runtime):
        program = start(
            """
            import os, sys, coro
            from coro._inspection import _server, start_inspection
            path = start_inspection()
            coro.yield_slice()
            child = os.fork()
            if not child:
                assert _server._server is None
                assert len(coro.all_threads) == 1
                if sys.argv[1] == "too":
                    own = start_inspection()
                    assert own != path and os.path.exists(own)
                sys.exit(5)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
            assert os.path.exists(path)
            print(os.listdir(os.path.dirname(path)) == [str(os.getpid())])
            """,
            "too",
        )
        assert program.end() == (0, "True\n", "")
        assert os.listdir(runtime / "coro") == []

    def test_the_child_does_not_take_the_parents_place(self, start, runtime):
        program = start("""
            import os, coro
            from coro._inspection import start_inspection
            start_inspection()
            reader, writer = os.pipe()
            child = os.fork()
            if not child:
                os.write(writer, b"x")
                os.read(0, 1)
                os._exit(0)
            os.read(reader, 1)
            print(os.getpid(), flush=True)
            os.kill(os.getpid(), 9)
        """)
        pid = int(program.process.stdout.readline())
        program.process.wait()
        with socket.socket(socket.AF_UNIX) as connection, pytest.raises(ConnectionRefusedError):
            connection.connect(str(runtime / "coro" / str(pid)))
        program.process.stdin.close()
        program.process.stdin = None


class TestDaemons:
    def test_a_dead_end_is_told_while_it_serves(self, path):
        with pytest.raises(coro.DeadlockError) as info:
            scheduler().wait("for nothing")
        assert "inspection" not in str(info.value)

    def test_a_dead_end_is_told_while_somebody_watches(self, start):
        program = start("""
            import coro, sys
            from coro._inspection import served
            coro.set_print_exit_string(False)
            with served():
                print("serves", flush=True)
                sys.stdin.readline()
                co = coro.spawn(coro.sleep_relative, 3600)
                coro.spawn(lambda: (coro.sleep_relative(0.3), co.shutdown()))
                try:
                    coro.event_loop()
                except coro.DeadlockError:
                    print("dead end", flush=True)
        """)
        program.wait_for("serves")
        program.process.stdin.write("\n")
        program.process.stdin.flush()
        with _client.Connection(program.process.pid) as connection:
            connection.ask("watch")
            assert program.process.stdout.readline() == "dead end\n"
        assert program.end() == (0, "", "")


class TestMessages:
    def test_no_such_process(self):
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        with pytest.raises(_client.NoAnswerError, match=f"no process {dead.pid}"):
            _client.Connection(dead.pid)

    @pytest.mark.parametrize(
        ("source", "words", "environment"),
        [
            ("import sys", "does not use coro", {}),
            ("import sys, coro", "not in event_loop", {}),
            ("import sys, coro", "CORO_INSPECT=0", {"CORO_INSPECT": "0"}),
        ],
    )
    def test_no_socket(self, start, source, words, environment):
        program = start(f"{source}\nprint('up', flush=True)\nsys.stdin.read()", **environment)
        program.wait_for("up")
        with pytest.raises(_client.NoAnswerError, match=words):
            _client.Connection(program.process.pid)
        program.end()

    def test_another_program_since(self, start):
        program = start("""
            import os, sys
            from coro._inspection import start_inspection
            start_inspection()
            os.execv(sys.executable, [sys.executable, "-c", "print('up', flush=True); input()"])
        """)
        program.wait_for("up")
        with pytest.raises(_client.NoAnswerError, match="another program"):
            _client.Connection(program.process.pid)
        program.process.stdin.write("\n")
        program.end()

    def test_stuck(self, start):
        program = start("""
            import sys
            from coro._inspection import start_inspection
            start_inspection()
            print("up", flush=True)
            sys.stdin.read()
        """)
        program.wait_for("up")
        with (
            _client.Connection(program.process.pid, 0.1) as connection,
            pytest.raises(_client.NoAnswerError, match=r"within 0\.1 seconds: it is stopped, or stuck"),
        ):
            connection.ask("process")
        program.end()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
    def test_of_another_user(self):
        program = f"""
import os
from coro._inspection import _client
os.setgid(65534); os.setuid(65534)
try:
    _client.Connection({os.getpid()})
except _client.NoAnswerError as error:
    print(error)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert f"process {os.getpid()} belongs to another user (root)" in done.stdout

    def test_another_version(self, path, monkeypatch):
        monkeypatch.setattr(_client, "VERSION", 2)
        with pytest.raises(_client.NoAnswerError, match="version 1"):
            ask("process")

    def test_a_process_that_ends(self, start):
        program = start("""
            import sys, coro, os
            from coro._inspection import start_inspection
            start_inspection()
            coro.sleep_relative(60)
        """)
        while True:
            with contextlib.suppress(_client.NoAnswerError):
                connection = _client.Connection(program.process.pid)
                break
        with connection:
            connection.ask("watch")
            program.signal(signal.SIGKILL)
            program.process.wait()
            with pytest.raises(_client.NoAnswerError, match="has ended"):
                connection.ask("snapshot")


def test_an_answer_is_made_harmless_for_a_terminal() -> None:
    hostile = {"error": "\x1b]0;owned\x07", "version": ["\x1b[2J", 1, None, {"a\rb": 1.5}]}
    assert _client.harmless(hostile) == {"error": "?]0;owned?", "version": ["?[2J", 1, None, {"a?b": 1.5}]}


def test_a_program_that_has_left_its_modules_runs() -> None:
    program = """
        import os, sys, coro
        coro.spawn(coro.set_exit, 3)
        sys.modules["coro._inspection._server"] = None  # as if it could not be found
        coro.event_loop()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (3, "Exiting\n")


def test_one_who_asks_and_asks_leaves_the_others_their_turns() -> None:
    path = start_inspection()
    try:
        with socket.socket(socket.AF_UNIX) as asker:
            asker.connect(path)
            asker.sendall(b'{"want":"process"}\n' * 100)
            turns = 0
            asker.setblocking(False)
            answers = b""
            while answers.count(b'"end"') < 100:
                coro.yield_slice()
                turns += 1
                with contextlib.suppress(BlockingIOError):
                    answers += asker.recv(1 << 16)
            assert turns >= 100
    finally:
        stop_inspection()
