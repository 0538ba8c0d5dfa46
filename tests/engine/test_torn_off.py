"""A name that shared its object with a module of the user's: the restore says that it does not any more."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import timeslip


def test_an_object_of_a_helper_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_helper_file.py").write_text("CACHE = {}\ndef bump(): CACHE[len(CACHE)] = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="torn") as session:
        session.run("import a_helper_file\nfrom a_helper_file import CACHE, bump\nx = [1]")
        session.run("bump(); x.append(2)")
        result = session.undo(1)
        assert (namespace["CACHE"], namespace["x"]) == ({}, [1])
        told = "CACHE is an object of its own now: a_helper_file.CACHE keeps the one that both had before"
        assert result.messages == (told,)
    sys.modules.pop("a_helper_file")
