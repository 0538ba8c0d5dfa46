"""requests: headers and ways to prove who one is, without keys and passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import instances, secrets

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _headers(kind: type) -> Any:
    by_attributes = instances.by_attributes(kind)

    def reduce(state: Pass, headers: Any) -> Any:
        maker, made, (attributes, slots), *rest = by_attributes(state, headers)
        found = {key: line for key, line in attributes.get("_store", {}).items() if secrets.is_secret_header(key)}
        if not found:
            return maker, made, (attributes, slots), *rest
        stands = {key: (name, secrets.hidden(value)) for key, (name, value) in found.items()}
        attributes = {**attributes, "_store": type(attributes["_store"])(attributes["_store"], **stands)}
        secrets.say(state, headers, [value for _, value in stands.values()])
        state.keep += (attributes, attributes["_store"], *stands.values())
        return maker, made, (attributes, slots, instances.Lacking()), None, None, secrets.set_rest

    return reduce


_LOGINS = {
    ("requests.sessions", "Session"): ("auth", "headers", "params", "proxies"),
    ("requests.models", "Request"): ("auth", "cookies", "data", "headers", "json", "params", "url"),
    ("requests.models", "PreparedRequest"): ("body", "url"),
}
"""What is looked at for secrets."""


def _response(state: Pass, response: Any) -> Any:
    """A response as it was read. Its own pickling reads what was not read yet, and forgets what comes next."""
    raw, consumed = getattr(response, "raw", None), getattr(response, "_content_consumed", True)
    if raw is not None and not consumed:
        return state.hole(response, "a response that was not read to its end cannot be stored")
    kept = {name: value for name, value in vars(response).items() if name not in _CONNECTED}
    state.keep.append(kept)
    if raw is not None or getattr(response, "connection", None) is not None:
        state.note(response, "without the connection that it came by", fatal=False)
        return make_response, (type(response),), (kept, instances.Lacking()), None, None, set_response
    return make_response, (type(response),), (kept,), None, None, set_response


_CONNECTED = frozenset({"raw", "connection"})


def make_response(kind: Any) -> Any:
    """A response in which nothing is yet."""
    return kind()


def set_response(response: Any, parts: tuple[Any, ...]) -> None:
    """State setter for responses."""
    vars(response).update(parts[0])


def find(kind: type) -> Any:
    """The reducer for sessions, requests, responses, headers and authentication, or None."""
    if (kind.__module__, kind.__name__) == ("requests.models", "Response"):
        return _response
    if kind.__name__ == "CaseInsensitiveDict":
        return _headers(kind)
    if kind.__name__ in ("HTTPBasicAuth", "HTTPProxyAuth", "HTTPDigestAuth"):
        return secrets.without(kind)
    bases = [(base.__module__, base.__name__) for base in kind.__mro__]
    return next((secrets.without_logins(kind, _LOGINS[base]) for base in bases if base in _LOGINS), None)
