"""Where the socket of a process is.

What belongs here: the paths, for the one who makes the socket and for those who look for it, and
what makes the folder private.

A process puts its socket into the user's folder for such things (``XDG_RUNTIME_DIR``), or into
one below ``/tmp`` if there is none. Not below ``TMPDIR``: who looks would have to know what that
is for the other. It may be another for the two even so: services, ``sudo`` and cron have
environments of their own, and containers and some services a ``/tmp`` of their own, in which the
process may also have another number. Who looks therefore tries all of them, the process's own
view of the file system (``/proc/PID/root``) last.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

RUNTIME = "XDG_RUNTIME_DIR"
FALLBACK = "/tmp"
FOLDER = "coro"


def folders_to_serve_in() -> Iterator[str]:
    """Where this process may put its socket, the best one first."""
    runtime = os.environ.get(RUNTIME, "")
    if os.path.isabs(runtime) and _is_ours(runtime):
        yield os.path.join(runtime, FOLDER)
    yield _fallback(os.geteuid())


def make_private(folder: str) -> None:
    """Make a folder that nobody else can enter, or make sure that it is one.

    Raises:
        OSError: it cannot be made, or is there and is not private: a link, somebody else's, or
            open to others.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    check_private(folder)


def check_private(folder: str) -> None:
    """Make sure that a folder is ours, and ours alone.

    Raises:
        OSError: it is not.
    """
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "the folder for inspection is no folder", folder)
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "the folder for inspection belongs to or is open to others", folder)


def places(pid: int) -> Iterator[str]:
    """The paths that the socket of a process may have, the likely ones first. Each once."""
    uid = owner(pid)
    folders = [os.path.join(runtime, FOLDER) for runtime in _runtimes(pid, uid)] + [_fallback(uid)]
    seen = set()
    for root in ("", f"/proc/{pid}/root"):
        for number in (pid, number_inside(pid)):
            for folder in folders:
                path = f"{root}{folder}/{number}"
                if path not in seen:
                    seen.add(path)
                    yield path


def folders_to_look_in() -> list[str]:
    """Where the sockets of this user's processes are."""
    uid = os.geteuid()
    runtimes = [os.environ.get(RUNTIME, ""), f"/run/user/{uid}"]
    return list(dict.fromkeys([*(os.path.join(each, FOLDER) for each in runtimes if each), _fallback(uid)]))


def owner(pid: int) -> int:
    """The effective user of a process; our own if that cannot be known.

    Not the owner of its folder in /proc, which is root's while the process keeps secrets.
    """
    fields = status(pid, "Uid")
    return int(fields[1]) if len(fields) > 1 else os.geteuid()


def number_inside(pid: int) -> int:
    """The number by which a process knows itself: in a container it has one of its own."""
    numbers = status(pid, "NSpid")
    return int(numbers[-1]) if numbers else pid


def status(pid: int, field: str) -> list[str]:
    """A field of /proc/PID/status, cut into words; none if it cannot be had."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name == field:
                return value.split()
    return []


def environment(pid: int) -> dict[str, str]:
    """The environment that a process was started with; empty if it cannot be had."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
        pairs = (os.fsdecode(entry).partition("=") for entry in file.read().split(b"\0") if entry)
        return {name: value for name, _, value in pairs}
    return {}


def _runtimes(pid: int, uid: int) -> Iterator[str]:
    for folder in (environment(pid).get(RUNTIME, ""), os.environ.get(RUNTIME, ""), f"/run/user/{uid}"):
        if os.path.isabs(folder):
            yield folder


def _fallback(uid: int) -> str:
    return os.path.join(FALLBACK, f"{FOLDER}-{uid}")


def _is_ours(folder: str) -> bool:
    with contextlib.suppress(OSError):
        found = os.stat(folder)
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    return False
