from __future__ import annotations

from typing import Any

import pytest

from timeslip.errors import FacetError
from timeslip.state.facets import REGISTRY

np: Any = pytest.importorskip("numpy")


@pytest.fixture(autouse=True)
def _generator() -> Any:
    state = np.random.get_state(legacy=False)
    yield
    facet = REGISTRY["numpy_random"]()
    if np.random.get_state(legacy=False)["bit_generator"] != state["bit_generator"]:
        np.random.set_bit_generator(getattr(np.random, state["bit_generator"])())
    np.random.set_state(state)
    assert facet.available()


@pytest.mark.parametrize("odd_normals", [False, True])
def test_the_same_numbers_come_again(odd_normals: bool) -> None:
    facet = REGISTRY["numpy_random"]()
    np.random.seed(3)
    np.random.rand(1000)
    if odd_normals:
        np.random.standard_normal()
    bound, owner = np.random.rand, np.random.mtrand._rand
    data = facet.capture()
    expected = [*np.random.randn(3), *np.random.rand(3)]
    facet.restore(data)
    assert facet.capture() == data
    assert [*np.random.randn(3), *bound(3)] == expected
    assert np.random.mtrand._rand is owner


def test_the_pending_normal_alone_is_a_change() -> None:
    facet = REGISTRY["numpy_random"]()
    np.random.seed(3)
    np.random.standard_normal()
    data = facet.capture()
    np.random.standard_normal()
    assert facet.capture() != data


def test_it_is_asked_for_its_state_only_when_it_has_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    facet = REGISTRY["numpy_random"]()
    np.random.seed(1)
    data = facet.capture()
    with monkeypatch.context() as patched:
        patched.setattr("timeslip.state.facets.numpy_random.canonical", None)
        assert facet.capture() == data
    draw = np.random
    for move in (draw.rand, draw.randn, draw.randn, lambda: draw.shuffle([1, 2]), lambda: draw.bytes(1), draw.seed):
        move()
        assert facet.capture() != data
        data = facet.capture()


def test_another_bit_generator() -> None:
    if not hasattr(np.random, "set_bit_generator"):
        pytest.skip("this numpy cannot change the bit generator")
    facet = REGISTRY["numpy_random"]()
    np.random.seed(1)
    twister = facet.capture()
    expected = np.random.rand()
    np.random.set_bit_generator(np.random.PCG64(4))
    pcg = facet.capture()
    other = np.random.rand()
    facet.restore(twister)
    assert np.random.rand() == expected
    facet.restore(pcg)
    assert (np.random.rand(), facet.capture() != pcg) == (other, True)


def test_fresh_process(fresh) -> None:
    np.random.seed(11)
    np.random.randn(3)
    data = REGISTRY["numpy_random"]().capture()
    expected = np.random.randn(2).tolist()
    code = (
        "import sys; from timeslip.state.facets import REGISTRY; f = REGISTRY['numpy_random']()\n"
        "assert not f.available(); f.restore(sys.argv[1].encode()); assert f.capture() == sys.argv[1].encode()\n"
        "import numpy; print(numpy.random.randn(2).tolist())"
    )
    assert fresh(code, data.decode()) == str(expected)


def test_nonsense_is_refused() -> None:
    with pytest.raises(FacetError, match="numpy"):
        REGISTRY["numpy_random"]().restore(b'{"bit_generator":"Os"}')
