"""Credentials in objects of libraries and of the standard library in general, told by the names of attributes.

A class counts whose own code sets an attribute that is called like a password, or headers of requests. What users
set on it, what is in a plain dict, and classes of the session or of the user's modules are the user's data: nothing of
that is left out. Clients that need more than this have reducers of their own.
"""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from timeslip.codec.definitions import of
from timeslip.codec.kinds import all_slots, attributes_of, compares_oddly, filled, is_of_session, stored_names
from timeslip.codec.reducers import secrets

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_CREDENTIAL = re.compile(
    r"_*(?:[a-z0-9_]*_)?(?:pass(?:wd|word|phrase)s?|secret(?:_value|_key|_access_key)?|api_?key|access_key|credentials?)_*"
    r"|_*(?:access|api|auth|bearer|client|id|refresh|session|user)_?token_*",
    re.IGNORECASE,
)
"""The whole name of an attribute. Not what only begins like it, such as the pattern of tokens of a vectorizer."""
_TOKEN = re.compile(r"_*token_*", re.IGNORECASE)
"""May be a part of a text as well, or a number for anything: it counts where the class has to do with logging in."""
_LOGGING_IN = re.compile(r"auth|headers?|hdrs|login", re.IGNORECASE)
_HEADERS = re.compile(r"headers?|hdrs|pool_kw", re.IGNORECASE)
"""Part of the name of an attribute with headers of requests, or with what has such headers."""
_WHOLE = {("netrc", "netrc"): frozenset({"hosts"})}
"""Attributes that hold credentials under a name that says nothing of it."""
_PROTOCOL = 5


def is_credential(name: Any) -> bool:
    """Whether what is called so by a library is a credential."""
    return type(name) is str and _CREDENTIAL.fullmatch(name) is not None


@functools.lru_cache(maxsize=4096)
def attributes_at_risk(kind: Any) -> frozenset[str]:
    """Names of attributes that the code of *kind*, a class of a library, sets and that may hold credentials."""
    names = {name for code in _code_of(kind) for name in code.co_names}
    named = {name for name in names if is_credential(name) or _HEADERS.search(name)}
    tokens = {name for name in names if _TOKEN.fullmatch(name)}
    if tokens and any(map(_LOGGING_IN.search, names)):
        named |= tokens
    known = _WHOLE.get((str(of(kind, "__module__")), str(of(kind, "__name__"))), frozenset())
    return frozenset(named & stored_names(kind)) | known if named or known else frozenset()


def _code_of(kind: type) -> Iterator[types.CodeType]:
    for base in of(kind, "__mro__"):
        for value in list(of(base, "__dict__").values()):
            function = getattr(value, "__func__", value) if type(value) in (staticmethod, classmethod) else value
            if type(function) is types.FunctionType:
                yield function.__code__


def around(kind: type, usual: Any) -> Any:
    """The reducer for instances of *kind* without what is secret in them; *usual* where there is nothing of that."""
    if compares_oddly(kind) or is_of_session(kind) or issubclass(kind, (type, BaseException)):
        return usual
    library: Any = kind
    risky = attributes_at_risk(library)
    if not risky:
        return usual
    slots = all_slots(kind)
    within = {name for name in risky if _TOKEN.fullmatch(name)}
    within |= _WHOLE.get((kind.__module__, kind.__name__), frozenset())

    def reduce(state: Pass, obj: Any) -> Any:
        held = {**(attributes_of(obj) or {}), **filled(obj, slots)}
        stands: list[secrets.Secret] = []
        hiding = {name: _concealed(held[name], stands, name, name in within) for name in risky if name in held}
        reduced = NotImplemented if usual is None else usual(state, obj)
        if not stands:
            return reduced
        if reduced is NotImplemented:
            reduced = obj.__reduce_ex__(_PROTOCOL)
        if type(reduced) is not tuple or len(reduced) < 3:
            return state.hole(obj, "its key or password would have to be stored with it")
        maker, args, parts, *rest = reduced
        parts = _replaced(parts, hiding)
        if parts is reduced[2]:
            return state.hole(obj, "its key or password would have to be stored with it")
        secrets.say(state, obj, stands)
        state.keep += (parts, *hiding.values())
        return maker, args, parts, *rest

    if usual is None or hasattr(usual, "looks_on"):
        reduce.looks_on = True  # type: ignore[attr-defined]  # its own pickling is tried all the same
    return reduce


def _replaced(parts: Any, hiding: dict[str, Any]) -> Any:
    """What is set on an instance, with *hiding* in it; *parts* themselves where none of it is there."""
    if type(parts) is dict:
        return {**parts, **{name: value for name, value in hiding.items() if name in parts}}
    if type(parts) is tuple and len(parts) >= 2:
        first, second = (_replaced(part, hiding) if type(part) is dict else part for part in parts[:2])
        return (first, second, *parts[2:]) if first is not parts[0] or second is not parts[1] else parts
    return parts


def _concealed(value: Any, stands: list[secrets.Secret], name: Any, within: bool = False) -> Any:
    """*value*, with what is secret in its plain containers hidden; *within* whether all text of it is."""
    within = within or is_credential(name)
    kind = type(value)
    if kind in (str, bytes):
        if not value or not (within or secrets.is_secret_header(name)):
            return value
        stands.append(secrets.Secret(value))
        return stands[-1]
    if kind is dict:
        parts = {key: _concealed(part, stands, key, within) for key, part in value.items()}
        return parts if any(parts[key] is not part for key, part in value.items()) else value
    if kind in (list, tuple):
        found = [_concealed(part, stands, name, within) for part in value]
        return kind(found) if any(new is not old for new, old in zip(found, value, strict=True)) else value
    return value
