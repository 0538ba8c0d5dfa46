"""Whole sessions with long lists and dicts within short containers: what differs is stored and loaded, no more."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from tests.engine.test_cases import Sessions, _quiet, sessions
from tests.engine.test_staying import _small, addresses, attach, taken

from timeslip.codec.capture import Encoder
from timeslip.testing.graphs import compare_states

__all__ = ["_quiet", "_small", "sessions", "taken"]  # the fixtures

ROWS = "[{'id': i, 'in': [i]} for i in range(240)]"
DATA = {
    "a document": f"data = {{'meta': {{'of': ['a']}}, 'rows': {ROWS}, 'next': None}}",
    "a tuple": f"data = ('label', {{'meta': {{}}, 'rows': {ROWS}}})",
    "a dict": f"data = {{'rows': {{f'k{{i}}': row for i, row in enumerate({ROWS})}}, 'more': [1]}}",
    "several": f"data = {{'rows': {ROWS}, 'others': {ROWS}, 'texts': [f'text {{i}}' for i in range(240)]}}",
    "twice": f"data = {{'rows': {ROWS}}}; data['again'] = data['rows']",
}


def rows_of(data: Any) -> Any:
    return data[1]["rows"] if type(data) is tuple else data["rows"]


ROWS_OF = "(data[1] if type(data) is tuple else data)['rows']"
KEY = f"(120 if type({ROWS_OF}) is list else 'k120')"


@pytest.mark.parametrize("name", DATA)
def test_what_did_not_change_stays(name: str, sessions: Sessions, taken: list[int]) -> None:
    live = attach(sessions)
    live.run(DATA[name])
    told = copy.deepcopy(live["data"])
    live.run(f"{ROWS_OF}[{KEY}]['id'] = 'changed'")
    for verb, wanted in ((live.session.undo, 120), (live.session.redo, "changed"), (live.session.undo, 120)):
        before, whole = addresses(rows_of(live["data"])), id(live["data"])
        del taken[:]
        verb()
        rows, after = rows_of(live["data"]), addresses(rows_of(live["data"]))
        assert id(live["data"]) != whole
        assert sum(taken) >= 100
        assert sum(old == new for old, new in zip(before, after, strict=True)) > 100
        assert before[120] != after[120]
        assert (rows[120] if type(rows) is list else rows["k120"])["id"] == wanted
        del rows
    assert compare_states({"data": live["data"]}, {"data": told}) == []
    if name == "twice":
        assert live["data"]["again"] is live["data"]["rows"]


@pytest.mark.parametrize("name", DATA)
def test_no_pass_is_made_for_it(
    name: str, sessions: Sessions, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = attach(sessions)
    live.run(DATA[name], f"{ROWS_OF}[{KEY}]['id'] = 'changed'")
    passes: list[tuple[str, ...]] = []
    usual = Encoder.capture

    def capture(self: Encoder, nodes: Any, **options: Any) -> Any:
        passes.append(tuple(key for key, _ in nodes))
        return usual(self, nodes, **options)

    monkeypatch.setattr(Encoder, "capture", capture)
    live.session.undo()
    live.session.redo()
    live.session.undo()
    live.run("n = len(data)")
    assert not [names for names in passes if "data" in names]
    assert taken


def test_little_is_stored_of_a_change(sessions: Sessions) -> None:
    live = attach(sessions)
    whole = live.run(DATA["several"]).commit.stats.bytes_stored
    for change in ("data['rows'][120]['id'] = 0", "data['others'].insert(0, 'first')", "data['count'] = 5"):
        assert live.run(change).commit.stats.bytes_stored < whole / 4, change


HELD = {
    "the list": (lambda data: data["rows"], 0),
    "all": (lambda data: data, 0),
    "its elements": (lambda data: list(data["rows"]), 0),
    "one element": (lambda data: data["rows"][5], 150),
    "what is around": (lambda data: data["meta"], 0),
    "a text": (lambda data: data["meta"]["of"][0], 200),
}


@pytest.mark.parametrize("held", HELD)
def test_what_somebody_else_holds_is_not_shared(held: str, sessions: Sessions, taken: list[int]) -> None:
    """A cache of a library, for instance, of which nothing is recorded."""
    live = attach(sessions)
    live.run(DATA["a document"], "data['rows'][120]['id'] = 0", "data['rows'][7]['id'] = 'seven'")
    hold, fewest = HELD[held]
    kept: list[Any] = [hold(live["data"])]
    told = copy.deepcopy(kept)
    live.session.undo()
    assert fewest <= sum(taken) <= 239
    live["data"]["rows"][0]["in"].append("new")
    live["data"]["rows"].append("new")
    live["data"]["meta"]["new"] = 1
    assert kept == told


EDITS = (
    "data['rows'][{a}]['id'] = {n}",
    "data['rows'][{a}]['in'].append({n})",
    "del data['rows'][{a}]",
    "data['rows'].insert({a}, {{'id': {n}, 'in': [{n}]}})",
    "data['rows'][{a}:{a} + 30] = [{{'id': {n}, 'in': []}}]",
    "data['more'] = [[i, {n}] for i in range(60)]",
    "data.pop('more', None)",
    "data['more'] = data['rows'][{a}:{b}]",
    "data['more'] = [list(row['in']) for row in data['rows']]",
    "data['meta'] = {{'n': {n}}}",
    "data['meta']['first'] = data['rows'][{a}]",
    "data['meta'].pop('first', None)",
    "row = data['rows'][{a}]",
    "row = data['meta']",
    "row = data['rows']",
    "row = {n}",
    "row = dict(data['rows'][{a}])",
    "if type(row) is dict: data['rows'][{a}] = row",
    "if type(row) is dict: data['rows'][{a}] = row; data['rows'][{b}]['id'] = {n}",
    "data['again'] = data['rows']",
    "data.pop('again', None)",
    "data['rows'] = data['rows'][{a}:] + data['rows'][:{a}]",
    "data['rows'] = list(dict(enumerate(data['rows'])).values())",
    "data['by id'] = {{f'k{{i}}': [i] for i in range({n} % 90)}}",
    "data = {{key: data[key] for key in sorted(data, reverse=True)}}",
    "data = dict(data)",
    "data['rows'][{a}]['in'] = data['rows'][{b}]['in']",
    "data['odd'] = {{{n}}}",
    "data.pop('odd', None)",
    "x = {n}",
)


@pytest.mark.parametrize("seed", range(6))
def test_any_edits_and_any_ways(seed: int, sessions: Sessions, taken: list[int]) -> None:
    rng = random.Random(seed)
    live = attach(sessions)
    bare: dict[str, Any] = {}
    models: dict[str, dict[str, Any]] = {}
    cell = "row = 0; x = 0; data = {'meta': {}, 'rows': [{'id': i, 'in': [i]} for i in range(150)]}"
    for _ in range(14):
        commit = live.run(cell).commit
        exec(cell, bare)
        models[commit.id] = copy.deepcopy({key: bare[key] for key in ("data", "row", "x")})
        assert compare_states({key: live[key] for key in models[commit.id]}, models[commit.id]) == []
        for _ in range(rng.randrange(4)):
            wanted = rng.choice(list(models))
            live.session.checkout(wanted)
            assert compare_states({key: live[key] for key in models[wanted]}, models[wanted]) == []
            bare.update(copy.deepcopy(models[wanted]))
            live.run("y = len(data)")  # changes nothing of the rest
            assert not {"data", "row", "x"} & {*live.commits[-1].names.changed}
        count = len(bare["data"]["rows"])
        numbers = {"a": rng.randrange(count), "b": rng.randrange(count), "n": rng.randrange(1000)}
        cell = rng.choice(EDITS).format(**numbers)
    assert taken
