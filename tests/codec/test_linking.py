"""The written rule of `timeslip.codec.linking`: which objects link the names that share them."""

# ruff: noqa: E501 - a cell of users' code stands on one line
from __future__ import annotations

from typing import Any

import pytest
from tests.codec.kernels import Kernel

from timeslip.codec.linking import is_atom, never_links

LINKS = {
    "list": "[]",
    "empty dict": "{}",
    "set": "set()",
    "bytearray": "bytearray()",
    "instance": "K()",
    "object": "object()",
    "non-empty tuple of atoms": "tuple([1, 2])",
    "tuple with a list": "([],)",
    "non-empty frozenset": "frozenset([1])",
    "NaN": "float('nan')",
    "complex NaN": "complex(0, float('nan'))",
    "decimal NaN": "__import__('decimal').Decimal('nan')",
    "signalling NaN": "__import__('decimal').Decimal('sNaN')",
    "text over 1 kB": "'x' * 1025",
    "bytes over 1 kB": "b'x' * 1025",
    "number over 1 kB": "1 << 9000",
    "cell": "(lambda x: (lambda: x))(1).__closure__[0]",
    "exception": "ValueError()",
    "iterator": "iter([1])",
    "bound method": "K().m",
    "partial": "__import__('functools').partial(int)",
    "deque": "__import__('collections').deque()",
}
LINKS_NOT = {
    "small number": "12345",
    "text up to 1 kB": "'x' * 1024",
    "bytes up to 1 kB": "b'x' * 1024",
    "number up to 1 kB": "1 << 8000",
    "float": "1.5",
    "complex": "1j",
    "None": "None",
    "boolean": "True",
    "Ellipsis": "...",
    "empty tuple": "()",
    "empty frozenset": "frozenset()",
    "class of Python": "int",
    "class of the session": "K",
    "function of the session": "f",
    "builtin function": "len",
    "module": "__import__('os')",
    "enumeration member": "E.A",
    "range": "range(3)",
    "date": "__import__('datetime').date(2020, 1, 1)",
    "decimal": "__import__('decimal').Decimal(1)",
    "compiled expression": "__import__('re').compile('a')",
    "path": "__import__('pathlib').Path('x')",
    "standard stream": "__import__('sys').__stdout__",
}
START = "import enum\nclass K:\n    def m(self): pass\nclass E(enum.Enum):\n    A = 1\ndef f(): pass\n"


def linked(code: str, expression: str) -> bool:
    """Whether two lists that hold the same object are one co-variable for it."""
    kernel = Kernel(f"{code}\nv = {expression}\na = [0, v]\nb = {{'v': v}}\ndel v")
    found = []
    for name in "ab":
        captured = kernel.encoder.capture([(name, kernel.namespace[name])])
        captured.find_links(frozenset())
        found.append((captured.links, captured))  # both alive: an address means one object
    result = bool(found[0][0] & found[1][0])
    for _, captured in found:
        captured.release()
    return result


@pytest.mark.parametrize("expression", LINKS.values(), ids=LINKS.keys())
def test_links(expression: str) -> None:
    assert linked(START, expression)


@pytest.mark.parametrize("expression", LINKS_NOT.values(), ids=LINKS_NOT.keys())
def test_links_not(expression: str) -> None:
    assert not linked(START, expression)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("np.zeros(3)", True),
        ("np.zeros(3).dtype", False),
        ("np.float64(1)", False),
        ("np.float64('nan')", True),
        ("np.complex64('nan')", True),
        ("np.datetime64('NaT', 's')", True),
        ("np.datetime64('2020')", False),
        ("np.int64(1)", False),
        ("np.sin", False),
        ("pd.DataFrame({'a': [1]})", True),
        ("pd.Series([1])", True),
        ("pd.Index([1, 2])", False),
        ("pd.Index([1, 2], name='a')", True),
        ("pd.MultiIndex.from_tuples([(1, 2)])", False),
        ("pd.MultiIndex.from_tuples([(1, 2)], names=[None, 'b'])", True),
        ("pd.Timestamp(0)", False),
        ("pd.NA", False),
        ("pd.NaT", False),
        ("pd.CategoricalDtype(['a'])", False),
    ],
)
def test_objects_of_libraries(expression: str, wanted: bool) -> None:
    pytest.importorskip("pandas")
    assert linked("import numpy as np, pandas as pd", expression) is wanted


def test_an_instance_of_a_class_that_is_called_as_one_of_ours_links() -> None:
    assert linked("class Detached: pass", "Detached()")


def test_what_only_the_reduction_makes_links_nothing() -> None:
    """Argument tuples, state dicts: equal addresses of two captures would join strangers."""
    kernel = Kernel("import collections, datetime\na = collections.Counter('aab'); b = ValueError('x', 'y')")
    for name in "ab":
        captured = kernel.capture(name)
        captured.find_links(frozenset())
        assert len(captured.links) <= 3, [type(obj) for _, obj in captured.memo.values()]
        captured.release()


MADE = {
    "an array": ("numpy", "numpy.arange(200.0)"),
    "arrays": ("numpy", "[numpy.full(150 + i, 0.5) for i in range(30)]"),
    "a frame": ("pandas", "pandas.DataFrame({'a': [0.5] * 200, 'b': range(200)})"),
    "a figure": ("matplotlib.figure", "drawn()"),
    "an array of bytes": ("array", "array.array('d', [0.5] * 200)"),
}
DRAWN = """
def drawn():
    figure = matplotlib.figure.Figure()
    figure.add_subplot().plot(range(300))
    return figure
"""


@pytest.mark.parametrize("name", MADE)
def test_bytes_that_a_reduction_has_made_link_nothing(name: str) -> None:
    """They are others each time: a value would seem to have other objects than before."""
    library, expression = MADE[name]
    pytest.importorskip(library)
    kernel = Kernel(f"import {library}{DRAWN}v = {expression}")
    found = []
    for _ in range(3):  # the first pass may make what the object keeps
        found.append(kernel.encoder.capture([("v", kernel.namespace["v"])]))
        found[-1].find_links(frozenset())
    assert sorted(found[1].links) == sorted(found[2].links)


def test_large_text_of_the_users_in_what_a_reduction_makes_links() -> None:
    kernel = Kernel(
        "import fractions\nt = 'x' * 2000\nclass P:\n    def __reduce__(self): return (P, (t,))\nv = [P(), t]"
    )
    found = kernel.capture("v")
    found.find_links(frozenset())
    assert id(kernel.namespace["t"]) in found.links


def test_a_library_helper_links_when_a_name_is_bound_to_it() -> None:
    pytest.importorskip("pandas")
    kernel = Kernel("import pandas as pd\ni = pd.Index([1, 2]); s = pd.Series([1, 2], index=i)")
    weak = frozenset({id(kernel.namespace["i"])})
    for given, wanted in ((frozenset[int](), False), (weak, True)):
        one, other = kernel.capture("i"), kernel.capture("s")
        one.find_links(given)
        other.find_links(given)
        assert (id(kernel.namespace["i"]) in one.links & other.links) is (
            wanted and kernel.namespace["s"].index is kernel.namespace["i"]
        )
        one.release()
        other.release()


def test_overlapping_memory_is_told_by_spans() -> None:
    pytest.importorskip("numpy")
    kernel = Kernel("import numpy as np\na = np.arange(100); v = a[10:20]; other = np.arange(5); del a")
    spans = {}
    for name in ("v", "other"):
        captured = kernel.capture(name)
        spans[name] = list(captured.spans)
        captured.release()
    (start, stop, plain), = spans["v"]  # fmt: skip
    assert (stop - start, plain) == (800, True)
    (other_start, other_stop, _), = spans["other"]  # fmt: skip
    assert other_stop <= start or stop <= other_start


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (1, True), (1.5, True), (None, True), (True, True), ("x" * 1024, True), (b"", True), ((), True), (frozenset(), True),
        (int, True), (len, True), (1 << 8000, True), (float("nan"), False), ("x" * 1025, False), (1 << 9000, False),
        ([], False), ((1,), False), (object(), False),
    ],
)  # fmt: skip
def test_atoms(value: Any, wanted: bool) -> None:
    assert is_atom(value) is wanted


def test_the_rule_does_not_keep_classes_of_the_session() -> None:
    import gc
    import weakref

    kernel = Kernel("import enum\nclass K: pass\nclass E(enum.Enum):\n    A = 1")
    assert not never_links(kernel.namespace["K"])
    assert never_links(kernel.namespace["E"])
    gone = weakref.ref(kernel.namespace["K"])
    kernel.run("del K")
    gc.collect()
    assert gone() is None
