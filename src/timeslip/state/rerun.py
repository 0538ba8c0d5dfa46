"""Whether a cell may be run again without being asked for: whether it stays within the session.

The rule. A cell is run again unasked only if everything that it can reach is known to keep to the session; whatever is
not known counts as touching the outside. In detail:

* *Code of the session* is read: the cell, and all functions and classes of the session that it can reach.
* *Modules of the user's own*, that is neither the standard library nor installed in site-packages, are read in the
  same way, function by function, from the code objects that are loaded. One that would have to be loaded first counts
  as outside: its file may have changed. Variables of such modules that are reached are told (`Examined.variables`),
  because they are not among the names of the session and have to be put back.
* *The standard library* counts as outside, except for the parts listed in `timeslip.state.libraries`; of these, what
  reads a clock, a file and so on is listed in `timeslip.state.outside`.
* *Installed libraries* count as outside, except for those listed as computing and drawing, and of these again what is
  listed as reading, writing or setting something for the whole process.
* *Attributes of an object that is not known* count by their spelling (``x.to_csv`` writes a file). What the object may
  be is limited by what the inputs hold: an instance of a class of an unknown library anywhere in them is enough.
* Code that cannot be followed (``exec``, ``globals()``, unpickling), threads, tasks, top-level ``await``, code handed
  to a library to be called later, and attributes set on modules and classes of libraries count as outside, too.

The price of "outside" is a placeholder and one command; the price of a mistake the other way is an order sent twice. As
a second line, what Python reports of files, processes and the network is stopped while such a cell runs
(`timeslip.state.fence`).

Runs no user code: values are looked at by exact type and through their own dictionaries. Safe in any thread.
"""

from __future__ import annotations

import builtins
import functools
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from timeslip.codec.definitions import HEAP_TYPE
from timeslip.codec.placeholder import Placeholder
from timeslip.state.bytecode import facts_of_code
from timeslip.state.facts import CodeFacts, Use
from timeslip.state.libraries import distrusted, is_harmless_module, is_setting, origin
from timeslip.state.outside import classify
from timeslip.state.reach import SESSION, is_foreign_function, path_of_value
from timeslip.state.source import awaits, facts_of_source

_MISSING: Any = object()
_MOST_CODE = 20_000
"""More pieces of code than this are not read; such a cell counts as outside."""
_MOST_ITEMS = 2_000
"""Containers in variables of the user's modules are looked into up to so many items."""

Lookup = Callable[[str], Any]

_PATH_METHODS = frozenset({
    "absolute", "cwd", "glob", "group", "home", "is_block_device", "is_char_device", "is_fifo", "is_junction",
    "is_mount", "is_socket", "is_symlink", "owner", "rename", "replace", "resolve", "stat", "walk",
})  # fmt: skip
"""Methods of `pathlib.Path` whose names mean something else on other objects."""
_PLAIN = frozenset({
    int, float, complex, bool, str, bytes, type(None), type(Ellipsis), type(NotImplemented), range, slice,
})  # fmt: skip
_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
_CALLS = frozenset({types.BuiltinFunctionType, types.MethodWrapperType, types.WrapperDescriptorType,
                    types.MethodDescriptorType, types.ClassMethodDescriptorType})  # fmt: skip
_FUNCTIONS = frozenset({types.FunctionType, types.BuiltinFunctionType})
_QUIET_BACKENDS = ("agg", "cairo", "inline", "pdf", "pgf", "ps", "svg", "template", "ipympl", "nbagg", "widget")


@dataclass(slots=True)
class Examined:
    """What was found.

    Attributes:
        reasons: why the cell is not to be run unasked, phrases for people; empty when it may be.
        stores: attribute names that the code read may set on some object.
        variables: live objects of the user's own modules that the code may change.
        containers: live lists, dicts and sets that modules of libraries hold, which the code may change.
        draws: it uses the figures of pyplot.
    """

    reasons: tuple[str, ...] = ()
    stores: frozenset[str] = frozenset()
    variables: tuple[Any, ...] = ()
    containers: tuple[Any, ...] = ()
    draws: bool = False


@dataclass(slots=True)
class _Findings:
    reasons: dict[str, None] = field(default_factory=dict)
    stores: set[str] = field(default_factory=set)
    variables: dict[int, Any] = field(default_factory=dict)
    containers: dict[int, Any] = field(default_factory=dict)
    draws: bool = False


def examine(
    source: str,
    values: Mapping[str, Any],
    codes: Iterable[types.CodeType] = (),
    held: Iterable[tuple[str, str]] = (),
    namespace: dict[str, Any] | None = None,
) -> Examined:
    """Look at a cell and at what it can reach.

    Args:
        source: the cell as plain Python.
        values: what the names are bound to when it begins.
        codes: code of the functions of the session that it can reach.
        held: (module, qualified name) of everything that the values refer to by name, at any depth.
        namespace: the session's globals, to tell its functions from others.
    """
    examiner = _Examiner(values, namespace)
    if awaits(source):
        examiner.say("waits for something (await)")
    examiner.add(facts_of_source(source), examiner.in_session, "")
    for code in codes:
        examiner.add_code(code, examiner.in_session, "")
    for module, name in held:
        examiner.held(module, name)
    examiner.run()
    found = examiner.found
    return Examined(
        tuple(found.reasons),
        frozenset(found.stores),
        tuple(found.variables.values()),
        tuple(found.containers.values()),
        found.draws,
    )


class _Examiner:
    """One examination: a queue of code to read, each with a way to look its global names up."""

    def __init__(self, values: Mapping[str, Any], namespace: dict[str, Any] | None) -> None:
        self.found = _Findings()
        self._values = values
        self._namespace = namespace
        self._queue: list[tuple[CodeFacts, Lookup, str]] = []
        self._codes: dict[int, Any] = {}
        self._seen: dict[int, Any] = {}
        self._paths = False

    def say(self, reason: str) -> None:
        """One more reason."""
        self.found.reasons[reason] = None

    def in_session(self, name: str) -> Any:
        """What a global name means to code of the session."""
        value = self._values.get(name, _MISSING)
        return value if value is not _MISSING else builtins.__dict__.get(name, _MISSING)

    def add(self, facts: CodeFacts, lookup: Lookup, package: str) -> None:
        """Read *facts* later; *package* is what its relative imports start from."""
        self._queue.append((facts, lookup, package))

    def add_code(self, code: types.CodeType, lookup: Lookup, package: str) -> None:
        """Read a code object later, once."""
        if id(code) in self._codes:
            return
        self._codes[id(code)] = code
        if len(self._codes) > _MOST_CODE:
            self.say("reaches more code than can be read")
        else:
            self.add(facts_of_code(code), lookup, package)

    def run(self) -> None:
        """Work the queue off. What is said of paths waits until it is known whether any are there."""
        spelled: set[str] = set()
        while self._queue:
            facts, lookup, package = self._queue.pop()
            spelled |= facts.attributes
            self._piece(facts, lookup, package)
        for name in sorted(spelled & _PATH_METHODS) if self._paths else ():
            self.say(f"looks at the file system (.{name})")

    # ---- one piece of code

    def _piece(self, facts: CodeFacts, lookup: Lookup, package: str) -> None:
        self.found.stores |= facts.stores
        for module in facts.imports:
            self._import(_absolute(module, package))
        if facts.computed:
            self.say("takes attributes by computed names (getattr)")
        sets_by_name = not facts.reads.isdisjoint(_SETTERS)
        own = bool(package) or lookup != self.in_session
        if own and facts.binds:
            self.found.stores |= facts.binds
            self.say(f"changes variables of a module ({', '.join(sorted(facts.binds))})")
        for use in facts.uses:
            self._use(use, facts, lookup, package, own, sets_by_name)

    def _import(self, module: str) -> None:
        where = origin(module)
        if where == "missing":
            self.say(f"loads a module that cannot be found ({module})")
        elif where == "own" and sys.modules.get(module) is None:
            self.say(f"loads a module that is not installed ({module})")
        elif where == "installed" and sys.modules.get(module.partition(".")[0]) is None:
            reason = distrusted(module)
            if reason is not None:
                self.say(f"loads {module}, of which it is not known what it touches")

    def _use(self, use: Use, facts: CodeFacts, lookup: Lookup, package: str, own: bool, sets_by_name: bool) -> None:
        if use.fixed is not None:
            self.say(use.fixed.reason)
            return
        if use.root == "__builtins__":
            self.say("reaches every name of the session (__builtins__)")
            return
        if use.known:
            path = _absolute(use.path, package)
            value = _resolve(path)
            if value is _MISSING:
                self.path(path, use.follow, module_function=True)
            else:
                if not value[1]:
                    self._held_by_module(value[0], path)
                self._value(value[0], value[1], use.follow, sets_by_name)
            return
        value = lookup(use.root) if use.root else _MISSING
        if value is _MISSING or use.root in facts.binds:
            for finding in use.findings():
                self.say(finding.reason)
        if value is not _MISSING:
            if own:
                self._variable(value)
            self._value(value, _names(use.rest), use.follow, sets_by_name and use.root not in _SETTERS)

    # ---- values

    def _value(self, value: Any, names: list[str], follow: str, sets_by_name: bool = False) -> None:
        """What it means that code uses *value* and then the attributes *names* of it."""
        assigned = follow == "=" and bool(names)
        walked = names[:-1] if assigned else names
        obj, rest, through = _walk(value, walked)
        live = issubclass(type(through), types.ModuleType)
        spelled = self._spell(value, walked) if walked else ""
        if spelled and not spelled.startswith(("?", SESSION)):
            self._findings(spelled, [], follow)
        if assigned and self._is_shared(obj, rest, live):
            self.say(f"changes an attribute of a library ({self._spell(obj, rest + names[-1:])})")
            return
        if sets_by_name and follow.startswith(("text:", "name")) and self._is_shared(obj, rest, live=False):
            self.say(f"may change an attribute of a library ({self._spell(obj, rest)})")
        if (
            rest
            and rest[0] in ("__dict__", "__setattr__")
            and obj is not object
            and self._is_shared(obj, [], live=False)
        ):
            self.say(f"may change an attribute of a library ({self._spell(obj, rest)})")
        follow = "" if assigned else follow
        if issubclass(type(obj), types.ModuleType) and not rest and obj.__dict__ is not self._namespace:
            self.say(f"hands on a module ({self._spell(obj, [])})")
        if live:
            self._held_by_module(obj, spelled)
        if live and origin(spelled) in ("standard", "installed") and not _is_made_of_code(obj):
            self.path(spelled, follow)  # an object that a module of a library holds: its name says more than its type
        else:
            self.thing(obj, rest, follow, module_function=live and not rest)

    def _held_by_module(self, obj: Any, path: str) -> None:
        """Take note of what code of the session can change in a module without setting an attribute."""
        if origin(path) == "own":
            self._variable(obj)
        elif type(obj) in (list, dict, set) and obj is not sys.modules:
            self.found.containers[id(obj)] = obj

    def _is_shared(self, obj: Any, rest: list[str], live: bool) -> bool:
        """Whether *obj* is a module, class or function that does not belong to the session, or held by a module."""
        if rest:
            return live
        kind = type(obj)
        if issubclass(kind, types.ModuleType):
            return obj.__dict__ is not self._namespace
        if kind in _CALLS or (issubclass(kind, type) and not type.__dict__["__flags__"].__get__(obj) & HEAP_TYPE):
            return False  # no attribute can be set on it
        if issubclass(kind, type) or kind is types.FunctionType:
            return path_of_value(obj, self._namespace) != SESSION
        return live and path_of_value(obj, self._namespace) != SESSION

    def _spell(self, obj: Any, rest: list[str]) -> str:
        return ".".join([path_of_value(obj, self._namespace) or "?", *rest])

    def thing(self, obj: Any, rest: list[str], follow: str, *, module_function: bool = False) -> None:
        """What it means that code has *obj* in hand, and uses the attributes *rest* of it."""
        kind = type(obj)
        if kind is types.FunctionType:
            self._function(obj, rest, follow, module_function)
        elif kind is functools._lru_cache_wrapper:
            self.thing(obj.__wrapped__, [], "")
            self._findings("?", rest, follow)
        elif kind is types.MethodType:
            self.thing(obj.__func__, rest, follow)
            self.thing(obj.__self__, [], "")
        elif kind is functools.partial:
            for part in (obj.func, *obj.args, *obj.keywords.values()):
                self.thing(part, [], "")
        elif kind in (staticmethod, classmethod):
            self.thing(obj.__func__, rest, follow)
        elif kind is property:
            for part in filter(None, (obj.fget, obj.fset, obj.fdel)):
                self.thing(part, [], "")
        elif issubclass(kind, types.ModuleType):
            self._module(obj, rest, follow)
        elif issubclass(kind, type):
            self._class(obj)
            if origin(path_of_value(obj) or "?") in ("session", "own"):
                self._findings(SESSION, rest, follow)
            else:
                self._library(obj, rest, follow)
        else:
            self._instance(obj, rest, follow)

    def _module(self, module: types.ModuleType, rest: list[str], follow: str) -> None:
        name = object.__getattribute__(module, "__dict__").get("__name__")
        if rest and type(name) is str:
            # made when asked for, or not there
            self.path(".".join([name, *rest]), follow, module_function=len(rest) == 1)
        elif object.__getattribute__(module, "__dict__") is not self._namespace and not is_harmless_module(name):
            self.say(f"hands on a module ({name})")

    def _function(self, function: types.FunctionType, rest: list[str], follow: str, module_function: bool) -> None:
        self._findings("?", rest, follow)
        if function.__globals__ is self._namespace:
            self.add_code(function.__code__, self.in_session, "")
        elif self._is_read(function):
            names = function.__globals__
            package = names.get("__package__") or ""
            self.add_code(function.__code__, functools.partial(_in_module, names), str(package) or "?")
            for part in (function.__dict__, function.__defaults__, function.__kwdefaults__):
                self._variable(part)
        else:
            self._library(function, rest, follow, module_function)
            return
        if id(function) in self._seen:
            return
        self._seen[id(function)] = function
        for cell in function.__closure__ or ():
            self._contents(_content_of_cell(cell))
        for part in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._contents(part)

    def _is_read(self, function: types.FunctionType) -> bool:
        """Whether the code of a function is the session's, of a module of the user's, or was made at run time."""
        names = function.__globals__
        if names is self._namespace:
            return True
        module = str(names.get("__name__"))
        loaded = sys.modules.get(module)
        if loaded is None or object.__getattribute__(loaded, "__dict__") is not names:
            return True  # of no module that could be trusted: made by exec, as the methods of named tuples are
        return origin(module) == "own"

    def _class(self, kind: type) -> None:
        """Read the methods of a class of the session or of a module of the user's, and of its bases."""
        if id(kind) in self._seen:
            return
        self._seen[id(kind)] = kind
        if origin(path_of_value(kind) or "?") not in ("session", "own"):
            return
        for base in type.__dict__["__mro__"].__get__(kind):
            path = path_of_value(base) or ""
            where = origin(path)
            if where not in ("session", "own"):
                if base is not kind and base is not object:
                    self.path(path, "")
                continue
            for part in list(type.__dict__["__dict__"].__get__(base).values()):
                if where == "own":
                    self._variable(part)
                self._contents(part)

    def _instance(self, obj: Any, rest: list[str], follow: str) -> None:
        kind = type(obj)
        self._class(kind)
        path = path_of_value(obj, self._namespace)
        if kind in _PLAIN:
            self._findings(SESSION, rest, follow)
        elif origin(path or "?") in ("session", "own"):
            method = _class_attribute(kind, rest[0]) if rest else _MISSING
            if type(method) is not types.FunctionType or not self._is_read(method):
                self._findings(SESSION, rest, follow)
            elif rest[1:]:
                self._findings(SESSION, rest[1:], follow)  # the method itself is read: its name says nothing
        else:
            self._library(obj, rest, follow)
        if kind in _CONTAINERS:
            self._contents(obj)

    def _contents(self, value: Any) -> None:
        """Look at what a container of a module, a closure or a class holds, level by level."""
        work, count = [value], 0
        while work:
            item = work.pop()
            kind = type(item)
            if kind in _PLAIN or item is _MISSING or (kind in _CONTAINERS and id(item) in self._seen):
                continue
            count += 1
            if count > _MOST_ITEMS:
                self.say("reaches more objects than can be looked at")
                return
            if kind not in _CONTAINERS:
                self.thing(item, [], "")
                continue
            self._seen[id(item)] = item
            work += [*item.keys(), *item.values()] if kind is dict else item

    def _variable(self, value: Any) -> None:
        """A live object of a module of the user's."""
        kind = type(value)
        if kind not in _PLAIN and kind not in _CALLS and not issubclass(kind, types.ModuleType):
            self.found.variables[id(value)] = value

    # ---- names of libraries

    def held(self, module: str, name: str) -> None:
        """Something that the values refer to by name."""
        if module.partition(".")[0] == "timeslip":
            return
        if module == "?":
            self._findings("?", name.split("."), "")
            return
        where = origin(module)
        if where == "session":
            return
        value = _resolve(f"{module}.{name}") if name else (sys.modules.get(module), [])
        if where == "own" and value is not _MISSING and not value[1]:
            self.thing(value[0], [], "")
        elif name or not is_harmless_module(module):
            self.path(f"{module}.{name}" if name else module, "")
            if not name:
                self.say(f"hands on a module ({module})")

    def _library(self, obj: Any, rest: list[str], follow: str, module_function: bool = False) -> None:
        path = path_of_value(obj, self._namespace)
        if path is None and type(obj) is Placeholder:
            self.say(f"uses {obj.timeslip_name}, which is not here itself")
        if path is None:
            self.say(f"uses something of which it is not known what it touches ({type(obj).__name__})")
            return
        function = type(obj) in _FUNCTIONS or is_foreign_function(type(obj))
        plain = not rest and function and "." not in str(obj.__qualname__)
        self.path(".".join([path, *rest]), follow, module_function=module_function or plain)

    def path(self, path: str, follow: str, *, module_function: bool = False) -> None:
        """What a dotted path of a library says."""
        self._paths = self._paths or path.startswith("pathlib.")
        self._findings(path, [], follow)
        where = origin(path)
        if where == "session" or path.startswith("?"):
            return
        if where in ("own", "missing"):
            self.say(f"uses {path}, whose code cannot be read")
            return
        reason = distrusted(path)
        if reason is not None:
            self.say(reason)
        if module_function and is_setting(path):
            self.say(f"changes a setting of a library ({path})")
        if path.startswith("matplotlib.pyplot"):
            self.found.draws = True
            if path.endswith(".show") and not _quiet_backend():
                self.say("opens a window (matplotlib.pyplot.show)")

    def _findings(self, path: str, rest: list[str], follow: str) -> None:
        spelled = ".".join([path, *rest])
        if follow in ("text:now", "text:today") and spelled.rpartition(".")[2] in _NOW:
            self.say(f"reads a clock ({spelled})")
        for finding in classify(spelled, path != "?", "" if follow == "=" else follow):
            self.say(finding.reason)


def _is_made_of_code(obj: Any) -> bool:
    kind = type(obj)
    return kind is types.FunctionType or kind is types.MethodType or issubclass(kind, (type, types.ModuleType))


_SETTERS = ("setattr", "delattr")
_NOW = frozenset({"Timestamp", "datetime64", "to_datetime", "Period"})


def _names(rest: str) -> list[str]:
    return rest.split(".")[1:]


def _walk(value: Any, names: list[str]) -> tuple[Any, list[str], Any]:
    """Follow *names* through modules and classes without running code: (object, names left, its holder)."""
    holder: Any = None
    names = list(names)
    while names:
        kind = type(value)
        if issubclass(kind, types.ModuleType):
            found = object.__getattribute__(value, "__dict__").get(names[0], _MISSING)
        elif issubclass(kind, type):
            found = _class_attribute(value, names[0])
        else:
            break
        if found is _MISSING:
            break
        holder, value = value, found
        names.pop(0)
    return value, names, holder


def _class_attribute(kind: type, name: str) -> Any:
    for base in type.__dict__["__mro__"].__get__(kind):
        names = type.__dict__["__dict__"].__get__(base)
        if name in names:
            found = names[name]
            # A descriptor of C says no more than its path: leave it to the tables.
            return _MISSING if type(found) in _CALLS or type(found) is types.GetSetDescriptorType else found
    return _MISSING


def _resolve(path: str) -> Any:
    """The object at a dotted path, (object, names left), going by the modules that are loaded."""
    parts = path.split(".")
    for count in range(len(parts), 0, -1):
        module = sys.modules.get(".".join(parts[:count]))
        if module is not None:
            obj, rest, _ = _walk(module, parts[count:])
            return (obj, rest)
    return _MISSING


def _absolute(module: str, package: str) -> str:
    """A module as written in an import, relative to *package*, by its full name."""
    level = len(module) - len(module.lstrip("."))
    if not level:
        return module
    base = package.split(".")
    return ".".join([*base[: len(base) - level + 1], module[level:]]).strip(".") or "?"


def _in_module(names: Mapping[str, Any], name: str) -> Any:
    value = names.get(name, _MISSING)
    return value if value is not _MISSING else builtins.__dict__.get(name, _MISSING)


def _content_of_cell(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


def _quiet_backend() -> bool:
    """Whether showing a figure opens no window."""
    rc = getattr(sys.modules.get("matplotlib"), "rcParams", None)
    backend = dict.get(rc, "backend") if isinstance(rc, dict) else None
    return type(backend) is str and any(name in backend.lower() for name in _QUIET_BACKENDS)
