"""Many small co-variables looked at in one pass: a *bundle*.

Before each travel everything that was assumed is verified. Of a pass over a small value, nearly all the time goes into
beginning and ending it. One pass over a bundle says the same as one over each of its co-variables: its stream holds
everything that theirs hold, and which of their parts are one object besides. So as long as it is the same, each of
them is as it was when it was last looked at by itself. Where it is not, they are looked at one by one as ever, and
nothing is taken from the bundle.

The digest of a bundle is taken before its co-variables are looked at one by one: what a thread changes in between makes
the bundle look changed the next time, and is never part of what it is compared with.

What has a mark that says all (`codec.marks`) is in no bundle: it takes less than its part of a pass. That is asked when
a bundle is formed; what gets such a mark later stays in the one that it is in.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from timeslip.codec.captured import Captured
from timeslip.codec.marks import is_sufficient, mark_of_nodes
from timeslip.codec.picklers import FastPickler
from timeslip.errors import UnstorableError
from timeslip.state.fingerprint import fingerprint

if TYPE_CHECKING:
    from timeslip.state.covariables import Covariable
    from timeslip.state.regroup import Regrouping

MOST = 64
"""So many co-variables are in a bundle at most: when one of them changes, the others are looked at one by one once."""

FEW = 8
"""Fewer than so many are looked at one by one."""

_SMALL_BYTES = 8192
"""What is larger is looked at by itself: beginning the pass is not what that costs."""


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """Co-variables, all of them live, and what a pass over all of them said in which each was as it is recorded.

    Attributes:
        groups: the co-variables.
        digest: of the pass.
        objects: which linking objects stood where in its stream, and which memory; None where that is not known.
    """

    groups: tuple[Covariable, ...]
    digest: bytes
    objects: bytes | None


class Bundles:
    """The bundles of one tracker; each is dissolved when one of its co-variables is gone or different."""

    def __init__(self) -> None:
        self._of: dict[Covariable, Bundle] = {}

    def all(self) -> set[Bundle]:
        """All bundles."""
        return set(self._of.values())

    def of(self, group: Covariable) -> Bundle | None:
        """The bundle that *group* is in."""
        return self._of.get(group)

    def takes(self, group: Covariable) -> bool:
        """Whether *group* is in no bundle, and could be in one."""
        return group not in self._of and fits(group) and not is_sufficient(group.mark)

    def leave_out(self, group: Covariable) -> None:
        """*group* was to come into a bundle. If it is in none, it is soon no more one that could be."""
        if self.takes(group):
            _apart((group,))

    def add(self, bundle: Bundle) -> None:
        """Take *bundle* in, in the place of those that its co-variables were in."""
        for group in bundle.groups:
            self.dissolve(group)
        self._of.update(dict.fromkeys(bundle.groups, bundle))

    def dissolve(self, group: Covariable) -> None:
        """*group* is in no bundle any more, nor what was in one with it."""
        bundle = self._of.get(group)
        for other in bundle.groups if bundle is not None else ():
            del self._of[other]


class Together:
    """What of the co-variables that one update looks at is looked at in bundles.

    Args:
        work: the update.
    """

    def __init__(self, work: Regrouping) -> None:
        self._work = work
        self._bundles = work.tracker.bundles
        self._formed: list[Bundle] = []

    def look(self, check: set[Covariable]) -> Iterator[Covariable]:
        """Those of *check* that have to be looked at one by one; the others were found as they are.

        To be gone through to its end: what is noted of the bundles depends on what is found then.
        """
        left = check
        if len(check) >= FEW:
            left = self._as_recorded(check)
            fit = [group for group in self._loose(left) if self._fits(group) and not self._has_mark(group)]
            for groups in _portions(fit):
                found = self._captured(groups)
                if found is None:
                    _apart(groups)
                else:
                    self._formed.append(found)
        yield from left
        for bundle in self._formed:
            if self._work.broken.isdisjoint(bundle.groups):
                self._note(bundle)

    def _as_recorded(self, check: set[Covariable]) -> set[Covariable]:
        """*check* without what is in bundles that are as they were."""
        left = set(check)
        met = {bundle for group in check if (bundle := self._bundles.of(group)) is not None}
        for bundle in met:
            if left.issuperset(bundle.groups) and all(map(self._fits, bundle.groups)):
                found = self._captured(bundle.groups)
                if found is None:
                    _apart(bundle.groups)
                    self._bundles.dissolve(bundle.groups[0])
                    continue
                if not self._is_as(found, bundle):
                    self._formed.append(found)
                    continue
                left.difference_update(bundle.groups)
                for group in bundle.groups:
                    self._work.tracker.note_checked(group)
        return left

    def _is_as(self, found: Bundle, before: Bundle) -> bool:
        if found.digest != before.digest:
            return False
        if any(group in self._work.reached for group in before.groups):
            return found.objects is not None and found.objects == before.objects
        return True

    def _loose(self, groups: set[Covariable]) -> Iterable[Covariable]:
        """Those of *groups* that are in no bundle, the longest unchecked first."""
        loose = (group for group in groups if self._bundles.of(group) is None)
        return sorted(loose, key=lambda group: (group.checked, group.keys))

    def _fits(self, group: Covariable) -> bool:
        """Whether *group* can be looked at in a bundle in this update."""
        return fits(group) and not (len(group.keys) == 1 and self._work.tracker.is_atom_name(group.keys[0]))

    def _has_mark(self, group: Covariable) -> bool:
        """Whether *group* is looked at without a pass from now on: that costs less than its part of one.

        Asked when a bundle is formed, and of what no mark is known as well: a class has one when its methods are known.
        """
        if group.mark is None and (group.references or group.keys[0].startswith("def:")):
            nodes = [(key, self._work.shots.object(key)) for key in group.keys]
            return is_sufficient(mark_of_nodes(nodes, self._work.tracker.encoder))
        return is_sufficient(group.mark)

    def _captured(self, groups: tuple[Covariable, ...]) -> Bundle | None:
        """What a pass over *groups* says; None where it would not say all that passes over each of them do.

        Which objects there are is asked where code may have given one of them other objects that are equal.
        """
        encoder, nodes = self._work.tracker.encoder, []
        for group in groups:
            self._work.tracker.looked()
            self._work.checked += 1
            for key in group.keys:
                obj = self._work.shots.object(key)
                if obj is None and key.startswith("def:"):
                    return None
                nodes.append((key, obj))
        try:
            captured = encoder.capture(nodes)
        except UnstorableError:
            return None
        try:
            if captured.holes or captured.size > MOST * _SMALL_BYTES or attached_in([captured]):
                return None
            reached = any(group in self._work.reached for group in groups)
            objects = _objects(captured, self._work.weak) if reached else None
            return Bundle(groups, fingerprint(captured).digest, objects)
        finally:
            captured.release()

    def _note(self, bundle: Bundle) -> None:
        before = self._bundles.of(bundle.groups[0])
        if before is not None and before.groups == bundle.groups and before.digest != bundle.digest:
            _apart(bundle.groups)  # none of them changed: one says something else each time, or when others are there
            self._bundles.dissolve(bundle.groups[0])
        else:
            # Of those that are not reached nobody has looked whether they have the objects that are recorded.
            known = all(group in self._work.reached for group in bundle.groups)
            self._bundles.add(bundle if known else replace(bundle, objects=None))


def _objects(captured: Captured, weak: Collection[int]) -> bytes | None:
    """The addresses of the linking objects of *captured*, in the order of its stream, and its memory ranges.

    Together with an equal stream: every one of them stands where it stood. None where not all of them are known so.
    """
    captured.find_links(weak)
    pickler, _, state = captured.memo
    if not isinstance(pickler, FastPickler) or captured.islands:
        return None
    links = captured.links
    placed = sorted((number, address) for address, (number, _) in pickler.memo.copy().items() if address in links)
    order = array("Q", [address for _, address in placed])
    order.extend(map(id, state.nan_objects))
    return repr(captured.spans).encode() + order.tobytes() if set(order).issuperset(links) else None


def fits(group: Covariable) -> bool:
    """Whether *group* can be in a bundle: a look by itself would take most of its time to begin and end."""
    if group.together < FEW or group.failure is not None or group.holes:
        return False
    if group.volatile or group.deep or group.roots or group.fingerprint.ranges:
        return False
    return group.bytes <= _SMALL_BYTES


def _apart(groups: Iterable[Covariable]) -> None:
    """From now on *groups* are in smaller bundles: one of them does not belong there, and this way it is soon alone."""
    for group in groups:
        group.together = min(group.together, MOST) // 2


def _portions(groups: Iterable[Covariable]) -> Iterator[tuple[Covariable, ...]]:
    """*groups* in portions of as many as each of them may be together with.

    Those that were never found unchanged yet by themselves: what one step changed, the next one may change again.
    """
    waiting: dict[tuple[int, bool], list[Covariable]] = {}
    for group in groups:
        kind = group.together, group.again
        portion = waiting.setdefault(kind, [])
        portion.append(group)
        if len(portion) >= group.together:
            yield tuple(waiting.pop(kind))
    for portion in waiting.values():
        if len(portion) >= FEW:
            yield tuple(portion)


def attached_in(captures: list[Captured]) -> frozenset[int]:
    """Owners of plain memory that copy-on-write blocks lie in: what is written to it shows in the blocks."""
    roots = frozenset().union(*(captured.roots for captured in captures))
    return roots.intersection(*[frozenset().union(*(captured.blocks for captured in captures))])
