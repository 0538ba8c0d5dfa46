"""Somebody else goes on with an object that a restore replaces: the restore says so."""

from __future__ import annotations

import gc
import sys
import threading
import types
import weakref
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip import tearing


def test_an_object_of_a_helper_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_helper_file.py").write_text("CACHE = {}\ndef bump(): CACHE[len(CACHE)] = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="torn") as session:
        session.run("import a_helper_file\nfrom a_helper_file import CACHE, bump\nx = [1]")
        session.run("bump(); x.append(2)")
        result = session.undo(1)
        assert (namespace["CACHE"], namespace["x"]) == ({}, [1])
        told = "CACHE is an object of its own now: a_helper_file.CACHE keeps the one that both had before"
        assert result.messages == (told,)
    sys.modules.pop("a_helper_file")


def test_an_installed_module_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed, own = types.ModuleType("a_module"), types.ModuleType("a_module")
    installed.__file__, own.__file__ = f"{sys.prefix}/lib/a_module.py", str(tmp_path / "a_module.py")
    value = [1]
    vars(own)["value"] = vars(installed)["value"] = value
    monkeypatch.setitem(sys.modules, "a_module", installed)

    def told() -> list[str]:
        return list(tearing.torn_off({"x": value}, {"x": [2]}, {}))

    assert told() == []
    asked: list[Any] = []
    monkeypatch.setattr(tearing, "module_names", lambda module: asked.append(module) or vars(module))
    assert told() == []
    assert installed not in asked
    assert len(asked) < len(sys.modules) // 2
    sys.modules["a_module"] = own  # another one of the same name is another matter
    assert told() == ["x is an object of its own now: a_module.value keeps the one that both had before"]


def test_a_thread_that_is_using_what_is_replaced(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="torn", min_free_bytes=0) as session:
        session.run(
            "import queue, threading\nq = queue.Queue(); out = []\n"
            "def work():\n    while (item := q.get()) is not None: out.append(item)\n"
            "t = threading.Thread(target=work, name='worker', daemon=True); t.start()\n"
            "q.put(0)\nwhile not out: pass"
        )
        session.run("q.put(1)\nwhile len(out) < 2: pass")
        before = namespace["q"]
        result = session.undo()
        assert "the thread 'worker' goes on with q as it was before: end it, or start it again" in result.messages
        before.put(None)
        namespace["t"].join(5)


def test_what_is_replaced_is_gone_although_a_thread_is_there(tmp_path: Path) -> None:
    """At once, not when the garbage collector comes by: it may be most of the memory that there is."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    end = threading.Event()
    with timeslip.attach(namespace, store=tmp_path / "store", name="torn", min_free_bytes=0) as session:
        thread = threading.Thread(target=end.wait)
        thread.start()
        try:
            session.run("x = {1}")
            session.run("x.add(2)")
            before = weakref.ref(namespace["x"])
            gc.disable()
            session.undo()
            assert before() is None
        finally:
            gc.enable()
            end.set()
            thread.join()
