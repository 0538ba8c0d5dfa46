"""TensorFlow's seed and global generator go on where they were."""

from __future__ import annotations

from typing import Any

import pytest

from timeslip.errors import FacetError
from timeslip.state.facets.tensorflow_random import TensorflowRandomFacet

tf: Any = pytest.importorskip("tensorflow")


def drawn() -> float:
    """A number drawn with the global seed."""
    return float(tf.random.uniform([1])[0])


def test_the_seed() -> None:
    """What is drawn after a restore is what was drawn before; a seed that was given is taken back."""
    facet = TensorflowRandomFacet()
    start = facet.capture()
    tf.random.set_seed(5)
    drawn()
    before = facet.capture()
    numbers = [drawn(), drawn()]
    after = facet.capture()
    following = drawn()
    facet.restore(before)
    assert [drawn(), drawn()] == numbers
    facet.restore(after)
    assert drawn() == following
    assert facet.describe(before, after) == "TensorFlow's generators moved"
    facet.restore(start)
    assert facet.capture() == start


def test_the_global_generator() -> None:
    """It is moved in place; one that was not there is forgotten."""
    facet = TensorflowRandomFacet()
    tf.random.set_global_generator(tf.random.Generator.from_seed(3))
    generator = tf.random.get_global_generator()
    before = facet.capture()
    number = float(generator.uniform([]))
    facet.restore(before)
    assert tf.random.get_global_generator() is generator
    assert float(generator.uniform([])) == number
    facet.restore(b"{}")
    assert facet.capture() == b"{}"


def test_bytes_of_another_making() -> None:
    """They are refused."""
    with pytest.raises(FacetError):
        TensorflowRandomFacet().restore(b'{"words": 1}')
