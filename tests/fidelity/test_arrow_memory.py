"""Arrays of pyarrow over the memory of numpy or pandas: what is written to that shows in them, whatever came back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.fidelity.recording import attach, fresh

from timeslip.codec.reducers import owners

for library in ("pyarrow", "numpy", "pandas"):
    pytest.importorskip(library)

START = "import numpy as np, pandas as pd, pyarrow as pa"
CASES = {
    "an array": ("n = np.arange(5.); a = pa.array(n)", "n[0] = 7", "a[0].as_py()"),
    "a large array": ("n = np.arange(5000.); a = pa.array(n)", "n[0] = 7", "a[0].as_py()"),
    "an array in an object": (
        "class B: pass\nb = B(); b.n = np.arange(5.); a = pa.array(b.n)", "b.n[0] = 7", "a[0].as_py()",
    ),
    "a part": ("n = np.arange(5.); a = pa.array(n)[2:]; v = n[1:]", "v[1] = 7", "a[0].as_py(), len(a), a.offset"),
    "an array of a part": ("n = np.arange(5.); a = pa.array(n[2:])", "n[2] = 7", "a[0].as_py(), len(a)"),
    "what is missing": (
        "n = np.arange(3.); a = pa.array(n, mask=np.array([False, True, False]))", "n[0] = 7; n[1] = 8",
        "a.to_pylist()",
    ),
    "a buffer": ("n = np.arange(5.); a = pa.py_buffer(n)", "n[0] = 7", "np.frombuffer(a)[0], a.is_mutable"),
    "a buffer of bytes": ("n = bytearray(b'abcd'); a = pa.py_buffer(n)", "n[0] = 65", "bytes(a)"),
    "a buffer in Fortran's order": (
        "n = np.asfortranarray(np.arange(6.).reshape(2, 3)); a = pa.py_buffer(n.T)", "n[0, 1] = 7",
        "np.frombuffer(a).tolist()",
    ),
    "a table": (
        "n = np.arange(5.); a = pa.table({'x': n, 'y': ['a'] * 5})", "n[0] = 7", "a['x'][0].as_py(), a['y'][4].as_py()",
    ),
    "a frame": (
        "n = pd.DataFrame({'x': np.arange(5.), 'y': list('abcde')}); a = pa.Table.from_pandas(n)",
        "n.loc[0, 'x'] = 7",
        "a['x'][0].as_py(), n['x'][0], a['y'][1].as_py()",
    ),
    "a series": ("n = pd.Series(np.arange(5.)); a = pa.array(n)", "n[0] = 7", "a[0].as_py(), n[0]"),
    "a series of dates": (
        "n = pd.Series(pd.date_range('2020', periods=3)); a = pa.array(n)", "n[0] = pd.Timestamp('2007')",
        "a[0].as_py().year, n[0].year",
    ),
    "a series with missing values": (
        "n = pd.Series([1, None, 3], dtype='Int64'); a = pa.array(n)", "n[0] = 7", "a.to_pylist()[:2], n[0]",
    ),
    "a series of categories": (
        "n = pd.Series(pd.Categorical(['a', 'b', 'b'], categories=['a', 'b'])); a = pa.array(n)", "n[0] = 'b'",
        "a[0].as_py(), n[0]",
    ),
    "a frame of many kinds": (
        (
            "n = pd.DataFrame({'d': pd.date_range('2020', periods=3), 'f': [1., 2, 3]})\n"
            "n['i'] = pd.array([1, 2, 3], 'Int64'); a = pa.Table.from_pandas(n); c = n.copy()"
        ),
        "n.loc[0, 'i'] = 7; n.loc[0, 'f'] = 7.",
        "[row['i'] for row in a.to_pylist()], [row['f'] for row in a.to_pylist()], c['f'][0], c['i'][0]",
    ),
    "back to numpy": ("n = np.arange(5.); m = pa.array(n).to_numpy()", "n[0] = 7", "m[0], m.flags.writeable"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_is_shared_again(name: str, tmp_path: Path) -> None:
    make, write, expression = CASES[name]
    bare = fresh()
    exec(f"{START}\n{make}", bare)
    before = eval(expression, bare)
    exec(write, bare)
    after = eval(expression, bare)
    assert before != after, "the memory is shared in Python without Timeslip"
    namespace = fresh()
    session = attach(tmp_path, namespace, "arrow")
    try:
        for cell in (START, make, write):
            assert session.run(cell).error is None
        assert eval(expression, namespace) == after
        for travel, seen in ((session.undo, before), (session.redo, after), (session.undo, before)):
            assert set(travel().fidelity.values()) <= {"exact"}
            assert eval(expression, namespace) == seen
        session.run(write)
        assert eval(expression, namespace) == after, "shared by what came back"
    finally:
        session.close()
    again = fresh()
    session = attach(tmp_path, again, "arrow")
    try:
        session.resume()
        assert eval(expression, again) == after
        assert session.status().inexact == {}
        session.run(write.replace("7", "9").replace("65", "66"))
        exec(write.replace("7", "9").replace("65", "66"), bare)
        assert eval(expression, again) == eval(expression, bare)
    finally:
        session.close()


def test_memory_of_its_own_stays_so(tmp_path: Path) -> None:
    namespace: dict[str, Any] = fresh()
    session = attach(tmp_path, namespace, "own")
    try:
        session.run(START)
        session.run("n = np.arange(3000); a = pa.array(list(range(3000))); f = pa.array(['x', None] * 2000)")
        session.run("n[0] = 5; a = a[1:]")
        session.undo()
        assert (namespace["a"][0].as_py(), namespace["n"][0], len(namespace["f"])) == (0, 0, 4000)
        session.run("n[1] = 3")
        assert set(session.log()[0].names.changed) == {"n"}
    finally:
        session.close()


def test_of_many_names_only_what_can_own_memory_is_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    numpy = pytest.importorskip("numpy")

    class Thing:
        def __init__(self, held: Any) -> None:
            self.held = held

    inner = numpy.arange(8)
    names = {f"n{i}": [[i], str(i), Thing([i])] for i in range(50)} | {"a": numpy.arange(4), "b": Thing({"c": [inner]})}
    noted: list[Any] = []
    usual = owners.Owners._note

    def counted(own: owners.Owners, value: list[Any]) -> bool:
        noted.append(value[0])
        return usual(own, value)

    monkeypatch.setattr(owners.Owners, "_note", counted)
    found = owners.Owners(names).of(inner.ctypes.data + 8, 8)
    assert found is not None
    assert found[0] is inner
    assert found[1:] == (8, 8)
    assert len(noted) == 2
