"""The command line of ``python -m coro_patch``.

What belongs here: arguments and messages. What is wrong with them ends with exit status 2, as
it does with Python's own.
"""

import sys
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from coro_patch._installing import _install
from coro_patch._programs import _program
from coro_patch._table import PARTS

USAGE = f"""\
usage: python [option of Python] ... -m coro_patch [option] ... [script | -m module | -c code | -] [argument] ...
       python -m coro_patch doctor [--json] [script | -m module]

Run a Python program with the blocking standard library emulated: its threads are
coroutines, and where it would block, others run.

  script             a Python file, or a folder or a zip file with a __main__.py
  -m module          a module or a package, as a program
  -c code            a program given as a string
  -                  a program read from standard input

  --without PART,... leave out: {", ".join(PARTS)}
  --with NAME,...    put in place too: psycopg (psycopg and psycopg2 wait without blocking),
                     gevent (what asks gevent.monkey hears what is emulated)
  -h, --help         this text

Options of Python itself, such as -W, -X and -i, stand before "-m coro_patch".

doctor loads a program, or imports a module, without the emulation, and tells what installing it
then would reach and what not, and which extension modules block. --json is for programs.
"""

EXTRAS = ("psycopg", "gevent")


class _Arguments(NamedTuple):
    without: tuple[str, ...]
    extras: tuple[str, ...]
    json: bool
    program: _program.Program | None


def main() -> None:
    """Do what the command line says."""
    words = sys.argv[1:]
    if words[:1] == ["doctor"]:
        _examine(_parse(words[1:], {"--json"}))
    else:
        _run(_parse(words, {"--without", "--with"}))


def _run(chosen: _Arguments) -> None:
    if chosen.program is None:
        _refuse("there is no program to run")
    _install.install(**dict.fromkeys(chosen.without, False))
    if "gevent" in chosen.extras:
        from coro_patch import gevent_shim

        gevent_shim.install()
    if "psycopg" in chosen.extras:
        from coro_patch import psycopg

        try:
            psycopg.install()
        except ImportError as error:
            _refuse(str(error))
    _program.run(chosen.program)


def _examine(chosen: _Arguments) -> None:
    from coro_patch._programs import _doctor

    text = _doctor.main(chosen.program, as_json=chosen.json)
    sys.stdout.write(text)


def _parse(words: list[str], known: set[str]) -> _Arguments:
    without: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    json = False
    rest = iter(words)
    for word in rest:
        option, given, value = word.partition("=")
        if word in ("-h", "--help"):
            print(USAGE, end="")
            raise SystemExit
        if option in ("--without", "--with") and option in known:
            names = tuple((value if given else _value_of(option, rest)).split(","))
            if option == "--without":
                without += _each_of(names, PARTS, "part")
            else:
                extras += _each_of(names, EXTRAS, "extra")
        elif word == "--json" and word in known:
            json = True
        elif word[:2] in ("-m", "-c"):
            kind = _program.MODULE if word[1] == "m" else _program.CODE
            subject = word[2:] or _value_of(word, rest)
            return _Arguments(without, extras, json, _program.Program(kind, subject, list(rest)))
        elif word.startswith("-") and word != "-":
            _refuse(f"unknown option {word}")
        else:
            return _Arguments(without, extras, json, _program.Program(_program.FILE, word, list(rest)))
    return _Arguments(without, extras, json, None)


def _value_of(option: str, rest: Iterator[str]) -> str:
    value = next(rest, None)
    if value is None:
        _refuse(f"argument expected for the {option} option")
    return value


def _each_of(names: tuple[str, ...], known: tuple[str, ...], what: str) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            _refuse(f"there is no {what} {name!r}; there are {', '.join(known)}")
    return names


def _refuse(message: str) -> NoReturn:
    print(f"{message}\n{USAGE.partition(chr(10))[0]}\nTry `python -m coro_patch -h' for more.", file=sys.stderr)
    raise SystemExit(2)
