from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.doors.fakes import FakeSession
from tests.doors.schema import validate

import timeslip
from timeslip.errors import CommitNotFoundError, NameTakenError, TimeslipError, UsageError
from timeslip.rendering.html import to_html
from timeslip.rendering.registry import document
from timeslip.rendering.text import to_text
from timeslip.rendering.units import Clock
from timeslip.verbs import VERBS
from timeslip.verbs.help import overview, verb_help
from timeslip.verbs.parsing import find_verb, parse, split_line

EXAMPLES = [
    "status", "log", "log HEAD --all -n 3 --names a,b --grep text", "show HEAD", "show HEAD df", "diff", "diff HEAD",
    "diff HEAD .", "diff HEAD . x y", "diff x", "blame df", "ops", "ops -n 5", "undo", "undo 2", "redo",
    "checkout HEAD", "checkout HEAD --dry-run -- x y", "resume", "resume HEAD --no-replay", "switch main", "replay g",
    "replay g --dry-run", "get HEAD df --as old", "get HEAD df", "commit", "commit -m text", "branch", "branch new",
    "branch new HEAD", "branch --delete old", "branch --rename a b", "tag", "tag v2 HEAD", "tag --delete v1",
    "describe HEAD -m text", "verify", "verify HEAD", "du", "gc", "gc --dry-run", "config", "config replay",
    "config replay ask", "trust", "forget df", "sessions", "resume --from old", "resume HEAD --from old",
]  # fmt: skip


def run(line: str, session: Any = None) -> dict[str, Any]:
    name, *words = split_line(line)
    verb = find_verb(VERBS, name)
    return verb.run(session or FakeSession(), parse(verb, words))


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_answer_fits_its_schema_and_can_be_drawn(line: str) -> None:
    answer = run(line)
    validate(answer)
    blocks = document(answer, Clock(1010.0, utc=True))
    assert to_text(blocks).strip()
    assert to_html(blocks).startswith('<div class="timeslip">')


def test_the_examples_use_every_verb() -> None:
    assert {line.split()[0] for line in EXAMPLES} == set(VERBS)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("undo 0", "argument N: '0' is not a whole number from 1 up"),
        ("undo x", "argument N: 'x' is not a whole number from 1 up"),
        ("undo -1", "argument N: '-1' is not a whole number from 1 up"),
        ("undo 1 2", "unknown or too many arguments: 2"),
        ("checkout", "missing: REF"),
        ("checkout HEAD df", "unknown or too many arguments: df"),
        ("checkout HEAD --", "no name after '--'"),
        ("checkout HEAD --replay --no-replay", "argument --no-replay: not allowed with argument --replay"),
        ("log --al", "unknown or too many arguments: --al"),
        ("log -n", "argument -n/--limit: expected one argument"),
        ("get HEAD", "missing: NAME"),
        ("get HEAD df --as 1x", "'1x' cannot be the name of a variable"),
        ("replay", "missing: NAME"),
        ("describe HEAD", "missing: -m TEXT"),
        ("branch new --delete old", "a branch is created, deleted or renamed, one at a time"),
        ("branch --rename a", "argument --rename: expected 2 arguments"),
        ("tag new --delete old", "a tag is created or deleted, one at a time"),
        ("tge x", "there is no verb 'tge'"),
    ],
)
def test_wrong_use_is_one_message_and_a_hint(line: str, said: str) -> None:
    session = FakeSession()
    with pytest.raises(UsageError) as caught:
        run(line, session)
    assert caught.value.message == said
    assert caught.value.hint
    assert caught.value.exit_status == 2
    assert session.calls == []


def test_an_unknown_verb_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        find_verb(VERBS, "chekout")
    assert caught.value.hint == "did you mean 'checkout'?"


def test_messages_with_quotes() -> None:
    assert split_line('commit -m "it\'s done"') == ["commit", "-m", "it's done"]
    assert split_line("commit -m it's done") == ["commit", "-m", "it's done"]
    with pytest.raises(UsageError, match="quote"):
        split_line("log --grep it's")


def test_diff_tells_references_from_names() -> None:
    session = FakeSession()
    run("diff HEAD x", session)
    assert session.calls[-1] == ("diff", "HEAD", None, ("x",))
    session.fails = CommitNotFoundError("no commit 'nowhere'")
    with pytest.raises(CommitNotFoundError, match="nowhere"):
        run("diff nowhere", session)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("log # all of it", ["log"]),
        ("undo  #", ["undo"]),
        ("# nothing", []),
        ("describe HEAD -m 'fix # 12' # why", ["describe", "HEAD", "-m", "fix # 12"]),
        ("describe HEAD -m fix#12", ["describe", "HEAD", "-m", "fix#12"]),
        ("describe HEAD -m #12", ["describe", "HEAD", "-m", "#12"]),
        ("commit -m it's done # really", ["commit", "-m", "it's done # really"]),
    ],
)
def test_a_comment_beside_a_verb(line: str, words: list[str]) -> None:
    assert split_line(line) == words


def test_options_reach_the_session() -> None:
    session = FakeSession()
    run("checkout HEAD~3 --replay --verify --allow-lost -- a b", session)
    options = {"dry_run": False, "replay": "auto", "verify": True, "allow_lost": True}
    assert session.calls == [("checkout", "HEAD~3", ("a", "b"), options)]


def test_get_without_another_name_never_overwrites(tmp_path: Path) -> None:
    session = FakeSession()
    run("get HEAD df", session)
    assert session.calls == [("get", "HEAD", "df", "df")], "the session refuses what would be overwritten"
    real = timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="get", min_free_bytes=0)
    try:
        real.run("df = [1]")
        before, ops = real.namespace["df"], len(real.ops())
        with pytest.raises(NameTakenError) as raised:
            run("get HEAD df", real)
        assert raised.value.hint == f"`get {str(real.head)[:8]} df --as df_before` binds it to another name"
        assert real.namespace["df"] is before
        assert len(real.ops()) == ops
        real.run("del df")
        run("get HEAD~1 df", real)
        assert real.namespace["df"] == [1]
    finally:
        real.close()


def test_help_of_every_verb() -> None:
    for verb in VERBS.values():
        assert parse(verb, ["--help"]).help
        text = to_text(verb_help(verb, "%timeslip"))
        assert text.startswith(f"usage: %timeslip {verb.name}")
        assert verb.summary in " ".join(text.split())
    assert all(name in to_text(overview(VERBS, "%timeslip")) for name in VERBS)


def test_json_is_an_option_of_every_verb() -> None:
    assert all(any("--json" in a.flags for a in verb.arguments) for verb in VERBS.values())


def test_people_get_an_end_to_the_log_and_programs_do_not() -> None:
    shown = run("log HEAD~40")
    assert (len(shown["commits"]), shown["more"]) == (100, True)
    assert to_text([document(shown)[-1]]) == "… and earlier ones: `log -n 1000` shows more"
    assert (len(run("log HEAD~40 --json")["commits"]), run("log HEAD~40 --json")["more"]) == (240, False)
    assert run("log HEAD~40 -n 240")["more"] is False
    assert run("log")["more"] is False


def test_numbers_and_kinds_in_messages(tmp_path: Path) -> None:
    session = timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="words", min_free_bytes=0)
    try:
        session.run("x = 1")

        def refused(line: str) -> TimeslipError:
            with pytest.raises(TimeslipError) as raised:
                run(line, session)
            return raised.value

        assert refused("redo").message == "there is nothing that can be redone"
        assert refused("undo 2").message == "only 1 step can be undone in this kernel, not 2"
        assert refused("switch nosuch").hint == "branches: main"
        assert refused("tag --delete nosuch").hint == "there is no tag yet"
        session.tag("first")
        assert refused("tag --delete nosuch").hint == "tags: first"
        session.run("x = 2")
        assert refused("undo 9").message == "only 2 steps can be undone in this kernel, not 9"
        run("undo", session)
        assert refused("redo 5").message == "only 1 step can be redone, not 5"
    finally:
        session.close()
