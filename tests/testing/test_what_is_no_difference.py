"""What a class works out when it is asked is no difference in a trial; what it was given is one."""

from __future__ import annotations

import copy
import importlib
import io
import itertools
import pickle
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from timeslip.codec.proof import needs_trial
from timeslip.graphs.comparison import Comparison

LIBRARY = '''
class Once:
    """What several libraries have in the place of `functools.cached_property`."""
    def __init__(self, function): self.function = function
    def __get__(self, obj, kind=None):
        if obj is None: return self
        return obj.__dict__.setdefault(self.function.__name__, self.function(obj))

class OnceProperty(property):
    def __get__(self, obj, kind=None):
        if obj is None: return self
        return obj.__dict__.setdefault(self.fget.__name__, self.fget(obj))

class Method:
    """A method, in a descriptor that libraries put around one."""
    def __init__(self, function): self.function = function
    def __get__(self, obj, kind=None): return self.function.__get__(obj, kind)

class Asked:
    @Once
    def big(self): return [1]
    @OnceProperty
    def small(self): return [2]

class Given:
    @property
    def kept(self): return self.__dict__["kept"]
    @OnceProperty
    def put(self): return [3]
    @put.setter
    def put(self, value): self.__dict__["put"] = value
    @Method
    def run(self): return 1
    def __init__(self): self.plain = 1

class Defaults:
    nothing, number, many = None, 1, []
    def __init__(self): self.own = 1

class Slots:
    __slots__ = ("kind", "text", "other")
    def __init__(self): self.kind = 1
    def _memoized_attr_text(self): return "t"

class Ordered:
    def __init__(self): self.a, self.b = 1, 2
    def __reduce__(self): return (Ordered, (), dict(self.__dict__))

class Entries:
    """Its state looks like attributes, and is none."""
    def __init__(self): self.entries = {"a": 1, "b": 2}
    def __reduce__(self): return (Entries, (), dict(self.entries))
'''


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "asked_library.py").write_text(textwrap.dedent(LIBRARY))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("asked_library")
    sys.modules.pop("asked_library")


def differences(one: Any, other: Any, *, thorough: bool = True) -> list[str]:
    """What a trial finds."""
    space: dict[str, Any] = {}
    comparison = Comparison(
        {"x": one}, {"x": other}, (space, space), thorough=needs_trial if thorough else lambda _: False
    )
    comparison.names(())
    return comparison.run()


def test_what_was_worked_out(library: Any) -> None:
    one, other = library.Asked(), library.Asked()
    assert (one.big, one.small) == ([1], [2])
    assert differences(one, other) == differences(other, one) == []
    one.big.append(2)
    assert other.big == [1]
    assert differences(one, other) == ["x.big: length 2 != 1"], "there on both sides, it is compared"


@pytest.mark.parametrize("name", ["kept", "put", "run", "plain", "more"])
def test_what_was_given(library: Any, name: str) -> None:
    one, other = library.Given(), library.Given()
    other.__dict__.pop("plain")
    one.__dict__[name] = (lambda: 2) if name == "run" else [4]
    assert f"x: attribute {name} only in the first state" in differences(one, other)


def test_what_the_class_has_for_all(library: Any) -> None:
    one, other = library.Defaults(), library.Defaults()
    one.__dict__.update(nothing=None, number=1)
    assert differences(one, other) == differences(other, one) == []
    one.__dict__.update(number=True, other=None, many=[])
    lacking = [f"x: attribute {name} only in the first state" for name in ("many", "number", "other")]
    assert differences(one, other) == lacking


def test_what_slots_remember(library: Any) -> None:
    one, other = library.Slots(), library.Slots()
    one.text = "t"
    assert differences(one, other) == []
    one.other = 1
    assert differences(one, other) == ["x: attribute other only in the first state"]


def test_the_order_of_attributes_that_were_pickled(library: Any) -> None:
    one, other = library.Ordered(), library.Ordered()
    other.__dict__ = {"b": 2, "a": 1}
    assert differences(one, other, thorough=False) == []
    other.a = 3
    assert differences(one, other, thorough=False) == ["x['a']: 1 != 3"]
    one, other = library.Entries(), library.Entries()
    other.entries = {"b": 2, "a": 1}
    assert differences(one, other, thorough=False) == ["x: keys in another order"]


def loaded(obj: Any) -> Any:
    return pickle.loads(pickle.dumps(obj))


def test_facts_that_sympy_has_found_out() -> None:
    sympy = pytest.importorskip("sympy")
    a, b = sympy.Symbol("a", positive=True), sympy.Symbol("b")
    asked = [a**2 + 1, (b + 1) ** 2 * sympy.sin(a), sympy.Function("f")(b), b]
    back = [*loaded(asked[:2]), sympy.Function("f")(b), loaded(b)]
    for one in asked:
        assert (one.is_real, one.is_positive, one.is_zero) is not None
    assert differences(asked, back) == []
    assert any("_assumptions" in one for one in differences(a, sympy.Symbol("a")))
    assert any("_assumptions" in one for one in differences(sympy.Symbol("a"), a))


def test_names_that_sqlalchemy_has_looked_at() -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    name = sqlalchemy.sql.elements.quoted_name("Name", None)
    assert name.lower() == "name"
    assert differences(name, loaded(name)) == []
    assert differences(name, sqlalchemy.sql.elements.quoted_name("Name", True)) == ["x.quote: None != True"]


def test_the_format_and_times_of_astropy() -> None:
    time = pytest.importorskip("astropy.time").Time("2020-01-01")
    assert time.utc.jd
    assert differences(time, loaded(time)) == []


def test_a_norm_of_matplotlib() -> None:
    colors = pytest.importorskip("matplotlib.colors")
    norm = colors.Normalize(0, 1)
    back = loaded(norm)
    vars(norm.callbacks)["_cid_gen"] = itertools.count()  # which its own pickling has moved on
    assert differences(norm, back) == []
    norm.vmax = 2
    assert differences(norm, back) != []


def test_what_lmfit_has_evaluated() -> None:
    lmfit = pytest.importorskip("lmfit")
    parameters = lmfit.Parameters()
    parameters.add("a", 1.0)
    parameters.add("b", expr="2 * a")
    back = loaded(parameters)
    assert parameters["b"].value == back["b"].value == 2.0
    for text in ("a + 1", "a + 2"):
        parameters._asteval.eval(text)
    assert differences(parameters._asteval, back._asteval) == []
    parameters["a"].value = 5.0
    assert differences(parameters, back) != []


def test_what_a_thread_has_made_of_a_coordinate_system() -> None:
    pyproj: Any = pytest.importorskip("pyproj")
    system, other = pyproj.CRS("EPSG:4326"), pyproj.CRS("EPSG:3857")
    back = pickle.loads(pickle.dumps(system))
    assert system.is_geographic
    assert differences(system, back) == []
    assert differences(system, other) != []


def test_whether_a_thread_has_written_to_a_log() -> None:
    loguru = pytest.importorskip("loguru")
    number = loguru.logger.add(io.StringIO())
    try:
        handler = loguru.logger._core.handlers[number]
        other = copy.copy(handler)
        other._lock_acquired = threading.local()
        loguru.logger.info("written")
        assert differences(handler, other) == []
        other._levelno = 50
        assert differences(handler, other) != []
    finally:
        loguru.logger.remove(number)
