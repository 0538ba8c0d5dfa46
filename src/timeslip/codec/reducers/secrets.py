"""Keys and passwords in the objects of libraries: never stored, used again as long as the process lives.

A stream holds a random name for a secret. Where that name is not known, in another process, the environment variable
that the library itself would look in is asked, and otherwise a text stands in its place that says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import instances
from timeslip.standard import os

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

NOT_STORED = "timeslip-does-not-store-keys"
"""What comes back in the place of a secret that nobody knows any more."""
_PARTS = ("password", "passwd", "secret", "token", "api_key", "apikey", "access_key", "credential")
_HEADERS = ("authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "x-auth-token", "cookie")

_LOGIN = re.compile(
    r"//[^/?#@\s:]*:[^?#\s@]*@"
    r"|(?:^|[;?&{\s])(?:pwd|passwd|password|secret|token|access_?token|api_?key|access_?key|account_?key)\s*=",
    re.IGNORECASE,
)
"""What is found in addresses and descriptions of a connection that prove who one is."""

_names: dict[str | bytes, str] = {}
_known: dict[str, str | bytes] = {}


class Secret:
    """Stands for a secret while it is captured.

    Args:
        value: text or bytes.
        variable: environment variable that it may be found in later.
    """

    __slots__ = ("value", "variable")

    def __init__(self, value: str | bytes, variable: str = "") -> None:
        self.value = value
        self.variable = variable

    def __repr__(self) -> str:
        return f"<secret {name_of(self.value)}>"


def name_of(value: str | bytes) -> str:
    """What *value* is called in streams: says nothing of it, and is the same as long as the process lives."""
    name = _names.get(value)
    if name is None:
        name = _names[value] = os.urandom(16).hex()
        _known[name] = value
    return name


def _secret(state: Pass, secret: Secret) -> Any:
    return recall, (name_of(secret.value), secret.variable, type(secret.value) is bytes)


def recall(name: str, variable: str, as_bytes: bool) -> Any:
    """The secret of that name."""
    if name in _known:
        return _known[name]
    found = os.environ.get(variable, NOT_STORED) if variable else NOT_STORED
    return found.encode() if as_bytes else found


def is_secret(name: Any) -> bool:
    """Whether what is called so is to be kept to oneself."""
    text = str(name).lower()
    return any(part in text for part in _PARTS)


def is_secret_header(name: Any) -> bool:
    """Whether that header of a request proves who one is."""
    text = (name.decode("latin-1") if isinstance(name, bytes) else str(name)).lower()
    return text in _HEADERS or is_secret(text.replace("-", "_"))


def hidden(value: Any, variable: str = "") -> Any:
    """*value*, or what stands for it if it is text that is worth hiding."""
    return Secret(value, variable) if type(value) in (str, bytes) and value else value


def has_login(text: str | bytes) -> bool:
    """Whether *text* is an address with a password, or a description of a connection with one."""
    return _LOGIN.search(text if isinstance(text, str) else text.decode("latin-1")) is not None


def veiled(value: Any, stands: list[Secret], name: Any = "") -> Any:
    """*value*, with all that is secret in its plain containers hidden.

    Args:
        value: plain text or containers of it; others are what they are.
        stands: gets what was put in the place of secrets.
        name: what *value* is called.
    """
    kind = type(value)
    if kind in (str, bytes):
        if value and (is_secret_header(name) or has_login(value)):
            stands.append(Secret(value))
            return stands[-1]
        return value
    if kind is dict:
        parts = {key: veiled(part, stands, key if type(key) in (str, bytes) else "") for key, part in value.items()}
        return parts if any(parts[key] is not part for key, part in value.items()) else value
    if kind in (list, tuple):
        is_pair = len(value) == 2 and type(value[0]) in (str, bytes)
        second = "password" if str(name).endswith("auth") else value[0] if is_pair else name
        found = [veiled(part, stands, second if is_pair and number else name) for number, part in enumerate(value)]
        return kind(found) if any(new is not old for new, old in zip(found, value, strict=True)) else value
    return value


def without_logins(kind: type, names: Iterable[str]) -> Any:
    """The reducer for instances of *kind* by their attributes, with what is secret in those of *names* left out."""
    by_attributes = instances.by_attributes(kind)

    def reduce(state: Pass, obj: Any) -> Any:
        maker, made, (attributes, slots), *rest = by_attributes(state, obj)
        stands: list[Secret] = []
        held = {**(attributes or {}), **slots}
        hiding = {name: veiled(held[name], stands, name) for name in names if name in held}
        if not stands:
            return maker, made, (attributes, slots), *rest
        attributes = {name: hiding.get(name, value) for name, value in (attributes or {}).items()}
        slots = {name: hiding.get(name, value) for name, value in slots.items()}
        say(state, obj, stands)
        state.keep += (attributes, slots, *hiding.values())
        return maker, made, (attributes, slots, instances.Lacking()), None, None, set_rest

    return reduce


def without_fields(kind: type, names: Iterable[str]) -> Any:
    """The reducer for instances of *kind*, a tuple with names, without the fields of *names* and without logins."""

    def reduce(state: Pass, obj: Any) -> Any:
        stands: list[Secret] = []
        fields: tuple[str, ...] = obj._fields
        values = [
            veiled(part, stands, "password" if name in names else "") for name, part in zip(fields, obj, strict=True)
        ]
        if not stands:
            return make_tuple, (kind, tuple(values))
        say(state, obj, stands)
        made = tuple(values)
        state.keep.append(made)
        return make_tuple, (kind, made, instances.Lacking())

    return reduce


def make_tuple(kind: Any, values: tuple[Any, ...], *_: Any) -> Any:
    """A tuple with names."""
    return tuple.__new__(kind, values)


def without(
    kind: type, names: Callable[[str], bool] = is_secret, variables: Callable[[str], str] = lambda _: ""
) -> Any:
    """The reducer for instances of *kind* by their attributes, without those whose names *names* is true of.

    Args:
        kind: the class.
        names: tells of an attribute whether it is a secret.
        variables: tells of an attribute where the library itself looks for it.
    """
    by_attributes = instances.by_attributes(kind)

    def reduce(state: Pass, obj: Any) -> Any:
        maker, made, (attributes, slots), *rest = by_attributes(state, obj)
        hiding = {name: hidden(value, variables(name)) for name, value in attributes.items() if names(name)}
        stands = [value for value in hiding.values() if type(value) is Secret]
        for name, headers in attributes.items():
            if type(headers) is dict and (
                found := {key: hidden(headers[key]) for key in filter(is_secret_header, headers)}
            ):
                hiding[name] = {**headers, **found}
                stands += [value for value in found.values() if type(value) is Secret]
        if not stands:
            return maker, made, (attributes, slots), *rest
        attributes = {**attributes, **hiding}
        say(state, obj, stands)
        state.keep += (attributes, *hiding.values())
        return maker, made, (attributes, slots, instances.Lacking()), None, None, set_rest

    return reduce


def say(state: Pass, obj: Any, stands: Iterable[Any]) -> None:
    """Tell that *obj* is stored without its secrets."""
    state.keep.extend(stands)
    state.note(obj, "without its key or password, which is not stored: a new kernel has to be given it", fatal=False)


def set_rest(obj: Any, parts: tuple[Any, ...]) -> None:
    """State setter: as for any instance."""
    instances.set_instance(obj, (parts[0], parts[1]))


REDUCERS: dict[type, Any] = {Secret: _secret}
