"""What is written through one name shows in the others, after a restore as before: frames, (extension) arrays."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fidelity.recording import attach, fresh, told

pytest.importorskip("pandas", minversion="3")

BEGIN = "import numpy as np, pandas as pd\n"
CASES = {
    "a view of an array of objects": (
        "a = np.array([1, [2], 3], dtype=object); v = a[1:]",
        "a[0] = 5",
        "(a.__setitem__(2, 77), v.tolist(), v.base is a)",
    ),
    "fields of records with objects": (
        "a = np.zeros(3, dtype=[('n', 'i4'), ('o', 'O')]); v = a['n']; w = a['o'][1:]",
        "a['n'][0] = 5",
        "(a['n'].__setitem__(0, 7), v.tolist(), a['o'].__setitem__(1, 'x'), w.tolist(), v.base is a)",
    ),
    "a row of records with objects and arrays": (
        "a = np.zeros(2, dtype=[('o', 'O'), ('p', 'f4', (3,))]); r = a[1]; l = a['o'][1] = [1]",
        "l.append(2)",
        "(a['p'].__setitem__((1, 0), 7), r['p'].tolist(), r['o'] is l)",
    ),
    "a frame and a series over one array": (
        "a = np.zeros((3, 2)); f = pd.DataFrame(a, copy=False); s = pd.Series(a[:, 1], copy=False)",
        "a[0, 0] = 9",
        "(a.__setitem__((0, 0), 7), a.__setitem__((0, 1), 5), f.values.tolist(), s.tolist())",
    ),
    "frames made from one another over one array": (
        "a = np.zeros((3, 2)); f = pd.DataFrame(a, copy=False); g = f[0]; h = f.iloc[1:]; k = [f.copy(deep=False)]",
        "a[0, 0] = 9",
        (
            "(a.__setitem__((1, 0), 7), f.values.tolist(), g.tolist(), h.values.tolist(), k[0].values.tolist(), "
            "f.__setitem__(1, 4.0), f.loc.__setitem__((1, 0), 5.0), a.tolist(), g.tolist(), h.values.tolist(), "
            "g.iloc.__setitem__(2, 6.0), a.tolist(), f.values.tolist())"
        ),
    ),
    "a frame that nothing looks into any more but the array": (
        "a = np.zeros((3, 2)); f = pd.DataFrame(a, copy=False); g = f[0]",
        "del g",
        "(f.loc.__setitem__((1, 0), 5.0), a.tolist())",
    ),
    "series over an array of objects": (
        "a = np.array([1, 'x', None], object); f = pd.Series(a, copy=False); g = f[1:]",
        "a[0] = 9",
        "(a.__setitem__(1, 7), f.tolist(), g.tolist())",
    ),
    "series over the array of a subclass": (
        "class A(np.ndarray): pass\na = A((3,)); a[:] = 0; f = pd.Series(a, copy=False); g = f[1:]",
        "a[0] = 9",
        "(a.__setitem__(1, 7), f.tolist(), g.tolist())",
    ),
    "series over foreign memory": (
        "b = bytearray(24); a = np.frombuffer(b); f = pd.Series(a, copy=False); g = f[1:]",
        "a[0] = 9",
        "(a.__setitem__(1, 7), f.tolist(), g.tolist(), bytes(b))",
    ),
    "an index with a name": (
        "f = pd.DataFrame({'a': [1.0, 2.0]}, index=pd.Index([5, 6], name='n')); g = f + 1; h = [f.index]",
        "f.index.name = 'm'",
        "(g.index is f.index is h[0], g.index.name, setattr(g.index, 'name', 'k'), f.index.name)",
    ),
    "the names of an index": (
        "i = pd.MultiIndex.from_product([[1, 2], ['a', 'b']], names=['p', None]); x = [i]; y = {'i': i}; del i",
        "x[0].names = ['r', 's']",
        "(x[0] is y['i'], list(y['i'].names))",
    ),
    "an array of integers with missing ones": (
        "s = pd.Series([1, 2, 3], dtype='Int64'); v = s.array",
        "s.iloc[0] = 5",
        "(v.__setitem__(0, 7), s.tolist(), v is s.array)",
    ),
    "categories": (
        "s = pd.Series(['a', 'b'], dtype='category'); v = s.array",
        "v[0] = 'b'",
        "(v.__setitem__(1, 'a'), s.tolist(), v is s.array)",
    ),
    "times": ("s = pd.Series(pd.date_range('2020', periods=2)); v = s.array", "s.iloc[0] = s[1]", "v is s.array"),
    "a column of a frame": (
        "f = pd.DataFrame({'a': pd.array([1, 2], dtype='Int64'), 'b': [1.0, 2.0]}); v = f['a'].array",
        "v[0] = 5",
        "(v.__setitem__(0, 7), f['a'].tolist())",
    ),
    "in one value": (
        "x = [pd.Series([1, 2], dtype='Int64')]; x.append(x[0].array)",
        "x[1][0] = 5",
        "(x[1].__setitem__(0, 7), x[0].tolist(), x[0].array is x[1])",
    ),
    "frames made from one another share nothing": (
        "f = pd.DataFrame({'a': pd.array([1, 2], dtype='Int64'), 'b': [1.0, 2.0]}); g = f[['a', 'b']]",
        "g.loc[0, 'a'] = 5",
        "(f.__setitem__('c', 1), g.loc.__setitem__((1, 'b'), 9.0), f['b'].tolist(), g['a'].tolist())",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_written_through_one_name_shows_in_the_other(name: str, tmp_path: Path) -> None:
    make, change, probe = CASES[name]
    session = attach(tmp_path, fresh(), "views")
    try:
        session.run(BEGIN + make)
        session.run(change)
        after = session.head
        session.undo()
        bare = fresh()
        exec(BEGIN + make, bare)
        assert told(session.namespace, probe) == told(bare, probe)
        session.checkout(str(after))
        assert told(session.namespace, probe) == told({**_run(BEGIN + make, change)}, probe)
    finally:
        session.close()
    later = attach(tmp_path, fresh(), "views")
    try:
        later.resume(str(after))
        assert told(later.namespace, probe) == told(_run(BEGIN + make, change), probe)
    finally:
        later.close()


def _run(*cells: str) -> dict[str, object]:
    space = fresh()
    for cell in cells:
        exec(cell, space)
    return space
