"""Value records: one version of one co-variable in the store (layout: docs/format/v1.md, *Value records*).

Below the engine the codec knows bytes and the store knows chunks; here they meet.
"""

from __future__ import annotations

import sys
import threading
from base64 import b64decode
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from timeslip.codec.captured import Island
from timeslip.codec.chunking import piece_ends
from timeslip.codec.proof import DIFFERS, FAILS, OUTSIDE, Verdict
from timeslip.codec.stored import Stored, StoredBuffer
from timeslip.errors import DamagedStoreError, StoreError
from timeslip.model import is_name
from timeslip.state.fingerprint import piece_digest
from timeslip.state.mapped import note_mapped
from timeslip.store.mapping import MAP_FROM, Part, Piece, place_in_page
from timeslip.store.repository import Repository

if TYPE_CHECKING:
    pass

FORMAT = 1


def python_tag() -> str:
    """Which bytecode this process runs, such as "cpython-311"."""
    return str(sys.implementation.cache_tag)


def read_stream(repository: Repository, stream: Mapping[str, Any]) -> list[bytes]:
    """The segments of a stored stream.

    Raises:
        DamagedStoreError: its chunks are not there or not what they should be.
    """
    if "inline" in stream:
        return [b64decode(stream["inline"])]
    return [repository.get_chunk(chunk) for chunk in stream["chunks"]]


def read_value(repository: Repository, body: Mapping[str, Any]) -> Stored:
    """A value record's content; buffers are read when they are asked for.

    Raises:
        DamagedStoreError: as `read_stream`.
    """
    names = tuple(filter(is_name, body["keys"]))
    return Stored(
        keys=tuple(body["keys"]),
        headers=read_headers(body),
        segments=read_stream(repository, body["stream"]),
        buffers=[_buffer(repository, entry, names) for entry in body.get("buffers", ())],
        out_of_band=[_buffer(repository, entry, names) for entry in body.get("out_of_band", ())],
        seeds=body["seeds"],
    )


def islands_of(body: Mapping[str, Any], islands: Sequence[Island]) -> tuple[str, ...]:
    """The chunks that hold *islands*, which are those of a record; none where each has not a chunk of its own."""
    names = island_names(body)
    return names if len(names) == len(islands) else ()


def island_names(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The chunks of the stream of a record but for the first and last: those of its islands, where it is of some."""
    return tuple(body.get("stream", {}).get("chunks", ())[1:-1])


def read_headers(body: Mapping[str, Any]) -> dict[str, bytes]:
    """The header streams of the definitions in a value record."""
    return {key: b64decode(data) for key, data in body.get("headers", {}).items()}


def _buffer(repository: Repository, entry: Mapping[str, Any], names: tuple[str, ...]) -> StoredBuffer:
    @cache
    def listed() -> tuple[list[str], list[bytes], list[tuple[int, int]]]:
        chunks, marks = _listed(repository, entry)
        return chunks, marks, _parts(entry, len(chunks))

    @cache
    def lying() -> list[Piece]:
        chunks, _, parts = listed()
        return repository.raw_pieces(chunks, parts)

    def read_into(target: memoryview, mapped: Sequence[Part] = ()) -> None:
        target = target.cast("B") if target.format != "B" or target.ndim != 1 else target
        chunks, _, parts = listed()
        there: dict[str, int] = {}
        for number in _beside(parts, mapped):
            start, stop = parts[number]
            first = there.setdefault(chunks[number], start)
            if first != start:  # zeros, for instance: a thousand times the same chunk
                target[start:stop] = target[first : first + stop - start]
            else:
                repository.read_chunk_into(chunks[number], target[start:stop])

    def map_into(target: memoryview, alone: bool) -> None:
        mapped = repository.map_over(target, lying(), names, alone=alone)
        read_into(target, mapped)
        if mapped:
            note_mapped(target, entry["row"], entry["cut"], listed()[1], mapped)

    def marks() -> tuple[int, tuple[bytes, ...]] | None:
        found = listed()[1]
        return (entry["cut"], tuple(found)) if found else None

    if not repository.maps.allowed or entry["size"] < MAP_FROM:
        return StoredBuffer(entry["size"], read_into, marks=marks)
    return StoredBuffer(entry["size"], read_into, map_into, lambda: place_in_page(lying(), entry["size"]))


def _beside(parts: Sequence[tuple[int, int]], mapped: Sequence[Part]) -> Iterator[int]:
    """Numbers of those of *parts* of a buffer that have nothing in what was *mapped*; both from front to back."""
    at, count = 0, len(mapped)
    for number, (start, stop) in enumerate(parts):
        while at < count and mapped[at][1] <= start:
            at += 1
        if at == count or mapped[at][0] >= stop:
            yield number


def listed_pieces(repository: Repository, entry: Mapping[str, Any]) -> tuple[list[str], list[tuple[int, int]]]:
    """The chunks of a stored buffer, and where each begins and ends in it.

    Raises:
        DamagedStoreError: they cannot be read, or do not fit.
    """
    chunks, _ = _listed(repository, entry)
    return chunks, _parts(entry, len(chunks))


def _parts(entry: Mapping[str, Any], count: int) -> list[tuple[int, int]]:
    """Where the *count* pieces of a stored buffer begin and end."""
    ends = list(piece_ends(entry["size"], entry["row"], entry["cut"]))
    if len(ends) != count:
        raise DamagedStoreError("a stored buffer has the wrong number of chunks", hint="run `timeslip check`")
    return list(zip([0, *ends], ends, strict=False))


def _marks(entry: Mapping[str, Any]) -> list[bytes]:
    """The digests of the pieces of a stored buffer, by which they are compared; none where they were not recorded."""
    marks = b64decode(entry.get("marks", ""))
    return [marks[first : first + _MARK] for first in range(0, len(marks), _MARK)]


def lists_of(names: Sequence[str], marks: Sequence[bytes], ends: Container[int] = ()) -> Iterator[bytes]:
    """The lists of the chunks of a buffer, cut where the name of a chunk says so, and after those that are in *ends*.

    As chunks they are stored once like any others: the next version of a large buffer, in which a cell has changed one
    piece, adds the list that has it, and no thousand names. The ends are those of the columns of a frame, which go to
    other buffers as they are.
    """
    held = bytearray()
    for at, (name, mark) in enumerate(zip(names, marks, strict=True)):
        held += bytes.fromhex(name) + mark
        count = len(held) // _ENTRY
        if (count >= SHORT_LIST and (at in ends or not held[-_ENTRY] % _USUAL_LIST)) or count >= _LONG_LIST:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def named_by(data: bytes) -> list[str]:
    """The chunks that a list names."""
    return [data[at : at + _NAME].hex() for at in range(0, len(data), _ENTRY)]


def _listed(repository: Repository, entry: Mapping[str, Any]) -> tuple[list[str], list[bytes]]:
    """The chunks of a stored buffer, and the digests of its pieces as `_marks`.

    Raises:
        DamagedStoreError: a list is not there or not what it should be.
    """
    if "lists" not in entry:
        return entry["chunks"], _marks(entry)
    names: list[str] = []
    marks: list[bytes] = []
    for name in entry["lists"]:
        some, digests, _ = _read_list(repository, name)
        names += some
        marks += digests
    return names, marks


def _read_list(repository: Repository, name: str) -> tuple[list[str], list[bytes], bytes]:
    """The names and digests in a list, and its own digest. Named by what it holds, it is the same in every store."""
    known = _lists_read.get(name)
    if known is None:
        data = repository.get_chunk(name)
        starts = range(0, len(data), _ENTRY)
        known = named_by(data), [data[at + _NAME : at + _ENTRY] for at in starts], piece_digest(data)
        with _reading:
            while len(_lists_read) >= _MOST_LISTS:
                del _lists_read[next(iter(_lists_read))]
            _lists_read[name] = known
    return known


_lists_read: dict[str, tuple[list[str], list[bytes], bytes]] = {}
_reading = threading.Lock()
"""Held by who adds to them: front ends are answered while the session goes on."""
_MOST_LISTS = 256
"""So many lists are kept in memory, up to 3 MB: an undo needs them twice, and the next one most of them again."""


def _entries(body: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return (*body.get("buffers", ()), *body.get("out_of_band", ()))


def marks_of(repository: Repository, body: Mapping[str, Any]) -> list[tuple[int, int, int, tuple[bytes, ...]] | None]:
    """What is said of each owned buffer of a value: size, row and limit of its pieces, and their digests.

    None for one of which the digests are not recorded. Raises DamagedStoreError.
    """
    found: list[tuple[int, int, int, tuple[bytes, ...]] | None] = []
    for entry in body.get("buffers", ()):
        marks = tuple(_listed(repository, entry)[1])
        found.append((entry["size"], entry["row"], entry["cut"], marks) if marks else None)
    return found


def pieces_of(repository: Repository, body: Mapping[str, Any]) -> dict[bytes, str]:
    """As `Encoded.pieces`, as far as the record says it; nothing where it cannot be read: then all is put again."""
    found: dict[bytes, str] = {}
    try:
        for entry in _entries(body):
            names, marks = _listed(repository, entry)
            found.update(zip(marks, names, strict=False))
            found.update((_read_list(repository, name)[2], name) for name in entry.get("lists", ()))
    except StoreError:
        return {}
    return found


_MARK, _NAME = 16, 32
_ENTRY = _NAME + _MARK
"""Bytes of the digest of a piece, of the name of a chunk, and of both in a list."""

LISTED = 64
"""The chunks of values of more pieces than that are in lists, but for buffers of few of them."""

SHORT_LIST, _USUAL_LIST, _LONG_LIST = 8, 32, 128
"""So many pieces a list has at least, usually, and at most."""


def with_verdicts(body: dict[str, Any], verdict: Callable[[str, str], Verdict | None]) -> dict[str, Any]:
    """*body* with what is known of its classes now.

    Args:
        body: of a value record.
        verdict: for the name and release of a class, or None.

    Returns:
        *body* itself, or a copy with a field "doubts" that has the form of "holes" and says whether not to load it.
    """
    doubts = []
    for name, version in body.get("hooked", {}).items():
        found = verdict(name, version)
        if found is not None and found.word in _DOUBT:
            doubts.append((name, _DOUBT[found.word].format(found.reason), found.word != DIFFERS, found.word == OUTSIDE))
    return {**body, "doubts": doubts} if doubts else body


_DOUBT = {
    DIFFERS: "does not come back exactly as it was ({})",
    FAILS: "cannot be loaded ({})",
    OUTSIDE: "is not loaded, because that {}",
}


def noted(body: Mapping[str, Any]) -> str | None:
    """What is known to be missing whenever a value is loaded, wherever that is; or None."""
    return _joined([body["holes"][position] for position in body.get("noted", ())]) or None


def _joined(entries: Iterable[Sequence[Any]]) -> str:
    """What is said of objects (type, reason, …), each reason once: a figure has dozens of objects of a kind."""
    kinds: dict[str, dict[str, None]] = {}
    for type_name, reason, *_ in entries:
        kinds.setdefault(reason, {})[type_name] = None
    said = []
    for reason, names in kinds.items():
        few = [*names][:_FEW_KINDS]
        more = f" and {len(names) - len(few)} more" if len(names) > len(few) else ""
        said.append(f"{', '.join(few)}{more}: {reason}")
    return "; ".join(said)


_FEW_KINDS = 3
"""So many types are named for which one reason holds."""


def _found_missing(body: Mapping[str, Any], *, fatal: bool) -> list[Sequence[Any]]:
    return [entry for entry in (*body.get("holes", ()), *body.get("doubts", ())) if entry[2] == fatal]


def lost_reason(body: Mapping[str, Any]) -> str | None:
    """Why a recorded value cannot be loaded as it was, or None."""
    if "failure" in body:
        return str(body["failure"])
    return _joined(_found_missing(body, fatal=True)[:1]) or None


def doubt(body: Mapping[str, Any]) -> str | None:
    """What is known to differ in a value that was loaded, by the classes in it (`with_verdicts`); or None."""
    return "; ".join(f"{name}: {reason}" for name, reason, *_ in body.get("doubts", ())) or None


def refusal(body: Mapping[str, Any]) -> str | None:
    """Why a value is not even to be loaded for a try, or None."""
    refused = [f"{name} {reason}" for name, reason, _, refuse in body.get("doubts", ()) if refuse]
    return refused[0] if refused else None


def rebuilt_reason(body: Mapping[str, Any]) -> str | None:
    """What of a recorded value comes back rebuilt instead of exact, or None."""
    return _joined(_found_missing(body, fatal=False)) or None


def inexact_reason(body: Mapping[str, Any], name: str) -> str | None:
    """What is said of one of the names of a value that does not come back as it was; None where nothing is.

    Of a name that reaches nothing of that itself, which others it shares objects with.
    """
    own = _part(body, name)
    lost = lost_reason(body)
    if _found_missing(own, fatal=False) and not (lost and _found_missing(own, fatal=True)):
        return f"comes back rebuilt: {_joined(_found_missing(own, fatal=False))}"
    if lost is not None:
        return lost_reason_of(body, name)
    rebuilt = rebuilt_reason(body)
    shared = _by_sharing(body, name, fatal=False) if rebuilt else None
    return shared or (f"comes back rebuilt: {rebuilt}" if rebuilt else None)


def definition_reason(body: Mapping[str, Any]) -> str | None:
    """What is said of a name that refers to the classes or functions of *body*; None where nothing is."""
    lost = lost_reason(body)
    if lost is not None:
        return f"it refers to a class or function that holds {lost}"
    rebuilt = rebuilt_reason(body)
    return f"it refers to a class or function that comes back rebuilt: {rebuilt}" if rebuilt else None


def note_on(body: Mapping[str, Any], name: str) -> str:
    """`inexact_reason` for a list of values: also that it is not stored; "" where there is nothing to say."""
    reason = inexact_reason(body, name) or ""
    own = "failure" in body or _found_missing(_part(body, name), fatal=True)
    return f"not stored: {reason}" if own else reason


def lost_reason_of(body: Mapping[str, Any], name: str) -> str | None:
    """As `lost_reason`, of one of the names."""
    whole = lost_reason(body)
    if whole is None or "failure" in body:
        return whole
    own = _joined(_found_missing(_part(body, name), fatal=True)[:1])
    return own or _by_sharing(body, name, fatal=True) or whole


def rebuilt_reason_of(body: Mapping[str, Any], name: str) -> str | None:
    """As `rebuilt_reason`, of one of the names."""
    whole = rebuilt_reason(body)
    if whole is None:
        return None
    own = _joined(_found_missing(_part(body, name), fatal=False))
    return own or _by_sharing(body, name, fatal=False) or whole


def _by_sharing(body: Mapping[str, Any], name: str, *, fatal: bool) -> str | None:
    """What is said of a name that only shares objects with others of which there is something to say."""
    said = {
        key: found[:1] if fatal else found
        for key in body["keys"]
        if is_name(key) and key != name and (found := _found_missing(_part(body, key), fatal=fatal))
    }
    if not said:
        return None
    more = f" and {len(said) - _FEW_KINDS} more" if len(said) > _FEW_KINDS else ""
    names = ", ".join([*said][:_FEW_KINDS]) + more
    one, several = ("is not stored", "are not stored") if fatal else ("comes back rebuilt", "come back rebuilt")
    what = one if len(said) == 1 else several
    return f"it shares objects with {names}, which {what}: {_joined(next(iter(said.values())))}"


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What is said of *body*, as far as *name* reaches it itself."""
    part: dict[str, Any] = {}
    holes, doubts = body.get("holes", []), body.get("doubts", [])
    positions = body.get("holes_of", {}).get(name)
    part["holes"] = holes if positions is None else [holes[position] for position in positions]
    classes = body.get("hooked_of", {}).get(name)
    part["doubts"] = doubts if classes is None else [entry for entry in doubts if entry[0] in classes]
    return part


class Content:
    """What a recorded value is made of, to be compared: equal for equal bytes, because chunks are named by theirs.

    Looked at when it is compared: a plan asks for what is known of each of thousands of values, and compares few.
    """

    __slots__ = ("_body",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Content) and self._parts() == other._parts()

    def _parts(self) -> tuple[str, ...]:
        parts = ("keys", "stream", "headers", "buffers", "out_of_band")
        return tuple(repr(_without_marks(self._body.get(part))) for part in parts)


def content_of(body: Mapping[str, Any]) -> Content | None:
    """The content of a recorded value; None for one that could not be captured."""
    return Content(body) if "stream" in body else None


def _without_marks(part: Any) -> Any:
    """*part* of a record without what follows from the rest, and is not in records of every age."""
    if type(part) is not list or not any(type(entry) is dict and "marks" in entry for entry in part):
        return part
    return [{key: value for key, value in entry.items() if key != "marks"} for entry in part]


def chunk_names(repository: Repository, body: Mapping[str, Any]) -> Iterable[str]:
    """Every chunk that a value record needs.

    Raises:
        DamagedStoreError: a list of them cannot be read.
    """
    for stream in (body.get("stream"), body.get("facet")):
        if stream is not None:
            yield from stream.get("chunks", ())
    for entry in _entries(body):
        yield from entry.get("lists", ())
        yield from _listed(repository, entry)[0]
