"""The smallest engine: states are dicts of bytes, one commit for each; tests of the store speak of states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from timeslip.ids import CommitId, RecordId, SessionId
from timeslip.store.repository import Repository


class Steps:
    """Commits states to one session of a repository and reads them back."""

    def __init__(self, repo: Repository, session: SessionId | None = None, kernel: str = "k1") -> None:
        self.repo = repo
        self.session = session or repo.create_session("notebook")
        self.kernel = kernel

    @property
    def head(self) -> CommitId | None:
        found = self.repo.head(self.session, self.kernel)
        return found.commit if found else None

    def commit(self, changes: Mapping[str, bytes | None], **body: Any) -> CommitId:
        """Record *changes* (None deletes) on top of HEAD, as the engine does: one transaction."""
        chunks = {name: [self.repo.put_chunk(data)] for name, data in changes.items() if data is not None}
        head = self.head
        base = RecordId(self.repo.commit(head)["manifest"]) if head else None
        with self.repo.transaction() as tx:
            values: dict[str, RecordId | None] = dict.fromkeys(changes)
            for name, needed in chunks.items():
                values[name] = tx.put_record("value", {"chunks": needed}, chunks=needed)
            manifest = tx.put_manifest(base, values)
            code = tx.put_record("text", {"text": f"{sorted(changes)}"})
            full = {"kind": "run", "manifest": manifest, "code": code, **body}
            commit = tx.put_commit(self.session, full, [head] if head else [])
            tx.set_ref(self.session, "branch", "main", commit)
            tx.set_head(self.session, self.kernel, commit, "main")
            tx.append_operation(self.session, self.kernel, "run", head, commit, {})
        return commit

    def state(self, commit: str | None) -> dict[str, bytes]:
        """The recorded state of *commit*, read and verified."""
        if commit is None:
            return {}
        manifest = self.repo.manifest(self.repo.commit(commit)["manifest"])
        return {name: self.value(record) for name, record in manifest.items()}

    def value(self, record: str) -> bytes:
        return b"".join(self.repo.get_chunk(chunk) for chunk in self.repo.record("value", record)["chunks"])
