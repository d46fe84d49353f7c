"""Installing, late and again; taking back; asking what is emulated."""

import ctypes
import importlib.util
import logging
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import coro


@pytest.fixture
def module() -> Iterator[types.ModuleType]:
    """A module of the program, which binds names as programs do."""
    made = types.ModuleType("program_under_test")
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def test_installing_twice_is_installing_once(no_leaks: None) -> None:
    original = time.sleep
    coro.install_thread_emulation()
    emulated = time.sleep
    coro.install_thread_emulation()
    assert time.sleep is emulated
    coro.uninstall_thread_emulation()
    assert time.sleep is original
    coro.uninstall_thread_emulation()
    assert time.sleep is original


def test_installing_again_adds_the_parts_that_were_left_out() -> None:
    original = time.sleep
    coro.install_thread_emulation(time=False)
    assert time.sleep is original
    coro.install_thread_emulation()
    assert time.sleep is not original
    coro.uninstall_thread_emulation()
    assert time.sleep is original


def test_an_unknown_part_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(TypeError, match=r"no part 'sockets'; the parts are time, select, socket, ssl, os, "):
        coro.install_thread_emulation(sockets=False)
    assert not coro.is_module_patched("time")


def test_names_that_a_module_has_bound_follow(module: types.ModuleType) -> None:
    class Worker:
        make_lock = threading.Lock
        nap = time.sleep

    Worker.__module__ = module.__name__
    module.sleep = time.sleep  # type: ignore[attr-defined]
    module.Lock = threading.Lock  # type: ignore[attr-defined]
    module.Worker = Worker  # type: ignore[attr-defined]
    before = dict(vars(module)), dict(vars(Worker))
    coro.install_thread_emulation()
    try:
        assert module.sleep is time.sleep
        assert module.Lock is threading.Lock
        assert coro.is_module_patched(module.__name__)
        with Worker().make_lock():  # neither becomes a method
            Worker().nap(0)
    finally:
        coro.uninstall_thread_emulation()
    assert (dict(vars(module)), dict(vars(Worker))) == before
    assert not coro.is_module_patched(module.__name__)


def test_classes_of_any_kind_follow(module: types.ModuleType, no_leaks: None) -> None:
    """Those of ctypes have a namespace of a kind of its own, and some tell a module that is none."""

    class Record(ctypes.Structure):
        nap = time.sleep

    class Odd:
        nap = time.sleep
        __module__ = property(lambda self: module.__name__)  # type: ignore[assignment]

    Record.__module__ = module.__name__
    module.Record, module.Odd = Record, Odd  # type: ignore[attr-defined]
    original = time.sleep
    coro.install_thread_emulation()
    try:
        assert Record.nap is time.sleep
        assert time.sleep is not original
        assert Odd.nap is original
    finally:
        coro.uninstall_thread_emulation()
    assert Record.nap is original


def test_functions_that_have_bound_them_follow(module: types.ModuleType, no_leaks: None) -> None:
    def nap(length: float, sleep: Callable[[float], None] = time.sleep) -> Callable[[float], None]:
        return sleep

    module.nap = nap  # type: ignore[attr-defined]
    original = time.sleep
    coro.install_thread_emulation()
    try:
        assert nap(0) is time.sleep
        assert time.sleep is not original
    finally:
        coro.uninstall_thread_emulation()
    assert nap(0) is original


def test_what_is_no_module_does_no_harm(no_leaks: None) -> None:
    class Slotted:
        __slots__ = ()

    sys.modules.update(dict.fromkeys(["program_without", "program_with"], Slotted()))  # type: ignore[arg-type]
    sys.modules["program_with"] = types.SimpleNamespace(sleep=time.sleep)  # type: ignore[assignment]
    original = time.sleep
    coro.install_thread_emulation()
    try:
        assert sys.modules["program_with"].sleep is time.sleep
    finally:
        coro.uninstall_thread_emulation()
        assert sys.modules.pop("program_with").sleep is original
        del sys.modules["program_without"]


def test_a_module_that_is_loaded_when_it_is_used_stays_unloaded(no_leaks: None, tmp_path: Path) -> None:
    (tmp_path / "program_later.py").write_text("import time\nsleep = time.sleep\n")
    spec = importlib.util.spec_from_file_location("program_later", tmp_path / "program_later.py")
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    later = importlib.util.module_from_spec(spec)
    sys.modules["program_later"] = later
    try:
        spec.loader.exec_module(later)
        coro.install_thread_emulation()
        assert type(later) is not types.ModuleType  # which it becomes
        assert later.sleep is time.sleep
        coro.uninstall_thread_emulation()
        assert later.sleep is time.sleep
    finally:
        coro.uninstall_thread_emulation()
        del sys.modules["program_later"]


def test_a_module_imported_under_the_emulation_gets_the_originals_back(module: types.ModuleType) -> None:
    sleep, lock, rlock = time.sleep, threading.Lock, threading._CRLock  # type: ignore[attr-defined]
    coro.install_thread_emulation()
    module.sleep, module.Lock = time.sleep, threading.Lock  # type: ignore[attr-defined]
    module.RLock = threading._CRLock  # type: ignore[attr-defined]
    assert coro.get_original(module.__name__, "sleep") is sleep
    coro.uninstall_thread_emulation()
    assert module.sleep is sleep
    assert module.RLock is rlock
    assert type(module.Lock()) is type(lock())


def test_free_locks_of_modules_are_made_anew_and_held_ones_kept(module: types.ModuleType) -> None:
    handler = logging.StreamHandler()
    free, held, recursive = threading.Lock(), threading.Lock(), threading.RLock()
    module.free, module.same, module.held, module.recursive = free, free, held, recursive  # type: ignore[attr-defined]
    real_handler_lock = handler.lock
    with held:
        coro.install_thread_emulation()
        try:
            assert module.free is not free
            assert module.free is module.same
            assert module.held is held
            assert module.recursive is not recursive
            assert handler.lock is not real_handler_lock
        finally:
            coro.uninstall_thread_emulation()
    assert module.free is free
    assert module.same is free
    assert module.recursive is recursive
    assert handler.lock is real_handler_lock
    handler.close()


def test_what_is_emulated(no_leaks: None) -> None:
    modules = ["_socket", "_thread", "queue", "select", "selectors", "socket", "threading", "time"]
    assert not any(coro.is_module_patched(name) for name in modules)
    assert not coro.is_object_patched("time", "sleep")
    coro.install_thread_emulation()
    try:
        assert all(coro.is_module_patched(name) for name in modules)
        assert not coro.is_module_patched("math")
        assert not coro.is_module_patched("no_such_module")
        assert coro.is_object_patched("time", "sleep")
        assert coro.is_object_patched("socket", "socket.recv")
        assert coro.is_object_patched("threading", "Lock")
        assert not coro.is_object_patched("time", "time")
    finally:
        coro.uninstall_thread_emulation()
    assert not any(coro.is_module_patched(name) for name in modules)


def test_originals(emulated: None) -> None:
    assert coro.get_original("time", "time") is time.time
    assert coro.get_original("time", "sleep") is not time.sleep
    assert coro.get_original("threading", "Lock") is not threading.Lock
    with pytest.raises(AttributeError):
        coro.get_original("time", "no_such_function")


def test_the_parts_work_alone(run_program: Callable[[str], str]) -> None:
    assert (
        run_program(
            """
        import coro
        from coro_patch._table import PARTS
        for part in PARTS:
            coro.install_thread_emulation(**{other: other == part for other in PARTS})
            import queue, socket, threading
            a, b = socket.socketpair()
            with a, b:
                thread = threading.Thread(target=lambda: a.sendall(b"x"))
                thread.start()
                assert b.recv(1) == b"x"
                thread.join()
            coro.uninstall_thread_emulation()
        print("done")
        """
        )
        == "done\n"
    )


def test_the_first_lock_imports_nothing(run_program: Callable[[str], str]) -> None:
    """It may be that of an import."""
    told = run_program("""
        import coro_patch, sys, _thread
        coro_patch.install()
        before = set(sys.modules)
        lock = _thread.allocate_lock()
        for _ in range(1000):
            with lock:
                pass
        print(set(sys.modules) - before)
    """)
    assert told == "set()\n"


def test_it_can_be_installed_in_the_middle_of_an_import(run_program: Callable[[str], str], tmp_path: object) -> None:
    assert (
        run_program(
            f"""
        import sys, pathlib
        sys.path.insert(0, {str(tmp_path)!r})
        pathlib.Path({str(tmp_path)!r}, "first_module.py").write_text("import coro; coro.install_thread_emulation()")
        import first_module, threading
        thread = threading.Thread(target=lambda: __import__("decimal"))
        thread.start(); thread.join()
        print(threading.current_thread() is threading.main_thread())
        """
        )
        == "True\n"
    )


def test_what_core_imports_late_keeps_the_functions_of_plain_python(run_program: Callable[[str], str]) -> None:
    told = run_program(
        """
        import sys
        import coro

        coro.install_thread_emulation()
        for name in dir(coro):
            getattr(coro, name)

        def is_emulated(value):
            return str(getattr(value, "__module__", None)).startswith("coro_patch") or (
                type(value).__module__.startswith("coro_patch")
            )

        for name, module in sorted(sys.modules.items()):
            if name.startswith("coro."):
                print(*(f"{name}.{bound}" for bound, value in vars(module).items() if is_emulated(value)))
        import os, time
        print(is_emulated(time.sleep), coro.run_in_thread(os.readlink, "/proc/thread-self"))
        """
    )
    *held, last = told.splitlines()
    assert [line for line in held if line] == []
    process, thread = last.removeprefix("True ").split("/task/")
    assert process != thread
