"""Looking at frames and indexes fills caches of pandas; none of that is a change of the session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import timeslip

pytest.importorskip("pandas")

MADE = (
    "import pandas as pd\ndi = pd.date_range('2020', periods=3, freq='h'); td = pd.timedelta_range('1s', periods=3)\n"
    "p = pd.period_range('2020', periods=3); a = di.array; tz = di.tz_localize('UTC'); "
    "mi = pd.MultiIndex.from_product([di, p])\n"
    "df = pd.DataFrame({'t': di, 'p': p, 'td': td, 'c': pd.Categorical(list('aba'))})\n"
    "df2 = df.set_index('t'); s = df.p"
)


def look_at_everything(namespace: dict[str, Any]) -> None:
    for name in ("di", "td", "p", "a", "tz", "mi", "df", "df2", "s"):
        value = namespace[name]
        repr(value)
        getattr(value, "_repr_html_", lambda: "")()
    for name in ("di", "td", "p", "tz", "mi"):
        index = namespace[name]
        assert index.is_unique
        assert index.get_loc(index[1]) == 1


def test_looking_is_no_change_before_and_after_a_restore(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="looking") as session:
        session.run(MADE)
        look_at_everything(namespace)
        assert session.verify().changed == {}
        session.run("di = td = p = a = tz = mi = df = df2 = s = None")
        assert set(session.undo(1).fidelity.values()) == {"exact"}
        look_at_everything(namespace)
        assert session.verify().changed == {}
