"""Names that recorded streams refer to. Part of format v1: nothing here may be renamed or removed.

A stream never names these to run them as they stand here: while a stream is loaded, `restore.Loader` puts its own
method of the same name in the place of every function below, because most of them need to know where they load into.
Outside a load, calling one is an error.
"""

from __future__ import annotations

from typing import Any

from timeslip.errors import InternalError

MODULE = __name__


def _outside(*_: Any) -> Any:
    raise InternalError("a recorded stream can only be read by timeslip itself")


def definition(identity: str) -> Any:
    """The class or function of that identity."""
    return _outside(identity)


def cell(owner: str | None, index: int) -> Any:
    """The closure cell number *index* of function *owner*, or a new cell."""
    return _outside(owner, index)


def set_cell(target: Any, contents: tuple[Any, ...]) -> Any:
    """State setter for cells: () is an empty cell."""
    return _outside(target, contents)


def hole(identity: str) -> Any:
    """What could not be stored: the live object, while there is one."""
    return _outside(identity)


def resource(identity: str, make: Any, args: tuple[Any, ...]) -> Any:
    """A live object that holds something outside, or a new one made by ``make(*args)``."""
    return _outside(identity, make, args)


def array(index: int, shape: tuple[int, ...], dtype: Any, order: str, writeable: bool, anywhere: bool = False) -> Any:
    """A numpy array that owns buffer number *index*; or, where its memory may be *anywhere*, that shows it."""
    return _outside(index, shape, dtype, order, writeable)


def items(
    first: int,
    count: int,
    shape: tuple[int, ...],
    dtype: Any,
    order: str,
    nans: list[tuple[Any, bytes]],
    writeable: bool,
) -> Any:
    """A numpy array of text and numbers, whose pickles are *count* buffers from number *first* on."""
    return _outside(first, count, shape, dtype, order, nans, writeable)


def island(data: bytes) -> Any:
    """What a pickle inside the pickle holds (see `reducers.pandas`)."""
    return _outside(data)


def joined(*islands: bytes) -> Any:
    """A long list or dict of which each island, a pickle of its own, has some elements."""
    return _outside(*islands)


def joined_all(*islands: Any) -> Any:
    """Several such lists and dicts; how many of the islands each has, says a tuple at the end. `whole` gives them."""
    return _outside(*islands)


def whole(number: int) -> Any:
    """One of the lists and dicts that were joined together, by its number."""
    return _outside(number)


def element(whole: Any, position: int) -> Any:
    """An element of a list, or a value of a dict, that was joined."""
    return _outside(whole, position)


def buffer(index: int, kind: str) -> Any:
    """Buffer number *index* as bytes or bytearray."""
    return _outside(index, kind)


def code(tag: str, data: bytes) -> Any:
    """A code object."""
    return _outside(tag, data)


def module(name: str) -> Any:
    """An imported module."""
    return _outside(name)


def placed(name: str, places: Any, qualname: str) -> Any:
    """A module that is not found by its name, or an object that it holds; and the files to load before."""
    return _outside(name, places, qualname)


def by_hand(name: str) -> Any:
    """A module that was put into ``sys.modules`` by hand."""
    return _outside(name)


def scope_module(identity: str) -> Any:
    """A module made by hand, by the identity of its globals."""
    return _outside(identity)


def scope_globals(identity: str) -> Any:
    """The globals of that identity, where the dict itself is held as a value."""
    return _outside(identity)


def attribute(module_name: str, qualname: str) -> Any:
    """An object that a module holds, by name."""
    return _outside(module_name, qualname)


def registry(module_name: str, qualname: str, keys: tuple[str, ...] | bool) -> Any:
    """What a library keeps for everybody under a name, and under which keys it had something when it was recorded."""
    return _outside(module_name, qualname, keys)


def instance(kind: type, early: Any = None) -> Any:
    """An instance of a class of the session, empty but for what it may be hashed by."""
    return _outside(kind, early)


def set_instance(target: Any, state: Any) -> Any:
    """State setter for such an instance."""
    return _outside(target, state)


def set_figure(target: Any, state: Any) -> Any:
    """State setter for a matplotlib figure that pyplot showed under a number."""
    return _outside(target, state)


def logger(name: str) -> Any:
    """The logger of that name."""
    return _outside(name)


def set_logger(target: Any, state: Any) -> Any:
    """State setter for a logger: its level and the like, and its handlers."""
    return _outside(target, state)


def cut_off() -> Any:
    """Stands before a value that something outside the session has as well, and keeps: it comes back rebuilt."""
    return _outside()


def filled(payload: Any, parts: Any) -> Any:
    """A payload, after its instances, which were empty so far, were given their content."""
    return _outside(payload, parts)


def checked(payload: Any, checks: Any) -> Any:
    """A payload, after what was found of its dicts and sets (see `refilling`) was compared with them."""
    return _outside(payload, checks)


def member(kind: Any, name: str) -> Any:
    """A member of an enumeration."""
    return _outside(kind, name)


def content(identity: str, parts: Any) -> Any:
    """What a definition consists of, in the place of the definition in a payload."""
    return _outside(identity, parts)


def seed(index: int) -> Any:
    """One of the session's own objects: its namespace, its input and output history …"""
    return _outside(index)


def placeholder(name: str, record: str, reason: str, commit: str) -> Any:
    """What stood for a lost value."""
    return _outside(name, record, reason, commit)
