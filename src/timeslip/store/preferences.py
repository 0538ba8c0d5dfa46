"""The settings that a user has chosen for a whole store, kept in ``config.json`` beside the database.

A small text file of its own, so that it can be read without the database and edited by hand. Only what was chosen is in
it; everything else follows the defaults of the release.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from timeslip.config import Settings
from timeslip.errors import DamagedStoreError, StoreFullError, StoreReadOnlyError, UsageError
from timeslip.standard import json, open_file, os

FILE_NAME = "config.json"


def load_preferences(directory: Path) -> dict[str, Any]:
    """What the user chose for the store in *directory*; settings of a later release are left out.

    Raises:
        DamagedStoreError: the file is not one that Timeslip wrote, or holds a value that a setting cannot take.
    """
    path = Path(directory) / FILE_NAME
    try:
        with open_file(path, encoding="utf-8") as file:
            chosen = json.loads(file.read())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DamagedStoreError(f"{path} cannot be read: {error}", hint="repair the file or delete it") from error
    if not isinstance(chosen, dict):
        raise DamagedStoreError(f"{path} holds no settings", hint="repair the file or delete it")
    known = Settings().as_dict()
    try:
        settings = Settings().changed(**{key: value for key, value in chosen.items() if key in known})
    except UsageError as error:
        raise DamagedStoreError(f"{path}: {error.message}", hint="repair the file or delete it") from error
    return {key: getattr(settings, key) for key in chosen if key in known}


def save_preference(directory: Path, key: str, value: Any) -> Any:
    """Choose *value* (text is converted) for *key*, for every session of the store; returns the converted value.

    The file is replaced in one step: a reader sees the old choice or the new one.

    Raises:
        UsageError: no such setting, or a value that it cannot take.
        DamagedStoreError: the present file cannot be read.
        StoreReadOnlyError, StoreFullError: nothing was changed.
    """
    converted = getattr(Settings().changed(**{key: value}), key)
    chosen = {**load_preferences(directory), key: converted}
    plain = {name: list(kept) if isinstance(kept, tuple) else kept for name, kept in sorted(chosen.items())}
    replace_file(Path(directory) / FILE_NAME, json.dumps(plain, indent=2) + "\n")
    return converted


def replace_file(path: Path, text: str, *, durable: bool = True) -> None:
    """Write a small text file in one step: a reader sees the old one or the new one.

    Args:
        path: of the file.
        text: all of it.
        durable: wait until the disk has it; otherwise a power cut may leave an empty file.

    Raises:
        StoreReadOnlyError, StoreFullError: nothing was changed.
    """
    temporary = path.with_name(f".config-{os.urandom(8).hex()}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if os.path.exists(temporary):
            os.unlink(temporary)
        kind = StoreReadOnlyError if isinstance(error, PermissionError) or error.errno == 30 else StoreFullError
        hint = (
            "change the folder's permissions, or choose another one with TIMESLIP_HOME"
            if kind is StoreReadOnlyError
            else "free some space, then try again"
        )
        raise kind(f"{path} cannot be written: {error.strerror}", hint=hint) from error
