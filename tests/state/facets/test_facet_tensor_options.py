"""What torch, jax and keras were told to compute with comes back; nothing is loaded for it."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from timeslip.errors import FacetError
from timeslip.state.facets.tensor_options import TensorOptionsFacet


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """As much of torch as the facet asks for."""
    state: dict[str, Any] = {"dtype": "torch.float32", "grad": True}

    def set_default_dtype(value: Any) -> None:
        if value == "torch.int8":
            raise TypeError("only floating-point types are supported")
        state["dtype"] = value

    made: Any = types.SimpleNamespace(
        float32="torch.float32",
        float64="torch.float64",
        int8="torch.int8",
        get_default_dtype=lambda: state["dtype"],
        set_default_dtype=set_default_dtype,
        is_grad_enabled=lambda: state["grad"],
        set_grad_enabled=lambda value: state.update(grad=value),
    )
    for library in ("jax", "keras"):
        monkeypatch.delitem(sys.modules, library, raising=False)
    monkeypatch.setitem(sys.modules, "torch", made)
    return made


def test_differences_are_recorded_and_put_back(torch: Any) -> None:
    facet = TensorOptionsFacet()
    assert facet.available()
    before = facet.capture()
    assert before == TensorOptionsFacet.absent
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    after = facet.capture()
    assert facet.describe(before, after) == (
        "options for tensors: torch default dtype float32 -> float64, torch gradients True -> False"
    )
    facet.restore(before)
    assert (torch.get_default_dtype(), torch.is_grad_enabled()) == ("torch.float32", True)
    facet.restore(after)
    assert (torch.get_default_dtype(), torch.is_grad_enabled()) == ("torch.float64", False)


def test_what_a_library_refuses_is_said_and_the_rest_set(torch: Any) -> None:
    with pytest.raises(FacetError, match="only floating-point"):
        TensorOptionsFacet().restore(b'{"torch": {"default dtype": "int8"}, "keras": {}}')


def test_nothing_is_loaded_for_what_is_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("torch", "jax", "keras"):
        monkeypatch.delitem(sys.modules, library, raising=False)
    facet = TensorOptionsFacet()
    assert not facet.available()
    facet.restore(b"{}")
    assert not {"torch", "jax", "keras"} & sys.modules.keys()
