"""Notebooks that other people wrote: fetched from the source distributions of their libraries, never committed.

Source distributions come from the package index that pip is set up with. Galleries (scripts with comment blocks) become
notebooks in the way that sphinx-gallery makes them; a script without blocks is cut at the blank lines between its
statements.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import nbformat


@dataclass(frozen=True)
class Source:
    """A library whose notebooks we run.

    Attributes:
        project: its name on the package index.
        notebooks: paths inside the source distribution, without the top folder; .ipynb or .py.
        needs: what has to be installed to run them, beside the library itself.
    """

    project: str
    notebooks: tuple[str, ...]
    needs: tuple[str, ...] = ("matplotlib",)


SOURCES = (
    Source(
        "networkx",
        (
            "examples/algorithms/plot_snap.py",
            "examples/graph/plot_dag_layout.py",
            "examples/algorithms/plot_circuits.py",
            "examples/subclass/plot_antigraph.py",
            "examples/graph/plot_morse_trie.py",
            "examples/graph/plot_degree_sequence.py",
            "examples/algorithms/plot_davis_club.py",
        ),
        ("matplotlib", "scipy", "pandas"),
    ),
    Source(
        "lmfit",
        (
            "examples/discuss_model_eval_uncertainty.ipynb",
            "examples/example_fit_multi_datasets.py",
            "examples/example_Model_interface.py",
            "examples/example_use_pandas.py",
            "examples/example_brute.py",
        ),
        ("matplotlib", "pandas", "emcee"),
    ),
    Source(
        "seaborn",
        (
            "doc/_tutorial/properties.ipynb",
            "doc/_docstrings/objects.Plot.config.ipynb",
            "doc/_tutorial/aesthetics.ipynb",
            "doc/_docstrings/axes_style.ipynb",
            "doc/_docstrings/color_palette.ipynb",
        ),
        ("matplotlib", "pandas", "scipy"),
    ),
    Source(
        "imbalanced-learn",
        (
            "doc/auto_examples/datasets/plot_make_imbalance.ipynb",
            "doc/auto_examples/evaluation/plot_metrics.ipynb",
            "doc/auto_examples/under-sampling/plot_illustration_nearmiss.ipynb",
            "doc/auto_examples/model_selection/plot_instance_hardness_cv.ipynb",
        ),
        ("matplotlib", "pandas", "seaborn"),
    ),
    Source(
        "control",
        (
            "examples/describing_functions.ipynb",
            "examples/simulating_discrete_nonlinear.ipynb",
            "examples/stochresp.ipynb",
            "examples/interconnect_tutorial.ipynb",
            "examples/cds110-L3_lti-systems.ipynb",
        ),
        ("matplotlib",),
    ),
    Source(
        "emcee",
        (
            "docs/tutorials/quickstart.ipynb",
            "docs/tutorials/line.ipynb",
            "docs/tutorials/moves.ipynb",
        ),
        ("matplotlib", "scipy", "corner"),
    ),
    Source(
        "corner",
        (
            "docs/pages/quickstart.ipynb",
            "docs/pages/custom.ipynb",
            "docs/pages/sigmas.ipynb",
        ),
        ("matplotlib", "scipy"),
    ),
    Source("xarray", ("doc/examples/weather-data.ipynb",), ("matplotlib", "pandas", "seaborn", "netcdf4")),
    Source(
        "statsmodels",
        (
            "examples/notebooks/ols.ipynb",
            "examples/notebooks/wls.ipynb",
            "examples/notebooks/glm.ipynb",
            "examples/notebooks/predict.ipynb",
            "examples/notebooks/stats_rankcompare.ipynb",
            "examples/notebooks/robust_models_0.ipynb",
            "examples/notebooks/kernel_density.ipynb",
            "examples/notebooks/gls.ipynb",
            "examples/notebooks/glm_formula.ipynb",
        ),
        ("matplotlib", "pandas"),
    ),
)


class NotAvailableError(Exception):
    """A source distribution, or a notebook in it, cannot be had; the message is the reason for a skip."""


def fetch(source: Source, cache: Path, *, timeout: float = 420.0) -> Path:
    """The unpacked source distribution of *source*, from the cache when it is there.

    Args:
        source: what to fetch.
        cache: directory that keeps it between runs.
        timeout: seconds; some projects are configured by pip before it keeps the file.

    Raises:
        NotAvailableError: no network, no source distribution, or one that pip cannot handle here.
    """
    unpacked = cache / "src" / source.project
    if unpacked.is_dir():
        return next(path for path in unpacked.iterdir() if path.is_dir())
    archives = cache / "sdists" / source.project
    archives.mkdir(parents=True, exist_ok=True)
    if not list(archives.glob("*.tar.gz")):
        _download(source, archives, timeout)
    archive = max(archives.glob("*.tar.gz"))
    partial = unpacked.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with tarfile.open(archive) as file:
        if hasattr(tarfile, "data_filter"):  # since the security releases of 3.10 and 3.11
            file.extraction_filter = tarfile.data_filter
        file.extractall(partial)
    partial.rename(unpacked)
    return next(path for path in unpacked.iterdir() if path.is_dir())


def _download(source: Source, folder: Path, timeout: float) -> None:
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
        *("--no-binary", source.project, "--dest", str(folder), source.project),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise NotAvailableError(
            f"{source.project}: its source distribution did not come within {timeout:g} s"
        ) from None
    if done.returncode or not list(folder.glob("*.tar.gz")):
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NotAvailableError(f"{source.project}: its source distribution cannot be had: {last[:160]}")


def cells_of(path: Path) -> list[str]:
    """The code cells of a notebook or of a gallery script, in order, without empty ones."""
    if path.suffix == ".ipynb":
        notebook = nbformat.read(path, as_version=4)
        found = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    else:
        found = script_cells(path.read_text(encoding="utf-8"))
    return [text for text in found if text.strip()]


BLOCK = re.compile(r"^(?:#\s?%%.*|#{20,}\s*)$", re.MULTILINE)
FEW = 6
"""A script with fewer blocks than this is cut at its blank lines as well."""


def script_cells(text: str) -> list[str]:
    """A gallery script as cells: cut at ``# %%`` and at lines of ``#``; with few of these, at blank lines, too."""
    blocks = [block for block in BLOCK.split(text) if _has_code(block)]
    if len(blocks) < FEW:
        blocks = [cell for block in blocks for cell in cut_at_blank_lines(block)]
    return [block.strip("\n") for block in blocks]


def _has_code(block: str) -> bool:
    try:
        body = ast.parse(block).body
    except SyntaxError:  # cut in the middle of a statement: keep it, the kernel will say so
        return bool(block.strip())
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


def cut_at_blank_lines(block: str) -> list[str]:
    """*block* in pieces: top-level statements with no blank line between them stay together."""
    try:
        body = ast.parse(block).body
    except SyntaxError:  # see `_has_code`
        return [block]
    lines = block.splitlines()
    pieces: list[list[str]] = []
    end = 0
    for node in body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # the gallery's title
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        last = node.end_lineno or first
        statement = lines[first - 1 : last]
        gap = [line for line in lines[end : first - 1] if not line.strip()]
        if pieces and not gap:
            pieces[-1].extend(statement)
        else:
            pieces.append(statement)
        end = last
    return [piece for piece in ("\n".join(lines) for lines in pieces) if _has_code(piece)]
