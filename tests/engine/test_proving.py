"""Classes of modules are tried out the first time that one of their instances is recorded."""

from __future__ import annotations

import json
import os
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip import proving
from timeslip.store.verdicts import VerdictFile

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="classes are tried on Linux only")

HELPER = '''
"""A module of the user's own, with classes whose pickling cannot be relied on."""
import copyreg, os, socket, time

LOADED = []

class Drops:
    def __init__(self): self.kept, self.dropped = 1, [2]
    def __getstate__(self): return {"kept": self.kept}

class Constant:
    def __init__(self): self.value = [1]
    def __reduce__(self): return (int, (3,))

class Raises:
    def __init__(self): self.value = [1]
    def __setstate__(self, state): raise ValueError("no")

class Connects:
    def __init__(self): self.value = [1]
    def __setstate__(self, state):
        self.__dict__.update(state)
        socket.create_connection(("127.0.0.1", 9)).close()

class Writes:
    def __init__(self): self.value = [1]
    def __setstate__(self, state):
        self.__dict__.update(state)
        with open(os.environ["WRITTEN"], "w") as file:
            file.write("x")

class Registers:
    def __init__(self): self.value = [1]
    def __setstate__(self, state):
        self.__dict__.update(state)
        LOADED.append(self)

class Counts:
    made = 0
    def __init__(self): self.value = [1]
    def __setstate__(self, state):
        self.__dict__.update(state)
        Counts.made += 1

class Slots:
    __slots__ = ("a", "b")
    def __init__(self): self.a, self.b = [1], [2]
    def __getstate__(self): return self.a
    def __setstate__(self, state): self.a = state

class Splits:
    """Its two attributes are one list, and come back as two."""
    def __init__(self): self.a = self.b = [1]
    def __getstate__(self): return {"a": list(self.a), "b": list(self.b)}

class Wrong:
    def __init__(self): self.value = [1]
    def __getstate__(self): return {"value": [1, 1]}

class Kept:
    """Says itself what there is to pickle, and says it right."""
    def __init__(self): self.value = [1]
    def __getstate__(self): return dict(self.__dict__)
    def __setstate__(self, state): self.__dict__.update(state)

class Registered:
    def __init__(self): self.value = [1]

copyreg.pickle(Registered, lambda obj: (Registered, ()))
'''

OWN = "Drops Constant Raises Connects Writes Registers Counts Slots Splits Wrong Kept Registered".split()
"""Classes of the user's own modules that come back exactly, whatever their own pickling does."""

LIBRARY = '''
"""Stands for an installed library."""
import os, socket, tempfile, time
__version__ = "1.5"

class Plain:
    def __init__(self): self.value = [1]
    def __getstate__(self): return dict(self.__dict__)

class Drops:
    def __init__(self): self.value, self.cache = [1], {"a": 1}
    def __getstate__(self): return {"value": self.value}

class Later:
    """Comes back as long as nothing has been added to it."""
    def __init__(self): self.value, self.more = [1], None
    def __getstate__(self): return {"value": self.value, "more": None}

class Holds:
    """Holds one of the above."""
    def __init__(self): self.value = Drops()
    def __getstate__(self): return dict(self.__dict__)

class Replaces:
    """Writes a file as careful programs do: beside it, and then in its place."""
    def __init__(self): self.value = [1]
    def __setstate__(self, state):
        self.__dict__.update(state)
        handle, name = tempfile.mkstemp(dir=os.path.dirname(os.environ["WRITTEN"]))
        os.close(handle)
        os.replace(name, os.environ["WRITTEN"])

class Scratches:
    """Needs a file for a moment."""
    def __init__(self): self.value = [1]
    def __setstate__(self, state):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "a"), "w") as file: file.write("x")
            os.rename(os.path.join(folder, "a"), os.path.join(folder, "b"))
        self.__dict__.update(state)

class Hangs:
    def __init__(self): self.value = [1]
    def __setstate__(self, state):
        while True:
            time.sleep(0.01)

class Connects:
    LOADED = 0
    def __init__(self): self.value = [1]
    def __setstate__(self, state):
        Connects.LOADED += 1
        self.__dict__.update(state)
        socket.create_connection(("127.0.0.1", 9)).close()
'''


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "written"
    monkeypatch.setenv("WRITTEN", str(path))
    return path


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    own, installed = tmp_path / "own", tmp_path / "lib" / "site-packages"
    for folder, name, code in ((own, "helper_module", HELPER), (installed, "some_library", LIBRARY)):
        folder.mkdir(parents=True)
        (folder / f"{name}.py").write_text(textwrap.dedent(code))
        monkeypatch.syspath_prepend(str(folder))
    yield
    for name in ("helper_module", "some_library"):
        sys.modules.pop(name, None)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    made = start(tmp_path)
    yield made
    made.close()


def start(tmp_path: Path) -> Any:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    made = timeslip.attach(namespace, store=tmp_path / "store", name="trial", facets=(), min_free_bytes=0)
    made.run("import helper_module as own, some_library as library")
    return made


def names(session: Any) -> dict[str, Any]:
    found: dict[str, Any] = session._live.namespace.globals
    return found


def content(obj: Any) -> dict[str, Any]:
    return (
        {name: getattr(obj, name) for name in vars(obj)}
        if hasattr(obj, "__dict__")
        else {name: getattr(obj, name) for name in ("a", "b")}
    )


@pytest.mark.parametrize("name", OWN)
def test_own_classes_come_back_exactly(session: Any, written: Path, name: str) -> None:
    session.run(f"x = own.{name}(); y = [x]")
    x = names(session)["x"]
    before = {key: list(value) if isinstance(value, list) else value for key, value in content(x).items()}
    session.run(
        "for value in [getattr(x, n, None) for n in ('value', 'dropped', 'a', 'b')]:\n"
        "    if value is not None: value.append(9)"
    )
    changed = content(names(session)["x"])
    result = session.undo()
    assert result.fidelity["x"] == "exact", result.notes
    x = names(session)["x"]
    assert content(x) == before
    assert names(session)["y"][0] is x
    if name == "Splits":
        assert x.a is x.b
    session.redo()
    assert content(names(session)["x"]) == changed
    assert session.status().inexact == {}
    assert not written.exists()
    own = sys.modules["helper_module"]
    assert own.LOADED == []
    assert own.Counts.made == 0


def test_what_does_not_end_is_not_loaded(session: Any) -> None:
    session.run("x = library.Hangs()")
    session.run("x.value.append(2)")
    result = session.undo()
    assert result.fidelity["x"] in ("lost", "replayed")
    assert "does not end" in result.notes["x"]


def test_the_class_that_is_to_blame_is_found(session: Any) -> None:
    session.run("x = [library.Plain(), library.Drops(), library.Holds()]")
    settle(session)
    told = session.status().inexact["x"]
    assert "Drops" in told
    assert "Plain" not in told
    assert "Holds" not in told


def settle(session: Any) -> None:
    """Wait for the verdicts, as travelling does."""
    session._live.await_verdicts()


def test_a_library_that_drops_something_is_reported(session: Any) -> None:
    session.run("x = library.Drops(); y = library.Plain()")
    settle(session)
    told = session.status().inexact
    assert "library.Drops" in told["x"]
    assert "cache" in told["x"]
    assert "y" not in told
    session.run("x.value.append(2); y.value.append(2)")
    result = session.undo()
    assert (result.fidelity["x"], result.fidelity["y"]) == ("rebuilt", "exact")
    assert "cache" in result.notes["x"]
    commit = session.run("z = library.Drops()").commit
    assert "cache" in commit.names.inexact["z"]


def test_a_library_that_connects_is_never_loaded(session: Any) -> None:
    session.run("x = library.Connects()")
    session.run("x.value.append(2)")
    result = session.undo()
    assert result.fidelity["x"] in ("replayed", "lost")
    assert sys.modules["some_library"].Connects.LOADED == 0
    assert "network" in result.notes["x"]
    assert "network" in session.show("HEAD", "x").note
    assert sys.modules["some_library"].Connects.LOADED == 0


def test_no_trial_writes_over_a_file(session: Any, written: Path) -> None:
    written.write_text("the user's")
    session.run("x = library.Replaces(); y = library.Scratches()")
    session.run("x.value.append(2); y.value.append(2)")
    result = session.undo()
    assert result.fidelity["x"] in ("replayed", "lost")
    assert "changes files" in result.notes["x"]
    assert written.read_text() == "the user's"
    assert result.fidelity["y"] == "exact", result.notes


def test_a_verdict_is_kept_for_the_release(session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session.run("x = library.Drops(); y = library.Plain()")
    session.close()
    kept = json.loads((tmp_path / "store" / "verdicts.json").read_text())["classes"]
    assert kept["some_library.Plain (some_library 1.5)"] == ["faithful", "1"]
    assert kept["some_library.Drops (some_library 1.5)"][0] == "differs"
    monkeypatch.setattr(proving, "_ENOUGH", 1)
    monkeypatch.setattr(proving.Prover, "_fork", lambda *_: pytest.fail("tried again"))
    with start(tmp_path) as again:
        commit = again.run("x = library.Drops(); y = library.Plain()").commit
        assert list(commit.names.inexact) == ["x"]


def test_another_release_is_tried_again(session: Any, tmp_path: Path) -> None:
    session.run("x = library.Plain()")
    session.close()
    sys.modules["some_library"].__version__ = "1.6"  # type: ignore[attr-defined]
    with start(tmp_path) as again:
        again.run("x = library.Plain()")
    kept = json.loads((tmp_path / "store" / "verdicts.json").read_text())["classes"]
    assert {"some_library.Plain (some_library 1.5)", "some_library.Plain (some_library 1.6)"} <= kept.keys()


@pytest.mark.parametrize("damage", ["", "{", '{"format": 2}', '{"format": 1, "classes": {"a": 1}}', "[]"])
def test_a_damaged_file_only_means_trying_again(tmp_path: Path, damage: str) -> None:
    (tmp_path / "verdicts.json").write_text(damage)
    file = VerdictFile(tmp_path)
    assert file.get("a (b 1)") is None
    file.add({"a (b 1)": ("faithful", "")})
    assert VerdictFile(tmp_path).get("a (b 1)") == ("faithful", "")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = VerdictFile(tmp_path / "missing")
    file.add({"a (b 1)": ("faithful", "")})
    assert file.get("a (b 1)") == ("faithful", "")


def test_the_copy_is_nobodys_child(session: Any) -> None:
    session.run("x = library.Drops()")
    with pytest.raises(ChildProcessError):
        os.wait()


def test_open_files_stay_where_they_are(session: Any, tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("one\ntwo\nthree\n")
    session.run(f"f = open({str(path)!r}); first = f.readline(); x = library.Drops(); both = [x, f]")
    session.run("second = f.readline()")
    assert names(session)["second"] == "two\n"
    session.run("f.close()")


def test_modules_that_do_not_bear_a_fork(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", sys)
    monkeypatch.setattr(proving.Prover, "_fork", lambda *_: pytest.fail("forked"))
    session.run("x = library.Drops()")
    assert session.undo().fidelity.get("x") is None


def test_one_value_that_comes_back_is_not_enough(session: Any) -> None:
    session.run("x = library.Later()")
    settle(session)
    assert session.status().inexact == {}
    session.run("x.value.append(2); x.more = [1]")
    settle(session)
    assert "more" in session.status().inexact["x"]


def test_a_class_is_tried_a_few_times_only(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session.run("x = library.Plain()")
    for number in range(3):
        settle(session)
        session.run(f"x.value.append({number})")
    settle(session)
    monkeypatch.setattr(proving.Prover, "_fork", lambda *_: pytest.fail("tried again"))
    session.run("x.value.append(9); y = library.Plain()")
    assert "hooked" not in session._live.body(session._live.records["y"])


def test_a_trial_that_does_not_end_is_not_begun_again(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "_LIFE", 0.2)
    monkeypatch.setattr(proving, "Trial", lambda *_: time.sleep(60))
    session.run("x = library.Drops()")
    settle(session)
    assert session._live.prover.verdict("some_library.Drops", "some_library 1.5").word == "unknown"
    assert session.status().inexact == {}
    monkeypatch.setattr(proving.Prover, "_fork", lambda *_: pytest.fail("tried again"))
    session.run("y = library.Drops()")


def test_a_fault_of_a_trial_is_told(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "Trial", lambda *_: 1 / 0)
    session.run("x = library.Drops()")
    settle(session)
    session.run("y = 1")
    assert [text for text in session.notices() if "ZeroDivisionError" in text]


def test_without_processes_to_be_had(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(proving.Prover, "_fork", refuse)
    session.run("x = library.Drops()")
    session.run("x.value.append(2)")
    assert session.undo().fidelity["x"] == "exact"  # nothing is known of the class


def test_a_value_with_something_that_cannot_be_stored_is_tried_another_time(session: Any) -> None:
    session.run("x = [library.Drops(), (i for i in [1])]")
    settle(session)
    assert session._live.prover.verdict("some_library.Drops", "some_library 1.5") is None
    session.run("y = library.Drops()")
    settle(session)
    assert "cache" in session.status().inexact["y"]
