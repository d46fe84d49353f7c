"""Reading what strace and callgrind have counted."""

import pytest
from coro_bench.counting import read_callgrind, read_summary
from coro_bench.programs import CannotMeasureError

STRACE = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000600           3       200           recvfrom
 30.00    0.000300           3       100        10 sendto
 10.00    0.000100           0         1           epoll_wait
------ ----------- ----------- --------- --------- ----------------
100.00    0.001000           3       301        10 total
"""


def test_system_calls_with_and_without_errors():
    assert read_summary(STRACE) == {"recvfrom": 200, "sendto": 100, "epoll_wait": 1}


def test_instructions():
    assert read_callgrind("version: 1\nfl=x.c\nfn=f\n1 5\n\ntotals: 1234\n") == 1234
    assert read_callgrind("part: 2\nsummary: 77\n\nfl=x.c\n") == 77


def test_nothing_was_counted():
    with pytest.raises(CannotMeasureError, match="counted nothing"):
        read_callgrind("version: 1\n")
