from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeslip.errors import FacetError
from timeslip.state.facets import REGISTRY


@given(seed=st.integers(0, 2**40), draws=st.integers(0, 700), gauss=st.booleans())
def test_the_same_numbers_come_again(seed: int, draws: int, gauss: bool) -> None:
    facet = REGISTRY["random"]()
    random.seed(seed)
    for _ in range(draws):
        random.random()
    if gauss:
        random.gauss(0, 1)
    state, data = random.getstate(), facet.capture()
    expected = [random.gauss(0, 1), random.random()]
    assert facet.capture() != data
    facet.restore(data)
    assert random.getstate() == state
    assert facet.capture() == data
    assert [random.gauss(0, 1), random.random()] == expected


def test_it_is_asked_for_its_state_only_when_it_has_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    facet = REGISTRY["random"]()
    data = facet.capture()
    with monkeypatch.context() as patched:
        patched.setattr("timeslip.state.facets.python_random.canonical", None)
        assert facet.capture() == data
    for draw in (random.random, lambda: random.gauss(0, 1), lambda: random.gauss(0, 1), lambda: random.seed(1)):
        draw()
        assert facet.capture() != data
        data = facet.capture()
    monkeypatch.setattr(random, "getstate", lambda: (3, (0,) * 625, None))
    assert facet.capture() != data


def test_equal_states_give_equal_bytes_in_another_process(fresh) -> None:
    code = (
        "import random; from timeslip.state.facets import REGISTRY; random.seed(5); random.random()\n"
        "print(REGISTRY['random']().capture().decode())"
    )
    random.seed(5)
    random.random()
    data = REGISTRY["random"]().capture()
    assert fresh(code).encode() == data


def test_another_form_is_refused_and_changes_nothing() -> None:
    facet = REGISTRY["random"]()
    state = random.getstate()
    for data in (b"{}", b'{"gauss":null,"version":9,"words":"00"}', b'{"gauss":null,"version":3,"words":"zz"}'):
        with pytest.raises(FacetError, match="random"):
            facet.restore(data)
    assert random.getstate() == state


def test_description() -> None:
    facet = REGISTRY["random"]()
    assert facet.describe(b"a", b"b") == "random generator moved"
    assert facet.describe(None, b"b") == "random generator first recorded"
