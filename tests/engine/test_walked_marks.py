"""Marks by a walk: equal ones mean that a pass would find the value as it was, and taking one leaves no trace."""

from __future__ import annotations

import builtins
import copy
import gc
import random
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.test_cases import Sessions, _quiet, agree, sessions
from tests.engine.test_cases import bare as of_cells
from tests.engine.test_inline import is_inside
from tests.engine.test_large_graphs import passes, with_name

import timeslip
from timeslip.codec import inline
from timeslip.codec.walked import MARK, mark_of_walk
from timeslip.state.capturing import capture_of

__all__ = ["_quiet", "passes", "sessions"]  # the fixtures

PRELUDE = """
import collections, datetime, enum, math, types
from dataclasses import dataclass, field
from typing import NamedTuple
class Q:
    def __init__(self, **given):
        for name, value in given.items(): setattr(self, name, value)
class R(Q): pass
class S:
    __slots__ = ('a', 'b')
    def __init__(self, a): self.a = a
class Both:
    __slots__ = ('a', '__dict__')
class T(NamedTuple):
    a: object
    b: object
class U(NamedTuple):
    a: object
    b: object
class E(enum.Enum):
    A = 1
    B = 2
class Perm(enum.Flag):
    R = 1
    W = 2
@dataclass(frozen=True)
class F:
    x: int
    y: object = None
@dataclass
class D:
    x: int
    more: list = field(default_factory=list)
class Text(str): pass
"""
PAD = "pad = [Q(n=n, m=[n]) for n in range(1200)]\n"
"""So much that a walk is worth it."""
OF_TWO = "L, M = [1, 2], [1, 2]; v = [S(L), S(M), S([Q()]), {'k': L, 'm': M}, pad]; del L, M"

CASES: dict[str, tuple[str, str]] = {
    "an attribute": ("v = [Q(a=1), pad]", "v[0].a = 2"),
    "an attribute of the last": ("v = [Q(a=1), pad]", "v[1][-1].n = -1"),
    "a number for a boolean": ("v = [Q(a=True), pad]", "v[0].a = 1"),
    "a float for a number": ("v = [Q(a=1), pad]", "v[0].a = 1.0"),
    "another zero": ("v = [Q(a=0.0), pad]", "v[0].a = -0.0"),
    "another zero, in a list": ("v = [Q(a=[0.0]), pad]", "v[0].a[0] = -0.0"),
    "a boolean in a list": ("v = [Q(a=[1]), pad]", "v[0].a[0] = True"),
    "text of a class": ("v = [Q(a='x'), pad]", "v[0].a = Text('x')"),
    "bytes": ("v = [Q(a='x'), pad]", "v[0].a = b'x'"),
    "bytes in a list": ("v = [Q(a=['x'] * 20), pad]", "v[0].a[15] = b'x'"),
    "a NaN": ("v = [Q(a=1.0), pad]", "v[0].a = math.nan"),
    "a number of numpy behind others": ("v = [Q(a=[0] * 30), pad]", "import numpy\nv[0].a[20] = numpy.int64(0)"),
    "a buffer behind others": ("v = [Q(a=['x'] * 30), pad]", "v[0].a[20] = bytearray(b'x')"),
    "an array behind others": ("v = [Q(a=[0] * 30), pad]", "import numpy\nv[0].a[20] = numpy.zeros(3)"),
    "an instance behind others": ("v = [Q(a=[0] * 30), pad]", "v[0].a[20] = Q()"),
    "sets for frozen sets": (
        "v = [set(range(n % 30)) for n in range(2000)]",
        "for n in range(2000):\n    v[n] = None\n    v[n] = frozenset(range(n % 30))",
    ),
    "an item of a set": ("v = [{1, 2}, pad]", "v[0].add(3)"),
    "a list for a tuple": ("v = [[Q()], pad]", "v[0] = (v[0][0],)"),
    "which of two times": (
        "v = [Q(a=datetime.datetime(2020, 10, 25, 2)), pad]",
        "v[0].a = v[0].a.replace(fold=1)",
    ),
    "which of two times of day": ("v = [Q(a=datetime.time(2)), pad]", "v[0].a = v[0].a.replace(fold=1)"),
    "a date for a time": ("v = [Q(a=datetime.date(2020, 1, 1)), pad]", "v[0].a = datetime.datetime(2020, 1, 1)"),
    "a time zone": (
        "v = [Q(a=datetime.datetime(2020, 1, 1)), pad]",
        "v[0].a = v[0].a.replace(tzinfo=datetime.timezone.utc)",
    ),
    "the order of a dict": ("v = [{'a': Q(), 'b': 1}, pad]", "v[0]['a'] = v[0].pop('a')"),
    "the order of a plain dict": ("v = [Q(a={'a': 0, 'b': 1}), pad]", "v[0].a['a'] = v[0].a.pop('a')"),
    "the order of attributes": ("v = [Q(a=1, b=2), pad]", "del v[0].a\nv[0].a = 1"),
    "the order of an ordered dict": (
        "v = [collections.OrderedDict(a=1, b=2), pad]",
        "v[0].move_to_end('a')",
    ),
    "what an ordered dict has under which key": (
        "v = [collections.OrderedDict(a=1, b=2), pad]",
        "del v[0]['a']\nv[0]['a'] = 2\nv[0]['b'] = 1\nv[0].move_to_end('b')\nv[0].move_to_end('a', last=False)",
    ),
    "an attribute of a counter": ("v = [collections.Counter('abc'), pad]", "v[0].a = 1"),
    "an attribute of an ordered dict": ("v = [collections.OrderedDict(a=1), pad]", "v[0].a = 1"),
    "a count": ("v = [collections.Counter('abc'), pad]", "v[0]['a'] += 1"),
    "a default factory": ("v = [collections.defaultdict(list), pad]", "v[0].default_factory = set"),
    "a default factory of the session": ("v = [collections.defaultdict(Q), pad]", "v[0].default_factory = R"),
    "no default factory": ("v = [collections.defaultdict(list), pad]", "v[0].default_factory = None"),
    "the length of a queue": ("v = [collections.deque([1], 5), pad]", "v[0] = collections.deque([1], 6)"),
    "an item of a queue": ("v = [collections.deque([1, Q()], 5), pad]", "v[0].rotate()"),
    "the attribute dict": ("v = [Q(a=1), pad]", "v[0].__dict__ = dict(v[0].__dict__)"),
    "an attribute dict that is shared": ("v = [Q(a=1), Q(a=1), pad]", "v[0].__dict__ = v[1].__dict__"),
    "an attribute dict in a list": ("v = [Q(a=1), pad, []]", "v[2].append(v[0].__dict__)"),
    "the class": ("v = [Q(a=1), pad]", "v[0].__class__ = R"),
    "the class of all": ("v = [Q(n=1) for n in range(2000)]", "for q in v:\n    q.__class__ = R"),
    "a class of the same name": ("v = [Q(a=1), pad]", "v[0].__class__ = type('Q', (), {'__module__': '__main__'})"),
    "a slot": ("v = [S(1), pad]", "v[0].a = 2"),
    "a slot is filled": ("v = [S(1), S(1), pad]", "v[0].b = 2"),
    "another slot is filled": ("v = [S(1), S(1), pad]; v[0].b = 2", "del v[0].b\nv[1].b = 2"),
    "a slot is emptied": ("v = [S(1), pad]", "del v[0].a"),
    "a slot beside attributes": ("v = [Both(), pad]; v[0].a = 1", "v[0].b = v[0].a\ndel v[0].a"),
    "a named tuple": ("v = [T(1, [2]), pad]", "v[0].b[0] = 3"),
    "a named tuple for another": ("v = [T(1, [2]), pad]", "v[0] = U(*v[0])"),
    "a tuple for a named one": ("v = [T(1, [2]), pad]", "v[0] = tuple(v[0])"),
    "a member": ("v = [Q(a=E.A), pad]", "v[0].a = E.B"),
    "flags": ("v = [Q(a=Perm.R | Perm.W), pad]", "v[0].a = Perm.W"),
    "an attribute of flags": ("v = [Q(a=Perm.R | Perm.W), pad]", "v[0].a.of = 1"),
    "a function": ("def f(): pass\ndef g(): pass\nv = [Q(a=f), pad]", "v[0].a = g"),
    "a class that is held": ("v = [Q(a=int), pad]", "v[0].a = float"),
    "a key": ("v = [{F(1): 2}, pad]", "v[0][F(3)] = v[0].pop(F(1))"),
    "which is which, in a circle": ("v = [Q(), Q(), pad]; v[0].of = v[0]; v[1].of = v[1]", "v[0].of = v[1]"),
    "which list two hold": ("v = [Q(a=[1]), Q(a=[1]), pad]", "v[0].a = v[1].a"),
    "which of two equal ones": (OF_TWO, "v[3]['k'], v[3]['m'] = v[3]['m'], v[3]['k']"),
    "which of two equal ones, in tuples": (
        OF_TWO.replace("{'k': L, 'm': M}", "[(L, 0), (M, 0)]"),
        "v[3][:] = [(v[3][1][0], 0), (v[3][0][0], 0)]",
    ),
    "which of two equal sets": (
        "L, M = {1}, {1}; v = [Q(a=L), Q(a=M), [*([0] * 9 for _ in 'abc'), [L], [M]], pad]; del L, M",
        "v[2][3][0], v[2][4][0] = v[2][4][0], v[2][3][0]",
    ),
    "which of two equal texts": (
        "v = [Q(a='xy' * 900), Q(a='xy' * n) if (n := 900) else 0, [], pad]; v[2] += [{'k': v[0].a}, {'k': v[1].a}]",
        "v[2][0]['k'], v[2][1]['k'] = v[2][1]['k'], v[2][0]['k']",
    ),
    "which of two attribute dicts": (
        "v = [Q(a=1), Q(a=1), [{}, {}]]; v[2] = [[vars(v[0])], [vars(v[1])]]; v += [Q(b=Q()), pad]",
        "v[2].reverse()",
    ),
    "an equal list of a name": ("name = [1, 2]; v = [S([1, 2]), pad]", "v[0].a = name"),
    "an equal list of a name, in attributes": ("name = [1, 2]; v = [Q(a=[1, 2]), pad]", "v[0].a = name"),
    "an equal dict of a name, far in": ("name = {}; v = [Q(a=[[{}], [{}]]), pad]", "v[0].a[0][0] = name"),
    "an equal set of a name, for that of one": (
        "held, name = {1}, {1}; v = [Q(a=[*range(20), held]), pad]",
        "v[0].a[20] = name",
    ),
    "an equal text of a name": ("name = 'xy' * 900; n = 900; v = [Q(a='xy' * n), pad]", "v[0].a = name"),
    "an equal instance": ("v = [Q(a=Q(b=1)), pad]", "old = v[0].a\nv[0].a = Q(b=1)"),
    "bytes in a long list": (
        "v = [{'a': b'x%d' % n if n == 20 else n} for n in range(4200)]",
        "v[20]['a'] = bytearray(v[20]['a'])",
    ),
    "dates in a long list": (
        "v = [Q(a=datetime.date(2020, 1, 1), b=n) for n in range(4200)]",
        "v[4199].a = datetime.date(2020, 1, 2)",
    ),
    "instances in a long dict": ("v = {n: Q(a=n) for n in range(4200)}", "v[4000].a = v[4000]"),
    "deep down": (
        "v = Q(a=0)\nfor n in range(150): v = [v, {'n': n}] if n % 2 else Q(a=v, b=[n])\nv = [v, pad]",
        "at = v[0]\nfor n in range(101): at = at[0] if n % 2 == 0 else at.a\nat.b.append(1)",
    ),
    "what a class holds": ("class K: items = [Q(n=n) for n in range(3000)]\nv = K()", "K.items[5].n = -1"),
    "what a function holds": (
        "def fill(a=[Q(n=n) for n in range(3000)]): return a\nv = fill",
        "fill.__defaults__[0][5].n = -1",
    ),
}
UNWALKED = {"bytes in a long list", "what a class holds", "what a function holds"}
"""Such values have no mark; they are cases for whole sessions."""
TOGETHER = {"an equal set of a name, for that of one"}
"""The names are looked at together."""
IN_SESSIONS = [n for at, n in enumerate(CASES) if at % 4 == 0 or n.startswith(("an equal", "which")) or n in UNWALKED]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session in which the prelude has run."""
    namespace = {"__name__": "__main__", "__builtins__": builtins}
    session = timeslip.attach(namespace, store=tmp_path_factory.mktemp("walked"), name="walked", min_free_bytes=0)
    assert session.run(PRELUDE).error is None
    yield session
    session.close()


def bare(session: Any, code: str) -> dict[str, Any]:
    """The names of the session, and those of *code*, which has run without it knowing."""
    names: dict[str, Any] = session._live.encoder.namespace
    exec(compile(code, "<code>", "exec", dont_inherit=True), names)
    return names


def mark(session: Any, *objects: Any) -> bytes | None:
    return mark_of_walk(list(objects), session._live.encoder)


def told(session: Any, *objects: Any) -> tuple[list[bytes], frozenset[int], bool]:
    """The stream of a pass, what links, and whether marks count for such values."""
    nodes = [(f"v{number}", obj) for number, obj in enumerate(objects)]
    captured = capture_of(session._live.encoder, nodes, frozenset(), deep=False)
    captured.find_links(frozenset())
    found = captured.segments, frozenset(captured.links), captured.walkable
    captured.release()
    return found


# ---- no change is missed


@pytest.mark.parametrize("name", [name for name in CASES if name not in UNWALKED | TOGETHER])
def test_a_change_changes_the_mark(name: str, begun: Any) -> None:
    make, change = CASES[name]
    names = bare(begun, PAD + make)
    _, _, counts = told(begun, names["v"])
    before = mark(begun, names["v"])
    assert counts
    assert before is not None
    assert before.startswith(MARK)
    assert mark(begun, names["v"]) == before
    told(begun, names["v"])
    assert mark(begun, names["v"]) == before
    exec(change, names)
    assert mark(begun, names["v"]) != before


@pytest.mark.parametrize("name", IN_SESSIONS)
def test_a_change_is_recorded(name: str, sessions: Sessions, passes: list[tuple[str, ...]]) -> None:
    make, change = CASES[name]
    look = "n = v is not None"
    cells = [PRELUDE, f"{PAD}{make}\ndel pad", look, look]
    before, after = of_cells(cells), of_cells([*cells, change])
    live = sessions.attach()
    live.run(*cells[:3])
    passes.clear()
    live.run(look)
    assert with_name(passes, "v") == 0 or name in UNWALKED
    live.run(change)
    live.session.undo()
    agree([before], live, 0, "undo")
    live.session.redo()
    agree([after], live, 0, "redo")


class Builder:
    """Random values, and random changes of what is in them."""

    ATOMS = (0, 1, True, False, None, 0.0, -0.0, 1.0, 1j, "", "a", "abc", "x" * 1100, ..., 1 << 70)

    def __init__(self, rng: random.Random, names: dict[str, Any]) -> None:
        self.rng, self.names = rng, names
        dates = names["datetime"]
        self.atoms = (
            *self.ATOMS,
            names["E"].A,
            names["E"].B,
            int,
            names["Q"],
            dates.date(2020, 1, 1),
            dates.datetime(2020, 1, 1),
            dates.timedelta(1),
        )
        self.held: list[Any] = []
        made = ([1, 2], {"k": 1}, {1}, frozenset({2}), ["z", []], (3, [4]), names["Q"](a=1), names["T"](1, 2))
        self.twins = [*copy.deepcopy(made), *copy.deepcopy(made), *("".join(["y", "y" * 1100]) for _ in range(2))]
        """Of each two there is one that looks like the other."""

    def value(self, depth: int) -> Any:
        rng = self.rng
        if depth == 0 or rng.random() < 0.25:
            if self.held and rng.random() < 0.3:
                return rng.choice(self.held)
            return rng.choice(self.twins if rng.random() < 0.3 else self.atoms)
        made = self.container(depth - 1, rng.choice(["list"] * 3 + ["dict"] * 3 + self.KINDS))
        self.held.append(made)
        return made

    def root(self) -> list[Any]:
        """A value that holds all twins: of others it may have the one for the other inside of something plain."""
        twins = self.twins
        own = self.rng.choice([twins, [[twins]], [{"t": twins[::2]}, twins[1::2]], [self.names["Q"](t=twins)]])
        return [*(self.value(4) for _ in range(4)), *own]

    KINDS = ["tuple", "Q", "R", "S", "Both", "T", "F", "D", "set", "frozenset", "deque", "OrderedDict", "defaultdict"]

    def container(self, depth: int, kind: str) -> Any:
        rng, names = self.rng, self.names
        several = [self.value(depth) for _ in range(rng.choice([0, 1, 2, 2, 3, 12]))]
        if kind in ("set", "frozenset"):
            return getattr(builtins, kind)(rng.sample(range(5), rng.randrange(4)))
        if kind in ("list", "tuple"):
            return several if kind == "list" else tuple(several)
        if kind in ("T", "F", "D"):
            return names[kind](1, self.value(depth))
        if kind in ("Q", "R"):
            return names[kind](**{f"a{number}": value for number, value in enumerate(several)})
        if kind in ("S", "Both"):
            made = names[kind](*[self.value(depth)] * (kind == "S"))
            if rng.random() < 0.5 or kind == "Both":
                setattr(made, rng.choice("ab"), self.value(depth))
            return made
        if kind == "deque":
            return names["collections"].deque(several, rng.choice([None, 12]))
        pairs = [(rng.choice([number, f"k{number}"]), value) for number, value in enumerate(several)]
        if kind == "dict":
            return dict(pairs)
        kinds = vars(names["collections"])
        return kinds[kind](list, pairs) if kind == "defaultdict" else kinds[kind](pairs)

    def change(self) -> None:
        """Change one of the containers that were made, perhaps by what makes no difference."""
        rng = self.rng
        if rng.random() < 0.3:
            self._turn()
            return
        holder = rng.choice(self.held)
        new = rng.choice([*self.atoms, *self.held]) if rng.random() < 0.6 else self.value(2)
        if isinstance(holder, (list, self.names["collections"].deque)):
            if rng.random() < 0.3 or not holder:
                holder.append(new)
            else:
                at, other = rng.randrange(len(holder)), rng.randrange(len(holder))
                match rng.randrange(4):
                    case 0:
                        holder[at] = new
                    case 1:
                        holder[at], holder[other] = holder[other], holder[at]
                    case 2:
                        holder[at] = holder[at]
                    case _:
                        del holder[at]
        elif isinstance(holder, dict):
            self._change_dict(holder, new)
        elif type(holder) is set:
            holder ^= {rng.randrange(5)}
        elif type(holder).__name__ in ("Q", "R", "D", "Both"):
            match rng.randrange(4):
                case 0 if type(holder).__name__ in "QR":
                    holder.__class__ = self.names[rng.choice("QR")]
                case 1:
                    vars(holder).pop(rng.choice([*vars(holder), "none"]), None)
                case 2:
                    holder.__dict__ = dict(vars(holder))
                case _:
                    setattr(holder, f"a{rng.randrange(3)}", new)
        elif type(holder).__name__ == "S":
            setattr(holder, rng.choice("ab"), new)

    def _turn(self) -> None:
        """Put twins in the place of each other, here and there."""
        others = {id(twin): other for twin, other in self._pairs()}
        for holder in self.held:
            if type(holder) in (list, dict):
                for at, obj in list(enumerate(holder) if type(holder) is list else holder.items()):
                    if id(obj) in others and self.rng.random() < 0.6:
                        holder[at] = others[id(obj)]

    def _pairs(self) -> Iterator[tuple[Any, Any]]:
        half = len(self.twins) // 2 - 1
        for first, second in [*((n, n + half) for n in range(half)), (-2, -1)]:
            yield self.twins[first], self.twins[second]
            yield self.twins[second], self.twins[first]

    def _change_dict(self, holder: Any, new: Any) -> None:
        keys, rng = list(holder), self.rng
        match rng.randrange(4):
            case 0 if keys:
                holder[keys[0]] = holder.pop(keys[0])
            case 1 if len(keys) > 1:
                holder[keys[0]], holder[keys[1]] = holder[keys[1]], holder[keys[0]]
            case 2 if type(holder).__name__ == "OrderedDict" and keys:
                holder.move_to_end(rng.choice(keys))
            case _:
                holder[rng.choice([*keys, "new"])] = new


@settings(max_examples=250, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 1 << 40), changes=st.integers(0, 3))
def test_equal_marks_mean_equal_captures(begun: Any, seed: int, changes: int) -> None:
    builder = Builder(random.Random(seed), begun._live.encoder.namespace)
    root = builder.root()
    if not builder.held:
        return
    *before, counts = told(begun, root)
    first = mark(begun, root)
    assert mark(begun, root) == first
    for _ in range(changes):
        builder.change()
    second = mark(begun, root)
    assert mark(begun, root) == second
    *after, _ = told(begun, root)
    if counts and second is not None and second == first:
        assert before == after
    if not changes and counts:
        assert second is not None
        assert second == first


# ---- what is as it was takes no pass


UNCHANGED = {
    "instances": "v = [Q(a=n, b=[n]) for n in range(900)]",
    "instances of a long list": "v = [Q(a=n, b=[n]) for n in range(4200)]",
    "named tuples": "v = [T(n, (n, 'x')) for n in range(900)]",
    "dates": "v = [D(n, [datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1)]) for n in range(900)]",
    "slots": "v = [S(n) for n in range(2000)]",
    "with empty tuples": "v = [Q(a=(), b=(Q(),), c=frozenset()) for n in range(900)]",
    "sets": "v = [{n, f'x{n}'} for n in range(2000)]",
    "a tree": "def tree(n): return D(n, [tree(n - 1), tree(n - 1)] if n else [])\nv = tree(9)",
    "a graph": "v = [Q(n=n) for n in range(900)]\nfor n, q in enumerate(v): q.near = [v[n - 1], v[n - 2]]",
    "by keys": "v = {F(n): {'n': n} for n in range(900)}",
    "counters": "v = [collections.Counter(str(n)) for n in range(900)]",
    "in groups": "v = collections.defaultdict(list)\nfor n in range(2000): v[n % 7].append(Q(n=n, of=E.A))",
    "beside bytes and buffers": "v = [collections.deque([n, None], 3) for n in range(3000)]\nw = [b'x', bytearray(9)]",
}


@pytest.mark.parametrize("name", UNCHANGED)
def test_a_look_at_what_is_unchanged_makes_no_pass(
    name: str, sessions: Sessions, passes: list[tuple[str, ...]]
) -> None:
    live = sessions.attach()
    live.run(PRELUDE, UNCHANGED[name], "n = (v, -2)[1]", "n = (v, -1)[1]")
    passes.clear()
    for number in range(4):
        live.run(f"n = (v, {number})[1]")
        gc.collect()
    assert with_name(passes, "v") == 0
    live.run("v = None")
    live.session.undo()
    live.run("n = (v, 0)[1]", "n = (v, 1)[1]")
    passes.clear()
    live.run("n = (v, 2)[1]")
    assert with_name(passes, "v") == 0


# ---- no trace


def test_the_first_instances_get_no_attribute_dict(begun: Any) -> None:
    if not inline.are_known():
        pytest.skip("this interpreter makes a dict for every instance")
    names = bare(begun, "v = [Q(n=n) for n in range(62)]; one = Q(of=[Q(a=1)])")
    for _ in range(3):
        assert mark(begun, *names["v"], names["one"])
        assert mark(begun, names["one"])
        assert mark(begun, names["v"])
    assert all(map(is_inside, names["v"]))
    assert is_inside(names["one"].of[0])


LOUD = """
ran = []
def loud(name, usual=None):
    def method(self, *args):
        ran.append(name)
        return usual(self, *args)
    return method
class Loud:
    def __init__(self): object.__setattr__(self, 'a', 1)
for name in ('__hash__', '__repr__', '__str__', '__getattribute__', '__format__', '__dir__', '__sizeof__'):
    setattr(Loud, name, loud(name, getattr(object, name)))
for name in ('__eq__', '__len__', '__bool__', '__iter__', '__getattr__', '__call__', '__index__', '__contains__'):
    setattr(Loud, name, loud(name, lambda *args: 0))
class Named(NamedTuple):
    a: int
    def __iter__(self): ran.append('iter'); return iter(())
    def __len__(self): ran.append('len'); return 0
    def __hash__(self): ran.append('hash'); return 0
    def __eq__(self, other): ran.append('eq'); return False
class Meta(type):
    def __hash__(cls): ran.append('hash of a class'); return 0
    def __eq__(cls, other): ran.append('eq of a class'); return cls is other
    def __getattribute__(cls, name): ran.append('attribute of a class'); return type.__getattribute__(cls, name)
    def __instancecheck__(cls, obj): ran.append('instance of'); return False
    def __subclasscheck__(cls, obj): ran.append('subclass of'); return False
class Odd(metaclass=Meta): pass
class Saying:
    def __str__(self): ran.append('str'); return ''
    __format__ = __repr__ = __str__
class Said: pass
Said.__module__ = Saying()
class Mapped(dict): pass
class Looking:
    @property
    def __dict__(self): ran.append('dict'); return {}
class Tuple(tuple):
    def __len__(self): ran.append('len of a tuple'); return 0
def mapped():
    q = Q(); q.__dict__ = Mapped(a=1); return q
"""
LOUDS = ["Loud()", "Named(1)", "Odd()", "Odd", "Said()", "Looking()", "Tuple((1,))", "mapped()", "Saying()"]


@pytest.mark.parametrize("made", LOUDS)
def test_no_code_of_the_session_runs(made: str, begun: Any) -> None:
    names = bare(begun, f"{LOUD}\nv = [{made}, [{made}], {{0: {made}}}, Q(a={made}), S({made}), ({made}, [{made}])]")
    for obj in [names["v"], names["v"][0]]:
        names["ran"].clear()
        mark(begun, obj)
        assert names["ran"] == []


def test_nothing_is_kept(begun: Any) -> None:
    names = bare(begun, "v = [Q(a=Q()), S(Q()), T(1, Q()), {Q(): [Q()]}]; w = [Q(a=b'x')]")
    held = [weakref.ref(names["v"][0]), weakref.ref(names["v"][0].a), weakref.ref(names["w"][0])]
    gc.collect()
    gc.disable()
    try:
        assert mark(begun, names["v"]) is not None
        assert mark(begun, names["w"]) is None
        del names["v"], names["w"]
        assert [reference() for reference in held] == [None] * 3
    finally:
        gc.enable()


# ---- however things hang together

TANGLED = {
    "shared on each level": "v = [Q()]\nfor _ in range(80): v = [v, v]",
    "shared by instances": "v = Q()\nfor _ in range(80): v = Q(a=v, b=[v])",
    "shared by plain ones": "v = []\nfor _ in range(80): v = [v, v]\nv = [Q(a=v)]",
    "one attribute dict": "d = {n: Q() for n in range(3000)}; v = [Q() for n in d]\nfor q in v: q.__dict__ = d",
    "one large list": "d = [[n] for n in range(9000)]; v = 0\nfor n in range(400): v = Q(a=v, b=d, c=[[0], Q()])",
    "lists in lists": "v = Q()\nfor _ in range(50_000): v = [v]",
    "plain lists in lists": "v = []\nfor _ in range(50_000): v = [v]\nv = Q(a=v)",
    "a chain": "v = None\nfor n in range(20_000): v = Q(next=v)",
    "a chain of tuples and lists": "v = Q()\nfor n in range(20_000): v = (n, [v])",
    "lists that are held twice": "v = Q(); all = []\nfor n in range(1500): v = [[[v]]]; all.append(v)\nv = [v, all]",
    "lists that hold themselves": "v = [Q()]; v.append(v); v.append([v, v])",
}


@pytest.mark.time_limit(20)
@pytest.mark.parametrize("name", TANGLED)
def test_whatever_is_tangled_takes_no_longer_than_its_size(name: str, begun: Any) -> None:
    names = bare(begun, TANGLED[name])
    found = mark(begun, names["v"])
    assert mark(begun, names["v"]) == found
    while type(names["v"]) is list and names["v"] and names["v"][0] is not names["v"]:
        names["v"] = names["v"][0]  # deep ones are let go one by one
