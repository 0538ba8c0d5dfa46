"""What the README and the how-to pages tell a user to type is typed here, in a real kernel and a shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.doors.test_live import command
from tests.kernel.conftest import Kernels, LabKernel

import timeslip

ROOT = Path(__file__).resolve().parents[2]

STEPS = [f"df.loc[{number}, 'a'] = -{number}" for number in range(1, 8)]
FRAME = ["import pandas as pd", "df = pd.DataFrame({'a': range(20)})", *STEPS]
PLACEHOLDER = ["stream = (i for i in range(3))", "del stream", "%timeslip undo --no-replay"]

BEFORE: dict[str, list[str]] = {
    "undo-a-mistake": [*FRAME, *STEPS],
    "explore-two-branches": ["scores = [1]", "model = {'w': 1}"],
    "keep-the-store-small": ["password = 'secret'", *(f"x = {number}" for number in range(8))],
    "survive-a-crash": ["x = [1]", "x.append(2)", "stream = open('notes.txt', 'w')"],
}
"""Cells that have run before the first command of a page."""

OLD_SESSION = """
import timeslip.attaching
other = timeslip.attaching.attach({'x': 1}, name='session-20261127-181500')
other.close()
del other
"""

JUST_BEFORE = {
    "%timeslip replay stream": PLACEHOLDER,
    "%timeslip resume main-2": ["x = 3", "%undo", "x = 4"],
    "%timeslip resume --from session-20261127-181500": [OLD_SESSION],
}
"""Cells that make what a command is about."""

NEW_KERNEL = ("%load_ext timeslip", "%load_ext timeslip\n%timeslip resume", "%timeslip resume --dry-run")
"""Commands that a page means for a new kernel, after the old one has died."""


@pytest.fixture
def kernels(tmp_path: Path) -> Iterator[Kernels]:
    made = Kernels(tmp_path / "home")
    yield made
    made.stop()


def typed(page: Path) -> list[str]:
    """The cells and command lines of a page's code blocks, with the comments beside them."""
    found: list[str] = []
    for kind, block in re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        if kind == "python" and "c.InteractiveShellApp" in block:
            continue  # IPython's own configuration
        if kind == "python" or block.startswith("%%"):
            found.append(block.strip("\n"))
            continue
        found += [line for line in block.splitlines() if line.strip()]
    return found


def run(kernels: Kernels, kernel: LabKernel, text: str) -> LabKernel:
    """Type one thing; the kernel that is live afterwards."""
    if text.startswith("timeslip "):
        done = command(kernels, *shlex.split(text, comments=True)[1:])
        assert done.returncode == 0, (text, done.stdout, done.stderr)
        return kernel
    bare = text.split("#")[0].strip()
    if bare in NEW_KERNEL:
        kernel.kill()
        kernel = kernels.start(attach=not bare.startswith("%load_ext timeslip"))
    outcome = kernel.cell(text)
    assert outcome.ok, (text, outcome.shown)
    return kernel


@pytest.mark.parametrize("page", sorted(BEFORE))
def test_how_to(page: str, kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells(*BEFORE[page])
    if page == "keep-the-store-small":
        other = timeslip.attach({"x": 1}, store=kernels.home / "store", name="old-analysis", min_free_bytes=0)
        other.close()
    commands = typed(ROOT / "docs" / "how-to" / f"{page}.md")
    assert len(commands) > 5
    for text in commands:
        if text.startswith("timeslip ") and page == "keep-the-store-small" and text.split()[1] == "du":
            text = text.replace(" du", " du notebook")  # there are two sessions here
        if text in JUST_BEFORE:
            kernel.cells(*JUST_BEFORE[text])
        kernel = run(kernels, kernel, text)


def test_every_how_to_is_typed() -> None:
    # Nothing of these is typed in a notebook: tests/testing/test_conformance.py and tests/browser/ try them.
    elsewhere = {"write-a-reducer", "use-it-in-jupyterlab"}
    assert {path.stem for path in (ROOT / "docs" / "how-to").glob("*.md")} - elsewhere == set(BEFORE)


def test_readme(kernels: Kernels) -> None:
    pytest.importorskip("pandas")
    cells = [text for text in typed(ROOT / "README.md") if not text.startswith("make ")]
    kernel = kernels.start(attach=False)
    for text in cells:
        if "timeslip.attach(" in text:
            continue  # outside a notebook: tests/engine/test_scripts.py
        kernel = run(kernels, kernel, text)
        if text == '%undo\ndf["people"].sum()':
            assert "1520" in kernel.cell("df['people'].sum()").shown
    assert kernel.value("df['people'].tolist()") == [330, 1080, 110]
