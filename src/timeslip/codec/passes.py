"""The state of one pass: what the pickler and the reducers tell each other."""

from __future__ import annotations

import copyreg
import math
import sys
import types
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from timeslip.codec import definitions, inline, load, numbers, reducers
from timeslip.codec.captured import Hole
from timeslip.codec.deep import Deep, Parts, Whole, reduce_parts, reduce_whole
from timeslip.codec.definitions import class_name
from timeslip.codec.guarding import GLOBALS, guarded, one_line
from timeslip.codec.hashing import Leads
from timeslip.codec.held import Place, is_in_facet
from timeslip.codec.hidden import Hidden, set_on, state_of
from timeslip.codec.holding import states_held_by
from timeslip.codec.kinds import compares_oddly, users_reducers
from timeslip.codec.reducers import instances
from timeslip.codec.reducers.array_memory import MetArrays
from timeslip.codec.refilling import Check, changed_elements
from timeslip.codec.runs import run_by
from timeslip.codec.scopes import Holder, Scope, foreign_scope
from timeslip.codec.standins import (
    Checked,
    Content,
    reduce_checked,
    reduce_content,
    reduce_scope,
)
from timeslip.codec.streams import (
    SegmentWriter,
    cut_off_prefix,
    names_prefix,
    scope_prefix,
)
from timeslip.ids import DefinitionId

if TYPE_CHECKING:
    from timeslip.codec.capture import Encoder

Reducer = Callable[["Pass", Any], Any]


_STAND_INS: dict[type, Reducer | None] = {
    Content: reduce_content,
    Scope: reduce_scope,
    Checked: reduce_checked,
    Whole: reduce_whole,
    Parts: reduce_parts,
}


class Pass:
    """State of one pass, shared by the pickler and the reducers."""

    owners: Any = None
    """Owners of memory that were looked for (`reducers.owners`)."""
    sought = False
    """Whether one was looked for, perhaps by an earlier capture."""
    careful = False
    deep: Deep | None = None
    """In a deep pass: the instances that stand empty in the stream until its end."""
    asked = False
    """Whether something was met that is no plain container, number or text."""
    odd = False
    """Whether there are instances of classes that no table may be asked for."""
    special = False
    """Whether there is a NaN or a large number, which are told by identity."""
    prefixed = False
    """Whether something stands before what the pickler writes."""

    def __init__(self, encoder: Encoder, shared: frozenset[int]) -> None:
        self.encoder = encoder
        self.namespace = encoder.namespace
        self.shared = shared
        self.writer = SegmentWriter()
        self.buffers: list[Any] = []
        self.rows: list[int] = []
        self.arrays = MetArrays()
        self.out_of_band: list[Any] = []
        self.references: dict[str, Any] = {}
        self.holes: list[Hole] = []
        self.spans: list[tuple[int, int, bool]] = []
        self.cells: dict[int, tuple[str, int]] = {}
        self.keep: list[Any] = []
        self.foreign: list[tuple[int, int, Any]] = []
        """Storages of torch over memory that nobody is known to own: first byte, end, storage."""
        self.nans: dict[int, int] = {}
        self.nan_objects: list[Any] = []
        self.roots: set[int] = set()
        self.blocks: set[int] = set()
        self.first_blocks: dict[int, Any] = {}
        """Address of what pandas counts the blocks over one memory with -> the first of them that was met."""
        self.stand_ins: dict[int, Any] = {}
        self.held: set[int] = set()
        """Addresses of objects with a state of their own that no reduction meets, because holes hold them."""
        self.met: set[type] = set()
        self.left: set[int] = set()
        """Addresses of classes whose reducer has left an instance to what its class says itself."""
        self.islands: dict[type, Reducer | None] = {}
        """The same on islands, see `reducers.pandas`."""
        self.sampled: set[int] = set()
        """Addresses of some texts in arrays that were met, see `reducers.items`."""
        self.by_name: dict[int, type] = {}
        """Classes, by address, that are known to be found by their names."""
        self.hashing: set[type] = set()
        """Classes whose instances can be changed and say how they are hashed."""
        self.known: dict[type, tuple[Callable[[Any], None] | None, Reducer | None]] = {}
        """For classes met before what notes an instance, which pickle need not ask about then; or what `reduce` would
        find, None where pickle need not ask. Empty in a careful pass."""
        self.dicts_of: dict[type, Callable[[Any], Any]] = {}
        """Classes whose instances are pickled with their attribute dict as it is -> what gives that dict."""
        self.plain: dict[int, list[Any]] = {}
        """Address of such a class -> its instances met, without those that are stored with their very dict."""
        self._inside = inline.Asking(encoder.is_alone)
        self.shared_dicts: dict[int, Any] = {}
        """Attribute dicts that others hold as well, by address."""
        self.table: dict[type, Reducer | None] = {**reducers.BASE, **_STAND_INS}
        self.leads = Leads()
        self.unheard = users_reducers(encoder.namespace)
        """Classes with a reduction that code of the user's has registered with `copyreg`: it may say anything."""
        self.scopes: dict[str, dict[str, Any]] = {}
        """Identity -> dict, for the foreign globals that values of this pass hold as they hold any dict."""
        self.by_hand: dict[str, Any] = {}
        """Modules that no import gives again and that values of this pass need something of, by name."""
        self.kept: dict[Place, Any] = {}
        """What Python keeps for everybody and values of this pass hold."""

    def hole(self, obj: Any, reason: str, state: Hidden | None = None) -> Any:
        """Reduction of something that cannot be stored.

        Args:
            obj: the live object.
            reason: why, for people.
            state: of the object; None: what can be found out about it.
        """
        token, complete = state if state is not None else state_of(obj)
        identity = self._identify(obj, token)
        name, runs = class_name(type(obj)), run_by(obj, self.namespace, self.encoder.seeds)
        self.holes.append(Hole(identity, name, reason, token, complete=complete, runs=runs))
        return load.hole, (identity,)

    def resource(
        self, obj: Any, reason: str, token: str, make: Any, args: tuple[Any, ...], *, complete: bool = True
    ) -> Any:
        """Reduction of something that holds an outside resource and can be made again."""
        identity = self._identify(obj, token)
        name, runs = class_name(type(obj)), run_by(obj, self.namespace, self.encoder.seeds)
        self.holes.append(Hole(identity, name, reason, token, fatal=False, complete=complete, runs=runs))
        return load.resource, (identity, make, args)

    def _identify(self, obj: Any, token: str) -> str:
        self.held |= states_held_by(obj, self.encoder.seeds)
        return self.encoder.resources.register(obj, token + set_on(obj))

    def note(self, obj: Any, reason: str, *, fatal: bool = True) -> None:
        """Say that *obj* goes into the stream as it is, but is not a value, or not all of one."""
        kind = type(obj)
        self.holes.append(Hole("", class_name(kind), reason, "", fatal))

    def refer(self, obj: Any) -> Any:
        """Reduction of a definition: its identity."""
        identity = self.encoder.registry.id_of(obj)
        self.references[identity] = obj
        return load.definition, (str(identity),)

    def refer_scope(self, holder: Holder) -> DefinitionId:
        """The identity of the globals of *holder*, noted among the references."""
        identity = self.encoder.registry.scopes.id_of(holder)
        self.references[identity] = self.encoder.registry.scopes.live(identity)
        return identity

    def refer_scopes(self, scopes: dict[str, dict[str, Any]]) -> None:
        """Refer to *scopes* by identity wherever their dicts are met; the stream begins with what loads them."""
        self.scopes = scopes
        self.prefixed |= bool(scopes)
        for identity in scopes:
            self.references[identity] = self.encoder.registry.scopes.live(identity)
        if scopes:
            self.writer.write(scope_prefix(scopes))

    def refer_by_name(self, kept: dict[Place, Any]) -> None:
        """Refer to what Python keeps for everybody by name wherever it is met; after `refer_scopes`."""
        self.kept = kept
        for (module, name), obj in kept.items():
            if not is_in_facet((module, name)):
                self.note(obj, f"as {module}.{name}, whose own state is not recorded", fatal=False)
        if kept:
            self.prefixed = True
            self.writer.write(names_prefix(kept))

    def note_outside(self, outside: list[tuple[str, Any]]) -> None:
        """Say of what was met which modules of the user's have it, too; the stream begins with that."""
        for module, obj in outside:
            self.note(obj, f"the module {module} has it as well, and keeps its own", fatal=False)
        if outside:
            self.prefixed = True
            self.writer.write(cut_off_prefix())

    def note_changed(self, checks: Iterable[Check]) -> None:
        """Say which containers cannot be filled again."""
        for check in checks:
            reason = changed_elements(check)
            if reason is not None:
                self.note(check[0], reason)

    def meet_scope(self, function: types.FunctionType) -> None:
        """Note the globals of *function*, if they are nobody's module: a value may hold the dict itself."""
        if foreign_scope(function, self.namespace) is not None:
            self.encoder.registry.scopes.id_of(function)

    def find(self, kind: type) -> Reducer | None:
        """The reducer for a type, None for "as pickle does"."""
        if compares_oddly(kind):
            self.odd = True
            return reducers.find(kind)
        found, hashing = reducers.found_of(kind, self.encoder.searched)
        if isinstance(found, (instances.Plain, instances.AsPickle)) and self.deep is None:
            if found.dict_of is not None:
                self.dicts_of[kind] = found.dict_of
                self.plain[id(kind)] = []
            if not (found.has_them_inside and self._inside.begins(kind)) and found.unasked:
                self._ask_no_more(kind, found.dict_of is not None)
        if found is None and self.careful:
            found = guarded
        self.table[kind] = found
        self.met.add(kind)
        if hashing:
            self.hashing.add(kind)
        return found

    def _ask_no_more(self, kind: type, has_dict: bool) -> None:
        """Let pickle do the other instances of *kind* without asking."""
        if not self.careful and not (self.shared_dicts and has_dict):
            self.known[kind] = self.plain[id(kind)].append if has_dict else None, None

    def attributes_inside(self, obj: Any) -> dict[str, Any] | None:
        """As `inline.attributes_inside`, of some instances of each class."""
        found = self._inside.attributes(obj)
        if self._inside.is_done(type(obj)):
            self._ask_no_more(type(obj), True)
        return found

    def reduce(self, obj: Any) -> Any:
        """What `reducer_override` answers for *obj*."""
        self.asked = True
        kind = type(obj)
        try:
            reducer = self.table[kind]
            if not self.careful:
                self.known.setdefault(kind, (None, reducer))
        except KeyError:
            reducer = self.find(kind)
        except Exception:  # a metaclass of the session that lets nobody hash or compare its classes
            reducer = self.find(kind)
        if self.deep is not None and not self.odd:
            if type(reducer) is instances.Plain:
                self.left.add(id(kind))
                self.deep.postpone(obj)
                return self.deep.take(kind, reducer)
            self.deep.others.add(kind)
        try:
            result = NotImplemented if reducer is None else reducer(self, obj)
        except RecursionError:
            raise
        except Exception as error:  # reducers ask users' and libraries' objects: anything may come
            if not self.careful or obj is load.hole:  # what stands for a hole cannot be one
                raise
            result = self.hole(obj, f"cannot be pickled: {one_line(error)}")
        if result is NotImplemented and reducer is not None:
            self.left.add(id(kind))
        if result is NotImplemented and self.careful and not definitions.is_a(obj, GLOBALS):
            return guarded(self, obj)
        return result

    def registered(self, kind: type) -> Any:
        """What a library has registered with `copyreg` for *kind*, or None."""
        if compares_oddly(kind) or kind in self.unheard:
            return None
        return copyreg.dispatch_table.get(kind)

    def large_int(self, value: int) -> Any:
        """The persistent id of a large number: its own number in this pass, and its digits the first time."""
        self.special = True
        number = self.nans.setdefault(id(value), len(self.nans))
        if number < len(self.nan_objects):
            return number
        self.nan_objects.append(value)
        return number, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)

    def nan(self, value: Any, *, apart: bool = False) -> Any:
        """The persistent id of a NaN: one of the well-known objects, or a number.

        With the number its bytes, the first time, unless they are those of every other NaN.

        Args:
            value: the number, or the complex number that has a NaN in it.
            apart: say its bytes each time: what reads them reads nothing else.
        """
        self.special = True
        if value is math.nan:  # noqa: PLW0177 - its identity is asked for, not its value
            return "math"
        numpy = sys.modules.get("numpy")
        if numpy is not None and value is numpy.nan:
            return "numpy"
        number = self.nans.setdefault(id(value), len(self.nans))
        if number < len(self.nan_objects) and not apart:
            return number
        if number == len(self.nan_objects):
            self.nan_objects.append(value)
        data = numbers.to_bytes(value)
        return number if data == numbers.USUAL_NAN else (number, data)
