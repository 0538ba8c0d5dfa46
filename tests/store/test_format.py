"""docs/format/v1.md and the code say the same."""

from __future__ import annotations

import base64
import json
import os
import re
import zlib
from pathlib import Path

import pytest
from blake3 import blake3
from tests.store.steps import Steps

from timeslip.store import chunks, compression, kept, keys, manifests, packs, records, schema
from timeslip.store.kept import KeptList
from timeslip.store.keys import Key
from timeslip.store.repository import Repository

PAGE = (Path(__file__).parents[2] / "docs" / "format" / "v1.md").read_text(encoding="utf-8")


def documented() -> dict[str, set[str]]:
    tables: dict[str, set[str]] = {}
    table = ""
    section = PAGE.split("## Database")[1].split("## Writing")[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or len(cells) != 3 or cells[0] in ("table", "---"):
            continue
        table = cells[0].strip("`") or table
        tables.setdefault(table, set()).update(re.findall(r"`(\w+)`", cells[1]))
    return tables


def test_every_table_and_column_is_described(repo: Repository, steps: Steps) -> None:
    commit = steps.commit({"x": b"1"})
    piece, name = str(repo.put_chunk(b"piece")), str(repo.put_chunk(b"list"))
    with repo.transaction() as transaction:  # what has tables that are made with the first of it
        transaction.keep_cells(steps.session, commit, KeptList(()))
        transaction.put_record("value", {}, chunks=[name], lists={name: [piece]})
    names = [str(row[0]) for row in repo._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    actual = {n: {str(row[1]) for row in repo._database.execute(f"PRAGMA table_info({n})")} for n in names}
    assert documented() == actual
    for (index,) in repo._database.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"):
        assert f"`{index}`" in PAGE


@pytest.mark.parametrize(
    "text",
    [
        f"{schema.APPLICATION_ID:#x}".replace("x54736c70", "x54736C70"),
        f"format version, {schema.FORMAT_VERSION}.",
        *[f"| `{kind}` | {number} |" for kind, number in schema.KINDS.items()],
        keys.ALGORITHM,
        keys._ID_CONTEXT,
        "timeslip/v1/mac\\0",
        "timeslip/v1/record\\0",
        f"{kept._LONGEST + 1} lists",
        f"more than {kept.MOST_CELLS:,} cells".replace(",", " "),
        f"max({manifests.MAX_DEPTH}, min(*n*, {manifests.MAX_DEPTH_LARGE}))",
        f"more than {manifests.MAX_DEPTH_LARGE + 1} manifests",
        f"{compression.INLINE_LIMIT >> 10} KiB should",
        f"up to {chunks.MAX_CHUNK >> 30} GiB",
        f"exceed {packs.PACK_LIMIT >> 20} MiB",
        f"at most {records.MAX_BODY >> 20} MiB",
        f"`{packs._MAGIC.decode()}`",
        f"{len(records.DICTIONARY)} bytes",
        blake3(records.DICTIONARY).hexdigest(),
    ],
)
def test_constants_are_as_written(text: str) -> None:
    assert text in PAGE


def test_pack_header_is_as_written(repo: Repository) -> None:
    chunk = repo.put_chunk(os.urandom(20_000))
    place = repo.chunk_place(chunk)
    assert place is not None
    head = place.path.read_bytes()[:4096]
    assert head[:8] == b"TSLPPACK"
    assert int.from_bytes(head[8:12], "little") == 1
    assert place.offset % int.from_bytes(head[12:16], "little") == 0
    assert head[16:32].hex() == repo.store_id
    assert f"{int.from_bytes(head[32:40], 'little'):016x}.pack" == place.path.name
    assert int.from_bytes(head[40:44], "little") == zlib.crc32(head[:40])
    assert head[44:] == bytes(4052)


def test_record_is_as_written(steps: Steps) -> None:
    """A second reader, made from the page alone."""
    commit = steps.commit({"a": b"1"})
    secret = Path(os.environ["TIMESLIP_KEY_FILE"]).read_bytes()
    key_id = blake3(secret, derive_key_context="timeslip 2025-01 v1 key id").digest(8)
    assert Key(secret).id == key_id
    kinds = {1: b"commit", 2: b"manifest", 3: b"value", 4: b"text"}
    rows = steps.repo._database.execute(
        "SELECT r.id, kind, k.id, mac, salt, codec, size, body FROM records r JOIN keys k ON k.n = r.key"
    )
    assert len(rows) == 4
    for name, kind, signer, mac, salt, codec, size, stored in rows:
        body = zlib.decompressobj(-12, records.DICTIONARY).decompress(stored) if codec else stored
        assert len(body) == size
        assert signer == key_id
        assert name == blake3(b"timeslip/v1/record\0" + kinds[kind] + b"\0" + (salt or b"") + body).digest()
        assert mac == blake3(b"timeslip/v1/mac\0" + kinds[kind] + b"\0" + name + body, key=secret).digest(16)
        if kind == 1:
            assert name.hex() == commit
            assert {"session", "parents", "seq", "created", "manifest"} <= json.loads(body).keys()
        if kind == 2:
            assert json.loads(body).keys() == {"base", "depth", "weight", "changes"}


def test_dictionary_is_printed_whole() -> None:
    printed = PAGE.split("in base64:")[1].split("It must never")[0]
    assert base64.b64decode("".join(printed.split())) == records.DICTIONARY
