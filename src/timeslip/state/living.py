"""What lives on unchanged of earlier co-variables when names are put together anew (016).

An earlier version lives on in the very objects that it had when it was recorded, and in no others: two versions whose
objects were apart are apart then, and what they shared they share. Equal content does not say so. An object can have
taken the place of an equal one that something else holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from timeslip.codec.addresses import Links, count_common, union
from timeslip.codec.captured import Captured
from timeslip.state.spans import Span

if TYPE_CHECKING:
    from timeslip.state.covariables import Covariable
    from timeslip.state.regroup import Regrouping

MANY_NAMES = 64
"""In co-variables of more names than this nobody looks for what lives on of earlier ones."""

_MOST_LIVES = 64
"""So many earlier versions are remembered of a value that only got and lost names: one that is shown many times."""


class Known(NamedTuple):
    """The objects that a value had when it was recorded, by their addresses."""

    links: Links
    spans: tuple[Span, ...]


def known_of(group: Covariable) -> Known:
    """What is recorded of all of *group*."""
    return Known(group.links, group.spans)


def within(captured: Captured | None, known: Known, named: frozenset[int] = frozenset()) -> bool:
    """Whether *captured* has no other objects and no other memory than *known*.

    *named*: objects that may be new among those that link, because only a name for them makes them link.
    """
    if captured is None:
        return False
    others = len(captured.links) - count_common(captured.links, known.links)
    if others and len((fresh := captured.links & named) - (fresh & known.links)) < others:
        return False
    ranges = {span[:2] for span in known.spans}
    return all(span[:2] in ranges for span in captured.spans)


def live_on(group: Covariable, work: Regrouping) -> None:
    """Note what lives on unchanged in a new co-variable, of those that its names were in before.

    By names of one object that consists of the objects of before, with the content of before. Names of several objects
    only when all of an earlier co-variable was taken in for what others share with it: then they share among them what
    they did.
    """
    groups = work.tracker.groups
    earlier = {groups[key] for key in group.keys if key in groups}
    if len(group.keys) > MANY_NAMES or sum(len(one.keys) for one in earlier) > MANY_NAMES:
        return
    for one in earlier:
        same = [key for key in one.keys if key in group.keys and _is_as_before(key, work)]
        objects: dict[int, tuple[str, ...]] = {}
        for key in same:
            objects[id(work.snapshot[key])] = (*objects.get(id(work.snapshot[key]), ()), key)
        taken_in = one in work.joined
        parts = [part for part in objects.values() if taken_in or _has_its_objects(part, one, work)]
        if taken_in and len(same) == len(one.keys) and len(objects) > 1:
            parts.append(one.keys)
        for part in parts:
            captures = [captured for key in part if (captured := _captured(key, work)) is not None]
            group.parts[part] = union([captured.links for captured in captures])
            group.spans_of[part] = tuple(span for captured in captures for span in captured.spans)
            _inherit(group.lives, one, part)


def _captured(key: str, work: Regrouping) -> Captured | None:
    shot = work.nodes.get(work.node_of.get(key, ""))
    return None if shot is None else shot.captured


def _is_as_before(key: str, work: Regrouping) -> bool:
    """Whether *key* is a name bound to the object of before, with the content of before."""
    shot = work.nodes.get(work.node_of.get(key, ""))
    if shot is None or shot.captured is None or key.startswith("def:") or key in work.bound:
        return False
    return key in work.equal or work.tracker.node_digests.get(key) == shot.fingerprint.digest


def _has_its_objects(part: tuple[str, ...], one: Covariable, work: Regrouping) -> bool:
    """Whether the value of *part*, names of one object, consists of the objects that it had in *one*.

    Of a value that has been together with others ever since it was made nobody knows which are its own, and no
    earlier version has it alone.
    """
    of = one.aliases
    is_object = {of.get(part[0], part[0])}
    if {of.get(key, key) for key in one.keys} == is_object:
        return within(_captured(part[0], work), known_of(one), work.named)
    for names, links in one.parts.items():
        if {of.get(key, key) for key in names} == is_object:
            return within(_captured(part[0], work), Known(links, one.spans_of[names]), work.named)
    return False


def _inherit(lives: dict[str, dict[str, str]], earlier: Covariable, part: tuple[str, ...]) -> None:
    """Note in *lives* the versions of which *part* of *earlier* lives on."""
    of = earlier.aliases
    objects = {of.get(name, name): name for name in part}
    for record, names in earlier.lives.items():
        there = {key: name if name in part else objects.get(of.get(name, name), "") for key, name in names.items()}
        left = {key: name for key, name in there.items() if name}
        if len(left) > len(lives.get(record, ())):
            lives[record] = left
    if earlier.record is not None and len(part) > len(lives.get(earlier.record, ())):
        lives[earlier.record] = {key: key for key in part}
    for record in list(lives)[:-_MOST_LIVES]:
        del lives[record]
