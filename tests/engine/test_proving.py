"""Classes of modules are tried out the first time that one of their instances is recorded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip import proving
from timeslip.codec import proof, reducers
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

class Spills:
    """Keeps what it has in a file, which goes when it goes."""
    def __init__(self): self.path = os.environ["WRITTEN"]; open(self.path, "w").close()
    def __getstate__(self): return dict(self.__dict__)
    def __del__(self):
        if os.path.exists(self.path): os.remove(self.path)

class SpillsAndFails(Spills):
    def __setstate__(self, state):
        self.__dict__.update(state)
        raise ValueError(self.path)

class Logs:
    """Says who pickles it."""
    def __init__(self): self.value = [1]
    def __getstate__(self):
        with open(os.environ["WRITTEN"], "a") as file: file.write(f"{os.getpid()}\\n")
        return dict(self.__dict__)

class LogsReduced:
    def __init__(self): self.value = [1]
    def __reduce__(self):
        with open(os.environ["WRITTEN"], "a") as file: file.write(f"{os.getpid()}\\n")
        return LogsReduced, ()

class HangsElsewhere:
    """Can only be pickled in the process that made it."""
    def __init__(self): self.home = os.getpid()
    def __getstate__(self):
        while os.getpid() != self.home: time.sleep(0.01)
        return dict(self.__dict__)

class Client:
    def __init__(self, token): self.token = token
    def __getstate__(self): return {"token": "***"}

class Refuses:
    def __init__(self, token): self.token = token
    def __getstate__(self): return dict(self.__dict__)
    def __setstate__(self, state): raise ValueError(state["token"])

class Opens:
    def __init__(self, token): self.token = token
    def __getstate__(self): return dict(self.__dict__)
    def __setstate__(self, state): open("/nowhere/" + state["token"], "w")

class Inner:
    def __init__(self, drop=False): self.drop, self.held = drop, [1]
    def __getstate__(self): return {"drop": True} if self.drop else dict(self.__dict__)

class Outer:
    def __init__(self, *inner): self.inner = inner
    def __getstate__(self): return dict(self.__dict__)

class Sometimes:
    def __init__(self, connect=False): self.connect = connect
    def __getstate__(self): return dict(self.__dict__)
    def __setstate__(self, state):
        self.__dict__.update(state)
        if self.connect: socket.create_connection(("127.0.0.1", 9)).close()

class A:
    """Holds one of B, which holds it, and cannot be loaded."""
    def __init__(self): self.other = B(self)
    def __getstate__(self): return dict(self.__dict__)

class B:
    def __init__(self, other): self.other = other
    def __getstate__(self): return dict(self.__dict__)
    def __setstate__(self, state): raise ValueError

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


def damage(path: Path, content: bytes | None) -> None:
    """Write *content* in the place of the verdicts; None: there is a folder."""
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)


DAMAGED = [
    b"", b"{", b"null", b"[]", b"1", b'{"format": 1}', b'{"format": 2}', b'{"format": 2, "classes": []}',
    b'{"format": 2, "classes": null}', b'{"format": 2, "classes": {"a (b 1)": 1}}', b"[" * 100_000, b"\xff\xfe",
    b'{"format": 2, "classes": {"a (b 1)": ["zzz", ""]}}', b'{"format": 2, "classes": {"a (b 1)": ["faithful", 1]}}',
    b'{"format": 2, "classes": {"a (b 1)": ["faithful", "' + b"9" * 5000 + b'"]}}', None,
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: repr(content)[:60])
def test_a_damaged_file_only_means_trying_again(tmp_path: Path, content: bytes | None) -> None:
    damage(tmp_path / "verdicts.json", content)
    file = VerdictFile(tmp_path)
    assert file.get("a (b 1)") is None
    file.add({"a (b 1)": ("faithful", "1")})
    assert file.get("a (b 1)") == ("faithful", "1")
    if content is not None:
        assert VerdictFile(tmp_path).get("a (b 1)") == ("faithful", "1")


@pytest.mark.parametrize("content", [DAMAGED[7], DAMAGED[8], DAMAGED[10], None], ids=["list", "null", "deep", "folder"])
def test_recording_goes_on_with_a_damaged_file(session: Any, tmp_path: Path, content: bytes | None) -> None:
    damage(tmp_path / "store" / "verdicts.json", content)
    session.run("x = library.Plain()")
    settle(session)
    session.run("x.value.append(2)")
    assert session.undo().fidelity["x"] == "exact"


def test_one_bad_entry_is_left_out(tmp_path: Path) -> None:
    entries = {"a (b 1)": ["differs", "x"], "c (b 1)": ["zzz", ""], "d (b 1)": 1}
    (tmp_path / "verdicts.json").write_text(json.dumps({"format": 2, "classes": entries}))
    file = VerdictFile(tmp_path)
    assert [file.get(name) for name in entries] == [("differs", "x"), None, None]


def test_what_another_session_has_found_out_is_not_written_over(tmp_path: Path) -> None:
    VerdictFile(tmp_path).add({"a (b 1)": ("faithful", "2")})
    mine, other = VerdictFile(tmp_path), VerdictFile(tmp_path)
    assert mine.get("a (b 1)") == other.get("a (b 1)") == ("faithful", "2")
    other.add({"a (b 1)": ("differs", "x")})
    mine.add({"c (b 1)": ("faithful", "1")})
    assert VerdictFile(tmp_path).get("a (b 1)") == ("differs", "x")
    assert mine.get("a (b 1)") == ("differs", "x"), "what is read on the way is known from then on"
    mine.add({"a (b 1)": ("faithful", "3")})
    assert VerdictFile(tmp_path).get("a (b 1)") == ("differs", "x")
    mine.add({"a (b 1)": ("outside", "y"), "c (b 1)": ("unknown", "1")})
    assert VerdictFile(tmp_path).get("a (b 1)") == ("outside", "y")
    assert VerdictFile(tmp_path).get("c (b 1)") == ("faithful", "1")


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


def test_a_trial_that_did_not_end_makes_nobody_trusted(session: Any, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proving, "_use_one_thread", lambda: os.kill(os.getpid(), signal.SIGKILL))
        session.run("x = library.Drops()")
        settle(session)
    assert session._live.prover.verdict("some_library.Drops", "some_library 1.5").reason == "1"
    assert "some_library.Drops" in session._live.body(session._live.records["x"])["hooked"]
    session.close()
    with start(tmp_path) as again:
        again.run("y = library.Drops()")
        settle(again)
        assert "cache" in again.status().inexact["y"]


def test_what_never_ends_is_tried_in_a_few_sessions_only(
    session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.close()
    monkeypatch.setattr(proving, "_use_one_thread", lambda: os.kill(os.getpid(), signal.SIGKILL))
    for number in range(3):
        with start(tmp_path) as again:
            again.run(f"x = library.Drops(); n = {number}")
            settle(again)
    monkeypatch.setattr(proving.Prover, "_fork", lambda *_: pytest.fail("tried again"))
    with start(tmp_path) as again:
        again.run("y = library.Drops()")
        assert "some_library.Drops" in again._live.body(again._live.records["y"])["hooked"]


def test_a_fault_of_a_trial_is_for_the_log(session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("hunter2")

    monkeypatch.setattr(proving, "Trial", fail)
    session.run("x = library.Drops()")
    settle(session)
    session.run("y = 1")
    assert session.notices() == []
    log = (tmp_path / "store" / "timeslip.log").read_text()
    assert "ZeroDivisionError" in log
    assert "test_proving.py" in log
    assert "hunter2" not in log.replace('ZeroDivisionError("hunter2")', ""), "a line of code may be quoted, no message"


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


@pytest.mark.parametrize(("name", "word"), [("Spills", "faithful"), ("SpillsAndFails", "fails")])
def test_a_copy_that_dies_takes_no_file_along(session: Any, written: Path, name: str, word: str) -> None:
    session.run(f"x = library.{name}()")
    settle(session)
    assert verdict(session, name).word == word
    assert written.exists()


@pytest.mark.parametrize("name", ["Logs", "LogsReduced"])
def test_no_trial_writes_where_a_value_is_pickled(session: Any, written: Path, name: str) -> None:
    session.run(f"x = library.{name}()")
    settle(session)
    assert set(written.read_text().split()) == {str(os.getpid())}
    assert verdict(session, name) is None


def test_capture_in_a_trial_has_a_limit(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "LOOKING", 0.3)
    session.run("x = library.HangsElsewhere()")
    session.run("y = library.Plain()")
    session._live.prover.begin(session._live.namespace.snapshot)
    settle(session)
    assert verdict(session, "HangsElsewhere").word == "unknown"
    assert verdict(session, "Plain").word == "faithful"


def verdict(session: Any, name: str) -> Any:
    return session._live.prover.verdict(f"some_library.{name}", "some_library 1.5")


def test_no_verdict_holds_what_is_in_a_value(session: Any, tmp_path: Path) -> None:
    session.run("import base64; token = lambda: base64.b64decode('aHVudGVyMg==').decode()")
    session.run("a = library.Client(token()); b = library.Refuses(token()); c = library.Opens(token())")
    settle(session)
    told = session.status().inexact
    assert "value.token: another str" in told["a"]
    assert "ValueError" in told["b"]
    assert "opens a file" in told["c"]
    session.run("a = b = c = None")
    undone = session.undo()
    session.close()
    for text in ((tmp_path / "store" / "verdicts.json").read_text(), str(told), str(undone.notes)):
        assert "hunter2" not in text


def test_a_class_that_was_trusted_can_be_to_blame(session: Any) -> None:
    for number in range(3):
        session.run(f"x{number} = library.Inner()")
        settle(session)
    assert verdict(session, "Inner").reason == "3"
    session.run("o = library.Outer(library.Inner(), library.Inner(drop=True))")
    settle(session)
    assert verdict(session, "Inner").word == "differs"
    assert verdict(session, "Outer") is None
    assert "Inner" in session.status().inexact["o"]


def test_what_touches_the_outside_is_not_put_down_to_who_holds_it(session: Any) -> None:
    for number in range(3):
        session.run(f"x{number} = library.Sometimes()")
        settle(session)
    session.run("o = library.Outer(library.Sometimes(), library.Sometimes(connect=True))")
    settle(session)
    assert verdict(session, "Sometimes").word == "outside"
    assert verdict(session, "Outer") is None


def test_of_two_that_hold_each_other_the_one_at_work_is_to_blame(session: Any) -> None:
    session.run("a = library.A()")
    settle(session)
    assert verdict(session, "B").word == "fails"
    assert verdict(session, "A") is None


def test_signals_that_the_session_blocks(session: Any) -> None:
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGUSR1})
    try:
        session.run("x = library.Hangs()")
        session.run("x.value.append(2)")
        result = session.undo()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    assert "does not end" in result.notes["x"]


HANGING = """
import os, sys, threading, time
import timeslip
from timeslip import proving
proving._BIRTH, proving._LIFE = 0.5, 0.2
home, store, mark = os.getpid(), *sys.argv[1:]

def hang():
    if {who}:
        with open(mark, "w") as file: file.write(str(os.getpid()))
        time.sleep(600)

os.register_at_fork(after_in_child=hang)
session = timeslip.attach({{"__name__": "__main__"}}, store=store, name="trial", facets=(), min_free_bytes=0)
session.run("import some_library as library")
session.run("x = library.Drops()")
session.run("y = library.Drops()")
try:
    os.wait()
except ChildProcessError:
    pass
else:
    raise AssertionError("a child is left")
time.sleep(proving._LIFE + 1.1)
session.run("z = 1")
verdict = session._live.prover.verdict("some_library.Drops", "some_library 1.5")
assert verdict is None or verdict.word == "unknown", verdict
for _ in range(1000):
    try:
        with open(f"/proc/{{open(mark).read()}}/stat") as file: state = file.read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        break
    if state == "Z":
        break
    time.sleep(0.05)
else:
    raise AssertionError("the copy is still there")
session.close()
"""


@pytest.mark.parametrize("who", ["os.getppid() == home", "os.getpid() != home and os.getppid() != home"])
def test_handlers_of_forks_that_do_not_return(tmp_path: Path, who: str) -> None:
    path = os.pathsep.join([str(tmp_path / "lib" / "site-packages"), *filter(None, sys.path)])
    ran = subprocess.run(
        [sys.executable, "-c", HANGING.format(who=who), str(tmp_path / "store"), str(tmp_path / "mark")],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "mark").exists()


def test_a_class_that_its_reducer_leaves_to_itself_is_tried(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    leaves = {sys.modules["some_library"].Drops: lambda *_: NotImplemented}
    monkeypatch.setattr(reducers, "find", lambda kind, usual=reducers.find: leaves.get(kind) or usual(kind))
    session.run("x = library.Drops()")
    settle(session)
    assert "cache" in session.status().inexact["x"]


def test_what_is_set_on_a_frame_of_polars_is_missed(session: Any) -> None:
    pytest.importorskip("polars")
    session.run("import polars; x = polars.DataFrame({'a': [1]}); y = polars.Series([1])")
    settle(session)
    assert session.status().inexact == {}
    session.run("x = polars.DataFrame({'a': [2]}); x.note = 1")
    settle(session)
    assert "note" in session.status().inexact["x"]


def test_a_file_that_a_value_holds_is_no_difference(session: Any, tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("one\ntwo\nthree\n" * 1000)
    session.run(f"f = open({str(path)!r}); first = f.readline(); b = open({str(path)!r}, 'rb'); b.read(5)")
    session.run("x = library.Outer(f); y = library.Outer(b)")
    settle(session)
    session.run("f.close(); b.close()")
    assert verdict(session, "Outer").word == "faithful"


def test_without_a_process_for_the_second_copy(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    home, usual = os.getpid(), os.fork

    def fork() -> int:
        if os.getpid() != home:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return usual()

    monkeypatch.setattr(proving, "_can_fork", lambda: True)
    monkeypatch.setattr(proving.os, "fork", fork)
    session.run("x = library.Drops()")
    settle(session)
    assert verdict(session, "Drops") is None
    assert "some_library.Drops" in session._live.body(session._live.records["x"])["hooked"]


def test_who_is_not_found_to_blame_in_time_is_not_blamed(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_BLAMING", -1.0)
    session.run("x = library.Outer(library.Inner(drop=True))")
    settle(session)
    assert verdict(session, "Inner") is None
    assert verdict(session, "Outer") is None


def test_status_waits_a_moment_for_what_is_being_tried(session: Any) -> None:
    session.run("x = library.Drops()")
    assert "cache" in session.status().inexact["x"]
