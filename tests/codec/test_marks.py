"""Marks of plain values: the same as long as nothing of the value, its aliases included, is another."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeslip.codec.capture import Encoder
from timeslip.codec.definitions import Registry
from timeslip.codec.marks import is_plain, is_sufficient, mark_of, mark_of_nodes
from timeslip.codec.resources import Resources

atoms = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
plain = st.recursive(
    atoms,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=20,
)


@given(value=st.lists(plain, max_size=6))
def test_the_mark_of_a_value_stays_the_same(value: list[Any]) -> None:
    first = mark_of([value])
    assert first is not None
    assert mark_of([value]) == first


CHANGES = {
    "a number": ("[[1], [2]]", "v[1][0] = 3"),
    "its type": ("[1, 2]", "v[0] = 1.0"),
    "true for one": ("[1, 2]", "v[0] = True"),
    "a key": ("[{'a': 1}]", "v[0]['b'] = v[0].pop('a')"),
    "the order of keys": ("[{'a': 1, 'b': 2}]", "v[0]['a'] = v[0].pop('a')"),
    "a tuple for a list": ("[[1]]", "v[0] = (1,)"),
    "a copy for an alias": ("(lambda a: [a, a])([1])", "v[1] = [1]"),
    "an alias for a copy": ("[[1], [1]]", "v[1] = v[0]"),
    "another alias": ("(lambda a, b: [a, b, a])([1], [1])", "v[2] = v[1]"),
    "minus zero": ("[0.0]", "v[0] = -0.0"),
    "another NaN": ("(lambda n: [n, n])(float('nan'))", "v[1] = float('nan')"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_mark_of_a_changed_value_is_another(name: str) -> None:
    made, change = CHANGES[name]
    v = eval(made)
    before = mark_of([v])
    assert mark_of([v]) == before is not None
    exec(change, {"v": v})
    assert mark_of([v]) != before


@pytest.mark.parametrize("value", [object(), [object()], [[1], math], 5, "text", {1}, [len], [CHANGES.keys()]])
def test_other_values_have_none(value: Any) -> None:
    assert mark_of([value]) is None


def test_a_value_that_is_too_deep_has_none() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert mark_of([deep]) is None


def test_the_mark_of_several_objects_tells_what_they_share() -> None:
    a, b = [1], [1]
    together, apart = [a, [a]], [a, [b]]
    assert mark_of(together) != mark_of(apart)
    assert mark_of(copy.deepcopy(together)) is not None


def test_buffers_look_like_bytes_and_are_not_plain() -> None:
    made = bytes(range(9))
    one, other = [made], [bytearray(range(9))]
    del made
    assert mark_of(one) == mark_of(other)  # which is why marks do not count for them
    assert not is_plain({list, bytes}, [[], b"x"], set())
    assert not is_plain({list, bytearray}, [[], bytearray()], set())
    assert is_plain({list, dict, tuple, str}, [[], {}, (1,), "x"], set())


def test_objects_of_the_pass_do_not_count() -> None:
    odd = object()
    assert is_plain({list, object}, [[], odd], {id(odd)})
    assert not is_plain({list, object}, [[], odd, object()], {id(odd)})


FUNCTION = "def f(x: int = 1, y: 'a text' = 'b') -> str:\n    'About f.'\n    return x + y"
OF_FUNCTION = {
    "code": "def g(x=1, y='b'): return x - y\nf.__code__ = g.__code__",
    "a constant": "f.__code__ = f.__code__.replace(co_consts=(*f.__code__.co_consts, 7))",
    "a default": "f.__defaults__ = (2, 'b')",
    "the type of a default": "f.__defaults__ = (True, 'b')",
    "a default that can change": "f.__defaults__ = ([], 'b')",
    "a default for a name only": "f.__kwdefaults__ = {'y': 2}",
    "an attribute": "f.seen = 1",
    "its attributes with an alias": "alias = f.__dict__",
    "an annotation": "f.__annotations__['x'] = float",
    "a text for a class": "f.__annotations__['x'] = 'int'",
    "a class of the session": "class A: pass\nf.__annotations__['x'] = A",
    "its annotations with an alias": "alias = f.__annotations__",
    "its text": "f.__doc__ = 'Another.'",
    "its name": "f.__name__ = 'g'",
    "its module": "f.__module__ = 'other'",
}


@pytest.mark.parametrize("name", OF_FUNCTION)
def test_the_mark_of_a_changed_function_is_another(name: str) -> None:
    space: dict[str, Any] = {"__name__": "__main__"}
    encoder = Encoder(space, Registry(), Resources())
    exec(compile(FUNCTION, "<test>", "exec", dont_inherit=True), space)
    before = mark_of_nodes([("def:f", space["f"])], encoder)
    assert is_sufficient(before)
    assert mark_of_nodes([("def:f", space["f"])], encoder) == before
    exec(OF_FUNCTION[name], space)
    assert mark_of_nodes([("def:f", space["f"])], encoder) != before


CLASSES = """
class Base: pass
class Other: pass
class A(Base):
    'About A.'
    n = 1
    t = 'text'
    def m(self): self.x = 1
"""
OF_CLASS = {
    "a constant": "A.n = 2",
    "the type of a constant": "A.n = True",
    "another constant": "A.k = None",
    "one less": "del A.t",
    "their order": "n = A.n; del A.n; A.n = n",
    "a method": "def m(self): self.x = 1\nA.m = m",
    "another method": "A.k = A.m",
    "something that can change": "A.k = []",
    "a property": "A.k = property(A.m)",
    "a method of a library": "import textwrap\nA.k = textwrap.dedent",
    "its text": "A.__doc__ = 'Another.'",
    "its name": "A.__name__ = 'B'",
    "its long name": "A.__qualname__ = 'B'",
    "its module": "A.__module__ = 'other'",
    "its bases": "A.__bases__ = (Other,)",
    "what it is registered with": "import collections.abc\ncollections.abc.Sized.register(A)",
}


@pytest.mark.parametrize("name", OF_CLASS)
def test_the_mark_of_a_changed_class_is_another(name: str) -> None:
    space: dict[str, Any] = {"__name__": "__main__"}
    encoder = Encoder(space, Registry(), Resources())
    exec(compile(CLASSES, "<test>", "exec", dont_inherit=True), space)
    assert mark_of_nodes([("def:A", space["A"])], encoder) is None  # nobody has given its method an identity yet
    for made in (space["Base"], space["Other"], space["A"], space["A"].m):
        encoder.registry.id_of(made)
    before = mark_of_nodes([("def:A", space["A"])], encoder)
    assert is_sufficient(before)
    assert mark_of_nodes([("def:A", space["A"])], encoder) == before
    exec(compile(OF_CLASS[name], "<test>", "exec", dont_inherit=True), space)
    assert mark_of_nodes([("def:A", space["A"])], encoder) != before


def test_the_mark_of_a_name_tells_which_definition_it_stands_for() -> None:
    space: dict[str, Any] = {"__name__": "__main__"}
    encoder = Encoder(space, Registry(), Resources())
    exec("def f(): pass\ndef g(): pass\nclass A: pass", space)
    assert mark_of_nodes([("f", space["f"])], encoder) is None  # nobody has given it an identity yet
    for name in "fgA":
        encoder.registry.id_of(space[name])
    marks = [mark_of_nodes([("name", space[name])], encoder) for name in "fgA"]
    assert all(map(is_sufficient, marks))
    assert len(set(marks)) == 3
    assert not is_sufficient(mark_of_nodes([("rows", [[1]])], encoder))
