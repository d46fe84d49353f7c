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
    ],
)
def test_what_cannot_be_done_is_said_at_once(words, message, capsys):
    with pytest.raises(SystemExit) as error:
        main.main(words)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_a_peer_that_is_not_installed_is_named(monkeypatch, capsys):
    monkeypatch.setattr(main.Peer, "is_here", property(lambda peer: peer.name != "gevent"))
    main.main(["--quick", "--rounds", "1", "--only", "lock", "--peer", "gevent", "--peer", "coro"])
    assert "gevent is not installed: it is left out" in capsys.readouterr().out
