"""examples/branches.ipynb from top to bottom, with what must hold at its end. Played by `make demo ARGS=branches`."""

from __future__ import annotations

from typing import Any


def play(stage: Any) -> None:
    """Run all cells; every branch must hold its own values, and only those."""
    stage.cells()
    for branch, model in (
        ("plain-ridge", "Pipeline"),
        ("plain-boost", "GradientBoostingRegressor"),
        ("ratios-ridge", "Pipeline"),
        ("ratios-boost", "GradientBoostingRegressor"),
    ):
        stage.step(f"Back on {branch}", f"%timeslip switch {branch}")
        stage.expect("type(model).__name__", model)
        stage.expect("len(log)", 2)  # the list of all branches grew in each of them, and stayed apart
        stage.expect("rows is X", branch.startswith("plain"))
    stage.step("Everything as it was when the branches were compared", "%timeslip checkout compared")
    stage.expect("sorted(table.index)", ["plain, boosted", "plain, ridge", "ratios, boosted", "ratios, ridge"])
