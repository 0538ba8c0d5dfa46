"""What libraries hand out in many values, and what the compiler merges, does not tie names together."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from timeslip.state.libraries import installed_folders

Attach = Callable[..., Any]

PYPLOT = "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt"


def together(session: Any, name: str) -> set[str]:
    return {key for key in session._live.tracker.groups[name].keys if not key.startswith("def:")}


def test_figures_are_apart_although_they_use_the_same_colours_fonts_and_markers(attach: Attach) -> None:
    session = attach()
    session.run(PYPLOT)
    session.run("f1, a1 = plt.subplots()\nim = a1.imshow([[0, 1]], cmap='viridis')")
    session.run("f2, a2 = plt.subplots()\na2.imshow([[1, 0]], cmap='viridis')\na2.plot([1, 2], 'o--')")
    session.run("f3, a3 = plt.subplots(); f4, a4 = plt.subplots()")
    assert together(session, "f1") == {"f1", "a1", "im"}
    assert together(session, "f2") == {"f2", "a2"}
    assert together(session, "f3") == {"f3", "a3"}

    ids = {name: id(session.namespace[name]) for name in ("f1", "a1", "im", "f3", "a3", "f4", "a4")}
    session.run("a2.set_title('later')")
    result = session.undo()
    assert result.loaded == ("a2", "f2")
    assert {name: id(session.namespace[name]) for name in ids} == ids
    assert eval("a2.get_title() == '' and a2.figure is f2 and f2.axes[0] is a2", session.namespace)
    session.run("plt.close('all')")


def test_equal_tuples_of_one_cell_tie_nothing(attach: Attach) -> None:
    session = attach()
    session.run("a = {'at': (0, 0)}\nb = {'at': (0, 0)}\nassert a['at'] is b['at']")
    assert together(session, "a") == {"a"}
    session.run("b['at'] = (1, 1)")
    before = id(session.namespace["a"])
    session.undo()
    assert session.namespace["b"] == {"at": (0, 0)}
    assert id(session.namespace["a"]) == before


@pytest.mark.parametrize(
    ("cell", "first", "second"),
    [
        ("t = (1, 2)\na = [t]", "a", "t"),  # a name is bound to it
        ("m = [1]\na = [(m, 2)]\nb = [a[0]]\ndel m", "a", "b"),  # a tuple that holds what can be changed
        ("a = [tuple(range(1000))]\nb = [a[0]]", "a", "b"),  # a large one
        ("a = [(float('nan'), 1)]\nb = [a[0]]", "a", "b"),
        ("import matplotlib.path as p\ns = [1]\na = [p.Path([(0, 0)]), s]\nb = [p.Path([(1, 1)]), s]\ndel s", "a", "b"),
        ("from matplotlib import _cm_listed as c\nv = c._viridis_data\na = [v]", "a", "v"),
        (
            "import matplotlib.path as p, numpy as n\nd = n.arange(4.)\na = [p.Path([(0, 0)]), d]\nb = d[1:]\ndel d",
            "a",
            "b",
        ),
    ],
)
def test_what_is_shared_stays_together(attach: Attach, cell: str, first: str, second: str) -> None:
    session = attach()
    session.run(cell)
    assert second in together(session, first)


def test_what_a_user_puts_into_a_registry_is_the_users(attach: Attach) -> None:
    session = attach()
    session.run(PYPLOT + "\nfrom matplotlib.lines import Line2D")
    session.run("fig, ax = plt.subplots()\nlines = [ax.plot([1, 2])[0]]\nheld = {'line': lines[0]}\ndel fig, ax")
    assert together(session, "lines") == {"lines", "held"}
    session.run("plt.close('all')")


def test_packages_on_a_path_with_a_link_in_it_are_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real" / "site-packages").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "link" / "site-packages")])
    real = Path(os.path.realpath(tmp_path))
    for name in (tmp_path / "link", real / "real"):
        assert os.path.join(name, "site-packages", "") in installed_folders()
