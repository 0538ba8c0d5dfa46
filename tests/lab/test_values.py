"""What a front end sees of recorded values: tables, pictures, text, and two states side by side."""

from __future__ import annotations

import base64
import os
import signal
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
from tests.lab.looking import Looking

from timeslip.errors import SessionBusyError, TimeslipError
from timeslip.lab import helper
from timeslip.lab.helper import Helper


def preview(seen: Looking, *names: str, ref: str = "HEAD") -> list[dict[str, Any]]:
    values: list[dict[str, Any]] = seen.ask("preview", ref=ref, names=list(names) or None)["values"]
    return values


def test_a_frame_is_a_table_of_text_with_what_is_not_shown(seen: Looking) -> None:
    seen.run("import pandas as pd", "df = pd.DataFrame({f'c{n}': range(100) for n in range(30)}); df['c0'] = '<b>'")
    (found,) = preview(seen, "df")
    assert (found["sort"], found["kind"].rpartition(".")[2], found["shape"]) == ("frame", "DataFrame", [100, 30])
    assert found["columns"][:2] == [
        {"name": "c0", "dtype": found["columns"][0]["dtype"]},
        {"name": "c1", "dtype": "int64"},
    ]
    assert (len(found["columns"]), len(found["rows"]), found["index"][49]) == (20, 50, "49")
    assert found["rows"][7][:2] == ["<b>", "7"]
    assert found["note"] == "shown: 50 of 100 rows, 20 of 30 columns"
    assert "&lt;b&gt;" in found["html"]
    assert "<b>" not in found["html"]


def test_arrays_of_two_dimensions_are_tables(seen: Looking) -> None:
    seen.run("import numpy as np", "a = np.arange(2100).reshape(70, 30) / 2; v = np.arange(3); e = np.zeros((0, 3))")
    seen.run("t = np.array([['2024-01-02', '2024-01-03']], dtype='datetime64[ns]')")
    found = {value["name"]: value for value in preview(seen, "a", "v", "e", "t")}
    table = found["a"]
    assert (table["sort"], table["shape"], len(table["rows"]), len(table["columns"])) == ("array", [70, 30], 50, 20)
    assert (table["columns"][1], table["index"][1]) == ({"name": "1", "dtype": "float64"}, "1")
    assert table["rows"][1][:3] == ["15.0", "15.5", "16.0"]
    assert table["note"] == "shown: 50 of 70 rows, 20 of 30 columns"
    assert "2024-01-03" in found["t"]["rows"][0][1]
    assert (found["v"]["rows"], found["e"]["rows"]) == (None, None)


def test_frames_of_polars_are_tables_and_compared_by_column(seen: Looking) -> None:
    pytest.importorskip("polars")
    seen.run("import polars as pl", "df = pl.DataFrame({'n': [1, 2, 3], 's': ['x', None, 'z']}); s = df['n']")
    first = str(seen.session.head)
    then, series = preview(seen, "df", "s")
    assert then["columns"] == [{"name": "n", "dtype": "Int64"}, {"name": "s", "dtype": "String"}]
    assert (then["index"], then["rows"][1], then["shape"]) == (["0", "1", "2"], ["2", "None"], [3, 2])
    assert (series["shape"], series["rows"]) == ([3], [["1"], ["2"], ["3"]])
    seen.run("df = df.with_columns(n=pl.Series([1, 20, 3]), d=pl.col('n') * 2).drop('s')")
    value = seen.ask("compare", a=first, b="HEAD", name="df")["value"]
    assert value["summary"] == "column 's' dropped; column 'd' added; 1 cell of 'n' changed"
    frame = value["frame"]
    assert [(column["name"], column["change"]) for column in frame["columns"]] == [
        *(("n", "changed"), ("s", "removed"), ("d", "added"))
    ]
    assert frame["rows"][1] == {
        "label": "1",
        "a": ["2", "None", None],
        "b": ["20", None, "4"],
        "changed": [True, False, False],
    }
    assert (frame["changed_rows"], frame["changed_cells"], frame["of"]) == (1, 1, 3)


def test_values_are_as_they_were_and_the_session_is_as_it_is(seen: Looking) -> None:
    seen.run(
        "class Point:\n    def __init__(self, x): self.x = x", "x = [1]; p = Point(1); s = x", "x.append(2); p.x = 5"
    )
    before, filters = {name: id(value) for name, value in seen.session.namespace.items()}, list(warnings.filters)
    then, now = preview(seen, "x", ref="HEAD~1"), preview(seen, "x")
    assert ("1 item" in then[0]["summary"], "2 items" in now[0]["summary"]) == (True, True)
    assert "x=1" in preview(seen, "p", ref="HEAD~1")[0]["summary"]
    assert {name: id(value) for name, value in seen.session.namespace.items()} == before
    assert (list(warnings.filters), seen.session.moves) == (filters, 3)


def test_all_names_of_a_state_and_those_that_are_not_there(seen: Looking) -> None:
    seen.run("x = 1; lock = __import__('threading').Lock()")
    found = {value["name"]: value for value in preview(seen)}
    assert found["x"]["text"] == "1"
    assert found["lock"]["note"]
    assert seen.reply("preview", ref="HEAD", names=["y"])["error"]["code"] == "name-not-found"
    assert seen.reply("preview", ref="HEAD~9", names=["x"])["error"]["code"] == "commit-not-found"


def test_why_a_value_is_not_there_is_said_once(seen: Looking) -> None:
    first = seen.run("token = 'hunter2'")
    seen.run("token = 1")
    seen.session.forget("token")
    (found,) = preview(seen, "token", ref=first)
    assert found["note"].count("removed for good") == 1


def test_a_figure_is_a_picture(seen: Looking) -> None:
    pytest.importorskip("matplotlib")
    seen.run(
        "from matplotlib.figure import Figure; fig = Figure(figsize=(40, 4)); ax = fig.subplots(); ax.plot([1, 2])"
    )
    (found,) = preview(seen, "fig")
    assert (found["sort"], found["note"]) == ("figure", "")
    assert base64.b64decode(found["png"])[:4] == b"\x89PNG"


def test_what_would_touch_the_outside_is_not_shown(seen: Looking, tmp_path: Path) -> None:
    there = tmp_path / "made"
    seen.run(
        f"class Bad:\n    def __repr__(self):\n        open({str(there)!r}, 'w').close(); return 'shown'\nbad = Bad()"
    )
    (found,) = preview(seen, "bad")
    assert not there.exists()
    assert "not shown, because" in found["note"]


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit", "type('Own', (BaseException,), {})"])
def test_a_value_that_raises_what_ends_a_program_ends_nothing(seen: Looking, error: str) -> None:
    seen.run(f"class A:\n    def __repr__(self): raise {error}('x')", "a = A(); a.n = 1")
    first = seen.session.head
    seen.run("a.n = 2; b = 3")
    a, b = preview(seen, "a", "b")
    assert " raised " in a["note"]
    assert b["text"] == "3"
    value = seen.ask("compare", a=first, b="HEAD", name="a")["value"]
    assert value["lines"] or " raised " in value["note"]


def test_code_of_a_value_finds_what_was_there_with_it(seen: Looking) -> None:
    """A repr that goes by a module, by a helper and by a constant of the session, all as they were."""
    seen.run(
        "import textwrap",
        "unit = 'm'",
        "def short(n): return textwrap.shorten(f'{n} {unit} and more', 10)",
        "class Length:\n    def __init__(self, n): self.n = n\n    def __repr__(self): return short(self.n)",
        "wide = Length(3)",
    )
    then = seen.session.head
    seen.run("unit = 'km'", "def short(n): return missing_helper(n)")
    assert preview(seen, "wide", ref=then)[0]["text"] == "3 m [...]"
    assert seen.session.show(then, "wide").text == "3 m [...]"
    assert "name 'missing_helper' is not defined" in preview(seen, "wide")[0]["note"]
    assert seen.session.namespace["unit"] == "km"


def test_two_states_in_words_and_no_value_is_loaded(seen: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    a = seen.run("x = [1]; gone = 1; same = 2")
    b = seen.run("x.append(2); del gone; new = 3")
    monkeypatch.setattr("timeslip.past.PastState.value", None)
    found = seen.ask("compare", a=a, b=b)
    assert found["code"] == ["-x = [1]; gone = 1; same = 2", "+x.append(2); del gone; new = 3"]
    assert {value["name"]: (value["change"], value["about"]) for value in found["values"]} == {
        "gone": ("deleted", "deleted"),
        "new": ("created", "new"),
        "x": ("changed", "1 → 2 items"),
    }


def test_a_frame_of_two_states_cell_by_cell(seen: Looking) -> None:
    a = seen.run("import pandas as pd; df = pd.DataFrame({'a': range(100), 'b': 1.5, 'c': 'x'}); w = df.copy()")
    b = seen.run("df.loc[60, 'a'] = -1; df['d'] = 1; del df['c']; df['b'] = df['b'].astype('float32')")
    value = seen.ask("compare", a=a, b=b, name="df")["value"]
    assert value["change"] == "changed"
    assert "column 'd' added" in value["summary"]
    frame = value["frame"]
    assert frame["shape"] == {"a": [100, 3], "b": [100, 3]}
    assert [(one["name"], one["change"], one["cells"]) for one in frame["columns"]] == [
        ("a", "changed", 1),
        ("b", "retyped", 0),
        ("c", "removed", 0),
        ("d", "added", 0),
    ]
    assert (frame["changed_rows"], frame["changed_cells"], frame["of"], len(frame["rows"])) == (1, 1, 100, 50)
    (changed,) = [row for row in frame["rows"] if any(row["changed"])]
    assert (changed["label"], changed["a"], changed["b"]) == ("60", ["60", "1.5", "x", None], ["-1", "1.5", None, "1"])
    assert changed["changed"] == [True, False, False, False]


def test_rows_that_came_and_went_are_counted(seen: Looking) -> None:
    a = seen.run("import pandas as pd; df = pd.DataFrame({'a': range(10)}, index=list('abcdefghij'))")
    b = seen.run("df = pd.concat([df.drop(index=['c', 'd']), pd.DataFrame({'a': [7]}, index=['z'])])")
    frame = seen.ask("compare", a=a, b=b, name="df")["value"]["frame"]
    assert (frame["rows_removed"], frame["rows_added"], frame["of"]) == (2, 1, 8)
    assert [row["label"] for row in frame["rows"]] == list("abefghij")
    assert seen.reply("compare", a=a, b=b, name="nothing")["error"]["code"] == "name-not-found"


def test_another_process_loads_what_a_kernel_is_asked_for(seen: Looking, tmp_path: Path) -> None:
    """It answers as this one would, tells errors, starts again when it has died, and is nobody's child."""
    seen.run("x = [1, 2]")
    helping = Helper(seen.session.repository.directory)
    request = {"id": 3, "verb": "preview", "ref": "HEAD", "names": ["x"]}
    try:
        reply = helping.ask(request, seen.session.id, None)
        assert reply["id"] == 3
        assert reply["answer"]["values"] == preview(seen, "x")
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        first = helping._pid
        os.kill(first, signal.SIGKILL)
        wrong = helping.ask({"id": 4, "verb": "preview", "ref": "HEAD~5", "names": []}, seen.session.id, None)
        assert wrong["error"]["code"] == "commit-not-found"
        assert helping._pid != first
    finally:
        helping.close()
    with pytest.raises(SessionBusyError):
        helping.ask(request, seen.session.id, None)


def test_who_waits_for_a_value_hears_that_the_session_ends(seen: Looking) -> None:
    seen.run("class Slow:\n    def __repr__(self):\n        while True: pass\nslow = Slow()")
    helping = Helper(seen.session.repository.directory)
    helping.ask({"id": 1, "verb": "preview", "ref": "HEAD", "names": []}, seen.session.id, None)
    told: list[str] = []

    def wait() -> None:
        try:
            helping.ask({"id": 2, "verb": "preview", "ref": "HEAD", "names": ["slow"]}, seen.session.id, None)
        except TimeslipError as error:
            told.append(error.code)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not helping._lock.locked():
        time.sleep(0.01)
    time.sleep(0.1)
    helping.close()
    waiting.join(10)
    assert told in (["session-busy"], ["internal"])
    assert (helping._pid, helping._pipes) == (0, None)


def test_what_takes_too_long_is_given_up(seen: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    seen.run("class Slow:\n    def __repr__(self):\n        while True: pass\nslow = Slow()")
    helping = Helper(seen.session.repository.directory)
    try:
        helping.ask({"id": 1, "verb": "preview", "ref": "HEAD", "names": []}, seen.session.id, None)
        monkeypatch.setattr(helper, "PATIENCE", 0.2)
        with pytest.raises(SessionBusyError, match="given up"):
            helping.ask({"id": 2, "verb": "preview", "ref": "HEAD", "names": ["slow"]}, seen.session.id, None)
        assert helping._pid == 0
    finally:
        helping.close()
