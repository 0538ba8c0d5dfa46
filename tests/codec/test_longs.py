"""Long lists and dicts within short containers are written as islands, and what is around them behind these."""

from __future__ import annotations

import gc
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.codec.kernels import Kernel, resumed
from tests.codec.test_earlier import Looks, small, written
from tests.codec.test_loaded import check

from timeslip.codec import islands, longs, unpicklers
from timeslip.codec.longs import MANY, have_elements_in_common, longs_within
from timeslip.codec.mentions import mentioned
from timeslip.testing.graphs import compare_states

__all__ = ["small"]  # the fixture: islands are of few elements; here a few dozen elements are many

ITEMS = "[{'id': i, 'tags': [f't{i}']} for i in range(400)]"
WITHIN = {
    "a document": f"v = {{'meta': {{'count': 400, 'of': ['a', 'b']}}, 'items': {ITEMS}, 'next': None}}",
    "columns": "v = {c: [i * k for i in range(400)] for k, c in enumerate('abcdef', 1)}",
    "a dict": "v = {'by name': {f'k{i}': [i] for i in range(400)}, 'count': 400}",
    "both": f"v = {{'list': {ITEMS}, 'dict': {{i * 1000: f'v{{i}}' for i in range(300)}}, 'small': [1, 2]}}",
    "a tuple": f"v = ({ITEMS}, 'label', (1, 2.5))",
    "deep": f"v = {{'a': [{{'b': ({{'c': {ITEMS}}}, 1)}}]}}",
    "an element around": f"v = {{'a': {{}}, 'items': {ITEMS}}}; v['a']['first'] = v['last'] = v['items'][7]",
    "a value around": "v = {'d': {f'k{i}': [i] for i in range(400)}, 'x': 0}; v['x'] = [v['d']['k9'], v['d']['k300']]",
    "twice": f"v = {{'one': {ITEMS}}}; v['other'] = v['one']",
    "itself": f"v = {{'items': {ITEMS}}}; v['self'] = v",
    "large text": f"v = {{'items': {ITEMS}, 'text': 'x' * 5000, 'same': ['y' * 2000] * 2}}",
    "the namespace": f"v = {{'items': {ITEMS}, 'names': globals()}}",
    "empty ones": f"v = {{'items': {ITEMS}, '': [], 'a': (), 'b': {{}}, 'c': ['', 'a', '\\xe9']}}",
}


@pytest.fixture(autouse=True)
def dozens_are_many(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(longs, "MANY", 64)
    monkeypatch.setattr(unpicklers, "SMALL", 0)


def differs(one: Kernel, other: Kernel, *names: str) -> list[str]:
    """What differs in the values of *names*, or of ``v``, and in what they share."""
    wanted = names or ("v",)
    return compare_states(*({name: kernel.namespace[name] for name in wanted} for kernel in (one, other)))


@pytest.mark.parametrize("name", WITHIN)
def test_it_comes_back_as_it_was(name: str) -> None:
    kernel = Kernel(WITHIN[name])
    found = kernel.encoder.capture([("v", kernel.namespace["v"])])
    assert found.mode == "islands"
    stream = b"".join(found.segments)
    found.release()
    del found
    other = resumed(kernel)
    assert differs(kernel, other) == []
    assert b"".join(other.encoder.capture([("v", other.namespace["v"])]).segments) == stream


ONLY_PASS = ("the namespace", "empty ones", "an element around", "a value around")


@pytest.mark.parametrize("name", [name for name in WITHIN if name not in ONLY_PASS])
def test_what_was_loaded_is_known_as_a_capture_would_say(name: str) -> None:
    check(Kernel(WITHIN[name]))


@pytest.mark.parametrize("name", WITHIN)
def test_the_same_links_as_in_one_stream(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(WITHIN[name])
    told = []
    for many in (64, 1 << 40):
        monkeypatch.setattr(longs, "MANY", many)
        found = kernel.encoder.capture([("v", kernel.namespace["v"])])
        found.find_links(frozenset())
        at = set(found.links)
        assert {id(obj) for obj in found.objects_at(at)} == at
        told.append((sorted(found.links), found.plain, found.reduced, found.packages, found.hooked))
        assert (found.mode == "islands") == (many == 64)
        found.release()
    assert told[0] == told[1]


ONE = {
    "an element in both": "v = [[[i] for i in range(400)] for _ in 'ab']; v[0][77] = v[1][5]",
    "all elements in both": "a = [{'id': i} for i in range(400)]; v = {'all': a, 'by id': {r['id']: r for r in a}}",
    "a part of an element outside": "v = {'a': [[[i]] for i in range(400)]}; v['first'] = v['a'][1][0]",
    "what is outside in an element": "v = {'a': [[i] for i in range(400)], 'm': {}}; v['a'][30].append(v['m'])",
    "the whole in an element": "v = {'a': [[i] for i in range(400)]}; v['a'][30].append(v)",
    "one in the other": "v = {'a': [[i] for i in range(400)], 'b': [0] * 99}; v['a'][300].append(v['b'])",
    "large text in both": "t = 'x' * 5000; v = {'a': [t, *map(str, range(400))], 't': t}; del t",
    "a number that is none": "v = {'a': [[i] for i in range(400)], 'n': float('nan')}",
    "a generator": "v = {'a': [[i] for i in range(400)], 'n': (i for i in 'abc')}",
    "an attribute dict": (
        "class P:\n    def __init__(self): self.x = 1\n"
        "p = P(); v = {'a': [[i] for i in range(400)], 'p': p, 'd': p.__dict__}; del p"
    ),
    "much around": (
        "v = {'a': [[i] for i in range(400)], **{f'k{i}': [f'{i} {j}' for j in range(60)] for i in range(50)}}"
    ),
}


@pytest.mark.parametrize("name", ONE)
def test_what_cannot_be_written_so_comes_back_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(islands, "_AROUND", 1 << 14)
    kernel = Kernel(ONE[name])
    found = kernel.capture("v")
    assert found.mode != "islands"
    found.release()
    if name not in ("a generator", "an attribute dict"):
        assert differs(kernel, resumed(kernel, "v")) == []


def test_instances_around_are_written_behind_the_islands() -> None:
    code = f"class P:\n    pass\np = P(); p.rows = {ITEMS}; v = {{'p': p, 'items': {ITEMS}}}; del p"
    kernel = Kernel(code)
    found = kernel.encoder.capture([("v", kernel.namespace["v"])])
    assert found.mode == "islands"
    assert not found.plain
    found.find_links(frozenset())
    assert {id(kernel.namespace["v"]["p"].rows), id(kernel.namespace["v"]["items"])} <= set(found.links)
    found.release()


@pytest.mark.parametrize("slots", ["pass", "__slots__ = ('rows', 'name')", "def __init__(self): self.rows = None"])
def test_long_attributes_of_an_instance_are_not_written_again(slots: str) -> None:
    looks = Looks(f"class P:\n    {slots}\nv = P(); v.rows = {ITEMS}; v.name = ['a']")
    first, _ = looks.next()
    assert (first.mode, first.plain, first.walkable) == ("islands", False, True)
    assert written(first) == len(first.parts) >= 8
    for change in ("v.rows[200] = 'other'", "v.name.append('b')", "v.rows.insert(0, v.rows[0]['tags'][0])"):
        looks.kernel.run(change)
        assert written(looks.next()[0]) < len(first.parts) // 2 + 3
    looks.kernel.run("v.name.append(v.rows[9]['tags'])")
    assert looks.next()[0].mode != "islands"


def test_what_instances_of_subclasses_hold_links_as_in_one_stream() -> None:
    """Of what Python or a library says how to write; such an instance might leave out what it holds."""
    kernel = Kernel(
        "import fractions, collections\n"
        f"class F(fractions.Fraction):\n    __slots__ = ('rows',)\nv = F(1, 2); v.rows = {ITEMS}\n"
        f"class D(dict): pass\nw = D(a={ITEMS}); w.rows = {ITEMS}\n"
        f"class C(collections.Counter): pass\nx = C('abc'); x.rows = {ITEMS}\ny = {{'x': x, 'rows': {ITEMS}}}"
    )
    for name in "vwxy":
        islands_of, one = kernel.encoder.capture([(name, kernel.namespace[name])]), None
        islands_of.find_links(frozenset())
        usual, longs.MANY = longs.MANY, 1 << 40
        try:
            one = kernel.encoder.capture([(name, kernel.namespace[name])])
            one.find_links(frozenset())
        finally:
            longs.MANY = usual
        assert sorted(islands_of.links) == sorted(one.links), name
        islands_of.release()
        one.release()


def test_looking_for_them_makes_no_dict_of_attributes() -> None:
    kernel = Kernel(f"class P:\n    def __init__(self): self.rows = {ITEMS}\nv = P()")
    value = kernel.namespace["v"]
    before = [type(held) for held in gc.get_referents(value)]
    assert longs_within([value], (), lambda: True).longs == [value.rows]
    assert [type(held) for held in gc.get_referents(value)] == before


def test_an_attribute_dict_changes_nothing() -> None:
    kernel = Kernel(
        "class P:\n    def __init__(self, one): self.one, self.two = one, None\n"
        "p = P([[i] for i in range(100)]); p.two = [[i] for i in range(100, 200)]\n"
        "q = P(None); del q.one; q.one = [[i] for i in range(200, 300)]\n"
        "v = {'p': p, 'n': [[[i] for i in range(300, 400)]], 'q': q}; del p, q"
    )
    found = kernel.encoder.capture([("v", kernel.namespace["v"])])
    assert found.mode == "islands"
    before = [*found.segments]
    found.release()
    kernel.run("vars(v['p']); vars(v['q'])")
    assert [*kernel.encoder.capture([("v", kernel.namespace["v"])]).segments] == before


def test_several_names_are_written_with_it() -> None:
    kernel = Kernel(WITHIN["a document"] + "\nitems = v['items']; of = v['meta']['of']; same = v")
    found = kernel.capture("items", "of", "same", "v")
    assert found.mode == "islands"
    before = set(found.segments)
    found.release()
    kernel.run("items[200]['id'] = 'changed'")
    found = kernel.capture("items", "of", "same", "v")
    assert len([segment for segment in found.segments if segment not in before]) <= 3
    found.release()
    assert differs(kernel, resumed(kernel), "items", "of", "same", "v") == []


def test_names_for_elements_do_not_make_all_of_it_be_written() -> None:
    kernel = Kernel(WITHIN["both"])
    found = kernel.capture("v")
    before = set(found.segments)
    found.release()
    kernel.run("first = v['list'][3]; other = v['list'][300]; of = v['dict']; n = v['list'][9]['tags'][0]")
    found = kernel.capture("first", "n", "of", "other", "v")
    assert found.mode == "islands"
    assert len([segment for segment in found.segments if segment not in before]) <= 2
    found.release()
    assert differs(kernel, resumed(kernel), "first", "n", "of", "other", "v") == []


def test_an_island_that_was_the_last_of_a_list_may_end_elsewhere_in_another() -> None:
    for count in range(100, 140):
        looks = Looks(f"v = {{'a': [[i] for i in range({count})], 'b': [[i] for i in range(1000, 1150)]}}")
        looks.next()
        looks.next()
        looks.kernel.run("v['a'] += v.pop('b')")
        looks.next()


def test_dicts_with_the_same_keys_are_told_apart() -> None:
    looks = Looks("k = [f'k{i}' for i in range(400)]; v = {c: {key: [key, c] for key in k} for c in 'abc'}; del k")
    first, _ = looks.next()
    looks.next()
    for change in (
        "v['b']['k200'] = 0",
        "v['b']['k0'] = ['k0', 'b']",
        "v['c']['k0'] = v['a']['k1'] = 1",
        "v['a']['k0'] = 1",
    ):
        looks.kernel.run(change)
        assert 0 < written(looks.next()[0]) <= len(first.parts) // 2


@pytest.mark.parametrize("count", [2, 3, 9])
def test_dicts_with_the_same_keys_are_islands_whichever_text_is_the_key(count: int) -> None:
    kernel = Kernel(
        f"k = [f'k{{i}}' for i in range(400)]; v = {{c: dict.fromkeys(k, c) for c in range({count})}}; del k"
    )
    before = [*kernel.encoder.capture([("v", kernel.namespace["v"])]).segments]
    for number in range(count):
        kernel.run(f"x = v[{number}].pop('k399'); v[{number}]['k' + str(399)] = x; del x")
        found = kernel.encoder.capture([("v", kernel.namespace["v"])])
        assert found.mode == "islands"
        assert [*found.segments] == before
        found.release()


@pytest.mark.parametrize("seed", range(6))
def test_any_edits_of_what_looks_alike(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal lists and dicts over the same keys: which of them an island belongs to must be known."""
    monkeypatch.setattr(islands.IslandPickler, "_count_texts", lambda *_: None)  # whole passes alone tell that (034)
    rng = random.Random(seed)
    looks = Looks(
        "k = [f'k{i}' for i in range(300)]\n"
        "v = {c: {key: [key] for key in k} for c in 'abc'} | {c: [[key] for key in k] for c in 'de'}\n"
        "v |= {c: list(k) for c in 'fg'}"
    )
    for _ in range(25):
        one, other = rng.sample("abcdefg", 2)
        at = rng.choice((0, 1, 150, rng.randrange(250)))
        place = f"'k{at}'" if one in "abc" else str(at)
        looks.kernel.run(
            rng.choice(
                (
                    f"v['{one}'][{place}] = ['k{at}']",
                    f"v['{one}'][{place}] = [{rng.randrange(9)}]",
                    f"v['{one}'], v['{other}'] = v['{other}'], v['{one}']"
                    if (one in "abc") == (other in "abc")
                    else "0",
                    f"v['{one}'] = type(v['{one}'])(v['{one}'])",
                    f"v['{one}'].pop({place})" if len(looks.kernel.namespace["v"][one]) > 280 and at > 1 else "0",
                    f"v[{one!r}] = v.pop({one!r})",
                )
            )
        )
        looks.next()


def test_classes_around_and_on_islands_are_found() -> None:
    kernel = Kernel(
        "import fractions, decimal\n"
        "v = {'a': [fractions.Fraction(i, 7) for i in range(400)], 'b': {'c': decimal.Decimal('1.5')}}"
    )
    record = kernel.stored("v")
    found = mentioned(record.segments, record.headers, record.seeds)
    assert found >= {("fractions", "Fraction"), ("decimal", "Decimal")}


@pytest.mark.parametrize("name", [name for name in WITHIN if name != "the namespace"])
def test_few_islands_are_written_again(name: str) -> None:
    looks = Looks(WITHIN[name])
    first, _ = looks.next()
    assert written(first) == len(first.parts) >= 8
    looks.next()
    place = max(longs_within([looks.kernel.namespace["v"]], ()).longs, key=len)
    if isinstance(place, list):
        place[200] = "other"
    else:
        place["k200"] = "other"
    found, _ = looks.next()
    assert 0 < written(found) < len(found.parts) // 2 + 6


EDITS = (
    "at({a})[{b} % len(at({a}))] = {{'id': {n}, 'tags': [{n}]}}",
    "at({a}).insert({b}, [{n}])",
    "at({a}).append('text {n}')",
    "del at({a})[{b}:{b} + 5]",
    "at({a})[{b} % len(at({a}))] = at({a})[{n} % len(at({a}))]",
    "at({a})[{b} % len(at({a}))] = at({c})[{n} % len(at({c}))]",
    "held = at({a})[{b} % len(at({a}))]",
    "held = None",
    "at({a})[{b} % len(at({a}))] = held",
    "v['meta']['held'] = held",
    "v['meta'].pop('held', None)",
    "v['meta'][{n} % 9] = [{n}, {{'x': {n}}}]",
    "v['meta'] = dict(v['meta'])",
    "at({a})[{b} % len(at({a}))] = v['meta']",
    "v['more'] = [[i * {n}] for i in range(200)]",
    "v.pop('more', None)",
    "v['again'] = at({a})",
    "v.pop('again', None)",
    "v['items'] = v['items'][{b}:] + v['items'][:{b}]",
    "v = {{key: v[key] for key in sorted(v, reverse=True)}}",
    "v['large'] = 'x' * (1100 + {n})",
    "at({a})[{b} % len(at({a}))] = v.get('large')",
    "v['odd'] = {{1, 2, {n}}}",
    "v.pop('odd', None)",
    "items = v['items']",
    "v['box'] = Box(); v['box'].rows = at({a})[:90]",
    "vars(v.get('box', Box()))['n{n}'] = {n}",
)
AT = """
class Box:
    pass
def at(n):
    lists = [part for part in v.values() if type(part) is list and len(part) > 20]
    lists += [part for box in v.values() if type(box) is Box for part in vars(box).values() if type(part) is list]
    return lists[n % len(lists)]
"""
BOX = "v['box'] = box = Box(); box.rows = [{'n': i, 'in': [i]} for i in range(200)]; box.of = [v['meta']]; del box"


def test_any_edits() -> None:
    """What is told is what a whole pass tells, and what is stored comes back, whatever is around, or shared."""
    kept, modes = map(sum, zip(*map(_edited, range(10)), strict=True))
    assert kept > 500
    assert modes > 100


def _edited(seed: int) -> tuple[int, int]:
    """Edit a value at random; how many islands were not written again, and how often it was one of islands."""
    rng = random.Random(seed)
    looks = Looks(
        f"v = {{'meta': {{}}, 'items': {ITEMS}, 'other': [[i] for i in range(150)]}}\nheld = items = None{AT}"
        + BOX * (seed % 2)
    )
    kept = modes = 0
    for step in range(40):
        for _ in range(rng.choice((0, 1, 1, 2))):
            numbers = {part: rng.randrange(100) for part in "abc"}
            looks.kernel.run(rng.choice(EDITS).format(n=rng.randrange(1000), **numbers))
        found, _ = looks.next()
        modes += found.mode == "islands"
        kept += len(found.parts) - written(found) if found.parts else 0
        if step % 8 == 0:
            assert differs(looks.kernel, resumed(looks.kernel, "v")) == []
    return kept, modes


parts = st.recursive(
    st.integers(-3, 3) | st.sampled_from(["a", "", "text", "x" * 1100]) | st.just(1.5),
    lambda inner: st.lists(inner, max_size=6) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=parts, seed=st.integers(0, 1000))
def test_any_value_comes_back_with_what_it_shares(value: Any, seed: int) -> None:
    usual, longs.MANY = longs.MANY, 3
    try:
        kernel = Kernel()
        r = random.Random(seed)
        value = {"v": value, "more": [value] if seed % 3 == 0 else r.sample(range(9), 5)}
        kernel.namespace["v"] = value
        assert differs(kernel, resumed(kernel, "v")) == []
        found = kernel.encoder.capture([("v", kernel.namespace["v"])])
        found.find_links(frozenset())
        longs.MANY, links = 1 << 40, sorted(found.links)
        found.release()
        found = kernel.encoder.capture([("v", kernel.namespace["v"])])
        found.find_links(frozenset())
        assert sorted(found.links) == links
    finally:
        longs.MANY = usual


def test_where_they_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    long, other = [0] * MANY, dict.fromkeys(range(MANY))
    short: dict[str, Any] = {"a": [(long, {"b": other})], "c": long, "d": bytes(9)}
    short["self"] = short
    found = longs_within([short, long], ())
    assert [id(value) for value in found.longs] == [id(long), id(other)]
    assert (found.held[id(long)], found.held[id(other)], found.held[id(short)]) == (2, 1, 1)
    assert found.around[0] is short
    assert [type(value) for value in found.around] == [dict, list, tuple, dict]
    assert longs_within([short], {id(long)}).longs == [other]
    wide = {number: [number] for number in range(300)}
    monkeypatch.setattr(longs, "MANY", MANY)
    assert longs_within([{"wide": wide, "long": long}], ()).longs == [long]
    assert longs_within([wide | {"long": long}], ()).longs == []


def test_a_few_elements_tell_of_what_is_in_both() -> None:
    rows = [{"id": number} for number in range(MANY)]
    assert have_elements_in_common([rows, dict(enumerate(rows))])
    assert have_elements_in_common([rows[::-1], rows])
    assert not have_elements_in_common([rows, [{"id": number} for number in range(MANY)]])
    assert not have_elements_in_common([rows])
    assert not have_elements_in_common([[1] * MANY, [1] * MANY])
    assert not have_elements_in_common([[[]] * MANY, [[]] * MANY])


def test_classes_that_nobody_can_hash() -> None:
    kernel = Kernel(
        "class M(type):\n    __hash__ = None\nclass C(metaclass=M): pass\n" + f"v = {{'c': C(), 'i': {ITEMS}}}"
    )
    found = longs_within([kernel.namespace["v"], kernel.namespace["v"]["c"]], ())
    assert len(found.longs) == 1
    found = kernel.encoder.capture([("v", kernel.namespace["v"]["c"])])
    found.release()
