"""`subprocess`: it is the standard library's own, on what is emulated below it."""

import subprocess
import sys
import threading
import time

import pytest

import coro

ECHO = "import sys; sys.stdout.write(sys.stdin.read()); sys.exit(3)"


class TestOneChild:
    def test_communicate(self, both: str) -> None:
        data = "x" * 1_000_000
        done = subprocess.run([sys.executable, "-c", ECHO], input=data, capture_output=True, text=True)
        assert (done.stdout, done.returncode) == (data, 3)

    def test_the_time_is_up(self, both: str) -> None:
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run(["sleep", "60"], timeout=0.01)

    def test_preexec_fn(self, both: str) -> None:
        done = subprocess.run(["true"], preexec_fn=lambda: sys.stdout.flush())
        assert done.returncode == 0

    def test_its_pipes_are_read_and_written_by_two_threads(self, both: str) -> None:
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            feeder = threading.Thread(target=lambda: (child.stdin.write(b"x" * 1_000_000), child.stdin.close()))
            feeder.start()
            assert len(child.stdout.read()) == 1_000_000
            feeder.join()
        assert child.returncode == 0

    def test_one_reads_while_others_run(self, emulated: None) -> None:
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            reader = coro.spawn(child.stdout.readline)
            while not reader.waiting:
                coro.yield_slice()
            child.stdin.write(b"abc\n")
            child.stdin.flush()
            reader.join()
            assert reader.result() == b"abc\n"
            child.stdin.close()

    def test_several_wait_for_it(self, both: str) -> None:
        child = subprocess.Popen(["sh", "-c", "read x; exit 3"], stdin=subprocess.PIPE)
        told: list[int] = []
        threads = [threading.Thread(target=lambda: told.append(child.wait())) for _ in range(5)]
        for thread in threads:
            thread.start()
        assert child.stdin is not None
        child.stdin.close()
        for thread in threads:
            thread.join()
        assert told == [3] * 5

    def test_one_made_before_is_waited_for(self, no_leaks: None) -> None:
        with subprocess.Popen(["sh", "-c", "read x; exit 3"], stdin=subprocess.PIPE) as child:
            coro.install_thread_emulation()
            try:
                waiters = [coro.spawn(child.wait) for _ in range(2)]
                while not all(waiter.waiting for waiter in waiters):
                    coro.yield_slice()
                assert child.stdin is not None
                child.stdin.close()
                for waiter in waiters:
                    waiter.join()
                assert [waiter.result() for waiter in waiters] == [3, 3]
            finally:
                coro.uninstall_thread_emulation()


def test_many_at_a_time(emulated: None) -> None:
    def run() -> None:
        assert subprocess.run(["sleep", "0.5"]).returncode == 0

    begun = time.monotonic()
    threads = [threading.Thread(target=run) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begun < 5  # one after another it would be 10
