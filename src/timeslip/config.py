"""Settings: one frozen record, with the reason for every default.

A setting is given as ``attach(..., setting=value)``, ``%timeslip config setting value`` (kept in the store's
``config.json`` for every session of the store) or ``c.Timeslip.setting = value`` in IPython's configuration. The
nearest wins: call, then IPython, then store.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from timeslip.errors import UsageError

FACETS = (
    "random",
    "numpy_random",
    "torch_random",
    "tensorflow_random",
    "tensor_options",
    "library_options",
    "cwd",
    "environ",
    "sys_path",
    "warnings",
    "pandas_options",
    "matplotlib",
    "decimal",
    "locale",
    "interpreter",
    "submodules",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may choose.

    Attributes:
        replay: "auto" re-runs quick cells that touch nothing outside; "ask" never re-runs by itself; "never" does not.
        replay_seconds: a cell that took longer than this is not "quick", seconds.
        durability: "normal" survives the death of the process; "full" also a power cut right after the commit.
        check_budget: time per cell for checking co-variables that the run is not known to have reached, seconds.
        audit: in idle time, look at what the last run is not known to have reached and was too expensive to check after
            it, and then compress what is cold (kernels only: a terminal or a script has no idle time that we could
            use).
        max_store_bytes: automatic retention starts above this size of the store, bytes; 0 means no limit.
        min_free_bytes: recording pauses below this free space on the store's disk, bytes.
        keep_commits: that many newest commits of a session, and on the way to a live kernel's HEAD, keep their values.
        undo_steps: that many steps of each live kernel always keep the values to undo them, and as many to redo.
        facets: names of the facets that are recorded.
        verify: "lazy" checks stored bytes as they are read, and in idle time what came back without being read (large
            arrays; where there is no idle time, at once); "eager" checks all of a restore before it starts.
        inline_bytes: streams up to this size are kept inside their record instead of as chunks, bytes.
        chunk_bytes: largest chunk of a buffer, bytes.
        background_bytes: what a cell changed is written while the next one runs when it is at least so much, bytes;
            0 writes everything before the reply (kernels only: elsewhere everything is).
        max_cells_bytes: the cells of a notebook are kept with a commit up to this size, sources and outputs together,
            bytes (only a front end keeps them).
        warn_seconds: a commit that takes longer says so when `announce` is on, seconds.
        announce: print a line under the cell for names that cannot be stored exactly, changes found late and slow
            commits. Off by default, so that a cell's output is what it would be without Timeslip; `status` and `log`
            always tell.
    """

    replay: str = "auto"
    replay_seconds: float = 5.0
    durability: str = "normal"
    check_budget: float = 0.002
    audit: bool = True
    max_store_bytes: int = 50 * 1000**3
    min_free_bytes: int = 500 * 1000**2
    keep_commits: int = 50
    undo_steps: int = 20
    facets: tuple[str, ...] = field(default=FACETS)
    verify: str = "lazy"
    inline_bytes: int = 512
    chunk_bytes: int = 1 << 20
    background_bytes: int = 128 << 20
    max_cells_bytes: int = 50 * 1000**2
    warn_seconds: float = 2.0
    announce: bool = False

    def changed(self, **changes: Any) -> Settings:
        """A copy with *changes*; text is converted to the setting's type.

        Raises:
            UsageError: no such setting, or a value that it cannot take.
        """
        known = {f.name for f in dataclasses.fields(self)}
        converted: dict[str, Any] = {}
        for key, value in changes.items():
            if key not in known:
                raise UsageError(f"there is no setting '{key}'", hint="settings: " + ", ".join(sorted(known)))
            converted[key] = _convert(key, value, getattr(self, key))
        return dataclasses.replace(self, **converted)

    def as_dict(self) -> dict[str, Any]:
        """All settings, JSON-ready."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}


_WORDS = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
_CHOICES = {
    "replay": ("auto", "ask", "never"),
    "durability": ("normal", "full"),
    "verify": ("lazy", "eager"),
}


def values_of(key: str) -> list[str]:
    """The words that a setting can take, where these are few; else none."""
    if any(field.name == key and isinstance(field.default, bool) for field in dataclasses.fields(Settings)):
        return ["on", "off"]
    return list(_CHOICES.get(key, ()))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _convert(key: str, value: Any, default: Any) -> Any:
    if isinstance(default, tuple):
        names = value.replace(",", " ").split() if isinstance(value, str) else list(value)
        unknown = [name for name in names if name not in FACETS]
        if unknown:
            raise UsageError(f"no facet is called '{unknown[0]}'", hint="facets: " + ", ".join(FACETS))
        return tuple(names)
    if isinstance(default, bool):
        word = str(value).strip().lower()
        if word not in _WORDS:
            raise UsageError(f"'{value}' is not a value for '{key}'", hint="one of: on, off")
        return _WORDS[word]
    try:
        converted = type(default)(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"'{value}' is not a value for '{key}'", hint=f"now: {default!r}") from error
    if key in _CHOICES and converted not in _CHOICES[key]:
        raise UsageError(f"'{value}' is not a value for '{key}'", hint="one of: " + ", ".join(_CHOICES[key]))
    if isinstance(converted, (int, float)) and not isinstance(converted, bool) and converted < 0:
        raise UsageError(f"'{key}' cannot be negative", hint=f"now: {default!r}")
    return converted
