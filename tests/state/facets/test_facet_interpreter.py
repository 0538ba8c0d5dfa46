from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator

import pytest

from timeslip.errors import FacetError
from timeslip.state.facets import REGISTRY


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    depth, interval, timeout = sys.getrecursionlimit(), sys.getswitchinterval(), socket.getdefaulttimeout()
    yield
    sys.setrecursionlimit(depth)
    sys.setswitchinterval(interval)
    socket.setdefaulttimeout(timeout)


def test_there_and_back() -> None:
    facet = REGISTRY["interpreter"]()
    facet.attach()
    depth, interval = sys.getrecursionlimit(), sys.getswitchinterval()
    assert facet.capture() == b"{}"
    sys.setrecursionlimit(depth + 123)
    sys.setswitchinterval(0.25)
    socket.setdefaulttimeout(7.5)
    data = facet.capture()
    assert facet.describe(b"{}", data) == (
        f"interpreter: recursion limit -> {depth + 123}, switch interval -> 0.25, timeout of sockets -> 7.5"
    )
    facet.restore(b"{}")
    assert (sys.getrecursionlimit(), sys.getswitchinterval(), socket.getdefaulttimeout()) == (depth, interval, None)
    assert facet.capture() == b"{}"
    facet.restore(data)
    assert (sys.getrecursionlimit(), sys.getswitchinterval(), socket.getdefaulttimeout()) == (depth + 123, 0.25, 7.5)
    assert facet.capture() == data
    assert facet.describe(data, b"{}").startswith("interpreter: recursion limit back to the start")


def test_what_the_session_has_not_set_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    facet = REGISTRY["interpreter"]()
    facet.attach()
    sys.setswitchinterval(0.25)
    data = facet.capture()
    assert b"recursion" not in data
    other = REGISTRY["interpreter"]()
    sys.setswitchinterval(0.125)
    sys.setrecursionlimit(sys.getrecursionlimit() + 77)
    now = sys.getrecursionlimit()
    other.attach()
    other.restore(data)
    assert (sys.getswitchinterval(), sys.getrecursionlimit()) == (0.25, now)


def test_what_python_refuses_is_said() -> None:
    facet = REGISTRY["interpreter"]()
    facet.attach()
    depth = sys.getrecursionlimit()
    with pytest.raises(FacetError, match="recursion limit"):
        facet.restore(b'{"set":{"recursion limit":1,"switch interval":0.25}}')
    assert (sys.getrecursionlimit(), sys.getswitchinterval()) == (depth, 0.25)


def test_sockets_are_loaded_only_for_a_timeout(fresh: Callable[..., str]) -> None:
    code = (
        "import sys; from timeslip.state.facets import REGISTRY; f = REGISTRY['interpreter'](); f.attach()\n"
        "print(f.capture()); f.restore(b'{}'); print('socket' in sys.modules)\n"
        "f.restore(b'{\"set\":{\"timeout of sockets\":2.5}}'); print(sys.modules['socket'].getdefaulttimeout())"
    )
    assert fresh(code).split() == ["b'{}'", "False", "2.5"]
