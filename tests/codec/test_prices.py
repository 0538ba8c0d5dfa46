"""What makes writing and reading fast loses nothing, and what a price buys is bought."""

from __future__ import annotations

import dis
import sys
from typing import Any

import pytest
from benchmarks.reducers import GAINS, is_bought
from tests.codec.kernels import Kernel, differences, resumed

from timeslip.codec import kinds, picklers
from timeslip.codec.streams import has_special, may_hold_large_text, unframed


@pytest.mark.parametrize("name", [*GAINS, "dicts in a list"])
def test_what_a_price_buys_is_lost_by_a_plain_pickle(name: str) -> None:
    from benchmarks.reducers import _NAN

    gain = GAINS.get(name, _NAN)
    for library in ("numpy", "pandas", "matplotlib"):
        if f"import {library}" in gain.code or f"from {library}" in gain.code:
            pytest.importorskip(library)
    if "pandas" in gain.code and int(sys.modules["pandas"].__version__.partition(".")[0]) < 3:
        pytest.skip("before pandas 3 frames do not share memory so")
    space = sys.modules["__main__"].__dict__
    before = set(space)
    try:
        assert is_bought(gain, space)
    finally:
        for left in set(space) - before:
            del space[left]


def test_attributes_that_code_sets_are_found_in_its_bytes_and_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    space: dict[str, Any] = {}
    names = [f"a{number}" for number in range(300)]  # more than an argument of one byte can tell
    code = "def set_all(self):\n" + "".join(f"  self.{name} = 1\n" for name in names)
    exec(f"{code}  def inner():\n    self.last = self.a0\n", space)
    monkeypatch.setattr(dis, "get_instructions", None)
    assert list(kinds._stored(space["set_all"].__code__)) == [*names, "last"]


SHARED = {
    "two instances": "p, q = P(), P(); p.x = 1; q.__dict__ = vars(p)",
    "of two classes": "p, q = P(), Q(); p.x = 1; q.__dict__ = vars(p)",
    "a class that hashes by what it holds": "p, q = H(), H(); p.x = [1]; q.__dict__ = vars(p)",
    "that class and another": "p, q = H(), P(); p.x = [1]; q.__dict__ = vars(p)",
    "a name": "p = P(); p.x = 1; d = vars(p)",
    "two without attributes": "p, q = P(), P(); q.__dict__ = vars(p)",
    "one without attributes and a name": "p = P(); d = vars(p)",
    "among thousands": "l = [P() for _ in range(9000)]\nfor i, o in enumerate(l): o.x = i\nd = vars(l[5000])",
}
CLASSES = """
class P: pass
class Q: pass
class H:
    def __hash__(self): return hash(len(vars(self)))
    def __eq__(self, other): return type(self) is type(other) and vars(self) == vars(other)
"""


@pytest.mark.parametrize("code", SHARED.values(), ids=SHARED.keys())
def test_an_attribute_dict_that_others_hold_comes_back_so(code: str) -> None:
    kernel = Kernel(CLASSES + code)
    assert differences(kernel, resumed(kernel)) == []


OWN = {
    "without attributes": "l = [P() for _ in range(3)]",
    "with and without": "l = [P() for _ in range(3)]; l[0].x = 1",
    "stored by attributes": "l = [H() for _ in range(3)]\nfor o in l: o.x = [1]",
}


@pytest.mark.parametrize("code", OWN.values(), ids=OWN.keys())
def test_dicts_that_are_nobody_elses_take_one_pass(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(CLASSES + code)
    passes = []
    begin = picklers.FastPickler.__init__

    def counted(pickler: Any, state: Any) -> None:
        passes.append(state)
        begin(pickler, state)

    monkeypatch.setattr(picklers.FastPickler, "__init__", counted)
    kernel.encoder.capture([("l", kernel.namespace["l"])]).release()
    assert len(passes) == 1


def test_a_payload_that_looks_like_a_frame_is_none() -> None:
    import pickle

    class File:
        def __init__(self) -> None:
            self.parts: list[bytes] = []

        def write(self, data: bytes) -> int:
            self.parts.append(bytes(data))
            return len(data)

    inner = pickle.dumps([float("nan"), bytes(100_000)], 5)
    for value, special in (([inner, 1.0], False), ([inner, inner[:-1], float("nan")], True), ([[0.5], inner], False)):
        file = File()
        pickle.Pickler(file, 5).dump(value)
        assert has_special(file.parts) is special
        assert may_hold_large_text(file.parts)
        assert pickle.loads(b"".join(unframed(file.parts)))[0] == value[0]


ARRAYS = {
    "small": "a = [np.arange(4), np.zeros((2, 3)), np.array(3), np.array([]), np.zeros((0, 3))]",
    "other orders": "a = [np.arange(6).reshape(2, 3).T.copy('K'), np.zeros((2, 3, 4)).transpose(1, 0, 2).copy('K')]",
    "other kinds": "a = [np.array(['a', 'bc']), np.array([b'x']), np.array([True]), np.arange(3, dtype='>i4'),"
    " np.array(['2020'], 'M8[D]'), np.array([1 + 2j]), np.arange(2, dtype='f2'), np.array([1], np.longdouble)]",
    "structures": "a = np.zeros(2, np.dtype([('x', 'i1'), ('y', 'f8')], align=True)); a['y'] = 3",
    "read-only": "a = np.arange(4); a.flags.writeable = False",
    "objects": "a = [np.array([[1], (2,), 'x', np.arange(2), None], object), np.full((2, 2), 'x', object)]",
    "of objects that hold themselves": "a = np.empty(2, object); a[0] = a",
    "of no objects": "a = np.empty((0, 2), object)",
    "structures of objects": "a = np.array([(1, [2])], [('x', 'i4'), ('y', object)])",
    "views": "a = np.arange(12.0).reshape(3, 4); b = [a[1:], a[::-1], a.T, a[:, 1], a[0:0]]",
}


@pytest.mark.parametrize("code", ARRAYS.values(), ids=ARRAYS.keys())
def test_arrays_come_back(code: str) -> None:
    pytest.importorskip("numpy")
    kernel = Kernel("import numpy as np\n" + code)
    assert differences(kernel, resumed(kernel)) == []


def test_the_address_of_an_array_is_where_numpy_says() -> None:
    numpy = pytest.importorskip("numpy")
    from timeslip.codec.reducers.numpy import address_of

    whole = numpy.arange(12).reshape(3, 4)
    for array in (whole, whole[1:], whole[:, 2:], whole[::-1], numpy.frombuffer(b"abcd", "u1"), numpy.empty(0)):
        assert address_of(array) == array.__array_interface__["data"][0]


MODELS = {
    "fields": "x = [M(a=1), M(a=2, b='t')]",
    "which fields were given": "x = M(a=0); y = [x, x.model_fields_set]",
    "private attributes": "class N(M):\n    _p: list = pydantic.PrivateAttr(default_factory=list)"
    "\nx = N(); x._p.append(x)",
    "more than the fields": "class N(M):\n    model_config = {'extra': 'allow'}\nx = N(c=[1]); x.d = x",
    "what was set past pydantic": "x = M(); object.__setattr__(x, 'note', [1])",
    "its attribute dict under a name": "x = M(); d = vars(x)",
    "frozen": "class N(M):\n    model_config = {'frozen': True}\nx = {N(a=1): 2}",
    "a way of its own": "class N(M):\n    def __getstate__(self): return {}\nx = N(a=3)",
    "one as another's field": "class N(pydantic.BaseModel):\n    m: M\nx = N(m=M(a=5)); y = x.m",
    "a root": "x = pydantic.RootModel[list[int]]([1, 2])",
}


@pytest.mark.parametrize("code", MODELS.values(), ids=MODELS.keys())
def test_models_of_pydantic_come_back(code: str) -> None:
    pytest.importorskip("pydantic")
    kernel = Kernel("import pydantic\nclass M(pydantic.BaseModel):\n    a: int = 0\n    b: str = ''\n" + code)
    assert differences(kernel, resumed(kernel)) == []
