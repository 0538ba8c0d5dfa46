"""Deep learning: what came back must predict the same, and go on training with the same next loss."""

from __future__ import annotations

from compat.case import Case, Family

TORCH_SETUP = """
import torch, torch.nn as nn, torch.nn.functional as F, torch.utils.data as data
torch.manual_seed(0); torch.set_num_threads(1)
inputs = torch.linspace(-1, 1, 12).reshape(4, 3)
wanted = inputs.sum(1, keepdim=True)
def step(model, optimizer):
    optimizer.zero_grad()
    loss = F.mse_loss(model(inputs), wanted)
    loss.backward()
    optimizer.step()
    return loss.item()
def small():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
"""

TORCH = (
    Case(
        "torch.Tensor",
        "x = torch.arange(6.0).reshape(2, 3)\nview = x[0]",
        "x[0, 0] = 9",
        "x @ x.T, view.sum()",
        ("80",),
    ),
    Case(
        "torch.nn.Sequential",
        "x = small()",
        "with torch.no_grad():\n    x[0].weight.mul_(2)",
        "x(inputs).detach().numpy()",
        ("81",),
    ),
    Case("torch.nn.functional", "x = F.softmax(torch.tensor([1.0, 2.0]), 0)", "x[0] = 3", "x.sum().item()", ("82",)),
    Case(
        "torch.optim.Optimizer",
        "model = small()\nx = torch.optim.Adam(model.parameters(), lr=0.1)\nstep(model, x)",
        "step(model, x)",
        "[step(model, x) for _ in range(3)]",
        ("83",),
    ),
    Case(
        "torch.utils.data.Subset",
        "base = data.TensorDataset(torch.arange(10))\nx = data.Subset(base, [1, 3])",
        "x.indices.append(5)",
        "[int(v[0]) for v in x]",
        ("84",),
    ),
    Case(
        "torch.Tensor (with a gradient)",
        "x = torch.ones(3, requires_grad=True)\n(x * 2).sum().backward()",
        "(x * 3).sum().backward()",
        "x.grad",
    ),
    Case(
        "torch.Tensor (result of a graph)",
        "w = torch.ones(3, requires_grad=True)\nx = w * 2",
        "x = w * 3",
        "x.detach().numpy()",
    ),
    Case(
        "torch.optim.SGD (momentum)",
        "model = small()\nx = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)\nstep(model, x)",
        "step(model, x)",
        "[step(model, x) for _ in range(3)]",
    ),
    Case(
        "torch.optim.lr_scheduler.StepLR",
        "model = small()\nopt = torch.optim.SGD(model.parameters(), 0.1)\nx = torch.optim.lr_scheduler.StepLR(opt, 2)\nstep(model, opt); x.step()",
        "step(model, opt); x.step()",
        "x.step(); x.get_last_lr(), x.optimizer is opt, step(model, opt)",
    ),
    Case(
        "torch.utils.data.DataLoader",
        "x = data.DataLoader(data.TensorDataset(torch.arange(6)), batch_size=2, shuffle=True, generator=torch.Generator().manual_seed(3))",
        "next(iter(x))",
        "[b[0].tolist() for b in x]",
    ),
    Case(
        "torch.utils.data.DataLoader.__iter__",
        "x = iter(data.DataLoader(data.TensorDataset(torch.arange(6)), batch_size=2))",
        "next(x)",
        "next(x)[0].tolist()",
    ),
    Case(
        "torch.Generator",
        "x = torch.Generator().manual_seed(5)",
        "torch.rand(2, generator=x)",
        "torch.rand(3, generator=x)",
    ),
    Case(
        "torch.nn.Module (own class, tied weights)",
        "class Tied(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a = nn.Linear(3, 3)\n        self.b = nn.Linear(3, 3)\n        self.b.weight = self.a.weight\n    def forward(self, v):\n        return self.b(torch.relu(self.a(v)))\ntorch.manual_seed(2)\nx = Tied()",
        "with torch.no_grad():\n    x.a.weight.add_(1)",
        "x.b.weight is x.a.weight, x(inputs).detach().numpy()",
    ),
    Case(
        "torch.nn.Module (with hooks)",
        "seen = []\nx = small()\nhandle = x[0].register_forward_hook(lambda m, i, o: seen.append(o.shape))",
        "x.eval()",
        "x(inputs); len(seen), x.training",
    ),
    Case(
        "torch.nn.LSTM",
        "torch.manual_seed(3)\nx = nn.LSTM(3, 4, batch_first=True)",
        "with torch.no_grad():\n    x.weight_ih_l0.mul_(2)",
        "x(inputs[None])[0].detach().numpy()",
    ),
    Case("torch.sparse (COO tensor)", "x = torch.eye(3).to_sparse()", "x = x * 2", "x.to_dense()"),
    Case(
        "torch.jit.ScriptModule",
        "x = torch.jit.trace(small(), inputs)",
        "with torch.no_grad():\n    next(x.parameters()).mul_(2)",
        "x(inputs).detach().numpy()",
    ),
    Case(
        "torch.distributions.Normal",
        "x = torch.distributions.Normal(torch.tensor(0.0), torch.tensor(1.0))",
        "x.loc.add_(1)",
        "x.log_prob(torch.tensor(0.5)).item()",
    ),
    Case(
        "torch.cuda.amp.GradScaler",
        "x = torch.amp.GradScaler('cpu')\nx.scale(torch.tensor(1.0))\nNone",
        "x._scale.mul_(2)\nNone",
        "x.get_scale()",
    ),
)

KERAS_SETUP = """
import os
os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
import numpy as np, tensorflow as tf, keras
inputs = np.linspace(-1, 1, 12).reshape(4, 3).astype('f4')
wanted = inputs.sum(1, keepdims=True)
def small():
    keras.utils.set_random_seed(1)
    made = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4, 'tanh'), keras.layers.Dense(1)])
    made.compile(optimizer=keras.optimizers.Adam(0.01), loss='mse')
    return made
"""

KERAS = (
    Case(
        "tensorflow.EagerTensor",
        "x = tf.constant([[1.0, 2.0]])",
        "x = x * 2",
        "tf.reduce_sum(x).numpy()",
        ("75",),
        dist="tensorflow-cpu",
    ),
    Case(
        "keras.Sequential",
        "x = small()",
        "x.layers[0].set_weights([w * 2 for w in x.layers[0].get_weights()])",
        "x(inputs).numpy()",
        ("76",),
    ),
    Case(
        "keras.Sequential (trained)",
        "x = small()\nx.train_on_batch(inputs, wanted)\nNone",
        "x.train_on_batch(inputs, wanted)\nNone",
        "[float(x.train_on_batch(inputs, wanted)) for _ in range(2)]",
        ("77",),
    ),
    Case(
        "keras.layers.Dense",
        "keras.utils.set_random_seed(1)\nx = keras.layers.Dense(2)\nx.build((None, 3))",
        "x.kernel.assign(x.kernel * 2)",
        "x(inputs).numpy()",
        ("139",),
    ),
    Case(
        "keras.initializers.RandomNormal",
        "x = keras.initializers.RandomNormal(seed=3)",
        "x.stddev = 0.5",
        "x((2,)).numpy()",
        ("140",),
    ),
    Case(
        "keras.initializers.RandomUniform",
        "x = keras.initializers.RandomUniform(seed=3)",
        "x.maxval = 0.5",
        "x((2,)).numpy()",
        ("141",),
    ),
    Case(
        "keras.optimizers.Adam",
        "model = small()\nmodel.train_on_batch(inputs, wanted)\nx = model.optimizer",
        "model.train_on_batch(inputs, wanted)\nNone",
        "[float(model.train_on_batch(inputs, wanted)) for _ in range(2)], int(x.iterations)",
        ("142",),
    ),
    Case(
        "keras.optimizers.schedules.ExponentialDecay",
        "x = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)",
        "x.decay_rate = 0.5",
        "float(x(20))",
        ("143",),
    ),
    Case(
        "tensorflow.Variable",
        "x = tf.Variable([1.0, 2.0])",
        "x.assign_add([1.0, 1.0])\nNone",
        "x.numpy()",
        dist="tensorflow-cpu",
    ),
    Case(
        "tensorflow.data.Dataset",
        "x = tf.data.Dataset.from_tensor_slices([1, 2, 3])",
        "x = x.batch(2)",
        "[v.numpy().tolist() for v in x]",
        dist="tensorflow-cpu",
    ),
    Case(
        "keras.Model (functional)",
        "keras.utils.set_random_seed(1)\ni = keras.Input((3,))\nx = keras.Model(i, keras.layers.Dense(2)(i))",
        "x.trainable = False",
        "x(inputs).numpy(), x.trainable",
    ),
    Case(
        "keras.callbacks.History",
        "x = small().fit(inputs, wanted, epochs=1, verbose=0)",
        "x.history['loss'].append(1.0)",
        "x.history['loss'][-1], x.epoch",
    ),
    Case(
        "tensorflow.function",
        "x = tf.function(lambda v: v + 1)\nx(tf.constant(1))",
        "x(tf.constant(1.0)); x.tag = 1",
        "x(tf.constant(2)).numpy(), x(tf.constant(2.0)).numpy(), getattr(x, 'tag', 0)",
        dist="tensorflow-cpu",
    ),
)

JAX_SETUP = "import jax, jax.numpy as jnp, numpy as np, optax, flax.linen as nn, equinox as eqx"

JAX = (
    Case("jax.Array", "x = jnp.arange(4.0)", "x = x.at[0].set(9)", "jnp.sum(x).item()", dist="jax"),
    Case(
        "jax.random.key",
        "x = jax.random.key(3)",
        "x = jax.random.split(x)[0]",
        "np.asarray(jax.random.normal(x, (2,)))",
        dist="jax",
    ),
    Case(
        "jax.jit",
        "x = jax.jit(lambda v: v * 2)\nx(1.0)\nNone",
        "x = jax.jit(lambda v: v * 3)",
        "float(x(2.0))",
        dist="jax",
    ),
    Case(
        "optax (state of an optimizer)",
        "opt = optax.adam(0.1)\nparams = {'w': jnp.ones(3)}\nx = opt.init(params)",
        "update, x = opt.update({'w': jnp.ones(3)}, x)",
        "np.asarray(opt.update({'w': jnp.ones(3)}, x)[0]['w'])",
        dist="optax",
    ),
    Case(
        "optax.GradientTransformation",
        "x = optax.sgd(0.1)",
        "x = optax.adam(0.1)",
        "np.asarray(x.update({'w': jnp.ones(2)}, x.init({'w': jnp.ones(2)}))[0]['w'])",
        dist="optax",
    ),
    Case(
        "flax.linen.Module",
        "x = nn.Dense(2)",
        "x = nn.Dense(3)",
        "x.init(jax.random.key(0), jnp.ones((1, 2)))['params']['kernel'].shape",
        dist="flax",
    ),
    Case(
        "equinox.Module",
        "x = eqx.nn.Linear(2, 2, key=jax.random.key(0))",
        "x = eqx.tree_at(lambda m: m.bias, x, jnp.ones(2))",
        "np.asarray(x(jnp.ones(2)))",
        dist="equinox",
    ),
)

FAMILIES = (
    Family("torch", "torch", TORCH_SETUP, TORCH, "full"),
    Family("keras", "keras", KERAS_SETUP, KERAS, "full"),
    Family("jax", "jax", JAX_SETUP, JAX, "full"),
)
