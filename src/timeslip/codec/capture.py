"""One co-variable to bytes: one pickling pass, with buffers out of band and definitions by identity.

The C pickler does the walk. Python is called only for objects that are not plain containers, numbers or text, through
`reducer_override`, and most of those calls answer "as usual". Five passes exist, each tried only when the one before
could not do it:

1. *fast*: as above; a long list or dict is first tried in many small pickles (*islands*, see there);
2. *nan*: the same with `persistent_id`, when the stream holds a NaN (floats are not memoised by pickle, and the
   identity of a NaN can be seen: ``x in [x]``);
3. *careful*: the same with every reduction guarded, so that what cannot be pickled leaves a hole with a reason
   instead of spoiling everything around it;
4. *deep*: as fast (or nan), for graphs deeper than the recursion limit, which stays untouched: instances stand empty in
   the stream, and what is in them comes at its end, one after the other. Only where nothing else in the value is made
   from instances, because that would find them empty;
5. *iterative*: our own pickler without recursion, for all other deep graphs.

After a pass the pickler's memo holds every object it met: that is how co-variables are found.
"""

from __future__ import annotations

import builtins
import copyreg
import gc
import math
import sys
import types
import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from pickle import dumps
from typing import Any

from timeslip.codec import definitions, enumerations, imports, load, numbers, picklers, reducers
from timeslip.codec.addresses import Links, Searched, union
from timeslip.codec.captured import Captured, Hole
from timeslip.codec.deep import Deep, Parts, Whole, reduce_parts, reduce_whole
from timeslip.codec.definitions import class_name, is_a, of
from timeslip.codec.guarding import GLOBALS, guarded, one_line, silent
from timeslip.codec.hashing import Leads
from timeslip.codec.headers import header_bytes
from timeslip.codec.held import HeldWatch, Place, is_in_facet
from timeslip.codec.hidden import Hidden, set_on, state_of
from timeslip.codec.holding import states_held_by
from timeslip.codec.islands import IslandPickler, may_be_islands
from timeslip.codec.iterative import IterativePickler
from timeslip.codec.kinds import compares_oddly, is_of_session, users_reducers
from timeslip.codec.linking import linking_addresses
from timeslip.codec.marks import is_plain
from timeslip.codec.picklers import PROTOCOL, FastPickler, Memos, NanPickler, met_objects, shared_attributes
from timeslip.codec.reducers import brought, instances
from timeslip.codec.reducers.array_memory import MetArrays
from timeslip.codec.refilling import Check, changed_elements, checks_of
from timeslip.codec.resources import Resources
from timeslip.codec.runs import run_by
from timeslip.codec.scopes import Holder, Scope, ScopeWatch, foreign_scope, scope_content, scope_header
from timeslip.codec.standins import BY_IDENTITY, Checked, Content, reduce_checked, reduce_content, reduce_scope
from timeslip.codec.streams import (
    SegmentWriter,
    cut_off_prefix,
    has_special,
    may_hold_large_text,
    names_prefix,
    scope_prefix,
    unframed,
)
from timeslip.errors import UnstorableError
from timeslip.ids import DefinitionId

LARGE_IMMUTABLE = 1024
"""Immutables of more than this many bytes count as objects with an identity (design: *Linking*)."""

Reducer = Callable[["Pass", Any], Any]


class Encoder:
    """Turns co-variables into `Captured`. One per session; not thread-safe.

    Args:
        namespace: the dict that the user's functions have as globals.
        registry: identities of definitions.
        resources: identities of what cannot be stored.
        seeds: objects of the session itself that streams may refer to but never walk into (the namespace, the
            history lists, `sys.modules`). Their order is part of the streams.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        registry: definitions.Registry,
        resources: Resources,
        seeds: Sequence[Any] = (),
    ) -> None:
        self.namespace = namespace
        self.registry = registry
        self.resources = resources
        self.seeds: list[Any] = [namespace, builtins.__dict__, sys.modules, *seeds]
        self.seed_memo = {id(obj): (index, obj) for index, obj in enumerate(self.seeds)}
        self.named = imports.Named()
        self.picklers = Memos()
        """Those that still hold what they met: of captures that are not released."""
        self.searched: Searched | None = None
        """Of several captures between which nothing is bound and no memory given back; else None."""

    def capture(
        self,
        nodes: Sequence[tuple[str, Any]],
        *,
        shared: frozenset[int] = frozenset(),
        deep: bool = False,
    ) -> Captured:
        """Capture *nodes* (key, object) together; a definition's object is the class or function itself.

        Args:
            nodes: what to capture, in this order.
            shared: addresses of arrays whose memory a copy-on-write block of this co-variable really shares.
            deep: begin with the deep pass, which gave the capture that this one is to be compared with. Where the
                recursion limit is met depends on how deep the caller is himself.

        Raises:
            UnstorableError: nothing at all could be captured (the message says why).
        """
        was_enabled = gc.isenabled()
        gc.disable()  # a pass allocates much and frees nothing: collections would only cost
        show, warnings.showwarning = warnings.showwarning, silent
        try:
            islands = not shared and may_be_islands(nodes, self.seed_memo)
            return _capture(self, nodes, shared, "deep" if deep else "islands" if islands else "fast")
        finally:
            warnings.showwarning = show
            if was_enabled:
                gc.enable()


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
        self.shared_dicts: dict[int, Any] = {}
        """Attribute dicts that others hold as well, by address."""
        self.table: dict[type, Reducer | None] = dict(reducers.BASE)
        self.table[Content] = reduce_content
        self.table[Scope] = reduce_scope
        self.table[Checked] = reduce_checked
        self.table[Whole] = reduce_whole
        self.table[Parts] = reduce_parts
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
            if found.unasked and not self.careful and not (self.shared_dicts and found.dict_of):
                self.known[kind] = self.plain[id(kind)].append if found.dict_of else None, None
        if found is None and self.careful:
            found = guarded
        self.table[kind] = found
        self.met.add(kind)
        if hashing:
            self.hashing.add(kind)
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


def capture_atom(key: str, value: Any) -> Captured:
    """Capture of one number, text, None or the like, which can refer to nothing: without a pass.

    Only for values of `linking.is_atom` whose exact type is int, float, bool, NoneType, str or bytes.
    """
    return Captured((key,), segments=[dumps([value], PROTOCOL)])


def _is_own(state: Pass, kind: type) -> bool:
    """Whether instances went into the stream as their own class says, whoever looked on."""
    reducer = state.table[kind]
    if reducer is None or reducer is guarded or hasattr(reducer, "looks_on"):
        return True
    return id(kind) in state.left and not is_of_session(kind)


def _capture(encoder: Encoder, nodes: Sequence[tuple[str, Any]], shared: frozenset[int], mode: str) -> Captured:
    problem: Exception | None = None
    scopes: dict[str, dict[str, Any]] = {}
    shared_dicts: dict[int, Any] | None = None
    checks: list[Check] | None = None
    kept: dict[Place, Any] = {}
    outside: list[tuple[str, Any]] | None = None
    while True:
        state = _begun(Pass(encoder, shared), mode, shared_dicts or {})
        state.refer_scopes(scopes)
        state.refer_by_name(kept)
        state.note_outside(outside or [])
        state.note_changed(checks or ())
        watch = held = None  # the one of the pass before has references of its own
        try:
            payload, headers = _payload(state, nodes)
            pickler = _pickler(mode, state)
            watch = ScopeWatch(encoder.registry.scopes)
            held = HeldWatch(encoder.namespace, encoder.seed_memo) if outside is None else None
            pickler.dump(_whole(state, payload, checks))
        except RecursionError as error:
            if mode.startswith("iterative"):
                problem = error
                break
            mode = _AFTER_DEPTH.get(mode, "iterative")
            continue
        except Exception as error:  # reductions run users' and libraries' code: anything may come
            if mode == "iterative-careful":
                problem = error
                break
            mode = _AFTER_ERROR[mode]
            continue
        again = False
        if held is not None:  # once: what the other passes meet is the same
            kept, outside = held.met(pickler)
            again = bool(kept or outside)
        if other := _instead(state, mode):
            mode = other
            continue
        if shared_dicts is None and state.dicts_of:
            shared_dicts = shared_attributes(pickler, state.dicts_of, state.plain, encoder.picklers)
            if shared_dicts:
                continue
        if checks is None and state.hashing and (checks := _checks(state, pickler)):
            continue
        met = watch.met(partial(picklers.met_among, pickler)) if not scopes else {}
        scopes = met or scopes
        if met or again:
            mode = "fast" if mode == "islands" else mode
            continue
        encoder.picklers.add(pickler)
        for noted in state.plain.values():  # what else holds an instance is counted
            noted.clear()
        return _finish(state, pickler, nodes, payload, headers, mode)
    try:
        raise UnstorableError(
            f"{_called(nodes)} cannot be captured: {one_line(problem)}",
            hint="it can only come back by running its cell again",
        ) from problem
    finally:
        problem = None  # its traceback holds this frame, and with it what users hold: no cycle may keep that


def _begun(state: Pass, mode: str, shared_dicts: dict[int, Any]) -> Pass:
    state.shared_dicts = shared_dicts
    state.careful = mode in ("careful", "iterative-careful")
    state.deep = Deep() if mode.startswith("deep") else None
    return state


def _instead(state: Pass, mode: str) -> str | None:
    """Which pass has to be made instead of one that has come to its end; None when that one will do."""
    if state.deep is not None and (state.odd or state.hashing or not state.deep.can_be_read(BY_IDENTITY)):
        return "iterative"
    if mode in ("fast", "deep") and has_special(state.writer.segments):
        return "nan" if mode == "fast" else "deep-nan"
    return None


def _checks(state: Pass, pickler: Any) -> list[Check]:
    """What is to be looked at when the value is loaded, in the order of the stream: else its bytes would differ."""
    checks = checks_of(met_objects(pickler), state.hashing, state.encoder.seed_memo)
    memo = pickler.memo.copy() if checks else {}
    return sorted(checks, key=lambda check: memo[id(check[0])][0])


_AFTER_DEPTH = {"islands": "fast", "fast": "deep", "nan": "deep"}
_AFTER_ERROR = {
    "islands": "fast",
    "fast": "careful",
    "nan": "careful",
    "deep": "iterative",
    "deep-nan": "iterative",
    "careful": "iterative-careful",
    "iterative": "iterative-careful",
}
"""Which pass is tried after one that something could not be pickled in, or that was not deep enough."""


def _whole(state: Pass, payload: list[Any], checks: list[Check] | None) -> Any:
    """What is pickled: *payload*, with what goes with it in this pass."""
    if state.deep is not None:
        return Whole(payload)
    return Checked(payload, checks) if checks else payload


def _called(nodes: Sequence[tuple[str, Any]]) -> str:
    names = [key for key, _ in nodes if not key.startswith("def:")]
    return ", ".join(names) if names else "a class or function"


def _pickler(mode: str, state: Pass) -> Any:
    if mode == "islands":
        return IslandPickler(state)
    if mode in ("fast", "deep"):
        pickler: Any = FastPickler(state)
    elif mode in ("nan", "careful", "deep-nan"):
        pickler = NanPickler(state)
    else:
        pickler = IterativePickler(state)
    seeds = [*state.encoder.seeds, *state.scopes.values(), *state.kept.values()]
    if isinstance(pickler, FastPickler):
        pickler.bare.update(map(id, gc.get_referents(pickler)))
    pickler.memo = {id(obj): (index, obj) for index, obj in enumerate(seeds)}
    return pickler


_OWN_NOTHING = frozenset({"builtins", "__main__", "timeslip"})
"""Modules whose attributes are no library's constants."""


def _payload(state: Pass, nodes: Sequence[tuple[str, Any]]) -> tuple[list[Any], dict[str, bytes]]:
    """The list that is pickled, one element a node, and the headers of the definitions."""
    payload: list[Any] = []
    headers: dict[str, bytes] = {}
    for key, obj in nodes:
        if key.startswith("def:") and type(obj) is types.FunctionType:
            for index, cell in enumerate(obj.__closure__ or ()):
                state.cells.setdefault(id(cell), (key[4:], index))
    for key, obj in nodes:
        if not key.startswith("def:"):
            payload.append(obj)
            continue
        identity = key[4:]
        if type(obj) is types.FunctionType:
            cells = [state.cells[id(cell)] for cell in obj.__closure__ or ()]
            header = definitions.function_header(obj, state.namespace, cells)
            content = definitions.function_content(obj)
        elif type(obj) is Scope:
            header, content = scope_header(obj), scope_content(obj)
            state.keep += (obj, content["items"])
        else:
            header = definitions.class_header(obj)
            if "only" in header:
                state.note(obj, header["only"])
            content = definitions.class_content(obj)
            members = content.get("members", {})
            state.keep += (content["attributes"], members, *members.values(), content.get("abc_registry"))
            state.keep += enumerations.containers(content.get("enumeration"))
        state.keep += (content, header)
        headers[identity] = header_bytes(state, header)
        payload.append(Content(identity, content))
        state.keep.append(payload[-1])
    return payload, headers


def _finish(
    state: Pass,
    pickler: Any,
    nodes: Sequence[tuple[str, Any]],
    payload: list[Any],
    headers: dict[str, bytes],
    mode: str,
) -> Captured:
    for name, module in state.by_hand.items():
        state.note(module, f"it needs {name}, {imports.BY_HAND}", fatal=False)
    segments = state.writer.segments
    texts = mode not in ("islands", "fast", "nan", "deep", "deep-nan") or may_hold_large_text(segments)
    captured = Captured(
        keys=tuple(key for key, _ in nodes),
        headers=headers,
        segments=unframed(segments) if isinstance(pickler, FastPickler) and not state.prefixed else segments,
        buffers=state.buffers,
        out_of_band=[buffer.raw() for buffer in state.out_of_band],
        references=state.references,
        holes=state.holes,
        spans=state.spans,
        rows=state.rows,
        roots=state.roots,
        blocks=state.blocks,
        volatile=any(str(of(kind, "__module__")).partition(".")[0] in reducers.VOLATILE for kind in state.met),
        reduced=not all(type(state.table[kind]) is instances.Plain for kind in state.met),
        packages=frozenset(str(of(kind, "__module__")).partition(".")[0] for kind in state.met) - _OWN_NOTHING,
        hooked=frozenset(kind for kind in state.met if _is_own(state, kind) or kind in brought.KINDS),
        mode=mode,
        islands=mode == "islands",
        sought=state.sought,
    )
    captured.memo = (pickler, payload, state)
    if isinstance(pickler, IslandPickler):
        captured.plain, captured.find = not (state.asked or pickler.others), pickler.find
        captured.parts = tuple(pickler.parts) if captured.plain else ()
        return captured
    own = {id(payload), *map(id, state.keep), *map(id, state.encoder.seeds)}
    own |= {*map(id, state.scopes.values()), *map(id, state.kept.values())}

    def find(weak_roots: Collection[int]) -> Links:
        met = met_objects(pickler)
        odd = [obj for obj in met if compares_oddly(type(obj))] if state.odd else []
        if odd:
            met = [obj for obj in met if not compares_oddly(type(obj))]
        kinds = set(map(type, met))
        captured.plain = not state.asked and is_plain(kinds, met, own)
        links = linking_addresses(met, kinds, own, state.nan_objects, weak_roots, state.met, texts, reduced=state.asked)
        if odd:
            links = union([links, frozenset(id(obj) for obj in odd if not is_a(obj, type))])
        captured.hidden = frozenset(state.held) - (links & frozenset(state.held)) if state.held else frozenset()
        return union([links, captured.hidden]) if captured.hidden else links

    captured.find = find
    return captured
