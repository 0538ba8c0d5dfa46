"""Awkward sessions, as tables of cells. Each is an ordinary thing to do in a notebook; none may come back wrong.

`EXACT`: running the same cells in a bare namespace up to a point gives the very state that a checkout of that point must
give. `OUTSIDE`: values that hold something outside the session, or that nobody can copy: they are reported when they are
recorded, and come back rebuilt, replayed, or as a placeholder.
"""
# ruff: noqa: E501 - cells are written as users write them

from __future__ import annotations

from dataclasses import dataclass, field

EXACT: dict[str, list[str]] = {
    # ---- changed without being named
    "numpy view": ["import numpy as np\na = np.arange(10.); v = a[2:5]", "v[:] = -1", "a[3] = 7", "v = v.copy(); v[0] = 9"],
    "numpy columns": ["import numpy as np\nm = np.zeros((4, 3)); c0, c1 = m[:, 0], m[:, 1]", "c1 += 5", "m[0] = 9", "del m", "c0[0] = 1"],
    "numpy base out of reach": ["import numpy as np\nv = np.arange(100.)[10:20]; w = v[2:]", "w[0] = -1", "del v", "w[1] = -2"],
    "numpy reshaped, transposed": ["import numpy as np\na = np.arange(12); b = a.reshape(3, 4); t = b.T", "t[0, 0] = 99", "b += 1"],
    "numpy object array": ["import numpy as np\nl = [1]; o = np.array([l, None], dtype=object)", "l.append(2)", "o[0].append(3)"],
    "numpy structured, zero size, scalar": ["import numpy as np\ns = np.zeros(3, dtype=[('a', 'i4'), ('b', 'f8')]); f = s['b']; z = np.empty((0, 3)); q = np.float32(1.5); x = np.array(3)", "f[:] = 2.5", "x[()] = 4"],
    "numpy rows of a structured array": ["import numpy as np\ns = np.zeros(3, [('a', 'i4'), ('b', 'f8', 2)]); r = s[1]; q = r; o = s[0].copy(); p = [o]; m = s.view(np.recarray)[2]", "r['a'] = 7", "s['b'][1] = 5; o['a'] = 1", "del s; q['a'] = 8", "m.a = 3"],
    "numpy read-only and fortran": ["import numpy as np\na = np.asfortranarray(np.arange(6.).reshape(2, 3)); r = np.arange(3); r.flags.writeable = False", "a[0, 0] = 5"],
    "numpy masked and subclass": ["import numpy as np\nm = np.ma.array([1, 2, 3], mask=[0, 1, 0])", "m[0] = 9"],
    "memoryview of bytearray": ["b = bytearray(b'hello'); c = b", "memoryview(b)[0] = 72", "c.extend(b' world')"],
    "closure": ["def counter():\n    n = 0\n    def inc():\n        nonlocal n\n        n += 1\n        return n\n    return inc\ninc = counter()", "inc()", "y = inc()", "inc2 = inc; inc2()"],
    "closures sharing a cell": ["def pair():\n    n = [0]\n    k = 0\n    def up():\n        nonlocal k\n        k += 1; n.append(k)\n    def get(): return k, n\n    return up, get\nup, get = pair()", "up()", "up(); r = get()", "r[1].append('seen')"],
    "default argument": ["def f(x, acc=[]):\n    acc.append(x)\n    return acc", "f(1)", "a = f(2)", "a.clear()"],
    "keyword default": ["def f(*, acc={}):\n    acc[len(acc)] = 1\n    return acc", "f()", "a = f()"],
    "function attribute": ["def f(): f.calls += 1\nf.calls = 0", "f()", "f(); g = f", "g.note = [f]"],
    "function code replaced": ["def f(): return 1\ndef g(): return 2\nh = f", "f.__code__ = g.__code__", "f.__defaults__ = (1,)"],
    "class attribute": ["class A:\n    items = []\n    n = 0\n    def __init__(self):\n        A.n += 1", "a = A()", "A.items.append(a)", "b = A(); b.items.append(1)"],
    "class counter through type(self)": ["class A:\n    n = 0\n    def __init__(self): type(self).n += 1\nclass B(A): pass", "x = [A(), B(), B()]", "del x[0]", "x.append(A())"],
    "background thread": ["import threading\nlog = []\ndef work(): log.append(len(log))", "t = threading.Thread(target=work); t.start(); t.join(); del t", "for i in range(3):\n    t = threading.Thread(target=work); t.start(); t.join()\ndel t, i"],
    "globals": ["x = 1", "globals()['x'] = [2]", "globals().update(y=3, z=globals()['x'])", "g = globals; g()['y'] = 4", "del globals()['x']"],
    "exec and eval": ["exec('a = [1]; b = a')", "eval('a.append(2)')", "exec('del a')", "exec(compile('def f(): return b', 'x', 'exec'))", "exec('c = f()')"],
    "setattr and vars": ["class K: pass\nk = K()", "setattr(k, 'x', [1])", "vars(k)['x'].append(2)", "k.__dict__.update(y=k)"],
    "raised after changing": ["x = [1]", "x.append(2); y = 3; 1 / 0", "x.append(3)\nraise KeyError('k')", "try:\n    x.append(4); raise ValueError\nexcept ValueError: pass"],
    "syntax error": ["x = 1", "x = = 2", "x = 3"],
    "names with underscores": ["_ = 1; __ = 2; _private = [1]; __very = 3", "_private.append(_)", "_ = [3]; del __very"],
    "annotations": ["x: int = 1", "y: 'list[int]' = []", "y.append(x)"],
    "dict that is its own attributes": ["import collections\nclass AttrDict(dict):\n    def __init__(self, *a, **k):\n        super().__init__(*a, **k); self.__dict__ = self\nclass Ordered(collections.OrderedDict):\n    __slots__ = ('extra',)\n    def __init__(self, *a): super().__init__(*a); self.__dict__ = self\nd = AttrDict(a=[1]); o = Ordered([('x', 1)])", "d.b = 2; o.y = d; o.extra = [o]", "d['c'] = d.a; e = d; o.move_to_end('x')", "del d.a; d.itself = d"],
    "attrs of a frame under a name": ["import pandas as pd\ndf = pd.DataFrame({'a': [1]}); df.attrs['m'] = [1]; e = pd.Series([1]); e.attrs['s'] = 1; n = e.attrs", "df.attrs['m'].append(2); l = df.attrs; n['x'] = l", "l['z'] = df.attrs['m']", "df2 = df.copy(); df2.attrs['m'].append(3)"],
    # ---- aliases
    "alias cut by an equal value": ["x = [1, 2]; y = x", "x = [1, 2]", "x.append(3)", "y = x"],
    "alias made by an equal value": ["x = [1]; y = [1]", "y = x", "x.append(2)"],
    "alias swapped": ["a = [1]; b = [1]; c = a", "c = b", "a, b = b, a"],
    "nested alias": ["x = []; d = {'x': x, 'l': [x, x]}", "d['x'].append(1)", "d['l'][0] = list(x)", "del x", "x = d['x']"],
    "cycles": ["a = []; a.append(a)", "d = {}; d['self'] = d; d['a'] = a", "a.append(d)", "a.clear()"],
    "nan": ["n = float('nan'); m = n", "l = [n, m, float('nan')]", "n = float('nan')", "d = {n: 1, m: 2}; s = {n, m, float('nan')}"],
    "sentinel": ["S = object(); T = S; d = {S: 1}", "T = object()", "l = [S, T]"],
    "big immutables": ["b = bytes(5000); c = b; s = 'x ' * 1500; t = s; i = 1 << 20000; j = i", "c = bytes(5000)", "t = 'x ' * 1500; u = (b, s)"],
    "tuples of mutables": ["t = ([1], {2: 3}); u = t; v = (t, t)", "t[0].append(2)", "u = ([1, 2], {2: 3})"],
    "sets": ["s = {1, 2, 3}; t = s; f = frozenset(s)", "t.add(4)", "s = {1, 2, 3, 4}"],
    "set of instances": ["class K:\n    def __init__(self, v): self.v = v\nks = [K(i) for i in range(5)]; s = set(ks)", "s.discard(ks[0])", "ks[1].v = 'changed'"],
    "dict with instance keys": ["class K: pass\nk, l = K(), K(); d = {k: 1, l: 2}", "d[k] += 1", "k.d = d"],
    "independent frames": ["import pandas as pd, numpy as np\na = pd.DataFrame({'x': np.arange(5.), 'y': list('abcde')}); b = pd.DataFrame({'x': np.arange(5.)})", "a['z'] = 1", "b.loc[0, 'x'] = 9", "c = a[['x']]", "c.loc[1, 'x'] = -5", "a.pop('x')"],
    "frame and its series": ["import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3], 'b': [1., 2., 3.]}); s = df['a']", "s.iloc[0] = 100", "df['c'] = s", "df.loc[:, 'a'] = df['a'].to_numpy()[::-1]", "df.attrs['note'] = [1]; df = df.rename_axis('k')"],
    "frame kinds": ["import pandas as pd, numpy as np\ndf = pd.DataFrame({'c': pd.Categorical(list('aba')), 't': pd.date_range('2020', periods=3, tz='UTC'), 'n': pd.array([1, None, 3], dtype='Int64'), 's': ['x', None, 'z'], 'o': [[1], {}, None]})", "df['o'][0].append(2)", "df = df.set_index('t')", "g = df.groupby('c', observed=True).size()", "mi = pd.MultiIndex.from_product([[1, 2], ['a']]); w = pd.Series([1, 2], index=mi)"],
    "frame over an array": ["import numpy as np, pandas as pd\na = np.zeros((3, 2)); df = pd.DataFrame(a, columns=['u', 'v'], copy=False)", "df['u'] = 1", "a[0, 0] = 5"],
    # ---- definitions
    "class redefined, old instance lives": ["class A:\n    def who(self): return 1\na = A()", "class A:\n    def who(self): return 2\nb = A()", "same = isinstance(a, A), isinstance(b, A), type(a) is type(b)", "A = type(a)", "c = A(); who = a.who(), b.who(), c.who()"],
    "isinstance after": ["class A: pass\nclass B(A): pass\na, b = A(), B()", "A.x = 1", "B.y = [a, b]", "del A", "ok = isinstance(b, type(a))"],
    "monkey-patch": ["class A:\n    def f(self): return 1\na = A()", "A.f = lambda self: 2", "a.f = lambda: 3", "del A.f", "A.g = property(lambda self: self.__dict__)"],
    "recursion": ["def fact(n): return 1 if n < 2 else n * fact(n - 1)", "x = fact(5)", "old = fact\ndef fact(n): return -1", "y = old(3), fact(3)"],
    "mutual recursion": ["def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)", "x = even(10)", "def odd(n): return 'patched'", "y = even(3)"],
    "inner recursion": ["def make():\n    def f(n): return n and f(n - 1) + 1\n    return f\nf = make()", "x = f(3)", "g = f"],
    "lambdas in containers": ["fs = [lambda i=i: i for i in range(3)]; d = {'sq': lambda x: x * x}", "fs.append(d['sq'])", "d['sq'].note = fs"],
    "decorator with shared closure": ["def counting(f):\n    calls = []\n    def w(*a):\n        calls.append(a)\n        return f(*a)\n    w.calls = calls\n    return w\n@counting\ndef add(a, b): return a + b", "add(1, 2)", "add(3, 4); c = add.calls", "c.clear()"],
    "functools.wraps": ["import functools\ndef deco(f):\n    @functools.wraps(f)\n    def w(*a): return f(*a)\n    return w\n@deco\ndef g(x):\n    'doc'\n    return x", "r = g(3)", "g.__wrapped__.seen = True"],
    "partials": ["from functools import partial\nl = []\np = partial(l.append, 1); q = partial(int, base=2)", "p()", "p.tag = l", "l2 = l; r = partial(p)"],
    "bound methods": ["class A:\n    def __init__(self): self.v = []\n    def add(self, x): self.v.append(x)\na = A(); m = a.add", "m(1)", "a = A()", "m(2); n = m.__self__"],
    "lru_cache": ["import functools\n@functools.lru_cache(maxsize=None)\ndef slow(x): return [x]\na = slow(1)", "b = slow(1)", "b.append(2)"],
    "singledispatch": ["import functools\n@functools.singledispatch\ndef show(x): return 'object'\n@show.register\ndef _(x: int): return 'int'", "class K: pass\n@show.register(K)\ndef show_k(x): return 'K'", "r = [show(1), show(K()), show('')]"],
    "enum": ["import enum\nclass C(enum.Enum):\n    R = 1\n    G = 2\nclass F(enum.Flag):\n    A = 1\n    B = 2\nx = C.R; y = {C.G: F.A | F.B}", "x = C.G", "z = C(1), C['G'], F.A | F.B", "C.R.note = [1]"],
    "enum: an alias, and what a member carries": ["import enum\nclass E(enum.Enum):\n    A = 1\n    B = 2\n    AA = 1\nx = E.AA", "E.A.n = [x]", "del E.A.n", "y = E(1), E['AA'], list(E.__members__)"],
    "enum: bases that say how members are made": ["import enum\nclass Auto(enum.Enum):\n    def _generate_next_value_(name, start, count, last): return name.lower()\nclass Num(enum.Enum):\n    def __new__(cls):\n        o = object.__new__(cls); o._value_ = len(cls.__members__) + 1\n        return o", "class A(Auto):\n    X = enum.auto()\nclass B(Num):\n    X = ()\n    Y = ()\nv = [A.X.value, B.Y.value]"],
    "enum: a constructor of its own": ["import enum\nclass P(enum.Enum):\n    EARTH = (5.9, [1])\n    MARS = (6.4, [2])\n    def __init__(self, mass, moons): self.mass = mass; self.moons = moons\ne = P.EARTH", "e.moons.append(P)", "P.MARS.moons.append(e)"],
    "enum: bytes": ["import enum\nclass N(bytes, enum.Enum):\n    def __new__(cls, v, label):\n        o = bytes.__new__(cls, [v]); o._value_ = v; o.label = label\n        return o\n    A = (1, 'a')\n    B = (2, 'b')\n    ALSO = (1, 'c')\nn = N.A", "r = bytes(n), N(1) is n, N.ALSO is n, n[0]", "n.label = [n]"],
    "enum: texts, tuples and numbers": ["import enum\nclass S(str, enum.Enum):\n    A = 'x'\n    B = ('y',)\nclass T(tuple, enum.Enum):\n    A = (1, 2)\nclass I(enum.IntEnum):\n    A = 3\n    def __new__(cls, v):\n        o = int.__new__(cls, v * 2); o._value_ = v\n        return o\nx, t, i = S.B, T.A, I.A", "r = x + 'z', i + 1, I(3) is i", "x.n = [t]; y = tuple(t)"],
    "enum: values that change": ["import enum\nl = [1]\nclass E(enum.Enum):\n    A = l\n    B = {'k': l}\n    C = 5", "l.append(2)", "E.A.value.append(3); x = E([1, 2, 3]) is E.A", "E.B.value['m'] = l", "E.C.z = E.B.value"],
    "enum: dataclass": ["import enum, dataclasses\n@dataclasses.dataclass\nclass Mix:\n    a: int\n    b: list\nclass E(Mix, enum.Enum):\n    X = 1, []\n    Y = 2, [1]\nx = E.X", "x.b.append(1)", "E.Y.b.append(x)"],
    "dataclass": ["from dataclasses import dataclass, field\n@dataclass\nclass P:\n    x: int\n    tags: list = field(default_factory=list)\np = P(1); q = p", "p.tags.append('a')", "q = P(1, ['a']); same = p == q", "P.extra = 3"],
    "dataclass frozen, slots": ["from dataclasses import dataclass\n@dataclass(frozen=True, slots=True)\nclass P:\n    x: object\np = P([1]); d = {P(1): 2}", "p.x.append(2)", "q = P(p)"],
    "namedtuple": ["from collections import namedtuple\nfrom typing import NamedTuple\nP = namedtuple('P', 'x y')\nclass Q(NamedTuple):\n    a: int\n    b: list = []\np, q = P(1, [2]), Q(1)", "p.y.append(3)", "q.b.append(p)", "Q.twice = lambda self: self.a * 2"],
    "slots": ["class S:\n    __slots__ = ('a', 'b')\nclass T(S):\n    __slots__ = ('c', '__dict__')\ns, t = S(), T()\ns.a = [1]; t.c = s; t.z = 1", "s.a.append(t)", "del s.a", "s.b = 2"],
    "properties and descriptors": ["class Pos:\n    def __set_name__(self, o, n): self.n = '_' + n\n    def __get__(self, i, o=None): return self if i is None else getattr(i, self.n, 0)\n    def __set__(self, i, v): setattr(i, self.n, v)\nclass A:\n    x = Pos()\n    @property\n    def y(self): return self.x * 2\n    @y.setter\n    def y(self, v): self.x = v / 2\na = A()", "a.x = 4", "a.y = 20", "d = A.__dict__['x']; d.note = 1"],
    "abstract base classes": ["import abc\nclass Shape(abc.ABC):\n    @abc.abstractmethod\n    def area(self): ...\nclass Sq(Shape):\n    def area(self): return 4\ns = Sq()", "class Other: pass\nShape.register(Other)\no = Other(); r = isinstance(o, Shape)", "s.k = Shape"],
    "metaclass": ["class Meta(type):\n    made = []\n    def __new__(m, n, b, d, **k):\n        c = super().__new__(m, n, b, d)\n        m.made.append(n)\n        return c\n    def __call__(c, *a):\n        o = super().__call__(*a); o.by = 'meta'\n        return o\nclass A(metaclass=Meta): pass\na = A()", "class B(A): pass\nb = B()", "Meta.made.append('x')", "r = isinstance(A, Meta), type(b) is B"],
    "init_subclass": ["class Base:\n    reg = []\n    def __init_subclass__(cls, **k): Base.reg.append(cls.__name__)\nclass X(Base): pass", "class Y(X): pass", "y = Y(); Base.reg.append(y)"],
    "abstract classes that hold their subclasses": ["import abc\nclass Base(abc.ABC):\n    reg = {}\n    def __init_subclass__(cls, **k):\n        super().__init_subclass__(**k); Base.reg[cls.__name__] = cls\n    @abc.abstractmethod\n    def f(self): ...", "class X(Base):\n    def f(self): return 1\nx = X()", "class Y(X): pass\nX.next = Y; y = [Y()]", "del Base, X, Y, x, y", "import gc; n = gc.collect() >= 0"],
    "generics": ["from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Box(Generic[T]):\n    def __init__(self, v: T): self.v = v\nb = Box[int]([1]); al = Box[int]", "b.v.append(al)", "class IntBox(Box[int]): pass\ni = IntBox(3)", "T2 = T"],
    "protocol and typed dict": ["from typing import Protocol, TypedDict, runtime_checkable\n@runtime_checkable\nclass HasA(Protocol):\n    def a(self): ...\nclass TD(TypedDict):\n    x: int\nclass K:\n    def a(self): ...\nk = K(); td = TD(x=1)", "r = isinstance(k, HasA)", "td['x'] = 2"],
    "super and class cell": ["class A:\n    def f(self): return ['A']\nclass B(A):\n    def f(self): return super().f() + ['B']\nb = B()", "r = b.f()", "A.f = lambda self: ['patched']", "r2 = b.f()"],
    "custom getattr and setattr": ["class D(dict):\n    def __getattr__(self, n):\n        try: return self[n]\n        except KeyError: raise AttributeError(n)\n    __setattr__ = dict.__setitem__\nd = D(a=[1])", "d.b = d", "d.a.append(2)"],
    "getstate and setstate": ["class A:\n    def __init__(self): self.data = [1]; self.cache = 'big'\n    def __getstate__(self): return {'data': self.data, 'cache': self.cache}\n    def __setstate__(self, s): self.__dict__.update(s)\na = A(); d = a.data", "d.append(2)", "a.b = a"],
    "custom reduce": ["class A:\n    def __init__(self, x): self.x = x\n    def __reduce__(self): return (A, (self.x,))\na = A([1]); l = a.x", "l.append(2)", "a2 = a"],
    "subclasses of builtins": ["class L(list): pass\nclass D(dict):\n    def __missing__(self, k): return k\nclass I(int): pass\nclass S(str): pass\nl, d, i, s = L([1]), D(a=1), I(3), S('x')\nl.tag = d; i.tag = l", "l.append(l)", "d['b'] = i", "s.note = [s]"],
    "counter that holds itself": ["from collections import Counter\nc = Counter('aab'); c['c'] = [c]", "c['a'] = c; c.note = [1]", "d = c; del c['b']"],
    "subclasses that override what unpickling calls": ["log = []\nclass D(dict):\n    def __setitem__(self, k, v): log.append(k); super().__setitem__(k.upper(), v)\n    def items(self): log.append('items'); return iter(())\nclass L(list):\n    def __init__(self, n): log.append(n)\n    def append(self, v): log.append(v); super().append(v)\n    def extend(self, v): raise RuntimeError\n    def __iter__(self): return iter(())\nclass S(set):\n    def __iter__(self): return iter(())\n    def add(self, v): raise RuntimeError\nd, l, s = D(), L(1), S(); dict.update(d, a=1)", "d['b'] = l; l.append(s); set.add(s, 5)", "d['b'][0].note = d", "l.append(log)"],
    "collections": ["from collections import *\ndq = deque([1], maxlen=3); od = OrderedDict(a=1, b=2); c = Counter('aab'); dd = defaultdict(list); cm = ChainMap({}, {'a': 1})", "dq.extend([2, 3, 4]); od.move_to_end('a')", "dd['x'].append(dq)", "cm['z'] = dd; c['a'] -= 2", "dd.default_factory = dict"],
    "standard library values": ["import datetime, decimal, fractions, uuid, re, array, io, random, pathlib, types, ipaddress\na = array.array('d', [1, 2]); b = io.BytesIO(b'abc'); s = io.StringIO('x'); r = random.Random(1); n = types.SimpleNamespace(v=[1]); p = pathlib.Path('x/y'); f = fractions.Fraction(1, 3); d = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc); e = decimal.Decimal('1.10'); u = uuid.UUID(int=5); rx = re.compile('a+')", "a.append(3); b.seek(1); b.write(b'Z')", "x = r.random(); s.write('yy')", "n.v.append(n); ip = ipaddress.ip_address('1.2.3.4')"],
    "exceptions as values": ["class MyError(Exception):\n    def __init__(self, msg, code): super().__init__(msg); self.code = code\ntry:\n    raise MyError('m', [1])\nexcept MyError as e: err = e.with_traceback(None)", "err.code.append(2)", "err2 = err; k = isinstance(err, MyError)"],
    "weak references": ["import weakref\nclass K: pass\nk = K(); w = weakref.ref(k); wd = weakref.WeakValueDictionary(a=k); ws = weakref.WeakSet([k])", "k.x = 1", "k2 = k; same = w() is k"],
    "attribute dicts in a list": ["class K: pass\nks = [K(), K()]\nfor i, k in enumerate(ks): k.i = i\nrows = [vars(k) for k in ks]; del k", "rows[0]['i'] = [5]", "ks[1].j = ks[0].i", "one = ks[1]; del ks"],
    "borg": ["class B:\n    shared = {}\n    def __init__(self): self.__dict__ = self.shared\na, b = B(), B()", "a.x = [1]", "b.x.append(2)", "B.shared['y'] = a"],
    "singleton": ["class S:\n    _one = None\n    def __new__(c):\n        if c._one is None: c._one = super().__new__(c)\n        return c._one\na = S()", "b = S(); r = a is b", "a.v = [1]", "c = S(); r2 = c.v"],
    "instance method table": ["class M:\n    def __init__(self): self.h = {'go': self.go}; self.n = 0\n    def go(self): self.n += 1\nm = M()", "m.h['go']()", "h = m.h", "h['go'](); m2 = m"],
    "operator overloads": ["class V:\n    def __init__(self, *a): self.a = list(a)\n    def __iadd__(self, o): self.a += o.a; return self\n    def __eq__(self, o): return NotImplemented\n    __hash__ = None\nv = V(1); w = v", "v += V(2)", "w += v"],
    "keys of the containers they hold": ["class K:\n    name = None\n    def __init__(self, v): self.v = v; self.d = {self: 1}; self.s = {self, 5}; self.f = frozenset([self])\n    def __hash__(self): return hash((self.v, self.name))\n    def __eq__(self, o): return type(o) is K and self.v == o.v\nclass S:\n    __slots__ = ('a', 'held')\n    def __init__(self, a): self.a = a; self.held = {self: []}\n    def __hash__(self): return hash(self.a)\n    def __eq__(self, o): return self.a == o.a\nk = K(('x', 2)); l = [k.d]; s = S(k.v)", "k.d[k] = l; ok = k in k.d and k in k.s and k in k.f", "s.held[s].append(k); k.name", "k2 = K(s.a); k.d[k2] = s", "del k, k2"],
    "equal to everything": ["class E:\n    def __eq__(self, o): return True\n    def __hash__(self): return 1\n    def __bool__(self): raise ValueError\ne, f = E(), E(); l = [e, f]", "f.x = 1", "l[0] = f", "e = f"],
    "modules": ["import math, os.path as p, collections.abc\nm = math; l = [math, p]", "del math", "import math as other", "l.append(other.sqrt)"],
    "module made by hand": ["import types\nmod = types.ModuleType('mod'); mod.x = [1]", "mod.x.append(2)", "exec('def f(): return x', mod.__dict__)\ny = mod.f()"],
    "range, slice, ellipsis, types": ["r = range(3); s = slice(1, 2); e = ...; t = int; ni = NotImplemented; g = list[int]; u = int | None", "r = range(4); t = type(None)", "l = [r, s, e, t, ni, g, u]"],
    "unicode, bytes, complex": ["s = 'é☃𝄞\\x00\\ud800'; b = b'\\x00\\xff'; c = 1 - 0j; z = -0.0; i = float('inf')", "s += 'x'; c = complex(0.0, -0.0)"],
    "int subclass in numpy": ["import numpy as np\nd = np.dtype([('x', 'f4', (2,))]); g = np.random.default_rng(3); ps = np.poly1d([1, 2])", "x = g.normal(size=3)", "ps2 = ps * 2; y = g.integers(10)"],
    "comprehension and walrus": ["xs = [y := i for i in range(4)]", "t = {i: [i] for i in xs}", "t[y].append(y)", "del y"],
    "delete and remake": ["x = [1, 2, 3]", "del x", "x = [3, 4]", "del x; x = [3, 4]", "del x"],
    "nothing changes": ["x = [1]", "pass", "x", "len(x)", "x == [1]"],
    "star import and many names": ["from string import *", "for i in range(200): globals()[f'v{i}'] = [i]", "del i", "v3.append(v4)"],
    "same object under many names": ["l = []\nfor i in range(50): globals()[f'n{i}'] = l", "n7.append(i)", "n9 = [49]", "l = n9"],
    "dict order": ["d = {'a': 1, 'b': 2}", "d['a'] = d.pop('a')", "d = {'a': 1, 'b': 2}", "d.update(c=d)"],
    "dict of dict alias to class dict": ["class A:\n    x = {}\nref = A.x", "ref['k'] = A", "A.x = dict(ref)", "ref['z'] = 1"],
    "iterator positions": ["it = iter([1, 2, 3]); r = iter(range(5)); z = enumerate(['a', 'b'])", "next(it)", "v = next(it), next(r), next(z)"],
    "static and class methods": ["class A:\n    k = []\n    @staticmethod\n    def s(x): return x\n    @classmethod\n    def c(cls, x): cls.k.append(x); return cls\ns, c = A.s, A.c", "c(1)", "r = c(s(2)) is A", "A.s = staticmethod(len)"],
    "cached_property": ["import functools\nclass A:\n    @functools.cached_property\n    def big(self): return [1]\na = A()", "x = a.big", "x.append(2); same = a.big is x"],
    "string annotations": ["from __future__ import annotations\nclass A:\n    def f(self, o: A) -> list[A]: return [o]", "import typing\nh = typing.get_type_hints(A.f, globals())", "a = A(); r = a.f(a)"],
    "async function": ["import asyncio\nasync def f(x): return [x]\nr = asyncio.new_event_loop().run_until_complete(f(1))", "r.append(f.__name__)"],
    "generator function": ["def gen(n):\n    for i in range(n): yield i\nl = list(gen(3))", "l2 = list(gen(4)); l.extend(l2)"],
    "function with globals of its own": ["g = {'__name__': 'elsewhere', 'x': [1]}\nexec('def f(): return x', g); f = g['f']", "g['x'].append(2)", "r = f()", "del g", "r.append(3)"],
    "globals known before their function": ["a = {'x': [1], 'b': None}", "f = eval('lambda: x', a)", "a['x'].append(2)", "r = f()", "del a", "r.append(f.__globals__)"],
    "globals of atoms known before their function": ["a = {'x': 1}", "f = eval('lambda: x', a)", "a['x'] = 2; g = f", "del a", "r = f(), f.__globals__"],
    "globals in containers": ["g = {'__name__': 'o'}; exec('def f(): return y', g); l = [g]; f = g['f']", "g['y'] = [l]; g['z'] = 1", "del g['y']; g['y'] = 2", "h = {'deep': {'g': f.__globals__}}; i = eval('lambda: f', g)", "del l, g", "f = i = None", "h['deep']['g']['z'] += 1"],
    "globals that hold globals": ["g = {}; h = {'g': g}; exec('def f(): return x', g); exec('def e(): return g', h); g['x'] = h", "e = h['e']; k = [g, h]", "del g", "h['g']['x'] = 3", "del k, h", "r = e()"],
    "dict of a module made by hand": ["import types\nm = types.ModuleType('m'); d = vars(m); m.x = [d]", "m.y = 2; d['z'] = [m]", "del m", "d['x'].append(1)", "exec('def f(): return x', d)", "r = d['f']()"],
    "function with globals that claim to be the session's": ["exec('x = [1]\\ndef f(): return x', {'__name__': '__main__'}, globals()); x = 'not this'\ng = {'__name__': '__main__', 'x': [1]}\nexec('def h(): return x', g); h = g['h']; del g", "r = h()", "r.append(2)", "del r"],
    "pickling raises": ["class Bad:\n    def __init__(self): self.v = [1]\n    def __reduce_ex__(self, p): raise RuntimeError('no')\nx = [1]", "b = Bad(); d = {'deep': [{'bad': b}], 'x': x}", "b.v.append(x)", "del b"],
    "state that drops a lock": ["import threading\nclass Q:\n    def __init__(self): self.l = threading.Lock(); self.items = [1]\n    def __getstate__(self): return {'items': self.items}\n    def __setstate__(self, s): self.__dict__.update(s); self.l = threading.Lock()\nq = Q(); items = q.items", "items.append(2)", "q.items = list(items)", "q.items.append(3)"],
    "weak reference and finalizer in an instance": ["import weakref\nclass Node:\n    def __init__(self, up=None): self.up = up and weakref.ref(up); self.kids = []\n    def add(self): k = Node(self); self.kids.append(k); return k\nroot = Node(); kid = root.add()", "grand = kid.add()", "same = grand.up() is kid", "kid.kids.clear()"],
    "decorated class and methods": ["import functools\ndef register(c): c.reg = [c.__name__]; return c\ndef log(f):\n    @functools.wraps(f)\n    def w(self, *a): self.seen.append(f.__name__); return f(self, *a)\n    return w\n@register\nclass A:\n    def __init__(self): self.seen = []\n    @log\n    def go(self): return 1\na = A()", "a.go()", "A.reg.append(a)", "a.go(); n = len(a.seen)"],
    "context manager and contextvars": ["import contextlib\n@contextlib.contextmanager\ndef cm(log):\n    log.append('in')\n    yield log\n    log.append('out')\nlog = []", "with cm(log) as v: v.append(1)", "w = v", "with cm(w): pass"],
    "nested classes and functions": ["class A:\n    class B:\n        n = [1]\n        def f(self): return A.B\n    def g(self):\n        class C(A.B): pass\n        return C()\na = A(); b = A.B()", "c = a.g()", "A.B.n.append(c)", "r = type(c).__mro__[1] is A.B, b.f() is A.B"],
}  # fmt: skip


@dataclass(frozen=True)
class Outside:
    """A value that cannot be stored exactly.

    Attributes:
        cells: what runs; the last cell of them makes *names*.
        names: names that are reported when they are recorded.
        use: an expression that uses the value after it came back; evaluated only when it is no placeholder.
        allowed: what a checkout after ``del`` may give for the names.
        others: names beside them that must come back exactly.
    """

    cells: list[str]
    names: tuple[str, ...]
    use: str = "None"
    allowed: tuple[str, ...] = ("rebuilt", "replayed", "lost")
    others: tuple[str, ...] = field(default=())


OUTSIDE: dict[str, Outside] = {
    "generator": Outside(["x = [1, 2, 3]", "g = (i for i in x); next(g)"], ("g",), "next(g)", ("replayed", "lost"), ("x",)),
    "generator in a dict": Outside(["def gen():\n    yield 1\n    yield 2", "d = {'g': gen(), 'v': [1]}"], ("d",), "next(d['g'])", ("replayed", "lost"), ("gen",)),
    "open file, reading": Outside(["import os, tempfile\np = os.path.join(tempfile.mkdtemp(), 'f.txt')\nopen(p, 'w').write('hello world') and None", "f = open(p); f.read(6)"], ("f",), "f.read()", ("rebuilt", "lost"), ("p",)),
    "open file, writing": Outside(["import os, tempfile\np = os.path.join(tempfile.mkdtemp(), 'f.txt')", "f = open(p, 'w'); f.write('hello')"], ("f",), "f.write('x')", ("rebuilt", "lost"), ("p",)),
    "lock": Outside(["import threading\nn = [1]", "l = threading.Lock()"], ("l",), "l.acquire() and l.release()", ("rebuilt", "replayed", "lost"), ("n",)),
    "held lock in an instance": Outside(["import threading\nclass Q:\n    def __init__(self): self.l = threading.RLock(); self.items = [1]", "q = Q()"], ("q",), "q.items", ("rebuilt", "replayed", "lost"), ("Q",)),
    "sqlite in memory": Outside(["import sqlite3\nrows = [1, 2]", "c = sqlite3.connect(':memory:'); c.execute('create table t(x)'); c.executemany('insert into t values (?)', [(r,) for r in rows]); c.commit()"], ("c",), "c.execute('select count(*) from t').fetchone()", ("rebuilt", "replayed", "lost"), ("rows",)),
    "sqlite file": Outside(["import sqlite3, os, tempfile\np = os.path.join(tempfile.mkdtemp(), 'a.db')", "c = sqlite3.connect(p); c.execute('create table if not exists t(x)'); c.commit()"], ("c",), "c.execute('select count(*) from t').fetchone()", ("rebuilt", "lost"), ("p",)),
    "thread": Outside(["import threading\nn = [1]", "t = threading.Thread(target=n.append, args=(2,))"], ("t",), "t.name", ("rebuilt", "replayed", "lost")),
    "finished thread": Outside(["import threading\nn = [1]", "t = threading.Thread(target=len, args=('',)); t.start(); t.join()"], ("t",), "t.name", ("rebuilt", "replayed", "lost"), ("n",)),
    "socket": Outside(["import socket\nn = [1]", "s = socket.socket()"], ("s",), "s.fileno()", ("rebuilt", "replayed", "lost"), ("n",)),
    "asynchronous generator": Outside(["async def f(): yield 1", "c = f()"], ("c",), "None", ("replayed", "lost"), ("f",)),
    "process": Outside(["import subprocess, sys\nn = [1]", "p = subprocess.Popen([sys.executable, '-c', '']); p.wait()"], ("p",), "None", ("rebuilt", "lost"), ("n",)),
    "frame object": Outside(["import sys\nx = [1]", "f = (lambda: sys._getframe())()"], ("f",), "None", ("replayed", "lost"), ("x",)),
    "map over a generator": Outside(["x = [1]", "m = map(str, (i for i in range(3)))"], ("m",), "next(m)", ("replayed", "lost"), ("x",)),
    "memory map": Outside(["import mmap\nx = [1]", "m = mmap.mmap(-1, 4096); m[:3] = b'abc'"], ("m",), "m[:3]", ("rebuilt", "replayed", "lost"), ("x",)),
    "context variable token": Outside(["import contextvars\nx = [1]", "v = contextvars.ContextVar('v'); t = v.set(1)"], ("v", "t"), "None", ("rebuilt", "replayed", "lost"), ("x",)),
}  # fmt: skip
