"""The timeslip command on real stores, without a kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.doors.schema import validate

import timeslip
from timeslip.cli import main
from timeslip.cli.app import COMMANDS
from timeslip.errors import UsageError


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TIMESLIP_HOME", str(tmp_path / "store"))
    return tmp_path / "store"


def record(store: Path, name: str, *codes: str, notebook: str | None = None) -> None:
    from timeslip.attaching import attach

    with attach({}, store=store, name=name, notebook=notebook) as session:
        for code in codes:
            session.run(code)


@pytest.fixture
def one(store: Path) -> Path:
    """A store with one finished session."""
    record(store, "titanic", "x = [1, 2]\ny = x", "x.append(3)", "z = 'text'", notebook="/data/titanic.ipynb")
    return store


@pytest.fixture
def two(one: Path) -> Path:
    record(one, "iris", "a = 1")
    return one


class Ran:
    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def json(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.out)
        validate(answer)
        return answer


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*words: str) -> Ran:
        status = main(words)
        captured = capsys.readouterr()
        return Ran(status, captured.out, captured.err)

    return call


READING = [
    ("sessions",), ("status",), ("log",), ("log", "--all", "-n", "2"), ("show", "HEAD"), ("show", "HEAD", "x"),
    ("diff",), ("diff", "HEAD~2", "HEAD"), ("blame", "x"), ("ops",), ("du",), ("gc", "--dry-run"), ("gc",), ("check",),
    ("config",), ("config", "replay"), ("branch",), ("tag",),
]  # fmt: skip


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_reading_commands(words: tuple[str, ...], one: Path, run: Any) -> None:
    plain = run(*words)
    assert (plain.status, plain.err) == (0, "")
    assert plain.out.strip() or words == ("tag",)
    answer = run(*words, "--json")
    assert answer.status == 0
    assert answer.json["verb"] == words[0]


def test_reading_changes_nothing(one: Path, run: Any) -> None:
    def files() -> dict[str, tuple[int, float]]:
        return {
            p.name: (p.stat().st_size, p.stat().st_mtime)
            for p in one.rglob("*")
            if not p.name.endswith(("-shm", "-wal"))
        }

    before = files()
    for words in READING:
        if words != ("gc",):
            run(*words)
    assert files() == before


def test_values_of_the_past(one: Path, run: Any) -> None:
    assert run("show", "HEAD~2", "x", "--json").json["value"]["text"] == "[1, 2]"
    assert run("show", "HEAD", "x", "--json").json["value"]["text"] == "[1, 2, 3]"
    changed = {value["name"] for value in run("diff", "HEAD~2", "HEAD", "--json").json["values"]}
    assert {"x", "z"} <= changed
    assert [value["name"] for value in run("diff", "HEAD~2", "HEAD", "z", "--json").json["values"]] == ["z"]


@pytest.mark.parametrize("word", ["titanic", "/data/titanic.ipynb", "titanic.ipynb", "tita"])
def test_naming_the_session(word: str, two: Path, run: Any) -> None:
    codes = [commit["code"] for commit in run("log", word, "--json").json["commits"]]
    assert "z = 'text'" in codes
    assert run("show", word, "HEAD", "z", "--json").json["value"]["name"] == "z"
    assert run("log", "--session", word, "-n", "1", "--json").json["commits"][0]["code"] == "z = 'text'"


def test_one_session_need_not_be_named(one: Path, run: Any) -> None:
    with_name = run("show", "titanic", "HEAD", "x").out
    assert run("show", "HEAD", "x").out == with_name
    assert run("log", "tita", "-n", "1").status == 0
    assert run("log", "main", "-n", "1").status == 0, "a branch is not a part of a name"
    short = run("log", "-n", "1", "--json").json["commits"][0]["short"]
    assert run("show", short).status == 0


def test_a_number_is_never_a_session(store: Path, run: Any) -> None:
    record(store, "work", "x = 1", notebook="/data/2/work.ipynb")
    assert "'work' has no live kernel" in run("undo", "2").err
    assert "'work' has no live kernel" in run("undo", "/data/2/work.ipynb", "2").err
    assert "'work' has no live kernel" in run("undo", "wor").err
    record(store, "other", "x = 1")
    assert "say which one" in run("undo", "2").err


def test_several_sessions_must_be_told_apart(two: Path, run: Any) -> None:
    ran = run("log")
    assert ran.status == 1
    assert "say which one" in ran.err
    assert "titanic" in ran.err
    assert run("log", "i").err.count("hint:") == 1
    assert run("log", "nosuch").status == 1
    assert "[session-not-found]" in run("log", "nosuch").err


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("frobnicate",), 2, "usage"),
        (("log", "-n", "x"), 2, "usage"),
        (("show",), 2, "usage"),
        (("undo", "0"), 2, "usage"),
        (("--store",), 2, "usage"),
        (("rm",), 2, "usage"),
        (("show", "nowhere"), 1, "commit-not-found"),
        (("show", "HEAD", "nothing"), 1, "name-not-found"),
        (("log", "other.ipynb"), 1, "session-not-found"),
        (("undo",), 1, "no-kernel"),
        (("checkout", "HEAD", "--", "x"), 1, "no-kernel"),
        (("diff", ".", "HEAD"), 1, "no-kernel"),
        (("commit", "-m", "text"), 1, "no-kernel"),
        (("config", "nothing"), 2, "usage"),
        (("config", "replay", "maybe"), 2, "usage"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_problems(words: tuple[str, ...], status: int, code: str, one: Path, run: Any) -> None:
    ran = run(*words)
    assert ran.status == status
    assert f"[{code}]" in ran.err
    assert ran.err.count("hint:") == 1
    assert "Traceback" not in ran.err
    assert ran.out == ""


def test_no_store(store: Path, run: Any) -> None:
    ran = run("log")
    assert (ran.status, ran.out) == (1, "")
    assert "[store-not-found]" in ran.err
    assert run("sessions").status == 0
    assert run("sessions", "--json").json["sessions"] == []
    assert not store.exists()


def test_a_script_cannot_be_reached(store: Path, run: Any) -> None:
    with timeslip.attach({"x": 1}, store=store, name="script"):
        ran = run("undo")
        assert ran.status == 1
        assert "[no-kernel]" in ran.err
        assert "terminal or a script" in ran.err
        row = run("sessions", "--json").json["sessions"][0]
        assert (row["alive"], row["reachable"], row["pid"]) == (True, False, os.getpid())


def test_config(one: Path, run: Any) -> None:
    assert run("config", "keep_commits", "7").out == "keep_commits is now 7\n"
    assert run("config", "keep_commits", "--json").json["settings"] == {"keep_commits": 7}
    assert run("config", "facets", "cwd,random", "--json").json["settings"] == {"facets": ["cwd", "random"]}
    assert json.loads((one / "config.json").read_text()) == {"facets": ["cwd", "random"], "keep_commits": 7}
    (one / "config.json").write_text("no json")
    assert "[store-damaged]" in run("config").err


def test_mv_and_rm(two: Path, run: Any, tmp_path: Path) -> None:
    assert run("mv", "titanic", str(tmp_path / "renamed.ipynb")).status == 0
    assert run("log", "renamed.ipynb", "-n", "1").status == 0
    assert run("mv", "iris", "flowers").status == 0
    assert run("mv", "flowers", "titanic").status in (0, 1)
    rows = run("sessions", "--json").json["sessions"]
    assert len(rows) == 2
    assert run("rm", rows[0]["name"]).status == 0
    assert len(run("sessions", "--json").json["sessions"]) == 1
    assert run("rm", "nosuch").status == 1


def test_a_session_that_is_called_as_its_notebook_is_called_as_the_new_one(two: Path, run: Any, tmp_path: Path) -> None:
    assert "session 'renamed' belongs to" in run("mv", "titanic", str(tmp_path / "renamed.ipynb")).out
    assert {row["name"] for row in run("sessions", "--json").json["sessions"]} == {"renamed", "iris"}
    assert run("mv", "renamed", str(tmp_path / "iris.ipynb")).status == 0
    assert {row["name"] for row in run("sessions", "--json").json["sessions"]} == {"renamed", "iris"}, "iris is taken"


def test_mv_to_a_notebook_that_has_a_session(two: Path, run: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "renamed.ipynb")
    with timeslip.attach({"__name__": "__main__"}, store=two, name="new", notebook=path):
        assert run("mv", "titanic", path).status == 0  # an empty session, made by opening the notebook, gives way
    assert run("log", path, "-n", "1").status == 0
    answer = run("mv", "iris", path)
    assert answer.status == 1
    assert "has a session of its own already" in answer.err
    assert "timeslip rm" in answer.err


def test_help(run: Any) -> None:
    assert run("--help").status == 0
    overview = run("help").out
    assert all(f"  {name}" in overview for name in COMMANDS)
    assert run().status == 2
    assert run("log", "--help").out.startswith("usage: timeslip log [SESSION] [REF]")
    assert run("help", "undo").out.startswith("usage: timeslip undo [SESSION] [N]")
    assert run("--version").out == f"timeslip {timeslip.__version__}\n"


def test_a_fault_inside_is_a_message(one: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from timeslip import listing

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(listing, "usage", broken)
    ran = run("sessions")
    assert ran.status == 1
    assert ran.err.startswith("error: a fault inside Timeslip: RuntimeError: broken   [internal]")
    assert "Traceback" not in ran.err


def command(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    source = str(Path(timeslip.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": source, **options}
    return subprocess.run(
        [sys.executable, "-m", "timeslip", *words], env=environment, capture_output=True, text=True, timeout=60
    )


def test_as_a_process(one: Path) -> None:
    done = command("log", "-n", "1")
    assert done.returncode == 0, done.stderr
    assert "In[" in done.stdout or "run" in done.stdout
    assert "\x1b" not in done.stdout
    assert command("nonsense").returncode == 2
    ascii_only = command("log", PYTHONIOENCODING="ascii")
    assert ascii_only.returncode == 0, ascii_only.stderr
    assert ascii_only.stdout.isascii()


def test_a_reader_that_goes_away(one: Path) -> None:
    source = str(Path(timeslip.__file__).parents[1])
    done = subprocess.run(
        f"{sys.executable} -m timeslip log | true", shell=True, env={**os.environ, "PYTHONPATH": source},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""


def test_imports_of_the_command(one: Path) -> None:
    program = "import sys; from timeslip.cli import main; main(['log']); print(sorted(sys.modules))"
    source = str(Path(timeslip.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": source}, capture_output=True, text=True
    )
    modules = set(eval(done.stdout.splitlines()[-1]))
    assert not modules & {"IPython", "jupyter_client", "zmq", "numpy", "pandas", "traitlets"}


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", " before", "after ", "tab\t", "\x1b[31mred"])
def test_a_name_that_no_session_can_have(name: str, one: Path, run: Any) -> None:
    done = run("mv", "titanic", name)
    assert done.status == 2
    assert "[usage]" in done.err
    assert len(done.err.splitlines()) == 2
    assert [row["name"] for row in run("sessions", "--json").json["sessions"]] == ["titanic"]
    with pytest.raises(UsageError):
        timeslip.attach({}, store=one, name=name, min_free_bytes=0)


@pytest.mark.parametrize("word", ["x" * 5000, "two\nlines", "a" * 300 + "\n" + "b" * 300])
def test_a_message_is_one_line_whatever_was_typed(word: str, one: Path, run: Any) -> None:
    for words in (("show", word), ("log", "--session", word), ("show", "HEAD", word), ("blame", word), (word,)):
        done = run(*words)
        assert done.status in (1, 2)
        assert len(done.err.splitlines()) == 2, done.err
        assert len(done.err) < 1200


def test_a_session_without_a_kernel_says_how_it_comes_back(store: Path, run: Any) -> None:
    record(store, "session-20261127-181500", "x = 1")
    for words in (("undo",), ("verify", "HEAD"), ("show", ".")):
        done = run(*words)
        assert done.status == 1
        assert "%timeslip resume --from session-20261127-181500" in done.err
    assert "%timeslip resume --from session-20261127-181500" in run("status").out
    assert "could not be changed" not in run("undo").err


def test_a_store_that_another_key_signed_says_what_to_do(
    one: Path, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMESLIP_KEY_FILE", str(tmp_path / "other-key"))
    for words in (("show", "HEAD", "x"), ("diff", "HEAD~1", "HEAD"), ("check",)):
        done = run(*words)
        assert done.status == 0
        assert "`timeslip trust` accepts" in " ".join(done.out.split()), done.out
    assert run("trust").status == 0
    assert "trust" not in run("check").out
    assert "[1, 2, 3]" in run("show", "HEAD", "x").out


def test_check_of_a_store_that_cannot_be_opened_does_not_send_in_a_circle(one: Path, run: Any) -> None:
    (one / "timeslip.db").write_bytes(b"x" * 9000)
    assert "`timeslip check`" in run("log").err
    done = run("check")
    assert done.status == 1
    assert "timeslip check" not in done.err
    assert "from a backup" in done.err
