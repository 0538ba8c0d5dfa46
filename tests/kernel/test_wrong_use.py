"""Wrong use of every verb: one clear message with a hint, and nothing has changed."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.kernel.conftest import BUSY, Kernels, LabKernel, Outcome, wait_for

import timeslip
from timeslip import errors
from timeslip.verbs import VERBS

STATE = (
    "(lambda s: [s.head, s.branch_name, [(r.kind, r.name, r.commit) for r in [*s.branch(), *s.tag()]],"
    " len(s.ops()), len(s.log(all=True)), sorted(n for n in globals() if n[0] != '_'), x, id(x), s.config()['replay']])"
    "(__import__('timeslip').session())"
)

WRONG = {
    # line after %timeslip: code of the error
    "frobnicate": "usage",
    "undo 0": "usage",
    "undo -1": "usage",
    "undo x": "usage",
    "undo 1 2": "usage",
    "undo 9999": "nothing-to-undo",
    "undo --frob": "usage",
    "redo": "nothing-to-undo",
    "redo 0": "usage",
    "checkout": "usage",
    "checkout nosuch": "commit-not-found",
    "checkout AMBIGUOUS": "ambiguous-reference",
    "checkout HEAD~999": "commit-not-found",
    "checkout nosuch~2": "commit-not-found",
    "checkout In[999]": "commit-not-found",
    "checkout HEAD -- nosuch": "name-not-found",
    "checkout HEAD -- x nosuch": "name-not-found",
    "checkout HEAD --": "usage",
    "checkout HEAD HEAD": "usage",
    "checkout --frob HEAD": "usage",
    "checkout HEAD --replay --no-replay": "usage",
    "show nosuch": "commit-not-found",
    "show AMBIGUOUS": "ambiguous-reference",
    "show HEAD nosuch": "name-not-found",
    "show": "usage",
    "diff nosuch": "commit-not-found",
    "diff HEAD nosuch": "name-not-found",
    "diff HEAD~1 HEAD nosuch": "name-not-found",
    "get": "usage",
    "get HEAD": "usage",
    "get HEAD nosuch": "name-not-found",
    "get HEAD nosuch --as z": "name-not-found",
    "get nosuch x --as z": "commit-not-found",
    "get HEAD x": "name-taken",
    "get HEAD x --as 1bad": "usage",
    "get HEAD x --as": "usage",
    "get HEAD x --as class": "usage",
    "get HEAD x --as y": "name-taken",
    "branch main": "name-taken",
    "branch 'two words'": "usage",
    "branch HEAD": "usage",
    "branch new nosuch": "commit-not-found",
    "branch --delete nosuch": "not-found",
    "branch --delete main": "conflict",
    "branch --rename nosuch other": "not-found",
    "branch --rename side main": "name-taken",
    "branch a b c": "usage",
    "switch": "usage",
    "switch nosuch": "not-found",
    "tag first": "name-taken",
    "tag new nosuch": "commit-not-found",
    "tag 'two words'": "usage",
    "tag --delete nosuch": "not-found",
    "describe HEAD": "usage",
    "describe nosuch -m text": "commit-not-found",
    "blame": "usage",
    "blame nosuch": "name-not-found",
    "log nosuch": "commit-not-found",
    "log -n x": "usage",
    "log --frob": "usage",
    "ops -n 0": "usage",
    "resume nosuch": "commit-not-found",
    "replay": "usage",
    "replay nosuch": "name-not-found",
    "verify nosuch": "commit-not-found",
    "du extra": "usage",
    "gc --frob": "usage",
    "config nosuch": "usage",
    "config replay maybe": "usage",
    "config keep_commits -1": "usage",
    "config chunk_bytes many": "usage",
    "config facets nosuch": "usage",
    "commit --frob": "usage",
    "commit -m": "usage",
    "trust extra": "usage",
    "forget": "usage",
    "forget nosuch": "not-found",
    "status extra": "usage",
    "log 'unbalanced": "usage",
    "checkout HEAD --replay=yes": "usage",
    "checkout ünknown": "commit-not-found",
    "get HEAD x --as 'two words'": "usage",
    "get HEAD 'two words'": "usage",
    "get HEAD x --as ünï ö": "usage",
    "describe HEAD -m": "usage",
    "describe -m it's": "usage",
    "switch HEAD": "not-found",
    "branch main~": "usage",
    "branch --rename side": "usage",
    "branch --rename side 'a b'": "usage",
    "tag --delete": "usage",
    "resume a b": "usage",
    "resume --from": "usage",
    "resume --from nosuch": "session-not-found",
    "resume nosuch --from notebook": "commit-not-found",
    "sessions extra": "usage",
    "redo 99": "nothing-to-undo",
    "replay x": "conflict",
    "verify HEAD~999": "commit-not-found",
    "diff . .": "usage",
    "show HEAD 'x y'": "name-not-found",
    "blame x y": "usage",
    "ops extra": "usage",
    "config keep_commits 3 4": "usage",
    "gc extra": "usage",
    "help nosuch": "usage",
}


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabKernel]:
    made = Kernels(tmp_path_factory.mktemp("wrong"))
    kernel = made.start()
    kernel.cells("x = [1]; y = 2", "%timeslip tag first", "x.append(2)", "%timeslip branch side")
    kernel.cells(*["pass"] * 120)
    yield kernel
    made.stop()


def ambiguous_prefix(kernel: LabKernel) -> str:
    ids = kernel.value("[c.id for c in __import__('timeslip').session().log(all=True)]")
    prefixes = [identity[:2] for identity in ids]
    return str(next(prefix for prefix in prefixes if prefixes.count(prefix) > 1 and not prefix.isdigit()))


def clear(outcome: Outcome, code: str) -> None:
    """One message, one hint, the code that belongs to it, no traceback."""
    assert outcome.status == "error", outcome.shown
    text = outcome.shown
    assert "Traceback" not in text
    assert "File " not in text
    assert "timeslip/" not in text, "no line of ours"
    assert len(re.findall(r"\[[a-z-]+\]", text)) == 1, text
    found = re.search(r"\[([a-z-]+)\]", text)
    assert found is not None
    assert found[1] == code or code == "not-found", f"{found[1]} instead of {code}: {text}"
    assert "hint:" in text
    assert len(text.strip().splitlines()) <= 6, text


@pytest.mark.parametrize("line", WRONG)
def test_in_a_notebook(line: str, kernel: LabKernel) -> None:
    before = kernel.value(STATE)
    outcome = kernel.cell("%timeslip " + line.replace("AMBIGUOUS", ambiguous_prefix(kernel)))
    clear(outcome, WRONG[line])
    assert kernel.value(STATE) == before


def test_every_verb_is_used_wrongly() -> None:
    missing = set(VERBS) - {line.split()[0] for line in WRONG}
    assert not missing, missing


def test_rest_of_the_cell_does_not_run_after_a_verb_that_failed(kernel: LabKernel) -> None:
    before = kernel.value(STATE)
    outcome = kernel.cell("%timeslip checkout nosuch\nx = 'ran'")
    assert not outcome.ok
    assert kernel.value(STATE) == before


@pytest.mark.parametrize("line", ["%undo 0", "%redo x", "%undo --frob"])
def test_short_magics(line: str, kernel: LabKernel) -> None:
    before = kernel.value(STATE)
    clear(kernel.cell(line), "usage")
    assert kernel.value(STATE) == before


def test_cell_magic(kernel: LabKernel) -> None:
    before = kernel.value(STATE)
    clear(kernel.cell("%%timeslip on\nx = 5"), "usage")
    assert kernel.value(STATE) == before


def test_before_loading(kernels: Kernels) -> None:
    kernel = kernels.start(attach=False)
    assert kernel.value("__import__('timeslip').session()") is None
    assert not kernel.cell("%timeslip status").ok


def test_loading_twice_says_so_and_changes_nothing(kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells("x = [1]", "y = 1")
    before = kernel.value(STATE)
    kernel.cell("%load_ext timeslip")
    kernel.cell("%reload_ext timeslip")
    assert kernel.value(STATE)[:2] == before[:2]
    kernel.cells("x.append(1)", "%undo")
    assert kernel.value("x") == [1]


# ---- stores that cannot be used: the cell that loads says why, and the kernel goes on


def spoil_newer(store: Path) -> None:
    with closing(sqlite3.connect(store / "timeslip.db")) as connection:
        connection.execute("PRAGMA user_version = 9999")


def spoil_garbage(store: Path) -> None:
    (store / "timeslip.db").write_bytes(b"not a database at all" * 1000)


SPOILED = {"newer": (spoil_newer, "store-newer"), "garbage": (spoil_garbage, "store-damaged")}


@pytest.mark.parametrize("how", SPOILED)
def test_a_store_that_cannot_be_used(how: str, kernels: Kernels) -> None:
    spoil, code = SPOILED[how]
    first = kernels.start()
    first.cells("x = 1")
    first.stop()
    store = kernels.home / "store"
    spoil(store)
    before = (store / "timeslip.db").read_bytes()
    second = kernels.start(attach=False)
    outcome = second.cell("%load_ext timeslip")
    assert f"[{code}]" in outcome.shown
    assert "hint:" in outcome.shown
    assert "Traceback" not in outcome.shown
    second.cells("x = 1", "y = x + 1")
    assert second.value("y") == 2
    assert (store / "timeslip.db").read_bytes() == before, "not one byte of it was touched"
    result = command(kernels, "log")
    assert result.returncode == 1
    assert f"[{code}]" in result.stderr


def test_a_store_where_a_file_is(kernels: Kernels) -> None:
    kernels.home.mkdir(parents=True)
    (kernels.home / "store").write_text("in the way")
    kernel = kernels.start(attach=False)
    outcome = kernel.cell("%load_ext timeslip")
    assert "hint:" in outcome.shown
    assert "Traceback" not in outcome.shown
    kernel.cells("x = 1")
    assert (kernels.home / "store").read_text() == "in the way"


# ---- the command


def command(kernels: Kernels, *words: str) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    environment.update(
        TIMESLIP_HOME=str(kernels.home / "store"), TIMESLIP_KEY_FILE=str(kernels.home / "key"),
        JUPYTER_RUNTIME_DIR=str(kernels.home / "runtime"), HOME=str(kernels.home),
        PYTHONPATH=str(Path(timeslip.__file__).parents[1]),
    )  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "timeslip", *words], env=environment, capture_output=True, text=True, timeout=60
    )


def refused(result: subprocess.CompletedProcess[str], status: int, code: str) -> None:
    assert result.returncode == status, (result.stdout, result.stderr)
    assert f"[{code}]" in result.stderr or (code == "usage" and "usage" in result.stderr), result.stderr
    assert "Traceback" not in result.stderr
    if code != "usage":
        assert "hint:" in result.stderr


def test_command_without_a_store(kernels: Kernels) -> None:
    result = command(kernels, "log")
    assert result.returncode == 1
    assert "hint:" in result.stderr
    assert not (kernels.home / "store").exists(), "reading makes no store"


COMMANDS = {
    "log nosuch": (1, "commit-not-found"),
    "show notebook nosuch": (1, "commit-not-found"),
    "show notebook HEAD nosuch": (1, "name-not-found"),
    "blame notebook nosuch": (1, "name-not-found"),
    "frobnicate": (2, "usage"),
    "log --frob": (2, "usage"),
    "log -n x": (2, "usage"),
    "checkout": (2, "usage"),
    "config nosuch": (2, "usage"),
    "mv": (2, "usage"),
    "rm nosuch": (1, "session-not-found"),
    "undo notebook": (1, "no-kernel"),
    "redo notebook": (1, "no-kernel"),
    "checkout notebook HEAD": (1, "no-kernel"),
    "commit notebook": (1, "no-kernel"),
    "get notebook HEAD x": (1, "no-kernel"),
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    """A store with one session whose kernel was killed."""
    made = Kernels(tmp_path_factory.mktemp("ended"))
    kernel = made.start()
    kernel.cells("x = 1")
    kernel.kill()
    made.alive.clear()
    return made


@pytest.mark.parametrize("line", COMMANDS)
def test_in_a_shell(line: str, ended: Kernels) -> None:
    status, code = COMMANDS[line]
    refused(command(ended, *line.split()), status, code)
    listed = command(ended, "log", "--json")
    assert listed.returncode == 0, listed.stderr
    assert len(json.loads(listed.stdout)["commits"]) == 1


def test_ambiguous_session(kernels: Kernels) -> None:
    for notebook in ("data-one.ipynb", "data-two.ipynb"):
        kernels.start(notebook=notebook).cells("x = 1")
    refused(command(kernels, "log", "data"), 1, "ambiguous-reference")


def test_acting_while_a_cell_is_running(kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells("x = [1]", "x.append(2)")
    request = kernel.send(BUSY)
    wait_for(kernels.home / "runs")
    refused(command(kernels, "undo"), 1, "session-busy")
    (kernels.home / "answered").touch()
    assert kernel.collect(request).ok
    assert kernel.value("x") == [1, 2]


# ---- in Python


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    made = timeslip.attach(namespace, store=tmp_path / "store", name="wrong", min_free_bytes=0)
    made.run("x = [1]; y = 2")
    made.run("x.append(2)")
    yield made
    made.close()


CALLS = {
    "undo(0)": errors.UsageError,
    "undo(-1)": errors.UsageError,
    "undo('x')": errors.UsageError,
    "undo(True)": errors.UsageError,
    "undo(99)": errors.NothingToUndoError,
    "redo()": errors.NothingToUndoError,
    "checkout('nosuch')": errors.CommitNotFoundError,
    "checkout('')": errors.TimeslipError,
    "checkout(None)": errors.TimeslipError,
    "checkout(12)": errors.TimeslipError,
    "checkout('HEAD', 'nosuch')": errors.NameNotFoundError,
    "checkout('HEAD', replay='maybe')": errors.UsageError,
    "get('HEAD', 'nosuch')": errors.NameNotFoundError,
    "get('nosuch', 'x')": errors.CommitNotFoundError,
    "get('HEAD', 'x', as_='y')": errors.NameTakenError,
    "get('HEAD', 'x', as_='not a name')": errors.UsageError,
    "show('nosuch')": errors.CommitNotFoundError,
    "show('HEAD', 'nosuch')": errors.NameNotFoundError,
    "diff('nosuch')": errors.CommitNotFoundError,
    "diff('HEAD', '.', 'nosuch')": errors.NameNotFoundError,
    "blame('nosuch')": errors.NameNotFoundError,
    "log('nosuch')": errors.CommitNotFoundError,
    "branch('main')": errors.NameTakenError,
    "branch('a b')": errors.UsageError,
    "branch(delete='nosuch')": errors.NotFoundError,
    "switch('nosuch')": errors.NotFoundError,
    "tag('t', 'nosuch')": errors.CommitNotFoundError,
    "describe('nosuch', 'm')": errors.CommitNotFoundError,
    "resume('nosuch')": errors.CommitNotFoundError,
    "verify('nosuch')": errors.CommitNotFoundError,
    "replay('nosuch')": errors.NameNotFoundError,
    "config('nosuch')": errors.UsageError,
    "config('replay', 'maybe')": errors.UsageError,
    "forget('nosuch')": errors.NotFoundError,
}


@pytest.mark.parametrize("call", CALLS)
def test_in_python(call: str, session: Any) -> None:
    def state() -> list[Any]:
        namespace = session_namespace(session)
        refs = [*session.branch(), *session.tag()]
        return [session.head, session.branch_name, refs, len(session.ops()), list(namespace), namespace["x"]]

    before, held = state(), session_namespace(session)["x"]
    with pytest.raises(CALLS[call]) as raised:
        eval(f"session.{call}", {"session": session})
    assert isinstance(raised.value, errors.TimeslipError)
    assert raised.value.message
    assert raised.value.hint, "what to do next"
    assert state() == before
    assert session_namespace(session)["x"] is held


def session_namespace(session: Any) -> dict[str, Any]:
    """The dict behind ``session.namespace``."""
    found: dict[str, Any] = getattr(session.namespace, "globals", session.namespace)
    return found


@pytest.mark.parametrize("namespace", [[], "x", 3, type("D", (dict,), {})()])
def test_a_namespace_that_cannot_be_recorded(namespace: Any, tmp_path: Path) -> None:
    with pytest.raises(errors.NamespaceError) as raised:
        timeslip.attach(namespace, store=tmp_path / "store", name="n", min_free_bytes=0)
    assert raised.value.hint


def test_a_namespace_that_is_recorded_already(session: Any, tmp_path: Path) -> None:
    with pytest.raises(errors.NamespaceError) as raised:
        timeslip.attach(session_namespace(session), store=tmp_path / "store", name="other", min_free_bytes=0)
    assert raised.value.hint


def test_a_setting_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(errors.UsageError):
        timeslip.attach({}, store=tmp_path / "store", name="n", frobnicate=1)
    assert timeslip.session() is None


def test_a_closed_session(session: Any) -> None:
    session.close()
    for call in (session.undo, session.commit, session.status, lambda: session.run("x = 1")):
        with pytest.raises(errors.TimeslipError):
            call()
    session.close()
