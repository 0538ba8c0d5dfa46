"""openai and anthropic, whose clients are generated alike: by their attributes, without keys."""

from __future__ import annotations

from typing import Any

from timeslip.codec.reducers import secrets

_NAMES = {
    ("openai", "api_key"): "OPENAI_API_KEY",
    ("openai", "admin_api_key"): "OPENAI_ADMIN_KEY",
    ("openai", "webhook_secret"): "OPENAI_WEBHOOK_SECRET",
    ("anthropic", "api_key"): "ANTHROPIC_API_KEY",
    ("anthropic", "auth_token"): "ANTHROPIC_AUTH_TOKEN",
    ("anthropic", "webhook_key"): "ANTHROPIC_WEBHOOK_SIGNING_KEY",
}
"""Library and attribute -> where the library looks for it."""


def _is_secret(name: str) -> bool:
    return secrets.is_secret(name) or name.endswith("_key")


def find(kind: type) -> Any:
    """The reducer for clients, or None."""
    for base in kind.__mro__:
        package = str(base.__module__).partition(".")[0]
        if base.__name__ == "BaseClient" and package in ("openai", "anthropic"):
            return secrets.without(kind, _is_secret, lambda name: _NAMES.get((package, name), ""))
    return None
