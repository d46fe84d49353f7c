"""coro.profiler: what it writes. What it counts: test_profiler."""

import io
import json
import pstats
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies

import coro
from coro import profiler
from coro.interface import scheduler
from coro.profiler import Profile, _analysis, _flame
from coro.profiler._analysis import Clock, Function

VOID = {"meta", "br", "link", "input"}


class Page(HTMLParser):
    """What is in a page, if each element that begins ends."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str, css: str = "") -> list[dict[str, str | None]]:
        return [
            attrs for found, attrs in self.elements if found == tag and css in (attrs.get("class") or "").split(" ")
        ]


def leaf() -> None:
    sum(range(1000))


def branch() -> None:
    for _ in range(3):
        leaf()
    scheduler().wait("a word & more", 0.002)


def recursive(n: int) -> None:
    leaf()
    if n:
        recursive(n - 1)


def program() -> None:
    workers = [coro.spawn(branch, thread_name="<b>worker</b>") for _ in range(3)]
    recursive(5)
    for co in workers:
        co.join()


@pytest.fixture
def profile(no_leaks: None) -> Profile:
    with profiler.start() as made:
        program()
    return made


@pytest.fixture
def page(profile: Profile, tmp_path: Path) -> Page:
    profile.save_html(tmp_path / "page.html")
    return Page((tmp_path / "page.html").read_text(encoding="utf-8"))


# ------------------------------------------------------------------- text ---


def test_the_text_has_functions_waits_and_coroutines(profile: Profile) -> None:
    out = io.StringIO()
    profile.print_stats(file=out)
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines if "leaf (" in line] == ["15"]
    assert [line.split()[0] for line in lines if "recursive (" in line] == ["6/1"]
    assert [line.split()[0] for line in lines if "a word & more" in line] == ["3"]
    assert [line.split()[0] for line in lines if "<b>worker</b>" in line] == ["3"]


@pytest.mark.parametrize("sort", ["calls", "own_cpu", "own_wall", "cpu", "wall"])
def test_the_text_is_in_the_order_that_is_asked_for(profile: Profile, sort: str) -> None:
    out = io.StringIO()
    profile.print_stats(sort=sort, limit=None, file=out)  # type: ignore[arg-type]
    table = out.getvalue().split("\n\n")[1].splitlines()
    column = ("calls", "own_cpu", "own_wall", "cpu", "wall").index(sort)
    values = [float(line.split()[column].split("/")[0]) for line in table[1:]]
    assert values == sorted(values, reverse=True)
    assert len(values) == len(profile.functions)


def test_the_text_has_a_limit_and_names_what_is_wrong(profile: Profile) -> None:
    out = io.StringIO()
    profile.print_stats(limit=2, file=out)
    assert f"... and {len(profile.functions) - 2} more" in out.getvalue()
    with pytest.raises(ValueError, match="sort must be one of calls, own_cpu"):
        profile.print_stats(sort="time")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='clock must be "cpu" or "wall"'):
        profile.collapsed("real")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='clock must be "cpu" or "wall"'):
        profile.to_pstats("real")  # type: ignore[arg-type]


# ------------------------------------------------------------------- page ---


def test_the_page_is_whole_and_fetches_nothing(page: Page) -> None:
    for _, attrs in page.elements:
        assert not {"src", "data", "action"} & set(attrs)
        assert (attrs.get("href") or "#").startswith("#")
    assert "http" not in page.text
    assert "$" not in page.text
    assert not [attrs for tag, attrs in page.elements if tag == "link"]


def test_the_page_has_what_was_counted(page: Page, profile: Profile) -> None:
    tables = {attrs.get("id") for attrs in page.of("table")}
    assert {"functions", "waits", "groups", "coroutines"} <= tables
    for text in ("leaf (test_profiler_reports.py:", "a word & more", "<b>worker</b>", "6 / 1", "Called by"):
        assert text in page.text
    assert len(page.of("details")) == len(profile.functions)


def test_names_are_not_taken_for_markup(page: Page) -> None:
    assert "<b>worker</b>" in page.text
    assert not page.of("b")


def test_names_with_anything_in_them(tmp_path: Path) -> None:
    name = "x</script><script>\"'&;\n$summary ${x}"
    with profiler.start() as profile:
        code = compile("def f(): pass\nf()", name, "exec")
        exec(code)
        coro.spawn(leaf, thread_name=name).join()
    profile.save_html(tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text())
    assert len(page.of("script")) == 1
    assert "x</script><script>" in page.text
    for line in profile.collapsed().splitlines():
        assert line.rpartition(" ")[2].isdigit()


def test_links_lead_somewhere(page: Page) -> None:
    ids = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    links = {(attrs["href"] or "").removeprefix("#") for attrs in page.of("a")}
    assert links
    assert links <= ids


# ------------------------------------------------------------ flame graphs ---


@pytest.mark.parametrize("clock", ["cpu", "wall"])
def test_boxes_stand_on_their_callers_and_add_up(profile: Profile, clock: Clock) -> None:
    paths = profile._analysis.paths
    standing: dict[int, list[_flame.Box]] = {}
    for box in _flame.boxes(profile._analysis, clock):
        for other in standing.setdefault(box.level, []):
            assert box.start >= other.start + other.width or box.start + box.width <= other.start
        standing[box.level].append(box)
        if box.level:
            (below,) = (each for each in standing[box.level - 1] if each.path is paths[box.path.parent])
            assert below.start <= box.start
            assert box.start + box.width <= below.start + below.width
    (base,) = standing[0]
    assert base.width == sum(path.own(clock) for path in paths)
    for path in paths:
        assert path.total(clock) == path.own(clock) + sum(paths[each].total(clock) for each in path.children)


def test_the_page_has_the_boxes(page: Page, profile: Profile) -> None:
    boxes = page.of("div", "box")
    assert len(boxes) == sum(len(list(_flame.boxes(profile._analysis, clock))) for clock in ("cpu", "wall"))
    for box in boxes:
        assert int(box["data-width"] or "") >= 0
        assert "ms" in (box["title"] or "")
    assert page.of("div", "wait")


def test_cpu_has_no_waits(profile: Profile) -> None:
    assert "waits:" in profile.collapsed("wall")
    assert "waits:" not in profile.collapsed("cpu")


def test_collapsed_stacks_are_all_the_time(profile: Profile) -> None:
    lines = profile.collapsed("wall").splitlines()
    stacks = {stack: int(count) for stack, _, count in (line.rpartition(" ") for line in lines)}
    assert len(stacks) == len(lines)
    root = profile._analysis.paths[0]
    whole = (root.wall - root.own_wall) / 1000  # some passes when a coroutine's function has ended
    assert sum(stacks.values()) == pytest.approx(whole, abs=len(profile._analysis.paths))
    waits = [stack for stack in stacks if stack.endswith("waits: a word & more")]
    assert [len(stack.split(";")) for stack in waits] == [2]
    assert waits[0].startswith("branch (")


@pytest.mark.usefixtures("deep_recursion")
def test_a_deep_stack_is_cut(tmp_path: Path) -> None:
    with profiler.start() as profile:
        recursive(3_000)
    for line in profile.collapsed().splitlines():
        assert line.count(";") < _flame.HIGHEST
    assert max(box.level for box in _flame.boxes(profile._analysis, "wall")) <= _flame.HIGHEST
    profile.save_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 1_000_000


names = strategies.sampled_from("abc")


@hypothesis.given(
    strategies.lists(
        strategies.tuples(strategies.integers(0, 1000), names, strategies.integers(0, 9), strategies.integers(0, 9)),
        max_size=30,
    )
)
def test_sums_over_any_tree(drawn: list[tuple[int, str, int, int]]) -> None:
    class Tree:
        def tree(self) -> list[tuple[int, tuple[str, str, int, str], int, int, int]]:
            root = (-1, ("python", "", 0, ""), 0, 0, 0)
            return [root] + [
                (parent % (i + 1), ("python", "f.py", 1, name), 1, cpu, cpu + wait)
                for i, (parent, name, cpu, wait) in enumerate(drawn)
            ]

    paths = _analysis.tree(Tree())  # type: ignore[arg-type]
    functions = _analysis.sums(paths)
    assert sum(each.own_cpu for each in functions) == paths[0].cpu == sum(cpu for _, _, cpu, _ in drawn)
    assert sum(each.own_wall for each in functions) == paths[0].wall
    assert sum(each.calls for each in functions) == len(drawn)
    for each in functions:
        assert each.own_cpu <= each.cpu <= paths[0].cpu
        assert each.own_wall <= each.wall <= paths[0].wall
        assert each.primitive_calls <= each.calls
        assert sum(edge.calls for edge in each.callers.values()) <= each.calls
        for callee, edge in each.callees.items():
            (other,) = (function for function in functions if function.function == callee)
            assert other.callers[each.function] is edge
            assert edge.cpu <= other.cpu


# ----------------------------------------------------------------- pstats ---


@pytest.mark.parametrize("clock", ["cpu", "wall"])
def test_pstats_reads_it(profile: Profile, clock: Clock, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile.dump_stats(tmp_path / "p.pstats", clock)
    stats = pstats.Stats(str(tmp_path / "p.pstats"))
    stats.sort_stats("cumulative").print_stats()
    stats.print_callers()
    stats.print_callees()
    out = capsys.readouterr().out
    assert "(leaf)" in out
    assert "6/1" in out
    merged = profile.to_pstats(clock)
    merged.add(profile.to_pstats(clock))
    assert merged.total_calls == 2 * stats.total_calls == 2 * profile.summary.calls  # type: ignore[attr-defined]


def test_pstats_in_a_process_without_coro(profile: Profile, tmp_path: Path) -> None:
    profile.dump_stats(tmp_path / "p.pstats", "wall")
    source = (
        "import json, pstats, sys\n"
        "stats = pstats.Stats(sys.argv[1])\n"
        "print(json.dumps({f'{key[2]}': value[:4] for key, value in stats.stats.items()}))\n"
        "assert 'coro' not in sys.modules\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", source, tmp_path / "p.pstats"], check=True, capture_output=True, text=True
    ).stdout
    found = json.loads(out)
    assert found["leaf"][:2] == [15, 15]
    assert found["recursive"][:2] == [1, 6]
    assert found["branch"][3] >= 3 * 0.002


def test_labels_say_what_and_where() -> None:
    assert Function("python", "/a/b.py", 3, "f").label == "f (b.py:3)"
    assert Function("wait", "", 0, "read").label == "waits: read"
    assert Function("builtin", "", 0, "<built-in method time.sleep>").label == "<built-in method time.sleep>"
