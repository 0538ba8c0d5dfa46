"""Verbs called with what they cannot mean, and stores that cannot be used: one message and a hint, nothing changed.

What a notebook shows is tested with real kernels in tests/kernel/test_wrong_use.py; here are the calls from Python and
the shell's commands, every verb with every mistake.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip.cli import main
from timeslip.cli.app import COMMANDS
from timeslip.errors import StoreReadOnlyError, TimeslipError, UsageError
from timeslip.verbs import VERBS

# ---- in Python

WRONG: list[Any] = [
    "", " ", "nosuch", "two words", "\ud800", "\0", "x" * 5000, "In[999]", "..", "~", None, 5, -1, True, 3.5, [],
    "HEAD~x", {}, object(), b"HEAD", (), ("a",), ("a", "b", "c"),
]  # fmt: skip

CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "undo": lambda s, w: s.undo(w),
    "redo": lambda s, w: s.redo(w),
    "checkout": lambda s, w: s.checkout(w),
    "checkout name": lambda s, w: s.checkout("HEAD", w),
    "checkout replay": lambda s, w: s.checkout("HEAD~1", replay="maybe" if w is None else w, dry_run=True),
    "resume": lambda s, w: s.resume(w),
    "resume from": lambda s, w: s.resume(from_="nosuch" if w is None else w),
    "switch": lambda s, w: s.switch(w),
    "get ref": lambda s, w: s.get(w, "x"),
    "get name": lambda s, w: s.get("HEAD", w),
    "get as": lambda s, w: s.get("HEAD", "x", as_="y" if w is None or str(w).isidentifier() else w),
    "replay": lambda s, w: s.replay(w),
    "replay_plan": lambda s, w: s.replay_plan(w),
    "log": lambda s, w: s.log(w),
    "log limit": lambda s, w: s.log(limit=w),
    "log names": lambda s, w: s.log(names=w),
    "log grep": lambda s, w: s.log(grep=w),
    "show": lambda s, w: s.show(w),
    "show name": lambda s, w: s.show("HEAD", w),
    "diff a": lambda s, w: s.diff(w),
    "diff b": lambda s, w: s.diff("HEAD~1", w),
    "diff name": lambda s, w: s.diff("HEAD~1", "HEAD", w),
    "blame": lambda s, w: s.blame(w),
    "ops": lambda s, w: s.ops(w),
    "verify": lambda s, w: s.verify(w),
    "branch delete": lambda s, w: s.branch(delete="main" if w is None else w),
    "branch rename": lambda s, w: s.branch(rename=w),
    "branch at": lambda s, w: s.branch("main", w),
    "tag delete": lambda s, w: s.tag(delete="nosuch" if w is None else w),
    "describe": lambda s, w: s.describe(w, "text"),
    "config": lambda s, w: s.config(w, "x"),
    "config value": lambda s, w: s.config("keep_commits", "many" if w is None else w),
    "forget": lambda s, w: s.forget(w),
}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    store = tmp_path_factory.mktemp("calls") / "store"
    made = timeslip.attach({"__name__": "__main__"}, store=store, name="calls", min_free_bytes=0)
    made.run("x = [1]")
    made.run("x.append(2); y = 3; g = (i for i in x)")
    made.branch("side")
    made.tag("first")
    yield made
    made.close()


def state(session: Any) -> list[Any]:
    namespace = session.namespace
    refs = [*session.branch(), *session.tag()]
    settings = session.config()
    return [
        session.head,
        session.branch_name,
        refs,
        len(session.ops()),
        sorted(namespace),
        id(namespace["x"]),
        settings,
    ]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: ascii(value)[:20])
@pytest.mark.parametrize("name", CALLS)
def test_wrong_calls_in_python(name: str, wrong: Any, session: Any) -> None:
    before = state(session)
    error: TimeslipError | None = None
    try:
        CALLS[name](session, wrong)
    except TimeslipError as raised:
        error = raised
    if error is None:
        assert name.split()[0] in ("log", "diff", "ops", "show", "verify", "undo", "redo", "branch", "resume", "config")
        session.checkout("first")
        return
    assert error.message
    assert error.hint, "what to do next"
    assert error.code not in ("internal", "timeslip-error")
    assert state(session) == before


def test_every_verb_is_called_wrongly() -> None:
    assert {name.split()[0] for name in CALLS} >= set(VERBS) - {
        "status",
        "commit",
        "du",
        "gc",
        "trust",
        "tag",
        "sessions",
    }


@pytest.mark.parametrize("wrong", [5, b"x", "", " ", "\0", "\ud800", type], ids=ascii)
def test_stores_and_names_that_cannot_be(wrong: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        timeslip.attach({}, store=wrong, name="n")
    with pytest.raises(UsageError):
        timeslip.attach({}, store=tmp_path / "s", name=wrong)
    assert list(tmp_path.iterdir()) == []


# ---- in a shell

ARGUMENTS = {
    "status": "", "log": "", "show": "HEAD", "diff": "", "undo": "", "redo": "", "checkout": "HEAD", "replay": "x",
    "get": "HEAD x --as z", "commit": "", "branch": "new", "switch": "side", "tag": "new", "describe": "HEAD -m text",
    "blame": "x", "ops": "", "resume": "", "verify": "", "du": "", "gc": "", "config": "", "trust": "", "forget": "x",
    "sessions": "", "check": "", "mv": "newname", "rm": "one",
}  # fmt: skip


def newer(store: Path) -> None:
    with contextlib.closing(sqlite3.connect(store / "timeslip.db")) as connection:
        connection.execute("PRAGMA user_version = 9999")


def garbage(store: Path) -> None:
    (store / "timeslip.db").write_bytes(b"not a database at all" * 1000)


def a_file(store: Path) -> None:
    shutil.rmtree(store)
    store.write_text("in the way")


def a_folder_for_a_file(store: Path) -> None:
    (store / "timeslip.db").unlink()
    (store / "timeslip.db").mkdir()


def gone(store: Path) -> None:
    shutil.rmtree(store)


def empty(store: Path) -> None:
    shutil.rmtree(store)
    store.mkdir()


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "newer": (newer, "store-newer"),
    "garbage": (garbage, "store-damaged"),
    "a file": (a_file, "store"),
    "a folder for a file": (a_folder_for_a_file, "store"),
    "gone": (gone, "store-not-found"),
    "empty": (empty, "store-not-found"),
}


def shell(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(list(words))
    return status, out.getvalue(), err.getvalue()


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A store with one session that has no kernel."""
    store = tmp_path / "recorded"
    made = timeslip.attach({"__name__": "__main__"}, store=store, name="one", min_free_bytes=0)
    made.run("x = [1]")
    made.run("x.append(2)")
    made.branch("side")
    made.tag("first")
    made.close()
    return store


def content(store: Path) -> dict[str, str]:
    files = [store] if store.is_file() else [path for path in store.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not path.name.endswith((".lock", "-shm", "-wal"))
    }


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("name", COMMANDS)
def test_commands_on_stores_that_cannot_be_used(
    name: str, how: str, recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    shutil.copytree(recorded, store)
    spoil, code = BROKEN[how]
    spoil(store)
    before = content(store)
    monkeypatch.setenv("TIMESLIP_HOME", str(store))
    status, out, err = shell(name, *ARGUMENTS[name].split())
    if name == "sessions" and code == "store-not-found":
        assert (status, err) == (0, "")
        return
    assert status == 1
    assert out == ""
    assert f"[{code}]" in err
    assert "hint:" in err
    assert len(err.strip().splitlines()) == 2
    assert content(store) == before


WORDS = [
    "--frob", "-z", "--", "two words", "ünknown", "", "nosuch", "it's", '"', "HEAD~x", "In[]", "In[abc]", "~", "..",
    "-1", "99999999999999999999", "%s", "{x}", "a\nb", "\0", "\ud800", "x" * 5000, "--json=1", "--store", "--session",
    "--dry-run=yes", "-n", "--session=nosuch",
]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("rm", "mv", "gc", "trust", "config")])
def test_commands_with_words_that_they_cannot_take(name: str, recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMESLIP_HOME", str(recorded))
    before = content(recorded)
    for word in WORDS:
        for words in ([word], [*ARGUMENTS[name].split(), word], [word, word], ["one", word]):
            status, out, err = shell(name, *words)
            told = ascii([name, *words]), status, out[:300], err[:300]
            assert "Traceback" not in err, told
            assert "[internal]" not in err, told
            if status:
                assert status in (1, 2), told
                assert (out, "hint:" in err) == ("", True), told
    assert content(recorded) == before


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_without_a_live_kernel(name: str, recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMESLIP_HOME", str(recorded))
    if COMMANDS[name].verb.stored:
        return
    before = content(recorded)
    status, out, err = shell(name, "one", *ARGUMENTS[name].split())
    assert (status, out) == (1, "")
    assert "[no-kernel]" in err
    assert "resume" in err
    assert content(recorded) == before


def test_trust_needs_no_kernel(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMESLIP_HOME", str(recorded))
    status, out, _ = shell("trust")
    assert (status, out) == (0, "0 records signed with your key: what the store holds now is yours\n")


@pytest.fixture
def read_only(recorded: Path) -> Iterator[Path]:
    """The store of `recorded` in a folder that nobody can write, root neither."""
    bind = ["mount", "--bind", str(recorded), str(recorded)]
    if subprocess.run(bind, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(recorded)], check=True)
        yield recorded
    finally:
        subprocess.run(["umount", "-l", str(recorded)], check=True)


def test_commands_in_a_folder_that_cannot_be_written(read_only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMESLIP_HOME", str(read_only))
    before = content(read_only)
    arguments = {**ARGUMENTS, "config": "replay ask"}
    for name in COMMANDS:
        if not COMMANDS[name].verb.stored:
            continue
        status, out, err = shell(name, *arguments[name].split())
        if name in ("gc", "config", "trust", "mv", "rm"):
            assert (status, out) == (1, ""), name
            assert "[store-read-only]" in err, err
            assert "hint:" in err
        else:
            assert (status, err) == (0, ""), name
            assert out
    with pytest.raises(StoreReadOnlyError) as raised:
        timeslip.attach({"__name__": "__main__"}, store=read_only, name="one")
    assert raised.value.hint
    assert content(read_only) == before
