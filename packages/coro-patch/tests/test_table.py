"""The table: every row is true of the Python that runs, and is undone."""

import importlib
import sys

import pytest

import coro
from coro_patch._table import PARTS, TABLE, Row

HERE = [row for row in TABLE if row.since <= sys.version_info[:2] <= row.until]
# Not on every platform, or not in every bugfix release.
OPTIONAL = {
    "_event_loop_policy._local",
    "_get_name",
    "_thread_local_info",
    "epoll",
    "eventfd_read",
    "set_name",
    "socket.sendmsg_afalg",
}


def lookup(row: Row) -> object:
    found: object = importlib.import_module(row.module)
    for name in row.name.split("."):
        found = getattr(found, name, None)
    return found


def replacement(row: Row) -> object:
    file, _, name = row.replacement.partition(":")
    return getattr(importlib.import_module(f"coro_patch.{file}"), name)


def test_the_parts() -> None:
    assert (
        *("time", "select", "socket", "ssl", "os", "io", "signal", "queue", "thread"),
        *("asyncio", "multiprocessing"),
    ) == PARTS


def test_no_name_is_replaced_twice_in_one_python() -> None:
    names = [(row.module, row.name) for row in HERE]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", HERE, ids=lambda row: f"{row.module}.{row.name}")
class TestRow:
    def test_there_is_something_to_replace(self, row: Row) -> None:
        assert row.name in OPTIONAL or lookup(row) is not None

    def test_it_is_replaced_and_given_back(self, row: Row) -> None:
        before = lookup(row)
        coro.install_thread_emulation()
        try:
            after = lookup(row)
            if before is not None:
                assert after is not before
                assert row.made or after is replacement(row)
                assert coro.get_original(row.module, row.name) is before
                assert coro.is_object_patched(row.module, row.name)
                assert coro.is_module_patched(row.module)
        finally:
            coro.uninstall_thread_emulation()
        assert lookup(row) is before
        assert before is None or not coro.is_object_patched(row.module, row.name)

    def test_a_part_can_be_left_out(self, row: Row) -> None:
        before = lookup(row)
        coro.install_thread_emulation(**{row.part: False})
        try:
            assert lookup(row) is before
        finally:
            coro.uninstall_thread_emulation()
