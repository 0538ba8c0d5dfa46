"""Long lists and dicts are written as islands: they come back with all they share, and a change stays where it is."""

from __future__ import annotations

import random
from statistics import median
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.codec.kernels import Kernel, differences, resumed

from timeslip.codec import islands, longs
from timeslip.codec.capture import Encoder
from timeslip.codec.definitions import Registry
from timeslip.codec.marks import mark_of
from timeslip.codec.mentions import mentioned
from timeslip.codec.resources import Resources

COUNT = longs.MANY

DICTS = "v = [{'id': i, 'name': f'n{i}'} for i in range(9000)]"
LABELS = """import random
r = random.Random(1)
words = [f'label number {i}' for i in range(20)]
v = [{'id': i, 'label': r.choice(words), 'tags': [r.choice(words), i / 7]} for i in range(9000)]
del r, words"""
CLASS = """class P:
    def __init__(self, x, y):
        self.x = x
        self.y = [y]
v = [P(i, f'y{i}') for i in range(4200)]"""
SLOTS = CLASS.replace("class P:", "class P:\n    __slots__ = ('x', 'y')")
DATES = (
    "import datetime\nv = [(datetime.date.fromordinal(i + 1), {i}, frozenset([i]), b'x%d' % i) for i in range(5000)]"
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """All lists and dicts are long, and islands are of few elements."""
    monkeypatch.setattr(longs, "MANY", 1)
    for name in ("_STEP", "_FEWEST", "_WINDOW"):
        monkeypatch.setattr(islands, name, 2)
    monkeypatch.setattr(islands, "_BYTES", 16)


def captured(kernel: Kernel) -> Any:
    return kernel.encoder.capture([("v", kernel.namespace["v"])])


def pieces(kernel: Kernel) -> list[bytes]:
    found = captured(kernel)
    assert found.islands
    return list(map(bytes, found.segments))


def mode(kernel: Kernel) -> str:
    return str(captured(kernel).mode)


@pytest.mark.parametrize("code", [DICTS, LABELS, CLASS], ids=["dicts", "labels", "instances"])
@pytest.mark.parametrize(
    "change",
    ["v.insert(0, {'a': 'b'})", "del v[len(v) // 2]", "v[len(v) // 3:len(v) // 3] = [1, 2]", "v.append(5)"],
)
def test_a_change_adds_few_pieces(code: str, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(islands, "_BYTES", 1 << 14)
    monkeypatch.setattr(islands, "_STEP", 32)
    kernel = Kernel(code)
    before = pieces(kernel)
    kernel.run(change)
    new = [piece for piece in pieces(kernel) if piece not in set(before)]
    assert len(new) <= 4
    assert sum(map(len, new)) / sum(map(len, before)) < 0.5


MIXED = """import collections, datetime, fractions
class P:
    def __init__(self, i): self.i = [i]
class Q(P): pass
T = collections.namedtuple('T', 'a b')
kinds = [P, Q, lambda i: T(i, [i]), fractions.Fraction, lambda i: collections.OrderedDict(i=i), lambda i: {'p': P(i)}]
v = [kinds[i * 7919 % 101 % 6](i) for i in range(9000)]"""


def test_where_islands_end_does_not_depend_on_the_class_that_is_met_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes are written by numbers there: what a class is called decides, not when it was met."""
    monkeypatch.setattr(islands, "_BYTES", 1 << 14)
    monkeypatch.setattr(islands, "_STEP", 32)
    kernel = Kernel()
    kernel.run(MIXED)
    before = pieces(kernel)
    assert len(before) > 8
    for change in ("v.insert(0, Q(1))", "del v[:3]", "v[:0] = [T(1, 2), {}, 5]"):
        kernel.run(change)
        after = pieces(kernel)
        assert len(set(after) - set(before)) <= 4, change
        before = after


def test_a_change_in_a_dict_adds_few_pieces() -> None:
    kernel = Kernel("v = {f'k{i}': [i * 1000] for i in range(20000)}")
    before = pieces(kernel)
    kernel.run("del v['k7000']; v['k9'].append(1); v['more'] = []")
    assert len(set(pieces(kernel)) - set(before)) <= 3 < len(before)


@pytest.mark.parametrize(
    "code", [DICTS, LABELS, CLASS, SLOTS, DATES], ids=["dicts", "labels", "class", "slots", "dates"]
)
def test_what_is_written_so_comes_back(code: str) -> None:
    kernel = Kernel(code)
    assert mode(kernel) == "islands"
    other = resumed(kernel)
    assert differences(kernel, other) == []
    assert b"".join(captured(other).segments) == b"".join(captured(kernel).segments)


ONE = {
    "an object on two islands": "a = [1]; v = [a, *[[i] for i in range(60000)], a]; del a",
    "a part of an object on two": "a = (1, []); v = [a, *[[i] for i in range(60000)], {'a': a}]; del a",
    "itself": "v = [[i] for i in range(9000)]; v[8000].append(v)",
    "parents": "v = []\nv += [{'in': v, 'i': i} for i in range(5000)]",
    "neighbours": "v = [{'i': i} for i in range(5000)]\nfor a, b in zip(v, v[1:]): a['next'] = b",
    "a number that is none": "v = [[i] for i in range(9000)]; v[7000] = float('nan')",
    "large text on two": "t = 'x' * 5000; v = [t, *map(str, range(60000)), t]; del t",
    "an attribute dict on two": CLASS + "\nv[4100].__dict__ = v[0].__dict__",
    "instances on two": CLASS + "\nv.append(v[0])",
    "a hole": "import threading\nv = [[i] for i in range(9000)]; v[3] = (i for i in 'abc')",
    "the namespace": "v = [[i] for i in range(9000)]; v[3] = globals()",
    "many texts": "w = [f'w{i}' for i in range(9000)]; v = [w[i:i + 4] for j in range(5) for i in range(8000)]",
}


def test_elements_of_any_size_are_written_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(islands, "_LIMIT", 1 << 18)
    kernel = Kernel("v = [*range(9000), *('x' * 2000 + str(i) for i in range(300)), *range(70)]")
    found = captured(kernel)
    assert found.islands
    assert max(map(len, found.segments)) < 1 << 18
    found.release()
    assert resumed(kernel).namespace["v"] == kernel.namespace["v"]
    kernel.run("v = {i: 'x' * 2000 + str(i) if 5000 < i < 5300 else i for i in range(9000)}")
    assert mode(kernel) == "islands"
    assert resumed(kernel).namespace["v"] == kernel.namespace["v"]


@pytest.mark.parametrize("name", ONE)
def test_what_cannot_be_is_written_as_one(name: str) -> None:
    assert mode(Kernel(ONE[name])) != "islands"


@pytest.mark.parametrize("code", [DICTS, CLASS, "v = {f'k{i}': [i] for i in range(9000)}"])
def test_elements_that_have_names_are_written_with_it(code: str) -> None:
    added = []
    for _ in range(5 if code is CLASS else 1):
        kernel = Kernel(code + "\nat = v[-99] if type(v) is list else v['k8000']\nsame = v")
        found = kernel.encoder.capture([(name, kernel.namespace[name]) for name in ("at", "same", "v")])
        assert found.islands
        before = set(found.segments)
        found.release()
        kernel.run("v.insert(0, 5) if type(v) is list else v.update(more=[])")
        found = kernel.encoder.capture([(name, kernel.namespace[name]) for name in ("at", "same", "v")])
        added.append(len([segment for segment in found.segments if segment not in before]))
        found.release()
    assert median(added) <= 3
    assert differences(kernel, resumed(kernel)) == []


def test_few_elements_are_written_as_one() -> None:
    assert mode(Kernel(f"v = list(range({COUNT - 1}))")) == "fast"


@pytest.mark.parametrize("code", [DICTS, LABELS, CLASS], ids=["dicts", "labels", "instances"])
def test_who_else_refers_to_the_parts_changes_nothing(code: str) -> None:
    kernel = Kernel(code)
    before = b"".join(captured(kernel).segments)
    other = list(kernel.namespace["v"])
    inner = list(map(list, other)) if code is not CLASS else [part.y for part in other]
    again = captured(kernel)
    assert again.islands
    assert b"".join(again.segments) == before
    del other, inner


def test_another_capture_changes_nothing() -> None:
    kernel = Kernel(CLASS)
    before = captured(kernel)
    before.find_links(frozenset())
    assert b"".join(captured(kernel).segments) == b"".join(before.segments)


@pytest.mark.parametrize(
    "code", [DICTS, LABELS, CLASS, SLOTS, DATES], ids=["dicts", "labels", "class", "slots", "dates"]
)
def test_the_same_links(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(code)
    found = captured(kernel)
    found.find_links(frozenset())
    links, plain, flags = sorted(found.links), found.plain, (found.reduced, found.packages, found.hooked)
    at = [id(kernel.namespace["v"][17]), id(kernel.namespace["v"])]
    assert sorted(map(id, found.objects_at(set(at)))) == sorted(at)
    found.release()
    monkeypatch.setattr(longs, "MANY", 1 << 40)
    found = captured(kernel)
    found.find_links(frozenset())
    assert sorted(found.links) == links
    assert (found.plain, (found.reduced, found.packages, found.hooked)) == (plain, flags)


def test_a_helper_links_where_a_name_is_bound_to_it() -> None:
    kernel = Kernel(
        "import datetime\nv = [datetime.timezone(datetime.timedelta(minutes=i % 700)) for i in range(5000)]"
    )
    at = id(kernel.namespace["v"][4000])
    found = captured(kernel)
    found.find_links(frozenset({at}))
    islands_of, found = (found.mode, at in found.links), None
    whole = Encoder(kernel.namespace, Registry(), Resources()).capture([("v", kernel.namespace["v"]), ("w", 1)])
    whole.find_links(frozenset({at}))
    assert islands_of == ("islands", at in whole.links)


def test_classes_are_found_on_islands() -> None:
    kernel = Kernel("import fractions\nv = [fractions.Fraction(i, 7) for i in range(5000)]")
    record = kernel.stored("v")
    assert ("fractions", "Fraction") in mentioned(record.segments, record.headers, record.seeds)


parts = st.recursive(
    st.integers(-3, 3) | st.sampled_from(["a", "", "text", "x" * 1100]) | st.just(1.5),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=12,
)


@pytest.mark.usefixtures("small")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.lists(parts, min_size=1, max_size=20) | st.dictionaries(st.text(max_size=3), parts, min_size=1),
    seed=st.integers(0, 1000),
)
def test_any_value_comes_back_with_what_it_shares(value: Any, seed: int) -> None:
    kernel = Kernel()
    kernel.namespace["v"] = value
    r = random.Random(seed)
    if type(value) is list and seed % 3 == 0:
        value.insert(r.randrange(len(value)), r.choice(value))
    other = resumed(kernel, "v")
    assert differences(kernel, other) == []
    del value


@pytest.mark.parametrize("code", [DICTS, LABELS], ids=["dicts", "labels"])
def test_what_was_loaded_is_known_as_a_capture_would_say(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from timeslip.codec import unpicklers

    monkeypatch.setattr(unpicklers, "SMALL", 0)
    kernel = Kernel(code)
    record = kernel.stored("v")
    loader = kernel.loader(record)
    loader.captures = True
    kernel.namespace["v"] = value = loader.load(record)["v"]
    known = loader.loaded["v"]
    assert known.value is value
    assert known.mark == mark_of([value])
    found = captured(kernel)
    found.find_links(frozenset())
    assert b"".join(known.captured.segments) == b"".join(found.segments)
    assert sorted(known.captured.links) == sorted(found.links)
    assert known.captured.islands
    assert known.captured.plain
    assert found.plain


ZONES = """import datetime, zoneinfo
utc = zoneinfo.ZoneInfo('UTC')
v = [datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo.no_cache('UTC')) for i in range(5000)]"""


def test_reductions_that_answer_something_new_each_time_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Methods of classes written in C are made anew whenever somebody asks for them."""
    kernel = Kernel()
    kernel.run(ZONES)
    written: list[int] = []
    real = islands._Trial._dump

    def dumping(self: Any, element: Any, writer: Any) -> None:
        written.append(len(self._named))
        assert len(written) < 10_000
        real(self, element, writer)

    monkeypatch.setattr(islands._Trial, "_dump", dumping)
    assert len(pieces(kernel)) > 1
    assert max(written) == islands._NAMED


def test_an_element_is_written_the_same_whatever_was_met_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel()
    kernel.run(MIXED)
    kernel.run("v = [{'p': P(i), 'q': [P(-i), T(i, i)]} for i in range(5000)]")
    others = [random.Random(1), median, int, Kernel, [ValueError(), dict, list], {}]
    real = islands._Trial.written

    def writing(self: Any, elements: Any, writer: Any) -> list[bytes]:
        elements = list(elements)
        first = real(self, elements, writer)
        if others:
            real(self, [others.pop()], writer)
            assert real(self, elements, writer) == first
        return first

    monkeypatch.setattr(islands._Trial, "written", writing)
    assert pieces(kernel)
    assert not others


def test_no_text_is_made_of_what_a_function_says_its_module_is() -> None:
    kernel = Kernel(
        "class M:\n"
        "    def __format__(self, how): raise ZeroDivisionError\n"
        "    __str__ = __repr__ = __format__\n"
        "def f(): return 7\n"
        "f.__module__ = M()\n"
        "v = [[f, i] for i in range(5000)]"
    )
    assert pieces(kernel)
