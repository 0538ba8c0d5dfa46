"""Every released format stays readable, proven by a store that was written by the release that introduced it.

``python -m tests.store.test_stored`` writes the example of the present format anew, which is right only before that
format is released.
"""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests.store.archives import pack, unpack
from tests.store.steps import Steps

from timeslip.errors import ForgottenError
from timeslip.ids import SessionId
from timeslip.store import maintenance, schema
from timeslip.store.maintenance import RetentionPolicy
from timeslip.store.repository import Repository

STORED = Path(__file__).parent.parent / "stored"
FORMATS = sorted(path.name for path in STORED.iterdir())


def write_example(base: Path) -> None:
    """A store with everything that the format can say."""
    dice = random.Random(1)
    key = base / "key"
    with Repository.open(base / "store", key_file=base / "first key", min_free_bytes=0) as repo:
        steps = Steps(repo, repo.create_session("notebook", "/home/user/notebook.ipynb"))
        steps.commit({"signed by an earlier key": b"1"}, execution_count=1)
    with Repository.open(base / "store", key_file=key, min_free_bytes=0) as repo:
        repo.trust()
        steps = Steps(repo, steps.session)
        steps.commit({"small": b"s", "medium": b"m" * 600, "raw": dice.randbytes(20_000)}, execution_count=2)
        steps.commit({"raw": dice.randbytes(20_000), "packed": bytes(dice.choices(range(100, 120), k=60_000))})
        for n in range(70):  # longer than a chain of manifests may be
            steps.commit({f"x{n % 3}": b"%d" % n, "small": None if n % 9 == 4 else b"again"}, execution_count=n + 3)
        branch = steps.head
        with repo.transaction() as tx:
            tx.set_ref(steps.session, "tag", "étiquette", branch)
            tx.set_ref(steps.session, "branch", "main-2", branch)
            tx.describe(steps.session, str(branch), "a note, with \udcff and ☃")
            tx.set_head(steps.session, "second kernel", branch, "main-2")
            tx.append_operation(steps.session, "second kernel", "checkout", None, branch, {"names": 3})
        second = Steps(repo, steps.session, "second kernel")
        second.commit({"forgotten": dice.randbytes(500), "on a branch": b"2"})
        value = repo.manifest(repo.commit(second.head or "")["manifest"])["forgotten"]
        other = Steps(repo, repo.create_session("empty", None))
        repo.remove_session(other.session)
        maintenance.forget(repo, steps.session, [value])
        maintenance.gc(repo, keep=RetentionPolicy(max_store_bytes=1, keep_commits=2, undo_steps=2))
        repo.create_session("a session without commits")
    with Repository.open(base / "store", key_file=key, min_free_bytes=0) as repo:
        (base / "expected.json").write_text(json.dumps(describe(repo), indent=1, sort_keys=True) + "\n")


def describe(repo: Repository) -> dict[str, Any]:
    """All that can be read of a store, with digests in place of values."""
    return {
        "store": repo.store_id,
        "sessions": {
            row.name: {
                "id": row.id,
                "notebook": row.notebook,
                "commits": [[commit, body, state_of(repo, row.id, commit)] for commit, body in repo.commits(row.id)],
                "refs": [[ref.kind, ref.name, ref.commit] for ref in repo.refs(row.id)],
                "heads": [[head.kernel, head.commit, head.branch] for head in repo.heads(row.id)],
                "operations": [
                    [op.seq, op.kernel, op.kind, op.before, op.after, op.details] for op in repo.operations(row.id)
                ],
                "notes": [repo.note(row.id, commit) for commit, _ in repo.commits(row.id)],
                "code": [repo.record("text", body["code"]) for _, body in repo.commits(row.id)],
            }
            for row in repo.sessions()
        },
    }


def state_of(repo: Repository, session: SessionId, commit: str) -> dict[str, str]:
    steps, found = Steps(repo, session), {}
    for name, record in repo.manifest(repo.commit(commit)["manifest"]).items():
        try:
            found[name] = hashlib.sha256(steps.value(record)).hexdigest()
        except ForgottenError as error:
            found[name] = "forgotten" if "for good" in error.message else "dropped"
    return found


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    unpack(STORED / request.param / "store.tar.gz", tmp_path)
    return tmp_path


@pytest.mark.parametrize("example", FORMATS, indirect=True)
def test_every_format_is_readable(example: Path) -> None:
    expected = json.loads((example / "expected.json").read_text())
    with Repository.open(example / "store", key_file=example / "key", min_free_bytes=0) as repo:
        assert repo.trusted
        assert describe(repo) == expected
        assert maintenance.check(repo).problems == ()
        steps = Steps(repo, SessionId(expected["sessions"]["notebook"]["id"]), "second kernel")
        before = steps.repo.manifest(repo.commit(steps.head or "")["manifest"])
        after = repo.manifest(repo.commit(steps.commit({"new": b"1"}))["manifest"])
        assert {**after} == {**before, "new": after["new"]}, "and it can be continued"
    with Repository.open(example / "store", key_file=example / "key", read_only=True) as repo:
        assert len(repo.commits(steps.session)) == len(expected["sessions"]["notebook"]["commits"]) + 1


@pytest.mark.parametrize("example", [f"v{schema.FORMAT_VERSION}"], indirect=True)
def test_present_format_can_be_read_without_migration(example: Path) -> None:
    with Repository.open(example / "store", key_file=example / "key", read_only=True) as repo:
        assert describe(repo) == json.loads((example / "expected.json").read_text())


def test_example_shows_the_whole_format() -> None:
    """An example that lacks something proves nothing about it."""
    with tempfile.TemporaryDirectory() as name:
        write_example(Path(name))
        with Repository.open(Path(name) / "store", key_file=Path(name) / "key", min_free_bytes=0) as repo:
            db = repo._database
            assert {row[0] for row in db.execute("SELECT DISTINCT kind FROM records")} == set(schema.KINDS.values())
            assert {row[0] for row in db.execute("SELECT DISTINCT state FROM records")} == {0, 1, 2}
            assert {row[0] for row in db.execute("SELECT DISTINCT codec FROM records")} == {0, 1}
            kinds = set(db.execute("SELECT DISTINCT place, codec FROM chunks"))
            assert kinds == {(0, 0), (0, 1), (1, 0), (1, 1)}
            for table in (
                "meta",
                "keys",
                "sessions",
                "commits",
                "edges",
                "refs",
                "heads",
                "operations",
                "notes",
                "packs",
            ):
                assert db.one(f"SELECT 1 FROM {table}"), table


def regenerate() -> None:
    """Write the example of the present format into tests/stored."""
    target = STORED / f"v{schema.FORMAT_VERSION}" / "store.tar.gz"
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        write_example(base)
        pack(base, target, but=("first key",))


if __name__ == "__main__":
    regenerate()
