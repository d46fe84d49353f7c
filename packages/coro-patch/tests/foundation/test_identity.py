"""Who is who after fork()."""

from collections.abc import Callable

import pytest


def test_in_a_forked_child_another_thread_waits_for_the_main_one(run_program: Callable[[str], str]) -> None:
    assert (
        run_program(
            """
        import coro; coro.install_thread_emulation()
        import os, sys, threading

        child = os.fork()
        if child:
            os.waitpid(child, 0)
            sys.exit()

        def wait(main):
            main.join()
            print("end of thread", flush=True)

        threading.Thread(target=wait, args=(threading.current_thread(),)).start()
        print("end of main", flush=True)
        """
        )
        == "end of main\nend of thread\n"
    )


def test_a_forked_child_forgets_the_main_thread_of_its_parent(run_program: Callable[[str], str]) -> None:
    assert (
        run_program(
            """
        import coro; coro.install_thread_emulation()
        import gc, os, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork() beside threads
        main = threading.main_thread()

        def work():
            global main
            if os.fork() == 0:
                del main
                gc.collect()
                print([type(each).__name__ for each in threading._dangling], flush=True)
                os._exit(0)
            os.wait()

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        """
        )
        == "['Thread']\n"
    )


@pytest.mark.parametrize("who", ["threads", "coroutines"])
def test_two_fork_at_once(run_program: Callable[[str], str], who: str) -> None:
    """One forks while the other is about to: a hook of somebody else lets it."""
    printed = run_program(f"""
        import os

        hooks = []

        def run_hook():
            if hooks:
                hooks.pop()()

        os.register_at_fork(before=run_hook)  # and so run after those of coro_patch

        import coro
        coro.install_thread_emulation()
        import threading

        real_thread = coro.get_original("_thread", "start_new_thread")
        real_lock = coro.get_original("_thread", "allocate_lock")

        def fork():
            me, thread = threading.get_ident(), threading.current_thread()
            child = os.fork()
            if child == 0:
                known = [threading.get_ident() == me, threading.current_thread() is thread,
                         threading.main_thread() is thread]
                os._exit(7 if all(known) else 1)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

        def fork_in_coroutine():
            coro.spawn(fork).join()

        def begin_in_thread():
            real_thread(lambda: (fork_in_coroutine(), ended.release()), ())
            about_to_fork.acquire()

        def wait_for_the_other():
            about_to_fork.release()
            has_forked.acquire()

        about_to_fork, has_forked, ended = real_lock(), real_lock(), real_lock()
        for each in about_to_fork, has_forked, ended:
            each.acquire()
        if "{who}" == "threads":
            hooks[:] = [wait_for_the_other, begin_in_thread]
            fork_in_coroutine()
            has_forked.release()
            ended.acquire()
        else:
            hooks[:] = [fork_in_coroutine]
            fork_in_coroutine()
        assert threading.main_thread() is threading.current_thread()
    """)
    assert printed == "7\n7\n"


def test_fork_warns_of_emulated_threads_as_of_others(run_program: Callable[[str], str]) -> None:
    assert (
        run_program(
            """
        import coro; coro.install_thread_emulation()
        import os, sys, threading, warnings
        event = threading.Event()
        thread = threading.Thread(target=event.wait)
        thread.start()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            child = os.fork()
            if child == 0:
                os._exit(0)
        os.waitpid(child, 0)
        event.set()
        thread.join()
        wanted = ["multi-threaded"] if sys.version_info >= (3, 12) else []
        assert [str(each.message).partition(" is ")[2].partition(",")[0] for each in caught] == wanted
        print("as it should")
        """
        )
        == "as it should\n"
    )


def test_a_warning_of_fork_that_is_an_error_is_dropped_as_pythons(run_program: Callable[[str], str]) -> None:
    """The child is there already."""
    program = """
    import coro; coro.install_thread_emulation()
    import os, threading
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    child = os.fork()
    if child == 0:
        os._exit(0)
    print(os.waitpid(child, 0)[1])
    """
    assert run_program(program) == "0\n"
