"""Whose memory it is that another library's object looks into: looked for once while nothing changes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeslip.codec.addresses import Ranges, Searched

RANGE = st.tuples(st.integers(0, 30), st.integers(1, 10)).map(lambda item: (item[0], item[0] + item[1]))


@given(ranges=st.lists(RANGE, max_size=6), asked=RANGE)
def test_what_lies_in_a_range_is_never_ruled_out(ranges: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    start, stop = asked
    if any(first <= start and stop <= last for first, last in ranges):
        assert Ranges(ranges).may_hold(start, stop)
    if not any(last >= stop for _, last in ranges):
        assert not Ranges(ranges).may_hold(start, stop)


def test_a_second_pass_does_not_look_for_what_the_first_did_not_find(monkeypatch: pytest.MonkeyPatch) -> None:
    numpy = pytest.importorskip("numpy")
    from timeslip.codec.reducers import owners

    array, elsewhere = numpy.zeros(100), numpy.zeros(100)
    searches: list[Any] = []
    held = owners._held
    monkeypatch.setattr(owners, "_held", lambda *args: searches.append(args) or held(*args))
    encoder = SimpleNamespace(searched=Searched())

    def find(memory: Any) -> Any:
        state: Any = SimpleNamespace(encoder=encoder, owners=None, namespace={"x": [1], "a": array})
        return owners.of(state, memory.ctypes.data, memory.nbytes)

    assert [find(elsewhere), find(elsewhere), find(elsewhere[5:])] == [None, None, None]
    assert len(searches) == 1
    found = find(array[10:])
    assert found[0] is array
    assert found[1:] == (80, 720)
    encoder.searched = None
    assert find(elsewhere) is None
    assert len(searches) == 3


def test_names_for_slices_of_one_frame_are_searched_once(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("pandas")
    import timeslip
    from timeslip.codec.reducers import owners

    searches: list[Any] = []
    held = owners._held
    monkeypatch.setattr(owners, "_held", lambda *args: searches.append(args) or held(*args))
    with timeslip.attach({"__name__": "__main__"}, store=tmp_path, name="s", min_free_bytes=0, facets=()) as session:
        session.run("import pandas as pd; df = pd.DataFrame({'a': ['x', 'y']}, dtype='string[pyarrow]')")
        searches.clear()
        session.run("for i in range(9): globals()[f'd{i}'] = df.iloc[i % 2:]")
    assert len(searches) <= 3
