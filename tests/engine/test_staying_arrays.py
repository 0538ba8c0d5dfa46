"""Large arrays whose bytes are the wanted ones stay, and what came back is what a copy of the state would be."""

from __future__ import annotations

import copy
import random
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.engine.test_cases import Sessions, _quiet, sessions

from timeslip import encoding
from timeslip.codec import finalizers
from timeslip.codec.stored import StayingArrays
from timeslip.store.transaction import Transaction
from timeslip.testing.graphs import compare_states

numpy = pytest.importorskip("numpy")

__all__ = ["_quiet", "sessions"]  # the fixtures

MADE = "import numpy as np; d = {k: np.arange(1000.0) + i for i, k in enumerate('abcd')}"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays of a few kB are large."""
    monkeypatch.setattr(encoding, "MAP_FROM", 1)
    for name in ("_WORTH", "_WORTH_OF_ITEMS"):
        monkeypatch.setattr(f"timeslip.staying.{name}", 1.0)
    monkeypatch.setattr(finalizers, "users_have_some", lambda: False)  # those of other tests' files


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The addresses of the arrays that stayed."""
    found: list[int] = []
    usual = StayingArrays.take

    def take(self: StayingArrays, *args: Any) -> Any:
        array = usual(self, *args)
        found.extend([id(array)] if array is not None else [])
        return array

    monkeypatch.setattr(StayingArrays, "take", take)
    return found


def attach(sessions: Sessions) -> Any:
    if hasattr(signal, "SIGALRM"):  # the handler of the time limit is code of a file of the user's, as all here
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
    return sessions.attach(chunk_bytes=4096)


def test_only_what_differs_is_loaded(sessions: Sessions, taken: list[int]) -> None:
    live = attach(sessions)
    live.run(MADE, "d['b'][7] = -1.0")
    for verb, value in ((live.session.undo, 8.0), (live.session.redo, -1.0), (live.session.undo, 8.0)):
        whole, before = id(live["d"]), {key: id(live["d"][key]) for key in "abcd"}  # who holds them keeps them away
        verb()
        assert id(live["d"]) != whole
        assert [id(live["d"][key]) == before[key] for key in "abcd"] == [True, False, True, True]
        assert live["d"]["b"][7] == value
    assert len(taken) == 9


def test_a_frame_keeps_its_other_columns(sessions: Sessions, taken: list[int]) -> None:
    pytest.importorskip("pandas")
    live = attach(sessions)
    live.run(
        "import numpy as np, pandas as pd; df = pd.DataFrame({k: np.arange(1000.0) + i for i, k in enumerate('abcd')})",
        "df['n'] = df['a'] * 2; df['c'] = -df['c']",
        "df['n2'] = 1.0; df.loc[3, 'n'] = 0",
    )
    for verb in (live.session.undo, live.session.undo, live.session.redo, live.session.redo, live.session.undo):
        verb()
        live.session.verify()
    assert list(live["df"]) == ["a", "b", "c", "d", "n"]
    assert live["df"]["n"][3] == 6.0
    assert live["df"]["c"][3] == -5.0
    assert taken
    live.run("df['a'] = 0.0")
    live.session.undo()
    assert live["df"]["a"].tolist() == list(range(1000))


def test_what_is_written_to_what_stayed_is_found(sessions: Sessions, taken: list[int]) -> None:
    live = attach(sessions)
    live.run(MADE, "d['b'][7] = -1.0")
    live.session.undo()
    assert taken
    live.run("d['a'][3] = 5.5")
    assert live.commits[-1].names.changed == ("d",)
    live["d"]["c"][5] = 0.25  # and nobody tells of it
    live.session.undo()
    assert live["d"]["a"][3] == 3.0
    assert live["d"]["c"][5] == 7.0
    live.session.redo()
    assert live["d"]["a"][3] == 5.5
    assert live["d"]["c"][5] == 0.25


def test_equal_arrays_stay_two(sessions: Sessions, taken: list[int]) -> None:
    live = attach(sessions)
    live.run("import numpy as np; d = [np.zeros(1000) for _ in range(4)]", "d.append(1)", "d[:] = [d[0]]")
    live.session.undo()
    assert len(set(map(id, live["d"]))) == 5
    live.session.undo()
    assert len(set(map(id, live["d"]))) == 4
    assert taken
    live["d"][0][0] = 1.0
    assert [array[0] for array in live["d"]] == [1.0, 0.0, 0.0, 0.0]


CHANGES = {
    "kind": "d['a'] = d['a'].view('i8')",
    "shape": "d['a'] = d['a'].reshape(10, 100)",
    "order": "d['a'] = np.asfortranarray(d['a'].reshape(10, 100))",
    "shape of its own": "d['a'].shape = (10, 100)",
    "read-only": "d['a'].flags.writeable = False",
    "bytes": "d['a'] = d['a'].tobytes()",
    "metadata": "d['a'] = d['a'].astype(np.dtype('f8', metadata={'unit': 'm'}))",
    "a part": "d['a'] = d['a'][:900]",
    "a copy": "d['a'] = d['a'].copy()",
    "an alias": "d['b'] = d['a']",
    "swapped": "d['a'], d['b'] = d['b'], d['a']",
    "swapped inside": "d['a'][:], d['b'][:] = d['b'].copy(), d['a'].copy()",
    "a subclass": "d['a'] = d['a'].view(np.recarray)",
    "another name": "e = d['a']",
    "a view elsewhere": "e = d['a'][5:]; d['b'][0] = 9",
    "another value": "e = {'x': d.pop('a')}",
    "both values": "e = {'x': d['a'].copy()}; d = dict(d, z=1)",
}


def made_by(cells: Sequence[str]) -> dict[str, Any]:
    """What is there when they have run: a deep copy would not have views as views, nor what may not be written to."""
    made: dict[str, Any] = {}
    for cell in cells:
        exec(cell, made)
    return {name: made[name] for name in ("d", "e", "x") if name in made}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_like_it_but_not_the_same(name: str, sessions: Sessions) -> None:
    live = attach(sessions)
    cells = (f"{MADE}; e = x = None", CHANGES[name], "x = 1; d['c'][5] = 0")
    live.run(*cells)
    at = 2
    for wanted in (1, 0, 2, 0, 1, 2):
        (live.session.undo if wanted < at else live.session.redo)(abs(wanted - at))
        at = wanted
        model = made_by(cells[: at + 1])
        assert compare_states({key: live[key] for key in model}, model) == []


def test_a_restore_that_fails_leaves_all_as_it_was(
    sessions: Sessions, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = attach(sessions)
    live.run(MADE, "d['b'][7] = -1.0")
    whole, told = id(live["d"]), copy.deepcopy(live["d"])
    before = {key: id(array) for key, array in live["d"].items()}

    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "set_head", fail)
        with pytest.raises(KeyboardInterrupt):
            live.session.undo()
    assert taken
    assert id(live["d"]) == whole
    assert {key: id(array) for key, array in live["d"].items()} == before
    assert compare_states({"d": live["d"]}, {"d": told}) == []
    live.session.undo()
    live.session.redo()
    assert compare_states({"d": live["d"]}, {"d": told}) == []


def test_values_beside_share_nothing_with_what_is_live(sessions: Sessions, taken: list[int]) -> None:
    live = attach(sessions)
    live.run(MADE, "d['b'][7] = -1.0")
    first = live.session.log()[-1].id
    got = live.session.get(first, "d", "earlier")
    live.session.checkout(first, "d")
    assert not any(numpy.shares_memory(got[key], live["d"][key]) for key in "abcd")
    assert not taken


def test_nothing_stays_where_code_of_the_user_may_run(sessions: Sessions, taken: list[int]) -> None:
    live = attach(sessions)
    live.run(MADE, "d['b'][7] = -1.0")
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    live.session.undo()
    end.set()
    thread.join()
    assert not taken
    live.session.redo()
    assert taken


EDITS = (
    "d[{a}][{n}] = {n}",
    "d[{a}] = d[{b}]",
    "d[{a}] = d[{b}].copy()",
    "d[{a}], d[{b}] = d[{b}], d[{a}]",
    "del d[{a}]; d.append(np.full(1000, {n}.0))",
    "d.insert({a}, np.full((10, 100), {n}.0)); d.pop()",
    "e = d[{a}]",
    "e = [d[{a}], d[{b}].copy()]",
    "e = d[{a}][::2]",
    "e = {n}",
    "d[{a}] = d[{b}].reshape(-1)[100:].copy()",
    "d[{a}] = np.array(e) if type(e) is np.ndarray else d[{a}]",
    "d[{a}].flags.writeable = True; d[{a}].setflags(write={n} % 2)",
    "d[{a}] = d[{b}].reshape(-1, 10)",
    "d = d[{a}:] + d[:{a}]",
    "d = {{'x': d}}['x']; x = {n}",
)


@pytest.mark.parametrize("seed", range(6))
def test_any_edits_and_any_ways(seed: int, sessions: Sessions, taken: list[int]) -> None:
    rng = random.Random(seed)
    live = attach(sessions)
    done: tuple[str, ...] = ()
    ways: dict[str, tuple[str, ...]] = {}
    cell = "import numpy as np; e = 0; x = 0; d = [np.arange(1000.0) * i for i in range(5)]"
    for _ in range(12):
        try:
            made_by((*done, cell))
        except ValueError:  # to one that may not be written to, or of another shape
            cell = "x += 1"
        done = (*done, cell)
        ways[live.run(cell).commit.id] = done
        for _ in range(rng.randrange(4)):
            wanted = rng.choice(list(ways))
            live.session.checkout(wanted)
            model, done = made_by(ways[wanted]), ways[wanted]
            assert compare_states({key: live[key] for key in model}, model) == []
            assert live.session.verify().changed == {}
        count = len(live["d"])
        cell = rng.choice(EDITS).format(a=rng.randrange(count), b=rng.randrange(count), n=rng.randrange(900))
    assert taken


SHARED_FRAMES = {
    "a selection": "e = d[['a', 'b']]",
    "rows": "e = d.iloc[:500]",
    "a column": "e = d['a']",
    "a renamed one": "e = d.rename(columns={'a': 'z'})",
    "an index": "e = d.set_index('a').index",
    "in a container": "e = {'f': d[['b']]}",
    "of one that is gone": "x = d[['a', 'b']]; e = x[['b']]; del x",
    "less a column": "d = d.drop(columns='c')",
    "less a column, and its views": "e = d[['a']]; d = d.drop(columns='c')",
    "a transposed one": "e = d.T",
    "numpy": "e = d['a'].to_numpy()",
    "numpy of all": "e = d.to_numpy()",
}


@pytest.mark.parametrize("name", SHARED_FRAMES)
def test_frames_that_share_memory_never_see_each_others_writes(name: str, sessions: Sessions) -> None:
    pytest.importorskip("pandas")
    live = attach(sessions)
    made = "import numpy as np, pandas as pd; d = pd.DataFrame(np.arange(4000.0).reshape(1000, 4), columns=[*'abcd'])"
    cells = (f"{made}; e = x = None; d['t'] = pd.date_range('2020', periods=1000)", SHARED_FRAMES[name], "d['n'] = 1.0")
    live.run(*cells)
    commits = [commit.id for commit in live.commits[:3]]
    writes = "d.iloc[3, 1] = -1.0\nd.loc[7, 'a'] = -2.0\nd.iloc[5, d.columns.get_loc('t')] = pd.Timestamp('2000-01-01')"
    for at in (1, 0, 2, 1):
        live.session.checkout(commits[at])
        for code in ("", writes):
            if code:
                live.run(code)
            model = made_by((*cells[: at + 1], code))
            assert compare_states({key: live[key] for key in model}, model) == []
        live.session.undo()
        model = made_by(cells[: at + 1])
        assert compare_states({key: live[key] for key in model}, model) == []


def test_a_frame_of_one_block_keeps_its_columns(sessions: Sessions, taken: list[Any]) -> None:
    pytest.importorskip("pandas")
    live = attach(sessions)
    live.run(
        "import numpy as np, pandas as pd; d = pd.DataFrame(np.arange(4000.0).reshape(1000, 4), columns=[*'abcd'])",
        "d = d.drop(columns='b')",
        "d['n'] = 1.0",
    )
    before = {block.values.ctypes.data for block in live["d"]._mgr.blocks}
    live.session.undo()
    after = {block.values.ctypes.data for block in live["d"]._mgr.blocks}
    assert after < before
    live.run("d.iloc[0, 0] = 7.0")
    live.session.undo()
    assert live["d"].iloc[0].tolist() == [0.0, 2.0, 3.0]
    assert taken


KEPT = """
import numpy as np, pandas as pd
array, frame = np.arange(1000.0), pd.DataFrame(np.arange(1000.0).reshape(100, 10))
"""

HELD = {
    "by an index": (
        "import pandas as pd; d = np.arange(1000.0); e = pd.Index(np.arange(1000.0))",
        "d = [d.copy()]; e = pd.Index(d[0], copy=False)",
        "d[0] = 99.0",
    ),
    "by the index of a frame": (
        "import pandas as pd; d = np.arange(1000.0); e = pd.DataFrame({'x': 1}, index=np.arange(1000.0))",
        "d = [d.copy()]; e = pd.DataFrame({'x': 1}, index=pd.Index(d[0], copy=False))",
        "d[0] = 99.0",
    ),
    "by an extension array": (
        "import pandas as pd; d = np.arange(1000); e = pd.Series(pd.array(d.copy(), 'Int64'))",
        "d = [d.copy()]; e = pd.Series(pd.arrays.IntegerArray(d[0], np.zeros(1000, bool)), copy=False)",
        "d[0] = 99",
    ),
    "of a column of dates": (
        "import pandas as pd; d = pd.Series(pd.date_range('2020', periods=1000)); e = np.array(d.values)",
        "d = {'s': d.copy()}; e = d['s']._mgr.blocks[0].values._ndarray",
        "d[0] = pd.Timestamp('2000-01-01')",
    ),
    "by a module": ("import kept; d = kept.array.copy()", "d = kept.array", "d[0] = 99.0; x = float(kept.array[0])"),
    "within what a module holds": (
        "import kept; d = kept.frame.copy()",
        "d = [kept.frame]",
        "d.iloc[0, 0] = 99.0; x = float(kept.frame.iloc[0, 0])",
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_what_somebody_else_holds_does_not_stay(
    name: str, sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pandas")
    (tmp_path / "kept.py").write_text(KEPT)
    monkeypatch.syspath_prepend(tmp_path)
    live, (first, second, write) = attach(sessions), HELD[name]
    first = f"import numpy as np; e = x = None; {first}"
    live.run(first, second)
    live.session.undo()
    live.run(write)
    sys.modules.pop("kept", None)
    model = made_by((first, write))
    sys.modules.pop("kept", None)
    assert compare_states({key: live[key] for key in model}, model) == []


ALIKE = {
    "a record": "np.dtype((np.record, [('x', 'f8')]))",
    "aligned": "np.dtype([('x', 'f8')], align=True)",
    "with metadata inside": "np.dtype([('x', np.dtype('f8', metadata={'unit': 'm'}))])",
}


@pytest.mark.parametrize("name", ALIKE)
def test_types_that_only_compare_equal_are_others(name: str, sessions: Sessions) -> None:
    live = attach(sessions)
    live.run("import numpy as np; d = [np.zeros(1000, [('x', 'f8')])]", f"d = np.zeros(1000, {ALIKE[name]})")
    live.session.undo()
    kind = live["d"][0].dtype
    assert (kind.type, kind.isalignedstruct, kind["x"].metadata) == (numpy.void, False, None)


def test_memory_of_something_else_does_not_stay(sessions: Sessions, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    live = attach(sessions)
    file = str(tmp_path / "data")
    live.run(
        "import numpy as np, pandas as pd; d = pd.DataFrame(np.arange(1000.0).reshape(100, 10))",
        f"m = np.memmap({file!r}, 'f8', 'w+', shape=(100, 10)); m[:] = d.values\n"
        "d = [pd.DataFrame(m, copy=False)]; del m",
    )
    live.session.undo()
    live.run("d.iloc[0, 0] = 99.0")
    assert numpy.fromfile(file)[0] == 0.0
