"""Loading what is whole of a value that has a hole somewhere.

Where the hole is, stands a placeholder. Most of a stream only puts objects into one another, and there it can stand as
any object. What is *made from* one (an iterator over it, a method of it) cannot be made, and becomes a placeholder in
its turn. The C unpickler asks nobody when it calls something, so this is done by the one written in Python.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, ClassVar

from timeslip.codec.placeholder import Placeholder

_PythonUnpickler: Any = pickle._Unpickler


def missing_part() -> Placeholder:
    """What stands in the place of a hole."""
    return Placeholder("part of a value", "", "it could not be stored", "")


class SalvagingUnpickler(_PythonUnpickler):  # type: ignore[misc]  # its base is not in the stubs
    """An unpickler for which what is made from a placeholder is one."""

    dispatch: ClassVar[dict[int, Any]] = dict(_PythonUnpickler.dispatch)

    def __init__(self, file: Any, **options: Any) -> None:
        super().__init__(file, **options)
        self._failed: dict[int, tuple[Placeholder, Exception]] = {}
        """What came out of calls that failed, by address."""

    def _make(self, make: Callable[[], Any], *given: Any) -> Any:
        try:
            return make()
        except Exception as error:  # libraries say in many ways that they cannot do with a placeholder
            if not any(_holds(arg) for arg in given):
                raise
            stand_in = missing_part()
            self._failed[id(stand_in)] = stand_in, error
            return stand_in

    def load_reduce(self) -> None:
        """A call."""
        args = self.stack.pop()
        function = self.stack[-1]
        self.stack[-1] = self._make(lambda: function(*args), function, args)

    def load_newobj(self) -> None:
        """A new object of a class."""
        args = self.stack.pop()
        kind = self.stack.pop()
        self.append(self._make(lambda: kind.__new__(kind, *args), kind, args))

    def load_newobj_ex(self) -> None:
        """A new object of a class, with named arguments."""
        named = self.stack.pop()
        args = self.stack.pop()
        kind = self.stack.pop()
        self.append(self._make(lambda: kind.__new__(kind, *args, **named), kind, args, tuple(named.values())))

    def load_pop(self) -> None:
        """What is called only to change something is dropped at once: if that failed, the object is half made.

        Raises:
            what the call raised.
        """
        if self.stack and id(self.stack[-1]) in self._failed:
            raise self._failed[id(self.stack[-1])][1]
        super().load_pop()


def _holds(given: Any) -> bool:
    """Whether *given* is a placeholder or directly holds one."""
    if type(given) is Placeholder:
        return True
    return type(given) in (tuple, list) and any(map(_holds_one, given))


def _holds_one(given: Any) -> bool:
    return type(given) is Placeholder or (type(given) in (tuple, list) and any(type(e) is Placeholder for e in given))


def _unless_into_placeholder(usual: Callable[[Any], None], count: int) -> Callable[[Any], None]:
    """The opcode *usual*, which puts something into an object, and does nothing where that is a placeholder.

    Args:
        usual: how it is done.
        count: so many things on the stack are put in; 0: all after the last mark.
    """

    def put(unpickler: Any) -> None:
        below = unpickler.stack[-1 - count] if count else unpickler.metastack[-1][-1]
        if type(below) is not Placeholder:
            usual(unpickler)
        elif count:
            del unpickler.stack[-count:]
        else:
            unpickler.pop_mark()

    return put


_ALL = 0
_PUTTING = {
    pickle.BUILD: 1,
    pickle.APPEND: 1,
    pickle.SETITEM: 2,
    pickle.APPENDS: _ALL,
    pickle.SETITEMS: _ALL,
    pickle.ADDITEMS: _ALL,
}
_MAKING = {
    pickle.REDUCE: SalvagingUnpickler.load_reduce,
    pickle.NEWOBJ: SalvagingUnpickler.load_newobj,
    pickle.NEWOBJ_EX: SalvagingUnpickler.load_newobj_ex,
    pickle.POP: SalvagingUnpickler.load_pop,
}
SalvagingUnpickler.dispatch.update({opcode[0]: method for opcode, method in _MAKING.items()})
SalvagingUnpickler.dispatch.update(
    {
        opcode[0]: _unless_into_placeholder(_PythonUnpickler.dispatch[opcode[0]], count)
        for opcode, count in _PUTTING.items()
    }
)
