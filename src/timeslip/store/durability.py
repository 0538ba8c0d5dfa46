"""When what was committed becomes safe from a power cut, and what is done after one.

With ``durability = normal`` a commit waits for no disk: it survives the death of the process at once, and a one-shot
thread makes it survive a power cut a few seconds later (packs first, then the database's log). With ``full`` the
packs are synced before the commit and the log inside it.

Packs say in the database how far they are known to be safe (`packs.synced`). When a store is opened after a restart of
the machine, the chunks beyond that mark are verified. Where one is gone, the database, whose log is checksummed, may
know more than the packs hold: the chunk is marked missing, and the HEADs and branches that need it go back to the
newest ancestor whose values are all there. Nothing else is removed; code and log of the later commits stay.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from timeslip.errors import DamagedStoreError, ForgottenError, NotFoundError, StoreError
from timeslip.ids import CommitId
from timeslip.standard import os
from timeslip.store.files import translate
from timeslip.store.guard import Reading
from timeslip.store.host import boot_id
from timeslip.store.records import unpack_numbers
from timeslip.store.schema import KINDS, MISSING, PACKED

if TYPE_CHECKING:
    from timeslip.store.repository import Repository

SYNC_DELAY = 3.0
"""After the first commit that is not yet safe, a sync begins this much later, seconds."""

_CHECKPOINT_BYTES = 1 << 20


class Syncer:
    """Makes commits safe in the background. One thread, alive only between a commit and the sync that follows."""

    def __init__(self, repository: Repository) -> None:
        self._repo = repository
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self.failure: StoreError | None = None
        """Why the last background sync failed, or None. Told by `Repository.notices`; the next commit tries again."""

    def committed(self) -> None:
        """A transaction has finished: sync within `SYNC_DELAY` seconds."""
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(SYNC_DELAY, self._run)
                self._timer.daemon = True
                self._timer.name = "timeslip-sync"
                self._timer.start()

    def _run(self) -> None:
        with self._lock:
            self._timer = None
        try:
            self.sync()
            self.failure = None
        except StoreError as error:  # there is no caller to raise to: kept for `notices`
            self.failure = error

    def sync(self) -> None:
        """Return when every transaction that has finished would survive a power cut.

        Raises:
            StoreError: the disk refused.
        """
        self._repo._packs.sync()
        log = self._repo._database.log_path()
        try:
            fd = os.open(log, os.O_RDWR | getattr(os, "O_BINARY", 0))
        except FileNotFoundError:  # rollback journal: every commit is synced by itself
            return
        except OSError as error:
            raise translate(error, "syncing the log") from error
        try:
            os.fsync(fd)
            size = os.fstat(fd).st_size
        except OSError as error:
            raise translate(error, "syncing the log") from error
        finally:
            os.close(fd)
        if size > _CHECKPOINT_BYTES:
            self._repo._database.checkpoint_beside()

    def stop(self) -> None:
        """Cancel the sync that is due. The caller syncs once more itself."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            if timer is not threading.current_thread():
                timer.join()

    def abandon(self) -> None:
        """In a forked child: the thread does not exist here."""
        self._lock = threading.Lock()
        self._timer = None


@Reading("the list of packs")
def recover(repository: Repository) -> list[str]:
    """After a restart of the machine: verify what may not have reached the disk, and go back where it did not.

    Returns one sentence for each session that was put back. Cheap when there is nothing to verify.

    Raises:
        StoreError: the store cannot be written.
    """
    db = repository._database
    here = boot_id()
    suspects = db.execute("SELECT id, synced FROM packs WHERE synced < size AND (boot != ? OR boot = '')", (here,))
    if not suspects:
        return []
    lost: set[int] = set()
    for pack, synced in suspects:
        lost |= _lost_chunks(repository, int(pack), int(synced))
        _sync_file(repository, int(pack))
    notices: list[str] = []
    with db.write():
        for n in lost:
            db.execute("UPDATE chunks SET place = ?, pack = NULL, offset = NULL WHERE n = ?", (MISSING, n))
        for pack, _ in suspects:
            db.execute("UPDATE packs SET synced = size, sealed = 1 WHERE id = ?", (pack,))
        if lost:
            notices = _go_back(repository, _records_needing(repository, lost))
    return notices


def _lost_chunks(repository: Repository, pack: int, synced: int) -> set[int]:
    rows = repository._database.execute(
        """SELECT id, n, size, stored, codec, place, pack, offset FROM chunks
           WHERE pack = ? AND place = ? AND offset + stored > ?""",
        (pack, PACKED, synced),
    )
    lost: set[int] = set()
    for row in rows:
        try:
            repository._chunks.stored_form(row)
        except DamagedStoreError:  # this is the question that was asked
            lost.add(int(row[1]))
    return lost


def _sync_file(repository: Repository, pack: int) -> None:
    try:
        fd = os.open(repository._packs.path(pack), os.O_RDWR | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:  # its directory entry was lost: its chunks have been found missing
        return
    except OSError as error:
        raise translate(error, "opening a pack") from error
    try:
        os.fsync(fd)
    except OSError as error:
        raise translate(error, "syncing a pack") from error
    finally:
        os.close(fd)


def _records_needing(repository: Repository, chunks: set[int]) -> set[str]:
    lists = {n for n, named in repository._chunks.members.all().items() if not chunks.isdisjoint(named)}
    chunks = chunks | lists
    rows = repository._database.execute(
        "SELECT id, chunks FROM records WHERE kind = ? AND chunks IS NOT NULL", (KINDS["value"],)
    )
    return {record.hex() for record, packed in rows if not chunks.isdisjoint(unpack_numbers(packed))}


def _go_back(repository: Repository, broken: set[str]) -> list[str]:
    """Move HEADs and branches to the newest ancestors that need none of *broken*; inside an open transaction."""
    notices = []
    for session in repository.sessions():
        moved = 0
        for head in repository.heads(session.id):
            target = _whole_ancestor(repository, head.commit, broken)
            if target != head.commit:
                moved += 1
                repository._raw_transaction().set_head(session.id, head.kernel, target, head.branch)
                repository._raw_transaction().append_operation(
                    session.id, head.kernel, "recover", head.commit, target, {"reason": "power cut"}
                )
        for ref in repository.refs(session.id):
            target = _whole_ancestor(repository, ref.commit, broken) if ref.kind == "branch" else ref.commit
            if target != ref.commit:
                moved += 1
                repository._raw_transaction().set_ref(session.id, ref.kind, ref.name, target)
        if moved:
            notices.append(
                f"the machine stopped before the last state of session '{session.name}' was on disk: "
                "it continues from the newest whole state"
            )
    return notices


def _whole_ancestor(repository: Repository, commit: CommitId | None, broken: set[str]) -> CommitId | None:
    while commit is not None:
        try:
            body = repository.commit(commit)
            manifest = body.get("manifest")
            if manifest is None or broken.isdisjoint(repository.manifest(manifest).values()):
                return commit
            parents = body["parents"]
        except (ForgottenError, NotFoundError):  # no state there to go back to
            return None
        commit = CommitId(parents[0]) if parents else None
    return None
