"""Laws that hold whatever happens: random programs of waits, wakes, timeouts and shutdowns.

Each program runs under a virtual clock and a scheduler that shuffles by a seed, so a failing
example is replayed exactly. A program is a list of coroutines, each a list of steps; beside
them one coroutine interrupts others at random moments.
"""

import contextlib
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import coro
from coro.interface import scheduler
from coro.sync import condition_variable, event, fifo, inverted_semaphore, mutex, rw_lock, semaphore
from coro.testing import wait_all_blocked

pytestmark = pytest.mark.usefixtures("virtual")

seeds = st.integers(0, 2**32)
Step = Callable[[Random], None]


def pause(random: Random) -> None:
    """Let others run: for a turn, or for some time."""
    coro.sleep_relative(random.choice([0, 0, 0.001, 0.002]))


def limited(random: Random, fun: Callable[..., object], *args: object) -> bool:
    """Call it, perhaps with a limit of time. Whether it came to its end."""
    try:
        coro.with_timeout(random.choice([None, 0, 0.001, 0.002]), fun, *args)
    except coro.TimeoutError:
        return False
    return True


def run(
    seed: int, step: Step, workers: int, steps: int, law: Callable[[list[coro.coro]], object] = lambda everyone: None
) -> None:
    """Run `workers` coroutines of `steps` steps each, and interrupt them at random. Whenever all
    of them wait, `law` may look at them."""
    random = Random(seed)
    sources = [Random(random.random()) for _ in range(workers)]

    def work(source: Random) -> None:
        for _ in range(steps):
            step(source)

    def disturb(victims: list[coro.coro]) -> None:
        for _ in range(2 * workers):
            pause(random)
            if random.random() < 0.3:
                wait_all_blocked()
                law(victims)
            victim = random.choice(victims)
            if not victim.dead and victim.started:
                victim.raise_exception(random.choice([coro.Shutdown, coro.Interrupted]))

    here = scheduler()
    here.shuffle(seed)
    try:
        everyone = [coro.spawn(work, source) for source in sources]
        everyone.append(coro.spawn(disturb, list(everyone)))
        for each in everyone:
            each.join(3600)
        for each in everyone:
            assert each.failure is None or isinstance(each.failure, coro.Interrupted), each.failure
    finally:
        here.shuffle(None)


@settings(max_examples=150)
@given(seed=seeds, workers=st.integers(2, 8))
def test_one_holds_a_mutex(seed: int, workers: int) -> None:
    lock = mutex()
    inside = 0

    def step(random: Random) -> None:
        nonlocal inside
        if not limited(random, lock.lock):
            return
        try:
            inside += 1
            assert inside == 1
            assert lock.has_lock()
            if random.random() < 0.2:
                lock.lock()
                lock.unlock()
            pause(random)
        finally:
            inside -= 1
            lock.unlock()

    run(seed, step, workers, 15)
    assert not lock.locked()
    assert len(lock) == 0


@settings(max_examples=150)
@given(seed=seeds, workers=st.integers(2, 8))
def test_many_read_or_one_writes(seed: int, workers: int) -> None:
    lock = rw_lock()
    readers = writers = 0

    def step(random: Random) -> None:
        nonlocal readers, writers
        if random.random() < 0.6:
            if not limited(random, lock.read_lock):
                return
            try:
                readers += 1
                assert writers == 0
                pause(random)
                if random.random() < 0.3:
                    with lock.reading():  # again, whoever waits
                        pause(random)
            finally:
                readers -= 1
                lock.read_unlock()
        else:
            if not limited(random, lock.write_lock):
                return
            try:
                writers += 1
                assert (readers, writers) == (0, 1)
                pause(random)
            finally:
                writers -= 1
                lock.write_unlock()

    def nobody_waits_in_vain(everyone: list[coro.coro]) -> None:
        waiting = [each.waiting[0] for each in everyone if each.waiting]
        if not lock.held_by:
            assert "read lock" not in waiting
            assert "write lock" not in waiting
        elif writers == 0:
            assert "read lock" not in waiting or "write lock" in waiting

    run(seed, step, workers, 15, nobody_waits_in_vain)
    assert lock.held_by == ()
    assert len(lock) == 0


@settings(max_examples=150)
@given(seed=seeds, workers=st.integers(2, 8), total=st.integers(1, 4))
def test_nothing_of_a_semaphore_is_lost_or_made(seed: int, workers: int, total: int) -> None:
    sem = semaphore(total, limit=total)
    taken = 0

    def step(random: Random) -> None:
        nonlocal taken
        wanted = random.randint(0, total)
        if not limited(random, sem.acquire, wanted):
            return
        try:
            taken += wanted
            assert taken <= total
            pause(random)
        finally:
            taken -= wanted
            sem.release(wanted)

    run(seed, step, workers, 15)
    assert sem.avail == total
    assert len(sem) == 0


@settings(max_examples=150)
@given(seed=seeds, workers=st.integers(2, 8))
def test_who_waits_for_zero_goes_on_after_it(seed: int, workers: int) -> None:
    sem = inverted_semaphore()
    zeros = 0

    def step(random: Random) -> None:
        nonlocal zeros
        if random.random() < 0.5:
            before, waited = zeros, sem.value > 0
            if limited(random, sem.block_till_zero) and waited:
                assert zeros > before
            return
        sem.acquire()
        try:
            pause(random)
        finally:
            zeros += sem.value == 1
            sem.release()

    run(seed, step, workers, 15)
    assert sem.value == 0
    assert len(sem) == 0


@settings(max_examples=150)
@given(seed=seeds, workers=st.integers(2, 8), limit=st.none() | st.integers(1, 3))
@example(seed=65535, workers=8, limit=1)
def test_what_is_pushed_is_popped_once(seed: int, workers: int, limit: int | None) -> None:
    things: fifo[int] = fifo(limit)
    pushed: list[int] = []
    popped: list[int] = []
    numbers = iter(range(10**6))

    def push(how: Callable[[int], None]) -> None:
        number = next(numbers)
        how(number)
        pushed.append(number)

    def step(random: Random) -> None:
        match random.randrange(5):
            case 0 | 1:
                limited(random, push, things.push)
            case 2:
                limited(random, push, things.push_front)
            case 3:
                limited(random, lambda: popped.append(things.pop()))
            case _:
                limited(random, lambda: popped.extend(things.pop_all()))
        assert limit is None or len(things) <= limit + workers  # those given back may be over it
        if random.random() < 0.3:
            pause(random)

    def feed() -> None:  # nobody waits for ever
        while True:
            coro.sleep_relative(0.01)
            if things.waiting:
                # It may have to wait for a place that is promised, and who waited be served meanwhile. Then
                # others wait for room, and nobody else makes any.
                with contextlib.suppress(coro.TimeoutError):
                    coro.with_timeout(0.01, push, things.push)
            elif len(things):
                popped.append(things.pop())

    feeder = coro.spawn(feed)
    run(seed, step, workers, 15)
    feeder.shutdown()
    feeder.join()
    assert sorted([*popped, *things]) == sorted(pushed)
    assert things.waiting == 0


@settings(max_examples=150)
@given(seed=seeds, producers=st.integers(1, 4), limit=st.none() | st.integers(1, 3))
def test_each_ones_things_come_in_their_order(seed: int, producers: int, limit: int | None) -> None:
    things: fifo[tuple[int, int]] = fifo(limit)
    names = iter(range(producers))
    came: list[tuple[int, int]] = []

    def produce() -> None:
        name = next(names)
        for number in range(10):
            things.push((name, number))

    here = scheduler()
    here.shuffle(seed)
    try:
        for _ in range(producers):
            coro.spawn(produce)
        came = [things.pop() for _ in range(10 * producers)]
    finally:
        here.shuffle(None)
    for name in range(producers):
        assert [number for who, number in came if who == name] == list(range(10))


@settings(max_examples=300)
@given(seed=seeds, waiters=st.integers(3, 10), wakes=st.integers(1, 4), shut=st.integers(1, 5))
def test_no_wake_up_is_lost(seed: int, waiters: int, wakes: int, shut: int) -> None:
    """As long as somebody still waits, as many have gone on as were woken."""
    condition = condition_variable()
    random = Random(seed)
    here = scheduler()
    here.shuffle(seed)
    went_on = 0

    def wait() -> None:
        nonlocal went_on
        condition.wait()
        went_on += 1

    try:
        everyone = [coro.spawn(wait) for _ in range(waiters)]
        wait_all_blocked()
        acts: list[Callable[[], object]] = [condition.wake_one] * wakes
        acts += [each.shutdown for each in random.sample(everyone, min(shut, waiters))]
        random.shuffle(acts)
        woken = 0
        for act in acts:
            woken += act() is True
            if random.random() < 0.2:
                coro.yield_slice()
        wait_all_blocked()
        if len(condition):
            assert went_on == woken
        else:
            assert went_on <= woken
        assert len(condition) == sum(not each.dead for each in everyone)
    finally:
        here.shuffle(None)
        for each in everyone:
            each.shutdown()
            each.join()


@settings(max_examples=100)
@given(seed=seeds, workers=st.integers(1, 8))
def test_an_event_is_seen_by_all(seed: int, workers: int) -> None:
    happened = event()

    def step(random: Random) -> None:
        if random.random() < 0.3:
            happened.set()
            assert happened.wait()
        elif random.random() < 0.5:
            happened.clear()
        else:
            limited(random, happened.wait, random.choice([0, 0.001]))

    run(seed, step, workers, 15)
    assert len(happened) == 0
