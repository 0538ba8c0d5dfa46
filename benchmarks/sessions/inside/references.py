"""What the machine itself can do with the same bytes: one JSON line.

    references.py FOLDER FRAME_BYTES COLUMN_BYTES ARRAY_BYTES ITEMS

Plain write of the bytes into a new file of FOLDER (into the page cache, as a program sees it), reading them into fresh
memory, a copy into fresh memory, one pass of the hash that notices changes, and C pickle of a list of ITEMS dicts and
one of strings.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes; what it gives is freed outside the time."""
    began = time.perf_counter()
    made = work()
    spent = time.perf_counter() - began
    del made
    return spent


def write(path: str, data: memoryview) -> None:
    """Into a new file, or over an old one that is emptied first."""
    with open(path, "wb", buffering=0) as file:
        while data:
            data = data[file.write(data) :]


def read(path: str, size: int) -> Any:
    """Into fresh memory."""
    import numpy

    target: Any = numpy.empty(size, "u1")
    done = 0
    with open(path, "rb", buffering=0) as file:
        while done < size:
            done += file.readinto(memoryview(target)[done:])
    return target


def main() -> int:
    """Measure."""
    import numpy
    import xxhash

    path = os.path.join(sys.argv[1], "plain")
    frame, column, array, items = (int(word) for word in sys.argv[2:])
    found: dict[str, float] = {}
    values: Any = numpy.random.default_rng(0).random(max(frame, array) // 8).view("u1")
    for name, size in (("array", array), ("column", column), ("frame", frame)):
        found[f"write {name}"] = seconds(partial(write, path, memoryview(values)[:size]))
    found["read frame"] = seconds(partial(read, path, frame))
    os.unlink(path)
    found["copy frame"] = seconds(values[:frame].copy)
    found["hash frame"] = seconds(partial(xxhash.xxh3_128_digest, memoryview(values)[:frame]))
    found["hash array"] = seconds(partial(xxhash.xxh3_128_digest, memoryview(values)[:array]))
    del values
    lists: dict[str, Any] = {
        "dicts": [{"id": i, "name": f"n{i}"} for i in range(items)],
        "strings": [f"text {i}" for i in range(items)],
    }
    gc.disable()
    for name, value in lists.items():
        found[f"pickle {name}"] = seconds(partial(pickle.dumps, value, 5))
        stream = pickle.dumps(value, 5)
        found[f"unpickle {name}"] = seconds(partial(pickle.loads, stream))
    print(json.dumps({name: float(f"{spent:.4g}") for name, spent in found.items()}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
