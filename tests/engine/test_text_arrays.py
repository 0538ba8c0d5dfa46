"""Large arrays of text: what was not written to is not read, and what was is found, by whatever route."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.codec.kernels import Kernel, differences, resumed
from tests.engine.driver import Driver
from tests.state.areas import needs_kernel

from timeslip import encoding
from timeslip.codec.parts import OtherItemsError, Part, data_of
from timeslip.codec.reducers import items
from timeslip.state.fingerprint import fingerprint
from timeslip.state.memory import Memory

pytest.importorskip("numpy")
pytest.importorskip("pandas")

LIMIT = 1 << 20
PART, COUNT = 256, 16 * 256

MADE = f"""
import ctypes, os, threading
import numpy as np, pandas as pd
N = {COUNT}
t = [f"text {{i}}" for i in range(N)]
a = np.array(t, object)
df = pd.DataFrame({{"t": pd.Series(t, dtype=object), "x": np.arange(N) * 1.0, "s": pd.Series(t, dtype="DTYPE")}})
two = np.array([t, t], object)
turned = np.array([t[::-1], t], object, order="F")
mixed = a.copy(); mixed[::5] = np.nan; mixed[1::9] = None; mixed[2::11] = 3
part = a[: N // 2]
del t
"""


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "PART", PART)
    monkeypatch.setattr(items, "_APART", 4 * PART)


def made(dtype: str) -> str:
    return MADE.replace("DTYPE", dtype)


def dtype_of_text() -> str:
    """What the columns of text of this pandas are, where pyarrow does not hold them."""
    import pandas

    return "str" if int(pandas.__version__.partition(".")[0]) >= 3 else "string[python]"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many items were written, each time."""
    usual, counts = items._written, list[int]()

    def counted(held: list[Any]) -> Any:
        counts.append(len(held))
        return usual(held)

    monkeypatch.setattr(items, "_written", counted)
    return counts


# ---- the same verdict as a plain pass ----


class Looks:
    """Captures of names, told what was written and not, each held against the other."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.memory = Memory()
        self.kept: dict[str, Any] = {}

    def look(self, name: str) -> bytes:
        """The digest of *name*; fails where what is known of it is not what there is."""
        self.memory.turn()
        encoder = self.kernel.encoder
        encoder.look = partial(self.memory.look_at_items, limit=LIMIT)
        told = encoder.capture([(name, self.kernel.namespace[name])])
        known = fingerprint(told, LIMIT, self.memory)
        encoder.look = None
        plain = encoder.capture([(name, self.kernel.namespace[name])])
        assert [data_of(held).tobytes() for held in told.buffers] == [data_of(held).tobytes() for held in plain.buffers]
        assert known == fingerprint(plain, LIMIT)
        self.kept[name] = known
        told.release()
        plain.release()
        return known.digest

    def close(self) -> None:
        self.kept.clear()
        self.memory.close()


NAMES = ("a", "df", "two", "turned", "mixed", "part")
VALUES = (
    *("'changed'", "a[J]", "'x' * 3000", "None", "1.5", "np.nan", "float('nan')", "[1]", "pd.NA"),
    "type('T', (str,), {})('t')",
)
EDITS = (
    "a[I] = VALUE",
    "a[I:J] = VALUE",
    "a[::7][I // 7] = VALUE",
    "a.reshape(8, -1)[I % 8, J // 8] = VALUE",
    "a[[I, J]] = a[[J, I]]",
    "a.sort()",
    "a[::-1].sort()",
    "a[I:J].sort()",
    "np.copyto(a[I:J], mixed[I:J])",
    "np.put(a, [I], ['put'])",
    "a[I:J].fill('filled')",
    "a = a.copy()",
    "del part; a.resize(N + PART, refcheck=False); a[N:] = 'new'; part = a[: N // 2]",
    "del part; a.resize(N, refcheck=False); part = a[: N // 2]",
    "del a; a = np.array([f'other {i}' for i in range(N)], object)",
    "del a; a = np.array([f'text {i}' for i in range(N)], object)",
    "del a; b = np.full(N, 3); del b; a = np.array([f'text {i}' for i in range(N)], object)",
    "x = threading.Thread(target=a.__setitem__, args=(I, VALUE)); x.start(); x.join(); del x",
    "where = ctypes.c_void_p * N; p = where.from_address(a.ctypes.data); p[I], p[J] = p[J], p[I]; del p, where",
    "if not os.fork(): a[I] = 'in a child'; os._exit(0)\nos.wait()",
    "two[I % 2, J] = VALUE",
    "turned[I % 2, J] = VALUE",
    "turned = turned.copy('C')",
    "mixed[I] = VALUE",
    "mixed[I:J] = np.nan",
    "mixed[:] = a[:N]",
    "df.iloc[I, 0] = 'by iloc'",
    "df.loc[I, 's'] = 'by loc'",
    "df.at[I, 't'] = 'by at'",
    "df.iat[I, 2] = 'by iat'",
    "df.iloc[I:J, 0] = 'slice'",
    "df.loc[I, 't'] = VALUE",
    "df.loc[I, 's'] = None",
    "df['x'] = df['x'] + 1",
    "df['x'].iloc[0]; df.loc[J, 'x'] = -1.0",
    "df.sort_values('t', inplace=True, ignore_index=True)",
    "df = df.sort_values('s', ascending=False, ignore_index=True)",
    "df['t'] = df['t'].str.upper()",
    "df['s'] = df['s'].where(df.index % 3 > 0)",
    "df['more'] = df['t']",
    "df = df.drop(columns='more', errors='ignore')",
    "df['s'].array[I] = 'array'",
    "df = df[['t', 'x', 's']].copy()",
    "part = a[: N // 2]",
    "part[I // 2] = VALUE",
    "pass",
)  # fmt: skip
STEPS = st.lists(
    st.tuples(st.sampled_from(EDITS), st.integers(0, COUNT - 1), st.integers(0, COUNT - 1), st.sampled_from(VALUES)),
    min_size=1,
    max_size=8,
)


def edited(edit: str, first: int, second: int, value: str) -> str:
    code = edit.replace("VALUE", value)
    return f"I, J = {sorted((first, second))}; PART = {PART}\n{code}"


def held_against_a_plain_pass(steps: list[tuple[str, int, int, str]]) -> None:
    kernel = Kernel(made(dtype_of_text()))
    looks = Looks(kernel)
    try:
        for name in NAMES:
            looks.look(name)
        for number, step in enumerate(steps):
            with suppress(TypeError):  # what cannot be ordered
                kernel.run(edited(*step))
            for name in NAMES[number % 2 :]:
                looks.look(name)
    finally:
        looks.close()


@needs_kernel
@settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
@pytest.mark.filterwarnings("ignore")  # of pandas, about what is assigned
def test_any_edits_look_as_to_a_plain_pass(steps: list[tuple[str, int, int, str]]) -> None:
    held_against_a_plain_pass(steps)


@needs_kernel
@pytest.mark.filterwarnings("ignore")
def test_each_edit_looks_as_to_a_plain_pass() -> None:
    chosen = random.Random(1)
    at = partial(chosen.randrange, COUNT)
    for number in range(0, len(EDITS), 6):
        held_against_a_plain_pass(
            [(edit, at(), at(), chosen.choice(VALUES[:7])) for edit in EDITS[number : number + 6]]
        )


@needs_kernel
def test_another_number_that_is_none_under_the_name_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy

    kernel = Kernel(made(dtype_of_text()))
    looks = Looks(kernel)
    before = looks.look("mixed")
    with monkeypatch.context() as patch:
        patch.setattr(numpy, "nan", float("nan"))
        assert looks.look("mixed") != before
        kernel.run("mixed[0] = np.nan")
        looks.look("mixed")
    looks.look("mixed")
    looks.close()


# ---- what is not written again ----


@needs_kernel
@pytest.mark.parametrize("name", NAMES)
def test_what_was_not_written_to_is_not_read(name: str, written: list[int]) -> None:
    kernel = Kernel(made(dtype_of_text()))
    looks = Looks(kernel)
    encoder, memory = kernel.encoder, looks.memory
    digests, read = set(), []
    for _ in range(4):
        memory.turn()
        encoder.look = partial(memory.look_at_items, limit=LIMIT)
        written.clear()
        captured = encoder.capture([(name, kernel.namespace[name])])
        looks.kept[name] = fingerprint(captured, LIMIT, memory)
        digests.add(looks.kept[name].digest)
        read.append(sum(written))
        captured.release()
    assert len(digests) == 1
    assert read[0] >= COUNT
    assert read[-1] <= 4 * 2 * PART, "border pages may hold what is next to it in the heap"
    looks.close()


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    made = Driver(tmp_path)
    yield made
    made.session.close()


FRAME = """
import numpy as np, pandas as pd
texts = [f"text {i}" for i in range(2_500)]
df = pd.DataFrame({"t": pd.Series(texts, dtype=DTYPE), "x": np.arange(2_500.0), "n": np.arange(2_500)})
del texts
"""


@needs_kernel
@pytest.mark.parametrize("dtype", ["object", "text"])
def test_a_cell_writes_what_it_changed(driver: Driver, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    session = driver.session
    written: set[int] = set()
    usual = items._Line.write

    def write(self: Any, number: int) -> tuple[int, bytes]:
        written.add(number)
        return usual(self, number)

    monkeypatch.setattr(items._Line, "write", write)
    session.run(FRAME.replace("DTYPE", repr(dtype if dtype == "object" else dtype_of_text())))
    session.run("df['t'].iloc[7]")
    for cell, most in (
        ("df['t'].iloc[7]", 0),
        ("df['x'] = df['x'] + 1", 0),
        ("df.loc[9, 'x'] = -1.0", 0),
        ("df.iat[1_000, 0] = 'changed'", 1),
    ):
        written.clear()
        assert session.run(cell).error is None
        # Three are on a page. On both border pages may be something else, which is written to while it is looked at.
        assert len(written) <= 3 * (most + 2), cell
    assert driver.namespace["df"]["t"].iloc[1_000] == "changed"
    session.undo()
    assert driver.namespace["df"]["t"].iloc[1_000] == "text 1000"
    session.redo()
    assert driver.namespace["df"]["t"].iloc[1_000] == "changed"


@needs_kernel
def test_parts_of_which_no_chunk_is_known_are_written_for_the_store(driver: Driver, written: list[int]) -> None:
    """Whatever has lost it: a version that had them is not saved yet, or could not be."""
    session = driver.session
    session.run(FRAME.replace("DTYPE", "object"))
    session.run("df['t'].iloc[7]")
    session._live.tracker.groups["df"].chunk_of.clear()
    written.clear()
    session.run("df['x'] = df['x'] + 1")
    assert sum(written) >= 2_500 - 4 * PART
    session.undo()
    session.redo()
    assert (driver.namespace["df"]["x"].iloc[5], driver.namespace["df"]["t"].iloc[2_499]) == (6.0, "text 2499")


def test_a_part_that_a_thread_has_changed_since_is_not_taken_for_what_was_looked_at() -> None:
    def other() -> bytes:
        raise OtherItemsError

    assert encoding._bytes_of_part(Part(3, lambda: b"abc")) == b"abc"
    assert encoding._bytes_of_part(Part(3, lambda: b"longer")) == bytes(3)
    assert encoding._bytes_of_part(Part(3, other)) == bytes(3)


@needs_kernel
def test_what_is_deleted_is_let_go(driver: Driver) -> None:
    from timeslip.state import watched

    driver.session.run(FRAME.replace("DTYPE", "object"))
    table = watched.process.table
    assert table is not None
    assert any(isinstance(one, watched.ItemsRange) for one in table._live())
    driver.session.run("del df")
    assert not list(table._live())


# ---- what comes back ----

ROUTES = {
    "an item": "df.iat[9, 0] = 'q'; a[77] = 'q'",
    "a slice": "a[100:1_200] = 'q'; df.loc[5:1_200, 't'] = 'q'",
    "a view": "a[::3][700] = 'q'; a[5:9].sort()",
    "order": "a.sort(); df.sort_values('t', inplace=True, ascending=False)",
    "what is missing": "a[5:900:3] = np.nan; df.loc[5:900, 't'] = None",
    "something else": "a[5] = [1]; df['x'] += 1",
    "a number that is none": "a[5] = float('nan'); a[6] = a[5]; df['x'] += 1",
    "a large text": "a[5] = 'long ' * 900; df.iat[9, 0] = 'long ' * 900",
    "another one at its place": "a = np.array([f'other {i}' for i in range(2_500)], object)",
    "a column": "df['u'] = df['t'] + '!'; b = a",
    "one array in two": "b = [a, a[:1_200]]; b[1][3] = 'shared'",
}


@pytest.mark.parametrize("hashing", [False, True], ids=["told", "read"])
@pytest.mark.parametrize("route", ROUTES)
def test_texts_come_back_after_a_write(driver: Driver, route: str, hashing: bool) -> None:
    driver.session._live.tracker.memory = Memory(hashing=hashing)
    driver.run(FRAME.replace("DTYPE", repr(dtype_of_text())))
    driver.run("a = np.array([f'item {i}' for i in range(2_500)], object)")
    driver.run("len(a), len(df)")
    driver.run(ROUTES[route])
    driver.run("len(a), len(df)")
    driver.undo(2)
    driver.redo()
    driver.run("a[3] = 'again'; df['x'] = 0.0")
    driver.undo(2)
    driver.run(ROUTES[route])
    driver.undo()


def test_what_a_new_kernel_finds_is_what_was_there() -> None:
    kernel = Kernel(made(dtype_of_text()))
    assert differences(kernel, resumed(kernel)) == []


def test_a_child_writes_all_and_changes_nothing(driver: Driver) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("there are no forks here")
    driver.run(FRAME.replace("DTYPE", "object"))
    driver.run("import os\nif not os.fork():\n    df.iat[3, 0] = 'child'\n    os._exit(0)\n_ = os.wait(); del _")
    driver.run("df.iat[4, 0] = 'parent'")
    driver.undo()
    assert driver.namespace["df"].iat[3, 0] == "text 3"


def test_two_sessions_over_one_array_of_texts(tmp_path: Path) -> None:
    one, other = Driver(tmp_path / "1", twin=False), Driver(tmp_path / "2", twin=False, chunk_bytes=1 << 16)
    one.run("import numpy as np\na = np.array([f'text {i}' for i in range(2_500)], object)")
    other.namespace["a"] = one.namespace["a"]
    other.session.run("len(a)")
    one.session.run("a[3] = 'one'")
    other.session.run("a[4] = 'other'")
    one.session.run("len(a)")
    one.session.undo()
    assert list(one.namespace["a"][3:5]) == ["one", "text 4"]
    one.session.close()
    other.session.run("a[5] = 'last'")
    other.session.undo()
    assert list(other.namespace["a"][3:6]) == ["one", "other", "text 5"]
    other.session.close()
