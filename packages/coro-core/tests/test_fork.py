"""fork(): the child has the caller alone; the parent loses nothing.

In processes of their own: the one that runs the tests is not to be forked.
"""

import signal

import pytest

COMMON = """
import os, sys, coro
from coro.interface import scheduler

def wait_for(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


@pytest.fixture
def run_forking(run):
    return lambda source: run(COMMON + source)


class TestInMain:
    def test_others_live_in_the_parent_only(self, run_forking):
        out = run_forking("""
log = []
def body():
    try:
        coro.sleep_relative(3600)
        print("woken", flush=True)
    finally:
        print("left", flush=True)
made = [coro.spawn(body) for _ in range(3)]
queued = coro.spawn(print, "queued", flush=True)
made.append(coro.spawn(lambda: scheduler().wait()))
for _ in range(2):
    coro.yield_slice()
child = os.fork()
if not child:
    assert set(coro.all_threads) == {coro.current().id}, coro.all_threads
    assert scheduler().counts() == dict.fromkeys(scheduler().counts(), 0)
    assert all(co.dead for co in made)
    for co in made:
        assert isinstance(co.failure, coro.DeadCoroutine), co.failure
        co.join()
        try:
            co.schedule()
        except coro.DeadCoroutine:
            pass
    coro.sleep_relative(0.002)
    co = coro.spawn(lambda: 5)
    co.join()
    assert co.result() == 5
    sys.exit(3)
assert wait_for(child) == 3
for co in made:
    co.schedule()
for co in made:
    co.join()
assert queued.dead
""")
        assert out == "queued\n" + "woken\nleft\n" * 3

    def test_inside_a_time_limit(self, run_forking):
        run_forking("""
with coro.timeout(0.01):
    child = os.fork()
    try:
        coro.sleep_relative(60)
    except coro.Interrupted:
        pass
    else:
        sys.exit("not interrupted")
    coro.sleep_relative(0.03)   # it strikes once
if child:
    assert wait_for(child) == 0
""")

    def test_while_a_time_limit_strikes(self, run_forking):
        run_forking("""
child = None
try:
    with coro.timeout(0.001):
        try:
            coro.sleep_relative(60)
        finally:
            child = os.fork()
            coro.sleep_relative(0.01)  # it has struck already
except coro.TimeoutError:
    pass
if child:
    assert wait_for(child) == 0
""")

    def test_descriptors_are_watched_afresh(self, run_forking):
        run_forking("""
reader, writer = os.pipe()
other_reader, other_writer = os.pipe()
assert scheduler().wait_for_descriptor(reader, 1, 0) == 0
waiting = coro.spawn(scheduler().wait_for_descriptor, reader, 1)
coro.yield_slice()
child = os.fork()
if not child:
    os.write(other_writer, b"x")
    assert scheduler().wait_for_descriptor(other_reader, 1) == 1
    os.write(writer, b"x")
    assert scheduler().wait_for_descriptor(reader, 1) == 1
    sys.exit()
waiting.join()
assert waiting.result() == 1
assert wait_for(child) == 0
""")

    def test_again_in_the_child(self, run_forking):
        out = run_forking("""
def generation(n):
    if not n:
        return
    child = os.fork()
    if not child:
        coro.spawn(print, n, flush=True).join()
        generation(n - 1)
        sys.exit(n)
    assert wait_for(child) == n
coro.spawn(coro.sleep_relative, 60)
coro.yield_slice()
generation(4)
""")
        assert out == "4\n3\n2\n1\n"

    def test_wakes_in_the_child_do_not_reach_the_parent(self, run_forking):
        run_forking("""
sleeper = coro.spawn(coro.sleep_relative, 60)
coro.yield_slice()
child = os.fork()
if not child:
    for _ in range(100):
        coro.spawn(list).join()
    os._exit(0)
assert wait_for(child) == 0
assert scheduler().wait_for_descriptor(os.pipe()[0], 1, 0) == 0
assert not sleeper.dead
""")


class TestInACoroutine:
    def test_it_is_main_in_the_child(self, run_forking):
        out = run_forking("""
def forks():
    child = os.fork()
    if child:
        return child
    assert scheduler().main is coro.current()
    assert list(coro.all_threads) == [coro.current().id]
    coro.sleep_relative(0.001)
    co = coro.spawn(lambda: print("grandchild of main", flush=True))
    co.join()
    reader, writer = os.pipe()
    co = coro.spawn(scheduler().wait_for_descriptor, reader, 1)
    coro.yield_slice()
    os.write(writer, b"x")
    co.join()
    print("child", flush=True)
    return "status 0"
co = coro.spawn(forks)
other = coro.spawn(lambda: (coro.sleep_relative(0.01), print("parent", flush=True)))
co.join()
assert wait_for(co.result()) == 0
other.join()
""")
        assert sorted(out.splitlines()) == ["child", "grandchild of main", "parent"]

    @pytest.mark.parametrize(
        ("end", "status"),
        [
            ("return", 0),
            ("sys.exit(7)", 7),
            ("sys.exit()", 0),
            ("os._exit(9)", 9),
            ("raise coro.Shutdown", 1),
            ("raise KeyboardInterrupt", 1),
        ],
    )
    def test_the_status(self, run_forking, end, status):
        out = run_forking(f"""
def forks():
    child = os.fork()
    if child:
        return child
    {end}
co = coro.spawn(forks)
co.join()
print(wait_for(co.result()), flush=True)  # or the next child has it to flush too
""")
        assert int(out) == status

    def test_failures_in_the_child_are_told(self, start):
        program = start(
            COMMON
            + """
def forks(end):
    child = os.fork()
    if child:
        return child
    end()
for end in (lambda: 1 / 0, lambda: sys.exit("last" + " words")):
    co = coro.spawn(forks, end)
    co.join()
    print(wait_for(co.result()), flush=True)  # or the next child has it to flush too
"""
        )
        status, out, err = program.end()
        assert (status, out) == (0, "1\n1\n")
        assert err.count("ZeroDivisionError") == 1
        assert err.count("last words") == 1

    def test_output_is_flushed_once(self, run_forking):
        out = run_forking("""
def forks():
    child = os.fork()
    if not child:
        print("child")
    return child
co = coro.spawn(forks)
co.join()
wait_for(co.result())
print("parent")
""")
        assert out == "child\nparent\n"

    def test_joiners_in_the_parent_are_not_woken_in_the_child(self, run_forking):
        out = run_forking("""
def forks():
    child = os.fork()
    coro.yield_slice()
    return child
co = coro.spawn(forks)
joiner = coro.spawn(lambda: (co.join(), print("joined", flush=True)))
joiner.join()
wait_for(co.result())
""")
        assert out == "joined\n"

    def test_event_loop_in_the_child(self, run_forking):
        out = run_forking("""
coro.set_print_exit_string(False)
def forks():
    child = os.fork()
    if not child:
        assert not coro.coro_is_running()
        coro.spawn(coro.set_exit, 6)
        coro.event_loop()
    print(wait_for(child))
    coro.set_exit()
coro.spawn(forks)
coro.event_loop()
""")
        assert out == "6\n"

    def test_signals_in_the_child_go_to_no_file_of_the_child(self, run_forking):
        """While the parent's loop runs, signals are told to a pipe: which the child closes."""
        out = run_forking("""
import signal
coro.set_print_exit_string(False)
low = os.open("/dev/null", os.O_RDONLY)
scheduler()
os.close(low)  # so descriptors made from now on have other numbers than those of the loop
def forks():
    signal.signal(signal.SIGUSR1, lambda *_: None)
    child = os.fork()
    if not child:
        files = [os.memfd_create("file") for _ in range(10)]
        os.kill(os.getpid(), signal.SIGUSR1)
        os._exit(sum(os.fstat(file).st_size for file in files))
    print(wait_for(child))
    coro.set_exit()
coro.spawn(forks)
coro.event_loop()
""")
        assert out == "0\n"


class TestInAnotherThread:
    def test_in_its_main(self, start):
        program = start(
            COMMON
            + """
import threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
go, done = threading.Event(), threading.Event()

def other():
    mine = coro.spawn(coro.sleep_relative, 60)
    coro.yield_slice()
    child = os.fork()
    if not child:
        code = 0 if list(coro.all_threads) == [coro.current().id] else 1
        coro.spawn(coro.sleep_relative, 0.001).join()
        code += 0 if mine.dead and theirs.dead else 2
        os._exit(code)
    print(wait_for(child))
    assert not mine.dead
    theirs.schedule()

theirs = coro.spawn(coro.sleep_relative, 60)
coro.yield_slice()
thread = threading.Thread(target=other)
thread.start()
theirs.join()
thread.join()
"""
        )
        assert program.end() == (0, "0\n", "")

    def test_in_a_coroutine_of_it(self, start):
        program = start(
            COMMON
            + """
import threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)

def forks():
    child = os.fork()
    if child:
        return child
    coro.spawn(coro.sleep_relative, 0.001).join()
    sys.exit(5)

def other():
    co = coro.spawn(forks)
    co.join()
    print(wait_for(co.result()), flush=True)  # or the next child has it to flush too

coro.spawn(coro.sleep_relative, 60)
coro.yield_slice()
thread = threading.Thread(target=other)
thread.start()
thread.join()
"""
        )
        assert program.end() == (0, "5\n", "")


class TestInAHandler:
    """A handler of a signal forks in the middle of main's wait, with which the child goes on."""

    @pytest.fixture
    def struck(self, start):
        """Runs a program that says when it waits, and strikes it then. Gives the child's output,
        if it wrote no error and its status is 0."""

        def run_it(source):
            program = start(
                COMMON
                + """
import signal
forked = False
def handler(*_):
    global forked
    child = os.fork()
    if child:
        os._exit(wait_for(child))
    forked = True
def nothing_left():
    return scheduler().counts() == dict.fromkeys(scheduler().counts(), 0)
scheduler()
signal.signal(signal.SIGUSR1, handler)
"""
                + source
            )
            program.wait_for("ready")
            program.wait_until_asleep()
            program.signal(signal.SIGUSR1)
            status, out, err = program.end()
            assert (status, err) == (0, "")
            return out

        return run_it

    def test_a_sleep_lasts_as_long(self, struck):
        out = struck("""
end = coro.now() + 200_000_000
coro.spawn(print, "ready", flush=True)
coro.sleep_absolute(end)
print(forked, coro.now() >= end, nothing_left())
""")
        assert out == "True True True\n"

    def test_the_parent_sleeps_on(self, start):
        program = start(
            COMMON
            + """
import signal
children = []
signal.signal(signal.SIGUSR1, lambda *_: children.append(os.fork()))
coro.spawn(print, "ready", flush=True)
end = coro.now() + 200_000_000
coro.sleep_absolute(end)
assert coro.now() >= end
if children[0]:
    assert wait_for(children[0]) == 0
print("parent" if children[0] else "child", flush=True)
"""
        )
        program.wait_for("ready")
        program.wait_until_asleep()
        program.signal(signal.SIGUSR1)
        assert program.end() == (0, "child\nparent\n", "")

    def test_a_time_limit_strikes(self, struck):
        out = struck("""
coro.spawn(print, "ready", flush=True)
try:
    with coro.timeout(0.1):
        coro.sleep_relative(3600)
except coro.TimeoutError:
    print(forked, nothing_left())
""")
        assert out == "True True\n"

    @pytest.mark.parametrize("timeout", [None, 60])
    def test_a_wait_on_a_descriptor_that_others_wait_on_too(self, struck, timeout):
        out = struck(f"""
reader, writer = os.pipe()
def wait():
    return scheduler().wait_for_descriptor(reader, 1, {timeout})
others = [coro.spawn(wait) for _ in range(2)]
coro.yield_slice()
coro.spawn(lambda: (others.append(coro.spawn(wait)), print("ready", flush=True)))
while not forked:
    wait()
assert all(co.dead for co in others)
assert scheduler().counts()["waiting on descriptors"] == 0
coro.spawn(os.write, writer, b"x")
wait()
print(os.read(reader, 1))
scheduler().forget_descriptor(reader)
print(nothing_left())
""")
        assert out == "b'x'\nTrue\n"

    @pytest.mark.parametrize("timeout", [None, 60])
    def test_a_join_of_one_who_is_left_behind(self, struck, timeout):
        out = struck(f"""
co = coro.spawn(lambda: (print("ready", flush=True), coro.sleep_relative(3600)))
co.join({timeout})
print(forked, type(co.failure).__name__, nothing_left())
""")
        assert out == "True DeadCoroutine True\n"

    @pytest.mark.parametrize("end", ["set_exit(7)", "signal.raise_signal(signal.SIGTERM)"])
    def test_the_event_loop(self, struck, end):
        out = struck(f"""
coro.set_print_exit_string(False)
from coro import set_exit
def handler(*_):
    child = os.fork()
    if child:
        os._exit(wait_for(child))
    coro.spawn(lambda: {end})
signal.signal(signal.SIGUSR1, handler)
coro.spawn(lambda: (print("ready", flush=True), coro.sleep_relative(3600)))
try:
    coro.event_loop()
except SystemExit as exit:
    print(exit.code, coro.coro_is_running(), signal.set_wakeup_fd(-1), nothing_left())
""")
        assert out == f"{7 if '7' in end else 0} False -1 True\n"

    def test_signals_wake_the_loop_of_the_child(self, struck):
        out = struck("""
coro.set_print_exit_string(False)
def handler(*_):
    child = os.fork()
    if child:
        os._exit(wait_for(child))
    told = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(told)
    print(told == scheduler().wake_pipe())
    signal.signal(signal.SIGALRM, lambda *_: coro.set_exit())
    signal.setitimer(signal.ITIMER_REAL, 0.001)
signal.signal(signal.SIGUSR1, handler)
coro.spawn(lambda: (print("ready", flush=True), coro.sleep_relative(3600)))
try:
    coro.event_loop(None)
except SystemExit:
    print("ended")
""")
        assert out == "True\nended\n"

    def test_one_who_was_woken_already_goes_on(self, struck):
        """Another handler woke main, and the next forks before it runs."""
        out = struck("""
def wake_and_fork(*_):
    main.schedule("up")
    handler()
main = coro.current()
signal.signal(signal.SIGUSR1, wake_and_fork)
coro.spawn(lambda: (print("ready", flush=True), coro.sleep_relative(3600)))
print(coro.sleep_relative(3600), forked, nothing_left())
""")
        assert out == "up True True\n"

    def test_a_wake_that_an_exception_overtook_is_not_waited_for(self, struck):
        """It leaves main in the queue, which the child does not inherit."""
        out = struck("""
def wake_and_fail(*_):
    main.schedule("lost")
    raise KeyError
main = coro.current()
signal.signal(signal.SIGUSR1, wake_and_fail)
coro.spawn(lambda: (print("ready", flush=True), coro.sleep_relative(3600)))
try:
    scheduler().wait()
except KeyError:
    handler()
coro.spawn(lambda: scheduler().wake(main))
print(scheduler().wait(timeout=60), forked, nothing_left())
""")
        assert out == "True True True\n"

    def test_one_that_ends_the_child(self, struck):
        assert (
            struck("""
def leave(*_):
    handler()
    sys.exit(0)
signal.signal(signal.SIGUSR1, leave)
coro.spawn(lambda: (print("ready", flush=True), coro.sleep_relative(3600)))
coro.event_loop()
""")
            == ""
        )


class TestWhileOthersWait:
    def test_on_all_kinds_of_things(self, run_forking):
        out = run_forking("""
import socket
left, right = socket.socketpair()
left.setblocking(False)
def receive():
    while True:
        try:
            return left.recv(10)
        except BlockingIOError:
            scheduler().wait_for_descriptor(left.fileno(), 1)
def forks():
    child = os.fork()
    if not child:
        assert scheduler().counts() == dict.fromkeys(scheduler().counts(), 0)
        co = coro.spawn(lambda: (coro.sleep_relative(0.001), receive())[1])
        right.send(b"child's")
        co.join()
        assert co.result() == b"child's"
        sys.exit(9)
    return child
sleeper = coro.spawn(coro.sleep_relative, 0.3)
reader = coro.spawn(receive)
waiter = coro.spawn(lambda: scheduler().wait())
joiners = [coro.spawn(co.join) for co in (sleeper, reader, waiter)]
coro.yield_slice()
co = coro.spawn(forks)
co.join()
assert wait_for(co.result()) == 9
assert not any(each.dead for each in (sleeper, reader, waiter, *joiners))
right.send(b"parent's")
waiter.schedule()
for each in joiners:
    each.join()
assert reader.result() == b"parent's"
left.close(), right.close()
""")
        assert out == ""


def test_subprocess(run_forking):
    """The standard library's way to start programs is not disturbed."""
    out = run_forking("""
import subprocess
sleeper = coro.spawn(coro.sleep_relative, 0.001)
def body():
    return subprocess.run(["echo", "hello"], capture_output=True, text=True).stdout
co = coro.spawn(body)
co.join()
print(co.result(), end="")
sleeper.join()
""")
    assert out == "hello\n"
