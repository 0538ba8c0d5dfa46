"""Time travel for live Python sessions: record every cell run, bring any recorded state back in place.

``%load_ext timeslip`` in a notebook or IPython; elsewhere::

    import timeslip

    session = timeslip.attach(namespace={})
    session.run("x = 1")
    session.undo()

Importing this package imports nothing else: the engine, the store and IPython's door are loaded when first used.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.session import Session

__version__ = "0.1.0"
__all__ = ["__version__", "attach", "load_ipython_extension", "session", "unload_ipython_extension"]


def attach(
    namespace: dict[str, Any] | None = None,
    *,
    store: Path | str | None = None,
    name: str | None = None,
    **settings: Any,
) -> Session:
    """Begin to record a namespace, or pick its session up again.

    Args:
        namespace: the dict that code runs in. None means the IPython shell of this process if there is one (the same as
            ``%load_ext timeslip``), else ``__main__``'s.
        store: directory of the store; None for ``TIMESLIP_HOME`` or the platform's user-data directory.
        name: of the session; None to go by the notebook, or else by the time.
        settings: see ``docs/reference/settings.md``.

    Raises:
        UsageError: no such setting, or a value that it cannot take.
        NamespaceError: the namespace cannot be recorded, or already is.
        StoreError: the store cannot be used.
    """
    if namespace is None:
        shell = _running_shell()
        if shell is not None:
            attached: Session = _ipython_door().attach_shell(shell, store=store, name=name, settings=settings)
            return attached
    from timeslip.attaching import attach as attach_namespace

    return attach_namespace(namespace, store=store, name=name, **settings)


def session() -> Session | None:
    """The session that is being recorded in this process, or None."""
    module = sys.modules.get("timeslip.session")
    return module.current() if module is not None else None


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext timeslip``: begin to record this session, or pick it up again."""
    _ipython_door().load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext timeslip``: stop recording; the namespace is as IPython made it."""
    _ipython_door().unload(shell)


def _ipython_door() -> Any:
    """IPython's door, looked up by name: it stands above this module, which only tells IPython where it is."""
    return importlib.import_module("timeslip.ipython.extension")


def _running_shell() -> Any:
    """IPython's shell of this process, or None; imports nothing."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None and hasattr(module, "get_ipython") else None


class _Package(ModuleType):
    """This package: `session` stays the function, although a submodule has the same name.

    The import system binds a submodule to its package, which would hide the function from then on.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name == "session" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
