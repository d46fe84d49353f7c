"""Several calls at once, and a list of what came of them.

What belongs here: `in_parallel`, in Shrapnel's manner. That its coroutines end before it does is
the work of a scope.
"""

from collections.abc import Callable, Sequence
from typing import Any

from coro._scheduler import coro
from coro._structured._scope import scope
from coro.errors import FAILURE, SUCCESS, InParallelError

Call = tuple[Callable[..., Any], Sequence[Any]]


class _Calls(scope):
    """All may come to their end, whether others fail or not."""

    _ends_by_failures = False


def in_parallel(fun_arg_list: Sequence[Call]) -> list[Any]:
    """Call several functions at once, each in a coroutine of its own, and wait for all of them.

    If the caller is interrupted, they are shut down and awaited, and nothing is left of them.

    Args:
        fun_arg_list: a list of pairs: a function, and a tuple or list of its arguments.

    Returns:
        what they returned: a list, in the order of `fun_arg_list`.

    Raises:
        InParallelError: one or more of them raised an exception, or were shut down by others.
            A `KeyboardInterrupt` or `SystemExit` is not for the caller to sort out: it shuts the
            others down and comes out as itself.
        TypeError: `fun_arg_list` is no list of such pairs. None was called then.
    """
    calls = _checked(fun_arg_list)
    with _Calls() as group:
        made = [group.spawn(fun, *args) for fun, args in calls]
    failures = [co.failure for co in made if co.failure is not None]
    if failures:
        try:
            raise InParallelError([_outcome(co) for co in made]) from failures[0]
        finally:
            failures.clear()
            made.clear()
    return [co.result() for co in made]


def _checked(fun_arg_list: Sequence[Call]) -> list[Call]:
    if not isinstance(fun_arg_list, list | tuple):
        raise TypeError(f"fun_arg_list must be a list of (fun, args) pairs, not {type(fun_arg_list).__name__}")
    calls = list(fun_arg_list)
    for position, call in enumerate(calls):
        if not isinstance(call, list | tuple) or len(call) != 2:
            raise TypeError(f"fun_arg_list[{position}] must be a pair (fun, args), not {call!r}")
        fun, args = call
        if not callable(fun):
            raise TypeError(f"fun_arg_list[{position}][0] must be callable, not {type(fun).__name__}")
        if not isinstance(args, list | tuple):
            raise TypeError(
                f"fun_arg_list[{position}][1] must be a tuple of arguments, not {type(args).__name__}; "
                "for a single one write (it,)"
            )
    return calls


def _outcome(co: coro) -> tuple[str, Any]:
    error = co.failure
    if error is None:
        return SUCCESS, co.result()
    return FAILURE, (type(error), error, error.__traceback__)
