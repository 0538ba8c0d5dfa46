"""What cells set on modules and on classes of libraries travels with the session, into a new kernel, too."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path

import pytest
from tests.fidelity.recording import attach, fresh, in_another_process

PLAIN, WRAP = json.dumps, textwrap.TextWrapper


def test_a_patched_function_is_undone_redone_and_resumed(tmp_path: Path) -> None:
    namespace = fresh()
    session = attach(tmp_path, namespace, "patched")
    try:
        session.run("import json, textwrap")
        made = session.run(
            "usual = json.dumps\n"
            "def dumps(value):\n    return f'<{usual(value)}>'\n"
            "json.dumps = dumps\n"
            "textwrap.TextWrapper.mine = lambda self: self.width"
        )
        assert {"json.dumps", "textwrap.TextWrapper.mine"} <= set(made.commit.names.created)
        session.run("x = json.dumps(1)")
        session.undo(2)
        assert json.dumps is PLAIN
        assert not hasattr(WRAP, "mine")
        result = session.redo(2)
        assert json.dumps is namespace["dumps"]
        assert json.dumps(2) == "<2>"
        assert WRAP(width=9).mine() == 9  # type: ignore[attr-defined]
        assert result.fidelity["json.dumps"] == "exact"
        assert session.run("json.dumps = usual").commit.names.deleted == ("json.dumps",)
        session.undo()
        assert json.dumps(2) == "<2>"
        last = str(session.head)
    finally:
        session.close()
        json.dumps = PLAIN
        del WRAP.mine  # type: ignore[attr-defined]
    job = {"directory": str(tmp_path), "files": [], "session": "patched", "name": "x", "commits": [last]}
    probe = "(json.dumps(3), textwrap.TextWrapper(width=8).mine(), usual(4))"
    [[there]] = in_another_process([job | {"probe": probe}])
    assert there.told == "('<3>', 8, '4')"


def test_a_patch_that_shares_an_object_with_a_name_goes_on_sharing_it(tmp_path: Path) -> None:
    namespace = fresh()
    session = attach(tmp_path, namespace, "sharing")
    try:
        session.run("import textwrap\nseen = []")
        session.run("textwrap.seen = seen")
        session.run("seen.append(1)")
        session.run("textwrap.seen.append(2)")
        session.undo()
        assert textwrap.seen is namespace["seen"]  # type: ignore[attr-defined]
        assert namespace["seen"] == [1]
        session.undo(2)
        assert not hasattr(textwrap, "seen")
        assert namespace["seen"] == []
    finally:
        session.close()


def test_what_cannot_be_stored_is_said_and_the_module_is_as_it_was(tmp_path: Path) -> None:
    namespace = fresh()
    session = attach(tmp_path, namespace, "unstorable")
    try:
        session.run("import textwrap")
        made = session.run("textwrap.items = (one for one in [1, 2])")
        assert "cannot be stored" in made.commit.names.inexact["textwrap.items"]
        session.undo()
        result = session.redo()
        assert result.fidelity["textwrap.items"] == "lost"
        assert not hasattr(textwrap, "items")
        assert "textwrap.items" in session.status().placeholders
    finally:
        session.close()


def test_steps_back_past_a_patch_that_stays_make_no_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody saw what was there: it is said once, and redo still finds its way."""
    (tmp_path / "imported_late.py").write_text("value = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    namespace = fresh()
    session = attach(tmp_path, namespace, "staying")
    try:
        session.run("x = 1")
        session.run("import imported_late\nimported_late.value = 2")
        session.run("y = 1")
        session.undo()
        assert "imported_late.value: left as set" in session.undo().messages[0]
        assert sys.modules["imported_late"].value == 2
        session.undo()
        assert [session.redo().messages for _ in range(3)] == [(), (), ()]
        assert namespace["imported_late"].value == 2
        assert session.run("imported_late.value = 3").commit.names.changed == ("imported_late.value",)
        session.undo()
        assert namespace["imported_late"].value == 2
    finally:
        session.close()
        monkeypatch.delitem(sys.modules, "imported_late")


@pytest.mark.parametrize(
    ("library", "register", "kind"),
    [
        ("pandas", "pandas.api.extensions.register_dataframe_accessor", "DataFrame"),
        ("pandas", "pandas.api.extensions.register_series_accessor", "Series"),
        ("pandas", "pandas.api.extensions.register_index_accessor", "Index"),
        ("xarray", "xarray.register_dataset_accessor", "Dataset"),
        ("xarray", "xarray.register_dataarray_accessor", "DataArray"),
        ("polars", "polars.api.register_expr_namespace", "Expr"),
        ("polars", "polars.api.register_dataframe_namespace", "DataFrame"),
        ("polars", "polars.api.register_lazyframe_namespace", "LazyFrame"),
        ("polars", "polars.api.register_series_namespace", "Series"),
    ],
)
def test_registered_accessors_come_and_go(library: str, register: str, kind: str, tmp_path: Path) -> None:
    owner = getattr(pytest.importorskip(library), kind)
    session = attach(tmp_path, fresh(), "accessors")
    try:
        session.run(f"import {library}")
        session.run(f"@{register}('timeslips')\nclass Mine:\n    def __init__(self, held): self.held = held")
        assert hasattr(owner, "timeslips")
        session.undo()
        assert not hasattr(owner, "timeslips")
        session.redo()
        assert hasattr(owner, "timeslips")
        session.undo()
    finally:
        session.close()


def test_arguments_that_a_cell_gives_a_program_are_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the process itself are Python's, and are referred to by their name."""
    given = sys.argv
    monkeypatch.setattr(sys, "argv", given)  # put back in any case
    namespace = fresh()
    session = attach(tmp_path, namespace, "arguments")
    try:
        session.run("import sys\nusual = sys.argv")
        made = session.run("sys.argv = ['program', '--fast']")
        assert "sys.argv" not in made.commit.names.inexact
        session.run("sys.argv.append('more')")
        session.undo()
        assert sys.argv == ["program", "--fast"]
        session.undo()
        assert sys.argv is given is namespace["usual"]
        session.redo(2)
        assert sys.argv == ["program", "--fast", "more"]
    finally:
        session.close()
