"""The names of a session: where they live, and how a restored set of them is put in place in one update."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from timeslip.interrupts import open_to_interrupts


class Namespace(Protocol):
    """What the engine needs of a namespace. Node keys are variable names, and ``Out[n]``, ``_``, ``__``, ``___``.

    Attributes:
        globals: the dict that user code runs in and that its functions have as ``__globals__``. Never replaced.
        seeds: further objects of the session that values may refer to but that are not state (history lists, shell).
        left_out: keys of `globals` that the last snapshot had to leave out, because nothing can be recorded under them.
    """

    @property
    def globals(self) -> dict[str, Any]: ...  # noqa: D102 - see the attributes of the class

    @property
    def seeds(self) -> Sequence[Any]: ...  # noqa: D102

    @property
    def left_out(self) -> frozenset[str]: ...  # noqa: D102

    def snapshot(self) -> dict[str, Any]:
        """Every state name with its present object; a new dict, without walking into any value."""

    def apply(self, update: Mapping[str, Any], delete: Iterable[str]) -> None:
        """Bind and unbind names, in one go. The caller has kept what it needs to go back."""

    def transform(self, code: str) -> str:
        """Cell text as plain Python (magics turned into calls)."""

    def execute(self, code: str) -> None:
        """Run plain Python from `transform` in `globals`, nothing displayed; raises what the code raises.

        Interrupts that are held back come through while the code runs.
        """


_COMPILERS = ("__compiled_fn_", "__resume_at_", "__builtins_dict__", "__import_")
_COMPILERS_NAME = re.compile(
    r"__compiled_fn_\d+\w*$|__resume_at_\d+_\d+$|__builtins_dict___\d+$|__import_(torch|math|\w+_dot_\w+)\w*$"
)


def take_out_odd(state: dict[Any, Any]) -> frozenset[str]:
    """Remove the keys that are no possible names of a record; those of them that are text.

    ``globals()`` accepts any key. No code can name what is no text, has no UTF-8 form or looks like a node key, and
    no store could tell them apart. One pass at C speed where there is none.

    What ``torch.compile`` puts into the globals of functions that it compiles is removed as well, and not told: it
    belongs to compiled code, which stays in the process whatever is brought back, and is made anew in the next.
    """
    try:
        joined = "".join(state)
        joined.encode()
        if any(map(joined.__contains__, _COMPILERS)):
            for name in [name for name in state if _COMPILERS_NAME.match(name)]:
                del state[name]
            joined = "".join(state)
        if ":" not in joined and "[" not in joined and "\0" not in joined:
            return frozenset()
    except (TypeError, UnicodeEncodeError):
        pass
    odd = [name for name in state if type(name) is not str or _is_odd(name)]
    for name in odd:
        del state[name]
    return frozenset(ascii(name) for name in odd if type(name) is str)


def _is_odd(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return True
    return name.startswith(("def:", "facet:", "Out[")) or "\0" in name


HIDDEN = frozenset(
    {"__builtins__", "__name__", "__doc__", "__package__", "__loader__", "__spec__", "__file__", "__cached__"}
)


_MISSING: Any = object()


def is_own(name: str, value: Any, own: Mapping[str, Any]) -> bool:
    """Whether *value* is what Python has put under *name*, which *own* tells as it was when nobody had changed it.

    Python puts the builtins anywhere where code is run. Texts that are equal are one and the same.
    """
    if name == "__builtins__" and (value is builtins or value is builtins.__dict__):
        return True
    known = own.get(name, _MISSING)
    return value is known or (type(value) is str and type(known) is str and value == known)


class PlainNamespace:
    """A namespace that is just a dict.

    What Python keeps in a module under dunder names, see `HIDDEN`, is state only where the user has put something else.
    """

    def __init__(self, namespace: dict[str, Any], hidden: Iterable[str] = ()) -> None:
        self.globals = namespace
        self.seeds: Sequence[Any] = ()
        self.left_out: frozenset[str] = frozenset()
        self._hidden = HIDDEN | frozenset(hidden)
        self._own = {name: namespace[name] for name in self._hidden if name in namespace}

    def snapshot(self) -> dict[str, Any]:
        """See `Namespace.snapshot`. Names that are not text (possible through ``globals()``) are left alone."""
        state = self.globals.copy()  # at once, and what is hidden taken out: 25 times as fast as looking at each name
        for name in self._hidden:
            if name in state and is_own(name, state[name], self._own):
                del state[name]
        self.left_out = take_out_odd(state)
        return state

    def apply(self, update: Mapping[str, Any], delete: Iterable[str]) -> None:
        """See `Namespace.apply`."""
        for name in delete:
            self.globals.pop(name, None)
        for name, value in self._own.items():
            self.globals.setdefault(name, value)
        self.globals.update(update)

    def transform(self, code: str) -> str:
        """See `Namespace.transform`: there are no magics here."""
        return code

    def execute(self, code: str) -> None:
        """See `Namespace.execute`."""
        with open_to_interrupts():
            # Replay runs recorded code of this user, whose records carry the key of this user.
            exec(compile(code, "<replayed cell>", "exec", dont_inherit=True), self.globals)  # noqa: S102
