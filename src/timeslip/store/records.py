r"""Records: immutable JSON bodies, named by a salted digest and signed with the user's key.

The rule of the name, normative in docs/format/v1.md:

* the body is *canonical JSON*: ASCII, keys sorted, no white space, no NaN or infinity;
* the id is BLAKE3-256 over ``"timeslip/v1/record\\0" kind "\\0" salt body``; the salt has 16 random bytes and is empty
  for commits, whose body must hold no user text, so that `forget` never needs to touch one;
* the MAC is made over kind, id and body (see `keys`), and checked before a body is returned.

A record signed by a key that is not trusted can be read as history when its id fits its bytes; values cannot.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from timeslip.errors import DamagedStoreError, ForgottenError, InternalError, StoreError, UntrustedStoreError
from timeslip.ids import RecordId
from timeslip.standard import json, os
from timeslip.store.database import Database, Row
from timeslip.store.keys import ALGORITHM, KeyRing
from timeslip.store.schema import DROPPED, FORGOTTEN, KINDS, LIVE

_NAME_PREFIX = b"timeslip/v1/record\0"
SALT_BYTES = 16
MAX_BODY = 256 << 20
"""Largest body of format v1, bytes."""

PLAIN, DEFLATE = 0, 1
"""Codecs of a stored body."""

COLUMNS = "n, id, kind, state, key, mac, salt, codec, size, body, chunks, session"
_BITS, _MEMORY = -12, 5

DICTIONARY = (
    b'"facet:random":"facet:numpy_random":"facet:torch_random":"facet:cwd":"facet:environ":"facet:sys_path":"facet:'
    b'warnings":"facet:pandas_options":"facet:matplotlib":"facet:decimal":"facet:locale":"def:"Out["_":"__":"___":"'
    b'["DataFrame","Series","ndarray","float64 rows \\u00d7 columns","int64","bool","NoneType","float","tuple","set",'
    b'"fidelity":"replayed","lost","rebuilt","reason":"holes":"definitions":["buffers":[{"chunks":["offset":0,"size":'
    b'"function","class","module","import numpy as np\\nimport pandas as pd\\nfor i in range(def self):\\n    return '
    b'print("plt.df = pd.read_csv(.groupby(.fit(.append("\\u2026"]," items: "dict","str","int","","list","'
    b'{"facet":{"inline":"e30="},"format":1,"keys":["facet:"]}{"text":"'
    b'{"format":1,"keys":["","],"python":"cpython-31","seeds":1,"stream":{"inline":"gAWV=="},"summary":{"":["'
    b'{"branch":"main","error":null,"names":{"assumed":["inexact":{"late":["deleted":["created":["changed":["","'
    b'"]},"stats":{"bytes_serialized":,"bytes_stored":0,"covariables_checked":,"covariables_written":1,"seconds":0.00}}'
    b'{"base":null,"changes":{"{"base":"","changes":{"":"},"depth":0,"weight":0}","depth":,"weight":'
    b'"interrupted","error","kind":"attach","checkout","commit","live","get","resume","message":null,"parents":[],'
    b'{"about":"","code":null,","code":"","created":17,"duration":0.0,"execution_count":null,"format":1,"kind":"run",'
    b'"manifest":"","outcome":"ok","parents":["","],"python":"cpython-311","seq":,"session":"","started":17'
)
"""Preset dictionary of `DEFLATE`, part of format v1: never changed, only followed by another codec."""

_TOGETHER = 500
"""So many records are looked for in one question: fewer than SQLite takes parameters."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A row of the record table, ready to be inserted or just read; see docs/format/v1.md for the fields."""

    id: bytes
    kind: int
    salt: bytes
    codec: int
    size: int
    body: bytes
    mac: bytes


def canonical(body: Mapping[str, Any]) -> bytes:
    """The one spelling of *body* that is hashed and signed.

    Raises:
        InternalError: *body* is not JSON (keys that are not text, NaN, objects, or nested too deep).
    """
    try:
        text = _ENCODER.encode(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise InternalError(f"the body of a record is not JSON ({error})", hint="please report this") from error
    if len(text) > MAX_BODY:
        raise InternalError(f"the body of a record has {len(text)} bytes, more than the format allows")
    return text.encode("ascii")


def name_of(kind: str, salt: bytes, raw: bytes) -> bytes:
    """The id of the record with canonical body *raw*, 32 bytes."""
    return blake3(b"".join((_NAME_PREFIX, kind.encode("ascii"), b"\0", salt, raw))).digest()


def build(kind: str, raw: bytes, ring: KeyRing) -> StoredRecord:
    """A signed record with a fresh salt (none for commits).

    Raises:
        StoreError: there is no key to sign with.
    """
    if ring.own is None:
        raise StoreError("there is no key to sign records with", hint="set TIMESLIP_KEY_FILE")
    salt = b"" if kind == "commit" else os.urandom(SALT_BYTES)
    record_id = name_of(kind, salt, raw)
    codec, stored = _deflate(raw)
    return StoredRecord(
        record_id, KINDS[kind], salt, codec, len(raw), stored, ring.own.mac(kind.encode("ascii"), record_id, raw)
    )


def _deflate(raw: bytes) -> tuple[int, bytes]:
    squeezer = zlib.compressobj(6, zlib.DEFLATED, _BITS, _MEMORY, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
    small = squeezer.compress(raw) + squeezer.flush()
    return (DEFLATE, small) if len(small) < len(raw) else (PLAIN, raw)


def _inflate(codec: int, size: int, stored: bytes) -> bytes:
    if codec == PLAIN:
        raw = stored
    elif codec == DEFLATE and 0 <= size <= MAX_BODY:
        engine = zlib.decompressobj(_BITS, DICTIONARY)
        raw = engine.decompress(stored, size + 1)
    else:
        raise DamagedStoreError("a record has an unknown codec or an impossible size")
    if len(raw) != size:
        raise DamagedStoreError("a record has another size than listed")
    return raw


def says(row: Row, text: str) -> bool:
    """Whether a text record contains *text*, in lower case. Nothing is checked: to be read again before it is used."""
    try:
        return text in json.loads(_inflate(row[7], row[8], row[9]))["text"].lower()
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError, zlib.error, DamagedStoreError):
        return False  # damaged: whoever reads it will be told


def pack_numbers(numbers: Iterable[int]) -> bytes:
    """Sorted distinct numbers as differences in LEB128, the form of the ``chunks`` column."""
    out, last = bytearray(), 0
    for number in sorted(set(numbers)):
        step, last = number - last, number
        while step > 0x7F:
            out.append(step & 0x7F | 0x80)
            step >>= 7
        out.append(step)
    return bytes(out)


def unpack_numbers(packed: bytes | None) -> list[int]:
    """What `pack_numbers` packed. Raises DamagedStoreError for anything else."""
    numbers, value, shift, last = [], 0, 0, 0
    for byte in packed or b"":
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > 70:
            break
        if byte < 0x80:
            last += value
            numbers.append(last)
            value = shift = 0
    if shift:
        raise DamagedStoreError("the list of chunks of a record is cut off")
    return numbers


_ROW_BYTES = 32 + 32 + 16 + 12
"""Id, MAC, salt and small columns of a row, bytes."""


class RecordTable:
    """Reads and inserts rows of the record table, checking every MAC. Safe from many threads."""

    def __init__(self, database: Database, ring: KeyRing) -> None:
        self._db = database
        self.ring = ring
        self._key_ids: dict[int, bytes] = {}
        self._own_key = 0
        self.written = 0
        """Bytes that new records took since this store was opened, after compression, indexes left out."""

    # --- reading

    def row(self, record_id: str) -> Row | None:
        """The row of a record, unchecked, or None."""
        try:
            digest = bytes.fromhex(record_id)
        except ValueError:  # not an id at all: then there is no such record
            return None
        return self._db.one(f"SELECT {COLUMNS} FROM records WHERE id = ?", (digest,))

    def present(self, record_ids: Iterable[str]) -> set[str]:
        """Those of *record_ids* that the store has a record of, whatever is in it."""
        digests: dict[bytes, str] = {}
        for record_id in record_ids:
            with suppress(ValueError):  # not an id at all: then there is no such record
                digests[bytes.fromhex(record_id)] = record_id
        asked = list(digests)
        found: set[str] = set()
        for at in range(0, len(asked), _TOGETHER):
            part = asked[at : at + _TOGETHER]
            marks = ", ".join("?" * len(part))
            rows = self._db.execute(f"SELECT id FROM records WHERE id IN ({marks})", part)
            found.update(digests[row[0]] for row in rows)
        return found

    def open(self, row: Row, kind: str, *, trusted: bool, dropped: bool = False) -> dict[str, Any]:
        """The body of *row*, after its MAC was checked.

        Args:
            row: with the columns of `COLUMNS`.
            kind: what the caller expects it to be.
            trusted: whether only keys of the ring will do.
            dropped: whether a value whose chunks were given up by retention is returned.

        Raises:
            DamagedStoreError, UntrustedStoreError, ForgottenError.
        """
        try:
            return self._open(row, kind, trusted, dropped)
        except (TypeError, ValueError, KeyError, IndexError, RecursionError, MemoryError, zlib.error) as error:
            # Rows of a damaged or hostile database can hold anything; all of it means the same.
            raise DamagedStoreError(
                f"a {kind} record cannot be read ({type(error).__name__}: {error})",
                hint="`timeslip check` lists all damage",
            ) from error

    def _open(self, row: Row, kind: str, trusted: bool, dropped: bool) -> dict[str, Any]:
        _, record_id, number, state, key, mac, salt, codec, size, stored, _, _ = row
        name = record_id.hex()[:8]
        if number != KINDS[kind]:
            raise DamagedStoreError(f"record {name} is not a {kind}")
        if state == FORGOTTEN:
            raise ForgottenError(f"{kind} {name} was removed for good with `forget`")
        if state == DROPPED and not dropped:
            raise ForgottenError(
                f"{kind} {name} was dropped to keep the store within its size limit",
                hint="it may come back by replay; raise `max_store_bytes` to keep more",
            )
        if state not in (LIVE, DROPPED):
            raise DamagedStoreError(f"record {name} is in an unknown state")
        raw = _inflate(codec, size, stored)
        self._check(kind, record_id, key, mac, salt, raw, trusted)
        body = json.loads(raw.decode("utf-8"))  # of bytes it would look first which encoding they are in
        if not isinstance(body, dict):
            raise DamagedStoreError(f"{kind} {name} is not a JSON object")
        return body

    def _check(
        self, kind: str, record_id: bytes, key: int, mac: bytes, salt: bytes | None, raw: bytes, trusted: bool
    ) -> None:
        name = record_id.hex()[:8]
        signer = self.ring.find(self._key_id(key))
        if signer is not None:
            if not signer.verifies(mac, kind.encode("ascii"), record_id, raw):
                raise DamagedStoreError(
                    f"the signature of {kind} {name} does not fit its bytes", hint="`timeslip check` lists all damage"
                )
        elif trusted:
            raise UntrustedStoreError(
                f"{kind} {name} was signed with a key that is not yours", hint="`timeslip trust` accepts this store"
            )
        elif name_of(kind, salt or b"", raw) != record_id:
            raise DamagedStoreError(f"the bytes of {kind} {name} do not match its id")

    def _key_id(self, n: int) -> bytes:
        found = self._key_ids.get(n)
        if found is None:
            row = self._db.one("SELECT id, algorithm FROM keys WHERE n = ?", (n,))
            if row is None or row[1] != ALGORITHM or not isinstance(row[0], bytes):
                raise DamagedStoreError("a record names a key or an algorithm that the store does not know")
            found = self._key_ids[n] = row[0]
        return found

    def foreign_keys(self) -> list[bytes]:
        """Ids of keys that signed records of this store and are not trusted."""
        rows = self._db.execute("SELECT id FROM keys ORDER BY n")
        return [bytes(row[0]) for row in rows if isinstance(row[0], bytes) and self.ring.find(row[0]) is None]

    # --- writing, inside a transaction

    def insert(self, record: StoredRecord, chunks: Iterable[int] = (), session: int | None = None) -> int:
        """Add a record to the open transaction and return its number."""
        packed = pack_numbers(chunks) or None
        self.written += len(record.body or b"") + len(packed or b"") + _ROW_BYTES
        return self._db.insert(
            f"INSERT INTO records ({COLUMNS.removeprefix('n, ')}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.id,
                record.kind,
                LIVE,
                self.own_key(),
                record.mac,
                record.salt or None,
                record.codec,
                record.size,
                record.body,
                packed,
                session,
            ),
        )

    def own_key(self) -> int:
        """Number of the signing key in this store; adds it to the open transaction when it is new."""
        if self.ring.own is None:
            raise StoreError("there is no key to sign records with", hint="set TIMESLIP_KEY_FILE")
        if not self._own_key:
            row = self._db.one("SELECT n FROM keys WHERE id = ?", (self.ring.own.id,))
            if row is None:
                return self._db.insert("INSERT INTO keys (id, algorithm) VALUES (?, ?)", (self.ring.own.id, ALGORITHM))
            self._own_key = int(row[0])
        return self._own_key

    def sign_again(self, row: Row) -> bool:
        """Sign the record of *row* with the user's own key if its id fits its bytes (`trust`), in the open transaction.

        Returns False for a record that does not fit: it stays unreadable.
        """
        n, record_id, number, state, _, _, salt, codec, size, stored, _, _ = row
        own = self.ring.own
        if state == FORGOTTEN or own is None:
            return False
        kind = next((name for name, value in KINDS.items() if value == number), "")
        try:
            raw = _inflate(codec, size, stored)
            if not kind or name_of(kind, salt or b"", raw) != record_id:
                return False
        except (TypeError, ValueError, zlib.error, DamagedStoreError):  # damaged: not to be signed
            return False
        mac = own.mac(kind.encode("ascii"), record_id, raw)
        self._db.execute("UPDATE records SET key = ?, mac = ? WHERE n = ?", (self.own_key(), mac, n))
        return True


def record_id(value: object) -> RecordId:
    """*value* as the id of a record. Raises DamagedStoreError when it cannot be one."""
    if isinstance(value, bytes) and len(value) == 32:
        return RecordId(value.hex())
    if isinstance(value, str) and len(value) == 64:
        return RecordId(value)
    raise DamagedStoreError("a record refers to something that is not a record id")
