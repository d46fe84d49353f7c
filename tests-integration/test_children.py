"""Child processes of a busy emulated program, many at a time."""

import subprocess
import sys
import textwrap


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


def test_two_hundred_take_about_as_long_as_one() -> None:
    took = run("""
        import coro
        coro.install_thread_emulation()
        import subprocess, threading, time
        told = []

        def one(number):
            with subprocess.Popen(["sh", "-c", "sleep 2; echo $0; exit 3", str(number)], stdout=-1) as child:
                assert int(child.stdout.read()) == number
            told.append(child.returncode)

        begun = time.monotonic()
        threads = [threading.Thread(target=one, args=(number,)) for number in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert told == [3] * 200
        print(time.monotonic() - begun)
    """)
    assert float(took) < 30  # one after another it would be 400


def test_two_hundred_wait_for_a_pool_of_processes() -> None:
    """No process of the pool has an answer before all have asked."""
    told = run("""
        import coro
        coro.install_thread_emulation()
        import multiprocessing, os, threading, time
        context = multiprocessing.get_context("fork")
        all_asked = context.Event()

        def square(number):
            all_asked.wait()
            return number * number, os.getpid()

        def ask(number):
            asked.append(number)
            answers[number] = pool.apply(square, (number,))

        asked, answers = [], {}
        with context.Pool(4) as pool:
            threads = [threading.Thread(target=ask, args=(number,)) for number in range(200)]
            for thread in threads:
                thread.start()
            while len(asked) < 200:
                time.sleep(0.001)
            assert not answers
            all_asked.set()
            for thread in threads:
                thread.join()
        assert {number: square for number, (square, _) in answers.items()} == {n: n * n for n in range(200)}
        assert os.getpid() not in {process for _, process in answers.values()}
        print("all")
    """)
    assert told == "all\n"
