"""Waiting for child processes: all ways to wait, many who wait, interrupts, wrong uses."""

import errno
import os
import signal
import subprocess
import threading

import pytest

import coro
from coro import _processes
from coro._processes import waitpid
from coro.interface import scheduler


class Child:
    """A process that ends when it is told to, with a status of our choice."""

    def __init__(self, group=None):
        command = ["/bin/sh", "-c", 'read status; exit "$status"']
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, process_group=group)
        self.pid = self.process.pid

    def end(self, status=0):
        self.process.stdin.write(b"%d\n" % status)
        self.process.stdin.flush()

    def forget(self):
        """Whoever tested has asked for the status already; or nobody has."""
        self.process.stdin.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def child(no_leaks):
    made = []

    def start(group=None):
        made.append(Child(group))
        return made[-1]

    yield start
    for each in made:
        each.forget()


def until(condition):
    while not condition():
        coro.yield_slice()


def waiting(pid, options=0):
    """A coroutine that waits for it already."""
    co = coro.spawn(waitpid, pid, options)
    until(lambda: co.waiting)
    return co


def ended(co):
    co.join(60)
    return co.result()


def status_of(told):
    return told[0], os.waitstatus_to_exitcode(told[1])


def end_threads():
    """The real threads are done, and so are the coroutines that gave them work."""
    until(lambda: not _processes._watches and not _processes._threads.running)


@pytest.fixture(params=["pidfd", "no pidfd", "no such call"])
def way(request, monkeypatch, no_leaks):
    """All ways to wait for a child."""

    def refuse(pid, flags=0):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    if request.param == "no pidfd":
        monkeypatch.setattr("coro._processes._pidfd_open", refuse)
    elif request.param == "no such call":
        monkeypatch.setattr("coro._processes._pidfd_open", None)
    yield
    end_threads()


@pytest.mark.usefixtures("way")
class TestOneChild:
    @pytest.mark.parametrize("status", [0, 7, 255])
    def test_the_status(self, child, status):
        one = child()
        co = waiting(one.pid)
        assert not co.dead
        one.end(status)
        assert status_of(ended(co)) == (one.pid, status)

    def test_one_that_a_signal_killed(self, child):
        one = child()
        co = waiting(one.pid)
        os.kill(one.pid, signal.SIGKILL)
        assert status_of(ended(co)) == (one.pid, -signal.SIGKILL)

    def test_one_that_has_ended_already(self, child):
        one = child()
        one.end(3)
        os.waitid(os.P_PID, one.pid, os.WEXITED | os.WNOWAIT)
        assert status_of(waitpid(one.pid)) == (one.pid, 3)

    def test_others_run_meanwhile(self, child):
        one = child()
        log = []
        coro.spawn(lambda: (log.append("runs"), one.end(1)))
        assert status_of(waitpid(one.pid)) == (one.pid, 1)
        assert log == ["runs"]

    def test_a_stray_wake_does_not_end_it(self, child):
        one = child()
        co = waiting(one.pid)
        for _ in range(3):
            co.schedule()
            until(lambda: co.waiting and not co.scheduled)
        one.end(2)
        assert status_of(ended(co)) == (one.pid, 2)

    def test_a_closed_stdin_and_many_at_once(self, child):
        made = [child() for _ in range(20)]
        waiters = [waiting(each.pid) for each in made]
        for number, each in reversed(list(enumerate(made))):
            each.end(number)
        assert [status_of(ended(co)) for co in waiters] == [(each.pid, n) for n, each in enumerate(made)]

    def test_only_once(self, child):
        one = child()
        one.end()
        waitpid(one.pid)
        with pytest.raises(ChildProcessError):
            waitpid(one.pid)

    def test_one_that_somebody_else_asked_about(self, child, quiet):
        one = child()
        co = waiting(one.pid)
        one.end()
        os.waitpid(one.pid, 0)
        co.join(60)
        assert isinstance(co.failure, ChildProcessError)

    def test_in_the_middle_of_virtual_time(self, child, virtual):
        one = child()
        co = waiting(one.pid)
        coro.spawn(lambda: (coro.sleep_relative(3600), one.end(4)))
        co.join()
        assert status_of(co.result()) == (one.pid, 4)


@pytest.mark.usefixtures("way")
class TestManyWaiters:
    def test_all_get_the_status(self, child):
        one = child()
        waiters = [waiting(one.pid) for _ in range(10)]
        one.end(5)
        assert {status_of(ended(co)) for co in waiters} == {(one.pid, 5)}
        assert not _processes._children

    def test_an_interrupt_of_one_is_none_of_the_others(self, child):
        one = child()
        waiters = [waiting(one.pid) for _ in range(4)]
        waiters[0].shutdown()
        waiters[2].raise_exception(coro.Interrupted)
        for co in waiters[::2]:
            co.join()
            assert isinstance(co.failure, coro.Interrupted)
        one.end(6)
        assert {status_of(ended(co)) for co in waiters[1::2]} == {(one.pid, 6)}

    def test_an_interrupt_in_the_same_turn_as_the_end(self, child):
        one = child()
        first, second = waiting(one.pid), waiting(one.pid)
        one.end(8)
        os.waitid(os.P_PID, one.pid, os.WEXITED | os.WNOWAIT)
        first.shutdown()
        assert status_of(ended(second)) == (one.pid, 8)

    def test_one_who_only_looks_tells_them(self, child):
        one = child()
        co = waiting(one.pid)
        assert waitpid(one.pid, os.WNOHANG) == (0, 0)
        one.end(9)
        os.waitid(os.P_PID, one.pid, os.WEXITED | os.WNOWAIT)
        told = waitpid(one.pid, os.WNOHANG)
        assert status_of(told) == (one.pid, 9)
        assert ended(co) == told

    def test_one_who_waits_for_any_tells_them(self, child):
        one = child()
        co = waiting(one.pid)
        one.end(9)
        os.waitid(os.P_PID, one.pid, os.WEXITED | os.WNOWAIT)
        told = waitpid(-1)
        assert status_of(told) == (one.pid, 9)
        assert ended(co) == told

    def test_one_who_waits_for_any_at_the_same_time(self, child, quiet):
        one = child()
        co, any_child = waiting(one.pid), waiting(-1)
        one.end(9)
        assert status_of(ended(co)) == (one.pid, 9)
        any_child.join(60)  # it was first, or there is no child left
        assert isinstance(any_child.failure, ChildProcessError | None)

    def test_in_several_os_threads(self, child):
        one = child()
        results = []
        ready = threading.Barrier(5)

        def other():
            made = [coro.spawn(waitpid, one.pid) for _ in range(3)]
            until(lambda: all(co.waiting for co in made))
            ready.wait(60)
            results.extend(ended(co) for co in made)

        threads = [threading.Thread(target=other) for _ in range(4)]
        for thread in threads:
            thread.start()
        ready.wait(60)
        one.end(11)
        for thread in threads:
            thread.join(60)
        assert len(results) == 12
        assert {status_of(told) for told in results} == {(one.pid, 11)}

    def test_the_end_of_the_os_thread_that_waited_first(self, child):
        one = child()

        def other():
            waiting(one.pid)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        co = waiting(one.pid)
        one.end(12)
        assert status_of(ended(co)) == (one.pid, 12)


@pytest.mark.usefixtures("way")
class TestInterrupts:
    def test_a_time_limit(self, child):
        one = child()
        with pytest.raises(coro.TimeoutError), coro.timeout(0.001):
            waitpid(one.pid)
        one.end(1)
        assert status_of(waitpid(one.pid)) == (one.pid, 1)

    def test_many_time_limits_leave_one_thread_at_most(self, child):
        one = child()
        for _ in range(20):
            with pytest.raises(coro.TimeoutError):
                coro.with_timeout(0.0001, waitpid, one.pid)
        assert _processes._threads.running <= 1
        one.end()
        waitpid(one.pid)

    @pytest.mark.parametrize("error", [coro.Shutdown, coro.WakeUp, OSError, TimeoutError])
    def test_an_exception(self, child, quiet, error):
        one = child()
        co = waiting(one.pid)
        co.raise_exception(error)
        co.join()
        assert type(co.failure) is error
        assert not _processes._children
        one.end()
        assert waitpid(one.pid)[0] == one.pid


class TestGroups:
    def test_any_child(self, child):
        made = [child() for _ in range(3)]
        co = waiting(-1)
        made[1].end(1)
        assert status_of(ended(co)) == (made[1].pid, 1)
        made[0].end(2)
        assert status_of(waitpid(-1)) == (made[0].pid, 2)
        made[2].end(3)
        assert status_of(waitpid(-1)) == (made[2].pid, 3)
        with pytest.raises(ChildProcessError):
            waitpid(-1)
        end_threads()

    def test_any_child_for_several(self, child):
        made = [child() for _ in range(5)]
        waiters = [waiting(-1) for _ in made]
        for each in made:
            each.end(1)
        assert sorted(ended(co)[0] for co in waiters) == sorted(each.pid for each in made)
        end_threads()

    def test_a_process_group(self, child):
        leader = child(group=0)
        member, stranger = child(group=leader.pid), child()
        stranger.end(1)
        co = waiting(-leader.pid)
        os.waitid(os.P_PID, stranger.pid, os.WEXITED | os.WNOWAIT)
        assert not co.dead
        member.end(2)
        assert status_of(ended(co)) == (member.pid, 2)
        co = waiting(-leader.pid)
        leader.end(3)
        assert status_of(ended(co)) == (leader.pid, 3)
        with pytest.raises(ChildProcessError):
            waitpid(-leader.pid)
        assert waitpid(stranger.pid)[0] == stranger.pid
        end_threads()

    def test_the_callers_group(self, child):
        own, other = child(), child(group=0)
        other.end(1)
        co = waiting(0)
        own.end(2)
        assert status_of(ended(co)) == (own.pid, 2)
        with pytest.raises(ChildProcessError):
            waitpid(0)
        end_threads()
        assert waitpid(other.pid)[0] == other.pid


class TestOptions:
    def test_a_stop_and_a_continuation(self, child):
        one = child()
        patient = waiting(one.pid)  # is told of the end alone
        co = waiting(one.pid, os.WUNTRACED)
        os.kill(one.pid, signal.SIGSTOP)
        pid, status = ended(co)
        assert (pid, os.WIFSTOPPED(status), os.WSTOPSIG(status)) == (one.pid, True, signal.SIGSTOP)
        co = waiting(one.pid, os.WCONTINUED)
        os.kill(one.pid, signal.SIGCONT)
        pid, status = ended(co)
        assert (pid, os.WIFCONTINUED(status)) == (one.pid, True)
        assert not patient.dead
        one.end(1)
        assert status_of(ended(patient)) == (one.pid, 1)
        end_threads()

    def test_not_waiting(self, child):
        one = child()
        before = scheduler().handovers
        assert waitpid(one.pid, os.WNOHANG) == (0, 0)
        assert waitpid(-1, os.WNOHANG) == (0, 0)
        assert scheduler().handovers == before
        one.end()
        assert waitpid(one.pid)[0] == one.pid
        with pytest.raises(ChildProcessError):
            waitpid(-1, os.WNOHANG)


class TestWrongUses:
    @pytest.mark.parametrize("options", [0, os.WNOHANG])
    @pytest.mark.parametrize("pid", [os.getppid(), os.getpid(), -1, 0, -(2**22) - 1])
    def test_no_child(self, pid, options):
        before = scheduler().handovers
        with pytest.raises(ChildProcessError):
            waitpid(pid, options)
        assert scheduler().handovers == before

    @pytest.mark.parametrize("wrong", ["1", 1.0, None, [], b"1"])
    def test_types(self, wrong):
        with pytest.raises(TypeError, match="pid must be an int"):
            waitpid(wrong)
        with pytest.raises(TypeError, match="options must be an int"):
            waitpid(1, wrong)

    def test_what_counts_as_an_int(self, child):
        class Index:
            def __init__(self, value):
                self.value = value

            def __index__(self):
                return self.value

        one = child()
        one.end()
        assert waitpid(Index(one.pid), Index(0))[0] == one.pid

    @pytest.mark.parametrize("wrong", [2**100, -(2**100)])
    def test_numbers_that_are_too_large(self, wrong):
        with pytest.raises(OverflowError):
            waitpid(wrong)
        with pytest.raises(OverflowError):
            waitpid(1, wrong)

    def test_options_that_the_system_does_not_know(self, child):
        one = child()
        with pytest.raises(OSError, match="Invalid argument"):
            waitpid(one.pid, 0x100)
        one.end()
        waitpid(one.pid)

    def test_in_a_handler_that_interrupted_a_wait(self, start):
        program = start("""
            import os, signal, subprocess, coro
            from coro._processes import waitpid

            def handler(*_):
                try:
                    waitpid(child.pid)
                except RuntimeError as error:
                    print("cannot wait" in str(error))
                main.schedule("up")

            main = coro.current()
            child = subprocess.Popen(["/bin/sh", "-c", "read status"], stdin=subprocess.PIPE)
            signal.signal(signal.SIGUSR1, handler)
            descriptors = os.listdir("/proc/self/fd")
            coro.spawn(print, "ready", flush=True)
            assert coro.sleep_relative(3600) == "up"
            assert os.listdir("/proc/self/fd") == descriptors
            child.communicate()
        """)
        program.wait_for("ready")
        program.wait_until_asleep()
        program.signal(signal.SIGUSR1)
        assert program.end() == (0, "True\n", "")


class TestWithoutDescriptors:
    def test_it_waits_all_the_same(self, run):
        """pidfd_open fails with EMFILE. (The scheduler has what it needs.)"""
        run("""
            import os, resource, subprocess, coro
            from coro._processes import waitpid
            child = subprocess.Popen(["/bin/sh", "-c", "read status; exit 3"], stdin=subprocess.PIPE)
            coro.current()
            used = max(map(int, os.listdir("/proc/self/fd")))
            resource.setrlimit(resource.RLIMIT_NOFILE, (used, used))
            filled = []
            try:
                while True:
                    filled.append(os.dup(0))
            except OSError:
                pass
            co = coro.spawn(waitpid, child.pid)
            while co.waiting is None:
                coro.yield_slice()
            child.stdin.close()
            co.join()
            assert os.waitstatus_to_exitcode(co.result()[1]) == 3
            child.returncode = 3
        """)

    def test_dead_ends_are_not_told_while_a_child_lives(self, child, way):
        one = child()
        coro.spawn(lambda: (coro.sleep_relative(0.001), one.end()))
        assert waitpid(one.pid)[0] == one.pid


def test_a_program_may_end_while_a_thread_waits(run):
    out = run("""
        import os, coro
        from coro._processes import waitpid
        reader, writer = os.pipe()
        files = [(os.POSIX_SPAWN_DUP2, reader, 0)]
        child = os.posix_spawn("/bin/sh", ["/bin/sh", "-c", "read until_the_end"], {}, file_actions=files)
        try:
            coro.with_timeout(0.001, waitpid, -1)
        except coro.TimeoutError:
            print("timed out")
    """)
    assert out == "timed out\n"


class TestFork:
    def test_it_is_os_fork(self, run):
        out = run("""
            import sys, coro
            from coro._processes import fork, waitpid
            sleeper = coro.spawn(coro.sleep_relative, 0.001)
            coro.yield_slice()
            child = fork()
            if not child:
                assert set(coro.all_threads) == {coro.current().id}
                assert coro.spawn(lambda: 5).join() is None
                sys.exit(5)
            pid, status = waitpid(child)
            assert pid == child
            sleeper.join()
            print(status >> 8)
        """)
        assert out == "5\n"

    def test_a_child_does_not_wait_for_its_brothers(self, run):
        """What the parent knows of its children is not the child's."""
        run("""
            import os, subprocess, warnings, coro
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
            from coro import _processes
            from coro._processes import fork, waitpid
            brother = subprocess.Popen(["/bin/sh", "-c", "read status"], stdin=subprocess.PIPE)
            def wait_for_any():
                try:
                    waitpid(-1)
                except ChildProcessError:
                    pass  # others were faster
            waiters = [coro.spawn(waitpid, brother.pid), coro.spawn(wait_for_any)]
            while not all(co.waiting for co in waiters):
                coro.yield_slice()
            child = fork()
            if not child:
                assert not _processes._children
                for pid in (brother.pid, -1):
                    try:
                        waitpid(pid)
                    except ChildProcessError:
                        continue
                    os._exit(1)
                grandchild = fork()
                if not grandchild:
                    os._exit(6)
                assert waitpid(-1) == (grandchild, 6 << 8)
                os._exit(0)
            assert os.waitstatus_to_exitcode(waitpid(child)[1]) == 0
            brother.stdin.close()
            for co in waiters:
                co.join()
            assert brother.poll() is not None
        """)

    def test_in_the_parent_nothing_switches(self, run):
        run("""
            import os, coro
            from coro._processes import fork, waitpid
            from coro.interface import scheduler
            other = coro.spawn(list)
            before = scheduler().handovers
            child = fork()
            if not child:
                os._exit(0)
            assert scheduler().handovers == before and not other.started
            waitpid(child)
        """)
