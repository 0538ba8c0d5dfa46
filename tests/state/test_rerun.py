"""Which cells may be run again unasked: a table of cells that touch something outside, and of cells that do not."""

from __future__ import annotations

import importlib
import importlib.util
import sqlite3
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from timeslip.state.rerun import Examined, examine

Cell = tuple[str, str]


def examined(earlier: str, cell: str) -> Examined:
    """*cell* as it would be examined in a session where *earlier* has run."""
    namespace: dict[str, object] = {"__name__": "__main__", "__builtins__": __builtins__}
    exec(compile(earlier, "<earlier>", "exec", dont_inherit=True), namespace)
    values = {name: value for name, value in namespace.items() if not name.startswith("__")}
    found = examine(cell, values, namespace=namespace)
    for value in values.values():
        if isinstance(value, sqlite3.Connection):
            value.close()
    return found


TOUCHES: list[Cell] = [
    # files
    ("", "open('a')"),
    ("o = open", "o('a')"),
    ("from functools import partial\no = partial(open, mode='w')", "o('a')"),
    ("o = [open]", "o[0]('a')"),
    ("import pathlib\np = pathlib.Path('a')", "p.write_text('x')"),
    ("import pathlib\np = pathlib.Path('a')", "n = p.stat().st_size"),
    ("import pathlib\np = pathlib.Path('a')", "p.rename('b')"),
    ("from pathlib import Path", "n = [q for q in Path('.').glob('*')]"),
    ("import os", "os.remove('a')"),
    ("from os import remove as rm", "rm('a')"),
    ("import os", "fd = os.dup(1)"),
    ("import os.path as op", "op.exists('a')"),
    ("import shutil", "shutil.copy('a', 'b')"),
    ("import tempfile", "d = tempfile.mkdtemp()"),
    ("import pandas as pd", "df = pd.read_csv('a')"),
    ("import pandas as pd\ndf = pd.DataFrame()", "df.to_csv('a')"),
    ("import pandas as pd\ndf = pd.DataFrame()\nsave = df.to_csv", "save('a')"),
    ("import pandas as pd", "r = getattr(pd, 'read_csv')('a')"),
    ("import pandas as pd\nimport operator", "r = operator.methodcaller('to_csv', 'a')(df)"),
    ("import numpy as np", "np.save('a', 1)"),
    ("import numpy as np", "np.loadtxt('a')"),
    ("import numpy as np\na = np.arange(3)", "a.tofile('a')"),
    ("import json", "json.dump(1, f)"),
    ("import pickle", "pickle.dump(1, f)"),
    ("import sqlite3\nc = sqlite3.connect(':memory:')", "c.execute('select 1')"),
    ("import zipfile", "z = zipfile.ZipFile('a')"),
    ("import logging\nlog = logging.getLogger('x')", "log.info('hello')"),
    ("import logging", "logging.warning('hello')"),
    ("import csv", "rows = list(csv.reader(open('a')))"),
    ("import configparser", "c = configparser.ConfigParser(); c.read('a')"),
    ("import xml.etree.ElementTree as ET", "t = ET.parse('a')"),
    ("import linecache", "linecache.getline('a', 1)"),
    ("import gzip", "gzip.open('a')"),
    ("from matplotlib import pyplot as plt" if importlib.util.find_spec("matplotlib") else "", "plt.savefig('a.png')"),
    ("class F:\n    def go(self): return open('a')\nf = F()", "f.go()"),
    ("def a(): return open('a')\ndef b(): return a()", "g = (b() for _ in [1])"),
    ("def a(opener=open): return opener('a')", "a()"),
    ("def outer():\n    o = open\n    return lambda: o('a')\nf = outer()", "f()"),
    ("import functools\n@functools.lru_cache\ndef f(): return open('a')", "f()"),
    ("class P:\n    @property\n    def text(self): return open('a').read()\np = P()", "t = p.text"),
    ("class P:\n    def __add__(self, o): return open('a')\np = P()", "t = p + 1"),
    # processes, network, devices
    ("import os\ns = os.system", "s('ls')"),
    ("import subprocess", "subprocess.run(['ls'])"),
    ("from subprocess import check_output as co", "co(['ls'])"),
    ("", "import subprocess\nsubprocess.run(['ls'])"),
    ("import socket", "socket.create_connection(('a', 1))"),
    ("from urllib.request import urlopen", "urlopen('http://a')"),
    ("import urllib.request", "urllib.request.urlopen('http://a')"),
    ("import http.client", "http.client.HTTPConnection('a')"),
    ("import smtplib", "smtplib.SMTP('a')"),
    ("import multiprocessing as mp", "mp.cpu_count()"),
    ("import concurrent.futures", "concurrent.futures.ThreadPoolExecutor()"),
    ("import threading", "threading.Thread(target=print).start()"),
    ("import signal", "signal.alarm(1)"),
    ("import webbrowser", "webbrowser.open('a')"),
    ("import ctypes", "ctypes.CDLL(None)"),
    ("", "get_ipython().system('ls')"),
    ("", "get_ipython().run_cell_magic('bash', '', 'ls')"),
    ("", "get_ipython().run_line_magic('undo', '')"),
    ("", "x = get_ipython().getoutput('ls')"),
    ("", "get_ipython().run_line_magic('cd', '/')"),
    ("", "get_ipython().run_line_magic('nobody_knows', '')"),
    # clocks, chance, questions
    ("import time", "t = time.time()"),
    ("import time\nclock = time.perf_counter", "t = clock()"),
    ("import time", "time.sleep(1)"),
    ("import datetime as dt", "t = dt.datetime.now()"),
    ("from datetime import datetime\nnow = datetime.now", "t = now()"),
    ("import pandas as pd", "t = pd.Timestamp('now')"),
    ("import pandas as pd", "t = pd.to_datetime('today')"),
    ("import numpy as np", "t = np.datetime64('now')"),
    ("import uuid", "u = uuid.uuid4()"),
    ("import secrets", "u = secrets.token_hex()"),
    ("import os", "u = os.urandom(3)"),
    ("import random", "u = random.SystemRandom().random()"),
    ("import random", "random.seed()"),
    ("import numpy as np", "g = np.random.default_rng()"),
    ("", "n = input('how many?')"),
    ("ask = input", "n = ask('how many?')"),
    ("import getpass", "p = getpass.getpass()"),
    ("import os", "h = os.environ['HOME']"),
    ("import os", "os.environ['A'] = '1'"),
    ("import os", "p = os.getpid()"),
    ("import platform", "n = platform.node()"),
    ("import sys", "line = sys.stdin.readline()"),
    # what cannot be followed
    ("", "exec('x = 1')"),
    ("", "globals()['x'] = 1"),
    ("import importlib", "importlib.reload(m)"),
    ("import pickle", "x = pickle.loads(b)"),
    ("import gc", "gc.collect()"),
    ("", "__builtins__.open('a')"),
    ("", "import sys\nsys.modules['x'] = 1"),
    ("name = 'o' + 'pen'\nimport builtins", "getattr(builtins, name)('a')"),
    ("name = 'x'\nobj = []", "f = getattr(obj, name)"),
    ("", "await something()"),
    ("", "from os import *"),
    ("import os", "f = [os]"),
    ("import os", "f(os)"),
    # what stays in the process but not in the session
    ("import collections", "collections.zzz = 1"),
    ("import collections", "del collections.zzz"),
    ("import collections", "setattr(collections, 'zzz', 1)"),
    ("import collections", "vars(collections)['zzz'] = 1"),
    ("import collections", "collections.__dict__['zzz'] = 1"),
    ("import collections", "collections.Counter.zzz = 1"),
    ("import json", "setattr(json.JSONEncoder, 'default', f)"),
    ("import json", "json.JSONEncoder.default = f"),
    ("import builtins", "builtins.zzz = 1"),
    ("import sys", "sys.stdout = f"),
    ("import sys", "sys.excepthook = f"),
    ("import sys", "sys.setrecursionlimit(10000)"),
    ("import atexit", "atexit.register(f)"),
    ("import logging", "logging.getLogger().addHandler(h)"),
    ("import collections.abc", "collections.abc.Sequence.register(C)"),
    ("import numpy as np", "np.set_printoptions(precision=2)"),
    ("import numpy as np", "np.seterr(all='ignore')"),
    ("from numpy import set_printoptions as setp", "setp(precision=2)"),
    ("import weakref", "r = weakref.finalize(a, f)"),
    ("import codecs", "codecs.register(f)"),
    ("import faulthandler", "faulthandler.enable()"),
    ("import asyncio", "asyncio.run(f())"),
]


STAYS: list[Cell] = [
    ("x = [1, 2]", "g = (i for i in x)"),
    ("x = [1, 2]", "it = iter(x); next(it)"),
    ("def f(n):\n    for i in range(n): yield i", "g = f(3)"),
    (
        "class C:\n    n = 0\n    def __init__(self, v): self.v = v\n    def items(self): yield from self.v",
        "c = C([1]); g = c.items()",
    ),
    ("class C: n = 0", "C.n += 1; g = (i for i in range(C.n))"),
    ("def f(x, seen=[]): seen.append(x); return seen", "f.note = f(1)"),
    ("import numpy as np\na = np.arange(3.)", "g = (x for x in a * 2)"),
    ("import numpy as np", "np.random.seed(0); g = iter(np.random.rand(3))"),
    ("import numpy as np", "r = np.random.default_rng(3).normal(size=3); g = (x for x in r)"),
    ("import numpy as np", "w = np.linalg.eigvals(np.eye(3)); m = map(abs, w)"),
    ("import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})", "g = df.itertuples(); s = df.groupby('a').sum()"),
    (
        "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})",
        "df.columns = ['b']; df['c'] = 1; g = (r for r in df.iterrows())",
    ),
    ("import random", "random.seed(1); g = (random.random() for _ in range(3))"),
    ("import random", "r = random.Random(3); g = (r.random() for _ in range(3))"),
    ("import itertools, functools, operator", "m = map(functools.partial(operator.add, 1), itertools.count())"),
    ("from collections import deque, Counter", "d = deque([1]); g = (x for x in Counter('abc').items())"),
    ("import re\np = re.compile('a')", "m = p.finditer('banana')"),
    ("import json", "d = json.loads('[1]'); g = (x for x in d)"),
    (
        "import math, statistics, decimal, fractions",
        "x = math.sqrt(2) + statistics.mean([1]); y = decimal.Decimal('1.5')",
    ),
    ("import datetime as dt", "d = dt.date(2020, 1, 1) + dt.timedelta(days=1); s = d.isoformat()"),
    ("import threading", "lock = threading.Lock()\nwith lock: g = (i for i in [1])"),
    ("import os", "p = os.path.join('a', 'b.txt'); s = os.path.splitext(p)[0]"),
    ("from pathlib import Path", "p = Path('a') / 'b'; n = p.name + p.suffix"),
    ("import io", "b = io.StringIO('a\\nb'); g = (line for line in b)"),
    ("import contextlib", "@contextlib.contextmanager\ndef cm(): yield 1\nc = cm()"),
    ("from dataclasses import dataclass", "@dataclass\nclass P:\n    x: int = 1\np = P(); g = (v for v in [p.x])"),
    ("import enum", "class Color(enum.Enum):\n    RED = 1\ng = iter(Color)"),
    ("from typing import TypeVar, Generic", "T = TypeVar('T')\nclass Box(Generic[T]): pass\nb = Box[int]()"),
    ("import sys", "n = sys.getsizeof([]); sys.stdout.write('x'); print('y')"),
    ("import copy", "y = copy.deepcopy([1]); z = getattr(y, 'append')"),
    ("import warnings", "warnings.simplefilter('ignore'); g = (i for i in [1])"),
    ("import hashlib", "h = hashlib.sha256(b'x')"),
    ("import zlib, base64", "z = zlib.decompressobj(); s = base64.b64encode(b'x')"),
    ("import pickle", "b = pickle.dumps([1]); g = (x for x in b)"),
    ("x = [3, 1]", "x.sort(); x.append(2); print(x); g = (i for i in x)"),
    ("", "import numpy as np\ng = (i for i in np.arange(3))"),
    ("", "async def f(): return 1\nc = f()"),
    ("class A:\n    def load(self, x): self.x = x\na = A()", "b = a; g = (i for i in [b])"),
    ("", "get_ipython().run_line_magic('time', 'g = (i for i in [1])')"),
    ("", "get_ipython().run_line_magic('matplotlib', 'inline')"),
    ("import math\ndef f(x, m=math): return m.sqrt(x)", "g = (f(i) for i in range(3))"),
    ("from collections import namedtuple\nP = namedtuple('P', 'x y')", "p = P(1, 2)._replace(x=3); g = (i for i in p)"),
    (
        "ns = {'__name__': 'elsewhere'}\nexec('def f(): return 1', ns)\nf = ns['f']; del ns",
        "g = (f() for _ in range(3))",
    ),
    (
        "class D:\n    def __set__(self, o, v): setattr(o, '_v', v)\nclass C: d = D()\nc = C()",
        "c.d = 1; g = (i for i in [1])",
    ),
    ("x = [1]", "del x; g = (i for i in [1])"),
    ("s = 'a b'", "g = (w for w in s.split()); t = s.replace('a', 'b')"),
]


@pytest.mark.parametrize(("earlier", "cell"), TOUCHES)
def test_a_cell_that_touches_something_is_not_run_unasked(earlier: str, cell: str) -> None:
    assert examined(earlier, cell).reasons


@pytest.mark.parametrize(("earlier", "cell"), STAYS)
def test_a_cell_that_stays_in_the_session_may_be(earlier: str, cell: str) -> None:
    assert examined(earlier, cell).reasons == ()


# ---- libraries


@pytest.mark.parametrize(
    ("cell", "may"),
    [
        ("from sklearn.cluster import KMeans\nk = KMeans(3).fit([[1], [2], [3]])", True),
        ("import scipy.stats\nf = scipy.stats.norm(0, 1)", True),
        ("import torch\nx = torch.zeros(3)", True),
        ("import torch\ntorch.save(x, 'a')", False),
        ("import torch\ntorch.hub.load('a', 'b')", False),
        ("import tqdm\nfor i in tqdm.tqdm(range(3)): pass", True),
        ("import seaborn as sns\nsns.set_theme()", True),
        ("import seaborn as sns\nsns.load_dataset('tips')", False),
        ("import matplotlib\nmatplotlib.use('agg')", False),
        ("import requests\nrequests.get('a')", False),
        ("import nobody_knows_it\nnobody_knows_it.go()", False),
        ("from nobody_knows_it import go\ngo()", False),
        ("import pyarrow.parquet as pq\npq.read_table('a')", False),
        ("import pyarrow as pa\nt = pa.table({'a': [1]})", True),
        ("import h5py\nf = h5py.File('a')", False),
        ("from sklearn.datasets import fetch_openml\nfetch_openml('a')", False),
        ("from sklearn.datasets import load_iris\nload_iris()", True),
    ],
)
def test_libraries(cell: str, may: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether they are installed here or not: a loaded library of that name is made up."""
    for line in cell.splitlines():
        if line.startswith(("import ", "from ")):
            root = line.split()[1].split(".")[0]
            if root not in sys.modules:
                module = types.ModuleType(root)
                module.__file__ = f"/usr/lib/python3/site-packages/{root}/__init__.py"
                monkeypatch.setitem(sys.modules, root, module)
    assert (examine(cell, {}).reasons == ()) is may


# ---- modules of the user's own

OWN = """
import os, requests_like, datetime
from math import sqrt
LIMIT = 3
CACHE = {}
counter = 0
def make(p):
    open(p, 'a').write('x')
    return (i for i in range(3))
def pure(n): return sqrt(n) + LIMIT
def indirect(p): return _hidden(p)
def _hidden(p): return make(p)
def cached(n):
    if n not in CACHE: CACHE[n] = n * 2
    return CACHE[n]
def count():
    global counter
    counter += 1
    return counter
def send(): return requests_like.post('a')
def late():
    import subprocess
    return subprocess.run(['ls'])
def relative():
    from .other import f
    return f()
def decorated(f):
    def wrapper(*a): return f(*a)
    return wrapper
@decorated
def wrapped(p): return open(p)
class Base:
    def save(self): return os.stat('a')
class Thing(Base):
    kinds = []
    def value(self): return 1
class Plain:
    def value(self): return LIMIT
today = datetime.date.today
"""


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """A module in a file of the user's; it uses a module that has no code to be read."""
    (tmp_path / "helper_of_mine.py").write_text(OWN)
    (tmp_path / "never_loaded.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    unknown = types.ModuleType("requests_like")
    unknown.__file__ = "/usr/lib/python3/site-packages/requests_like.py"
    monkeypatch.setitem(sys.modules, "requests_like", unknown)
    importlib.invalidate_caches()
    yield importlib.import_module("helper_of_mine")
    del sys.modules["helper_of_mine"]


@pytest.mark.parametrize(
    ("earlier", "cell", "may"),
    [
        ("import helper_of_mine as h", "g = h.make('a')", False),
        ("import helper_of_mine as h", "g = h.pure(2)", True),
        ("from helper_of_mine import pure", "g = map(pure, [1])", True),
        ("from helper_of_mine import indirect", "g = indirect('a')", False),
        ("from helper_of_mine import wrapped", "g = wrapped('a')", False),
        ("from helper_of_mine import send", "g = send()", False),
        ("from helper_of_mine import late", "g = late()", False),
        ("from helper_of_mine import relative", "g = relative()", False),
        ("from helper_of_mine import count", "g = count()", False),
        ("from helper_of_mine import today", "g = today()", False),
        ("from helper_of_mine import Thing\nt = Thing()", "g = t.value()", False),
        ("from helper_of_mine import Plain\nt = Plain()", "g = t.value()", True),
        ("import helper_of_mine as h\nfs = [h.make]", "g = fs[0]('a')", False),
        ("import helper_of_mine", "f(helper_of_mine)", False),
        ("import helper_of_mine", "helper_of_mine.LIMIT = 4", False),
        ("", "import helper_of_mine\ng = helper_of_mine.make('a')", False),
        ("", "import helper_of_mine\ng = helper_of_mine.pure(1)", True),
        ("", "import never_loaded", False),
        ("", "from never_loaded import x", False),
    ],
)
@pytest.mark.usefixtures("helper")
def test_modules_of_the_users_own_are_read(earlier: str, cell: str, may: bool) -> None:
    assert (examined(earlier, cell).reasons == ()) is may


def test_variables_of_the_users_modules_are_told(helper: types.ModuleType) -> None:
    found = examined("from helper_of_mine import cached", "g = cached(1)")
    assert found.reasons == ()
    assert any(variable is helper.CACHE for variable in found.variables)


def test_names_of_attributes_that_are_set() -> None:
    assert examined("", "x.a = 1; del x.b; setattr(y, 'c', 2)").stores >= {"a", "b", "c"}
