"""Awkward sessions in words that older Pythons do not know: as `tests.engine.cases.EXACT`, by the first version."""
# ruff: noqa: E501 - cells are written as users write them

from __future__ import annotations

import sys

import pytest

NEWER: dict[tuple[int, int], dict[str, list[str]]] = {
    (3, 11): {
        "enum: kinds of 3.11": ["import enum\nclass S(enum.StrEnum):\n    A = enum.auto()\n    B = 'b'\nclass D(enum.Enum):\n    M = {'a': [1]}\n    nm = enum.nonmember([1])\n    @enum.property\n    def p(self): return self.value\ns, d = S.A, D.M", "d.value['a'].append(s)", "D.nm.append(s)", "l = [S('b'), D['M'], D.M.p]", "del l; D.late = 1"],
        "enum: what flags do with unknown bits": ["import enum\nclass F(enum.Flag, boundary=enum.KEEP):\n    A = 1\n    B = 4\nclass G(enum.Flag, boundary=enum.CONFORM):\n    A = 1", "x = F.__members__", "F.A.note = [1]", "y = [F._boundary_.name, G(1) is G.A]"],
        "type variable tuple of the old kind": ["from typing import TypeVarTuple, Generic, Unpack\nTs = TypeVarTuple('Ts')\nclass A(Generic[Unpack[Ts]]): pass\na = A[int, str]()", "x = Ts"],
        "exception groups": ["try:\n    raise ExceptionGroup('g', [ValueError(1), TypeError([2])])\nexcept* ValueError as e:\n    eg = e\nexcept* TypeError as e: pass", "eg.add_note('n')", "eg2 = BaseExceptionGroup('x', [eg, KeyError(1)])", "eg.exceptions[0].l = [1]"],
    },
    (3, 12): {
        "generic class": ["class Box[T]:\n    def __init__(self, v: T): self.v = v\n    def get(self) -> T: return self.v\nb = Box[int]([1]); al = Box[int]", "b.v.append(al)", "class IntBox(Box[int]): pass\ni = IntBox(3)", "tp = Box.__type_params__", "Box.n = tp[0]"],
        "generic function": ["def first[T](l: list[T]) -> T: return l[0]\nx = first([[1]])", "x.append(2)", "tp = first.__type_params__", "first.calls = 1"],
        "type alias": ["type X = int\ny = X", "z = [X, X]", "v = X.__value__", "type X = str"],
        "generic type alias": ["type P[T] = tuple[T, T]\nq = P[int]", "v = P.__value__", "w = P.__type_params__"],
        "type alias of itself": ["type Json = dict[str, Json] | list[Json] | int", "v = Json.__value__", "w = [v, Json]"],
        "type alias of what comes later": ["type F = list[Later]", "class Later: pass", "v = F.__value__"],
        "type alias of what is defined anew": ["class A: pass\ntype X = list[A]", "class A: n = 2", "v = X.__value__.__args__[0] is A"],
        "bound of a type variable": ["class B: pass\nclass C[T: B]:\n    pass\nc = C[B]()", "v = C.__type_params__[0].__bound__", "class B: pass", "v2 = C.__type_params__[0].__bound__ is B"],
        "bound of what is defined anew": ["class B: pass\nclass C[T: B]: pass", "class B: n = 1", "v = C.__type_params__[0].__bound__ is B"],
        "bound of what is nowhere": ["def f[T: Undefined](x: T) -> T: return x", "r = f([1])", "r.append(1)"],
        "constraints": ["def f[T: (int, str)](x: T) -> T: return x", "c = f.__type_params__[0].__constraints__", "f.x = c"],
        "parameters of a decorator": ["from typing import Callable\ndef deco[**P, R](f: Callable[P, R]) -> Callable[P, R]:\n    def w(*a: P.args, **k: P.kwargs) -> R: return f(*a, **k)\n    return w\n@deco\ndef g(x): return [x]", "r = g(1)", "tp = deco.__type_params__"],
        "type variable tuple": ["class T[*Ts]: pass\nt = T[int, str]()", "tp = T.__type_params__", "def f[*A](*a: *A) -> tuple[*A]: return a\nq = f(1, 2)"],
        "bound that is the class": ["class Node[T: Node]:\n    kids: list[T]\n    def __init__(self): self.kids = []\nn = Node(); n.kids.append(n)", "b = Node.__type_params__[0].__bound__", "n.x = 1"],
        "generic dataclass": ["from dataclasses import dataclass, field\n@dataclass\nclass P[T]:\n    x: T\n    l: list[T] = field(default_factory=list)\np = P[int](1)", "p.l.append(p)", "q = P(2, [p])"],
        "type alias in a class": ["class A:\n    def m[T](self, x: T) -> list[T]: return [x]\n    type Inner = int\na = A()", "r = a.m(1)", "A.Inner2 = A.Inner", "v = A.Inner.__value__"],
        "bound that stands in a class": ["class A:\n    X = int\n    class B[T: X]: pass\n    type Y = X\na = A.B()", "v = A.B.__type_params__[0].__bound__", "y = A.Y.__value__"],
        "type variables in a closure": ["def make[T](x: T):\n    def inner() -> T: return x\n    return inner\nf = make([1])", "f().append(2)", "g = f"],
        "texts in texts": ["d = {'a': [1]}\ns = f'{d['a']!r} {f'{d[\"a\"]}'}'", "f = lambda: f'{d['a'][0]:{'>10'}}'\nt = f()", "d['a'].append(f)"],
        "comprehensions and what they share": ["x = 5\nl = [x for x in range(3)]\ny = [[i * x for i in range(2)] for _ in range(2)]", "fs = [lambda: i for i in range(3)]\nr = [f() for f in fs]", "z = {k: v for k, v in zip('ab', l)}; x += 1", "data = [1]\nacc = [data.append(q) for q in range(2)]"],
        "comprehensions that close over": ["def f(k):\n    return [lambda: (k, i) for i in range(3)]\nfs = f([0])", "fs[0]()[0].append(1)", "g = fs[1]"],
        "locals": ["def f():\n    x = [1]\n    d = locals()\n    d['y'] = 2\n    return d\nl = f()", "l['x'].append(3)", "g = locals() is globals()", "locals()['z'] = [5]", "exec('w = z')", "class K:\n    locals()['q'] = [1]\nk = K.q"],
        "attributes and their dict": ["class A: pass\na = A(); a.x = [1]; b = A()", "a.y = 2", "d = a.__dict__", "d['z'] = 3", "a.__dict__ = b.__dict__", "b.q = 5", "del a.q", "b.__dict__ = {'n': [1]}; e = b.__dict__", "e['m'] = a"],
        "attributes and their dict, many": ["class A: pass\na = [A() for i in range(40)]\nfor i, o in enumerate(a):\n    for j in range(i): setattr(o, f'n{j}', [j])", "a[35].n3.append(1)", "d = a[39].__dict__; d['zz'] = a", "del a[38].n2, d['n1']", "v = vars(a[1]); w = vars(a[0])", "w['t'] = v"],
        "attributes that the compiler notes": ["class A:\n    def __init__(self): self.a = [1]; self.b = 2\na = A()", "s = getattr(A, '__static_attributes__', None); f = getattr(A, '__firstlineno__', None)", "a.a.append(s)", "class A:\n\n    def __init__(self): self.a = [1]; self.c = 2", "A.x = 1"],
        "generic protocol": ["from typing import Protocol, runtime_checkable\n@runtime_checkable\nclass P[T](Protocol):\n    def f(self) -> T: ...\nclass K:\n    def f(self): return 1\nk = K(); r = isinstance(k, P)", "k.x = [P]"],
    },
    (3, 13): {
        "default of a type variable": ["class A[T = int]: pass\na = A()", "d = A.__type_params__[0].__default__", "A.x = [a]"],
        "default that comes later": ["class A[T = Later]: pass", "class Later: pass", "d = A.__type_params__[0].__default__ is Later"],
        "default of a type variable tuple": ["class A[*Ts = *tuple[int, str]]: pass\na = A()", "d = A.__type_params__[0].__default__"],
        "default of parameters": ["class A[**P = [int]]: pass\na = A()", "d = A.__type_params__[0].__default__"],
        "copies with changes": ["import copy\nfrom collections import namedtuple\nN = namedtuple('N', 'a b'); n = copy.replace(N(1, [2]), a=3)\nclass K:\n    def __init__(self, x): self.x = x\n    def __replace__(self, **k): return K(**k)\nk = copy.replace(K(1), x=[2])", "k.x.append(n)"],
        "local variables written through a frame": ["import sys\ndef f():\n    x = [1]\n    p = sys._getframe().f_locals\n    p['x'] = [2]\n    return x, type(p).__name__\nr = f()", "r[0].append(1)"],
        "enum: names and values added later": ["import enum\nclass E(enum.Enum):\n    A = 1\n    B = 2\nx = E.B", "E.A._add_alias_('AA')\nE.B._add_value_alias_(22)", "y = E.AA, E(22)", "E.A.n = [x, E['AA']]", "z = E(22) is E.B"],
    },
}  # fmt: skip

CASES = {name: cells for table in NEWER.values() for name, cells in table.items()}
NAMES = [
    pytest.param(name, marks=pytest.mark.skipif(sys.version_info < since, reason=f"needs Python {since[0]}.{since[1]}"))
    for since, table in NEWER.items()
    for name in table
]
