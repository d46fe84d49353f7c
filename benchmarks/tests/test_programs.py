"""Every peer's servers and workloads run, and echo what they are sent: the load generator looks at each byte."""

import shutil

import pytest
from coro_bench import counting, measuring, programs, workloads
from coro_bench.peers import BY_NAME, PEERS
from coro_bench.workloads import WORKLOADS

pytestmark = pytest.mark.skipif(programs.compiler() is None, reason="there is no C compiler")

#: What needs more than Python and a C compiler, or measures what others have measured.
OTHERS = ("gunicorn", "gunicorn_tls", "http_server", "requests", "instructions", "syscalls", "import", "idle_many")
SMALL = {"idle": 10, "sleepers": 50, "threads": 50}


def cases():
    seen = set()
    for workload in WORKLOADS:
        kind = workload.name.partition("_")[0]
        if workload.name in OTHERS or (kind == "echo" and workload.name != "echo_10x64"):
            continue
        for name in workload.peers:
            if (workload.name, name) not in seen:
                seen.add((workload.name, name))
                yield pytest.param(workload, BY_NAME[name], id=f"{workload.name}-{name.replace(' ', '-')}")


@pytest.mark.parametrize(("workload", "peer"), list(cases()))
def test_it_runs(workload, peer):
    if not peer.is_here:
        pytest.skip(f"{peer.needs} is not installed")
    figures = workload.measure(peer, SMALL.get(workload.name, 200))
    assert set(figures) <= set(workloads.FIGURES)
    assert figures[workload.name] is not None


@pytest.mark.parametrize("size", [1, 65_537, 1_000_000])
@pytest.mark.parametrize("peer", [each for each in PEERS if each.name in ("coro", "C epoll", "C io_uring")], ids=str)
def test_messages_of_any_size(peer, size):
    with programs.running(programs.server_command(peer, "echo")) as server:
        assert server.drive("echo", 3, size, 20)["count"] == 20


def test_a_wrong_echo_is_found():
    """Otherwise no number of a server means anything."""
    command = programs.server_command(BY_NAME["C epoll"], "http")
    failure = pytest.raises(programs.CannotMeasureError, match="load generator ended")
    with programs.running(command) as server, failure:
        server.drive("echo", 1, 64, 10)


def test_a_server_that_does_not_start():
    with pytest.raises(programs.CannotMeasureError, match="did not start"), programs.running(["true"]):
        pass


def test_the_cost_is_that_of_the_server_alone():
    with programs.running(programs.server_command(BY_NAME["C epoll"], "echo")) as server:
        before = programs.cpu_seconds(server.process)
        sum(range(5_000_000))
        assert programs.cpu_seconds(server.process) - before < 0.01


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_system_calls_of_an_echo():
    """A server in C needs one to receive and one to send. (Of those that wait there are more or fewer.)"""
    counted = counting.system_calls(BY_NAME["C epoll"], "echo", "echo", (100, 64), 2000)
    assert (counted["recvfrom"], counted["sendto"]) == (1.0, 1.0)
    assert measuring.system_calls(BY_NAME["C epoll"], 500)["syscalls"] > 1.0
