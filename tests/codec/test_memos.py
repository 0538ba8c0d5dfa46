"""How often finished passes hold an object, however many passes there are and whichever of them are gone."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.codec.kernels import Kernel

from timeslip.codec import picklers
from timeslip.codec.picklers import Memos

CODE = """
class Thing:
    def __init__(self, held): self.held = held
shared = [1]
things = {f"n{i}": Thing([i, shared]) for i in range(40)}
"""


def captures_of(kernel: Kernel) -> tuple[Memos, list[Any], list[int]]:
    """Memos of the passes over forty instances, the captures that hold those, and addresses to ask for."""
    things = kernel.namespace["things"]
    kernel.encoder.picklers = memos = Memos()
    captures = [kernel.encoder.capture([(name, thing)]) for name, thing in things.items()]
    addresses = [id(kernel.namespace["shared"]), *(id(vars(thing)) for thing in things.values()), id(things)]
    return memos, captures, [*addresses, *map(id, things.values())]


def held_by(captures: list[Any], address: int) -> int:
    return sum(bool(captured.objects_at({address})) for captured in captures)


@pytest.mark.parametrize("seed", range(4))
def test_what_passes_hold_is_counted_as_they_come_and_go(seed: int) -> None:
    kernel, chance = Kernel(CODE), random.Random(seed)
    memos, captures, addresses = captures_of(kernel)
    things = list(kernel.namespace["things"].items())
    while captures:
        assert memos.times(addresses) == {address: held_by(captures, address) for address in addresses}
        for _ in range(chance.randrange(6)):
            captures.pop(chance.randrange(len(captures))).forget() if captures else None
        if chance.random() < 0.3:
            captures.append(kernel.encoder.capture([chance.choice(things)]))
    assert set(memos.times(addresses).values()) == {0}


def test_a_memo_is_gone_through_once_while_others_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    memos, captures, addresses = captures_of(Kernel(CODE))
    usual, gone_through = picklers.met_objects, []

    def counted(pickler: Any) -> list[Any]:
        gone_through.append(pickler)
        return usual(pickler)

    monkeypatch.setattr(picklers, "met_objects", counted)
    memos.times(addresses)
    assert len(gone_through) == len(captures)
    gone_through.clear()
    for _ in range(20):
        captures.pop().forget()
        assert memos.times(addresses)[addresses[0]] == len(captures)
    assert gone_through == [], "what is known of the others was thrown away"


def test_an_interrupted_count_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    memos, captures, addresses = captures_of(Kernel(CODE))
    usual, left = picklers.met_objects, 20

    def interrupted(pickler: Any) -> list[Any]:
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt
        return usual(pickler)

    monkeypatch.setattr(picklers, "met_objects", interrupted)
    with pytest.raises(KeyboardInterrupt):
        memos.times(addresses)
    assert memos.times(addresses)[addresses[0]] == len(captures)
