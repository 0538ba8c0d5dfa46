"""Nothing that another key signed is executed: neither values nor the code of cells, by no verb, before `trust`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip.errors import TimeslipError, UntrustedStoreError

VERBS: dict[str, Callable[[Any], Any]] = {
    "resume": lambda session: session.resume(),
    "resume, allow_lost": lambda session: session.resume(allow_lost=True),
    "checkout": lambda session: session.checkout("main"),
    "checkout of a name": lambda session: session.checkout("main", "x"),
    "get": lambda session: session.get("main", "x"),
    "get as": lambda session: session.get("main", "g", "mine"),
    "show": lambda session: session.show("main", "x"),
    "verify": lambda session: session.verify("main"),
}


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that somebody else has written."""
    monkeypatch.setenv("TIMESLIP_KEY_FILE", str(tmp_path / "theirs"))
    with timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="s", facets=()) as session:
        session.run("ran = []")
        session.run("import sys\nsys.foreign_code_has_run = True\nx = [6 * 7]\ng = (i for i in x)")
    monkeypatch.setenv("TIMESLIP_KEY_FILE", str(tmp_path / "mine"))
    monkeypatch.delattr("sys.foreign_code_has_run")
    return tmp_path / "store"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("mode", ["auto", "ask"])
def test_nothing_of_another_key_is_executed(verb: str, mode: str, foreign: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=foreign, name="s", replay=mode) as session:
        with suppress(TimeslipError):  # what only looks may answer with the reason
            VERBS[verb](session)
        with pytest.raises(UntrustedStoreError, match="key that is not yours") as caught:
            session.resume()
        assert "trust" in str(caught.value.hint)
        for name in ("x", "g"):
            with pytest.raises(TimeslipError):
                session.replay(name)
        assert not hasattr(sys, "foreign_code_has_run")
        assert "x" not in namespace
        assert [commit.code for commit in session.log(all=True)][-1] == "ran = []", "history stays readable"
        session.trust()
        session.resume("main")
        assert namespace["x"] == [42]
