"""Classes and functions that a replayed cell makes again keep the identity that they have in the recorded state.

What is live, or was made by the restore around the replay, takes the place of what the cell made: instances get the
session's class, and containers the session's function. What is not there otherwise is given the recorded identity.
"""

from __future__ import annotations

import functools
import gc
import types
from collections.abc import Iterable, Mapping
from typing import Any

from timeslip.codec import definitions
from timeslip.codec.kinds import compares_oddly
from timeslip.codec.restore import Loader
from timeslip.errors import StoreError, UnrestorableError
from timeslip.live import Live
from timeslip.state.holding import held_by


class Identities:
    """The identities of one run's outcome. Used while the run's globals are still lent.

    Args:
        live: the session.
        after: the state after the recorded run, node key -> record.
        outer: the loader of the restore, or None.
        target: the state being restored, node key -> record.
    """

    def __init__(self, live: Live, after: Mapping[str, str], outer: Loader | None, target: Mapping[str, str]) -> None:
        self.live = live
        self.after = after
        self.outer = outer
        self.target = target
        self._places: dict[int, tuple[str, Any, Any]] = {}
        self._odd: dict[str, None] = {}

    def keep(self, made: dict[str, Any], apart: Iterable[Any]) -> list[str]:
        """Put things right in *made*, in place; names of definitions that are held in another place than they can be.

        Args:
            made: name -> object, what the run left bound.
            apart: objects that are not entered: the namespace, live definitions.
        """
        apart = list(apart)
        for name, obj in made.items():
            if self._is_new(obj):
                self._place(name, obj)
        objects = held_by(made.values(), [*apart, *(new for _, new, _ in self._places.values())])
        for obj in list(objects.values()):
            self._put_right(obj)
        for name, obj in made.items():
            place = self._places.get(id(obj))
            if place is not None:
                made[name] = place[2]
        self._adopt(made, [obj for obj in objects.values() if type(obj) is types.FunctionType and self._is_new(obj)])
        return list(self._odd)

    def _is_new(self, obj: Any) -> bool:
        """Whether *obj* is a class or function that the run made."""
        if not definitions.is_a(obj, (type, types.FunctionType)) or self.live.registry.known(obj) is not None:
            return False
        if self.outer is not None and any(obj is other for other in self.outer.made.values()):
            return False
        return definitions.is_definition(obj, self.live.namespace.globals)

    def _place(self, name: str, new: Any) -> None:
        """Say what takes the place of *new*, which the cell bound to *name*."""
        try:
            identity = self.live.body(self.after[name]).get("definitions", {}).get(name)
        except (KeyError, StoreError):
            return  # not bound to a class or function then, or it is not known any more
        if identity is None:
            return
        there = self.outer.made.get(identity) if self.outer is not None else None
        broken = self.outer is not None and identity in self.outer.broken  # the live one is of another time
        there = there if there is not None or broken else self.live.registry.live(identity)
        if there is None:
            self._bind(identity, new)
        elif there is not new and type(there) is type(new):
            self._places[id(new)] = (name, new, there)

    def _bind(self, identity: str, new: Any) -> None:
        if self.outer is not None:
            self.outer.made[identity] = new

    def _put_right(self, obj: Any) -> None:
        """Let one object refer to what belongs there."""
        places, kind = self._places, type(obj)
        if id(kind) in places:
            try:
                object.__setattr__(obj, "__class__", places[id(kind)][2])
            except TypeError:  # another layout of its slots
                self._odd[places[id(kind)][0]] = None
        if compares_oddly(kind):
            return  # an instance of a class that may not be compared with others
        if kind in (list, tuple) and len(gc.get_referents(obj)) != len(obj):
            return  # it belongs to an object of C and has empty places, which nobody may touch
        if kind is list:
            for index, item in enumerate(obj):
                if id(item) in places:
                    obj[index] = places[id(item)][2]
        elif kind is dict:
            for key, item in list(obj.items()):
                if id(item) in places:
                    obj[key] = places[id(item)][2]
        elif kind is types.CellType:
            self._put_right_cell(obj)
        elif kind is functools.partial and id(obj.func) in places:
            obj.__setstate__((places[id(obj.func)][2], obj.args, obj.keywords, obj.__dict__ or None))
        elif kind in (tuple, set, frozenset, types.MethodType):
            items = (obj.__func__,) if kind is types.MethodType else obj
            self._odd.update((places[id(item)][0], None) for item in items if id(item) in places)

    def _put_right_cell(self, cell: types.CellType) -> None:
        try:
            place = self._places.get(id(cell.cell_contents))
        except ValueError:  # empty
            return
        if place is not None:
            cell.cell_contents = place[2]

    # ---- functions without a name

    def _adopt(self, made: Mapping[str, Any], functions: list[types.FunctionType]) -> None:
        """Give new functions (lambdas, closures) the identities of recorded ones with the same code that are gone."""
        if self.outer is None or not functions:
            return
        for identity in sorted(self._references(made)):
            if self.live.registry.live(identity) is not None or self._is_used(identity, made):
                continue
            try:
                header = self.outer.header_of(identity)
            except (UnrestorableError, StoreError):
                continue
            if header is None or header["kind"] != definitions.FUNCTION:
                continue
            try:
                code = definitions.load_code(*header["code"])
            except UnrestorableError:
                continue  # another Python compiled it: nothing tells that it is the same
            for function in functions:
                if function.__name__ == header["name"] and _same_code(function.__code__, code):
                    function.__code__ = code  # the same but for the name of its file
                    self._bind(identity, function)
                    functions.remove(function)
                    break

    def _is_used(self, identity: str, made: Mapping[str, Any]) -> bool:
        """Whether a name that the run did not make refers to the definition in the state being restored."""
        for key, record in self.target.items():
            if key in made or key.startswith(("def:", "facet:")):
                continue
            try:
                if identity in self.live.body(record).get("references", ()):
                    return True
            except StoreError:
                continue  # it is not restored either
        return False

    def _references(self, made: Mapping[str, Any]) -> set[str]:
        """Identities of all definitions that the recorded versions of *made* refer to."""
        found: set[str] = set()
        work = [key for key in made if key in self.after]
        while work:
            try:
                references = self.live.body(self.after[work.pop()]).get("references", ())
            except StoreError:
                continue
            fresh = [identity for identity in references if identity not in found]
            found.update(fresh)
            work += [f"def:{identity}" for identity in fresh if f"def:{identity}" in self.after]
        return found


def _same_code(first: types.CodeType, second: types.CodeType) -> bool:
    """Whether two code objects do the same, wherever they were compiled."""
    if first.co_code != second.co_code or first.co_names != second.co_names or first.co_freevars != second.co_freevars:
        return False
    if first.co_varnames != second.co_varnames or len(first.co_consts) != len(second.co_consts):
        return False
    return all(
        _same_code(a, b) if isinstance(a, types.CodeType) and isinstance(b, types.CodeType) else _same_constant(a, b)
        for a, b in zip(first.co_consts, second.co_consts, strict=True)
    )


def _same_constant(first: Any, second: Any) -> bool:
    return type(first) is type(second) and repr(first) == repr(second)
