from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.doors.fakes import FakeSession
from tests.doors.shells import a_shell

from timeslip.errors import DamagedStoreError
from timeslip.ipython import extension
from timeslip.ipython.completion import candidates
from timeslip.verbs import VERBS


class Session(FakeSession):
    def __init__(self, directory: Path | None = None) -> None:
        super().__init__(directory)
        self.namespace = {"df": 1, "data": 2, "_hidden": 3, "Out[3]": 4}


def offered(text: str) -> list[str]:
    found = candidates(text, Session())
    assert found is not None
    return found[1]


def test_verbs() -> None:
    assert offered("%timeslip ") == [*VERBS, "help"]
    assert offered("%timeslip ch") == ["checkout"]
    assert offered("%timeslip help un") == ["undo"]


def test_options() -> None:
    assert offered("%timeslip log --") == ["--all", "--limit", "--names", "--grep", "--json"]
    assert "--dry-run" in offered("%undo --")


def test_references() -> None:
    assert offered("%timeslip checkout ")[:6] == ["HEAD", "main", "main-2", "v1", "In[6]", "In[5]"]
    assert offered("%timeslip checkout In[") == [f"In[{n}]" for n in (6, 5, 3, 2, 1)]
    assert offered("%timeslip checkout 06") == ["06060606"]
    assert offered("%timeslip switch ") == ["main", "main-2"]
    assert offered("%timeslip tag --delete ") == ["v1"]


def test_names() -> None:
    assert offered("%timeslip blame d") == ["data", "df"]
    assert offered("%timeslip show HEAD d") == ["data", "df"]
    assert offered("%timeslip checkout HEAD -- ") == ["Out[3]", "data", "df", "tmp"]
    assert offered("%timeslip log --names d") == ["data", "df"]
    assert offered("%timeslip log --names df,d") == ["df,data", "df,df"]
    session = Session()
    session.namespace["odd name"] = 1
    assert candidates("%timeslip blame o", session) == ("o", ["'odd name'"])


def test_sessions() -> None:
    assert offered("%timeslip resume --from ") == ["session-20261127-181500", "'two words'"]
    assert offered("%timeslip resume HEAD --from s") == ["session-20261127-181500"]


def test_settings_and_nothing() -> None:
    assert offered("%timeslip config r") == ["replay"]
    assert offered("%timeslip config replay ") == ["auto", "ask", "never"]
    assert offered("%timeslip config audit ") == ["on", "off"]
    assert offered("%timeslip config keep_commits ") == []
    assert offered("%timeslip config nosuch ") == []
    assert offered("%timeslip nonsense ") == []
    assert offered("%timeslip status x") == []
    assert candidates("x = 1", Session()) is None
    assert candidates("%time x", Session()) is None


def test_a_broken_store_offers_nothing() -> None:
    session = Session()
    session.fails = DamagedStoreError("broken")
    assert candidates("%timeslip checkout ", session) == ("", [])


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Any]:
    with a_shell() as made:
        extension._attached = extension._hang_in(made, Session(tmp_path))
        try:
            yield made
        finally:
            extension.unload(made)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%timeslip ch", {"checkout"}),
        ("%timeslip checkout In[6", {"In[6]"}),
        ("%timeslip checkout main-", {"main-2"}),
        ("%timeslip log --a", {"--all"}),
        ("x = 1\n%timeslip blame d", {"df", "data"}),
    ],
)
def test_through_ipython(shell: Any, line: str, expected: set[str]) -> None:
    from IPython.core.completer import provisionalcompleter

    with provisionalcompleter():
        made = {(line[: c.start] + c.text) for c in shell.Completer.completions(line, len(line))}
    start = line.rpartition(" ")[0] + " "
    assert made == {start + word for word in expected}
