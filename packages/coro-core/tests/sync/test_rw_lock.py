"""The read-write lock: who may be in together, who comes next, and its wrong use."""

import pytest

import coro
from coro.sync import LockError, rw_lock
from coro.testing import wait_all_blocked


def hold(lock: rw_lock, how: str) -> coro.coro:
    """A coroutine that holds it once it can, until it is shut down."""

    def run() -> None:
        with getattr(lock, how)():
            coro.current().set_name(f"{how} now")
            coro.sleep_relative(3600)

    co = coro.spawn(run)
    wait_all_blocked()
    return co


def holds(co: coro.coro) -> bool:
    return co.name.endswith("now")


def end(*coroutines: coro.coro) -> None:
    for co in coroutines:
        co.shutdown()
        co.join()


def test_many_read_and_one_writes() -> None:
    lock = rw_lock()
    one, two = hold(lock, "reading"), hold(lock, "reading")
    writer = hold(lock, "writing")
    assert holds(one)
    assert holds(two)
    assert not holds(writer)
    assert set(lock.held_by) == {one, two}
    end(one)
    wait_all_blocked()
    assert not holds(writer)
    end(two)
    wait_all_blocked()
    assert holds(writer)
    assert lock.held_by == (writer,)
    assert lock.try_read_lock() is True
    assert lock.try_write_lock() is True
    end(writer)
    assert lock.held_by == ()


def test_a_writer_is_not_starved_and_readers_neither() -> None:
    lock = rw_lock()
    first = hold(lock, "reading")
    writer = hold(lock, "writing")
    late_reader, late_writer, last_reader = hold(lock, "reading"), hold(lock, "writing"), hold(lock, "reading")
    assert not holds(late_reader)
    end(first)
    wait_all_blocked()
    assert holds(writer)
    end(writer)
    wait_all_blocked()
    assert holds(late_reader)
    assert not holds(late_writer)
    assert not holds(last_reader)
    end(late_reader)
    wait_all_blocked()
    assert holds(late_writer)
    end(late_writer)
    wait_all_blocked()
    assert holds(last_reader)
    end(last_reader)


def test_waiting_readers_come_in_together() -> None:
    lock = rw_lock()
    writer = hold(lock, "writing")
    readers = [hold(lock, "reading") for _ in range(3)]
    end(writer)
    wait_all_blocked()
    assert all(holds(each) for each in readers)
    end(*readers)


def test_a_reader_may_read_again_though_a_writer_waits() -> None:
    lock = rw_lock()
    lock.read_lock()
    writer = hold(lock, "writing")
    assert lock.read_lock() is False
    assert lock.try_read_lock() is False
    for _ in range(3):
        lock.read_unlock()
    wait_all_blocked()
    assert holds(writer)
    end(writer)


def test_a_writer_may_read_and_write_and_go_on_reading() -> None:
    lock = rw_lock()
    assert lock.write_lock() is False
    assert lock.write_lock() is False
    assert lock.read_lock() is False
    reader, writer = hold(lock, "reading"), hold(lock, "writing")
    lock.write_unlock()
    assert not holds(reader)
    lock.write_unlock()
    wait_all_blocked()
    assert holds(reader)
    assert not holds(writer)
    lock.read_unlock()
    end(reader)
    wait_all_blocked()
    assert holds(writer)
    end(writer)


def test_a_reader_cannot_begin_to_write() -> None:
    lock = rw_lock()
    lock.read_lock()
    with pytest.raises(LockError, match="unlock that before"):
        lock.write_lock()
    with pytest.raises(LockError, match="unlock that before"):
        lock.try_write_lock()
    lock.read_unlock()
    assert lock.try_write_lock() is False
    lock.write_unlock()


@pytest.mark.parametrize("how", ["read", "write"])
def test_unlocking_what_one_does_not_hold(how: str) -> None:
    lock = rw_lock()
    with pytest.raises(LockError, match=f"only who holds a {how} lock"):
        getattr(lock, f"{how}_unlock")()
    other = hold(lock, "reading" if how == "read" else "writing")
    with pytest.raises(LockError, match=f"only who holds a {how} lock"):
        getattr(lock, f"{how}_unlock")()
    end(other)


@pytest.mark.parametrize("how", ["reading", "writing"])
@pytest.mark.parametrize("served", [False, True])
def test_an_interrupt_leaves_no_trace(how: str, served: bool) -> None:
    lock = rw_lock()
    lock.write_lock()
    first = hold(lock, how)
    second = hold(lock, "writing")
    if served:
        lock.write_unlock()
        assert lock.held_by == (first,)
    first.shutdown()
    first.join()
    if not served:
        assert lock.write_lock() is False
        lock.write_unlock()
        lock.write_unlock()
    wait_all_blocked()
    assert holds(second)
    assert len(lock) == 0
    end(second)
    assert lock.held_by == ()


def test_readers_behind_a_writer_that_gives_up_come_in() -> None:
    lock = rw_lock()
    lock.read_lock()
    writer, reader = hold(lock, "writing"), hold(lock, "reading")
    assert not holds(reader)
    end(writer)
    wait_all_blocked()
    assert holds(reader)
    end(reader)
    lock.read_unlock()


def test_its_words() -> None:
    lock = rw_lock()
    assert repr(lock) == "<rw_lock unlocked, 0 waiting>"
    with lock.reading():
        assert repr(lock) == "<rw_lock read by 1, 0 waiting>"
    with lock.writing():
        assert "written by <coro" in repr(lock)
    assert lock
