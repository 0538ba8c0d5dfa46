"""The cases of classes: what tells right from wrong, and a few of Python's own in real kernels."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest
from compat import table
from compat.case import Case, Family, script
from compat.cases import absent, families
from compat.runner import Runner
from compat.verdicts import CREATED, MUTATED, Bare, Leg, Recorded, judge

ALL = [(family, case) for family in families() for case in family.cases]


def look(value: str, used: str = "", **more: Any) -> dict[str, Any]:
    seen = {"value": value, "type": "t", "aliased": ["x", "alias"], "together": value, **more}
    return {**seen, "used": {"value": used, "text": used}} if used else seen


def bare(**changed: Any) -> Bare:
    return Bare({CREATED: [look("1", "u1"), look("1")], MUTATED: [look("2", "u2"), {**look("2"), **changed}]})


def leg(way: str, state: str, seen: dict[str, Any], fidelity: str = "exact") -> Leg:
    return Leg(way, state, fidelity, "because", seen, 0.1)


RIGHT = (
    leg("undo", CREATED, look("1", "u1")),
    leg("redo", MUTATED, look("2", "u2")),
    leg("resume", MUTATED, look("2")),
)


def test_what_is_as_it_was_is_exact() -> None:
    verdict = judge(bare(), Recorded(legs=list(RIGHT)))
    assert (verdict.word, verdict.live, verdict.restarted, verdict.failed) == ("exact", "exact", "exact", False)


@pytest.mark.parametrize(
    "seen",
    [
        look("3", "u1"),
        look("1", "u9"),
        look("1", "u1", aliased=["x"]),
        look("1", "u1", type="q"),
        look("1", together="9"),
    ],
)
def test_what_differs_in_any_way_is_wrong(seen: dict[str, Any]) -> None:
    verdict = judge(bare(), Recorded(legs=[leg("undo", CREATED, seen), *RIGHT[1:]]))
    assert verdict.word == "wrong"
    assert len(verdict.wrong) == 1


def test_what_is_lost_is_not_compared_but_must_have_been_said() -> None:
    lost = leg("resume", MUTATED, look("placeholder"), "lost")
    assert judge(bare(), Recorded(inexact={MUTATED: {"x": "no"}}, legs=[*RIGHT[:2], lost])).word == "lost"
    assert judge(bare(), Recorded(legs=[*RIGHT[:2], lost])).word == "unreported"


def test_what_differs_before_travelling_is_told_apart() -> None:
    verdict = judge(bare(), Recorded(attached={CREATED: look("7")}, legs=list(RIGHT)))
    assert (verdict.word, verdict.attached) == ("attached", ["created: value", "created: together"])


def test_what_two_bare_kernels_do_not_agree_about_is_left_out_and_named() -> None:
    verdict = judge(bare(value="other"), Recorded(legs=[*RIGHT[:2], leg("resume", MUTATED, look("9", together="2"))]))
    assert (verdict.word, verdict.unstable) == ("exact", ["value"])


def test_a_case_that_raises_in_a_bare_kernel_says_nothing() -> None:
    assert judge(Bare(error="NameError"), Recorded()).word == "broken"


def test_each_case_has_names_of_its_own() -> None:
    code = script(Case("c", "import os\nx = [os]\ndef f(): return x", "x.append(f)", "len(x)"), 3)
    assert (code.x, code.names) == ("x_3", ("alias_3", "box_3", "f_3", "x_3"))
    assert "x_3.append(f_3)" in code.mutate
    assert code.use == "len(x_3)"


def test_every_case_is_sound() -> None:
    labels = [case.label for _, case in ALL]
    assert len(set(labels)) == len(labels)
    for _, case in ALL:
        assert isinstance(ast.parse(case.use).body[-1], ast.Expr), case.label
        ast.parse(case.create), ast.parse(case.mutate)


def test_every_entry_of_the_published_list_is_answered() -> None:
    answered = [number for _, case in ALL for number in case.numbers]
    answered += [number for one in absent() for number in one.numbers]
    assert sorted(answered) == sorted([*map(str, range(1, 154)), *(f"x{n}" for n in range(1, 7))])


def test_the_table_names_what_is_not_exact() -> None:
    recorded = Recorded(inexact={MUTATED: {"x": "no"}}, legs=[*RIGHT[:2], leg("resume", MUTATED, look("2"), "rebuilt")])
    rows = [table.row("a.B", ("7",), "a 1.0", judge(bare(), recorded), recorded, "")]
    text = table.text(rows, absent())
    assert "| 7 | `a.B` | a 1.0 | exact | rebuilt |" in text
    assert "rebuilt: because" in text


LIAR = Case(
    "an object whose value is kept in a module",
    "import string\nvars(string)['_kept'] = [1]\nclass P:\n    def __reduce_ex__(self, protocol):\n"
    "        return list, (), None, iter(string._kept)\nx = P()",
    "string._kept.append(2)",
    "list(x.__reduce_ex__(4)[3])",
)
SMALL = (
    Case("a list", "x = [1, [2]]", "x[1].append(3)", "x.pop()"),
    Case("a generator", "x = iter(n * n for n in range(9))", "next(x)", "next(x)"),
    Case("a case that raises", "x = 1 / 0", "x = 2"),
    LIAR,
)


@pytest.mark.time_limit(180)
def test_right_and_wrong_are_told_apart_in_real_kernels(tmp_path: Path) -> None:
    runner = Runner(Path(sys.executable), tmp_path / "run")
    found = runner.family(Family("small", "", "import os", SMALL), SMALL)
    verdicts = {case.label: judge(seen, recorded) for case, seen, recorded in found}
    assert verdicts["a list"].word == "exact", verdicts["a list"]
    assert verdicts["a generator"].word in ("lost", "replayed", "rebuilt", "exact"), verdicts["a generator"]
    assert verdicts["a case that raises"].broken.startswith("ZeroDivisionError")
    assert verdicts[LIAR.label].word == "wrong"
    assert {said.partition(",")[0] for said in verdicts[LIAR.label].wrong} >= {"undo to created", "resume to mutated"}
