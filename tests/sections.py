"""Which section of `make test` a test file belongs to. Plain data: scripts/run_tests.py reads it, too."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent

SECTIONS: tuple[tuple[str, str], ...] = (
    # first match wins; the path is relative to tests/
    ("ipython/", "doors"),
    ("cli/", "doors"),
    ("doors/", "doors"),
    ("lab/", "doors"),
    ("server/", "doors"),
    ("kernel/test_awkward", "fidelity"),
    ("kernel/test_kill", "safety"),
    ("kernel/", "doors"),
    ("fidelity/", "fidelity"),
    ("engine/test_machine", "fidelity"),
    ("engine/test_cases", "fidelity"),
    ("notebooks/", "fidelity"),
    ("browser/", "browser"),
    ("safety/", "safety"),
    ("store/test_crash", "safety"),
    ("store/test_full", "safety"),
    ("test_architecture.py", "safety"),
    ("test_docs.py", "safety"),
    ("test_no_traces.py", "safety"),
    ("", "engine"),
)
"""The beginning of a path, relative to this folder, and the section."""


def section_of(path: Path) -> str:
    """The section of a test file."""
    relative = path.resolve().relative_to(HERE).as_posix()
    return next(section for prefix, section in SECTIONS if relative.startswith(prefix))


def files_of(section: str) -> list[Path]:
    """The test files of a section: a process that runs one need not import the others."""
    return [path for path in sorted(HERE.rglob("test_*.py")) if section_of(path) == section]
