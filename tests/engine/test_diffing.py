"""How two values differ: exact words for known kinds, bounded work, and an answer for every pair."""

from __future__ import annotations

import copy
import queue
import re
import time
import warnings
from collections import OrderedDict, deque, namedtuple
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.hostile import make

from timeslip.describing import sameness
from timeslip.diffing import diff_code, diff_values
from timeslip.model import ValueDiff

HERE = __name__
NAN = float("nan")
SAME = ("no difference in value",)


class Plain:
    def __init__(self, **held: Any) -> None:
        self.__dict__.update(held)


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a: object) -> None:
        self.a = a


class BadEq:
    def __init__(self, x: object) -> None:
        self.x = x

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise ValueError("no eq")


Pair = namedtuple("Pair", "x y")


def said(before: object, after: object) -> tuple[str, ...]:
    got = diff_values("v", before, after)
    assert (got.name, got.change) == ("v", "changed")
    assert all(line[0] in "+-@ " for line in got.lines)
    return (got.summary, *got.lines)


def nested(depth: int, end: object = None) -> list[Any]:
    value: list[Any] = [end]
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("before", "after", "summary"),
    [
        (1, 2, "1 -> 2"),
        (1, 1.0, "1 -> 1.0 (int -> float)"),
        (1, True, "1 -> True (int -> bool)"),
        (1, "1", "1 -> '1' (int -> str)"),
        (None, 0, "None -> 0 (NoneType -> int)"),
        (0.0, -0.0, "0.0 -> -0.0"),
        (NAN, 1.0, "nan -> 1.0"),
        (1j, 2j, "1j -> 2j"),
        (b"a", b"b", "b'a' -> b'b'"),
        ("a", "b", "'a' -> 'b'"),
        (date(2020, 1, 1), date(2020, 1, 2), "datetime.date(2020, 1, 1) -> datetime.date(2020, 1, 2)"),
        (Decimal("1.0"), Decimal("1.00"), "Decimal('1.0') -> Decimal('1.00')"),
        (range(3), range(4), "range(0, 3) -> range(0, 4)"),
        (1 << 9999, 1, "<integer of 10,000 bits> -> 1"),
        ("a" * 200, "a" * 100 + "b", f"from character 100: '…{'a' * 40}…' -> '…{'a' * 20}b'; 200 -> 101 characters"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_scalars(before: object, after: object, summary: str) -> None:
    assert said(before, after)[0] == summary


@pytest.mark.parametrize(
    "make_one",
    [
        lambda: NAN,
        lambda: complex(NAN, 1),
        lambda: [float("nan"), {"a": (float("nan"),)}],
        lambda: {float("nan"), 1},
        lambda: {float("nan"): 1},
        lambda: Plain(a=[1], b=float("nan")),
        lambda: Slotted([1]),
        lambda: BadEq(1),
        lambda: {Plain(a=1): 2},
        lambda: {Plain(a=1)},
        lambda: re.compile("a"),
        lambda: deque([1, [2]]),
        lambda: lambda x: x + 1,
        object,
        lambda: nested(50_000),
        lambda: Pair(1, [2]),
    ],
)
def test_equal_values_do_not_differ(make_one: Any) -> None:
    assert said(make_one(), make_one()) == SAME


def test_one_sided() -> None:
    assert diff_values("v", None, 3, present=(False, True)) == ValueDiff("v", "created", "int: 3")
    assert diff_values("v", [1], None, present=(True, False)) == ValueDiff("v", "deleted", "list: 1 item: 1")
    assert diff_values("v", None, object(), present=(False, True)).summary == "object"
    assert diff_values("v", None, None, present=(False, False)).summary == "in neither state"


# -- containers


def test_dicts_by_key() -> None:
    before = {"a": 1, "b": [1, 2, {"z": 1}], "c": 3, "same": [1]}
    after = {"a": 2, "b": [1, 2, {"z": 2}], "d": 4, "same": [1]}
    assert said(before, after) == (
        "1 key removed, 1 added, 2 changed",
        "- ['c']: 3",
        "+ ['d']: 4",
        "  ['a']: 1 -> 2",
        "  ['b'][2]['z']: 1 -> 2",
    )
    assert said({"a": 1, "b": 2}, {"b": 2, "a": 1}) == ("order of keys changed",)
    assert said(OrderedDict(a=1), OrderedDict(a=2)) == ("1 key changed", "  ['a']: 1 -> 2")
    assert said({Plain(a=1): 1}, {Plain(a=1): 2}) == ("1 key changed", f"  [<{HERE}.Plain a=1>]: 1 -> 2")


def test_large_dicts_are_cut_with_a_note() -> None:
    got = said(dict.fromkeys(range(100), 0), dict.fromkeys(range(100), 1))
    assert got[0] == "100 keys changed"
    assert len(got) == 12
    assert got[-1] == "  … 90 more changed keys"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([1, 2, 3], [1, 9, 3], ("1 item changed", "  [1]: 2 -> 9")),
        ([1, 2, 3], [1, 3], ("1 item removed", "- [1]: 2")),
        ([1, 3], [1, 2, 3], ("1 item inserted", "+ [1]: 2")),
        ([1, 2], [1, 2, 3, 4], ("2 items inserted", "+ [2]: 3", "+ [3]: 4")),
        ([1, 2, 3, 4], [2, 3, 4, 5], ("1 item removed, 1 inserted", "- [0]: 1", "+ [3]: 5")),
        ((1, [2]), (1, [3]), ("1 item changed", "  [1][0]: 2 -> 3")),
        ((1,), (1, 2), ("1 item inserted", "+ [1]: 2")),
        (deque([1]), deque([2]), ("1 item changed", "  [0]: 1 -> 2")),
        ([], [1], ("1 item inserted", "+ [0]: 1")),
        ([1], (1,), ("list -> tuple", "- [1]", "+ (1,)")),
        (["a\nb"], ["a\nc"], ("1 item changed", "  [0]: text: 1 line added, 1 removed", " a", "-b", "+c")),
    ],
)
def test_sequences_by_position(before: object, after: object, expected: tuple[str, ...]) -> None:
    assert said(before, after) == expected


def test_sets_by_element() -> None:
    assert said({1, 2, NAN}, {2, 3, float("nan")}) == ("1 element removed, 1 added", "- 1", "+ 3")
    assert said(frozenset("a"), frozenset("ab")) == ("1 element added", "+ 'b'")


def test_a_million_items() -> None:
    big = list(range(1_000_000))
    other = list(big)
    other[77] = 0
    assert said(big, other) == ("1 item changed", "  [77]: 77 -> 0")
    assert said(big, [-1, *big]) == ("1 item inserted", "+ [0]: -1")
    assert said(big, [0] * 10)[0] == "1,000,000 -> 10 items; items 1 to 1,000,000 replaced"


def test_more_than_can_be_looked_at_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sameness, "_STEPS", 1000)
    inner = [[at] for at in range(2000)]
    got = said([inner, inner], [copy.deepcopy(inner), [*inner, 1]])
    assert got == (
        "no difference found in the part that was compared",
        "  note: too large or too deep to be compared in full; what is said holds for the part that was",
    )


def test_depth_and_cycles() -> None:
    assert said(nested(100_000, 1), nested(100_000, 1)) == SAME
    assert said(nested(100_000, 1), nested(100_000, 2))[0] == "1 item changed"
    loop: list[Any] = [1]
    loop.append(loop)
    other: list[Any] = [1]
    other.append(other)
    assert said(loop, other) == SAME
    other[0] = 2
    assert said(loop, other)[0] == "2 items changed"
    deep = other_deep = frozenset([1])
    for _ in range(500):
        deep, other_deep = frozenset([deep]), frozenset([other_deep, 1])
    assert said(deep, other_deep)[0]


# -- text and code


def test_texts_by_line() -> None:
    assert said("a\nb\nc\n", "a\nX\nc\nd\n") == (
        "text: 2 lines added, 1 removed",
        " a",
        "-b",
        "+X",
        " c",
        "+d",
    )
    assert said("a\n", "a\r\n") == ("line ends changed",)


def test_code() -> None:
    assert diff_code("a\nb\n", "a\nb\n") == ()
    assert diff_code("", "a\n") == ("+a",)
    many = [f"line {at}" for at in range(1, 41)]
    other = list(many)
    other[9] = "X"
    other[29] = "Y"
    assert diff_code("\n".join(many), "\n".join(other)) == (
        "@@ line 8 @@",
        " line 8",
        " line 9",
        "-line 10",
        "+X",
        " line 11",
        " line 12",
        "@@ line 28 @@",
        " line 28",
        " line 29",
        "-line 30",
        "+Y",
        " line 31",
        " line 32",
    )


def test_huge_texts_are_given_as_counts() -> None:
    old = "\n".join(map(str, range(50_000)))
    new = "\n".join(map(str, range(10, 100_000, 2)))
    assert diff_code(old, new) == ("-50,000 lines from line 1", "+49,995 lines in their place")


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_code_diff_is_empty_only_for_equal_lines(old: list[str], new: list[str]) -> None:
    assert (diff_code("\n".join(old), "\n".join(new)) == ()) == (old == new)


# -- functions, classes, instances


def made(source: str, name: str) -> Any:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(source, namespace)
    return namespace[name]


def test_functions() -> None:
    assert said(made("def f(a): return a", "f"), made("\n\ndef f(a): return a", "f")) == SAME
    assert said(made("def f(a): return a", "f"), made("def f(a, b): return a", "f")) == (
        "signature (a) -> (a, b); code changed",
    )
    assert said(made("def f(a=1): pass", "f"), made("def f(a=2): pass", "f")) == ("defaults (1,) -> (2,)",)
    assert said(made("def f(): return 0.0", "f"), made("def f(): return -0.0", "f")) == ("code changed",)

    def closing(x: object) -> Any:
        def inner() -> object:
            return x

        return inner

    assert said(closing([1]), closing([2])) == ("closes over another x", "  <x>[0]: 1 -> 2")


def test_functions_with_source() -> None:
    def one(a: int) -> int:
        return a + 1

    def two(a: int) -> int:
        return a + 2

    assert said(one, two)[1:] == (
        "-def one(a: int) -> int:",
        "-    return a + 1",
        "+def two(a: int) -> int:",
        "+    return a + 2",
    )


def test_classes() -> None:
    old = made("class C:\n  k = 1\n  gone = 2\n  def m(self): return 1", "C")
    new = made("class C(dict):\n  k = 2\n  new = 3\n  def m(self): return 2", "C")
    assert said(old, new) == (
        "bases () -> (dict); 1 attribute removed: gone; 1 attribute added: new; 2 attributes changed: k, m",
        "- .gone: 2",
        "+ .new: 3",
        "  .k: 1 -> 2",
        "  .m: code changed",
    )
    again = made("class C:\n  k = 1\n  gone = 2\n  def m(self): return 1", "C")
    assert said(old, again) == SAME
    assert said(old(), again()) == SAME


def test_instances_by_attribute() -> None:
    assert said(Plain(a=1, b=[1, 2], c=0), Plain(a=1, b=[1, 3], d=0)) == (
        "1 attribute removed: c; 1 attribute added: d; 1 attribute changed: b",
        "- .c: 0",
        "+ .d: 0",
        "  .b[1]: 2 -> 3",
    )
    assert said(Slotted(1), Slotted(2)) == ("1 attribute changed: a", "  .a: 1 -> 2")
    assert said(Plain(p=Plain(q=1)), Plain(p=Plain(q=2))) == ("1 attribute changed: p", "  .p.q: 1 -> 2")
    assert said(Plain(), Slotted(1))[0] == f"{HERE}.Plain -> {HERE}.Slotted"


def test_subclasses_of_containers_that_hold_more() -> None:
    class Named(list):  # type: ignore[type-arg]
        name = ""

    old, new = Named([1]), Named([1])
    old.name, new.name = "a", "b"
    assert said(old, new) == ("1 attribute changed: name", "  .name: 'a' -> 'b'")


def test_objects_without_parts() -> None:
    assert said(re.compile("a"), re.compile("b")) == ("re.Pattern changed", "- re.compile('a')", "+ re.compile('b')")
    assert said(re, time) == ("module re -> time",)


# -- hostile objects


def test_failing_equality_is_not_needed() -> None:
    assert said(BadEq(1), BadEq(2)) == ("1 attribute changed: x", "  .x: 1 -> 2")
    assert said([BadEq(1)], [BadEq(2)]) == ("1 item changed", "  [0].x: 1 -> 2")


def test_failing_equality_of_keys_and_opaque_objects_is_named() -> None:
    class Key(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            raise ValueError("no eq")

    got = said({Key("a"): 1}, {Key("a"): 2})
    assert f"  note: __eq__ or __hash__ of {Key.__module__}.{Key.__qualname__} raised ValueError: no eq" in got


@pytest.mark.parametrize("meta", [False, True])
@pytest.mark.parametrize(
    ("base", "args"),
    [(object, ()), (list, ([1],)), (dict, ({1: 2},)), (str, ("a",)), (int, (1,)), (tuple, ((1,),)), (float, (1,))],
)
def test_every_pair_of_hostile_values_has_an_answer(base: type, args: tuple[Any, ...], meta: bool) -> None:
    one, two = make(base, *args, meta=meta, held=1), make(base, *args, meta=meta, held=2)
    for before, after in (
        (one, two),
        (one, 1),
        ([one], [two]),
        ({"k": one}, {"k": 2}),
        (one, one),
        (type(one), type(two)),
    ):
        got = diff_values("v", before, after)
        assert got.summary
        assert isinstance(got.summary, str)
    assert diff_values("v", one, two, present=(False, True)).change == "created"


def test_lying_equality_changes_nothing() -> None:
    class Liar:
        def __init__(self, x: int) -> None:
            self.x = x

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    assert said(Liar(1), Liar(2)) == ("1 attribute changed: x", "  .x: 1 -> 2")


def test_warnings_of_the_users_code_stay_silent() -> None:
    class Loud:
        def __repr__(self) -> str:
            warnings.warn("loud", stacklevel=1)
            return "loud"

    assert said([Loud()], [1])[0] == "1 item changed"


def test_placeholders() -> None:
    placeholder = pytest.importorskip("timeslip.codec.placeholder").Placeholder
    one, two = placeholder("v", "r", "too large", "c" * 64), placeholder("v", "r2", "too large", "d" * 64)
    assert said(one, 1) == ("cannot be compared: one side is a placeholder (too large)",)
    assert said(one, two) == ("another version, and neither is here: both placeholders",)
    assert said([one], [placeholder("v", "r", "too large", "c" * 64)]) == SAME


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=3)
        | st.builds(Plain, a=inner)
    ),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_any_pair(before: Any, after: Any) -> None:
    assert said(before, after)[0]
    assert said(before, copy.deepcopy(before)) == SAME


# -- users' libraries


def test_arrays() -> None:
    numpy = pytest.importorskip("numpy")
    zeros, arange = numpy.zeros(5), numpy.arange(5.0)
    assert said(zeros, arange)[:2] == ("4 of 5 cells changed", "  [1]: 0.0 -> 1.0")
    grid = numpy.zeros((20, 20))
    other = grid.copy()
    other[3:] = 1
    got = said(grid, other)
    assert got[:2] == ("340 of 400 cells changed", "  [3, 0]: 0.0 -> 1.0")
    assert got[-1] == "  … 335 more changed cells"
    assert said(grid.T[::2], other.T[::2])[0] == "170 of 200 cells changed"
    assert said(numpy.zeros((2, 3)), numpy.zeros((3, 3))) == ("shape (2, 3) -> (3, 3)",)
    assert said(numpy.zeros(3), numpy.arange(4)) == (
        "dtype float64 -> int64; shape (3,) -> (4,); 2 of the common (3,) cells changed",
        "  [1]: 0.0 -> 1",
        "  [2]: 0.0 -> 2",
    )
    assert said(numpy.array([NAN, 1]), numpy.array([NAN, 1])) == SAME
    assert said(numpy.array(1.0), numpy.array(2.0)) == ("1.0 -> 2.0",)
    assert (
        said(numpy.array(["NaT", "2020"], "M8[D]"), numpy.array(["NaT", "2021"], "M8[D]"))[0] == "1 of 2 cells changed"
    )
    records = numpy.array([(1, NAN)], "i4,f8")
    assert said(records, records.copy()) == SAME
    assert said({"a": records}, {"a": numpy.array([(2, NAN)], "i4,f8")})[1] == "  ['a']: 1 of 1 cells changed in f0"
    objects = numpy.array([BadEq(1), [1]], dtype=object)
    assert said(objects, copy.deepcopy(objects)) == SAME
    masked = numpy.ma.array([1, 2], mask=[False, True])
    assert said(masked, numpy.ma.array([1, 2], mask=[False, False]))[0].endswith("mask changed")


def test_object_arrays_in_object_arrays() -> None:
    numpy = pytest.importorskip("numpy")

    def deep() -> Any:
        value = numpy.array([None], dtype=object)
        for _ in range(3000):
            outer = numpy.empty(1, dtype=object)
            outer[0] = value
            value = outer
        return value

    assert said(deep(), deep())[0] == "no difference found in the part that was compared"


@pytest.fixture
def frame() -> Any:
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({"a": range(5), "b": [1.5, NAN, 3, 4, 5], "c": list("vwxyz")})


def test_frames_by_column(frame: Any) -> None:
    text = frame["c"].dtype
    other = frame.copy()
    other.loc[1, "a"] = 99
    other = other.drop(columns="c")
    other["n"] = 1
    assert said(frame, other) == (
        "column 'c' dropped; column 'n' added; 1 cell of 'a' changed",
        f"- column 'c' ({text})",
        "+ column 'n' (int64)",
        "  ['a'] at 1: 1 -> 99",
    )
    assert said(frame, frame.rename(columns={"a": "A"})) == ("column renamed: 'a' -> 'A'",)
    assert said(frame, frame.astype({"a": "int32"})) == ("column retyped: 'a' int64 -> int32",)
    assert said(frame, frame[["b", "a", "c"]]) == ("columns reordered",)
    every = frame.copy()
    every["a"] += 1
    assert said(frame, every) == (
        "5 cells of 'a' changed",
        "  ['a'] at 0: 0 -> 1",
        "  ['a'] at 1: 1 -> 2",
        "  ['a'] at 2: 2 -> 3",
        "  … 2 more changed cells of ['a']",
    )
    twice = frame.copy()
    twice.columns = ["a", "a", "c"]
    changed = twice.copy()
    changed.iloc[0, 1] = 9.0
    assert said(twice, changed) == ("1 cell of 'a' changed", "  ['a'] at 0: 1.5 -> 9.0")


def test_frames_by_row(frame: Any) -> None:
    assert said(frame, frame.drop(index=[1, 2])) == ("2 rows removed", "- rows 1, 2")
    assert said(frame.iloc[:3], frame) == ("2 rows added", "+ rows 3, 4")
    assert said(frame, frame.iloc[::-1]) == ("rows reordered",)
    assert said(frame, frame.set_axis(list("vwxyz")))[0] == "index replaced"
    assert said(frame, frame.rename_axis("i")) == ("index name [None] -> ['i']",)
    double = frame.set_axis([0, 0, 1, 1, 2])
    assert said(double, double.iloc[:4])[0] == "5 -> 4 rows; labels are not unique: compared by position"


def test_frames_that_share_memory_under_copy_on_write(frame: Any) -> None:
    view = frame[["a", "b"]]
    before = view.copy(deep=False)
    view = view.assign(a=0)
    assert said(before, view)[0] == "4 cells of 'a' changed"
    assert said(frame, frame.copy(deep=False)) == SAME
    assert frame["a"].tolist() == list(range(5))


def test_missing_values(frame: Any) -> None:
    pandas = pytest.importorskip("pandas")
    old, new = (pandas.Series([1, None, 3], dtype="Int64") for _ in range(2))
    assert said(old, new) == SAME
    new[2] = None
    assert said(old, new) == ("1 value changed", "  at 2: 3 -> <NA>")
    objects = pandas.Series([None, NAN], dtype=object)
    assert said(objects, objects.copy()) == SAME
    assert said(objects, pandas.Series([NAN, NAN], dtype=object))[0] == "1 value changed"


def test_series_and_indexes(frame: Any) -> None:
    pandas = pytest.importorskip("pandas")
    assert said(frame["a"], frame["a"].rename("z")) == ("name 'a' -> 'z'",)
    assert said(frame["a"], frame["a"].astype(float)) == ("dtype int64 -> float64",)
    kinds = [pandas.Series(pandas.Categorical(text)) for text in (["a", "b"], ["a", "c"])]
    assert said(*kinds) == ("categories changed; 1 value changed", "  at 1: 'b' -> 'c'")
    assert said(pandas.Index([1, 2]), pandas.Index([2, 3])) == (
        "1 label added; 1 label removed",
        "+ label 3",
        "- label 1",
    )
    assert said(pandas.MultiIndex.from_tuples([(1, 2)]), pandas.MultiIndex.from_tuples([(1, 2)])) == SAME
    times = pandas.date_range("2020", periods=3, tz="UTC")
    assert said(pandas.DataFrame({"t": times}), pandas.DataFrame({"t": times})) == SAME


def test_frames_with_hostile_cells(frame: Any) -> None:
    pandas = pytest.importorskip("pandas")
    old, new = (pandas.DataFrame({"o": [BadEq(x), [1]]}) for x in (1, 2))
    assert said(old, new)[0] == "1 cell of 'o' changed"
    assert said(old, old.copy()) == SAME
    assert said(pandas.DataFrame({"o": [nested(10_000)]}), pandas.DataFrame({"o": [nested(10_000)]})) == SAME


def test_a_comparison_leaves_no_look_up_table_behind(frame: Any) -> None:
    pandas = pytest.importorskip("pandas")
    old, new = pandas.Index(["a", "b"]), pandas.Index(["b", "c"])
    said(pandas.DataFrame({"x": [1, 2]}, index=old), pandas.DataFrame({"x": [1, 2]}, index=new))
    assert "_engine" not in old._cache
    assert "_engine" not in new._cache


def test_large_frames() -> None:
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    frame = pandas.DataFrame(numpy.zeros((1_000_000, 10)))
    other = frame.copy()
    other.iloc[5, 3] = 1.0
    assert said(frame, other) == ("1 cell of column 3 changed", "  [column 3] at 5: 0.0 -> 1.0")


def test_estimators() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    one = linear.Ridge(alpha=1.0)
    two = linear.Ridge(alpha=2.0).fit([[0.0], [1.0]], [0.0, 2.0])
    got = said(one, two)
    assert got[0].startswith("1 parameter changed: alpha; ")
    assert "fitted attributes added: " in got[0]
    assert "  .alpha: 1.0 -> 2.0" in got
    again = linear.Ridge(alpha=2.0).fit([[0.0], [1.0]], [0.0, 3.0])
    assert "coef_" in said(two, again)[0]
    assert said(two, copy.deepcopy(two)) == SAME


def test_figures() -> None:
    figures = pytest.importorskip("matplotlib.figure")
    one, two = figures.Figure(), figures.Figure()
    two.add_subplot()
    assert said(one, two) == ("+1 plot", "+ .axes[0]: axes")


def test_what_shows_nothing_of_itself_is_not_said_to_be_the_same() -> None:
    """Two wrappers of objects written in C that say nothing: nobody can know whether they differ."""
    assert said(Plain(queue=queue.SimpleQueue()), Plain(queue=queue.SimpleQueue())) == (
        "no difference that can be seen; not all of it can",
    )
    assert said(Plain(mark=object()), Plain(mark=object())) == SAME


def test_frames_of_polars_by_column() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": [1, 2, None], "b": ["x", "y", "z"], "f": [NAN, 1.0, 2.0]})
    assert said(frame, frame.clone()) == SAME
    assert said(frame, frame.with_columns(a=polars.Series([1, 5, None]), c=polars.lit(True)))[:2] == (
        "column 'c' added; 1 cell of 'a' changed",
        "+ column 'c' (Boolean)",
    )
    assert said(frame, frame.head(2).drop("f"))[0] == "column 'f' dropped; 3 -> 2 rows"
    assert said(frame["a"], frame["a"] * 2) == ("2 values changed", "  at 0: 1 -> 2", "  at 1: 2 -> 4")
    assert said([frame], [frame.with_columns(b=polars.Series(["x", "y", "q"]))])[1:] == (
        "  [0]: 1 cell of 'b' changed",
        "  [0]['b'] at 2: 'z' -> 'q'",
    )
    nested = polars.DataFrame({"l": [[1, 2], None], "s": [{"x": 1}, {"x": 2}]})
    assert said(nested, nested.clone()) == SAME
    assert said(nested, nested.with_columns(s=nested["s"].reverse()))[0] == "2 cells of 's' changed"
