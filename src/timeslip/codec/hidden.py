"""The state of objects that cannot be stored, as far as it can be compared (009).

An iterator, a hash or a cursor keeps its state where no reduction shows it. What can be compared of it becomes a
*token*: short text that is another one when the state is. A token is *complete* when every change of the state shows
in it. Of an object without a complete token nobody can say that it is as it was, once code may have used it.

Only what runs no code of the session and changes nothing is asked: methods written in C that are known to be harmless,
and the garbage collector.
"""

from __future__ import annotations

import array
import collections
import copyreg
import gc
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import xxhash

from timeslip.codec.definitions import is_a, of
from timeslip.codec.kinds import all_slots, attributes_of, filled, is_of_session, is_plain

_MOST = 400
"""Parts that are looked at for one token; what holds more has no complete one."""
_LARGE = 1 << 20
"""Memory of up to this many bytes is looked at."""


class Hidden(NamedTuple):
    """What is known of the state of an object that cannot be stored.

    Attributes:
        token: differs when the state is known to differ. Means nothing in another process.
        complete: whether every change of the state shows in the token.
    """

    token: str
    complete: bool


def state_of(obj: Any) -> Hidden:
    """The token of *obj*. Changes nothing; runs no code of the session."""
    walk = _Walk()
    try:
        walk.open(obj)
    except Exception:  # a closed file, a released buffer, a library's own error: then its state cannot be told
        walk.complete = False
    return Hidden(xxhash.xxh3_128_hexdigest("\n".join(walk.told).encode("utf-8", "backslashreplace")), walk.complete)


def set_on(obj: Any) -> str:
    """What a token says beside what it says of the kind: public attributes that are set on the object itself.

    Numbers, texts and the like only: what a library keeps there for itself is mostly private, or something larger.
    """
    attributes = attributes_of(obj)
    if not attributes:
        return ""
    found = [(name, value) for name, value in list(attributes.items()) if type(value) in _SET and name[:1] != "_"]
    return f";{found!r}" if found else ""


class _Walk:
    """One token in the making."""

    def __init__(self, private: int | None = None) -> None:
        self._private = private if private is not None else _private()
        self.told: list[str] = []
        self.complete = True
        self._met: dict[int, Any] = {}

    def open(self, obj: Any) -> None:
        """Tell the state of *obj* itself."""
        self._met[id(obj)] = obj
        kind = type(obj)
        view = _class if issubclass(kind, type) else _VIEWS.get(kind) or _view_of(kind)
        parts = view(obj) if view is not None else None
        # what was made for being looked at has another address each time; its parts say it all
        self.told.append(kind.__qualname__ if view in _MADE else f"{kind.__qualname__}@{id(obj):x}")
        if parts is None:
            self.complete = False
        for part in parts or ():
            self.see(part)

    def see(self, part: Any) -> None:
        """Tell *part*, which belongs to the state of something."""
        kind = type(part)
        if kind in _ATOMS:
            self.told.append(repr(part) if kind not in (str, bytes) or len(part) < 200 else self._long(part))
        elif kind in _CLOSED or issubclass(kind, (type, types.ModuleType)) or id(part) in self._met:
            self.told.append(f"@{id(part):x}")
        elif sys.getrefcount(part) > self._private and (kind in _CHANGEABLE or is_of_session(kind)):
            # others may change it: that is no news of what holds it here, and what this holder does to it is not told
            self.told.append(f"@{id(part):x}")
            self.complete = False
        elif len(self._met) >= _MOST:
            self.complete = False
        else:
            self.open(part)

    def _long(self, text: str | bytes) -> str:
        if len(text) > _LARGE:
            self.complete = False
            return f"@{id(text):x}"
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        return f"{type(text).__name__} {len(text)} {xxhash.xxh3_128_hexdigest(data)}"


class Same:
    """A part that is told by its identity alone: its own state is nobody's but its own."""

    __slots__ = ("address",)

    def __init__(self, part: Any) -> None:
        self.address = id(part)


_SET = frozenset({int, float, bool, type(None), str})
_ATOMS = frozenset({int, float, complex, bool, type(None), str, bytes, type(Ellipsis), type(NotImplemented), range})
_CLOSED = frozenset({types.CodeType, types.GetSetDescriptorType, types.MemberDescriptorType, types.GenericAlias})

Parts = Iterable[Any]
View = Callable[[Any], "Parts | None"]
"""What the state of an object consists of; None where that cannot be told."""


# ---- Python's own


def _address(same: Same) -> Parts:
    return (same.address,)


def _each(obj: Any) -> Parts:
    return gc.get_referents(obj)


def _list(obj: list[Any]) -> Parts:
    return gc.get_referents(obj)  # a list that belongs to an object of C may have empty places, which nobody may touch


def _none(obj: Any) -> Parts:
    return ()


def _memory(obj: Any) -> Parts | None:
    with memoryview(obj) as view:
        if view.nbytes > _LARGE:
            return None
        return (view.nbytes, xxhash.xxh3_128_hexdigest(view.tobytes()))


def _under_way(obj: Any) -> Parts:
    """A generator or coroutine: where it is, its variables, and what it is in the middle of."""
    frame: Any = next(getattr(obj, name) for name in _FRAMES if hasattr(obj, name))
    if frame is None:
        return ("finished",)
    # `f_locals` is not asked for: before Python 3.13 the frame keeps what it gives, and with it what is in it
    held = [part for part in gc.get_referents(obj) if part is not frame]
    held = [part for part in held if not _is_code_of(part, frame)]
    return (frame.f_lasti, *held, *frame_parts(frame))


_FRAMES = ("gi_frame", "cr_frame", "ag_frame")


def _is_code_of(part: Any, frame: types.FrameType) -> bool:
    return type(part) is types.FunctionType and part.__code__ is frame.f_code


def frame_parts(frame: types.FrameType) -> list[Any]:
    """What a frame holds for itself, on its stack too; from CPython 3.11 on nothing, its generator holds all that."""
    if sys.version_info >= (3, 11):
        return []
    return _referents_of_frame(frame)


def frame_locals(frame: types.FrameType) -> list[Any]:
    """What the variables of a frame hold that `frame_parts` does not give."""
    if sys.version_info >= (3, 13):
        return list(frame.f_locals.values())  # a view: nothing is kept
    return _referents_of_frame(frame) if sys.version_info >= (3, 11) else []


def _referents_of_frame(frame: types.FrameType) -> list[Any]:
    skipped = {id(frame.f_globals), id(frame.f_builtins), id(frame.f_back), id(frame.f_code)}
    return [part for part in gc.get_referents(frame) if id(part) not in skipped]


def _frame(frame: Any) -> Parts:
    return (frame.f_lasti, frame.f_lineno)


def _function(function: types.FunctionType) -> Parts:
    return (*(function.__closure__ or ()), *function.__dict__.values())


def _class(kind: type) -> Parts:
    return [part for name, part in vars(kind).items() if name not in ("__dict__", "__weakref__")]


def _cell(cell: types.CellType) -> Parts:
    return gc.get_referents(cell)


def _method(method: Any) -> Parts:
    return (Same(method.__func__), method.__self__)


def _builtin(method: Any) -> Parts:
    owner = method.__self__
    return () if owner is None or is_a(owner, (types.ModuleType, type)) else (owner,)


def _referents(obj: Any) -> Parts:
    return gc.get_referents(obj)


def _items(mapping: dict[Any, Any]) -> Parts:
    return (part for item in dict.items(mapping) for part in item)


def _by_reduction(iterator: Any) -> Parts:
    return tuple(iterator.__reduce__()[1:])


def _with_hint(iterator: Any) -> Parts:
    return (iterator.__length_hint__(), *map(Same, gc.get_referents(iterator)))


def _over_container(iterator: Any) -> Parts:
    """An iterator over a container, which it does not change: how far it is, not what is there."""
    position = iterator.__reduce__()[2:]
    return (*position, *map(Same, gc.get_referents(iterator)))


def _instance(obj: Any) -> Parts:
    return (attributes_of(obj), *filled(obj, all_slots(type(obj))).items())


class _Sequence:
    """What is iterated over by its items."""

    def __getitem__(self, index: int) -> int:
        raise IndexError


# ---- of libraries


def _hash(obj: Any) -> Parts:
    return (obj.name, obj.digest(16) if obj.digest_size == 0 else obj.digest())


def _writer(obj: Any) -> Parts:
    return tuple(map(Same, gc.get_referents(obj)))


def _attributes(*names: str) -> View:
    """By attributes of plain values, where they are all there is to the state."""
    return lambda obj: tuple(getattr(obj, name) for name in names)


def _same_parts(*names: str) -> View:
    """By attributes whose own state does not count."""
    return lambda obj: tuple(Same(getattr(obj, name)) for name in names)


def _reader(obj: Any) -> Parts:
    return (obj.line_num, *map(Same, gc.get_referents(obj)))


def _map(obj: Any) -> Parts | None:
    if obj.closed:
        return ("closed",)
    memory = _memory(obj)
    return None if memory is None else (obj.tell(), *memory)


def _shared_memory(obj: Any) -> Parts | None:
    return _memory(obj.buf)


def _getstate(obj: Any) -> Parts:
    return (obj.getstate(),)


def _newline_decoder(obj: Any) -> Parts:
    return (obj.getstate(), obj.newlines)


def _queue(obj: Any) -> Parts:
    return (obj.qsize(), *gc.get_referents(obj))


def _context(obj: Any) -> Parts:
    return tuple(part for variable, value in obj.items() for part in (Same(variable), value))


def _local(obj: Any) -> Parts:
    return (obj.__dict__,)


def _socket(obj: Any) -> Parts:
    return (obj.fileno(), obj.gettimeout())


def _pool(obj: Any) -> Parts:
    names = ("_shutdown", "_shutdown_thread", "_broken", "_state", "_max_workers")
    return [repr(value) for value in (getattr(obj, name, None) for name in names) if type(value) in _ATOMS]


def _loop(obj: Any) -> Parts:
    if obj.is_running():
        return (False,)  # what it has to do next is another thing at every moment
    return (obj.is_closed(), len(getattr(obj, "_ready", ())), len(getattr(obj, "_scheduled", ())))


def _directory(obj: Any) -> Parts:
    return (obj.name, obj._finalizer.alive)


def _temporary_file(obj: Any) -> Parts:
    return (obj.name, obj.closed, None if obj.closed else obj.tell())


def _thread(obj: Any) -> Parts:
    return (obj.is_alive(), obj.name)


_FUTURES = frozenset(
    {("_asyncio", "Future"), ("asyncio.futures", "Future"), ("concurrent.futures._base", "Future")},
)
"""Tasks are futures, too."""


def goes_on(obj: Any) -> bool:
    """Whether *obj* is a handle to something that runs by itself, or is waited for, whoever holds it or does not.

    A thread, a task, a process, an event loop: taking the handle away would not end it.
    """
    kind = type(obj)
    if issubclass(kind, threading.Thread):
        return threading.Thread.is_alive(obj)
    named = {(str(of(base, "__module__")), of(base, "__name__")) for base in of(kind, "__mro__")}
    if not named.isdisjoint(_FUTURES):
        return getattr(obj, "_state", None) in ("PENDING", "RUNNING")
    if ("multiprocessing.process", "BaseProcess") in named:
        return getattr(obj, "_popen", None) is not None and obj.exitcode is None
    return ("asyncio.base_events", "BaseEventLoop") in named and bool(obj.is_running())


_CHANGEABLE = frozenset({list, dict, set, collections.deque, bytearray, array.array})

_VIEWS: dict[type, View] = {
    **dict.fromkeys(map(type, (iter([]), reversed([]), iter(()), iter(_Sequence()))), _over_container),
    Same: _address,
    list: _list,
    tuple: _each,
    set: iter,
    frozenset: _each,
    collections.deque: iter,
    dict: _items,
    bytearray: _memory,
    memoryview: _memory,
    array.array: _memory,
    types.CellType: _cell,
    types.FunctionType: _function,
    types.MethodType: _method,
    types.BuiltinFunctionType: _builtin,
    types.MethodWrapperType: _builtin,
    types.GeneratorType: _under_way,
    types.CoroutineType: _under_way,
    types.AsyncGeneratorType: _under_way,
    types.FrameType: _frame,
    types.TracebackType: _none,
    weakref.ProxyType: _none,
    weakref.CallableProxyType: _none,
}

_MADE: frozenset[View | None] = frozenset({_address, _each, _by_reduction, _builtin, _method})

_NAMED: dict[tuple[str, str], View] = {
    # what cannot change, or is only a handle to something outside, which no restore brings back
    ("re", "Match"): _none,
    ("sqlite3", "Row"): _none,
    ("posix", "DirEntry"): _none,
    ("nt", "DirEntry"): _none,
    ("_json", "Scanner"): _none,
    ("_json", "Encoder"): _none,
    ("unicodedata", "UCD"): _none,
    ("_struct", "Struct"): _attributes("format"),
    ("builtins", "PyCapsule"): _none,
    ("_ctypes", "CFuncPtr"): _same_parts("restype", "argtypes"),
    ("_socket", "socket"): _socket,
    ("subprocess", "Popen"): _attributes("pid", "returncode"),
    ("concurrent.futures.thread", "ThreadPoolExecutor"): _pool,
    ("concurrent.futures.process", "ProcessPoolExecutor"): _pool,
    ("multiprocessing.pool", "Pool"): _pool,
    ("multiprocessing.process", "BaseProcess"): _attributes("pid", "exitcode"),
    ("asyncio.base_events", "BaseEventLoop"): _loop,
    ("tempfile", "TemporaryDirectory"): _directory,
    ("tempfile", "_TemporaryFileWrapper"): _temporary_file,
    ("tempfile", "_TemporaryFileCloser"): _attributes("name", "close_called"),
    ("weakref", "finalize"): _attributes("alive"),
    ("threading", "Thread"): _thread,
    # what tells all of its state
    ("_csv", "reader"): _reader,
    ("_csv", "writer"): _writer,
    ("mmap", "mmap"): _map,
    ("multiprocessing.shared_memory", "SharedMemory"): _shared_memory,
    ("multiprocessing.connection", "_ConnectionBase"): _attributes("_handle"),
    ("_random", "Random"): _getstate,
    ("_io", "IncrementalNewlineDecoder"): _newline_decoder,
    ("_multibytecodec", "MultibyteIncrementalDecoder"): _getstate,
    ("_multibytecodec", "MultibyteIncrementalEncoder"): _getstate,
    ("_queue", "SimpleQueue"): _queue,
    **{(module, "Context"): _context for module in ("_contextvars", "builtins")},
    ("_thread", "_local"): _local,
    ("functools", "KeyWrapper"): _attributes("obj"),
    ("itertools", "pairwise"): _referents,
    ("_struct", "unpack_iterator"): _with_hint,
    ("numpy", "broadcast"): _attributes("index"),
    **dict.fromkeys(_FUTURES, _attributes("_state", "_result", "_exception")),
    **{("builtins", f"dict_{part}iterator"): _with_hint for part in ("key", "value", "item")},
    **{("builtins", f"dict_reverse{part}iterator"): _with_hint for part in ("key", "value", "item")},
    ("builtins", "set_iterator"): _with_hint,
}
"""By module and name of the type or of one of its bases."""


def _view_of(kind: type) -> View | None:
    """How to tell the state of instances of *kind*; None where nobody knows."""
    own = [base for base in kind.__mro__[:-1] if is_of_session(base)]
    if own and len(own) == len(kind.__mro__) - 1:
        return _instance
    for base in kind.__mro__[len(own) : -1]:
        found = _NAMED.get((_module_of(base), base.__name__))
        if found is not None:
            return found if not own or found is _local else _with_attributes(found)
    if own:
        return None
    module = _module_of(kind)
    if module in _HASHES and hasattr(kind, "digest") and hasattr(kind, "copy"):
        return _hash
    if module in ("builtins", "itertools") and hasattr(kind, "__next__") and _reduces(kind):
        return _by_reduction
    return None


def _with_attributes(view: View) -> View:
    def both(obj: Any) -> Parts | None:
        parts = view(obj)
        return None if parts is None else (*parts, *_instance(obj))

    return both


_ON_THEIR_OWN = frozenset({("sqlite3", "Connection"), ("_thread", "lock"), ("_thread", "RLock")})

_REMOTE = frozenset({"distributed", "py4j", "pyspark", "ray"})
"""Libraries whose objects are handles to other processes: what is behind one is nothing of the session."""


def is_remote(name: str) -> bool:
    """Whether the class of that dotted name is one of handles to other processes."""
    return name.partition(".")[0] in _REMOTE


def stands_alone(kind: type) -> bool:
    """Whether instances of *kind* need not come back with all that refers to them.

    They can be made again, and tell themselves when they have changed; or they are handles, each for itself.
    """
    bases = [(_module_of(base), base.__name__) for base in kind.__mro__]
    return any(named in _ON_THEIR_OWN or is_remote(named[0]) for named in bases)


def holds_state(kind: type) -> bool:
    """Whether instances of *kind* have a state that their reduction does not show, or that using them moves on.

    Such an object belongs to everything that refers to it, also where only the garbage collector sees that.
    """
    if is_of_session(kind) or _VIEWS.get(kind) in (_none, _frame) or _view_of(kind) is _none:
        return False
    if hasattr(kind, "__next__"):
        return True
    return not _reduces(kind) and kind not in _VIEWS and kind not in copyreg.dispatch_table and not is_plain(kind)


_HASHES = frozenset({"_hashlib", "_md5", "_sha1", "_sha2", "_sha256", "_sha512", "_sha3", "_blake2", "_hmac"})


def _module_of(kind: type) -> str:
    module = kind.__module__
    return module if type(module) is str else ""


def _reduces(kind: type) -> bool:
    """Whether *kind* says itself how it is pickled."""
    usual: tuple[Any, Any] = (object.__reduce_ex__, object.__reduce__)
    return kind.__reduce_ex__ is not usual[0] or kind.__reduce__ is not usual[1]


def _references_of_private() -> int:
    """What `sys.getrefcount` says, in the middle of a walk, of a list that only a generator has."""

    def under_way() -> Iterator[None]:
        held: list[Any] = []
        yield
        held.clear()

    counts: list[int] = []

    class Counting(_Walk):
        """Counts instead of telling."""

        def see(self, part: Any) -> None:
            if type(part) is list:
                counts.append(sys.getrefcount(part))

    generator = under_way()
    next(generator)
    Counting(private=1 << 60).open(generator)
    return max(counts)


_PRIVATE = _references_of_private()
"""More references than this has only what others hold, too."""


def _private() -> int:
    """`_PRIVATE`, counted anew while code is traced: before Python 3.13 frames then hold their variables twice."""
    if sys.gettrace() is None and sys.getprofile() is None:
        return _PRIVATE
    return _references_of_private()
