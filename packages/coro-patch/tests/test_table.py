"""The table: every row is true of the Python that runs, and is undone."""

import functools
import importlib
import inspect
import sys
from typing import NamedTuple

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
    return getattr(importlib.import_module(f"coro_patch._emulated.{file}"), name)


def signature(thing: object) -> inspect.Signature | None:
    """None where CPython does not tell."""
    try:
        return inspect.signature(thing) if callable(thing) else None
    except ValueError:
        return None


def allows(called: inspect.Signature, *args: int, **kwargs: int) -> bool:
    try:
        called.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def test_what_inspect_tells_of_arguments_fits_the_original() -> None:
    """`unittest.mock` goes by it, for example (autospec)."""
    compared = 0
    for row in HERE:
        original, ours = signature(lookup(row)), signature(replacement(row))
        if row.made or original is None or ours is None:
            continue
        compared += 1
        takes_any = any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in ours.parameters.values())
        for number in range(8):
            if allows(original, *range(number)) or not takes_any:
                assert allows(ours, *range(number)) == allows(original, *range(number)), (row.name, number)
        for each in original.parameters.values():
            if each.kind is inspect.Parameter.KEYWORD_ONLY:
                assert each.name in ours.parameters or takes_any, (row.name, each.name)
    assert compared >= 5


def test_the_parts() -> None:
    assert (
        *("time", "select", "socket", "ssl", "os", "io", "signal", "queue", "thread"),
        *("asyncio", "multiprocessing"),
    ) == PARTS


def test_no_name_is_replaced_twice_in_one_python() -> None:
    names = [(row.module, row.name) for row in HERE]
    assert len(set(names)) == len(names)


class Seen(NamedTuple):
    """What a row's name was before, while and after the emulation was installed."""

    before: object
    during: object
    #: `coro.get_original`, meanwhile
    original: object
    object_patched: bool
    module_patched: bool
    after: object
    still_patched: bool


@functools.cache
def seen() -> dict[Row, Seen]:
    """All rows at once, since to install takes a while."""
    before = {row: lookup(row) for row in HERE}
    there = [row for row in HERE if before[row] is not None]
    coro.install_thread_emulation()
    try:
        during = {
            row: (
                lookup(row),
                coro.get_original(row.module, row.name),
                coro.is_object_patched(row.module, row.name),
                coro.is_module_patched(row.module),
            )
            for row in there
        }
    finally:
        coro.uninstall_thread_emulation()
    return {
        row: Seen(before[row], *during[row], lookup(row), coro.is_object_patched(row.module, row.name)) for row in there
    }


@pytest.mark.parametrize("row", HERE, ids=lambda row: f"{row.module}.{row.name}")
class TestRow:
    def test_there_is_something_to_replace(self, row: Row) -> None:
        assert row.name in OPTIONAL or lookup(row) is not None

    def test_it_is_replaced_and_given_back(self, row: Row) -> None:
        if row not in seen():
            pytest.skip(f"this Python has no {row.module}.{row.name}")
        it = seen()[row]
        assert it.during is not it.before
        assert row.made or it.during is replacement(row)
        assert it.original is it.before
        assert it.object_patched
        assert it.module_patched
        assert it.after is it.before
        assert not it.still_patched


@pytest.mark.parametrize("part", PARTS)
def test_a_part_can_be_left_out(part: str) -> None:
    rows = [row for row in HERE if row.part == part]
    before = [lookup(row) for row in rows]
    coro.install_thread_emulation(**{part: False})
    try:
        assert all(lookup(row) is it for row, it in zip(rows, before, strict=True))
    finally:
        coro.uninstall_thread_emulation()
