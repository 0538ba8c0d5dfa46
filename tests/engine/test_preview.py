"""What one value looks like: exact words for known kinds, and no code of the user for a summary."""

from __future__ import annotations

import dataclasses
import enum
import time
import timeit
import types
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

import pytest
from tests.engine.hostile import TouchedError, hostile, make

from timeslip.preview import preview, summarize


class Plain:
    def __init__(self, **held: Any) -> None:
        self.__dict__.update(held)


class Slotted:
    __slots__ = ("a", "b")


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


Pair = namedtuple("Pair", "x y")


@dataclasses.dataclass
class Data:
    a: int
    b: list[int]


def function(a: int, /, b: int, *rest: int, c: int = 1, **more: int) -> int:
    return a


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


HERE = __name__


@pytest.mark.parametrize(
    ("value", "kind", "line"),
    [
        (None, "NoneType", "None"),
        (True, "bool", "True"),
        (42, "int", "42"),
        (-(10**5000), "int", "-<integer of 16,610 bits>"),
        (1.5, "float", "1.5"),
        (float("nan"), "float", "nan"),
        (1 + 2j, "complex", "(1+2j)"),
        ("text", "str", "'text'"),
        ("x" * 61, "str", f"61 characters: '{'x' * 60}'…"),
        (b"ab", "bytes", "2 bytes: b'ab'"),
        (b"", "bytes", "0 bytes"),
        (bytearray(b"x" * 100), "bytearray", f"100 bytes: bytearray(b'{'x' * 32}')…"),
        ([], "list", "0 items"),
        ([1, "a", [2], None, 5], "list", "5 items: 1, 'a', list, None, …"),
        ((1,), "tuple", "1 item: 1"),
        ({"a": 1, "b": 2}, "dict", "2 keys: 'a', 'b'"),
        ({1, 2}, "set", "2 elements"),
        (frozenset([1]), "frozenset", "1 element"),
        (deque([1, 2]), "collections.deque", "2 items: 1, 2"),
        (Counter("aab"), "collections.Counter", "2 keys: 'a', 'b'"),
        (OrderedDict(a=1), "collections.OrderedDict", "1 key: 'a'"),
        (defaultdict(list), "collections.defaultdict", "0 keys"),
        (Pair(1, [2]), f"{HERE}.Pair", "x=1, y=list"),
        (range(3), "range", "range(0, 3)"),
        (date(2020, 1, 2), "datetime.date", "datetime.date(2020, 1, 2)"),
        (Decimal("1.50"), "decimal.Decimal", "Decimal('1.50')"),
        (Fraction(1, 3), "fractions.Fraction", "Fraction(1, 3)"),
        (function, "function", "def function(a, /, b, *rest, c, **more)"),
        (Plain, "type", "class Plain, 0 attributes"),
        (Level.HIGH, f"{HERE}.Level", "3"),
        (Colour.RED, f"{HERE}.Colour", "Colour.RED"),
        (enum, "module", "module enum"),
        (Plain(a=1, b="x", c=[1]), f"{HERE}.Plain", "a=1, b='x', c=list"),
        (Plain(), f"{HERE}.Plain", ""),
        (Data(1, [2]), f"{HERE}.Data", "a=1, b=list"),
        (nested(100_000), "list", "1 item: list"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_summary(value: object, kind: str, line: str) -> None:
    assert summarize(value) == (kind, line)


def test_path_is_named() -> None:
    assert summarize(PurePosixPath("a/b"))[1] == "PurePosixPath('a/b')"


def test_slots_are_seen() -> None:
    value = Slotted()
    value.b = 2
    assert summarize(value) == (f"{HERE}.Slotted", "b=2")


@pytest.mark.parametrize("meta", [False, True])
@pytest.mark.parametrize(
    ("base", "args", "line"),
    [
        (object, (), "held=1"),
        (list, ([1, 2],), "2 items: 1, 2"),
        (tuple, ((1, 2),), "2 items: 1, 2"),
        (dict, ({"a": 1},), "1 key: 'a'"),
        (set, ({1},), "1 element"),
        (frozenset, ({1},), "1 element"),
        (str, ("text",), "'text'"),
        (bytes, (b"ab",), "2 bytes: b'ab'"),
        (int, (7,), "7"),
        (float, (0.5,), "0.5"),
        (complex, (1,), "(1+0j)"),
    ],
)
def test_a_summary_runs_no_code_of_the_user(base: type, args: tuple[Any, ...], line: str, meta: bool) -> None:
    value = make(base, *args, meta=meta, held=1)
    assert summarize(value) == ("__main__.Hostile", line)
    assert summarize([value]) == ("list", "1 item: Hostile")
    assert summarize({"k": value})[1] == "1 key: 'k'"


def test_a_hostile_class_is_described_too() -> None:
    kind, line = summarize(hostile(meta=True))
    assert kind == "tests.engine.hostile.HostileMeta"
    assert line.startswith("class Hostile, ")


def test_a_false_dict_is_not_asked() -> None:
    class Fake:
        @property
        def __dict__(self) -> Any:  # type: ignore[override]
            raise TouchedError

    assert summarize(Fake())[1] == ""


def test_a_class_that_only_calls_itself_a_frame() -> None:
    fake = type("DataFrame", (), {"__module__": "pandas"})
    assert summarize(fake()) == ("pandas.DataFrame", "")


@pytest.mark.parametrize(
    "value",
    [list(range(10**6)), dict.fromkeys(range(10**6)), set(range(10**6)), "x" * 10**7, 1 << 10**7, nested(1000)],
    ids=lambda value: type(value).__name__,
)
def test_a_summary_does_not_grow_with_the_value(value: object) -> None:
    assert min(timeit.repeat(lambda: summarize(value), number=20, repeat=5)) / 20 < 0.000_3


def test_nor_with_the_attributes_of_an_object() -> None:
    value = Plain(**{f"a{at}": at for at in range(10**5)})
    assert summarize(value)[1] == "a0=0, a1=1, a2=2, a3=3, …"
    assert min(timeit.repeat(lambda: summarize(value), number=20, repeat=5)) / 20 < 0.000_3


# -- several lines


def shown(value: object, **options: Any) -> list[str]:
    return preview("v", value, **options).text.split("\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (3, "3"),
        ("abc", "'abc'"),
        ([1, [2, {"a": (3,)}]], "[1, [2, {'a': (3,)}]]"),
        (set(), "set()"),
        (frozenset({1}), "frozenset({1})"),
        ((1,), "(1,)"),
        (Pair(1, 2), "Pair(x=1, y=2)"),
        (Counter("aa"), "Counter({'a': 2})"),
        (deque([1]), "deque([1])"),
        (Colour.RED, "<Colour.RED: 1>"),
        (Plain(), f"<{HERE}.Plain>"),
        (nested(100_000), "[[[[…]]]]"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_short_values_are_written_whole(value: object, text: str) -> None:
    assert preview("v", value).text == text


def test_long_containers_show_their_first_items() -> None:
    assert shown(list(range(1000)), lines=4) == ["0", "1", "2", "… 997 more"]
    assert shown(dict.fromkeys(range(1000), "v"), lines=3) == ["0: 'v'", "1: 'v'", "… 998 more"]


def test_texts() -> None:
    assert shown("a\nb\nc") == ["a", "b", "c"]
    assert shown("a\n" * 50, lines=3) == ["a", "a", "… 49 more lines"]
    assert shown("x" * 100, width=40, lines=3) == ["x" * 40, "x" * 40, "… 20 more characters"]


def test_an_instance_by_its_attributes() -> None:
    assert shown(Plain(a=1, b=[Plain(c=2)])) == [f"<{HERE}.Plain>", "  .a = 1", f"  .b = [<{HERE}.Plain c=2>]"]
    many = Plain(**{f"a{at}": at for at in range(50)})
    assert shown(many, lines=4) == [f"<{HERE}.Plain>", "  .a0 = 0", "  .a1 = 1", "  … 48 more attributes"]


def test_a_huge_dataclass_is_not_written_whole() -> None:
    assert shown(Data(1, [7] * 3_000_000), width=40)[:2] == [f"<{HERE}.Data>", "  .a = 1"]


def test_functions_and_classes() -> None:
    assert shown(function) == [
        "def function(a: int, /, b: int, *rest: int, c: int = 1, **more: int) -> int:",
        "    return a",
    ]
    namespace: dict[str, Any] = {}
    exec("def made(x, y=2): return x", namespace)
    assert shown(namespace["made"]) == ["def made(x, y): (source not known)", "defaults: (2,)"]
    exec(
        "class Made(int):\n    k = 1\n    def m(self, x): ...\n    p = property(m)\n    s = staticmethod(m)", namespace
    )
    assert shown(namespace["Made"]) == [
        "class Made(int):",
        "    k = 1",
        "    def m(self, x)",
        "    p: property",
        "    def s(self, x)",
    ]


class BadRepr:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __repr__(self) -> str:
        raise self.error


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit("no"), RecursionError("no"), GeneratorExit("no")])
def test_a_failing_repr_is_told(error: BaseException) -> None:
    told = f"__repr__ of {HERE}.BadRepr raised {type(error).__name__}: no"
    got = preview("v", BadRepr(error))
    assert (got.text, got.note) == (f"<{told}>", told)
    inside = preview("v", [1, BadRepr(error)])
    assert (inside.text, inside.note) == (f"[1, <{told}>]", told)


def test_an_interrupt_goes_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        preview("v", BadRepr(KeyboardInterrupt()))


def test_a_repr_that_is_no_text_or_recurses() -> None:
    class Number:
        def __repr__(self) -> Any:
            return 3

    class Endless:
        def __repr__(self) -> str:
            return f"<{self!r}>"

    assert "raised TypeError" in preview("v", Number()).note
    assert "raised RecursionError" in preview("v", Endless()).note


def test_slow_reprs_are_given_up() -> None:
    asked = []

    class Slow:
        def __repr__(self) -> str:
            asked.append(self)
            time.sleep(1.1)
            return "slow"

    got = preview("v", [Slow() for _ in range(20)])
    assert len(asked) < 5
    assert got.note == "some parts are shown by type only, because their __repr__ is slow"


def test_hostile_values_are_shown_somehow() -> None:
    for base, args in ((object, ()), (list, ([1],)), (dict, ({1: 2},)), (str, ("a",)), (int, (1,)), (tuple, ((1,),))):
        for meta in (False, True):
            got = preview("v", make(base, *args, meta=meta))
            assert got.type == "__main__.Hostile"
            assert "TouchedError" in got.note or got.text, base


def test_addresses_are_left_out() -> None:
    assert preview("v", print).text == "<built-in function print>"
    assert "0x" not in preview("v", [].append).text


def test_a_placeholder_tells_its_reason() -> None:
    placeholder = pytest.importorskip("timeslip.codec.placeholder")
    got = preview("v", placeholder.Placeholder("v", "r", "it was too large", "c" * 64))
    assert (got.text, got.note) == ("", "not here: it was too large")
    assert got.summary == "placeholder: it was too large"


def test_a_cycle() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert shown(loop) == ["1", "[1, [1, [1, […]]]]"]


# -- users' libraries


def test_arrays() -> None:
    numpy = pytest.importorskip("numpy")
    assert summarize(numpy.zeros((3, 4))) == ("numpy.ndarray", "3 × 4, float64")
    assert summarize(numpy.zeros(1, "i4")) == ("numpy.ndarray", "1 element, int32")
    assert summarize(numpy.array(1.0)) == ("numpy.ndarray", "0-dimensional, float64")
    assert summarize(numpy.zeros(2, "i4,f8")) == ("numpy.ndarray", "2 elements, structured, 2 fields")
    assert summarize(numpy.float32(1.5)) == ("numpy.float32", "1.5")
    assert shown(numpy.arange(3)) == ["[0 1 2]"]
    assert shown(numpy.arange(10_000), lines=5) == ["[   0    1    2 ... 9997 9998 9999]"]
    assert shown(numpy.array([None, BadRepr(ValueError("no"))], dtype=object))[0] == "None"
    assert preview("v", numpy.float32(1.5)).text in ("np.float32(1.5)", "1.5")


def test_an_array_class_of_the_users() -> None:
    numpy = pytest.importorskip("numpy")
    value = numpy.zeros(3).view(hostile(numpy.ndarray))
    assert summarize(value) == ("__main__.Hostile", "3 elements, float64")


def test_frames() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2, 3], "b": [0.5, None, 1e-7]})
    assert summarize(frame)[1] == "3 rows × 2 columns: 'a', 'b'"
    assert shown(frame, lines=5) == [
        "       a        b",
        "   int64  float64",
        "0      1      0.5",
        "1      2      nan",
        "… 1 more row",
    ]
    assert summarize(frame["a"])[1] == "3 rows, int64, name 'a'"
    assert shown(frame["a"], lines=3) == ["0  1", "1  2", "… 1 more row"]
    assert summarize(frame.index)[1] == "3 labels, int64"
    assert summarize(pandas.DataFrame())[1] == "0 rows × 0 columns"
    wide = pandas.DataFrame([[0] * 50])
    assert summarize(wide)[1] == "1 row × 50 columns"
    assert all(line.endswith("…") and len(line) <= 60 for line in shown(wide, width=60))


def test_a_frame_class_of_the_users() -> None:
    pandas = pytest.importorskip("pandas")

    class Mine(pandas.DataFrame):  # type: ignore[misc]
        def __getattr__(self, name: str) -> Any:
            raise TouchedError

        def __len__(self) -> int:
            raise TouchedError

        shape = columns = property(lambda self: 1 / 0)

    value = pandas.DataFrame({"a": [1]})
    value.__class__ = Mine
    assert summarize(value)[1] == "1 row × 1 column: 'a'"
    assert "cannot be shown" in preview("v", value).note


def test_a_frame_with_hostile_cells() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"o": [BadRepr(ValueError("no")), nested(100_000)]})
    got = preview("v", frame)
    assert got.note == f"__repr__ of {HERE}.BadRepr raised ValueError: no"
    assert "[[…]]" in got.text


def test_a_figure() -> None:
    figures = pytest.importorskip("matplotlib.figure")
    figure = figures.Figure()
    figure.add_subplot().set_title("hello")
    assert summarize(figure) == ("matplotlib.figure.Figure", "figure, 1 plot")
    assert preview("v", figure).text == "figure of 6.4 × 4.8 inches, 1 plot: 'hello'"


def test_an_estimator() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    model = linear.LinearRegression()
    assert summarize(model)[1] == "not fitted"
    model.fit([[0.0], [1.0]], [0.0, 2.0])
    assert summarize(model)[1].startswith("fitted: ")
    assert "coef_" in summarize(model)[1]


def test_a_library_of_another_version_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "strange", types.ModuleType("strange"))
    strange = type("Thing", (), {"__module__": "strange"})
    assert summarize(strange()) == ("strange.Thing", "")
