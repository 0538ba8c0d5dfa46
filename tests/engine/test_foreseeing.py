"""A dry run and `verify REF` say what the restore then does; they change, make and run nothing."""
# ruff: noqa: E501 - cells are written as users write them

from __future__ import annotations

import copyreg
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from timeslip.codec.placeholder import Placeholder

Attach = Callable[..., Any]
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

CASES = {
    "plain": (["x = [1]", "x.append(2)"], {"x": "exact"}),
    "a generator that is gone": (["x = [1, 2]\ng = (i for i in (1, 2))", "g = None"], {"g": "replayed", "x": "exact"}),
    "one in another's place": (["g = (i for i in (1, 2))", "g = 1", "h = [g]"], {"g": "exact"}),
    "a chain of generators": (
        ["g = (i for i in (1, 2))", "h = (i for i in g)\nh2 = next(h)", "g = h = None"],
        {"g": "replayed", "h": "replayed", "h2": "exact"},
    ),
    "a thread": (["import threading", "t = threading.Thread(target=print)", "t = None"], {"t": "lost", "threading": "exact"}),
    "a lock": (["import threading", "t = threading.Lock()", "t = None"], {"t": "rebuilt", "threading": "exact"}),
    "beside what did not change": (["h = {'g': (i for i in [1]), 'n': 1}", "h['n'] = 2"], {"h": "exact"}),
    "in a class": (
        ["class C: g = (i for i in [1])\nc = C()", "C.x = 1"],
        {"C": "exact", "c": "exact"},
    ),
    "whole names of a lost group": (
        ["x = [1]\ng = (i for i in x)\ny = [x, iter([2])]\nz = [g]", "g = z = None; x.append(2)"],
        {"g": "replayed", "x": "exact", "y": "exact", "z": "replayed"},
    ),
    "a file that was written": (["f = open('made', 'w')\ng = (i for i in f)", "f.close(); f = g = None"], {"f": "rebuilt", "g": "lost"}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("mode", ["auto", "never"])
def test_a_dry_run_says_what_the_restore_does(
    case: str, mode: str, attach: Attach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cells, expected = CASES[case]
    session = attach(replay=mode)
    for cell in cells:
        assert session.run(cell).error is None
    gc.collect()
    names = {name: id(value) for name, value in session.namespace.items()}  # to hold a value is to keep it there
    dry = session.undo(dry_run=True)
    assert {name: id(value) for name, value in session.namespace.items()} == names
    result = session.undo()
    assert dry.fidelity == result.fidelity
    told = ("kept", "loaded", "replayed", "dropped", "placeholders")
    assert [getattr(dry, what) for what in told] == [getattr(result, what) for what in told]
    assert dry.notes.keys() == {name for name, what in dry.fidelity.items() if what != "exact"}
    if mode == "auto":
        assert result.fidelity == expected
    session.namespace.clear()


def test_before_a_resume(attach: Attach) -> None:
    first = attach(name="s")
    first.run("class C: pass\nc = C()\nx = [1]\nc.g = (i for i in (1, 2))")
    first.run("import threading\nt = threading.Thread(target=print)")
    head = first.head
    first.close()
    session = attach(name="s")
    verified = session.verify(head)
    assert verified.intact == ("C", "threading", "x")
    assert list(verified.replayed) == ["c"]
    assert "run" in verified.replayed["c"]
    assert list(verified.unrestorable) == ["t"]
    dry = session.resume(dry_run=True)
    assert session.namespace.keys() == {"__name__", "__builtins__"}
    result = session.resume()
    assert dry.fidelity == result.fidelity
    assert result.fidelity == {"C": "exact", "c": "replayed", "t": "lost", "threading": "exact", "x": "exact"}
    assert type(session.namespace["t"]) is Placeholder


def test_nothing_is_opened_or_run_for_it(attach: Attach, tmp_path: Path) -> None:
    session = attach()
    place = str(tmp_path / "f")
    session.run(
        f"class A:\n    calls = 0\n    def __hash__(self): A.calls += 1; return 1\n"
        f"f = open({place!r}, 'w'); f.write('a'); f.flush()\nbox = [{{A()}}, (k for k in range(3)), f]"
    )
    session.run("next(box[1]); f.close(); box = f = 0")
    opened: list[str] = []
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" and watching else None)
    watching = True
    before = session.namespace["A"].calls
    dry = session.undo(dry_run=True)
    session.verify("HEAD~1")
    watching = False
    assert session.namespace["A"].calls == before
    assert place not in opened
    assert dry.fidelity["box"] == "lost"


def test_a_closure_over_what_is_lost(attach: Attach) -> None:
    session = attach()
    session.run(
        "import csv\ndef mk():\n    r = csv.reader(['a', 'b'])\n    def f(): return next(r)\n    return f\nf = mk()"
    )
    session.run("f()")
    dry = session.undo(dry_run=True)
    assert dry.fidelity == session.undo().fidelity


@pytest.mark.parametrize(
    ("cells", "name", "expected"),
    [
        (["import time\nl = [1, time.time()]\nh = (x for x in l)", "l.append(3)"], "h", "lost"),
        (["import time, hashlib\nh = hashlib.md5(str(time.time()).encode())", "z = 1"], "h", "exact"),
        (["import time\nl = [1, time.time()]\nd = {'l': l, 'g': (x for x in l)}", "z = 1"], "d", "exact"),
    ],
)
def test_verify_says_what_the_restore_does(cells: list[str], name: str, expected: str, attach: Attach) -> None:
    session = attach()
    for cell in cells:
        assert session.run(cell).error is None
    verified = session.verify("HEAD~1")
    found = "exact" if name in verified.intact else "lost" if name in verified.unrestorable else "replayed"
    assert found == session.checkout("HEAD~1").fidelity[name] == expected


def test_functions_that_reductions_call_are_not_run_for_it(attach: Attach) -> None:
    session = attach()
    session.run(
        "import copyreg, time\nlog = []\nclass C: pass\ndef make(): log.append('made'); return C()\n"
        "def red(o): return make, ()\ncopyreg.pickle(C, red)\nt = time.time()\nl = [C(), (x for x in [t])]"
    )
    session.run("l = None")
    session.undo(dry_run=True)
    session.verify("HEAD~1")
    assert session.namespace["log"] == []
    copyreg.dispatch_table.pop(session.namespace["C"], None)
