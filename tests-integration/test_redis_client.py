"""redis-py under the emulation, against a Redis server."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from peers import PATIENCE, in_threads, real_threads, running_redis

import coro

redis = pytest.importorskip("redis", reason="redis-py is not installed")

pytestmark = pytest.mark.usefixtures("emulated")

CLIENTS = 200


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_redis(tmp_path_factory.mktemp("redis")) as (_, port):
        yield port


@pytest.fixture
def client(port: int) -> Iterator[Any]:
    """A client whose connections all threads share."""
    with redis.Redis(port=port, max_connections=CLIENTS + 10, socket_timeout=PATIENCE) as client:
        client.flushall()
        yield client


def test_two_hundred_wait_in_the_server_at_once(client: Any) -> None:
    """Each takes from a list of its own, and nothing is put in before all of them wait."""

    def take(number: int) -> bytes:
        return client.blpop([f"list {number}"])[1]

    def give() -> None:
        while client.info("clients")["blocked_clients"] < CLIENTS:
            coro.sleep_relative(0.005)
        seen.append(real_threads())
        for number in range(CLIENTS):
            client.rpush(f"list {number}", number)

    seen: list[int] = []
    giver = threading.Thread(target=give)
    giver.start()
    assert in_threads(CLIENTS, take) == [b"%d" % number for number in range(CLIENTS)]
    giver.join()
    assert seen == [1]


def test_pipelines_and_transactions_that_compete(client: Any) -> None:
    def increment(number: int) -> None:
        def add(pipe: Any) -> None:
            value = int(pipe.get("counter") or 0)
            pipe.multi()
            pipe.set("counter", value + 1)

        client.transaction(add, "counter")
        with client.pipeline() as pipe:
            for each in range(100):
                pipe.incrby(f"sum {number}", each)
            assert pipe.execute()[-1] == sum(range(100))

    in_threads(20, increment)
    assert client.get("counter") == b"20"


def test_a_lock_in_the_server(client: Any) -> None:
    held = []

    def work(number: int) -> None:
        with client.lock("one", timeout=PATIENCE, sleep=0.001):
            held.append(number)
            client.ping()
            assert held == [number]
            held.clear()

    in_threads(20, work)


def test_publisher_and_subscribers(client: Any) -> None:
    ready = threading.Barrier(21)

    def listen(number: int) -> list[bytes]:
        with client.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe("news")
            while not channel.subscribed or client.pubsub_numsub("news")[0][1] < 20:
                channel.get_message(timeout=0.005)
            ready.wait()
            news = (channel.get_message(timeout=PATIENCE) for _ in range(1000))
            heard: list[bytes] = []
            while len(heard) < 10:
                if message := next(news):
                    heard.append(message["data"])
            return heard

    def publish() -> None:
        ready.wait()
        for number in range(10):
            assert client.publish("news", number) == 20

    publisher = threading.Thread(target=publish)
    publisher.start()
    assert in_threads(20, listen) == [[b"%d" % number for number in range(10)]] * 20
    publisher.join()


def test_a_time_limit_of_the_driver(port: int) -> None:
    with redis.Redis(port=port, socket_timeout=0.05, retry=None) as client, pytest.raises(redis.TimeoutError):
        client.blpop(["nothing"])
