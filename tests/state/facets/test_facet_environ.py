from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from timeslip.state.facets import REGISTRY, Facet

NAMES = ["TS_A", "TS_B", "TS_C", "LD_LIBRARY_PATH", "MANPATH"]
environments = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["", "1", "two", "a:b", "b:a:c", "ü"]))


def attached() -> Facet:
    facet = REGISTRY["environ"]()
    facet.attach()
    return facet


def put(values: dict[str, str]) -> None:
    for name in NAMES:
        os.environ.pop(name, None)
    os.environ.update(values)


def live() -> dict[str, str]:
    return {name: os.environ[name] for name in NAMES if name in os.environ}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=environments, then=environments, now=environments)
def test_there_and_back(start: dict[str, str], then: dict[str, str], now: dict[str, str]) -> None:
    put(start)
    facet = attached()
    assert facet.capture() == b"{}"
    put(then)
    data = facet.capture()
    put(now)
    before = facet.capture()
    facet.restore(data)
    assert live() == then
    assert facet.capture() == data
    facet.restore(before)
    assert live() == now


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=environments, then=environments, elsewhere=environments)
def test_another_process_keeps_its_own(start: dict[str, str], then: dict[str, str], elsewhere: dict[str, str]) -> None:
    put(start)
    facet = attached()
    put(then)
    data = facet.capture()
    put(elsewhere)
    other = attached()
    other.restore(data)
    assert other.capture() == data
    for name in NAMES:
        if start.get(name) == then.get(name):
            assert os.environ.get(name) == elsewhere.get(name)
        elif ":" not in elsewhere.get(name, "") + start.get(name, "") and name.startswith("TS"):
            assert os.environ.get(name) == then.get(name)


def test_activation_stays_with_the_process() -> None:
    os.environ["PATH"] = os.pathsep.join(["/old/venv/bin", "/usr/bin"])
    facet = attached()
    os.environ["PATH"] = os.pathsep.join(["/mine", "/old/venv/bin", "/usr/bin", "/also/mine"])
    data = facet.capture()
    assert b"venv" not in data
    os.environ["PATH"] = os.pathsep.join(["/new/venv/bin", "/bin"])
    other = attached()
    other.restore(data)
    assert os.environ["PATH"].split(os.pathsep) == ["/mine", "/new/venv/bin", "/bin", "/also/mine"]


@pytest.mark.parametrize(
    "name",
    [
        "JPY_SESSION_NAME",
        "MPLBACKEND",
        "PYDEVD_USE_FRAME_EVAL",
        "VIRTUAL_ENV",
        "TERM",
        "COLUMNS",
        "SSH_AUTH_SOCK",
        "XDG_DATA_HOME",
    ],
)
def test_what_belongs_to_the_process_is_neither_recorded_nor_touched(name: str) -> None:
    facet = attached()
    os.environ[name] = "one"
    assert facet.capture() == b"{}"
    facet.restore(json.dumps({"set": {name: "other"}}).encode())
    assert os.environ[name] == "one"
    facet.restore(json.dumps({"unset": [name]}).encode())
    assert os.environ[name] == "one"
    assert facet.take_problems() == []


def _token(text: str) -> str:
    return "sk" + "-" + text


class TestCredentials:
    def test_by_name(self) -> None:
        os.environ["OLD_SECRET"] = "before"
        facet = attached()
        os.environ["MY_API_KEY"] = "hunter2"
        os.environ["OLD_SECRET"] = "after"
        assert facet.capture() == b"{}"
        assert len(facet.take_problems()) == 1
        os.environ["MY_API_KEY"] = "hunter3"
        del os.environ["OLD_SECRET"]
        assert facet.capture() == b"{}"
        assert facet.take_problems() == []
        facet.restore(b"{}")
        assert os.environ["MY_API_KEY"] == "hunter3"
        assert "OLD_SECRET" not in os.environ

    def test_by_value(self) -> None:
        facet = attached()
        os.environ["TS_A"] = _token("verysecret")
        os.environ["TS_B"] = "postgres://me:pw@host/db"
        os.environ["MANPATH"] = "https://me:pw@host"
        assert facet.capture() == b"{}"
        assert len(facet.take_problems()) == 1
        facet.restore(b'{"folders":{"MANPATH":{"added":[[0,"/x"]]}}}')
        assert os.environ["TS_A"] == _token("verysecret")
        assert os.environ["MANPATH"] == "https://me:pw@host"

    def test_a_plain_variable_that_becomes_one_is_let_go(self) -> None:
        os.environ["TS_A"] = "plain"
        facet = attached()
        os.environ["TS_A"] = "other"
        data = facet.capture()
        assert data == b'{"set":{"TS_A":"other"}}'
        os.environ["TS_A"] = _token("verysecret")
        assert facet.capture() == b"{}"
        facet.restore(data)
        assert os.environ["TS_A"] == _token("verysecret")
        os.environ["TS_A"] = "plain again"
        assert facet.capture() == b"{}"

    def test_one_at_attach_is_never_in_what_is_recorded(self) -> None:
        os.environ["TS_A"] = _token("verysecret")
        facet = attached()
        del os.environ["TS_A"]
        os.environ["TS_B"] = "1"
        data = facet.capture()
        assert data == b'{"set":{"TS_B":"1"}}'
        facet.restore(b"{}")
        assert "TS_A" not in os.environ

    def test_a_record_that_names_one_is_not_obeyed(self) -> None:
        facet = attached()
        os.environ["MY_TOKEN"] = "mine"
        facet.restore(json.dumps({"set": {"MY_TOKEN": "x", "TS_B": _token("y")}, "unset": ["MY_PASSWORD"]}).encode())
        assert os.environ["MY_TOKEN"] == "mine"
        assert "TS_B" not in os.environ

    @given(
        name=st.sampled_from(["A_KEY", "TOKEN_B", "MYPASSWORD", "PLAIN_URL"]),
        value=st.text(st.characters(categories=["L", "N"], max_codepoint=0x7F), min_size=12, max_size=40),
    )
    def test_never_in_the_bytes(self, name: str, value: str) -> None:
        facet = attached()
        os.environ[name] = value if name != "PLAIN_URL" else f"https://u:{value}@host"
        os.environ["TS_A"] = "seen"
        data = facet.capture()
        del os.environ["TS_A"]
        text = data + facet.describe(None, data).encode() + "".join(facet.take_problems()).encode()
        assert b"seen" in data
        assert value.encode() not in text
        assert name.encode() not in text
        assert os.environ.pop(name)


def test_values_that_are_no_text() -> None:
    if os.name != "posix":
        pytest.skip("bytes in the environment")
    facet = attached()
    os.environb[b"TS_A"] = b"\xff\xfe"
    data = facet.capture()
    del os.environ["TS_A"]
    facet.restore(data)
    assert os.environb[b"TS_A"] == b"\xff\xfe"


def test_a_value_this_system_refuses_is_reported_and_the_rest_is_set() -> None:
    from timeslip.state.facets import FacetSet

    facets = FacetSet(["environ"])
    facets.attach()
    problems = facets.restore({"environ": b'{"set":{"TS_A":"a\\u0000b","TS_B":"fine"}}'})
    assert problems == ["the environment variable TS_A could not be put back"]
    assert os.environ["TS_B"] == "fine"


def test_description_shows_names_only() -> None:
    facet = REGISTRY["environ"]()
    before, after = (
        b'{"set":{"A":"1","B":"2"}}',
        b'{"folders":{"PATH":{"added":[[0,"/x"]]}},"set":{"B":"3"},"unset":["C"]}',
    )
    assert facet.describe(before, after) == "environment: back to the start A, set B, removed C, set PATH"
    assert facet.describe(after, after) == "environment: unchanged"


def test_fresh_process(fresh) -> None:
    facet = attached()
    os.environ["TS_A"] = "1"
    data = facet.capture()
    code = (
        "import os, sys; from timeslip.state.facets import FacetSet; f = FacetSet(['environ']); f.attach()\n"
        "assert f.restore({'environ': sys.argv[1].encode()}) == []\n"
        "assert f.capture()['environ'].decode() == sys.argv[1]; print(os.environ['TS_A'], os.environ['TS_B'])"
    )
    del os.environ["TS_A"]
    assert fresh(code, data.decode(), TS_B="own") == "1 own"
