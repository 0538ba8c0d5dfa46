"""Attributes of instances of session subclasses: a change is noticed, undone, redone and resumed, whatever the base.

Types written in C, and library classes with pickling hooks of their own, leave attributes out of their reduction.
"""
# ruff: noqa: E501 - cells are written as users write them

from __future__ import annotations

import os
from typing import Any

import pytest
from tests.engine.test_cases import Sessions, _quiet, agree, bare, sessions

__all__ = ["_quiet", "sessions"]  # the fixtures

IMPORTS = (
    "import abc, array, collections, contextlib, datetime, decimal, enum, fractions, functools, io, ipaddress, itertools, "
    "json, logging, pathlib, queue, random, re, string, types, typing, uuid, weakref"
)

BASES: dict[str, str] = {
    "int": "(3)",
    "float": "(1.5)",
    "complex": "(1j)",
    "str": "('a')",
    "bytes": "(b'a')",
    "bytearray": "(b'a')",
    "tuple": "((1, []))",
    "list": "([1])",
    "dict": "(a=1)",
    "set": "([1])",
    "frozenset": "([1])",
    "property": "(lambda self: 1)",
    "staticmethod": "(len)",
    "classmethod": "(len)",
    "ValueError": "('m', 1)",
    "OSError": "(2, 'no', 'file')",
    "ImportError": "('m', name='x')",
    "StopIteration": "(3)",
    "SystemExit": "(3)",
    "UnicodeDecodeError": "('utf8', b'a', 0, 1, 'bad')",
    "KeyError": "('k')",
    "zip": "([1, 2], 'ab')",
    "map": "(str, [1, 2])",
    "filter": "(None, [1, 2])",
    "enumerate": "('ab')",
    "array.array": "('d', [1, 2])",
    "collections.Counter": "('aab')",
    "collections.OrderedDict": "(b=1, a=2)",
    "collections.defaultdict": "(list, a=[1])",
    "collections.deque": "([1, 2], 3)",
    "collections.ChainMap": "({}, {'a': 1})",
    "collections.UserDict": "(a=1)",
    "collections.UserList": "([1])",
    "collections.UserString": "('a')",
    "datetime.date": "(2020, 1, 1)",
    "datetime.datetime": "(2020, 1, 1, tzinfo=datetime.timezone.utc)",
    "datetime.time": "(1, 2)",
    "datetime.timedelta": "(3)",
    "decimal.Decimal": "('1.10')",
    "fractions.Fraction": "(1, 3)",
    "functools.partial": "(int, base=2)",
    "io.BytesIO": "(b'abc')",
    "io.StringIO": "('abc')",
    "ipaddress.IPv4Address": "('1.2.3.4')",
    "itertools.count": "(3)",
    "itertools.chain": "([1], [2])",
    "itertools.cycle": "([1, 2])",
    "itertools.product": "([1], [2, 3])",
    "json.JSONDecodeError": "('m', 'doc', 1)",
    "logging.Formatter": "('%(message)s')",
    "pathlib.PurePosixPath": "('a', 'b')",
    "pathlib.PosixPath": "('a', 'b')",
    "random.Random": "(1)",
    "random.SystemRandom": "()",
    "string.Template": "('$a')",
    "types.SimpleNamespace": "(v=[1])",
    "weakref.WeakSet": "()",
    "weakref.WeakKeyDictionary": "()",
    "weakref.WeakValueDictionary": "()",
    "weakref.ref": "(collections)",
    "np.ndarray": "((2,), 'i4', np.zeros(2, 'i4'))",
    "np.ma.MaskedArray": "([1, 2], mask=[0, 1])",
    "np.matrix": "([[1]])",
    "np.recarray": "((2,), [('x', 'i4')], np.zeros(2, 'i4'))",
    "np.float64": "(1.5)",
    "np.poly1d": "([1, 2])",
    "np.random.RandomState": "(3)",
    "np.random.Generator": "(np.random.PCG64(3))",
    "pd.DataFrame": "({'a': [1]})",
    "pd.Series": "([1])",
}

NO_SLOTS = {"int", "property", "bytes", "tuple", "np.float64"}
"""Types of variable size, for which Python refuses slots, and one that needs an attribute dict."""

OWN_HOOKS = (
    "    def __new__(cls, *a, **k):\n        made.append('new')\n"
    "        return object.__new__(cls) if {base}.__new__ is object.__new__ else {base}.__new__(cls, *a, **k)\n"
    "    def __init__(self, *a, **k):\n        made.append('init')\n"
    "        if {base}.__init__ is not object.__init__: {base}.__init__(self, *a, **k)\n"
    "    def __getstate__(self): return {{}}\n    def __reduce__(self): return (int, ())\n"
)


def imports(base: str) -> str:
    if base.startswith("np."):
        pytest.importorskip("numpy")
        return "import numpy as np\n"
    if base.startswith("pd."):
        pytest.importorskip("pandas")
        return "import pandas as pd\n"
    return IMPORTS + "\n"


CHANGES = [
    "L[0].tags = [1]; name = 'tags'",
    "L[0].tags.append(M[0]); t = L[0].tags",
    "M[0].other = t; L.append(M[0])",
    "del L[0].tags",
    "L = M = None",
]


def check(states: list[Any], live: Any, position: int, how: str) -> None:
    """The oracle, after what a path computes when it is asked was computed on both sides."""
    for namespace in (states[position], live.namespace):
        for path in (*(namespace.get("L") or ()), *(namespace.get("t") or ())):
            if hasattr(path, "parts"):
                _ = path.parts, hash(path), str(path), getattr(path, "_raw_path", None), path < path
    agree(states, live, position, how)


LONG = os.environ.get("TIMESLIP_TEST_PROFILE") == "soak"
"""A new namespace for each state takes minutes: by default for the last but one, and the first."""


def go_through(cells: list[str], sessions: Sessions) -> None:
    """Run *cells*, go all the way back and forth, and through a new namespace; the oracle looks at every state."""
    live = sessions.attach(facets=())  # what there is beside the namespace has tests of its own
    states = [bare(cells[:position]) for position in range(len(cells) + 1)]
    for position, cell in enumerate(cells, 1):
        result = live.run(cell)
        assert result.error is None, f"{cell}: {result.error!r}"
        check(states, live, position, "run")
    for position in reversed(range(1, len(cells))):
        result = live.session.undo()
        assert set(result.fidelity.values()) <= {"exact"}, result.notes
        check(states, live, position, "undo")
        assert getattr(live["L"][0], "tags", None) is live.namespace.get("t") or position != 3
    for position in range(2, len(cells) + 1):
        live.session.redo()
        check(states, live, position, "redo")
    commits = live.commits
    for position in reversed(range(1, len(cells))) if LONG else (len(cells) - 1, 1):
        sessions.close()
        again = sessions.attach(facets=())
        result = again.session.resume(commits[position - 1].id)
        assert set(result.fidelity.values()) <= {"exact"}, result.notes
        check(states, again, position, "resume")


@pytest.mark.parametrize("base", BASES)
def test_attributes_of_a_subclass(base: str, sessions: Sessions) -> None:
    make = f"{imports(base)}class D({base}): pass\nL = [D{BASES[base]}]; M = [L[0]]"
    go_through([make, *CHANGES], sessions)


@pytest.mark.parametrize("base", sorted(BASES.keys() - NO_SLOTS))
def test_slots_of_a_subclass(base: str, sessions: Sessions) -> None:
    make = f"{imports(base)}class D({base}): __slots__ = ('tags', 'other')\nL = [D{BASES[base]}]; M = [L[0]]"
    go_through([make, *CHANGES], sessions)


@pytest.mark.parametrize("base", BASES)
def test_attributes_of_a_subclass_with_pickling_hooks(base: str, sessions: Sessions) -> None:
    hooks = OWN_HOOKS.format(base=base)
    make = f"{imports(base)}made = []\nclass D({base}):\n{hooks}L = [D{BASES[base]}]; M = [L[0]]"
    go_through([make, *CHANGES], sessions)
