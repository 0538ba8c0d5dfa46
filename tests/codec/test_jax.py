"""Arrays, keys, trees and functions of jax, and what optax, flax and equinox make of them, come back."""

# ruff: noqa: E501, ISC004 - cells in a table

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.codec.travelling import Attach, ran, sessions, travel

jax: Any = pytest.importorskip("jax")
START = "import jax, jax.numpy as jnp, numpy as np"


@pytest.fixture
def attach(tmp_path: Path) -> Iterator[Attach]:
    yield from sessions(tmp_path / "s")


CASES = {
    "arrays": (
        "a = jnp.arange(6.).reshape(2, 3); b = a; l = [a, a[0]]; e = jnp.zeros((0, 3)); s = jnp.float32(3); k = jnp.ones(3, jnp.bfloat16)", "l.append(1)",
        "a.tolist(), b is a is l[0], e.shape, s.item(), str(s.dtype), str(k.dtype), k.tolist(), len(l)",
    ),
    "weak types": ("w = jnp.asarray(3.); h = w + jnp.bfloat16(1); t = [w]", "t.append(1)", "w.weak_type, str((w + jnp.bfloat16(1)).dtype), t[0] is w, len(t)"),
    "large": ("a = jnp.arange(100_000.); l = [a]", "l[0] = a + 1", "l[0].sum().item(), a.sum().item()"),
    "keys": (
        "k = jax.random.key(0); r = jax.random.PRNGKey(1); g = jax.random.key(3, impl='rbg')", "k, _ = jax.random.split(k)",
        "jax.random.normal(k, (2,)).tolist(), r.tolist(), str(k.dtype), str(jax.random.key_impl(g)), jax.random.key_data(g).tolist()",
    ),
    "places": (
        "d = jax.devices()[0]; a = jax.device_put(jnp.ones(4), d); m = jax.make_mesh((1,), ('x',)); n = jax.sharding.NamedSharding(m, jax.sharding.PartitionSpec('x')); b = jax.device_put(jnp.arange(4.), n); l = [1]", "l.append(a)",
        "d is jax.devices()[0], a.committed, b.tolist(), b.sharding == n, jnp.ones(1).committed, len(l)",
    ),
    "trees": (
        "p = {'w': jnp.ones(2), 'b': (jnp.zeros(2), None)}; d = jax.tree_util.tree_structure(p); f = jax.tree_util.Partial(jnp.add, 1)", "p['w'] *= 2",
        "p['w'].tolist(), d == jax.tree_util.tree_structure(p), f(jnp.ones(1)).tolist()",
    ),
    "functions": (
        "k = 2\n@jax.jit\ndef f(x):\n    return x * k\nfs = [f, jax.jit(lambda x, n: x * n, static_argnums=1), jax.grad(lambda x: (x ** 2).sum()), jnp.exp, jax.nn.relu, jnp.linalg.norm]", "fs.append(1)",
        "f.lower(jnp.ones(1)).compile()(jnp.ones(1)).tolist(), fs[0] is f, f.__name__, fs[1].lower(jnp.ones(1), 3).compile()(jnp.ones(1)).tolist(), fs[2](jnp.ones(2)).tolist(), fs[3] is jnp.exp, fs[4] is jax.nn.relu, fs[5] is jnp.linalg.norm, len(fs)",
    ),
    "own derivatives": (
        "@jax.custom_vjp\ndef f(x):\n    return x * 2\nf.defvjp(lambda x: (f(x), None), lambda r, g: (g * 7,)); l = [f]", "l.append(1)",
        "f(1.), jax.grad(f)(1.).item(), l[0] is f, len(l)",
    ),
    "deleted": ("a = jnp.ones(3); a.delete(); l = [a]", "l.append(1)", "a.is_deleted(), a.shape, l[0] is a, len(l)"),
    "types of others": ("d = np.dtype(jnp.bfloat16); n = np.ones(3, d); f = jnp.finfo(d); l = [d, n]", "n[0] = 5; f = None", "l[0] is np.dtype(jnp.bfloat16), n.tolist(), n.dtype is d, str(f and f.max)"),
}  # fmt: skip

OTHERS = {
    "optax": (
        "import optax; params = {'w': jnp.ones(3)}; tx = optax.chain(optax.clip(1.), optax.adam(.1)); st = tx.init(params)\n"
        "def step(params, st):\n    g = jax.grad(lambda p: (p['w'] ** 2).sum())(params); u, st = tx.update(g, st, params); return optax.apply_updates(params, u), st",
        "params, st = step(params, st)", "step(params, st)[0]['w'].tolist(), params['w'].tolist(), st[1][0].count.item()",
    ),
    "flax": (
        "from flax import nnx; import optax; m = nnx.Linear(2, 3, rngs=nnx.Rngs(0)); s = nnx.Sequential(m, nnx.relu); o = nnx.Optimizer(m, optax.adam(.1), wrt=nnx.Param)\n"
        "def loss(m):\n    return (m(jnp.ones((1, 2))) ** 2).sum()",
        "o.update(m, nnx.grad(loss)(m))", "loss(m).item(), s.layers[0] is m, s(jnp.ones((1, 2))).tolist(), o.step.get_value().item()",
    ),
    "equinox": (
        "import equinox as eqx\nclass E(eqx.Module):\n    w: jax.Array\n    n: int = eqx.field(static=True)\n    def __call__(self, x): return self.w * x + self.n\n"
        "e = E(jnp.ones(2), 3); l = [e]; f = eqx.filter_jit(lambda m, x: m(x))", "e = eqx.tree_at(lambda m: m.w, e, jnp.zeros(2))",
        "e(2.).tolist(), f.lower(e, 2.).compile()(e, 2.).tolist(), jax.tree.map(lambda v: v * 2, e).w.tolist(), l[0] is e",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_undo_and_resume(name: str, attach: Attach) -> None:
    travel(attach, START, CASES[name])


@pytest.mark.filterwarnings("ignore")  # theirs
@pytest.mark.parametrize("name", OTHERS)
def test_libraries_on_top(name: str, attach: Attach) -> None:
    pytest.importorskip(name)
    travel(attach, START, OTHERS[name])


def test_numbers_of_64_bits_come_back_where_jax_does_not_use_them(attach: Attach) -> None:
    session = attach()
    ran(session, START)
    ran(session, "jax.config.update('jax_enable_x64', True); a = jnp.ones(2)")
    ran(session, "jax.config.update('jax_enable_x64', False); a = None")
    session.undo()
    jax.config.update("jax_enable_x64", False)
    assert str(session.namespace["a"].dtype) == "float64"


def test_a_trial_waits_for_no_thread_that_a_copy_of_the_process_does_not_have(attach: Attach) -> None:
    pytest.importorskip("optax")
    session = attach()
    ran(session, START + ", optax")
    ran(session, "a = jnp.ones((1500, 1500)); a = a @ a @ a @ a; st = [optax.adam(.1).init({'a': a})]")
    ran(session, "st.append(1)")
    prover = session._live.prover
    prover.collect(15)
    assert not prover._running
    session.undo()
    assert session.namespace["st"][0][0].mu["a"].shape == (1500, 1500)


_ATTACH = """
import sys, timeslip
session = timeslip.attach({"__name__": "__main__"}, store=sys.argv[1], name="x", min_free_bytes=0)
def ran(code):
    result = session.run(code)
    assert result.error is None, result.error
"""
_MAKE = """
ran("import jax, jax.numpy as jnp; from dataclasses import dataclass")
ran('''
@jax.tree_util.register_pytree_node_class
class P:
    def __init__(self, x): self.x = x
    def tree_flatten(self): return (self.x,), None
    @classmethod
    def tree_unflatten(cls, aux, parts): return cls(*parts)
p = P(jnp.ones(2)); d = jax.tree_util.tree_structure(p)
@jax.tree_util.register_dataclass
@dataclass
class D:
    a: object
q = D(jnp.ones(1))
''')
session.close()
"""
_ASK = """
session.resume()
ran("assert jax.tree.map(lambda v: v * 2, p).x.tolist() == [2, 2]; assert d == jax.tree_util.tree_structure(p)")
ran("assert jax.tree_util.keystr(jax.tree_util.tree_leaves_with_path(q)[0][0]) == '.a'")
session.close()
"""


def test_classes_are_trees_in_another_process_too(tmp_path: Path) -> None:
    for code in (_MAKE, _ASK):
        text = f"import sys; sys.path[:] = {sys.path!r}\n{_ATTACH}{code}"
        command = [sys.executable, "-c", text, str(tmp_path / "s")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
