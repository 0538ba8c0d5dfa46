from __future__ import annotations

import os
from pathlib import Path

import pytest

from timeslip.errors import FacetError
from timeslip.state.facets import REGISTRY, FacetSet


@pytest.mark.parametrize("name", ["plain", "with space", "ünïcode", 'quo"te', "line\nbreak"])
def test_there_and_back(tmp_path: Path, name: str) -> None:
    facet = REGISTRY["cwd"]()
    (tmp_path / name).mkdir()
    os.chdir(tmp_path / name)
    data = facet.capture()
    os.chdir(tmp_path)
    facet.restore(data)
    assert Path.cwd() == tmp_path / name
    assert facet.capture() == data


@pytest.mark.skipif(os.name != "posix", reason="bytes in paths")
def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    facet = REGISTRY["cwd"]()
    path = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(path)
    os.chdir(path)
    data = facet.capture()
    os.chdir(tmp_path)
    facet.restore(data)
    assert os.getcwdb() == path


def test_a_directory_that_is_gone(tmp_path: Path) -> None:
    facet = REGISTRY["cwd"]()
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    data = facet.capture()
    os.chdir(tmp_path)
    (tmp_path / "gone").rmdir()
    with pytest.raises(FacetError, match=r"cannot go back to the working directory .*gone"):
        facet.restore(data)
    assert Path.cwd() == tmp_path


@pytest.mark.skipif(os.name != "posix", reason="a directory in use can only be removed there")
def test_standing_in_a_directory_that_is_gone(tmp_path: Path) -> None:
    facets = FacetSet(["cwd"])
    os.chdir(tmp_path)
    data = facets.capture()
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert facets.capture() == {}
    assert facets.capture() == {}
    assert facets.problems == ["the working directory does not exist any more"]
    assert facets.restore(data) == []
    assert Path.cwd() == tmp_path


def test_description() -> None:
    facet = REGISTRY["cwd"]()
    assert facet.describe(b'"/a"', b'"/b"') == "working directory /a -> /b"
    assert facet.describe(None, b'"/b"') == "working directory /b"
