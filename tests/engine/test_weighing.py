"""Whether there is memory for what is loaded is said before it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from timeslip import weighing

numpy = pytest.importorskip("numpy")

RICH = "rows = [{'a': n, 'b': str(n)} for n in range(30_000)]"
ARRAY = "import numpy; a = numpy.random.default_rng(0).random(2_000_000)"


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    return lambda count: monkeypatch.setattr(weighing, "available_bytes", lambda: count)


def test_objects_that_need_more_than_is_free_are_announced(
    attach: Callable[..., Any], free: Callable[[int | None], None]
) -> None:
    session = attach(facets=())
    session.run(RICH)
    session.run("del rows")
    free(1_000_000)
    told = session.undo(dry_run=True).messages
    assert len(told) == 1
    assert "GB are to be loaded into memory, and 0.0 GB of it are free" in told[0]
    said: list[str] = []

    def say(text: str) -> None:
        assert "rows" not in session.namespace, "it is said before"
        said.append(text)

    session.progress.say = say
    assert session.undo().messages == ()
    assert said == list(told)
    assert len(session.namespace["rows"]) == 30_000
    session.progress.say = None
    session.redo()
    assert session.undo().messages == told


def test_what_fits_and_what_is_mapped_is_no_matter(
    attach: Callable[..., Any], free: Callable[[int | None], None]
) -> None:
    session = attach(facets=())
    session.run(RICH)
    session.run("del rows")
    for count in (None, 1 << 40):
        free(count)
        assert session.undo(dry_run=True).messages == ()
    session.run(ARRAY)
    session.run("del a")
    free(3_000_000)
    assert session.undo(dry_run=True).messages == () or not session.repository.maps.allowed


def test_a_large_array_counts_where_nothing_is_mapped(
    attach: Callable[..., Any], free: Callable[[int | None], None]
) -> None:
    session = attach(facets=())
    session.run(ARRAY)
    session.run("del a")
    free(3_000_000)
    session.repository.maps.allowed = False
    assert len(session.undo(dry_run=True).messages) == 1
