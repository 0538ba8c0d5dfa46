"""Reading history: references, commits, the log, who made what. Needs a store and a session, no live kernel."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from heapq import merge
from itertools import groupby, islice
from typing import Any

from timeslip.arguments import check_count, check_names, check_text
from timeslip.errors import (
    AmbiguousReferenceError,
    CommitNotFoundError,
    DamagedStoreError,
    ForgottenError,
    NameNotFoundError,
    StoreError,
)
from timeslip.ids import CommitId, OperationId, RecordId, SessionId
from timeslip.model import Commit, CommitStats, Names, Operation, Ref, is_name
from timeslip.standard import time
from timeslip.store.repository import Repository
from timeslip.store.rows import Head

_EXECUTION = re.compile(r"In\[(\d+)\]\Z")
_BACK = re.compile(r"(.+?)~(\d*)\Z")
_HEX = re.compile(r"[0-9a-f]{2,64}\Z")
_FEW = 16
"""So many commits are gone back through sooner than the index is asked."""

_MAKING = frozenset({"run", "attach", "commit", "live"})
"""Kinds of commits that record what the session did, and not what a restore brought back."""


class History:
    """The history of one session.

    Args:
        repository: the store.
        session: whose history.
        kernel: the kernel whose HEAD is meant; None for the session's own, see `main_head`.

    Attributes:
        notices: sentences about what a reference was taken for; the caller empties the list.
    """

    def __init__(self, repository: Repository, session: SessionId, kernel: str | None = None) -> None:
        self.repository = repository
        self.session = session
        self.kernel = kernel
        self.notices: list[str] = []

    # ---- where

    @property
    def head(self) -> CommitId | None:
        """Where the kernel is; None before the first commit."""
        head = self._head()
        return head.commit if head is not None else None

    @property
    def head_or_last(self) -> CommitId | None:
        """HEAD; before the first commit of a new kernel, where the session was last."""
        own = self._head()
        head = own if own is not None else main_head(self.repository, self.session)
        return head.commit if head is not None else None

    @property
    def branch_name(self) -> str:
        """The branch the kernel is on."""
        head = self._head()
        return head.branch if head is not None else "main"

    def _head(self) -> Head | None:
        if self.kernel is None:
            return main_head(self.repository, self.session)
        return self.repository.head(self.session, self.kernel)

    def refs(self, kind: str | None = None, commit: str | None = None) -> list[Ref]:
        """Branches and tags, or those of one kind or of one commit."""
        current = self.branch_name
        return [
            Ref(ref.kind, ref.name, ref.commit, current=ref.kind == "branch" and ref.name == current)
            for ref in self.repository.refs(self.session, commit)
            if kind is None or ref.kind == kind
        ]

    def resolve(self, reference: str) -> CommitId:
        """The commit that a REF of the interface means.

        Raises:
            CommitNotFoundError: none does.
            AmbiguousReferenceError: a prefix of several.
        """
        reference = check_text(reference, "a REF (commit id, branch, tag, HEAD, HEAD~2 or In[12])").strip()
        back = _BACK.match(reference)
        if back:
            return self._ancestor(self.resolve(back[1]), int(back[2] or 1), reference)
        if reference == "HEAD":
            head = self.head_or_last
            if head is None:
                raise CommitNotFoundError("nothing is recorded in this session yet", hint="run a cell first")
            return head
        execution = _EXECUTION.match(reference)
        if execution:
            return self._run(reference, int(execution[1]))
        for kind in ("branch", "tag"):
            named = self.repository.ref(self.session, kind, reference)
            if named is not None:
                return named
        return self._by_prefix(reference)

    def _run(self, reference: str, count: int) -> CommitId:
        """The newest run of that number by this kernel; else the newest by another one, which is said."""
        found = self.repository.commits_with_execution_count(self.session, count)
        if not found:
            raise CommitNotFoundError(f"{reference} was not recorded in this session", hint="`log` lists what was")
        own = self._own_kernel()
        for commit in found:
            if self.repository.maker(self.session, commit) == own:
                return commit
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.repository.commit(found[0])["started"]))
        more = f", the newest of {len(found)}" if len(found) > 1 else ""
        said = f"{reference} is a run of another kernel than the present one: commit {found[0][:8]} of {when}{more}"
        if said not in self.notices:
            self.notices.append(said)
        return found[0]

    def _own_kernel(self) -> str | None:
        if self.kernel is not None:
            return self.kernel
        head = self._head()
        return head.kernel if head is not None else None

    @property
    def last_made(self) -> CommitId | None:
        """The newest commit that this kernel made; None before its first."""
        own = self._own_kernel()
        return self.repository.last_made(self.session, own) if own is not None else None

    def _ancestor(self, commit: CommitId, steps: int, reference: str) -> CommitId:
        body = self.repository.commit(commit)
        if steps > _FEW and self._is_indexed(body):
            with suppress(DamagedStoreError):  # of the index: the commits themselves may all be whole
                seq, left = self.repository.paths.ancestor(self.session, int(body["seq"]), steps)
                commit, body = self.repository.numbered_commit(self.session, seq)
                steps = left
        for _ in range(steps):
            if not body["parents"]:
                raise CommitNotFoundError(
                    f"'{reference}' goes back beyond the first commit", hint="`log` lists what was"
                )
            commit = CommitId(body["parents"][0])
            body = self.repository.commit(commit)
        return commit

    def _is_indexed(self, body: Mapping[str, Any]) -> bool:
        """Whether the index of the history tells of a commit and all before it.

        It lacks commits that an earlier release has made: each time somebody asks, some of them are added, and as long
        as it is not complete whoever asks goes through the history.
        """
        if body["session"] != self.session:
            return False
        paths, seq = self.repository.paths, int(body["seq"])
        if not paths.covers(self.session, seq) and not self.repository.read_only:
            with suppress(StoreError):  # a commit that cannot be read, or a full disk: then there is no index
                paths.catch_up(self.session, self._touched)
        return paths.covers(self.session, seq)

    def between(self, a: CommitId | None, b: CommitId, most: int) -> tuple[list[Commit], int]:
        """The commits after *a* up to *b*, oldest first, the newest *most* of them; and how many come before those.

        None when *a* does not lead to *b*. The empty state, None, leads to every commit.
        """
        way = self._distance(a, b)
        found: list[Commit] = []
        at: CommitId | None = b
        while at is not None and len(found) < min(way, most):
            found.append(self.commit(at))
            at = found[-1].parents[0] if found[-1].parents else None
        return found[::-1], max(0, way - most)

    def _distance(self, a: CommitId | None, b: CommitId) -> int:
        """How many commits come after *a* on the way to *b*; 0 when it does not lead there."""
        last, first = self.repository.commit(b), self.repository.commit(a) if a is not None else None
        if self._is_indexed(last) and (first is None or first["session"] == self.session):
            paths, seq = self.repository.paths, int(last["seq"])
            with suppress(DamagedStoreError):  # as above
                if first is None:
                    return paths.depth(self.session, seq) + 1
                return paths.distance(self.session, seq, int(first["seq"])) or 0
        steps, at = 0, b if b != a else None
        while at is not None and at != a:
            parents, steps = self.repository.commit(at)["parents"], steps + 1
            at = CommitId(parents[0]) if parents else None
        return steps if at == a else 0

    def _by_prefix(self, reference: str) -> CommitId:
        found = self.repository.resolve_prefix(self.session, reference) if _HEX.match(reference) else []
        if len(found) == 1:
            return found[0]
        if found:
            raise AmbiguousReferenceError(
                f"'{reference}' begins {len(found)} commits",
                hint="give more characters: " + ", ".join(commit[:12] for commit in found[:5]),
            )
        names = [ref.name for ref in self.repository.refs(self.session)]
        close = get_close_matches(reference, [*names, "HEAD"], 1)
        if is_name(reference) and reference in self.state(self.head_or_last):
            hint = f"it is a variable: `show HEAD {reference}`, `blame {reference}`, `checkout REF -- {reference}`"
        elif close:
            hint = f"did you mean '{close[0]}'?"
        else:
            hint = "`log --all` lists the commits, `branch` and `tag` the names"
        raise CommitNotFoundError(f"no commit, branch or tag is called '{reference}' in this session", hint=hint)

    # ---- commits

    def commit(self, commit: str, body: dict[str, Any] | None = None) -> Commit:
        """A commit as the doors see it.

        Raises:
            CommitNotFoundError, DamagedStoreError.
        """
        body = self.repository.commit(commit) if body is None else body
        about = self._text(body["about"]) or {}
        code = about if body["code"] == body["about"] else self._text(body["code"]) if body["code"] else None
        names: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in about.get("names", {}).items()}
        return Commit(
            id=CommitId(commit),
            parents=tuple(CommitId(parent) for parent in body["parents"]),
            kind=body["kind"],
            execution_count=body["execution_count"],
            code=code["text"] if code else None,
            outcome=body["outcome"],
            error=about.get("error"),
            started=body["started"],
            duration=body["duration"],
            message=self._message(commit),
            names=Names(**names),
            stats=CommitStats(**about.get("stats", {})),
            branch=about.get("branch", ""),
            manifest=RecordId(body["manifest"]),
            python=body["python"],
        )

    def _message(self, commit: str) -> str | None:
        try:
            return self.repository.note(self.session, commit)
        except ForgottenError:
            return None

    def runnable(self, commit: str) -> Commit:
        """A commit whose code is about to be run: like values, only from a key of this user.

        Raises:
            CommitNotFoundError, DamagedStoreError.
            UntrustedStoreError: another key signed the commit, its manifest or its code.
        """
        body = self.repository.record("commit", commit, trusted=True)
        self.repository.record("manifest", body["manifest"], trusted=True)
        if body["code"]:
            with suppress(ForgottenError):  # then there is nothing to run
                self.repository.record("text", body["code"], trusted=True)
        return self.commit(commit, body)

    def _text(self, record: str) -> dict[str, Any] | None:
        try:
            return self.repository.record("text", record)
        except ForgottenError:
            return None  # the user wanted it gone: the commit is shown without

    def log(
        self,
        reference: str | None = None,
        *,
        all: bool = False,  # noqa: A002 - the name of the option at every door
        limit: int | None = None,
        names: Iterable[str] = (),
        grep: str | None = None,
    ) -> list[Commit]:
        """Commits, newest first.

        Args:
            reference: where to start going back; default HEAD, in a new kernel where the session was last.
            all: every commit of the session, whatever leads to it.
            limit: at most so many.
            names: only commits that created, changed or deleted one of these names.
            grep: only commits whose code or message contains this text (any case).
        """
        wanted, text = set(check_names(names)), check_text(grep, "text to look for").lower() if grep else None
        if limit is not None:
            check_count(limit)
        found: list[Commit] = []
        for identity, body in self._likely(reference, all, wanted, text):
            if limit is not None and len(found) >= limit:
                break
            commit = self.commit(identity, body)
            if wanted and not wanted & _touched_names(commit):
                continue
            if text is not None and text not in f"{commit.code or ''}\n{commit.message or ''}".lower():
                continue
            found.append(commit)
        return found

    def _likely(
        self, reference: str | None, everything: bool, names: Collection[str], text: str | None
    ) -> Iterator[tuple[CommitId, dict[str, Any]]]:
        """Commits, newest first, among which are all that touched one of *names* and say *text*, as far as given."""
        if everything and reference is None:
            start = next(iter(self.repository.commits(self.session, limit=1)), None)
        else:
            commit = self.resolve(reference) if reference else self.head_or_last
            start = (commit, self.repository.commit(commit)) if commit is not None else None
        if start is None or not (names or text) or not self._is_indexed(start[1]):
            yield from self._walk(reference, everything)
            return
        seq = int(start[1]["seq"])
        found = self.repository.paths.touching(self.session, names, seq) if names else self._saying(text or "", seq)
        if not everything or reference is not None:
            found = self.repository.paths.leading_to(self.session, seq, found)
        told: set[CommitId] = set()
        with suppress(DamagedStoreError):  # as above; a commit that is damaged itself is met again on the long way
            for number in found:
                identity, body = self.repository.numbered_commit(self.session, number)
                told.add(identity)
                yield identity, body
            return
        yield from ((identity, body) for identity, body in self._walk(reference, everything) if identity not in told)

    def _saying(self, text: str, newest: int) -> Iterator[int]:
        """The numbers of the commits up to *newest* whose code or message contains *text*, in lower case."""
        noted = (commit for commit, _ in self.repository.noted(self.session))
        likely = [commit for commit in noted if text in (self._message(commit) or "").lower()]
        notes = sorted((int(self.repository.commit(commit)["seq"]) for commit in likely), reverse=True)
        both = merge(self.repository.coded(self.session, text, newest), notes, reverse=True)
        return (number for number, _ in groupby(both) if number <= newest)

    def _walk(self, reference: str | None, everything: bool) -> Iterator[tuple[CommitId, dict[str, Any]]]:
        if everything and reference is None:
            yield from self.repository.every_commit(self.session)
            return
        commit = self.resolve(reference) if reference else self.head_or_last
        while commit is not None:
            body = self.repository.commit(commit)
            yield commit, body
            commit = CommitId(body["parents"][0]) if body["parents"] else None

    def blame(self, name: str) -> list[Commit]:
        """The runs on the way to HEAD that made or changed *name*, newest first.

        Raises:
            NameNotFoundError: it is nowhere on that way.
        """
        check_text(name, "the name of a variable or output")
        likely = (self.commit(identity, body) for identity, body in self._likely(None, False, {name}, None))
        found = [commit for commit in likely if name in _touched_names(commit)]
        if not found:
            known = sorted(filter(is_name, self.state(self.head_or_last)))
            raise name_not_found(name, known)
        return found

    def changing(self, commit: CommitId | None, names: Collection[str], most: int) -> Iterator[Commit]:
        """The runs on the way to *commit* that touched one of *names*, newest first; none where that takes long."""
        if commit is None or not names or not self._is_indexed(self.repository.commit(commit)):
            return
        for identity, body in islice(self._likely(commit, False, names, None), most):
            yield self.commit(identity, body)

    def _touched(self, body: Mapping[str, Any]) -> set[str]:
        """The names that a commit made, changed or deleted: of what it says, only that is read."""
        names = (self._text(body["about"]) or {}).get("names", {})
        return {name for deed in ("created", "changed", "deleted") for name in names.get(deed, ())}

    def operations(self, limit: int | None = None) -> list[Operation]:
        """The operation log, newest first. Raises UsageError for a *limit* that is no number."""
        if limit is not None:
            check_count(limit)
        return [
            Operation(
                OperationId(str(row.seq)),
                row.kind,
                row.before,
                row.after,
                row.time,
                {"damaged": row.damage} if row.damage else row.details,
            )
            for row in self.repository.operations(self.session, limit=limit)
        ]

    # ---- states

    def state(self, commit: CommitId | None) -> dict[str, RecordId]:
        """Node key -> value record at *commit*; empty for None."""
        if commit is None:
            return {}
        return self.repository.manifest(self.repository.commit(commit)["manifest"])

    def definition_key(self, state: Mapping[str, str], key: str) -> str | None:
        """The node of the class, function or module of the session that the name *key* is bound to; None for others.

        The record of such a name says only which one; what it is like is in that node's record.
        """
        if key not in state or not is_name(key):
            return None
        try:
            body = self.repository.record("value", state[key], trusted=False, dropped=True)
        except StoreError:  # forgotten or damaged: whoever needs the value will say so
            return None
        identity = body.get("definitions", {}).get(key)
        references = body.get("references", ())
        if identity is None and len(references) == 1 and body.get("summary", {}).get(key, ("",))[0] == "module":
            identity = references[0]  # a module made by hand: all that it holds is in the node of its dict
        return f"def:{identity}" if identity is not None else None

    def versions_of(self, name: str) -> set[RecordId]:
        """Every recorded version of a name; empty for what is no name or was never one."""
        if not is_name(check_text(name, "a name or a REF")):
            return set()
        versions = self.repository.versions([name])
        found = (versions.of(body["manifest"], name) for _, body in self.repository.every_commit(self.session))
        return {version for version in found if version is not None}

    def said_by(self, commit: CommitId) -> set[RecordId]:
        """What *commit* alone says: its texts, and the values that its parent does not have."""
        body = self.repository.commit(commit)
        parent = CommitId(body["parents"][0]) if body["parents"] else None
        before = set(self.state(parent).values())
        note = self.repository.note_record(self.session, commit)
        texts = {RecordId(text) for text in (body["code"], body["about"], note) if text}
        return texts | {record for record in self.state(commit).values() if record not in before}

    def maker(self, commit: CommitId, key: str) -> CommitId | None:
        """The commit that first had the version of *key* that *commit* has, or None when it is not known any more.

        It is the one that was written together with that version. Where it only recorded what a restore had made, the
        version is looked for among the ancestors first, and then everywhere: that reads one commit and one manifest, as
        small as its difference, for each commit that is looked at.
        """
        body = self.repository.commit(commit)
        state = {key: self.repository.versions([key]).of(body["manifest"], key)}
        definition = self.definition_key({name: value for name, value in state.items() if value is not None}, key)
        keys = [key] if definition is None else [key, definition]
        versions = self.repository.versions(keys)

        def version(body: Mapping[str, Any] | None) -> list[RecordId | None]:
            return [versions.of(body["manifest"], name) if body is not None else None for name in keys]

        record = version(body)
        written = self.repository.written_with([value for value in record if value is not None])
        if written is not None and written[1]["session"] == self.session and version(written[1]) == record:
            again = self._made_again(written[1], key)
            if again is not None:
                return self.maker(*again)
            if written[1]["kind"] in _MAKING:
                return written[0]
        at: CommitId | None = commit
        while at is not None:
            parent = CommitId(body["parents"][0]) if body["parents"] else None
            before = self.repository.commit(parent) if parent is not None else None
            if version(before) != record:
                again = self._made_again(body, key)
                if again is not None:
                    return self.maker(*again)
                if body["kind"] in _MAKING:
                    return at
                replayed = self._replayed(at, key)
                if replayed is not None:
                    return self.maker(*replayed)
                break
            at, body = parent, before or body
        everywhere: dict[CommitId, dict[str, Any]] = dict(self.repository.commits(self.session))
        for identity, body in everywhere.items():
            if body["kind"] != "run" or version(body) != record:
                continue
            parents = body["parents"]
            if not parents or version(everywhere.get(parents[0]) or self.repository.commit(parents[0])) != record:
                again = self._made_again(body, key)
                return identity if again is None else self.maker(*again)
        return None

    def _made_again(self, body: Mapping[str, Any], key: str) -> tuple[CommitId, str] | None:
        """As what version of which name a restore had made *key*, if a commit only recorded that."""
        made = (self._text(body["about"]) or {}).get("made", {}).get(key)
        return None if made is None else (CommitId(made[0]), str(made[1]))

    def _replayed(self, commit: CommitId, key: str) -> tuple[CommitId, str] | None:
        """Which version of which name was rebuilt as *key* by the replay that made *commit*, if one did."""
        for operation in self.operations(None):
            if operation.after == commit and operation.kind == "replay":
                made = operation.details.get("made", {}).get(key)
                return None if made is None else (CommitId(made[0]), str(made[1]))
        return None


def _touched_names(commit: Commit) -> set[str]:
    return {*commit.names.created, *commit.names.changed, *commit.names.deleted}


def main_head(repository: Repository, session: str) -> Head | None:
    """Where the session itself is: HEAD of the kernel that holds it, else of the one that held it last.

    A kernel that works beside the one that holds the session is a guest: its HEAD counts only when there is no other.
    A HEAD that is damaged does not count: `check` tells of it, and so does the kernel that goes on with the session.
    """
    heads = repository.heads(session, whole=True)
    holder = next((lease.kernel for lease in repository.leases(session) if lease.holder and lease.alive), None)
    held = next((head for head in heads if head.kernel == holder), None)
    if held is not None:
        return held
    return next((head for head in heads if not is_guest(repository, session, head)), heads[0] if heads else None)


def is_guest(repository: Repository, session: str, head: Head) -> bool:
    """Whether the kernel of *head* last worked beside another one that held the session."""
    last = repository.operations(session, kernel=head.kernel, limit=1)
    return bool(last and last[0].details.get("guest"))


def guests_beside(repository: Repository, session: str, main: Head) -> list[Head]:
    """HEADs of guests that no longer live and that worked while the kernel of *main* did, or later; newest first."""
    alive = {lease.kernel for lease in repository.leases(session) if lease.alive}
    guests = [
        head
        for head in repository.heads(session, whole=True)
        if head.kernel not in alive and head.commit is not None and is_guest(repository, session, head)
    ]
    if not guests:
        return []
    began = repository.first_operation(session, main.kernel)
    return [head for head in guests if began is None or head.time >= began]


def name_not_found(name: str, known: Iterable[str]) -> NameNotFoundError:
    """The error for a name that is not there, with the nearest one."""
    known = [other for other in known if other != name]
    close = get_close_matches(name, known, 1)
    hint = f"did you mean '{close[0]}'?" if close else "names: " + (", ".join(known[:12]) or "none")
    return NameNotFoundError(f"there is no '{name}' in that state", hint=hint)
