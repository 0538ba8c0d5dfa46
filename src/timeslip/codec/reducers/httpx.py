"""httpx and httpcore: headers, addresses and ways to prove who one is, without keys and passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import instances, secrets

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


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


_LOGINS = {"QueryParams": ("_dict",), "Proxy": ("raw_auth", "auth", "headers")}
"""What is looked at for secrets."""


def _response(state: Pass, response: Any) -> Any:
    """A response as it was read, with what it found out about how to read it."""
    if "_content" not in vars(response):
        return state.hole(response, "a response that was not read to its end cannot be stored")
    own = response.__getstate__()
    state.keep.append(own)
    parts: tuple[Any, ...] = (own, "_decoder" in vars(response))
    if response.extensions:
        state.note(response, "without the connection that it came by", fatal=False)
        parts = (*parts, instances.Lacking())
    return make_response, (type(response),), parts, None, None, set_response


def make_response(kind: Any) -> Any:
    """A response in which nothing is yet."""
    return kind.__new__(kind)


def set_response(response: Any, parts: tuple[Any, ...]) -> None:
    """State setter for responses."""
    response.__setstate__(parts[0])
    if parts[1]:
        response._get_content_decoder()


def find(kind: type) -> Any:
    """The reducer for headers, responses and authentication, or None."""
    if (kind.__module__, kind.__name__) == ("httpx", "Response"):
        return _response
    if kind.__name__ == "Headers":
        return _headers(kind)
    if kind.__name__ == "ParseResult":
        return secrets.without_fields(kind, ("userinfo",))
    if kind.__name__ in _LOGINS:
        return secrets.without_logins(kind, _LOGINS[kind.__name__])
    if "proxy" in f"{kind.__module__}.{kind.__name__}".lower():  # pools and connections of httpcore that go through one
        return secrets.without_logins(kind, ("_proxy_headers", "_proxy_auth", "_auth"))
    if kind.__name__ in ("BasicAuth", "DigestAuth"):
        return secrets.without(kind, lambda name: name in ("_auth_header", "_password", "_last_challenge"))
    return None
