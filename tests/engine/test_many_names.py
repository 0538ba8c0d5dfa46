"""What a run costs follows what it changed: what is known of the other names is kept up to date, never gone through."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import timeslip
from timeslip import values
from timeslip.codec import reducers
from timeslip.codec.capture import Encoder
from timeslip.model import is_facet, is_name
from timeslip.planner import Plan
from timeslip.state import covariables
from timeslip.state.covariables import Tracker
from timeslip.staying import StayingElements

Attach = Callable[..., Any]


@pytest.fixture
def attach(tmp_path: Path) -> Iterator[Attach]:
    opened: list[Any] = []

    def make(**settings: Any) -> Any:
        namespace = {"__name__": "__main__", "__builtins__": builtins}
        store = tmp_path / str(len(opened))
        given = {"min_free_bytes": 0, "facets": (), **settings}
        opened.append(timeslip.attach(namespace, store=store, name="s", **given))
        return opened[-1]

    yield make
    for session in opened:
        session.close()


def run(session: Any, *cells: str) -> None:
    for cell in cells:
        result = session.run(cell)
        assert result.error is None, result.error


MIXED = """
class Thing:
    def __init__(self, held): self.held = held
for i in range({count}):
    kind = i % 6
    if kind == 0: made = i * 1001
    elif kind == 1: made = f"text {{i}}"
    elif kind == 2: made = [i, [i]]
    elif kind == 3: made = {{"i": [i]}}
    elif kind == 4: made = Thing([i])
    else:
        exec(f"def made(x=[{{i}}]): return x")
    globals()[f"n{{i}}"] = made
del i, kind, made
"""


def bytecodes(work: Callable[[], Any]) -> int:
    """How many bytecodes *work* takes: no clock, so that it says the same each time."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    def traced(call: Callable[[], Any]) -> int:
        nonlocal count
        count, before = 0, sys.gettrace()
        sys.settrace(trace)
        try:
            call()
        finally:
            sys.settrace(before)
        return count

    assert traced(lambda: None) >= 0  # CPython 3.12 counts opcodes from the second time that they are asked for
    taken = traced(work)
    assert taken, "nothing was counted"
    return taken


@pytest.mark.parametrize("kind", ["bound", "definition", "changed in place"])
def test_a_small_run_takes_the_same_work_among_many_names(kind: str, attach: Attach) -> None:
    cells = {
        "bound": ("x = 1", "x = 2", "x = 3"),
        "definition": ("def f(): return 1", "def f(): return 2", "def f(): return 3"),
        "changed in place": ("l = [1]", "l.append(2)", "l.append(3)"),
    }[kind]
    taken = []
    for count in (60, 1200):
        session = attach(check_budget=0.0)
        run(session, MIXED.format(count=count), *cells[:2])
        taken.append(bytecodes(lambda session=session: run(session, cells[2])))
    assert taken[1] < 1.2 * taken[0], "the work grows with the number of names"


def kept_up_to_date(session: Any) -> None:
    """What the tracker keeps about its co-variables is what going through all of them gives."""
    live = session._live
    tracker: Tracker = live.tracker
    groups = tracker.covariables()
    assert list(tracker.queue) == sorted(tracker.queue, key=lambda group: group.checked)
    assert set(tracker.queue) == {group for group in groups if group.mutable}
    assert list(tracker.cheap) == [group for group in tracker.queue if group in tracker.cheap]
    _, count = tracker.skipped(tracker.count + 1, 5)
    assert count == sum(len(group.names) for group in tracker.queue)
    for group in groups:
        for identity in group.references:
            assert group in tracker.users_of([identity], directly=True)
    used = tracker.definitions_of([key for key in tracker.groups if is_name(key)])
    for group in groups:
        assert any(map(is_name, group.keys)) or not used.isdisjoint(group.keys), group.keys
    assert set(tracker.groups) == {key for key in live.records if not is_facet(key)}


CELLS = {
    "names come and go": ["a = [1]; b = a; c = 3", "del b", "a = 5; d = [[1]]", "del a, c, d", "c = [2]"],
    "a class and its users": [
        "class A:\n    def f(self): return A",
        "a = A(); b = [a]; c = [A]",
        "del A",
        "del a",
        "b = c = None",
        "class A: pass",
        "a = A()",
        "class A: pass",
        "del A",
        "a = 1",
    ],
    "definitions in a ring": [
        "def f(): return g()\ndef g(): return f()",
        "def make():\n    def one(): return two\n    def two(): return one\n    return one",
        "h = make(); k = [make(), h]",
        "del h",
        "k.pop()",
        "k = 0",
        "del make",
    ],
    "nothing can be stored": ["g = (i for i in 'ab')", "h = g; x = 1", "x = 2", "x = 3", "del g", "del h"],
    "found together, taken apart": ["a = [1]; b = {'a': a}", "b['a'] = 2", "b = a", "a = [3]", "b = [a]"],
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("budget", [0.0, 1e9])
def test_what_is_kept_is_up_to_date(name: str, budget: float, attach: Attach) -> None:
    session = attach(check_budget=budget)
    cells = CELLS[name]
    for cell in cells:
        before = {key for key in session._live.records if is_name(key)}
        run(session, cell)
        kept_up_to_date(session)
        names, now = session.log(limit=1)[0].names, set(session.names())
        assert (set(names.created), set(names.deleted)) == (now - before, before - now)
    for _ in cells[1:]:
        session.undo()
        run(session, "pass")
        session.undo()
        kept_up_to_date(session)
    run(session, "z = 1")
    assert set(session.log(limit=1)[0].names.created) == {"z"}
    kept_up_to_date(session)


def test_what_could_not_be_written_is_told_by_the_next_commit(attach: Attach, monkeypatch: pytest.MonkeyPatch) -> None:
    session = attach()
    run(session, "a = [1]; b = [2]; gone = 1")
    with monkeypatch.context() as broken:
        broken.setattr("timeslip.finishing._put_commit", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            session.run("del gone; a.append(1); new = [3]")
    run(session, "x = 1")
    names = session.log(limit=1)[0].names
    assert (names.created, names.changed, names.deleted) == (("new", "x"), ("a",), ("gone",))
    kept_up_to_date(session)


def test_a_commit_says_of_very_many_skipped_names_how_many_they_are(attach: Attach) -> None:
    session = attach(check_budget=0.0)
    run(session, "for i in range(50): globals()[f'n{i:02}'] = [i]", "x = 1")
    commit = session.log(limit=1)[0]
    assert commit.names.assumed == tuple(f"n{i:02}" for i in range(20))
    assert commit.names.assumed_more == 30
    assert session.status().assumed == tuple(f"n{i:02}" for i in range(50))
    run(session, "n03.append(n04)")
    names = session.log(limit=1)[0].names
    assert len(names.assumed) + names.assumed_more == 48
    assert not {"n03", "n04"} & set(names.assumed)
    session.verify()
    assert session.status().assumed == ()


def test_an_instance_that_did_not_change_is_not_taken_for_changed(
    attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = attach(check_budget=1e9)
    run(session, "class A:\n    def __init__(self): self.held = [1]", "a = A(); b = A(); c = [b]", "x = 1")
    captured: list[tuple[str, ...]] = []
    encoder = session._live.encoder
    capture = encoder.capture

    def noted(nodes: Any, **given: Any) -> Any:
        captured.append(tuple(key for key, _ in nodes))
        return capture(nodes, **given)

    monkeypatch.setattr(encoder, "capture", noted)
    run(session, "x = 2")
    assert {("a",), ("b", "c")} <= set(captured)
    assert ("b",) not in captured, "it was taken apart"
    assert captured.count(("a",)) <= 2, "once more than the first look, at most"


def test_a_value_is_looked_at_once_however_many_names_it_has(attach: Attach, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that share with one another are captured one by one; those of one object all say the same."""
    session = attach()
    run(session, "held = [[1], 2]", "a = b = c = held[0]; t = u = (held, 1)", "later = 1")
    usual, captured = Encoder.capture, []

    def counted(encoder: Encoder, nodes: Any, **options: Any) -> Any:
        captured.append([key for key, _ in nodes])
        return usual(encoder, nodes, **options)

    monkeypatch.setattr(Encoder, "capture", counted)
    result = session.run("a.append(3)")
    assert result.commit.names.changed == ("a", "b", "c", "held", "t", "u")
    assert sorted(len(nodes) for nodes in captured) == [1, 1, 1, 6]
    session.undo()
    names = session.namespace
    assert names["a"] == [1]
    assert names["a"] is names["b"] is names["c"] is names["t"][0][0]
    assert names["t"] is names["u"]


CALLED: dict[str, tuple[str, str]] = {
    "a generator": ("def made():\n    while True: change(); yield\nv = made(); next(v)", "next(v)"),
    "a generator that ends": ("def made(): yield 1; change()\nv = made(); next(v)", "list(v)"),
    "a generator expression": ("v = (f() for f in [change])", "next(v)"),
    "a generator in a container": ("v = {'k': [(change() for _ in range(9))]}", "next(v['k'][0])"),
    "a generator that was given it": (
        "def made(f):\n    while True: yield f()\nv = made(change)",
        "next(v)",
    ),
    "a generator in another": (
        "def inner():\n    yield change()\ndef made(): yield from inner()\nv = made()",
        "next(v)",
    ),
    "a generator over instances": (
        "class A:\n    def go(self): change()\nv = (a.go() for a in [A() for _ in range(300)])",
        "next(v)",
    ),
    "a generator's object": (
        "class A:\n    def go(self): change()\n    def all(self):\n        while 1: yield self.go()\nv = A().all()",
        "next(v)",
    ),
    "a coroutine": ("async def made(): change()\nv = made()", "list(v.__await__())"),
    "a map": ("v = map(lambda _: change(), range(9))", "next(v)"),
    "a map over a generator": ("v = map(str, (change() for _ in range(9)))", "next(v)"),
    "a filter": ("v = filter(lambda _: change() or True, range(9))", "next(v)"),
    "an iterator over calls": ("v = iter(change, 1)", "next(v)"),
    "a zip": ("v = zip((change() for _ in range(9)), range(9))", "next(v)"),
    "a method": ("class A:\n    def go(self): change()\nv = A().go", "v()"),
    "a method of a generator": ("v = (change() for _ in range(9)).__next__", "v()"),
    "a partial": ("import functools; v = functools.partial(change)", "v()"),
    "an instance in a container": ("class A:\n    def go(self): change()\nv = [A()]", "v[0].go()"),
    "a dict with defaults": ("import collections; v = collections.defaultdict(change)", "v[1]"),
    "an operator": ("class A:\n    def __len__(self): change(); return 1\nv = (1, A())", "len(v[1])"),
}


@pytest.mark.parametrize("name", CALLED)
def test_what_a_value_calls_is_reached(name: str, attach: Attach) -> None:
    """Code can run without any name for it: what it changes is looked at in any case."""
    session = attach(check_budget=0.0)
    first, last = CALLED[name]
    run(session, "log = []; other = []\ndef change(): log.append(1)", first, "n = 1")
    commit = session.run(last).commit
    assert commit is not None
    names = commit.names
    assert "log" in names.changed
    assert "other" in names.assumed


def test_what_a_plan_loads_is_looked_up_not_gone_through() -> None:
    compared = 0

    class Record(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    records = [Record(f"r{i}") for i in range(50)]
    plan: Any = Plan((), tuple(records), (), ("gone",), ())
    target: Any = {f"n{i}": f"r{i + 1}" for i in range(50)}
    staying = StayingElements(None, plan, target, None)  # type: ignore[arg-type]
    assert staying._replaced == {"gone", *(f"n{i}" for i in range(49))}
    assert compared <= 50, "each name was compared with each record"


def test_what_values_are_made_of_is_asked_only_where_it_is_compared(
    attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = attach()
    run(session, "a = [1]", "b = [2]", MIXED.format(count=60))
    full, asked = session.head, []
    usual = values._without_marks
    monkeypatch.setattr(values, "_without_marks", lambda part: asked.append(part) or usual(part))
    session.undo()
    session.checkout(full)
    assert asked == []
    run(session, "a.append(1)", "a.pop()")
    session.undo(2)
    assert len(asked) <= 20, "one was compared"
    assert session.namespace["a"] == [1]


def test_what_runs_no_code_to_be_captured_is_captured_once(attach: Attach, monkeypatch: pytest.MonkeyPatch) -> None:
    session = attach(check_budget=0.0)
    classes = "class A: pass\nclass B:\n    def __getstate__(self): return vars(self)"
    run(session, classes)
    captured: list[list[str]] = []
    usual = Encoder.capture

    def noted(encoder: Encoder, nodes: Any, **given: Any) -> Any:
        captured.append([key for key, _ in nodes])
        return usual(encoder, nodes, **given)

    monkeypatch.setattr(Encoder, "capture", noted)
    run(session, "a = A(); a.held = [1]")
    assert captured.count(["a"]) == 1
    run(session, "b = B(); b.held = [1]")
    assert captured.count(["b"]) == 2, "its own code may have changed something"
    captured.clear()
    run(session, "a.held.append(2)")
    assert captured.count(["a"]) == 1
    session.undo()
    assert vars(session.namespace["a"]) == {"held": [1]}


def test_what_a_class_says_of_pickling_is_looked_for_once_in_a_look(
    attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = attach(check_budget=0.0)
    run(session, "class A:\n    def __init__(self, held): self.held = held\nclass B(A): pass")
    asked: list[type] = []
    usual = reducers._search
    monkeypatch.setattr(reducers, "_search", lambda kind: asked.append(kind) or usual(kind))
    run(session, "for i in range(20): globals()[f'a{i}'], globals()[f'b{i}'] = A([i]), B([i])\ndel i")
    assert sorted(kind.__name__ for kind in asked) == ["A", "B"]
    asked.clear()
    run(session, "A.__getstate__ = lambda self: self.held", "a1.held = b1.held = 5")
    assert {kind.__name__ for kind in asked} == {"A", "B"}, "a run may have changed it"


def test_what_looks_for_the_owner_of_memory_is_not_cheap_among_very_many_names(
    attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in ("pyarrow", "numpy"):
        pytest.importorskip(library)
    monkeypatch.setattr(covariables, "_SEARCHED", 1e-3)
    session = attach(check_budget=0.5)
    run(session, "import numpy as np, pyarrow as pa", "a = pa.array(np.arange(4)); b = [1]")
    tracker = session._live.tracker
    assert {"a", "b"} <= {key for group in tracker.cheap for key in group.keys}
    run(session, "for i in range(500): globals()[f'n{i}'] = i\ndel i")
    run(session, "x = 1")
    assert "a" not in {key for group in tracker.cheap for key in group.keys}
    assert "b" in {key for group in tracker.cheap for key in group.keys}
    run(session, "x = 2")
    assert session.status().assumed == ("a",)
    session.undo()
    assert session.status().assumed == ()
