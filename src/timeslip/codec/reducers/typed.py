"""Type variables and type aliases of the session, without evaluating what Python evaluates late.

From Python 3.12 on the bound of ``class A[T: B]`` and the value of ``type X = B`` are found when somebody first asks.
To ask while recording would fix them too early: a ``B`` of a later cell would not be seen any more, and one that is not
there yet would be an error. So what is stored is the function that finds them, or what it has found.
"""

from __future__ import annotations

import dis
import gc
import sys
import types
import typing
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from timeslip.codec.definitions import module_of, resolve_global
from timeslip.codec.reducers import instances

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_NAMES = {f"__timeslip_{what}__": what for what in ("bound", "constraints", "default", "value")}
"""Global names of the functions of restored objects -> what they find."""


class Late:
    """What a restored object finds late: a value that was found already, or what a function of the session finds."""

    __slots__ = ("found", "is_found")

    def __init__(self) -> None:
        self.is_found = True
        self.found: Any = None

    def __call__(self) -> Any:
        """What the object is to find."""
        return self.found if self.is_found else self.found()


def _is_late(part: Any, owner: Any) -> bool:
    """Whether *part* is a function by which *owner* finds something."""
    return (
        type(part) is types.FunctionType and part.__code__.co_name == owner.__name__ and not part.__code__.co_argcount
    )


def _late(variable: Any) -> Iterator[tuple[str, bool, Any]]:
    """What *variable* finds late: which, whether it was found, and the value or the function.

    Nothing else tells: every attribute that could be asked finds it. What was found stands before the function.
    """
    parts = gc.get_referents(variable)
    positions = [position for position, part in enumerate(parts) if _is_late(part, variable)]
    for position in positions:
        function = parts[position]
        which = _which(function)
        if not which:
            has_default = getattr(variable, "has_default", bool)()
            is_default = has_default and position == positions[-1]
            which = "default" if is_default else "constraints" if _gives_tuple(function.__code__) else "bound"
        is_found = position > 1 and position - 1 not in positions  # first of all stands the type
        yield which, *_told(function, which, is_found, parts[position - 1])


def _told(function: Any, which: str, is_found: bool, found: Any) -> tuple[bool, Any]:
    """Whether it was found, and the value or the function; for what was restored, the function of the original."""
    if is_found:
        return True, found
    late = function.__globals__.get(f"__timeslip_{which}__")
    return (late.is_found, late.found) if type(late) is Late else (False, function)


def _which(function: types.FunctionType) -> str:
    names = function.__code__.co_names
    return _NAMES.get(names[0], "") if names else ""


def _gives_tuple(code: types.CodeType) -> bool:
    """Whether the expression is a tuple: the constraints of a variable, and not its bound."""
    before, last = list(dis.get_instructions(code))[-2:]
    return before.opname == "BUILD_TUPLE" or type(last.argval) is tuple or type(before.argval) is tuple


def type_variable(state: Pass, variable: Any) -> Any:
    """Type variables of the session by what they are made of; their own reduction is a name in ``__main__``."""
    module = module_of(variable)
    imported = module is not None and module.__dict__ is not state.namespace
    if imported and getattr(module, variable.__name__, None) is variable:
        return NotImplemented
    kind, name = type(variable), variable.__name__
    late = list(_late(variable)) if sys.version_info >= (3, 12) else []
    if late:
        which = tuple(what for what, _, _ in late)
        made = (kind.__name__, name, variable.__module__, which)
        return make_late, made, tuple((is_found, value) for _, is_found, value in late), None, None, set_late
    more = {}
    if getattr(variable, "__infer_variance__", False):
        more["infer_variance"] = True
    if getattr(variable, "has_default", bool)():
        more["default"] = variable.__default__
    if kind is _VARIABLES["TypeVarTuple"]:
        return make_variables, (kind, name, variable.__module__, more or None)
    variance = (variable.__covariant__, variable.__contravariant__)
    options: tuple[Any, ...] = (variable.__bound__, *variance, variable.__module__)
    if more:
        options = (*options, more)
    constraints = getattr(variable, "__constraints__", ())
    return instances.make_type_variable, (kind, name, constraints, options)


def make_variables(kind: Any, name: str, module: str, more: dict[str, Any] | None) -> Any:
    """A TypeVarTuple."""
    made = kind(name, **(more or {}))
    made.__module__ = module
    return made


_STARS = {"TypeVar": "", "ParamSpec": "**", "TypeVarTuple": "*"}
_WORDS = {
    "bound": ": __timeslip_bound__()",
    "constraints": ": (*__timeslip_constraints__(),)",
    "default": " = __timeslip_default__()",
}


def make_late(kind: str, name: str, module: str, which: tuple[str, ...]) -> Any:
    """A type variable that finds *which* late; `set_late` tells it what."""
    text = f"def made[{_STARS[kind]}{name}{''.join(_WORDS[what] for what in which)}](): pass"
    scope = {f"__timeslip_{what}__": Late() for what in which}
    return _made(compile(text, "<type variable>", "exec", dont_inherit=True), module, scope).__type_params__[0]


def _made(code: types.CodeType, module: str, scope: dict[str, Any]) -> Any:
    """What *code* binds to ``made``, as if it stood in *module*."""
    scope["__name__"] = module
    exec(code, scope)  # noqa: S102  # a text of this module
    return scope.pop("made")


def set_late(variable: Any, state: tuple[tuple[bool, Any], ...]) -> None:
    """State setter for what is found late."""
    functions = [part for part in gc.get_referents(variable) if _is_late(part, variable) and _which(part)]
    for function, (is_found, found) in zip(functions, state, strict=True):
        late = function.__globals__[f"__timeslip_{_which(function)}__"]
        late.is_found, late.found = is_found, found


def type_alias(state: Pass, alias: Any) -> Any:
    """A type alias of the session."""
    module = module_of(alias)
    imported = module is not None and module.__dict__ is not state.namespace
    if imported and resolve_global(alias.__module__, alias.__name__) is alias:
        return NotImplemented
    parts = gc.get_referents(alias)
    position = next((position for position, part in enumerate(parts) if _is_late(part, alias)), None)
    if position is None:
        told = True, alias.__value__
    else:
        told = _told(parts[position], "value", position + 1 < len(parts), parts[-1])
    made = (alias.__name__, alias.__module__, alias.__type_params__)
    return make_alias, made, (told,), None, None, set_late


def make_alias(name: str, module: str, parameters: tuple[Any, ...]) -> Any:
    """A type alias; `set_late` tells it its value."""
    code = compile(f"type {name} = __timeslip_value__()", "<type alias>", "exec", dont_inherit=True)
    # the only constant without value is where the parameters are
    constants = tuple(parameters if constant is None else constant for constant in code.co_consts)
    scope = {"__timeslip_value__": Late()}
    if parameters:
        code = code.replace(co_consts=constants)
    code = code.replace(co_names=tuple("made" if given == name else given for given in code.co_names))
    return _made(code, module, scope)


_VARIABLES = {name: getattr(typing, name, None) for name in ("TypeVar", "ParamSpec", "TypeVarTuple")}

REDUCERS: dict[type, Any] = {kind: type_variable for kind in _VARIABLES.values() if kind is not None}
if sys.version_info >= (3, 12):
    REDUCERS[typing.TypeAliasType] = type_alias
