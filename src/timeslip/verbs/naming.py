"""The verbs that name states: branch, switch, tag, describe."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from timeslip import answers
from timeslip.errors import UsageError
from timeslip.verbs.spec import JSON, RESTORE_OPTIONS, Answer, Argument, Verb, ref


def _branch(session: Any, options: Namespace) -> Answer:
    given = [bool(options.name), bool(options.delete), bool(options.rename)]
    if sum(given) > 1:
        raise UsageError("a branch is created, deleted or renamed, one at a time", hint=BRANCH.hint)
    said = ""
    if options.delete:
        session.branch(delete=options.delete)
        said = f"deleted branch {options.delete}; its commits stay in `log --all`"
    elif options.rename:
        old, new = options.rename
        session.branch(rename=(old, new))
        said = f"renamed branch {old} to {new}"
    elif options.name:
        session.branch(options.name, options.ref)
        said = f"branch {options.name} created"
    return answers.refs_json("branch", session.branch(), said)


def _switch(session: Any, options: Namespace) -> Answer:
    result = session.switch(
        options.name,
        dry_run=options.dry_run,
        replay=options.replay,
        verify=options.verify,
        allow_lost=options.allow_lost,
    )
    return answers.checkout_json("switch", result, session.branch_name)


def _tag(session: Any, options: Namespace) -> Answer:
    if options.name and options.delete:
        raise UsageError("a tag is created or deleted, one at a time", hint=TAG.hint)
    said = ""
    if options.delete:
        session.tag(delete=options.delete)
        said = f"deleted tag {options.delete}"
    elif options.name:
        session.tag(options.name, options.ref)
        said = f"tag {options.name} created"
    return answers.refs_json("tag", session.tag(), said)


def _describe(session: Any, options: Namespace) -> Answer:
    if options.message is None:
        raise UsageError("missing: -m TEXT", hint=DESCRIBE.hint)
    session.describe(options.ref, options.message)
    return answers.commit_answer("describe", session.show(options.ref).commit)


BRANCH = Verb(
    name="branch",
    summary="list, create, delete or rename branches",
    details="Without arguments: lists the branches. With NAME: creates it at REF (default: HEAD) without going there; "
    "`switch` goes there. A run from a commit that is not the tip of the branch starts a branch by itself (NAME-2, "
    "then NAME-3 …) and says so.",
    arguments=(
        Argument(("name",), "the new branch", metavar="NAME", nargs="?"),
        ref(nargs="?", text="where it begins (default HEAD)"),
        Argument(("--delete",), "delete this branch; its commits stay", metavar="NAME", completes="branch"),
        Argument(("--rename",), "rename a branch", metavar="OLD NEW", nargs=2, completes="branch"),
        JSON,
    ),
    run=_branch,
    effect="names",
    free_word=True,
)

SWITCH = Verb(
    name="switch",
    summary="check out the tip of a branch and stay on it",
    details="The next run is recorded on that branch. Options as `checkout`.",
    arguments=(Argument(("name",), "a branch", metavar="NAME", completes="branch"), *RESTORE_OPTIONS),
    run=_switch,
    effect="travels",
    free_word=True,
)

TAG = Verb(
    name="tag",
    summary="list tags, or name a state for good",
    details="Without arguments: lists the tags. With NAME: names REF (default: HEAD). Tagged states always keep their "
    "values.",
    arguments=(
        Argument(("name",), "the new tag", metavar="NAME", nargs="?"),
        ref(nargs="?", text="what it names (default HEAD)"),
        Argument(("--delete",), "delete this tag", metavar="NAME", completes="tag"),
        JSON,
    ),
    run=_tag,
    effect="names",
    free_word=True,
)

DESCRIBE = Verb(
    name="describe",
    summary="set the message of a commit",
    details="Replaces the message of REF; an empty text removes it. The commit's id stays.",
    arguments=(ref(), Argument(("-m", "--message"), "the message", metavar="TEXT", needed=True), JSON),
    run=_describe,
    effect="names",
)
