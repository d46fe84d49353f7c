"""`python -m coro_patch`: each program runs as it does in plain Python, to the byte."""

import os
import signal
import subprocess
import sys
import zipapp
from pathlib import Path

import pytest

from side_by_side import alike, run

SCRIPT = """\
import sys
import pickle
import __main__


class Pickled:
    pass


def names():
    return sorted(name for name in vars(__main__) if not name[0].isalpha())


if __name__ == "__main__":
    print(sys.argv, sys.path[0], names(), __doc__, __package__, __builtins__)
    print(__spec__ and __spec__.name, type(__loader__), getattr(__main__, "__file__", None), __name__)
    print(getattr(__main__, "__cached__", "none") is None, getattr(__main__, "__annotations__", None))
    print(type(pickle.loads(pickle.dumps(Pickled()))) is Pickled, Pickled, sys.warnoptions)
    sys.stdout.flush()
"""

ENDS = {
    "nothing": "",
    "an error": "def inner():\n    1 / 0\ninner()",
    "a cause": "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('x') from error",
    "a group": "raise ExceptionGroup('several', [ValueError(1), TypeError(2)])",
    "a status": "raise SystemExit(7)",
    "a text": "sys.exit('so long')",
    "no status": "sys.exit()",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "a SyntaxError": "this is no Python",
    "an excepthook": "sys.excepthook = lambda *error: print('hook', error[0], error[2].tb_lineno)\n1 / 0",
    "an atexit": "import atexit\natexit.register(print, 'bye')\nraise OSError(2, 'gone')",
    "a thread": "import threading, time\ndef late():\n    time.sleep(0.01)\n    print('late')\n"
    "threading.Thread(target=late).start()\nsys.exit(3)",
    "an error in a thread": "import threading\nthreading.Thread(target=lambda: 1 / 0, name='one').start()",
    "a warning": "import warnings\nwarnings.warn('careful')",
    "a caught error": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    import traceback\n    traceback.print_exc()",
    "a warning for its caller": "import warnings\nwarnings.warn('careful', stacklevel=1)",
}

# What is done in another place for each way to start a program.
SOME_ENDS = ["an error", "KeyboardInterrupt", "a SyntaxError", "an excepthook"]


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "lib" / "program.py"
    path.parent.mkdir()
    path.write_text(SCRIPT)
    return path


@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_a_script(script: Path, tmp_path: Path, end: str) -> None:
    script.write_text(SCRIPT + ENDS[end])
    output, errors, _ = alike("lib/program.py", "-x", "two", folder=tmp_path)
    assert "coro_patch" not in output + errors


@pytest.mark.parametrize("end", SOME_ENDS)
class TestEnd:
    def test_of_a_module(self, script: Path, end: str) -> None:
        script.write_text(SCRIPT + ENDS[end])
        alike("-m", "program", "--version", folder=script.parent)

    def test_of_code(self, tmp_path: Path, end: str) -> None:
        alike("-c", SCRIPT + ENDS[end], "-m", folder=tmp_path)

    def test_of_standard_input(self, tmp_path: Path, end: str) -> None:
        alike("-", "a", folder=tmp_path, text=SCRIPT + ENDS[end])

    def test_of_a_zip_file(self, script: Path, tmp_path: Path, end: str) -> None:
        script.with_name("__main__.py").write_text(SCRIPT + ENDS[end])
        zipapp.create_archive(script.parent, tmp_path / "program.pyz")
        alike("program.pyz", "a", folder=tmp_path)

    def test_of_a_folder(self, script: Path, tmp_path: Path, end: str) -> None:
        script.with_name("__main__.py").write_text(SCRIPT + ENDS[end])
        alike("lib", "a", folder=tmp_path)


class TestProgram:
    def test_that_is_not_there(self, tmp_path: Path) -> None:
        assert alike("nowhere.py", folder=tmp_path)[2] == 2
        assert alike("-m", "nowhere", folder=tmp_path)[2] == 1
        assert alike("-m", "nowhere.inside", folder=tmp_path)[2] == 1
        assert alike(tmp_path, folder=tmp_path)[2] == 1

    def test_through_a_symbolic_link(self, script: Path, tmp_path: Path) -> None:
        (tmp_path / "link.py").symlink_to(script)
        alike("./link.py", folder=tmp_path)

    def test_by_a_way_about(self, script: Path, tmp_path: Path) -> None:
        alike("./lib//../lib/program.py", folder=tmp_path)
        script.rename(script.with_name("__main__.py"))
        alike("./lib/../lib", folder=tmp_path)
        alike("./nowhere/../nowhere.py", folder=tmp_path)

    def test_that_is_compiled(self, script: Path, tmp_path: Path) -> None:
        import py_compile

        py_compile.compile(str(script), str(tmp_path / "program.pyc"))
        alike("program.pyc", folder=tmp_path)

    def test_in_another_encoding(self, tmp_path: Path) -> None:
        (tmp_path / "latin.py").write_bytes(b"# coding: latin-1\nprint('\xe4')\n")
        assert alike("latin.py", folder=tmp_path)[0] == "ä\n"

    def test_of_a_package(self, tmp_path: Path) -> None:
        package = tmp_path / "package"
        package.mkdir()
        (package / "__init__.py").write_text("value = 1\n")
        (package / "__main__.py").write_text("from . import value\n" + SCRIPT)
        alike("-m", "package", "a", folder=tmp_path)

    def test_that_finds_its_neighbours(self, script: Path, tmp_path: Path) -> None:
        script.with_name("neighbour.py").write_text("value = 5\n")
        script.write_text("from neighbour import value\nprint(value)\n")
        assert alike("lib/program.py", folder=tmp_path)[0] == "5\n"

    def test_with_indented_code(self, tmp_path: Path) -> None:
        alike("-c", "  print(1)", folder=tmp_path)

    @pytest.mark.parametrize("options", [("-W", "error"), ("-I",), ("-P",), ("-O",), ("-X", "dev"), ("-u",)], ids=str)
    def test_with_options_of_python(self, script: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
        script.write_text(SCRIPT + "print(sys.flags)\nimport warnings\nassert 0, warnings.filters\n")
        alike("lib/program.py", folder=tmp_path, options=options)

    @pytest.mark.parametrize("end", ["1 / 0", "sys.exit(4)", "raise KeyboardInterrupt"])
    def test_that_ends_in_a_prompt(self, script: Path, tmp_path: Path, end: str) -> None:
        script.write_text(SCRIPT + end)
        more = "print(__name__, Pickled, sys.excepthook)\nundefined\n"
        output, _, status = run("lib/program.py", folder=tmp_path, options=("-i", "-m", "coro_patch"), text=more)
        assert (output, status) == run("lib/program.py", folder=tmp_path, options=("-i",), text=more)[::2]

    def test_whose_processes_find_it(self, script: Path, tmp_path: Path) -> None:
        script.write_text(
            "import multiprocessing\n"
            "class Sent:\n    pass\n"
            "def child(queue, sent):\n    queue.put((type(sent) is Sent, __name__, __file__))\n"
            "if __name__ == '__main__':\n"
            "    context = multiprocessing.get_context('spawn')\n"
            "    queue = context.Queue()\n"
            "    process = context.Process(target=child, args=(queue, Sent()))\n"
            "    process.start()\n"
            "    print(queue.get(), flush=True)\n"
            "    process.join()\n"
            "    raise SystemExit(process.exitcode)\n"
        )
        output, _, status = alike("lib/program.py", folder=tmp_path)
        assert (output, status) == (f"(True, '__mp_main__', {str(script)!r})\n", 0)
        assert alike("-m", "program", folder=script.parent)[2] == 0

    def test_whose_reader_has_gone(self, tmp_path: Path) -> None:
        results = []
        for options in [(), ("-m", "coro_patch")]:
            reading, writing = os.pipe()
            os.close(reading)
            with os.fdopen(writing, "wb") as gone:
                done = subprocess.run(
                    [sys.executable, *options, "-c", "print('for nobody')"], stdout=gone, stderr=subprocess.PIPE
                )
            # The call into the emulation has a line of its own, between the program's and the error.
            lines = [
                line for line in done.stderr.splitlines() if not line.startswith((b"Traceback", b'  File "coro_patch/'))
            ]
            results.append((lines, done.returncode))
        assert results[0] == results[1]
        assert results[0][1] != 0

    def test_that_is_interrupted_dies_by_the_signal(self, tmp_path: Path) -> None:
        code = "import os, signal, time\nprint('up', flush=True)\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)"
        (tmp_path / "program.py").write_text(code)
        output, errors, status = run("program.py", folder=tmp_path, options=("-m", "coro_patch"))
        assert (output, status) == ("up\n", -signal.SIGINT)
        assert errors.endswith("KeyboardInterrupt\n")


def test_the_program_is_emulated(tmp_path: Path) -> None:
    code = (
        "import coro, coro_patch._table as t; print([coro.is_module_patched(m) for m in ('time', 'socket', '_thread')])"
    )
    command = ("-m", "coro_patch")
    assert run("-c", code, folder=tmp_path, options=command)[0] == "[True, True, True]\n"
    without = run("--without", "socket,thread", "-c", code, folder=tmp_path, options=command)
    assert without == ("[True, False, False]\n", "", 0)
    assert run("--without=time", "--without=socket", "-c", code, folder=tmp_path, options=command)[0] == (
        "[False, False, True]\n"
    )


def test_the_shim_is_there_if_it_is_wanted(tmp_path: Path) -> None:
    code = "import sys; print('gevent.monkey' in sys.modules)"
    assert run("--with", "gevent", "-c", code, folder=tmp_path, options=("-m", "coro_patch"))[0] == "True\n"
    assert run("-c", code, folder=tmp_path, options=("-m", "coro_patch"))[0] == "False\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "there is no program to run"),
        (["-m"], "argument expected for the -m option"),
        (["--without"], "argument expected for the --without option"),
        (["--without", "sockets", "x.py"], "there is no part 'sockets'; there are time, select, "),
        (["--with", "eventlet", "x.py"], "there is no extra 'eventlet'; there are psycopg, gevent"),
        (["-W", "error", "x.py"], "unknown option -W"),
        (["--json", "x.py"], "unknown option --json"),
        (["doctor", "--without", "time"], "unknown option --without"),
    ],
)
def test_wrong_arguments_are_told(tmp_path: Path, words: list[str], message: str) -> None:
    output, errors, status = run(*words, folder=tmp_path, options=("-m", "coro_patch"))
    assert (output, status) == ("", 2)
    assert errors.startswith(message)
    assert "usage: python" in errors


def test_help(tmp_path: Path) -> None:
    output, errors, status = run("--help", folder=tmp_path, options=("-m", "coro_patch"))
    assert (errors, status) == ("", 0)
    assert output.startswith("usage: python")
