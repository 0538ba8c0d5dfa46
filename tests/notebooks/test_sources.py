"""From gallery scripts to cells."""

from __future__ import annotations

from pathlib import Path

import nbformat

from notebook_sources import SOURCES, cells_of, script_cells


def test_blocks_become_cells_and_prose_is_left_out() -> None:
    blocks = "".join(f"\n# %%\n# Text {n}.\nx{n} = {n}\n" for n in range(8))
    cells = script_cells('"""\nTitle\n"""\n\n# just a comment\n' + blocks)
    assert [cell.splitlines()[-1] for cell in cells] == [f"x{n} = {n}" for n in range(8)]


def test_a_script_without_blocks_is_cut_at_blank_lines() -> None:
    script = (
        '"""Title."""\nimport os\nimport sys\n\n\n@property\ndef f(self):\n    a = 1\n\n    return a\n\nx = 1\ny = 2\n'
    )
    assert script_cells(script) == [
        "import os\nimport sys",
        "@property\ndef f(self):\n    a = 1\n\n    return a",
        "x = 1\ny = 2",
    ]


def test_nothing_but_comments_between_statements_does_not_cut() -> None:
    assert script_cells("a = 1\n# why\nb = 2\n") == ["a = 1\nb = 2"]


def test_rulers_cut_as_well() -> None:
    assert script_cells("a = 1\n" + "#" * 40 + "\n# text\nb = 2\n") == ["a = 1", "b = 2"]


def test_notebooks_give_their_code_cells(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# Title"),
            nbformat.v4.new_code_cell("x = 1"),
            nbformat.v4.new_code_cell("  "),
        ]
    )
    nbformat.write(notebook, tmp_path / "n.ipynb")
    assert cells_of(tmp_path / "n.ipynb") == ["x = 1"]


def test_there_are_enough_notebooks() -> None:
    assert sum(len(source.notebooks) for source in SOURCES) >= 24  # some cannot be had everywhere; a dozen must run
