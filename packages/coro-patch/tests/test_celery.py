"""celery's pool alone, called as a worker calls it. Workers with a broker are in tests-integration."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import coro

pytest.importorskip("celery", reason="celery is not installed")


class Calls:
    """A task, and what the pool has called of what it was given for it."""

    def __init__(self, work: Callable[[], Any] = lambda: "done") -> None:
        self.work = work
        self.pid = 0
        self.reported: list[Any] = []

    def accept(self, pid: int, when: float) -> None:
        assert when <= time.monotonic()
        self.pid = pid

    def fail(self, info: Any) -> None:
        # billiard puts an exception into one that has its traceback as text.
        self.reported.append(repr(getattr(info.exception, "exc", info.exception)))

    def arguments(self, **more: Any) -> dict[str, Any]:
        return {
            "target": self.work,
            "accept_callback": self.accept,
            "callback": lambda result: self.reported.append(result),
            "error_callback": self.fail,
            "timeout_callback": lambda soft, seconds: self.reported.append((soft, seconds)),
            **more,
        }


def sleep_long(left: list[int]) -> None:
    """A task that is ended from outside, and notes that it is."""
    try:
        time.sleep(1000)
    finally:
        left.append(1)


@pytest.fixture
def celery(emulated: None) -> Any:
    """The module. To import it installs the emulation, so it is not imported above."""
    import coro_patch.celery

    return coro_patch.celery


@pytest.fixture
def new_pool(celery: Any) -> Iterator[Callable[..., Any]]:
    """Starts pools, which are ended after the test."""
    pools = []

    def new(limit: int = 10, **options: Any) -> Any:
        pool = celery.TaskPool(limit, **options)
        pool.start()
        pools.append(pool)
        return pool

    yield new
    for pool in pools:
        pool.terminate()
        assert pool._get_info()["coroutines"] == 0


@pytest.fixture
def pool(virtual: None, new_pool: Callable[..., Any]) -> Any:
    """A pool; its time passes by jumps."""
    return new_pool()


class TestTask:
    def test_is_accepted_and_reports_what_it_returns(self, pool: Any) -> None:
        calls = Calls()
        job = pool.apply_async(**calls.arguments())
        assert calls.reported == []
        job.coroutine.join()
        assert calls.reported == ["done"]
        assert calls.pid == job.pid

    def test_takes_arguments(self, pool: Any) -> None:
        results: list[Any] = []
        pool.apply_async(lambda *args, **named: (args, named), (1, 2), {"three": 3}, callback=results.append)
        pool.stop()
        assert results == [((1, 2), {"three": 3})]

    def test_needs_no_callbacks(self, pool: Any) -> None:
        ran = []
        pool.apply_async(lambda: ran.append(1))
        pool.stop()
        assert ran == [1]

    @pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt, coro.Shutdown])
    def test_that_fails_is_reported(self, kind: type[BaseException], pool: Any) -> None:
        def fail() -> None:
            raise kind("no")

        calls = Calls(fail)
        pool.apply_async(**calls.arguments())
        pool.stop()
        reported = f"{kind.__name__}('no')"
        assert calls.reported == [reported if issubclass(kind, Exception) else f'WorkerLostError("{reported}")']

    def test_whose_report_fails_gives_its_place_back(self, pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(result: Any) -> None:
            raise OSError("no broker")

        logged: list[str] = []
        # Not by caplog, which keeps the traceback, and with it the coroutine.
        monkeypatch.setattr(
            sys.modules["coro_patch.celery"].logger, "error", lambda text, *args, **_: logged.append(text % args)
        )
        pool.apply_async(lambda: 1, callback=refuse)
        pool.stop()
        assert logged == ["Pool callback raised exception: OSError('no broker')"]
        assert pool.info["coroutines"] == 0

    def test_a_thousand_wait_together(self, new_pool: Callable[..., Any], virtual: None) -> None:
        pool, results = new_pool(1000), []
        for _ in range(1000):
            pool.apply_async(lambda: coro.sleep_relative(100), callback=results.append)
        begun = coro.now()
        pool.stop()
        assert len(results) == 1000
        assert coro.now() - begun < 101e9


class TestSoftLimit:
    def test_can_be_caught(self, pool: Any) -> None:
        from celery.exceptions import SoftTimeLimitExceeded

        def work() -> str:
            try:
                time.sleep(1000)
            except SoftTimeLimitExceeded:
                time.sleep(1)
                return "caught"
            return "never"

        calls = Calls(work)
        pool.apply_async(**calls.arguments(soft_timeout=2))
        pool.stop()
        assert calls.reported == [(True, 2), "caught"]

    def test_not_caught(self, pool: Any) -> None:
        calls = Calls(lambda: time.sleep(1000))
        pool.apply_async(**calls.arguments(soft_timeout=2))
        pool.stop()
        assert calls.reported == [(True, 2), "SoftTimeLimitExceeded()"]

    def test_does_not_strike_who_is_in_time(self, pool: Any) -> None:
        calls = Calls(lambda: time.sleep(1))
        pool.apply_async(**calls.arguments(soft_timeout=2, timeout=3))
        pool.stop()
        assert calls.reported == [None]

    def test_does_not_strike_who_reports(self, pool: Any) -> None:
        calls = Calls()

        def report(result: Any) -> None:
            time.sleep(1000)
            calls.reported.append(result)

        pool.apply_async(**calls.arguments(soft_timeout=2, timeout=3, callback=report))
        pool.stop()
        assert calls.reported == ["done"]

    def test_then_the_hard_one(self, pool: Any) -> None:
        def work() -> None:
            for _ in range(2):
                try:
                    time.sleep(1000)
                except Exception:
                    caught.append(coro.now() - begun)

        caught: list[int] = []
        calls, begun = Calls(work), coro.now()
        pool.apply_async(**calls.arguments(soft_timeout=2, timeout=5))
        pool.stop()
        assert calls.reported == [(True, 2), (False, 5)]
        assert [round(each / 1e9) for each in caught] == [2]
        assert round((coro.now() - begun) / 1e9) == 5


class TestHardLimit:
    def test_ends_the_task(self, pool: Any) -> None:
        left: list[int] = []
        calls = Calls(lambda: sleep_long(left))
        pool.apply_async(**calls.arguments(timeout=2))
        pool.stop()
        assert calls.reported == [(False, 2)]
        assert left == [1]

    def test_is_told_again_to_who_does_not_listen(self, pool: Any) -> None:
        def work() -> None:
            for _ in range(5):
                with contextlib.suppress(BaseException):
                    time.sleep(1000)

        calls, begun = Calls(work), coro.now()
        pool.apply_async(**calls.arguments(timeout=2))
        pool.stop()
        assert calls.reported == [(False, 2)]
        assert coro.now() - begun < 10e9

    def test_of_the_worker(self, new_pool: Callable[..., Any], virtual: None) -> None:
        pool = new_pool(timeout=7, soft_timeout=5)
        default, own = Calls(lambda: time.sleep(1000)), Calls(lambda: time.sleep(1000))
        pool.apply_async(**default.arguments(timeout=None, soft_timeout=None))
        pool.apply_async(**own.arguments(timeout=3, soft_timeout=None))
        pool.stop()
        assert default.reported[0] == (True, 5)
        assert own.reported == [(False, 3)]
        assert pool.info["timeouts"] == (5, 7)

    def test_does_not_strike_who_only_computes(self, new_pool: Callable[..., Any]) -> None:
        def work() -> str:
            until = time.monotonic() + 0.03
            while time.monotonic() < until:
                pass
            return "done"

        pool, calls = new_pool(), Calls(work)
        pool.apply_async(**calls.arguments(timeout=0.01, soft_timeout=0.005))
        pool.stop()
        assert calls.reported == ["done"]


class TestTerminating:
    def test_ends_the_task_and_reports_nothing(self, pool: Any) -> None:
        left: list[int] = []
        calls = Calls(lambda: sleep_long(left))
        job = pool.apply_async(**calls.arguments())
        coro.yield_slice()
        pool.terminate_job(calls.pid, signal.SIGTERM)
        job.terminate(signal.SIGTERM)
        pool.stop()
        assert left == [1]
        assert calls.reported == []

    def test_by_the_signal_of_the_soft_limit(self, pool: Any) -> None:
        calls = Calls(lambda: time.sleep(1000))
        pool.apply_async(**calls.arguments())
        coro.yield_slice()
        pool.terminate_job(calls.pid, signal.SIGUSR1)
        pool.stop()
        assert calls.reported == ["SoftTimeLimitExceeded()"]

    def test_when_it_is_accepted(self, pool: Any) -> None:
        """A task that is revoked before it starts is terminated as soon as it has a number."""
        calls = Calls()
        pool.apply_async(
            **calls.arguments(
                accept_callback=lambda pid, when: pool.terminate_job(pid, signal.SIGTERM), target=pytest.fail
            )
        )
        pool.stop()
        assert calls.reported == []

    def test_by_a_signal_that_interrupts_it(self, pool: Any) -> None:
        """celery ends tasks in handlers of signals, and a handler runs in whoever runs."""
        from celery import platforms

        def work() -> None:
            os.kill(os.getpid(), signal.SIGUSR2)
            time.sleep(1000)

        before = platforms.signals["SIGUSR2"]
        platforms.signals["SIGUSR2"] = lambda *args: pool.terminate_job(calls.pid, signal.SIGTERM)
        calls = Calls(work)
        pool.apply_async(**calls.arguments())
        pool.stop()
        platforms.signals["SIGUSR2"] = before
        assert calls.reported == []

    def test_one_that_has_ended(self, pool: Any) -> None:
        calls = Calls()
        pool.apply_async(**calls.arguments())
        pool.stop()
        pool.terminate_job(calls.pid, signal.SIGTERM)
        assert calls.reported == ["done"]


class TestStopping:
    def test_waits_for_those_that_run(self, pool: Any) -> None:
        calls = Calls(lambda: time.sleep(1000))
        pool.apply_async(**calls.arguments())
        pool.close()
        pool.stop()
        assert calls.reported == [None]

    def test_nothing_starts_after_it(self, pool: Any) -> None:
        pool.close()
        assert pool.apply_async(pytest.fail) is None
        pool.stop()

    def test_at_once(self, pool: Any) -> None:
        running, new = Calls(lambda: time.sleep(1000)), Calls()
        pool.apply_async(**running.arguments())
        coro.yield_slice()
        pool.apply_async(**new.arguments())
        pool.terminate()
        assert running.reported == new.reported == []
        assert new.pid == 0

    def test_the_timers_of_the_event_loop_go_on(self, pool: Any) -> None:
        from kombu.asynchronous import Hub

        hub = Hub()
        pool.register_with_event_loop(hub)
        beats: list[int] = []
        hub.call_repeatedly(2, beats.append, 1)
        pool.apply_async(time.sleep, (11,))
        # The hub has a clock of its own, which does not jump.
        fired, hub.fire_timers = [], lambda: fired.append(1)
        pool.stop()
        assert len(fired) >= 20
        hub.close()


class TestPlaces:
    def test_a_consumer_that_blocks_waits_for_one(self, new_pool: Callable[..., Any], virtual: None) -> None:
        pool = new_pool(2, threads=True)
        begun = coro.now()
        for _ in range(6):
            pool.apply_async(time.sleep, (10,))
            assert pool.info["coroutines"] <= 2
        assert round((coro.now() - begun) / 1e9) == 20
        pool.stop()

    def test_who_waits_for_one_when_the_pool_closes_gets_none(self, new_pool: Callable[..., Any]) -> None:
        pool = new_pool(1)
        gate = coro.event()
        pool.apply_async(gate.wait)
        waiting = coro.spawn(pool.apply_async, pytest.fail)
        coro.yield_slice()
        pool.close()
        waiting.join()
        assert waiting.result() is None
        gate.set()
        pool.stop()

    def test_an_event_loop_does_not_wait(self, new_pool: Callable[..., Any]) -> None:
        """What has to wait for a place is with the worker's semaphore."""
        from kombu.asynchronous.semaphore import LaxBoundedSemaphore

        semaphore = LaxBoundedSemaphore(2)
        pool = new_pool(2, threads=False, putlocks=False, semaphore=semaphore)
        gates = [coro.event() for _ in range(6)]
        started: list[int] = []

        def work(number: int) -> None:
            started.append(number)
            gates[number].wait()

        def end(number: int) -> None:
            gates[number].set()
            settle()

        def settle() -> None:
            for _ in range(5):
                coro.yield_slice()

        for number in range(6):
            semaphore.acquire(pool.apply_async, work, (number,))
        settle()
        assert started == [0, 1]
        end(0)
        assert started == [0, 1, 2]
        pool.shrink(1)
        end(1)  # one is too many: 2 runs alone
        assert started == [0, 1, 2]
        pool.grow(1)
        settle()
        assert started == [0, 1, 2, 3]
        assert pool.num_processes == 2
        semaphore.clear()  # the connection is lost; 4 and 5 will come again
        pool.flush()
        semaphore.acquire(pool.apply_async, work, (4,))
        settle()
        assert started == [0, 1, 2, 3]
        end(2)
        assert started == [0, 1, 2, 3, 4]
        pool.close()
        semaphore.acquire(pool.apply_async, work, (5,))
        end(3)
        end(4)
        assert started == [0, 1, 2, 3, 4]
        pool.stop()


class TestTimer:
    @pytest.fixture
    def timer(self, virtual: None, celery: Any) -> Iterator[Any]:
        timer = celery.Timer(max_interval=0.01)
        yield timer
        timer.stop()

    def test_an_entry_that_waits_does_not_hold_up_the_next(self, timer: Any) -> None:
        gate, passed = coro.event(), coro.event()
        timer.call_after(0.001, gate.wait)
        timer.call_after(0.002, passed.set)
        assert passed.wait(10)
        gate.set()

    def test_again_and_again_until_it_is_cancelled(self, timer: Any) -> None:
        calls: list[int] = []
        thrice = coro.event()

        def call() -> None:
            calls.append(1)
            if len(calls) == 3:
                entry.cancel()
                thrice.set()

        entry = timer.call_repeatedly(0.001, call)
        assert thrice.wait(10)
        timer.stop()
        assert len(calls) == 3


def test_a_worker_without_an_event_loop(celery: Any) -> None:
    """Its consumer blocks, and remote control has a coroutine of its own."""
    from celery import Celery
    from celery.contrib.testing.worker import start_worker

    app = Celery("coro-patch", broker="memory://", backend="cache+memory://")
    app.conf.update(worker_hijack_root_logger=False, broker_transport_options={"polling_interval": 0.01})

    @app.task
    def add(first: int, second: int) -> int:
        time.sleep(0.01)
        return first + second

    with start_worker(app, pool=celery.TaskPool, concurrency=3, perform_ping_check=False, shutdown_timeout=30):
        results = [add.apply_async((number, 1)) for number in range(10)]
        assert [each.get(timeout=30) for each in results] == list(range(1, 11))
        delayed = add.apply_async((1, 2), countdown=0.05)
        assert delayed.get(timeout=30) == 3
        [answer] = app.control.ping(timeout=0.1, limit=1)
        assert list(answer.values()) == [{"ok": "pong"}]
    app.close()


def test_coro_patch_does_without_celery(run_program: Callable[[str], str]) -> None:
    assert run_program("import sys, coro_patch; print('celery' in sys.modules)") == "False\n"


def test_the_emulation_is_there_before_the_program(run_program: Callable[[str], str]) -> None:
    """As `celery worker -P custom` begins."""
    told = run_program("""
        import celery, os, sys
        os.environ["CELERY_CUSTOM_WORKER_POOL"] = "coro_patch.celery:TaskPool"
        celery.maybe_patch_concurrency(["celery", "-A", "app", "worker", "-P", "custom"])
        import coro_patch
        print(coro_patch.is_module_patched("threading"), "celery.app.base" in sys.modules)
    """)
    assert told.split()[0] == "True"


def test_who_imports_it_too_late_is_told(run_program: Callable[[str], str]) -> None:
    told = run_program("""
        from celery import Celery
        Celery("app")
        try:
            import coro_patch.celery
        except RuntimeWarning as warning:
            print(warning)
    """)
    assert "call coro.install_thread_emulation() first" in told


def test_late_is_no_matter_where_the_program_has_installed_it(run_program: Callable[[str], str]) -> None:
    told = run_program("""
        import coro
        coro.install_thread_emulation()
        from celery import Celery
        Celery("app")
        import coro_patch.celery
        print("fine")
    """)
    assert told == "fine\n"
