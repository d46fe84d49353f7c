"""The table of hosts: `coro_sock._hosts_file`."""

import os
from pathlib import Path

from coro_sock._hosts_file import HostsFile

TABLE = """
# a comment
127.0.0.1   localhost   # another
::1         localhost  ip6-localhost
10.0.0.1\tFirst.example first
10.0.0.2\tfirst.example
nonsense    wrong
10.0.0.3
0:0:0:0::7  seven.example
"""


def test_a_host_has_all_its_addresses_in_order(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(TABLE)
    hosts = HostsFile(str(tmp_path / "hosts"))
    assert hosts.addresses("localhost") == ["127.0.0.1", "::1"]
    assert hosts.addresses("FIRST.example.") == ["10.0.0.1", "10.0.0.2"]
    assert hosts.addresses("first") == ["10.0.0.1"]
    assert hosts.addresses("seven.example") == ["::7"]
    assert hosts.addresses("wrong") == hosts.addresses("unknown") == []


def test_an_address_has_its_first_name(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(TABLE)
    hosts = HostsFile(str(tmp_path / "hosts"))
    assert hosts.canonical_name("10.0.0.1") == "First.example"
    assert hosts.canonical_name("::1") == "localhost"
    assert hosts.canonical_name("10.0.0.3") is None


def test_what_changes_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    hosts = HostsFile(str(path))
    assert hosts.addresses("a") == []
    path.write_text("10.0.0.1 a\n")
    assert hosts.addresses("a") == ["10.0.0.1"]
    (tmp_path / "new").write_text("10.0.0.2 a\n")
    os.replace(tmp_path / "new", path)
    assert hosts.addresses("a") == ["10.0.0.2"]
    path.unlink()
    assert hosts.addresses("a") == []


def test_what_is_not_text_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_bytes(b"\xff\xfe \xff\n10.0.0.1 a\xe9 b\n")
    assert HostsFile(str(tmp_path / "hosts")).addresses("b") == ["10.0.0.1"]


def test_what_is_handed_out_may_be_changed(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("10.0.0.1 a\n")
    hosts = HostsFile(str(tmp_path / "hosts"))
    hosts.addresses("a").clear()
    assert hosts.addresses("a") == ["10.0.0.1"]
