"""Recording and travelling ask no object of the user's what it is: some make what they stand for when asked."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

APP = """
asked = []
class Local:
    @property
    def __class__(self):
        asked.append("class")
        raise RuntimeError("outside of a request")
    def __getattr__(self, name):
        asked.append(name)
        raise RuntimeError("outside of a request")
class Meta(type):
    def __getattribute__(cls, name):
        asked.append(name)
        raise ValueError(name)
request = Local()
class View:
    request = request
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "app_with_proxies.py").write_text(APP)
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__("app_with_proxies")
    del sys.modules["app_with_proxies"]


def test_a_proxy_in_a_module_of_the_users_is_not_asked(attach: Callable[..., Any], app: Any) -> None:
    session = attach()
    session.run("import app_with_proxies\nx = [1]")
    session.run("x.append(2)")
    session.undo()
    session.redo()
    session.checkout("HEAD~1")
    assert (session.namespace["x"], app.asked) == ([1], [])


def test_a_proxy_in_the_session_and_in_its_classes_is_not_asked(attach: Callable[..., Any], app: Any) -> None:
    session = attach()
    session.run("import app_with_proxies\nx = [1]\nv = app_with_proxies.View()\nv.x = x")
    session.run("x.append(2)\nclass V: r = app_with_proxies.request\nw = V()")
    app.asked.clear()
    session.run("w.x = x")
    session.undo()
    session.redo()
    session.undo(2)
    assert (session.namespace["v"].x, app.asked) == ([1], [])
    assert session.namespace["v"].x is session.namespace["x"]


def test_a_metaclass_is_not_asked_what_its_instances_are(attach: Callable[..., Any], app: Any) -> None:
    session = attach()
    session.run("from app_with_proxies import Meta\nclass K: pass\nx = [1]\nk = K(); k.x = x")
    session.run("class W(metaclass=Meta): pass\nw = type.__call__(W)\ng = (i for i in x)")
    app.asked.clear()
    session.run("x.append(2)")
    session.undo()
    session.redo()
    session.undo()
    assert (session.namespace["x"], "__next__" in app.asked) == ([1], False)
    assert session.namespace["k"].x is session.namespace["x"]


def test_a_module_that_is_loaded_when_it_is_used_is_not_loaded(
    attach: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(types.ModuleType):
        loaded = False

        def __getattribute__(self, name: str) -> Any:
            Late.loaded = True
            return types.ModuleType.__getattribute__(self, name)

    session = attach()
    session.run("x = [1]\ng = (i for i in x)")
    module = Late("late_module")
    Late.loaded = False
    monkeypatch.setitem(sys.modules, "late_module", module)
    session.run("x.append(2)")
    session.undo()
    assert not Late.loaded
