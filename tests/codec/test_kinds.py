"""Which modules are files of the user's."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
from tests.codec.kernels import Kernel, resumed

from timeslip.codec import kinds


def test_modules_of_libraries_are_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    usual = kinds.is_users_module
    monkeypatch.setattr(kinds, "is_users_module", lambda name: asked.append(name) or usual(name))
    monkeypatch.setattr(kinds, "_users_modules", ((0, ""), []))
    own, library = types.ModuleType("a_module"), types.ModuleType("a_module")
    own.__file__, library.__file__ = str(tmp_path / "a_module.py"), f"{sys.prefix}/lib/a_module.py"
    monkeypatch.setitem(sys.modules, "a_module", library)
    assert "a_module" not in kinds.users_modules()
    asked.clear()
    monkeypatch.setitem(sys.modules, "a_newer_module", types.ModuleType("a_newer_module"))
    assert "a_module" not in kinds.users_modules()
    assert "a_newer_module" in asked
    assert "json" not in asked
    assert len(asked) < len(sys.modules) // 2
    monkeypatch.setitem(sys.modules, "a_module", own)  # another one of the same name is another matter
    monkeypatch.setitem(sys.modules, "the_newest_module", types.ModuleType("the_newest_module"))
    assert "a_module" in kinds.users_modules()


def test_a_metaclass_is_not_asked_whether_a_tuple_has_attributes() -> None:
    kernel = Kernel(
        "class Meta(type):\n"
        "    def __getattribute__(self, name):\n"
        "        if name == '__dictoffset__': raise ZeroDivisionError\n"
        "        return type.__getattribute__(self, name)\n"
        "class T(tuple, metaclass=Meta): __slots__ = ()\n"
        "class S(tuple, metaclass=Meta): pass\n"
        "v = [T((1, 2)), S((3, 4))]\n"
        "v[1].x = v"
    )
    other = resumed(kernel)
    assert list(map(list, other.namespace["v"])) == [[1, 2], [3, 4]]
    assert other.namespace["v"][1].x is other.namespace["v"]
