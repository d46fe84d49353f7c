"""httpx and aiohttp under the emulation: an event loop in each thread, all in one OS thread."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from meeting import CLIENTS
from peers import PATIENCE, in_threads, real_threads

pytestmark = pytest.mark.usefixtures("emulated")


def with_httpx(web: str) -> Callable[[str], Any]:
    httpx = pytest.importorskip("httpx", reason="httpx is not installed")

    async def ask(*paths: str) -> list[str]:
        async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False, verify=False) as client:
            return [(await client.get(f"http://{web}{path}")).text for path in paths]

    return ask


def with_aiohttp(web: str) -> Callable[[str], Any]:
    aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed")

    async def ask(*paths: str) -> list[str]:
        answers = []
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            for path in paths:
                async with session.get(f"http://{web}{path}") as answer:
                    answers.append(await answer.text())
        return answers

    return ask


@pytest.fixture(params=[with_httpx, with_aiohttp], ids=["httpx", "aiohttp"])
def ask(request: pytest.FixtureRequest, web: str) -> Callable[..., Any]:
    return request.param(web)


def test_two_hundred_event_loops(ask: Callable[..., Any]) -> None:
    def client(number: int) -> list[str]:
        answers = asyncio.run(ask(f"/first/{number}", f"/together/{number}"))
        assert real_threads() == 1
        return answers

    assert in_threads(CLIENTS, client) == [[f"/first/{n}", f"/together/{n}"] for n in range(CLIENTS)]


def test_two_hundred_tasks_of_one_event_loop(ask: Callable[..., Any]) -> None:
    """The server runs in coroutines of the same OS thread meanwhile."""

    async def main() -> list[list[str]]:
        return await asyncio.gather(*(ask(f"/together/{number}") for number in range(CLIENTS)))

    assert asyncio.run(main()) == [[f"/together/{number}"] for number in range(CLIENTS)]


def test_a_client_that_blocks_in_the_thread_of_an_event_loop(web: str) -> None:
    """It holds up its own event loop, as it would in plain Python, and no other."""
    httpx = pytest.importorskip("httpx", reason="httpx is not installed")

    async def main(number: int) -> str:
        with httpx.Client(timeout=PATIENCE, trust_env=False, verify=False) as client:
            return client.get(f"http://{web}/together/{number}").text

    answers = in_threads(CLIENTS, lambda number: asyncio.run(main(number)))
    assert answers == [f"/together/{number}" for number in range(CLIENTS)]
