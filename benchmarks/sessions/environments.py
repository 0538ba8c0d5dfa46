"""An environment of its own for each contender, made by pip from its default index."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / ".cache" / "bench"

COMMON = ("ipykernel", "numpy", "pandas", "scipy", "scikit-learn", "matplotlib")
"""What the workloads need, in every environment."""


class NotAvailableError(Exception):
    """A contender cannot be had here; the message says why."""


def environment(name: str, distributions: Sequence[str], *, project: bool = False) -> Path:
    """The interpreter of environment *name*, which is made or completed.

    Args:
        name: of the folder.
        distributions: what pip installs, beside what all have in common.
        project: install what Timeslip needs, too.

    Raises:
        NotAvailableError: something cannot be installed.
    """
    folder = CACHE / name
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    # Where the project lies is not written down: a checkout may be moved.
    asked = {*COMMON, *distributions, *(["timeslip"] if project else [])}
    stamp = folder / "installed.json"
    there = set(json.loads(stamp.read_text(encoding="utf-8"))) if stamp.is_file() and python.exists() else set()
    if asked <= there:
        return python
    asked |= there
    if not python.exists():
        venv.EnvBuilder(with_pip=True).create(folder)
    wanted = [f"--editable={ROOT}[notebook]" if name == "timeslip" else name for name in sorted(asked)]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NotAvailableError(f"pip could not install {', '.join(distributions) or name}: {last[:160]}")
    stamp.write_text(json.dumps(sorted(asked)), encoding="utf-8")
    return python


def versions(python: Path, wanted: Sequence[str]) -> dict[str, str]:
    """Distribution -> version, of those that are installed; under "python" the version of Python."""
    code = (
        "import importlib.metadata as m, json, platform, sys\n"
        "found = {d.metadata['Name'].lower(): d.version for d in m.distributions()}\n"
        "print(json.dumps({'python': platform.python_version(), "
        "**{n: found[n.lower()] for n in sys.argv[1:] if n.lower() in found}}))"
    )
    done = subprocess.run([str(python), "-c", code, *wanted], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))
