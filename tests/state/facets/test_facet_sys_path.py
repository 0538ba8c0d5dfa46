from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from timeslip.state.facets import REGISTRY, Facet

paths = st.lists(st.sampled_from(["", "/a", "/b", "/c", "/ü"]), max_size=6)


def attached() -> Facet:
    facet = REGISTRY["sys_path"]()
    facet.attach()
    return facet


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=paths, then=paths, now=paths)
def test_there_and_back(start: list[str], then: list[str], now: list[str]) -> None:
    own, kept = sys.path, list(sys.path)
    try:
        sys.path[:] = start
        facet = attached()
        sys.path[:] = then
        data = facet.capture()
        sys.path[:] = now
        before = facet.capture()
        facet.restore(data)
        assert sys.path == then
        assert facet.capture() == data
        facet.restore(before)
        assert sys.path == now
        assert sys.path is own
    finally:
        own[:] = kept


def test_another_process_keeps_its_own_entries() -> None:
    sys.path[:] = ["", "/old/lib", "/old/site"]
    facet = attached()
    sys.path.insert(0, "/project")
    sys.path.append("/extra")
    sys.path.remove("/old/site")
    data = facet.capture()
    assert b"/old/lib" not in data
    sys.path[:] = ["", "/new/lib", "/new/zip", "/new/site"]
    other = attached()
    other.restore(data)
    assert sys.path == ["/project", "", "/new/lib", "/new/zip", "/new/site", "/extra"]
    assert other.capture() == data
    sys.path.append("/more")
    assert b"/old/site" in other.capture()  # a third process that has it will drop it


def test_entries_that_are_no_text_are_left_alone_and_reported_once() -> None:
    facet = attached()
    odd = Path("/odd")
    sys.path.insert(0, odd)  # type: ignore[arg-type]
    sys.path.insert(0, "/x")
    data = facet.capture()
    sys.path.remove("/x")
    facet.capture()
    assert len(facet.take_problems()) == 1
    facet.restore(data)
    assert odd in sys.path
    assert "/x" in sys.path
    facet.restore(b"{}")
    assert odd not in sys.path


def test_addresses_with_a_password_are_left_out() -> None:
    facet = attached()
    sys.path.append("https://me:hunter2@host/modules.zip")
    assert b"hunter2" not in facet.capture()


def test_description() -> None:
    facet = attached()
    before = facet.capture()
    sys.path.append("/x")
    gone = sys.path.pop(0)
    after = facet.capture()
    assert facet.describe(before, after) == f"sys.path: + /x, - {gone}"
    assert facet.describe(after, before) == f"sys.path: - /x, + {gone}"


def test_fresh_process(fresh) -> None:
    facet = attached()
    sys.path.insert(0, "/project")
    data = facet.capture()
    sys.path.remove("/project")
    code = (
        "import sys; from timeslip.state.facets import FacetSet\n"
        "f = FacetSet(['sys_path']); f.attach(); old = list(sys.path)\n"
        "assert f.restore({'sys_path': sys.argv[1].encode()}) == []\n"
        "assert sys.path == ['/project', *old]; print(sys.path[0])"
    )
    assert fresh(code, data.decode()) == "/project"
