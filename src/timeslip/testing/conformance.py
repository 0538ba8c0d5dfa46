"""What a reducer has to keep, as tests that a library runs on its own classes.

    class TestTable(ReducerConformance):
        def make(self):
            return Table({"a": [1, 2]})

        def change(self, table):
            table["a"][0] = 9

pytest collects the subclass. Nothing but the library under test and Timeslip is needed; every test has a store of its
own, in a folder for temporary files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import timeslip
from timeslip.testing.graphs import compare_states


class ReducerConformance:
    """Base class of such tests; see the module."""

    exact = True
    """Whether the object comes back exactly: False for one that holds something outside, which is made again."""

    def make(self) -> Any:
        """A new object, each time with the same value."""
        raise NotImplementedError("say in a subclass how an object is made")

    def change(self, obj: Any) -> None:
        """Change *obj* in place, in a way that matters."""
        raise NotImplementedError("say in a subclass how an object is changed")

    def differences(self, one: Any, other: Any) -> list[str]:
        """In what two objects differ, a sentence each. By default as graphs of objects."""
        return compare_states({"value": one}, {"value": other})

    # ---- what is tested

    def test_the_example_is_one(self) -> None:
        """`make` gives the same value each time, and `change` changes it."""
        changed = self.make()
        self.change(changed)
        assert not self.differences(self.make(), self.make()), "make gives different values"
        assert self.differences(self.make(), changed), "change does not show"

    def test_undo_and_redo(self) -> None:
        """A change in place is taken back and brought back."""
        with _folder() as folder, _session(folder) as (session, names):
            names["value"] = self.make()
            session.record("value = make()")
            changed = self.make()
            self.change(changed)
            self.change(names["value"])
            session.record("change(value)")
            self._check(session.undo(), names["value"], self.make())
            self._check(session.redo(), names["value"], changed)

    def test_what_refers_to_it_still_does(self) -> None:
        """Several names and containers hold one object before and after."""
        with _folder() as folder, _session(folder) as (session, names):
            names["value"] = self.make()
            names["also"], names["box"] = names["value"], [names["value"]]
            session.record("value = also = make(); box = [value]")
            self.change(names["value"])
            session.record("change(value)")
            session.undo()
            assert names["also"] is names["value"], "two names do not share the object any more"
            assert names["box"][0] is names["value"], "a list does not hold the object any more"

    def test_another_session(self) -> None:
        """The value is brought back where the object has never been."""
        with _folder() as folder:
            with _session(folder) as (session, names):
                names["value"] = self.make()
                session.record("value = make()")
            with _session(folder) as (session, names):
                self._check(session.resume(), names["value"], self.make())

    def test_looking_is_no_change(self) -> None:
        """An object that nobody has changed is not stored a second time, and is left alone."""
        with _folder() as folder, _session(folder) as (session, names):
            value = names["value"] = self.make()
            session.record("value = make()")
            session.record("value")
            assert "value" not in session.log()[0].names.changed, "it counts as changed when nothing was done"
            session.run("other = 1")
            session.undo()
            assert names["value"] is value

    def _check(self, result: Any, value: Any, wanted: Any) -> None:
        told = result.fidelity["value"]
        assert told in (("exact",) if self.exact else ("exact", "rebuilt")), result.notes.get("value", told)
        found = self.differences(wanted, value)
        assert not found, "; ".join(found)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@contextmanager
def _session(folder: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    names: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(names, store=folder / "store", name="conformance", facets=(), min_free_bytes=0) as session:
        yield session, names
