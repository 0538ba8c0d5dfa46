"""What counts as a step: IPython's events against a session that only remembers what it was told."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.doors.fakes import FakeSession, a_commit
from tests.doors.shells import a_shell, run

from timeslip.errors import CommitNotFoundError, StoreFullError
from timeslip.ipython import extension, idle
from timeslip.ipython.faults import Faults
from timeslip.ipython.idle import Auditor
from timeslip.model import CommitStats, Names


class Bench:
    def __init__(self, shell: Any, session: FakeSession) -> None:
        self.shell = shell
        self.session = session

    def run(self, *cells: str) -> Any:
        return run(self.shell, *cells)

    @property
    def calls(self) -> list[str]:
        """The calls of interest, as text, and forget them."""
        calls, self.session.calls = self.session.calls, []
        told = []
        for name, *arguments in calls:
            if name == "record":
                code, details = arguments
                told.append(f"{name} {details['execution_count']} {details['outcome']} {code!r}")
            elif name in ("note_unrecorded", "undo", "log", "commit"):
                told.append(f"{name} {arguments[0]!r}")
        return told


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with a_shell() as shell:
        session = FakeSession(tmp_path)
        attachment = extension._hang_in(shell, session)
        extension._attached = attachment
        try:
            yield Bench(shell, session)
        finally:
            extension.unload(shell)


def test_every_run_is_a_step(bench: Bench) -> None:
    bench.run("x = 1", "x", "# nothing", "y = x +", "1/0")
    assert bench.calls == [
        "record 1 ok 'x = 1'",
        "record 2 ok 'x'",
        "record 3 ok '# nothing'",
        "record 4 error 'y = x +'",
        "record 5 error '1/0'",
    ]


def test_details_of_a_step(bench: Bench) -> None:
    bench.run("import time\n%time time.sleep(0.01)\nraise KeyError('a\\nb')")
    name, code, details = bench.session.calls[-1]
    assert name == "record"
    assert code.endswith("raise KeyError('a\\nb')")
    assert "run_line_magic('time', 'time.sleep(0.01)')" in details["source"]
    assert details["error"] == "KeyError: 'a\\nb'"
    assert 0.01 <= details["duration"] < 5
    assert abs(details["started"] - __import__("time").time()) < 60
    assert bench.session.calls[0] == ("before_run", details["source"])


def test_interrupted_runs(bench: Bench) -> None:
    bench.run("raise KeyboardInterrupt")
    assert bench.calls == ["record 1 interrupted 'raise KeyboardInterrupt'"]


def test_a_run_that_ends_the_process_is_recorded(bench: Bench, recwarn: Any) -> None:
    bench.run("import sys; sys.exit(3)")
    assert bench.calls == ["record 1 error 'import sys; sys.exit(3)'"]


def test_nested_runs_belong_to_the_outermost(bench: Bench) -> None:
    bench.run("%%capture out\nx = 1", "get_ipython().run_cell('y = 1')", "get_ipython().run_cell('z = 1', silent=True)")
    assert [call.split()[:2] for call in bench.calls] == [["record", "1"], ["record", "2"], ["record", "3"]]


def test_awaiting_cells(bench: Bench) -> None:
    bench.run("import asyncio\nawait asyncio.sleep(0)\nx = 1")
    assert bench.calls == ["record 1 ok 'import asyncio\\nawait asyncio.sleep(0)\\nx = 1'"]


def test_what_a_front_end_hides_is_not_a_step(bench: Bench) -> None:
    bench.shell.run_cell("x = 1", silent=True)
    bench.shell.run_cell("y = 1", store_history=False)
    bench.shell.run_cell("", silent=True)
    bench.shell.run_cell("  ", store_history=True)
    assert bench.calls == ["note_unrecorded None", "note_unrecorded 'y = 1'"]


def test_cells_of_commands_only(bench: Bench) -> None:
    bench.run("%undo", "# look\n%timeslip log\n\n%undo 2")
    assert bench.calls == ["undo 1", "log None", "undo 2"]


def test_off(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    result = bench.run("%%timeslip off\nx = 5\nx")
    assert result.result == 5
    assert bench.calls == ["note_unrecorded '\\nx = 5\\nx'"]
    assert not bench.run("%%timeslip off\n1/0").success
    assert "line 2" in capsys.readouterr().out, "line numbers of tracebacks stay"
    assert bench.run("%%time\n%%timeslip off\nx = 1").success
    assert [call.split()[0] for call in bench.calls[1:]] == ["note_unrecorded"]
    assert not bench.run("%%timeslip log\nx = 1").success


def test_mixed_cells_are_cut_at_the_verb(bench: Bench) -> None:
    bench.run("x = 1\n%undo\ny = 2\n%timeslip commit -m here\n# the end", "%undo\nz = 1", "z = 2\n%undo")
    assert bench.calls == [
        "record 1 ok 'x = 1'",
        "undo 1",
        "record 1 ok 'y = 2'",
        "commit 'here'",
        "undo 1",
        "record 2 ok 'z = 1'",
        "record 3 ok 'z = 2'",
        "undo 1",
    ]


def test_a_cell_magic_is_recorded_as_typed(bench: Bench) -> None:
    bench.run("%%capture\nx = 1\ny = 2\n")
    assert bench.calls == ["record 1 ok '%%capture\\nx = 1\\ny = 2'"]


def test_reading_does_not_cut_a_cell(bench: Bench) -> None:
    bench.run("x = 1\n%timeslip log\ny = 1")
    assert bench.calls == ["log None", "record 1 ok 'x = 1\\n%timeslip log\\ny = 1'"]


def test_a_verb_that_fails_ends_its_cell(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    original = bench.session.undo

    def fail(*_: Any, **__: Any) -> Any:
        raise CommitNotFoundError("there is nothing there", hint="look elsewhere")

    bench.session.undo = fail  # type: ignore[method-assign]
    result = bench.run("x = 1\n%undo\nx = 2")
    assert isinstance(result.error_in_exec, CommitNotFoundError)
    out = capsys.readouterr().out
    assert out.strip() == "error: there is nothing there   [commit-not-found]\nhint:  look elsewhere"
    assert bench.calls == ["record 1 ok 'x = 1'"]
    assert bench.shell.user_ns["x"] == 1
    bench.session.undo = original  # type: ignore[method-assign]
    bench.run(
        "from timeslip.errors import UsageError\n"
        "try:\n    get_ipython().run_line_magic('timeslip', 'nonsense')\n"
        "except UsageError as e: caught = e.code"
    )
    assert bench.shell.user_ns["caught"] == "usage"


@pytest.mark.parametrize("fault", [RuntimeError("broken"), StoreFullError("the disk is full", hint="free space")])
def test_a_fault_inside_is_one_line(bench: Bench, fault: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    bench.session.fails = fault
    result = bench.run("x = 1\nx")
    assert result.result == 1
    captured = capsys.readouterr()
    assert captured.out == "Out[1]: 1\n" or captured.out.strip().endswith("1")
    lines = captured.err.strip().splitlines()
    paused = isinstance(fault, StoreFullError)
    assert len(lines) == (1 if paused else 2), "one for preparing, one for recording; a pause is told once"
    assert all(line.startswith("timeslip: ") for line in lines)
    bench.run("x = 2", "x = 3")
    again = capsys.readouterr().err.strip().splitlines()
    assert len(again) <= (0 if paused else 4)
    bench.session.fails = None
    bench.run("x = 4")
    bench.session.fails = fault
    bench.run("x = 5")
    assert capsys.readouterr().err.count("timeslip: ") == len(lines), "news again after something was recorded"
    log = bench.session.repository.directory / "timeslip.log"
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_the_users_error_stays_the_users(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.session.fails = RuntimeError("broken")
    result = bench.run("1/0")
    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert "RuntimeError" not in capsys.readouterr().out


def test_text_of_a_magic_is_not_expanded(bench: Bench) -> None:
    bench.run("x = 1", "%timeslip commit -m costs {x} and $x")
    assert "commit 'costs'" not in bench.calls
    bench.run('%timeslip commit -m "costs {x} and $x"')
    assert bench.calls == ["commit 'costs {x} and $x'"]


def test_front_ends_hear_of_the_end_when_the_session_is_free(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hears of it asks the server what a new kernel could bring back, which is nothing before."""
    closed: list[str] = []
    monkeypatch.setattr(bench.session, "close", lambda: closed.append("session"))
    monkeypatch.setattr("timeslip.ipython.comms.Comms.close", lambda *_: closed.append("comms"))
    extension.unload(bench.shell)
    assert closed == ["session", "comms"]


def test_unload_leaves_nothing(bench: Bench) -> None:
    shell = bench.shell
    extension.unload(shell)
    assert not any(
        "timeslip" in getattr(callback, "__module__", "")
        for callbacks in shell.events.callbacks.values()
        for callback in callbacks
    )
    assert "timeslip" not in shell.magics_manager.magics["line"]
    assert extension.strip_off_line not in shell.input_transformers_cleanup
    assert bench.calls == []
    bench.run("x = 1")
    assert bench.calls == []
    assert extension.attached() is None


def test_output_of_answers(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.run("%timeslip")
    assert capsys.readouterr().out.startswith("titanic.ipynb  on main at 06060606")
    bench.run("%timeslip log --json")
    assert bench.calls == ["log None"]
    assert __import__("json").loads(capsys.readouterr().out)["verb"] == "log"
    bench.run("%timeslip help undo")
    assert capsys.readouterr().out.startswith("usage: %timeslip undo [N]")
    bench.run("%timeslip undo --help")
    assert capsys.readouterr().out.startswith("usage: %timeslip undo [N]")
    assert bench.calls == []


def test_what_cannot_come_back_is_told_at_once(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    names = Names(created=("g",), late=("df", "_"), inexact={"g": "a generator\ncannot be stored"})
    commit = a_commit(1, names=names, stats=CommitStats(bytes_serialized=10**9, bytes_stored=10**8, seconds=3.0))
    bench.session.record_soon = lambda code=None, **details: commit  # type: ignore[method-assign]
    bench.session.told = ["branch main-2 was started"]
    bench.run("g = (i for i in x)")
    assert capsys.readouterr().err.splitlines() == [
        "timeslip: cannot be stored exactly: g (a generator cannot be stored)",
        "timeslip: changed some time before this run, and noticed only now: df",
        "timeslip: recording took 3.0 s (1.0 GB looked at, 100 MB added); `%timeslip du` shows what is large",
        "timeslip: branch main-2 was started",
    ]


def test_replay_lists_first(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.run("%timeslip replay df")
    out = capsys.readouterr().out
    assert out.index("touches file") < out.index("replayed, now at")
    assert out.count("df = load()") == 1
    assert [call for call in bench.session.calls if call[0] == "replay"] == [
        ("replay", ("df",), True),
        ("replay", ("df",), False),
    ]


@pytest.mark.parametrize("audit", [True, False])
def test_what_is_mapped_is_verified_later_only_where_there_is_idle_time(audit: bool) -> None:
    session: Any = SimpleNamespace(
        repository=SimpleNamespace(maps=SimpleNamespace(later=None)),
        settings=SimpleNamespace(audit=audit),
        end_compaction=lambda: None,
    )
    auditor = Auditor(session, Faults(Path()), lambda: False)
    auditor.begin()
    assert session.repository.maps.later is False, "no loop hands out cells here"

    async def in_a_kernel() -> None:
        auditor.begin()
        auditor.stop()

    asyncio.run(in_a_kernel())
    assert session.repository.maps.later is audit


def test_what_the_first_command_needs_is_imported_before_anything_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []
    session: Any = SimpleNamespace(
        repository=SimpleNamespace(maps=SimpleNamespace(later=None)),
        settings=SimpleNamespace(audit=True),
        audit=lambda seconds: done.append("audit") or 0,
        begin_compaction=lambda: done.append("compaction"),
        end_compaction=lambda: done.append("stop"),
    )
    monkeypatch.setattr(idle, "PATIENCE", ((0.0, 0.2),))
    monkeypatch.setattr(idle, "_PAUSE", 0.0)
    collecting: list[bool] = []
    monkeypatch.setattr(idle, "import_module", lambda name: (done.append(name), collecting.append(gc.isenabled())))
    auditor = Auditor(session, Faults(Path()), lambda: False)

    async def idle_for_a_while() -> None:
        auditor.begin()
        await asyncio.sleep(0.05)

    asyncio.run(idle_for_a_while())
    monkeypatch.setattr(idle, "COMPACTION", 0.0)
    asyncio.run(idle_for_a_while())
    auditor.stop()
    assert done == ["stop", *idle._FOR_VERBS, "audit", "stop", "audit", "compaction", "stop"]
    assert "timeslip.ipython.perform" in done
    assert not any(collecting), "a collection would go through all that libraries have made"
    assert gc.isenabled()


def test_the_first_command_imports_what_it_needs_without_a_collection(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    collecting: list[bool] = []

    class Finder:
        @staticmethod
        def find_spec(name: str, *_: Any) -> None:
            if name == "timeslip.ipython.perform":
                collecting.append(gc.isenabled())

    monkeypatch.delitem(sys.modules, "timeslip.ipython.perform")
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    bench.run("%timeslip status")
    assert collecting == [False]
    assert gc.isenabled()
