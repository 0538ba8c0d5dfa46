"""Facet ``environ``: environment variables that the session set, changed or removed.

Recorded as differences from the values at attach. Lists of folders (``PATH`` …) are recorded as entries added and
removed, so that the rest of a new process's own list stays. Two kinds of variables are neither recorded nor touched:
those that belong to the process or its front end, and those that look like credentials. A name counts as a credential
for the rest of the process once its value has looked like one.

Form: ``{"folders": {name: list differences, or null when it was removed}, "set": {name: value}, "unset": [name]}``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from timeslip.errors import FacetError
from timeslip.standard import json
from timeslip.state.facets.base import FacetBase, register, shortened
from timeslip.state.facets.credentials import name_looks_secret, value_has_known_form, value_looks_secret
from timeslip.state.facets.differences import EMPTY, ListDifference, MapDifference, canonical, parsed

_FOREIGN = re.compile(
    r"(JPY|JUPYTER|JUPYTERHUB|IPYTHON|PYDEVD|DEBUGPY|VSCODE|SSH|XDG|CONDA|DBUS|KERNEL|COLAB|TIMESLIP|PYENV|ITERM)_.*$"
    r"|(VIRTUAL_ENV(_PROMPT)?|PYTHONHOME|PYTHONEXECUTABLE|PYTHON_?STARTUP|__PYVENV_LAUNCHER__|MPLBACKEND|TERM"
    r"|TERM_PROGRAM(_VERSION)?|COLORTERM|COLUMNS|LINES|PAGER|GIT_PAGER|CLICOLOR(_FORCE)?|SHLVL|_|PWD|OLDPWD|PS1"
    r"|TMUX(_PANE)?|STY|WINDOWID|PYTEST_CURRENT_TEST)$",
    re.IGNORECASE,
)
_FOLDERS = ("DYLD_LIBRARY_PATH", "LD_LIBRARY_PATH", "MANPATH", "PATH", "PKG_CONFIG_PATH", "PYTHONPATH")


@register
class EnvironFacet(FacetBase):
    """Differences of ``os.environ`` from attach. See the module for what is never recorded."""

    name: ClassVar[str] = "environ"

    def __init__(self) -> None:
        super().__init__()
        self._secret: set[str] = set()
        self._start: dict[str, str] = {}
        self._map = MapDifference({})
        self._lists: dict[str, ListDifference] = {}
        self._removed_elsewhere: set[str] = set()
        self._looked_at: dict[str, str] = {}
        self._raw: dict[Any, Any] | None = None
        self._data = EMPTY

    def attach(self) -> None:
        """Remember the present variables. They stay in memory; nothing of them is ever in what `capture` gives."""
        self._raw = None
        self._removed_elsewhere = set()
        self._start = dict(os.environ)
        self._map = MapDifference(self._texts(self._start))
        self._lists = {name: ListDifference(_entries(self._start.get(name))) for name in _FOLDERS}

    def capture(self) -> bytes:
        """The differences; a microsecond when nothing was set since the last time."""
        raw = _raw_environment()
        if raw != self._raw:
            document = self._document(dict(os.environ))
            self._data = canonical(document).encode() if document else EMPTY
            self._raw = dict(raw)
        return self._data

    def restore(self, data: bytes) -> None:
        """Set and remove what was recorded, and what this session changed since. Everything else stays."""
        document, live = parsed(data), dict(os.environ)
        now = self._document(live)
        wanted = {name: value for name, value in document.get("set", {}).items() if self._is_ours(name, str(value))}
        steps = self._map.steps({**document, "set": wanted}, self._texts(live))
        target: dict[str, str | None] = {name: json.loads(text) for name, text in steps.put.items()}
        target.update((name, None) for name in steps.drop if self._is_ours(name, live[name]))
        folders = document.get("folders", {})
        self._removed_elsewhere = {name for name in folders if folders[name] is None and name not in self._start}
        for name in {*folders, *now.get("folders", ())} & set(_FOLDERS):
            if not value_has_known_form(live.get(name, "")):
                target[name] = self._folders_value(name, folders)
        failed = [name for name, value in sorted(target.items()) if not _set(name, value)]
        if failed:
            raise FacetError(f"the environment variable {failed[0]} could not be put back")
        if len(wanted) == len(document.get("set", {})):
            self._raw, self._data = dict(_raw_environment()), data

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """``environment: set A, removed B, back to the start C``: names only, never values."""
        old, new = (_by_name(parsed(data or EMPTY)) for data in (before, after))
        changed = [name for name in sorted(old.keys() | new.keys()) if old.get(name, "") != new.get(name, "")]
        parts = [f"{_verb(new, name)} {name}" for name in changed]
        return "environment: " + (shortened(parts) or "unchanged")

    def _document(self, live: Mapping[str, str]) -> dict[str, Any]:
        document = self._map.document(self._texts(live))
        folders: dict[str, Any] = {}
        for name in _FOLDERS:
            value = live.get(name)
            if value is None:
                if name in self._start or name in self._removed_elsewhere:
                    folders[name] = None
            elif value_has_known_form(value):
                self._report_secret()
            elif parts := self._lists[name].document(_entries(value)):
                folders[name] = parts
        if folders:
            document["folders"] = folders
        if any(self._start.get(name) != live.get(name) for name in self._secret):
            self._report_secret()
        return document

    def _report_secret(self) -> None:
        """Without names: the sentence may be kept."""
        self.report("secret", "environment variables that look like credentials changed; they are never recorded")

    def _folders_value(self, name: str, folders: Mapping[str, Any]) -> str | None:
        if name not in folders:
            self._lists[name].adopted.clear()
            return self._start.get(name)
        if folders[name] is None:
            return None
        return os.pathsep.join(json.loads(text) for text in self._lists[name].target(folders[name], ()))

    def _texts(self, live: Mapping[str, str]) -> dict[str, str]:
        """Name -> JSON text of those variables that are recorded by value. Notes names that turn out to be secret."""
        start = self._start
        names = [name for name, value in live.items() if name not in _FOLDERS and self._is_ours(name, value)]
        for name in start.keys() - live.keys():
            self._is_ours(name, start[name])
        return {name: json.dumps(live[name]) for name in names}

    def _is_ours(self, name: str, value: str) -> bool:
        """Whether the variable may be recorded and restored."""
        if self._looked_at.get(name) == value:  # the answer for all variables takes half a millisecond
            return name not in self._secret
        if name in self._secret or _FOREIGN.match(name):
            return False
        if name_looks_secret(name) or value_looks_secret(value):
            self._secret.add(name)
            self._map.baseline.pop(name, None)
            self._map.adopted.discard(name)
            return False
        self._looked_at[name] = value
        return True


def _raw_environment() -> Any:
    """What ``os.environ`` keeps its variables in: comparing that costs a microsecond instead of a hundred."""
    raw = getattr(os.environ, "_data", None)
    return raw if type(raw) is dict else dict(os.environ)


def _entries(value: str | None) -> list[str]:
    return [] if value is None else [json.dumps(entry) for entry in value.split(os.pathsep)]


def _set(name: str, value: str | None) -> bool:
    try:
        if value is None:
            os.environ.pop(name, None)
        elif os.environ.get(name) != value:
            os.environ[name] = value
    except (OSError, ValueError, TypeError):  # a name or value that this system does not take
        return False
    return True


def _by_name(document: Mapping[str, Any]) -> dict[str, Any]:
    removed = dict.fromkeys(document.get("unset", ()))
    return {**document.get("set", {}), **document.get("folders", {}), **removed}


def _verb(new: Mapping[str, Any], name: str) -> str:
    if name not in new:
        return "back to the start"
    return "removed" if new[name] is None else "set"
