"""The package: what it exports, and where."""

import contextlib
import importlib.metadata

import coro
import coro_sock


def test_every_public_name_is_found_in_coro() -> None:
    announced = {
        entry.name: entry.value
        for entry in importlib.metadata.entry_points(group="coro.exports")
        if entry.value.startswith("coro_sock:")
    }
    assert announced == {name: f"coro_sock:{name}" for name in coro_sock.__all__}
    for name in coro_sock.__all__:
        assert getattr(coro, name) is getattr(coro_sock, name)


def test_ipv6_is_told_truly() -> None:
    made = []
    with contextlib.suppress(OSError):
        made.append(coro_sock.tcp6_sock())
    assert coro_sock.has_ipv6() is bool(made)
    for each in made:
        each.close()


def test_live_sockets_are_counted() -> None:
    before = coro_sock.get_live_sockets()
    made = coro_sock.tcp_sock()
    assert coro_sock.get_live_sockets() == before + 1
    made.close()
    assert coro_sock.get_live_sockets() == before + 1  # closed ones count
    del made
    assert coro_sock.get_live_sockets() == before
