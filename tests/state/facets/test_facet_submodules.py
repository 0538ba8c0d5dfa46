"""Parts of packages that cells have imported under the package's name are there in a new kernel, too."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.fidelity.recording import attach, fresh, in_another_process

from timeslip.errors import FacetError
from timeslip.state.facets.submodules import SubmodulesFacet


def test_what_is_imported_under_the_name_of_a_package_is_noted() -> None:
    import xml.dom.minidom

    facet = SubmodulesFacet()
    assert facet.capture() == b"{}"
    facet.note(["json", "xml.dom.minidom", ".relative", "no.such"], [1, json, xml])
    assert json.loads(facet.capture()) == {"modules": ["xml.dom.minidom"]}
    facet.note(["xml.dom.minidom", "concurrent.futures"], [xml])
    assert json.loads(facet.capture()) == {"modules": ["xml.dom.minidom"]}, "no name stands for the other package"
    assert facet.describe(None, facet.capture()) == "submodules: +xml.dom.minidom"
    assert facet.describe(facet.capture(), facet.capture()) == "submodules: unchanged"


def test_what_is_missing_is_imported_and_the_rest_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    facet = SubmodulesFacet()
    monkeypatch.delitem(sys.modules, "wsgiref.util", raising=False)
    with pytest.raises(FacetError, match=r"cannot be imported here: no\.such \(ModuleNotFoundError"):
        facet.restore(b'{"modules":["no.such","wsgiref.util"]}')
    assert "wsgiref.util" in sys.modules
    facet.restore(b"{}")
    assert facet.capture() == b"{}"
    assert "wsgiref.util" in sys.modules, "what is imported stays so"


def test_a_submodule_is_there_in_a_new_kernel(tmp_path: Path) -> None:
    session = attach(tmp_path, fresh(), "parts")
    try:
        session.run("import wsgiref")
        session.run("import wsgiref.util, concurrent.futures\nx = wsgiref.util.guess_scheme({})")
        session.run("def scheme():\n    return wsgiref.util.guess_scheme({})")
        session.undo(2)
        session.redo(2)
        last = str(session.head)
    finally:
        session.close()
    job = {"directory": str(tmp_path), "files": [], "session": "parts", "name": "x", "commits": [last]}
    [[there]] = in_another_process([job | {"probe": "(x, scheme(), concurrent.futures.Executor.__name__)"}])
    assert there.told == "('http', 'http', 'Executor')"
