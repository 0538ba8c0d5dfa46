"""A session in miniature: a namespace, an encoder for it, and a store that is a few Python lists."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from timeslip.codec import capture
from timeslip.codec.capture import Encoder
from timeslip.codec.captured import Captured
from timeslip.codec.definitions import Registry
from timeslip.codec.parts import data_of
from timeslip.codec.resources import Resources
from timeslip.codec.restore import Loader
from timeslip.codec.stored import Stored, StoredBuffer
from timeslip.testing.graphs import compare_states

HIDDEN = ("__name__", "__builtins__")


class Kernel:
    """One process with a namespace; `capture` and `load` do what the engine does, for one co-variable."""

    def __init__(self, code: str = "") -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
        self.registry = Registry()
        self.encoder = Encoder(self.namespace, self.registry, Resources())
        self.run(code)

    def run(self, code: str) -> None:
        exec(compile(code, "<cell>", "exec"), self.namespace)

    def names(self) -> list[str]:
        return [name for name in self.namespace if name not in HIDDEN]

    def capture(self, *names: str) -> Captured:
        """Capture the named (or all) names together with every definition that they reach."""
        nodes = [(name, self.namespace[name]) for name in names or self.names()]
        definitions: dict[str, Any] = {}
        while True:
            captured = self.encoder.capture([*definitions.items(), *nodes])
            fresh = {f"def:{key}": obj for key, obj in captured.references.items() if f"def:{key}" not in definitions}
            if not fresh:
                return captured
            captured.release()
            definitions.update(fresh)

    def stored(self, *names: str) -> Stored:
        captured = self.capture(*names)
        record = stored(captured, len(self.encoder.seeds))
        captured.release()
        return record

    def loader(self, record: Stored, **options: Any) -> Loader:
        return Loader(self.encoder, lambda _identity: (record.headers, record.seeds), **options)

    def load(self, record: Stored, **options: Any) -> dict[str, Any]:
        """The values of *record*, beside everything."""
        return self.loader(record, **options).load(record)

    def restore(self, record: Stored) -> Loader:
        """Make the namespace that of *record*: the changes of live definitions applied, then names swapped."""
        loader = self.loader(record)
        values = loader.load(record)
        for change in loader.changes:
            change.apply()
        loader.register()
        for name in self.names():
            del self.namespace[name]
        self.namespace.update({key: value for key, value in values.items() if not key.startswith("def:")})
        return loader


def stored(captured: Captured, seeds: int) -> Stored:
    """What a store would give back: every stream and buffer as a copy."""
    return Stored(
        captured.keys,
        dict(captured.headers),
        [bytes(segment) for segment in captured.segments],
        [_buffer(data_of(held).tobytes()) for held in captured.buffers],
        [_buffer(memoryview(held).cast("B").tobytes()) for held in captured.out_of_band],
        seeds,
    )


def _buffer(data: bytes) -> StoredBuffer:
    def read_into(target: memoryview) -> None:
        target.cast("B")[:] = data

    return StoredBuffer(len(data), read_into)


def resumed(kernel: Kernel, *names: str) -> Kernel:
    """A new process with the names of *kernel*."""
    other = Kernel()
    other.restore(kernel.stored(*names))
    return other


def differences(kernel: Kernel, other: Kernel) -> list[str]:
    return compare_states(kernel.namespace, other.namespace)


@contextmanager
def only_iterative() -> Iterator[None]:
    """Every capture of a payload goes through `IterativePickler`."""
    usual = capture._pickler

    def iterative(mode: str, state: Any, *_: Any) -> Any:
        return usual("iterative", state, None)

    capture._pickler = iterative
    try:
        yield
    finally:
        capture._pickler = usual
