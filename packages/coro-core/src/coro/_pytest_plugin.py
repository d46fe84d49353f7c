"""The plugin for pytest: tests that run as coroutines.

What belongs here: pytest's hooks, the fixtures and the marker. pytest loads this module in every
run on a machine that has coro-core, so it does nothing until a test asks: the tools are imported
then, and no scheduler is made before. pytest itself is never needed otherwise.

A test needs none of this to use coro, since anything may wait anywhere. What a test with the
marker gets is a coroutine of its own, while the main one waits for it. So whatever ends the
wait from outside (the time limit, a dead end, Ctrl-C, another plugin's alarm) is raised in
the test, where it hangs: its traceback tells, and its ``finally`` blocks run.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, TypeGuard

import pytest

if TYPE_CHECKING:
    from coro._scheduler import Scheduler, coro

#: Seconds until a test that was told to end is left alone.
GRACE = 10

_failed = pytest.StashKey[bool]()
#: The coroutines that a test is not to blame for: those of fixtures with a wider scope, and those
#: that would not end when an earlier test had.
_kept = pytest.StashKey[set["coro"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "coro_mode",
        "strict: tests marked with @pytest.mark.coro run as coroutines of coro; auto: all tests do",
        default="strict",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "coro(timeout=None, shuffle=None): run the test in a coroutine of its own, in a clean scheduler. "
        "timeout: seconds until it fails and all who wait are listed with their stacks. "
        "shuffle: a seed, or True for one at random, to choose the order of coroutines by (coro.testing.shuffled).",
    )
    mode = config.getini("coro_mode")
    if mode not in ("strict", "auto"):
        raise pytest.UsageError(f"coro_mode must be strict or auto, not {mode!r}")


# -- which tests


def _asks(item: pytest.Item) -> TypeGuard[pytest.Function]:
    """Whether the test is to run as a coroutine. ``async`` ones are for other plugins."""
    return (
        isinstance(item, pytest.Function)
        and (item.get_closest_marker("coro") is not None or item.config.getini("coro_mode") == "auto")
        and not inspect.iscoroutinefunction(item.obj)
        and not inspect.isasyncgenfunction(item.obj)
    )


def _options(item: pytest.Item) -> tuple[float | None, int | bool | None]:
    """The time limit and the seed that the test's markers give, those next to it first."""

    def coro(*, timeout: float | None = None, shuffle: int | bool | None = None) -> tuple[Any, Any]:
        return timeout, shuffle

    given: dict[str, Any] = {}
    try:
        for marker in reversed(list(item.iter_markers("coro"))):
            coro(*marker.args, **marker.kwargs)
            given.update(marker.kwargs)
    except TypeError as error:
        pytest.fail(f"@pytest.mark.coro: {error}", pytrace=False)
    return coro(**given)


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test that asks has the fixture `coro_loop`, the first of those that are its own."""
    if _asks(item) and "coro_loop" not in item.fixturenames:
        names = item.fixturenames
        known = item._fixtureinfo.name2fixturedefs
        wider = [name for name in names if name in known and known[name][-1].scope != "function"]
        at = names.index(wider[-1]) + 1 if wider else 0
        item.fixturenames = [*names[:at], "coro_loop", *names[at:]]  # not its siblings', who share the list


# -- running them


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    with _as_coroutine(item) if _asks(item) else contextlib.nullcontext():
        try:
            return (yield)
        except BaseException:
            item.stash[_failed] = True
            raise


@contextlib.contextmanager
def _as_coroutine(item: pytest.Function) -> Iterator[None]:
    """While this block runs, calling the test's function runs that in a coroutine."""
    from coro.testing import shuffled

    test = item.obj
    limit, shuffle = _options(item)

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> object:
        __tracebackhide__ = True
        order: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        if shuffle is not None and shuffle is not False:
            order = shuffled(None if shuffle is True else shuffle)
        with order:
            return _Body(functools.partial(test, *args, **kwargs), item.name).run(limit)

    item.obj = run
    try:
        yield
    finally:
        item.obj = test


class _Body:
    """The coroutine that a test runs in.

    Its exceptions are kept, and raised again in the main coroutine: none is a failure that nobody
    catches, of which a notifier would have to be told.
    """

    def __init__(self, test: Callable[[], object], name: str) -> None:
        from coro import spawn

        self.test = test
        self.value: object = None
        self.error: BaseException | None = None
        self.co = spawn(self.call, thread_name=name)

    def call(self) -> None:
        __tracebackhide__ = True
        try:
            self.value = self.test()
        except BaseException as error:
            self.error = error

    def run(self, limit: float | None) -> object:
        __tracebackhide__ = True
        try:
            reason = self.wait(limit)
            if self.error is None and reason is not None:
                self.error = reason  # the test swallowed it, or never began
            if self.error is not None:
                if self.error is reason:
                    _end_at_python_code(self.error)
                raise self.error
            return self.value
        finally:
            self.error = None  # its traceback holds this frame

    def wait(self, limit: float | None) -> BaseException | None:
        """Wait for its end. What comes in between is passed on to it, and returned."""
        __tracebackhide__ = True
        from coro import DeadlockError

        try:
            self.co.join(limit)
            return None
        except TimeoutError as error:
            reason: BaseException = error
            if not self.co.dead:
                reason = pytest.fail.Exception(f"the test did not end within {limit} seconds\n{_who_waits()}")
        except BaseException as error:
            reason = error
            if isinstance(error, DeadlockError):
                error.add_note(_who_waits())
        if not self.co.dead:
            self.co.raise_exception(reason.with_traceback(None), cancel_start=True)
            with contextlib.suppress(TimeoutError):
                self.co.join(GRACE)
        return reason


def _end_at_python_code(error: BaseException) -> None:
    """Let the traceback end where the test waits, and not inside the scheduler."""
    last = entry = error.__traceback__
    while entry is not None:
        if not entry.tb_frame.f_code.co_filename.endswith(".pyx"):
            last = entry
        entry = entry.tb_next
    if last is not None:
        last.tb_next = None


def _who_waits() -> str:
    from coro.testing import _leftovers

    return _leftovers.listing(_leftovers.alive())


# -- fixtures


@pytest.fixture
def coro_loop(request: pytest.FixtureRequest) -> "Iterator[Scheduler]":
    """A clean scheduler: this thread's, without coroutines of earlier tests.

    When the test has ended, the coroutines that it left behind are shut down; if it passed, it
    fails for them. Those of fixtures with a wider scope stay, and those whose `daemon` is set.
    """
    from coro._scheduler import scheduler
    from coro.testing import _leftovers

    here = scheduler()
    node: Any = request.node
    kept = request.config.stash.setdefault(_kept, set())
    kept |= _leftovers.end(_leftovers.alive() - kept)
    yield here
    left = _leftovers.left_since(kept)
    if not left:
        return
    story = _leftovers.listing(left)
    stubborn = _leftovers.end(left)
    kept |= stubborn
    if stubborn:
        pytest.fail(f"these coroutines do not end though they were told to:\n{story}", pytrace=False)
    if not node.stash.get(_failed, False):
        pytest.fail(f"these coroutines were left behind, and were shut down now:\n{story}", pytrace=False)


@pytest.fixture
def virtual_clock() -> Iterator[None]:
    """Time passes only by jumps while the test runs: see `coro.testing.virtual_clock`."""
    from coro.testing import virtual_clock

    with virtual_clock():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Note the coroutines that belong to fixtures with a wider scope than one test."""
    if fixturedef.scope == "function":
        return (yield)
    before = _alive()
    try:
        return (yield)
    finally:
        kept = request.config.stash.setdefault(_kept, set())
        kept.difference_update([co for co in kept if co.dead])
        kept |= _alive() - before


def _alive() -> "set[coro]":
    """Those that are alive, without making a scheduler where there is none."""
    from coro._scheduler import main_scheduler

    if main_scheduler() is None:
        return set()
    from coro.testing import _leftovers

    return _leftovers.alive()
