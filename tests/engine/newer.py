"""Awkward sessions in words that older Pythons do not know: as `tests.engine.cases.EXACT`, by the first version."""
# ruff: noqa: E501 - cells are written as users write them

from __future__ import annotations

import sys

import pytest

NEWER: dict[tuple[int, int], dict[str, list[str]]] = {
    (3, 11): {
        "enum: kinds of 3.11": ["import enum\nclass S(enum.StrEnum):\n    A = enum.auto()\n    B = 'b'\nclass D(enum.Enum):\n    M = {'a': [1]}\n    nm = enum.nonmember([1])\n    @enum.property\n    def p(self): return self.value\ns, d = S.A, D.M", "d.value['a'].append(s)", "D.nm.append(s)", "l = [S('b'), D['M'], D.M.p]", "del l; D.late = 1"],
        "enum: what flags do with unknown bits": ["import enum\nclass F(enum.Flag, boundary=enum.KEEP):\n    A = 1\n    B = 4\nclass G(enum.Flag, boundary=enum.CONFORM):\n    A = 1", "x = F.__members__", "F.A.note = [1]", "y = [F._boundary_.name, G(1) is G.A]"],
        "exception groups": ["try:\n    raise ExceptionGroup('g', [ValueError(1), TypeError([2])])\nexcept* ValueError as e:\n    eg = e\nexcept* TypeError as e: pass", "eg.add_note('n')", "eg2 = BaseExceptionGroup('x', [eg, KeyError(1)])", "eg.exceptions[0].l = [1]"],
    },
    (3, 13): {
        "enum: names and values added later": ["import enum\nclass E(enum.Enum):\n    A = 1\n    B = 2\nx = E.B", "E.A._add_alias_('AA')\nE.B._add_value_alias_(22)", "y = E.AA, E(22)", "E.A.n = [x, E['AA']]", "z = E(22) is E.B"],
    },
}  # fmt: skip

CASES = {name: cells for table in NEWER.values() for name, cells in table.items()}
NAMES = [
    pytest.param(name, marks=pytest.mark.skipif(sys.version_info < since, reason=f"needs Python {since[0]}.{since[1]}"))
    for since, table in NEWER.items()
    for name in table
]
