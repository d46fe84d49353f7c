"""Child processes: waiting for their end, and forking.

What belongs here: what a program does with the processes that it starts itself. What a fork
does to the scheduler is in `_scheduler`; starting programs is the standard library's.

The kernel keeps the status of a child that has ended until somebody asks for it with
waitpid(2), and gives it out once. So a coroutine waits in two steps. It waits for the *end*,
which takes nothing away and which any number may do at once: on a descriptor of the process
(pidfd_open(2)), which becomes readable then; this needs no SIGCHLD. Then it asks for the
*status* without waiting (WNOHANG), and notes it for the others who wait for that child. An
interrupt strikes only in the first step, so it can lose no status.

A pidfd tells of one child's end and of nothing else. For a wait for any of several, for a stop
(WUNTRACED) or without a pidfd, waitid(2) waits in a real thread, with WNOWAIT, so that it takes
nothing away either. Nothing can stop it there: if all who wait are interrupted, it stays for
the next who wait for the same.

wait4(2) tells all that waitpid(2) and wait3(2) do, so it alone is asked. waitid(2) tells it in
other words and can leave the status where it is; one that it takes is gone for the others, as it
would be if another process could ask.
"""

import contextlib
import operator
import os
from _thread import RLock
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakValueDictionary

from coro._scheduler import coro, scheduler
from coro._threads._real_threads import RealThreads

_READ = 1  # coro.interface, which needs more than this, calls it READ

_WAIT_STATUS = tuple[int, int, Any]  # process id, status, resources used

# The real ones, whatever is emulated later.
_wait4 = os.wait4
_waitid = os.waitid
_pidfd_open: Callable[[int], int] | None = getattr(os, "pidfd_open", None)  # Linux

# So many that nothing waits for a thread in practice: one is needed for each child, or group of
# children, that coroutines wait for.
_threads = RealThreads(1000)


class _Child:
    """What those know together who wait for one child."""

    __slots__ = ("status", "waiters")

    def __init__(self) -> None:
        self.status: _WAIT_STATUS | None = None
        self.waiters = 0


_children: dict[int, _Child] = {}
"""Children that somebody waits for and that have not ended, by process id."""

_watches: WeakValueDictionary[tuple[int, int, int], coro] = WeakValueDictionary()
"""Coroutines whose real threads wait, by the arguments of waitid(2)."""

# While it is held a status passes from the kernel to `_children`: nobody may ask for it then.
# It can be taken again, because a handler of a signal may run in between.
_asking = RLock()


def waitpid(pid: int, options: int = 0) -> tuple[int, int]:
    """Wait for a child process, while other coroutines run; like `os.waitpid`.

    Several coroutines, of any OS threads, may wait for one child: all get its status. One
    whom somebody else asked about, as `subprocess.Popen.poll` or another `os.waitpid` may do,
    is gone for those who wait here, as it would be for another `os.waitpid`.

    Args:
        pid: the process id of a child; -1 for any child, 0 for any of the caller's process
            group, less than -1 for any of the group ``-pid``.
        options: the sum of `os.WNOHANG`, `os.WUNTRACED` and `os.WCONTINUED`.

    Returns:
        ``(pid, status)``, where `os.waitstatus_to_exitcode` explains the status; ``(0, 0)``
        with WNOHANG if there is nothing to tell yet.

    Raises:
        ChildProcessError: there is no such child.
        OSError: as waitpid(2).
        TypeError, OverflowError: `pid` or `options` is no int, or too large for the system.
    """
    return wait4(pid, options)[:2]


def wait4(pid: int, options: int = 0) -> tuple[int, int, Any]:
    """Wait for a child process and what it used, while other coroutines run; like `os.wait4`.

    Args:
        pid, options: as for `waitpid`.

    Returns:
        ``(pid, status, resources)``, the last as `resource.getrusage` explains it.

    Raises:
        as `waitpid`.
    """
    pid, options = _integer("pid", pid), _integer("options", options)
    with _waiting_for(pid) as child:
        told = _ask(pid, options, child)
        if told[0] or options & os.WNOHANG:
            return told
        if pid > 0 and not options:
            with _pidfd(pid) as ends:
                # Only a child that has not been asked about until now is sure to be this one.
                if ends is not None and not (told := _ask(pid, options, child))[0]:
                    scheduler().wait_for_descriptor(ends, _READ)
        while not (told := _ask(pid, options, child))[0]:
            _wait_in_thread(*_as_for_waitid(pid, options))
        return told


def waitid(idtype: int, id: int, options: int) -> os.waitid_result | None:
    """Wait for a child process, while other coroutines run; like `os.waitid`.

    Args:
        idtype: what `id` is: `os.P_PID`, `os.P_PGID`, `os.P_ALL` or, on Linux, `os.P_PIDFD`.
        id: of a child, of a process group, anything, or a descriptor of a child.
        options: the sum of `os.WEXITED`, `os.WSTOPPED`, `os.WCONTINUED`, `os.WNOWAIT`,
            `os.WNOHANG`.

    Returns:
        what there is to tell; None with WNOHANG if there is nothing yet.

    Raises:
        ChildProcessError: there is no such child.
        OSError: as waitid(2).
        TypeError, OverflowError: something is no int, or too large for the system.
    """
    while (told := _waitid(idtype, id, options | os.WNOHANG)) is None and not options & os.WNOHANG:
        if idtype == os.P_PID and options & ~os.WNOWAIT == os.WEXITED:
            with _pidfd(id) as ends:
                if ends is not None:
                    if _waitid(idtype, id, options | os.WNOHANG | os.WNOWAIT) is None:
                        scheduler().wait_for_descriptor(ends, _READ)
                    continue
        _wait_in_thread(idtype, id, options | os.WNOWAIT)
    return told


def fork() -> int:
    """Make a copy of the process in which only the calling coroutine goes on; as `os.fork`.

    In the child the caller is the main coroutine, of a scheduler that has nothing else: no
    other coroutine, no timer but those of the caller's own time limits, no watched descriptor.
    What other coroutines of the parent held, such as locks, stays held for ever. If the caller
    is not the parent's main coroutine, the child ends when the caller's function does.

    Returns:
        0 in the child, the child's process id in the parent, for `waitpid`.

    Raises:
        OSError: as fork(2).
    """
    return os.fork()


def _integer(name: str, value: object) -> int:
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an int, not {type(value).__name__}") from None


@contextlib.contextmanager
def _waiting_for(pid: int) -> Iterator[_Child]:
    """Whoever waits for the same child meanwhile shares its status."""
    with _asking:
        child = _children.setdefault(pid, _Child()) if pid > 0 else _Child()
        child.waiters += 1
    try:
        yield child
    finally:
        with _asking:
            child.waiters -= 1
            if not child.waiters and _children.get(pid) is child:
                del _children[pid]


def _ask(pid: int, options: int, child: _Child) -> _WAIT_STATUS:
    """What there is to tell, as `os.wait4` with WNOHANG."""
    with _asking:
        if child.status is not None:
            return child.status
        told = _wait4(pid, options | os.WNOHANG)
        if told[0] and (os.WIFEXITED(told[1]) or os.WIFSIGNALED(told[1])):
            # The system may give the number to another process from now on.
            ended = _children.pop(told[0], None)
            if ended is not None:
                ended.status = told
        return told


@contextlib.contextmanager
def _pidfd(pid: int) -> Iterator[int | None]:
    """A descriptor that becomes readable when the process ends; None if there can be none."""
    if _pidfd_open is None:
        yield None
        return
    try:
        descriptor = _pidfd_open(pid)
    except OSError:  # an old kernel; no room for one more
        yield None
        return
    try:
        yield descriptor
    finally:
        scheduler().forget_descriptor(descriptor, stays_open=False)
        os.close(descriptor)


def _as_for_waitid(pid: int, options: int) -> tuple[int, int, int]:
    if pid > 0:
        kind, of = os.P_PID, pid
    elif pid == -1:
        kind, of = os.P_ALL, 0
    else:
        kind, of = os.P_PGID, -pid or os.getpgrp()
    flags = os.WEXITED | os.WNOWAIT
    flags |= os.WSTOPPED if options & os.WUNTRACED else 0
    flags |= os.WCONTINUED if options & os.WCONTINUED else 0
    return kind, of, flags


def _wait_in_thread(kind: int, of: int, flags: int) -> None:
    """Until there may be something to tell."""
    key = kind, of, flags
    watch = _watches.get(key)
    if watch is None or watch.dead:
        watch = _watches[key] = scheduler().spawn(_watch, key, thread_name=f"waitid({kind}, {of})")
    watch.join()
    if watch.failure is None and (error := watch.result()) is not None:
        raise error


def _watch(key: tuple[int, int, int]) -> Exception | None:
    """A coroutine: waits in a real thread, for all who `_wait_in_thread` for the same."""
    try:
        _threads.call("a child process", _waitid, *key)
    except ChildProcessError:
        pass  # who asks for the status will be told so
    except Exception as error:
        return error
    return None


def _after_fork_in_child() -> None:
    """The children are the parent's, and so are those who wait for them."""
    global _asking
    _asking = RLock()
    _children.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
