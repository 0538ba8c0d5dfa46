"""Are two namespaces the same graph of objects? Values, types *and* who shares what with whom.

`compare_states` walks two namespaces side by side and pairs every object of the one with the object that stands at the
same place in the other. The two are isomorphic when paired objects have corresponding types and equal values, and when
the pairing is one to one: an object met twice on the left is met at the same two places on the right, and the reverse.

What has an identity that ordinary code can see takes part in the pairing: mutable objects, instances, functions,
classes, NaN, `object()` sentinels, immutables over 1 kB, tuples that hold any of these. Small immutables do not:
whether two names hold the *same* ``3`` or ``"a"`` is the interpreter's business.

Nothing here recurses (a linked list of 100,000 nodes is compared in a loop), nothing of the user's own is called
(``__eq__``, ``__repr__``, ``__reduce__`` of classes made in the namespace), and no library of the user's is imported.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any

from timeslip.graphs import contents, kinds, libraries

_MOST_DIFFERENCES = 40


class Path:
    """The way from a name to an object, as a linked list: 100,000 steps must not cost 100,000 strings."""

    __slots__ = ("after", "before", "owner", "parent", "plain")

    def __init__(
        self, parent: Path | None, after: str, before: str = "", owner: type | None = None, plain: str | None = None
    ) -> None:
        self.parent, self.after, self.before = parent, after, before
        self.owner: type | None = owner if owner is not None or parent is None else parent.owner
        """Class of the nearest instance on the way that has no rule of its own."""
        self.plain = plain
        """What stands for *after* where nothing that is in a value may be told: a key is content as well."""

    def then(self, after: str, before: str = "", owner: type | None = None, plain: str | None = None) -> Path:
        """One step further, such as ``[3]`` or ``.name``; with *before* the whole is put in between: ``type(x[3])``."""
        return Path(self, after, before, owner, plain)

    def __str__(self) -> str:
        return self.text()

    def text(self, *, plain: bool = False) -> str:
        """The way in words; *plain*: without keys, members or other content."""
        steps: list[tuple[str, str]] = []
        node: Path | None = self
        while node is not None:
            steps.append((node.before, node.plain if plain and node.plain is not None else node.after))
            node = node.parent
        steps.reverse()
        if len(steps) > 24:
            steps[12:-12] = [("", f"<{len(steps) - 24} steps>")]
        text = ""
        for before, after in steps:
            text = f"{before}{text}{after}"
        return text


def compare_states(
    a: Mapping[str, object],
    b: Mapping[str, object],
    *,
    ignore: Collection[str] = (),
    namespaces: tuple[Mapping[str, object], Mapping[str, object]] | None = None,
) -> list[str]:
    """What differs between two namespaces, in sentences; an empty list when they are isomorphic.

    Args:
        a: the first state.
        b: the second state.
        ignore: names that are left out on both sides.
        namespaces: the dicts that stand behind *a* and *b* when these are excerpts of them; a function's
            ``__globals__`` must be the one on the one side and the other on the other.

    Returns:
        Sentences such as ``x['a'][3]: 1 != 2`` or ``x and y[0] are the same object in the first state only``, at most
        40 of them, shortest paths first. Neither side is changed. Not safe while another thread changes either side.
    """
    comparison = Comparison(a, b, namespaces or (a, b))
    comparison.names(frozenset(ignore) | kinds.MODULE_NAMES)
    return comparison.run()


class Comparison:
    """One walk over two graphs: a queue of pairs still to look at, and the pairing found so far."""

    def __init__(
        self,
        left: Mapping[str, object],
        right: Mapping[str, object],
        namespaces: tuple[Mapping[str, object], Mapping[str, object]],
        limit: int = _MOST_DIFFERENCES,
        thorough: Callable[[type], bool] | None = None,
    ) -> None:
        self.left, self.right = left, right
        self.thorough = thorough or (lambda _: False)
        """Of which classes of libraries, that say themselves what there is to pickle, the attributes are looked at."""
        self.trial = thorough is not None
        """Do not look into a function or class that is the same on both sides: what it holds is of the first state."""
        self.namespaces = namespaces
        self.limit = limit
        self.differences: list[str] = []
        self.plain: list[str] = []
        """For each difference the same without anything that is in a value: the way there, and kinds."""
        self.at: tuple[Any, Any] = (None, None)
        """The two objects that are looked at."""
        self.owners: list[type | None] = []
        """For each difference the class of the instance that it was found in (`Path.owner`)."""
        self.queue: deque[tuple[Path, Any, Any]] = deque()
        # id -> (the object, its partner, where first met). The objects are held, so no id is used twice.
        self.to_right: dict[int, tuple[Any, Any, Path]] = {}
        self.to_left: dict[int, tuple[Any, Any, Path]] = {}
        self.mismatched: set[tuple[int, int]] = set()
        self.sets: list[tuple[Path, list[Any], list[Any]]] = []
        self.arrays: list[tuple[Path, Any, Any]] = []
        self.visibility = kinds.Visibility(namespaces)

    # ---- the walk

    def names(self, skipped: Collection[str]) -> None:
        """Queue what every name of the two namespaces holds."""
        left = {name for name in self.left if name not in skipped}
        right = {name for name in self.right if name not in skipped}
        for name in sorted(left - right):
            self.report(Path(None, name), "only in the first state", "only in the first state")
        for name in sorted(right - left):
            self.report(Path(None, name), "only in the second state", "only in the second state")
        for name in self.left:
            if name in left and name in right:
                plain = "value" if self.trial else None  # what it is called is no matter of its class
                self.pair(Path(None, name, plain=plain), self.left[name], self.right[name])

    def pair(self, path: Path, left: Any, right: Any) -> None:
        """Ask for *left* and *right* to be compared."""
        self.queue.append((path, left, right))

    def report(self, path: Path | None, sentence: str, plain: str | None = None) -> None:
        """Note a difference.

        Args:
            path: the way to it; None: the sentence says that.
            sentence: what differs.
            plain: the same without anything that is in a value; None: only the kinds of the two objects are told.
        """
        self.differences.append(f"{path}: {sentence}" if path is not None else sentence)
        self.owners.append(path.owner if path is not None else None)
        told = plain if plain is not None else kinds.unlike(*self.at)
        self.plain.append(f"{path.text(plain=True)}: {told}" if path is not None else told)

    def run(self) -> list[str]:
        """Compare until nothing is left to look at, or enough differences are known."""
        while len(self.differences) < self.limit:
            if self.queue:
                self._look(*self.queue.popleft())
            elif self.sets:
                self._settle_set(*self.sets.pop())
            else:
                break
        else:
            return self.differences
        libraries.compare_memory(self)
        return self.differences

    def _look(self, path: Path, left: Any, right: Any) -> None:
        self.at = left, right
        if not self._same_kind(path, left, right):
            return
        if self.visibility.visible(left) and not self._register(path, left, right):
            return
        contents.handler(type(left))(self, path, left, right)

    def _same_kind(self, path: Path, left: Any, right: Any) -> bool:
        """Whether the types correspond; classes made in the session are compared as objects themselves."""
        one, other = type(left), type(right)
        if one is other and self.visibility.outside_class(one):
            return True
        if self.visibility.outside_class(one) or self.visibility.outside_class(other):
            self.report(path, f"{kinds.brief(left)} != {kinds.brief(right)}")
            return False
        self.pair(path.then(")", "type("), one, other)
        return True

    def _register(self, path: Path, left: Any, right: Any) -> bool:
        """Pair two objects with visible identity; True when their contents are still to be compared."""
        known = self.to_right.get(id(left))
        if known is not None and known[1] is right:
            return False
        back = self.to_left.get(id(right))
        if known is None and back is None:
            self.to_right[id(left)] = (left, right, path)
            self.to_left[id(right)] = (right, left, path)
            return True
        key = (id(left), id(right))
        if key in self.mismatched:
            return False
        self.mismatched.add(key)
        first, where = ("first", known) if known is not None else ("second", back)
        assert where is not None
        plain = f"{where[2].text(plain=True)} and {path.text(plain=True)}"
        same = f"are the same object in the {first} state only"
        self.report(None, f"{where[2]} and {path} {same}", f"{plain} {same}")
        return True

    # ---- sets

    def _settle_set(self, path: Path, left: list[Any], right: list[Any]) -> None:
        """Pair the members of two sets that could not be told apart by value, once all else is paired."""
        self.at = left, right
        left, right = self._drop_paired(left, right)
        groups: dict[Hashable, tuple[list[Any], list[Any]]] = {}
        for side, members in enumerate((left, right)):
            for member in members:
                groups.setdefault(kinds.signature(member), ([], []))[side].append(member)
        for ones, others in groups.values():
            if len(ones) != len(others):
                odd = (ones or others)[0]
                plain = f"more or fewer members like a {kinds.class_attribute(type(odd), '__qualname__')}"
                self.report(path, f"{len(ones)} members like {kinds.brief(odd)} != {len(others)}", plain)
            elif len(ones) == 1:
                self.pair(path.then("{" + kinds.brief(ones[0]) + "}", plain="{member}"), ones[0], others[0])
            else:
                self._match(path.then("{member}"), ones, others)

    def _drop_paired(self, left: list[Any], right: list[Any]) -> tuple[list[Any], list[Any]]:
        members = {id(member) for member in right}
        partners = {
            id(self.to_right[id(m)][1])
            for m in left
            if id(m) in self.to_right and id(self.to_right[id(m)][1]) in members
        }
        return (
            [m for m in left if id(m) not in self.to_right or id(self.to_right[id(m)][1]) not in partners],
            [m for m in right if id(m) not in partners],
        )

    def _match(self, path: Path, left: list[Any], right: list[Any]) -> None:
        """Try partners one after the other: greedy, which is enough for members that differ in value."""
        rest = list(right)
        for one in left:
            for index, other in enumerate(rest):
                trial = self._trial(path, one, other)
                if trial is not None:
                    self.to_right, self.to_left = trial.to_right, trial.to_left
                    self.arrays.extend(trial.arrays)
                    del rest[index]
                    break
            else:
                plain = f"a {kinds.class_attribute(type(one), '__qualname__')} has no equal in the second state"
                self.report(path, f"{kinds.brief(one)} has no equal in the second state", plain)

    def _trial(self, path: Path, one: Any, other: Any) -> Comparison | None:
        trial = Comparison(self.left, self.right, self.namespaces, 1, self.thorough if self.trial else None)
        trial.to_right, trial.to_left = dict(self.to_right), dict(self.to_left)
        trial.visibility = self.visibility
        trial.pair(path, one, other)
        return None if trial.run() else trial
