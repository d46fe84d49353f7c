"""coro's sockets against a Redis server, spoken to in its own protocol (RESP 2).

Redis answers the commands of a connection in the order in which they were sent, and it reads
the next ones before the answers are taken. A command may block on the server while other
connections go on, and a subscriber receives without having asked.
"""

import random
from collections.abc import Iterator
from typing import Any, Self

import pytest
from peers import Address, at_once, connect, ended, meanwhile, running_redis, wait_for

import coro

pytestmark = pytest.mark.usefixtures("in_time_and_clean")


class Redis:
    """A connection to a Redis server."""

    def __init__(self, address: Address) -> None:
        self.socket = connect(address)
        self.received = bytearray()  # and not yet returned

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def ask(self, *command: object) -> Any:
        """Send a command and wait for the reply."""
        self.send(*command)
        return self.reply()

    def send(self, *command: object) -> None:
        parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
        sent = [b"*%d\r\n" % len(parts)]
        for part in parts:
            sent += [b"$%d\r\n" % len(part), part, b"\r\n"]
        self.socket.writev(sent)

    def reply(self) -> Any:
        """The next reply: bytes, an int, None or a list of these.

        Raises:
            EOFError: the server has closed the connection.
            RuntimeError: the reply is an error.
        """
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.exactly(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        raise RuntimeError(line.decode())

    def line(self) -> bytes:
        while (end := self.received.find(b"\r\n")) < 0:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("the server has closed the connection")
            self.received += data
        return self.exactly(end + 2)[:-2]

    def exactly(self, size: int) -> bytes:
        missing = size - len(self.received)
        if missing > 0:
            self.received += self.socket.recv_exact(missing)
        data = bytes(self.received[:size])
        del self.received[:size]
        return data


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Address]]:
    """Where a Redis server listens that forgets everything when it ends."""
    with running_redis(tmp_path_factory.mktemp("redis")) as (path, port):
        yield {"tcp": ("127.0.0.1", port), "unix": path}


@pytest.fixture(params=["tcp", "unix"])
def address(request: pytest.FixtureRequest, addresses: dict[str, Address]) -> Address:
    """Where the server listens, which knows nothing yet."""
    address = addresses[request.param]
    with Redis(address) as client:
        assert client.ask("FLUSHALL") == b"OK"
    return address


@pytest.fixture
def redis(address: Address) -> Iterator[Redis]:
    with Redis(address) as client:
        yield client


def info(client: Redis, name: str) -> int:
    """A number that the server says of itself."""
    report = dict(line.split(":", 1) for line in client.ask("INFO").decode().split("\r\n") if ":" in line)
    return int(report[name])


@pytest.mark.parametrize("size", [0, 1, 2, 100, 16383, 16384, 65535, 65536, 65537, 1 << 20, 8 << 20])
def test_value_of_any_size(size: int, redis: Redis) -> None:
    value = random.Random(size).randbytes(size)
    assert redis.ask("SET", "key", value) == b"OK"
    assert redis.ask("GET", "key") == value
    assert redis.ask("STRLEN", "key") == size


def test_what_it_refuses(redis: Redis) -> None:
    with pytest.raises(RuntimeError, match="unknown command"):
        redis.ask("NONSENSE")
    assert redis.ask("GET", "nothing") is None


class TestWriterAndReader:
    """Two coroutines use one socket at the same time: one sends commands, the other takes the replies."""

    def test_ten_thousand_commands(self, redis: Redis) -> None:
        def write() -> None:
            for number in range(10_000):
                redis.send("INCRBY", "sum", number)

        with meanwhile(write):
            total = 0
            for number in range(10_000):
                total += number
                assert redis.reply() == total

    def test_more_than_the_buffers_take_each_way(self, redis: Redis) -> None:
        def values() -> Iterator[bytes]:
            source = random.Random(0)
            for _ in range(300):
                yield source.randbytes(100_000)

        def write() -> None:
            for value in values():
                redis.send("ECHO", value)

        with meanwhile(write):
            for value in values():
                assert redis.reply() == value

    def test_the_reader_comes_first(self, redis: Redis) -> None:
        def read() -> None:
            for number in range(100):
                assert redis.reply() == b"%d" % number

        with meanwhile(read) as reading:
            for number in range(100):
                wait_for(lambda: reading.waiting)
                redis.send("ECHO", number)


def test_publisher_and_subscribers(address: Address, redis: Redis) -> None:
    subscribers = [Redis(address) for _ in range(10)]

    def listen(number: int) -> None:
        with subscribers[number] as me:
            for message in range(1000):
                assert me.reply() == [b"message", b"news", b"%d" % message]
            assert me.ask("UNSUBSCRIBE", "news") == [b"unsubscribe", b"news", 0]

    for subscriber in subscribers:
        assert subscriber.ask("SUBSCRIBE", "news") == [b"subscribe", b"news", 1]
    with ended([coro.spawn(listen, number) for number in range(10)]):
        for message in range(1000):
            assert redis.ask("PUBLISH", "news", message) == 10


class TestCommandThatBlocks:
    def test_holds_up_nobody_else(self, address: Address, redis: Redis) -> None:
        popped = []

        def pop() -> None:
            with Redis(address) as client:
                popped.append(client.ask("BLPOP", "list", 0))

        def work(number: int) -> None:
            with Redis(address) as client:
                for each in range(20):
                    assert client.ask("SET", f"key {number}", each) == b"OK"
                    assert client.ask("GET", f"key {number}") == b"%d" % each

        with meanwhile(pop):
            wait_for(lambda: info(redis, "blocked_clients") == 1)
            at_once(20, work)
            assert popped == []
            assert redis.ask("RPUSH", "list", "here") == 1
        assert popped == [[b"list", b"here"]]

    def test_serves_who_came_first(self, address: Address, redis: Redis) -> None:
        def pop(number: int) -> None:
            with Redis(address) as client:
                assert client.ask("BLPOP", "list", 0) == [b"list", b"%d" % number]

        popping: list[coro.coro] = []
        with ended(popping):
            for number in range(20):
                popping.append(coro.spawn(pop, number))
                wait_for(lambda: info(redis, "blocked_clients") == len(popping))
            for number in range(20):
                redis.ask("RPUSH", "list", number)

    def test_answers_after_a_time_limit_is_over(self, address: Address, redis: Redis) -> None:
        """What is interrupted is the wait for the reply, not the command."""
        with Redis(address) as client:
            with pytest.raises(coro.TimeoutError), coro.timeout(0.05):
                client.ask("BLPOP", "list", 0)
            assert redis.ask("RPUSH", "list", "late") == 1
            assert client.reply() == [b"list", b"late"]
            assert client.ask("PING") == b"PONG"

    def test_ends_when_the_server_closes_the_connection(self, address: Address, redis: Redis) -> None:
        with Redis(address) as client:
            name = client.ask("CLIENT", "ID")

            def close() -> None:
                wait_for(lambda: info(redis, "blocked_clients") == 1)
                assert redis.ask("CLIENT", "KILL", "ID", name) == 1

            with meanwhile(close), pytest.raises(EOFError):
                client.ask("BLPOP", "list", 0)


def test_a_time_limit_in_the_middle_of_a_reply_loses_nothing(redis: Redis) -> None:
    halves = [random.Random(number).randbytes(4 << 20) for number in range(2)]
    for number, half in enumerate(halves):
        redis.ask("SET", number, half)
    both = b"".join(b"$%d\r\n%b\r\n" % (len(half), half) for half in halves)

    redis.send("GET", 0)
    with pytest.raises(coro.TimeoutError), coro.timeout(0.1):
        redis.socket.recv_exact(len(both))
    redis.send("GET", 1)
    assert redis.socket.recv_exact(len(both)) == both


class TestTransaction:
    def test_all_at_once(self, redis: Redis) -> None:
        assert redis.ask("MULTI") == b"OK"
        assert redis.ask("SET", "key", b"\0\r\n") == b"QUEUED"
        assert redis.ask("GET", "key") == b"QUEUED"
        assert redis.ask("RPUSH", "list", 1, 2) == b"QUEUED"
        assert redis.ask("LRANGE", "list", 0, -1) == b"QUEUED"
        assert redis.ask("EXEC") == [b"OK", b"\0\r\n", 2, [b"1", b"2"]]

    def test_twenty_that_compete(self, address: Address, redis: Redis) -> None:
        def increment(number: int) -> None:
            with Redis(address) as client:
                for _ in range(10):
                    while True:
                        client.ask("WATCH", "counter")
                        value = int(client.ask("GET", "counter") or 0)
                        client.ask("MULTI")
                        client.ask("SET", "counter", value + 1)
                        if client.ask("EXEC") is not None:
                            break

        at_once(20, increment)
        assert redis.ask("GET", "counter") == b"200"


def test_two_hundred_connections_at_once(address: Address, redis: Redis) -> None:
    before = info(redis, "connected_clients")
    clients = at_once(200, lambda _: Redis(address))

    def work(number: int) -> int:
        client, value = clients[number], random.Random(number).randbytes(10_000)
        assert client.ask("SET", f"key {number}", value) == b"OK"
        assert client.ask("GET", f"key {number}") == value
        return client.ask("CLIENT", "ID")

    assert len(set(at_once(200, work))) == 200
    assert info(redis, "connected_clients") == before + 200
    for client in clients:
        client.socket.close()
