"""httpx: headers and ways to prove who one is, without keys and passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import instances, secrets

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass


def _headers(kind: type) -> Any:
    by_attributes = instances.by_attributes(kind)

    def reduce(state: Pass, headers: Any) -> Any:
        lines = [
            (raw, key, secrets.hidden(value)) for raw, key, value in headers._list if secrets.is_secret_header(key)
        ]
        if not lines:
            return by_attributes(state, headers)
        lines = [
            (raw, key, secrets.hidden(value) if secrets.is_secret_header(key) else value)
            for raw, key, value in headers._list
        ]
        attributes = {**vars(headers), "_list": lines}
        secrets.say(state, headers, [value for *_, value in lines if type(value) is secrets.Secret])
        state.keep += (attributes, lines, *lines)
        maker, made, (_, slots), *_ = by_attributes(state, headers)
        return maker, made, (attributes, slots, instances.Lacking()), None, None, secrets.set_rest

    return reduce


def find(kind: type) -> Any:
    """The reducer for headers and authentication, or None."""
    if kind.__name__ == "Headers":
        return _headers(kind)
    if kind.__name__ in ("BasicAuth", "DigestAuth"):
        return secrets.without(kind, lambda name: name in ("_auth_header", "_password", "_last_challenge"))
    return None
