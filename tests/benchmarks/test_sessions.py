"""What is made of measured sessions: pairs, spreads, bounds, tables, plots and comparisons. Nothing is timed here."""

from __future__ import annotations

import asyncio
import pickle
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from benchmarks.sessions import command, driving, figures, growth, plots, report
from benchmarks.sessions.bounds import BOUNDS, Bound, fair, whole_sessions
from benchmarks.sessions.compare import compared, is_slower, told
from benchmarks.sessions.contenders import ALL
from benchmarks.sessions.driving import Timed, Weighed, in_one_line, requests
from benchmarks.sessions.figures import Spread, spread
from benchmarks.sessions.inside import session_clock, whole_namespace
from benchmarks.sessions.results import Kind, Result, Sessions, View
from benchmarks.sessions.steps import Script, Workload
from benchmarks.sessions.workloads import MADE

BY_NAME = {contender.name: contender for contender in ALL}


# --- figures


def test_a_repeat_that_is_missing_does_not_count() -> None:
    assert spread([3.0, None, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread([None]) is None


def test_what_is_added_is_paired_by_repeat() -> None:
    assert figures.added([3.0, None, 9.0], [1.0, 5.0, 8.0]) == [2.0, None, 1.0]
    assert figures.ratios([3.0, 4.0, 9.0], [1.0, None, 0.0]) == [3.0, None, None]


def test_a_geometric_mean() -> None:
    assert figures.geometric_mean([1.0, 100.0]) == pytest.approx(10.0)
    assert figures.geometric_mean([]) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0123456, "12.3 ms"), (-0.002, "-2 ms"), (75.31, "75.3 s"), (1234.5, "1234 s"), (2e-5, "0.02 ms")],
)
def test_times_in_words(seconds: float, words: str) -> None:
    assert figures.in_words(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (12_345, "12.3 kB"), (999_700, "1 MB"), (15.3e9, "15.3 GB"), (812e9, "812 GB")],
)
def test_sizes_in_words(count: float, words: str) -> None:
    assert figures.size_in_words(count) == words


# --- steps


def scripted() -> Workload:
    script = Script()
    script.cell("make", "x = [1]")
    second = script.cell("change", "x.append(2)")
    script.cell("change", "x.append(3)")
    script.undo("undo")
    script.undo("undo")
    script.redo("redo")
    script.cell("change", "x.append(4)")
    script.undo("undo")
    script.checkout("checkout", second)
    script.undo("undo")
    return Workload("small", "a list", tuple(script.steps), "repr(x)")


def test_travels_know_where_they_lead() -> None:
    assert [step.to for step in scripted().steps if step.travel] == [1, 0, 1, 1, 1, 1]
    script = Script()
    first = script.cell("a", "x = 1")
    script.cell("b", "x = 2")
    script.checkout("checkout", first)
    script.undo("undo")
    script.redo("redo")
    assert [step.to for step in script.steps if step.travel] == [0, 1, 0]


def test_a_bare_kernel_does_not_travel() -> None:
    sent = requests(BY_NAME["bare"], scripted())
    assert [one.code for one in sent] == ["x = [1]", "x.append(2)", "x.append(3)", "x.append(4)"]


def test_every_contender_is_told_the_same_states_in_its_own_words() -> None:
    codes = [one.code for one in requests(BY_NAME["timeslip"], scripted()) if one.step.travel]
    assert codes == ["%undo", "%undo", "%redo", "%undo", "%timeslip checkout In[2]", "%undo"]
    hidden = [one for one in requests(BY_NAME["kishu"], scripted()) if one.step.travel]
    assert all(one.hidden and "kishu_driver" in one.code for one in hidden)
    assert hidden[4].code.endswith(", 1)")


def test_cells_of_ours_are_counted_as_ipython_counts_them() -> None:
    script = Script()
    script.cell("a", "x = 1")
    script.undo("undo")
    after = script.cell("b", "x = 2")
    script.checkout("checkout", after)
    workload = Workload("w", "", tuple(script.steps), "x")
    assert requests(BY_NAME["timeslip"], workload)[-1].code == "%timeslip checkout In[3]"


@pytest.mark.parametrize("name", MADE)
def test_a_smaller_scale_has_the_same_steps(name: str) -> None:
    small, smaller = MADE[name](0.02), MADE[name](0.01)
    kinds = [[(step.kind, step.travel, step.to) for step in made.steps] for made in (small, smaller)]
    assert kinds[0] == kinds[1]
    assert all(compile(step.code, "<cell>", "exec") for step in small.cells)


# --- results


def timed(*delays: float, failure: str = "") -> Timed:
    values = list(delays)
    return Timed(0.1, values, values, values, values, failure)


def weighed(*probes: str, stored: int = 10, peak: int = 100) -> Weighed:
    count = len(probes)
    return Weighed(5, [stored] * count, [peak] * count, [peak] * count, list(probes), stored * count)


def test_whole_sessions_are_their_cells() -> None:
    wanted = requests(BY_NAME["timeslip"], scripted())
    sessions = Sessions()
    sessions.add_timed(wanted, timed(1, 2, 4, 50, 50, 50, 3, 50, 60, 50))
    ended = timed(failure="the kernel ended")
    ended.raised = {0: "KeyError", 1: "ValueError"}
    bare = weighed()
    bare.raised = {1: "ValueError"}
    sessions.add_timed(wanted, ended, bare)
    assert sessions.delay == [10, None]
    assert sessions.kinds["change"].delay == [3, None]
    assert sessions.kinds["checkout"].delay == [60, None]
    assert (sessions.kinds["undo"].travel, sessions.kinds["undo"].count) == (True, 4)
    assert sessions.failures == ["the kernel ended", "make: KeyError"]


def test_a_state_that_is_another_is_seen() -> None:
    workload = scripted()
    bare = weighed("[1]", "[1, 2]", "[1, 2, 3]", "[1, 2, 4]")
    seen = weighed("", "", "", "[1, 2]", "[1]", "[1]", "", "[1, 2]", "[1, 2]", "[1, 2]")
    seen.raised = {0: "too", 6: "only here"}
    bare.raised = {0: "too"}
    sessions = Sessions()
    sessions.add_weighed(requests(BY_NAME["timeslip"], workload), seen, bare)
    assert sessions.wrong == ["redo"]
    assert sessions.failures == ["change: only here"]
    assert sessions.kinds["change"].stored == 10
    assert sessions.store == 100


def result(own: float = 1.5, *, stored: int = 10, kishu_wrong: bool = False) -> Result:
    """Bare cells take a second each; ours take *own*, cloudpickle's 2, Kishu's 11."""
    made = Result({"scale": 1.0, "repeats": 2, "date": "then", "revision": "r", "command": "c", "load": [1.0]})
    made.about["machine"] = {"processor": "p", "cores": 2, "memory": 8e9, "system": "Linux"}
    made.says["small"] = "a list"
    made.sizes = {"frame": 100, "column": 10, "array": 100, "items": 5}
    made.references = {"write frame": [0.1, 0.2]}
    bare = weighed("[1]", "[1, 2]", "[1, 2, 3]", "[1, 2, 4]")
    seen = ("", "", "", "[1, 2]", "[1]", "[1, 2]", "", "[1, 2]", "[1, 2]", "[1, 2]")
    for name, delay in {"bare": 1.0, "timeslip": own, "kishu": 11.0, "cloudpickle": 2.0}.items():
        contender = BY_NAME[name]
        made.titles[name] = contender.title
        wanted = requests(contender, scripted())
        sessions = made.sessions.setdefault("small", {}).setdefault(name, Sessions())
        if name == "bare":
            sessions.add_weighed(wanted, bare, bare)
        else:
            own_seen = ["?" if one and name == "kishu" and kishu_wrong else one for one in seen]
            sessions.add_weighed(wanted, weighed(*own_seen, stored=stored if name == "timeslip" else 100), bare)
        for factor in (1.0, 1.02):
            sessions.add_timed(wanted, timed(*[delay * factor] * len(wanted)))
    return made


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    made = result()
    made.save(tmp_path / "results.json")
    again = Result.load(tmp_path / "results.json")
    assert vars(again) == vars(made)
    (tmp_path / "other.json").write_text('{"format": 0}')
    with pytest.raises(ValueError, match=r"other\.json"):
        Result.load(tmp_path / "other.json")


def test_what_a_step_adds() -> None:
    view = View(result(), "small", "timeslip")
    assert view.added("change") == Spread(pytest.approx(0.505), pytest.approx(0.5), pytest.approx(0.51))
    assert view.ratio("change") == Spread(*[pytest.approx(1.5)] * 3)
    undo = view.added("undo")
    assert undo is not None
    assert undo.least == 1.5, "there is no undo in a bare kernel"
    assert View(result(), "small", "dill").added("change") is None
    assert View(result(), "absent", "timeslip").whole_added() is None


def test_what_went_wrong_names_no_folder() -> None:
    told = in_one_line("FileNotFoundError: [Errno 2]\n'/srv/some-one/x.y/home/notes.json' and a/b and 1/2/3")
    assert told == "FileNotFoundError: [Errno 2] '…/notes.json' and a/b and 1/2/3"


# --- bounds


def bound(limit: float) -> Bound:
    return Bound("work", "≤", "small", lambda view: view.added("change"), lambda _view: limit)


def test_by_how_much_a_bound_is_missed() -> None:
    view = View(result(), "small", "timeslip")
    assert bound(0.101).missed(view) == pytest.approx(5.0)
    assert report.verdict(bound(0.101), view) == " **missed: 5.00 x of it**"
    assert report.verdict(bound(0.6), view) == " met"
    assert report.verdict(bound(0.6), View(result(), "small", "dill")) == ""


def test_every_bound_is_measured_by_a_step_that_there_is() -> None:
    for one in BOUNDS:
        workload = MADE[one.workload](0.01)
        made = Result({"scale": 0.01}, sizes={"frame": 1, "column": 1, "array": 1, "items": 1})
        made.references = {
            f"{what} {of}": [1.0]
            for what in ("write", "hash", "pickle", "unpickle")
            for of in ("frame", "column", "array", "dicts", "strings")
        }
        sessions = made.sessions.setdefault(one.workload, {})
        for name in ("bare", "timeslip"):
            wanted = requests(BY_NAME[name], workload)
            sessions[name] = Sessions()
            sessions[name].add_timed(wanted, timed(*[1.0] * len(wanted)))
            sessions[name].add_weighed(wanted, weighed(*[""] * len(wanted)), weighed())
        assert one.missed(View(made, one.workload, "timeslip")) is not None, one.work


def test_whole_sessions_are_beaten_by_what_restores_rightly_only() -> None:
    stores, times = whole_sessions(result(1.5), "timeslip")
    assert times.beaten == {"small": pytest.approx(0.5)}
    assert times.kishu == pytest.approx(20.0)
    assert stores.beaten == {"small": pytest.approx(0.1)}
    wrong = result(3.0, kishu_wrong=True)
    assert not fair(wrong, "small", "kishu")
    assert whole_sessions(wrong, "timeslip")[1].beaten == {"small": pytest.approx(2.0)}
    wrong.sessions["small"]["cloudpickle"].failures.append("state 3: cannot be pickled")
    assert whole_sessions(wrong, "timeslip")[1].beaten == {}


# --- how costs grow


def test_a_slope_is_the_power() -> None:
    assert growth.slope([(10, 0.1), (100, 1.0), (1000, 10.0)]) == pytest.approx(1.0)
    assert growth.slope([(10, 0.5), (1000, 0.5)]) == pytest.approx(0.0)
    assert growth.slope([(0, 0.1), (10, 0.1), (100, -0.1)]) is None


def test_curves_go_through_workloads_or_through_kinds() -> None:
    made = Result({"scale": 1.0})
    for name, kinds in {
        "size=1000": ["undo"],
        "size=100": ["undo"],
        "share": ["change 50", "change 0", "redo"],
    }.items():
        sessions = Sessions()
        for number, kind in enumerate(kinds):
            sessions.kinds[kind] = Kind(delay=[number + 1.0])
        made.sessions[name] = {"timeslip": sessions}
    by_name = {family.name: family for family in growth.FAMILIES}
    sizes = growth.points(made, by_name["size"], "undo", "timeslip")
    assert [value for value, _ in sizes] == [100, 1000]
    shares = growth.points(made, by_name["share"], "change", "timeslip")
    assert [(value, added.median) for value, added in shares] == [(0, 2.0), (50, 1.0)]
    assert growth.points(made, by_name["share"], "change", "dill") == []


def test_every_curve_has_steps() -> None:
    made = Result({"scale": 0.01})
    for workload in growth.workloads(0.01):
        kinds = {step.kind: Kind(delay=[1.0]) for step in workload.steps}
        made.sessions[workload.name] = {"timeslip": Sessions(kinds), "bare": Sessions(kinds)}
    for family in growth.FAMILIES:
        for curve in family.curves:
            assert len(growth.points(made, family, curve, "timeslip")) >= 2, (family.name, curve)


# --- what is shown


def test_the_page_says_scale_machine_and_what_went_wrong() -> None:
    made = result(kishu_wrong=True)
    made.about["scale"] = 0.1
    made.about["load"] = [1.0, 6.5]
    made.absent["CRIU"] = "criu is not installed"
    made.sessions["small"]["kishu"].failures.append("change: a | b")
    made.says.update(nb="left out: no source", late="a list")
    page = report.page(made, "results.json")
    assert "nb is left out: no source" in page
    assert "late is not in these results" in page
    assert "scale 0.1 of the full sizes, 2 repeats" in page
    assert "shared with other work" in page
    assert "CRIU does not take part: criu is not installed" in page
    assert "**no**: undo (4), redo (1), checkout (1)" in page
    assert "Kishu 0.3.4: change: a / b" in page
    assert "505 ms [500 ms … 510 ms]" in page


def renamed(made: Result, name: str) -> Result:
    made.sessions[name], made.says[name] = made.sessions.pop("small"), made.says.pop("small")
    return made


def test_runs_of_different_workloads_make_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each workload is compared with what the machine could do in its own run."""
    one, two = result(), renamed(result(3.0), "other")
    one.absent["CRIU"] = two.absent["Kishu 0.3.4"] = "it is not there"
    two.references["write frame"] = [1.0]
    whole = Result.joined([one, two])
    assert View(whole, "small", "timeslip").reference("write frame") == pytest.approx(0.15)
    assert View(whole, "other", "timeslip").reference("write frame") == 1.0
    assert whole.absent == {"CRIU": "it is not there"}, "Kishu takes part in the first"
    page = report.page(whole, "x")
    assert "## Run 1: small" in page
    assert "## Run 2: other" in page
    assert page.count("What the machine itself can do") == 2
    assert "## small: a list" in page
    assert "## other: a list" in page
    one.save(tmp_path / "a.json")
    two.save(tmp_path / "b.json")
    monkeypatch.setattr(report, "write", lambda made, source: done.append((list(made.sessions), source)))
    done: list[Any] = []
    assert command.write_report([str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 0
    assert done == [(["small", "other"], "a.json, b.json")]
    assert Result.joined([one]) is one
    newer = result(1.25)
    whole = Result.joined([one, two, newer])
    assert whole.sessions["small"] is newer.sessions["small"]
    assert whole.run_of("small") is newer
    assert "## Run 1: other" in report.page(whole, "x")
    assert "## Run 2: small" in report.page(whole, "x")


def test_results_that_do_not_go_together_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result().save(tmp_path / "a.json")
    other = renamed(result(), "other")
    other.about["scale"] = 0.1
    other.save(tmp_path / "b.json")
    for names, words in ((("a", "b"), "different scales"), (("a", "c"), "no results")):
        assert command.write_report([str(tmp_path / f"{name}.json") for name in names]) == 2
        assert words in capsys.readouterr().err


def test_every_plot_of_the_page_is_there_and_no_other(tmp_path: Path) -> None:
    made = result()
    made.sessions["size=100"] = made.sessions["size=1000"] = made.sessions["small"]
    (tmp_path / "old.svg").write_text("<svg/>")
    report.write(made, "results.json", tmp_path / "page.md", tmp_path)
    shown = set(re.findall(r"\(performance/([^)]+)\)", (tmp_path / "page.md").read_text(encoding="utf-8")))
    assert shown == {path.name for path in tmp_path.glob("*.svg")}
    assert "size-undo.svg" in shown


def test_a_longer_bar_is_more() -> None:
    drawing = plots.bars("t", {"one": {"a": 1.0, "b": 10.0, "c": 0.0}, "two": {"a": 100.0}}, ["a", "b", "c"], str)
    drawn = ElementTree.fromstring(drawing)
    widths = [
        float(one.get("width", "0")) for one in drawn.iter() if one.tag.endswith("rect") and one.get("height") == "10"
    ]
    bars = widths[3:]  # after the legend
    assert len(bars) == 3, "nothing is drawn for nothing"
    assert bars[0] < bars[1] < bars[2]


def test_drawings_without_figures_are_drawings() -> None:
    assert ElementTree.fromstring(plots.bars("t", {}, ["a & b"], str)) is not None
    assert ElementTree.fromstring(plots.lines("t", {"a": [(1, 0.0)]}, "x", str)) is not None


def test_a_line_rises_with_its_values() -> None:
    drawn = ElementTree.fromstring(plots.lines("t", {"a": [(50, 0.001), (100, 0.1)], "b": [(50, 0.01)]}, "cells", str))
    path = next(one.get("points", "") for one in drawn.iter() if one.tag.endswith("polyline"))
    (x0, y0), (x1, y1) = (map(float, point.split(",")) for point in path.split())
    assert x0 < x1
    assert y0 > y1, "SVG counts downwards"


# --- comparison


@pytest.mark.parametrize(
    ("before", "after", "slower"),
    [
        (Spread(1.0, 0.9, 1.1), Spread(1.3, 1.2, 1.4), True),
        (Spread(1.0, 0.9, 1.25), Spread(1.3, 1.2, 1.4), False),  # they overlap
        (Spread(1.0, 0.99, 1.01), Spread(1.05, 1.04, 1.06), False),  # by too little
        (Spread(0.001, 0.001, 0.001), Spread(0.002, 0.002, 0.002), False),  # of nothing
        (Spread(1.3, 1.2, 1.4), Spread(1.0, 0.9, 1.1), False),  # faster
    ],
)
def test_slower_is_beyond_the_noise(before: Spread, after: Spread, slower: bool) -> None:
    assert is_slower(before, after) is slower


def slowed(made: Result, factor: float) -> Result:
    """As on a slower machine."""
    for sessions in made.sessions["small"].values():
        sessions.delay = [value and value * factor for value in sessions.delay]
        sessions.cpu = [value and value * factor for value in sessions.cpu]
        for kind in sessions.kinds.values():
            kind.delay = [value and value * factor for value in kind.delay]
    return made


def test_a_slower_machine_is_no_regression() -> None:
    assert not any(change.worse for change in compared(result(), "timeslip", slowed(result(), 3), "timeslip")[0])
    worse = [change for change in compared(result(), "timeslip", slowed(result(2.0), 3), "timeslip")[0] if change.worse]
    assert {change.what for change in worse} >= {"small: change", "small: all cells"}
    assert {round(change.ratio, 2) for change in worse} == {1.33}


def test_a_larger_store_and_a_new_failure_are_told() -> None:
    after = result(stored=1_000_000)
    after.sessions["small"]["timeslip"].wrong.append("undo")
    found, faults = compared(result(), "timeslip", after, "timeslip")
    lines = told(found, faults)
    assert any(line.startswith("worse: small: store: 100 B → 10 MB") for line in lines)
    assert "broken: small: wrong after undo" in lines


def test_the_exit_status_says_whether_something_got_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result().save(tmp_path / "a.json")
    result(3.0).save(tmp_path / "b.json")
    assert command.compare([str(tmp_path / "a.json"), str(tmp_path / "a.json")]) == 0
    assert "nothing got worse" in capsys.readouterr().out
    assert command.compare([str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 1
    assert "worse: small: all cells" in capsys.readouterr().out
    assert command.compare([str(tmp_path / "b.json"), str(tmp_path / "a.json")]) == 0
    assert command.compare([str(tmp_path / "a.json"), "no-such-revision"]) == 2
    other = result()
    other.about["scale"] = 0.1
    other.save(tmp_path / "c.json")
    capsys.readouterr()
    assert command.compare([str(tmp_path / "a.json"), str(tmp_path / "c.json")]) == 2
    assert "different scales" in capsys.readouterr().err


# --- what runs inside the kernels


def shell_of(namespace: dict[str, Any]) -> Any:
    hooks: list[Any] = []
    events = SimpleNamespace(register=lambda _name, hook: hooks.append(hook))
    return SimpleNamespace(user_ns=namespace, user_ns_hidden={"hidden": 1}, events=events, hooks=hooks)


def test_the_whole_namespace_is_saved_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_namespace, "STATES", [])
    monkeypatch.setattr(whole_namespace, "FAILURES", [])
    shell = shell_of({"In": [], "hidden": 1})
    whole_namespace.install(shell, pickle.__name__, str(tmp_path / "store"))
    (save,) = shell.hooks
    shell.user_ns.update(x=[1], _own=2)
    save(None)
    shell.user_ns.update(y=3)
    shell.user_ns["x"].append(2)
    save(None)
    whole_namespace.load(0)
    assert shell.user_ns == {"In": [], "hidden": 1, "_own": 2, "x": [1]}
    shell.user_ns["made"] = (n for n in "generators cannot be pickled")
    save(None)
    assert whole_namespace.STATES[-1] == ""
    assert "state 2: TypeError" in whole_namespace.FAILURES[0]
    whole_namespace.load(1)
    assert shell.user_ns["x"] == [1, 2]
    assert "made" not in shell.user_ns


def test_what_is_written_after_the_reply_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pack"
    file.write_bytes(b"12")
    late = iter([b"3", b"45"])
    monkeypatch.setattr(driving.time, "sleep", lambda _seconds: file.write_bytes(file.read_bytes() + next(late, b"")))
    assert driving.settled_size_of(tmp_path) == 5
    assert driving.settled_size_of(tmp_path / "absent") == 0


def test_what_waits_in_a_log_counts_once_and_at_once(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "some.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE held (data BLOB)")
        connection.commit()
        driving.without_logs(tmp_path)
        empty = driving.size_of(tmp_path)
        connection.execute("INSERT INTO held VALUES (?)", [bytes(500_000)])
        connection.commit()
        before = driving.size_of(tmp_path)
        driving.without_logs(tmp_path)
        after = driving.size_of(tmp_path)
        assert (tmp_path / "some.db-wal").stat().st_size == 0
    assert before - empty >= 500_000
    assert 400_000 <= after - empty < 600_000


def test_the_clock_takes_a_cell_within_a_cell_for_a_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_clock, "NOTES", [])
    shell = SimpleNamespace()

    async def run_ast_nodes(depth: int) -> int:
        if depth == 0:
            raise KeyError("as cells do")
        return 1 + (await shell.run_ast_nodes(depth - 1) if depth > 1 else 0)

    shell.run_ast_nodes = run_ast_nodes
    session_clock.install(shell)
    assert asyncio.run(shell.run_ast_nodes(3)) == 3
    assert len(session_clock.NOTES) == 1
    with pytest.raises(KeyError):
        asyncio.run(shell.run_ast_nodes(0))
    began, ended, used, used_then = session_clock.NOTES[1]
    assert began <= ended
    assert used <= used_then
