"""The namespace of a script: what of it is state, and modules as values."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip


class Lazy(types.ModuleType):
    """As libraries make them that load their parts late."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    namespace = {"__name__": "__main__", "__file__": "s.py", "__cached__": None, "__spec__": None, "timeslip": timeslip}
    made = timeslip.attach(namespace, store=tmp_path / "store", name="script", min_free_bytes=0)
    yield made
    made.close()


def test_what_python_puts_into_a_script_is_no_state(session: Any) -> None:
    assert session.names() == ["timeslip"]
    assert session.status().inexact == {}


def test_a_module_with_a_class_of_its_own(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Lazy("lazy_module")
    monkeypatch.setitem(sys.modules, "lazy_module", module)
    session.run("import lazy_module; both = [lazy_module, lazy_module]")
    session.run("other = 1")
    assert session.status().inexact == {}
    session.run("del lazy_module, both")
    assert session.undo().fidelity["lazy_module"] == "exact"
    assert session.namespace["lazy_module"] is module
    assert session.namespace["both"][1] is module
    assert session.namespace["timeslip"] is timeslip


ENDING = """
import subprocess
import sys
import timeslip
session = timeslip.attach({"__name__": "__main__"}, store=sys.argv[1], name="ending", min_free_bytes=0)
session.run("x = list(range(1000))")
session.run("x.append(1)")
sys.exit(3)
"""


def test_a_process_that_ends_closes_its_sessions(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", ENDING, str(tmp_path / "store")], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"")
    assert not list(tmp_path.rglob("*-wal")), "the log of the database is put into it"
    with timeslip.attach(
        {"__name__": "__main__"}, store=tmp_path / "store", name="ending", min_free_bytes=0
    ) as session:
        assert not session.status().shared
        session.resume()
        assert session.namespace["x"][-1] == 1
