"""`show` and `diff` of recorded values of many kinds: what a user reads must say what is different, and in what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip

PRE = """
import array, collections, dataclasses, datetime, decimal, enum, functools, io, pathlib, queue, random, types
"""
NUMPY = "import numpy as np\n"
PANDAS = "import numpy as np, pandas as pd\n"
SKLEARN = """
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
X = np.random.RandomState(0).rand(50, 3)
y = (X[:, 0] > 0.5).astype(int)
"""
TORCH = "import torch\n"
PLOTS = "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\n"

# what is imported first, the cell that makes x, the cell that changes it, the summary, a line of the diff, and
# something that `show` of the first state must say (regular expressions)
CASES: dict[str, tuple[str, str, str, str, str, str]] = {
    "frame, two levels of rows": (
        PANDAS, "x = pd.DataFrame({'v': range(4)}, index=pd.MultiIndex.from_product([['a', 'b'], [1, 2]]))",
        "x.loc[('a', 2), 'v'] = 99", r"1 cell of 'v' changed", r"\['v'\] at \('a', 2\): 1 -> 99", r"\('b', 1\) +2",
    ),
    "frame, numbered columns": (
        PANDAS, "x = pd.DataFrame(np.arange(6.).reshape(3, 2))", "x[1] += 1; x[5] = 0",
        r"column 5 added; 3 cells of column 1 changed", r"\[column 1\] at 0: 1\.0 -> 2\.0", r"float64",
    ),
    "frame, two levels of columns": (
        PANDAS, "x = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_product([['a'], ['p', 'q']]))",
        "x[('a', 'q')] = 7", r"1 cell of column \('a', 'q'\) changed", r"2 -> 7", r"\('a', 'q'\)",
    ),
    "categories": (
        PANDAS, "x = pd.Series(pd.Categorical(['a', 'b']))", "x = x.cat.add_categories('c'); x[0] = 'c'",
        r"categories changed; 1 value changed", r"at 0: 'a' -> 'c'", r"category",
    ),
    "moments": (
        PANDAS, "x = pd.DataFrame({'t': pd.date_range('2020', periods=3)})", "x.loc[2, 't'] = pd.NaT",
        r"1 cell of 't' changed", r"\['t'\] at 2: 2020-01-03 -> NaT", r"2020-01-02$",
    ),
    "notes of a frame": (
        PANDAS, "x = pd.DataFrame({'a': [1]}); x.attrs['from'] = 'web'", "x.attrs['from'] = 'file'",
        r"attrs changed", r"'web'\} -> \{'from': 'file'", r"int64",
    ),
    "missing values": (
        PANDAS, "x = pd.DataFrame({'a': pd.array([1, None], dtype='Int64')})", "x.loc[1, 'a'] = 5",
        r"1 cell of 'a' changed", r"<NA> -> 5", r"Int64",
    ),
    "nested": (
        "", "x = {'a': {'b': [1, {'c': (1, 2)}]}, 'e': 1}", "x['a']['b'][1]['c'] = (1, 5); del x['e']",
        r"1 key removed, 1 changed", r"\['a'\]\['b'\]\[1\]\['c'\]: \(1, 2\) -> \(1, 5\)", r"'e': 1",
    ),
    "dataclass": (
        "", "@dataclasses.dataclass\nclass D:\n    a: int\n    b: list\nx = D(1, [2])", "x.b.append(3); x.a = 5",
        r"2 attributes changed: a, b", r"\.a: 1 -> 5", r"\.b = \[2\]",
    ),
    "named tuple": (
        "", "P = collections.namedtuple('P', 'u v'); x = P(1, 2)", "x = P(1, 3)",
        r"1 item changed", r"\.v: 2 -> 3", r"P\(u=1, v=2\)",
    ),
    "set": ("", "x = {1, 'a'}", "x = {1, 'b'}", r"1 element removed, 1 added", r"\+ 'b'", r"\{.*'a'.*\}"),
    "bytes": (
        "", "x = bytes(1000)", "x = bytes(500) + b'hi' + bytes(498)",
        r"2 of 1,000 bytes changed, the first at 500: .*hi", "", r"bytes",
    ),
    "text": ("", "x = 'one\\ntwo\\n'", "x = 'one\\nthree\\n'", r"1 line added, 1 removed", r"\+three", r"two"),
    "cells of an array": (
        NUMPY, "x = np.zeros((3, 4, 5))", "x[1, 2] = 9", r"5 of 60 cells changed", r"\[1, 2, 0\]: 0\.0 -> 9\.0", r"0\.",
    ),
    "records": (
        NUMPY, "x = np.zeros(4, dtype=[('a', 'i4'), ('b', 'U5')])", "x['b'][1] = 'hi'",
        r"1 of 4 cells changed in b", r"\[1\]: b '' -> 'hi'", r"\(0, ''\)",
    ),
    "array of booleans": (
        NUMPY, "x = np.zeros(6, bool)", "x[2] = True", r"1 of 6 cells", r"\[2\]: False -> True", r"False",
    ),
    "array of texts": (
        NUMPY, "x = np.array(['a', 'b'])", "x = np.array(['a', 'bcd'])", r"dtype", r"\[1\]: 'b' -> 'bcd'", r"'a'",
    ),
    "array of objects": (
        NUMPY, "x = np.array([1, [2]], dtype=object)", "x[1].append(4)", r"1 of 2 cells", r"\+ \[1\]\[1\]: 4", r"\[2\]",
    ),
    "array of dates": (
        NUMPY, "x = np.array(['2020-01-01'], 'M8[D]')", "x[0] = '1999-01-01'",
        r"1 of 1 cells", r"2020-01-01 -> 1999-01-01", r"2020-01-01",
    ),
    "masked array": (
        NUMPY, "x = np.ma.array([1, 2], mask=[0, 1])", "x[0] = np.ma.masked",
        r"mask changed", r"\[0\]: 1 -> masked", r"\[1 --\]",
    ),
    "sparse matrix": (
        "import scipy.sparse as sp, numpy as np\n", "x = sp.csr_matrix(np.eye(4))",
        "x = x + sp.csr_matrix(([5.0], ([0], [3])), (4, 4))",
        r"stored entries 4 -> 5; 1 entry changed", r"\[0, 3\]: 0\.0 -> 5\.0", r"4 stored",
    ),
    "generator of NumPy": (
        NUMPY, "x = np.random.default_rng(1)", "x.random()", r"has moved", "", r"PCG64.*\n +state: ",
    ),
    "generator": ("", "x = random.Random(1)", "x.random()", r"has moved", "", r"MT19937.*\n(.*\n)* +position: 624"),
    "tensor": (
        TORCH, "x = torch.arange(6.).reshape(2, 3)", "x[1, 2] = -1",
        r"1 of 6 cells changed", r"\[1, 2\]: 5\.0 -> -1\.0", r"\[\[0\. 1\. 2\.\]",
    ),
    "tensor without gaps": (
        TORCH, "x = torch.eye(3).to_sparse()", "x = x * 2", r"3 of 9 cells changed", r"1\.0 -> 2\.0", r"nnz=3",
    ),
    "module of torch": (
        TORCH, "torch.manual_seed(0); x = torch.nn.Linear(2, 1)", "x.weight.data[0, 1] = 9",
        r"_parameters", r"\['weight'\]\[0, 1\]: .* -> 9\.0", r"in_features=2",
    ),
    "generator of torch": (
        TORCH, "x = torch.Generator().manual_seed(1)", "y = torch.rand(2, generator=x)", r"part",
        r"state", r"Generator",
    ),
    "fitted tree": (
        SKLEARN, "x = DecisionTreeClassifier(random_state=0).fit(X, y)", "y[7] = 1 - y[7]; x.fit(X, y)",
        r"1 fitted attribute changed: tree_", r"\.tree_\.node_count: 3 -> ", r"DecisionTreeClassifier",
    ),
    "forest": (
        SKLEARN, "x = RandomForestClassifier(3, random_state=0).fit(X, y)", "y[7] = 1 - y[7]; x.fit(X, y)",
        r"1 fitted attribute changed: estimators_", r"\.estimators_\[0\]\.tree_", r"RandomForest",
    ),
    "pipeline": (
        SKLEARN, "x = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)", "x.fit(X, X[:, 1] > 0.5)",
        r"steps\['logisticregression'\]", r"steps\['logisticregression'\]\.coef_: 3 of 3 cells",
        r"2 parts: standardscaler, logisticregression, fitted",
    ),
    "figure": (
        PLOTS, "x, ax = plt.subplots(); ax.set_title('a'); ax.plot([1, 2])", "ax.set_title('b'); ax.plot([2, 1])",
        r"^axes: title 'a' -> 'b', \+1 line$", r"\+ \.axes\[0\]\.lines\[1\]: Line2D of 2 points", r"Line2D of 2 points",
    ),
    "axes": (
        PLOTS, "fig, x = plt.subplots(); x.set_title('a')", "x.set_title('b'); x.set_ylim(0, 9)",
        r"^title 'a' -> 'b', ylim 'auto' -> \(0\.0, 9\.0\)$", "", r"axes 'a'",
    ),
    "line": (
        PLOTS, "fig, ax = plt.subplots(); x, = ax.plot([1, 2], label='q')", "x.set_ydata([3, 2]); x.set_color('red')",
        r"2 attributes changed: y, color", r"-> '#ff0000'", r"label: 'q'",
    ),
    "axes in an array": (
        PLOTS, "fig, x = plt.subplots(1, 2)", "x[1].bar([1], [3])", r"1 of 2 cells", r"\+ \[1\]\.patches\[0\]", r"Axes",
    ),
    "function": (
        "", "def x(a):\n    return a", "def x(a):\n    return -a", r"code changed", r"^\+    return -a", r"return a",
    ),
    "class": (
        "", "class x:\n    n = 1\n    def f(self): return 1", "class x:\n    n = 2\n    def f(self): return 2",
        r"2 attributes changed: f, n|2 attributes changed: n, f", r"^\+    n = 2", r"return 1",
    ),
    "class changed in place": (
        "", "class x:\n    n = 1", "x.n = 2; x.new = []", r"1 attribute added: new; 1 attribute changed: n",
        r"\.n: 1 -> 2", r"n = 1",
    ),
    "function changed in place": (
        "", "def x(): return 1", "x.note = 'slow'", r"1 attribute added: note", r"\+ \.note: 'slow'", r"return 1",
    ),
    "module made by hand": (
        "", "x = types.ModuleType('m'); x.v = [1]", "x.v.append(2)",
        r"1 attribute changed: v", r"\.v\[1\]: 2", r"\.v = \[1\]",
    ),
    "text in memory": (
        "", "x = io.StringIO('abc')", "x.write('Z')", r"content", r"'abc' -> 'Zbc'", r"\.content = 'abc'",
    ),
    "bytes in memory": (
        "", "x = io.BytesIO(b'abc')", "x.read(1)", r"position", r"position: 0 -> 1", r"\.content = b'abc'",
    ),
    "iterator": ("", "x = iter([1, 2])", "next(x)", r"state", r"0 -> 1", r"\[1, 2\]"),
    "property": ("", "x = property(lambda s: 1)", "x = property(lambda s: 2)", r"fget", r"\+x = property", r"fget"),
    "bound method": (
        "", "class M:\n    def __init__(s): s.v = 1\n    def go(s): pass\no = M(); x = o.go", "o.v = 2",
        r"object", r"\.object\.v: 1 -> 2", r"M\.go",
    ),
    "queue": (
        "", "x = queue.Queue(); x.put(1)", "x.put(2)", r"2 attributes changed: queue, u", r"\.queue\[1\]: 2", r"deque",
    ),
    "huge number": ("", "x = 10**5000", "x += 1", r"larger by 1", "", r"bits"),
    "shared parts": ("", "a = [1]; x = [a, a]", "x = [[1], [1]]", r"one and the same object", "", r"\[1\], \[1\]"),
    "shared with a name": (
        "", "x = [1]", "z = x", r"equal, but it shared objects with no other name and now does with z", "", r"\[1\]",
    ),
    "deep in a million": (
        "", "x = list(range(300_000))", "x[150_000] = -1; x.append(7)",
        r"1 item inserted, 1 changed", r"\[150000\]: 150000 -> -1", r"299,981 more",
    ),
}  # fmt: skip


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    made = timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="kinds", min_free_bytes=0)
    yield made
    made.close()


def ran(session: Any, code: str) -> None:
    result = session.run(code)
    if isinstance(result.error, ImportError):
        pytest.skip(f"needs a library: {result.error}")
    assert result.error is None, result.error


@pytest.mark.parametrize("kind", CASES)
def test_show_and_diff(kind: str, session: Any) -> None:
    imports, first, second, summary, line, shown = CASES[kind]
    ran(session, PRE + imports)
    ran(session, first)
    ran(session, second)
    (told,) = session.diff("HEAD~1", "HEAD", "x").values
    assert re.search(summary, told.summary), told
    assert re.search(line, "\n".join(told.lines), re.MULTILINE), told
    assert not re.search("0x[0-9a-f]{6}", told.summary + "".join(told.lines)), "no addresses"
    seen = session.show("HEAD~1", "x")
    assert re.search(shown, f"{seen.summary}\n{seen.text}", re.MULTILINE), seen
    assert session.diff("HEAD", "HEAD", "x").values == ()


@pytest.mark.parametrize(
    "change",
    ["x.loc[500_000, 'b'] = -1", "x['c'] = 1", "x = x.sort_values('b')", "x = x.drop(7)", "x['a'] += 1"],
)
def test_a_million_rows_are_compared_and_shown(change: str, session: Any) -> None:
    ran(session, PANDAS)
    ran(session, "x = pd.DataFrame({'a': np.arange(1_000_000), 'b': np.random.RandomState(0).rand(1_000_000)})")
    ran(session, "x['s'] = (x['a'] % 1000).astype(str)")
    ran(session, change)
    (told,) = session.diff("HEAD~1", "HEAD", "x").values
    assert told.change == "changed"
    assert told.summary
    assert "1,000,000" in session.show("HEAD~1", "x").summary


def test_the_text_of_functions_comes_from_the_recorded_cells(tmp_path: Path) -> None:
    first = timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="s", min_free_bytes=0)
    first.run("def f(a):\n    # why\n    return a")
    first.run("y = 1\ndef f(a):\n    return a + y")
    first.run("def f(a):\n    return 'never asked for'")
    first.close()
    second = timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="s", min_free_bytes=0)
    try:
        assert second.show("HEAD~2", "f").text == "def f(a):\n    # why\n    return a"
        (told,) = second.diff("HEAD~2", "HEAD~1", "f").values
        assert told.lines == (" def f(a):", "-    # why", "-    return a", "+    return a + y")
    finally:
        second.close()


def test_who_changed_a_class_in_place(session: Any) -> None:
    session.run("class A:\n    n = 1")
    session.run("y = 1")
    session.run("A.n = 2")
    session.run("z = 1")
    made = session.show("HEAD", "A").commit
    assert session.show(made).commit.code == "A.n = 2"
    made = session.show("HEAD~2", "A").commit
    assert session.show(made).commit.code == "class A:\n    n = 1"
    assert [value.name for value in session.diff("HEAD~3", "HEAD").values] == ["A", "y", "z"]
