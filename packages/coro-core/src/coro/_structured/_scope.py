"""Coroutines that end before the block does that started them.

What belongs here: who ends when, and which errors come out. Starting coroutines, and telling
that one has ended, is the scheduler's; interrupting the body of the block is a time limit's
(`ScopeLimit`), which can also strike before its time.

**The end.** When the body is done, its coroutine waits for the others. It waits behind a shield
(`Vigil`), so that no interrupt can end this wait; the first one is passed on to the coroutines
that it waits for, and is raised when they have ended.

**What comes out** depends on what came first.

- A failure, of a coroutine or of the body: an `ExceptionGroup` of all failures. An interrupt that
  comes after it stays due, and strikes at the next wait.
- An interrupt from outside (a `Shutdown`, a time limit further out): that itself, since a time
  limit knows its own interrupt by identity, and whoever was told to end has to end. Failures that
  it brings about, or came with it, cannot be raised too; they are told to the exception notifier,
  as those of coroutines in no scope. The same holds for `KeyboardInterrupt` and `SystemExit`,
  which are meant for the program.
- The scope's own time limit: `TimeoutError`; in a group, if there were failures besides.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any

from coro import _failures
from coro._scheduler import Family, Scheduler, coro, current, scheduler
from coro._timeouts import ScopeLimit, Vigil, check_interrupts
from coro.errors import Interrupted
from coro.errors import TimeoutError as CoroTimeoutError

# They tell a coroutine to leave, and are no failure of what it left.
_ORDERS = (Interrupted, *_failures.FOR_THE_PROGRAM, GeneratorExit)

# Why a scope ends its coroutines.
_FAILURE, _ORDER, _TIME, _INTERRUPT, _REQUEST = "failure", "order", "time", "interrupt", "request"


class scope(Family):
    """``with scope() as group: ...`` ends when all coroutines have ended that were started with
    `group.spawn`.

    If one of them fails, or the block does, the others are shut down, and the block is interrupted
    where it waits next. All are awaited, then their errors are raised together. A coroutine that
    ends by `Shutdown`, or another `Interrupted`, has not failed.

    If the block is interrupted from outside, or its coroutine is while it waits for the others,
    they are shut down and awaited; then that interrupt comes out as itself. Failures at that
    occasion are told to the exception notifier. One that ends by `KeyboardInterrupt` or
    `SystemExit` shuts the others down, and that comes out as itself too.

    A scope serves one block. It can also be told to end its coroutines, by `shutdown`.

    Args:
        timeout: the longest that block and coroutines may take together, in seconds; None for no
            limit. Of nested limits the nearest counts.

    Raises:
        ExceptionGroup: at the end of the block, of all that was raised by it and its coroutines;
            a BaseExceptionGroup if one of these is no `Exception`.
        TimeoutError: at the end of the block, if the time was up. It is in the group if there is
            one.
        ValueError, TypeError: `timeout` is negative or NaN, or is no number.
    """

    _ends_by_failures = True

    def __init__(self, timeout: float | None = None) -> None:
        self._timeout = timeout
        self._limit = ScopeLimit(timeout, self._time_is_up)
        self._home: Scheduler | None = None
        self._why: str | None = None  # it ends its coroutines
        self._order: BaseException | None = None
        self._errors: list[BaseException] = []  # of the body
        self._failed: list[coro] = []

    def __repr__(self) -> str:
        state = "new" if self._home is None else "ended" if self.closed else f"{len(self.members)} coroutines"
        return f"<scope: {state}>"

    @property
    def deadline(self) -> int | None:
        """When the time is up, in ns as `now` gives it; None if there is no limit, or no block yet."""
        return self._limit.expired_at

    @property
    def coroutines(self) -> list[coro]:
        """Those that have not ended."""
        return list(self.members)

    def spawn(self, fun: Callable[..., object], /, *args: Any, thread_name: str | None = None, **kwargs: Any) -> coro:
        """Start a coroutine that ends before the block does. From any coroutine, also of the scope.

        If the scope is ending its coroutines already, this one is shut down before it begins.

        Args:
            as `coro.spawn`.

        Returns:
            the coroutine, of the same OS thread as the block.

        Raises:
            RuntimeError: the block has not begun, or the scope has ended.
        """
        if self._home is None:
            raise RuntimeError("the scope has not begun: use it in a with statement, and spawn in its block")
        co = self.start_member(self._home, fun, args, kwargs, thread_name)
        if co is None:
            raise RuntimeError(
                "the scope has ended, and all its coroutines with it: spawn inside its block, or use coro.spawn"
            )
        if self._why is not None:  # now: another OS thread may have ended the scope's coroutines a moment ago
            co.shutdown()
        return co

    def shutdown(self) -> None:
        """Shut all coroutines of the scope down; for good: those started later do not begin.

        This is no error, and the block goes on. In a coroutine of the scope, `Shutdown` is
        raised at once, when all others have been told.
        """
        self._end_members(_REQUEST)
        me = current()
        if me in self.members:
            me.shutdown()

    def __enter__(self) -> "scope":
        if self._home is not None:
            raise RuntimeError("a scope serves one block: make a new one for each")
        self._limit.__enter__()
        self._home = scheduler()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._home is not None
        limit = self._limit
        own = error is not None and error is limit.delivered
        if self._home.main.dead:
            self.close()
            return  # the OS thread ends, and with it all that is in it
        try:
            if error is not None:
                self._note(error)
            self._wait_for_end(self._home.main)
        finally:
            limit.__exit__(None, None, None)
            self.close()
        if error is None and self._order is None and self._why in (_INTERRUPT, _TIME):
            try:
                check_interrupts()  # the outermost one, before the own
            except BaseException:
                self._tell_failures()
                raise
        if self._order is not None:
            self._tell_failures()
            self._raise_order(error)
        else:
            self._raise_errors(late=self._why == _TIME or (own and not limit.struck))

    # -- while it lasts

    def _member_failed(self, co: coro, error: BaseException) -> None:
        """Called by the scheduler in a coroutine of the scope that has raised `error`."""
        if isinstance(error, Interrupted):
            return
        if isinstance(error, _failures.FOR_THE_PROGRAM):
            if self._order is None:
                self._order = error
        elif self._ends_by_failures:
            self._failed.append(co)
        else:
            return
        self._end_members(_FAILURE)
        self._limit.strike()

    def _time_is_up(self) -> None:
        """In a coroutine of its own: the body may have no wait to be interrupted in."""
        if self.members and not self.closed:
            self._end_members(_TIME)

    def _end_members(self, why: str) -> None:
        """Shut them down: once, as they may be cleaning up when there is another reason for it;
        but again when somebody asks for it, be it with Ctrl-C."""
        tell = self._why is None or why in (_ORDER, _REQUEST)
        if self._why in (None, _REQUEST):
            self._why = why
        if tell:
            me = current()
            for co in list(self.members):
                if co is not me:
                    co.shutdown()

    # -- the end

    def _note(self, error: BaseException) -> None:
        """`error` has ended the body, or was raised while it waits for the others."""
        if error is self._limit.delivered:
            self._end_members(_FAILURE if self._limit.struck else _TIME)
        elif isinstance(error, _ORDERS):
            self._order = error
            self._end_members(_ORDER)
        else:
            self._errors.append(error)
            self._end_members(_FAILURE)

    def _wait_for_end(self, main: coro) -> None:
        with Vigil() as vigil:
            while not self.close_if_empty():
                try:
                    if vigil.asked():
                        self._end_members(_TIME if self._limit.is_up else _INTERRUPT)
                    else:
                        self.wait_for_members()
                except BaseException as error:  # of a kind that comes through a shield
                    if main.dead:
                        raise  # the OS thread ends
                    self._note(error)

    def _tell_failures(self) -> None:
        assert self._home is not None
        failed, self._failed = self._failed, []
        for co in failed:
            if co.failure is not None:
                _failures.ended_by_exception(co, co.failure, self._home.main)

    def _raise_order(self, error: BaseException | None) -> None:
        order, self._order = self._order, None
        try:
            if order is not None and order is not error:
                raise order
        finally:
            del order  # its traceback holds this frame

    def _raise_errors(self, late: bool) -> None:
        failures = [co.failure for co in self._failed]
        errors = self._errors + [error for error in failures if error is not None]
        self._errors, self._failed, failures = [], [], []
        try:
            if late:
                errors.insert(0, CoroTimeoutError(f"the scope timed out after {self._timeout} seconds"))
                errors[0].__cause__ = self._limit.delivered
            if late and len(errors) == 1:
                raise errors[0]
            if errors:
                raise BaseExceptionGroup("a scope has failed", errors) from None
        finally:
            errors.clear()  # their tracebacks hold this frame
