"""Idle time of a real kernel: what was assumed is looked at, nothing else is disturbed."""

from __future__ import annotations

import time

import pytest
from tests.kernel.conftest import Kernels, LabKernel, wait_for

BIG = "big = [[i, str(i)] for i in range(60_000)]"
"""Takes some tens of ms to look at: too long for the budget of a cell that does not name it."""

SESSION = "__import__('timeslip').session()"


def assumed(kernel: LabKernel) -> list[str]:
    names = kernel.value(f"{SESSION}.status().assumed")
    assert isinstance(names, list), names
    return names


def settled(kernel: LabKernel, seconds: float = 60.0) -> list[str]:
    """What is left of the assumed names when nothing more happens."""
    end = time.monotonic() + seconds
    while (names := assumed(kernel)) and time.monotonic() < end:
        time.sleep(0.3)
    return names


def change_behind_the_back(kernel: LabKernel) -> None:
    """As a callback of a library or of a widget would: no cell, and no name is bound."""
    kernel.value("globals()['big'][0].append('changed')")


@pytest.fixture
def big(kernel: LabKernel) -> LabKernel:
    kernel.cells(BIG, "x = 1")
    assert "big" in assumed(kernel)
    return kernel


def test_assumed_names_are_looked_at_when_the_kernel_is_idle(big: LabKernel) -> None:
    assert settled(big) == []
    assert big.value(f"len({SESSION}.log())") == 2
    shown = big.cell("%timeslip status").shown
    assert "not looked at" not in shown
    assert "x" in shown


def test_a_change_is_found_and_told(big: LabKernel) -> None:
    settled(big)
    last = big.cells("y = 1").count
    assert last is not None
    change_behind_the_back(big)
    assert settled(big) == []
    found = big.value(f"(lambda c: (c.kind, c.names.late, c.names.when))({SESSION}.log()[0])")
    assert found[:2] == ["live", ["big"]], found
    assert found[2]["big"] == f"between In[{last - 1}] and In[{last}]"
    assert found[2]["big"] in big.cell("%timeslip status").shown
    assert found[2]["big"] in big.cell("%undo").shown
    assert big.value("(big[0], 'y' in globals())") == [[0, "0"], False], "it belongs to the last step"
    big.cells("%redo")
    assert big.value("(big[0], y)") == [[0, "0", "changed"], 1]


def test_it_can_be_switched_off(kernel: LabKernel) -> None:
    kernel.cells("%timeslip config audit off", BIG, "x = 1")
    time.sleep(2.5)
    assert "big" in assumed(kernel)
    assert "big" in kernel.cell("%timeslip status").shown


def test_a_cell_that_awaits_is_not_disturbed(big: LabKernel) -> None:
    outcome = big.cell(
        "import asyncio, sys\nseen = []\nreal = __import__('timeslip').session().audit\n"
        "def spy(limit): seen.append(limit); return real(limit)\n"
        "__import__('timeslip').session().audit = spy\nawait asyncio.sleep(2.5)\nseen"
    )
    assert outcome.results == ["[]"]
    time.sleep(2.0)
    assert big.value("len(seen) > 0") is True


def test_nothing_is_shown_and_memory_goes_when_names_go(big: LabKernel) -> None:
    big.cells("import weakref\nclass Seen: pass\nbig[0][0] = Seen(); w = weakref.ref(big[0][0])", "x = 2")
    settled(big)
    outcome = big.cell("del big; w() is None")
    assert (outcome.results, outcome.stdout, outcome.stderr) == (["True"], "", "")


SPY = """
import os, time
pieces = []
def spy(limit, real=__import__('timeslip').session().audit):
    pieces.append((limit, real(limit)))
    if pieces[-1][1] > 5:
        open('looking', 'w').close()
        while not os.path.exists('asked'): time.sleep(0.01)
    return pieces[-1][1]
__import__('timeslip').session().audit = spy
"""
"""Notes each piece, and lets one that leaves much to do last until there is a cell that waits for it."""


def test_a_cell_that_comes_meanwhile_waits_for_one_piece(kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells(SPY, "parts = {f'part{i}': [[j] for j in range(20_000)] for i in range(20)}")
    kernel.cells("globals().update(parts); del parts", "x = 1")
    assert len(assumed(kernel)) > 10
    wait_for(kernels.home / "looking")
    request = kernel.send("between = list(pieces)")
    (kernels.home / "asked").touch()
    assert kernel.collect(request).ok
    limit, left = kernel.value("between[-1]")
    assert limit < 0.5, "so long as a piece took the last time"
    assert left > 5, "the others wait for the cell"


def test_what_came_back_unread_is_verified_then(kernel: LabKernel) -> None:
    pytest.importorskip("numpy")
    maps = f"{SESSION}.repository.maps"
    kernel.cells("import numpy; a = numpy.random.default_rng(1).random(3_000_000)", "a = a * 2", "%undo")
    if not kernel.value(f"{maps}.mapped"):
        pytest.skip("nothing can be mapped here")
    assert kernel.value(f"{maps}.later") is True
    end = time.monotonic() + 60.0
    while kernel.value(f"{maps}.unverified") and time.monotonic() < end:
        time.sleep(0.2)
    assert kernel.value(f"{maps}.unverified") == 0
    assert kernel.value(f"sum(map(len, {maps}._verified.values()))") > 20


def test_what_is_cold_is_compressed_while_nobody_works_and_comes_back(kernel: LabKernel) -> None:
    """After half a minute; here it is told to begin sooner, and to think little worth it."""
    if kernel.value("__import__('importlib').util.find_spec('numpy') is None"):
        pytest.skip("needs numpy")
    hasten = "setattr(__import__('timeslip.ipython.idle').ipython.idle, 'COMPACTION', 10.1)"
    kernel.value(f"{hasten} or setattr(__import__('timeslip.compacting').compacting, 'WORTH', 1 << 20)")
    if not kernel.value(f"{SESSION}.repository.maps.allowed"):
        pytest.skip("nothing is stored to be mapped here")
    kernel.cells("%timeslip config undo_steps 2", "import numpy as np; rng = np.random.default_rng(0)")
    for _ in range(6):
        kernel.cells("a = rng.integers(0, 9, 500_000); total = int(a.sum())")
    commits, size = kernel.value(f"[c.id for c in {SESSION}.log()]"), f"{SESSION}.repository.size_bytes()"
    before = kernel.value(size)
    kernel.cells("last = 1")
    end = time.monotonic() + 60
    while (after := kernel.value(size)) > before - 6_000_000:
        assert time.monotonic() < end, f"{before} bytes before, {after} now"
        time.sleep(0.5)
    for commit in commits[:6]:
        kernel.cells(f"%timeslip checkout {commit}")
        assert kernel.value("int(a.sum()) == total") is True
