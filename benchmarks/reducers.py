"""What a reducer costs: writing and reading one value of each library, as a multiple of what plain pickle takes.

    python benchmarks/reducers.py [--python INTERPRETER] [NAME …]

Every value has a process of its own, in which both are timed in turn, the best of seven in processor time with the
garbage collector off: a capture of the value (all bytes that a commit would store, before they are compared or
compressed) beside ``pickle.dumps(value, 5)``, and loading it beside ``pickle.loads``. A value that plain pickle refuses
is timed alone.
The last column says what a plain pickle of the value gives, compared as graphs. Where writing or reading takes more than
1.1 times as long as pickle, it also says what that buys: something that is true of a small value of the same kind, still
is when it has been written and read, and is not when it comes out of a plain pickle. That is tried out in each run.

Values of libraries that the interpreter does not have are left out; ``make compat`` makes environments that have them.
"""

from __future__ import annotations

import argparse
import gc
import json
import pickle
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

VALUES: dict[str, str] = {
    "dicts in a list": "value = [{'id': i, 'name': f'n{i}', 'tags': [i, i + 1]} for i in range(100_000)]",
    "numpy, 64 MB": "import numpy as np; value = np.random.rand(8_000_000)",
    "numpy, views": "import numpy as np; a = np.random.rand(4_000_000); value = [a, a[::2], a[100:], a.reshape(2000, -1).T]",
    "numpy, objects": "import numpy as np; value = np.array([f't{i}' for i in range(200_000)], dtype=object)",
    "numpy, many small": "import numpy as np; value = [np.arange(4) for _ in range(20_000)]",
    "pandas, mixed": "import pandas as pd, numpy as np; n = 500_000; value = pd.DataFrame({'a': np.arange(n), 'b': np.random.rand(n),"
    " 'c': pd.Categorical(np.array(['x', 'y'])[np.arange(n) % 2]), 'd': pd.date_range('2020', periods=n, freq='s')})",
    "pandas, strings": "import pandas as pd; value = pd.DataFrame({'s': [f'text {i}' for i in range(200_000)]})",
    "pandas, small frames": "import pandas as pd; value = [pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']}) for _ in range(300)]",
    "polars": "import polars as pl; value = pl.DataFrame({'a': range(500_000), 's': [f't{i}' for i in range(500_000)]})",
    "pyarrow": "import pyarrow as pa; value = pa.table({'a': list(range(500_000)), 's': [f't{i}' for i in range(500_000)]})",
    "scipy, sparse": "import scipy.sparse as sp; value = sp.random(20_000, 20_000, 0.005, format='csr', random_state=0)",
    "xarray": "import xarray as xr, numpy as np; value = xr.Dataset({'v': (('x', 'y'), np.random.rand(1000, 2000))})",
    "sklearn, forest": "import numpy as np; from sklearn.ensemble import RandomForestClassifier as R; x = np.random.rand(2000, 10);"
    " value = R(50, random_state=0).fit(x, x[:, 0] > 0.5)",
    "sklearn, pipeline": "import numpy as np; from sklearn.pipeline import make_pipeline; from sklearn.preprocessing import"
    " StandardScaler; from sklearn.linear_model import LogisticRegression as L; x = np.random.rand(2000, 10);"
    " value = make_pipeline(StandardScaler(), L()).fit(x, x[:, 0] > 0.5)",
    "xgboost": "import numpy as np, xgboost; x = np.random.rand(2000, 10); value = xgboost.XGBClassifier(n_estimators=100)"
    ".fit(x, x[:, 0] > 0.5)",
    "lightgbm": "import numpy as np, lightgbm; x = np.random.rand(2000, 10); value = lightgbm.LGBMClassifier(verbose=-1)"
    ".fit(x, x[:, 0] > 0.5)",
    "torch, model and optimizer": "import torch; m = torch.nn.Sequential(*[torch.nn.Linear(800, 800) for _ in range(8)]);"
    " o = torch.optim.Adam(m.parameters()); m(torch.rand(2, 800)).sum().backward(); o.step(); value = [m, o]",
    "torch, small tensors": "import torch; value = [torch.rand(4) for _ in range(5_000)]",
    "jax": "import jax.numpy as jnp; value = {f'w{i}': jnp.ones((500, 500)) for i in range(20)}",
    "tensorflow": "import tensorflow as tf; value = [tf.Variable(tf.random.normal((500, 500))) for _ in range(20)]",
    "keras": "import keras; value = keras.Sequential([keras.Input((300,)), *[keras.layers.Dense(600) for _ in range(6)]])",
    "networkx": "import networkx as nx; value = nx.gnm_random_graph(20_000, 60_000, seed=0)",
    "sympy": "import sympy as s; x, y = s.symbols('x y'); value = s.expand((x + y) ** 120)",
    "matplotlib": "import matplotlib; matplotlib.use('agg'); from matplotlib.figure import Figure; value = Figure();"
    " [a.plot(range(50)) for a in value.subplots(3, 3).flat]",
    "plotly": "import plotly.graph_objects as go; value = go.Figure([go.Scatter(y=list(range(20_000))) for _ in range(5)])",
    "bokeh": "from bokeh.plotting import figure; value = figure(); [value.line(list(range(2000)), list(range(2000))) for _ in range(5)]",
    "altair": "import altair as a, pandas as pd; value = a.Chart(pd.DataFrame({'x': range(20_000)})).mark_line().encode(x='x')",
    "pillow": "from PIL import Image; value = Image.new('RGB', (3000, 2000), 'red')",
    "statsmodels": "import numpy as np, statsmodels.api as sm; x = np.random.rand(5000, 5); value = sm.OLS(x[:, 0], x[:, 1:]).fit()",
    "spacy": "import spacy; n = spacy.blank('en'); value = [n, n('A cat sat on a mat. ' * 500)]",
    "gensim": "from gensim.models import Word2Vec; value = Word2Vec([['a', 'b', str(i)] for i in range(2000)], min_count=1)",
    "transformers": "import transformers as t; value = t.DistilBertModel(t.DistilBertConfig(dim=256, hidden_dim=512, n_layers=3, n_heads=4))",
    "pydantic": "from pydantic import create_model; M = create_model('M', a=(int, 0), b=(str, '')); globals()['M'] = M;"
    " value = [M(a=i, b=str(i)) for i in range(20_000)]",
    "instances": "class P:\n    def __init__(self, i): self.i, self.s = i, str(i)\nvalue = [P(i) for i in range(100_000)]",
    "dates": "import datetime as d; value = [d.datetime(2020, 1, 1) + d.timedelta(i) for i in range(200_000)]",
    "astropy": "import numpy as np; from astropy.table import QTable; import astropy.units as u; value = QTable({'a': np.random.rand(500_000) * u.m})",
    "h5py": "import h5py; value = h5py.File('x', 'w', driver='core', backing_store=False); value['a'] = list(range(100_000))",
    "duckdb": "import duckdb; value = duckdb.connect(); _ = value.execute('create table t as select range a from range(200000)')",
}
"""Name -> code that binds ``value``."""


class Gain(NamedTuple):
    """What a plain pickle loses.

    Attributes:
        what: in words.
        code: binds ``probe``.
        check: an expression that is true of the probe.
    """

    what: str
    code: str
    check: str


_NAN = Gain("one NaN stays one object", "n = float('nan'); probe = [n, n]", "probe[0] is probe[1]")
_DICTS = Gain(
    "an attribute dict that others hold stays theirs",
    "class Held: pass\np, q = Held(), Held(); p.x = 1; q.__dict__ = vars(p); probe = [p, q]",
    "vars(probe[0]) is vars(probe[1])",
)
_VIEWS = Gain(
    "views of an array stay views, read-only stays read-only",
    "import numpy as np; a = np.arange(8); v = a[::2]; v.flags.writeable = False; probe = [a, v]",
    "np.shares_memory(*probe) and not probe[1].flags.writeable",
)
_BLOCKS = Gain(
    "frames that share memory until one is written to still do not change each other",
    "import pandas as pd; f = pd.DataFrame({'a': ['x', 'y'], 'b': ['u', 'v']}); probe = [f, f['a']]",
    "[probe[1].__setitem__(0, 'z'), probe[0]['a'][0]][1] == 'x'",
)
_CALLBACKS = Gain(
    "callbacks of the user stay connected",
    "from matplotlib.figure import Figure; probe = Figure(); _ = probe.subplots().callbacks.connect('xlim_changed', print)",
    "any(p() is print for p in probe.axes[0].callbacks.callbacks['xlim_changed'].values())",
)
GAINS: dict[str, Gain] = {
    "instances": _DICTS,
    "numpy, views": _VIEWS,
    "numpy, many small": _VIEWS,
    "pandas, strings": _BLOCKS,
    "pandas, small frames": _BLOCKS,
    "matplotlib": _CALLBACKS,
    "sklearn, forest": _VIEWS,
    "sklearn, pipeline": _VIEWS,
    "statsmodels": _VIEWS,
}
"""Name of a value -> what its price buys; of all others what every value gets, `_NAN`."""

_TIMES = 7
_DEAR = 1.1
"""A price that is told: so many times what plain pickle takes."""


def best(*works: Callable[[], Any]) -> list[float]:
    """Seconds of processor time of the fastest of a few calls of each, in turn, the collector off."""
    spent: list[list[float]] = [[] for _ in works]
    gc.collect()
    gc.disable()
    try:
        for _ in range(_TIMES):
            for times, work in zip(spent, works, strict=True):
                began = time.process_time()
                work()
                times.append(time.process_time() - began)
    finally:
        gc.enable()
    return list(map(min, spent))


def measure(name: str) -> dict[str, Any] | None:
    """All figures of one value, seconds; None where its library is missing. Meant for a process of its own."""
    from timeslip.codec.capture import Encoder
    from timeslip.codec.definitions import Registry
    from timeslip.codec.proof import as_stored
    from timeslip.codec.resources import Resources
    from timeslip.codec.restore import Loader

    space = sys.modules["__main__"].__dict__
    try:
        exec(VALUES[name], space)
    except ImportError:
        return None
    value = space["value"]
    encoder = Encoder(space, Registry(), Resources(), [])
    nodes = [("value", value)]
    encoder.capture(nodes).release()

    def capture() -> None:
        encoder.capture(nodes).release()

    captured = encoder.capture(nodes)
    stored = as_stored(captured, len(encoder.seeds))
    captured.forget()  # between two captures of a session nothing is held of what they met

    def read() -> None:
        Loader(encoder, lambda _: None).load(stored)

    found: dict[str, Any] = {"size": captured.size}
    try:
        data = pickle.dumps(value, 5)
        plain = pickle.loads(data)
    except Exception as error:  # a library's own code
        (found["write"],), (found["read"],) = best(capture), best(read)
        found["plain"] = f"refused: {type(error).__name__}"
        return found
    found["write"], found["dump"] = best(capture, lambda: pickle.dumps(value, 5))
    found["read"], found["load"] = best(read, lambda: pickle.loads(data))
    found["plain"] = _compared(value, plain, space)
    gain = GAINS.get(name, _NAN)
    found["buys"] = gain.what if is_bought(gain, space) else "nothing that a plain pickle does not give"
    return found


def is_bought(gain: Gain, space: dict[str, Any]) -> bool:
    """Whether what *gain* says is so: true of a probe, and of what we give back, and not of what plain pickle gives."""
    from timeslip.codec.capture import Encoder
    from timeslip.codec.definitions import Registry
    from timeslip.codec.proof import as_stored
    from timeslip.codec.resources import Resources
    from timeslip.codec.restore import Loader

    exec(gain.code, space)
    probe = space["probe"]
    encoder = Encoder(space, Registry(), Resources(), [])
    stored = as_stored(encoder.capture([("probe", probe)]), len(encoder.seeds))
    found = []
    for value in (
        Loader(encoder, lambda _: None).load(stored)["probe"],
        pickle.loads(pickle.dumps(probe, 5)),
        probe,  # last, because the check may change it
    ):
        space["probe"] = value
        found.append(bool(eval(gain.check, space)))
    return found == [True, False, True]


def _compared(value: Any, plain: Any, space: dict[str, Any]) -> str:
    from timeslip.graphs.comparison import Comparison

    comparison = Comparison({"value": value}, {"value": plain}, (space, space), 1)
    comparison.names(())
    comparison.run()
    return "differs: " + comparison.differences[0][:90] if comparison.differences else "the same"


def row(name: str, found: dict[str, Any]) -> str:
    """One line of the table."""
    write, read = found["write"], found["read"]
    ratios, said = "", found["plain"]
    if "dump" in found:
        ratios = f"{write / found['dump']:7.2f} {read / found['load']:7.2f}"
        if max(write / found["dump"], read / found["load"]) > _DEAR:
            said += f"; buys: {found['buys']}"
    return f"{name:28}{found['size'] / 1e6:9.2f} {write * 1e3:10.2f} {read * 1e3:10.2f} {ratios:>15}  {said}"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", metavar="NAME", help="values; all of them unless told")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the libraries")
    parser.add_argument("--one", choices=VALUES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        warnings.simplefilter("ignore")
        print(json.dumps(measure(arguments.one)))
        return 0
    unknown = [name for name in arguments.names if name not in VALUES]
    if unknown:
        parser.error(f"there is no value '{unknown[0]}'; choose from {', '.join(VALUES)}")
    print(f"{'':28}{'MB':>9} {'write ms':>10} {'read ms':>10} {'x pickle':>7} {'x load':>7}  plain pickle")
    status = 0
    for name in arguments.names or VALUES:
        done = subprocess.run(
            [arguments.python, str(Path(__file__).resolve()), "--one", name],
            capture_output=True,
            text=True,
            check=False,
        )
        answer = done.stdout.strip().splitlines()[-1:] or [""]
        if done.returncode:
            status = 1
            print(f"{name:28} failed: {done.stderr.strip().splitlines()[-1:]}")
        elif answer != ["null"]:
            print(row(name, json.loads(answer[0])), flush=True)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
