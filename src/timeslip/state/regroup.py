"""One update of the tracker: capture what may have changed, follow links and definitions, form the groups anew."""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from timeslip.codec.addresses import Addresses, Searched, holders, union
from timeslip.codec.captured import Captured, Own
from timeslip.codec.collecting import uncollected
from timeslip.codec.definitions import held_functions, is_definition
from timeslip.codec.earlier import Same
from timeslip.codec.hubs import Hub, as_hub, beside, hub_of
from timeslip.codec.loaded import Loaded
from timeslip.codec.marks import is_sufficient
from timeslip.standard import time
from timeslip.state.bundles import Together, attached_in
from timeslip.state.capturing import capture_with_names, counts_for, islands_in, walks
from timeslip.state.fingerprint import Fingerprint
from timeslip.state.living import MANY_NAMES, known_of, live_on, within
from timeslip.state.sharing import Sharing
from timeslip.state.shots import HUB, Shot, Shots
from timeslip.state.spans import join_sharing

if TYPE_CHECKING:
    from timeslip.state.covariables import Covariable, Tracker, Update


class Regrouping:
    """The work of one `Tracker.update`.

    While it lives, everything it captured stays alive, so that no address can belong to two objects.

    Args:
        tracker: whose groups are brought up to date.
        snapshot: node key -> object of every name.
        weak: see `linking.linking_addresses`.
        loaded: node key -> a value that was just loaded, whose capture is known.
        reached: see `Tracker.update`, as *noted*.
        noted: see there.
    """

    def __init__(
        self,
        tracker: Tracker,
        snapshot: Mapping[str, Any],
        weak: Collection[int],
        loaded: Mapping[str, Loaded],
        reached: Container[Covariable],
        noted: Mapping[str, bytes],
    ) -> None:
        self.tracker = tracker
        self.snapshot = snapshot
        self.weak = weak
        self.shots = Shots(tracker, snapshot, loaded, noted)
        self.reached = reached
        self.nodes: dict[str, Shot] = {}
        """First key -> capture of one node, or of many definitions together."""
        self.node_of: dict[str, str] = {}
        self.values: dict[int, Shot] = {}
        """Address of a value -> its capture under one of its names."""
        self.pending: list[str] = []
        self.unchanged: dict[str, Shot] = {}
        self.hubs: dict[int, tuple[Hub, Shot] | None] = {}
        """Address of a hub -> its capture, None where nothing can be captured beside it."""
        self.equal: set[str] = set()
        """Keys of co-variables that were found as they are, and are only put together with others."""
        self.joint: dict[tuple[str, ...], tuple[frozenset[int] | None, Shot]] = {}
        """Changed groups of several nodes, as they are now, and what they were captured with."""
        self.broken: set[Covariable] = set()
        self.joined: set[Covariable] = set()
        """Broken for no other reason than that something else shares with them."""
        self.bound: frozenset[str] = frozenset()
        self.named: frozenset[int] = frozenset()
        """Addresses of immutable helpers that link only since this update: a name was bound to them."""
        self.checked = 0
        self.sharing = Sharing(tracker.owned, snapshot)

    def run(self, bound: set[str], lost: set[str], check: set[Covariable], retry: Iterable[Covariable]) -> Update:
        """Do it all.

        Args:
            bound: names bound to another object than before.
            lost: names that are gone.
            check: groups to capture again.
            retry: groups that could not be captured and that nothing is known to have changed since.
        """
        encoder = self.tracker.encoder
        encoder.searched = Searched()
        try:
            with uncollected():
                return self._run(bound, lost, check, retry)
        finally:
            encoder.searched = None

    def _run(self, bound: set[str], lost: set[str], check: set[Covariable], retry: Iterable[Covariable]) -> Update:
        self.bound = frozenset(bound)
        self.named = frozenset(address for key in bound if (address := id(self.snapshot[key])) in self.weak)
        try:
            self._look(bound, lost, check, retry)
            self._settle()
            while self._take_whole():
                self._settle()
            result = self._regroup(bound)
        except BaseException:
            self._release(set())
            raise
        self._release({id(change.captured) for change in result.changed})
        return result

    def _look(self, bound: set[str], lost: set[str], check: set[Covariable], retry: Iterable[Covariable]) -> None:
        """Capture what is known to be different, and what is to be checked."""
        for key in bound | lost:
            group = self.tracker.groups.get(key)
            if group is not None:
                self.broken.add(group)
        for group in Together(self).look(check - self.broken):
            self._check(group)
        for group in retry:
            if group not in self.broken and group not in check:
                self._retry(group)
        for key in (*(key for group in list(self.broken) for key in group.keys), *sorted(bound)):
            if key not in lost:
                self._take(key)

    def _release(self, kept: set[int]) -> None:
        """Let go of the user's objects, those of *kept* captures excepted: their bytes are still to be stored."""
        for captured in self.shots.taken:
            if id(captured) not in kept:
                captured.release()
        self.shots.definitions.clear()

    # ---- captures ----

    def _check(self, group: Covariable) -> None:
        """Capture *group* as it stands; it is broken when it differs."""
        if any(key.startswith("def:") and self.shots.object(key) is None for key in group.keys):
            self.broken.add(group)
            return
        if len(group.keys) == 1 and self.tracker.is_atom_name(group.keys[0]):
            self.tracker.note_checked(group)
            return
        self.checked += 1
        began = time.perf_counter()
        mark = self.shots.mark_again(group)
        if mark is not None and mark == group.mark:
            if is_sufficient(mark):  # nothing else ever makes a pass necessary: this is what a look at it takes
                group.note_seconds(time.perf_counter() - began)
            self.tracker.note_checked(group)
            return
        shared = group.roots if len(group.keys) > 1 else frozenset()
        # No mark counts for buffers, and it would take a copy of them.
        marked = not group.fingerprint.pieces and group.walks is False
        shot = self.shots.take(group.keys, shared, deep=group.deep, marked=marked, mark=mark)
        group.note_seconds(shot.seconds)
        if shot.fingerprint.digest != group.fingerprint.digest:
            shot = self.shots.steady(group.keys, shot, shared)  # which is how it was recorded
        if shot.fingerprint.digest == group.fingerprint.digest and not self._other_objects(group, shot):
            takes = group.mark is not None or group.walks is not False or is_sufficient(shot.mark)
            group.mark = shot.mark if takes else None
            group.walks = group.walks is not False and shot.mark is not None
            group.fingerprint = shot.fingerprint  # which knows where its buffers are now
            if shot.captured is not None and group.islands:
                group.islands = islands_in(shot.captured)
            self.tracker.note_checked(group)
            if len(group.keys) == 1:
                self.unchanged[group.keys[0]] = shot  # something else may turn out to share with it
            return
        self.broken.add(group)
        if shot.fingerprint.digest == group.fingerprint.digest:
            self.equal.update(group.keys)
        if shot.fingerprint.digest == group.fingerprint.digest and within(shot.captured, known_of(group), self.named):
            self.joined.add(group)  # by a name for a part of it
        if len(group.keys) == 1:
            self._keep(group.keys, shot)
        elif shot.captured is not None:
            shot.captured.forget()
            self.joint[group.keys] = (group.roots, shot)

    def _other_objects(self, group: Covariable, shot: Shot) -> bool:
        """Whether *group* has equal content in other objects than before: they may be those of another co-variable."""
        if group not in self.reached or shot.captured is None:
            return False
        shot.captured.find_links(self.weak)
        return tuple(shot.captured.spans) != group.spans or not within(shot.captured, known_of(group))

    def _retry(self, group: Covariable) -> None:
        """Capture again what failed; it is broken when that works now."""
        shot = self.shots.take(group.keys)
        self.checked += 1
        group.note_seconds(shot.seconds)
        if shot.captured is None:
            self.tracker.note_failure(group)
            return
        self.broken.add(group)
        if len(group.keys) == 1:
            self._keep(group.keys, shot)

    def _take(self, key: str) -> None:
        """Capture one node, once."""
        if key not in self.node_of and (not key.startswith("def:") or self.shots.object(key) is not None):
            self.checked += 1
            shot = self.unchanged.get(key)
            known = None if key.startswith("def:") else self.values.get(id(self.shots.object(key)))
            if shot is None and known is not None and not known.beside:
                self._note((key,), self._renamed(known, key))
            elif shot is None and (near := self._beside(key)) is not None:
                self._note((key,), near)
                self.values[id(self.shots.object(key))] = near
            else:
                self._keep((key,), shot if shot is not None else self.shots.take((key,)))

    def _beside(self, key: str) -> Shot | None:
        """A capture of a value beside the hub that other names lead to, too: one pass over it does for all of them."""
        obj = None if key.startswith("def:") else self.shots.object(key)
        led = hub_of(obj) if obj is not None else None
        if led is None or not (id(led[0]) in self.hubs or self.tracker.sharing(frozenset({id(led[0])}), ())):
            return None
        found = self._hub(led[0])
        if found is None or led[0] is obj:
            return None if found is None else self._renamed(found[1], key)
        began = time.perf_counter()
        captured = beside(self.tracker.encoder, found[0], key, obj, led[1])
        if captured is None:
            return None
        self.shots.taken.append(captured)
        digest = BESIDE + self.tracker.fingerprint(captured).digest
        before = self.tracker.node_digests.get(key)
        if before is not None and not before.startswith(BESIDE) and key not in self.equal:
            # How it was noted; from now on it is the other way.
            alone = self.shots.steady((key,), self.shots.take((key,)))
            if alone.fingerprint.digest == before:
                self.equal.add(key)
        return Shot(captured, Fingerprint(digest), time.perf_counter() - began, beside=True)

    def _hub(self, obj: Any) -> tuple[Hub, Shot] | None:
        if id(obj) not in self.hubs:
            self.shots.definitions[HUB] = obj
            shot = self.shots.steady((HUB,), self.shots.take((HUB,)))
            del self.shots.definitions[HUB]
            hub = as_hub(shot.captured, shot.fingerprint.digest) if shot.captured is not None else None
            self.hubs[id(obj)] = None if hub is None else (hub, shot)
        return self.hubs[id(obj)]

    def _renamed(self, shot: Shot, key: str) -> Shot:
        """The capture of a value under another of its names: but for the name, a pass would give the same."""
        assert shot.captured is not None
        captured = replace(shot.captured, keys=(key,))
        self.shots.taken.append(captured)
        return replace(shot, captured=captured, fingerprint=self.tracker.fingerprint(captured))

    def _keep(self, keys: tuple[str, ...], shot: Shot) -> None:
        shot = self.shots.steady(keys, shot)
        self._note(keys, shot)
        if len(keys) == 1 and shot.captured is not None and not keys[0].startswith("def:"):
            self.values[id(self.shots.object(keys[0]))] = shot

    def _note(self, keys: tuple[str, ...], shot: Shot) -> None:
        shot.keys = keys
        self.nodes[keys[0]] = shot
        self.node_of.update(dict.fromkeys(keys, keys[0]))
        self.pending.append(keys[0])
        if shot.captured is not None:
            shot.captured.find_links(self.weak)

    def _settle(self) -> None:
        """Capture what the captured nodes refer to or may share something with, until nothing new appears."""
        while self.pending:
            fresh, self.pending = self.pending, []
            unknown: dict[str, Any] = {}
            for key in fresh:
                captured = self.nodes[key].captured
                if captured is None:
                    continue
                unknown.update((f"def:{identity}", obj) for identity, obj in captured.references.items())
                for group in self.tracker.suspects(captured, self.broken):
                    if self.sharing.between(captured, group):
                        self.joined.add(group)
                        if group.checked == self.tracker.count:
                            self.equal.update(group.keys)
                        self._break(group)
            self._take_definitions(unknown)
            self._holding(self.tracker.encoder.registry.scopes.take_fresh())

    def _take_whole(self) -> bool:
        """Capture anew what seems to share something with another, but has not got it any more.

        What is inside of the elements of a list may have given way to an equal copy without showing (`codec.earlier`).
        """
        nodes = [(key, shot.captured) for key, shot in self.nodes.items() if shot.captured is not None]
        taken = False
        for key, captured in nodes:
            if not any(isinstance(segment, Same) for segment in captured.segments):
                continue
            for other, its in nodes:
                common = captured.links & its.links if other is not key else ()
                if common and len(common) <= _LOOKED_FOR and not captured.objects_at(frozenset(common)):
                    self._keep(self.nodes[key].keys, self.shots.take(self.nodes[key].keys, whole=True))
                    taken = True
                    break
        return taken

    def _take_definitions(self, found: Mapping[str, Any]) -> None:
        """Capture definitions that nothing is recorded of; very many functions in portions.

        A capture and a record of its own for each of thousands of closures would cost many times what they hold.
        """
        unknown = {key: obj for key, obj in found.items() if self._is_unknown(key)}
        self.shots.definitions.update(unknown)
        functions = self._functions_within(unknown)
        if len(functions) > _PORTIONS_FROM:
            for at in range(0, len(functions), _PORTION):
                keys = tuple(sorted(functions[at : at + _PORTION]))
                shot = self.shots.take(keys)
                self.checked += 1
                if shot.captured is not None and not shot.captured.holes:
                    self._keep(keys, shot)  # else one by one, so that one does not spoil the others
        for key in unknown:
            self._take(key)

    def _is_unknown(self, key: str) -> bool:
        return key not in self.tracker.groups and key not in self.node_of

    def _functions_within(self, unknown: Mapping[str, Any]) -> list[str]:
        """The functions of *unknown*, with the unknown ones that they hold directly, and so on."""
        encoder = self.tracker.encoder
        work = {key: obj for key, obj in unknown.items() if type(obj) is types.FunctionType}
        found: list[str] = []
        while work:
            key, function = work.popitem()
            found.append(key)
            for other in held_functions(function):
                if is_definition(other, encoder.namespace):
                    node = f"def:{encoder.registry.id_of(other)}"
                    if self._is_unknown(node) and node not in self.shots.definitions:
                        self.shots.definitions[node] = work[node] = other
        return found

    def _break(self, group: Covariable) -> None:
        self.broken.add(group)
        for key in group.keys:
            if key in self.snapshot or key.startswith("def:"):
                self._take(key)

    def _holding(self, scopes: frozenset[int]) -> None:
        """Capture the nodes again that hold one of these dicts: not as values any more, but by identity."""
        if not scopes:
            return
        shots = list(self.nodes.values())
        for shot in shots:
            if shot.captured and not shot.captured.links.isdisjoint(scopes):
                self._keep(shot.keys, self.shots.take(shot.keys))
        for group in self.tracker.sharing(scopes, self.broken):
            self._break(group)

    # ---- groups ----

    def _regroup(self, bound: set[str]) -> Update:
        from timeslip.state.covariables import Update

        result = Update(checked=self.checked)
        tracker = self.tracker
        before = {key for group in self.broken for key in group.keys}
        components = self._components()
        for captured in self.shots.taken:
            captured.forget()  # nothing is compared any more
        made = [self._group(keys, result) for keys in components]
        result.replaced = self.broken - set(made)
        for group in result.replaced:
            tracker.remove(group)
        for group in made:
            if group not in self.broken:
                tracker.add(group)
        self._name_changes(result)
        bound = tracker.newly_bound(self.snapshot, bound)
        result.names |= bound & {key for change in result.changed for key in change.covariable.keys}
        result.gone |= {key for key in before if key not in tracker.groups}
        dropped = tracker.drop_unused()
        if dropped:
            result.gone.update(key for group in dropped for key in group.keys)
            result.changed = [change for change in result.changed if change.covariable not in dropped]
        for key in result.gone:
            tracker.set_digest(key, None)
        left, kept = ([hole.identity for group in part for hole in group.holes] for part in (self.broken, made))
        if left:
            tracker.encoder.resources.leave(left, kept)
        return result

    def _name_changes(self, result: Update) -> None:
        for shot in self.nodes.values():
            changed = {key for key in shot.keys if self.tracker.set_digest(key, shot.fingerprint.digest)}
            result.names |= changed - self.equal

    def _components(self) -> list[tuple[str, ...]]:
        """The captured nodes, put together by what they share."""
        parent = {key: key for key in self.nodes}

        def top(key: str) -> str:
            while parent[key] != key:
                parent[key] = parent[parent[key]]
                key = parent[key]
            return key

        self._join_links(parent, top)

        captures = {key: shot.captured for key, shot in self.nodes.items() if shot.captured is not None}

        def join(key: str, other: str) -> None:
            if top(key) != top(other) and self.sharing.by_memory(captures[key], captures[other]):
                parent[top(key)] = top(other)

        join_sharing(((key, captured.spans) for key, captured in captures.items()), join)
        groups: dict[str, list[str]] = {}
        for key in self.nodes:
            groups.setdefault(top(key), []).extend(self.nodes[key].keys)
        return [tuple(sorted(keys, key=_order)) for keys in groups.values()]

    def _join_links(self, parent: dict[str, str], top: Callable[[str], str]) -> None:
        """Join the nodes that share a linking object, in *parent*."""
        linked = [(key, shot.captured) for key, shot in self.nodes.items() if shot.captured is not None]
        if len(linked) <= _FEW:
            for index, (key, captured) in enumerate(linked):
                for other, earlier in linked[:index]:
                    if top(key) != top(other) and self.sharing.by_links(captured, earlier):
                        parent[top(key)] = top(other)
            return
        owner: dict[int, str] = {}
        found: dict[tuple[str, str], set[int]] = {}
        many = [(key, captured) for key, captured in linked if isinstance(captured.links, Addresses)]
        for key, captured in linked:
            for address in () if isinstance(captured.links, Addresses) else captured.links:
                other = owner.setdefault(address, key)
                if other is not key:
                    found.setdefault((key, other), set()).add(address)
        for index, (key, captured) in enumerate(many):
            held = holders(captured.links, owner)
            held.update(other for other, earlier in many[:index] if not captured.links.isdisjoint(earlier.links))
            found.update(((key, other), set()) for other in held)
        captures = dict(linked)
        for (key, other), addresses in found.items():
            if top(key) == top(other):
                continue
            if not addresses or self.sharing.by_links(captures[key], captures[other], frozenset(addresses)):
                parent[top(key)] = top(other)

    def _group(self, keys: tuple[str, ...], result: Update) -> Covariable:
        """The co-variable of *keys*: the one there is when nothing differs, else a new one, noted in *result*."""
        from timeslip.state.covariables import Changed

        shot = self.nodes[self.node_of[keys[0]]]
        attached: frozenset[int] = frozenset()
        if shot.keys == keys and shot.beside:
            shot = self.shots.steady(keys, self.shots.take(keys))
            if shot.captured is not None:
                shot.captured.find_links(self.weak)
        if shot.keys != keys and len(keys) > 1:
            parts = [self.nodes[key] for key in dict.fromkeys(map(self.node_of.__getitem__, keys))]
            found = [part.captured for part in parts if part.captured is not None]
            attached = attached_in(found)
            shared, shot = self.joint.pop(keys, (None, shot))  # it was captured when it was found changed
            if shared != attached:
                shot = self._with_names(keys, parts) or self.shots.steady(
                    keys, self.shots.take(keys, attached), attached
                )
            if shot.captured is not None:
                shot.captured.links = union([captured.links for captured in found])
                shot.captured.hidden = _hidden(found)
                shot.captured.plain = all(captured.plain for captured in found)
                shot.captured.walkable = all(captured.plain or captured.walkable for captured in found)
                shot.captured.own = self._own(keys, shot.captured)
        present = self.tracker.groups.get(keys[0])
        if present is not None and present.keys == keys and present.fingerprint.digest == shot.fingerprint.digest:
            # Equal content, but perhaps in other objects than before: what links is where they are now.
            now = self._covariable(keys, shot, attached)
            self.tracker.relink(present, now)
            return present
        group = self._covariable(keys, shot, attached)
        group.aliases = self._aliases(keys) if group.links and len(keys) > 1 else {}
        live_on(group, self)
        result.changed.append(Changed(group, shot.captured))
        return group

    def _with_names(self, keys: tuple[str, ...], parts: list[Shot]) -> Shot | None:
        """*keys* together without a pass, where they are a long list or dict that was just captured, and elements."""
        long = [part for part in parts if part.captured is not None and part.captured.parts]
        if len(long) != 1 or len(long[0].keys) != 1 or any(key.startswith("def:") for key in keys):
            return None
        began, encoder = time.perf_counter(), self.tracker.encoder
        nodes = [(key, self.shots.object(key)) for key in keys]
        found = capture_with_names(encoder, long[0].captured, self.shots.object(long[0].keys[0]), nodes)
        if found is None:
            return None
        captured, mark = found
        self.shots.taken.append(captured)
        seconds = long[0].seconds + time.perf_counter() - began  # about what a pass takes
        return Shot(captured, self.tracker.fingerprint(captured), seconds, mark=mark)

    def _own(self, keys: tuple[str, ...], whole: Captured) -> dict[str, Own]:
        """What each of *keys* reaches itself of what there is to say of *whole*, captured together."""
        if not (whole.holes or whole.hooked) or len(keys) > MANY_NAMES:
            return {}
        captures = {key: self.nodes[self.node_of[key]].captured for key in keys}
        found: dict[str, Own] = {}
        for name in keys:
            reached, work = {name}, [name]
            while work:
                captured = captures[work.pop()]
                inner = {f"def:{identity}" for identity in captured.references} if captured is not None else set()
                inner = (inner & captures.keys()) - reached
                reached |= inner
                work += inner
            parts = [part for key in reached if (part := captures[key]) is not None]
            holes = {(hole.identity, hole.type_name, hole.reason) for part in parts for hole in part.holes}
            positions = [
                n for n, hole in enumerate(whole.holes) if (hole.identity, hole.type_name, hole.reason) in holes
            ]
            found[name] = Own(tuple(positions), frozenset().union(*(part.hooked for part in parts)))
        return found

    def _aliases(self, keys: tuple[str, ...]) -> dict[str, str]:
        first: dict[int, str] = {}
        found = {key: first.setdefault(id(self.snapshot[key]), key) for key in keys if key in self.snapshot}
        return {key: other for key, other in found.items() if key != other}

    def _covariable(self, keys: tuple[str, ...], shot: Shot, attached: frozenset[int]) -> Covariable:
        from timeslip.state.covariables import Covariable

        captured = shot.captured
        group = Covariable(keys, shot.fingerprint, failure=shot.failure, seconds=shot.seconds)
        group.checked = self.tracker.count
        if captured is not None:
            group.links, group.hidden = captured.links, captured.hidden
            group.spans = tuple(captured.spans)
            group.roots = attached
            group.volatile = captured.volatile
            group.deep, group.sought = captured.is_deep, captured.sought
            group.packages = captured.packages
            group.references = frozenset(captured.references)
            group.holes = tuple(captured.holes)
            group.bytes = captured.size
            group.mark = shot.mark if captured.plain or counts_for(shot.mark, captured) else None
            group.walks = walks(captured, shot.mark)
            group.islands = islands_in(captured)
        return group


def _hidden(captures: list[Captured]) -> frozenset[int]:
    """What only holes hold, in none of *captures* anything else."""
    hidden: frozenset[int] = frozenset().union(*(captured.hidden for captured in captures))
    for captured in captures:
        hidden -= (captured.links & hidden) - captured.hidden
    return hidden


_PORTIONS_FROM, _PORTION = 128, 64
"""More new functions than this are captured in portions of so many."""

_LOOKED_FOR = 5_000
"""More objects in common than this are not looked for: not all of them have gone without showing."""
_FEW = 12
"""Up to so many nodes are compared in pairs, which is faster when one of them is very large."""

BESIDE = b"beside "
"""Digests of values that were captured beside a hub begin with this: they say nothing beside others."""


def _order(key: str) -> tuple[bool, str]:
    """Definitions first: what comes later in a stream may need their methods."""
    return (not key.startswith("def:"), key)
