"""The exceptions: what they derive from and what they carry."""

import copy
import errno
import pickle

import pytest

import coro
from coro import errors


def test_all_are_public():
    for name in errors.__all__:
        assert getattr(coro, name) is getattr(errors, name)


def test_interrupts_pass_through_except_exception():
    assert not issubclass(coro.Interrupted, Exception)
    assert issubclass(coro.Shutdown, coro.Interrupted)


def test_time_is_up_in_both_spellings():
    assert issubclass(coro.TimeoutError, TimeoutError)


def test_wrong_states_are_one_family():
    assert issubclass(coro.DeadCoroutine, coro.ScheduleError)
    assert issubclass(coro.NotStartedError, coro.ScheduleError)
    assert issubclass(coro.ScheduleError, RuntimeError)


def test_closed_is_ebadf():
    error = coro.ClosedError("gone")
    assert isinstance(error, coro.oserrors.EBADF)
    assert error.errno == errno.EBADF
    assert error.strerror == "gone"
    assert coro.ClosedError(5, "io").errno == 5
    assert coro.ClosedError().errno == errno.EBADF


@pytest.mark.parametrize(
    "error", [coro.ClosedError("gone"), coro.TimeoutError("late"), coro.Shutdown("now"), coro.DeadlockError("stuck")]
)
def test_they_can_be_copied(error):
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
