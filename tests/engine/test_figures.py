"""Open figures: capturing one changes nothing in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")


def test_an_open_figure_is_no_change_by_itself(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="figures") as session:
        session.run("import matplotlib.pyplot as plt\nfig, ax = plt.subplots(); ax.plot([1, 2])")
        counter = repr(namespace["fig"]._canvas_callbacks._cid_gen)
        assert session.verify().changed == {}
        assert session.run("fig.axes").commit.names.changed == ()
        assert repr(namespace["fig"]._canvas_callbacks._cid_gen) == counter
        assert session.run("ax.set_title('k')").commit.names.changed == ("ax", "fig")
