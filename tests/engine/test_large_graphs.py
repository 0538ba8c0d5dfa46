"""Large graphs of small objects: nothing is gone through more often than needed, and nothing is missed for it."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest
from tests.engine.test_cases import Sessions, _quiet, sessions

from timeslip.codec.capture import Encoder
from timeslip.codec.marks import mark_of_nodes
from timeslip.state import capturing, covariables
from timeslip.testing.graphs import compare_states

__all__ = ["_quiet", "sessions"]  # the fixtures

N = 8_000
ROWS = f"rows = [{{'id': i, 'name': f'n{{i}}'}} for i in range({N})]"
CLASS = "class P:\n    def __init__(self, x): self.x = x\n"
INSTANCES = CLASS + f"things = [P(i) for i in range({N})]\nalias = things[7]"


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The names of every capture by a pass, in order."""
    made: list[tuple[str, ...]] = []
    usual = Encoder.capture

    def capture(self: Encoder, nodes: Any, **options: Any) -> Any:
        made.append(tuple(key for key, _ in nodes))
        return usual(self, nodes, **options)

    monkeypatch.setattr(Encoder, "capture", capture)
    return made


def with_name(passes: list[tuple[str, ...]], name: str) -> int:
    found = sum(name in names for names in passes)
    passes.clear()
    return found


def test_a_large_list_is_written_once_for_each_change(sessions: Sessions, passes: list[tuple[str, ...]]) -> None:
    live = sessions.attach()
    live.run(ROWS)
    assert with_name(passes, "rows") == 1
    live.run("n = len(rows)", "m = rows[5]['id']")
    assert with_name(passes, "rows") == 0
    live.run("rows[9]['name'] = 'changed'")
    assert with_name(passes, "rows") == 1
    live.session.undo()
    assert with_name(passes, "rows") == 0
    assert live["rows"][9] == {"id": 9, "name": "n9"}
    live.session.redo()
    assert with_name(passes, "rows") == 0
    assert live["rows"][9]["name"] == "changed"
    live.run("k = len(rows)")
    assert with_name(passes, "rows") == 0


def test_a_mark_that_differs_is_not_taken_again(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    live = sessions.attach()
    live.run("rows = [{'id': i} for i in range(300)]")
    marked = []

    def noted(nodes: Any, encoder: Any) -> bytes | None:
        marked.append(id(nodes[0][1]))
        return mark_of_nodes(nodes, encoder)

    monkeypatch.setattr(capturing, "mark_of_nodes", noted)
    live.run("rows[9]['id'] = 'changed'")
    assert marked.count(id(live["rows"])) == 1
    assert live.commits[-1].names.changed == ("rows",)


def test_instances_with_an_alias_are_not_captured_again_and_again(
    sessions: Sessions, passes: list[tuple[str, ...]]
) -> None:
    live = sessions.attach()
    live.run(INSTANCES)
    passes.clear()
    live.run("n = len(things)")
    assert [names for names in passes if "things" in names] == [("alias", "things")]
    assert not live.commits[-1].names.changed
    passes.clear()
    live.run("things[3].x = -3")
    assert with_name(passes, "things") == 2
    assert live.commits[-1].names.changed == ("things",)
    live.session.undo()
    assert live["alias"] is live["things"][7]
    live.run("alias.x = 5")
    live.session.undo()
    assert live["alias"] is live["things"][7]
    assert live["alias"].x == 7


def test_functions_are_not_captured_again_and_again(sessions: Sessions, passes: list[tuple[str, ...]]) -> None:
    live = sessions.attach()
    live.run("def f(x: int = 1): return x")
    live.run("n = f()")  # a name has an identity to tell only since its first capture
    passes.clear()
    live.run("n = f(2)")
    live.run("n = f(3)")
    assert [names for names in passes if names != ("n",)] == []
    assert not live.commits[-1].names.late
    live.run("f.__defaults__ = (2,)")
    assert live.commits[-1].names.changed == ("f",)
    live.session.undo()
    assert live["f"]() == 1


CHANGES = {
    "through an alias": ["row = rows[5]", "row['id'] = -5"],
    "an alias of what was loaded": [
        "rows.pop()",
        "UNDO",
        "row = rows[5]",
        "row['id'] = -5",
        "UNDO",
        "assert row is rows[5]",
    ],
    "without naming it": ["rows.pop()", "UNDO", "globals()['rows'][3]['id'] = -3"],
    "an alias for a copy": ["rows[4] = dict(rows[5])", "rows[4] = rows[5]", "rows[4] = dict(rows[4])"],
    "in a function": ["def f(): rows[2]['name'] = 'f'", "f()", "UNDO", "f()"],
    "something else comes in": [
        "rows[0]['id'] = b'bytes'",
        "rows[0]['id'] = bytearray(b'bytes')",
        "rows[0]['id'] = {1}",
    ],
    "of a function": ["def f(x=1): return x", "f.__defaults__ = (2,)", "f.of = rows", "rows.pop()", "n = f()"],
    "what a function shares": ["def f(): pass", "d = {}", "f.__dict__ = d", "d['a'] = 1", "f.__annotations__ = d"],
    "at the front": ["rows.insert(0, {'id': 'first'})", "UNDO", "rows.insert(0, rows[-1])"],
    "all dropped": ["rows.clear()", "UNDO", "del rows", "UNDO", "rows = rows[::-1]"],
}


@pytest.mark.parametrize("name", CHANGES)
def test_no_change_is_missed(name: str, sessions: Sessions, passes: list[tuple[str, ...]]) -> None:
    """After every step and every undo: the values and aliases are those of a namespace that ran the same cells."""
    live = sessions.attach()
    cells = [ROWS]
    live.run(ROWS)
    for cell in CHANGES[name]:
        if cell == "UNDO":
            live.session.undo()
            cells.pop()
        else:
            live.run(cell)
            cells.append(cell)
        assert compare_states(live.namespace, _after(cells)) == []
    while len(cells) > 1:
        live.session.undo()
        cells.pop()
        assert compare_states(live.namespace, _after(cells)) == []


def _after(cells: list[str]) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    for cell in cells:
        exec(compile(cell, "<bare>", "exec", dont_inherit=True), namespace)
    return namespace


def test_what_happens_between_two_runs_is_found_before_an_undo(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run(ROWS, "rows[1]['id'] = 'first'")
    live["rows"][2]["id"] = "by nobody"
    live.session.undo()
    assert live["rows"][1]["id"] == 1
    assert any("rows" in commit.names.changed for commit in live.session.log(all=True) if commit.kind == "live")


def test_shared_attribute_dicts_among_many_instances(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run(
        INSTANCES,
        "things[3].__dict__ = things[4].__dict__",
        "d = things[5].__dict__; e = things[6].__dict__",
        "things[9].__dict__ = {}; things[10].__dict__ = things[9].__dict__",
        "x = 1",
    )
    for _ in range(2):
        live.run("things[4].x = 'both'; d['x'] = 'by name'; things[9].y = 1")
        live.session.undo()
        things = live["things"]
        assert things[3].__dict__ is things[4].__dict__
        assert things[9].__dict__ is things[10].__dict__
        assert live["d"] is things[5].__dict__
        assert live["e"] is things[6].__dict__
        assert (things[4].x, things[5].x, vars(things[9])) == (4, 5, {})
        assert live["alias"] is things[7]


def test_one_change_adds_little_to_the_store(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("import random\nr = random.Random(1)\nrows = [(i, r.random(), f'n{r.random()}') for i in range(100_000)]")
    first = live.commits[-1].stats
    assert first.bytes_stored > 1_000_000
    for cell in ("rows[50_000] = (1, 2, 'short')", "rows.append((5, 5, 'five'))", "rows[7] = (1, 0.5, 'x' * 500)"):
        live.run(cell)
        assert live.commits[-1].stats.bytes_stored < first.bytes_stored / 4


CHAIN = (
    "class Node:\n    def __init__(self, v, n): self.v = v; self.n = n\n"
    "ll = None\nfor i in range(30_000): ll = Node(i, ll)"
)


def test_a_deep_graph_is_looked_at_only_where_a_run_may_reach_it(
    sessions: Sessions, passes: list[tuple[str, ...]]
) -> None:
    live = sessions.attach()
    live.run(CHAIN, "y = 1", "ll.v = 5")
    passes.clear()
    live.run("z = [y]", "z.append(2)", "def f(): return 3", "w = f()", "y = 2")
    assert with_name(passes, "ll") == 0
    live.run("ll.n.v = 6")
    assert with_name(passes, "ll") == 1
    assert live.commits[-1].names.changed == ("ll",)
    live.session.undo()
    assert (live["ll"].v, live["ll"].n.v) == (5, 29_998)


def test_what_code_that_was_handed_on_reaches_is_looked_at_and_nothing_else(
    sessions: Sessions, passes: list[tuple[str, ...]]
) -> None:
    live = sessions.attach()
    live.run(
        CHAIN,
        "import sys\nseen, other = [], []\ndef note(*a): seen.append(1)\nold = sys.excepthook",
        "k = len(other) + ll.v; sys.excepthook = note",
    )
    try:
        passes.clear()
        live.run("import sys\nsys.excepthook(1, 2, 3)")
        assert with_name(passes, "ll") == 0
        assert live.commits[-1].names.changed == ("seen",)
        live.run(
            "def note(*a): ll.v += 1", "sys.excepthook = note", "y = 1", "def note(*a): pass", "sys.excepthook(1, 2, 3)"
        )
        assert live.commits[-1].names.changed == ("ll",)
    finally:
        sys.excepthook = sys.__excepthook__


@pytest.mark.parametrize("few", [0, 2, 8])
def test_who_shares_with_large_lists_is_found(few: int, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether each address is in the table of owners, or large lists are compared one by one, or some of them."""
    monkeypatch.setattr(covariables, "_MANY_LINKS", 5)
    monkeypatch.setattr(covariables, "_FEW_LARGE", few)
    live = sessions.attach()
    live.run("\n".join(f"l{i} = [[{i}, j] for j in range(9)]" for i in range(5)), "small = [[1]]")
    live.run("l3.append(l1[2])", "small.append(l4[0])", "l0 = [l2]")

    def together() -> set[tuple[str, ...]]:
        return {tuple(group.names) for group in live.session._live.tracker.covariables() if len(group.names) > 1}

    shared = {("l1", "l3"), ("l4", "small"), ("l0", "l2")}
    assert together() == shared
    live.session.undo()
    assert together() == shared - {("l0", "l2")}
    live.session.undo(2)
    assert together() == set()
    live.session.redo(3)
    assert together() == shared
    assert live["l3"][-1] is live["l1"][2]
    live.run("del l3[-1]", "l0[0] = 5")
    assert together() == {("l4", "small")}


def test_the_links_of_a_large_list_are_in_no_table(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("rows = [[] for _ in range(11_000)]")
    assert len(live.session._live.tracker._owners) < 1_000
