"""The command line."""

import json

import pytest
from coro_bench import main, programs

pytestmark = pytest.mark.skipif(programs.compiler() is None, reason="there is no C compiler")


def test_one_workload_of_one_peer(tmp_path, capsys):
    file = tmp_path / "results.json"
    assert main.main(["--quick", "--rounds", "2", "--only", "yield", "--peer", "coro", "--json", str(file)]) == 0
    assert "yield: a yield" in capsys.readouterr().out
    document = json.loads(file.read_text())
    assert len(document["results"]["yield"]["coro"]["runs"]) == 2
    assert document["environment"]["versions"]["coro-core"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "nonsense"], "there is no 'nonsense'"),
        (["--peer", "nonsense"], "there is no 'nonsense'"),
        (["--rounds", "0"], "whole number from 1 on"),
        (["--json", "/nowhere/at/all"], "No such file"),
        (["--from", "/nowhere/at/all"], "there is no file"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(words, message, capsys):
    with pytest.raises(SystemExit) as error:
        main.main(words)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_results_of_an_earlier_run_are_completed(tmp_path, capsys):
    earlier, later = tmp_path / "earlier.json", tmp_path / "later.json"
    main.main(["--quick", "--rounds", "1", "--only", "lock", "--peer", "coro", "--json", str(earlier)])
    words = ["--quick", "--rounds", "3", "--only", "yield", "--peer", "coro", "--from", str(earlier)]
    main.main([*words, "--json", str(later)])
    results = json.loads(later.read_text())["results"]
    assert {name: len(peers["coro"]["runs"]) for name, peers in results.items()} == {"lock": 1, "yield": 3}


def test_results_that_are_shown_once_more_are_of_where_they_were_measured(tmp_path, capsys):
    earlier, later = tmp_path / "earlier.json", tmp_path / "later.json"
    main.main(["--quick", "--rounds", "1", "--only", "lock", "--peer", "coro", "--json", str(earlier)])
    measured = json.loads(earlier.read_text())
    measured["environment"]["python"] = "3.0"
    earlier.write_text(json.dumps(measured))
    main.main(["--from", str(earlier), "--json", str(later)])
    assert json.loads(later.read_text()) == measured


def test_pictures_without_matplotlib_are_refused_before_the_run(monkeypatch, capsys):
    monkeypatch.setattr(main.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        main.main(["--docs"])
    assert "matplotlib" in capsys.readouterr().err


def test_a_peer_that_is_not_installed_is_named(monkeypatch, capsys):
    monkeypatch.setattr(main.Peer, "is_here", property(lambda peer: peer.name != "gevent"))
    main.main(["--quick", "--rounds", "1", "--only", "lock", "--peer", "gevent", "--peer", "coro"])
    assert "gevent is not installed: it is left out" in capsys.readouterr().out
