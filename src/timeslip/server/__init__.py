"""The door for Jupyter's server: the history of a notebook without its kernel.

It reads the store, and writes nothing but the new path of a notebook that the server itself has given another one.

Nothing of it is imported before a server loads it (``pip install "timeslip[lab]"`` brings one).
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """What a server asks to find its extension."""
    return [{"module": "timeslip.server"}]


def _load_jupyter_server_extension(app: Any) -> None:
    """Add our addresses to the server *app*, and follow the notebooks that it moves."""
    from timeslip.server.handlers import add_handlers
    from timeslip.server.renames import follow

    add_handlers(app.web_app)
    follow(app)
