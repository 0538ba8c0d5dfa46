"""A validator for the part of JSON Schema that timeslip/schemas uses. Unknown keywords are an error, not a pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import timeslip

SCHEMAS = Path(timeslip.__file__).parent / "schemas"
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
_SAID = {"$schema", "title", "description", "$defs"}


def load(name: str) -> dict[str, Any]:
    with (SCHEMAS / name).open(encoding="utf-8") as file:
        loaded: dict[str, Any] = json.load(file)
    return loaded


def validate(answer: dict[str, Any]) -> None:
    """Check an answer against the schema of its verb; a field that no schema knows is an error as well."""
    assert answer == json.loads(json.dumps(answer, allow_nan=False)), "only plain JSON values"
    _check(answer, load(f"{answer['verb']}.json"), answer["verb"], f"{answer['verb']}.json")


def validate_as(name: str, body: Any) -> None:
    """Check what is no answer of a verb against the schema *name*."""
    assert body == json.loads(json.dumps(body, allow_nan=False)), "only plain JSON values"
    _check(body, load(f"{name}.json"), name, f"{name}.json")


def _check(value: Any, schema: dict[str, Any], where: str, file: str) -> None:
    if "$ref" in schema:
        name, _, path = schema["$ref"].partition("#/$defs/")
        file = name or file
        _check(value, load(file)["$defs"][path], where, file)
        return
    for keyword, rule in schema.items():
        if keyword in _SAID or keyword in ("properties", "required"):
            continue
        if keyword == "type":
            _check_type(value, rule, where)
        elif keyword == "const":
            assert value == rule, f"{where}: {value!r} is not {rule!r}"
        elif keyword == "enum":
            assert value in rule, f"{where}: {value!r} is none of {rule}"
        elif keyword == "anyOf":
            _check_any(value, rule, where, file)
        elif keyword == "items":
            for index, item in enumerate(value or ()):
                _check(item, rule, f"{where}[{index}]", file)
        elif keyword == "additionalProperties":
            for key, item in value.items():
                _check(item, rule, f"{where}.{key}", file)
        else:
            raise AssertionError(f"{where}: this validator does not know '{keyword}'")
    if "properties" in schema and value is not None:
        assert set(schema["required"]) <= set(value), f"{where}: missing {set(schema['required']) - set(value)}"
        for key, item in value.items():
            assert key in schema["properties"], f"{where}: '{key}' is not in the schema"
            _check(item, schema["properties"][key], f"{where}.{key}", file)


def _check_type(value: Any, rule: str | list[str], where: str) -> None:
    kinds = [rule] if isinstance(rule, str) else rule
    fits = any(
        isinstance(value, _TYPES[kind]) and not (isinstance(value, bool) and kind in ("integer", "number"))
        for kind in kinds
    )
    assert fits, f"{where}: {value!r} is not {rule}"


def _check_any(value: Any, rules: list[dict[str, Any]], where: str, file: str) -> None:
    problems = []
    for rule in rules:
        try:
            _check(value, rule, where, file)
        except AssertionError as problem:
            problems.append(str(problem))
        else:
            return
    raise AssertionError(f"{where}: none of the alternatives fits: {problems}")
