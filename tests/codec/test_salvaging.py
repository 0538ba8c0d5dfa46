"""The unpickler that makes placeholders of what is made from one."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict, deque
from typing import Any

import pytest

from timeslip.codec.placeholder import Placeholder
from timeslip.codec.salvaging import SalvagingUnpickler, missing_part
from timeslip.errors import PlaceholderError


class Hole:
    """Comes back as a placeholder."""

    def __reduce__(self) -> Any:
        return missing_part, ()


class Made:
    """Made by calling something with what it holds."""

    def __init__(self, function: Any, *args: Any, state: Any = None, setter: Any = None) -> None:
        self.reduction = (function, args, state, None, None, setter)

    def __reduce__(self) -> Any:
        return self.reduction


class Filled:
    """Has a state setter of its own."""

    def __setstate__(self, state: Any) -> None:
        self.items = [*state]


def count(target: Any, state: Any) -> None:
    target.append(len(state))


def loads(value: Any) -> Any:
    return SalvagingUnpickler(io.BytesIO(pickle.dumps(value, 5))).load()


@pytest.mark.parametrize(
    "made",
    [
        Made(zip, Hole()),
        Made(zip, Made(zip, Hole())),
        Made(len, Hole()),
        Made(getattr, Hole(), "send"),
        Made(zip, Hole(), state={"a": 1}),
    ],
)
def test_what_is_made_from_a_placeholder(made: Any) -> None:
    found, other = loads([made, [1]])
    assert type(found) is Placeholder
    assert other == [1]


def test_nothing_is_put_into_one() -> None:
    held = deque([1, Hole()])
    ordered = OrderedDict(a=Hole(), b=2)
    found: Any = loads([held, ordered, {"x": Hole()}, (Hole(), 3), {5}])
    assert type(found[0][1]) is Placeholder
    assert type(found[1]["a"]) is Placeholder
    assert found[1]["b"] == 2
    assert (found[3][1], found[4]) == (3, {5})


def test_an_object_that_could_not_be_given_its_state_is_not_whole() -> None:
    with pytest.raises(PlaceholderError):
        loads([Made(list, state=Hole(), setter=count)])
    with pytest.raises(PlaceholderError):
        loads([Made(Filled, state=Hole())])


def test_what_fails_for_another_reason_says_so() -> None:
    with pytest.raises(TypeError):
        loads([Made(zip, 5), Hole()])
