"""Two OS threads, each with a scheduler of its own, that hand work to each other.

    python examples/two_schedulers.py [numbers]

The main thread's coroutines make numbers; those of the other thread factorize them and hand the
factors back. Both ways lead over a `coro.sync.fifo`, which coroutines of different OS threads may
share: `pop` lets others of its own thread run until something comes, and `push` wakes it.
"""

import sys
import threading
from collections.abc import Iterator

import coro
from coro.sync import fifo

FACTORIZERS = 4
NO_MORE = None


def factors(number: int) -> Iterator[int]:
    """The prime factors of a number, the smallest first."""
    factor = 2
    while factor * factor <= number:
        while number % factor == 0:
            yield factor
            number //= factor
        factor += 1
    if number > 1:
        yield number


def factorize(work: fifo, done: fifo) -> None:
    """What each coroutine of the other thread does."""
    for number in iter(work.pop, NO_MORE):
        done.push((number, list(factors(number)), threading.current_thread().name))


def other_thread(work: fifo, done: fifo) -> None:
    """Its scheduler is made when it first uses coro, and ends with it."""
    with coro.scope() as group:
        for _ in range(FACTORIZERS):
            group.spawn(factorize, work, done)


def collect(done: fifo, amount: int) -> None:
    for _ in range(amount):
        number, found, where = done.pop()
        print(f"{number} = {' * '.join(map(str, found))}  (found in {where})")


def main(amount: int) -> None:
    work, done = fifo(), fifo()
    thread = threading.Thread(target=other_thread, args=(work, done), name="the other thread")
    thread.start()
    with coro.scope() as group:
        group.spawn(collect, done, amount)
        for number in range(1_000_000, 1_000_000 + amount):
            work.push(number)
        for _ in range(FACTORIZERS):
            work.push(NO_MORE)
    thread.join()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
