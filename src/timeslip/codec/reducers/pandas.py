"""pandas: blocks by content.

Frames made from one another share memory under copy-on-write. That is not aliasing: a write to one is never visible in
the other. Restored as plain shared memory it would be, so every block is stored as memory of its own. Equal memory is
stored once all the same, because chunks are shared by content. Only where plain arrays of the session really look into
a block (`Pass.shared`) is the block stored as part of that array; then blocks that were made from one another know of
one another again, so that pandas copies before it writes to one of them.
"""

from __future__ import annotations

import io
import pickle
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec import load, numbers
from timeslip.codec.definitions import of
from timeslip.codec.detached import Detached
from timeslip.codec.kinds import attributes_of, is_of_session
from timeslip.codec.picklers import override_of
from timeslip.codec.reducers import added
from timeslip.codec.reducers import numpy as arrays
from timeslip.codec.reducers.array_memory import library, root_of
from timeslip.codec.reducers.system import MISSING, Borrowed
from timeslip.codec.streams import has_special

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _block(state: Pass, block: Any) -> Any:
    state.table[Detached] = _reduce_detached
    refs = getattr(block, "refs", block)
    function, (values, *rest) = block.__reduce__()
    shown = _detached(state, values)
    made = function, (shown, *rest)
    first = state.first_blocks.setdefault(id(refs), block) if shown is values else block
    return made if first is block else (block_beside, (first, *made))


def block_beside(first: Any, make: Any, args: tuple[Any, ...]) -> Any:
    """A block that knows that *first* looks into the same memory, as *first* knows of it."""
    block = make(*args)
    block.refs = first.refs
    block.refs.add_reference(block)
    return block


def _single_manager(state: Pass, manager: Any) -> Any:
    # pandas' own reduction hands out the arrays without their block
    return single_manager, (type(manager), manager.blocks[0], manager.axes[0])


def single_manager(kind: Any, block: Any, axis: Any) -> Any:
    """The manager of a Series."""
    return kind(block, axis)


def _detached(state: Pass, values: Any) -> Any:
    """What stands for the values of a block."""
    if not _copies_on_write():
        return values  # plain memory: a column taken from a frame shows what is written to the frame
    numpy = library()
    if isinstance(values, numpy.ndarray):
        root = root_of(values)
        state.blocks.add(id(root))
        if id(root) in state.shared:
            return values
        if values.nbytes:
            state.spans.append((*arrays.span(root), False))
        return Detached(values)
    state.blocks.add(id(values))
    if id(values) in state.shared:
        return values
    state.spans.append((id(values), id(values) + 1, False))  # it may be held by itself, too: `Series.array`
    return Detached(values)


def _copies_on_write() -> bool:
    """Whether writing to a frame is never seen in another: always from pandas 3 on, before it an option."""
    pandas = import_module("pandas")
    if int(pandas.__version__.partition(".")[0]) >= 3:
        return True
    return pandas.get_option("mode.copy_on_write") is True


def _reduce_detached(state: Pass, stand_in: Detached) -> Any:
    values = stand_in.values
    if isinstance(values, library().ndarray):
        return arrays.owned_anywhere(state, values)
    return load.island, (_island_bytes(state, values),)


def _island_bytes(outer: Pass, values: Any) -> bytes:
    """A pickle inside the pickle, for what must share nothing with the rest: its objects are in no other memo."""
    start = len(outer.buffers)
    missing = getattr(getattr(values, "dtype", None), "na_value", None)
    if not (type(missing) is float and missing != missing):  # which is in the dtype, so that it is on the island
        file = _Frames()
        _IslandPickler(outer, file).dump(values)
        if not has_special(file.frames):
            return file.getvalue()
        del outer.buffers[start:], outer.rows[start:]
        outer.arrays.drop(start)
    whole = io.BytesIO()
    _NanIslandPickler(outer, whole).dump(values)
    return whole.getvalue()


class _Frames(io.BytesIO):
    """A file that keeps beside the whole what a pickler writes at once, without large payloads that are no bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[bytes] = []

    def write(self, data: Any) -> int:
        """As any file."""
        if type(data) is bytes:
            self.frames.append(data)
        return super().write(data)


def _without_cache(obj: Any) -> Any:
    """The reduction of *obj* without what pandas has computed from the rest, a look at a value being enough for it."""
    reduced = obj.__reduce_ex__(5)
    state = reduced[2] if len(reduced) > 2 else None
    if type(state) is dict:
        state = _other_keys(state)
    elif type(state) is tuple:  # of arrays written in C: type, values, attributes (older pandas loads no shorter one)
        parts = [_other_keys(part) if type(part) is dict else part for part in state]
        state = (*parts, {}) if len(parts) == 2 else tuple(parts)
    return (*reduced[:2], state, *reduced[3:])


def _other_keys(attributes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if key != "_cache"}


def _extension_array(state: Pass, array: Any) -> Any:
    """An extension array that is no block's alone: whoever holds it sees what is written to the frame."""
    state.roots.add(id(array))
    state.spans.append((id(array), id(array) + 1, True))
    return _without_cache(array) if "_cache" in (attributes_of(array) or ()) else NotImplemented


def _backed_array(state: Pass, array: Any) -> Any:
    _extension_array(state, array)
    return _without_cache(array)


class _IslandPickler(pickle.Pickler):
    """Writes what an island holds; its numeric arrays become buffers of the whole stream."""

    def __init__(self, outer: Pass, file: io.BytesIO) -> None:
        super().__init__(file, 5)
        self._outer = outer
        ways, usual = outer.islands, override_of(outer)

        def override(obj: Any) -> Any:
            try:
                way = ways[type(obj)]
            except KeyError:
                way = ways[type(obj)] = _island_way(type(obj))
            except Exception:  # a metaclass of the session that lets nobody hash or compare its classes
                way = _island_way(type(obj))
            return usual(obj) if way is None else way(outer, obj)

        self.reducer_override = override  # type: ignore[method-assign]  # a function, not a method: faster


def _island_way(kind: type) -> Any:
    """How instances of *kind* are reduced on an island; None: as anywhere."""
    if kind is library().ndarray:
        return arrays.owned_anywhere
    extensions = sys.modules.get("pandas.api.extensions")
    if issubclass(kind, getattr(sys.modules.get("pandas._libs.arrays"), "NDArrayBacked", ())):
        return _without_cache_always
    if issubclass(kind, getattr(extensions, "ExtensionArray", ())) and not is_of_session(kind):
        return _cached
    if str(of(kind, "__module__")).startswith("pandas"):
        return lambda outer, obj: _without_cache(obj) if "_cache" in (attributes_of(obj) or ()) else outer.reduce(obj)
    return None


def _without_cache_always(outer: Pass, obj: Any) -> Any:
    return _without_cache(obj)


class _NanIslandPickler(_IslandPickler):
    """The same, with NaN objects by identity."""

    def persistent_id(self, obj: Any) -> Any:
        return self._outer.nan(obj, apart=True) if numbers.is_nan(obj) else None


def _index(state: Pass, index: Any) -> Any:
    state.table[Detached] = _reduce_detached
    reduced = index.__reduce__()
    function, (cls, parts) = reduced[:2]
    if not isinstance(parts, dict):
        return NotImplemented
    parts = dict(parts)
    data = parts.get("data")
    if data is not None:
        parts["data"] = Detached(data)
    if "codes" in parts:
        parts["codes"] = [Detached(codes) for codes in parts["codes"]]
    return (function, (cls, parts), *reduced[2:])


def _cached(state: Pass, obj: Any) -> Any:
    # what it has computed from itself: filled by looking at it
    return _without_cache(obj) if "_cache" in (attributes_of(obj) or ()) else NotImplemented


def _not_a_time(state: Pass, value: Any) -> Any:
    # Its own reduction hands out the same tuple for all values, which would link them; so would a constant here.
    name = "NaT"
    return load.attribute, ("pandas", name)


_CACHES = frozenset({"_cache"})
_KEPT = frozenset({"_mgr", "_attrs", "_flags", "_item_cache", "_cache", "_cacher", "_is_copy", "_typ", "_metadata"})


def _frame(state: Pass, frame: Any) -> Any:
    """A frame or series as pandas does it, with the attributes that pandas forgets."""
    attributes = attributes_of(frame) or {}
    about = attributes.get("_attrs")
    if attributes.keys() <= _KEPT and not about:
        return NotImplemented
    internal: frozenset[str] = getattr(type(frame), "_internal_names_set", frozenset())
    made, args, parts = frame.__reduce_ex__(5)[:3]
    extra = {k: v for k, v in attributes.items() if k not in _KEPT and k not in internal and k not in parts}
    if about:  # pandas makes a copy of it, and a name may be bound to the dict itself
        extra["_attrs"] = about
    if not extra:
        return NotImplemented
    for name in [name for name, value in extra.items() if not added.storable(state, value)]:
        # The frame is worth more than what a library has hung on it (patsy: its design), and pandas itself forgets it.
        reason = f"the attribute '{name}' of a frame cannot be stored: it comes back without"
        extra[name] = Borrowed(extra[name], reason)
    return made, args, (parts, extra), None, None, set_frame


def set_frame(frame: Any, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """State setter for frames with attributes."""
    parts, extra = state
    frame.__setstate__(parts)
    frame.__dict__.update({name: value for name, value in extra.items() if value is not MISSING})


def find(kind: type) -> Any:
    """The reducer for blocks, indexes and the missing time, or None."""
    internals = sys.modules.get("pandas._libs.internals")
    pandas = sys.modules.get("pandas")
    if internals is not None and issubclass(kind, internals.Block):
        return _block
    backed = sys.modules.get("pandas._libs.arrays")
    if backed is not None and issubclass(kind, backed.NDArrayBacked):
        return _backed_array
    base = sys.modules.get("pandas.api.extensions")
    if base is not None and issubclass(kind, (base.ExtensionArray, base.ExtensionDtype)) and not is_of_session(kind):
        return _extension_array if issubclass(kind, base.ExtensionArray) else _cached
    if kind.__name__ == "NaTType":
        return _not_a_time
    if kind.__name__ == "SingleBlockManager":
        return _single_manager
    if pandas is not None and issubclass(kind, getattr(pandas, "Index", ())):
        return added.keeping(_index, _CACHES)
    if pandas is not None and kind in (getattr(pandas, "DataFrame", None), getattr(pandas, "Series", None)):
        return _frame
    return None
