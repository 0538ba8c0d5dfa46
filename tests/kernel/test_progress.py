"""Long work in a notebook: one line below the cell that is updated and taken away."""

from __future__ import annotations

from tests.kernel.conftest import LabKernel

HASTE = "setattr(__import__('timeslip.rendering.progress').rendering.progress, 'PATIENCE', 0.0)"


def test_one_line_that_goes_away(kernel: LabKernel) -> None:
    assert kernel.cells("a = bytearray(5_000_000); b = [a]").progress == []
    kernel.value(HASTE)
    shown = kernel.cells("c = bytearray(6_000_000)").progress
    assert shown[0].startswith("timeslip: recording In[")
    assert shown[-1] == ""
    outcome = kernel.cells("%undo")
    assert any(text.startswith("timeslip: undo: ") for text in outcome.progress)
    assert outcome.progress[-1] == ""
    assert outcome.displays[-1].startswith("undone")
