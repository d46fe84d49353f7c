"""What the emulation reaches in a program, what it does not, and what blocks all the same.

What belongs here: ``python -m coro_patch doctor``. The program is loaded without the emulation, as
a module of another name than `__main__`, so what stands below ``if __name__ == "__main__"`` does
not run. Then the emulation is installed, and taken back at the end. What is bound to originals
now, and was rebound, the emulation itself has noted. What still refers to one is found by
going through the objects that modules lead to, as the garbage collector knows them: closures,
default arguments, containers, objects. The variables of C code it does not know.
"""

import gc
import importlib
import json
import sys
import threading
import types
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from coro_patch._installing import _install, _sweep
from coro_patch._programs import _extensions, _program
from coro_patch._table import PARTS, TABLE

_OURS = _sweep._OURS
_REAL_LOCKS = (_sweep._REAL_LOCK, _sweep._REAL_RLOCK)


@dataclass
class Lock:
    """A real lock that was there before the emulation."""

    where: str
    kind: str
    held: bool
    #: whether an emulated one has taken its place
    renewed: bool


@dataclass
class Loaded:
    """An extension that is loaded."""

    name: str
    modules: list[str]
    #: "blocks", "harmless", "conflicts", or "unknown"
    kind: str
    advice: str


@dataclass
class Report:
    """What `examine` has found."""

    #: what was examined, and what was wrong with loading it
    program: str | None
    trouble: str | None
    #: how many names the table replaces here, by part
    replaced: dict[str, int] = field(default_factory=dict)
    #: what modules and their classes had bound and is rebound: names, by module
    rebound: dict[str, list[str]] = field(default_factory=dict)
    #: what still holds an original: what and where
    unreached: list[tuple[str, str]] = field(default_factory=list)
    locks: list[Lock] = field(default_factory=list)
    #: real threads that run already
    threads: list[str] = field(default_factory=list)
    extensions: list[Loaded] = field(default_factory=list)
    #: what blocks by nature and is loaded: module, what, advice
    by_nature: list[tuple[str, str, str]] = field(default_factory=list)


def main(program: _program.Program | None, as_json: bool) -> str:
    """Load a program, and report on it. Returns the report, as text or JSON."""
    report = examine(program)
    if as_json:
        return json.dumps(asdict(report), indent=2) + "\n"
    return as_text(report)


def examine(program: _program.Program | None = None) -> Report:
    """Load a program without the emulation, and find out what that would do to it.

    Args:
        program: None for what is loaded in this process.
    """
    report = Report(program.subject if program else None, _load(program) if program else None)
    originals = _originals()
    locks = {id(lock): (where, lock) for where, lock in _references(lambda each: type(each) in _REAL_LOCKS)}
    report.threads = [each.name for each in threading.enumerate() if each is not threading.main_thread()]
    _install.install()
    try:
        changes = list(_install._changes)
        for part in PARTS:
            report.replaced[part] = sum(row.part == part and _is_here(row) for row in TABLE)
        own = {(row.module, row.name) for row in TABLE}
        for place, name, before, _ in changes:
            module, inside = _name_of_place(place, name)
            if (module, inside) not in own and type(before) not in _REAL_LOCKS:
                report.rebound.setdefault(module, []).append(inside)
        report.unreached = sorted(
            {(originals[id(each)][0], where) for where, each in _references(lambda each: id(each) in originals)}
        )
        renewed = {id(before) for _, _, before, _ in changes}
        report.locks = [
            Lock(where, type(lock).__name__, not _sweep.is_free(lock), number in renewed)
            for number, (where, lock) in sorted(locks.items(), key=lambda item: item[1][0])
        ]
    finally:
        _install.uninstall()
    report.extensions = list(_loaded_extensions())
    report.by_nature = [each for each in _extensions.BY_NATURE if each[0] in sys.modules]
    return report


def _load(program: _program.Program) -> str | None:
    """Load it as `multiprocessing` would in a child; what was wrong, if anything."""
    _program.prepare(program)
    try:
        if program.kind == _program.MODULE:
            importlib.import_module(program.subject)
        else:
            module = _program.new_module("__mp_main__")
            sys.modules[module.__name__] = module
            if _program.is_container(program):
                path = Path(program.subject, "__main__.py")
                program = program._replace(subject=str(path))
            exec(_program.load(program, module), vars(module))
    except (Exception, SystemExit) as error:
        return f"it ended with {type(error).__name__}: {error}"
    return None


# --- names ------------------------------------------------------------------------


def _is_here(row: Any) -> bool:
    return bool(row.since <= sys.version_info[:2] <= row.until)


def _originals() -> dict[int, tuple[str, Any]]:
    """What the table replaces wherever it is bound: (its name, it), by its id."""
    found: dict[int, tuple[str, Any]] = {}
    for row in TABLE:
        if _is_here(row) and "." not in row.name and not row.made:
            original = getattr(importlib.import_module(row.module), row.name, None)
            if original is not None:
                found.setdefault(id(original), (f"{row.module}.{row.name}", original))
    return found


def _name_of_place(place: Any, name: str) -> tuple[str, str]:
    if isinstance(place, type):
        return place.__module__, f"{place.__qualname__}.{name}"
    if isinstance(place, types.ModuleType):
        return place.__name__, name
    return type(place).__module__, f"{type(place).__qualname__}.{name}"


def _references(wanted: Callable[[Any], bool]) -> Iterator[tuple[str, Any]]:
    """(where, what) of each reference to a wanted object, as the garbage collector knows them.

    A place is called after the first way that leads to it from a module, the shortest.
    """
    loaded: dict[str, Any] = dict(sys.modules)  # a program may put anything there
    modules = [(name, each) for name, each in loaded.items() if isinstance(each, types.ModuleType)]
    seen = {id(each) for _, module in modules for each in (module, vars(module))}
    found = deque((name, vars(module)) for name, module in modules if not _is_ours(name))
    while found:
        where, holder = found.popleft()
        for place, each in _parts(where, holder):
            if wanted(each):
                if type(holder) is not each:
                    yield place, each
            elif id(each) not in seen and gc.is_tracked(each) and not _is_ours(_module_of(each)):
                seen.add(id(each))
                found.append((place, each))


def _parts(where: str, holder: Any) -> Iterator[tuple[str, Any]]:
    """What an object refers to, and how to call the place."""
    if isinstance(holder, dict) and "." not in where and where in sys.modules and vars(sys.modules[where]) is holder:
        yield from ((f"{where}.{name}", each) for name, each in list(holder.items()))
    elif isinstance(holder, types.FunctionType):
        name = f"{holder.__module__}.{holder.__qualname__}"
        for role, owned in (
            ("default argument of", holder.__defaults__),
            ("default argument of", (holder.__kwdefaults__ or {}).values()),
            ("closure of", [_contents(cell) for cell in holder.__closure__ or ()]),
            ("attribute of", vars(holder).values()),
        ):
            yield from ((f"{role} {name}", each) for each in owned or ())
    elif isinstance(holder, type):
        name = f"{holder.__module__}.{holder.__qualname__}"
        yield from ((f"{name}.{attribute}", each) for attribute, each in list(vars(holder).items()))
        yield from ((f"base class of {name}", each) for each in holder.__bases__)
    else:
        yield from ((where, each) for each in gc.get_referents(holder))


def _contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # empty
        return None


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in _OURS


def _module_of(each: Any) -> str:
    place = each if isinstance(each, type | types.FunctionType) else type(each)
    return str(place.__module__)


# --- extensions -------------------------------------------------------------------


def _loaded_extensions() -> Iterator[Loaded]:
    """The loaded extensions that are not Python's own, and those of it that are known."""
    groups: dict[str, Loaded] = {}
    for name, module in sorted(sys.modules.items()):
        known = _extensions.find(name)
        path = str(getattr(module, "__file__", None) or "")
        is_extension = path.endswith(tuple(EXTENSION_SUFFIXES))
        package = name.partition(".")[0]
        if _is_ours(name) or not is_extension or (known is None and package in sys.stdlib_module_names):
            continue
        title = known.name if known else package
        if title not in groups:
            groups[title] = Loaded(
                title, [], known.kind if known else "unknown", known.advice if known else "does it wait for anything?"
            )
        groups[title].modules.append(name)
    order = (_extensions.CONFLICTS, _extensions.BLOCKS, "unknown", _extensions.HARMLESS)
    return iter(sorted(groups.values(), key=lambda each: order.index(each.kind)))


# --- text -------------------------------------------------------------------------


def as_text(report: Report) -> str:
    """A report for people."""
    lines = [f"{report.program or 'This process'}, before the emulation and under it"]
    if report.trouble:
        lines.append(f"  {report.trouble}; here is what was loaded until then")

    def section(title: str, items: Iterable[str], otherwise: str) -> None:
        lines.extend(["", title, *([f"  {item}" for item in items] or [f"  {otherwise}"])])

    section(
        "Names that are replaced, by part",
        [", ".join(f"{part} {number}" for part, number in report.replaced.items())],
        "none",
    )
    section(
        "Bound before by other modules, and rebound",
        [f"{module}: {', '.join(names)}" for module, names in sorted(report.rebound.items())],
        "none",
    )
    section(
        "Out of reach: these keep an original, which blocks (import them after the emulation is installed)",
        [f"{what}: {where}" for what, where in report.unreached],
        "nothing that Python knows of",
    )
    renewed = sum(lock.renewed for lock in report.locks)
    section(
        f"Locks that were there before: {len(report.locks)}, of which {renewed} were made anew. Held now",
        [f"{lock.kind} {lock.where}" for lock in report.locks if lock.held],
        "none",
    )
    section(
        "Free ones that stay real: no harm while nobody waits for anything with such a lock in hand",
        _counted(lock.where for lock in report.locks if not lock.held and not lock.renewed),
        "none",
    )
    section("Threads that run already, and stay real", report.threads, "none")
    section(
        "Extension modules",
        [f"{each.name} {_VERDICTS[each.kind]}: {each.advice}" for each in report.extensions],
        "none but Python's own",
    )
    section("What blocks by nature", [f"{name}: {what}: {to_do}" for name, what, to_do in report.by_nature], "none")
    return "\n".join(lines) + "\n"


_VERDICTS = {
    _extensions.BLOCKS: "blocks",
    _extensions.HARMLESS: "is harmless",
    _extensions.CONFLICTS: "is in the way",
    "unknown": "is not known",
}


def _counted(names: Iterable[str]) -> list[str]:
    """Each name once, with how often it came if that was more than once."""
    return [name if count == 1 else f"{name} ({count})" for name, count in Counter(names).items()]
