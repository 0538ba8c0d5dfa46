"""One type per id, so that a commit id never stands where a chunk id is meant.

All are ``str`` underneath (lower-case hexadecimal, except `OperationId`, a decimal counter), so they print, compare,
hash and serialise as themselves; the type is for the reader and for mypy.
"""

from __future__ import annotations

from timeslip.standard import os


class _Id(str):
    """An identifier with a short form for people."""

    __slots__ = ()

    @property
    def short(self) -> str:
        """The first eight characters: enough to tell one from another on a screen."""
        return self[:8]


class ChunkId(_Id):
    """BLAKE3-256 of a chunk's bytes, 64 hexadecimal digits."""

    __slots__ = ()


class RecordId(_Id):
    """Salted BLAKE3-256 of a record (manifest, value or text), 64 hexadecimal digits."""

    __slots__ = ()


class CommitId(RecordId):
    """BLAKE3-256 of a commit's body, 64 hexadecimal digits."""

    __slots__ = ()


class OperationId(_Id):
    """Position in the operation log of the store, decimal."""

    __slots__ = ()


class SessionId(_Id):
    """Random name of a session, 32 hexadecimal digits."""

    __slots__ = ()

    @classmethod
    def new(cls) -> SessionId:
        """A fresh random id (128 bits)."""
        return cls(os.urandom(16).hex())


class DefinitionId(_Id):
    """Random name of one class or function object made in a session, 20 hexadecimal digits."""

    __slots__ = ()

    @classmethod
    def new(cls) -> DefinitionId:
        """A fresh random id (80 bits)."""
        return cls(os.urandom(10).hex())
