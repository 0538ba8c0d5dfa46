"""What is known of a value that was just loaded is what a capture of it would say."""

from __future__ import annotations

import dataclasses
import gc
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.codec.kernels import Kernel

from timeslip.codec import unpicklers
from timeslip.codec.marks import mark_of


@pytest.fixture(autouse=True)
def _all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpicklers, "SMALL", 0)


def loaded_of(kernel: Kernel, name: str = "v") -> tuple[Any, Any]:
    """A new object with the value of *name*, and what the loader knows of it."""
    record = kernel.stored(name)
    loader = kernel.loader(record)
    loader.captures = True
    value = loader.load(record)[name]
    return value, loader.loaded.get(name)


def check(kernel: Kernel) -> None:
    value, known = loaded_of(kernel)
    assert known is not None
    assert known.value is value
    assert known.mark == mark_of([value])
    kernel.namespace["v"] = value
    captured = kernel.capture("v")
    captured.find_links(frozenset())
    assert b"".join(known.captured.segments) == b"".join(captured.segments)
    assert sorted(known.captured.links) == sorted(captured.links)
    assert known.captured.plain
    assert captured.plain
    captured.release()


PLAIN = {
    "dicts": "v = [{'id': i, 'name': f'n{i}'} for i in range(3000)]",
    "aliases": "a = [1]; v = [a, {'a': a}, (a, 2), a]",
    "a cycle": "v = [1]; v.append(v); v.append({'v': v})",
    "large text": "v = ['x' * 5000, 'y' * 100_000, ('z' * 70_000, 1)]",
    "short text": "v = ['', 'a', 'a', '\\xe9', ()] * 3",
    "numbers": "v = [1, -1, 2 ** 40, 2 ** 400, 1.5, True, None]",
    "the namespace": "v = [globals(), [1]]",
    "large dict": "v = {f'k{i}': [i] for i in range(3000)}",
}


@pytest.mark.parametrize("name", [name for name in PLAIN if name != "the namespace"])
def test_it_is_what_a_capture_says(name: str) -> None:
    check(Kernel(PLAIN[name]))


parts = st.recursive(
    st.integers(-3, 3) | st.sampled_from(["a", "", "text", "x" * 1100]) | st.just(1.5),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=15,
)


@pytest.mark.parametrize("text", ["", "a", "\xe9"])
def test_text_that_python_has_once(text: str) -> None:
    kernel = Kernel()
    kernel.namespace["v"] = [{text: 1}, 0]
    record = kernel.stored("v")
    stream = b"".join(record.segments)
    # As it is written where the second one was another object: where that came from is up to the interpreter.
    piece = b"\x8c" + bytes([len(text.encode())]) + text.encode() + b"\x94"
    doubled = stream.replace(b"K\x00", piece)
    assert doubled != stream
    loader = kernel.loader(record)
    loader.captures = True
    value = loader.load(dataclasses.replace(record, segments=[doubled]))["v"]
    assert value == [{text: 1}, text]
    assert loader.loaded.get("v") is None


def has_twins(value: Any) -> bool:
    """Whether two objects are the same short text: loaded, they are one, and only a pass can tell the rest."""
    objects: dict[str, set[int]] = {}
    work = [value]
    while work:
        part = work.pop()
        if isinstance(part, str):
            objects.setdefault(part, set()).add(id(part))
        elif isinstance(part, dict):
            work += [*part, *part.values()]
        elif isinstance(part, (list, tuple)):
            work += part
    return any(len(same) > 1 for text, same in objects.items() if len(text) < 2)


@settings(deadline=None)
@given(value=st.lists(parts, max_size=5), twice=st.booleans())
def test_any_plain_value(value: list[Any], twice: bool) -> None:
    assume(not has_twins(value))
    kernel = Kernel()
    kernel.namespace["v"] = [value, [value]] if twice else [value]
    unpicklers.SMALL, usual = 0, unpicklers.SMALL
    try:
        check(kernel)
    finally:
        unpicklers.SMALL = usual


@pytest.mark.parametrize(
    "code",
    [
        "v = [{1, 2}]",
        "v = [frozenset({1})]",
        "v = [b'bytes']",
        "v = [1j]",
        "v = [len]",
        "v = [float('nan')]",
        "class A: pass\nv = [A()]",
        "v = [1 << 9000]",
        PLAIN["the namespace"],
    ],
)
def test_nothing_is_known_of_other_values(code: str) -> None:
    assert loaded_of(Kernel(code))[1] is None


def test_the_collector_is_as_it_was() -> None:
    kernel = Kernel(PLAIN["dicts"])
    for enabled in (True, False):
        (gc.enable if enabled else gc.disable)()
        try:
            loaded_of(kernel)
            assert gc.isenabled() is enabled
        finally:
            gc.enable()


def test_no_collection_while_loading() -> None:
    """Each would go through all that was made so far."""
    record = Kernel("v = [[i, [i]] for i in range(20_000)]").stored("v")
    kernel = Kernel()
    loader, ran = kernel.loader(record), []
    usual, loader._drain = loader._drain, lambda: ran.append(gc.isenabled()) or usual()  # type: ignore[method-assign]
    loader.load(record)
    assert ran == [False]
    assert gc.isenabled()
