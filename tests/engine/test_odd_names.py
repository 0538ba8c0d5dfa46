"""Keys of ``globals()`` that no code can name: they stop nothing, stay as they are, and are told once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import timeslip


@pytest.mark.parametrize("odd", ["col\\ud83d", "facet:cwd", "def:1234", "Out[1]", "a\\0b"])
def test_an_odd_name_stops_nothing_and_is_told_once(odd: str, tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="odd") as session:
        session.run("x = [1]")
        session.notices()
        session.run(f"globals()['{odd}'] = [1]; x.append(2); y = 1")
        assert ["nothing can be recorded under the name" in text for text in session.notices()] == [True]
        session.run("x.append(3)")
        assert session.notices() == []
        session.undo(2)
        assert (namespace["x"], "y" in namespace) == ([1], False)
        session.redo(2)
        assert namespace["x"] == [1, 2, 3]
        assert namespace[odd.encode().decode("unicode_escape")] == [1]


def test_a_key_that_is_no_text_stops_nothing(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="odd") as session:
        session.run("globals()[5] = 1; globals()['ok:colon'] = [1]")
        session.run("globals()['ok:colon'].append(2)")
        session.undo(1)
        assert (namespace[5], namespace["ok:colon"]) == (1, [1])  # type: ignore[index]  # a key that is no text


def test_what_python_keeps_in_a_module_is_there_again(tmp_path: Path) -> None:
    own = {"__name__": "__main__", "__doc__": "of the script", "__file__": "script.py", "__spec__": None}
    namespace: dict[str, Any] = dict(own)
    with timeslip.attach(namespace, store=tmp_path / "store", name="odd") as session:
        session.run("x = 1")
        session.run("__name__ = 'other'; __doc__ = None; __spec__ = [1]; __file__ = 'a.py'")
        session.run("__spec__.append(2); __cached__ = 3")
        session.undo()
        assert (namespace["__name__"], namespace["__doc__"], namespace["__spec__"]) == ("other", None, [1])
        session.undo()
        assert {name: namespace.get(name) for name in namespace if name not in ("x", "__builtins__")} == own
        session.redo(2)
        assert (namespace["__file__"], namespace["__spec__"], namespace["__cached__"]) == ("a.py", [1, 2], 3)
        session.run("globals().clear()")
        session.checkout("HEAD~3")
        session.run("class A: pass")
        assert namespace["A"].__module__ == "__main__"
