"""`asyncio`: an event loop in each coroutine."""

import asyncio
import contextvars
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest

import coro


def threads(number: int, function: Callable[[int], object]) -> list[threading.Thread]:
    """Start threads that call ``function(0)``, ``function(1)``, ..."""
    made = [threading.Thread(target=function, args=(n,)) for n in range(number)]
    for thread in made:
        thread.start()
    return made


def no_loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio._get_running_loop() is None
    return False


async def count(to: int) -> AsyncIterator[int]:
    for n in range(to):
        await asyncio.sleep(0)
        yield n


def test_many_loops_at_once(both: str) -> None:
    done = []

    async def work(n: int) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        time.sleep(0.001)  # blocks the loop, and nobody else
        assert asyncio.get_running_loop() is loop
        assert asyncio.current_task() is task
        assert [n async for n in count(3)] == [0, 1, 2]
        assert await asyncio.to_thread(threading.get_ident) != threading.get_ident()
        await asyncio.gather(*(asyncio.sleep(0.001) for _ in range(3)))
        done.append(n)

    started = threads(20, lambda n: asyncio.run(work(n)))
    asyncio.run(work(20))
    for thread in started:
        thread.join()
    assert sorted(done) == list(range(21))


def test_who_runs_during_a_blocking_call_sees_no_loop(both: str) -> None:
    seen = []
    inside, looked = threading.Event(), threading.Event()

    def look(n: int) -> None:
        inside.wait()
        seen.extend([no_loop_runs(), sys.get_asyncgen_hooks().firstiter, sys.get_coroutine_origin_tracking_depth()])
        asyncio.run(asyncio.sleep(0))
        looked.set()

    async def block() -> None:
        inside.set()
        looked.wait()
        seen.append(sys.get_asyncgen_hooks().firstiter is not None)
        seen.append(sys.get_coroutine_origin_tracking_depth() > 0)

    (thread,) = threads(1, look)
    asyncio.run(block(), debug=True)
    thread.join()
    assert seen == [True, None, 0, True, True]
    assert no_loop_runs()


def test_a_thread_that_a_task_starts_sees_no_loop(both: str) -> None:
    seen = []

    async def start() -> None:
        for thread in threads(1, lambda n: seen.append(no_loop_runs())):
            thread.join()

    asyncio.run(start())
    assert seen == [True]


@pytest.mark.filterwarnings("ignore:.*policy:DeprecationWarning")  # 3.14 deprecates policies
def test_the_loop_that_is_set_is_a_threads_own(both: str) -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    seen = []

    def look(n: int) -> None:
        policy_local = asyncio.events.get_event_loop_policy()._local  # type: ignore[attr-defined]
        seen.append(policy_local._loop)

    for thread in threads(1, look):
        thread.join()
    assert asyncio.get_event_loop_policy()._local._loop is loop  # type: ignore[attr-defined]
    asyncio.set_event_loop(None)
    loop.close()
    assert seen == [None]


def test_a_running_loop_cannot_be_run_again(both: str) -> None:
    async def nested() -> None:
        with pytest.raises(RuntimeError, match="cannot be called from a running event loop"):
            asyncio.run(inner)

    inner = asyncio.sleep(0)
    asyncio.run(nested())
    inner.close()


def test_waking_a_loop_from_another_thread(both: str) -> None:
    variable = contextvars.ContextVar("variable", default=0)

    async def wait() -> int:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        variable.set(7)
        started = threads(1, lambda n: loop.call_soon_threadsafe(future.set_result, variable.get()))
        result = await future
        for thread in started:
            thread.join()
        return int(result)

    assert asyncio.run(wait()) == 0


def test_a_loop_in_a_coroutine_that_is_shut_down(emulated: None) -> None:
    begun = threading.Event()

    async def sleep() -> None:
        begun.set()
        await asyncio.sleep(3600)

    co = coro.spawn(asyncio.run, sleep())
    begun.wait()
    co.shutdown()
    co.join()
    assert no_loop_runs()


def test_a_task_that_blocks_is_the_current_one_again(both: str) -> None:
    """From Python 3.14 on the current task is kept for the OS thread."""
    order = []

    async def step(name: str) -> None:
        time.sleep(0.001)
        task = asyncio.current_task()
        assert task is not None
        assert task.get_name() == name
        await asyncio.sleep(0)
        order.append(name)

    async def steps(n: int) -> None:
        await asyncio.gather(*(asyncio.create_task(step(f"{n}-{k}"), name=f"{n}-{k}") for k in range(3)))
        assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    for thread in threads(5, lambda n: asyncio.run(steps(n))):
        thread.join()
    assert len(order) == 15


def test_asyncio_imported_after_the_emulation(run_program: Callable[[str], str]) -> None:
    assert (
        run_program(
            """
        import coro, sys
        coro.install_thread_emulation()
        print("asyncio" in sys.modules, "_multiprocessing" in sys.modules)
        import asyncio, threading, time
        async def work():
            time.sleep(0.01)
            await asyncio.sleep(0.01)
        threads = [threading.Thread(target=asyncio.run, args=(work(),)) for _ in range(5)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(coro.is_object_patched("asyncio", "_set_running_loop"), asyncio.__spec__.loader is asyncio.__loader__)
        coro.uninstall_thread_emulation()
        print(coro.is_object_patched("asyncio", "_set_running_loop"))
        """
        )
        == "False False\nTrue True\nFalse\n"
    )


def test_a_forked_child_runs_a_loop_of_its_own(run_program: Callable[[str], str]) -> None:
    assert (
        run_program(
            """
        import asyncio, coro, os, threading, warnings
        coro.install_thread_emulation()
        warnings.simplefilter("ignore")
        ready = threading.Event()
        async def wait():
            ready.set()
            await asyncio.sleep(3600)
        threading.Thread(target=asyncio.run, args=(wait(),), daemon=True).start()
        ready.wait()
        async def child():
            await asyncio.sleep(0.001)
            os.write(1, b"child\\n")
        if not (pid := os.fork()):
            asyncio.run(child())
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        """
        )
        == "child\n"
    )
