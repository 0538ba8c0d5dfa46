"""Keys and passwords in the objects of libraries: never stored, used again as long as the process lives.

A stream holds a random name for a secret. Where that name is not known, in another process, the environment variable
that the library itself would look in is asked, and otherwise a text stands in its place that says so.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import instances

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass

NOT_STORED = "timeslip-does-not-store-keys"
"""What comes back in the place of a secret that nobody knows any more."""
_PARTS = ("password", "passwd", "secret", "token", "api_key", "apikey", "access_key", "credential")
_HEADERS = ("authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "x-auth-token", "cookie")

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


def _secret(state: Pass, secret: Secret) -> Any:
    name = _names.get(secret.value)
    if name is None:
        name = _names[secret.value] = uuid.uuid4().hex
        _known[name] = secret.value
    return recall, (name, secret.variable, type(secret.value) is bytes)


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
