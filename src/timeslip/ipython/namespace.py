"""IPython's namespace for the engine: variables and outputs under node keys, read in one scan, changed in one swap.

What is state and what is not:

* every name of the user's dict is state, underscore names included, unless IPython itself put that very object there
  (``user_ns_hidden``): a hidden name that the user rebinds is state;
* each ``Out[n]``, and ``_``, ``__``, ``___``, is a node of its own; ``_3`` is one only when it is not just ``Out[3]``;
* ``In``, ``_i*``, ``_ih``, ``_dh``, ``_oh`` and what an editor or the interpreter keeps there are a log, not state.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from timeslip.errors import NamespaceError
from timeslip.interrupts import open_to_interrupts
from timeslip.state.namespace import take_out_odd

UNDERS = ("_", "__", "___")
"""Names that the display hook sets to the last outputs."""

_MODULE_NAMES = ("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__builtin__", "__builtins__")
_FOREIGN = ("__warningregistry__", "__vsc_ipynb_file__", "_i", "_ii", "_iii")
_NUMBERED = re.compile(r"_(\d+)\Z")
_MISSING = object()


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
        self.globals: dict[str, Any] = shell.user_ns
        self.left_out: frozenset[str] = frozenset()
        history = [shell.user_ns_hidden.get(name) for name in ("In", "Out", "_dh")]
        self.seeds: Sequence[Any] = (shell, *(value for value in history if value is not None))

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
        names, missing = self.globals, _MISSING
        # Copying the dict and taking out what is hidden is twice as fast as asking for every name whether it is.
        state = names.copy()
        for name, value in self._shell.user_ns_hidden.items():
            if state.get(name, missing) is value:
                del state[name]
        for name, value in self._module_names.items():
            if state.get(name, missing) is value:
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
        self._add_outputs(state)
        return state

    def _add_outputs(self, state: dict[str, Any]) -> None:
        outputs, names = self._outputs(), self.globals
        for number, value in outputs.items():
            keys = self._keys.get(number)
            if keys is None:
                keys = self._keys[number] = (f"Out[{number!r}]", f"_{number}")
            state[keys[0]] = value
            if state.get(keys[1], _MISSING) is value:
                del state[keys[1]]
        for number, (_, name) in self._keys.items():
            # The user deleted Out[3] and not _3: that name stands for itself now.
            if number not in outputs and name in names:
                state[name] = names[name]

    def _outputs(self) -> dict[Any, Any]:
        outputs = self._shell.user_ns.get("_oh")
        return outputs if isinstance(outputs, dict) else {}

    def apply(self, update: Mapping[str, Any], delete: Iterable[str]) -> None:
        """Bind and unbind in one swap, ``Out`` entries, their ``_n`` and the display hook's own copies included.

        *update* maps node keys to objects; *delete* lists node keys, absent ones are ignored. Other names are left
        alone: same objects, same ids. Nothing here runs users' code, except finalizers of what is let go.
        """
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
            if name not in aliases:
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
