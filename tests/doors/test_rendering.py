from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tests.doors.fakes import HISTORY, REFS, RESULT, FakeSession, a_commit, an_id

from timeslip import answers
from timeslip.model import CheckoutResult, Names, Status, Went
from timeslip.rendering.document import Code, clean, line, span
from timeslip.rendering.graph import lanes
from timeslip.rendering.html import to_html
from timeslip.rendering.registry import document
from timeslip.rendering.spoken import spoken, spoken_document
from timeslip.rendering.text import Screen, columns, shorten, to_text
from timeslip.rendering.units import Clock, duration, plural, size

CLOCK = Clock(1010.0, utc=True)
LOG = answers.log_json(HISTORY, REFS, an_id(6), "main")


def text(answer: dict, width: int = 100, **options: bool) -> str:
    return to_text(document(answer, CLOCK), Screen(width, **options))


def test_log() -> None:
    assert (
        text(LOG)
        == """\
●     06060606  In[6]   x = 6  HEAD  main
│      ~x   00:16:46 · 0.72 s · 7.4 kB
○     05050505  In[5]   x = 5  ✗ KeyError: 'fare'
│      no change   00:16:45 · 0.60 s · 6.2 kB
│ ○   04040404  commit  before the drop  main-2  tag v1
│ │    ~x   00:16:44 · 4.9 kB
│ │ ○ 03030303  In[3]   x = 3
│ │ │  +Out[3] -tmp   00:16:43 · 0.36 s · 3.7 kB
├─┴─╯
○     02020202  In[2]   df = load() …
│      ~x   00:16:42 · 0.24 s · 2.5 kB
○     01010101  In[1]   x = 1
       +x +y   00:16:41 · 0.12 s · 1.2 kB"""
    )


def test_log_in_a_narrow_ascii_terminal() -> None:
    drawn = text(answers.log_json([a_commit(1, code="value = " + "f(x) + " * 30)], (), None, "main"), 50, ascii=True)
    assert (
        drawn
        == """\
o 01010101  In[1]  value = f(x) + f(x) + f(x) + f~
   ~x   00:16:41 - 0.12 s - 1.2 kB"""
    )


def test_an_empty_log_says_so() -> None:
    assert text(answers.log_json([], [], None, "main")) == "no commit yet, or none that matches"


def test_undo() -> None:
    assert (
        text(answers.checkout_json("undo", RESULT, "main"))
        == """\
undone, now at 05050505 on main  (12 ms)
loaded    df
dropped   x
kept      a, b
placeholder g
g  lost: a generator cannot be stored
figures were put back"""
    )


def test_undo_says_what_was_taken_back_and_where_that_led() -> None:
    taken = (
        Went("run", HISTORY[0]), Went("run", HISTORY[1]), Went("checkout", HISTORY[2]), Went("get", HISTORY[3]),
        Went("checkout", None),
    )  # fmt: skip
    result = replace(RESULT, at=HISTORY[4], went=taken, notes={}, messages=(), placeholders=())
    assert (
        text(answers.checkout_json("undo", result, "main"))
        == """\
undone In[6]  x = 6
undone In[5]  x = 5
undone the checkout of 04040404
undone the get that made 03030303
undone the checkout of the empty state
now at 05050505 In[2]  df = load() …  on main  (12 ms)
loaded    df
dropped   x
kept      a, b"""
    )
    many = replace(result, went=taken[:2] * 4, dry_run=True)
    lines = text(answers.checkout_json("redo", many, "main")).splitlines()
    assert lines[0] == "would redo In[6]  x = 6"
    assert lines[5] == "and 3 more steps"
    assert lines[6] == "redo would lead to 05050505 In[2]  df = load() …  on main"


def test_what_was_a_placeholder_before_is_no_news() -> None:
    lost = dict.fromkeys(("Out[3]", "_", "g", "h"), "lost")
    result = replace(
        RESULT,
        kept=("a", "h"),
        placeholders=tuple(sorted(lost)),
        fidelity=lost,
        notes=dict.fromkeys(lost, "a generator cannot be stored"),
        messages=(),
    )
    assert (
        text(answers.checkout_json("undo", result, "main"))
        == """\
undone, now at 05050505 on main  (12 ms)
loaded    df
dropped   x
kept      a, h
placeholder Out[3], g
still a placeholder: h
Out[3], g  lost: a generator cannot be stored"""
    )


def test_a_step_that_changed_nothing_says_so() -> None:
    result = CheckoutResult(an_id(1), kept=("a",), at=HISTORY[5], went=(Went("run", HISTORY[1]),))
    assert text(answers.checkout_json("undo", result, "main")).endswith("kept      a\nno name had to change")
    foreseen = answers.checkout_json("checkout", replace(result, dry_run=True, went=()), "main")
    assert text(foreseen).endswith("no name would have to change")


def test_status() -> None:
    status = Status(
        "ab", "titanic.ipynb", None, "/store", "main", HISTORY[0], at_tip=False,
        next_branch="main-2", last=HISTORY[1],
        inexact={"g": "a generator cannot be stored"}, assumed=("big",), unfinished=1, paused="the disk is full",
        store_bytes=10**7, resumable=an_id(4), kernel="this", large_arrays="hashed: this kernel has no way to tell",
    )  # fmt: skip
    assert (
        text(answers.status_json(status))
        == """\
titanic.ipynb  on main at 06060606 In[6]  x = 6
recording is paused: the disk is full
an earlier state can be brought back: %timeslip resume  (04040404)
the next run creates branch main-2, because this is not the tip of main
last    In[5] no change  ✗ KeyError: 'fare'   00:16:45 · 0.60 s
cost    3 ms to record, 6.2 kB added, 2.0 kB looked at
not stored exactly: g  a generator cannot be stored
not looked at and not reached by the last run: big
1 run not recorded since then; what was changed belongs to the next step that is recorded
large arrays: hashed: this kernel has no way to tell
store   10 MB  /store"""
    )


def test_status_of_a_session_without_a_kernel_says_how_it_comes_back() -> None:
    status = Status("ab", "my notes", None, "/store", "main", HISTORY[0], resumable=an_id(4))
    assert "%timeslip resume --from 'my notes'  (04040404)" in text(answers.status_json(status))
    there = replace(status, notebook="/my notes.ipynb")
    assert "%timeslip resume  (04040404)" in text(answers.status_json(there))


def test_diff_show_blame_ops() -> None:
    session = FakeSession()
    assert (
        text(answers.diff_json(session.diff()))
        == """\
from 05050505 to the live state
  7 earlier ones, and then
  06060606  In[6]  x = 6
+y  int 5
~text  1 line differs
     same
    -old
    +new"""
    )
    assert (
        text(answers.show_value_json(session.show("HEAD", "df")))
        == """\
df  DataFrame  891 × 12  made by 02020202
     a  b
  0  1  2"""
    )
    assert (
        text(answers.blame_json("tmp", session.blame("tmp"), (), None))
        == """\
tmp was made or changed by 2 runs:
03030303  In[3]  deleted  00:16:43 · 0.36 s · 3.7 kB
    x = 3
01010101  In[1]  changed  00:16:41 · 0.12 s · 1.2 kB
    x = 1"""
    )
    assert (
        text(answers.ops_json(session.ops()))
        == """\
  12  00:16:46  undo  06060606  →  05050505  steps=1
   9  00:16:41  run   –         →  01010101"""
    )


def test_everything_a_user_wrote_is_made_harmless() -> None:
    evil = '<script>alert(1)</script>\x1b]0;title\x07\x1b[31m\u202e & "quoted"'
    commit = a_commit(1, code=evil, message=None, names=Names(created=(evil,)), error=evil, outcome="error")
    answer = answers.log_json([commit], (), None, "main")
    html = to_html(document(answer, CLOCK))
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    drawn = text(answer, 400)
    assert "\x1b" not in drawn
    assert "\u202e" not in drawn


def test_html_is_well_formed() -> None:
    class Checker(HTMLParser):
        open: list[str]

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    checker = Checker()
    checker.open = []
    checker.feed(to_html(document(LOG, CLOCK)) + to_html(document(answers.usage_json(FakeSession().du()), CLOCK)))
    assert checker.open == []


def test_html_and_text_say_the_same() -> None:
    html = to_html(document(LOG, CLOCK))
    plain = re.sub(r"<[^>]+>", "", html).replace("&#x27;", "'").replace("&lt;", "<").replace("&gt;", ">")
    assert [row.rstrip() for row in plain.split("\n")] == text(LOG, 400).split("\n")


def test_colour_only_when_asked() -> None:
    assert "\x1b" not in text(LOG)
    coloured = text(LOG, colour=True)
    assert "\x1b[33m06060606\x1b[0m" in coloured
    assert clean(coloured) == text(LOG)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    session = FakeSession()
    long = a_commit(
        7, (6,), code="名前 = " + "読む() " * 40, names=Names(created=tuple(f"name_{i}" for i in range(60)))
    )
    for answer in (
        answers.log_json([long, *HISTORY], REFS, an_id(6), "main"),
        answers.checkout_json("undo", RESULT, "main"),
        answers.usage_json(session.du()),
        answers.show_json(session.show("HEAD")),
    ):
        for row in text(answer, width).split("\n"):
            assert columns(row) <= width, row


def test_graph_of_a_reused_lane() -> None:
    rows = list(lanes([("d", ["b"]), ("c", ["a"]), ("b", ["a"]), ("a", []), ("z", [])]))
    assert [(row.before, row.node) for row in rows] == [
        ("", "○"), ("", "│ ○"), ("", "○ │"), ("├─╯", "○"), ("", "○"),
    ]  # fmt: skip


def test_units() -> None:
    assert [size(n) for n in (0, 999, 1000, 9_949, 9_951, 999_499, 999_500, 34 * 10**9)] == [
        "0 B", "999 B", "1.0 kB", "9.9 kB", "10 kB", "999 kB", "1.0 MB", "34 GB",
    ]  # fmt: skip
    assert [duration(s) for s in (0, 0.003, 0.0996, 0.5, 1, 59.9, 59.96, 125, 3725)] == [
        "0 ms", "3 ms", "0.10 s", "0.50 s", "1.0 s", "59.9 s", "1 min 00 s", "2 min 05 s", "1 h 02 min",
    ]  # fmt: skip
    assert plural(1, "name") == "1 name"
    assert plural(1200, "name") == "1,200 names"
    assert Clock(1010.0, utc=True).moment(1010.0 + 86400) == "1970-01-02 00:16"
    assert shorten("日本語のテキスト", 7) == "日本語…"


def test_code_is_cut_not_wrapped() -> None:
    assert to_text([Code("x" * 50)], Screen(30)) == "  " + "x" * 27 + "…"
    assert to_text([line(span("a " * 20))], Screen(20)).count("\n") >= 1


@pytest.mark.parametrize(
    ("said", "notebook", "shell"),
    [
        ("`log --all` lists them", "`%timeslip log --all` lists them", "`timeslip log --all` lists them"),
        ("`timeslip log` lists them", "`%timeslip log` lists them", "`timeslip log` lists them"),
        ("`%timeslip gc` frees it", "`%timeslip gc` frees it", "`timeslip gc` frees it"),
        ("`%timeslip resume main-2`", "`%timeslip resume main-2`", "`%timeslip resume main-2`"),
        ("`timeslip check` says", "`timeslip check` says", "`timeslip check` says"),
        ("`undo_steps`, log, `logs`", "`undo_steps`, log, `logs`", "`undo_steps`, log, `logs`"),
        ("`sessions`", "`%timeslip sessions`", "`timeslip sessions`"),
    ],
)
def test_commands_are_said_as_they_are_typed(said: str, notebook: str, shell: str) -> None:
    assert spoken(said, "notebook") == notebook
    assert spoken(said, "shell") == shell
    (drawn,) = spoken_document([line(said)], "notebook")
    assert to_text([drawn]) == notebook


def test_code_of_the_user_is_left_alone() -> None:
    commit = a_commit(1, code="print('`log`')", message="`undo` it")
    for answer in (answers.log_json([commit], (), None, "main"), answers.commit_answer("commit", commit)):
        drawn = to_text(spoken_document(document(answer, CLOCK), "notebook"))
        assert "%timeslip" not in drawn


def test_settings_are_shown_as_they_are_typed() -> None:
    assert text(answers.config_json({"announce": True}, changed="announce")) == "announce is now on"
    assert "audit   off" in text(answers.config_json({"audit": False, "facets": ("cwd", "random")}))


def test_names_of_a_bulk_operation_are_told_in_part() -> None:
    from timeslip.rendering.history import changes
    from timeslip.rendering.units import some

    many = [f"n{number}" for number in range(5000)]
    names = {"created": many, "changed": ["a"], "deleted": [], "late": [], "inexact": {}}
    told = "".join(part.text for part in changes(names))
    assert told.startswith(" +n0 +n1 ")
    assert told.endswith(" +n21 and 4978 more ~a")
    assert some(many).endswith("n21 and 4978 more")
    assert some(many[:24]) == ", ".join(many[:24])
