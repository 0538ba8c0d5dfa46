"""The virtual environments that the cases run in, one for each ``requirements-NAME.txt``."""

from __future__ import annotations

import json
import subprocess
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CACHE = ROOT / ".cache"
NAMES = tuple(sorted(path.stem.partition("-")[2] for path in HERE.glob("requirements-*.txt")))


class NotAvailableError(Exception):
    """pip could not install what an environment needs."""


def environment(name: str) -> Path:
    """The interpreter of environment *name*, which is made or completed.

    Raises:
        NotAvailableError: what it needs cannot be installed.
    """
    folder = CACHE / f"classes-{name}"
    requirements = HERE / f"requirements-{name}.txt"
    python = folder / "bin" / "python"
    stamp = folder / "installed.txt"
    wanted = requirements.read_text(encoding="utf-8")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    if not python.exists():
        venv.EnvBuilder(with_pip=True).create(folder)
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    # torch before everything else: with the others it would be looked for in all its builds
    first = [line for line in wanted.splitlines() if line.startswith("torch==")]
    rest = ["--editable", f"{ROOT}[notebook]", "--requirement", str(requirements)]
    for arguments in (first, rest):
        if arguments and subprocess.run([*pip, *arguments], check=False).returncode:
            raise NotAvailableError(f"pip could not install {requirements.name}")
    stamp.write_text(wanted, encoding="utf-8")
    return python


def versions(python: Path) -> dict[str, str]:
    """Distribution -> version, for all that is installed for *python*; under "" the version of Python."""
    code = (
        "import importlib.metadata as m, json, platform; "
        "print(json.dumps({'': platform.python_version(), **{d.name.lower(): d.version for d in m.distributions()}}))"
    )
    done = subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))
