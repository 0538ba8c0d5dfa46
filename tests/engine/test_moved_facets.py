"""Facets that are not as they are recorded: moved by code that is no step, or not to be put back."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    here = os.getcwd()
    made = timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="facets", min_free_bytes=0)
    yield made
    made.close()
    os.chdir(here)


def numbers(count: int) -> list[float]:
    random.seed(1)
    return [random.random() for _ in range(count)]


def test_a_generator_moved_by_a_silent_run_goes_back(session: Any) -> None:
    expected = numbers(2)
    session.run("import random; random.seed(1)")
    session.run("x = 1")
    session.run("random.random()", silent=True)
    session.undo()
    assert random.random() == expected[0]
    session.run("y = random.random()")
    assert session.namespace["y"] == expected[1], "and what is drawn from it after that is recorded"
    session.undo()
    session.redo()
    random.random()
    session.checkout("HEAD")
    session.run("z = random.random()")
    assert session.namespace["z"] == numbers(3)[2]


def test_a_directory_that_is_gone_is_not_recorded_as_the_present_one(session: Any, tmp_path: Path) -> None:
    gone, there = tmp_path / "gone", tmp_path / "there"
    gone.mkdir()
    there.mkdir()
    session.run(f"import os; os.chdir({str(gone)!r})")
    session.run("y = 1")
    session.run(f"os.chdir({str(there)!r}); os.rmdir({str(gone)!r})")
    (told,) = session.undo().messages
    assert str(gone) in told
    assert os.getcwd() == str(there)
    session.run("x = 1")
    (moved,) = [value for value in session.diff().values if value.name == "facet:cwd"]
    assert moved.summary == f"working directory {gone} -> {there}"
    gone.mkdir()
    session.undo()
    assert os.getcwd() == str(gone)
    session.redo()
    assert os.getcwd() == str(there)


def test_a_title_set_in_a_silent_run_is_kept(session: Any) -> None:
    pytest.importorskip("matplotlib").use("agg")
    session.run("import matplotlib.pyplot as plt\nfig, ax = plt.subplots()")
    session.run("x = 1")
    session.run("ax.set_title('T')", silent=True)
    session.run("q = 1")
    session.run("ax.set_title('U')", silent=True)
    session.undo()
    session.redo()
    assert session.namespace["ax"].get_title() == "U"
    session.run("ax = fig = None")
    session.undo()
    assert session.namespace["ax"].get_title() == "U"
    session.run("plt.close('all')")


def test_generators_of_torch(session: Any) -> None:
    torch: Any = pytest.importorskip("torch")
    session.run("import torch; torch.manual_seed(1); first = torch.rand(3)")
    session.run("second = torch.rand(3)")
    session.run("torch.rand(100)", silent=True)
    expected = session.namespace["second"].tolist()
    session.undo()
    assert torch.rand(3).tolist() == expected
    session.redo()
    session.run("third = torch.rand(3)")
    torch.manual_seed(1)
    torch.rand(6)
    assert session.namespace["third"].tolist() == torch.rand(3).tolist()
    (told,) = [value for value in session.diff("HEAD~1", "HEAD").values if value.name.startswith("facet:")]
    assert told.summary == "torch's generators moved"
