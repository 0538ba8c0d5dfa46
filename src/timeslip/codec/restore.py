"""Bytes back to values, beside the live state: nothing live is touched before the changes it collects are applied.

A `Loader` belongs to one restore. It resolves what streams refer to: definitions by identity (a live class or
function is used as it is, and its recorded content becomes a list of in-place changes), closure cells, holes and
resources (the live object while it is in the recorded state), buffers, and the session's own objects.
"""

from __future__ import annotations

import builtins
import gc
import io
import sys
import types
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

from timeslip.codec import definitions, finalizers, imports, inline, reducers
from timeslip.codec.capture import Encoder
from timeslip.codec.changes import Change
from timeslip.codec.classes import make_class
from timeslip.codec.guarding import silent
from timeslip.codec.loaded import Loaded, Met, Staying, with_mark
from timeslip.codec.passes import Pass
from timeslip.codec.reducers import caches, instances, iterators, python, system
from timeslip.codec.refilling import refill
from timeslip.codec.salvaging import missing_part
from timeslip.codec.scopes import SCOPE, Scope, make_scope, scope_changes
from timeslip.codec.stored import HoleError, Stored, unfilled
from timeslip.codec.unpicklers import Salvaging, Unpickler, file_of, is_large, seed_prefix
from timeslip.errors import UnrestorableError
from timeslip.ids import DefinitionId
from timeslip.standard import time

_HARMLESS = frozenset(
    {
        system.make_lock,
        system.make_rlock,
        caches.lru_cache,
        python.context_variable,
        system.closed_file,
        iterators.rest_of_set,
        system.missing,
        type(None),
    }
)
"""Resources that may be made for a look at a value: they touch nothing outside."""

_NESTED = 12
"""Definitions are completed inside the completion of others up to this depth; deeper ones wait for their turn."""


class Loader:
    """Loads co-variables for one restore. Not thread-safe.

    Args:
        encoder: whose session this is: namespace, registry, resources and seeds.
        headers: gives the header streams of the co-variable of a definition that is not live, by identity, and how
            many seeds they were written with; or None.
        isolated: make every definition anew and use no live resource, for looking at a value without touching
            anything.
        fresh: ids of definitions to make anew although a live object exists.
    """

    def __init__(
        self,
        encoder: Encoder,
        headers: Callable[[str], tuple[dict[str, bytes], int] | None],
        *,
        isolated: bool = False,
        fresh: frozenset[str] = frozenset(),
    ) -> None:
        self.encoder = encoder
        self.namespace: dict[str, Any] = encoder.namespace
        if isolated:
            self.namespace = {"__name__": "__main__", "__builtins__": builtins}
        self.isolated = isolated
        self.changes: list[Change] = []
        self.rebuilt: list[str] = []
        self.notes: list[str] = []
        """What is to be said of values, beside what was said when they were recorded."""
        self.held_back: list[Any] = []
        """Objects with finalizers that were made: those do not run until the objects are part of the session."""
        self.kinds: dict[int, type] = {}
        """Classes that the streams have named since it was last looked whether they have finalizers, by address."""
        self._finalizes = False
        self._kinds_asked: dict[int, tuple[type, bool]] = {}
        self._lent: dict[int, Any] = {}
        self.figures: list[tuple[Any, int]] = []
        """Figures that pyplot showed, with their numbers: to be shown again when the restore is applied."""
        self.made: dict[str, Any] = {}
        self._fresh = fresh
        self._headers = headers
        self._header_bytes: dict[str, tuple[bytes, int]] = {}
        self._header_values: dict[str, dict[str, Any]] = {}
        self._making: set[str] = set()
        self.salvage = False
        """Put placeholders into holes, to see what of a co-variable is whole."""
        self.slowly = False
        """Then also in the place of what is made from one (`salvaging`)."""
        self.broken: set[str] = set()
        """Identities of definitions whose content could not be loaded: the live ones have another."""
        self.adopted: dict[str, Any] = {}
        """Definitions by identity that another restore has made: they are used as if they were live."""
        self.apart = False
        """Use no live object that cannot be copied: what is loaded is given to code that may change it."""
        self.unasked = False
        """Make no resource that touches the outside."""
        self.stands_in = False
        """Make no resource that touches the outside: something else stands in its place, and it counts as made."""
        self.captures = False
        """Find out about large plain values what a capture of them would say, see `loaded`."""
        self.loaded: dict[str, Loaded] = {}
        """By node key."""
        self.left: Callable[[Any], bool] | None = None
        """Tells whether a live object that cannot be copied holds objects that this restore replaces."""
        self.opening: Callable[[], AbstractContextManager[None]] = nullcontext
        """Stands around making a resource."""
        self.complete: Callable[[str], None] | None = None
        """Called when a definition was made: loads its content, before anything is done with it."""
        self._incomplete: list[str] = []
        self._reading = self._draining = 0
        self._cells: dict[tuple[str, int], types.CellType] = {}
        self._live_cells: dict[int, types.CellType] = {}

    # ---- whole co-variables ----

    def load(self, stored: Stored, staying: Staying | None = None) -> dict[str, Any]:
        """The values of *stored* by node key; definitions come as the class or function object.

        Of plain ones that `captures`, *staying* elements take the place of what need not be loaded.

        Raises:
            UnrestorableError: the bytes were read, but do not give the value (the message says why).
        """
        began = time.perf_counter()
        tells = self.captures and is_large(stored) and not self.salvage
        segments = staying.without(stored.segments) if tells and staying else stored.segments
        file = file_of(seed_prefix(stored.seeds), segments)
        unpickler: Any = (Salvaging if self.salvage and self.slowly else Unpickler)(self, file, stored)
        met = unpickler.met = Met(unpickler) if tells else None
        unpickler.staying, captured = staying, None
        was_enabled = gc.isenabled()
        show, warnings.showwarning = warnings.showwarning, silent
        try:
            gc.disable()  # millions of objects may be made, and none becomes garbage
            self._read_headers(stored.headers, stored.seeds)
            self._drain()
            try:
                payload = unpickler.load()
            finally:
                unpickler.met = unpickler.staying = None  # which refers to it
                self.hold_back(unpickler)
            values = dict(zip(stored.keys, payload, strict=True))
            if met is not None and not unpickler.asked:
                own = {id(payload), *map(id, self.encoder.seeds)}
                captured = met.capture(stored.keys, stored.segments, own)
        except UnrestorableError:
            raise
        except Exception as error:  # unpickling runs users' and libraries' code: anything may come
            raise UnrestorableError(
                f"{', '.join(stored.keys)} cannot be loaded: {type(error).__name__}: {error}",
                hint="it can come back by running its cell again",
            ) from error
        finally:
            warnings.showwarning = show
            if was_enabled:
                gc.enable()
        del payload, met, unpickler  # another reference to everything in it would change its mark
        if captured is None:
            inline.give_anew(values, self._is_its_attributes)
        else:
            key, value = next(iter(values.items()))
            self._note(key, with_mark(captured, value, time.perf_counter() - began, later=staying is not None))
        return values

    def _is_its_attributes(self, kind: type) -> bool:
        """Whether an instance of *kind* is recorded as its attributes and nothing else, by no code of its class."""
        if any(self.made[identity] is kind for identity in self._incomplete):
            return False
        if self._draining:  # a base of it may not be whole
            return _is_its_attributes(kind)
        known = self._kinds_asked.get(id(kind))
        if known is None:  # a thousand names may be bound to instances of one class
            known = self._kinds_asked[id(kind)] = kind, _is_its_attributes(kind)
        return known[1]

    def hold_back(self, unpickler: Unpickler) -> None:
        """Keep what was made now from being finalized, should it be let go again."""
        self._finalizes = self._finalizes or any(map(finalizers.has_one, self.kinds.values()))
        if not self._incomplete:
            self.kinds.clear()
        if not self._finalizes:
            return
        made = finalizers.among(obj for obj in unpickler.memo.copy().values() if id(obj) not in self._lent)
        finalizers.hold_back(made)
        if not (self.isolated or self.apart):
            self.held_back += made

    def _lend(self, obj: Any) -> Any:
        """A live object that goes into what is loaded."""
        if finalizers.among((obj,)):
            self._lent[id(obj)] = obj
        return obj

    def _note(self, key: str, loaded: Loaded | None) -> None:
        if loaded is not None:
            self.loaded[key] = loaded

    def _read_headers(self, headers: dict[str, bytes], seeds: int) -> None:
        """Read the headers of one co-variable; cells that a live function holds are the ones to use."""
        for identity, data in headers.items():
            self._header_bytes.setdefault(identity, (data, seeds))
        # Live functions first: one that is made now may share a cell with them.
        for identity in sorted(headers, key=lambda identity: type(self._live(identity)) is not types.FunctionType):
            self._header(identity)

    def _header(self, identity: str) -> dict[str, Any]:
        """The header of a definition, read when it is first asked for: another header may refer to it."""
        header = self._header_values.get(identity)
        if header is not None:
            return header
        header = self._header_values[identity] = self._read_header(*self._header_bytes[identity])
        closure = getattr(self._live(identity), "__closure__", None) or ()
        if header["kind"] == definitions.FUNCTION and len(closure) == len(header["cells"]):
            for name, cell in zip(header["cells"], closure, strict=True):
                self._cells[tuple(name)] = cell
                self._live_cells[id(cell)] = cell
        return header

    def _live(self, identity: str) -> Any | None:
        if self.isolated or identity in self._fresh:
            return None
        adopted = self.adopted.get(identity)
        return adopted if adopted is not None else self.encoder.registry.live(identity)

    def _read_header(self, data: bytes, seeds: int) -> dict[str, Any]:
        stored = Stored((), {}, (), (), (), seeds)
        self._reading += 1
        try:
            header = Unpickler(self, file_of(seed_prefix(seeds), [data]), stored).load()
        finally:
            self._reading -= 1
        assert isinstance(header, dict)
        return header

    # ---- definitions ----

    def definition(self, identity: str) -> Any:
        """The class or function of that identity: made in this load, live, or made now from its header."""
        found = self._definition(identity)
        if isinstance(found, type):
            self.kinds[id(found)] = found
        return found

    def _definition(self, identity: str) -> Any:
        if identity in self.made:
            return self.made[identity]
        if identity in self.broken:
            raise HoleError("it belongs to a class or function that holds something that cannot be stored")
        live = self._live(identity)
        if live is not None:
            return live
        if identity in self._making:
            raise UnrestorableError(f"definition {identity} refers to itself in its own header")
        if identity not in self._header_bytes:
            headers = self._headers(identity)
            if headers is None or identity not in headers[0]:
                raise UnrestorableError("a class or function that it needs is not part of that state")
            self._read_headers(*headers)
            if identity in self.made:  # another one of the same co-variable needed it: a subclass its base
                return self.made[identity]
        self._making.add(identity)
        try:
            made = self._make(self._header(identity))
        finally:
            self._making.discard(identity)
        self.made[identity] = made
        self._incomplete.append(identity)
        self._drain()
        return made

    def _drain(self) -> None:
        """Give the definitions made so far their content, unless a header is being read: then its reader does it."""
        if self._draining >= _NESTED or self._reading or self.complete is None:
            return
        # Nested, because what is loaded next may be hashed or made by functions that need their defaults, cells and
        # globals for it; but not without end, however deep the definitions refer to one another.
        self._draining += 1
        try:
            while self._incomplete:
                self.complete(self._incomplete.pop())
        finally:
            self._draining -= 1

    def _make(self, header: dict[str, Any]) -> Any:
        if header["kind"] == definitions.FUNCTION:
            cells = tuple(self._cells.setdefault(tuple(name), types.CellType()) for name in header["cells"])
            return definitions.make_function(header, self.namespace, cells)
        if header["kind"] == SCOPE:
            return make_scope(header)
        return make_class(header, self.namespace)

    def content(self, identity: str, content: dict[str, Any]) -> Any:
        """Give a definition its content: at once when it was made in this load, as a change when it is live."""
        target = self.definition(identity)
        if content["kind"] == definitions.FUNCTION:
            changes = definitions.function_changes(target, self._header_values[identity], content)
        elif content["kind"] == SCOPE:
            changes = scope_changes(target, content)
        else:
            changes = definitions.class_changes(target, content)
        if identity in self.made:
            for change in changes:
                change.apply()
            if content.get("abc_registry"):
                definitions.restore_abc(target, content["abc_registry"])
        else:
            self.changes += changes
        return target

    def cell(self, owner: str | None, index: int) -> types.CellType:
        """A closure cell of a definition, or a new one."""
        if owner is None:
            return types.CellType()
        self.definition(owner)
        return self._cells.setdefault((owner, index), types.CellType())

    def set_cell(self, target: types.CellType, contents: tuple[Any, ...]) -> None:
        """Fill a cell: at once when it was made in this load, as a change when a live function holds it."""
        change = Change(target, "cell_contents", contents[0] if contents else Change.MISSING)
        if id(target) in self._live_cells:
            self.changes.append(change)
        else:
            change.apply()

    def scope_module(self, identity: str) -> types.ModuleType:
        """The module that has a scope as its dict."""
        module = self.definition(identity).module
        if not isinstance(module, types.ModuleType):
            raise HoleError("it is a module made by hand whose functions outlived it")
        return module

    def scope_globals(self, identity: str) -> dict[str, Any]:
        """The dict that a scope is."""
        found: dict[str, Any] = self.definition(identity).globals
        return found

    def register(self) -> None:
        """Make the definitions of this load the live ones. Part of applying, called once."""
        for identity, made in self.made.items():
            if identity in self._fresh:
                continue  # a copy beside the live object, which keeps the identity
            if type(made) is not Scope:
                self.encoder.registry.bind(DefinitionId(identity), made)
                continue
            for function in self.made.values():
                if type(function) is types.FunctionType and function.__globals__ is made.globals:
                    self.encoder.registry.scopes.bind(DefinitionId(identity), function)
            if made.module is not None:
                self.encoder.registry.scopes.bind(DefinitionId(identity), made.module)

    def header_of(self, identity: str) -> dict[str, Any] | None:
        """The header of a definition, which is not made for it; None when it is not part of the state.

        Raises:
            UnrestorableError: it cannot be read.
        """
        if identity not in self._header_bytes:
            headers = self._headers(identity)
            if headers is None or identity not in headers[0]:
                return None
            for other, data in headers[0].items():
                self._header_bytes.setdefault(other, (data, headers[1]))
        try:
            return self._header(identity)
        except UnrestorableError:
            raise
        except Exception as error:  # a library's or Python's own name that is not here: anything may come
            raise UnrestorableError(f"its header cannot be read: {type(error).__name__}: {error}") from error

    # ---- the rest of what streams refer to ----

    def hole(self, identity: str) -> Any:
        """The live object that could not be stored, if it is still in that state."""
        found = None if self.isolated or self.apart else self.encoder.resources.live(identity)
        if found is None or not self._same_state(found[0], identity):
            if self.salvage:
                return missing_part()
            raise HoleError("it holds something that cannot be stored and is not there any more in that state")
        if self.left is not None and self.left(found[0]):
            if self.salvage:
                return missing_part()
            raise HoleError("it holds something that cannot be stored and holds objects of the state that is left")
        return self._lend(found[0])

    def resource(self, identity: str, make: Any, args: tuple[Any, ...]) -> Any:
        """The live object, if it is still in that state, or a new one."""
        found = None if self.isolated or self.apart else self.encoder.resources.live(identity)
        if found is not None and self._same_state(found[0], identity) and not (self.left and self.left(found[0])):
            return self._lend(found[0])
        if self.stands_in and make not in _HARMLESS:
            self.rebuilt.append(identity)
            return types.SimpleNamespace()
        if self.isolated and make not in _HARMLESS:
            raise HoleError("it holds a resource that is not opened for looking at it")
        if self.unasked and make not in _HARMLESS:
            raise HoleError("it holds a resource that is not opened unasked")
        self.rebuilt.append(identity)
        if make is system.reopen and system.has_changed(args[0], *args[6:]):
            self.notes.append(f"{args[0]} has been written to since this was recorded")
        with self.opening():
            return make(*args)

    def _same_state(self, obj: Any, identity: str) -> bool:
        """Whether *obj* reduces to the same identity now, which it does while its state token is the same."""
        state = Pass(self.encoder, frozenset())
        state.careful = True
        state.reduce(obj)
        return any(hole.identity == identity for hole in state.holes)

    def checked(self, payload: Any, checks: Any) -> Any:
        """A payload, with dicts and sets in it filled again where their keys have got in each other's way."""
        for check in checks:
            refill(check)
        return payload

    def cut_off(self) -> None:
        """What is loaded shares nothing any more with something outside that has it, too."""
        self.rebuilt.append("")

    def attribute(self, module_name: str, qualname: str) -> Any:
        """An object that a module holds, by name."""
        return self._lend(self.named(module_name, qualname, _attribute))

    def placed(self, name: str, places: Any, qualname: str) -> Any:
        """See `imports.placed`."""
        return self.named(name, qualname, lambda module, part: imports.placed(module, places, part))

    def named(self, module: str, qualname: str, find: Callable[[str, str], Any]) -> Any:
        """What *find* finds in a module; it is said when that has been loaded again, and something else was meant."""
        known = self.encoder.named.live(module, qualname)
        if len(known) == 1 and module not in sys.modules:
            return known[0]  # the module was taken out: another one would be loaded for what is still there
        found = find(module, qualname)
        if any(other is not found for other in known):
            self.rebuilt.append("")
            self.notes.append(imports.loaded_again(module, qualname))
        return found

    def registry(self, module_name: str, qualname: str, keys: tuple[str, ...]) -> Any:
        """What a library keeps for everybody, as it is now; it is said when it is not as it was."""
        found = _attribute(module_name, qualname)
        told = import_module("timeslip.codec.reducers.registries").not_as_then(found, module_name, qualname, keys)
        if told:
            self.rebuilt.append("")
            self.notes.append(told)
        return found

    def logger(self, name: str) -> Any:
        """The logger of that name; for a copy, one that nobody writes to."""
        return import_module("timeslip.codec.reducers.logging").find_logger(name, apart=self.isolated or self.apart)

    def set_logger(self, logger: Any, state: tuple[dict[str, Any], tuple[Any, ...]]) -> None:
        """What is set on a logger: at once on a copy, as a change on that of the process."""
        changes = import_module("timeslip.codec.reducers.logging").changes(logger, state)
        if not (self.isolated or self.apart):
            self.changes += changes
            return
        for change in changes:
            change.apply()

    def set_figure(self, figure: Any, state: tuple[dict[str, Any], int]) -> None:
        """State setter for a figure that pyplot showed."""
        parts, number = state
        figure.__setstate__(parts)
        self.figures.append((figure, number))

    def array(
        self, stored: Stored, index: int, shape: Any, dtype: Any, order: Any, writeable: bool, anywhere: bool = False
    ) -> Any:
        """A numpy array that owns its memory, read or mapped straight into it; or a live one that is just like it."""
        arrays = import_module("timeslip.codec.reducers.array_memory")  # nothing for values without arrays
        import_module("numpy")
        if stored.arrays is not None:
            live = stored.arrays.take(index, lambda array: arrays.is_like(array, shape, dtype, order, writeable))
            if live is not None:
                return live
        buffer = stored.buffers[index]
        if buffer.map_into is None:
            made = arrays.empty(shape, dtype, order)
        else:
            made = arrays.empty_pages(shape, dtype, order, buffer.fits() if anywhere else None)
        line = arrays.straight(made, order).reshape(-1).view("u1")
        buffer.fill(memoryview(line), alone=made.base is not None)
        made.flags.writeable = writeable
        return made

    def items(
        self, stored: Stored, first: int, count: int, shape: Any, dtype: Any, order: Any, nans: Any, writeable: bool
    ) -> Any:
        """A numpy array of text and numbers, from its parts; or a live one that holds the same."""
        arrays = import_module("timeslip.codec.reducers.array_memory")
        numpy = import_module("timeslip.codec.reducers.numpy")
        if stored.arrays is not None:
            live = stored.arrays.take_items(
                first, count, nans, lambda array: arrays.is_like(array, shape, dtype, order, writeable)
            )
            if live is not None:
                return live
        made = arrays.empty(shape, dtype, order)
        parts = stored.buffers[first : first + count]
        numpy.fill_items(made, parts, nans, {} if stored.arrays is None else stored.arrays.parts)
        made.flags.writeable = writeable
        return made

    def island(self, stored: Stored, data: bytes) -> Any:
        """What a pickle inside the pickle holds."""
        return Unpickler(self, io.BytesIO(data), stored).load()

    def buffer(self, stored: Stored, index: int, kind: str) -> Any:
        """A buffer as bytes or bytearray."""
        held = unfilled(stored.buffers[index].size)
        stored.buffers[index].read_into(memoryview(held))
        return held if kind == "bytearray" else bytes(held)

    def seed(self, index: int) -> Any:
        """One of the session's own objects."""
        if index == 0:
            return self.namespace
        seeds = self.encoder.seeds
        return seeds[index] if index < len(seeds) else None  # an object of another front end: nothing to refer to


def _is_its_attributes(kind: type) -> bool:
    try:
        found = reducers.find(kind)
    except Exception:  # a metaclass of the session answers what it likes
        return False
    return type(found) is instances.Plain and found.has_them_inside


def _attribute(module_name: str, qualname: str) -> Any:
    module: Any = sys.modules.get(module_name) or import_module(module_name)
    for part in qualname.split("."):
        module = getattr(module, part)
    return module
