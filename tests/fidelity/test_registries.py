"""What a library keeps for everybody comes back by its name, and is never said to be as it was when it is not."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
from tests.fidelity.recording import attach, fresh, in_another_process

from timeslip.codec.reducers.registries import LEFT_INTERACTIVE

matplotlib = pytest.importorskip("matplotlib")
pytest.importorskip("matplotlib.pyplot")


def test_what_was_put_into_a_registry_is_said(tmp_path: Path) -> None:
    namespace = fresh()
    session = attach(tmp_path, namespace, "registries")
    try:
        first = session.run("from matplotlib import colormaps\nfrom matplotlib.colors import ListedColormap").commit.id
        made = session.run("colormaps.register(ListedColormap(['r', 'g']), name='timeslip-mine')")
        assert made.error is None
        assert "has 'timeslip-mine' now" in made.commit.names.inexact["colormaps"]
        result = session.undo()
        assert namespace["colormaps"] is matplotlib.colormaps
        assert result.fidelity["colormaps"] == "rebuilt"
        assert result.notes["colormaps"] == (
            "matplotlib.cm._colormaps has 'timeslip-mine' now: what a library keeps is left as it is"
        )
        result = session.redo()
        assert result.notes["colormaps"] in made.commit.names.inexact["colormaps"]
    finally:
        session.close()
        matplotlib.colormaps.unregister("timeslip-mine")
    job = {"directory": str(tmp_path), "files": [], "session": "registries", "name": "colormaps"}
    commits = [str(first), str(made.commit.id)]
    [[last, then]] = in_another_process([job | {"commits": commits, "probe": "'timeslip-mine' in colormaps"}])
    assert (last.fidelity, last.told, then.fidelity, then.told) == ("rebuilt", "False", "exact", "False")
    assert "has no 'timeslip-mine' any more" in last.note


def test_parameters_are_said_to_differ_only_where_the_front_end_has_set_them(tmp_path: Path) -> None:
    """What a cell sets comes back (the facet); what pyplot sets for its first figure does not."""
    namespace = fresh()
    session = attach(tmp_path, namespace, "parameters")
    try:
        session.run("from matplotlib import rcParams\nfrom matplotlib import pyplot as plt\nplt.figure(); plt.close()")
        session.run("rcParams['font.size'] = 20")
        assert session.run("more = 1").commit.names.inexact == {}
        result = session.undo(2)
        assert namespace["rcParams"] is matplotlib.rcParams
        assert namespace["rcParams"]["font.size"] != 20
        assert "rcParams" not in result.notes
    finally:
        session.close()


def test_parameters_before_the_first_figure_say_what_the_front_end_will_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matplotlib.pyplot, "_backend_mod", None)
    usual = dict.get(matplotlib.rcParams, "backend")
    dict.__setitem__(matplotlib.rcParams, "backend", "module://front_end")
    session = attach(tmp_path, fresh(), "before")
    try:
        made = session.run("from matplotlib import rcParams")
        assert "'interactive' stays as the front end sets it" in made.commit.names.inexact["rcParams"]
    finally:
        session.close()
        dict.__setitem__(matplotlib.rcParams, "backend", usual)


def test_parameters_that_stay_say_what_the_front_end_has_set_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cell that draws the first figure need not look at the name; a checkout that leaves the name alone says it."""
    shell = types.SimpleNamespace(InteractiveShell=types.SimpleNamespace(initialized=lambda: True))
    monkeypatch.setitem(sys.modules, "IPython.core.interactiveshell", shell)
    monkeypatch.setattr(matplotlib.pyplot, "_backend_mod", None)
    usual = {key: dict.get(matplotlib.rcParams, key) for key in ("backend", "interactive")}
    dict.update(matplotlib.rcParams, backend="module://front_end", interactive=False)
    session = attach(tmp_path, fresh(), "staying")
    try:
        before = session.run("from matplotlib import rcParams").commit.id
        monkeypatch.setattr(matplotlib.pyplot, "_backend_mod", types.ModuleType("front_end"))
        dict.__setitem__(matplotlib.rcParams, "interactive", True)
        after = session.run("x = 1").commit.id
        foreseen = session.checkout(before, dry_run=True)
        result = session.checkout(before)
        assert "rcParams" in result.kept
        assert result.fidelity["rcParams"] == foreseen.fidelity["rcParams"] == "rebuilt"
        assert result.notes["rcParams"] == foreseen.notes["rcParams"] == LEFT_INTERACTIVE
        assert session.checkout(after).fidelity["rcParams"] == "exact"
    finally:
        session.close()
        dict.update(matplotlib.rcParams, usual)
