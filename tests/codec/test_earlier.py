"""Islands that are as they were are not written again, and what is told of the value is what a whole pass tells."""

from __future__ import annotations

import random

import pytest
from tests.codec.kernels import Kernel

from timeslip.codec import islands, longs
from timeslip.codec.captured import Captured
from timeslip.codec.earlier import Earlier, Same
from timeslip.state.capturing import islands_in
from timeslip.state.fingerprint import Fingerprint, fingerprint


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Islands are of few elements."""
    for name, value in {"MANY": 1, "_STEP": 16, "_FEWEST": 8, "_WINDOW": 8, "_BYTES": 1024}.items():
        monkeypatch.setattr(longs if name == "MANY" else islands, name, value)


class Looks:
    """One look after the other at ``v`` of a kernel, each beginning with what the one before has found out."""

    def __init__(self, code: str) -> None:
        self.kernel = Kernel(code)
        self.earlier: Earlier | None = Earlier((), ())

    def captured(self, earlier: Earlier | None) -> Captured:
        captured = self.kernel.encoder.capture([("v", self.kernel.namespace["v"])], earlier=earlier)
        captured.find_links(frozenset())
        return captured

    def next(self) -> tuple[Captured, Fingerprint]:
        """What there is to say of the value now, and its fingerprint, all compared with a whole pass."""
        found = self.captured(self.earlier)
        print_ = fingerprint(found)
        addresses = set(found.links)
        there = {id(obj) for obj in found.objects_at(addresses)}
        self.earlier = Earlier(islands_in(found), print_.segments[1:-1]) if islands_in(found) else Earlier((), ())
        found.forget()
        whole = self.captured(None)
        assert not any(isinstance(segment, Same) for segment in whole.segments)
        assert (found.mode, found.plain, found.size) == (whole.mode, whole.plain, whole.size)
        assert print_ == fingerprint(whole)
        assert sorted(found.links) == sorted(whole.links)
        assert there == addresses
        assert [(part.count, part.first, part.held, sorted(part.links)) for part in found.parts] == [
            (part.count, part.first, part.held, sorted(part.links)) for part in whole.parts
        ]
        whole.forget()
        return found, print_


def written(captured: Captured) -> int:
    """How many islands were written."""
    return sum(not isinstance(segment, Same) for segment in captured.segments[1:-1])


LISTS = {
    "dicts": "v = [{'id': i, 'in': [i]} for i in range(3000)]",
    "texts": "v = [f'text {i}' for i in range(3000)]",
    "numbers": "v = [i * 1000 for i in range(3000)]",
    "mixed": "v = [[i] if i % 3 else float(i) for i in range(3000)]",
}


@pytest.mark.parametrize("code", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize(
    "edit",
    [
        "v[400] = 'other'",
        "v.insert(0, 'first')",
        "del v[300]",
        "v.append('last')",
        "v[:0] = v[-1:]; del v[-1]",
        "v = v[:]",
    ],
)
def test_few_islands_are_written_again(code: str, edit: str) -> None:
    looks = Looks(code)
    first, _ = looks.next()
    assert written(first) == len(first.parts) > 10
    looks.kernel.run(edit)
    assert 0 < written(looks.next()[0]) <= 12


def test_a_dict_goes_on_as_well() -> None:
    looks = Looks("v = {f'k{i}': [i] for i in range(3000)}")
    looks.next()
    looks.kernel.run("v['k400'].append(1)")
    assert 0 < written(looks.next()[0]) <= 12
    looks.kernel.run("v['k400'] = v.pop('k399')")
    looks.next()
    looks.kernel.run("v = {'k0': v.pop('k0'), **v}")
    assert 0 < written(looks.next()[0]) <= 12


def test_what_is_found_in_two_islands_is_noticed_wherever_it_was() -> None:
    """Also where only one of them is written again, and where something else held it all the time."""
    looks = Looks("v = [{'id': i, 'in': [i]} for i in range(3000)]\nheld = v[50]['in'], v[60]")
    assert looks.next()[0].mode == "islands"
    for edit in ("v[800]['in'] = v[50]['in']", "v[800]['in'] = 0", "v[800]['in'] = v[60]", "v[800]['in'] = 0"):
        looks.kernel.run(edit)
        assert (looks.next()[0].mode == "islands") == edit.endswith("= 0")
    looks.kernel.run("v[800]['in'] = v[70]['in']")
    assert looks.next()[0].mode != "islands"


def test_keys_of_a_dict_are_found() -> None:
    looks = Looks("v = {(i, 'k'): [i] for i in range(3000)}")
    for _ in range(3):
        looks.next()


def test_an_object_that_is_no_plain_one_is_met() -> None:
    looks = Looks("v = [{'id': i, 'in': [i]} for i in range(3000)]\nclass P: pass")
    looks.next()
    looks.kernel.run("v[800]['in'] = P()")
    found, _ = looks.next()
    assert not found.plain
    assert not found.parts


EDITS = (
    "v[{a}] = {{'id': {n}, 'in': [{n}]}}",
    "v[{a}] = dict(v[{a}]) if type(v[{a}]) is dict else [v[{a}]]",
    "held = v[{a}] = dict(v[{a}]) if type(v[{a}]) is dict else 5",
    "v.insert({a}, [{n}])",
    "v.insert({a}, 'text {n}')",
    "v.append({n})",
    "del v[{a}:{b}]",
    "v[{a}], v[{b}] = v[{b}], v[{a}]",
    "v[{a}] = v[{b}]",
    "held = v[{a}]",
    "held = [v[{a}], v[{b}]]",
    "held = None",
    "v[{a}] = held",
    "v = v[{a}:] + v[:{a}]",
    "v = list(v)",
    "v[{a}] = (v[{b}],)",
    "v[{a}] = 'x' * 1100",
    "held = v[{a}] = 'z' * 1200",
    "held = 'z' * 1200",
    "v[{a}] = {{'id': 'y' * 1200, 'in': held}}",
    "v[{a}] = ({n}, ({n}, 'text'))",
)


def test_any_edits() -> None:
    kept = sum(map(_edited, range(12)))
    assert kept > 1000


def _edited(seed: int) -> int:
    """Edit a list at random, looking at it again and again; how many islands were not written again."""
    rng = random.Random(seed)
    looks = Looks("v = [{'id': i * 1000, 'in': [f'text of {i}']} for i in range(400)]\nheld = None")
    kept = 0
    for _ in range(30):
        for _ in range(rng.choice((0, 1, 1, 1, 2))):
            count = len(looks.kernel.namespace["v"])
            a, b = rng.randrange(count), rng.randrange(count)
            edit = rng.choice(EDITS).format(a=min(a, b), b=min(max(a, b), min(a, b) + 3), n=rng.randrange(1000))
            looks.kernel.run(edit)
        found, _ = looks.next()
        kept += len(found.parts) - written(found)
    return kept


LARGE_EDITS = (
    "v[{a}] = [{n}]",
    "v[{a}] = list(range({n}, {n} + 40))",
    "v[{a}:{a} + 60] = [[{n}, i] for i in range(60)]",
    "v[{a}:{a} + 60] = [list(range({n}, {n} + 40)) for _ in range(60)]",
    "del v[{a}:{b}]",
    "del v[-{b}:]",
    "v.insert({a}, [{n}])",
)


def test_large_elements_have_a_say_further_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_LARGE": 64, "_STEP": 64, "_WINDOW": 4}.items():
        monkeypatch.setattr(longs if name == "MANY" else islands, name, value)
    for seed in range(12):
        rng = random.Random(seed)
        looks = Looks("v = [[i * 1000] if i // 60 % 3 else list(range(i, i + 40)) for i in range(400)]")
        for _ in range(20):
            count = len(looks.kernel.namespace["v"])
            a = rng.randrange(count)
            looks.kernel.run(rng.choice(LARGE_EDITS).format(a=a, b=min(a + 4, 9), n=rng.randrange(1000)))
            looks.next()
