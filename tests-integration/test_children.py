"""Child processes of a busy emulated program: many at a time, and forks."""

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


def test_no_child_of_a_thousand_forks_runs_a_coroutine_of_the_parent() -> None:
    told = run("""
        import coro
        coro.install_thread_emulation()
        import os, threading, time
        parent = os.getpid()
        reader, writer = os.pipe()
        over = threading.Event()

        def busy():
            while not over.is_set():
                if os.getpid() != parent:
                    os.write(writer, b"x")
                    os._exit(9)
                time.sleep(0)

        threads = [threading.Thread(target=busy) for _ in range(20)]
        for thread in threads:
            thread.start()
        for number in range(1000):
            pid = os.fork()
            if pid == 0:
                time.sleep(0.0001)
                os._exit(0)
            assert os.waitpid(pid, 0) == (pid, 0)
        over.set()
        for thread in threads:
            thread.join()
        os.set_blocking(reader, False)
        try:
            print(os.read(reader, 10))
        except BlockingIOError:
            print("none")
    """)
    assert told == "none\n"
