"""Classes and hashes that libraries keep in tables of their own: in a new process they are found again."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fidelity.recording import ROOT

PYDANTIC = """
import typing, pydantic
T = typing.TypeVar('T')
class Box(pydantic.BaseModel, typing.Generic[T]):
    item: T
IB = Box[int]
x = IB(item=3)
class Sub(Box[str]):
    n: int = 1
y = Sub(item='a')
"""
SYMPY = """
import sympy
a, b = sympy.symbols('a b')
f = sympy.Function('f')
x = f(a) + sympy.sin(a) * f(a, b)
y = {f(a): 1, x: 2}
hash(x)
"""
JAX = """
import jax
from jax.tree_util import GetAttrKey, register_pytree_with_keys, register_pytree_with_keys_class
class P:
    def __init__(self, a, b): self.a, self.b = a, b
def keys(p): return ((GetAttrKey('a'), p.a), (GetAttrKey('b'), p.b)), None
def un(_, parts): return P(*parts)
register_pytree_with_keys(P, keys, un)
@register_pytree_with_keys_class
class R(P):
    def tree_flatten_with_keys(self): return keys(self)
    @classmethod
    def tree_unflatten(cls, _, parts): return cls(*parts)
x = P(1, 2)
y = R(1, 2)
def paths(p): return [str(path) for path, _ in jax.tree_util.tree_flatten_with_path(p)[0]]
"""
CASES = {
    "pydantic": (
        PYDANTIC,
        "isinstance(x, Box[int]), type(x) is Box[int] is IB, isinstance(y, Box[str]), Box[str] in Sub.__mro__, x.item",
        "(True, True, True, True, 3)",
    ),
    "sympy": (
        SYMPY,
        "f(a) in x.atoms(sympy.Function), y[f(a)], y[f(a) + sympy.sin(a) * f(a, b)], x.subs(f(a), 0)",
        "(True, 1, 2, f(a, b)*sin(a))",
    ),
    "jax": (
        JAX,
        "paths(x), paths(y), type(jax.tree.map(lambda v: v, x)).__name__",
        repr((["(GetAttrKey(name='a'),)", "(GetAttrKey(name='b'),)"],) * 2 + ("P",)),
    ),
}
PROGRAM = """
import sys, warnings
from pathlib import Path
import timeslip
warnings.simplefilter('ignore')
namespace = vars(sys.modules['__main__'])
session = timeslip.attach(namespace, store=Path(sys.argv[1]), name='remade', min_free_bytes=0)
if len(sys.argv) > 3:
    error = session.run(sys.argv[3]).error
    assert error is None, error
else:
    result = session.resume()
    assert set(result.fidelity.values()) <= {'exact', 'rebuilt'}, result.notes
print(repr(eval(sys.argv[2], namespace)))
session.close()
"""


@pytest.mark.parametrize("library", CASES)
def test_new_process(library: str, tmp_path: Path) -> None:
    """What a cell made is in the tables that its library looks into, with the hashes of this process."""
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    cell, probe, wanted = CASES[library]
    places = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path])}
    for number, more in enumerate(([cell], [])):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "store"), probe, *more]
        env = {**places, "PYTHONHASHSEED": str(number + 1)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=env)
        assert done.stdout.strip() == wanted, done.stdout + done.stderr
