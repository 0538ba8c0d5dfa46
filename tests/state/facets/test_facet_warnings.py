from __future__ import annotations

import gc
import re
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from timeslip.errors import FacetError
from timeslip.state.facets import REGISTRY, Facet

FILTERS: list[Any] = [
    ("ignore", None, DeprecationWarning, None, 0),
    ("error", re.compile("x+", re.I), UserWarning, None, 0),
    ("always", None, FutureWarning, re.compile(r"pkg\."), 12),
    ("default", None, DeprecationWarning, "__main__", 0),
    ("once", re.compile("ü"), ImportWarning, None, 0),
]
lists = st.lists(st.sampled_from(FILTERS[:4]), max_size=5)


@pytest.fixture(autouse=True)
def _filters() -> Iterator[None]:
    with warnings.catch_warnings():
        yield


def attached() -> Facet:
    facet = REGISTRY["warnings"]()
    facet.attach()
    return facet


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=lists, then=lists, now=lists)
def test_there_and_back(start: list[Any], then: list[Any], now: list[Any]) -> None:
    own, kept = warnings.filters, list(warnings.filters)
    try:
        own[:] = start  # type: ignore[index]
        facet = attached()
        own[:] = then  # type: ignore[index]
        data = facet.capture()
        own[:] = now  # type: ignore[index]
        before = facet.capture()
        facet.restore(data)
        assert own == then
        assert facet.capture() == data
        facet.restore(before)
        assert own == now
        assert warnings.filters is own
    finally:
        own[:] = kept  # type: ignore[index]


def test_the_cache_of_seen_warnings_is_told() -> None:
    code = compile("import warnings; warnings.warn('again', UserWarning)", "cell", "exec")
    scope: dict[str, Any] = {"__name__": "cell"}
    facet = attached()
    warnings.simplefilter("default")
    shown = facet.capture()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("ignore")
        silent = facet.capture()
        exec(code, scope)
        facet.restore(shown)
        exec(code, scope)
        assert len(seen) == 1
        facet.restore(silent)
        exec(code, scope)
        assert len(seen) == 1


def test_filters_that_stay_are_the_same_objects() -> None:
    facet = attached()
    warnings.filterwarnings("ignore", message="one")
    first = warnings.filters[0]
    data = facet.capture()
    warnings.filterwarnings("error", message="two")
    facet.restore(data)
    assert warnings.filters[0] is first


def test_classes_of_the_session_are_left_out_reported_and_not_kept_alive() -> None:
    class Mine(UserWarning):
        pass

    facet = attached()
    warnings.simplefilter("error", Mine)
    warnings.simplefilter("ignore", FutureWarning)
    data = facet.capture()
    facet.capture()
    assert len(facet.take_problems()) == 1
    warnings.filters[:] = [f for f in warnings.filters if f[2] not in (Mine, FutureWarning)]  # type: ignore[index]
    gone = weakref.ref(Mine)
    del Mine
    gc.collect()
    assert gone() is None
    facet.restore(data)
    assert warnings.filters[0][:3] == ("ignore", None, FutureWarning)


def test_odd_filters_present_in_both_states_stay() -> None:
    class Mine(UserWarning):
        pass

    facet = attached()
    warnings.simplefilter("error", Mine)
    data = facet.capture()
    warnings.simplefilter("ignore", FutureWarning)
    facet.restore(data)
    assert warnings.filters[0][2] is Mine
    facet.restore(b"{}")
    assert all(f[2] is not Mine for f in warnings.filters)


@pytest.mark.parametrize(
    "entry", [None, ("ignore",), ("no-such", None, Warning, None, 0), (["x"], object(), 3, None, "0")]
)
def test_nonsense_among_the_filters(entry: Any) -> None:
    facet = attached()
    warnings.filters.insert(0, entry)  # type: ignore[attr-defined]
    assert facet.capture() == b'{"left":1}'
    warnings.filters.remove(entry)  # type: ignore[attr-defined]


def test_a_class_that_is_not_here_is_named_and_the_rest_is_set() -> None:
    facet = attached()
    with pytest.raises(FacetError, match=r"no_such_package\.Gone"):
        facet.restore(
            b'{"added":[[0,["t","ignore",null,["c","no_such_package","Gone"],null,0]],'
            b'[0,["t","error",null,["c","builtins","FutureWarning"],null,0]],'
            b'[0,["t","error",null,["c","builtins","int"],null,0]]]}'
        )
    assert warnings.filters[0][:3] == ("error", None, FutureWarning)


def test_description() -> None:
    facet = attached()
    before = facet.capture()
    warnings.filterwarnings("ignore", message="hm", category=DeprecationWarning)
    after = facet.capture()
    assert facet.describe(before, after) == "warnings filters: + ignore DeprecationWarning 'hm'"
    assert facet.describe(after, before) == "warnings filters: - ignore DeprecationWarning 'hm'"


def test_fresh_process(fresh) -> None:
    facet = attached()
    for entry in FILTERS:
        warnings.filters.insert(0, entry)  # type: ignore[attr-defined]
    data = facet.capture()
    code = (
        "import sys, warnings; from timeslip.state.facets import FacetSet; f = FacetSet(['warnings']); f.attach()\n"
        "own = list(warnings.filters)\n"
        "assert f.restore({'warnings': sys.argv[1].encode()}) == []; n = len(warnings.filters) - len(own)\n"
        "assert warnings.filters[n:] == own; assert f.capture()['warnings'].decode() == sys.argv[1]; print(n)"
    )
    assert fresh(code, data.decode()) == str(len(FILTERS))
