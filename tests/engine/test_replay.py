"""Replay: after it, the only difference in the session is the rebuilt value; unasked, nothing outside is touched."""
# ruff: noqa: E501 - cells are written as users write them

from __future__ import annotations

import atexit
import collections
import gc
import importlib
import itertools
import json
import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from timeslip.errors import ReplayError, UnrestorableError
from timeslip.executing import Execution
from timeslip.past import Loads

Attach = Callable[..., Any]
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def lose_and_undo(session: Any, *cells: str, names: str = "g") -> Any:
    """Run *cells*, let the names go in a further cell, and undo that one."""
    for cell in cells:
        made = session.run(cell)
        assert made.error is None, made.error
    session.run(" = ".join([*names.split(), "None"]))
    return session.undo()


def test_a_replayed_cell_is_compiled_as_it_was(attach: Attach) -> None:
    """With no ``__future__`` of this library's own modules."""
    session = attach()
    lose_and_undo(session, "def g(a: int) -> str: return a\ng.part = (i for i in [1])")
    assert session.namespace["g"].__annotations__ == {"a": int, "return": str}


# ---- what a replayed cell writes beside its names


@pytest.mark.parametrize(
    ("earlier", "cell", "look", "expected"),
    [
        ("class C:\n    n = 0\n    log = []", "C.n += 1; C.log.append(1); C.new = 1", "C.n, C.log, C.new", (1, [1], 1)),
        ("class C:\n    n = 0", "C.n += 1; C.n += 1; x = C.n; del C.n", "hasattr(C, 'n'), x", (False, 2)),
        (
            "def f(seen=[]):\n    seen.append(1)\n    return len(seen)",
            "f(); f.calls = f()",
            "f.__defaults__, f.calls",
            (([1, 1],), 2),
        ),
        (
            "def outer():\n    n = 0\n    def inner():\n        nonlocal n\n        n += 1\n        return n\n    return inner\nf = outer()",
            "r = f()",
            "f.__closure__[0].cell_contents, r",
            (1, 1),
        ),
        ("class C:\n    pass\nc = C()", "c.v = [1]; C.last = c", "c.v, C.last is c", ([1], True)),
        ("import enum\nclass E(enum.Enum):\n    A = 1", "E.A.note = getattr(E.A, 'note', 0) + 1", "E.A.note", 1),
        ("x = [1]", "x.append(2); y = x", "x, y is x", ([1, 2], True)),
        ("x = y = 1", "del x; y += 1; del y; y = 5", "y, 'x' in globals()", (5, False)),
        ("def f(): return 1\nold = f", "def f(): return 2\nold.alias = f()", "f(), old.alias, old()", (2, 2, 1)),
        ("import random\nrandom.seed(1)", "r = random.random()", "random.random()", 0.8474337369372327),
        ("import warnings", "warnings.simplefilter('error')", "warnings.filters[0][0]", "error"),
        ("import decimal", "decimal.getcontext().prec = 5", "str(decimal.Decimal(1) / 3)", "0.33333"),
    ],
)
def test_what_the_cell_writes_to_the_session_is_written_once(
    attach: Attach, earlier: str, cell: str, look: str, expected: Any
) -> None:
    session = attach()
    result = lose_and_undo(session, earlier, f"{cell}\ng = (i for i in range(3))")
    assert result.fidelity["g"] == "replayed", result.notes
    assert not session.verify().changed
    assert list(session.namespace["g"]) == [0, 1, 2]
    assert eval(look, session.namespace) == expected


def test_what_live_functions_and_classes_hold_stays_the_same_object(attach: Attach) -> None:
    session = attach()
    session.run("def f(x, seen=[]): seen.append(x)\nclass K:\n    n = [0]\n    count = 0")
    session.run("g = (i for i in range(3)); f(1); K.n.append(1); K.count += 1")
    session.run("del g")
    held = session.namespace["f"].__defaults__[0]
    assert session.undo().replayed == ("g",)
    assert session.namespace["f"].__defaults__ == ([1],)
    assert session.namespace["f"].__defaults__[0] is held
    assert (session.namespace["K"].n, session.namespace["K"].count) == ([0, 1], 1)


def test_a_replayed_cell_sees_classes_as_they_were_then(attach: Attach) -> None:
    session = attach()
    lose_and_undo(
        session,
        "class C:\n    n = 3\n    def go(self): return 'first'\nc = C()",
        "g = (i for i in [C.n, c.go()])\nC.n = 0\nC.go = lambda self: 'second'",
    )
    assert list(session.namespace["g"]) == [3, "first"]
    assert session.namespace["C"].n == 0
    assert session.namespace["c"].go() == "second"


@pytest.mark.parametrize(
    "cell",
    [
        "import collections; collections.zzz = getattr(collections, 'zzz', 0) + 1",
        "import collections\ndef put(m): m.zzz = getattr(m, 'zzz', 0) + 1\nput(collections)",
        "import collections\nsetattr(collections, 'zzz', getattr(collections, 'zzz', 0) + 1)",
        "import collections\ncollections.OrderedDict.fromkeys\ncollections.zzz = getattr(collections, 'zzz', 0) + 1",
    ],
)
@pytest.mark.parametrize("asked", [False, True])
def test_attributes_of_libraries_are_not_written_again(attach: Attach, cell: str, asked: bool) -> None:
    session = attach()
    try:
        result = lose_and_undo(session, f"{cell}\ng = (i for i in range(3))")
        assert result.placeholders == ("g",)
        if asked:
            session.replay("g")
            assert list(session.namespace["g"]) == [0, 1, 2]
        assert collections.zzz == 1  # type: ignore[attr-defined]
    finally:
        del collections.zzz  # type: ignore[attr-defined]


def test_classes_of_libraries_loggers_and_hooks_are_put_back_when_asked(attach: Attach) -> None:
    session = attach(replay="ask")
    encoder, hook, stdout = json.JSONEncoder.default, sys.excepthook, sys.stdout
    lose_and_undo(session, "import json, logging, sys\nx = 1", "g = (i for i in [x])")
    handlers = list(logging.getLogger("tests.replay").handlers)
    try:
        session.run(
            "h = (i for i in [1])\njson.JSONEncoder.default = lambda *a: 1\nsys.excepthook = print\nsys.stdout = None\n"
            "logging.getLogger('tests.replay').addHandler(logging.NullHandler())"
        )
    finally:
        json.JSONEncoder.default, sys.excepthook, sys.stdout = encoder, hook, stdout  # type: ignore[method-assign]
        logging.getLogger("tests.replay").handlers[:] = handlers
    session.run("h = None")
    session.undo()
    patched = json.JSONEncoder.default  # part of that state; the replay sets another one
    try:
        session.replay("h")
        assert list(session.namespace["h"]) == [1]
        assert json.JSONEncoder.default is patched
    finally:
        json.JSONEncoder.default = encoder  # type: ignore[method-assign]
    assert sys.excepthook is hook
    assert sys.stdout is stdout
    assert logging.getLogger("tests.replay").handlers == handlers


def test_callbacks_threads_and_output(attach: Attach, capsys: pytest.CaptureFixture[str]) -> None:
    session = attach()
    callbacks = atexit._ncallbacks()
    result = lose_and_undo(
        session, "import atexit", "print('once'); atexit.register(len, '')\ng = (i for i in range(3))"
    )
    assert result.placeholders == ("g",)
    assert "atexit" in result.notes["g"]
    assert atexit._ncallbacks() == callbacks + 1
    assert capsys.readouterr().out == "once\n"
    answer = session.replay("g")
    assert any("at exit" in message for message in answer.messages), "asked for, it is said what stays"
    assert capsys.readouterr().out == "", "its output was shown when it ran first"
    atexit.unregister(len)
    result = lose_and_undo(
        session, "import threading", "t = threading.Timer(60, print)\nh = (i for i in range(3))", names="h t"
    )
    assert set(result.placeholders) == {"h", "t"}
    assert not [
        thread for thread in threading.enumerate() if type(thread) is threading.Timer and "timeslip" not in thread.name
    ]


def test_outputs_of_a_replayed_cell_are_not_given_the_live_ones(attach: Attach) -> None:
    session = attach()
    session.run("class P:\n    def __set_name__(self, owner, name): owner.seen = getattr(owner, 'seen', 0) + 1")
    result = lose_and_undo(session, "class Q:\n    p = P()\ng = (i for i in [Q.seen])")
    assert result.fidelity["g"] == "replayed"
    assert session.namespace["Q"].seen == 1


# ---- what the rebuilt value shares


def test_a_rebuilt_value_shares_objects_with_what_was_kept(attach: Attach) -> None:
    session = attach()
    session.run("x = [1, 2, 3]")
    kept = session.namespace["x"]
    lose_and_undo(session, "g = (i for i in x)")
    assert session.namespace["x"] is kept
    kept.append(4)
    assert list(session.namespace["g"]) == [1, 2, 3, 4]


def test_a_rebuilt_value_shares_objects_with_what_was_loaded(attach: Attach) -> None:
    session = attach()
    session.run("x = [1, 2, 3]")
    session.run("g = (i for i in x)")
    session.run("x.append(4); g = None")
    session.undo()
    session.namespace["x"].append(5)
    assert list(session.namespace["g"]) == [1, 2, 3, 5]


def test_names_that_were_stored_together_with_a_lost_one_keep_their_aliases(attach: Attach) -> None:
    session = attach()
    result = lose_and_undo(session, "base = [1]; also = base", "h = {'b': base, 'g': (i for i in range(3))}", names="h")
    assert session.namespace["h"]["b"] is session.namespace["base"] is session.namespace["also"]
    assert result.fidelity == {"also": "exact", "base": "exact", "h": "replayed"}


def test_what_is_salvaged_keeps_its_aliases_and_what_is_cut_is_said(attach: Attach) -> None:
    session = attach(replay="never")
    session.run("base = [1]; also = [base]")
    made = session.run("h = {'b': base, 'g': (i for i in range(3))}")
    assert set(made.commit.names.inexact) == {"also", "base", "h"}
    session.run("h = None; base = None; also = None")
    result = session.undo()
    assert session.namespace["also"][0] is session.namespace["base"]
    assert result.placeholders == ("h",)
    assert "h" in result.notes["base"]
    assert "h" in result.notes["also"]


def test_a_rebuilt_value_that_differs_from_its_salvaged_neighbours_is_said(attach: Attach) -> None:
    session = attach()
    session.run("class Count:\n    n = 0")
    session.run("base = [id(object())]; h = {'b': base, 'g': (i for i in range(3))}")
    value = list(session.namespace["base"])
    session.run("h = base = None")
    result = session.undo()
    assert session.namespace["base"] == value, "what was stored is given as it was stored"
    if session.namespace["h"]["b"] is not session.namespace["base"]:
        assert "not shared any more" in result.notes["base"]


def test_an_input_that_has_changed_since_is_said(attach: Attach) -> None:
    session = attach()
    session.run("x = [1]")
    session.run("g = (i for i in x)")
    session.run("x.append(2)")
    session.run("del g, x")
    result = session.undo()
    assert "x" in result.notes["g"]
    assert "apart" in result.notes["g"]


@pytest.mark.parametrize("later", ["g = None", "x.append(9); g = None"])
def test_a_rebuilt_value_shares_objects_with_what_its_cell_changed(attach: Attach, later: str) -> None:
    session = attach()
    session.run("x = [1]; y = [x]; z = [5]")
    untouched = session.namespace["z"]
    session.run("x.append(2); g = (i for i in x)")
    session.run(later)
    result = session.undo()
    assert result.fidelity == {"g": "replayed", "x": "exact", "y": "exact", "z": "exact"}
    assert session.namespace["x"] == [1, 2]
    assert session.namespace["y"][0] is session.namespace["x"]
    assert session.namespace["z"] is untouched
    session.namespace["x"].append(3)
    assert list(session.namespace["g"]) == [1, 2, 3]
    assert not set(result.kept) & set(result.loaded)
    assert not session.verify().changed.keys() - {"g", "x", "y"}


def test_placeholders_are_rebuilt_with_what_was_stored_together(attach: Attach) -> None:
    session = attach(replay="ask")
    session.run("x = [1]; g = (i for i in x)")
    session.run("h = {'g': g, 'v': [1]}; w = h['v']")
    session.run("k = (i for i in g)")
    session.run("del g, h, w, k")
    assert set(session.undo().placeholders) == {"g", "h", "k"}
    result = session.replay("h", "k")
    assert result.replayed == ("g", "h", "k")
    namespace = session.namespace
    assert namespace["h"]["v"] is namespace["w"]
    assert namespace["h"]["g"] is namespace["g"]
    assert not any("apart" in note for note in result.notes.values()), result.notes
    namespace["x"].append(2)
    assert list(namespace["k"]) == [1, 2]
    assert list(namespace["g"]) == []


def test_what_a_function_holds_and_the_rebuilt_value_as_well_is_said(attach: Attach) -> None:
    session = attach()
    session.run("def f(v, seen=[]):\n    seen.append(v)\n    return (i for i in seen)")
    result = lose_and_undo(session, "g = f(1)")
    assert "what f holds" in result.notes["g"]
    assert session.namespace["f"].__defaults__ == ([1],)


def test_finalizers_of_copies_do_not_reach_live_classes(attach: Attach) -> None:
    session = attach()
    lose_and_undo(
        session,
        "class C:\n    alive = 0\n    def __init__(self): C.alive += 1; self.me = self\n"
        "    def __del__(self): C.alive -= 1\nc = C()",
        "d = C(); c.d = d; g = (i for i in [C.alive])",
    )
    gc.collect()
    assert session.namespace["C"].alive == 2
    assert list(session.namespace["g"]) == [2]


def test_two_rebuilt_values_share_what_they_shared(attach: Attach) -> None:
    session = attach()
    lose_and_undo(session, "g = (i for i in range(4))", "h = (i * 2 for i in g)", names="g h")
    assert next(session.namespace["h"]) == 0
    assert next(session.namespace["g"]) == 1


def test_instances_of_a_class_that_the_cell_makes_belong_to_the_class_of_the_session(attach: Attach) -> None:
    session = attach()
    lose_and_undo(
        session,
        "class C:\n    def __init__(self): self.g = (i for i in range(3))\nc = C(); many = [C()]",
        names="c many",
    )
    assert type(session.namespace["c"]) is session.namespace["C"]
    assert isinstance(session.namespace["many"][0], session.namespace["C"])


@pytest.mark.parametrize(
    ("earlier", "cell", "same"),
    [
        ("x = [1]", "h = {'f': (lambda: x), 'x': x, 'g': (i for i in [1])}", "h['f']() is x"),
        (
            "def make(n):\n    def inner(): return n\n    return inner",
            "h = [make([3]), (i for i in [1])]",
            "h[0]() == [3]",
        ),
        ("x = 1", "def f(): return x\nh = [f, (i for i in [1])]", "h[0] is f"),
        (
            "x = 1",
            "def f(): return x\nh = {'f': [f], 'k': lambda: f, 'g': (i for i in [1])}",
            "h['f'][0] is f and h['k']() is f",
        ),
        ("x = 1", "class C: pass\nh = {'C': C, 'c': C(), 'g': (i for i in [1])}", "h['C'] is C and type(h['c']) is C"),
        ("class B: pass", "class C(B): pass\nh = [C(), (i for i in [1])]", "type(h[0]) is C and isinstance(h[0], B)"),
        ("import functools", "def f(): pass\nh = [functools.partial(f), (i for i in [1])]", "h[0].func() is None"),
        (
            "def deco(f):\n    def w(): return f()\n    return w",
            "@deco\ndef f(): return 1\nh = [f, (i for i in [1])]",
            "h[0] is f and f() == 1",
        ),
    ],
)
def test_what_the_cell_defines_again_keeps_its_identity(attach: Attach, earlier: str, cell: str, same: str) -> None:
    session = attach()
    result = lose_and_undo(session, earlier, cell, names="h")
    assert result.fidelity["h"] == "replayed", result.notes
    assert eval(same, session.namespace), result.notes
    assert not session.verify().changed
    session.redo()
    session.undo()
    assert session.branch_name == "main"
    assert eval(same, session.namespace)


# ---- what is never run unasked


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's with a module in it, which is the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "helper_of_mine.py").write_text(
        "CACHE = {}\nseen = []\n"
        "def make(p):\n    open(p, 'a').write('x')\n    return (i for i in range(3))\n"
        "def pure(n):\n    return (i for i in range(n))\n"
        "def cached(n):\n    CACHE.setdefault(n, []).append(len(CACHE))\n    seen.append(n)\n    return (i for i in CACHE[n])\n"
        "class Client:\n    def send(self): open('touched', 'a').write('x')\n"
    )
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, "helper_of_mine", raising=False)
    return folder


TOUCHING = [
    ("o = open", "f = o('touched', 'a'); f.write('x'); f.close()"),
    ("import helper_of_mine", "helper_of_mine.make('touched')"),
    ("from helper_of_mine import make as m", "m('touched')"),
    ("import helper_of_mine\ntable = {'go': helper_of_mine.make}", "table['go']('touched')"),
    ("from helper_of_mine import Client\nclients = [Client()]", "clients[0].send()"),
    ("from pathlib import Path\np = Path('touched')\np.write_text('')", "p.write_text(p.read_text() + 'x')"),
    (
        "from pathlib import Path\nd = {'p': [Path('touched')]}\nd['p'][0].write_text('')",
        "d['p'][0].open('a').write('x') and None",
    ),
    ("f = open('touched', 'a')", "f.write('x'); f.flush()"),
    ("f = open('touched', 'a')\nw = f.write", "w('x'); f.flush()"),
    ("import sys, os\nsystem = os.system", "system('printf x >> touched')"),
    ("import subprocess\nrun = [subprocess.run]", "run[0]('printf x >> touched', shell=True)"),
    ("import functools\ndo = functools.partial(open, 'touched', 'a')", "f = do(); f.write('x'); f.close()"),
    (
        "import io\nclass Log:\n    def __init__(self, p): self.p = p\n    def __call__(self): open(self.p, 'a').write('x')\nlog = Log('touched')",
        "log()",
    ),
    (
        "import operator, pathlib\ncall = operator.methodcaller('open', 'a')\np = pathlib.Path('touched')",
        "call(p).write('x') and None",
    ),
    ("import builtins", "getattr(builtins, 'op' + 'en')('touched', 'a').write('x')"),
    ("code = \"open('touched', 'a').write('x')\"", "exec(code)"),
    ("class D:\n    def __del__(self): open('touched', 'a').write('x')", "d = D(); del d"),
    ("def deco(f):\n    open('touched', 'a').write('x')\n    return f", "@deco\ndef h(): pass"),
    (
        "import logging\nlog = logging.getLogger('tests.outside'); log.addHandler(logging.FileHandler('touched'))",
        "log.error('x')",
    ),
    (
        "import contextlib\n@contextlib.contextmanager\ndef w():\n    yield open('touched', 'a')",
        "with w() as f: f.write('x'); f.flush()",
    ),
    ("import os\nmk = os.open", "os.write(mk('touched', os.O_CREAT | os.O_APPEND | os.O_WRONLY), b'x')"),
]


@pytest.mark.parametrize(("earlier", "cell"), TOUCHING)
@pytest.mark.usefixtures("place")
def test_no_cell_that_touches_the_outside_is_run_unasked(attach: Attach, place: Path, earlier: str, cell: str) -> None:
    session = attach()
    result = lose_and_undo(session, earlier, f"{cell}\ng = (i for i in range(3))")
    logging.getLogger("tests.outside").handlers.clear()
    assert len((place / "touched").read_text().split() or [""]) == 1
    assert (place / "touched").read_text().strip() == "x"
    assert result.placeholders == ("g",)
    assert "replay g" in str(session.namespace["g"].timeslip_error().hint)
    session.namespace.clear()  # files that are still open
    gc.collect()


def test_a_connection_to_a_database_is_not_used_again(attach: Attach, place: Path) -> None:
    session = attach()
    result = lose_and_undo(
        session,
        "import sqlite3\ncon = sqlite3.connect('a.db')\ncon.execute('create table t(x)') and None",
        "run = con.execute\nrun('insert into t values(1)'); con.commit()\ng = (i for i in range(3))",
    )
    session.namespace["con"].close()
    other = sqlite3.connect(place / "a.db")
    assert other.execute("select count(*) from t").fetchone() == (1,)
    other.close()
    assert "g" in result.placeholders


@pytest.mark.usefixtures("place")
def test_a_module_of_the_users_own_that_computes_is_no_obstacle(attach: Attach) -> None:
    session = attach()
    result = lose_and_undo(session, "import helper_of_mine as h", "g = h.pure(3)")
    assert result.fidelity["g"] == "replayed"


@pytest.mark.usefixtures("place")
def test_variables_of_a_module_of_the_users_own_are_put_back(attach: Attach) -> None:
    session = attach()
    result = lose_and_undo(session, "from helper_of_mine import cached", "g = cached(5)")
    assert result.fidelity["g"] == "replayed", result.notes
    assert sys.modules["helper_of_mine"].CACHE == {5: [1]}
    assert sys.modules["helper_of_mine"].seen == [5]


@pytest.mark.usefixtures("place")
def test_what_modules_hold_is_put_back(attach: Attach) -> None:
    session = attach()
    session.run("import helper_of_mine, string, json.encoder")
    escapes = json.encoder.ESCAPE_DCT
    try:
        result = lose_and_undo(
            session,
            "helper_of_mine.seen.append(1); helper_of_mine.CACHE['k'] = helper_of_mine.seen\n"
            "json.encoder.ESCAPE_DCT['zzz'] = len(json.encoder.ESCAPE_DCT)\ng = (i for i in range(3))",
        )
        assert result.fidelity["g"] == "replayed", result.notes
        assert sys.modules["helper_of_mine"].seen == [1]
        assert sys.modules["helper_of_mine"].CACHE == {"k": [1]}
        assert escapes["zzz"] == len(escapes) - 1
    finally:
        escapes.pop("zzz", None)


@pytest.mark.usefixtures("place")
def test_variables_that_a_module_binds_itself_are_put_back_when_asked(attach: Attach) -> None:
    Path("counts.py").write_text("n = 0\ndef count():\n    global n\n    n += 1\n    return (i for i in range(n))\n")
    session = attach()
    result = lose_and_undo(session, "import counts", "g = counts.count()")
    assert result.placeholders == ("g",)
    assert list(session.replay("g").replayed) == ["g"]
    assert sys.modules["counts"].n == 1
    del sys.modules["counts"]


def test_what_analysis_does_not_see_is_stopped_before_it_happens(
    attach: Attach, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fence, behind an analysis that is blind."""
    import timeslip.replay as engine
    from timeslip.state.rerun import Examined

    session = attach()
    monkeypatch.setattr(engine, "examine", lambda *_: Examined())
    session.run("x = [1]")
    result = lose_and_undo(session, "open('touched', 'a').write('x')\ng = (i for i in x)")
    assert (place / "touched").read_text() == "x"
    assert "stopped before" in result.notes["g"]
    result = lose_and_undo(
        session,
        "try: open('touched', 'a').write('x')\nexcept BaseException: pass\nh = (i for i in x)",
        names="h",
    )
    assert (place / "touched").read_text() == "xx", "once in each cell that the user ran"
    assert result.placeholders == ("g", "h")
    assert session.namespace["x"] == [1]


@pytest.mark.usefixtures("place")
def test_a_module_loaded_by_a_replay_keeps_the_real_streams(attach: Attach) -> None:
    Path("keeps_streams.py").write_text("import sys\nout = sys.stdout\n")
    session = attach(replay="ask")
    lose_and_undo(session, "import keeps_streams; print(1); g = (i for i in range(3))")
    del sys.modules["keeps_streams"]
    session.replay("g")
    assert sys.modules.pop("keeps_streams").out is sys.stdout


def test_how_long_it_takes_must_be_known(attach: Attach) -> None:
    session = attach()
    exec("g = (i for i in range(3))", session.namespace)
    session.record("g = (i for i in range(3))")
    session.run("g = None")
    assert "not known" in session.undo().notes["g"]
    assert session.replay("g").fidelity["g"] == "replayed"


def test_commands_of_our_own_in_a_cell_are_never_run_again(attach: Attach) -> None:
    session = attach()
    exec("g = (i for i in range(3))", session.namespace)
    session.record(
        "%undo\ng = (i for i in range(3))",
        source="get_ipython().run_line_magic('undo', '')\ng = (i for i in range(3))",
        duration=0.1,
    )
    session.run("g = None")
    session._live.namespace.transform = lambda code: code.replace("%undo", "get_ipython().run_line_magic('undo', '')")
    assert session.undo().placeholders == ("g",)
    with pytest.raises(Exception, match="travels in time"):
        session.replay("g")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("b = [1, 2]", "are those that"),
        ("b = [id(object)]", "are those that"),
        ("b = [id(object()) for _ in range(99)]", ""),
        ("import numpy as np; b = np.arange(9e4)", "are those that"),
        (
            "import numpy as np; k = [object() for _ in range(999)]; b = np.array([id(o) for o in k])",
            "not byte for byte",
        ),
    ],
)
def test_a_value_that_could_not_be_loaded_is_compared_with_its_recorded_bytes(
    attach: Attach, monkeypatch: pytest.MonkeyPatch, cell: str, said: str
) -> None:
    if "numpy" in cell:
        pytest.importorskip("numpy")
    load = Loads.load

    def fail(self: Loads, record: str, body: Any, *more: Any) -> Any:
        if body["keys"] == ["b"]:
            raise UnrestorableError("it will not load")
        return load(self, record, body, *more)

    session = attach()
    session.run(cell)
    session.run("del b")
    monkeypatch.setattr(Loads, "load", fail)
    result = session.undo()
    assert result.fidelity["b"] == "replayed", result.notes
    assert said in result.notes["b"]
    assert "byte" in result.notes["b"]


def test_a_cell_that_changes_what_it_had_not_changed_gives_no_value_and_is_made_good(attach: Attach) -> None:
    """The first run did not change x; the second would, because the process is another one by now."""
    session = attach()
    session.run("import sys\nx = [3, 1]")
    session.run("if sys.getrecursionlimit() == 777: x.append(2)\ng = (i for i in x)")
    session.run("g = None")
    before = sys.getrecursionlimit()
    real = sys.getrecursionlimit
    sys.getrecursionlimit = lambda: 777
    try:
        result = session.undo()
    finally:
        sys.getrecursionlimit = real
    assert before == sys.getrecursionlimit()
    assert result.placeholders == ("g",)
    assert session.namespace["x"] == [3, 1]
    assert any("x" in message for message in result.messages)
    assert os.getcwd()


def test_what_two_lost_values_of_one_run_share_they_share_again(attach: Attach) -> None:
    session = attach()
    session.run("def G(l):\n    while True: yield l\ndef mk():\n    L = [1]\n    return G(L), G(L)\ng, h = mk()\nx = 0")
    session.run("next(g); next(h); del g, h")
    result = session.undo()
    assert result.replayed == ("g", "h")
    assert len([message for message in result.messages if "was run again" in message]) == 1
    assert next(session.namespace["g"]) is next(session.namespace["h"])


@pytest.mark.parametrize(("g", "h", "k"), [tuple(names) for names in itertools.permutations("ghk")])
def test_a_replay_within_a_replay_gives_no_earlier_version(g: str, h: str, k: str, attach: Attach) -> None:
    session = attach()
    session.run("def gen():\n    yield 1\n    yield 2\n    yield 3")
    session.run(f"{g} = gen(); {h} = gen()")
    session.run(f"{k} = (x for x in {g})")
    session.run(f"n = next({h})")
    session.run(f"{g} = {h} = {k} = None")
    assert session.undo().fidelity[h] == "replayed"
    assert list(session.namespace[h]) == [2, 3]
    assert list(session.namespace[k]) == [1, 2, 3]


def test_what_a_library_holds_is_put_back_when_the_cell_imports_it_itself(attach: Attach) -> None:
    session = attach()
    table = "json.encoder.ESCAPE_DCT"
    lose_and_undo(session, f"import json\n{table}['zz'] = {table}.get('zz', 0) + 1; g = (i for i in range(3))")
    assert json.encoder.ESCAPE_DCT.pop("zz") == 1  # type: ignore[attr-defined]


# ---- what code needs that is only moved on by a replayed cell

COUNTING = "def count():\n    for i in range(50):\n        seen[0] += 1\n        yield seen[0]\n"


@pytest.mark.parametrize(
    "cells",
    [
        [f"seen = [0]\n{COUNTING}x = count(); next(x)", "next(x)"],
        ["seen = [0]", COUNTING, "x = count()", "next(x)", "next(x)"],
        [
            "seen = [0]\ndef more(): seen[0] += 1",
            COUNTING.replace("seen[0] += 1", "more()"),
            "x = count(); y = count(); next(x)",
            "next(y); next(x)",
        ],
        [
            f"seen = [0]\n{COUNTING}inner = count()\ndef outer():\n    while True: yield next(inner)\nx = outer()",
            "next(x)",
        ],
        [f"seen = [0]\n{COUNTING}x = count(); next(x)", "seen = [70]", "next(x)"],
    ],
)
def test_a_generator_that_is_moved_on_again_has_the_globals_it_reads(attach: Attach, cells: list[str]) -> None:
    bare: dict[str, Any] = {}
    session = attach("counting")
    for cell in cells:
        assert session.run(cell).error is None
        exec(cell, bare)
    session.close()
    session = attach("counting")
    assert not session.resume().placeholders
    there = session.namespace
    for _ in range(2):
        assert there["seen"] == bare["seen"]
        assert next(there["x"]) == next(bare["x"])


def test_names_that_one_run_made_are_made_by_one_run_for_a_later_one(attach: Attach) -> None:
    session = attach("together")
    session.run("x = (i for i in range(9)); y = (i for i in range(9))")
    for _ in range(4):
        session.run("next(x); next(y)")
    session.close()
    session = attach("together")
    assert len(session.resume().messages) == 5
    assert (next(session.namespace["x"]), next(session.namespace["y"])) == (4, 4)


def test_nothing_is_said_of_runs_that_were_in_vain(attach: Attach, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Execution.run

    def fails(execution: Execution) -> dict[str, Any]:
        if "next(x)" in execution._source:
            raise ReplayError("not this time")
        return run(execution)

    session = attach("vain")
    session.run("x = (i for i in range(9))")
    session.run("next(x)")
    session.run("x = None")
    monkeypatch.setattr(Execution, "run", fails)
    result = session.undo()
    assert result.placeholders == ("x",)
    assert "not this time" in result.notes["x"]
    assert not [message for message in result.messages if "again" in message]
