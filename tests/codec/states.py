"""Cells whose namespaces go through the codec: name of the case -> code."""

# ruff: noqa: E501 - a cell of users' code stands on one line
from __future__ import annotations

PLAIN = {
    "numbers that are none": "import struct, decimal\nn = float('inf') - float('inf'); m = struct.unpack('<d', b'\\1\\0\\0\\0\\0\\0\\xf8\\xff')[0]; c = complex(n, -0.0); x = [n, m, c, float('nan'), 1 << 9000]; y = [n, m, c]; d = decimal.Decimal('-nan123'); z = {d: [d], c: n}",
    "atoms": "a, b, c, d, e = 1, -1.5, 'text', b'bytes', None\nf, g, h = True, ..., NotImplemented",
    "numbers at the edges": "n = [0, -1, 255, 256, 65535, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**63, -2**2039, 1 << 5000]",
    "floats": "f = [0.0, -0.0, float('inf'), -float('inf'), 5e-324, 1e308, 1 + 2j]",
    "texts": "t = ['', 'ä', '\\ud800', 'x' * 255, 'x' * 256, 'x' * 70000, b'', b'y' * 255, b'y' * 70000, bytearray(b'z' * 300)]",
    "one list under two names": "a = [1]; b = a; c = [a, a, [1]]",
    "a large number under two names": "a = 7 ** 5000; b = [a, a, 7 ** 5000 + 0, -(3 ** 9000)]; b.append(b[-1])",
    "a large text under two names": "a = 'x' * 5000; b = [a, a]; c = b'q' * 5000; d = {'c': c}",
    "list in itself": "a = []; a.append(a); b = [a, [a]]",
    "dict in itself": "d = {}; d['me'] = d; d['items'] = [d]",
    "tuple in itself": "l = []; t = (l, 1); l.append(t)",
    "four kinds of tuples": "t = [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((), ((), ()))]; s = t[3]",
    "frozenset that holds an object that holds it": "class K: pass\nk = K(); s = frozenset([k]); k.s = s; e = frozenset(); t = {1, (2, 3), 'x'}; u = set()",
    "sets and dicts of thousands": "s = set(range(3000)); d = {i: [i] for i in range(2500)}; l = [[i] for i in range(2500)]",
    "a dict that lost keys": "d = dict(a=1, b=2, c=3); del d['a']; d['a'] = 4",
    "NaN": "import math\nn = float('nan'); l = [n, n, float('nan'), math.nan]; t = {n: 1}; f = n in l",
    "ranges, slices, views": "r = range(3, 9, 2); s = slice(1, None, r); v = memoryview(b'abcd'); w = memoryview(bytearray(8)).cast('i')",
    "view and its owner": "b = bytearray(b'hello'); m = memoryview(b); m[0] = 72; r = m.toreadonly()",
    "collections": "from collections import *\nq = deque([1, [2]], 3); q2 = q; d = defaultdict(list, a=q); o = OrderedDict(b=1, a=d)\n"
    "c = Counter('aab'); m = ChainMap({}, o); N = namedtuple('N', 'x y'); n = N(q, 2); o.move_to_end('b')",
    "iterators": "i = iter([1, 2, 3]); next(i); z = zip('ab', i); e = enumerate('xy'); r = reversed([1, 2]); m = map(str, [1])",
    "views and iterators of dicts and sets": "import collections\nd = {1: 2, 3: [4], 5: 6}; o = collections.OrderedDict(a=1, b=[2], c=3)\n"
    "v = [d.keys(), d.values(), d.items(), o.keys(), o.values(), o.items()]; e = iter({}); g = iter(d); h = iter(d.items()); next(h); i = reversed(d); next(i)\n"
    "j = iter({1, 2, 3}); next(j); k = iter(d.values()); list(k); l = iter(o); next(l); m = iter(o.items()); n = reversed(o.values()); next(n); p = iter(o); list(p)",
    "super objects": "class A:\n    def f(self): return 'A'\nclass B(A): pass\nb = B(); s = super(B, b); t = super(B); u = super(B, B)",
    "attribute dicts under names": "import collections, functools\nclass D(dict): pass\nd, e, c = D(), KeyError(1), collections.ChainMap(); p = functools.partial(int)\n"
    "l = [vars(d), vars(e), vars(p), vars(c)]; c.me = vars(c); e.x = l\n@functools.lru_cache(None)\ndef f(n): return n\nf.__wrapped__.late = 1",
    "standard library": "import datetime, decimal, fractions, uuid, array, pathlib, types, re, io\n"
    "a = array.array('d', [1, 2]); d = decimal.Decimal('1.10'); f = fractions.Fraction(1, 3); u = uuid.UUID(int=5)\n"
    "p = pathlib.PurePosixPath('x/y'); n = types.SimpleNamespace(v=[1]); n.v.append(n); x = re.compile('a+')\n"
    "t = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc); y = types.MappingProxyType(n.__dict__)",
    "files in memory": "import io\nb = io.BytesIO(b'abc'); b.seek(1); s = io.StringIO('text'); s.read(2); l = [b, s]",
    "partial objects and methods": "import functools, operator\np = functools.partial(int, base=2); q = [p]; p.tag = q\n"
    "l = [3]; m = l.append; g = operator.itemgetter(1); h = len",
    "exceptions": "e = ValueError('a', [1]); o = OSError(2, 'no', 'file'); k = KeyError('x'); e.note = k; e.__cause__ = o\n"
    "s = StopIteration(3); u = UnicodeDecodeError('utf8', b'a', 0, 1, 'bad')",
    "weak references": "import weakref\nclass K: pass\nk = K(); w = weakref.ref(k); d = weakref.WeakValueDictionary(a=k)\n"
    "m = weakref.WeakKeyDictionary({k: 1}); s = weakref.WeakSet([k]); dead = weakref.ref(K())",
    "sentinels and the types of things": "o = object(); p = [o, o]; t = [type(None), type(...), type(len), type(range(1))]",
    "modules": "import os.path, collections.abc as c, json\nm = [os, json]; import types\nown = types.ModuleType('own'); own.v = m",
    "caches": "import functools\n@functools.lru_cache(None)\ndef f(n): return [n]\nr = f(1); r2 = f(2)\n"
    "@functools.lru_cache(4)\ndef g(n): return n\nh = f",
}

DEFINITIONS = {
    "subclass of a dataclass with slots": "from dataclasses import dataclass\n@dataclass(slots=True)\nclass A:\n    x: list\n"
    "@dataclass(slots=True)\nclass B(A):\n    y: int = 0\nb = B([1])",
    "new types and generic aliases": "from typing import *\nT = TypeVar('T')\nclass G(Generic[T]): pass\ng = G[int](); X = G[T]; N = NewType('N', int); l = [list[int], N]; B = Optional[str]; U = Union[int, str]",
    "partial of a partial": "import functools\np = functools.partial(max, key=len); q = functools.partial(p, default=3)",
    "function with everything": "shared = []\ndef f(a, b=shared, *c, d=shared, **e) -> 'r':\n    'doc'\n    return a\nf.tag = shared; g = f",
    "lambdas and nested functions": "f = lambda x: x + 1\ndef outer():\n    def inner(): return f(1)\n    return inner\ng = outer()",
    "closures that share a cell": "def make():\n    n = [0]\n    def up(): n[0] += 1; return n\n    def get(): return n\n    return up, get\nup, get = make(); r = up()",
    "a closure over itself": "def make():\n    def f(n): return f\n    return f\nf = make()",
    "an empty cell": "def make():\n    def f(): return x\n    if False: x = 1\n    return f\nf = make()",
    "recursion between functions": "def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)\nt = [even, odd]",
    "a function that wraps a class": "import functools\ndef single(cls):\n    made = []\n    @functools.wraps(cls)\n    def get():\n        made[:] = made or [cls()]\n        return made[0]\n    return get\n"
    "@single\nclass A: pass\n@single\nclass B:\n    __slots__ = 'v', '__weakref__'\na, b = A(), B(); a.x = B",
    "decorators": "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def w(*a): return f(*a)\n    w.calls = []\n    return w\n@deco\ndef g(x): return x",
    "generator functions": "def g():\n    yield 1\nasync def c(): return 1\nasync def a():\n    yield 1",
    "class with everything": "class A:\n    'doc'\n    items = []\n    def __init__(self): self.v = self.items\n    @property\n    def p(self): return 1\n"
    "    @staticmethod\n    def s(): return 2\n    @classmethod\n    def c(cls): return cls\n    class Inner: z = 1\n"
    "a = A(); b = A(); i = A.Inner(); m = a.c; A.self = A; A.first = a",
    "inheritance and super": "class A:\n    def f(self): return 'A'\nclass B(A):\n    def f(self): return super().f() + 'B'\nb = B(); r = b.f()",
    "slots": "class A:\n    __slots__ = ('x', '__private', '__weakref__')\n    def __init__(self): self.x = [self]\nclass B(A):\n    __slots__ = 'y'\n"
    "class C(B): pass\na, b, c = A(), B(), C(); b.y = a; c.z = b; b.x.append(c)",
    "enumerations": "import enum\nclass Color(enum.Enum):\n    RED = 1\n    GREEN = [1, 2]\n    ALSO = 1\n    def f(self): return self.value\n"
    "class F(enum.Flag):\n    A = enum.auto()\n    B = enum.auto()\nclass I(enum.IntEnum):\n    X = 3\n"
    "r, g, f, i = Color.RED, Color.GREEN, F.A | F.B, I.X; Color.RED.note = [g]",
    "dataclasses": "from dataclasses import *\n@dataclass\nclass P:\n    x: int\n    l: list = field(default_factory=list)\n"
    "@dataclass(frozen=True, order=True)\nclass Q:\n    p: int = 1\np = P(1); p.l.append(p); q = {Q(2): p, Q(1): 0}",
    "abstract classes with registered ones": "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\nclass B(A):\n    def f(self): return 1\n"
    "@A.register\nclass V: pass\nA.register(int)\nb, v = B(), V(); r = isinstance(v, A)",
    "abstract classes that hold their subclasses": "import abc, weakref, collections.abc as c\nclass A(abc.ABC):\n    made = []; named = {}; weak = weakref.WeakSet()\n"
    "    def __init_subclass__(cls): super().__init_subclass__(); A.named[cls] = cls; A.weak.add(cls)\n    @abc.abstractmethod\n    def f(self, kinds=[]): return kinds\n"
    "class B(A): pass\nclass D(B):\n    __slots__ = ('x',)\n    def f(self): return super().f()\nA.made += [B, D(), [D]]; A.f.__defaults__[0].append(B); A.register(int); d = D(); d.x = d.f()\n"
    "class S(c.Sequence):\n    kinds = {}\n    def __len__(self): return 0\n    def __getitem__(self, i): raise IndexError\nclass T(S): home = A\nS.kinds['t'] = T; A.other = S; r = [isinstance(T(), c.Sized), A.__abstractmethods__]",
    "generic classes that hold their subclasses": "import abc\nfrom typing import *\nT = TypeVar('T'); U = TypeVar('U')\nclass A(abc.ABC, Generic[T, U]):\n    made = []\n    @abc.abstractmethod\n    def f(self): ...\n"
    "class B(A[int, T]): pass\nclass C(B[str]):\n    def f(self): return A\nA.made += [B, C, B[int]]; c = C(); p = [A.__parameters__, B.__orig_bases__]",
    "a metaclass that keeps its classes": "import abc\nclass M(abc.ABCMeta):\n    made = {}\n    def __new__(m, n, b, d): c = super().__new__(m, n, b, d); m.made[n] = c; return c\n"
    "class A(metaclass=M):\n    made = []\n    @abc.abstractmethod\n    def f(self): ...\nclass B(A):\n    def f(self): pass\nA.made.append(B); b = B()",
    "a metaclass": "class M(type):\n    made = []\n    def __new__(m, n, b, d): c = super().__new__(m, n, b, d); c.tag = n; m.made.append(c); return c\n"
    "    def __call__(c, *a): o = super().__call__(*a); o.counted = True; return o\nclass A(metaclass=M): pass\nclass B(A): x = 1\na = A(); b = B()",
    "init_subclass and set_name": "log = []\nclass D:\n    def __set_name__(self, o, n): self.name = n; log.append(n)\n    def __get__(self, o, t=None): return self.name\n"
    "class A:\n    subs = []\n    def __init_subclass__(cls, **k): A.subs.append(cls); log.append(cls)\n    d = D()\nclass B(A): e = D()\nb = B()",
    "subclasses of builtins": "class L(list): pass\nclass D(dict):\n    def __missing__(self, k): return k\nclass I(int): pass\nclass S(str): pass\nclass T(tuple): pass\n"
    "l, d, i, s = L([1]), D(a=1), I(3), S('x'); l.tag = d; l.append(l); t = T([l, i]); i.tag = s; fs = D({i: t})",
    "own pickling hooks are not asked": "class A:\n    def __init__(self): self.data = [1]; self.lost = [2]\n    def __getstate__(self): return {'data': self.data}\n"
    "    def __setstate__(self, s): raise RuntimeError\nclass B:\n    one = None\n    def __new__(c): c.one = c.one or super().__new__(c); return c.one\n"
    "class R:\n    def __reduce__(self): return (int, ())\na, b, r = A(), B(), R(); r.a = a; b.r = r",
    "an unruly class": "class U:\n    def __getattr__(self, n): raise ZeroDivisionError(n)\n    def __setattr__(self, n, v): object.__setattr__(self, n, [v])\n"
    "    def __eq__(self, o): raise ZeroDivisionError\n    def __hash__(self): return 1\n    def __len__(self): raise ZeroDivisionError\n"
    "u = U(); u.x = 1; d = {u: u}; s = {u}",
    "keys that hash by what they hold": "class K:\n    def __init__(self, v): self.v = v\n    def __hash__(self): return hash(self.v)\n    def __eq__(self, o): return self.v == o.v\n"
    "k = K(1); d = {k: [k], K(2): 0}; s = {k, K(3)}",
    "keys of the containers they hold": "class K:\n    name = None\n    def __init__(self, v): self.v = v; self.d = {self: 1}; self.f = frozenset([self])\n"
    "    def __hash__(self): return hash((self.v, self.name))\n    def __eq__(self, o): return self.v == o.v\nclass S:\n    __slots__ = ('a', 'held')\n"
    "    def __init__(self, a): self.a = a; self.held = {self: [self]}\n    def __hash__(self): return hash(self.a)\n    def __eq__(self, o): return self.a == o.a\n"
    "k = K(('x', 2)); s = S(K(3)); k.name = 'n'; k.d = {k: s}; k.s = {k, 5}",
    "exceptions of the session": "class E(Exception):\n    def __init__(self, m, code): super().__init__(m); self.code = code\ne = E('m', [1]); e.code.append(e)",
    "generics": "from typing import *\nT = TypeVar('T', bound=int)\nclass Box(Generic[T]):\n    def __init__(self, v: T): self.v = v\n"
    "b = Box[int]([1]); a = Box[int]; l = list[a]; c = Callable[[T], int]; p = ParamSpec('p')",
    "one dict for all instances": "class B:\n    shared = {}\n    def __init__(self): self.__dict__ = self.shared\na, b = B(), B(); a.x = [1]",
    "foreign globals": "g = {'v': [1]}; exec('def f(): return v', g); f = g['f']; l = [g, g['v']]; h = {'f': f, 'deep': {'g': g}}; a = {}; k = eval('lambda: 1', a)",
    "functions that were changed": "def f(): return 1\ndef g(): return 2\nf.__code__, f.__defaults__, f.__name__ = g.__code__, (), 'other'; f.__dict__['g'] = g",
    "classes that were changed": "class A: x = 1\nclass B: pass\nclass C(A): pass\nc = C(); C.__bases__ = (B,); A.late = lambda self: 1; del A.x; C.__name__ = 'Z'",
}

ARRAYS = {
    "structures with objects": "l = [1]; a = np.zeros((2, 2), [('o', 'O'), ('p', 'f4', (3,)), ('e', 'S0'), ('n', [('q', 'O'), ('w', '>i2'), ('t', 'O', (2,))], (2,))]); a['p'] = [1, 2, 3]; a['o'][0, 0] = l; a['n']['t'][1, 1, 0, 1] = l; a['n']['q'][0, 1, 1] = a[1:]; a['n']['q'][0, 0, 0] = a; v = a['p'][1]; z = np.zeros((), [('o', 'O'), ('p', 'f4', (3,))]); z['o'].reshape(1)[0] = np.arange(2.); e = np.zeros((0, 3), z.dtype); f = np.zeros((2, 3), z.dtype, order='F'); f.flags.writeable = False",
    "views": "a = np.arange(12.); v = a[2:8]; w = v[::2]; r = a[::-1]; m = a.reshape(3, 4); t = m.T; n = v[::-2]",
    "large views": "a = np.arange(5000.); v = a[10:]; m = a.reshape(50, 100); c = m[:, 3]; i = a.view('i4')",
    "base of a name that is gone": "v = np.arange(5000.)[100:200]; w = v[::3]",
    "F-order": "f = np.asfortranarray(np.arange(6.).reshape(2, 3)); g = np.asfortranarray(np.ones((70, 80))); v = g[1:, ::2]; c = np.ones((1, 5))",
    "other orders": "a = np.arange(6000.).reshape(10, 20, 30).transpose(1, 0, 2).copy('K'); v = a[2:5, :, ::3]; w = v.T; s = np.arange(24).reshape(2, 3, 4).transpose(1, 2, 0).copy('K'); t = s[1]; o = np.empty((2, 3, 4), object).transpose(2, 0, 1).copy('K'); o[1, 1, 1] = [o]; p = o[1]",
    "dtypes": "l = [np.zeros(3, d) for d in '? b B h H i I l L q Q e f d g F D G S3 U4 V5 M8[ns] M8[D] m8[s] >i4 <f8'.split()]; n = np.array('NaT', 'M8[us]')",
    "structured": "s = np.zeros(3, [('a', 'i4'), ('b', 'f8', (2, 2))]); s['a'] = 7; f = s['b']; p = np.ones(200, np.dtype('i1,f8', align=True)); r = p['f1']",
    "structured with objects": "s = np.zeros(2, [('o', 'O'), ('n', 'i4')]); l = [1]; s['o'][0] = l; s['o'][1] = s",
    "zero sizes": "z = np.zeros(0); y = np.zeros((3, 0, 2), 'f4', order='F'); x = z[:0]; e = np.zeros(4, 'V0'); w = np.arange(9)[4:4]",
    "0-d": "z = np.array(5.0); o = np.array(None, object); o[()] = [z]; s = np.float32(1.5); d = np.datetime64('2020-01-01'); v = np.arange(3)[1, ...]",
    "read-only": "a = np.arange(5); a.flags.writeable = False; b = np.arange(9); v = b[1:]; v.flags.writeable = False; c = np.arange(999.); w = c[2:]; c.flags.writeable = False",
    "broadcast and strided": "b = np.broadcast_to(np.arange(3), (4, 3)); s = np.lib.stride_tricks.sliding_window_view(np.arange(9), 3)",
    "object arrays": "l = [1]; o = np.array([l, l, None, 'x'], object); m = np.empty((2, 2), object, order='F'); m[0, 1] = l; m[1, 0] = o; v = o[1:]",
    "object array in itself": "o = np.empty(2, object); o[0] = o; o[1] = [o]; q = o[::-1]",
    "lists in an object array": "o = np.empty(2, object); o[0] = [1, 2]; o[1] = [3, 4]",
    "NaN": "a = np.array([np.nan, 1]); o = np.array([np.nan, float('nan'), None], object); s = np.float64('nan'); n = np.nan; l = [n, o[1]]",
    "generators": "g = np.random.default_rng(1); g.random(3); r = np.random.RandomState(2); h = g",
    "functions and types": "f = np.sin; t = np.float32; d = np.dtype('f8'); u = np.add.reduce",
}

OVER_OTHERS = {
    "subclasses": "class A(np.ndarray): pass\na = np.arange(4.).view(A); a.tag = [a]; b = a[1:]; p = a.view(np.ndarray); o = np.zeros(3).view(A).copy(); o.tag = a; q = o[::-1]; b[0] = 9",
    "masked": "m = np.ma.array([1, 2, 3, 4], mask=[0, 1, 0, 0]); d = m.data; k = m.mask; v = m[1:]; b = m.base; n = np.ma.masked; z = np.ma.zeros((40, 50)); y = z.data; f = np.ma.array([1.5], fill_value=7.); s = np.ma.zeros(2, [('a', 'i4')]); s.mask = [(1,), (0,)]; q = s[0]; m.note = [d]",
    "views of instances of a subclass": "class A(np.ndarray):\n    n = []\n    def __array_finalize__(self, other): A.n.append(1); self.info = getattr(other, 'info', None)\nclass B(A): pass\na = np.arange(12.).view(A); a.info = [1]; b = a[2:]; c = b[:2]; t = a.reshape(3, 4).T; u = t[1:]; d = np.arange(6.).view(B); e = d[::-1]; e.flags.writeable = False; f = e[1:]; o = np.empty(3, object).view(A); o[0] = o; p = o[1:]; p.info = p; n = A.n",
    "a subclass with hooks of its own": "class Q(np.ndarray):\n    def __reduce__(self): return (Q, (0,))\nq = np.arange(3.).view(Q); q.unit = ['m']; d = q.view(np.ndarray); class_ = Q",
    "over bytes": "b = bytes(range(64)) * 50; a = np.frombuffer(b, 'i2'); c = bytearray(b); d = np.frombuffer(c, 'u1', offset=3); e = d[::-1]; c[3] = 99",
    "over array.array": "import array\nx = array.array('d', range(400)); a = np.frombuffer(x); a[3] = 9; b = a[5:]",
}
"""Arrays over memory of objects that are no plain arrays."""

FRAMES = {
    "mixed": "df = pd.DataFrame({'a': [1, 2], 'b': [1.5, np.nan], 'c': ['x', None], 'd': pd.to_datetime(['2020', '2021'])}); s = df['a']; t = df.dtypes",
    "large": "df = pd.DataFrame(np.arange(60000.).reshape(6000, 10)); df['k'] = range(6000); v = df[3]",
    "categorical": "c = pd.Categorical(list('aba'), ordered=True); s = pd.Series(c); df = pd.DataFrame({'c': c, 'd': s}); i = pd.CategoricalIndex(c)",
    "extension arrays": "df = pd.DataFrame({'i': pd.array([1, None], 'Int64'), 'b': pd.array([True, None], 'boolean'), 's': pd.array(['x', None], 'string')}); p = pd.period_range('2020', periods=3); v = pd.arrays.IntervalArray.from_breaks([0, 1, 2]); n = pd.NA",
    "time zones": "i = pd.date_range('2020', periods=3, tz='Europe/Berlin', freq='D'); s = pd.Series(1, i); t = i[0]; d = pd.Timedelta('1h'); z = pd.NaT",
    "MultiIndex": "i = pd.MultiIndex.from_product([[1, 2], ['a', 'b']], names=['x', 'y']); df = pd.DataFrame({'v': range(4)}, i); u = df.unstack()",
    "objects shared by cells": "l = [1]; df = pd.DataFrame({'o': [l, l, {}]}); s = df['o']; k = s[2]",
    "names and attributes": "df = pd.DataFrame({'a': [1]}); df.attrs['note'] = [1]; df.index.name = 'n'; df.columns.name = 'c'; s = pd.Series([1], name=('x', 1))",
    "empty": "a, b, c = pd.DataFrame(), pd.Series([], dtype='f8'), pd.DataFrame(columns=['x']); d = a.index",
    "duplicate columns": "df = pd.DataFrame([[1, 2.0]], columns=['a', 'a']); df2 = pd.concat([df, df])",
    "groups": "df = pd.DataFrame({'k': list('aab'), 'v': [1, 2, 3]}); r = df.groupby('k').sum()",
}
"""Run after ``import numpy as np, pandas as pd``."""

PARTS = {
    "memoryviews of parts": "import array\nb = bytearray(range(10)); m = memoryview(b); n = m[2:5]; r = m[::-2]; z = m[3:3]; a = array.array('i', range(8))\n"
    "am = memoryview(a)[2:6:2]; rr = memoryview(a)[::-1]; ro = memoryview(b'abcdef')[1:3]; c = memoryview(a).cast('B')[4:12].cast('h')\n"
    "n[0] = 77; rr[0] = 5; c[1] = 9; o = memoryview(a).cast('B')[1:7].toreadonly()",
    "weak proxies": "import weakref\nclass K:\n    v = [1]\n    def __call__(self): return self.v\nclass P: v = 1\nk = K(); j = P(); p = weakref.proxy(k); q = [weakref.proxy(k), weakref.proxy(j)]",
}
"""What only looks at another object: seen through, not compared."""
