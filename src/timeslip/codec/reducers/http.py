"""http.cookiejar: cookies, without what is in those that prove who one is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import secrets

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_PROVING = ("sess", "sid", "auth", "csrf", "xsrf", "jwt", "login", "remember")
"""Parts of names that cookies have whose values are as good as a password for a while."""
_LONG = 20
"""Nobody chooses a value of so many characters for a setting."""


def _proves(cookie: Any) -> bool:
    name, value = str(cookie.name).lower(), cookie.value
    return secrets.is_secret(name) or any(part in name for part in _PROVING) or len(value or "") >= _LONG


def find(kind: type) -> Any:
    """The reducer for cookies, or None."""
    if (kind.__module__, kind.__name__) != ("http.cookiejar", "Cookie"):
        return None
    hiding = secrets.without(kind, lambda name: name == "value")

    def reduce(state: Pass, cookie: Any) -> Any:
        return hiding(state, cookie) if _proves(cookie) else NotImplemented

    return reduce
