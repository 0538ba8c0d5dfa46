"""Where bytes are cut: pieces join to the whole, and a change stays where it was made."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from timeslip.codec.chunking import SHORT_ROW, buffer_pieces, stream_pieces
from timeslip.codec.streams import SegmentReader, SegmentWriter


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
