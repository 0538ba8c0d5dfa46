"""The walls between the parts, read from ARCHITECTURE.md and held against the source."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import timeslip

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "timeslip"
SOURCES = sorted(PACKAGE.rglob("*.py"))


def table(title: str) -> list[dict[str, str]]:
    """The rows of the table under the heading *title* of ARCHITECTURE.md."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = re.split(rf"^### {re.escape(title)}$", text, flags=re.MULTILINE)[1]
    section = re.split(r"^##", section, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    head, _rule, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert rows, f"no table under '{title}'"
    return [dict(zip(head, row, strict=True)) for row in rows]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@dataclass(frozen=True)
class Layer:
    name: str
    modules: tuple[str, ...]
    may_import: frozenset[str]
    because: str


@cache
def layers() -> dict[str, Layer]:
    found = {}
    for row in table("Layers"):
        below = frozenset(re.findall(r"\w+", row["may import"]))
        found[row["layer"]] = Layer(row["layer"], tuple(quoted(row["modules"])), below, row["because"])
    return found


def layer_of(module: str) -> Layer:
    """The layer of a top-level module of the package, such as ``store`` or ``session``."""
    for layer in layers().values():
        if module in layer.modules:
            return layer
    raise AssertionError(f"timeslip.{module} stands in no row of the table 'Layers' in ARCHITECTURE.md")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def top_module(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that *path* imports, at any depth."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}:{node.lineno}: relative import (the layer must be visible)"
            module = node.module or ""
            if module == "timeslip":
                yield from ((node.lineno, f"timeslip.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, module


def at_module_level(path: Path) -> Iterator[tuple[int, str]]:
    """Like `imported`, but only what importing the module itself imports."""

    def walk(statements: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
        for statement in statements:
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                yield statement
            elif isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.dump(statement.test):
                continue
            elif isinstance(statement, (ast.If, ast.Try, ast.With, ast.ClassDef)):
                for field in ("body", "orelse", "finalbody"):
                    yield from walk(getattr(statement, field, []))
                for handler in getattr(statement, "handlers", []):
                    yield from walk(handler.body)

    for node in walk(tree(path).body):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        yield from ((node.lineno, name) for name in names)


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_arrows_never_point_up(path: Path) -> None:
    layer = layer_of(top_module(path))
    for line, name in imported(path):
        if not (name == "timeslip" or name.startswith("timeslip.")):
            continue
        part = name.split(".")[1] if "." in name else "__init__"
        exists = (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").is_file()
        if not exists:  # a name that the package itself shows
            assert part == "__init__" or part in vars(timeslip), f"{relative(path)}:{line}: there is no {name}"
        other = layer_of(part if exists else "__init__")
        assert other is layer or other.name in layer.may_import, (
            f"{relative(path)}:{line}: {layer.name} may not import {name} ({other.name}), because: {layer.because}"
        )


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_outside_libraries_stay_in_their_homes(path: Path) -> None:
    if top_module(path) == "testing":
        return
    for row in table("Homes"):
        homes = quoted(row["home"])
        if any(relative(path).startswith(home) for home in homes):
            continue
        libraries = set(quoted(row["library"]))
        for line, name in imported(path):
            assert name.split(".")[0] not in libraries, (
                f"{relative(path)}:{line}: {name} belongs in {', '.join(homes)}, because: {row['because']}"
            )
        if "print" not in libraries:
            continue
        for node in ast.walk(tree(path)):
            assert not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"), (
                f"{relative(path)}:{node.lineno}: print belongs in {', '.join(homes)}, because: {row['because']}"
            )


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_users_libraries_are_not_imported_at_module_level(path: Path) -> None:
    for row in table("Users' libraries"):
        libraries = set(quoted(row["library"]))
        for line, name in at_module_level(path):
            assert name.split(".")[0] not in libraries, f"{relative(path)}:{line}: {name}: {row['because']}"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_the_recursion_limit_is_changed_only_where_the_session_has_changed_it(path: Path) -> None:
    if relative(path) == "state/facets/interpreter.py":
        return
    for node in ast.walk(tree(path)):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        assert name != "setrecursionlimit", f"{relative(path)}:{node.lineno}"


def is_broad(kind: ast.expr | None) -> bool:
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(name is None or (isinstance(name, ast.Name) and name.id in BROAD) for name in names)


BROAD = {"Exception", "BaseException"}


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_broad_catches_tell_their_reason(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.ExceptHandler) or not is_broad(node.type):
            continue
        if isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None:
            continue  # cleans up and passes the same error on: nothing is hidden
        # Near enough: on the line itself, or as a comment of its own right below it.
        said = lines[node.lineno - 1].partition("#")[2].strip()
        said = said or lines[node.lineno].strip().partition("#")[2].strip()
        reason = re.sub(r"noqa: *[A-Z0-9, ]+|type: *ignore\S*", "", said)
        assert len(reason) > 10, f"{relative(path)}:{node.lineno}: a broad catch without its reason"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_nothing_is_left_unfinished(path: Path) -> None:
    marks = next(quoted(row["never"]) for row in table("Forbidden") if "TODO" in row["never"])
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        comment = line.partition("#")[2]
        assert not any(re.search(rf"\b{mark}\b", comment) for mark in marks), f"{relative(path)}:{number}: {comment}"


def limit(what: str) -> int:
    return next(int(row["at most"]) for row in table("Sizes") if row["what"] == what)


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_modules_and_functions_have_one_subject(path: Path) -> None:
    count = len(path.read_text(encoding="utf-8").splitlines())
    assert count <= limit("lines of a module"), f"{relative(path)} has {count} lines"
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0]
            documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            start = (first.end_lineno or 0) if documented else node.lineno  # a contract may be as long as it needs
            length = (node.end_lineno or 0) - start
            assert length <= limit("lines of a function"), (
                f"{relative(path)}:{node.lineno}: {node.name}, {length} lines"
            )


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_every_public_thing_is_documented_and_typed(path: Path) -> None:
    module = tree(path)
    assert ast.get_docstring(module), f"{relative(path)}: no docstring"
    for node in module.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            if any(ast.unparse(one) == "overload" for one in node.decorator_list):
                continue  # the implementation below has it
            assert ast.get_docstring(node), f"{relative(path)}:{node.lineno}: {node.name} has no docstring"


def test_importing_brings_in_nothing_heavy() -> None:
    """Every module below the doors, in a fresh interpreter: no users' library, no IPython, no Jupyter."""
    modules = [
        ".".join(("timeslip", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for path in SOURCES
        if layer_of(top_module(path)).name not in ("doors", "testing")
    ]
    heavy = {name for row in table("Users' libraries") for name in quoted(row["library"])} | {"IPython", "ipykernel"}
    program = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(sorted(set(sys.modules) & {heavy!r}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_every_wall_has_its_reason() -> None:
    for title in ("Layers", "Homes", "Users' libraries", "Forbidden"):
        assert all(len(row["because"]) > 20 for row in table(title)), title


def test_the_guard_itself_sees(tmp_path: Path) -> None:
    """A wall that never failed proves nothing: each check must reject a small offence."""
    offence = tmp_path / "offence.py"
    offence.write_text("import timeslip.store\nif True:\n    import numpy\ndef f():\n    import pandas\n")
    assert [name for _, name in imported(offence)] == ["timeslip.store", "numpy", "pandas"]
    assert [name for _, name in at_module_level(offence)] == ["timeslip.store", "numpy"]
    assert "store" in layers()["engine"].may_import
    assert "store" not in layers()["state"].may_import | layers()["codec"].may_import
