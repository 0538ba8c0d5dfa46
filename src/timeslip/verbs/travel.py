"""The verbs that change the live state: undo, redo, checkout, resume, replay, get; and commit, which records it."""

from __future__ import annotations

import keyword
from argparse import Namespace
from typing import Any

from timeslip import answers
from timeslip.errors import UsageError
from timeslip.verbs.spec import DRY_RUN, JSON, RESTORE_OPTIONS, Answer, Argument, Verb, names, ref


def _restore(options: Namespace) -> dict[str, Any]:
    return {
        "dry_run": options.dry_run,
        "replay": options.replay,
        "verify": options.verify,
        "allow_lost": options.allow_lost,
    }


def _undo(session: Any, options: Namespace) -> Answer:
    result = session.undo(options.count or 1, **_restore(options))
    return answers.checkout_json("undo", result, session.branch_name)


def _redo(session: Any, options: Namespace) -> Answer:
    result = session.redo(options.count or 1, **_restore(options))
    return answers.checkout_json("redo", result, session.branch_name)


def _checkout(session: Any, options: Namespace) -> Answer:
    result = session.checkout(options.ref, *(options.names or ()), **_restore(options))
    return answers.checkout_json("checkout", result, session.branch_name)


def _resume(session: Any, options: Namespace) -> Answer:
    result = session.resume(options.ref, from_=options.from_, **_restore(options))
    return answers.checkout_json("resume", result, session.branch_name)


def _replay(session: Any, options: Namespace) -> Answer:
    steps = session.replay_plan(*options.names)
    result = session.replay(*options.names, dry_run=options.dry_run)
    body = answers.checkout_json("replay", result, session.branch_name)
    body["steps"] = [answers.replay_step_json(step) for step in steps]
    return body


def _get(session: Any, options: Namespace) -> Answer:
    new = options.new or options.name
    if not new.isidentifier() or keyword.iskeyword(new):
        raise UsageError(f"'{new}' cannot be the name of a variable", hint="choose one with --as NEW")
    session.get(options.ref, options.name, as_=new)
    return answers.answer("get", ref=options.ref, name=options.name, new=new, commit=session.head)


def _commit(session: Any, options: Namespace) -> Answer:
    return answers.commit_answer("commit", session.commit(options.message))


COUNT = Argument(("count",), "how many steps (default 1)", metavar="N", nargs="?", kind="count")

UNDO = Verb(
    name="undo",
    summary="step back by N cell runs or checkouts",
    details="Takes back the last N operations that changed state (run, checkout, get, resume). HEAD moves, the branch "
    "stays; `redo` goes forward again until the next run. Nothing is ever lost: the states left behind stay in `ops` "
    "and `log --all`.",
    arguments=(COUNT, *RESTORE_OPTIONS),
    run=_undo,
    effect="travels",
)

REDO = Verb(
    name="redo",
    summary="step forward by N cell runs or checkouts",
    details="Takes back the last N undos. A run after an undo clears what could be redone; those states stay in `ops` "
    "and `log --all`.",
    arguments=(COUNT, *RESTORE_OPTIONS),
    run=_redo,
    effect="travels",
)

CHECKOUT = Verb(
    name="checkout",
    summary="make the live state equal to REF's, or bring back only some names",
    details="Commits the live state first if it differs from HEAD's, then keeps what is equal, loads what is stored, "
    "replays what could not be, and drops what REF does not have: all or nothing.\n\nWith `-- NAME…` only these names "
    "come back, with everything that shares objects with them; the answer says which.",
    arguments=(ref(), *RESTORE_OPTIONS),
    run=_checkout,
    effect="travels",
    names_after="names",
)

RESUME = Verb(
    name="resume",
    summary="after a restart or crash: bring the last state (or REF) into this new kernel",
    details="Restores the last finished commit of the earlier kernel, or REF, into this one. Options as `checkout`, "
    "and always as with --allow-lost: what cannot be brought back becomes a placeholder and keeps nothing else away."
    "\n\n"
    "A notebook finds its session by its path. A terminal, a script or a kernel that no notebook names begins a new "
    "one: --from says which recorded session (its name, the path of its notebook, or a unique part of either) it goes "
    "on with instead. It is recorded there from now on, and REF is one of that session.",
    arguments=(
        ref(nargs="?"),
        Argument(("--from",), "go on with that session", metavar="SESSION", dest="from_", completes="session"),
        *RESTORE_OPTIONS,
    ),
    run=_resume,
    effect="travels",
)

REPLAY = Verb(
    name="replay",
    summary="rebuild placeholders by running their recorded cells again",
    details="Lists the cells, how long they took and what they seem to touch outside the session, then runs them in a "
    "scratch namespace fed with the states they read. With --dry-run it only lists.",
    arguments=(names(nargs="+", text="names that are placeholders"), DRY_RUN, JSON),
    run=_replay,
    effect="travels",
    free_word=True,
    lists_first=True,
)

GET = Verb(
    name="get",
    summary="bring one past value in under another name, beside the current one",
    details="Loads NAME as it was at REF and binds it to NEW; nothing else changes. Without --as NAME must be free.",
    arguments=(
        ref(),
        names(nargs=None, dest="name", text="a variable or an output"),
        Argument(("--as",), "bind it to this name", metavar="NEW", dest="new"),
        JSON,
    ),
    run=_get,
    effect="travels",
)

COMMIT = Verb(
    name="commit",
    summary="record now, with a message",
    details="Records the live state as a commit of its own, changed or not.",
    arguments=(Argument(("-m", "--message"), "what to remember about this state", metavar="TEXT"), JSON),
    run=_commit,
    effect="names",
)
