"""``c.Timeslip.<setting>`` in IPython's configuration, made from the one record of settings."""

from __future__ import annotations

import dataclasses
from typing import Any

from traitlets import Bool, Float, Int, List, TraitError, Unicode
from traitlets.config import Configurable

from timeslip.config import Settings
from timeslip.errors import UsageError

_OWN = {
    "store": Unicode("", help="Directory of the store; empty for the platform's user-data directory."),
    "name": Unicode("", help="Name of the session; empty to go by the notebook."),
}


def _trait(field: dataclasses.Field[Any], default: Any) -> Any:
    help_text = f"See `%timeslip config {field.name}`."
    if isinstance(default, tuple):
        return List(Unicode(), list(default), help=help_text)
    kind = {str: Unicode, int: Int, float: Float, bool: Bool}[type(default)]
    return kind(default, help=help_text)


def _traits() -> dict[str, Any]:
    defaults = Settings()
    return {field.name: _trait(field, getattr(defaults, field.name)) for field in dataclasses.fields(Settings)}


Timeslip = type(
    "Timeslip",
    (Configurable,),
    {
        "__doc__": "Settings of Timeslip in IPython's configuration.",
        "__module__": __name__,
        **{name: trait.tag(config=True) for name, trait in {**_traits(), **_OWN}.items()},
    },
)
"""The configurable; only what a user has set in the configuration counts, the rest is left to the store."""


def configured(shell: Any) -> dict[str, Any]:
    """What the user's IPython configuration sets, checked.

    Raises:
        UsageError: an unknown setting, or a value of the wrong kind.
    """
    given = dict(shell.config.get("Timeslip", {}))
    known = Timeslip.class_trait_names(config=True)  # type: ignore[attr-defined]
    for name in given:
        if name not in known:
            raise UsageError(f"c.Timeslip.{name} is no setting", hint="settings: " + ", ".join(sorted(known)))
    try:
        holder = Timeslip(parent=shell)
        values = {name: getattr(holder, name) for name in given}
    except TraitError as error:
        raise UsageError(f"c.Timeslip: {error}", hint="`%timeslip config` lists settings and values") from error
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
