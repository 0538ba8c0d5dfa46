"""What of a long list or dict is live as it is wanted stays the very objects, and nothing else is shared with it."""

from __future__ import annotations

import copy
import random
import signal
import sys
import threading
from typing import Any

import pytest
from tests.engine.test_cases import Sessions, _quiet, sessions

from timeslip.codec import finalizers, holders, islands, longs, unpicklers
from timeslip.codec.capture import Encoder
from timeslip.codec.captured import Captured
from timeslip.codec.islands import with_names
from timeslip.codec.loaded import Staying
from timeslip.codec.restore import Loader
from timeslip.codec.stored import Stored
from timeslip.errors import UnrestorableError
from timeslip.state import capturing
from timeslip.state.fingerprint import fingerprint
from timeslip.store.transaction import Transaction
from timeslip.testing.graphs import compare_states

__all__ = ["_quiet", "sessions"]  # the fixtures

ROWS = "rows = [{'id': i, 'in': [i]} for i in range(240)]"
OTHER = ROWS.replace("rows", "other")
TABLE = "rows = {f'k{i}': {'id': i, 'in': [i]} for i in range(240)}"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few hundred elements are many, and are written as dozens of islands."""
    monkeypatch.setattr(unpicklers, "SMALL", 64)
    monkeypatch.setattr(longs, "MANY", 32)
    monkeypatch.setattr(islands, "_BYTES", 64)
    for name, value in (("_STEP", 8), ("_FEWEST", 4), ("_WINDOW", 4)):
        monkeypatch.setattr(islands, name, value)
    # The files of other tests are the user's own as well, and have classes with finalizers: then nothing stays.
    monkeypatch.setattr(finalizers, "users_have_some", lambda: False)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many elements stayed, for each island that did."""
    found: list[int] = []
    usual = Staying.part

    def part(self: Staying, number: int) -> Any:
        elements, island = usual(self, number)
        found.append(len(elements))
        return elements, island

    monkeypatch.setattr(Staying, "part", part)
    return found


def attach(sessions: Sessions) -> Any:
    if hasattr(signal, "SIGALRM"):  # the handler of the time limit is code of a file of the user's, as all here
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
    return sessions.attach(inline_bytes=0)


def elements(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else list(value)


def addresses(value: Any) -> list[int]:
    """Of its elements, which stay where nobody else holds them: the test neither."""
    return list(map(id, elements(value)))


@pytest.mark.parametrize("code", [ROWS, TABLE], ids=["list", "dict"])
def test_what_did_not_change_stays(code: str, sessions: Sessions, taken: list[int]) -> None:
    live = attach(sessions)
    live.run(code, "k = 120 if type(rows) is list else 'k120'", "rows[k]['id'] = 'changed'")
    changed = elements(live["rows"])[120]
    for verb in (live.session.undo, live.session.redo, live.session.undo):
        before, whole = addresses(live["rows"]), id(live["rows"])
        verb()
        after = addresses(live["rows"])
        assert id(live["rows"]) != whole
        assert sum(old == new for old, new in zip(before, after, strict=True)) > 100
        assert before[120] != after[120]
    assert elements(live["rows"])[120] == {"id": 120, "in": [120]}
    assert changed == {"id": "changed", "in": [120]}
    assert sum(taken) > 3 * 100


def test_no_pass_is_made_for_it(sessions: Sessions, taken: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    live = attach(sessions)
    live.run(ROWS, "rows.insert(3, {'id': 'new'})")
    passes: list[tuple[str, ...]] = []
    usual = Encoder.capture

    def capture(self: Encoder, nodes: Any, **options: Any) -> Any:
        passes.append(tuple(key for key, _ in nodes))
        return usual(self, nodes, **options)

    monkeypatch.setattr(Encoder, "capture", capture)
    live.session.undo()
    live.session.redo()
    live.session.undo()
    live.run("n = len(rows)")
    assert not [names for names in passes if "rows" in names]
    assert taken


@pytest.mark.parametrize("change", ["rows[3]['in'].append(0)", "rows[230]['id'] = 0", "rows[3] = rows[120]"])
def test_a_change_of_what_stayed_is_found(change: str, sessions: Sessions, taken: list[int]) -> None:
    live = attach(sessions)
    live.run(ROWS, "rows[100]['id'] = 'changed'")
    live.session.undo()
    assert taken
    live.run(change)
    assert live.commits[-1].names.changed == ("rows",)
    live.session.undo()
    assert live["rows"] == [{"id": i, "in": [i]} for i in range(240)]
    assert len(set(map(id, live["rows"]))) == 240


def test_what_nobody_has_told_of_is_found_before(sessions: Sessions) -> None:
    live = attach(sessions)
    live.run(ROWS, "rows[100]['id'] = 'changed'", "x = 1")
    live["rows"][150]["in"].append("by nobody")
    live.session.undo(2)
    assert live["rows"] == [{"id": i, "in": [i]} for i in range(240)]


ALIASES = {
    "gone": (["row = rows[5]; rows[120]['id'] = 0"], True),
    "bound anew": (["row = [5]", "row = rows[5]; rows[120]['id'] = 0"], True),
    "of an equal one": (["row = {'id': 5, 'in': [5]}", "rows[5] = row; rows[120]['id'] = 0"], None),
    "the other list": (
        ["other = [{'id': i, 'in': [i]} for i in range(240)]", "other[3] = rows[3]; rows[120]['id'] = 0"],
        None,
    ),
    "of what was an equal list": ([OTHER, "other = rows[3]; rows[120]['id'] = 0"], True),
    "both": (["row = rows[5]", "rows[120]['id'] = 0", "row['id'] = 7; del rows[100]"], None),
}


@pytest.mark.parametrize("name", ALIASES)
def test_aliases_are_those_of_the_wanted_state(name: str, sessions: Sessions, taken: list[int]) -> None:
    cells, stays = ALIASES[name]
    live = attach(sessions)
    models = []
    bare: dict[str, Any] = {}
    for cell in (ROWS, *cells):
        live.run(cell)
        exec(cell, bare)
        bare.pop("__builtins__")
        models.append(copy.deepcopy(bare))
    places = list(range(len(models)))
    at = places[-1]
    for wanted in [*places[::-1], *places, *places[::2]]:
        if wanted < at:
            live.session.undo(at - wanted)
        elif wanted > at:
            live.session.redo(wanted - at)
        at = wanted
        assert compare_states({key: live[key] for key in models[at]}, models[at]) == []
    assert taken or not stays


DEEP = "rows = [{'id': i, 'in': [i], 'pair': (i, 'text'), 'two': (i, [i])} for i in range(240)]"
DEEP_TABLE = DEEP.replace("[{", "{i: {").replace("240)]", "240)}")
HELD = {
    "all": (lambda rows: rows, 0),
    "its elements": (lambda rows: elements(rows), 0),
    "what its elements hold": (lambda rows: [row["in"] for row in elements(rows)], 0),
    "one element": (lambda rows: rows[5], 200),
    "a part": (lambda rows: rows[5]["in"], 200),
    "a tuple with a list": (lambda rows: rows[5]["two"], 200),
    "the list in it": (lambda rows: rows[5]["two"][1], 200),
    "numbers and text": (lambda rows: (rows[5]["pair"], rows[9]["id"], list(rows[5])), 222),
}


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("code", [DEEP, DEEP_TABLE], ids=["list", "dict"])
def test_what_somebody_else_holds_is_not_shared(code: str, held: str, sessions: Sessions, taken: list[int]) -> None:
    """A cache of a library, for instance, of which nothing is recorded."""
    live = attach(sessions)
    live.run(code, "rows[120]['id'] = 0", "row = rows[200]", "del row")
    hold, fewest = HELD[held]
    kept: list[Any] = [hold(live["rows"])]
    for verb in (live.session.undo, live.session.undo, live.session.undo, live.session.redo):
        del taken[:]
        verb()
    assert sum(taken) >= 222  # what is held now is not what came back
    live.run("rows[7]['id'] = 'seven'")
    kept = [hold(live["rows"])]
    del taken[:]
    live.session.undo()
    assert fewest <= sum(taken) <= (fewest and 239)
    assert (not shared(kept, live["rows"])) or held == "numbers and text"


def shared(one: Any, other: Any) -> set[int]:
    """Addresses of the lists, dicts and tuples that are in both."""
    found: list[set[int]] = []
    for value in (one, other):
        known: dict[int, Any] = {}
        work = [value]
        while work:
            obj = work.pop()
            if isinstance(obj, (list, dict, tuple)) and id(obj) not in known:
                known[id(obj)] = obj
                work += elements(obj)
        found.append(set(known))
    return found[0] & found[1]


@pytest.mark.parametrize(
    "code",
    [
        "rows = [{'id': i, 'label': ['a']} for i in range(240)]\nfor row in rows: row['again'] = row['label']\ndel row",
        "rows = [{'id': i, 'in': {}} for i in range(240)]\nfor row in rows: row['in']['of'] = row\ndel row",
        "rows = [(i, 'text', (1, 2)) for i in range(240)]",
    ],
    ids=["labels", "parents", "tuples of values"],
)
def test_what_an_island_itself_holds_twice_stays(code: str, sessions: Sessions, taken: list[int]) -> None:
    live = attach(sessions)
    live.run(code)
    told = copy.deepcopy(live["rows"])
    live.run("rows.append([120])")
    live.session.undo()
    assert sum(taken) > 200
    assert compare_states({"rows": live["rows"]}, {"rows": told}) == []


def test_part_of_a_state_shares_nothing_with_what_stays(sessions: Sessions, taken: list[int]) -> None:
    live = attach(sessions)
    live.run(ROWS, "rows[120]['id'] = 0; row = rows[5]")
    first = live.session.log()[-1].id
    live.session.checkout(first, "rows")
    assert live["rows"][5] == live["row"]
    assert live["rows"][5] is not live["row"]
    got = live.session.get(first, "rows", "earlier")
    assert not set(map(id, got)) & set(map(id, live["rows"]))
    live.session.diff(first, ".")
    assert not taken


def test_equal_islands_stay_once(sessions: Sessions, taken: list[int]) -> None:
    live = attach(sessions)
    live.run("rows = [[] for _ in range(240)]", "del rows[100:]", "rows.extend([] for _ in range(500))")
    for verb, count in ((live.session.undo, 100), (live.session.undo, 240), (live.session.redo, 100)):
        verb()
        assert len(set(map(id, live["rows"]))) == len(live["rows"]) == count
    assert taken


def test_a_restore_that_fails_leaves_all_as_it_was(
    sessions: Sessions, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = attach(sessions)
    live.run(ROWS, "rows[120]['id'] = 'changed'")
    whole, before = id(live["rows"]), addresses(live["rows"])
    told = copy.deepcopy(live["rows"])

    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Staying, "part", fail)
        with pytest.raises(KeyboardInterrupt):
            live.session.undo()
    assert id(live["rows"]) == whole
    assert live["rows"] == told
    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "set_head", fail)
        with pytest.raises(KeyboardInterrupt):
            live.session.undo()
    assert taken
    assert id(live["rows"]) == whole
    assert addresses(live["rows"]) == before
    assert live["rows"] == told
    live.session.undo()
    assert live["rows"] == [{"id": i, "in": [i]} for i in range(240)]
    live.session.redo()
    assert live["rows"] == told


def test_nothing_stays_where_code_of_the_user_may_run(sessions: Sessions, taken: list[int]) -> None:
    live = attach(sessions)
    live.run(ROWS, "rows[120]['id'] = 'changed'")
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    live.session.undo()
    end.set()
    thread.join()
    assert not taken
    usual = signal.signal(signal.SIGTERM, eval("lambda *_: None", live.namespace))
    try:
        live.session.redo()
        assert not taken
    finally:
        signal.signal(signal.SIGTERM, usual)
    live.session.undo()
    assert taken
    taken.clear()
    live.run("rows[120]['id'] = 'again'\nclass A:\n    def __del__(self): pass\n")
    live.session.undo()
    assert not taken


def test_it_is_loaded_anew_when_something_has_to_be_made_again(
    sessions: Sessions, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code that runs then is given what will be there, and might change what is still live."""
    live = attach(sessions)
    live.run(ROWS, "other = [len(rows)]", "rows[120]['id'] = 0; other = 1")
    before = addresses(live["rows"])
    usual = Loader.load

    def load(self: Loader, stored: Stored, staying: Staying | None = None) -> dict[str, Any]:
        if stored.keys == ("other",):
            raise UnrestorableError("it cannot be loaded")
        return usual(self, stored, staying)

    monkeypatch.setattr(Loader, "load", load)
    assert live.session.undo().replayed == ("other",)
    assert live["other"] == [240]
    assert live["rows"] == [{"id": i, "in": [i]} for i in range(240)]
    assert taken
    assert not set(before) & set(addresses(live["rows"]))


@pytest.mark.parametrize("code", [ROWS, TABLE], ids=["list", "dict"])
def test_names_for_elements_need_no_further_pass(
    code: str, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = attach(sessions)
    live.run(code)
    passes: list[tuple[str, ...]] = []
    usual = Encoder.capture

    def capture(self: Encoder, nodes: Any, **options: Any) -> Any:
        passes.append(tuple(key for key, _ in nodes))
        return usual(self, nodes, **options)

    monkeypatch.setattr(Encoder, "capture", capture)
    live.run("row = rows[5] if type(rows) is list else rows['k5']")
    assert passes.count(("rows",)) == 1
    assert not [names for names in passes if len(names) > 1]
    del passes[:]
    live.run("n = len(rows)", "x = row['id']")
    assert not [names for names in passes if "rows" in names]
    live.run("del row")
    live.session.undo()
    assert live["row"] is elements(live["rows"])[5]
    live.session.undo(3)
    assert "row" not in live.namespace


def test_names_for_elements_need_a_pass_while_threads_run(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mark that is taken after the pass would be that of what a thread has changed in between."""
    live = attach(sessions)
    live.run(ROWS)

    def changed(*args: Any) -> Captured | None:
        live["rows"][9]["id"] = "by a thread"
        return with_names(*args)

    monkeypatch.setattr(capturing, "with_names", changed)
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        live.run("row = rows[5]", "x = 1")
    finally:
        end.set()
        thread.join()
        monkeypatch.setattr(capturing, "with_names", with_names)
    told = copy.deepcopy(live["rows"])
    live.run("rows = row = None")
    live.session.undo()
    assert live["rows"] == told
    assert live["row"] is live["rows"][5]


def test_names_for_what_was_loaded_from_one_piece_need_a_pass(sessions: Sessions) -> None:
    live = attach(sessions)
    live.run(ROWS)
    encoder, rows = live.session._live.encoder, live["rows"]
    captured, nodes = encoder.capture([("rows", rows)]), [("row", rows[5]), ("rows", rows)]
    captured.find_links(frozenset())
    assert with_names(captured, rows, nodes, encoder.seed_memo) is not None
    captured.segments = [b"".join(captured.segments)]
    assert with_names(captured, rows, nodes, encoder.seed_memo) is None
    captured.release()


def test_a_tracer_does_not_change_how_often_something_is_held() -> None:
    """Not even one that was there when it was found out how often asking itself holds it."""
    before, asked, held = sys.gettrace(), [], [object()]

    def trace(frame: Any, event: str, arg: Any) -> Any:
        asked.append(len(frame.f_locals))
        return trace

    sys.settrace(trace)
    try:
        counted = holders._references(held, 0)
    finally:
        sys.settrace(before)
    assert counted == holders._WITHIN
    assert asked


EDITS = (
    "rows[{a}]['id'] = {n}",
    "rows[{a}]['in'].append({n})",
    "del rows[{a}]",
    "rows.insert({a}, {{'id': {n}, 'in': [{n}]}})",
    "rows[{a}:{a} + 40] = [{{'id': {n}, 'in': []}}]",
    "rows.append(dict(rows[{a}]))",
    "row = rows[{a}]",
    "row = {n}",
    "row = dict(rows[{a}])",
    "row = {{'id': rows[{a}]['id'], 'in': list(rows[{a}]['in'])}}",
    "if type(row) is dict: rows[{a}] = row",
    "if type(row) is dict: rows[{a}] = row; rows[{b}]['id'] = {n}",
    "rows[{a}] = rows[{b}]",
    "rows = rows[{a}:] + rows[:{a}]",
    "rows.sort(key=str)",
    "rows[{a}]['in'] = rows[{b}]['in']",
    "x = {n}",
)


@pytest.mark.parametrize("seed", [3, 4, 5, 6, 8])
def test_any_edits_and_any_ways(
    seed: int, sessions: Sessions, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    compared: list[int] = []

    def derive(captured: Captured, value: Any, nodes: Any, seeds: Any) -> Captured | None:
        found = with_names(captured, value, nodes, seeds)
        if found is not None:
            made = live.session._live.encoder.capture(nodes)
            assert fingerprint(made).segments == fingerprint(found).segments
            assert made.keys == found.keys
            assert (made.plain, made.mode) == (found.plain, found.mode)
            for one, other in zip(made.parts, found.parts, strict=True):
                assert (one.count, sorted(one.links)) == (other.count, sorted(other.links))
            made.release()
            compared.append(len(nodes))
        return found

    monkeypatch.setattr(capturing, "with_names", derive)
    live = attach(sessions)
    bare: dict[str, Any] = {}
    models: dict[str, dict[str, Any]] = {}
    cell = "row = 0; x = 0; " + ROWS.replace("240", "150")
    for _ in range(9):
        commit = live.run(cell).commit
        exec(cell, bare)
        models[commit.id] = copy.deepcopy({key: bare[key] for key in ("rows", "row", "x")})
        for _ in range(rng.randrange(4)):
            wanted = rng.choice(list(models))
            held, whole = rng.sample(live["rows"], rng.randrange(3)), id(live["rows"])
            told = copy.deepcopy(held)
            live.session.checkout(wanted)
            assert compare_states({key: live[key] for key in models[wanted]}, models[wanted]) == []
            assert held == told
            assert id(live["rows"]) == whole or not set(addresses(held)) & set(addresses(live["rows"]))
            del held
            bare.update(copy.deepcopy(models[wanted]))
        count = len(bare["rows"])
        numbers = {"a": rng.randrange(count), "b": rng.randrange(count), "n": rng.randrange(1000)}
        cell = rng.choice(EDITS).format(**numbers)
    assert taken
    assert compared
