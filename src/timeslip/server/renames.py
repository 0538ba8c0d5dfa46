"""A notebook to which the server gives another path takes its history along, whether or not a kernel could say so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from timeslip.errors import StoreNotFoundError, TimeslipError
from timeslip.lab.moving import moved
from timeslip.standard import os
from timeslip.store.repository import Repository, default_store_directory


def follow(app: Any) -> None:
    """Hear of every file and folder that the contents API of the server *app* renames or moves."""
    manager = app.contents_manager
    schema, events = getattr(manager, "event_schema_id", None), getattr(manager, "event_logger", None)
    if schema is None or events is None:  # a server that tells nobody: a front end tells the kernel, where there is one
        return
    # One after the other: what is renamed twice in a row has to be found under the first new path.
    worker = ThreadPoolExecutor(1, thread_name_prefix="timeslip-renames")
    events.add_listener(schema_id=schema, listener=partial(_heard, app, worker))


async def _heard(app: Any, worker: ThreadPoolExecutor, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
    """Tie what was recorded of the old path to the new one; a store that cannot be written is named in the log."""
    find: Callable[[str], str] | None = getattr(app.contents_manager, "_get_os_path", None)
    if data.get("action") != "rename" or find is None:
        return
    before, after = (os.path.abspath(find(data[key])) for key in ("source_path", "path"))
    try:
        await asyncio.get_running_loop().run_in_executor(worker, _moved, before, after)
    except StoreNotFoundError:  # nothing was ever recorded
        return
    except TimeslipError as error:
        app.log.warning("timeslip: what was recorded of %s could not be tied to %s: %s", before, after, error.message)


def _moved(before: str, after: str) -> None:
    with Repository.open(default_store_directory()) as repository:
        moved(repository, before, after)
