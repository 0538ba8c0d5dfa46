"""Models of keras go on as they were: weights, optimizer, what they share; tensors and functions of TensorFlow."""

# ruff: noqa: E501, ISC004 - cells in a table

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.codec.travelling import Attach, ran, sessions, travel

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
tf: Any = pytest.importorskip("tensorflow")
keras: Any = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow's own
START = "import numpy as np, tensorflow as tf, keras; keras.utils.set_random_seed(0); x = np.ones((8, 3), 'float32'); y = np.zeros((8, 1), 'float32')"


@pytest.fixture
def attach(tmp_path: Path) -> Iterator[Attach]:
    yield from sessions(tmp_path / "s")


CASES = {
    "weights": (
        "m = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)]); l = m.layers[0]; w = l.kernel; v = w.value", "w.assign(w * 2)",
        "l is m.layers[0], w is l.kernel, v is w.value, w.numpy().tolist(), w.path",
    ),
    "shared layers": (
        "i = keras.Input((3,)); d = keras.layers.Dense(2); a = keras.Model(i, d(i)); b = keras.Sequential([d])", "d.kernel.assign(d.kernel * 2)",
        "a.layers[1] is d, b.layers[0] is d, d.kernel.numpy().tolist(), a.input is i",
    ),
    "layer of the session": (
        "class L(keras.layers.Layer):\n    def __init__(self, k): super().__init__(); self.k = k\n"
        "    def build(self, s): self.w = self.add_weight(shape=(s[-1],), initializer='ones')\n    def call(self, x): return x * self.w * self.k\n"
        "l = L(3); l.build((1, 2)); q = [l]", "l.w.assign(l.w * 2); l.k = 5",
        "l.w.numpy().tolist(), l.k, q[0] is l, type(l) is L, len(l.weights)",
    ),
    "optimizer": (
        "o = keras.optimizers.Adam(.1); v = keras.Variable([1., 2.]); o.build([v]); o.apply([keras.ops.ones(2)], [v])", "o.apply([keras.ops.ones(2)], [v])",
        "int(o.iterations), [w.numpy().tolist() for w in o.variables], v.numpy().tolist()",
    ),
    "parts": (
        "s = keras.optimizers.schedules.ExponentialDecay(.1, 10, .5); o = keras.optimizers.SGD(s); i = keras.initializers.GlorotUniform(seed=1); g = keras.random.SeedGenerator(3); f = keras.losses.MeanSquaredError()",
        "keras.random.normal((1,), seed=g)", "float(s(5)), float(o.learning_rate), i((2, 2)).numpy().tolist(), g.state.numpy().tolist(), f.reduction",
    ),
    "metrics": (
        "a = keras.metrics.Mean(); a.update_state([1., 2.]); b = keras.metrics.AUC(); b.update_state([0, 1], [.2, .8])", "a.update_state(5.); b.update_state([1], [.1])",
        "float(a.result()), float(b.result())",
    ),
    "variables and tensors": (
        "v = tf.Variable([1., 2.], name='n'); l = [v]; c = tf.constant([[1, 2]]); s = tf.constant(b'x\\0'); h = tf.constant([1.], tf.bfloat16); r = tf.ragged.constant([[1], [2, 3]])", "v.assign_add([1., 1.])",
        "v.numpy().tolist(), l[0] is v, v.name, c.numpy().tolist(), s.numpy(), h.dtype.name, r.to_list()",
    ),
    "functions": ("k = tf.Variable(2.)\n@tf.function\ndef f(x):\n    return x * k\nr = f(tf.constant([1.])); fs = [f]", "k.assign(5.)", "f.python_function(tf.constant([1.])).numpy().tolist(), fs[0] is f, f.__name__"),
    "modules": (
        "class M(tf.Module):\n    def __init__(self): super().__init__(); self.w = tf.Variable([1.]); self.b = self.w\n    @tf.function\n    def __call__(self, x): return self.w * x\nm = M(); r = m(tf.constant([2.]))",
        "m.w.assign([7.])", "m.b is m.w, m(tf.constant([2.])).numpy().tolist(), len(m.variables)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_undo_and_resume(name: str, attach: Attach) -> None:
    travel(attach, START, CASES[name])


MODELS = {
    "sequential": "m = keras.Sequential([keras.layers.BatchNormalization(), keras.layers.Dense(4, activation='relu'), keras.layers.Dense(1)])",
    "functional": "i = keras.Input((3,)); h = keras.layers.Dropout(.5, seed=1)(keras.layers.Dense(4)(i)); m = keras.Model(i, keras.layers.Dense(1)(h + 1))",
    "of the session": "class M(keras.Model):\n    def __init__(self):\n        super().__init__(); self.d = keras.layers.Dense(2); self.e = keras.layers.Dense(1)\n    def call(self, x): return self.e(keras.ops.relu(self.d(x)))\nm = M()",
}  # fmt: skip
TRAIN = "losses = losses + m.fit(x, y, epochs=2, shuffle=False, verbose=0).history['loss']"


@pytest.mark.parametrize("name", MODELS)
def test_a_model_learns_on_as_one_that_never_travelled(name: str, attach: Attach) -> None:
    build = f"keras.utils.set_random_seed(7)\n{MODELS[name]}\nm.compile('adam', 'mse', metrics=['mae']); losses = []"
    twin: dict[str, Any] = {"__name__": "twin"}
    for code in (START, build, TRAIN, TRAIN):
        exec(code, twin)
    session = attach()
    for code in (START, build, TRAIN, TRAIN, "m = i = h = None"):
        ran(session, code)
    session.undo(2)
    ran(session, TRAIN)
    assert session.namespace["losses"] == pytest.approx(twin["losses"], rel=1e-6)
    session.undo()
    session.close()
    again = attach()
    again.resume()
    ran(again, TRAIN)
    assert again.namespace["losses"] == pytest.approx(twin["losses"], rel=1e-6)


def test_what_cannot_be_stored_is_said(attach: Attach) -> None:
    session = attach()
    ran(session, START)
    commit = ran(session, "d = tf.data.Dataset.range(5).map(lambda v: v * 2); it = iter(d); f = next(it)")
    assert set(commit.names.inexact) == {"d", "it"}
    commit = ran(session, "w = tf.Variable(1.)\nwith tf.GradientTape(persistent=True) as tape:\n    z = w * w")
    assert set(commit.names.inexact) == {"tape"}
