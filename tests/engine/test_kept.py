"""What a restore does not have to change stays the very same object, whatever died or was redefined in between."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from tests.engine.test_cases import Sessions, _quiet, sessions

__all__ = ["_quiet", "sessions"]  # the fixtures

HOLD = "def hold(x): return lambda: x\nget = hold(c)"
SEEN = "def f(v, seen=[]): seen.append(v); return seen"
CASES = {
    "a closure made again": ["a = [1, 2]; b = a; c = {'k': a}", HOLD, HOLD, "exec('h = [0]; x = h')"],
    "a function whose default was given away": [SEEN, "r = f(5)", SEEN, "y = 1"],
    "a definition that died": ["c = [1]", HOLD, "get = None", "y = 1"],
    "a class made again": ["class A: pass\na = A(); l = [a]", "class A: pass\nb = A()", "y = 1"],
    "globals of a function": ["g = {'x': [1]}; exec('def f(): return x', g); f = g['f']", "l = [g]", "y = 1"],
}


@pytest.mark.parametrize("name", CASES)
def test_an_undone_run_leaves_alone_what_it_did_not_touch(name: str, sessions: Sessions) -> None:
    cells = CASES[name]
    live = sessions.attach()
    live.run(*cells[:-1])
    before = dict(live.namespace)
    live.run(cells[-1])
    assert live.session.undo().loaded == ()
    assert {key: id(value) for key, value in live.namespace.items()} == {
        key: id(value) for key, value in before.items()
    }
    assert live.session.checkout("HEAD").loaded == ()
    assert [commit.kind for commit in live.session.log(all=True)] == ["run"] * len(cells)


def test_thousands_of_functions_are_stored_in_portions(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run(
        "def make(i):\n    def f(): return i\n    return f\nfs = [make(i) for i in range(300)]",
        "def wrap(f): return lambda: f\nx = None\nfor i in range(300): x = wrap(x)",
    )
    written = [commit.stats.covariables_written for commit in live.commits]
    assert all(count < 20 for count in written), written
    before = list(live["fs"])
    live.run("fs[3].note = [1]")
    live.session.undo()
    assert list(map(id, live["fs"])) == list(map(id, before))
    assert not hasattr(live["fs"][3], "note")
    live.session.redo()
    assert live["fs"][3].note == [1]
    live.run("fs = None; x = None")
    live.session.undo()
    assert [f() for f in live["fs"]] == list(range(300))
    depth, f = 0, live["x"]
    while f is not None:
        depth, f = depth + 1, f()
    assert depth == 300


def test_one_function_that_cannot_be_stored_does_not_spoil_its_portion(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run(
        "def make(i):\n    def f(): return i\n    return f\n"
        "fs = [make(i) for i in range(300)]; g = make(i for i in range(3)); h = make(5)"
    )
    assert set(live.commits[0].names.inexact) <= {"g"}
    live.run("fs = h = None")
    live.session.undo()
    assert [f() for f in live["fs"]] == list(range(300))
    assert live["h"]() == 5


def test_undo_leaves_temporary_files_where_they_are_and_redo_has_them_again(sessions: Sessions, tmp_path: Path) -> None:
    live = sessions.attach()
    live.run("import tempfile, pathlib")
    live.run(
        f"d = tempfile.TemporaryDirectory(dir={str(tmp_path)!r}); f = pathlib.Path(d.name) / 'result'\n"
        "_ = f.write_text('kept')\n"
        f"t = [tempfile.NamedTemporaryFile(dir={str(tmp_path)!r})]"
    )
    directory, result, temporary = live["d"], live["f"], Path(live["t"][0].name)
    live.session.undo()
    gc.collect()
    assert (result.read_text(), temporary.exists()) == ("kept", True)
    live.session.redo()
    assert live["d"] is directory
    assert live["t"][0].name == str(temporary)
    live["t"][0].close()
    live["d"].cleanup()
