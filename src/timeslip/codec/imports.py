"""Which loaded modules another process finds again by their name, and from where it may load those that it does not.

``import`` is not the only way into `sys.modules`: programs load a file themselves and put it there
(`importlib.util.spec_from_file_location`), or put a module there that they have made by hand. A stream names such a
module together with its file, so that it is loaded again as it was the first time.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from timeslip.codec import load
from timeslip.codec.definitions import is_a, of
from timeslip.codec.kinds import is_installed, is_of_session
from timeslip.errors import UnrestorableError
from timeslip.standard import os

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

Places = tuple[tuple[str, str], ...]
"""Names of modules and their files, the outermost package first."""

BY_HAND = "a module that was made by hand: what is in it is not recorded, and a new kernel does not have it"

_known: weakref.WeakKeyDictionary[types.ModuleType, tuple[tuple[str, ...], Places | None]] = weakref.WeakKeyDictionary()
"""What was found out about a module, with the folders in which modules were looked for then."""


def places_of(name: str) -> Places | None:
    """Which files have to be loaded, in this order, before the loaded module of that name can be imported.

    Empty where importing it is enough. None where nothing gives it again: it was made by hand.
    """
    module = sys.modules.get(name)
    if type(module) is not types.ModuleType or _comes_with_python(name):
        return ()
    folders = (_here(), *(folder for folder in sys.path if type(folder) is str))
    known = _known.get(module)
    if known is None or known[0] != folders:
        known = _known[module] = folders, _find(name, module)
    return known[1]


def _here() -> str:
    """Where modules are looked for by an empty entry of `sys.path`."""
    try:
        return os.getcwd()
    except OSError:  # the folder is gone
        return ""


def _comes_with_python(name: str) -> bool:
    """Whether a module is the program itself, of the standard library or installed, or made by such a module."""
    root = name.partition(".")[0]
    if root in sys.stdlib_module_names or root in ("__main__", "__mp_main__", "timeslip"):
        return True
    for part in (name, root):
        space = getattr(sys.modules.get(part), "__dict__", {})
        file = space.get("__file__")
        if type(file) is str and is_installed(file):
            return True
    return False


def _find(name: str, module: types.ModuleType) -> Places | None:
    package = name.rpartition(".")[0]
    before = places_of(package) if package else ()
    if before is None:
        return None
    own: Any = module.__dict__.get("__spec__")
    file = getattr(own, "origin", None)
    found = _found_spec(name, getattr(sys.modules.get(package), "__path__", None) if package else None)
    if found is not None and own is not None and found.origin == file:
        return before
    if type(file) is not str or not own.has_location or importlib.util.spec_from_file_location(name, file) is None:
        return None
    return *before, (name, file)


def _found_spec(name: str, path: Any) -> Any:
    """What the finders of this Python say of a module, without those that are the session's own."""
    finder: Any
    for finder in list(sys.meta_path):
        if is_of_session(finder if is_a(finder, type) else type(finder)):
            continue
        try:
            found = finder.find_spec(name, path)
        except Exception:  # an importer of a library that does not know this one: another may
            continue
        if found is not None:
            return found
    return None


class Named:
    """What streams have named in modules, as it was then: a module may be loaded again, and gives others since.

    Holds weak references; what has none is not known here.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], dict[int, weakref.ref[Any]]] = {}

    def note(self, module: str, qualname: str, obj: Any) -> None:
        """The module has *obj* under that name now."""
        known = self._known.setdefault((module, qualname), {})
        before = known.get(id(obj))
        if before is None or before() is not obj:
            with suppress(TypeError):
                known[id(obj)] = weakref.ref(obj)

    def live(self, module: str, qualname: str) -> list[Any]:
        """What streams have meant by that name and what is still there."""
        known = self._known.get((module, qualname), {})
        return [obj for reference in list(known.values()) if (obj := reference()) is not None]


def loaded_again(module: str, qualname: str) -> str:
    """What is said of a value that was loaded with another object of that name than there was once."""
    return f"{module} was loaded again in this session, and this has {module}.{qualname} as that is now"


def reference(state: Pass, module: str, qualname: str, obj: Any) -> tuple[Any, tuple[Any, ...]]:
    """Reduction of *obj*, which a loaded module has under *qualname*: by these names."""
    state.encoder.named.note(module, qualname, obj)
    places = places_of(module)
    if places is None:
        state.by_hand[module] = sys.modules[module]
    if not places:
        return load.attribute, (module, qualname)
    return load.placed, (module, _copied(places), qualname)


def exported(method: Any) -> tuple[str, str, Any] | None:
    """Module and name under which a library offers *method*, bound to an object that it keeps, and what stands there.

    ``random.random`` is a method of the generator of that module, which is the session's no more than the module is.
    """
    name = of(type(method.__self__), "__module__")
    if type(name) is not str or name in ("__main__", "__mp_main__") or not _comes_with_python(name):
        return None
    own = getattr(method, "__name__", None)
    found: Any = getattr(sys.modules.get(name), "__dict__", {}).get(own)
    if type(found) is not type(method) or found.__self__ is not method.__self__ or found.__name__ != own:
        return None
    same = getattr(found, "__func__", None) is getattr(method, "__func__", None)
    return (name, own, found) if same else None


def is_found(module: str | None) -> bool:
    """Whether what the loaded module of that name has can be referred to as pickle does it."""
    return module is None or places_of(module) == ()


def module_reference(state: Pass, module: types.ModuleType, name: str) -> Any:
    """Reduction of a module that `sys.modules` has under *name*."""
    places = places_of(name)
    if places is None:
        state.by_hand[name] = module
        return load.by_hand, (name,)
    return (load.placed, (name, _copied(places), "")) if places else (load.module, (name,))


def assigned_names(name: str) -> frozenset[str] | None:
    """Names that occur in the code of the file of a loaded module: all that it can have given itself.

    None where its loader does not tell. Asked once for each module that was loaded under that name.
    """
    module: Any = sys.modules.get(name)
    if not is_a(module, types.ModuleType):
        return None
    if module not in _assigned:
        get_code = getattr(module.__dict__.get("__loader__"), "get_code", None)
        try:
            code = get_code(name) if get_code is not None else None
        except (ImportError, OSError, SyntaxError):  # the file is gone, or was changed since
            code = None
        _assigned[module] = None if code is None else frozenset(_names_in(code))
    return _assigned[module]


_assigned: weakref.WeakKeyDictionary[types.ModuleType, frozenset[str] | None] = weakref.WeakKeyDictionary()


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            yield from _names_in(constant)


def _copied(places: Places) -> list[list[str]]:
    """*places* in lists of their own: one and the same object in all captures would link them."""
    return [list(place) for place in places]


def by_hand(name: str) -> Any:
    """The module that was put into `sys.modules` under *name*, while it is there.

    Raises:
        UnrestorableError: it is not.
    """
    found = sys.modules.get(name)
    if found is None:
        raise UnrestorableError(f"it needs {name}, {BY_HAND}", hint="run the cell that made it again")
    return found


def placed(name: str, places: Iterable[tuple[str, str]], qualname: str) -> Any:
    """The module *name*, or what it has under *qualname*, after files were loaded that it is not found without."""
    for part, file in places:
        if part not in sys.modules:
            _load_file(part, file)
    found: Any = importlib.import_module(name)
    for part in filter(None, qualname.split(".")):
        found = getattr(found, part)
    return found


def _load_file(name: str, file: str) -> None:
    """As programs do it that load a module from its file, and as ``import`` does it."""
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no file of a module that this Python can load", name=name, path=file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:  # as import does it: half a module is none
        sys.modules.pop(name, None)
        raise
