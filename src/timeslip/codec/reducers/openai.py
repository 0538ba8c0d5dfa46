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
    names = [str(base.__module__).partition(".")[0] for base in kind.__mro__ if base.__name__ == "BaseClient"]
    package = next((name for name in names if name in ("openai", "anthropic")), None)
    if package is None:
        return None
    return secrets.without(kind, _is_secret, lambda name: _NAMES.get((package, name), ""))
