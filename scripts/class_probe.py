"""What `make compat` asks of a kernel about one object: how it looks, and what using it gives.

Runs inside the kernel that is looked at, like scripts/state_digest.py, and shares no code with Timeslip either.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from typing import Any

from state_digest import Walk, has_identity

_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(...))
_CHANGEABLE = (list, dict, set, bytearray)


def look(namespace: Mapping[str, Any], names: Iterable[str]) -> str:
    """Name -> type and digest, and which names are one object, as a JSON text; the first name is the object itself.

    What the names share shows in the digest of all together.
    """
    ordered = list(names)
    there = [name for name in ordered if name in namespace]
    x = namespace.get(ordered[0])
    identity = isinstance(x, _CHANGEABLE) or (has_identity(type(x)) and not isinstance(x, _ATOMS))
    aliases = [name for name in there if namespace[name] is x]
    held = [name for name in there if type(namespace[name]) is list and any(part is x for part in namespace[name])]
    return json.dumps(
        {
            "type": f"{type(x).__module__}.{type(x).__qualname__}" if there[:1] == ordered[:1] else "(not there)",
            "value": _digest(x),
            "together": _digest([namespace.get(name) for name in ordered]),
            "aliased": [*aliases, "/", *held] if identity else [],
            "missing": sorted(set(ordered) - set(there)),
        }
    )


def _digest(value: object) -> str:
    try:
        return Walk().run(value)
    except Exception as error:  # users' objects may raise anything when they are looked at
        return f"unseen: {type(value).__qualname__}: {type(error).__name__}: {error}"


def use(namespace: dict[str, Any], code: str) -> str:
    """Run *code* and give type, digest and text of its last expression, as a JSON text.

    Its variables are those of a function: the namespace stays as it is.
    """
    tree = ast.parse(code)
    last = tree.body[-1]
    assert isinstance(last, ast.Expr), "the last line of what is used is an expression"
    tree.body[-1] = ast.copy_location(ast.Return(last.value), last)
    function = ast.parse("def used(): pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = tree.body
    module = ast.fix_missing_locations(ast.Module([function], []))
    made: dict[str, Any] = {}
    exec(compile(module, "<use>", "exec"), namespace, made)  # noqa: S102 - that is what it is for
    try:
        result = made["used"]()
        text = repr(result)
    except Exception as error:  # what came back may be anything, and so may what using it does
        return json.dumps({"value": f"raises {type(error).__name__}: {error}"[:400], "text": ""})
    return json.dumps({"value": _digest(result), "text": text[:200]})
