# ruff: noqa: E501 - cells in one line each, so that the table can be read
"""The oracle itself: it must see every difference it is asked to see, and no other."""

from __future__ import annotations

import builtins
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from timeslip.graphs.kinds import MODULE_NAMES
from timeslip.testing.graphs import Comparison, compare_states

Namespace = dict[str, Any]


def run(code: str, name: str = "__main__") -> Namespace:
    namespace: Namespace = {"__name__": name, "__builtins__": builtins}
    exec(compile(code, "<cell>", "exec", dont_inherit=True), namespace)
    return namespace


SAME = {
    "plain": "a = 1; b = 'x'; c = [1, 2.5, None, True, b'z', (1, 2)]; d = {'k': {1, 2}}",
    "nan": "n = float('nan'); m = n; s = {n}; d = {n: 1}; other = float('nan')",
    "cycle": "a = []; a.append(a); d = {'a': a}; d['d'] = d",
    "deep list": "x = None\nfor i in range(20_000): x = [x]",
    "deep dict": "x = {}\nfor i in range(20_000): x = {'next': x}",
    "deep instances": "class N: pass\nx = None\nfor i in range(20_000):\n    n = N(); n.next = x; x = n",
    "deep tuples": "x = ([],)\nfor i in range(20_000): x = (x,)",
    "closures": """
def make():
    count = 0
    items = []
    def add(v):
        nonlocal count
        count += 1
        items.append(v)
    def get():
        return count, items
    return add, get
add, get = make()
add(1); add([2])
""",
    "default": "def f(x, acc=[], *, k={}): acc.append(x); k[x] = 1\nf(1)\nf.note = [1]",
    "recursion": "def fact(n): return 1 if n < 2 else n * fact(n - 1)\nother = fact",
    "class": """
class A:
    items = []
    count = 0
    def __init__(self): type(self).count += 1; self.v = 1
    @property
    def p(self): return self.v
    @staticmethod
    def s(): return 1
    @classmethod
    def c(cls): return cls()
class B(A):
    __slots__ = ('z',)
    def __init__(self): super().__init__(); self.z = 2
a, b = A(), B()
l = [a, b, A, B]
m = a.p, a.c, b.s
""",
    "dataclass": "import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int\n    y: list = dataclasses.field(default_factory=list)\np = P(1)",
    "frozen dataclass": "import dataclasses\n@dataclasses.dataclass(frozen=True, slots=True)\nclass P:\n    x: int\np = P(1); q = {p}",
    "enum": "import enum\nclass C(enum.Enum):\n    R = 1\n    G = 2\nc = C.R; s = {C.R, C.G}",
    "namedtuple": "from collections import namedtuple\nP = namedtuple('P', 'x y'); p = P(1, [])",
    "abc": "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\nclass B(A):\n    def f(self): return 1\nb = B()",
    "meta": "class M(type):\n    def __new__(m, n, b, d): return super().__new__(m, n, b, {**d, 'tag': n})\nclass A(metaclass=M): pass\na = A()",
    "generic": "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Box(Generic[T]):\n    def __init__(self, v: T): self.v = v\nb = Box[int](3); al = Box[int]; li = list[int]; u = int | str",
    "singledispatch": "import functools\n@functools.singledispatch\ndef f(x): return 'o'\n@f.register\ndef _(x: int): return 'i'\nclass K: pass\n@f.register\ndef g(x: K): return 'k'",
    "lru": "import functools\n@functools.lru_cache(maxsize=3)\ndef f(x): return [x]\na = f(1)",
    "partial": "from functools import partial\nl = []\np = partial(l.append, 3); q = partial(int, base=2)",
    "collections": "import collections as c\nd = c.deque([1, [2]], maxlen=5); o = c.OrderedDict(a=1, b=[2]); n = c.Counter('aab'); dd = c.defaultdict(list, a=[1]); dd['z']\nch = c.ChainMap({}, {'a': 1})",
    "subclasses": "class L(list): pass\nclass D(dict): pass\nclass I(int): pass\nclass S(str): pass\nl = L([1]); l.x = l; d = D(a=l); i = I(3); s = S('x'); i.y = 2",
    "opaque": "g = (i for i in range(3)); next(g); it = iter([1]); z = zip([1], [2]); import threading; k = threading.Lock()",
    "stdlib": "import datetime, decimal, fractions, uuid, re, array, io, random, pathlib, types\na = datetime.date(2020, 1, 1); b = decimal.Decimal('1.5'); c = fractions.Fraction(1, 3); d = re.compile('x+'); e = array.array('i', [1]); f = io.BytesIO(b'abc'); g = random.Random(3); h = pathlib.Path('x'); i = types.SimpleNamespace(a=[1]); j = bytearray(b'x')",
    "sets of instances": "class K:\n    def __init__(self, v): self.v = v\ns = {K(i) for i in range(20)}\nt = {K([i]) for i in range(5)}",
    "sets of sentinels": "s = {object() for i in range(10)}; first = next(iter(s))",
    "exception": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    err = e",
    "weakref": "import weakref\nclass K: pass\nk = K(); r = weakref.ref(k); w = weakref.WeakValueDictionary(a=k)",
    "globals": "g = globals(); f = lambda: g",
    "logger": "import logging\na = logging.getLogger('timeslip.test'); b = [a]",
    "numpy": "import numpy as np\na = np.arange(12.).reshape(3, 4); v = a[1]; w = a[:, 2]; o = np.array([[1], None], dtype=object)\ns = np.float64(2); t = np.zeros(2, dtype=[('a', 'i1'), ('b', 'f8')]); r = a.T; e = np.empty(0); z = np.array('x')",
    "pandas": "import pandas as pd, numpy as np\ndf = pd.DataFrame({'a': [1, 2], 'b': ['x', None], 'c': [1.5, np.nan], 'd': pd.Categorical(['u', 'v'])}, index=pd.date_range('2020', periods=2))\ns = df['a']; df2 = df.drop(columns='a'); i = df.index; df3 = pd.DataFrame({'l': [[1], {}]}); ts = pd.Timestamp('2020')",
    "monkey": "class A: pass\nA.f = lambda self: 1\na = A(); a.f2 = A.f",
    "type of itself": "class A: pass\nA.me = A\na = A(); a.cls = A; A.inst = a",
    "mappingproxy": "import types\nd = {'a': []}\nm = types.MappingProxyType(d)",
    "strict kinds": "import collections, datetime as dt, decimal, io, weakref, zoneinfo\na = dt.datetime(2020, 10, 25, 2, fold=1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin')); b = dt.time(1, tzinfo=dt.timezone.utc)\nc = decimal.Decimal('NaN'); d = range(0, 3, 2); l = [1]; e = slice(l, None); f = [e, (e, l)]; g = collections.deque([l], 3); h = OSError(2, 'a', 'f'); i = memoryview(bytearray(b'ab'))[1:]; j = io.StringIO('a\\r\\n', newline='')\nclass K: pass\nk = K(); m = weakref.ref(k, l.append)",
    "strict numpy": "import numpy as np\na = np.ma.array([1, 2], mask=[0, 1]); b = np.ma.array([1., 2.], fill_value=7); c = np.ma.array([(1, 2.)], dtype=[('x', 'i4'), ('y', 'f8')]); d = np.zeros(2, np.dtype('i4', metadata={'a': [1]})); e = np.ma.array([None], dtype=object)",
    "strict pandas": "import pandas as pd, numpy as np\na = pd.MultiIndex.from_product([[1, 2], ['x']])[:1]; b = pd.RangeIndex(0, 4, 2); c = pd.Series([0.0, None], dtype='Float64'); d = pd.Series(pd.Categorical(['a', None], categories=['b', 'a'])); e = pd.Interval(0, 1); f = pd.interval_range(0, 2); g = pd.Timestamp('2020', tz='Europe/Berlin'); h = pd.Series(['x', None], dtype='string'); i = pd.Series(pd.arrays.SparseArray([0., 1.]))\nclass F(pd.DataFrame):\n    _metadata = ['meta']\nj = F({'a': ['x']}); j.meta = [1]; j['a'].str.upper()",
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("module", ["__main__", "elsewhere"])
def test_running_twice_gives_isomorphic_states(name: str, module: str) -> None:
    if module != "__main__" and "dataclass" in name:
        pytest.skip("dataclasses wants the module in sys.modules")
    assert compare_states(run(SAME[name], module), run(SAME[name], module)) == []


DIFFERENT = {
    # name: (first, second, part of the sentence)
    "value": ("x = {'a': [0, 0, 0, 1]}", "x = {'a': [0, 0, 0, 2]}", "x['a'][3]: 1 != 2"),
    "type": ("x = 1", "x = True", "x: 1 != True"),
    "thread": ("import threading\nx = threading.local(); x.a = 1", "import threading\nx = threading.local()", "a"),
    "minus zero": ("x = 0.0", "x = -0.0", "x: 0.0 != -0.0"),
    "missing": ("x = y = 1", "x = 1", "y: only in the first state"),
    "alias lost": ("x = [1]; y = x", "x = [1]; y = [1]", "x and y are the same object in the first state only"),
    "alias made": ("x = [1]; y = [1]", "x = [1]; y = x", "x and y are the same object in the second state only"),
    "nested alias": ("x = []; y = [x]", "x = []; y = [[]]", "x and y[0] are the same object in the first state only"),
    "nan": ("x = float('nan'); y = x", "x = float('nan'); y = float('nan')", "x and y are the same"),
    "sentinel": ("x = object(); y = x", "x = object(); y = object()", "x and y are the same"),
    "big bytes": ("x = bytes(2000); y = x", "x = bytes(2000); y = bytes(2000)", "x and y are the same"),
    "swapped": ("a = [1]; b = [1]; c = a", "a = [1]; b = [1]; c = b", "same object"),
    "dict order": ("d = {'a': 1, 'b': 2}", "d = {'b': 2, 'a': 1}", "d: keys in another order"),
    "key": ("d = {'a': 1}", "d = {'b': 1}", "d: key 'a' only in the first state"),
    "member": ("d = {1, 2}", "d = {1, 3}", "d: member 2 only in the first state"),
    "class attribute": ("class A:\n    x = [1]", "class A:\n    x = [2]", "A.x[0]: 1 != 2"),
    "method": ("class A:\n    def f(self): return 1", "class A:\n    def f(self): return 2", "A.f: code of f"),
    "class of instance": (
        "class A: pass\na = A()",
        "class A: pass\na = A()\nclass A: pass",
        "A and type(a) are the same object in the first state only",
    ),
    "base": ("class A: pass\nclass B: pass\nclass C(A): pass", "class A: pass\nclass B: pass\nclass C(B): pass", "same"),
    "instance": ("class A: pass\na = A(); a.x = 1", "class A: pass\na = A(); a.x = 2", "a.__dict__['x']: 1 != 2"),
    "slot": (
        "class A:\n    __slots__ = 'x', 'y'\na = A(); a.x = 1",
        "class A:\n    __slots__ = 'x', 'y'\na = A(); a.y = 1",
        "a: attribute x only",
    ),
    "default": ("def f(a=[1]): 0", "def f(a=[2]): 0", "f.__defaults__[0][0]: 1 != 2"),
    "cell": (
        "def m():\n    n = []\n    return lambda: n, lambda: n\nf, g = m()",
        "def m():\n    n = []\n    return lambda: n, lambda: n\nf, g = m()[0], m()[1]",
        "same object",
    ),
    "function attribute": ("def f(): 0\nf.a = 1", "def f(): 0\nf.a = 2", "f.__dict__['a']: 1 != 2"),
    "view": (
        "import numpy as np\na = np.zeros(4); v = a[1:]",
        "import numpy as np\na = np.zeros(4); v = np.zeros(3)",
        "a and v share memory in the first state only",
    ),
    "view offset": (
        "import numpy as np\na = np.zeros(4); v = a[1:3]",
        "import numpy as np\na = np.zeros(4); v = a[2:]",
        "a and v lie",
    ),
    "array": ("import numpy as np\na = np.zeros(4)", "import numpy as np\na = np.ones(4)", "a: 4 of 4 elements differ"),
    "frame": (
        "import pandas as pd\nd = pd.DataFrame({'a': [1, 2]})",
        "import pandas as pd\nd = pd.DataFrame({'a': [1, 3]})",
        "d['a']: 1 of 2 values differ",
    ),
    "frame dtype": (
        "import pandas as pd\nd = pd.DataFrame({'a': [1, 2]})",
        "import pandas as pd\nd = pd.DataFrame({'a': [1., 2]})",
        "dtype int64 != dtype float64",
    ),
    "frame object": (
        "import pandas as pd\nd = pd.DataFrame({'a': [[1]]})",
        "import pandas as pd\nd = pd.DataFrame({'a': [[2]]})",
        "d['a'][0][0]: 1 != 2",
    ),
    "bound method": ("a = []; b = []; f = a.append", "a = []; b = []; f = b.append", "same object"),
    "set alias": (
        "class K:\n    pass\nk = K(); s = {k, K()}",
        "class K:\n    pass\nk = K(); s = {K(), K()}",
        "s",
    ),
    "partial": ("from functools import partial\np = partial(int, 1)", "from functools import partial\np = partial(int, 2)", "p.args[0]"),
    "function in foreign globals": (
        "def f(): return x",
        "g = {'__name__': '__main__'}\nexec('def f(): return x', g)\nf = g['f']\ndel g",
        "__globals__",
    ),
    "instance of list": ("class L(list): pass\nl = L([1])", "class L(list): pass\nl = L([2])", "l[0]: 1 != 2"),
    "random": ("import random\nr = random.Random(1)", "import random\nr = random.Random(2)", "r"),
    "ordered": (
        "import collections\no = collections.OrderedDict(a=1, b=2)",
        "import collections\no = collections.OrderedDict(a=1, b=2)\no.move_to_end('a')",
        "another order",
    ),
    "stream": ("import io\nf = io.BytesIO(b'ab')", "import io\nf = io.BytesIO(b'ac')", "f"),
    "shared dict": (
        "class B: pass\na, b = B(), B()\na.__dict__ = b.__dict__",
        "class B: pass\na, b = B(), B()",
        "same object",
    ),
    **{
        f"strict {one} {other}": (f"{imports}\nx = {one}", f"{imports}\nx = {other}", "x")
        for imports, pairs in {
            "import datetime as dt, zoneinfo": [
                ("dt.datetime(2020, 1, 1, fold=1)", "dt.datetime(2020, 1, 1)"),
                ("dt.time(1, fold=1)", "dt.time(1)"),
                ("dt.datetime(2020, 1, 1, 13, tzinfo=dt.timezone(dt.timedelta(hours=1)))", "dt.datetime(2020, 1, 1, 12, tzinfo=dt.timezone.utc)"),
                ("dt.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo('UTC'))", "dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)"),
                ("dt.timezone(dt.timedelta(0), 'X')", "dt.timezone.utc"),
            ],
            "import collections, decimal, io, weakref\nclass K: pass\nk = K(); l = []; e = ValueError(1)": [
                ("decimal.Decimal('1.0')", "decimal.Decimal('1.00')"),
                ("decimal.Decimal('-0')", "decimal.Decimal('0')"),
                ("range(0, 3, 2)", "range(0, 4, 2)"),
                ("slice(0, 1)", "slice(0.0, True)"),
                ("slice(l, None)", "slice([], None)"),
                ("collections.deque([1], 3)", "collections.deque([1], 4)"),
                ("collections.deque([1])", "collections.deque([1], 5)"),
                ("OSError(2, 'a', 'f')", "OSError(2, 'a', 'g')"),
                ("ImportError('a', name='b')", "ImportError('a', name='c')"),
                ("(e, setattr(e, '__suppress_context__', True))", "(e, None)"),
                ("weakref.ref(k)", "weakref.ref(k, print)"),
                ("memoryview(b'ab')", "memoryview(b'cd')"),
                ("memoryview(bytearray(b'ab'))[:1]", "memoryview(bytearray(b'aa'))[:1]"),
                ("io.StringIO('a\\n', newline=None)", "io.StringIO('a\\n', newline='\\n')"),
            ],
            "import numpy as np": [
                ("np.ma.array([1, 2], mask=[0, 1], fill_value=7)", "np.ma.array([1, 2], mask=[0, 1], fill_value=9)"),
                ("np.zeros(2, np.dtype('i4', metadata={'a': 1}))", "np.zeros(2, 'i4')"),
                ("np.dtype('i4', metadata={'a': 1})", "np.dtype('i4', metadata={'a': 2})"),
                ("np.dtype([('a', np.dtype('i4', metadata={'a': 1}))])", "np.dtype([('a', 'i4')])"),
                ("np.dtype({'names': ['a'], 'formats': ['i4']}, align=True)", "np.dtype([('a', 'i4')])"),
            ],
            "import pandas as pd, numpy as np\nclass F(pd.DataFrame):\n    _metadata = ['meta']\n    def but(self, meta):\n        object.__setattr__(self, 'meta', meta)\n        return self": [
                ("pd.Timestamp('2020-01-01 12:00', tz='UTC')", "pd.Timestamp('2020-01-01 13:00', tz='Europe/Berlin')"),
                ("pd.Timestamp('2020').as_unit('s')", "pd.Timestamp('2020').as_unit('ns')"),
                ("pd.Timedelta(1, 's').as_unit('s')", "pd.Timedelta(1, 's').as_unit('ns')"),
                ("pd.Timestamp(year=2020, month=10, day=25, fold=0)", "pd.Timestamp(year=2020, month=10, day=25, fold=1)"),
                ("pd.Series(pd.Categorical(['a'], categories=['a', 'b']))", "pd.Series(pd.Categorical(['a'], categories=['b', 'a']))"),
                ("pd.MultiIndex.from_arrays([[1, 2]])[:1]", "pd.MultiIndex.from_arrays([[1]])"),
                ("pd.RangeIndex(0, 4, 2)", "pd.RangeIndex(0, 3, 2)"),
                ("pd.Series([0.0], dtype='Float64')", "pd.Series([-0.0], dtype='Float64')"),
                ("pd.Interval(0, 1)", "pd.Interval(0.0, 1.0)"),
                ("pd.Interval(0, 1, 'left')", "pd.Interval(0, 1, 'right')"),
                ("pd.arrays.IntervalArray.from_tuples([(0.0, 1.0)])", "pd.arrays.IntervalArray.from_tuples([(-0.0, 1.0)])"),
                ("F({'a': [1]}).but([1])", "F({'a': [1]}).but([2])"),
                ("F({'a': [1]}).but([1])", "F({'a': [1]})"),
            ],
        }.items()
        for one, other in pairs
    },
    "deep": (
        "x = [1]\nfor i in range(5000): x = [x]",
        "x = [2]\nfor i in range(5000): x = [x]",
        "1 != 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENT)
def test_differences_are_seen(name: str) -> None:
    first, second, sentence = DIFFERENT[name]
    found = compare_states(run(first), run(second))
    assert any(sentence in text for text in found), found
    assert compare_states(run(second), run(first)), "seen from the other side, too"


def test_a_copy_that_shares_a_mutable_with_its_model_is_isomorphic_but_a_shared_reference_inside_is_not() -> None:
    shared = [1]
    assert compare_states({"x": shared}, {"x": shared}) == []
    assert compare_states({"x": shared, "y": [shared]}, {"x": shared, "y": [[1]]})


def test_names_of_the_interpreter_and_ignored_names_do_not_count() -> None:
    assert compare_states({"__name__": "a", "x": 1, "t": 1}, {"__name__": "b", "x": 1}, ignore=["t"]) == []


def test_excerpts_know_their_namespaces() -> None:
    one, other = run("def f(): return x\nx = 1"), run("def f(): return x\nx = 1")
    assert compare_states({"f": one["f"]}, {"f": other["f"]}, namespaces=(one, other)) == []


def test_objects_that_refuse_every_question() -> None:
    code = """
class Bad:
    def __eq__(self, o): raise RuntimeError
    def __hash__(self): raise RuntimeError
    def __repr__(self): raise RuntimeError
    def __bool__(self): raise RuntimeError
    def __len__(self): raise RuntimeError
    def __reduce_ex__(self, p): raise RuntimeError
    def __getattribute__(self, n): raise RuntimeError
x = Bad(); y = [x]
"""
    assert compare_states(run(code), run(code)) == []


def test_at_most_forty_sentences() -> None:
    assert len(compare_states({"x": list(range(1000))}, {"x": list(range(1, 1001))})) <= 41


@pytest.mark.parametrize("change", [lambda ns: ns["x"].append(1), lambda ns: ns.update(y=list(ns["x"]))])
def test_deep_copies_are_isomorphic_until_changed(change: Callable[[Namespace], None]) -> None:
    namespace: Namespace = {"x": [1, [2]]}
    namespace["y"] = namespace["x"]
    twin = copy.deepcopy(namespace)
    assert compare_states(namespace, twin) == []
    change(namespace)
    assert compare_states(namespace, twin)


def test_files_differ_by_position_and_encoding(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("one\ntwo\n")
    with path.open() as one, path.open() as other, path.open(encoding="latin-1") as third, path.open("a") as writes:
        assert compare_states({"x": one}, {"x": other}) == []
        other.read(2)
        assert "tell" in compare_states({"x": one}, {"x": other})[0]
        assert "encoding" in compare_states({"x": one}, {"x": third})[0]
        writes.write("three\n")
        assert compare_states({"x": writes}, {"x": writes}) == []
        assert path.read_text() == "one\ntwo\n", "asking has written nothing"


SECRET = "hunter2"
TELLING = {
    "value": ("x = {'hunter2': ['hunter2']}", "x = {'hunter2': ['*']}", "x[key][0]: another str"),
    "key": ("x = {'hunter2': 1}", "x = {}", "x: 1 keys only in the first state"),
    "member": ("x = {'hunter2'}", "x = set()", "x: members only in the first state"),
    "attribute": (
        "class A: pass\nx = A(); x.token = 'hunter2'",
        "class A: pass\nx = A(); x.token = None",
        "x.__dict__['token']: str != NoneType",
    ),
    "lacking": (
        "class A: pass\nx = A(); x.token = 'hunter2'",
        "class A: pass\nx = A()",
        "x.__dict__: 1 keys only in the first state (token)",
    ),
    "alias": ("y = [1]; x = {'hunter2': y}", "y = [1]; x = {'hunter2': [1]}", "y and x[key] are the same object"),
    "column": (
        "import pandas as pd\nx = pd.DataFrame({'hunter2': ['hunter2']}, dtype=object)",
        "import pandas as pd\nx = pd.DataFrame({'hunter2': ['*']}, dtype=object)",
        "x[column][0]: another str",
    ),
    "error": ("x = OSError(2, 'hunter2')", "x = OSError(2, '*')", "x.strerror: another str"),
    "file": ("import io\nx = io.StringIO('hunter2')", "import io\nx = io.StringIO('*')", "x.getvalue(): another str"),
}


@pytest.mark.parametrize("name", TELLING)
def test_differences_can_be_told_without_content(name: str) -> None:
    first, second, sentence = TELLING[name]
    one, other = run(first), run(second)
    for left, right in ((one, other), (other, one)):
        comparison = Comparison(left, right, (left, right))
        comparison.names(MODULE_NAMES)
        assert comparison.run()
        assert len(comparison.plain) == len(comparison.differences) == len(comparison.owners)
        assert SECRET not in "".join(comparison.plain)
        if left is one:
            assert sentence in comparison.plain[0]
