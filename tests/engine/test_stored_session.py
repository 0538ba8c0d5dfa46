"""Sessions that a released Timeslip recorded come back with every later one, also on the next Python.

``python -m tests.engine.test_stored_session`` writes the example of the present format anew, which is right only before
that format is released.
"""

# ruff: noqa: E501, ISC004 - a cell of the session is one text, a claim stands on one line
from __future__ import annotations

import builtins
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests.store.archives import pack, unpack

import timeslip
from timeslip.store import schema

STORED = Path(__file__).parent.parent / "stored"
FORMATS = sorted(path.name for path in STORED.iterdir())
CELLS = [
    "import collections, datetime, enum, functools, re\nimport numpy as np\nimport pandas as pd",
    "a = {'list': [1, 2.5, None, True], 'text': 'ä\\udcff', 'bytes': b'x' * 3000, 'big': 2**9000, 'nan': float('nan')}\n"
    "a['self'] = a; b = a['list']; c = (b, frozenset({1, 2}), {3, 'x'})",
    "n = np.arange(6000.0).reshape(60, 100); v = n[3:5]; o = np.array([b, 'x'], dtype=object)",
    "df = pd.DataFrame({'n': [1, 2, 3], 's': ['u', None, 'w'], 'c': pd.Categorical(['p', 'q', 'p'])})\nrow = df['n']",
    "d = collections.defaultdict(list, k=[b]); q = collections.deque([1, 2], 3); r = re.compile('a+')\n"
    "t = datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc); p = functools.partial(int, base=2)",
    "class Point:\n    'a point'\n    made = 0\n    def __init__(self, x): self.x = x; type(self).made += 1\n"
    "    @property\n    def double(self): return 2 * self.x\n"
    "class Colour(enum.Enum):\n    RED = 1\n    ALSO = 1\npt = Point(b); red = Colour.RED",
    "def counter():\n    count = 0\n    def up(step=1):\n        nonlocal count\n        count += step\n        return count\n"
    "    return up\nup = counter(); up(); near = lambda: pt.x is b",
    "g = (i for i in b)",
]
SAME = [
    "a['self'] is a and a['list'] is b and c[0] is b and a['nan'] != a['nan'] and a['big'] == 2**9000",
    "a['text'] == 'ä\\udcff' and a['bytes'] == b'x' * 3000 and c[1:] == (frozenset({1, 2}), {3, 'x'})",
    "np.shares_memory(n, v) and v[0, 0] == 300 and n[59, 99] == 5999 and o[0] is b",
    "df['n'].tolist() == [1, 2, 3] and df['s'].isna().tolist() == [False, True, False] and list(df['c']) == ['p', 'q', 'p']",
    "d['k'][0] is b and d['new'] == [] and q.maxlen == 3 and r.match('aa') and t.tzinfo is datetime.timezone.utc",
    "p('11') == 3",
]
SAME_CODE = [
    "type(pt) is Point and pt.x is b and Point.made == 1 and Point.__doc__ == 'a point' and len(pt.double) == 8",
    "red is Colour.RED is Colour.ALSO and near() and up(2) == 3",
]


def write_example(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with one recorded session, and its key."""
    monkeypatch.setenv("TIMESLIP_KEY_FILE", str(base / "key"))
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    with timeslip.attach(namespace, store=base / "store", name="example", min_free_bytes=0, facets=()) as session:
        for cell in CELLS:
            assert session.run(cell).error is None


@pytest.mark.parametrize("form", FORMATS)
def test_a_recorded_session_of_every_format_comes_back(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pandas")
    unpack(STORED / form / "session.tar.gz", tmp_path)
    monkeypatch.setenv("TIMESLIP_KEY_FILE", str(tmp_path / "key"))
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    with timeslip.attach(namespace, store=tmp_path / "store", name="example", min_free_bytes=0) as session:
        result = session.resume(allow_lost=True)  # code of functions belongs to the Python that compiled it
        for claim in SAME:
            assert eval(claim, namespace), claim
        lost = {name for name, fidelity in result.fidelity.items() if fidelity == "lost"}
        assert lost <= {"g", "Point", "pt", "counter", "up", "near"}, result.notes
        if sys.implementation.cache_tag == "cpython-311":  # which recorded it
            assert {name for name, fidelity in result.fidelity.items() if fidelity != "exact"} <= {"g"}
        for name in lost - {"g"}:
            assert "cpython-" in result.notes[name] or "class or function" in result.notes[name]
        for claim in SAME_CODE if not lost - {"g"} else ():
            assert eval(claim, namespace), claim
        session.run("later = 1")
        assert session.undo().fidelity["a"] == "exact", "and it can be continued"


def main() -> None:
    """Write the example of the present format."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        base = Path(name)
        write_example(base, patch)
        pack(base, STORED / f"v{schema.FORMAT_VERSION}" / "session.tar.gz")


if __name__ == "__main__":
    main()
