"""What stands in a payload for something that is written in another way than pickle would."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from timeslip.codec import load
from timeslip.codec.refilling import Check
from timeslip.codec.scopes import Scope

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


class Content:
    """Stands in a payload for a definition: it is given its content as soon as the stream has it.

    An instance that comes later in the stream may be hashed or compared by methods of the class.
    """

    __slots__ = ("content", "identity")

    def __init__(self, identity: str, content: dict[str, Any]) -> None:
        self.identity = identity
        self.content = content


class Checked:
    """A payload with what there is to know of the dicts and sets in it."""

    __slots__ = ("checks", "payload")

    def __init__(self, payload: list[Any], checks: list[Check]) -> None:
        self.payload = payload
        self.checks = checks


BY_IDENTITY = frozenset({Content, Scope, types.FunctionType, types.BuiltinFunctionType, types.ModuleType})
"""Beside classes: what stands in a stream for something that is not made from what it holds."""


def reduce_checked(state: Pass, whole: Checked) -> Any:
    """As any reducer."""
    state.keep += (whole, whole.checks)
    for check in whole.checks:
        state.keep += (check, check[1], check[2])
    return load.checked, (whole.payload, whole.checks)


def reduce_scope(state: Pass, scope: Scope) -> Any:
    """As any reducer."""
    return load.definition, (str(state.refer_scope(scope.holder)),)


def reduce_content(state: Pass, stand_in: Content) -> Any:
    """As any reducer."""
    return load.content, (stand_in.identity, stand_in.content)
