"""A table of cells and what analysis must find in them."""

from __future__ import annotations

import builtins

import pytest

from timeslip.state.reach import CodeFacts, facts_of_code, facts_of_source

BUILTINS = set(dir(builtins))


def magic(name: str, line: str = "") -> str:
    return f"get_ipython().run_line_magic({name!r}, {line!r})"


def cell(name: str, line: str, body: str) -> str:
    return f"get_ipython().run_cell_magic({name!r}, {line!r}, {body!r})\n"


# source, names read, names bound, names deleted
NAMES = [
    ("", "", "", ""),
    ("x = 1", "", "x", ""),
    ("x = y", "y", "x", ""),
    ("x += y", "x y", "x", ""),
    ("x: int = y", "y", "x", ""),
    ("a, (b, *c) = d", "d", "a b c", ""),
    ("a[b] = c", "a b c", "", ""),
    ("a.b = c", "a c", "", ""),
    ("del x", "", "", "x"),
    ("del x[0]", "x", "", ""),
    ("del x.y", "x", "", ""),
    ("import os", "", "os", ""),
    ("import a.b", "", "a", ""),
    ("import a.b as c", "", "c", ""),
    ("from a import b as c, d", "", "c d", ""),
    ("for i in x: y = i", "i x", "i y", ""),
    ("while x: y = 1", "x", "y", ""),
    ("with a as b: c", "a c", "b", ""),
    ("try:\n    a\nexcept B as e:\n    c", "a B c", "e", "e"),
    ("if (n := f(x)) > 1: pass", "f x", "n", ""),
    ("[i for i in x if y]", "x y", "", ""),
    ("[j for i in x for j in i]", "x", "", ""),
    ("{k: v for k, v in z}", "z", "", ""),
    ("g = (i + k for i in x)", "k x", "g", ""),
    ("[(last := i) for i in x]", "x", "last", ""),
    ("lambda a: a + b", "b", "", ""),
    ("def f(a=b, *c, d=e): return a + g", "b e g", "f", ""),
    ("def f():\n    global q\n    q = 1", "", "f q", ""),
    ("def f():\n    global q\n    del q", "", "f", "q"),
    ("def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = y", "y", "f", ""),
    ("async def f():\n    await g()", "g", "f", ""),
    ("await f(x)", "f x", "", ""),
    ("async with a as b: pass", "a", "b", ""),
    ("class A(B):\n    x = y\n    def m(self): return z", "B y z", "A", ""),
    ("class A:\n    global g\n    g = 1", "", "A g", ""),
    ("@deco\ndef f(): pass", "deco", "f", ""),
    ("f'{x} {y!r:>{z}}'", "x y z", "", ""),
    ("x if y else z", "x y z", "", ""),
    ("x.append(1)", "x", "", ""),
    ("print(len(x))", "x", "", ""),
    ("match x:\n    case [a, *b]: c\n    case {'k': d, **e}: pass", "x c", "a b d e", ""),
    ("match x:\n    case P(q=v) if v: pass", "P v x", "v", ""),
    ("global x\nx = 1", "", "x", ""),
    ("df.query('a > @limit')", "df limit", "", ""),
    ("smf.ols('y ~ np.log(w)', data=d)", "smf y np log w d", "", ""),
    (magic("time", "x = f(y)"), "f y", "x", ""),
    (cell("time", "", "x = f(y)\nz = x\n"), "f x y", "x z", ""),
    (cell("timeit", "-n 1 -r 1", "x = f(y)\n"), "f y", "", ""),
    (magic("timeit", "-n10 x = f(y)"), "f y", "", ""),
    ("r = " + magic("timeit", "-o f(y)"), "f y", "r", ""),
    (cell("capture", "out", "x = y\n"), "y", "out x", ""),
    (cell("capture", "--no-stderr out", "x = y\n"), "y", "out x", ""),
    (magic("prun", "-l 5 x = f()"), "f", "x", ""),
    (cell("prun", "-r", "x = f()\n"), "f", "x", ""),
    (cell("time", "", cell("timeit", "", "g(y)")), "g y", "", ""),
    (magic("matplotlib", "inline"), "", "", ""),
    (magic("load_ext", "autoreload"), "", "", ""),
    (magic("who"), "", "", ""),
    (magic("precision", "3"), "", "", ""),
    (magic("config", "InlineBackend.figure_format = 'svg'"), "", "", ""),
    ("get_ipython().system('ls {folder}/$name')", "folder name", "", ""),
    ("files = get_ipython().getoutput('ls')", "", "files", ""),
    (cell("bash", "--out result", "ls\n"), "", "result", ""),
    ("def f(:", "", "", ""),
]


@pytest.mark.parametrize(("source", "reads", "binds", "deletes"), NAMES)
def test_names(source: str, reads: str, binds: str, deletes: str) -> None:
    facts = facts_of_source(source)
    wanted = set(reads.split())
    # A name bound by the cell may count as read as well; nothing else may be added, nothing left out.
    assert wanted <= facts.reads <= wanted | facts.binds | BUILTINS | {"__annotations__"}
    assert facts.binds - {"__annotations__"} == set(binds.split())
    assert facts.deletes == set(deletes.split())
    assert not facts.dynamic


DYNAMIC = [
    "exec('x = 1')",
    "eval(s)",
    "compile(s, '', 'exec')",
    "globals()['x'] = 1",
    "locals()['x'] = 1",
    "vars()['x'] = 1",
    "run = exec",
    "f(globals)",
    "__import__('os')",
    "import sys\nsys.modules['__main__'].x = 1",
    "import __main__\n__main__.x = 1",
    "import inspect\ninspect.currentframe().f_globals",
    "f.__globals__['x'] = 1",
    "import gc\ngc.get_objects()",
    "import ctypes\nctypes.memset(a, 0, 8)",
    "from math import *",
    "import pickle\npickle.load(f)",
    "from pickle import loads\nloads(b)",
    "import importlib\nimportlib.reload(m)",
    "pd.read_pickle('a')",
    "ip = get_ipython()",
    "get_ipython().user_ns['x'] = 1",
    "get_ipython().push({'x': 1})",
    "get_ipython().run_cell('x = 1')",
    magic("run", "-i a.py"),
    magic("run", "a.py"),
    magic("something_unknown", "x"),
    cell("cython", "", "def f(): pass"),
    magic("store", "-r"),
    "f(setattr)",
    "import sys\nsys._getframe(0)",
    "e.__traceback__.tb_frame",
    "def f():\n    exec('x = 1')",
    "f = lambda: globals()",
    "class A:\n    def m(self):\n        return eval('x')",
    "df.query(text)",
    "import timeit\ntimeit.timeit('f()')",
    "import sys as s\ns.modules",
    "breakpoint()",
    "object.__subclasses__()",
    cell("time", "", "exec('x')"),
    "import ctypes as c\nf(c)",
    "import builtins\nbuiltins.exec('x')",
    "def f():\n    import pickle as p\n    return p.loads(b)",
]


@pytest.mark.parametrize("source", DYNAMIC)
def test_dynamic(source: str) -> None:
    assert facts_of_source(source).dynamic


OUTSIDE = [
    "open('a')",
    "open('a', 'w').write('x')",
    "df.to_csv('a')",
    "df = pd.read_csv('a')",
    "plt.savefig('a.png')",
    "fig.savefig('a')",
    "import requests\nrequests.get(u)",
    "import requests as r\nr.get(u)",
    "import subprocess\nsubprocess.run(['ls'])",
    "from subprocess import run\nrun(['ls'])",
    "import os\nos.remove('a')",
    "import os as o\no.remove('a')",
    "import shutil\nshutil.copy(a, b)",
    "import sqlite3\nsqlite3.connect('a.db')",
    "get_ipython().system('ls')",
    "x = get_ipython().getoutput('ls')",
    cell("bash", "", "ls"),
    cell("writefile", "a.py", "x"),
    magic("pip", "install x"),
    magic("cd", "a"),
    magic("pwd"),
    "import time\ntime.time()",
    "import time\ntime.sleep(1)",
    "from time import perf_counter as clock\nt = clock()",
    "from datetime import datetime\ndatetime.now()",
    "import datetime\ndatetime.datetime.now()",
    "pd.Timestamp.now()",
    "import uuid\nuuid.uuid4()",
    "import secrets\nsecrets.token_hex()",
    "import os\nos.urandom(8)",
    "input('name')",
    "exit()",
    "import sys\nsys.exit()",
    "import os\nos.environ['A'] = '1'",
    "os.getcwd()",
    "os.path.exists(p)",
    "p.exists()",
    "p.read_text()",
    "p.write_text('x')",
    "p.mkdir()",
    "import json\njson.dump(x, f)",
    "np.load('a.npy')",
    "np.save('a', x)",
    "np.loadtxt('a')",
    "joblib.dump(m, 'a')",
    "rng = np.random.default_rng()",
    "np.random.seed()",
    "import ipywidgets",
    "import ipywidgets as w\nw.IntSlider()",
    "interact = widgets.interact(f)",
    "from sklearn.datasets import fetch_openml\nfetch_openml('x')",
    "sns.load_dataset('tips')",
    "from urllib.request import urlopen\nurlopen(u)",
    "import socket\nsocket.socket()",
    "conn.execute('q')",
    "import multiprocessing as mp\nmp.Pool()",
    "os.system('ls')",
    "import tempfile\ntempfile.mkdtemp()",
    "import glob\nglob.glob('*')",
    "def f():\n    return open('a')",
    "def f():\n    import os\n    os.remove('a')",
    "class A:\n    def m(self): self.x.to_csv('a')",
    "lambda: open('a')",
    "[open(p) for p in ps]",
    "df.to_json('a')",
    "from PIL import Image\nImage.open('a')",
    "import os\nf(os)",
    magic("undo", "1"),
    cell("time", "", "open('a')"),
    magic("unknown_thing"),
    "raise SystemExit",
]


@pytest.mark.parametrize("source", [s for s in OUTSIDE if s != "import ipywidgets"])
def test_outside(source: str) -> None:
    facts = facts_of_source(source)
    assert facts.outside
    assert all(" (" in reason or reason.startswith("hands on") for reason in facts.outside)


PURE = [
    "x = 1 + 2",
    "x = [i ** 2 for i in range(10)]",
    "import numpy as np\na = np.arange(10).reshape(2, 5)",
    "a = np.random.rand(3)",
    "np.random.seed(0)",
    "rng = np.random.default_rng(42)",
    "import random\nrandom.seed(1)\nrandom.random()",
    "df = pd.DataFrame({'a': [1]})",
    "df['b'] = df.a * 2\ndf = df.sort_values('b')",
    "df.groupby('a').agg({'b': 'mean'})",
    "df.rename(columns={'a': 'b'})",
    "df.drop(columns=['a'], inplace=True)",
    "df.merge(other, on='k')",
    "df.replace(1, 2)",
    "df.plot()\nplt.show()",
    "fig, ax = plt.subplots()",
    "from sklearn.datasets import load_iris\niris = load_iris()",
    "model.fit(X, y)",
    "model.predict(X)",
    "print('hello')",
    "display(df)",
    "class A:\n    def m(self): return 1",
    "def f(x):\n    yield x",
    "g = (i for i in range(3))",
    "lambda x: x + 1",
    "import os\nos.path.join(a, b)",
    "import os, time, subprocess",
    "import json\njson.dumps(x)",
    "import json\njson.loads(s)",
    "text.split()",
    "d.update(a=1)",
    "s = df.to_json()",
    "from datetime import timedelta\ntimedelta(days=1)",
    "import sys\nsys.path",
    "import collections\ncollections.Counter(x)",
    "import copy\ncopy.deepcopy(x)",
    "time = np.linspace(0, 1)\nplt.plot(time, y)",
    "import sqlite3\nc = sqlite3.connect(':memory:')",
    "import pickle\nb = pickle.dumps(x)",
    "sorted(x, key=lambda v: v.name)",
    "df.values.tolist()",
    "import io\nio.StringIO('a')",
    "m.start",
    "vars(x)['a'] = 1",
    "setattr(x, 'a', 1)",
    "def f():\n    a = 1\n    return locals()",
    "df.eval('a + b')",
    "net.eval()",
    "from scipy import signal\nsignal.resample(x, 10)",
    magic("time", "f(x)"),
    magic("matplotlib", "inline"),
    "torch.manual_seed(0)",
]


@pytest.mark.parametrize("source", PURE)
def test_pure_computing_passes(source: str) -> None:
    facts = facts_of_source(source)
    assert facts.outside == ()
    assert facts.dynamic == ()
    assert not facts.starts_threads


THREADS = [
    "import threading\nthreading.Thread(target=f).start()",
    "from threading import Timer\nTimer(1, f).start()",
    "t.start()",
    "from concurrent.futures import ThreadPoolExecutor as T\nT()",
    "pool.submit(f)",
    "import asyncio\nasyncio.create_task(f())",
    "loop.call_later(1, f)",
    "class W(threading.Thread):\n    def run(self): pass",
    "def f():\n    import threading\n    threading.Thread()",
]


@pytest.mark.parametrize("source", THREADS)
def test_threads(source: str) -> None:
    assert facts_of_source(source).starts_threads


HOOKS = [
    "get_ipython().events.register('post_run_cell', f)",
    "fig.canvas.mpl_connect('key', f)",
    "import atexit\natexit.register(f)",
    "import pandas as pd\npd.DataFrame.shout = f",
    "import sys\nsys.settrace(f)",
    "import weakref\nweakref.finalize(a, f)",
    "w.observe(f)",
]


@pytest.mark.parametrize("source", HOOKS)
def test_code_handed_to_a_library(source: str) -> None:
    assert facts_of_source(source).hooks


@pytest.mark.parametrize(("source", "reads", "binds", "deletes"), NAMES)
def test_code_objects_say_the_same_as_source(source: str, reads: str, binds: str, deletes: str) -> None:
    import ast

    if "get_ipython" in source or source == "def f(:":
        pytest.skip("only text tells magics")
    code = compile(source, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    assert facts_of_code(code) == facts_of_source(source)


def test_a_syntax_error_has_no_facts() -> None:
    assert facts_of_source("x = = 1\nexec('y')") == CodeFacts()
    assert facts_of_source("x = '\0'") == CodeFacts()


def test_too_deep_is_dynamic_or_analysed() -> None:
    facts = facts_of_source("x = " + "-" * 90_000 + "y")
    assert facts.dynamic or "y" in facts.reads or facts == CodeFacts()
