# ruff: noqa: E501 - cells are written as users write them
"""Objects built to fool a checkpoint system, each with its expected answer.

`tests/fidelity/test_traps.py` holds every row to be true. After every step forward and back, and in a new process, the
probe must say what it says without Timeslip, unless the answer is that the value is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Trap:
    """One trap.

    Attributes:
        cells: what runs.
        probe: an expression that tells the states apart; evaluated by code that changes nothing.
        answer: exact, rebuilt, replayed or lost: the worst that a restore may give for *name*, and what it says of it.
        name: the name that *answer* is about.
        said: part of what the commit says of it; empty for what is exact.
        open: what is still wrong with it without a word; the test expects that it is.
        files: files of the user's that are there before.
    """

    cells: list[str]
    probe: str
    answer: str = "exact"
    name: str = "x"
    said: str = ""
    files: dict[str, str] = field(default_factory=dict)
    open: str = ""


LIAR = """\
class Drops:
    def __init__(self): self.kept = [1]; self.dropped = [2]
    def __getstate__(self): return {'kept': self.kept}
    def __setstate__(self, state): self.__dict__.update(state)
class Constant:
    def __init__(self, v=0): self.v = v
    def __reduce__(self): return (Constant, ())
class Singleton:
    one = None
    def __new__(cls):
        if cls.one is None: cls.one = super().__new__(cls)
        return cls.one
class ByName:
    def __reduce__(self): return 'shared'
shared = ByName()
class Effects:
    calls = []
    def __init__(self): self.v = [1]
    def __reduce__(self):
        Effects.calls.append(1)
        return (Effects, (), self.__dict__)
class Fails:
    def __init__(self): self.v = [1]
    def __setstate__(self, state): raise RuntimeError('no')
class NewArgs:
    def __new__(cls, v):
        o = super().__new__(cls); o.v = v
        return o
    def __getnewargs__(self): return ([0],)
    def __getstate__(self): return None
class AList(list):
    def __reduce__(self): return (list, (list(self),))
class Copied:
    def __init__(self): self.v = [1]; self.me = self
    def __deepcopy__(self, memo): return self
    def __reduce_ex__(self, protocol): return (Copied, ())
"""

TRAPS: dict[str, Trap] = {
    # ---- pickling hooks of classes of the session
    "__getstate__ drops state": Trap(["class A:\n    def __init__(self): self.a = [1]; self.b = [2]\n    def __getstate__(self): return {'a': self.a}\nx = A()", "x.b.append(3)", "x.a = x.b"], "(x.a, x.b, x.a is x.b)"),
    "__getstate__ returns something false": Trap(["class A:\n    def __getstate__(self): return 0\nx = A(); x.v = [1]", "x.v.append(2)"], "vars(x)"),
    "__reduce__ returns a constant": Trap(["class A:\n    def __reduce__(self): return (int, (3,))\nx = A(); x.v = 1", "x.v = 2"], "(type(x) is A, x.v)"),
    "__reduce__ returns the name of another": Trap(["class A:\n    def __reduce__(self): return 'other'\nother = A(); x = A(); x.v = 1", "x.v = 2"], "(x is other, x.v)"),
    "__reduce__ has side effects": Trap(["log = []\nclass A:\n    def __reduce__(self): log.append(1); return (A, ())\nx = A(); x.v = 1", "x.v = 2"], "(log, x.v)"),
    "__reduce_ex__ changes the object": Trap(["class A:\n    n = 0\n    def __reduce_ex__(self, p): self.n += 1; return object.__reduce_ex__(self, p)\nx = A(); x.v = 1", "x.v = 2"], "(x.n, x.v)"),
    "__setstate__ raises": Trap(["class A:\n    def __setstate__(self, s): raise RuntimeError\nx = A(); x.v = 1", "x.v = 2"], "x.v"),
    "__setstate__ changes globals": Trap(["n = [0]\nclass A:\n    def __setstate__(self, s): n[0] += 1; self.__dict__.update(s)\nx = A(); x.v = 1", "x.v = 2"], "(n, x.v)"),
    "__getnewargs__ lies": Trap(["class A(tuple):\n    def __getnewargs__(self): return ((9, 9),)\nx = A((1, [2]))", "x[1].append(3)"], "(type(x) is A, list(x))"),
    "__new__ counts": Trap(["class A:\n    made = 0\n    def __new__(cls): cls.made += 1; return super().__new__(cls)\nx = A(); x.v = 1", "x.v = 2"], "(A.made, x.v)"),
    "__init__ wants arguments": Trap(["class A:\n    def __init__(self, a, *, b): self.v = [a, b]\nx = A(1, b=2)", "x.v.append(3)"], "x.v"),
    "__copy__ and __deepcopy__ lie": Trap(["class A:\n    def __copy__(self): return None\n    def __deepcopy__(self, memo): return None\nx = A(); x.v = [1]", "x.v.append(2)"], "x.v"),
    "a reducer in copyreg that lies": Trap(["import copyreg\nclass A: pass\ncopyreg.pickle(A, lambda a: (A, ()))\nx = A(); x.v = 1", "x.v = 2"], "x.v"),
    "a reducer in copyreg for a library's class": Trap(["import copyreg, fractions\ncopyreg.pickle(fractions.Fraction, lambda a: (int, ()))\nx = [fractions.Fraction(1, 3)]", "x.append(fractions.Fraction(2, 3))", "del copyreg.dispatch_table[fractions.Fraction]"], "[str(v) for v in x]"),
    "a container that pickles as another type": Trap(["class L(list):\n    def __reduce__(self): return (list, (list(self),))\nx = L([1]); x.note = [x]", "x.append(2)"], "(type(x) is L, list(x), x.note[0] is x)"),
    "an exception whose __reduce__ lies": Trap(["class E(Exception):\n    def __reduce__(self): return (ValueError, ('other',))\nx = E('mine'); x.v = [1]", "x.v.append(2)"], "(type(x) is E, x.args, x.v)"),
    "an array whose __reduce__ lies": Trap(["import numpy as np\nclass Q(np.ndarray):\n    def __reduce__(self): return (Q, (0,))\nx = np.arange(3.).view(Q); x.unit = ['m']", "x[0] = 9"], "(type(x) is Q, x.tolist(), x.unit)"),
    "a frame whose __reduce__ lies": Trap(["import pandas as pd\nclass F(pd.DataFrame):\n    def __reduce__(self): return (F, ())\nx = F({'a': [1]})", "x['b'] = 2"], "(type(x) is F, x.to_dict('list'))"),
    # ---- hooks of classes in modules of the user's
    "module of the user's: state that is dropped": Trap(["import liar\nx = liar.Drops()", "x.dropped.append(3)", "x.kept = x.dropped"], "(x.kept, getattr(x, 'dropped', None), x.kept is getattr(x, 'dropped', 0))", files={"liar.py": LIAR}),
    "module of the user's: a constant": Trap(["import liar\nx = liar.Constant([1])", "x.v.append(2)"], "x.v", files={"liar.py": LIAR}),
    "module of the user's: a singleton": Trap(["import liar\nx = liar.Singleton(); x.v = 1; y = x", "x.v = 2"], "(x.v, y is x)", files={"liar.py": LIAR}),
    "module of the user's: a name": Trap(["import liar\nx = liar.ByName(); x.v = 1", "x.v = 2"], "vars(x)", files={"liar.py": LIAR}),
    "module of the user's: side effects": Trap(["import liar\nx = liar.Effects()", "x.v.append(2)"], "(x.v, len(liar.Effects.calls))", files={"liar.py": LIAR}),
    "module of the user's: __setstate__ raises": Trap(["import liar\nx = liar.Fails()", "x.v.append(2)"], "x.v", files={"liar.py": LIAR}),
    "module of the user's: arguments": Trap(["import liar\nx = liar.NewArgs([1])", "x.v.append(2)"], "x.v", files={"liar.py": LIAR}),
    "module of the user's: a list as a list": Trap(["import liar\nx = liar.AList([1]); x.note = 1", "x.append(2)"], "(type(x).__name__, list(x), vars(x))", files={"liar.py": LIAR}),
    "module of the user's: __reduce_ex__": Trap(["import liar\nx = liar.Copied(); x.v.append(5)", "x.v.append(2)"], "(x.v, x.me is x)", files={"liar.py": LIAR}),
    "package of the user's": Trap(["from pack.inner import deep\nx = deep.Drops()", "x.dropped.append(3)"], "(x.kept, getattr(x, 'dropped', None))", files={"pack/__init__.py": "", "pack/inner/__init__.py": "", "pack/inner/deep.py": LIAR}),
    "a subclass in the session of a lying class": Trap(["import liar\nclass B(liar.Drops): pass\nx = B()", "x.dropped.append(3)"], "(x.kept, getattr(x, 'dropped', None))", files={"liar.py": LIAR}),
    "an object of a module under a name": Trap(["import liar\nx = liar.shared; x.v = [1]", "x.v.append(2)"], "(x is liar.shared)", files={"liar.py": LIAR}, answer="rebuilt", said="own state is not recorded"),
    # ---- comparing and hashing
    "__eq__ always true": Trap(["class A:\n    def __eq__(self, o): return True\nx = [A(), A()]; x[0].v = 1", "x[0].v = 2", "x[0] = x[1]"], "([vars(a) for a in x], x[0] is x[1])"),
    "__eq__ raises": Trap(["class A:\n    def __eq__(self, o): raise RuntimeError\n    __hash__ = object.__hash__\nx = {A(): [1]}", "next(iter(x.values())).append(2)"], "list(x.values())"),
    "__eq__ returns arrays": Trap(["import numpy as np\nclass A:\n    def __eq__(self, o): return np.array([True, False])\n    __hash__ = object.__hash__\nx = [A(), np.arange(2)]; x[0].v = 1", "x[0].v = 2"], "(x[0].v, x[1].tolist())"),
    "__bool__ raises": Trap(["class A:\n    def __bool__(self): raise RuntimeError\n    def __len__(self): raise RuntimeError\nx = A(); x.v = 1", "x.v = 2"], "x.v"),
    "__hash__ changes": Trap(["class A:\n    n = 0\n    def __hash__(self): A.n += 1; return A.n\nx = A(); x.v = 1", "x.v = 2"], "x.v"),
    "hash by identity in a set": Trap(["class A: pass\nx = {A() for _ in range(20)}; l = list(x)", "l[0].v = 1; x.discard(l[1])"], "(len(x), sum(a in x for a in l), l[0] in x)"),
    "hash by id in a dict": Trap(["class A:\n    def __hash__(self): return id(self) // 16\n    def __eq__(self, o): return self is o\nl = [A() for _ in range(20)]; x = {a: i for i, a in enumerate(l)}", "x[l[0]] = 9"], "[x.get(a) for a in l]"),
    "hash by id that is kept": Trap(["class A:\n    def __init__(self): self.h = id(self)\n    def __hash__(self): return self.h\n    def __eq__(self, o): return self is o\nl = [A() for _ in range(20)]; x = set(l)", "x.discard(l[0])"], "[a in x for a in l]"),
    "a changed key of a defaultdict and of a subclass of set": Trap(["import collections\nclass A:\n    def __init__(self, v): self.v = v\n    def __hash__(self): return hash(self.v)\n    def __eq__(self, o): return self.v == o.v\nclass S(set): pass\na, b = A(1), A(2); x = [collections.defaultdict(list, {a: 1, b: 2}), S([a, b]), collections.Counter([a, b])]; b.v = 1", "a.v = 7"], "[(len(part), sorted(k.v for k in part)) for part in x]"),
    "a class that is hashed by what is in it": Trap(["class M(type):\n    def __hash__(cls): return hash(tuple(cls.table.items()))\n    def __eq__(cls, other): return cls is other\nclass A(metaclass=M): table = {'a': 1}; seen = {}\nA.seen[A] = 1; x = A()", "A.seen['b'] = 2"], "(A.seen[A], list(A.seen.values()), type(x) is A)"),
    "a key that was changed": Trap(["class A:\n    def __init__(self, v): self.v = v\n    def __hash__(self): return hash(self.v)\n    def __eq__(self, o): return self.v == o.v\nk = A(1); x = {k: 'k', A(2): 'two'}; k.v = 2", "x['new'] = 1", "del x['new']"], "(len(x), list(x.values()), k in x, next(iter(x)) is k)"),
    "a member of a set that was changed": Trap(["class A:\n    def __init__(self, v): self.v = v\n    def __hash__(self): return hash(self.v)\n    def __eq__(self, o): return self.v == o.v\nk = A(1); x = {k, A(2)}; k.v = 2", "x.add('new')"], "(len(x), sorted(a.v for a in x if type(a) is A), any(a is k for a in x))"),
    "a list in a dict with equal keys": Trap(["class A:\n    def __init__(self, v): self.v = v\n    def __hash__(self): return hash(self.v)\n    def __eq__(self, o): return self.v == o.v\nk, l = A(1), A(2); x = {k: 1, l: 2}; l.v = 1", "x['n'] = 3"], "(len(x), [a.v for a in x if type(a) is A])"),
    "the hash of a class changes between states": Trap(["class A:\n    def __init__(self, v): self.v = v\n    def __hash__(self): return hash(self.v)\n    def __eq__(self, o): return self.v == o.v\nx = {A(1): 'a', A(2): 'b'}; l = list(x)", "A.__hash__ = lambda self: 7\nA.__eq__ = lambda self, o: True\nx[l[0]] = 'c'", "x['other'] = 1"], "(len(x), list(x.values()))"),
    "hash by a global that changes": Trap(["salt = [1]\nclass A:\n    def __hash__(self, salt=salt): return salt[0]\nx = {A(): [1]}; l = list(x)", "salt[0] = 2\nx[l[0]] = [2]"], "(len(x), list(x.values()))"),
    "NaN as a key": Trap(["n = float('nan'); x = {n: 1, float('nan'): 2}", "x[n] = 3"], "(len(x), x[n], n in x)"),
    "numbers that are equal and differ": Trap(["x = [-0.0, 0.0, True, 1, 1.0, {1: 'a'}, {True: 'b'}, {0.0: 'c'}, {-0.0: 'd'}]", "x.append(0)"], "repr(x)"),
    "huge numbers": Trap(["x = [7 ** 20000, -(3 ** 30000), 1 << 100000]; y = x[0]", "x.append(x[0])"], "([v % 1000003 for v in x], x[0] is y, x[-1] is x[0])"),
    # ---- attributes
    "__getattr__ answers everything": Trap(["class A:\n    def __getattr__(self, n): return lambda *a, **k: 42\nx = A(); x.v = [1]", "x.v.append(2)"], "x.__dict__['v']"),
    "__getattribute__ answers everything": Trap(["class A:\n    def __getattribute__(self, n): return 42\nx = A(); object.__setattr__(x, 'v', [1])", "object.__getattribute__(x, 'v').append(2)"], "object.__getattribute__(x, '__dict__')"),
    "__getattribute__ raises": Trap(["class A:\n    def __getattribute__(self, n): raise RuntimeError\nx = A(); object.__setattr__(x, 'v', [1])", "object.__getattribute__(x, 'v').append(2)"], "object.__getattribute__(x, '__dict__')"),
    "__setattr__ refuses": Trap(["class A:\n    def __setattr__(self, n, v): raise TypeError\nx = A(); object.__setattr__(x, 'v', [1])", "x.v.append(2)"], "x.v"),
    "__class__ lies": Trap(["class A:\n    @property\n    def __class__(self): return int\nx = A(); x.v = 1", "x.v = 2"], "(type(x) is A, isinstance(x, int), x.v)"),
    "a proxy that hands everything on": Trap(["class P:\n    def __init__(self, o): object.__setattr__(self, '_o', o)\n    def __getattribute__(self, n): return getattr(object.__getattribute__(self, '_o'), n)\n    def __setattr__(self, n, v): setattr(object.__getattribute__(self, '_o'), n, v)\nclass T: pass\nt = T(); x = P(t); x.v = 1", "x.v = 2"], "(type(x) is P, t.v, object.__getattribute__(x, '_o') is t)"),
    "__class__ was swapped": Trap(["class A: pass\nclass B: pass\nx = A(); x.v = 1", "x.__class__ = B"], "(type(x).__name__, x.v)"),
    "__dict__ is a property": Trap(["class A:\n    __slots__ = ('v',)\n    @property\n    def __dict__(self): return {'v': 'no'}\nx = A(); x.v = [1]", "x.v.append(2)"], "x.v"),
    "__dict__ is shared": Trap(["class A: pass\nx, y = A(), A(); y.__dict__ = x.__dict__; x.v = [1]", "y.v.append(2)", "y.__dict__ = dict(x.__dict__)"], "(x.v, y.v, vars(x) is vars(y))"),
    "__dict__ is a class of its own": Trap(["class D(dict): pass\nclass A: pass\nx = A(); x.__dict__ = D(v=[1])", "x.v.append(2)", "x.w = 1"], "(type(x.__dict__).__name__, x.v, dict(x.__dict__))"),
    "__slots__ shadowed by a subclass": Trap(["class A:\n    __slots__ = ('v',)\nclass B(A):\n    __slots__ = ('v',)\nx = B(); x.v = 1; A.v.__set__(x, 2)", "A.v.__set__(x, 3)"], "(x.v, A.v.__get__(x))"),
    "__slots__ shadowed by a property": Trap(["class A:\n    __slots__ = ('v',)\nclass B(A):\n    @property\n    def v(self): return A.v.__get__(self) * 10\nx = B(); A.v.__set__(x, 2)", "A.v.__set__(x, 3)"], "(x.v, A.v.__get__(x))"),
    "private slots": Trap(["class A:\n    __slots__ = ('__v',)\n    def __init__(self, v): self.__v = v\nclass B(A):\n    __slots__ = ('__v',)\n    def __init__(self, v): A.__init__(self, v); self.__v = [v]\nx = B(1)", "x._B__v.append(2)"], "(x._A__v, x._B__v)"),
    "a name that is no identifier": Trap(["class A: pass\nx = A(); setattr(x, 'no name', 1); x.__dict__[3] = 4", "x.__dict__[3] = 5"], "vars(x)"),
    "a descriptor that hides in a WeakKeyDictionary": Trap(["import weakref\nclass D:\n    def __init__(self): self.all = weakref.WeakKeyDictionary()\n    def __get__(self, o, t=None): return self.all[o] if o is not None else self\n    def __set__(self, o, v): self.all[o] = v\nclass A: d = D()\nx = A(); x.d = [1]", "x.d.append(2)", "x.d = 5"], "x.d"),
    "a descriptor that hides by id": Trap(["class D:\n    def __init__(self): self.all = {}\n    def __get__(self, o, t=None): return self.all[id(o)] if o is not None else self\n    def __set__(self, o, v): self.all[id(o)] = v\nclass A: d = D()\nx = A(); x.d = [1]", "x.d.append(2)"], "list(A.__dict__['d'].all.values())"),
    "__del__ that raises or counts": Trap(["log = []\nclass A:\n    def __del__(self): pass\nx = A(); x.v = 1", "x.v = 2"], "x.v"),
    "a registry of the class": Trap(["class A:\n    all = []\n    def __init__(self): A.all.append(self)\nx = A()", "A(); A.all[0].v = 1", "A.all.clear()"], "(len(A.all), A.all[:1] == [x])"),
    "a counter of the class": Trap(["import itertools\nclass A:\n    ids = itertools.count()\n    def __init__(self): self.id = next(A.ids)\nx = [A(), A()]", "x.append(A())"], "([a.id for a in x], repr(A.ids))"),
    "a singleton": Trap(["class A:\n    one = None\n    def __new__(cls):\n        if cls.one is None: cls.one = super().__new__(cls)\n        return cls.one\nx = A(); x.v = 1", "y = A(); y.v = 2"], "(x.v, A() is x)"),
    "a property that counts": Trap(["class A:\n    n = 0\n    @property\n    def p(self): self.n += 1; return self.n\nx = A()", "x.p"], "x.__dict__.get('n')"),
    "instances that refer to their own methods": Trap(["class A:\n    def __init__(self): self.f = self.g; self.n = 0\n    def g(self): self.n += 1\nx = A()", "x.f()"], "(x.n, x.f.__self__ is x)"),
    "a method patched on one instance": Trap(["import types\nclass A:\n    def f(self): return 1\nx = A(); y = A()", "x.f = types.MethodType(lambda self: 2, x)", "del x.f"], "(x.f(), y.f(), getattr(x.f, '__self__', 0) is x)"),
    "a method patched on the class": Trap(["class A:\n    def f(self): return 1\nx = A()", "A.f = lambda self: 2", "del A.f\nA.f = lambda self: 3"], "x.f()"),
    "a method patched on a class of a library": Trap(["import fractions\nx = fractions.Fraction(1, 2)", "fractions.Fraction.twice = lambda self: self * 2\ny = x.twice()"], "str(x)", name="x"),
    # ---- classes
    "a metaclass that compares as it likes": Trap(["class M(type):\n    def __eq__(cls, o): return True\n    def __hash__(cls): return 1\nclass A(metaclass=M): pass\nclass B(metaclass=M): pass\nx = [A(), B(), A, B]; x[0].v = 1", "x[0].v = 2"], "(x[0].v, type(x[0]).__name__, type(x[1]).__name__, x[2].__name__, x[3].__name__)"),
    "a metaclass that cannot be hashed": Trap(["class M(type):\n    def __eq__(cls, o): return NotImplemented\n    __hash__ = None\nclass A(metaclass=M): pass\nx = A(); x.v = 1", "x.v = 2", "y = [x, A]"], "(x.v, type(x) is A)"),
    "a metaclass whose comparing raises": Trap(["class M(type):\n    def __eq__(cls, o): raise RuntimeError\n    def __hash__(cls): raise RuntimeError\nclass A(metaclass=M): pass\nx = A(); x.v = 1", "x.v = 2"], "(x.v, type(x) is A)"),
    "a metaclass that says what its instances are": Trap(["class M(type):\n    def __instancecheck__(cls, o): return True\n    def __subclasscheck__(cls, o): return True\nclass A(metaclass=M): pass\nx = A(); x.v = 1", "x.v = 2"], "(x.v, isinstance(3, A))"),
    "a metaclass whose checks raise": Trap(["class M(type):\n    def __instancecheck__(cls, o): raise RuntimeError\n    def __subclasscheck__(cls, o): raise RuntimeError\nclass A(metaclass=M): pass\nx = A(); x.v = 1", "x.v = 2"], "(x.v, type(x) is A)"),
    "a metaclass with __getattribute__": Trap(["class M(type):\n    def __getattribute__(cls, n): return 42\nclass A(metaclass=M): pass\nx = A(); x.v = 1", "x.v = 2"], "(x.v, type(x) is A)", answer="lost", said="cannot be captured"),
    "a metaclass with __prepare__ and arguments": Trap(["class M(type):\n    @classmethod\n    def __prepare__(m, n, b, *, k=0): return {'k': k}\n    def __new__(m, n, b, d, *, k=0): return super().__new__(m, n, b, dict(d))\n    def __init__(c, n, b, d, *, k=0): super().__init__(n, b, d)\nclass A(metaclass=M, k=[5]): pass\nx = A(); x.v = 1", "A.k.append(6)"], "(x.v, A.k, x.k is A.k)"),
    "a metaclass of a metaclass": Trap(["class MM(type):\n    made = []\nclass M(type, metaclass=MM): pass\nclass A(metaclass=M): pass\nx = A(); x.v = [A]", "MM.made.append(x)"], "(type(type(type(x))).__name__, MM.made == [x], x.v[0] is A)"),
    "a class with a lying name and module": Trap(["class A: pass\nA.__module__ = 'collections'; A.__qualname__ = A.__name__ = 'OrderedDict'\nx = A(); x.v = 1", "x.v = 2"], "(x.v, type(x) is A)"),
    "a class that names an importable one": Trap(["import fractions\nReal = fractions.Fraction\nclass Fraction(Real): __module__ = 'fractions'\nx = Fraction(1, 3); x.v = 1", "x.v = 2"], "(type(x) is Fraction, str(x), x.v)"),
    "a class under two names": Trap(["class A: pass\nB = A; x = [A(), B()]", "B.v = 1\ndel A"], "(type(x[0]) is B, type(x[1]) is B, vars(B).get('v'))"),
    "a class redefined while its instances live": Trap(["class A:\n    def f(self): return 1\nx = A()", "old = A\nclass A:\n    def f(self): return 2", "y = A()"], "(x.f(), type(x) is A, isinstance(x, globals().get('old', A)))"),
    "attributes in another order": Trap(["class A:\n    a = 1\n    b = 2\n    c = 3\nx = A()", "del A.a; A.a = 1"], "[n for n in vars(A) if len(n) == 1]"),
    "annotations that were changed": Trap(["class A:\n    a: int = 1\ndef f(v: int): pass\nx = [A, f]", "A.__annotations__['b'] = str; f.__annotations__['v'] = float"], "(A.__annotations__, f.__annotations__)"),
    "__bases__ that were changed": Trap(["class A:\n    def f(self): return 'A'\nclass B:\n    def f(self): return 'B'\nclass C(A): pass\nx = C()", "C.__bases__ = (B,)"], "(x.f(), [c.__name__ for c in type(x).__mro__])"),
    "__init_subclass__ and __set_name__ with effects": Trap(["log = []\nclass D:\n    def __set_name__(self, o, n): log.append(n)\nclass A:\n    def __init_subclass__(cls, **k): log.append(cls.__name__)\nclass B(A): d = D()\nx = B()", "class C(B): e = D()"], "log"),
    "__init_subclass__ of a module that wants what the class statement says": Trap(["from hooked_base import Base\nclass A(Base): fields = [1, 2]\nx = A()", "A.size = 5; x.fields.append(3)"], "(x.fields, A.size, isinstance(x, A), A.fields is x.fields)", files={"hooked_base.py": "class Base:\n    def __init_subclass__(cls): cls.size = len(cls.fields)\n"}),
    "abstract class with registered ones": Trap(["import abc\nclass A(abc.ABC):\n    @classmethod\n    def __subclasshook__(cls, c): return True if 'magic' in vars(c) else NotImplemented\nclass B: pass\nA.register(B); A.register(int)\nx = B()", "class C: magic = 1\nx2 = C()"], "(isinstance(x, A), isinstance(3, A), issubclass(str, A), [isinstance(v, A) for n, v in sorted(globals().items()) if n == 'x2'])"),
    "registered with a library's abstract class": Trap(["import collections.abc\nclass A: pass\ncollections.abc.Sequence.register(A)\nx = A()", "x.v = 1"], "isinstance(x, collections.abc.Sequence)"),
    "generic class": Trap(["from typing import *\nT = TypeVar('T')\nclass A(Generic[T]): pass\nx = A[int](); al = A[int]", "x.v = al"], "(x.__orig_class__ == A[int], type(x) is A, al.__args__)"),
    "protocol": Trap(["from typing import *\n@runtime_checkable\nclass P(Protocol):\n    def f(self): ...\nclass A:\n    def f(self): pass\nx = A()", "A.g = 1"], "isinstance(x, P)"),
    "TypedDict": Trap(["from typing import *\nclass A(TypedDict, total=False):\n    a: int\nx = A(a=1)", "x['b'] = 2"], "(x, type(x) is dict, A.__total__, A.__optional_keys__)"),
    "named tuple with more": Trap(["import collections\nclass A(collections.namedtuple('A', 'a b')):\n    note = []\n    def s(self): return self.a + self.b\nx = A(1, 2)", "A.note.append(x); x.v = 1"], "(x.s(), A.note == [x], vars(x))"),
    "dataclass with slots": Trap(["import dataclasses\n@dataclasses.dataclass(slots=True, kw_only=True)\nclass A:\n    a: int\n    b: list = dataclasses.field(default_factory=list, repr=False)\nx = A(a=1)", "x.b.append(x.a)"], "(x.a, x.b, [f.name for f in dataclasses.fields(x)], dataclasses.replace(x, a=5).a)"),
    "dataclass that is frozen": Trap(["import dataclasses\n@dataclasses.dataclass(frozen=True, order=True)\nclass A:\n    a: int\n    b: object = dataclasses.field(hash=False, compare=False, default=None)\nx = {A(1, [1]): 1}", "next(iter(x)).b.append(2)"], "(x[A(1)], next(iter(x)).b)"),
    "dataclass with InitVar": Trap(["import dataclasses\n@dataclasses.dataclass\nclass A:\n    a: int\n    b: dataclasses.InitVar[int] = 5\n    c: int = dataclasses.field(init=False)\n    def __post_init__(self, b): self.c = self.a * b\nx = A(2)", "x.a = 3"], "(x.a, x.c, dataclasses.asdict(x), [f.name for f in dataclasses.fields(A)])"),
    "enum with state": Trap(["import enum\nclass E(enum.Enum):\n    A = [1]\n    B = 2\n    def __init__(self, v): self.n = 0\nx = [E.A, E.B]", "E.A.n += 1; E.A.value.append(2)"], "(E.A.n, E.A.value, x[0] is E.A, E(2) is x[1])"),
    "flag with state on a combination": Trap(["import enum\nclass F(enum.Flag):\n    A = 1\n    B = 2\nx = F.A | F.B; F.A.note = 1", "x.note = [1]"], "(x is (F.A | F.B), getattr(x, 'note', None), F.A.note, (F.A | F.B)._value_)", answer="rebuilt", said="without what was set on it", open="what was set on a combination stays on it: it lives as long as its class"),
    "enum with a missing hook": Trap(["import enum\nclass E(enum.Enum):\n    A = 1\n    @classmethod\n    def _missing_(cls, v): return cls.A\nx = E(99)", "E.A.seen = 1"], "(x is E.A, E(5) is E.A)"),
    "class in a closure of its own": Trap(["def make(n):\n    class A:\n        def f(self): return n, __class__\n    return A\nA1, A2 = make(1), make(2); x = [A1(), A2()]", "A1.v = 5"], "([a.f()[0] for a in x], x[0].f()[1] is A1, type(x[1]) is A2, hasattr(A1, 'v'))"),
    # ---- functions
    "closures that share a cell": Trap(["def make():\n    n = 0\n    def up():\n        nonlocal n; n += 1\n    def get(): return n\n    return up, get\nup, get = make(); x = [up, get]", "up()", "x = None"], "(get(), up.__closure__[0] is get.__closure__[0])", name="get"),
    "a closure over itself": Trap(["def make():\n    def f(): return f\n    f.n = [f]\n    return f\nx = make()", "x.n.append(1)"], "(x() is x, x.n[0] is x, len(x.n))"),
    "default arguments that change": Trap(["def x(v, acc=[]): acc.append(v); return acc\n_ = x(1)", "a = x(2)"], "(x.__defaults__, 'a' in globals() and a is x.__defaults__[0])"),
    "a function with attributes": Trap(["def x(): x.n += 1\nx.n = 0; x.me = x", "x()"], "(x.n, x.me is x)"),
    "code that was replaced": Trap(["def x(): return 1\ndef g(): return 2", "x.__code__ = g.__code__", "x.__code__ = x.__code__.replace(co_name='other')"], "(x(), x.__code__.co_name)"),
    "lru_cache with contents": Trap(["import functools\ncalls = []\n@functools.lru_cache(None)\ndef x(n): calls.append(n); return [n]\na = x(1)", "b = x(2); a.append(5)"], "(x.cache_info(), calls)"),
    "lru_cache that counts": Trap(["import functools\ncalls = []\n@functools.lru_cache(None)\ndef x(n, *, k=0): calls.append(n); return x(n - 1) + 1 if n else 0\na = x(3)", "b = x(4) + x(2) + x(4)", "x.cache_clear()", "c = x(1)"], "(x.cache_info(), calls)"),
    "lru_cache that counts by type": Trap(["import functools\n@functools.lru_cache(None, typed=True)\ndef x(*n): return [n]\na = x(1), x(1.0), x(), x()", "b = x(1), x(), x(2, 3)"], "x.cache_info()"),
    "lru_cache that counts, of any arguments": Trap(["import functools\n@functools.lru_cache(None)\ndef x(*n, **k): return [n]\na = x(1)", "b = x(1)"], "x.cache_info().currsize", answer="rebuilt", said="counts calls anew"),
    "lru_cache with a limit": Trap(["import functools\n@functools.lru_cache(2)\ndef x(n): return [n]\na = x(1)", "b = x(2)"], "x.__wrapped__(3)", answer="rebuilt", said="cached"),
    "lru_cache on a method": Trap(["import functools\nclass A:\n    @functools.lru_cache(None)\n    def f(self, n): return [n]\nx = A(); a = x.f(1)", "a.append(2)"], "(A.f.cache_info(), a)"),
    "cached_property": Trap(["import functools\nclass A:\n    @functools.cached_property\n    def p(self): return [1]\nx = A()", "l = x.p", "l.append(2)"], "vars(x)"),
    "singledispatch": Trap(["import functools\n@functools.singledispatch\ndef x(v): return 'any'", "@x.register(int)\ndef _(v): return 'int'"], "(x(1), x('a'), sorted(t.__name__ for t in x.registry))"),
    "singledispatchmethod": Trap(["import functools\nclass A:\n    @functools.singledispatchmethod\n    def f(self, v): return 'any'\nx = A()", "@A.__dict__['f'].register(int)\ndef _(self, v): return 'int'\n"], "(x.f(1), x.f('a'))"),
    "partialmethod": Trap(["import functools\nclass A:\n    def f(self, n): return n\n    g = functools.partialmethod(f, 5)\nx = A()", "A.g = functools.partialmethod(A.f, 6)"], "x.g()"),
    "partial with attributes": Trap(["import functools\nl = []; x = functools.partial(l.append, l); x.note = [x]", "x()"], "(l[:1] == [l], x.func.__self__ is l, x.note[0] is x)"),
    "a generator function with a cache": Trap(["def g():\n    g.n = getattr(g, 'n', 0) + 1\n    yield g.n\nx = list(g())", "x += list(g())"], "(x, g.n)"),
    "functions with globals of their own": Trap(["g = {'v': [1]}\nexec('def f(): return v', g)\nx = g['f']", "g['v'].append(2)", "del g"], "(x(), x.__globals__['v'] is x())"),
    "property with state": Trap(["class P(property):\n    def __init__(self, *a): super().__init__(*a); self.reads = []\n    def __get__(self, o, t=None): self.reads.append(1); return 5\nclass A: p = P(lambda self: 1)\nx = A()", "x.p"], "len(vars(A)['p'].reads)"),
    "decorator class": Trap(["class D:\n    def __init__(self, f): self.f = f; self.n = 0\n    def __call__(self, *a): self.n += 1; return self.f(*a)\n@D\ndef x(v): return v", "x(1)"], "(x.n, x.f(2))"),
    # ---- containers
    "containers in themselves": Trap(["x = []; x.append(x); d = {}; d['d'] = d; t = ([],); t[0].append(t)", "x.append(d); d['x'] = x"], "(x[0] is x, d['d'] is d, t[0][0] is t, len(x))"),
    "a key of its own dict": Trap(["class A: pass\nk = A(); x = {k: None}; x[k] = x; k.d = x", "x['n'] = k"], "(x[k] is x, k.d is x, len(x))"),
    "a key that is hashed by what leads to it": Trap(["class A:\n    def __init__(self): self.v = 1; self.d = {self: self}\n    def __hash__(self): return hash(self.v)\n    def __eq__(self, o): return type(o) is A and self.v == o.v\nx = A()", "x.d[x] = x.d"], "(x in x.d, x.d[x] is x or x.d[x] is x.d)"),
    "sets in a cycle": Trap(["class A: pass\na, b = A(), A(); x = {a, b}; a.s = x; b.s = frozenset([a, b]); a.f = b.s", "x.discard(b)"], "(len(x), a.s is x, b.s is a.f, b in b.s)"),
    "a tuple in a cycle through an instance": Trap(["class A: pass\na = A(); x = (a, [a]); a.t = x", "x[1].append(x)"], "(a.t is x, x[1][0] is a, len(x[1]))"),
    "a hundred thousand deep": Trap(["end = [0]; x = end\nfor _ in range(100_000): x = [x]", "end.append(1)"], "end", name="x"),
    "a dict that was emptied and filled": Trap(["x = {i: i for i in range(20)}; [x.pop(i) for i in range(19)]; x[0] = 0", "x[5] = 5"], "list(x.items())"),
    "subclasses of numbers and text": Trap(["class I(int): pass\nclass S(str): pass\nclass F(float): pass\nclass B(bytes): pass\nx = [I(3), S('a'), F('nan'), B(b'b'), I(7 ** 3000)]; x[0].v = [1]; x[1].v = x", "x[0].v.append(2)"], "([type(v).__name__ for v in x], x[0].v, x[1].v is x, x[2] != x[2])"),
    "objects like booleans": Trap(["class T:\n    def __bool__(self): return False\n    def __eq__(self, o): return o is False\n    __hash__ = None\nx = [T(), False, 0]; x[0].v = 1", "x[0].v = 2"], "(type(x[0]) is T, x[0].v)"),
    "frozen sets and tuples as one object": Trap(["t = (1, [2]); f = frozenset([1, 'a']); x = [t, t, f, f]", "t[1].append(3)"], "(x[0] is x[1], x[2] is x[3], t is x[0])"),
    "a default dict that makes itself": Trap(["import collections\ndef tree(): return collections.defaultdict(tree)\nx = tree()", "x['a']['b'] = 1"], "(dict(x).keys(), x.default_factory is tree)"),
    "ChainMap over shared dicts": Trap(["import collections\na, b = {}, {'k': [1]}; x = collections.ChainMap(a, b)", "x['n'] = 1; b['k'].append(2)"], "(dict(x), x.maps[0] is a, x.maps[1] is b)"),
    "UserDict and UserList": Trap(["import collections\nclass D(collections.UserDict): pass\nx = D(a=1); l = collections.UserList([x])", "x['b'] = l"], "(sorted(x.data), l[0] is x)"),
    # ---- modules
    "a module with __getattr__": Trap(["import lazy\nx = lazy.anything", "lazy.seen = 1"], "(x, lazy.other)", files={"lazy.py": "def __getattr__(name):\n    if name.startswith('__'): raise AttributeError(name)\n    return name * 2\n"}),
    "an object in a module and in the session": Trap(["import config\nx = config.options", "x.append(2)"], "(x is config.options, x)", files={"config.py": "options = [1]\n"}, answer="rebuilt", said="keeps its own"),
    "an object of a module inside a value": Trap(["import config\nclass M: pass\nx = M(); x.cfg = config.options", "x.v = 2", "x.v = 3"], "(x.cfg is config.options, x.cfg, vars(x).get('v'))", files={"config.py": "options = [1]\n"}, answer="rebuilt", said="keeps its own"),
    "an object of another module than its class's inside a value": Trap(["import config, inner\nx = [config.shared]", "x.append(2)"], "(x[0] is config.shared, x[1:])", files={"inner.py": "class K: pass\n", "config.py": "import inner\nshared = inner.K()\n"}, answer="rebuilt", said="keeps its own"),
    "where imports are looked for inside a value": Trap(["import sys\nx = {'p': sys.path}; y = sys.path", "y.append('/nowhere'); x['k'] = 1", "x['k'] = 2"], "(x['p'] is sys.path, y is sys.path, '/nowhere' in y, x.get('k'))"),
    "the filters of warnings inside a value": Trap(["import warnings\nx = [warnings.filters]", "x.append(1)"], "(x[0] is warnings.filters, x[1:])"),
    "a table of the standard library inside a value": Trap(["import copyreg\nx = [copyreg.dispatch_table]", "x.append(1)"], "(x[0] is copyreg.dispatch_table, x[1:])", answer="rebuilt", said="whose own state is not recorded"),
    "a function of a module that was changed": Trap(["import config\nx = config.f", "x.note = 1"], "(x is config.f, x(1))", files={"config.py": "def f(v): return v + 1\n"}),
    "a class of a module and its instances": Trap(["import config\nx = config.A(); y = config.A.all", "x.v = 1", "config.A.all.append(x)"], "(type(x) is config.A, vars(x), y is config.A.all)", files={"config.py": "class A:\n    all = []\n"}, answer="rebuilt", name="y", said="keeps its own"),
    "a module whose attribute is set": Trap(["import config\nx = 1", "config.limit = 5; x = config.limit"], "x", files={"config.py": "limit = 1\n"}),
    # ---- arrays
    "views, strides and flags": Trap(["import numpy as np\na = np.arange(24.).reshape(4, 6); x = a[::2, ::-3]; r = a[1]; r.flags.writeable = False; t = a.T", "x[0, 0] = -1"], "(a.tolist(), x.strides, np.shares_memory(a, x), r.flags.writeable, t.base is a.base, x.tolist())"),
    "an object array with aliases": Trap(["import numpy as np\nl = [1]; x = np.empty(3, object); x[:] = [l, l, None]; x[2] = x", "l.append(2)"], "(x[0] is x[1], x[0] is l, x[2] is x, l)"),
    "a structured array with objects": Trap(["import numpy as np\nl = [1]; x = np.zeros(2, [('o', 'O'), ('n', 'i4')]); x['o'][0] = l; v = x['o']", "l.append(2); v[1] = x"], "(x['o'][0] is l, np.shares_memory(v, x), x['o'][1] is x or x['o'][1])"),
    "a memory map of numpy": Trap(["import numpy as np\nx = np.memmap('m.bin', dtype='u1', mode='w+', shape=(8,)); x[0] = 5", "x[1] = 6"], "(x.tolist(), type(x).__name__)", answer="rebuilt", said="memory map"),
    "an array over a memory map": Trap(["import numpy as np, mmap\nm = mmap.mmap(-1, 16); x = np.frombuffer(m, 'u1'); x[0] = 5", "x[1] = 6"], "(x[:3].tolist(), m[:3])", answer="rebuilt", said="same content"),
    "an array over a bytearray": Trap(["import numpy as np\nb = bytearray(8); x = np.frombuffer(b, 'u1'); x[0] = 5", "b[1] = 6"], "(x.tolist(), b[:3])"),
    "an array over shared ctypes": Trap(["import numpy as np, ctypes\nb = (ctypes.c_ubyte * 8)(); x = np.ctypeslib.as_array(b); x[0] = 5", "b[1] = 6"], "(x.tolist(), list(b))"),
    "an array interface": Trap(["import numpy as np\nbase = np.arange(4.)\nclass A: pass\nh = A(); h.__array_interface__ = base.__array_interface__; h.base = base\nx = np.asarray(h)", "base[0] = 9"], "(x.tolist(), base.tolist())"),
    "a base of a subclass": Trap(["import numpy as np\nclass A(np.ndarray): pass\na = np.arange(6.).view(A); a.tag = [1]; x = a[2:]; x.tag = a.tag", "x[0] = 9; a.tag.append(2)"], "(type(x.base).__name__, a.tolist(), x.tag is a.tag, np.shares_memory(a, x))"),
    "an array read-only over a writable one": Trap(["import numpy as np\na = np.arange(4); x = a.view(); x.flags.writeable = False", "a[0] = 7"], "(x.tolist(), x.flags.writeable, a.flags.writeable)"),
    "a record of an array": Trap(["import numpy as np\na = np.zeros(3, [('k', 'i4')]); x = a[1]", "x['k'] = 5"], "(a['k'].tolist(), x['k'].item())"),
    "numpy scalars and types": Trap(["import numpy as np\nx = [np.float64('nan'), np.int8(3), np.str_('a'), np.datetime64('2020'), np.bool_(True), np.dtype('f4'), np.void(b'ab')]", "x.append(np.sin)"], "repr(x)"),
    "a frame over an array": Trap(["import pandas as pd, numpy as np\na = np.zeros((3, 2)); x = pd.DataFrame(a, copy=False)", "a[0, 0] = 5"], "(x.iloc[0, 0], a[0, 0])"),
    "the array of a series": Trap(["import pandas as pd\ns = pd.Series([1, 2, 3], dtype='Int64'); x = s.array", "x[0] = 9"], "(s.tolist(), x.tolist())"),
    "the values of a categorical": Trap(["import pandas as pd\nc = pd.Categorical(list('aba')); x = pd.Series(c, copy=False); v = x.array", "v[0] = 'b'"], "(x.tolist(), list(v), list(c))"),
    "an index that is shared": Trap(["import pandas as pd\ni = pd.Index([1, 2]); x = pd.DataFrame({'a': [1, 2]}, index=i); y = pd.Series([3, 4], index=i)", "i.name = 'k'"], "(x.index.name, y.index.name)"),
    "accessors and attributes of a frame": Trap(["import pandas as pd\nx = pd.DataFrame({'a': [1]}); x.attrs['k'] = [1]; x._secret = 5", "x.attrs['k'].append(2)"], "(x.attrs, getattr(x, '_secret', None))"),
    # ---- weak
    "a weak callback that goes off": Trap(["import weakref\nlog = []\nclass A: pass\na = A(); x = weakref.ref(a, lambda r: log.append('gone'))", "del a"], "(log, x() is None)"),
    "a weak value without an owner": Trap(["import weakref\nclass A: pass\na = A(); x = weakref.WeakValueDictionary(a=a)", "x['b'] = b = A()", "del b"], "sorted(x)"),
    "a weak key that compares as it likes": Trap(["import weakref\nclass A:\n    def __init__(self, v): self.v = v\n    def __eq__(self, o): return self.v == o.v\n    def __hash__(self): return hash(self.v)\na, b = A(1), A(2); x = weakref.WeakKeyDictionary({a: 'a', b: 'b'})", "x[a] = 'c'"], "(len(x), x[a], x[b])"),
    "weak references in an instance": Trap(["import weakref\nclass N:\n    def __init__(self, up=None): self.up = weakref.ref(up) if up else None; self.kids = []\nx = N(); x.kids.append(N(x))", "x.kids[0].kids.append(N(x.kids[0]))"], "(x.kids[0].up() is x, len(x.kids[0].kids))"),
}  # fmt: skip
"""Name -> trap."""
