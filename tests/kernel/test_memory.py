"""Memory and finalizers in a recording kernel are as in a bare one: objects die in the same cell, memory goes down."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.kernel.conftest import Kernels, LabKernel

TELLER = "class T:\n    def __init__(self, n): self.n = n\n    def __del__(self): print('gone', self.n)"

CELLS: dict[str, list[str]] = {
    "del": [TELLER, "a = T(1)", "b = a", "del a", "del b"],
    "rebinding": [TELLER, "a = T(1)", "a = T(2)", "a = None"],
    "in containers": [TELLER, "l = [T(1), {'k': T(2)}, (T(3),)]", "del l[0]", "l[0].clear()", "l = 0"],
    "attributes": [TELLER, "class K: pass\nk = K(); k.t = T(1)", "k.t = 5", "k.u = T(2); j = k", "del k", "del j"],
    "default arguments and closures": [
        TELLER,
        "def f(x=T(1)): pass\ndef outer(t):\n    return lambda: t\ng = outer(T(2))",
        "f.__defaults__ = None",
        "g = None",
        "def f(): pass",
    ],
    "classes made again": [
        TELLER,
        "import gc\nclass C:\n    t = T(1)\nc = C()",
        "class C: pass",
        "c = None; _n = gc.collect()",
    ],
    "cycles": [TELLER, "import gc; a = T(1); a.me = a", "del a", "_n = gc.collect()"],
    "temporaries": [TELLER, "T(1).n", "[T(2)][0].n;", "len([T(3) for _ in range(2)])"],
    "outputs": [TELLER, "T(1)\n1", "del Out, _\nimport gc; _n = gc.collect()", "x = T(2)"],
    "weak references": [
        TELLER,
        "import weakref; a = T(1)\nr = weakref.ref(a, lambda _: print('called back'))",
        "v = weakref.WeakValueDictionary(a=a)",
        "len(v), r() is a",
        "b = a; del a",
        "del b",
        "len(v), r()",
    ],
    "finalize": [
        "import weakref\nclass K: pass\nk = K(); f = weakref.finalize(k, print, 'finalized')",
        "k.x = [k]",
        "import gc\ndel k; _n = gc.collect(); f.alive",
    ],
    "keys that die": [
        TELLER,
        "import weakref\nw = weakref.WeakKeyDictionary(); t = T(1); w[t] = T(2)",
        "len(w)",
        "del t",
        "len(w)",
    ],
    "generators": [
        TELLER,
        "def gen(t):\n    try:\n        yield 1\n    finally:\n        print('closed')\ng = gen(T(1)); next(g)",
        "h = g",
        "del g",
        "del h",
    ],
    "exceptions": [
        TELLER,
        "def f():\n    t = T(1)\n    return 1 / 0\ntry: f()\nexcept ZeroDivisionError: pass",
        "t = T(2)\ntry: raise KeyError(t)\nexcept KeyError as e: kept = e",
        "del t",
        "kept = None",
    ],
    "arrays": [
        "import numpy as np, weakref\na = np.zeros(1000); v = a[5:]; r = weakref.ref(a, lambda _: print('array gone'))",
        "del a",
        "v[0] = 1",
        "del v",
    ],
    "frames": [
        "import pandas as pd, weakref; d = pd.DataFrame({'a': range(1000)})",
        "r = weakref.ref(d, lambda _: print('frame gone'))",
        "s = d['a']; d.loc[0, 'a'] = 7",
        "e = d; del d",
        "import gc\ndel e, s; _n = gc.collect()",
    ],
    "files": [
        "import os; f = open('x.txt', 'w'); n = f.write('1')",
        "fd = f.fileno()",
        "del f",
        "os.path.getsize('x.txt')",
    ],
    "what a failed cell leaves": [
        TELLER,
        "import sys; a = T(1); b = [a]",
        "del b; 1 / 0",
        "sys.last_value = sys.last_traceback = None; del a",
    ],
    "reference counts": [
        "import sys\nclass K: pass\nk = K(); l = [k]; d = {'k': k}",
        "sys.getrefcount(k), sys.getrefcount(l), sys.getrefcount(K)",
        "l.append(k)",
        "sys.getrefcount(k)",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LabKernel, LabKernel]]:
    one, other = Kernels(tmp_path_factory.mktemp("bare")), Kernels(tmp_path_factory.mktemp("recorded"))
    yield one.start(attach=False), other.start()
    one.stop()
    other.stop()


@pytest.mark.parametrize("name", CELLS)
def test_objects_die_in_the_same_cell(name: str, pair: tuple[LabKernel, LabKernel]) -> None:
    bare, recorded = pair
    for kernel in pair:
        kernel.cells("%reset -f")
    for index, cell in enumerate(CELLS[name]):
        expected, got = bare.cell(cell), recorded.cell(cell)
        assert (got.stdout, got.results, got.status) == (expected.stdout, expected.results, expected.status), (
            f"cell {index}: {cell}\n{got.shown}"
        )


RSS = "int(open('/proc/self/statm').read().split()[1]) * 4096 // 1_000_000"
"""Memory of the kernel in MB."""

BIG = {
    "bytes": "b'x' * 200_000_000",
    "array": "__import__('numpy').ones(25_000_000)",
    "frame": "__import__('pandas').DataFrame({'a': __import__('numpy').arange(25_000_000)})",
    "list of arrays": "[__import__('numpy').ones(5_000_000) for _ in range(5)]",
}
"""Blocks above 32 MiB: smaller ones glibc may keep in its heap once such a one was freed, in a bare kernel, too."""


@pytest.mark.parametrize("name", BIG)
def test_memory_goes_down_with_del(name: str, kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells("import numpy, pandas", "x = 1")
    before = kernel.value(RSS)
    kernel.cells(f"big = {BIG[name]}")
    full = kernel.value(RSS)
    assert full - before > 150, "the object is there"
    assert full - before < 290, "and nothing beside it is kept"
    kernel.cells("del big")
    while kernel.value("__import__('timeslip').session().status().unfinished"):
        time.sleep(0.05)  # what is being saved is kept until it is
    assert kernel.value(RSS) - before < 60
    kernel.cells("%undo")
    assert kernel.value(RSS) - before < 290
    kernel.cells("%redo")
    assert kernel.value(RSS) - before < 60, "what undo had brought back is gone with redo"


COUNT = "[o.n for o in __import__('gc').get_objects() if type(o).__name__ == 'T']"


def test_what_undo_takes_away_dies_at_once(kernel: LabKernel) -> None:
    """Without being finalized: what it has opened or made belongs to what redo brings back."""
    kernel.cells(TELLER, "keep = T(0)")
    kernel.cells("a = T(1); b = [a]")
    assert "gone" not in kernel.cell("%undo").stdout
    assert kernel.value(COUNT) == [0]
    assert "gone" not in kernel.cell("%redo").stdout
    assert "gone 1" in kernel.cell("del a, b").stdout
    assert "gone 0" in kernel.cell("del keep").stdout
    assert kernel.value(COUNT) == []
