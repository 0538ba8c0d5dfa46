from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from tests.store.steps import Steps

from timeslip.errors import (
    DamagedStoreError,
    InternalError,
    NotFoundError,
    StoreReadOnlyError,
    UntrustedStoreError,
)
from timeslip.ids import RecordId
from timeslip.store import records
from timeslip.store.keys import Key, KeyRing
from timeslip.store.manifests import MAX_DEPTH, ManifestTable
from timeslip.store.repository import Repository

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
BODIES = st.dictionaries(st.text(max_size=8), JSON, max_size=6)


@given(body=BODIES)
def test_body_survives_and_canonical_form_is_stable(body: dict[str, Any]) -> None:
    raw = records.canonical(body)
    assert json.loads(raw) == body
    assert records.canonical(dict(reversed(body.items()))) == raw
    raw.decode("ascii")
    codec, stored = records._deflate(raw)
    assert records._inflate(codec, len(raw), stored) == raw


@pytest.mark.parametrize("body", [{"x": float("nan")}, {"x": object()}, {1: 2, "a": 3}, {"x": b"bytes"}])
def test_what_is_not_json_is_refused(body: Any) -> None:
    with pytest.raises(InternalError):
        records.canonical(body)


def test_endless_nesting_is_refused() -> None:
    deep: dict[str, Any] = {}
    deep["x"] = deep
    with pytest.raises(InternalError):
        records.canonical(deep)


@given(numbers=st.lists(st.integers(0, 2**62)))
def test_lists_of_numbers(numbers: list[int]) -> None:
    assert records.unpack_numbers(records.pack_numbers(numbers)) == sorted(set(numbers))


@pytest.mark.parametrize("packed", [b"\x80", b"\xff" * 20])
def test_cut_off_list_of_numbers(packed: bytes) -> None:
    with pytest.raises(DamagedStoreError):
        records.unpack_numbers(packed)


def test_name_follows_the_written_rule() -> None:
    ring = KeyRing(Key(b"k" * 32))
    made = records.build("text", b'{"a":1}', ring)
    assert made.id == blake3(b"timeslip/v1/record\0text\0" + made.salt + b'{"a":1}').digest()
    expected = blake3(b"timeslip/v1/mac\0text\0" + made.id + b'{"a":1}', key=b"k" * 32).digest(16)
    assert made.mac == expected
    assert len(made.salt) == 16
    assert records.build("text", b'{"a":1}', ring).id != made.id, "equal texts cannot be told by their ids"
    assert records.build("commit", b'{"a":1}', ring).salt == b""


def test_names_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "from timeslip.store.records import canonical, name_of\n"
        "print(name_of('commit', b'', canonical(dict.fromkeys({'a', 'b', 'c', 'd'}, 1))).hex())"
    )
    out = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(out) == 1


def test_foreign_key_shows_history_but_no_value(directory: Path, tmp_path: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo)
        commit = steps.commit({"a": b"1" * 100})
        session, value = steps.session, repo.manifest(repo.commit(commit)["manifest"])["a"]
        code = repo.commit(commit)["code"]
    with Repository.open(directory, key_file=tmp_path / "other", min_free_bytes=0) as repo:
        assert not repo.trusted
        assert repo.commits(session)[0][0] == commit
        assert repo.record("text", code)["text"]
        with pytest.raises(UntrustedStoreError):
            repo.record("text", code, trusted=True)
        with pytest.raises(UntrustedStoreError, match="not yours") as caught:
            repo.record("value", value)
        assert "trust" in caught.value.hint
        assert repo.trust() == 4
        assert repo.trusted
        assert repo.trust() == 0
        assert Steps(repo, session).state(commit) == {"a": b"1" * 100}
        assert Steps(repo, session).commit({"b": b"2"})
    with Repository.open(directory, min_free_bytes=0) as repo:
        assert not repo.trusted, "the first key does not accept what the second has signed"


def test_trust_does_not_sign_what_does_not_fit(directory: Path, tmp_path: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo)
        commit = steps.commit({"a": b"1" * 100})
        value = repo.manifest(repo.commit(commit)["manifest"])["a"]
    with Repository.open(directory, key_file=tmp_path / "other", min_free_bytes=0) as repo:
        repo._database.execute(
            "UPDATE records SET body = ?, size = 2, codec = 0 WHERE id = ?", (b"{}", bytes.fromhex(value))
        )
        assert repo.trust() == 3
        with pytest.raises(UntrustedStoreError):
            repo.record("value", value)


def test_key_in_the_ring_is_accepted_without_signing_again(directory: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    with Repository.open(directory, key_file=first, min_free_bytes=0) as repo:
        commit = Steps(repo).commit({"a": b"1"})
    ring = KeyRing.load(tmp_path / "c" / "second")
    ring.trust_key(Key(first.read_bytes()))
    with Repository.open(directory, key_file=tmp_path / "c" / "second", min_free_bytes=0) as repo:
        assert repo.trusted
        assert Steps(repo, repo.sessions()[0].id).state(commit) == {"a": b"1"}


def test_replaced_signature_is_damage(steps: Steps) -> None:
    commit = steps.commit({"a": b"1"})
    value = steps.repo.manifest(steps.repo.commit(commit)["manifest"])["a"]
    steps.repo._database.execute("UPDATE records SET mac = zeroblob(16) WHERE id = ?", (bytes.fromhex(value),))
    with pytest.raises(DamagedStoreError, match="signature"):
        steps.repo.record("value", value)


def test_kind_is_part_of_the_question(steps: Steps) -> None:
    commit = steps.commit({"a": b"1"})
    with pytest.raises(DamagedStoreError, match="is not a value"):
        steps.repo.record("value", commit)
    with pytest.raises(NotFoundError):
        steps.repo.record("value", "ab" * 32)
    with pytest.raises(NotFoundError):
        steps.repo.record("nonsense", commit)
    with pytest.raises(InternalError), steps.repo.transaction() as tx:
        tx.put_record("commit", {})


def test_commit_row_holds_no_text_of_the_user(steps: Steps) -> None:
    secret = "s3cret_name"
    commit = steps.commit({secret: b"1"})
    with steps.repo.transaction() as tx:
        tx.describe(steps.session, commit, "a private remark")
    assert steps.repo.note(steps.session, commit) == "a private remark"
    assert secret not in json.dumps(steps.repo.commit(commit))
    assert "private" not in json.dumps(steps.repo.commit(commit))


def test_read_only_signs_nothing(steps: Steps, directory: Path) -> None:
    steps.commit({"a": b"1"})
    with Repository.open(directory, read_only=True) as repo, pytest.raises(StoreReadOnlyError):
        repo.put_chunk(b"1")


# --- manifests


def value_ids(count: int) -> list[RecordId]:
    return [RecordId(f"{n:064x}") for n in range(count)]


@given(
    history=st.lists(
        st.dictionaries(st.sampled_from("abcdefgh"), st.none() | st.sampled_from(value_ids(4)), max_size=3),
        max_size=150,
    ),
    reread=st.booleans(),
)
def test_chains_of_differences_equal_a_plain_dict(history: list[dict[str, RecordId | None]], reread: bool) -> None:
    stored: dict[str, dict[str, Any]] = {}
    table = ManifestTable(lambda manifest: json.loads(json.dumps(stored[manifest])))
    model: dict[str, RecordId] = {}
    states: list[tuple[str, dict[str, RecordId]]] = []
    at: str | None = None
    for number, changes in enumerate(history):
        model = {k: v for k, v in {**model, **changes}.items() if v is not None}
        body = table.body_for(at, changes)
        if body is not None:
            at = f"m{number}"
            stored[at] = body
            table.remember(at, body)
            assert body["depth"] <= MAX_DEPTH
        if reread:
            table.drop_cache()
        assert at is not None
        assert table.resolve(at) == model
        states.append((at, dict(model)))
    table.drop_cache()
    for manifest, expected in states:
        assert table.resolve(manifest) == expected


def test_long_history_costs_what_it_changes(steps: Steps) -> None:
    steps.commit({f"name{n}": b"0" for n in range(200)})
    sizes = []
    for n in range(300):
        commit = steps.commit({f"name{n % 7}": b"%d" % n})
        row = steps.repo._records.row(steps.repo.commit(commit)["manifest"])
        assert row is not None
        sizes.append(row[8])
    assert sum(sizes) / len(sizes) < 400, "on average a difference, not the 200 names"
    assert max(sizes) > 10_000, "now and then a snapshot"
    reads = 0
    original = steps.repo._manifest_body

    def counting(manifest: str) -> dict[str, Any]:
        nonlocal reads
        reads += 1
        return original(manifest)

    table = ManifestTable(counting)
    assert len(table.resolve(steps.repo.commit(commit)["manifest"])) == 200
    assert reads <= 201


def test_manifest_that_changes_nothing_is_its_base(steps: Steps) -> None:
    commit = steps.commit({"a": b"1"})
    manifest = RecordId(steps.repo.commit(commit)["manifest"])
    value = steps.repo.manifest(manifest)["a"]
    with steps.repo.transaction() as tx:
        assert tx.put_manifest(manifest, {}) == manifest
        assert tx.put_manifest(manifest, {"a": value, "gone": None}) == manifest
        assert steps.repo.manifest(tx.put_manifest(None, {})) == {}


def test_manifest_refers_to_what_exists(steps: Steps) -> None:
    with pytest.raises(NotFoundError), steps.repo.transaction() as tx:
        tx.put_manifest(None, {"a": RecordId("00" * 32)})
    with pytest.raises(NotFoundError), steps.repo.transaction() as tx:
        tx.put_manifest(RecordId("00" * 32), {})


def test_answer_belongs_to_the_caller(steps: Steps) -> None:
    commit = steps.commit({"a": b"1"})
    manifest = steps.repo.commit(commit)["manifest"]
    steps.repo.manifest(manifest).clear()
    assert list(steps.repo.manifest(manifest)) == ["a"]
