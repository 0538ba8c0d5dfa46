"""The verbs that only look: status, log, show, diff, blame, ops, sessions."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from timeslip import answers
from timeslip.errors import CommitNotFoundError, NameNotFoundError
from timeslip.verbs.spec import JSON, REF_HELP, Answer, Argument, Verb, names, ref

SHOWN = 100
"""So many commits `log` shows a person who does not say how many."""


def _refs(session: Any) -> list[Any]:
    return [*session.branch(), *session.tag()]


def _status(session: Any, options: Namespace) -> Answer:
    return answers.status_json(session.status())


def _log(session: Any, options: Namespace) -> Answer:
    # A screen needs an end, a program does not: without -n, people get the newest and are told that there is more.
    limit = options.limit or (None if options.json else SHOWN + 1)
    commits = session.log(options.ref, all=options.all, limit=limit, names=options.names or (), grep=options.grep)
    more = options.limit is None and limit is not None and len(commits) > SHOWN
    shown = commits[:SHOWN] if more else commits
    return answers.log_json(shown, _refs(session), session.head, session.branch_name, more=more)


def _show(session: Any, options: Namespace) -> Answer:
    if options.name is not None:
        return answers.show_value_json(session.show(options.ref, options.name))
    return answers.show_json(session.show(options.ref))


def _diff(session: Any, options: Namespace) -> Answer:
    words = [word for word in (options.a, options.b) if word is not None]
    listed = list(options.names or ())
    problem: Exception | None = None
    for count in range(len(words), -1, -1):
        try:
            return answers.diff_json(session.diff(*_padded(words[:count]), *words[count:], *listed))
        except CommitNotFoundError as error:
            problem = problem or error
        except NameNotFoundError as error:
            # The first word was a reference, so the second was meant as a name.
            problem = error if count == 1 or problem is None else problem
    assert problem is not None
    raise problem


def _padded(refs: list[str]) -> tuple[str | None, str | None]:
    return (refs[0] if refs else None, refs[1] if len(refs) > 1 else None)


def _blame(session: Any, options: Namespace) -> Answer:
    return answers.blame_json(options.name, session.blame(options.name), _refs(session), session.head)


def _sessions(session: Any, options: Namespace) -> Answer:
    return answers.sessions_json(str(session.repository.directory), session.sessions())


def _ops(session: Any, options: Namespace) -> Answer:
    return answers.ops_json(session.ops(limit=options.limit))


LIMIT = Argument(("-n", "--limit"), "show at most N", metavar="N", kind="count", dest="limit")

STATUS = Verb(
    name="status",
    summary="where the session is, what the last run changed and cost, what could not be stored exactly",
    details="Shows the branch and the commit the session is at, what the last run did to the names, its price in "
    "seconds and bytes, the names that could not be stored exactly with the reason, and the size of the store.",
    arguments=(JSON,),
    run=_status,
    stored=True,
)

LOG = Verb(
    name="log",
    summary="history as a graph",
    details="One entry per commit, newest first: commit, In[n], first line of code, names created (+), changed (~), "
    "deleted (-), found changed late (?) and not stored exactly (!), when it ran, how long, and the bytes it added.\n\n"
    "Without REF it shows what leads to HEAD; --all adds every other branch and the states that an undo left behind. "
    "Without -n it ends after 100.",
    arguments=(
        ref(nargs="?", text=f"start here instead of at HEAD: {REF_HELP}"),
        Argument(("--all",), "every branch and every state left behind", kind="switch"),
        LIMIT,
        Argument(
            ("--names",), "only runs that touched one of these names", metavar="A,B", kind="list", completes="name"
        ),
        Argument(("--grep",), "only runs whose code or message contains TEXT", metavar="TEXT"),
        JSON,
    ),
    run=_log,
    stored=True,
)

SHOW = Verb(
    name="show",
    summary="one commit, or one value as it was, without touching the session",
    details="Without NAME: the code, how it ended, and every name of that state. With NAME: a preview of that value as "
    "it was (type, shape, columns, head or repr). Nothing in the session changes.",
    arguments=(
        ref(),
        Argument(("name",), "a variable or an output, such as df or Out[3]", "NAME", "?", completes="name"),
        JSON,
    ),
    run=_show,
    stored=True,
)

DIFF = Verb(
    name="diff",
    summary="what differs between two states",
    details="Compares A with B: frames by column and row, arrays by shape and count of changed cells, containers by "
    "key, text as a text diff; and lists the runs between them, the newest 100 at most. Without A and B: before and "
    "after the last run. With only A: from A to HEAD. '.' is the live state. Names after them limit the answer.",
    arguments=(
        ref(nargs="?", dest="a", text="the first state; '.' is the live one"),
        ref(nargs="?", dest="b", text="the second state; '.' is the live one"),
        names(),
        JSON,
    ),
    run=_diff,
    names_after="names",
    stored=True,
)

BLAME = Verb(
    name="blame",
    summary="the runs that made or changed a name, newest first",
    details="Walks back from HEAD and lists every run that created, changed or deleted NAME, with its code.",
    arguments=(names(nargs=None, dest="name", text="a variable or an output"), JSON),
    run=_blame,
    free_word=True,
    stored=True,
)

OPS = Verb(
    name="ops",
    summary="the operation log; undo walks it",
    details="Every run, undo, redo, checkout, get, resume, naming and collection, newest first, with the commit before "
    "and after. States that an undo left behind stay reachable by the ids shown here.",
    arguments=(LIMIT, JSON),
    run=_ops,
    stored=True,
)

SESSIONS = Verb(
    name="sessions",
    summary="the recorded sessions of the store: notebook, kernel alive or not, commits, size",
    details="The last used first; this kernel's own has a star. A kernel that is out of reach runs in a terminal or a "
    "script: it is alive, but has no connection through which a command could reach it. `resume --from` goes on with "
    "one of them.",
    arguments=(JSON,),
    run=_sessions,
    stored=True,
)
