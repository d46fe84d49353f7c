"""What the tests wait for: a function that blocks until it is let, coroutines that wait already."""

import threading

import coro


class Gate:
    """A blocking function that tells when it begins, and ends when it is let."""

    def __init__(self, result=None):
        self.begun = threading.Event()
        self.open = threading.Event()
        self.ended = threading.Event()
        self.result = result

    def __call__(self):
        self.begun.set()
        assert self.open.wait(60)
        self.ended.set()
        return self.result


def until(event):
    """Waits for a thread's event, while coroutines run."""
    while not event.is_set():
        coro.yield_slice()


def until_waiting(co):
    while co.waiting is None:
        assert not co.dead
        coro.yield_slice()


def spawn_waiting(function, *arguments):
    """A coroutine that waits already, or has ended without."""
    co = coro.spawn(function, *arguments)
    while co.waiting is None and not co.dead:
        coro.yield_slice()
    return co
