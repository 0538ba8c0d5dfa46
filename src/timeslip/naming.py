"""Names of commits: branches, tags, messages. Moving them is logged, and is no step of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from timeslip.arguments import check_text
from timeslip.errors import CommitNotFoundError, ConflictError, NameTakenError, UsageError
from timeslip.history import History
from timeslip.ids import CommitId
from timeslip.interrupts import uninterrupted
from timeslip.live import Live
from timeslip.model import Ref

_MANY = {"branch": "branches", "tag": "tags"}
_NUMBERED = re.compile(r"(.+)-[1-9][0-9]*\Z")


class Naming:
    """Moves the names of one live session. All calls are under the session's turn."""

    def __init__(self, live: Live, history: History) -> None:
        self.live = live
        self.history = history

    def find(self, kind: str, name: str) -> Ref:
        """The branch or tag of that name.

        Raises:
            CommitNotFoundError: there is none.
        """
        refs = self.history.refs(kind)
        check_text(name, f"the name of a {kind}")
        for ref in refs:
            if ref.name == name:
                return ref
        raise CommitNotFoundError(
            f"there is no {kind} '{name}'",
            hint=f"{_MANY[kind]}: {', '.join(ref.name for ref in refs)}" if refs else f"there is no {kind} yet",
        )

    def create(self, kind: str, name: str, ref: str | None) -> None:
        """Name *ref*, or HEAD. Raises UsageError, NameTakenError, CommitNotFoundError: nothing was changed."""
        self._require_free(name)
        self._move(kind, {name: self.history.resolve("HEAD" if ref is None else ref)})

    def delete(self, kind: str, name: str) -> None:
        """Forget a name; its commits stay.

        Raises:
            CommitNotFoundError: there is none. ConflictError: the session is on that branch.
        """
        self.find(kind, name)
        if kind == "branch" and name == self.live.branch:
            raise ConflictError(f"'{name}' is the branch the session is on", hint="switch to another one first")
        self._move(kind, {name: None})

    def rename(self, pair: tuple[str, str]) -> None:
        """Rename a branch, given its old and its new name. Raises as `create` and `delete`."""
        if type(pair) not in (tuple, list) or len(pair) != 2:  # what callers give can be anything
            raise UsageError("to rename a branch takes two names", hint="rename=(OLD, NEW)")
        old, new = pair
        ref = self.find("branch", old)
        self._require_free(new)
        with uninterrupted():
            self._move("branch", {old: None, new: ref.commit}, on=new if self.live.branch == old else None)

    def describe(self, commit: CommitId, message: str) -> None:
        """Give a commit a message."""
        live = self.live
        check_text(message, "the message")
        with live.repository.transaction() as transaction:
            transaction.describe(live.session, commit, message)
            transaction.append_operation(
                live.session, live.kernel, "describe", live.head, live.head, live.details(commit=commit)
            )

    def _require_free(self, name: str) -> None:
        check_ref_name(name)
        if any(known.name == name for known in self.history.refs()):
            raise NameTakenError(f"there is a branch or tag '{name}' already", hint="choose another name")

    def _move(self, kind: str, moves: Mapping[str, CommitId | None], on: str | None = None) -> None:
        """Point names elsewhere; *on* is what the branch of the session is called from now on."""
        live = self.live
        with live.repository.transaction() as transaction:
            for name, commit in moves.items():
                transaction.set_ref(live.session, kind, name, commit)
            if on is not None:
                transaction.set_head(live.session, live.kernel, live.head, on)
            transaction.append_operation(
                live.session, live.kernel, kind, live.head, live.head, live.details(names=sorted(moves))
            )
        live.branch = on or live.branch


def check_ref_name(name: str) -> None:
    """Whether *name* can be a branch or tag.

    Raises:
        UsageError: it could be taken for another kind of reference.
    """
    check_text(name, "the name of a branch or tag")
    strange = not name or name != name.strip() or name.startswith(("-", "In[", "HEAD"))
    if strange or any(letter in name for letter in "~ \t\n."):
        raise UsageError(
            f"'{name}' cannot be the name of a branch or tag", hint="no spaces, dots or '~', and not HEAD or In[…]"
        )


def free_branch(name: str, taken: Iterable[str]) -> str:
    """The name of a branch that starts by itself where *name* is left: *name* if it is free, else with a number.

    The numbers of one family follow each other: what leaves ``main`` or ``main-2`` is called ``main-3``, as long as
    there is a ``main``; a name that only looks like it (``model-2``, and no ``model``) is a family of its own.

    Args:
        name: the branch that is left.
        taken: every branch and tag.
    """
    taken = set(taken)
    if name not in taken:
        return name
    numbered = _NUMBERED.match(name)
    family = numbered[1] if numbered and numbered[1] in taken else name
    number = 2
    while f"{family}-{number}" in taken:
        number += 1
    return f"{family}-{number}"
