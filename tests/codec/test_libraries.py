"""Objects of libraries that plain pickling gets wrong, changed, or not back at all."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.codec.kernels import Kernel

ODD = '''
"""A library as they are."""

class Telling(list):
    """A list that tells its owner of every new item."""

    def __init__(self, items, owner):
        self.owner = owner
        super().__init__(items)

    def append(self, item):
        self.owner.append(item)
        super().append(item)

    def extend(self, items):
        for item in items:
            self.append(item)


class Counting(dict):
    def __init__(self):
        self.sets = 0

    def __setitem__(self, key, value):
        self.sets += 1
        super().__setitem__(key, value)


class Asking:
    """Looks everything up in what it wraps."""

    def __init__(self, wrapped):
        self.__dict__["wrapped"] = wrapped

    def __getattr__(self, name):
        return getattr(self.wrapped, name)

    def __setattr__(self, name, value):
        setattr(self.wrapped, name, value)


class Made:
    def __new__(cls, source):
        self = object.__new__(cls)
        self.source = source
        return self


def _found(name):
    return FOUND[name]


class _Base:
    def __reduce__(self):
        return _found, (self.name,)


def one_of_a_kind(name):
    """An instance of a class that no module knows by name."""
    def reduce(self):
        return _found, (self.name,)
    made = object.__new__(type("Single", (_Base,), {"__reduce__": reduce, "__module__": None}))
    made.name = name
    made.cache = lambda: None
    return made


FOUND = {"a": one_of_a_kind("a")}
'''


@pytest.fixture(autouse=True)
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    installed = tmp_path / "site-packages"  # what is not installed counts as the user's own
    installed.mkdir()
    (installed / "oddlib.py").write_text(ODD, encoding="utf-8")
    monkeypatch.syspath_prepend(str(installed))
    yield importlib.import_module("oddlib")
    del sys.modules["oddlib"]


CASES = {
    # what it needs, cell, change, expression
    "a list that does something with new items": (
        "", "import oddlib\nowner = []\nx = oddlib.Telling([1], owner)\nx.append(2)", "x.append(3)",
        "(list(x), owner, x.owner is owner, type(x).__name__)",
    ),
    "a dict that counts": ("", "import oddlib\nx = oddlib.Counting()\nx['a'] = 1", "x['b'] = 2", "(dict(x), x.sets)"),
    "a class that looks everything up": (
        "", "import oddlib\nx = oddlib.Asking([1])", "x.append(2)", "(list(x.wrapped), x.pop())",
    ),
    "a class that wants arguments": ("", "import oddlib\nx = oddlib.Made([1])", "x.source.append(2)", "x.source"),
    "an instance of a class that no module knows": (
        "", "import oddlib\nx = [oddlib.FOUND['a']]", "x.clear()", "x[0] is oddlib.FOUND['a']",
    ),
    "a class with traits": (
        "traitlets",
        ("import traitlets\nclass C(traitlets.HasTraits):\n    n = traitlets.Int(1)\n    many = traitlets.List()\n"
        "hits = []\nx = C(n=2)\nx.observe(lambda change: hits.append(change['new']), 'n')"),
        "x.n = 5; x.many = [1]",
        "(x.n, x.many, list(hits), setattr(x, 'n', 8), list(hits))",
    ),
    "values of a thread": (
        "",
        (
            "import threading\nclass Own(threading.local):\n    def __init__(self, n):\n        self.n = n\n"
            "x = Own(3)\nx.more = [1]\n"
            "def elsewhere():\n    found = []\n    thread = threading.Thread(target=lambda: found.append(x.n))\n"
            "    thread.start()\n    thread.join()\n    return found"
        ),
        "x.n = 5; x.more.append(2)",
        "(x.n, x.more, elsewhere())",
    ),
    "a TLS context": (
        "ssl", "import ssl\nx = ssl.create_default_context()\nx.minimum_version = ssl.TLSVersion.TLSv1_3",
        "x.check_hostname = False",
        "(x.check_hostname, x.verify_mode.name, x.minimum_version.name, len(x.get_ca_certs()))",
    ),
    "a figure of plotly and a trace in it": (
        "plotly.graph_objects", "import plotly.graph_objects as go\nx = go.Figure(go.Bar(y=[1, 2]))\nt = x.data[0]",
        "t.y = [3]",
        "(x.data[0] is t, t.y, list(x.to_dict()['layout']['template']['data']))",
    ),
    "a model of bokeh": (
        "bokeh.models",
        ("import bokeh.models as bm\nhits = []\nx = bm.ColumnDataSource({'a': [1]})\n"
        "x.on_change('data', lambda a, o, n: hits.append(1))"),
        "x.data['a'] = [2]",
        "(x.data['a'], x.data.__setitem__('a', [5]), len(hits), len({x.id, bm.Slider(start=0, end=1, value=0).id}))",
    ),
    "a widget": (
        "ipywidgets",
        ("import ipywidgets as w\nhits = []\nx = w.VBox([w.IntSlider(3)])\n"
        "x.children[0].observe(lambda c: hits.append(c['new']), 'value')"),
        "x.children[0].value = 9",
        "(x.children[0].value, setattr(x.children[0], 'value', 5), list(hits), x.comm is not None)",
    ),
    "a data set of lightgbm": (
        "lightgbm",
        (
            "import lightgbm as lgb, numpy as np\nq = {'verbosity': -1, 'num_threads': 1}\n"
            "a = np.arange(90.0).reshape(30, 3) % 7\n"
            "x = lgb.Dataset(a, label=a[:, 0], params=q, free_raw_data=False).construct()"
        ),
        "x.set_label(a[:, 1])",
        "(x.num_data(), x.get_label().tolist(), lgb.train(q, x, 2).predict(a).tolist())",
    ),
    "a data set of lightgbm without its raw data": (
        "lightgbm",
        (
            "import lightgbm as lgb, numpy as np\nq = {'verbosity': -1, 'num_threads': 1}\n"
            "a = np.arange(90.0).reshape(30, 3) % 7\n"
            "x = lgb.Dataset(a, label=a[:, 0], params=q).construct()"
        ),
        "x.set_label(a[:, 1])",
        "(x.num_data(), x.get_label().tolist(), lgb.train(q, x, 2).predict(a).tolist())",
    ),
    "a matrix of xgboost": (
        "xgboost",
        "import xgboost as xgb, numpy as np\na = np.arange(90.0).reshape(30, 3) % 7\nx = xgb.DMatrix(a, a[:, 0])",
        "x.set_label(a[:, 1])",
        "(x.num_row(), x.get_label().tolist(), xgb.train({'nthread': 1}, x, 2).predict(x).tolist())",
    ),
    "a drawing into an image, and its font": (
        "PIL.ImageDraw",
        (
            "from PIL import Image, ImageDraw, ImageFont\ni = Image.new('L', (20, 20))\nx = ImageDraw.Draw(i)\n"
            "f = ImageFont.load_default(10)"
        ),
        "x.line((0, 0, 9, 9), fill=255)",
        "(x.text((1, 1), 'a', fill=200, font=f), i.tobytes(), x._image is i, x.fontmode)",
    ),
    "drawings into what was the image": (
        "PIL.ImageDraw",
        (
            "from PIL import Image, ImageDraw\ni = Image.new('P', (20, 20)); i.putpalette(range(9))\n"
            "x = ImageDraw.Draw(i); y = ImageDraw.Draw(i); i.thumbnail((10, 10)); z = ImageDraw.Draw(i)"
        ),
        "x.rectangle((0, 0, 4, 4), fill=2); z.point((1, 1), fill=1)",
        (
            "(i.tobytes(), x._image is i, x.im is y.im, x.im is not i.im, z.im is i.im, x.im.size,"
            " x.im.getpixel((2, 2)), y.rectangle((0, 0, 9, 9), fill=1), x.im.getpixel((2, 2)), i.getpixel((3, 3)),"
            " x.palette is z.palette)"
        ),
    ),
    "a file of h5py in memory, and what is in it": (
        "h5py",
        (
            "import h5py\nx = h5py.File('m', 'w', driver='core', backing_store=False)\n"
            "x['g/a'] = [1, 2]\nd = x['g/a']; g = x['g']"
        ),
        "d[0] = 9; x['b'] = [3]",
        "(sorted(x), d[:].tolist(), d.file == x, g['a'] == d, d.__setitem__(1, 5), x['g/a'][:].tolist())",
    ),
    "parameters of lmfit that were in a fit": (
        "lmfit",
        (
            "import lmfit\nx = lmfit.Parameters()\nx.add('a', 1, min=0)\nx.add('b', 1)\nx.add('c', 1, min=0, max=2)\n"
            "set_up = [x[name].setup_bounds() for name in 'abc']; code = [p.from_internal.__code__ for p in x.values()]"
        ),
        "x['a'].max = 3\nx['a'].setup_bounds()\nx.pop('b')",
        "[(p.from_internal(2.5), p.from_internal.__code__ == c) for p, c in zip(x.values(), code)]",
    ),
    "symbols of lmfit in their order": (
        "lmfit",
        "import lmfit\nx = lmfit.Parameters()\nx.add('a', 1)\nx._asteval.symtable['k'] = 5\nx.add('b', expr='k * a')",
        "x.add('c', 1)",
        "(list(x._asteval.symtable), x['b'].value)",
    ),
    "parameters of lmfit": (
        "lmfit", "import lmfit\nx = lmfit.Parameters()\nx.add('a', 1)\nx.add('b', expr='2*a')", "x['a'].value = 3",
        "(x['a'].value, x['b'].value)",
    ),
    "a table of astropy and a column of it": (
        "astropy.table",
        "import astropy.table, astropy.units as u\nx = astropy.table.QTable({'a': [1, 2] * u.km})\nc = x['a']",
        "x['a'][0] = 5 * u.m",
        "(x['a'] is c, c.unit is u.km, c.value.tolist())",
    ),
    "a column of astropy, what is told of it, and a quantity": (
        "astropy.table",
        (
            "import astropy.table, astropy.units as u\n"
            "x = astropy.table.QTable({'a': [1, 2] * u.km, 'b': [1.0, 2.0]})\n"
            "x['b'].info.format = '%.3f'; i = x['b'].info; c = x['b']; str(x)"
        ),
        "x['b'].info.format = '%.1f'; x['b'].info.name = 'c'",
        "(i.name, i.format, c.info is i, i.parent_table is x, str(x).split(), sorted(i._format_funcs))",
    ),
    "a model of catboost": (
        "catboost",
        (
            "import catboost, numpy as np\na = np.arange(8.0).reshape(4, 2)\n"
            "x = catboost.CatBoostRegressor(iterations=2, verbose=0, allow_writing_files=False, thread_count=1)\n"
            "x.fit(a, a[:, 0]); x.note = [1]; note = x.note"
        ),
        "x.fit(a, a[:, 0] * 2, verbose=0); x.note.append(2)",
        "(x.n_features_in_, x.predict(a).tolist(), x.note is note, note, x.get_params(), x.tree_count_)",
    ),
    "a sorted dict, with the order in which its keys came": (
        "sortedcontainers",
        "import sortedcontainers\nx = sortedcontainers.SortedDict(b=1, a=2)",
        "x['c'] = x.pop('b')",
        "(list(x.items()), list(dict.keys(x)))",
    ),
    "what is sorted by a function that says something else by now": (
        "sortedcontainers",
        (
            "from sortedcontainers import *\nsign = 1\ndef key(v): return sign * v\n"
            "x = [SortedKeyList([3, 1], key), SortedSet([3, 1], key), SortedDict(key, {3: 1, 1: 2}), SortedList('ba')]"
        ),
        "sign = -1\nfor part in x[:2]:\n    part.clear(); part.update([3, 1, 2])\nx[2].clear(); x[3].add('c')",
        "(list(map(list, x)), [x[0].add(9), x[1].add(9), x[2].update({9: 9})], list(map(list, x)), x[3].index('b'))",
    ),
    "a curried function whose name has another now": (
        "toolz",
        "import toolz\n@toolz.curry\ndef add(a, b): return a + b\nx = add(1)",
        "@toolz.curry\ndef add(a, b): return 100\nx = add(2)",
        "(x(2), add(1, 1), type(x).__name__)",
    ),
    "what tries a function again, and what it has counted in this thread": (
        "tenacity",
        "import tenacity\n@tenacity.retry(stop=tenacity.stop_after_attempt(3))\ndef x(): return 1\nx()",
        "x.retry.statistics['attempt_number'] = 9",
        "(x(), x.retry.statistics['attempt_number'], x.retry.stop.max_attempt_number)",
    ),
    "a function of several types": (
        "multipledispatch",
        (
            "import multipledispatch\nx = multipledispatch.Dispatcher('size')\n"
            "@x.register(int)\ndef of_int(n): return n\nx(1)"
        ),
        "@x.register(str)\ndef of_str(n): return len(n)",
        "(x(2), x.__name__, len(x.funcs))",
    ),
    "key points, matches and settings of OpenCV": (
        "cv2",
        (
            "import cv2\nx = [cv2.KeyPoint(1, 2, 3, 4, 5, 6, 7), cv2.DMatch(1, 2, 3, 0.5)]\n"
            "x += [cv2.createCLAHE(3.0, (4, 4)), cv2.ORB_create(50), cv2.KalmanFilter(2, 1)]"
        ),
        (
            "x[0].octave = 9; x[1].distance = 2; x[2].setClipLimit(5.0); x[3].setMaxFeatures(7)\n"
            "x[4].statePost = x[4].statePre + 1"
        ),
        (
            "(x[0].pt, x[0].octave, x[0].class_id, x[1].distance, x[1].imgIdx, x[2].getClipLimit(),"
            " x[2].getTilesGridSize(), x[3].getMaxFeatures(), x[4].statePost.tolist(), x[4].gain.shape)"
        ),
    ),
    "parts of a text of spaCy": (
        "spacy",
        (
            "import spacy\nd = spacy.blank('en')('To be or not')\n"
            "x = [d, spacy.tokens.Span(d, 0, 2, label='A', kb_id='Q', span_id='i'), d[1], d.vocab['be']]"
        ),
        "x[0][0].tag_ = 'NN'; x[1] = d[2:4]; x[2] = d[3]",
        "(x[1].text, x[1].label_, x[1].kb_id_, x[1].id_, x[1].doc is x[0], x[2].text, x[2].i, x[3].text, x[0][0].tag_)",
    ),
    "a table of SQLAlchemy that was used": (
        "sqlalchemy",
        (
            "import sqlalchemy as sa\nm = sa.MetaData()\nx = sa.Table('t', m, sa.Column('a', sa.Integer))\n"
            "str(sa.select(x).where(x.c.a > 1))"
        ),
        "x.append_column(sa.Column('b', sa.String))",
        "(str(sa.select(x)), str((x.c.a + 1).type), m.tables['t'] is x)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_comes_back_and_can_be_used(name: str) -> None:
    needs, code, change, expression = CASES[name]
    if needs:
        pytest.importorskip(needs)
    untouched = eval(expression, Kernel(code).namespace)
    kernel = Kernel(code)
    record = kernel.stored()
    kernel.run(change)
    kernel.restore(record)
    assert eval(expression, kernel.namespace) == untouched


def test_looking_at_a_library_changes_nothing_in_it() -> None:
    lmfit = pytest.importorskip("lmfit")
    kernel = Kernel("import lmfit\nx = lmfit.Parameters()\nx.add('a', 1.0)\nx.add('b', expr='2*a')\nx['a'].value = 3.0")
    assert isinstance(kernel.namespace["x"], lmfit.Parameters)
    before = kernel.namespace["x"]["b"]._val
    kernel.stored()
    assert kernel.namespace["x"]["b"]._val == before


def test_a_function_that_a_library_has_curried_is_no_definition_of_the_session() -> None:
    pytest.importorskip("dask.array")
    kernel = Kernel("import dask.array as da\nx = da.ones((4, 4), chunks=2)")
    captured = kernel.capture("x")
    assert not captured.references
    captured.release()
