from __future__ import annotations

import decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeslip.errors import FacetError
from timeslip.state.facets import REGISTRY

signals = list(decimal.getcontext().flags)
contexts = st.builds(
    decimal.Context,
    prec=st.integers(1, 99),
    rounding=st.sampled_from([decimal.ROUND_HALF_EVEN, decimal.ROUND_DOWN, decimal.ROUND_05UP]),
    Emin=st.integers(-99, 0),
    Emax=st.integers(0, 99),
    capitals=st.integers(0, 1),
    clamp=st.integers(0, 1),
    flags=st.lists(st.sampled_from(signals), unique=True),
    traps=st.lists(st.sampled_from(signals), unique=True),
)


@given(then=contexts, now=contexts)
def test_there_and_back(then: decimal.Context, now: decimal.Context) -> None:
    facet = REGISTRY["decimal"]()
    decimal.setcontext(then)
    before, data = repr(decimal.getcontext()), facet.capture()
    decimal.setcontext(now)
    context = decimal.getcontext()
    facet.restore(data)
    assert repr(decimal.getcontext()) == before
    assert facet.capture() == data
    assert decimal.getcontext() is context


def test_the_default_is_empty_and_comes_back() -> None:
    facet = REGISTRY["decimal"]()
    decimal.setcontext(decimal.Context())
    assert facet.capture() == b"{}" == facet.absent
    decimal.getcontext().prec = 5
    assert facet.capture() == b'{"prec":5}'
    facet.restore(b"{}")
    assert decimal.getcontext().prec == 28


def test_nonsense_is_refused() -> None:
    with pytest.raises(FacetError, match="decimal"):
        REGISTRY["decimal"]().restore(b'{"prec":"many"}')


def test_description() -> None:
    facet = REGISTRY["decimal"]()
    assert facet.describe(b"{}", b'{"prec":50}') == "decimal context: prec 28 -> 50"
    assert facet.describe(b'{"flags":["Inexact"]}', None) == "decimal context: flags Inexact -> none"


def test_fresh_process(fresh) -> None:
    code = (
        "import sys; from timeslip.state.facets import REGISTRY; f = REGISTRY['decimal'](); f.restore(b'{}')\n"
        "f.restore(b'{\"prec\":7}'); import decimal; print(decimal.getcontext().prec)"
    )
    assert fresh(code) == "7"
