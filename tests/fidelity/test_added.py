"""Attributes that users set on objects of libraries come back with them, whoever stores the objects."""

from __future__ import annotations

import contextlib
import importlib.util
import io
from pathlib import Path
from typing import Any

import pytest
from tests.fidelity.recording import attach, fresh, in_another_process

pytestmark = pytest.mark.filterwarnings("ignore")

FONT = "os.path.join(os.path.dirname(matplotlib.__file__), 'mpl-data/fonts/ttf/DejaVuSans.ttf')"
KINDS = {
    "logging": "import logging\nx = logging.getLogger('added.plain')",
    "logging, own class": (
        "import logging\nclass L(logging.Logger):\n    __slots__ = ('more',)\nlogging.setLoggerClass(L)\n"
        "x = logging.getLogger('added.own'); logging.setLoggerClass(logging.Logger); x.more = 1"
    ),
    "ctypes, text": "import ctypes\nx = ctypes.c_char_p(b'a')",
    "ctypes, pointer": "import ctypes\nx = ctypes.pointer(ctypes.c_int(1))",
    "ctypes, array": "import ctypes\nx = (ctypes.c_int * 2)(1, 2)",
    "numpy, memmap": "import numpy as np\nnp.zeros(4).tofile('f.bin')\nx = np.memmap('f.bin', 'f8', 'r+')",
    "numpy, private memmap": "import numpy as np\nnp.zeros(4).tofile('f.bin')\nx = np.memmap('f.bin', 'f8', 'c')",
    "pandas, Index": "import pandas as pd\nx = pd.Index([1, 2]); x.get_loc(1)",
    "pandas, MultiIndex": "import pandas as pd\nx = pd.MultiIndex.from_tuples([(1, 2)]); x.get_loc((1, 2))",
    "polars, DataFrame": "import polars as pl\nx = pl.DataFrame({'a': [1]})",
    "polars, Series": "import polars as pl\nx = pl.Series('a', [1])",
    "polars, objects": "import polars as pl\nx = pl.Series('a', [1], dtype=pl.Object)",
    "polars, Expr": "import polars as pl\nx = pl.col('a') + 1",
    "polars, LazyFrame": "import polars as pl\nx = pl.DataFrame({'a': [1]}).lazy()",
    "lmfit, Parameter": "import lmfit\nx = lmfit.Parameter('a', 1)",
    "lmfit, Parameters": "import lmfit\nx = lmfit.Parameters(); x.add('a', 1)",
    "PIL": f"import PIL.ImageFont, matplotlib, os\nx = PIL.ImageFont.truetype({FONT}, 10)",
    "traitlets": "import traitlets\nclass A(traitlets.HasTraits):\n    __slots__ = ('note',)\nx = A(); x.note = 0",
    "numba": "import numba\nx = numba.njit(lambda v: v)",
    "torch": "import torch\nx = torch.jit.script(torch.nn.Linear(1, 1))",
    "torch, traced": "import torch\nx = torch.jit.trace(torch.nn.Linear(1, 1), torch.ones(1))",
    "tensorflow, Variable": "import tensorflow as tf\nx = tf.Variable(1.)",
    "tensorflow, tensor": "import tensorflow as tf\nx = tf.constant(1.)",
    "tensorflow, function": "import tensorflow as tf\nx = tf.function(lambda x: x, experimental_implements='a')",
}
PROBE = "(getattr(x, 'note', 0) or 0, y is x, z is getattr(x, 'note', 0))"


@pytest.mark.parametrize("kind", KINDS)
def test_attributes(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting one is a change, also by undo, redo and a new process; what it holds is shared again."""
    library = kind.partition(",")[0]
    if importlib.util.find_spec(library) is None or (library == "PIL" and not importlib.util.find_spec("matplotlib")):
        pytest.skip(f"{library} is not installed")
    monkeypatch.chdir(tmp_path)
    namespace = fresh()
    session = attach(tmp_path, namespace, "added")
    cells = [KINDS[kind] + "; y = x; z = None", "x.note = z = [1]", "x.note = [2]", "held = 1"]
    try:
        commits = []
        for cell in cells:
            with contextlib.redirect_stdout(io.StringIO()):
                result = session.run(cell)
            assert result.error is None, result.error
            commits.append(str(result.commit.id))
        told = ["(0, True, False)", "([1], True, True)", "([2], True, False)", "([2], True, False)"]
        for wanted in reversed(told[:-1]):
            session.undo()
            assert repr(eval(PROBE, namespace)) == wanted
        for wanted in told[1:]:
            session.redo()
            assert repr(eval(PROBE, namespace)) == wanted
    finally:
        session.close()
    job = {"directory": str(tmp_path), "files": [], "session": "added", "name": "x", "commits": commits}
    [found] = in_another_process([job | {"probe": PROBE}])
    assert [answer.told for answer in found] == told[::-1]


def ran(session: Any, *cells: str) -> None:
    """Run cells that have to succeed."""
    for cell in cells:
        result = session.run(cell)
        assert result.error is None, result.error


def test_functions_in_expressions(tmp_path: Path) -> None:
    """polars writes copies of functions: an expression and a lazy frame use that of the session."""
    pytest.importorskip("polars")
    namespace = fresh()
    session = attach(tmp_path, namespace, "added")
    probe = "(df.select(e)['a'].to_list(), (df.select(e + 1))['a'].to_list(), lf.collect()['a'].to_list())"
    try:
        ran(
            session,
            "import polars as pl\nk = 3\ndef g(x): return x * k\ndf = pl.DataFrame({'a': [1]})\n"
            "e = pl.col('a').map_elements(g, return_dtype=pl.Int64)\nlf = df.lazy().map_batches(lambda d: d * k)",
            "e.note = lf.note = 1",
        )
        session.undo()
        ran(session, "k = 5")
        assert repr(eval(probe, namespace)) == "([5], [6], [5])"
        commit = str(session.run("x = e.note = lf.note = 2").commit.id)
    finally:
        session.close()
    job = {"directory": str(tmp_path), "files": [], "session": "added", "name": "e", "commits": [commit]}
    [[last]] = in_another_process([job | {"probe": f"exec('k = 7') or {probe}"}])
    assert (last.told, last.fidelity) == ("([7], [8], [7])", "exact")


def test_handlers_of_the_session(tmp_path: Path) -> None:
    """A logger keeps a handler whose class was made in a cell, and it is the one that has a name."""
    session = attach(tmp_path, namespace := fresh(), "added")
    probe = "([type(h).__name__ for h in x.handlers], h in x.handlers)"
    try:
        ran(session, "import logging\nout = []\nx = logging.getLogger('added.handled')")
        ran(session, "class H(logging.Handler):\n    def emit(self, r): out.append(r.getMessage())\nh = H()")
        ran(session, "x.addHandler(h)")
        commit = str(session.run("x.warning('a')").commit.id)
        session.undo()
        session.undo()
        assert namespace["x"].handlers == []
        session.redo()
        session.redo()
        assert repr(eval(probe, namespace)) == "(['H'], True)"
    finally:
        session.close()
        namespace["x"].handlers.clear()
    job = {"directory": str(tmp_path), "files": [], "session": "added", "name": "x", "commits": [commit]}
    [[last]] = in_another_process([job | {"probe": f"x.warning('b') or ({probe}, out)"}])
    assert (last.told, last.fidelity) == ("((['H'], True), ['a', 'b'])", "rebuilt")


def test_a_booster_that_is_still_trained(tmp_path: Path) -> None:
    """lightgbm: that its training is lost is said when the commit is made."""
    pytest.importorskip("lightgbm")
    session = attach(tmp_path, fresh(), "added")
    train = (
        "import lightgbm, numpy as np\ndata = lightgbm.Dataset(np.arange(200.).reshape(100, 2), np.arange(100.))\n"
        "x = lightgbm.train({'verbosity': -1}, data, 2, keep_training_booster=%s)"
    )
    try:
        assert "cannot be trained on" in session.run(train % True).commit.names.inexact["x"]
        assert "trained" not in session.run(train % False).commit.names.inexact.get("x", "")
    finally:
        session.close()
