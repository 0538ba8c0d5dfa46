"""Reducers that libraries bring: found by entry points, held to what `ReducerConformance` asks for."""

from __future__ import annotations

import importlib.metadata
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip.codec import reducers
from timeslip.codec.reducers import brought
from timeslip.testing.conformance import ReducerConformance

LIBRARY = '''
"""A library whose tables keep their cells where pickling does not see them."""
_CELLS = {}

class Table:
    def __init__(self, cells):
        _CELLS[id(self)] = cells
    @property
    def cells(self):
        return _CELLS[id(self)]
    def __getstate__(self):
        return {}

def find(kind):
    return reduce_table if kind is Table else None

def reduce_table(state, table):
    return Table, (table.cells,)

def broken(kind):
    raise ValueError("of no use")
'''


def install(folder: Path, entry: str) -> None:
    (folder / "celllib.py").write_text(textwrap.dedent(LIBRARY))
    about = folder / "celllib-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: celllib\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[timeslip.reducers]\ncelllib = {entry}\n")


def forget() -> None:
    sys.modules.pop("celllib", None)
    brought._brought.cache_clear()
    brought.problems.clear()
    for kind in [kind for kind in reducers._process_cache if kind.__module__ == "celllib"]:
        del reducers._process_cache[kind]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    forget()
    yield folder
    forget()


class TestBrought(ReducerConformance):
    """What a library that brings a reducer runs."""

    @pytest.fixture(autouse=True)
    def _installed(self, site: Path) -> None:
        install(site, "celllib:find")

    def make(self) -> Any:
        import celllib

        return celllib.Table([1, 2])

    def change(self, obj: Any) -> None:
        obj.cells.append(3)

    def differences(self, one: Any, other: Any) -> list[str]:
        return [] if one.cells == other.cells else [f"{one.cells} != {other.cells}"]


class Broken:
    """A class that loses something."""

    def __init__(self) -> None:
        self.kept, self.lost = [1], [2]


def _without(state: Any, obj: Broken) -> Any:
    return Broken, (), {"kept": obj.kept}


@pytest.mark.parametrize("name", [name for name in vars(ReducerConformance) if name.startswith("test_")])
def test_a_wrong_reducer_does_not_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Case(ReducerConformance):
        def make(self) -> Any:
            return Broken()

        def change(self, obj: Any) -> None:
            obj.lost.append(3)

    monkeypatch.setitem(reducers.BASE, Broken, _without)
    case = Case()
    if name == "test_undo_and_redo":
        with pytest.raises(AssertionError, match=r"differ|rebuilt|exactly|!="):
            getattr(case, name)()
    else:
        getattr(case, name)()


@pytest.mark.parametrize("entry", ["celllib:broken", "celllib:missing", "no_such_module:find"])
def test_reducers_that_do_not_work_are_told_once(site: Path, tmp_path: Path, entry: str) -> None:
    install(site, entry)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="n", facets=(), min_free_bytes=0) as session:
        session.run("import celllib; x = celllib.Table([1])")
        told = [text for text in session.notices() if "celllib" in text]
        assert len(told) == 1
        assert "stored as pickle does" in told[0]
        session.run("y = celllib.Table([1])")
        assert not [text for text in session.notices() if "stored as pickle does" in text]


def test_nothing_is_looked_up_without_such_objects(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: pytest.fail("looked up"))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    code = "import collections, datetime\nx = [1, datetime.date.today(), collections.Counter()]\nclass A: pass\na = A()"
    with timeslip.attach(namespace, store=tmp_path / "store", name="n", facets=(), min_free_bytes=0) as session:
        session.run(code)
