"""How libraries print, report errors and are configured comes back; nothing is loaded for it."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from timeslip.state.facets.library_options import LibraryOptionsFacet


@pytest.fixture
def facet() -> Iterator[LibraryOptionsFacet]:
    """The facet; everything is put back afterwards."""
    made = LibraryOptionsFacet()
    before = made.capture()
    yield made
    made.restore(before)


def _numpy_printing(numpy: Any) -> None:
    numpy.set_printoptions(precision=3, suppress=True)


def _numpy_errors(numpy: Any) -> None:
    numpy.seterr(divide="raise")


def _torch(torch: Any) -> None:
    torch.set_printoptions(precision=2)


def _sklearn(sklearn: Any) -> None:
    sklearn.set_config(transform_output="pandas")


def _logging(logging: Any) -> None:
    logging.disable(50)


@pytest.mark.parametrize(
    ("library", "change", "asked"),
    [
        ("numpy", _numpy_printing, lambda numpy: (numpy.get_printoptions()["precision"], str(numpy.array([0.12345])))),
        ("numpy", _numpy_errors, lambda numpy: numpy.geterr()["divide"]),
        ("torch", _torch, lambda torch: str(torch.tensor([0.12345]))),
        ("sklearn", _sklearn, lambda sklearn: sklearn.get_config()["transform_output"]),
        ("logging", _logging, lambda logging: logging.getLogger("facet").isEnabledFor(40)),
    ],
)
def test_there_and_back(facet: LibraryOptionsFacet, library: str, change: Any, asked: Any) -> None:
    """A change is recorded, and put back in both directions."""
    module = pytest.importorskip(library)
    before, told = facet.capture(), asked(module)
    change(module)
    after, changed = facet.capture(), asked(module)
    assert (after != before, changed != told) == (True, True)
    assert library in facet.describe(before, after)
    facet.restore(before)
    assert (facet.capture(), asked(module)) == (before, told)
    facet.restore(after)
    assert (facet.capture(), asked(module)) == (after, changed)


def test_what_cannot_be_written_down_is_left_alone(facet: LibraryOptionsFacet) -> None:
    """A function that formats numbers."""
    numpy = pytest.importorskip("numpy")
    with numpy.printoptions(formatter={"float": lambda value: "x"}):
        facet.restore(facet.capture())
        assert str(numpy.array([1.0])) == "[x]"


def test_the_default_device_of_torch() -> None:
    """It is an option for tensors, and our own loading of tensors does not depend on it."""
    torch = pytest.importorskip("torch")
    facet = importlib.import_module("timeslip.state.facets.tensor_options").TensorOptionsFacet()
    before = facet.capture()
    torch.set_default_device("meta")
    try:
        after = facet.capture()
        assert facet.describe(before, after) == "options for tensors: torch default device None -> meta"
    finally:
        facet.restore(before)
    assert torch.ones(1).device.type == "cpu"


def test_the_level_of_logging_is_said(facet: LibraryOptionsFacet) -> None:
    """As any option."""
    before = facet.capture()
    logging.disable(30)
    assert facet.describe(before, facet.capture()) == "options of libraries: logging disabled up to 0 -> 30"
