"""Automatic retention: what happens to recording when the store is above the size that the user allows.

Old values are let go first. When nothing more may go, recording pauses, and it goes on by itself as soon as there is
room: because a collection freed some, or because the user raised the limit or keeps less.
"""

from __future__ import annotations

from dataclasses import replace

from timeslip.describing.summary import counted
from timeslip.errors import StoreError, StoreFullError
from timeslip.live import Live, Room
from timeslip.model import Collected
from timeslip.standard import time
from timeslip.store.maintenance import RetentionPolicy, gc

_AIM = 0.9
"""A collection that happens by itself aims at this part of the limit, so that not every commit after it needs another.
One that the user asks for goes down to the limit and no further."""


_GROWTH, _PAGES = 4, 1 << 16
"""The store grows by no more than so many times what is written here, and a few pages."""
_SECONDS = 5.0
"""So long other processes are taken to leave room for what is written here."""


def is_above_limit(live: Live) -> bool:
    """Whether the store takes more than the user allows; what is being saved counts.

    Far below the limit, where nearly every commit is, the size is not asked for each time.
    """
    limit, written, now = live.settings.max_store_bytes, live.repository.bytes_written, time.monotonic()
    room = live.room
    if not limit or (room is not None and limit >= room.limit and written <= room.written and now < room.time):
        return False
    left = limit - live.repository.size_bytes()
    live.room = None if left <= _PAGES else Room(limit, written + (left - _PAGES) // _GROWTH, now + _SECONDS)
    return left < 0


def retain(live: Live) -> None:
    """After a commit: let old values go if the store is above its limit; pause recording if that is not enough.

    What happens is put among the notices: the first drop, and every pause. Never raises: the commit is made.
    """
    limit = live.settings.max_store_bytes
    if not is_above_limit(live):
        return
    try:
        dropped = _collect(live)
    except StoreError as error:  # the next commit tries again
        live.notices.append(f"old values could not be dropped: {error.message}")
        return
    if live.repository.size_bytes() > limit:
        full = _no_room(live)
        live.paused = full.message
        live.no_room_for = RetentionPolicy.from_settings(live.settings)
        live.notices.append(f"recording is paused: {full.message} ({full.hint})")
    elif dropped and not live.told_drop:
        live.told_drop = True
        live.notices.append(
            f"the store was above its limit of {_megabytes(limit)}: {counted(dropped, 'old value')} dropped, code and "
            "log stay (`%timeslip config max_store_bytes` changes the limit)"
        )


def require_room(live: Live) -> None:
    """Before a commit: whether the store's limit allows it. Costs nothing unless recording is paused for it.

    Raises:
        StoreFullError: recording stays paused.
    """
    if live.no_room_for is None:
        return
    policy = RetentionPolicy.from_settings(live.settings)
    limit = policy.max_store_bytes
    if limit and live.repository.size_bytes() > limit and policy != live.no_room_for:
        live.no_room_for = policy
        _collect(live)
    if limit and live.repository.size_bytes() > limit:
        raise _no_room(live)
    live.no_room_for = None


def collect(live: Live, *, dry_run: bool) -> Collected:
    """Drop what retention no longer keeps, because the user asked for it. Raises StoreError."""
    try:
        collected = gc(
            live.repository,
            keep=RetentionPolicy.from_settings(live.settings),
            dry_run=dry_run,
            thorough=True,
            progress=live.progress.tell,
        )
    finally:
        live.forget_bodies()
    if not dry_run:
        details = live.details(freed_bytes=collected.freed_bytes)
        with live.repository.transaction() as transaction:
            transaction.append_operation(live.session, live.kernel, "gc", live.head, live.head, details)
    return collected


def _collect(live: Live) -> int:
    """Let go of what may go, and a little more than has to; how many values that were."""
    policy = RetentionPolicy.from_settings(live.settings)
    policy = replace(policy, max_store_bytes=max(1, int(policy.max_store_bytes * _AIM)))
    collected = gc(live.repository, keep=policy)
    live.forget_bodies()
    if collected.values:
        details = live.details(freed_bytes=collected.freed_bytes, values=collected.values)
        with live.repository.transaction() as transaction:
            transaction.append_operation(live.session, live.kernel, "gc", live.head, live.head, details)
    return collected.values


def _no_room(live: Live) -> StoreFullError:
    limit = live.settings.max_store_bytes
    return StoreFullError(
        f"the store takes {_megabytes(live.repository.size_bytes())}, its limit is {_megabytes(limit)}, and nothing "
        "more may be dropped; all that is recorded stays, and what changes from here on belongs to the next step "
        "that is recorded",
        hint="`%timeslip config max_store_bytes BYTES` raises the limit, `%timeslip config keep_commits N` keeps less; "
        "then recording goes on by itself",
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 10**9 else f"{size / 1e6:,.1f} MB"
