"""Nothing in the repository names the machine, the person or the package index it was written with."""

from __future__ import annotations

import getpass
import re
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PATTERNS = {
    "a home folder": r"(?<![\w.])/(?:home|Users)/(?!user\b|me\b|ann\b)\w+/",
    "root's home folder": r"(?<![\w.])/ro" + r"ot/",
    "a version manager's folder": r"\.py" + r"env/",
    "an index option": r"--(?:extra-)?index-url|--find-links|--trusted-host",
    "an index variable": r"\b(?:PIP|UV)_(?:EXTRA_)?(?:INDEX_URL|FIND_LINKS|DEFAULT_INDEX)\b",
    "an index address": r"https?://[^\s\"'<>)]*/simple\b",
    "a downloaded file's address": r"\"resolved\": *\"https?:",
    "an address of a private network": r"\b(?:10\.\d+|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d+\.\d+\b",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}
"""What must not occur in a tracked text file."""

ALLOWED = {"tests/test_no_traces.py"}


def tracked() -> list[Path]:
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout: nothing is tracked")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:4096]:
            found.append((path.relative_to(ROOT).as_posix(), data.decode("utf-8", errors="replace")))
    return found


@pytest.mark.parametrize("what", PATTERNS)
def test_no_traces(what: str) -> None:
    pattern = re.compile(PATTERNS[what])
    hits = [
        f"{name}:{text[: hit.start()].count(chr(10)) + 1}: {hit.group()}"
        for name, text in texts()
        if name not in ALLOWED
        for hit in pattern.finditer(text)
    ]
    assert hits == [], f"{what}: {hits[:5]}"


def test_not_where_it_lies_here() -> None:
    """The very paths and names of the machine that runs the test (short ones would hit by chance)."""
    names = {str(ROOT), str(Path(ROOT.anchor, *ROOT.parts[1:3])), socket.gethostname()}
    try:
        names.add(getpass.getuser())
    except (KeyError, OSError):  # a user id without a name
        pass
    own = [name for name in names if len(name) > 6 and name not in ("runner", "timeslip")]
    hits = [f"{name}: {one}" for name, text in texts() for one in own if one in text and name not in ALLOWED]
    assert hits == []


def test_no_file_is_large() -> None:
    """Data comes with libraries or is made; a repository is no place for it."""
    large = [f"{path.name}: {path.stat().st_size}" for path in tracked() if path.stat().st_size > 400_000]
    assert large == []
