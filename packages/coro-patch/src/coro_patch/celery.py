"""celery's tasks in coroutines: a pool for its worker.

What belongs here: `TaskPool`, and what a task of it is told from outside. A worker takes it by

    CELERY_CUSTOM_WORKER_POOL=coro_patch.celery:TaskPool celery -A app worker -P custom -c 200

Celery imports the pool that ``-P`` names before anything else, and importing this module installs
the emulation. Where it comes later, because the setting ``worker_pool`` names the pool, the program
calls `coro.install_thread_emulation` first; this module warns if it has not.

The worker runs as it does with processes: one loop in the main coroutine, kombu's own on the emulated
poll, reads from the broker, answers remote control, sends heartbeats and acknowledges. A task is a
coroutine beside it. So what the loop does it does at once, however many tasks wait, and nobody
but the loop writes to the broker's connection. How many tasks run is counted by the semaphore that the
worker has for its processes: a task that has to wait for its turn can still be revoked. Transports
without a loop (SQS, a database, files) have a consumer that blocks; then it waits until there is room.

A time limit, and ``revoke(terminate=True)``, strike where a task waits, as every interrupt of a
coroutine does. A task that only computes is not interrupted, and holds up all others.
"""

import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import coro
from coro.interface import scheduler
from coro_patch._foundation._identity import act_for_main
from coro_patch._installing import _install

if "celery.app" in sys.modules and not _install.is_module_patched("threading"):
    warnings.warn(
        "celery and the program were imported before the emulation was installed, which does not reach all they keep: "
        "call coro.install_thread_emulation() first, or name the pool by CELERY_CUSTOM_WORKER_POOL and -P custom",
        RuntimeWarning,
        stacklevel=2,
    )
_install.install()

import kombu  # noqa: E402 - they are to be imported under the emulation
from billiard.einfo import ExceptionInfo  # noqa: E402
from billiard.exceptions import SoftTimeLimitExceeded, WorkerLostError  # noqa: E402
from celery import platforms  # noqa: E402
from celery.concurrency import prefork  # noqa: E402
from celery.concurrency.base import BasePool  # noqa: E402
from celery.utils import timer2  # noqa: E402
from celery.utils.log import get_logger  # noqa: E402

__all__ = ["TaskPool", "Timer"]

logger = get_logger("celery.pool")

#: Seconds. Who swallows the end of his time is told again so often.
_INSISTENCE = 1.0
#: Seconds. How long tasks may take to leave when the worker is told to end at once, and how often
#: a worker that waits for its tasks looks after its heartbeats.
_GRACE = 1.0
_TICK = 0.5


class _TaskEnded(coro.Shutdown):
    """The task was told to end, by its hard time limit or by somebody else."""


class _Signals(platforms.Signals):
    """celery's handlers of signals, in coroutines of their own.

    They end tasks and wait for them, and one of these may be what a signal has interrupted.
    """

    def __setitem__(self, name: str, handler: Any) -> None:
        def start(number: int, frame: Any) -> None:
            coro.spawn(handle, number, frame, thread_name=f"celery {name}")

        def handle(number: int, frame: Any) -> None:
            main = scheduler().main
            try:
                act_for_main(handler, number, frame)
            except BaseException as error:
                main.raise_exception(error)

        super().__setitem__(name, start if callable(handler) else handler)


platforms.signals = _Signals()


class _Schedule(timer2.Schedule):
    def apply_entry(self, entry: Any) -> None:
        # It may wait, for room in the pool for instance, and the next one shall not.
        coro.spawn(super().apply_entry, entry, thread_name="celery timer")


class Timer(timer2.Timer):
    """The timer of a worker without an event loop: each entry runs in a coroutine of its own."""

    Schedule = _Schedule


class TaskPool(BasePool):
    """Runs each task in a coroutine; at most so many as ``-c`` says.

    Its options are those that the worker gives to a pool of processes: `timeout` and `soft_timeout`
    are the time limits of tasks that have none of their own, in seconds; `semaphore` counts the
    places, if the worker has an event loop, which the option `threads` denies.
    """

    Timer = Timer
    limit: int

    uses_semaphore = True
    #: Shutting down waits, and the handler of a signal may: it has a coroutine of its own.
    signal_safe = True
    #: ``get()`` in a task waits in its coroutine only. Tasks that wait for others need room for those.
    task_join_will_block = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.timeout: float | None = self.options.get("timeout")
        self.soft_timeout: float | None = self.options.get("soft_timeout")
        #: What a green pool gets is remote control in a coroutine of its own, over a connection of
        #: its own that is looked at every second. An event loop needs no such thing.
        self.is_green = bool(self.options.get("threads", True))
        self._semaphore = None if self.is_green else self.options.get("semaphore")
        self._hub: Any = None
        self._waker: _Waker | None = None
        self._jobs: dict[int, _Job] = {}
        self._leaving = coro.condition_variable()

    # --- what the worker calls --------------------------------------------------------

    def register_with_event_loop(self, loop: Any) -> None:
        """The worker's event loop begins, for the first time or once more."""
        self._hub = loop
        if kombu.VERSION < (5, 7):
            self._waker = self._waker or _Waker()
            self._waker.watch(loop)

    def on_apply(
        self,
        target: Callable[..., Any],
        args: Any = (),
        kwargs: Any = None,
        *,
        timeout: float | None = None,
        soft_timeout: float | None = None,
        waitforslot: bool = False,
        correlation_id: str | None = None,
        **callbacks: Any,
    ) -> "_Job | None":
        """Start a task; None if the pool is closed."""
        while waitforslot and self.active and len(self._jobs) >= self.limit:
            self._leaving.wait()
        if not self.active:
            return None
        job = _Job(self._leave, target, args or (), kwargs or {}, callbacks)
        job.hard, job.soft = timeout or self.timeout, soft_timeout or self.soft_timeout
        job.coroutine.set_name(f"celery task {correlation_id}" if correlation_id else "celery task")
        self._jobs[job.pid] = job
        job.coroutine.start()
        return job

    def terminate_job(self, pid: int, signal: int | None = None) -> None:
        """End a task. As with processes, SIGUSR1 is its soft time limit.

        Args:
            pid: the number that was given to its `accept_callback`.
        """
        job = self._jobs.get(pid)
        if job is not None:
            job.signal(signal)

    def grow(self, n: int = 1) -> None:
        """Run up to `n` tasks more at a time."""
        self.limit += n
        self._count_anew()
        self._leaving.wake_all()

    def shrink(self, n: int = 1) -> None:
        """Run up to `n` tasks less at a time. Those that run go on."""
        self.limit = max(self.limit - n, 0)
        self._count_anew()

    def flush(self) -> None:
        """The connection is lost, and with it who waited for a place; those who run have theirs."""
        self._count_anew()

    def spawn_n(self, function: Callable[..., Any], *args: Any) -> None:
        """Run something else that belongs to the worker, such as remote control."""
        coro.spawn(function, *args, thread_name=f"celery {getattr(function, '__name__', '')}")

    def on_close(self) -> None:
        self._leaving.wake_all()

    def on_stop(self) -> None:
        """Wait until all tasks have ended. Heartbeats are sent meanwhile, and what is done is acknowledged."""
        while self._jobs:
            with suppress(coro.TimeoutError):
                self._leaving.wait_timeout(_TICK)
            self._tend()
        self._close_waker()

    def on_terminate(self) -> None:
        """End all tasks. What is not acknowledged is for another worker."""
        for job in list(self._jobs.values()):
            job.signal()
        until = time.monotonic() + _GRACE
        while self._jobs and (left := until - time.monotonic()) > 0:
            with suppress(coro.TimeoutError):
                self._leaving.wait_timeout(left)
        self._close_waker()

    def _get_info(self) -> dict[str, Any]:
        return {
            **super()._get_info(),
            "coroutines": len(self._jobs),
            "timeouts": (self.soft_timeout or 0, self.timeout or 0),
        }

    # --- places -----------------------------------------------------------------------

    def _leave(self, job: "_Job") -> None:
        """A task has ended."""
        del self._jobs[job.pid]
        self._leaving.wake_all()
        if self._semaphore is not None and self.active and len(self._jobs) < self.limit:
            self._semaphore.release()  # which starts the next one, if there is one
        if self._waker is not None:
            self._waker.wake()

    def _count_anew(self) -> None:
        """Set the semaphore to how many may start; its own way is not exact while tasks run."""
        if self._semaphore is None:
            return
        self._semaphore.initial_value, self._semaphore.value = self.limit, 0
        for _ in range(self.limit - len(self._jobs)):
            self._semaphore.release()

    # --- the event loop ---------------------------------------------------------------

    def _tend(self) -> None:
        """Do what the event loop would, were it not over: as the pool of processes does it."""
        if self._hub is None:
            return
        try:
            self._hub.fire_timers()
            # From 5.7 on; before, they are acknowledged when the pool has stopped.
            run_acknowledgements = getattr(prefork, "_run_ready_callbacks", None)
            if run_acknowledgements is not None:
                run_acknowledgements(self._hub)
        except Exception:
            logger.warning("The pool waits for its tasks, and the event loop has failed", exc_info=True)

    def _close_waker(self) -> None:
        if self._waker is not None:
            self._waker.close()
            self._waker = None


class _Job:
    """A task in its coroutine.

    Attributes:
        pid: its number.
        soft, hard: its time limits, seconds or None.
    """

    def __init__(
        self,
        leave: Callable[["_Job"], None],
        target: Callable[..., Any],
        args: Any,
        kwargs: Any,
        callbacks: dict[str, Any],
    ) -> None:
        self.coroutine = coro.new(self._run)
        self.pid = self.coroutine.id
        self.soft: float | None = None
        self.hard: float | None = None
        self._leave = leave
        self._target = target
        self._args = args
        self._kwargs = kwargs
        self._callbacks = callbacks
        self._runs = False  # and can be interrupted
        self._told = False  # to end
        self._is_late = False  # its hard limit is over

    def signal(self, number: int | None = None) -> None:
        """Interrupt it where it waits, for good unless it is SIGUSR1."""
        if number == signal.SIGUSR1:
            self._raise(SoftTimeLimitExceeded())
            return
        self._told = True
        self._raise(_TaskEnded("the task was terminated"))

    def terminate(self, signal: int) -> None:
        """For celery, which has called `TaskPool.terminate_job` before."""

    def _raise(self, error: BaseException) -> None:
        # When its work is done, its report is not to be interrupted.
        if self._runs:
            self.coroutine.raise_exception(error)

    def _run(self) -> None:
        try:
            if not self._told:
                self._call_back("accept_callback", self.pid, time.monotonic())
            if not self._told:
                self._report(*self._work())
        except BaseException as error:
            logger.error("Pool callback raised exception: %r", error, exc_info=True)
        finally:
            self._leave(self)

    def _work(self) -> tuple[Any, Any]:
        """Run the task; what it returns, and what was raised if it has failed."""
        limits = coro.spawn(self._watch, thread_name="celery time limit") if self.soft or self.hard else None
        self._runs = True
        try:
            return self._target(*self._args, **self._kwargs), None
        except Exception:
            return None, ExceptionInfo()
        except BaseException as error:
            try:
                raise WorkerLostError(repr(error)) from error
            except WorkerLostError:
                return None, ExceptionInfo()
        finally:
            self._runs = False
            if limits is not None:
                limits.shutdown()

    def _report(self, result: Any, failure: Any) -> None:
        if self._is_late:
            self._call_back("timeout_callback", False, self.hard)
        elif self._told:
            pass  # who has told it to end has reported
        elif failure is not None:
            self._call_back("error_callback", failure)
        else:
            self._call_back("callback", result)

    def _call_back(self, name: str, *args: Any) -> None:
        callback = self._callbacks.get(name)
        if callback is not None:
            callback(*args)

    def _watch(self) -> None:
        """Keep its time limits, in a coroutine beside it that ends with it."""
        passed = 0.0
        if self.soft and (not self.hard or self.soft < self.hard):
            coro.sleep_relative(self.soft)
            passed = self.soft
            self._call_back("timeout_callback", True, self.soft)
            self._raise(SoftTimeLimitExceeded())
        if self.hard:
            coro.sleep_relative(self.hard - passed)
            self._told = self._is_late = True
            while True:
                self._raise(_TaskEnded(f"the task has run for more than {self.hard} seconds"))
                coro.sleep_relative(_INSISTENCE)


class _Waker:
    """Ends the wait of the event loop: before kombu 5.7 it does not see what is added meanwhile."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def watch(self, hub: Any) -> None:
        hub.add_reader(self._reader, self._drain)

    def wake(self) -> None:
        with suppress(BlockingIOError):
            self._writer.send(b"x")

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            self._reader.recv(65536)

    def close(self) -> None:
        self._reader.close()
        self._writer.close()
