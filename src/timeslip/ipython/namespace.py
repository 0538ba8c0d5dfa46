"""IPython's namespace for the engine: variables and outputs under node keys, read in one scan, changed in one swap.

What is state and what is not:

* every name of the user's dict is state, underscore names included, unless IPython itself put that very object there
  (``user_ns_hidden``): a hidden name that the user rebinds is state, and IPython's own again where it is not;
* each ``Out[n]``, and ``_``, ``__``, ``___``, is a node of its own; ``_3`` is one only when it is not just ``Out[3]``;
* ``In``, ``_i*``, ``_ih``, ``_dh``, ``_oh`` and what an editor or the interpreter keeps there are a log, not state.

IPython leaves an ``_i<n>`` for every cell and an ``_<n>`` for every output. These names are sorted out once and then
set aside, so that a snapshot costs the same after the ten thousandth cell.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import compress, filterfalse, islice, repeat
from operator import is_not
from typing import Any

from timeslip.errors import NamespaceError
from timeslip.interrupts import open_to_interrupts
from timeslip.state.namespace import is_own, take_out_odd

UNDERS = ("_", "__", "___")
"""Names that the display hook sets to the last outputs."""

_MODULE_NAMES = ("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__builtin__", "__builtins__")
_FOREIGN = ("__warningregistry__", "__vsc_ipynb_file__", "_i", "_ii", "_iii")
_NUMBERED = re.compile(r"_(\d+)\Z")
_LEFT_BEHIND = re.compile(r"_i?\d+\Z")
_INPUT = re.compile(r"\b_i\d+\b")
_MISSING = object()

_IN_TURN = 100
"""So many names of earlier inputs are looked at for each snapshot: whether the user has bound them since."""

_ANEW = 100
"""After so many snapshots all names are gone through, whatever seems to have happened to them."""


class _Ends:
    """Tells what was added at the end of a dict that hardly ever loses a key, without going through the others.

    Even to count references to thousands of keys takes longer than all the rest of recording a small run.
    """

    def __init__(self) -> None:
        self._mark: str | None = None
        self._before = 0

    def added(self, mapping: dict[str, Any]) -> list[str] | None:
        """The keys after the mark; None when it cannot be told what was added."""
        found: list[str] = []
        try:
            for key in reversed(mapping):
                if key is self._mark:
                    return found[::-1] if len(mapping) == self._before + len(found) else None
                found.append(key)
        except RuntimeError:  # a thread of the user's binds names at this moment
            return None
        return None

    def mark(self, mapping: dict[str, Any], marks: Container[str]) -> None:
        """The last key that is one of *marks* is the mark: one that nobody takes out and puts in again."""
        for after, key in enumerate(reversed(mapping)):
            if key in marks:
                self._mark, self._before = key, len(mapping) - after
                return


class IPythonNamespace:
    """The namespace of an `InteractiveShell`.

    The dict stays the plain one that IPython made; functions' ``__globals__`` is this dict. Not safe from several
    threads at once: the engine calls it between runs, on the thread that runs cells. Holds no reference to a user's
    object.

    Attributes:
        globals: the dict that user code runs in.
        seeds: objects of IPython's that values may refer to but that are not state.
        left_out: keys that the last snapshot had to leave out.

    Raises:
        NamespaceError: the shell runs code in two different dicts (an embedded shell), which cannot be recorded.
    """

    def __init__(self, shell: Any) -> None:
        if shell.user_ns is not shell.user_global_ns:
            raise NamespaceError(
                "this shell keeps local and global names apart, so it cannot be recorded",
                hint="an embedded IPython works on the frame it was called from; use timeslip.attach() there",
            )
        self._shell = shell
        self._module_names = {name: shell.user_ns[name] for name in _MODULE_NAMES if name in shell.user_ns}
        self._keys: dict[Any, tuple[str, str]] = {}
        self._picks = 0
        self._start_anew()
        self.globals: dict[str, Any] = shell.user_ns
        self.left_out: frozenset[str] = frozenset()
        history = [shell.user_ns_hidden.get(name) for name in ("In", "Out", "_dh")]
        own = [getattr(shell, name, None) for name in ("displayhook", "display_pub")]
        self.seeds: Sequence[Any] = (shell, *(value for value in (*history, *own) if value is not None))

    def transform(self, code: str) -> str:
        """Cell text as plain Python, magics turned into calls."""
        return str(self._shell.transform_cell(code))

    def execute(self, code: str) -> None:
        """Run plain Python from `transform` in `globals`; output and displays are swallowed. Raises what it raises.

        Code with top-level ``await`` runs to its end in an event loop of its own, in a thread, because the kernel's
        loop is busy with the request that asked for this.
        """
        from IPython.utils.capture import capture_output

        compiled = compile(code, "<replayed cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        with capture_output(), open_to_interrupts():
            if compiled.co_flags & inspect.CO_COROUTINE:
                _run_to_end(eval(compiled, self.globals))  # noqa: S307  # replay runs the user's own recorded code
            else:
                exec(compiled, self.globals)  # noqa: S102  # the same

    def snapshot(self) -> dict[str, Any]:
        """Node key -> object for every name of the state; about 0.03 µs a name."""
        names, missing, hidden = self.globals, _MISSING, self._shell.user_ns_hidden
        self._sort(hidden)
        # Copying the dict and taking out what is set aside is faster than picking the others, unless they are few.
        if 2 * len(self._aside) < len(names):
            state = names.copy()
            deque(map(state.pop, self._aside, repeat(None)), 0)
        else:
            state = self._picked()
        for name in self._hidden:
            if name in state and state[name] is hidden.get(name, missing):
                del state[name]
        for name in self._module_names:
            if name in state and is_own(name, state[name], self._module_names):
                del state[name]
        for name in _FOREIGN:
            state.pop(name, None)
        for name in UNDERS:
            # IPython begins with empty texts there: no output yet is no state.
            value = names.get(name, "")
            if type(value) is not str or value:
                state[name] = value
            else:
                state.pop(name, None)
        self.left_out = take_out_odd(state)
        self._add_outputs(state, hidden)
        return state

    def _start_anew(self) -> None:
        """Nothing is sorted yet."""
        self._hidden: dict[str, None] = {}  # names that may be what IPython put there, to be compared every time
        self._aside: dict[str, None] = {}  # what it left behind, which hardly ever is state
        self._shown: dict[str, None] = {}  # the names of the dict that are not set aside, as far as they were picked
        self._inputs: dict[str, None] = {}  # those of them that do not repeat an output
        self._turn: Iterator[str] = iter(())  # over these
        self._hidden_ends, self._name_ends = _Ends(), _Ends()
        self._outputs_known: list[Any] = []
        self._nodes: list[str] = []  # the node key of each output, in order
        self._repeats: list[str] = []  # the name that repeats each output
        self._repeating: set[str] = set()  # the same
        self._orphans: dict[str, None] = {}  # names that repeated an output that is gone

    def _sort(self, hidden: dict[str, Any]) -> None:
        """Bring up to date which names are set aside."""
        names, outputs = self.globals, self._outputs()
        numbers = list(outputs)
        made, put = numbers[len(self._outputs_known) :], self._hidden_ends.added(hidden)
        if put is None or numbers[: len(self._outputs_known)] != self._outputs_known:
            put, made, orphans = list(hidden), numbers, self._orphans
            self._start_anew()
            orphans.update((name, None) for number, (_, name) in self._keys.items() if number not in outputs)
            self._orphans = {name: None for name in orphans if name in names}
            self._keys = {number: keys for number, keys in self._keys.items() if number in outputs}
        # Any object can be a key, and none of the user's may be held.
        self._outputs_known = numbers if {int, str}.issuperset(map(type, made)) else [_MISSING]
        for number in made:
            node, name = self._keys.setdefault(number, (f"Out[{number!r}]", f"_{number}"))
            self._nodes.append(node)
            self._repeats.append(name)
            self._repeating.add(name)
            self._orphans.pop(name, None)
            self._inputs.pop(name, None)
            self._set_aside(name)
        for name in put:
            if _LEFT_BEHIND.match(name):
                self._set_aside(name)
                if name not in self._repeating:
                    self._inputs[name] = None
            else:
                self._hidden[name] = None
        if put:
            self._hidden_ends.mark(hidden, hidden)
        looked_at = self._inputs_to_look_at()
        mine = list(map(names.get, looked_at, repeat(_MISSING)))
        differ = map(is_not, mine, map(hidden.get, looked_at, repeat(_MISSING)))
        for name, value in compress(zip(looked_at, mine, strict=True), differ):
            if value is not _MISSING:  # bound to something of the user's
                del self._aside[name], self._inputs[name]
                self._shown[name] = self._hidden[name] = None

    def _inputs_to_look_at(self) -> list[str]:
        """Those that the last cell mentions, and some others in turn, for what binds a name without saying it."""
        history = self._shell.user_ns.get("In")
        last = history[-1] if isinstance(history, list) and history else ""
        wanted = _INPUT.findall(last) if isinstance(last, str) and "_i" in last else []
        some = list(islice(self._turn, _IN_TURN))
        if len(some) < _IN_TURN:
            self._turn = iter(list(self._inputs))
            some += islice(self._turn, _IN_TURN - len(some))
        return list(filter(self._inputs.__contains__, dict.fromkeys([*wanted, *some])))

    def _set_aside(self, name: str) -> None:
        self._aside[name] = None
        self._shown.pop(name, None)

    def _picked(self) -> dict[str, Any]:
        """The names that are not set aside, with their objects."""
        names, shown = self.globals, self._shown
        added = self._name_ends.added(names)
        self._picks += 1
        if added is not None and self._picks % _ANEW:
            shown.update((name, None) for name in added if name not in self._aside)
            self._name_ends.mark(names, self._aside)
            with suppress(KeyError):  # one was deleted
                return dict(zip(shown, map(names.__getitem__, shown), strict=True))
        self._shown = shown = dict.fromkeys(filterfalse(self._aside.__contains__, names.copy()))
        self._name_ends.mark(names, self._aside)
        now = names.copy()  # in one step: a thread of the user's may bind and unbind names meanwhile
        return {name: now[name] for name in shown if name in now}

    def _add_outputs(self, state: dict[str, Any], hidden: Mapping[str, Any]) -> None:
        outputs, names, missing = self._outputs(), self.globals, _MISSING
        state.update(zip(self._nodes, outputs.values(), strict=True))
        bound = map(names.get, self._repeats, repeat(missing))
        for name in compress(self._repeats, map(is_not, bound, outputs.values())):
            value = names.get(name, missing)
            if value is not missing and value is not hidden.get(name, missing):
                state[name] = value
        for name in self._orphans:
            # The user deleted Out[3] and not _3: that name stands for itself now.
            if name in names:
                state[name] = names[name]

    def _outputs(self) -> dict[Any, Any]:
        outputs = self._shell.user_ns.get("_oh")
        return outputs if isinstance(outputs, dict) else {}

    def _put_back_own(self) -> None:
        """What Python and IPython have in the namespace, where ``%reset`` or ``globals().clear()`` has taken it."""
        is_cleared = "_oh" not in self.globals or "__name__" not in self.globals
        for name, value in self._module_names.items():
            self.globals.setdefault(name, value)
        if is_cleared:
            self._shell.init_user_ns()

    def _own(self, name: str) -> Any:
        """What Python or IPython has put under a name itself; `_MISSING` for the user's names."""
        if name in self._module_names:
            return self._module_names[name]
        if name in UNDERS or _LEFT_BEHIND.match(name):
            return _MISSING
        return self._shell.user_ns_hidden.get(name, _MISSING)

    def apply(self, update: Mapping[str, Any], delete: Iterable[str]) -> None:
        """Bind and unbind in one swap, ``Out`` entries, their ``_n`` and the display hook's own copies included.

        *update* maps node keys to objects; *delete* lists node keys, absent ones are ignored. Other names are left
        alone: same objects, same ids. Nothing here runs users' code, except finalizers of what is let go.
        """
        self._put_back_own()
        outputs = self._outputs()
        names = {key: value for key, value in update.items() if not _is_output(key)}
        gone = [key for key in delete if not _is_output(key)]
        new_outputs = {_number(key): value for key, value in update.items() if _is_output(key)}
        gone_outputs = [_number(key) for key in delete if _is_output(key)]
        aliases = self._aliases(new_outputs, gone_outputs, names, gone)
        hidden = self._shell.user_ns_hidden
        for number in gone_outputs:
            outputs.pop(number, None)
        outputs.update(new_outputs)
        self.globals.update(names)
        for name, value in aliases.items():
            if value is _MISSING:
                self.globals.pop(name, None)
                hidden.pop(name, None)
            else:
                self.globals[name] = hidden[name] = value
        for name in gone:
            if name in aliases:
                continue
            if (own := self._own(name)) is not _MISSING:
                self.globals[name] = own
            else:
                self.globals.pop(name, None)
                hidden.pop(name, None)
        self._set_unders(names, gone)

    def _aliases(
        self, new: Mapping[Any, Any], gone: list[Any], names: Mapping[str, Any], gone_names: list[str]
    ) -> dict[str, Any]:
        """What becomes of each ``_n`` that merely repeats ``Out[n]``; `_MISSING` for one that goes."""
        outputs, namespace = self._outputs(), self.globals
        aliases: dict[str, Any] = {}
        for number in [*new, *gone]:
            name = f"_{number}"
            repeats = namespace.get(name, _MISSING) is outputs.get(number, _MISSING)
            if name not in names and (repeats or name not in namespace or name in gone_names):
                aliases[name] = new.get(number, _MISSING)
        for name in gone_names:
            match = _NUMBERED.match(name)
            if match and name not in aliases and int(match[1]) in outputs:
                aliases[name] = outputs[int(match[1])]
        return aliases

    def _set_unders(self, names: Mapping[str, Any], gone: list[str]) -> None:
        hook, hidden = self._shell.displayhook, self._shell.user_ns_hidden
        for name in UNDERS:
            if name in names:
                hidden[name] = names[name]
                setattr(hook, name, names[name])
            elif name in gone:
                self.globals[name] = hidden[name] = ""
                setattr(hook, name, "")


def _run_to_end(coroutine: Any) -> None:
    """Run a coroutine in a new event loop in a thread; raises here what it raises there."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1, "timeslip-replay") as pool:
        pool.submit(asyncio.run, coroutine).result()


def _is_output(key: str) -> bool:
    return key.startswith("Out[")


def _number(key: str) -> Any:
    return ast.literal_eval(key[4:-1])
