"""What a case is: one class of a library, with code that makes an object of it, changes it, and uses it."""

from __future__ import annotations

import ast
import symtable
from dataclasses import dataclass, field

ALIAS, BOX = "alias", "box"
"""Names that the runner binds beside ``x``: the same object again, and a list that holds it."""


@dataclass(frozen=True, slots=True)
class Case:
    """One class. The code is written with plain names; the runner gives each case names of its own.

    Attributes:
        label: the class, as its users would import it; unique.
        create: binds ``x``, and whatever else it needs.
        mutate: changes ``x``, in place where the class allows it.
        use: code whose last line is an expression: what a user does with ``x``. Its result must be the same with the
            object that came back. It may change ``x``.
        numbers: the entries of the published list of classes that this case answers; none for a further class.
        dist: distribution whose version is named, where it is not the family's.
        remark: anything that a reader of the table should know.
    """

    label: str
    create: str
    mutate: str
    use: str = "x"
    numbers: tuple[str, ...] = ()
    dist: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """Cases that share their imports, and so a kernel.

    Attributes:
        name: by which it is chosen.
        dist: distribution that the classes come from; empty for Python itself.
        setup: a cell that is run first.
        cases: the classes.
        env: name of the environment it needs.
    """

    name: str
    dist: str
    setup: str
    cases: tuple[Case, ...]
    env: str = "core"


@dataclass(frozen=True, slots=True)
class Absent:
    """A class of the published list that cannot be looked at, and why."""

    label: str
    numbers: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Script:
    """The code of one case, with names of its own.

    Attributes:
        create, mutate: cells.
        use: code for `class_probe.use`.
        x: the name of the object.
        names: all names that the case binds, sorted.
    """

    create: str
    mutate: str
    use: str
    x: str
    names: tuple[str, ...] = field(default=())


def script(case: Case, number: int) -> Script:
    """The code of *case* as number *number* of its kernel."""
    create = f"{case.create}\n{ALIAS} = x\n{BOX} = [x]"
    mutate = f"{case.mutate}\npass"  # nothing is displayed: ``Out`` would hold the object as well
    own = _bound(create) | _bound(mutate)
    new = {name: f"{name}_{number}" for name in own}
    create, mutate, use = (_renamed(code, new) for code in (create, mutate, case.use))
    return Script(create, mutate, use, new["x"], tuple(sorted(new.values())))


def _bound(code: str) -> set[str]:
    """Names that *code* binds at its top level, imports left out."""
    table = symtable.symtable(code, "<case>", "exec")
    return {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() and not symbol.is_imported()}


class _Renaming(ast.NodeTransformer):
    def __init__(self, new: dict[str, str]) -> None:
        self.new = new

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.new.get(node.id, node.id)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.name = self.new.get(node.name, node.name)
        self.generic_visit(node)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        node.name = self.new.get(node.name, node.name)
        self.generic_visit(node)
        return node

    def visit_Global(self, node: ast.Global) -> ast.Global:
        node.names = [self.new.get(name, name) for name in node.names]
        return node


def _renamed(code: str, new: dict[str, str]) -> str:
    return ast.unparse(_Renaming(new).visit(ast.parse(code)))
