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
import gc
import sys
import types
import warnings
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pickle import dumps
from typing import Any

from timeslip.codec import definitions, enumerations, imports, picklers, reducers
from timeslip.codec.addresses import Links, Searched, union
from timeslip.codec.captured import Captured
from timeslip.codec.deep import Deep, Whole
from timeslip.codec.definitions import is_a, of
from timeslip.codec.earlier import Earlier
from timeslip.codec.guarding import guarded, one_line, silent
from timeslip.codec.headers import header_bytes
from timeslip.codec.held import HeldWatch, Place
from timeslip.codec.islands import IslandPickler, may_be_islands
from timeslip.codec.iterative import IterativePickler
from timeslip.codec.kinds import compares_oddly, is_of_session
from timeslip.codec.linking import linking_addresses
from timeslip.codec.marks import is_plain
from timeslip.codec.parts import Look
from timeslip.codec.passes import Pass
from timeslip.codec.picklers import PROTOCOL, FastPickler, Memos, NanPickler, met_objects, shared_attributes
from timeslip.codec.reducers import brought, instances
from timeslip.codec.refilling import Check, checks_of
from timeslip.codec.resources import Resources
from timeslip.codec.scopes import Scope, ScopeWatch, scope_content, scope_header
from timeslip.codec.standins import BY_IDENTITY, Checked, Content
from timeslip.codec.streams import (
    has_special,
    may_hold_large_text,
    unframed,
)
from timeslip.codec.walked import is_walkable, kinds_of
from timeslip.errors import UnstorableError

LARGE_IMMUTABLE = 1024
"""Immutables of more than this many bytes count as objects with an identity (design: *Linking*)."""


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
        self.is_alone: Callable[[], bool] = bool
        """Whether no code of the user's runs in other threads; nobody can tell before it is replaced."""
        self.searched: Searched | None = None
        """Of several captures between which nothing is bound and no memory given back; else None."""
        self.look: Look | None = None
        """Tells which parts of large arrays of objects need not be written; None: all have to be."""

    def capture(
        self,
        nodes: Sequence[tuple[str, Any]],
        *,
        shared: frozenset[int] = frozenset(),
        deep: bool = False,
        earlier: Earlier | None = None,
    ) -> Captured:
        """Capture *nodes* (key, object) together; a definition's object is the class or function itself.

        Args:
            nodes: what to capture, in this order.
            shared: addresses of arrays whose memory a copy-on-write block of this co-variable really shares.
            earlier: what is known of the islands of the long lists and dicts within them; then segments of the stream
                may be `Same`.
            deep: begin with the deep pass, which gave the capture that this one is to be compared with. Where the
                recursion limit is met depends on how deep the caller is himself.

        Raises:
            UnstorableError: nothing at all could be captured (the message says why).
        """
        was_enabled = gc.isenabled()
        gc.disable()  # a pass allocates much and frees nothing: collections would only cost
        show, warnings.showwarning = warnings.showwarning, silent
        try:
            islands = not shared and may_be_islands(nodes, self)
            return _capture(self, nodes, shared, "deep" if deep else "islands" if islands else "fast", earlier)
        finally:
            warnings.showwarning = show
            if was_enabled:
                gc.enable()


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


def _capture(
    encoder: Encoder,
    nodes: Sequence[tuple[str, Any]],
    shared: frozenset[int],
    mode: str,
    earlier: Earlier | None,
) -> Captured:
    """Capture by a pass of *mode*, or by those that it turns out to need; arguments as `Encoder.capture`."""
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
            pickler = _pickler(mode, state, earlier)
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


def _pickler(mode: str, state: Pass, earlier: Earlier | None) -> Any:
    if mode == "islands":
        return IslandPickler(state, earlier)
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
        kept=state.arrays.kept,
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
        captured.parts = tuple(pickler.parts) if pickler.are_plain else ()
        captured.walkable = not captured.plain and is_walkable(pickler.kinds, (), frozenset(), state.table)
        return captured
    own = {id(payload), *map(id, state.keep), *map(id, state.encoder.seeds)}
    own |= {*map(id, state.scopes.values()), *map(id, state.kept.values())}

    def find(weak_roots: Collection[int]) -> Links:
        met = met_objects(pickler)
        odd = [obj for obj in met if compares_oddly(type(obj))] if state.odd else []
        if odd:
            met = [obj for obj in met if not compares_oddly(type(obj))]
        each = list(map(type, met))
        kinds = set(each)
        captured.plain = not state.asked and is_plain(kinds, met, own)
        # Of a definition a walk tells only which it is.
        if not (captured.plain or headers or odd or state.special or state.buffers or state.holes or state.out_of_band):
            captured.walkable = is_walkable(kinds_of(each), met, own, state.table)
        links = linking_addresses(met, each, own, state.nan_objects, weak_roots, state.met, texts, reduced=state.asked)
        if odd:
            links = union([links, frozenset(id(obj) for obj in odd if not is_a(obj, type))])
        captured.hidden = frozenset(state.held) - (links & frozenset(state.held)) if state.held else frozenset()
        return union([links, captured.hidden]) if captured.hidden else links

    captured.find = find
    return captured
