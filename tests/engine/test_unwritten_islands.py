"""Whole sessions in which most islands of a list are not written again."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.engine.test_cases import Sessions, _quiet, sessions

from timeslip.codec import islands, longs
from timeslip.testing.graphs import compare_states

__all__ = ["_quiet", "sessions"]  # the fixtures

ROWS = "rows = [{'id': i, 'in': [i]} for i in range(400)]"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few hundred elements are many, and are written as dozens of islands."""
    for name, value in {"MANY": 32, "_BYTES": 64, "_STEP": 8, "_FEWEST": 4, "_WINDOW": 4}.items():
        monkeypatch.setattr(longs if name == "MANY" else islands, name, value)


def _as_run(sessions: Sessions, cells: list[str], **settings: Any) -> Any:
    """Run *cells*, go through the states that they made, and compare each with what the bare cells made."""
    live, bare, models = sessions.attach(inline_bytes=0, **settings), dict[str, Any](), []
    for cell in cells:
        live.run(cell)
        exec(cell, bare)
        bare.pop("__builtins__")
        models.append(copy.deepcopy(bare))
    places = list(range(len(cells)))
    at = places[-1]
    for wanted in [*places[::-1], *places, *places[::-1]]:
        if wanted < at:
            live.session.undo(at - wanted)
        elif wanted > at:
            live.session.redo(wanted - at)
        at = wanted
        assert compare_states({key: live[key] for key in models[at]}, models[at]) == []
    return live


LABELS = [f"made = ['a']; rows[{at}]['x'] = rows[{at}]['y'] = made; del made" for at in (3, 200)]
SHARED = {
    "with a name": ["tags = ['a']; rows[3]['x'] = rows[3]['y'] = tags; rows[300]['id'] = 0"],
    "with another list": [
        "tags = [['a'], ['a']]; rows[3]['x'] = rows[3]['y'] = tags[0]; rows[300]['id'] = 0",
    ],
    "with a list, while another takes its place": [
        "tags = [['a']]; rows[3]['x'] = rows[3]['y'] = tags[0]; rows[3]['in'] = [3]; rows[300]['id'] = 0",
    ],
    "with another island": ["rows[3]['x'] = rows[3]['y'] = rows[200]['x']; rows[300]['id'] = 0"],
    "with another island, the other way": ["rows[200]['x'] = rows[200]['y'] = rows[3]['x']; rows[300]['id'] = 0"],
}


@pytest.mark.parametrize("name", SHARED)
def test_what_took_the_place_of_an_equal_one_that_was_held_twice(name: str, sessions: Sessions) -> None:
    cells = [ROWS, *LABELS, "rows[390]['id'] = 0", *SHARED[name]]
    _as_run(sessions, cells)


@pytest.mark.parametrize("made", ["list(range(1000, 1400))", "{i: i for i in range(400)}"])
def test_a_number_gives_way_to_what_holds_a_list_very_often(made: str, sessions: Sessions) -> None:
    """By way of lists that hold the one before twice: it is as many lists as levels."""
    live = sessions.attach(inline_bytes=0)
    live.run(f"rows = {made}", "x = []\nfor _ in range(60): x = [x, x]\nrows[100] = x\ndel x, _", "rows[100] = 0")
    live.session.undo()
    found = live["rows"][100]
    for _ in range(60):
        assert found[0] is found[1]
        found = found[0]
    assert found == []


def test_islands_whose_chunks_nobody_knows_are_written(sessions: Sessions) -> None:
    live = sessions.attach(inline_bytes=0)
    live.run(ROWS, "rows[200]['id'] = -1")
    live.session._live.tracker.groups["rows"].chunk_of.clear()
    live.run("rows[300]['id'] = -2", "rows[10]['id'] = -3")
    live.session.undo(2)
    assert [row["id"] for row in live["rows"] if row["id"] < 0] == [-1]
    live.session.redo(2)
    assert [row["id"] for row in live["rows"] if row["id"] < 0] == [-3, -1, -2]
    assert [row["in"] for row in live["rows"]] == [[number] for number in range(400)]


@pytest.mark.parametrize("place", ["rows", "data['rows']"])
def test_what_gave_way_to_an_equal_copy_is_shared_no_more(place: str, sessions: Sessions) -> None:
    """Nothing shows it; but who holds the old one by then must not be taken to share it still."""
    live = sessions.attach(inline_bytes=0)
    name = place[:4]
    live.run(ROWS if name == "rows" else f"{ROWS}; data = {{'rows': rows, 'n': 1}}; del rows", f"{place}[200] = 5")
    live.run(f"x = {place}[0]; held = x['in']; x['in'] = list(held); {place}[300] = 6; del x")
    at = live.commits[-1].id
    groups = {group.keys for group in live.session._live.tracker.groups.values()}
    assert {("held",), (name,)} <= groups
    live.run("held = 'other'", f"{place}[1] = 'later'")
    live.session.checkout(at, "held")
    assert live["held"] == [0]
    assert (live["rows"] if name == "rows" else live["data"]["rows"])[1] == "later"
