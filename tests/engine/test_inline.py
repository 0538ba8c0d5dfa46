"""Recording an instance does not give it an attribute dict, which would make its methods slower as long as it lives."""

from __future__ import annotations

import gc
import random
import sys
import threading
import types
from typing import Any

import pytest
from tests.engine.test_cases import Sessions, _quiet, sessions

from timeslip.codec import inline

__all__ = ["_quiet", "sessions"]  # the fixtures

pytestmark = pytest.mark.skipif(not inline.are_known(), reason="this interpreter makes a dict for every instance")

COUNTER = "class Counter:\n    def __init__(self): self.n = 0; self.name = 'x'\n    def step(self): self.n += 1"


def is_inside(obj: Any) -> bool:
    return inline.attributes_inside(obj, {}) is not None


def of_class(rng: random.Random) -> type:
    def set_some(self: Any, count: int) -> None:
        for number in range(count):
            setattr(self, f"a{rng.randrange(12)}", [number])
            if rng.random() < 0.1:
                delattr(self, rng.choice(list(dir_inside(self))))
            if rng.random() < 0.05:
                self.self = self

    return type("Made", (), {"__init__": set_some})


def dir_inside(obj: Any) -> dict[str, Any]:
    found = inline.attributes_inside(obj, {})
    return found if found is not None else vars(obj)


@pytest.mark.parametrize("seed", range(20))
def test_it_tells_what_the_dict_would(seed: int) -> None:
    rng = random.Random(seed)
    told = 0
    for _ in range(20):
        kind, names = of_class(rng), {}
        assert inline.may_have_them(kind)
        made = [kind(rng.randrange(20)) for _ in range(10)]
        if rng.random() < 0.3:  # more names than a class keeps
            for number in range(40):
                setattr(made[0], f"more{number}", number)
        for obj in made:
            found = inline.attributes_inside(obj, names)
            again = inline.attributes_inside(obj, names)
            assert (found is None) == (again is None)
            told += found is not None
            assert list((found if found is not None else vars(obj)).items()) == list(vars(obj).items())
            assert not is_inside(obj)
    assert told > 100


class Slots:
    __slots__ = ("__dict__", "a")


class OfInt(int):
    pass


@pytest.mark.parametrize("make", [Slots, OfInt, list, lambda: 5, lambda: type, lambda: sys, lambda: Slots])
def test_what_has_something_else_is_left_alone(make: Any) -> None:
    obj = make()
    if inline.may_have_them(type(obj)):
        obj.a = obj.b = [1]
        assert inline.attributes_inside(obj, {}) is None
        assert vars(obj) == {"b": [1]}


CELLS = {
    "one": [COUNTER, "c = Counter()", "c.step()", "x = c.n"],
    "in containers": [COUNTER, "c = Counter(); held = [c, {'c': c}]; d = Counter()", "d.other = c", "c.step()"],
    "a circle": [COUNTER, "c = Counter(); d = Counter(); c.d = d; d.c = c", "d.step()"],
    "a dataclass": [
        "from dataclasses import dataclass, field",
        "@dataclass\nclass P:\n    x: int\n    more: list = field(default_factory=list)",
        "c = P(3)",
        "c.more.append(c.x)",
    ],
    "of a base": [COUNTER, "class Sub(Counter):\n    def more(self): self.z = [self]", "c = Sub()", "c.more()"],
    "through a function": [COUNTER, "c = Counter()\ndef f(): c.step()", "f()", "f()"],
    "with an array": [COUNTER, "c = Counter(); c.data = bytearray(100_000)", "c.data[5] = 1; c.step()"],
    "nothing in it": ["class Empty: pass", "c = Empty(); d = Empty()", "c.x = 1", "x = 1"],
}


HELD = {"in containers": "c", "a circle": "cd", "of a base": "c"}
"""What others hold, or itself, when it was loaded has the dict that pickle made."""


@pytest.mark.parametrize("name", CELLS)
def test_what_is_recorded_has_no_dict(name: str, sessions: Sessions) -> None:
    live = sessions.attach()
    for cell in CELLS[name]:
        live.run(cell)
        assert all(is_inside(live[key]) for key in "cd" if key in live.namespace)
    told = {key: dict(dir_inside(live[key])) for key in "cd" if key in live.namespace}
    assert all(commit.names.inexact == {} for commit in live.commits)
    live.run("x = 'more'")
    live.session.undo()
    assert all(is_inside(live[key]) and dir_inside(live[key]) == told[key] for key in told)
    live.session.undo(len(CELLS[name]))
    live.session.redo(len(CELLS[name]))
    for key, before in told.items():
        assert list(dir_inside(live[key])) == list(before)
        assert is_inside(live[key]) is not (name in HELD and key in HELD[name])


ODD = {
    "a property": "class C:\n    @property\n    def n(self): ran.append('get')\n"
    "    @n.setter\n    def n(self, x): ran.append('set')\n"
    "c = C(); vars(c)['n'] = [5]",
    "its own setting": "class C:\n    def __setattr__(self, name, value): ran.append(name); vars(self)[name] = value\n"
    "c = C()\nc.n = [5]",
    "a finalizer": "class C:\n    def __del__(self): ran.append('del')\nc = C()\nc.n = [5]",
    "only deleting": "class D:\n    def __delete__(self, obj): ran.append('delete')\n"
    "class C:\n    n = D()\nc = C(); vars(c)['n'] = [5]",
    "a default": "class C:\n    n = 4\n    def m(self): ran.append('m')\nc = C()\nc.n = [5]",
    "a weak reference": "import weakref\nclass C: pass\nc = C(); c.n = [5]; w = weakref.ref(c)",
    "other keys": "class C: pass\nc = C(); vars(c)['n'] = [5]; vars(c)[7] = 'seven'",
    "an alias": "class C: pass\nc = C(); c.n = [5]; other = c",
    "itself": "class C: pass\nc = C(); c.n = [5]; c.own = c",
    "its dict": "class C: pass\nc = C(); c.n = [5]; held = vars(c)",
    "a method": "class C:\n    def m(self): ran.append('m')\nc = C(); c.n = [5]; bound = c.m",
    "many": "class C: pass\nc = C(); c.n = [5]\nfor i in range(60): setattr(c, f'a{i}', i)",
}


@pytest.mark.parametrize("name", ODD)
def test_what_comes_back_is_the_same_for_any_class(name: str, sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("ran = []", ODD[name])
    told, ran = list(vars(live["c"]).items()), list(live["ran"])
    for cell in ("c = None", "del C", "x = 1"):
        live.run(cell)
    live.session.undo(3)
    live.run("more = type(c) is C")
    found = live["c"]
    assert live["more"]
    assert [(key, found if value is None else value) for key, value in vars(found).items() if value is not found] == [
        (key, value) for key, value in told if key != "own"
    ]
    assert live["ran"] == ran
    assert name != "a weak reference" or live["w"]() is found
    assert name != "an alias" or live["other"] is found
    assert name != "itself" or found.own is found
    assert name != "its dict" or live["held"] is vars(found)
    assert name != "a method" or live["bound"].__self__ is found


LIBRARY = """
ids = set()
class Kept:
    def {hook}
def make(attributes):
    made = object.__new__(Kept)
    vars(made).update(attributes)
    ids.add(id(made))
    return made
"""


@pytest.mark.parametrize(
    "hook",
    [
        "__setstate__(self, state): vars(self).update(state); ids.add(id(self))",
        "__new__(cls): made = object.__new__(cls); ids.add(id(made)); return made",
        "__reduce__(self): return make, (vars(self),)",
    ],
)
def test_what_a_library_has_noted_by_its_address_stays(
    hook: str, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = types.ModuleType("noting")
    monkeypatch.setitem(sys.modules, "noting", library)
    exec(LIBRARY.format(hook=hook), vars(library))
    live = sessions.attach()
    live.run("import noting", "c = noting.Kept(); c.n = [5]", "c = None")
    vars(library)["ids"].clear()
    live.session.undo()
    assert live["c"].n == [5]
    assert vars(library)["ids"] == {id(live["c"])}


def test_the_stream_is_the_one_that_pickle_writes(sessions: Sessions) -> None:
    """Whether an instance had a dict when it was recorded makes no difference to what is recorded."""
    live = sessions.attach()
    live.run(
        COUNTER,
        "import random\nrng = random.Random(5)\nmade = [Counter() for _ in range(150)]\n"
        "for one in made[::3]: one.other = rng.choice(made); one.l = [one.other, one]\n"
        "for one in made[::7]: del one.n; one.n = 'again'\n"
        "for one in made[::50]: vars(one)\n"
        "held = vars(made[9])\ndel one",
    )
    encoder, nodes = live.session._live.encoder, [("made", live["made"]), ("held", live["held"])]
    assert sum(map(is_inside, live["made"])) > 20
    digests = []
    for is_alone in (True, False, True):
        encoder.is_alone = lambda is_alone=is_alone: is_alone
        captured = encoder.capture(nodes)
        digests.append(b"".join(captured.segments))
        captured.release()
        assert any(map(is_inside, live["made"])) is (len(digests) == 1)
    assert len(set(digests)) == 1


def test_of_many_instances_only_some_are_asked(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    usual = inline.attributes_inside
    monkeypatch.setattr(inline, "attributes_inside", lambda *args: asked.append(1) or usual(*args))
    live = sessions.attach()
    live.run(COUNTER, "many = [Counter() for _ in range(3000)]")
    assert 0 < len(asked) <= 3 * inline.ASKED
    assert sum(map(is_inside, live["many"])) <= inline.ASKED
    live.run("many[2000].step()")
    live.session.undo()
    assert [one.n for one in live["many"]] == [0] * 3000


def test_a_dict_that_somebody_holds_is_the_same_again(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run(COUNTER, "c = Counter()", "d = vars(c)", "d['n'] = 5", "x = 1")
    live.session.undo(2)
    live.session.redo()
    assert vars(live["c"]) is live["d"]
    live.run("d['n'] = 6")
    assert live["c"].n == 6


def test_with_a_thread_of_the_user_the_dict_is_asked(sessions: Sessions) -> None:
    live = sessions.attach()
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        live.run(COUNTER, "c = Counter()")
        assert not is_inside(live["c"])
    finally:
        end.set()
        thread.join()
    live.run("d = Counter()")
    assert is_inside(live["d"])
    assert any(type(held) is dict for held in gc.get_referents(live["c"])) or sys.version_info >= (3, 13)
