"""Functions and classes of the session: made again in a new process, changed in place in a live one."""

# ruff: noqa: E501 - a cell of users' code stands on one line
from __future__ import annotations

import sys
import types
from typing import Any

import pytest
from tests.codec.kernels import Kernel, differences, resumed
from tests.codec.states import DEFINITIONS

from timeslip.codec import definitions
from timeslip.errors import UnrestorableError
from timeslip.testing.graphs import compare_states

cases = pytest.mark.parametrize("code", DEFINITIONS.values(), ids=DEFINITIONS.keys())


@cases
def test_a_new_process_gets_the_same_definitions(code: str) -> None:
    kernel = Kernel(code)
    assert differences(kernel, resumed(kernel)) == []


@cases
def test_attributes_of_classes_keep_their_order(code: str) -> None:
    kernel = Kernel(code)
    other = resumed(kernel)
    for name, value in kernel.namespace.items():
        if type(value) is type and value.__module__ == "__main__":
            mine, theirs = ([key for key in vars(c) if key != "__slotnames__"] for c in (value, other.namespace[name]))
            assert [key for key in theirs if key not in INTERPRETERS] == [
                key for key in mine if key not in INTERPRETERS
            ]


INTERPRETERS = ("__dict__", "__weakref__")


@cases
def test_restoring_what_is_live_changes_nothing(code: str) -> None:
    kernel = Kernel(code)
    record = kernel.stored()
    held = {name: value for name, value in kernel.namespace.items() if type(value) in (type, types.FunctionType)}
    kernel.restore(record)
    for name, value in held.items():
        assert kernel.namespace[name] is value, "a live definition is used as it is"
    assert differences(kernel, resumed(kernel)) == []


def test_loading_runs_no_code_of_the_session() -> None:
    kernel = Kernel(
        "log = []\n"
        "class M(type):\n"
        "    def __new__(m, *a): log.append('meta new'); return super().__new__(m, *a)\n"
        "    def __call__(c, *a): log.append('call'); return super().__call__(*a)\n"
        "class A(metaclass=M):\n"
        "    def __init_subclass__(c): log.append('init_subclass')\n"
        "    def __new__(c): log.append('new'); return super().__new__(c)\n"
        "    def __init__(s): log.append('init'); s.x = 1\n"
        "    def __setattr__(s, n, v): log.append('set'); super().__setattr__(n, v)\n"
        "    def __setstate__(s, v): log.append('setstate')\n"
        "    def __getstate__(s): log.append('getstate'); return {}\n"
        "    def __del__(s): pass\n"
        "class B(A): pass\nb = B(); before = list(log)"
    )
    other = resumed(kernel)
    assert kernel.namespace["log"] == kernel.namespace["before"]
    assert other.namespace["log"] == other.namespace["before"]
    assert other.namespace["b"].x == 1


IN_PLACE = {
    "defaults": ("def f(a=1): return a\nd = f", "f.__defaults__ = (2,)"),
    "code": ("def f(): return 1\ng = f", "def h(): return 2\nf.__code__ = h.__code__"),
    "names and documentation": ("def f(): 'one'\ng = f", "f.__name__ = f.__qualname__ = 'z'; f.__doc__ = 'two'"),
    "function attributes": ("def f(): pass\nf.calls = [1]", "f.calls.append(2); f.late = f"),
    "cells": ("def make():\n    n = 0\n    def up():\n        nonlocal n; n += 1; return n\n    return up\nup = make()", "up(); up()"),
    "shared cells": ("def make():\n    n = [1]\n    def a():\n        nonlocal n; n = [n]; return n\n    def b(): return n\n    return a, b\na, b = make()", "a()"),
    "an emptied cell": ("def make():\n    x = 1\n    def f(): return x\n    def d():\n        nonlocal x; del x\n    return f, d\nf, d = make()", "d()"),
    "class attributes": ("class A: x = [1]\na = A()", "A.x = 2; A.new = lambda self: 3"),
    "removed attributes": ("class A:\n    x = 1\n    def f(self): return 1\na = A()", "del A.x, A.f"),
    "bases": ("class A: pass\nclass B: pass\nclass C(A): pass\nc = C()", "C.__bases__ = (B,)"),
    "class names": ("class A: pass\na = A()", "A.__name__ = 'Z'; A.__qualname__ = 'Y'; A.__module__ = 'elsewhere'"),
    "what an enumeration's members carry": ("import enum\nclass E(enum.Enum):\n    A = 1\ne = E.A; e.note = 1", "e.note = [2]; e.more = e"),
    "a class that holds itself": ("class A: pass\nA.me = A; A.all = [A]", "A.all.append(A())"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "change"), IN_PLACE.values(), ids=IN_PLACE.keys())
def test_live_definitions_are_changed_in_place_and_back(before: str, change: str) -> None:
    kernel = Kernel(before)
    record = kernel.stored()
    reference = resumed(kernel).namespace
    objects = {name: value for name, value in kernel.namespace.items() if isinstance(value, (type, types.FunctionType))}
    kernel.run(change)
    changed = resumed(kernel).namespace
    loader = kernel.loader(record)
    values = loader.load(record)
    assert compare_states(kernel.namespace, changed) == [], "nothing live is touched before the changes are applied"
    for step in loader.changes:
        step.apply()
    found = {**kernel.namespace, **{key: value for key, value in values.items() if not key.startswith("def:")}}
    names = [name for name in found if name in reference]
    got = {name: found[name] for name in names}
    assert compare_states(reference, got, namespaces=(reference, kernel.namespace)) == []
    assert all(found[name] is value for name, value in objects.items())
    for step in reversed(loader.changes):
        step.invert()
    assert compare_states(kernel.namespace, changed) == [], "the inverse puts back what was there"


def test_instances_that_nobody_reloads_belong_to_the_class_still() -> None:
    kernel = Kernel("class A:\n    def f(self): return 1\na = A()")
    record = kernel.stored()
    outside = kernel.namespace["a"]
    kernel.run("A.f = lambda self: 2")
    kernel.restore(record)
    assert outside.f() == 1
    assert type(kernel.namespace["a"]) is type(outside)


def test_a_class_stored_before_its_methods_can_be_made() -> None:
    """Headers of one co-variable refer to one another in any order."""
    kernel = Kernel("s = []\nclass A:\n    items = s\n    def f(self, x=s): return x\n    g = property(f)\na = A()")
    captured = kernel.stored()
    for order in (captured.headers.items(), list(captured.headers.items())[::-1]):
        shuffled = dict(order)
        captured.headers.clear()
        captured.headers.update(shuffled)
        other = Kernel()
        other.restore(captured)
        assert other.namespace["a"].g is other.namespace["s"]
        assert differences(kernel, other) == []


def test_a_live_function_keeps_the_cell_that_a_lost_one_shares_with_it() -> None:
    kernel = Kernel(
        "def make():\n    n = [0]\n    def a():\n        nonlocal n; n = [1]\n    def b(): return n\n    return a, b\na, b = make()"
    )
    record = kernel.stored()
    for lost in "ab":
        kernel.run(f"keep = {'b' if lost == 'a' else 'a'}; del a, b")
        kernel.restore(record)
        kernel.run("a()")
        assert kernel.namespace["b"]() == [1]
        assert kernel.namespace["a"].__closure__[0] is kernel.namespace["b"].__closure__[0]


def test_an_isolated_load_touches_nothing() -> None:
    kernel = Kernel("class A: x = [1]\ndef f(a=A): return a\na = A()")
    record = kernel.stored()
    kernel.run("A.x = 2; f.__defaults__ = ()")
    loader = kernel.loader(record, isolated=True)
    values = loader.load(record)
    assert loader.changes == []
    assert values["A"] is not kernel.namespace["A"]
    assert values["A"].x == [1]
    assert values["f"]() is values["A"]
    assert type(values["a"]) is values["A"]
    assert values["f"].__globals__ is not kernel.namespace


def test_a_fresh_copy_stands_beside_the_live_definition() -> None:
    kernel = Kernel("class A: x = 1\na = A()")
    record = kernel.stored()
    identity = kernel.registry.known(kernel.namespace["A"])
    assert identity is not None
    loader = kernel.loader(record, fresh=frozenset({str(identity)}))
    values = loader.load(record)
    assert values["A"] is not kernel.namespace["A"]
    loader.register()
    assert kernel.registry.live(identity) is kernel.namespace["A"], "the live one keeps the identity"


def test_an_abc_knows_what_was_registered() -> None:
    other = resumed(
        Kernel("import abc\nclass A(abc.ABC): pass\nclass V: pass\nA.register(V); A.register(int); v = V()")
    )
    other.run("class W: pass\nr = isinstance(v, A), issubclass(int, A), isinstance(W(), A)")
    assert other.namespace["r"] == (True, True, False)


def test_a_live_class_is_registered_with_what_it_was_registered_with() -> None:
    kernel = Kernel(
        "import collections.abc as c, numbers\nclass A: pass\nclass B: pass\nc.Set.register(A); c.Sequence.register(B)\n"
        "a, b = A(), B(); kinds = (c.Set, c.MutableSequence, c.Sequence, c.Sized, numbers.Number)"
    )
    probe = "r = [[isinstance(x, kind) for kind in kinds] for x in (a, b, [], 1)]"
    kernel.run(probe)
    record, before = kernel.stored(), kernel.namespace["r"]
    kernel.run(f"c.MutableSequence.register(A); numbers.Number.register(A); {probe}")
    assert kernel.namespace["r"][0] == [True, True, True, True, True]
    later = kernel.stored()
    kernel.restore(record)
    kernel.run(probe)
    assert kernel.namespace["r"] == before
    loader = kernel.restore(later)
    kernel.run(probe)
    assert kernel.namespace["r"][0] == [True, True, True, True, True]
    for step in reversed(loader.changes):
        step.invert()
    kernel.run(probe)
    assert kernel.namespace["r"] == before
    other = resumed(kernel)
    other.run(probe)
    assert other.namespace["r"] == before


NEW_GENERICS = {
    "two": "class A[T, U]: made = []\nclass B(A[int, str]): pass\nA.made.append(B)",
    "one that is many": "class A[*T]: made = []\nclass B(A[int, str]): pass\nA.made.append(B)",
    "those of a function": "class A[T, **P]: made = []\nclass B(A[int, [str]]): pass\nclass C[T: B](A[T, [T]]): pass\nA.made += [B, C]",
}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a syntax of later Pythons")
@pytest.mark.parametrize("code", NEW_GENERICS.values(), ids=NEW_GENERICS.keys())
def test_a_generic_class_may_hold_a_subclass_that_says_its_parameters(code: str) -> None:
    kernel = Kernel(code)
    assert differences(kernel, resumed(kernel)) == []


def test_the_registry_forgets_what_is_gone() -> None:
    kernel = Kernel("def f(): pass")
    identity = kernel.registry.id_of(kernel.namespace["f"])
    assert kernel.registry.id_of(kernel.namespace["f"]) == identity
    kernel.run("del f")
    assert kernel.registry.live(identity) is None
    assert not kernel.registry._by_id
    assert not kernel.registry._by_address


def test_equal_code_gives_equal_bytes() -> None:
    source = "def f(x):\n    y = ('a', 'a' * 3, frozenset({1, 2}))\n    return [x for _ in y]"
    one, other = Kernel(source).namespace["f"].__code__, Kernel(source).namespace["f"].__code__
    held: list[Any] = [one.co_consts, one.co_names] * 3  # more references: later marshal formats would show them
    assert definitions.dump_code(one) == definitions.dump_code(other)
    assert held


def test_code_of_another_python_is_refused_with_its_name() -> None:
    data = definitions.dump_code(compile("1", "x", "eval"))
    with pytest.raises(UnrestorableError, match="cpython-26"):
        definitions.load_code("cpython-26", data)


def test_what_a_module_holds_is_resolved_without_running_into_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("awkward")

    def raises(name: str) -> Any:
        raise ZeroDivisionError(name)

    module.__getattr__ = raises  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, "awkward", module)
    assert definitions.resolve_global("awkward", "x") is None
    assert definitions.resolve_global("not imported", "x") is None
    assert definitions.resolve_global(None, "x") is None
    assert definitions.resolve_global("collections", "OrderedDict.fromkeys") is not None
    assert definitions.resolve_global("collections", "f.<locals>.g") is None
