from __future__ import annotations

import gc
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from timeslip.errors import FacetError
from timeslip.state.facets import REGISTRY, Facet, FacetSet

pd: Any = pytest.importorskip("pandas")

OPTIONS: dict[str, Any] = {
    "display.max_rows": st.sampled_from([5, 10, None]),
    "display.precision": st.integers(1, 9),
    "display.html.border": st.integers(0, 3),
    "io.excel.xlsx.writer": st.sampled_from(["auto", "openpyxl"]),
    "display.chop_threshold": st.sampled_from([None, 0.5, 1.0]),
    "display.expand_frame_repr": st.booleans(),
}
choices = st.fixed_dictionaries({}, optional=OPTIONS)


@pytest.fixture(autouse=True)
def _options() -> Iterator[None]:
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pd.reset_option("all")


def attached() -> Facet:
    facet = REGISTRY["pandas_options"]()
    facet.attach()
    return facet


def put(values: dict[str, Any]) -> dict[str, Any]:
    for key in OPTIONS:
        pd.reset_option(key)
    for key, value in values.items():
        pd.set_option(key, value)
    return {key: pd.get_option(key) for key in OPTIONS}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=choices, then=choices, now=choices)
def test_there_and_back(start: dict[str, Any], then: dict[str, Any], now: dict[str, Any]) -> None:
    put(start)
    facet = attached()
    assert facet.capture() == b"{}"
    wanted = put(then)
    data = facet.capture()
    put(now)
    facet.capture()
    facet.restore(data)
    assert {key: pd.get_option(key) for key in OPTIONS} == wanted
    assert facet.capture() == data


def test_format_methods_are_recorded() -> None:
    facet = attached()
    pd.set_option("display.float_format", "{:,.1f}".format)
    data = facet.capture()
    assert facet.take_problems() == []
    facet.restore(b"{}")
    assert pd.get_option("display.float_format") is None
    facet.restore(data)
    assert pd.get_option("display.float_format")(1234.56) == "1,234.6"


def test_functions_are_left_out_reported_once_and_not_kept_alive() -> None:
    facet = attached()

    def two(x: float) -> str:
        return f"{x:.2f}"

    pd.set_option("display.float_format", two)
    pd.set_option("display.max_rows", 7)
    data = facet.capture()
    pd.set_option("display.max_rows", 8)
    facet.capture()
    assert facet.take_problems() == ["the pandas option display.float_format holds an object that cannot be recorded"]
    facet.restore(data)
    assert pd.get_option("display.float_format") is two
    assert pd.get_option("display.max_rows") == 7
    pd.reset_option("display.float_format")
    gone = weakref.ref(two)
    del two
    gc.collect()
    assert gone() is None
    with pytest.raises(FacetError, match=r"display\.float_format"):
        facet.restore(data)
    pd.set_option("display.float_format", lambda x: str(x))
    facet.restore(b"{}")
    assert pd.get_option("display.float_format") is None


def test_an_option_that_is_not_here_is_named_and_the_rest_is_set() -> None:
    facets = FacetSet(["pandas_options"])
    facets.attach()
    problems = facets.restore({"pandas_options": b'{"set":{"display.max_rows":3,"display.no_such":1}}'})
    assert len(problems) == 1
    assert "display.no_such" in problems[0]
    assert pd.get_option("display.max_rows") == 3


def test_options_registered_later() -> None:
    facet = attached()
    config = pytest.importorskip("pandas._config.config")
    config.register_option("display.timeslip_test", 1, validator=config.is_int)
    try:
        assert facet.capture() == b"{}"
        pd.set_option("display.timeslip_test", 2)
        assert facet.capture() == b'{"set":{"display.timeslip_test":2}}'
        facet.restore(b"{}")
        assert pd.get_option("display.timeslip_test") == 1
    finally:
        del config._registered_options["display.timeslip_test"]
        del config._global_config["display"]["timeslip_test"]


def test_description() -> None:
    facet = REGISTRY["pandas_options"]()
    before, after = b'{"set":{"a.b":1,"c":["l",1,2]}}', b'{"set":{"a.b":null}}'
    assert facet.describe(before, after) == "pandas options: a.b -> None, c back to the start"


def test_loaded_after_attach_and_set_in_the_same_cell(fresh) -> None:
    code = (
        "from timeslip.state.facets import FacetSet; f = FacetSet(['pandas_options']); f.attach()\n"
        "assert f.capture() == {'pandas_options': b'{}'}\n"
        "import pandas; pandas.set_option('display.max_rows', 7); print(f.capture()['pandas_options'].decode())\n"
        "assert f.restore({'pandas_options': b'{}'}) == []; assert pandas.get_option('display.max_rows') == 60"
    )
    assert fresh(code) == '{"set":{"display.max_rows":7}}'


def test_fresh_process_loads_pandas_only_if_needed(fresh) -> None:
    code = (
        "import sys; from timeslip.state.facets import FacetSet; f = FacetSet(['pandas_options']); f.attach()\n"
        "assert f.restore({'pandas_options': b'{}'}) == []; assert 'pandas' not in sys.modules\n"
        "data = {'pandas_options': b'{\"set\":{\"display.max_rows\":7}}'}\n"
        "assert f.restore(data) == []; assert f.capture() == data\n"
        "print(sys.modules['pandas'].get_option('display.max_rows'))"
    )
    assert fresh(code) == "7"
