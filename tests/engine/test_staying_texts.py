"""Large arrays of texts and numbers stay as those of bytes do; what came back is what a copy of the state would be."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.engine.test_cases import Sessions, _quiet, sessions
from tests.engine.test_staying_arrays import _small, attach, taken

from timeslip.codec import load
from timeslip.codec.reducers import items
from timeslip.codec.reducers import numpy as arrays
from timeslip.codec.reducers.array_memory import order_of
from timeslip.state.memory import Memory
from timeslip.testing.graphs import compare_states

numpy = pytest.importorskip("numpy")

__all__ = ["_quiet", "_small", "sessions", "taken"]  # the fixtures

MADE = """import numpy as np, math
def texts(word): return np.array([f'{word} {i}' for i in range(1000)], object)
d = {'a': texts('a'), 'b': texts('b'), 'n': np.arange(1000.0), 's': texts('s')[::2]}"""


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays of a hundred texts have parts that are buffers."""
    for name, size in (("_LEAST", 8), ("PART", 64), ("_APART", 128)):
        monkeypatch.setattr(items, name, size)


def use(live: Any, memory: Memory) -> None:
    tracker = live.session._live.tracker
    tracker.memory.close()
    tracker.memory = memory


CHANGES = {
    "a number beside": "d['n'][5] = -1.0",
    "one text": "d['a'][700] = 'changed'",
    "another array of the same texts": "d['a'] = texts('a')",
    "swapped": "d['a'], d['b'] = d['b'], d['a']",
    "one array twice": "d['b'] = d['a']",
    "a view": "d['b'] = d['a'][:500]",
    "reversed in place": "d['a'][:] = d['a'][::-1].copy()",
    "another shape": "d['a'] = d['a'].reshape(10, 100)",
    "another order": "d['a'] = np.asfortranarray(d['a'].reshape(10, 100))",
    "read-only": "d['a'].flags.writeable = False",
    "a number that is none": "d['a'][5], d['b'][5] = np.nan, None",
    "what is missing moves": "d['a'][5], d['a'][6] = None, np.nan",
    "another object that is no number": "d['a'][5] = float('nan'); d['b'][7] = d['a'][5]",
    "something else": "d['a'][5] = [1]; d['b'][7] = d['a'][5]",
    "a large text": "d['a'][5] = 'long ' * 900; d['b'][7] = d['a'][5]",
    "a key more": "d['more'] = d['a'].copy()",
    "another number of parts": "d['a'] = d['a'][:128].copy()",
}


@pytest.mark.parametrize("hashing", [False, True], ids=["told", "read"])
@pytest.mark.parametrize("name", CHANGES)
def test_any_change_and_back(name: str, hashing: bool, sessions: Sessions) -> None:
    live = attach(sessions)
    use(live, Memory(hashing=hashing))
    cells = (MADE, "d['a'][5], d['a'][6] = np.nan, None", CHANGES[name], "d['s'][3] = 'again'; d['n'][9] = 0")
    live.run(*cells)
    at = len(cells)
    for wanted in (3, 2, 1, 2, 4, 1, 3):
        (live.session.undo if wanted < at else live.session.redo)(abs(wanted - at))
        at = wanted
        model: dict[str, Any] = {}
        for cell in cells[:at]:
            exec(cell, model)
        assert compare_states({"d": live["d"]}, {"d": model["d"]}) == []
        assert (live["d"]["a"] is live["d"]["b"]) == (model["d"]["a"] is model["d"]["b"])
    use(live, Memory(hashing=True))  # what is said of the parts is what writing them says
    live.run("n = len(d)")
    assert live.commits[-1].names.changed == ()
    live.session.verify()


def test_only_what_differs_is_loaded(sessions: Sessions, taken: list[int]) -> None:
    live = attach(sessions)
    live.run(MADE, "d['a'][700] = 'changed'")
    for verb, value in ((live.session.undo, "a 700"), (live.session.redo, "changed"), (live.session.undo, "a 700")):
        before = {key: id(live["d"][key]) for key in "abn"}
        verb()
        assert [id(live["d"][key]) == before[key] for key in "abn"] == [False, True, True]
        assert live["d"]["a"][700] == value
    assert len(taken) == 9, "and what the view shows"
    live.run("d['b'][3] = 'after'")
    assert live.commits[-1].names.changed == ("d",)
    live.session.undo()
    assert live["d"]["b"][3] == "b 3"
    live.session.verify()


@pytest.mark.parametrize("dtype", ["object", "str", "category"])
def test_a_frame_keeps_its_columns_of_texts(dtype: str, sessions: Sessions, taken: list[int]) -> None:
    pytest.importorskip("pandas")
    live = attach(sessions)
    live.run(
        "import numpy as np, pandas as pd\n"
        f"df = pd.DataFrame({{'t': pd.Series([f'x{{i % 300}}' for i in range(1000)], dtype={dtype!r}), 'n': 1.0}})",
        "df.loc[3, 'n'] = 5.0",
        "df['t2'] = df['t'].astype(object) + '!'; df.loc[9, 'n'] = np.nan",
        "df.loc[7, 't'] = 'x1'; df = df.sort_values('n')",
    )
    for verb in (live.session.undo, live.session.undo, live.session.redo, live.session.redo, live.session.undo):
        verb()
        live.session.verify()
    assert list(live["df"]) == ["t", "n", "t2"]
    assert live["df"]["t"].tolist() == [f"x{i % 300}" for i in range(1000)]
    assert live["df"]["t2"].tolist() == [f"x{i % 300}!" for i in range(1000)]
    assert taken


def test_of_an_array_that_differs_only_the_parts_that_do_are_loaded(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    usual = items.loaded
    monkeypatch.setattr(arrays, "loaded", lambda part: read.append(part.size) or usual(part))
    live = attach(sessions)
    live.run(MADE, "keep = d['a'][700]; d['a'][700] = 'changed'; d['b'][5] = np.nan; d['b'][900] = 'q'")
    live.session.undo()
    assert len(read) == 3
    assert live["d"]["a"][700] == "a 700"
    assert live["d"]["b"][5] == "b 5"
    live.session.redo()
    assert len(read) == 6, "of a part with a number that is none nobody knows what else is there"
    assert live["d"]["b"][5] is numpy.nan
    assert live["d"]["b"][900] == "q"


def test_what_is_known_of_the_parts_is_forgotten_when_somebody_else_has_the_memory(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = attach(sessions)
    live.run(MADE, "d['a'][700] = 'changed'; d['b'][1] = 'b'")
    usual = arrays.fill_items

    def fill(array: Any, *rest: Any) -> None:
        usual(array, *rest)
        if array.flat[0] == "a 0":
            array.flat[300] = "somebody was here"

    monkeypatch.setattr(arrays, "fill_items", fill)
    live.session.undo()
    monkeypatch.undo()
    assert live["d"]["a"][300] == "somebody was here"
    live.run("n = len(d)")
    changed = {key for commit in live.session.log(all=True) for key in (*commit.names.changed, *commit.names.late)}
    assert "d" in changed
    live.session.checkout(live.session.head)
    assert live["d"]["a"][300] == "somebody was here"


def test_what_a_module_holds_does_not_stay(sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kept.py").write_text(
        "import numpy as np; array = np.array([f'kept {i}' for i in range(1000)], object)"
    )
    monkeypatch.syspath_prepend(tmp_path)
    live = attach(sessions)
    live.run("import kept; d = {'a': kept.array.copy()}", "d = {'a': kept.array, 'b': 1}")
    live.session.undo()
    live.run("d['a'][0] = 'written'; x = str(kept.array[0])")
    assert live["x"] == "kept 0"
    sys.modules.pop("kept", None)


def test_nothing_of_it_is_held_afterwards(sessions: Sessions, taken: list[int]) -> None:
    live = attach(sessions)
    live.run(MADE, "d['n'][5] = -1.0")
    live.session.undo()
    assert taken
    counts = sys.getrefcount(live["d"]["b"])
    live.run("e = texts('b'); import sys; n = sys.getrefcount(e)")
    assert counts == live["n"]


def test_streams_of_before_are_read(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the parts stood in the stream, each as what loads its buffer."""

    class Part:
        def __init__(self, number: int) -> None:
            self.number = number

        def __reduce__(self) -> Any:
            return load.buffer, (self.number, "bytearray")

    def owned(state: Any, array: Any, *, anywhere: bool = False) -> Any:
        order = order_of(array)
        held = items.packed(state, array, 0)
        assert type(held) is items.InBuffers
        parts = [Part(number) for number in range(held.first, held.first + held.count)]
        state.keep += parts
        made = array.shape, array.dtype, order
        return arrays.object_array, made, ((parts, held.nans), True), None, None, arrays.fill_objects

    live = attach(sessions)
    with monkeypatch.context() as patch:
        patch.setattr(arrays, "owned", owned)
        live.run("import numpy as np; t = np.array([f'{i}' for i in range(1000)], object); t[5] = np.nan; t[7] = None")
    live.run("t = None")
    live.session.undo()
    assert live["t"][5] is numpy.nan
    assert live["t"].tolist()[8:] == [str(i) for i in range(8, 1000)]
