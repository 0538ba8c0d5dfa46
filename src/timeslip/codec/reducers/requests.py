"""requests: headers and ways to prove who one is, without keys and passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import instances, secrets

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass


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


def _session(kind: type) -> Any:
    by_attributes = instances.by_attributes(kind)

    def reduce(state: Pass, session: Any) -> Any:
        maker, made, (attributes, slots), *rest = by_attributes(state, session)
        given = attributes.get("auth")
        if type(given) is not tuple or len(given) != 2:
            return maker, made, (attributes, slots), *rest
        attributes = {**attributes, "auth": (given[0], secrets.hidden(given[1]))}
        secrets.say(state, session, [attributes["auth"][1]])
        state.keep += (attributes, attributes["auth"])
        return maker, made, (attributes, slots, instances.Lacking()), None, None, secrets.set_rest

    return reduce


def find(kind: type) -> Any:
    """The reducer for sessions, headers and authentication, or None."""
    if kind.__name__ == "CaseInsensitiveDict":
        return _headers(kind)
    if kind.__name__ in ("HTTPBasicAuth", "HTTPProxyAuth", "HTTPDigestAuth"):
        return secrets.without(kind)
    names = {(base.__module__, base.__name__) for base in kind.__mro__}
    return _session(kind) if ("requests.sessions", "Session") in names else None
