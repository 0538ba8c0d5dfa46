"""Which names belong together, and which of them a step changed.

A `Tracker` holds, for the live state, one `Covariable` for each group of node keys whose values reach a common object
(see `codec.linking` for what counts) or memory. It keeps addresses and digests, never the objects: an address proves
nothing by itself, so whatever an address suggests is checked by capturing the co-variable again while everything that
is compared is alive.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import compress
from operator import ne
from typing import Any, TypeVar

from timeslip.codec.addresses import Links, are_disjoint, holders
from timeslip.codec.capture import Encoder
from timeslip.codec.captured import Captured, Hole, Island
from timeslip.codec.linking import is_atom, never_links
from timeslip.codec.loaded import Loaded
from timeslip.state.bundles import MOST, Bundles
from timeslip.state.fingerprint import Fingerprint, fingerprint
from timeslip.state.memory import Memory, Said
from timeslip.state.owned import Owned
from timeslip.state.regroup import Regrouping
from timeslip.state.spans import Span, SpanIndex
from timeslip.state.watched import Key

Digest = bytes  # a field of `Covariable` is called bytes

_SMALL_SECONDS, _BYTES_PER_SECOND = 1e-4, 2e7
"""A cautious guess of what a capture costs."""

_SEARCHED = 1e-6
"""About what a search among all names takes for each of them, seconds."""

_MANY_LINKS, _FEW_LARGE = 10_000, 8
"""Co-variables with more links, so many of them, are compared one by one with what may share with them. A table that
says of each address whose it is takes longer to change than all else that is done for an undo in a list of so many
elements; but where there are many of those lists, to compare each with all takes longer than that."""

_MOST_DOUBLINGS = 10
"""What cannot be captured is tried again at the latest after 2 ** 10 updates."""


@dataclass(slots=True, eq=False)
class Covariable:
    """One group of node keys, as it was when it was last captured.

    Attributes:
        keys: sorted node keys.
        fingerprint: of the capture.
        links: addresses of its linking objects.
        hidden: those that only holes hold, as `Captured.hidden`.
        spans: memory ranges, as `Captured.spans`.
        references: ids of the definitions that it refers to.
        holes: what of it could not be stored.
        failure: why it could not be captured at all, or None.
        roots: addresses of the arrays that a copy-on-write block of it lies in, for the same capture again.
        volatile: whether being shown changes it (`codec.reducers.VOLATILE`).
        packages: as `Captured.packages`.
        mark: of its objects at the last capture (`codec.marks`, `codec.walked`), or None.
        walks: whether a walk gives such a mark; None before that was tried.
        seconds: what a capture of it took, the least so far.
        again: whether it was captured more than once.
        together: with how many others it may be looked at in one pass, itself included.
        deep: whether it was captured by the deep pass (`codec.capture`).
        sought: whether a capture looks for the owner of memory among what all names lead to.
        bytes: streams and buffers together.
        checked: number of the last update that found it as it is.
        failures: how often in a row it could not be captured.
        chunk_of: digest of a piece -> name of the chunk that holds it, kept here for the engine.
        islands: as `Captured.parts`, of its objects.
        islands_of: the names of their chunks in its version, kept here for the engine; empty where that is not known.
        aliases: names that have the very object of an earlier one of its names -> that name.
        record: the version that holds it as it is, noted here by the engine; None while there is none.
        parts: names whose values live on unchanged from one earlier co-variable, with the addresses of their linking
            objects.
        spans_of: the same names, with the memory ranges of their values.
        lives: earlier versions of which something lives on in it unchanged -> their names -> the names it has now.
    """

    keys: tuple[str, ...]
    fingerprint: Fingerprint
    links: Links = frozenset()
    hidden: frozenset[int] = frozenset()
    spans: tuple[Span, ...] = ()
    references: frozenset[str] = frozenset()
    holes: tuple[Hole, ...] = ()
    failure: str | None = None
    roots: frozenset[int] = frozenset()
    volatile: bool = False
    packages: frozenset[str] = frozenset()
    mark: Digest | None = None
    walks: bool | None = False
    seconds: float = 0.0
    again: bool = False
    together: int = MOST
    deep: bool = False
    sought: bool = False
    bytes: int = 0
    checked: int = 0
    failures: int = 0
    chunk_of: dict[Digest, str] = field(default_factory=dict)
    islands: tuple[Island, ...] = ()
    islands_of: tuple[str, ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)
    record: str | None = None
    parts: dict[tuple[str, ...], Links] = field(default_factory=dict)
    spans_of: dict[tuple[str, ...], tuple[Span, ...]] = field(default_factory=dict)
    lives: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def mutable(self) -> bool:
        """Whether it can change without a name being bound, as far as is known."""
        return bool(self.links or self.references) or any(key.startswith("def:") for key in self.keys)

    @property
    def cost(self) -> float:
        """What the next capture is expected to take, seconds.

        The first capture of a kind of object is slow for reasons that do not come again: size tells better then. A
        later one tells what its size does not: how much Python is called for it.
        """
        return self.seconds if self.again else min(self.seconds, _SMALL_SECONDS + self.bytes / _BYTES_PER_SECOND)

    def note_seconds(self, seconds: float) -> None:
        """Another capture took so long. The least counts: what else the machine does makes single ones slow."""
        self.seconds, self.again = min(self.seconds, seconds) if self.seconds else seconds, True

    @property
    def names(self) -> list[str]:
        """Those of its keys that are no definitions."""
        return [key for key in self.keys if not key.startswith("def:")]


@dataclass(slots=True)
class Changed:
    """A co-variable that is new or different, with the bytes to store."""

    covariable: Covariable
    captured: Captured | None


@dataclass(slots=True)
class Update:
    """What one check found.

    Attributes:
        changed: new or different co-variables; their captures are valid until `release`.
        gone: node keys that no co-variable has any more.
        names: names whose own value differs (regrouping alone does not count).
        checked: how many co-variables were captured.
        replaced: the co-variables whose place the changed ones took.
    """

    changed: list[Changed] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    checked: int = 0
    replaced: set[Covariable] = field(default_factory=set)

    def release(self) -> None:
        """Let go of the user's objects."""
        for change in self.changed:
            if change.captured is not None:
                change.captured.release()


def _nobody() -> None:
    """Nobody wants to know."""


_Value = TypeVar("_Value")


def _put_back(known: dict[str, _Value], key: str, value: _Value | None) -> None:
    """Make *key* what it was; None for nothing."""
    if value is None:
        known.pop(key, None)
    else:
        known[key] = value


Rebound = tuple[set[str], set[str]]
"""Names bound to another object than before, new ones too, and names that are gone."""


class Tracker:
    """The live co-variables of one session. Used under the session's lock.

    What an update costs follows what it looks at: all that is kept here about the other names is kept up to date with
    every co-variable that is taken in or out, and never gone through.

    Args:
        encoder: of the session.
        chunk_bytes: largest piece of a buffer, bytes.
        cheap_seconds: see `cheap`; set by `call_cheap`.
        memory: notices changes of large buffers.

    Attributes:
        groups: node key -> its co-variable.
        queue: the co-variables that can change by themselves, the longest unchecked first: sorted by `checked`.
        cheap: those of them that take no longer than *cheap_seconds* to look at, in the same order. What looks for the
            owner of memory is none where there are very many names: one search takes longer than all else together.
        bundles: small co-variables that are looked at in one pass.
        left: node keys that lost their co-variable since this was last emptied; some may have one again.
        failed: co-variables that could not be captured -> number of the update in which they are to be tried again.
        count: number of the present update.
        owned: tells what installed packages own.
        looked: called before each capture, for whoever shows how far it is.
    """

    def __init__(self, encoder: Encoder, chunk_bytes: int, cheap_seconds: float, memory: Memory | None = None) -> None:
        self.encoder = encoder
        self.chunk_bytes = chunk_bytes
        self.memory = memory if memory is not None else Memory()
        self.groups: dict[str, Covariable] = {}
        self.node_digests: dict[str, Digest] = {}
        self._addresses: dict[str, int] = {}
        self._before: dict[str, tuple[Digest | None, int | None]] = {}
        self.earlier: dict[str, int] | None = None
        self._atoms: dict[str, Any] = {}
        self._weak: dict[str, int] = {}
        self._weak_roots: dict[int, int] = {}
        self._owners: dict[int, Covariable] = {}
        self._users: dict[str, dict[Covariable, None]] = {}
        self._loose: set[str] = set()
        self._large: set[Covariable] = set()
        self._spanned: set[Covariable] = set()
        self._span_index: SpanIndex[Covariable] | None = None
        self.looked: Callable[[], None] = _nobody
        self.owned = Owned()
        self._updated = False
        self.queue: dict[Covariable, None] = {}
        self.cheap: dict[Covariable, None] = {}
        self._cheap_seconds = cheap_seconds
        self._queued_names = self._names = 0
        self.bundles = Bundles()
        self.left: set[str] = set()
        self.failed: dict[Covariable, int] = {}
        self.count = 0

    # ---- what may have changed ----

    def rebound(self, snapshot: Mapping[str, Any]) -> Rebound:
        """What was bound and unbound since the last update.

        The one pass over all names that a run costs, at C speed: about 0.05 µs a name.
        """
        before = self._addresses
        bound = set(compress(snapshot, map(ne, map(id, snapshot.values()), map(before.get, snapshot))))
        still_there = len(snapshot) - len(bound - before.keys())
        return bound, before.keys() - snapshot.keys() if still_there < len(before) else set()

    def skipped(self, since: int, most: int) -> tuple[list[str], int]:
        """Names that can change by themselves and that no update from number *since* on looked at.

        Returns:
            About *most* of them, the longest unchecked first, and how many there are.
        """
        count = self._queued_names
        for group in reversed(self.queue):
            if group.checked < since:
                break
            count -= len(group.names)
        found: list[str] = []
        for group in self.queue:
            if len(found) >= min(most, count):
                break
            found += group.names
        return found, count

    def covariables(self) -> set[Covariable]:
        """All live co-variables."""
        return set(self.groups.values())

    def lives(self) -> dict[str, dict[str, str]]:
        """Versions that are not live as such -> those of their names that are -> the live names with these values."""
        found: dict[str, dict[str, str]] = {}
        for group in self.covariables():
            of = group.aliases
            for record, names in group.lives.items():
                if len(names) > len(found.get(record, ())):
                    same = {
                        key: of.get(key, key) == of.get(name, name) and key in group.keys for key, name in names.items()
                    }
                    found[record] = {key: key if same[key] else name for key, name in names.items()}
        return found

    def definitions_of(self, keys: Iterable[str]) -> set[str]:
        """Node keys of all definitions that *keys* refer to, directly or through other definitions."""
        found: set[str] = set()
        work = [self.groups[key] for key in keys if key in self.groups]
        seen: set[Covariable] = set()
        while work:
            group = work.pop()
            if group in seen:
                continue
            seen.add(group)
            nodes = {f"def:{identity}" for identity in group.references} - found
            found |= nodes
            work += [self.groups[node] for node in nodes if node in self.groups]
        return found

    def users_of(self, identities: Iterable[str], *, directly: bool = False) -> set[Covariable]:
        """The co-variables that refer to one of these definitions; *directly*, or through other definitions, too."""
        found: set[Covariable] = set()
        work = list(identities)
        while work:
            for group in self._users.get(work.pop(), ()):
                if group not in found:
                    found.add(group)
                    work += [] if directly else [key[4:] for key in group.keys if key.startswith("def:")]
        return found

    def to_retry(self, *, all_of_them: bool) -> tuple[Covariable, ...]:
        """The co-variables whose capture is to be tried again now, because it may have failed for a passing reason.

        All or none: names of one object fail together and have to be seen together. After each failure twice as many
        updates go by before the next trial, so that what never works costs little; *all_of_them* does not wait.
        """
        if self.failed and (all_of_them or min(self.failed.values()) <= self.count + 1):
            return tuple(self.failed)
        return ()

    def is_atom_name(self, key: str) -> bool:
        """Whether the name is bound to a value without identity; such a value cannot change by itself."""
        return key in self._atoms

    # ---- the update ----

    def update(
        self,
        snapshot: Mapping[str, Any],
        check: set[Covariable],
        retry: Iterable[Covariable] = (),
        loaded: Mapping[str, Loaded] | None = None,
        rebound: Rebound | None = None,
        reached: Container[Covariable] = frozenset(),
        noted: Mapping[str, bytes] | None = None,
        still: Mapping[Key, Said] | None = None,
    ) -> Update:
        """Bring the groups up to date with *snapshot*.

        Args:
            snapshot: node key -> object for every name; definitions are found from there.
            check: live co-variables to capture again. All others are taken to be as they were.
            retry: of `failed`; those that fail again have not changed by that.
            loaded: node key -> a value that was just loaded, whose capture is known without a pass.
            rebound: what `rebound` said of *snapshot*, if it was asked since the last update.
            reached: those of *check* that code may have given an object of another co-variable in the place of an
                equal one: equal content does not say that nothing has changed.
            noted: node key -> the digest under which the version that was just loaded was noted before.
            still: as `Memory.still`.
        """
        self.count += 1
        self._names = len(snapshot)
        self.memory.turn()
        self.encoder.look = partial(self.memory.look_at_items, limit=self.chunk_bytes)
        bound, lost = self.rebound(snapshot) if rebound is None else rebound
        for key in lost:
            self._note_weak(key, None)
        for key in bound:
            self._note_weak(key, snapshot[key])
        work = Regrouping(self, snapshot, self._weak_roots.keys(), loaded or {}, reached, noted or {})
        self.memory.still = still or {}
        try:
            result = work.run(bound, lost, check, retry)
        finally:
            self.memory.still = {}
        self._note_bindings(snapshot, bound, lost)
        self._updated = True
        return result

    def fingerprint(self, captured: Captured) -> Fingerprint:
        """The fingerprint of a capture, before its release; large buffers that nobody has written to are not read."""
        return fingerprint(captured, self.chunk_bytes, self.memory)

    def note(self) -> None:
        """What is known of the names now is what `anew` goes back to."""
        self._before = {}
        if self._updated:
            self.earlier = None

    def _keep_before(self, key: str) -> None:
        """What is noted of *key* is about to change."""
        if key not in self._before:
            self._before[key] = (self.node_digests.get(key), self._addresses.get(key))

    def anew(self) -> Tracker:
        """A tracker in the place of this one that knows no co-variable and captures everything.

        Names count as changed since the last `note`.
        """
        tracker = Tracker(self.encoder, self.chunk_bytes, self._cheap_seconds, self.memory)
        tracker.node_digests = self.node_digests
        tracker.earlier = self._addresses if self.earlier is None else self.earlier
        tracker.looked, tracker.owned = self.looked, self.owned
        for key, (digest, address) in self._before.items():
            _put_back(tracker.node_digests, key, digest)
            if self.earlier is None:  # else this one took another's place, and what it found was not recorded either
                _put_back(tracker.earlier, key, address)
        return tracker

    def set_digest(self, key: str, digest: Digest | None) -> bool:
        """Note what the value of *key* is like, None for one that is gone; whether that is news."""
        if self.node_digests.get(key) == digest:
            return False
        self._keep_before(key)
        _put_back(self.node_digests, key, digest)
        return True

    def newly_bound(self, snapshot: Mapping[str, Any], bound: Iterable[str]) -> set[str]:
        """Those of *bound* that hold another object than before, for a tracker made by `anew`, too."""
        earlier = self.earlier
        return set(bound) if earlier is None else {key for key in bound if earlier.get(key) != id(snapshot[key])}

    def _note_bindings(self, snapshot: Mapping[str, Any], bound: set[str], lost: set[str]) -> None:
        for key in bound:
            self._note_binding(key, snapshot[key])
        for key in lost:
            self._keep_before(key)
            self._addresses.pop(key, None)
            self._atoms.pop(key, None)

    def _note_binding(self, key: str, value: Any) -> None:
        self._keep_before(key)
        self._addresses[key] = id(value)
        if is_atom(value) and self.encoder.registry.known(value) is None:
            # Kept, so that the address stays its own. Classes and functions of the session are not: they can go away.
            self._atoms[key] = value
        else:
            self._atoms.pop(key, None)

    def _note_weak(self, key: str, value: Any) -> None:
        """Note whether *value* is an immutable helper, which links because a name is bound to it directly."""
        roots, before = self._weak_roots, self._weak.pop(key, None)
        if before is not None:
            roots[before] -= 1
            if not roots[before]:
                del roots[before]
        if never_links(type(value)) and not is_atom(value):
            self._weak[key] = id(value)
            roots[id(value)] = roots.get(id(value), 0) + 1

    def forget(self, group: Covariable) -> None:
        """Take *group* out as if its names had never been seen: the next update captures them."""
        self.remove(group)
        for key in group.keys:
            self._keep_before(key)
            self._addresses.pop(key, None)
            self._atoms.pop(key, None)
            self.node_digests.pop(key, None)

    def remove(self, group: Covariable) -> None:
        """Forget *group*."""
        self.bundles.dissolve(group)
        for key in group.keys:
            if self.groups.get(key) is group:
                del self.groups[key]
        self.left.update(group.keys)
        for identity in group.references:
            users = self._users.get(identity, {})
            users.pop(group, None)
            if not users:
                self._users.pop(identity, None)
        self._loose |= group.references
        if group in self._large:
            self._large.discard(group)
        else:
            for address in group.links:
                if self._owners.get(address) is group:
                    del self._owners[address]
        if group in self._spanned:
            self._spanned.discard(group)
            self._span_index = None
        if group in self.queue:
            del self.queue[group]
            self.cheap.pop(group, None)
            self._queued_names -= len(group.names)
        self.failed.pop(group, None)

    def add(self, group: Covariable) -> None:
        """Take *group* in; its keys must be free."""
        for key in group.keys:
            self.groups[key] = group
            if key.startswith("def:"):
                self._loose.add(key[4:])
        for identity in group.references:
            self._users.setdefault(identity, {})[group] = None
        few = len(self._large) < _FEW_LARGE and len(group.links) > _MANY_LINKS
        if few or not isinstance(group.links, frozenset):
            self._large.add(group)
        else:
            self._owners.update(dict.fromkeys(group.links, group))
        if group.spans:
            self._spanned.add(group)
            self._span_index = None
        if group.mutable:
            self._enqueue(group)
            self._queued_names += len(group.names)
        if group.failure is not None:
            self.note_failure(group)

    def note_checked(self, group: Covariable) -> None:
        """*group* was found as it is."""
        group.checked = self.count
        if group in self.queue:
            del self.queue[group]
            self.cheap.pop(group, None)
            self._enqueue(group)

    def _enqueue(self, group: Covariable) -> None:
        self.queue[group] = None
        if self._is_cheap(group):
            self.cheap[group] = None

    def _is_cheap(self, group: Covariable) -> bool:
        """Whether a look at *group* takes no longer, with the search that the first of an update may have to make."""
        return group.cost + (_SEARCHED * self._names if group.sought else 0.0) <= self._cheap_seconds

    def call_cheap(self, seconds: float) -> None:
        """From now on what takes no longer than *seconds* to look at is cheap."""
        self._cheap_seconds = seconds
        self.cheap = {group: None for group in self.queue if self._is_cheap(group)}

    def drop_unused(self) -> set[Covariable]:
        """Take out the definitions that no name refers to any more; which they were.

        Looked at are those that somebody ceased to refer to since the last time, and new ones.
        """
        dropped: set[Covariable] = set()
        used: set[Covariable] = set()
        while self._loose:
            group = self.groups.get(f"def:{self._loose.pop()}")
            if group is not None and group not in used:
                if self._is_used(group):
                    used.add(group)
                else:
                    self.remove(group)  # what it referred to is loose now
                    dropped.add(group)
        return dropped

    def _is_used(self, group: Covariable) -> bool:
        """Whether a name stands for *group*, or refers to it, directly or through other definitions."""
        if group.names:
            return True
        work, seen = [group], {group}
        while work:
            for key in work.pop().keys:
                for user in self._users.get(key[4:], ()):
                    if user not in seen:
                        if user.names:
                            return True
                        seen.add(user)
                        work.append(user)
        return False

    def note_failure(self, group: Covariable) -> None:
        """*group* could not be captured, again or for the first time."""
        self.failed[group] = self.count + (1 << min(group.failures, _MOST_DOUBLINGS))
        group.failures += 1

    def relink(self, group: Covariable, now: Covariable) -> None:
        """Give *group* the addresses of *now*, a capture with the same content."""
        self.remove(group)
        group.fingerprint = now.fingerprint
        group.links, group.hidden, group.spans, group.roots = now.links, now.hidden, now.spans, now.roots
        group.references, group.holes, group.islands = now.references, now.holes, now.islands
        group.mark, group.walks, group.checked, group.deep = now.mark, now.walks, now.checked, now.deep
        group.note_seconds(now.seconds)
        self.add(group)

    def suspects(self, captured: Captured, known: Container[Covariable]) -> set[Covariable]:
        """Groups that may share an object or memory with *captured*, going by recorded addresses.

        Args:
            captured: what is compared.
            known: groups that need no look.
        """
        found = self.sharing(captured.links, known)
        if captured.spans and self._spanned:
            if self._span_index is None:
                self._span_index = SpanIndex((group, group.spans) for group in self._spanned)
            found |= self._span_index.sharing(captured.spans)
        return {group for group in found if group not in known}

    def sharing(self, links: Links, known: Container[Covariable]) -> set[Covariable]:
        """Groups that have one of *links* among theirs, those of *known* excepted."""
        found: set[Covariable] = {group for group in holders(links, self._owners) if group not in known}
        found.update(group for group in self._large if group not in known and not are_disjoint(group.links, links))
        return found
