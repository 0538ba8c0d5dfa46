"""Figures of notebooks: what the front end sets up for the first one, it sets up again after a way back before it."""

from __future__ import annotations

import pytest
from tests.kernel.conftest import LabKernel

pytest.importorskip("matplotlib")

FIGURE = "['<Figure size 640x480 with 1 Axes>']"


def test_before_the_first_figure_pyplot_is_not_interactive_and_later_figures_are_shown(kernel: LabKernel) -> None:
    kernel.cells("from matplotlib import rcParams", "before = 1")
    drawn = kernel.cell("import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])")
    assert str(drawn.displays) == FIGURE
    assert kernel.value("rcParams['interactive']") is True
    answer = kernel.cell("%undo")
    assert "interactive" not in str(answer.displays) + answer.stdout
    assert kernel.value("rcParams['interactive']") is False
    again = kernel.cell("import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])")
    assert str(again.displays) == FIGURE
    assert kernel.value("rcParams['interactive']") is True
    later = kernel.cell("_ = plt.plot([3])")
    assert str(later.displays) == FIGURE, "once, not twice"
    kernel.cell("%undo 2")
    assert kernel.value("rcParams['interactive']") is False
    kernel.cell("%redo 2")
    assert kernel.value("rcParams['interactive']") is True
    assert str(kernel.cell("_ = plt.plot([4])").displays) == FIGURE
