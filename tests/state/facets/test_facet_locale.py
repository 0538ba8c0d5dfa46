from __future__ import annotations

import locale

import pytest

from timeslip.errors import FacetError
from timeslip.state.facets import REGISTRY


def _other() -> str:
    """A locale that is not the present one for numbers."""
    now = locale.setlocale(locale.LC_NUMERIC)
    for name in ("de_DE.UTF-8", "en_US.UTF-8", "C.UTF-8", "C.utf8", "C", "POSIX"):
        try:
            if locale.setlocale(locale.LC_NUMERIC, name) != now:
                return str(locale.setlocale(locale.LC_NUMERIC))
        except locale.Error:
            continue
        finally:
            locale.setlocale(locale.LC_NUMERIC, now)
    pytest.skip("this system has one locale only")


def test_there_and_back() -> None:
    other = _other()
    facet = REGISTRY["locale"]()
    facet.attach()
    start = locale.setlocale(locale.LC_ALL)
    assert facet.capture() == b"{}"
    locale.setlocale(locale.LC_NUMERIC, other)
    data = facet.capture()
    assert b"LC_TIME" not in data
    facet.restore(b"{}")
    assert locale.setlocale(locale.LC_ALL) == start
    facet.restore(data)
    assert locale.setlocale(locale.LC_NUMERIC) == other
    assert facet.capture() == data
    assert facet.describe(b"{}", data) == f"locale: LC_NUMERIC at the start -> {other}"


def test_a_locale_that_is_not_here() -> None:
    facet = REGISTRY["locale"]()
    facet.attach()
    start = locale.setlocale(locale.LC_ALL)
    with pytest.raises(FacetError, match="no locale LC_NUMERIC xx_YY"):
        facet.restore(b'{"set":{"LC_NUMERIC":"xx_YY"}}')
    with pytest.raises(FacetError, match="LC_NOTHING"):
        facet.restore(b'{"set":{"LC_NOTHING":"C"}}')
    assert locale.setlocale(locale.LC_ALL) == start
    assert facet.capture() == b"{}"
