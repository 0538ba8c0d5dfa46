"""What cells put into modules and classes of libraries is seen, taken out and put back."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from timeslip.codec.placeholder import Placeholder
from timeslip.state.namespace import PlainNamespace
from timeslip.state.patches import PatchedNamespace, sought


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module with a class, as if it were installed."""
    module = types.ModuleType("timeslips_library")
    exec(
        "value = 1\ndef double(x):\n    return 2 * x\nclass Frame:\n    def size(self):\n        return 0\n",
        vars(module),
    )
    monkeypatch.setitem(sys.modules, "timeslips_library", module)
    return module


def ran(namespace: PatchedNamespace, code: str) -> dict[str, Any]:
    """Run *code*; the patches that are in place after it."""
    namespace.foresee(code)
    exec(code, namespace.globals)
    return patches(namespace)


def patches(namespace: PatchedNamespace) -> dict[str, Any]:
    return {key: value for key, value in namespace.snapshot().items() if "." in key}


def fresh() -> PatchedNamespace:
    return PatchedNamespace(PlainNamespace({"__name__": "__main__"}))


FRAME = "timeslips_library.Frame"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import timeslips_library as lib\nlib.value = 2", [("timeslips_library", "value")]),
        ("from timeslips_library import Frame\nFrame.extra = 1", [(FRAME, "extra")]),
        ("import timeslips_library\ntimeslips_library.Frame.extra, x = 1, 2", [(FRAME, "extra")]),
        ("known.value += 1", [("timeslips_library", "value")]),
        ("del known.value", [("timeslips_library", "value")]),
        ("setattr(known, 'value', 3)", [("timeslips_library", "value")]),
        ("def later():\n    known.value = 3", [("timeslips_library", "value")]),
        ("with known.value as known.other:\n    pass", [("timeslips_library", "other")]),
        ("for known.value in []:\n    pass", [("timeslips_library", "value")]),
        ("import pandas as pd\n@pd.api.extensions.register_dataframe_accessor('geo')\nclass Geo: pass",
         [("pandas.core.frame.DataFrame", "geo")]),
        ("number.value = 1; local = 1; local.x = 2", []),
        ("class Own:\n    pass\nOwn.value = 1", []),
        ("self.value = 1; f().value = 2; [known][0].value = 3", []),
        ("setattr(known, name, 3)", []),
        ("not python", []),
    ],
)  # fmt: skip
def test_what_a_cell_may_set_is_read_off_it(library: Any, code: str, found: list[tuple[str, str]]) -> None:
    assert sought(code, {"known": library, "number": 3}) == found


def test_a_patch_is_there_as_long_as_it_differs(library: Any) -> None:
    namespace, double = fresh(), library.double
    assert ran(namespace, "import timeslips_library as lib") == {}
    assert ran(namespace, "lib.value = 5") == {"timeslips_library.value": 5}
    mine = ran(namespace, "lib.double = mine = lambda x: 3 * x")["timeslips_library.double"]
    assert mine is namespace.globals["mine"] is library.double
    library.value = 1  # by whom does not matter
    assert list(patches(namespace)) == ["timeslips_library.double"]
    namespace.apply({}, ["timeslips_library.double", "mine"])
    assert library.double is double
    assert "mine" not in namespace.globals
    namespace.apply({"timeslips_library.double": mine, "x": 1}, [])
    assert library.double is mine
    assert namespace.globals["x"] == 1
    assert namespace.problems == []


def test_what_was_not_there_goes_again(library: Any) -> None:
    namespace = fresh()
    ran(namespace, "from timeslips_library import Frame")
    assert list(ran(namespace, "Frame.extra = property(lambda self: 7)")) == [f"{FRAME}.extra"]
    assert library.Frame().extra == 7
    namespace.apply({}, [f"{FRAME}.extra"])
    assert not hasattr(library.Frame, "extra")
    namespace.apply({}, [f"{FRAME}.extra"])  # harmless when it is gone already
    assert namespace.problems == []


def test_nobody_saw_what_was_there_before_a_module_was_imported(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    namespace, name = fresh(), library.__name__
    monkeypatch.delitem(sys.modules, name)
    namespace.foresee("import timeslips_library\ntimeslips_library.value = 1")
    assert patches(namespace) == {}
    monkeypatch.setitem(sys.modules, name, library)
    assert patches(namespace) == {"timeslips_library.value": 1}
    namespace.apply({}, ["timeslips_library.value"])
    [said] = namespace.problems
    assert said == (
        "timeslips_library.value: left as set, because the cell that set this imported its module, so that nobody saw "
        "what it was before"
    )
    assert library.value == 1
    assert patches(namespace) == {}, "it was to be taken out"
    namespace.apply({"timeslips_library.value": 1}, [])
    assert patches(namespace) == {"timeslips_library.value": 1}
    namespace.apply({}, ["timeslips_library.value"])
    library.value = 8
    assert patches(namespace) == {"timeslips_library.value": 8}


def test_a_placeholder_is_never_put_into_a_module(library: Any) -> None:
    namespace, key = fresh(), "timeslips_library.value"
    stand_in = Placeholder(key, "a0", "record", "it is a socket")
    namespace.apply({key: stand_in}, [])
    assert library.value == 1
    assert namespace.snapshot()[key] is stand_in
    library.value = 2
    assert namespace.snapshot()[key] == 2
    namespace.apply({}, [key])
    assert library.value == 1


def test_what_cannot_be_set_is_said(library: Any) -> None:
    namespace = fresh()
    namespace.apply({"timeslips_missing.value": 1, "builtins.int.extra": 2, "x": 3}, [])
    assert namespace.globals["x"] == 3
    first, second = namespace.problems
    assert first == "timeslips_missing.value is not set: there is no timeslips_missing here"
    assert second.startswith("builtins.int.extra is not set: TypeError: ")


def test_a_module_that_was_thrown_away_takes_its_patches_along(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    namespace = fresh()
    assert ran(namespace, "import timeslips_library as lib\nlib.value = 5") == {"timeslips_library.value": 5}
    anew = types.ModuleType("timeslips_library")
    anew.value = 9  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "timeslips_library", anew)
    assert patches(namespace) == {}
    assert ran(namespace, "import timeslips_library as lib\nlib.value = 10") == {"timeslips_library.value": 10}
    namespace.apply({}, ["timeslips_library.value"])
    assert anew.value == 9


@pytest.mark.parametrize(
    "code", ["import sys\nsys.stdout = None", "import os\nos.environ = {}", "import os\nos.__x__ = 1"]
)
def test_what_belongs_to_others_is_left_to_them(code: str) -> None:
    namespace = fresh()
    namespace.foresee(code)
    assert patches(namespace) == {}
    assert list(namespace.patched(None)) == []


def test_a_property_of_a_module_is_read_as_it_comes(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """``torch.backends.cudnn.deterministic`` is one."""

    class Kind(types.ModuleType):
        held = False
        flag = property(lambda self: self.held, lambda self, value: vars(self).__setitem__("held", value))

    module: Any = Kind("timeslips_flags")
    monkeypatch.setitem(sys.modules, "timeslips_flags", module)
    namespace = fresh()
    assert ran(namespace, "import timeslips_flags as flags\nflags.flag = True") == {"timeslips_flags.flag": True}
    namespace.apply({}, ["timeslips_flags.flag"])
    assert module.flag is False
