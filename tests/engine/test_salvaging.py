"""What is whole of a co-variable with a hole comes back, also where something was made from what is in the hole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.engine.test_cases import Sessions, _quiet, sessions

from timeslip.codec.placeholder import Placeholder

__all__ = ["_quiet", "sessions"]  # the fixtures

GENERATOR = "import itertools\nopen('here', 'w').close(); d = [1, 2]; g = (x for x in d); next(g)\n"
MADE_FROM_IT = {
    "an iterator over it": "z = zip(g, d)",
    "an iterator over one over it": "z = map(len, zip(g, d)); z = zip(z, d)",
    "a method of it": "z = [g.send, d]",
    "a container of it": "z = [{'g': g, 'd': d}, (g, d)]",
    "an object that is filled with what is made from it": (
        "import collections\nz = collections.deque([zip(g)]); z.append(d); y = collections.OrderedDict(g=zip(g), d=d)"
    ),
    "an instance with it": "class C: pass\nz = C(); z.g = zip(g); z.d = d",
}


@pytest.mark.parametrize("code", MADE_FROM_IT.values(), ids=MADE_FROM_IT.keys())
def test_the_list_beside_it(code: str, sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    live = sessions.attach()
    live.run(GENERATOR + code, "next(g)")
    live.session.undo()
    assert live["d"] == [1, 2]
    assert type(live["z"]) is Placeholder
    assert type(live["g"]) is Placeholder


def test_a_frame_of_which_only_an_iterator_moved(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pandas: Any = pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    Path("d.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    live = sessions.attach()
    live.run("import pandas as pd", "df = pd.read_csv('d.csv'); it = df.itertuples(); x = next(it)", "x = next(it)")
    whole = pandas.read_csv("d.csv")
    result = live.session.undo()
    assert result.placeholders == ("it",)
    assert "not shared any more" in result.notes["df"]
    assert live["df"].equals(whole)
    assert "timeslip" not in live.session.redo().notes["it"]
    assert live["df"].equals(whole)
    assert live.session.get(live.commits[-2].id, "df").equals(whole)
