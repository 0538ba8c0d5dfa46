"""Documentation fails the build when it falls behind the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import reference

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli", reason="reading pyproject.toml needs Python 3.11 or tomli")

ROOT = Path(__file__).resolve().parent.parent


def markdown() -> list[Path]:
    listed = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(listed)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_reference_is_up_to_date() -> None:
    assert [name_of(path) for path in reference.stale()] == [], "run `make docs`"


def test_every_error_is_drawn_where_it_is_defined() -> None:
    drawing = (reference.errors.__doc__ or "").split()
    for kind in reference.error_classes():
        assert kind.__name__ in drawing, f"{kind.__name__} is missing in the tree of timeslip/errors.py"
        assert kind.__doc__


def test_error_codes_are_unique() -> None:
    codes = [kind.code for kind in reference.error_classes()]
    assert len(set(codes)) == len(codes)


def test_every_setting_says_what_it_means() -> None:
    said = reference.attribute_docs(reference.config.Settings)
    fields = {field.name for field in reference.dataclasses.fields(reference.config.Settings)}
    assert {name for name in fields if not name.startswith("_")} <= said.keys()


def test_every_verb_has_help() -> None:
    verbs = reference.verb_table()
    if verbs is None:
        pytest.skip("there is no table of verbs yet")
    for verb in verbs.values():
        assert verb.summary, verb.name
        assert all(argument.help for argument in verb.arguments), verb.name


@pytest.mark.parametrize("path", markdown(), ids=name_of)
def test_commands_in_the_docs_exist(path: Path) -> None:
    """`%timeslip VERB` and `timeslip VERB` as documented: the verb must be one."""
    verbs = reference.verb_table()
    if verbs is None:
        pytest.skip("there is no table of verbs yet")
    known = {*verbs, "off", "sessions", "check", "mv", "rm", "VERB"}
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```.*?^```", text, flags=re.MULTILINE | re.DOTALL)
    typed = "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", text)])
    for verb in re.findall(r"^(?:[$>] )?%{0,2}timeslip +([a-zA-Z]+)", typed, flags=re.MULTILINE):
        assert verb in known, f"{name_of(path)}: `timeslip {verb}` is no command"


@pytest.mark.parametrize("path", markdown(), ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        assert (path.parent / target).exists(), f"{name_of(path)} links to {target}"


def dependencies() -> list[str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return list(tomllib.load(file)["project"]["dependencies"])


def test_every_dependency_has_its_reason() -> None:
    record = (ROOT / "docs" / "design" / "001-dependencies.md").read_text(encoding="utf-8")
    for requirement in dependencies():
        name = re.split(r"[<>=!~ ]", requirement)[0]
        assert f"| `{name}` |" in record, f"{name} has no row in docs/design/001-dependencies.md"


def test_lower_bounds_are_the_ones_that_are_tested() -> None:
    lines = (ROOT / "tests" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0]: line.split("==")[1] for line in lines if line and not line.startswith("#")}
    for requirement in dependencies():
        name, bound = requirement.split(">=")
        assert pinned[name].startswith(bound), f"tests/lowest.txt tests {name} {pinned[name]}, not {bound}"
    assert len(pinned) == len(dependencies())


def test_make_targets_are_documented() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = next(line for line in makefile.splitlines() if line.startswith(".PHONY")).split()[1:]
    told = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for target in listed:
        assert re.search(rf"^{target}:.*## .+", makefile, flags=re.MULTILINE), f"{target} has no help line"
        assert target == "help" or f"`make {target}`" in told, f"`make {target}` is not in CONTRIBUTING.md"


def test_make_help_lists_every_target() -> None:
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"dev", "test", "demo", "check"} <= {line.split()[0] for line in done.stdout.splitlines()}
