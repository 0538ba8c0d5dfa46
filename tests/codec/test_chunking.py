"""Where bytes are cut: pieces join to the whole, and a change stays where it was made."""

from __future__ import annotations

import io
import pickle
import pickletools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeslip.codec.chunking import SHORT_ROW, buffer_pieces, stream_pieces
from timeslip.codec.streams import SegmentReader, SegmentWriter, framed, unframed


@given(size=st.integers(0, 5_000), row=st.integers(0, 3_000), limit=st.integers(1, 2_000))
def test_short_rows_are_not_cut_at(size: int, row: int, limit: int) -> None:
    data = bytes(number % 251 for number in range(size))
    pieces = list(buffer_pieces(memoryview(data), row, limit))
    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert all(len(piece) == limit for piece in pieces[:-1])


@given(rows=st.integers(0, 4), extra=st.integers(0, 100), limit=st.sampled_from([1 << 14, 1 << 16, 50_000, 1 << 20]))
def test_long_rows_are_cut_at_their_ends(rows: int, extra: int, limit: int) -> None:
    row = SHORT_ROW + extra
    data = bytes(rows * row)
    pieces = list(buffer_pieces(memoryview(data), row, limit))
    assert sum(map(len, pieces)) == len(data)
    assert all(0 < len(piece) <= limit for piece in pieces)
    ends, at = set(), 0
    for piece in pieces:
        at += len(piece)
        ends.add(at)
    assert ends >= {row * (number + 1) for number in range(rows)}


def test_a_column_more_leaves_the_other_pieces_as_they_are() -> None:
    columns = [bytes([number]) * SHORT_ROW for number in range(5)]
    one = list(map(bytes, buffer_pieces(memoryview(b"".join(columns[:4])), SHORT_ROW, 1 << 20)))
    other = list(map(bytes, buffer_pieces(memoryview(b"".join(columns)), SHORT_ROW, 1 << 20)))
    assert other[:4] == one


@given(segments=st.lists(st.binary(max_size=300), max_size=20), limit=st.integers(1, 200))
def test_the_pieces_of_a_stream_join_to_it(segments: list[bytes], limit: int) -> None:
    pieces = list(stream_pieces(segments, limit))
    assert b"".join(pieces) == b"".join(segments)
    assert all(len(piece) <= limit for piece in pieces)


def tree(depth: int, parent: Any = None) -> dict[str, Any]:
    made: dict[str, Any] = {"value": depth * 1.5, "parent": parent, "name": f"node {depth}"}
    made["children"] = [tree(depth - 1, made) for _ in range(5)] if depth else []
    return made


def test_a_change_in_a_tree_stays_in_few_pieces() -> None:
    """Its lists are short, and nothing in it begins behind something new: there are other places to cut at."""
    root = tree(6)

    def pieces() -> set[bytes]:
        writer = SegmentWriter()
        pickle.Pickler(writer, 5).dump(root)
        return set(map(bytes, stream_pieces(unframed(writer.segments), 1 << 20)))

    before = pieces()
    root["children"][2]["children"][1]["name"] = "changed"
    after = pieces()
    assert len(before) > 8
    assert len(after - before) <= 2


def test_a_large_segment_stands_alone() -> None:
    large = b"L" * 250
    pieces = [bytes(piece) for piece in stream_pieces([b"a" * 30, b"b" * 30, large, b"c" * 30], 100)]
    assert pieces == [b"a" * 30 + b"b" * 30, large[:100], large[100:200], large[200:], b"c" * 30]


@given(segments=st.lists(st.binary(max_size=40), max_size=10), sizes=st.lists(st.integers(0, 60), max_size=10))
def test_segments_are_read_as_one_stream(segments: list[bytes], sizes: list[int]) -> None:
    whole = b"".join(segments)
    reader = SegmentReader(segments)
    at = 0
    for number, size in enumerate(sizes):
        if number % 2:
            target = bytearray(size)
            count = reader.readinto(target)
            part = bytes(target[:count])
        else:
            part = reader.read(size)
        assert part == whole[at : at + size]
        at += len(part)
    assert reader.read() == whole[at:]
    assert reader.read() == b""


@given(segments=st.lists(st.text("ab\n", max_size=9).map(str.encode), max_size=10))
def test_lines_go_over_segments(segments: list[bytes]) -> None:
    reader = SegmentReader(segments)
    lines = []
    while line := reader.readline():
        lines.append(line)
    assert lines == b"".join(segments).splitlines(keepends=True)


def test_a_large_payload_is_not_copied() -> None:
    payload = b"x" * 100_000
    writer = SegmentWriter()
    assert writer.write(payload) == 100_000
    assert writer.segments[0] is payload
    assert SegmentReader([b"ab", payload]).read(2) == b"ab"
    reader = SegmentReader([b"ab", payload])
    reader.read(2)
    assert reader.read(100_000) is payload


def written(value: Any) -> list[bytes]:
    """The stream of *value* as the C pickler writes it."""
    writer = SegmentWriter()
    pickle.Pickler(writer, 5).dump(value)
    return writer.segments


payloads = st.integers(0, 3).flatmap(lambda n: st.sampled_from([b"x", b"\x95" * 9, b"\x95" + bytes(8), b"t" * 70_000]))
large = st.sampled_from([b"\x95" + bytes(8) + b"p" * 70_000, "\x95" * 40_000, b"\x80\x05\x95" + b"q" * 70_000])
things = st.lists(payloads | large | st.integers() | st.lists(st.text(max_size=9), max_size=9), max_size=9)


@settings(deadline=None)
@given(value=things, many=st.sampled_from([0, 1, 2000, 30_000]))
def test_a_stream_without_frames_says_the_same(value: list[Any], many: int) -> None:
    value = [value, list(range(many)), value[:1], [f"text {number}" for number in range(many)], value]
    segments = written(value)
    bare = b"".join(unframed(segments))
    opcodes = [
        (opcode.name, arg) for opcode, arg, _ in pickletools.genops(b"".join(segments)) if opcode.name != "FRAME"
    ]
    assert [(opcode.name, arg) for opcode, arg, _ in pickletools.genops(bare)] == opcodes
    assert pickle.load(io.BytesIO(framed(bare))) == value
    assert pickle.load(SegmentReader(unframed(segments))) == value
    kept = [segment for segment in segments if len(segment) >= 1 << 16 and segment in value]
    assert all(any(segment is other for other in unframed(segments)) for segment in kept)


CHANGES = {
    "another length": lambda v: v.__setitem__(len(v) // 2, (5, "a much longer text than before", 2.5)),
    "inside": lambda v: v.__setitem__(1000, (1, "", 0.1)),
    "at the end": lambda v: v.append((1, "one", 0.5)),
    "at the front": lambda v: v.__setitem__(0, (1, "one", 0.5)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_in_a_large_graph_leaves_most_pieces_as_they_are(name: str) -> None:
    shuffled = random.Random(name)
    value = [(number, f"n{shuffled.random()}", number / 3) for number in range(60_000)]
    before = set(map(bytes, stream_pieces(unframed(written(value)), 1 << 18)))
    CHANGES[name](value)
    after = set(map(bytes, stream_pieces(unframed(written(value)), 1 << 18)))
    assert len(before) > 10
    assert len(after - before) <= 3


def test_the_pieces_do_not_depend_on_how_the_stream_came() -> None:
    data = b"".join(unframed(written([[number] for number in range(40_000)])))
    one = list(map(bytes, stream_pieces([data[at : at + 60_000] for at in range(0, len(data), 60_000)], 1 << 16)))
    other = list(map(bytes, stream_pieces([data[at : at + 999] for at in range(0, len(data), 999)], 1 << 16)))
    assert one == other
    assert max(map(len, one)) <= 1 << 16
