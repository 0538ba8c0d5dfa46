"""Many small values are looked at in one pass; what changes in one of them is found as if it were looked at alone."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip.codec import marks
from timeslip.codec.capture import Encoder
from timeslip.errors import UnstorableError
from timeslip.state import bundles

MANY = """
class Thing:
    shared = []
    def __init__(self, held): self.held = held
class Slotted:
    __slots__ = ("a", "b")
    def __init__(self, a): self.a, self.b = a, [a]
def make(i):
    local = [i]
    def closed(x=[i]): return local
    closed.mark = {"i": i}
    return closed
for i in range(80):
    kind = i % 8
    if kind == 0: made = [i, [i]]
    elif kind == 1: made = {"i": [i]}
    elif kind == 2: made = Thing([i])
    elif kind == 3: made = Slotted(i)
    elif kind == 4: made = make(i)
    elif kind == 5: made = {i, str(i)}
    elif kind == 6: made = type("C", (Thing,), {"held": [i], "__module__": "__main__"})
    else: made = (i, [i], float("nan"), Thing([i]))
    globals()[f"n{i}"] = made
del i, kind, made
pair = [[7], [7]]; other = [[7], pair[0]]
"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    """Very many names, none of which a run looks at without naming it; all are in bundles."""
    namespace = {"__name__": "__main__", "__builtins__": builtins}
    given: dict[str, Any] = {"min_free_bytes": 0, "facets": (), "check_budget": 0.0}
    with timeslip.attach(namespace, store=tmp_path, name="s", **given) as session:
        for cell in (MANY, "x = 1", "x = 2"):
            assert session.run(cell).error is None
        session.undo()
        assert len(session._live.tracker.bundles.all()) > 1
        yield session


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The node keys of each pass from now on."""
    usual, made = Encoder.capture, list[list[str]]()

    def counted(encoder: Encoder, nodes: Any, **given: Any) -> Any:
        made.append([key for key, _ in nodes])
        return usual(encoder, nodes, **given)

    monkeypatch.setattr(Encoder, "capture", counted)
    return made


def without_marks(session: Any) -> set[str]:
    """Those of the many names that only a pass can look at."""
    groups, names = session._live.tracker.groups, {f"n{i}" for i in range(80)}
    marked = {name for name in names if marks.is_sufficient(groups[name].mark)}
    assert len(marked) <= 20, "closures and classes"
    return names - marked


FUNCTIONS = (
    "\n".join(f"def f{i}(x): return x + {i}" for i in range(40))
    + """
class Base:
    number = 1
    def method(self): return self.number
class Other(Base):
    def more(self): return 2
"""
)


def test_what_has_a_mark_is_in_no_bundle_and_takes_no_pass(tmp_path: Path, passes: list[list[str]]) -> None:
    """But the first one, which a class has when its methods are known."""
    namespace = {"__name__": "__main__", "__builtins__": builtins}
    with timeslip.attach(namespace, store=tmp_path, name="s", min_free_bytes=0, facets=()) as session:
        for cell in (FUNCTIONS, "x = 1", "x = 2"):
            session.run(cell)
        session.undo()
        assert session._live.tracker.bundles.all() == set()
        passes.clear()
        session.run("x = len(globals())")
        session.run("x = 3")
        session.undo()
        assert passes == []
        exec("f7.__defaults__ = (1,); Base.number = 2", namespace)
        session.undo()
        found = session.log(all=True, limit=1)[0]
        assert (found.kind, {"f7", "Base"} <= set(found.names.changed)) == ("live", True)
        assert (namespace["f7"].__defaults__, namespace["Base"].number) == (None, 1)


def test_what_gets_a_mark_later_spoils_no_bundle(session: Any, passes: list[list[str]]) -> None:
    """A function that is nobody else's any more, say: it stays where it is until that bundle is formed anew."""
    tracker = session._live.tracker
    bundle = tracker.bundles.of(tracker.groups["n0"])
    bundle.groups[-1].mark = marks._OF_NAME + b"as if"
    session.run("x = 3")
    passes.clear()
    session.undo()
    assert tracker.bundles.of(tracker.groups["n0"]) is bundle
    assert not any(keys == ["n0"] for keys in passes)
    session.run("n0.append(1)")
    passes.clear()
    session.undo()
    session.redo()
    again = tracker.bundles.of(tracker.groups["n8"])
    assert again is not bundle
    assert bundle.groups[-1] not in again.groups


def test_what_did_not_change_takes_few_passes(session: Any, passes: list[list[str]]) -> None:
    session.run("x = 3")
    passes.clear()
    session.undo()
    groups = session._live.tracker.queue
    assert len(passes) < len(groups) / 8
    assert session.status().assumed == ()
    assert {key for keys in passes for key in keys} >= without_marks(session), "all were looked at"


CHANGES = {
    "a list": ("n0.append(1)", "n0 == [0, [0]]", "n0"),
    "a list in a list": ("n8[1].append(1)", "n8 == [8, [8]]", "n8"),
    "an equal number of another type": ("n0[0] = 0.0", "type(n0[0]) is int", "n0"),
    "a dict": ("n1['i'][0] = 5", "n1 == {'i': [1]}", "n1"),
    "the order of a dict": ("n9['j'] = 0; n9['i'] = n9.pop('i'); del n9['j']; n9['k'] = 1", "n9 == {'i': [9]}", "n9"),
    "an instance": ("n2.held.append(1)", "n2.held == [2]", "n2"),
    "an attribute": ("n2.new = 1", "not hasattr(n2, 'new')", "n2"),
    "the class of an instance": ("n2.__class__ = n6", "type(n2) is Thing", "n2"),
    "a slot": ("n3.b.append(1)", "n3.b == [3]", "n3"),
    "a slot that is emptied": ("del n3.a", "getattr(n3, 'a', 0) == 3", "n3"),
    "a variable of a closure": ("n4().append(1)", "n4() == [4]", "n4"),
    "a default": ("n4.__defaults__[0].append(1)", "n4.__defaults__ == ([4],)", "n4"),
    "an attribute of a function": ("n4.mark['i'] = 0", "n4.mark == {'i': 4}", "n4"),
    "the code of a function": ("n4.__code__ = n12.__code__.replace(co_name='n')", "n4.__code__.co_name != 'n'", "n4"),
    "a set": ("n5.add(9)", "n5 == {5, '5'}", "n5"),
    "a class": ("n6.held.append(1)", "n6.held == [6]", "n6"),
    "a class that others come from": ("Thing.shared.append(1)", "Thing.shared == []", "Thing"),
    "a method": ("Thing.new = lambda self: 1", "not hasattr(Thing, 'new')", "Thing"),
    "a list in a tuple": ("n7[1].append(1)", "n7[:2] == (7, [7])", "n7"),
    "an instance in a tuple": ("n7[3].held = 0", "n7[3].held == [7]", "n7"),
    "what two share": ("pair[0].append(1)", "pair == [[7], [7]] and other[1] is pair[0]", "other"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_nobody_reported_is_found(name: str, session: Any) -> None:
    code, expected, changed = CHANGES[name]
    session.run("x = 3")
    exec(code, session.namespace)
    session.undo()
    found = session.log(all=True, limit=1)[0]
    assert (found.kind, changed in found.names.changed) == ("live", True)
    assert eval(expected, session.namespace), "the change belongs to the step that was undone"
    session.redo()
    assert not eval(expected, session.namespace)
    session.undo()
    assert eval(expected, session.namespace)
    assert session.namespace["n79"][1] == [79]


SHARED = {
    "which of two equal ones is shared": ("other[1] = pair[1]", "other[1] is pair[0]"),
    "an equal one that is not shared": ("other[1] = [7]", "other[1] is pair[0]"),
    "one that is shared now": ("n0[1] = n8[1]; n8[1][0] = 0", "n0[1] is not n8[1]"),
    "two equal ones change places": ("same[0], more[0] = more[0], same[0]", "same[0] is name"),
}


@pytest.mark.parametrize("name", SHARED)
def test_equal_objects_in_the_place_of_others_are_seen_where_code_may_have_put_them_there(
    name: str, session: Any
) -> None:
    code, expected = SHARED[name]
    session.run("same, more = [[5]], [[5]]; name = same[0]")
    session.run("globals()")
    session.run("globals(); x = 4")
    assert any(bundle.objects for bundle in session._live.tracker.bundles.all())
    session.namespace["code"] = code
    session.run("exec(code)")
    assert not eval(expected, session.namespace)
    session.run("globals()['same'][0].append(6)")
    session.undo(2)
    assert eval(expected, session.namespace)
    session.redo()
    assert not eval(expected, session.namespace)
    session.redo()
    assert not eval(expected, session.namespace)


def test_code_that_may_reach_everything_takes_few_passes(session: Any, passes: list[list[str]]) -> None:
    session.run("x = len(globals())")
    passes.clear()
    session.run("x = len(globals())")
    assert len(passes) < len(session._live.tracker.queue) / 8
    assert {key for keys in passes for key in keys} >= without_marks(session), "all were looked at"


def test_one_that_changes_breaks_no_other_bundle(session: Any, passes: list[list[str]]) -> None:
    bundle = session._live.tracker.bundles.of(session._live.tracker.groups["n0"])
    session.run("n0.append(1)")
    passes.clear()
    session.undo()
    alone = {keys[0] for keys in passes if len(keys) == 1}
    assert alone <= {key for group in bundle.groups for key in group.keys}
    passes.clear()
    session.redo()
    assert len([keys for keys in passes if len(keys) == 1]) <= 3, "the others are in a bundle again"


def test_one_that_says_something_else_beside_others_is_alone_soon(
    session: Any, passes: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, number = bundles.fingerprint, iter(range(1000))

    def odd(captured: Any) -> Any:
        found = usual(captured)
        return type(found)(b"%d" % next(number)) if "n2" in captured.keys else found

    monkeypatch.setattr(bundles, "fingerprint", odd)
    for _ in range(12):
        session.run("x = 3")
        session.undo()
    passes.clear()
    session.run("x = 3")
    session.undo()
    assert ["n2"] in passes
    assert not any("n2" in keys for keys in passes if len(keys) > 1)
    assert sum(len(keys) for keys in passes if len(keys) > 1) > 40, "most are in bundles all the same"


def test_where_a_pass_over_many_is_refused_bundles_get_smaller(
    session: Any, passes: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Encoder.capture

    def refused(encoder: Encoder, nodes: Any, **given: Any) -> Any:
        if len(nodes) > 20:
            raise UnstorableError("too many")
        return usual(encoder, nodes, **given)

    monkeypatch.setattr(Encoder, "capture", refused)
    for _ in range(4):
        session.run("x = 3")
        session.undo()
    assert {len(bundle.groups) > 20 for bundle in session._live.tracker.bundles.all()} == {False}
    passes.clear()
    session.run("n5.add('new')")
    session.undo()
    assert session.namespace["n5"] == {5, "5"}
    assert len(passes) < len(session._live.tracker.queue) / 2


def test_idle_time_comes_to_an_end(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nothing comes into a bundle."""
    monkeypatch.setattr(bundles.Together, "_fits", lambda *_: False)
    session.run("for i in range(200): globals()[f'm{i}'] = float('nan'); globals()[f'p{i}'] = [i]\ndel i")
    pieces = 1
    while session.audit(0.2):
        pieces += 1
        assert pieces < 200


def test_idle_time_leaves_nothing_to_be_looked_at_alone(session: Any, passes: list[list[str]]) -> None:
    first = session.head
    session.run("x = 5\nfor i in range(80): globals()[f'm{i}'] = [i]\ndel i")
    pieces = 1
    while session.audit(0.2):
        pieces += 1
    assert pieces < 40, "one at a time"
    session.run("x = 6")
    passes.clear()
    session.undo()
    assert sum(len(keys) == 1 for keys in passes) < 10
    session.checkout(first)
    assert "m1" not in session.namespace
