"""Attributes of modules and of libraries' classes that cells set: ``json.dumps = mine``, ``pd.DataFrame.foo = foo``.

What a module holds is not state, but what a cell has put there is: cells after it go on with it, and a new kernel does
not have it. Such an attribute is a *patch*. It is recorded like a variable, under ``module.attribute`` or
``module.Class.attribute``, as long as it holds something else than it did before the first cell that sets it.

Which attributes these are is read off a cell before it runs (`sought`), in functions that it defines, too, because only
then it can be seen what they hold. What is set by code in a file, or by other ways than a plain assignment, ``setattr``
and the registration of accessors, is not seen.
"""

from __future__ import annotations

import ast
import importlib
import sys
import types
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from timeslip.codec.definitions import is_a
from timeslip.codec.kinds import defines
from timeslip.codec.placeholder import Placeholder
from timeslip.state.namespace import Namespace
from timeslip.state.source import facts_of_source, parse, quiet

_MISSING = object()
"""The attribute is not there."""
_UNKNOWN = object()
"""What the attribute held before is not known: the module was imported by the very cell that sets it."""

_ACCESSORS = {
    "register_dataframe_accessor": "pandas.core.frame.DataFrame",
    "register_series_accessor": "pandas.core.series.Series",
    "register_index_accessor": "pandas.core.indexes.base.Index",
    "register_dataset_accessor": "xarray.core.dataset.Dataset",
    "register_dataarray_accessor": "xarray.core.dataarray.DataArray",
    "register_expr_namespace": "polars.expr.expr.Expr",
    "register_dataframe_namespace": "polars.dataframe.frame.DataFrame",
    "register_lazyframe_namespace": "polars.lazyframe.frame.LazyFrame",
    "register_series_namespace": "polars.series.series.Series",
}
"""Functions that set an attribute whose name is their first argument -> the class that they set it on."""
_BY_NAME = frozenset({"setattr", "delattr"})
_WATCHED = _BY_NAME | _ACCESSORS.keys()

_OF_OTHERS = {
    "sys": frozenset(
        "stdin stdout stderr __stdin__ __stdout__ __stderr__ path modules meta_path path_hooks path_importer_cache "
        "displayhook excepthook unraisablehook breakpointhook last_type last_value last_traceback last_exc ps1 ps2 ps3"
        .split()
    ),
    "os": frozenset({"environ"}),
    "warnings": frozenset({"filters"}),
    "matplotlib": frozenset({"rcParams"}),
    "matplotlib.pyplot": frozenset({"rcParams"}),
}  # fmt: skip
"""Module -> attributes that belong to the front end or the interpreter, or are recorded as a facet."""

_PLAIN = (int, float, str, bytes, bool, type(None))


@dataclass(slots=True)
class _Patch:
    """One attribute.

    Attributes:
        owner: the module or class that has it.
        attribute: its name.
        before: what it held before the first cell that sets it; `_MISSING`, `_UNKNOWN`.
        stand_in: a placeholder for what could not be put there, and what is there in its place.
        left: what is still there after it was to be taken out, because nobody saw what was there before.
    """

    owner: weakref.ref[Any]
    attribute: str
    before: Any
    stand_in: tuple[Placeholder, Any] | None = None
    left: Any = _MISSING


class PatchedNamespace:
    """A namespace with the patches of modules and classes among its names. See `Namespace`, which it is.

    Used between runs, by the thread that runs cells. Holds what a patched attribute held before, as long as it lives.

    Attributes:
        problems: what could not be put where it was, and of which patches it is not known what was there before; for
            whoever tells it, and empties the list.
    """

    def __init__(self, inner: Namespace) -> None:
        self._inner = inner
        self._patches: dict[str, _Patch] = {}
        self._late: dict[str, None] = {}
        self.problems: list[str] = []

    @property
    def globals(self) -> dict[str, Any]:
        """See `Namespace`."""
        return self._inner.globals

    @property
    def seeds(self) -> Sequence[Any]:
        """See `Namespace`."""
        return self._inner.seeds

    @property
    def left_out(self) -> frozenset[str]:
        """See `Namespace`."""
        return self._inner.left_out

    def transform(self, code: str) -> str:
        """See `Namespace`."""
        return self._inner.transform(code)

    def execute(self, code: str) -> None:
        """See `Namespace`."""
        self._inner.execute(code)

    def foresee(self, source: str) -> None:
        """*source*, plain Python, is about to run: see what the attributes hold that it may set.

        Costs a look at its facts, which are read anyway; a syntax tree only where it sets attributes at all.
        """
        facts = facts_of_source(source)
        if not facts.stores and _WATCHED.isdisjoint(facts.names | facts.attributes):
            return
        for path, attribute in sought(source, self.globals):
            owner = _at(path)
            if owner is None:
                self._late.setdefault(f"{path}.{attribute}")
            else:
                self._note(owner, attribute)

    def patched(self, attributes: Collection[str] | None) -> Iterator[str]:
        """The keys of patches whose attribute is one of *attributes*; of all for None."""
        for key, patch in self._patches.items():
            if attributes is None or patch.attribute in attributes:
                yield key

    def snapshot(self) -> dict[str, Any]:
        """See `Namespace`: names, and the patches that are in place."""
        found = self._inner.snapshot()
        for path in list(self._late):
            owner_path, _, attribute = path.rpartition(".")
            owner = _at(owner_path)
            if owner is not None:
                self._note(owner, attribute, _UNKNOWN)
            if path.partition(".")[0] in sys.modules:  # else the code that imports it has not run yet
                del self._late[path]
        for key, patch in list(self._patches.items()):
            owner = patch.owner()
            if owner is None or _key(owner, patch.attribute) != key:
                del self._patches[key]  # the module was thrown away, and what was put into it with it
                continue
            value = _read(owner, patch.attribute)
            if patch.stand_in is not None and patch.stand_in[1] is value:
                found[key] = patch.stand_in[0]
            elif value is not _MISSING and value is not patch.left and not _is_same(value, patch.before):
                found[key] = value
        return found

    def apply(self, update: Mapping[str, Any], delete: Iterable[str]) -> None:
        """See `Namespace`. Where an attribute cannot be set, it is as it was, and `problems` says so."""
        patches = {key: value for key, value in update.items() if _is_patch(key)}
        gone = list(delete)
        taken_out = [key for key in gone if key in self._patches]
        if patches or taken_out:
            update = {key: value for key, value in update.items() if key not in patches}
            gone = [key for key in gone if key not in self._patches]
        self._inner.apply(update, gone)
        unseen = [key for key in taken_out if not self._take_out(key, self._patches[key])]
        if unseen:
            self.problems.append(
                f"{', '.join(unseen)}: left as set, because the cell that set this imported its module, so that nobody "
                "saw what it was before"
            )
        for key, value in patches.items():
            self._put(key, value)

    def _note(self, owner: Any, attribute: str, before: Any = None) -> _Patch | None:
        """The patch of an attribute, made when it is met for the first time; None for what is no patch."""
        key = _key(owner, attribute)
        if key is None or _belongs_to_others(owner, attribute, self.globals):
            return None
        patch = self._patches.get(key)
        if patch is None or patch.owner() is not owner:
            held = _read(owner, attribute) if before is None else before
            patch = self._patches[key] = _Patch(weakref.ref(owner), attribute, held)
        patch.left = _MISSING
        return patch

    def _put(self, key: str, value: Any) -> None:
        path, _, attribute = key.rpartition(".")
        owner = _at(path, load=True)
        patch = None if owner is None else self._note(owner, attribute)
        if patch is None:
            self.problems.append(f"{key} is not set: there is no {path} here")
            return
        patch.stand_in = None
        if type(value) is Placeholder:
            patch.stand_in = (value, _read(owner, attribute))
            return
        try:
            setattr(owner, attribute, value)
        except Exception as error:  # the class's own code, or a release that does not allow it
            self.problems.append(f"{key} is not set: {type(error).__name__}: {error}"[:300])

    def _take_out(self, key: str, patch: _Patch) -> bool:
        """Put back what the attribute held before; False where that is not known."""
        owner, patch.stand_in = patch.owner(), None
        if patch.before is _UNKNOWN:
            patch.left = _MISSING if owner is None else _read(owner, patch.attribute)
            return owner is None
        try:
            if patch.before is _MISSING:
                delattr(owner, patch.attribute)
            else:
                setattr(owner, patch.attribute, patch.before)
        except Exception as error:  # the class's own code; or it was put back before
            if owner is not None and not _is_same(_read(owner, patch.attribute), patch.before):
                self.problems.append(f"{key} is left as it is: {type(error).__name__}: {error}"[:300])
        return True


def sought(source: str, names: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The attributes of modules and classes that *source* may set: each the dotted path of its owner, and its name.

    Args:
        source: plain Python; what does not compile sets nothing.
        names: the globals that it runs with.
    """
    try:
        with quiet():
            tree = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    roots: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                roots[one.asname or one.name.partition(".")[0]] = one.name if one.asname else one.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            roots.update((one.asname or one.name, f"{node.module}.{one.name}") for one in node.names)
    found: dict[tuple[str, str], None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, (ast.Store, ast.Del)):
            _add(found, node.value, node.attr, roots, names)
        elif isinstance(node, ast.Call):
            _add_call(found, node, roots, names)
    return list(found)


def _add_call(
    found: dict[tuple[str, str], None], call: ast.Call, roots: Mapping[str, str], names: Mapping[str, Any]
) -> None:
    called = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    texts = [arg.value for arg in call.args[:2] if isinstance(arg, ast.Constant) and type(arg.value) is str]
    if called in _BY_NAME and len(call.args) >= 2 and texts:
        _add(found, call.args[0], texts[-1], roots, names)
    elif called in _ACCESSORS and texts:
        found[_ACCESSORS[called], texts[0]] = None


def _add(
    found: dict[tuple[str, str], None],
    owner: ast.expr,
    attribute: str,
    roots: Mapping[str, str],
    names: Mapping[str, Any],
) -> None:
    """Add an attribute of *owner*, where it is written as a dotted name that leads to a module or class."""
    parts: list[str] = []
    while isinstance(owner, ast.Attribute):
        parts.append(owner.attr)
        owner = owner.value
    if not isinstance(owner, ast.Name):
        return
    root = roots.get(owner.id)
    if root is None:
        root = _path(names.get(owner.id))
    if root is not None:
        found[".".join([root, *reversed(parts)]), attribute] = None


def _is_patch(key: str) -> bool:
    return "." in key and not key.startswith("Out[")


def _is_same(value: Any, before: Any) -> bool:
    """Whether an attribute holds what it did. Of plain values a property may give others each time."""
    return value is before or (type(value) is type(before) and type(value) in _PLAIN and value == before)


def _own(owner: Any) -> Mapping[str, Any]:
    """The attributes that *owner*, a module or class, has itself; no code of its own is run."""
    kind = type if is_a(owner, type) else object
    return cast(Mapping[str, Any], kind.__getattribute__(owner, "__dict__"))


def _read(owner: Any, attribute: str) -> Any:
    """What *owner* has under *attribute*, as it stands there; what a module's own class computes, as it comes."""
    found = _own(owner).get(attribute, _MISSING)
    if found is _MISSING and is_a(owner, types.ModuleType) and defines(type(owner), attribute):
        try:
            return getattr(owner, attribute)
        except Exception:  # a property of the library's: then there is nothing to read
            return _MISSING
    return found


def _path(value: Any) -> str | None:
    """The dotted path of a module or of a class that its module has; None for anything else."""
    kind = type(value)
    if issubclass(kind, types.ModuleType):
        name = _own(value).get("__name__")
        return name if type(name) is str and sys.modules.get(name) is value else None
    if not issubclass(kind, type):
        return None
    path = f"{_home(value)}.{type.__dict__['__qualname__'].__get__(value)}"
    return path if _at(path) is value else None


def _home(kind: type) -> str:
    """The name of the module that a class says it is from; empty where it says something odd."""
    try:
        module = type.__dict__["__module__"].__get__(kind)
    except AttributeError:
        return ""
    return module if type(module) is str else ""


def _key(owner: Any, attribute: str) -> str | None:
    path = _path(owner)
    return None if path is None else f"{path}.{attribute}"


def _at(path: str, *, load: bool = False) -> Any:
    """The module or class at a dotted *path*; None where there is none. *load*: import the module if need be."""
    parts = path.split(".")
    for cut in range(len(parts), 0, -1):
        name = ".".join(parts[:cut])
        module = sys.modules.get(name)
        if module is None and load:
            try:
                module = importlib.import_module(name)
            except Exception:  # most often a class in it is meant; its own code may fail in any way, and says so then
                continue
        if is_a(module, types.ModuleType):
            found: Any = module
            for part in parts[cut:]:
                found = _own(found).get(part) if is_a(found, (types.ModuleType, type)) else None
            return found if is_a(found, (types.ModuleType, type)) else None
    return None


def _belongs_to_others(owner: Any, attribute: str, own: Mapping[str, Any]) -> bool:
    """Whether an attribute is none of the session's, or recorded in another way: as part of a class of the session."""
    path = _path(owner) or ""
    module = path if is_a(owner, types.ModuleType) else _home(owner)
    home = sys.modules.get(module)
    if home is None or module.partition(".")[0] in ("timeslip", "__main__") or _own(home) is own:
        return True
    return attribute in _OF_OTHERS.get(path, ()) or (attribute.startswith("__") and is_a(owner, types.ModuleType))
