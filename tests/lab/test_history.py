"""Pages of history as a front end gets them, and the few words about each name."""

from __future__ import annotations

import pytest
from tests.lab.looking import Looking

from timeslip.lab.states import how

FRAME = "pandas.DataFrame"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (("int", "1"), ("int", "2"), "1 → 2"),
        (("str", "'a'"), ("str", f"80 characters: '{'b' * 60}"), "changed"),
        (("int", "1"), (FRAME, "2 rows × 1 column: 'a'"), "int → DataFrame"),
        (("list", "3 items: 1, 2, 3"), ("list", "4 items: 1, 2, 3, 4"), "3 → 4 items"),
        (("list", "2 items: 1, 2"), ("list", "1 item: 1"), "2 → 1 item"),
        (("list", "2 items: 1, 2"), ("list", "2 items: 1, 3"), "changed"),
        (("dict", "1,000 keys: 1"), ("dict", "2,000 keys: 1"), "1,000 → 2,000 keys"),
        ((FRAME, "891 rows × 12 columns: 'a', 'b'"), (FRAME, "891 rows × 11 columns: 'a'"), "-1 column"),
        ((FRAME, "891 rows × 2 columns"), (FRAME, "890 rows × 4 columns"), "-1 row, +2 columns"),
        (("pandas.Series", "10 rows, int64"), ("pandas.Series", "12 rows, int64"), "+2 rows"),
        (("numpy.ndarray", "3 × 4, float64"), ("numpy.ndarray", "4 × 4, float64"), "3 × 4 → 4 × 4"),
        (("numpy.ndarray", "3 elements, int64"), ("numpy.ndarray", "1 element, int64"), "3 → 1 element"),
        (("sklearn.LinearModel", "not fitted"), ("sklearn.LinearModel", "fitted: coef_"), "changed"),
        (("", ""), ("int", "1"), "changed"),
    ],
)  # fmt: skip
def test_what_became_of_a_value_is_said_in_few_words(
    before: tuple[str, str], after: tuple[str, str], words: str
) -> None:
    assert how(before, after) == words


def test_states_come_newest_first_and_in_pages(seen: Looking) -> None:
    seen.run("x = 1", "y = [1]", "\n# about y\ny.append(2); del x", "1/0")
    page = seen.ask("history", limit=2)
    assert page["more"]
    assert page["head"] == seen.session.head
    assert (page["branch"], page["branches"], page["tags"]) == ("main", {"main": seen.session.head}, {})
    failed, changed = page["states"]
    assert (failed["outcome"], failed["error"][:10], failed["about"]) == ("error", "ZeroDivisi", {})
    assert (changed["first"], changed["lines"]) == ("# about y", 2)
    assert (changed["changed"], changed["deleted"], changed["about"]) == (["y"], ["x"], {"y": "1 → 2 items"})
    assert failed["parents"] == [changed["id"]]
    rest = seen.ask("history", limit=10, before=changed["id"])
    assert not rest["more"]
    assert [state["first"] for state in rest["states"]] == ["y = [1]", "x = 1"]
    assert rest["states"][0]["about"] == {"y": "new"}


def test_every_branch_and_every_state_left_behind_is_there(seen: Looking) -> None:
    seen.run("x = 1", "x = 2")
    seen.session.tag("here")
    seen.session.undo()
    seen.run("x = 3")
    page = seen.ask("history")
    assert [state["first"] for state in page["states"]] == ["x = 3", "x = 2", "x = 1"]
    assert [state["branch"] for state in page["states"]] == ["main-2", "main", "main"]
    assert sorted(page["branches"]) == ["main", "main-2"]
    assert list(page["tags"]) == ["here"]
    assert page["states"][0]["about"] == {"x": "1 → 3"}


def test_what_is_forgotten_is_not_told(seen: Looking) -> None:
    commit = seen.run("x = 1", "x = 12345")
    seen.session.describe(commit, "a note")
    assert seen.ask("history")["states"][0]["about"] == {"x": "1 → 12345"}
    seen.session.forget("x")
    seen.session.forget(commit)
    state = seen.ask("history")["states"][0]
    assert (state["first"], state["message"], state["about"]) == (None, None, {})


def test_reading_verbs_answer_as_everywhere_and_others_are_refused(seen: Looking) -> None:
    seen.run("x = 1", "x = 2")
    assert [commit["code"] for commit in seen.ask("log", "--all", "-n", "1")["commits"]] == ["x = 2"]
    assert seen.ask("show", "HEAD", "x")["value"]["summary"] == "2"
    assert seen.ask("diff")["values"][0]["name"] == "x"
    assert seen.ask("blame", "x")["commits"][0]["code"] == "x = 2"
    assert seen.ask("ops")["operations"][0]["kind"] == "run"
    assert seen.ask("sessions")["sessions"][0]["current"]
    status = seen.ask("status")
    assert (status["head"]["code"], status["paused"], status["kernel"]) == ("x = 2", None, "this")
    for verb in ("undo", "checkout", "forget", "gc", "trust", "nonsense"):
        assert seen.reply(verb)["error"]["code"] == "usage", verb
    assert seen.reply("show", "HEAD~7")["error"]["code"] == "commit-not-found"
    assert seen.reply("log", "--help")["error"]["code"] == "usage"
    assert seen.session.moves == 2


@pytest.mark.parametrize(
    "request_",
    [
        {"verb": "history", "limit": 0},
        {"verb": "history", "before": 3},
        {"verb": "preview", "ref": None},
        {"verb": "preview", "ref": "HEAD", "names": "x"},
        {"verb": "compare", "a": "HEAD"},
        {"verb": "log", "words": "HEAD"},
        {"verb": ["log"]},
        {},
    ],
)
def test_a_wrong_request_gets_an_error_and_nothing_else(seen: Looking, request_: dict[str, object]) -> None:
    seen.run("x = 1")
    reply = seen.reply(**{"verb": "", **request_})  # type: ignore[arg-type]
    assert reply["error"]["code"] == "usage", reply
