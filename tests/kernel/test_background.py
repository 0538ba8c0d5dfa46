"""Large values of a real kernel are saved while its next cells run."""

from __future__ import annotations

import time

import pytest
from tests.kernel.conftest import Kernels, LabKernel

from timeslip.state import snapshots

pytest.importorskip("numpy")
if snapshots.why_not():
    pytest.skip(f"no snapshots here: {snapshots.why_not()}", allow_module_level=True)

SESSION = "__import__('timeslip').session()"
MADE = "a = numpy.arange(20_000_000.0)"  # 160 MB


def test_cells_that_follow_at_once(kernel: LabKernel) -> None:
    kernel.cells("import numpy", "x = 0")
    cells = [MADE, "x = 1", "a[:] = -1", "a = a[:10].copy()", "x = 2"]
    for request in [kernel.send(code) for code in cells]:
        assert kernel.collect(request).ok
    assert kernel.value(f"[c.code for c in {SESSION}.log(limit=5)]") == cells[::-1]
    kernel.cells("%undo 2")
    assert kernel.value("(len(a), a.max(), x)") == [20_000_000, -1.0, 1]
    kernel.cells("%undo")
    assert kernel.value("((a == numpy.arange(20_000_000.0)).all().item(), x)") == [True, 1]
    kernel.cells("%undo 2", "%redo 5")
    assert kernel.value("(a.tolist(), x)") == [[-1.0] * 10, 2]


def test_status_says_what_is_being_saved_and_does_not_wait(kernel: LabKernel) -> None:
    kernel.cells("import numpy", MADE)
    shown = kernel.cell("%timeslip status").shown
    assert "large values are written while the next cell runs" in shown
    while kernel.value(f"{SESSION}.status().unfinished"):
        time.sleep(0.05)
    assert "still being saved" not in kernel.cell("%timeslip status").shown
    assert kernel.value(f"{SESSION}.status().head.code") == MADE


def test_nothing_is_seen_of_it(kernel: LabKernel) -> None:
    kernel.cells("import numpy, os, warnings; warnings.simplefilter('error')")
    made = kernel.send(MADE)
    forked = kernel.send("pid = os.fork()\nif not pid: os._exit(7)")
    for request in (made, forked):
        found = kernel.collect(request)
        assert (found.status, found.stdout, found.stderr) == ("ok", "", "")
    assert kernel.value("os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])") == 7
    with pytest.raises(AssertionError, match="ChildProcessError"):
        kernel.cells("os.wait()")


def test_a_kernel_that_is_killed_meanwhile(kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells("import numpy", "x = 1")
    kernel.cells(MADE)
    kernel.kill()
    again = kernels.start()
    again.cells("%timeslip resume")
    assert again.value("x") == 1
    assert again.value("'a' not in globals() or (a == numpy.arange(20_000_000.0)).all().item()") is True
