"""The set of facets: nothing in it raises, nothing is loaded, everything is cheap."""

from __future__ import annotations

import decimal
import os
import random
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from tests.calls import calls_of

from timeslip.config import FACETS
from timeslip.errors import FacetError
from timeslip.state.facets import REGISTRY, Facet, FacetSet


def test_the_registry_has_what_the_settings_promise() -> None:
    assert sorted(REGISTRY) == sorted(FACETS)
    for name, make in REGISTRY.items():
        facet = make()
        assert isinstance(facet, Facet)
        assert facet.name == name
        for part in (facet.attach, facet.capture, facet.restore, facet.describe, type(facet)):
            assert part.__doc__


def test_nothing_of_the_users_is_loaded(fresh) -> None:
    code = (
        "import sys; from timeslip.state.facets import FacetSet; from timeslip.config import FACETS\n"
        "f = FacetSet(FACETS); f.attach(); data = f.capture(); assert f.restore(data) == [], data\n"
        "bad = {'numpy', 'pandas', 'matplotlib', 'torch', 'cycler', 'IPython'} & set(sys.modules)\n"
        "print(sorted(bad), f.problems, sorted(data))"
    )
    names = ["cwd", "decimal", "environ", "interpreter", "library_options", "locale", "matplotlib", "pandas_options"]
    names += ["random", "submodules", "sys_path", "tensor_options", "tensorflow_random", "warnings"]
    assert fresh(code) == f"[] [] {names}"


def test_a_whole_state_there_and_back(tmp_path: Path) -> None:
    random.seed(2)  # whatever other tests left
    facets = FacetSet(FACETS)
    facets.attach()
    before = facets.capture()
    random.seed(1)
    os.chdir(tmp_path)
    os.environ["TS_A"] = "1"
    sys.path.insert(0, str(tmp_path))
    decimal.getcontext().prec = 11
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        after = facets.capture()
        changed = {name for name in after if after[name] != before.get(name)}
        assert changed == {"random", "cwd", "environ", "sys_path", "decimal", "warnings"}
        assert facets.restore(before) == []
        assert facets.capture() == before
        assert facets.restore(after) == []
        assert facets.capture() == after
    assert facets.problems == []


def test_only_what_is_asked_for() -> None:
    facets = FacetSet(["cwd", "nonsense"])
    assert list(facets) == ["cwd"]
    assert list(facets.capture()) == ["cwd"]
    assert facets.problems == ["there is no facet 'nonsense'"]
    assert facets.restore({"random": b"{}", "later": b"x"}) == ["the facet 'later' is not known to this release"]


def test_a_facet_that_fails_is_reported_once_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    facets = FacetSet(["random", "cwd"])
    facets.attach()

    def broken(*_: Any) -> Any:
        raise RuntimeError("boom")

    whole = facets.capture()
    monkeypatch.setattr(facets["random"], "capture", broken)
    monkeypatch.setattr(facets["random"], "restore", broken)
    assert list(facets.capture()) == ["cwd"]
    assert list(facets.capture()) == ["cwd"]
    assert facets.problems == ["the facet 'random' failed: RuntimeError: boom"]
    assert facets.restore(whole) == ["the facet 'random' failed: RuntimeError: boom"]
    monkeypatch.undo()
    facets.capture()
    monkeypatch.setattr(facets["random"], "capture", broken)
    facets.capture()
    assert len(facets.problems) == 2


@pytest.mark.parametrize("name", FACETS)
@pytest.mark.parametrize(
    "data", [b"", b"\xff\x00", b"null", b"[1,2]", b'{"set":1,"added":[1],"words":3}', b'"\\u0000"']
)
def test_bytes_of_another_making_never_raise(name: str, data: bytes) -> None:
    if name == "torch_random" and "torch" not in sys.modules:
        pytest.skip("loading torch takes seconds")
    facets = FacetSet(FACETS)
    facets.attach()
    before = facets.capture()
    problems = facets.restore({name: data})
    assert problems
    assert facets.describe(name, data, None)
    if name in before:
        facets.restore({name: before[name]})


def test_description_of_facets_that_are_not_recorded() -> None:
    facets = FacetSet([])
    assert facets.describe("cwd", b'"/a"', b'"/b"') == "working directory /a -> /b"
    assert facets.describe("later", None, b"") == "facet later changed"


def test_the_error_has_a_code() -> None:
    assert FacetError.code == "facet"


def test_a_second_capture_is_cheap() -> None:
    for name in ("numpy", "pandas", "matplotlib.pyplot"):
        pytest.importorskip(name)
    facets = FacetSet(FACETS)
    facets.attach()
    first, again = calls_of(facets.capture), calls_of(facets.capture)
    assert 3 * again < first, "what has not changed is not written again"
