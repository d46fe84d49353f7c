"""What type checkers see: the names, their types, and no names that are not."""

from pathlib import Path

import pytest

import coro_consts

api = pytest.importorskip("mypy.api", reason="mypy is not installed")

SAMPLE = """\
import socket
from typing import assert_type

import coro_consts
from coro_consts import AF, AI, EAI, IP, IPPROTO, IPV6, MSG, NI, PF, SHUT, SO, SOCK
from coro_consts import SOL, TCP

good: AF = coro_consts.AF.INET
number: int = SO.REUSEADDR
both: MSG = MSG.PEEK | MSG.DONTWAIT
kind: int = SOCK.STREAM | SOCK.NONBLOCK
elsewhere: SO = SO.ACCEPTFILTER
same: AF = PF.INET6
equal = AF.INET == socket.AF_INET and socket.MSG_PEEK == MSG.PEEK and SOL.TCP == IPPROTO.TCP
names = {AF.INET: "four", AF.INET6: "six"}
assert_type(AF.INET.value, int)
assert_type(NI.MAXHOST, int)
assert_type(SO.ORIGINAL_DST, int)
assert_type(SHUT(2), SHUT)
rest = (AI.PASSIVE, EAI.AGAIN, IP.TTL, IPPROTO.TCP, IPV6.V6ONLY, SOL.SOCKET, TCP.CORK)

coro_consts.XF
AF.INETT
SO.AF_INET
bad: AF = SO.DEBUG
"""


def test_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(coro_consts.__file__).parent.parent
    if home.name != "site-packages":
        monkeypatch.setenv("MYPYPATH", str(home))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample.py").write_text(SAMPLE)
    out, err, _ = api.run(["--strict", "--no-error-summary", "sample.py"])
    assert not err
    lines = SAMPLE.splitlines()
    # A line of the answer is file:line: kind: message.
    wrong = {lines[int(line.split(":")[1]) - 1] for line in out.splitlines()}
    assert wrong == {"coro_consts.XF", "AF.INETT", "SO.AF_INET", lines[-1]}, out
