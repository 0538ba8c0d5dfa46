"""The archives under tests/stored: a store of a released format, with its key and what was in it."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Collection
from pathlib import Path


def unpack(archive: Path, into: Path) -> None:
    """Write the files of *archive* below *into*, for their owner alone, as a store has them."""
    with tarfile.open(archive) as opened:
        for member in opened.getmembers():
            content = opened.extractfile(member)
            assert content is not None
            target = into / member.name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.write_bytes(content.read())
            target.chmod(0o600)


def pack(base: Path, archive: Path, but: Collection[str] = ()) -> None:
    """Write the files below *base* to *archive*, in the same bytes each time, without locks and names of *but*."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as opened:
        for path in sorted(path for path in base.rglob("*") if path.is_file()):
            if path.suffix == ".lock" or path.name in but:
                continue
            info = tarfile.TarInfo(path.relative_to(base).as_posix())
            info.size = path.stat().st_size
            opened.addfile(info, io.BytesIO(path.read_bytes()))
    archive.write_bytes(gzip.compress(buffer.getvalue(), 9, mtime=0))
