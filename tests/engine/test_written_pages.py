"""Large arrays in a session: what is written by whatever route is found and undone, and what is not is not read."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from tests.engine.driver import Driver
from tests.state.areas import needs_kernel

from timeslip.state import watched
from timeslip.state.fingerprint import fingerprint
from timeslip.state.memory import Memory

pytest.importorskip("numpy")

SETUP = """
import ctypes, threading, os, tempfile, array, mmap
import numpy as np
a = np.arange(300_000.0)
"""

ROUTES = {
    "in place": "a[150_000] = -1",
    "all of it": "a += 1",
    "view": "a[10:20][...] = -1",
    "memoryview": "memoryview(a).cast('B')[77] = 9",
    "memmove": "ctypes.memmove(a.ctypes.data + 4096, b'news from C', 11)",
    "readinto": "f = os.memfd_create(''); os.write(f, b'news'); os.preadv(f, [a[1000:]], 0); os.close(f)",
    "readv": "r, w = os.pipe(); os.write(w, b'news'); os.readv(r, [a[7000:].view('u1')]); os.close(r); os.close(w)",
    "thread": "t = threading.Thread(target=a.__setitem__, args=(3, -3.0)); t.start(); t.join(); del t",
    "out": "np.multiply(a, 2, out=a)",
    "resize": "a.resize(400_000, refcheck=False)",
    "sort": "a[::-1].sort()",
}


@pytest.fixture
def driver(tmp_path: Path) -> Any:
    made = Driver(tmp_path)
    yield made
    made.session.close()


@pytest.mark.parametrize("route", ROUTES)
def test_undo_after_a_write(driver: Driver, route: str) -> None:
    driver.run(SETUP)
    driver.run("a.sum()")
    driver.run(ROUTES[route])
    driver.undo()
    driver.run("a.sum()")
    driver.undo()
    driver.redo()
    driver.run(ROUTES[route])
    driver.run(ROUTES[route])
    driver.undo()


LIBRARIES = {
    "pandas": (
        "import pandas; p = pandas.DataFrame({c: np.arange(3e5) for c in 'abc'})",
        "p.loc[7, 'b'] -= 1.0",
        "p.to_numpy().tobytes()",
    ),
    "torch": ("import torch; p = torch.arange(1_000_000)", "p[7] -= 1", "p.numpy().tobytes()"),
    "pyarrow": (
        "import pyarrow; p = pyarrow.array(list(range(300_000)))",
        "ctypes.memmove(p.buffers()[1].address + 4096, bytes([p.buffers()[1][4096] ^ 1]), 1)",
        "bytes(p.buffers()[1])",
    ),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_undo_after_a_write_to_what_libraries_hold(driver: Driver, library: str) -> None:
    pytest.importorskip(library)
    made, write, content = LIBRARIES[library]
    session, names = driver.session, driver.namespace
    session.run(SETUP + made)
    session.run("p")
    seen = [eval(content, names)]
    for _ in range(3):
        assert session.run(write).error is None
        seen.append(eval(content, names))
    assert len(set(seen)) > 1
    for expected in reversed(seen[:-1]):
        session.undo()
        assert eval(content, names) == expected
    for expected in seen[1:]:
        session.redo()
        assert eval(content, names) == expected


@needs_kernel
def test_a_look_does_not_read_what_was_not_written(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    driver.run(SETUP + "a = np.arange(2_000_000.0)")
    driver.run("a[0] = 5")
    hashed: list[int] = []
    real = watched.digests_of

    def noting(pieces: Any) -> Any:
        hashed.extend(map(len, pieces))
        return real(pieces)

    monkeypatch.setattr(watched, "digests_of", noting)
    driver.session.run("a.sum()")
    assert sum(hashed) <= 2 << 20, "border pages may hold what is next to it in the heap"
    driver.session.run("a[150_000] = 6")
    assert 1 << 20 <= sum(hashed)


@needs_kernel
def test_fingerprints_are_those_of_hashing(driver: Driver) -> None:
    pytest.importorskip("pandas")
    driver.run(
        SETUP + "import pandas\nb = a[::2]\ndf = pandas.DataFrame({c: np.arange(3e5) for c in 'abc'})\nl = [a, df]"
    )
    driver.run("a[7] = 3; df.loc[7, 'b'] = -1.0")
    live = driver.session._live
    live.tracker.memory.turn()
    for group in live.tracker.covariables():
        captured = live.encoder.capture([(key, driver.namespace[key]) for key in group.keys])
        by_pages = live.tracker.fingerprint(captured)
        assert by_pages == fingerprint(captured, live.tracker.chunk_bytes, Memory(hashing=True))
        assert len(by_pages.ranges) == len(captured.buffers)
        captured.release()


@needs_kernel
def test_what_is_deleted_is_not_watched_any_more(driver: Driver) -> None:
    driver.run(SETUP)
    driver.run("b = a + 1")
    table = watched.process.table
    assert table is not None
    assert len(list(table._live())) == 2
    held = weakref.ref(driver.namespace["b"])
    driver.twin = None
    driver.session.run("del b, a")
    gc.collect()
    assert held() is None
    assert not list(table._live())


@needs_kernel
def test_status_says_how(driver: Driver) -> None:
    assert driver.session.status().large_arrays == "written pages are asked of the kernel"
    driver.session.close()
    assert watched.process.table is None


def test_status_says_why_not(driver: Driver) -> None:
    driver.session._live.tracker.memory = Memory(hashing=True)
    driver.run(SETUP)
    driver.run("a += 1")
    driver.undo()
    assert driver.session.status().large_arrays == "hashed: all of them are, as was asked for"


@needs_kernel
def test_two_sessions_over_one_array(tmp_path: Path) -> None:
    one, other = Driver(tmp_path / "1", twin=False), Driver(tmp_path / "2", twin=False)
    one.run(SETUP)
    other.namespace["a"] = one.namespace["a"]
    other.session.run("a.sum()")
    one.session.run("a[3] = -1")
    other.session.run("a[4] = -2")
    one.session.run("a.sum()")
    assert one.namespace["a"][4] == -2
    one.session.undo()
    one.session.close()
    other.session.run("a[5] = -3")
    other.session.undo()
    assert list(other.namespace["a"][3:6]) == [-1, -2, 5]
    other.session.close()
