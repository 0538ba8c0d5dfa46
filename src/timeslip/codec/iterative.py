"""A pickler without recursion, for graphs that are deeper than the recursion limit.

It writes the ordinary pickle format (protocol 5, opcodes of the standard library's documentation in `pickletools`),
so one unpickler reads everything; unpickling never recurses. Each composite object is a generator that yields its
parts; a list of running generators takes the place of the call stack. About twenty times slower than the C pickler,
so it is only used where that one gives up.
"""

from __future__ import annotations

import pickle
import types
from collections.abc import Generator, Iterator
from itertools import chain, islice, pairwise
from struct import pack
from typing import TYPE_CHECKING, Any

from timeslip.codec import definitions
from timeslip.codec.kinds import compares_oddly

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_BATCH = 1000
_NESTED = 100
"""An object may be met again in what it is made from, but only as often as there are other objects between."""
_DEEP = 1 << 14
"""Whenever so many reductions more are nested, somebody looks whether objects are made for ever."""
_MADE = 100
"""So many objects in a row, each made by the reduction of the one before, are taken for objects made for ever."""
Parts = Generator[Any, None, None]


class _Memo(dict[int, tuple[int, Any]]):
    """The memo, with the interface of the C pickler's."""


class IterativePickler:
    """Writes one object graph to ``state.writer``.

    Attributes:
        memo: address -> (number, object), as the C pickler's.
        keeps_reductions: it refers once more to all that a reduction gave.
    """

    keeps_reductions = True

    def __init__(self, state: Pass) -> None:
        self.state = state
        self.memo: Any = _Memo()
        self._out = bytearray()
        self._being_made: dict[int, int] = {}
        self._reducing: list[Any] = []

    def dump(self, root: Any) -> None:
        """Write *root*.

        Raises:
            whatever a reduction raises, unless the pass is careful.
        """
        self.memo = _Memo(self.memo)
        self._out += pickle.PROTO + b"\x05"
        running = [iter((root,))]
        while running:
            try:
                part = next(running[-1])
            except StopIteration:
                running.pop()
                continue
            started = self._start(part)
            if started is not None:
                running.append(started)
            if len(self._out) > 1 << 16:
                self._flush()
        self._out += pickle.STOP
        self._flush()

    def _flush(self) -> None:
        self.state.writer.write(bytes(self._out))
        self._out.clear()

    def _memoize(self, obj: Any) -> None:
        self._out += pickle.MEMOIZE
        self.memo[id(obj)] = (len(self.memo), obj)

    def _get(self, number: int) -> None:
        self._out += pickle.BINGET + bytes((number,)) if number < 256 else pickle.LONG_BINGET + pack("<I", number)

    def _start(self, obj: Any) -> Iterator[Any] | None:
        kind = type(obj)
        if self._atom(kind, obj):
            return None
        known = self.memo.get(id(obj))
        if known is not None:
            self._get(known[0])
            return None
        if kind is str or kind is bytes or kind is bytearray:
            self._text(kind, obj)
            return None
        method = _CONTAINERS.get(kind) if not compares_oddly(kind) else None
        if method is not None:
            parts: Parts = method(self, obj)
            return parts
        return self._object(kind, obj)

    def _atom(self, kind: type, obj: Any) -> bool:
        out = self._out
        if obj is None:
            out += pickle.NONE
        elif kind is bool:
            out += pickle.NEWTRUE if obj else pickle.NEWFALSE
        elif kind is int:
            if -0x80000000 <= obj <= 0x7FFFFFFF:
                out += pickle.BININT + pack("<i", obj)
            elif obj.bit_length() > 8 * 1024:
                self._persistent(self.state.large_int(obj))
            else:
                data = pickle.encode_long(obj)
                small = len(data) < 256
                out += pickle.LONG1 + bytes((len(data),)) if small else pickle.LONG4 + pack("<i", len(data))
                out += data
        elif kind is float:
            if obj != obj:
                self._persistent(self.state.nan(obj))
            else:
                out += pickle.BINFLOAT + pack(">d", obj)
        elif kind is complex and obj != obj:
            self._persistent(self.state.nan(obj))
        elif kind is tuple and not obj:
            out += pickle.EMPTY_TUPLE
        else:
            return False
        return True

    def _persistent(self, identity: Any) -> None:
        if isinstance(identity, tuple):
            number, data = identity
            self._out += pickle.BININT + pack("<i", number) + pickle.BINBYTES8 + pack("<Q", len(data)) + data
            self._out += pickle.TUPLE2
        elif isinstance(identity, str):
            data = identity.encode()
            self._out += pickle.SHORT_BINUNICODE + bytes((len(data),)) + data
        else:
            self._out += pickle.BININT + pack("<i", identity)
        self._out += pickle.BINPERSID

    def _text(self, kind: type, obj: Any) -> None:
        data = obj.encode("utf-8", "surrogatepass") if kind is str else bytes(obj)
        if kind is str:
            code = pickle.BINUNICODE8
        elif kind is bytes:
            code = pickle.BINBYTES8
        else:
            code = pickle.BYTEARRAY8
        self._out += code + pack("<Q", len(data))
        if len(data) > 1 << 16:
            self._flush()
            self.state.writer.write(data)
        else:
            self._out += data
        self._memoize(obj)

    # ---- containers ----

    def _list(self, obj: list[Any]) -> Parts:
        self._out += pickle.EMPTY_LIST
        self._memoize(obj)
        yield from self._appends(iter(obj))

    def _appends(self, items: Iterator[Any]) -> Parts:
        while batch := list(islice(items, _BATCH)):
            self._out += pickle.MARK
            yield from batch
            self._out += pickle.APPENDS

    def _dict(self, obj: dict[Any, Any]) -> Parts:
        self._out += pickle.EMPTY_DICT
        self._memoize(obj)
        yield from self._setitems(iter(obj.items()))

    def _setitems(self, items: Iterator[tuple[Any, Any]]) -> Parts:
        while batch := list(islice(items, _BATCH)):
            self._out += pickle.MARK
            for key, value in batch:
                yield key
                yield value
            self._out += pickle.SETITEMS

    def _set(self, obj: set[Any]) -> Parts:
        self._out += pickle.EMPTY_SET
        self._memoize(obj)
        items = iter(obj)
        while batch := list(islice(items, _BATCH)):
            self._out += pickle.MARK
            yield from batch
            self._out += pickle.ADDITEMS

    def _frozenset(self, obj: frozenset[Any]) -> Parts:
        self._out += pickle.MARK
        yield from obj
        if id(obj) in self.memo:  # an element refers back to the set
            self._out += pickle.POP_MARK
            self._get(self.memo[id(obj)][0])
            return
        self._out += pickle.FROZENSET
        self._memoize(obj)

    def _tuple(self, obj: tuple[Any, ...]) -> Parts:
        self._out += pickle.MARK
        yield from obj
        if id(obj) in self.memo:  # an element refers back to the tuple
            self._out += pickle.POP_MARK
            self._get(self.memo[id(obj)][0])
            return
        self._out += pickle.TUPLE
        self._memoize(obj)

    # ---- everything else ----

    def _object(self, kind: type, obj: Any) -> Parts:
        endless = self._endless(obj)
        if endless and not self.state.careful:
            raise pickle.PicklingError(f"{kind.__name__}: {endless}")
        reduced: Any = self.state.hole(obj, endless) if endless else self.state.reduce(obj)
        if reduced is NotImplemented:
            if type(obj) is pickle.PickleBuffer:
                self.state.out_of_band.append(obj)
                self._out += pickle.NEXT_BUFFER
                with obj.raw() as raw:
                    if raw.readonly:
                        self._out += pickle.READONLY_BUFFER
                return
            if _is_global(kind):
                yield from self._global(obj, obj.__qualname__)
                return
            reduced = _as_usual(self.state, obj)
        if isinstance(reduced, str):
            yield from self._global(obj, reduced)
            return
        self._reducing.append(obj)
        yield from self._reduced(obj, *reduced)
        self._reducing.pop()

    def _endless(self, obj: Any) -> str:
        """Why there is no end to what *obj* is made from, or nothing."""
        if self._being_made.get(id(obj), 0) > _NESTED:
            return "it is made from copies of itself, without end"
        above = self._reducing
        if not above or len(above) % _DEEP:
            return ""
        last = [*above[-_MADE:], obj]
        if all(_is_made(self.state, child, parent) for parent, child in pairwise(last)):
            return "it is made from new objects, each from another one, without end"
        return ""

    def _global(self, obj: Any, qualname: str) -> Parts:
        module = pickle.whichmodule(obj, qualname)  # type: ignore[attr-defined]  # in pickle.py, not in the stubs
        if definitions.resolve_global(module, qualname) is not obj:
            raise pickle.PicklingError(f"{qualname} is not found as {module}.{qualname}")
        yield str(module)
        yield str(qualname)
        self._out += pickle.STACK_GLOBAL
        self._memoize(obj)

    def _reduced(
        self,
        obj: Any,
        function: Any,
        args: tuple[Any, ...],
        state: Any = None,
        listitems: Iterator[Any] | None = None,
        dictitems: Iterator[tuple[Any, Any]] | None = None,
        setter: Any = None,
    ) -> Parts:
        self.state.keep.append((function, args, state))  # addresses in the memo must stay taken until the end
        nested = self._being_made.get(id(obj), 0)
        self._being_made[id(obj)] = nested + 1
        yield from self._made(function, args)
        self._being_made[id(obj)] = nested
        if id(obj) in self.memo:  # an argument refers back to the object
            self._out += pickle.POP
            self._get(self.memo[id(obj)][0])
        else:
            self._memoize(obj)
        if listitems is not None:
            yield from self._appends(listitems)
        if dictitems is not None:
            yield from self._setitems(dictitems)
        if state is not None and setter is None:
            yield state
            self._out += pickle.BUILD
        elif state is not None:
            yield setter
            yield obj
            yield state
            self._out += pickle.TUPLE2 + pickle.REDUCE + pickle.POP

    def _made(self, function: Any, args: tuple[Any, ...]) -> Parts:
        """What makes the object, by the opcode that is right for *function*."""
        name = getattr(function, "__name__", "")
        if name == "__newobj_ex__":
            cls, positional, named = args
            yield cls
            yield positional
            yield named
            self._out += pickle.NEWOBJ_EX
        elif name == "__newobj__":
            yield args[0]
            yield args[1:]
            self._out += pickle.NEWOBJ
        else:
            yield function
            yield args
            self._out += pickle.REDUCE


def _as_usual(state: Pass, obj: Any) -> Any:
    """What pickle would ask for where no reducer has an answer."""
    special = state.registered(type(obj))
    return special(obj) if special is not None else obj.__reduce_ex__(5)


def _is_made(state: Pass, child: Any, parent: Any) -> bool:
    """Whether the reduction of *parent* makes *child*: then it makes another one when it is asked again.

    What is between them is plain containers at most: everything else has a reduction of its own.
    """
    other = type(state)(state.encoder, state.shared)
    other.careful = True
    reduced = other.reduce(parent)
    if reduced is NotImplemented:
        reduced = _as_usual(other, parent)
    parts = enumerate(reduced) if isinstance(reduced, tuple) else ()
    work = [list(part) if at in _ITERATORS and part is not None else part for at, part in parts]
    seen: dict[int, Any] = {}
    while work:
        part = work.pop()
        if part is child:
            return False
        if id(part) in seen:
            continue
        seen[id(part)] = part
        if type(part) is dict:
            work += chain.from_iterable(part.items())
        elif not compares_oddly(type(part)) and type(part) in _CONTAINERS:
            work += part
    return True


_ITERATORS = (3, 4)
"""Where in a reduction items and pairs of keys and values are."""


def _is_global(kind: type) -> bool:
    return issubclass(kind, type) or kind in (types.FunctionType, types.BuiltinFunctionType)


_CONTAINERS: dict[type, Any] = {
    list: IterativePickler._list,
    dict: IterativePickler._dict,
    set: IterativePickler._set,
    frozenset: IterativePickler._frozenset,
    tuple: IterativePickler._tuple,
}
