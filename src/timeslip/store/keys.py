"""Keys of the MAC that says "this user wrote these bytes" (design rule 10).

A key is 32 random bytes in a file of its own, outside every store, readable by its owner only. It is named by a short
digest, so that a record can say which key signed it without telling anything about the key. A *key ring* is the
user's own key, with which all records are signed, and further keys that the user has decided to trust.

Files, in the platform's configuration directory (``TIMESLIP_KEY_FILE`` overrides the first)::

    key                  the user's own key, 32 bytes
    trusted/<key id>     further trusted keys, 32 bytes each
"""

from __future__ import annotations

import hmac
import stat
import sys
from pathlib import Path

from blake3 import blake3

from timeslip.errors import StoreError, StoreReadOnlyError
from timeslip.standard import open_file, os
from timeslip.store.host import sync_directory

ALGORITHM = "blake3-keyed-128"
"""Name of the MAC, stored beside every key id so that a later release may add another."""

KEY_BYTES = 32
MAC_BYTES = 16
KEY_ID_BYTES = 8
_ID_CONTEXT = "timeslip 2025-01 v1 key id"
_MAC_PREFIX = b"timeslip/v1/mac\0"


class Key:
    """A secret with which records are signed. Its ``repr`` shows the id only."""

    __slots__ = ("_secret", "id")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise StoreError(
                f"a key has {KEY_BYTES} bytes, not {len(secret)}", hint="restore the key file, or remove it"
            )
        self._secret = secret
        self.id = blake3(secret, derive_key_context=_ID_CONTEXT).digest(KEY_ID_BYTES)
        """Short digest that names the key; tells nothing about it."""

    def __repr__(self) -> str:
        return f"Key({self.id.hex()})"

    def mac(self, kind: bytes, record_id: bytes, body: bytes) -> bytes:
        """The MAC of a record: keyed BLAKE3 over prefix, kind, NUL, id (32 bytes) and body, cut to 16 bytes."""
        message = b"".join((_MAC_PREFIX, kind, b"\0", record_id, body))
        return blake3(message, key=self._secret).digest(MAC_BYTES)

    def verifies(self, mac: bytes, kind: bytes, record_id: bytes, body: bytes) -> bool:
        """Whether *mac* is this key's MAC of the record."""
        return hmac.compare_digest(mac, self.mac(kind, record_id, body))


class KeyRing:
    """The key that signs, and all keys whose signature is accepted.

    Args:
        own: the signing key; None in a read-only view without a key, where nothing is signed or accepted.
        trusted: further keys.
        directory: where `trust_key` keeps keys; None keeps them in memory only.
    """

    def __init__(self, own: Key | None, trusted: tuple[Key, ...] = (), directory: Path | None = None) -> None:
        self.own = own
        self.notices: tuple[str, ...] = ()
        self._directory = directory
        self._keys = {key.id: key for key in trusted}
        if own is not None:
            self._keys[own.id] = own

    def find(self, key_id: bytes) -> Key | None:
        """The trusted key of that id, or None."""
        return self._keys.get(key_id)

    def trust_key(self, key: Key) -> None:
        """Accept signatures of *key* from now on, in this process and in later ones.

        Raises:
            StoreReadOnlyError: the configuration directory cannot be written; nothing was changed.
        """
        if self._directory is not None and key.id not in self._keys:
            _write_new(self._directory / "trusted" / key.id.hex(), key._secret)
        self._keys[key.id] = key

    @classmethod
    def load(cls, key_file: Path | None = None, *, create: bool = True) -> KeyRing:
        """The user's key ring; makes the user's key on first use.

        Args:
            key_file: the user's key; default ``TIMESLIP_KEY_FILE``, else the platform's configuration directory.
            create: make the key when there is none; otherwise the ring has no signing key.

        Raises:
            StoreReadOnlyError: the key is missing and cannot be made.
            StoreError: a key file exists and is not a key.
        """
        path = key_file if key_file is not None else default_key_file()
        own = read_key(path)
        if own is None and create:
            _write_new(path, os.urandom(KEY_BYTES))
            own = read_key(path)
        trusted = tuple(_read_directory(path.parent / "trusted"))
        ring = cls(own, trusted, path.parent)
        ring.notices = tuple(_complaints(path))
        return ring


def default_key_file() -> Path:
    """Where the user's own key lies: ``TIMESLIP_KEY_FILE``, else ``key`` in the platform's configuration directory."""
    chosen = os.environ.get("TIMESLIP_KEY_FILE")
    if chosen:
        return Path(chosen)
    import platformdirs  # here, because most processes are told both paths or need this once

    return Path(platformdirs.user_config_dir("timeslip", appauthor=False)) / "key"


def read_key(path: Path) -> Key | None:
    """The key in file *path*, or None when there is no such file.

    Raises:
        StoreError: the file exists but cannot be read, or is not a key.
    """
    try:
        with open_file(path, "rb") as file:
            secret = file.read(KEY_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(
            f"the key file cannot be read ({error.strerror})", hint=f"make '{path}' readable, or set TIMESLIP_KEY_FILE"
        ) from error
    if len(secret) != KEY_BYTES:
        raise StoreError(
            f"'{path}' is not a key of Timeslip", hint="restore it from a backup, or remove it to get a new one"
        )
    return Key(secret)


def _read_directory(directory: Path) -> list[Key]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:  # no key was ever trusted, or the directory is not ours to read: then none of it is trusted
        return []
    found = (read_key(directory / name) for name in names)
    return [key for key in found if key is not None]


def _complaints(path: Path) -> list[str]:
    if sys.platform == "win32":
        return []
    try:
        mode = os.stat(path).st_mode
    except OSError:  # no key file: nothing to complain about
        return []
    if stat.S_IMODE(mode) & 0o077:
        return [f"others can read the key file '{path}': `chmod 600` it"]
    return []


def _write_new(path: Path, secret: bytes) -> None:
    """Write *secret* to *path* unless another process was first; durable, never half-written, 0600."""
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        os.makedirs(path.parent, mode=0o700, exist_ok=True)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(fd, secret)
            os.fsync(fd)
        finally:
            os.close(fd)
        try:
            os.link(temporary, path)
        except FileExistsError:  # another process made its key first: that one counts
            pass
        except OSError:  # a file system without hard links: the rename may replace a key made this very instant
            if not os.path.exists(path):
                os.replace(temporary, path)
        if os.path.exists(temporary):  # not where it was renamed
            os.unlink(temporary)
        sync_directory(path.parent)
    except OSError as error:
        raise StoreReadOnlyError(
            f"the key for signing records cannot be written to '{path}' ({error.strerror})",
            hint="set TIMESLIP_KEY_FILE to a file in a folder that you can write",
        ) from error
