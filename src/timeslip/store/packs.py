"""Pack files: append-only files of chunks, for chunks too large to live in the database.

Only this module knows the layout of a pack, and only the database knows where a chunk lies in it. Bytes that the
database does not point to (a torn tail, a chunk whose transaction never finished) are harmless. A pack is never
truncated, and published bytes are never written again, because other processes may have them mapped.

Each process that writes has a pack of its own, held by a file lock; a pack left by a process that ended is taken up
again by the next writer. Without file locks (Windows) every writer makes a new pack.
"""

from __future__ import annotations

import mmap
import struct
import threading
import zlib
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from timeslip.errors import ChunkMissingError, DamagedStoreError
from timeslip.standard import open_file, os
from timeslip.store.files import Files, translate
from timeslip.store.guard import Reading
from timeslip.store.host import sync_directory, try_lock_descriptor

if TYPE_CHECKING:
    from collections.abc import Iterator

PACK_LIMIT = 256 << 20
"""A pack takes no further chunk beyond this size, bytes. One larger chunk may still be alone in a pack."""

HEADER_BYTES = 4096
_HEADER = struct.Struct("<8sII16sq")
_MAGIC = b"TSLPPACK"
_VERSION = 1
PAGE = max(4096, mmap.PAGESIZE)
"""Raw chunks start where their place in such a page says, so that they can be mapped (`mapping.phase`)."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where stored bytes lie.

    Attributes:
        pack: number of the pack.
        offset: of the first byte, from the start of the file, bytes.
    """

    pack: int
    offset: int


@dataclass(frozen=True, slots=True)
class PackState:
    """What this process knows about a pack that it writes.

    Attributes:
        pack: number of the pack.
        size: bytes written so far, header included.
        synced: bytes that would survive a power cut.
    """

    pack: int
    size: int
    synced: int


class _Writer:
    def __init__(self, pack: int, fd: int, end: int, synced: int) -> None:
        self.pack, self.fd, self.end, self.synced = pack, fd, end, synced


class PackDirectory:
    """The packs of a store. Safe from many threads; many processes may each have one on the same directory.

    Args:
        directory: holds the files; made on the first write.
        store_id: 16 bytes, written into every header.
        files: how to write.
        adoptable: asked, when a new pack is needed, for packs that could take more, best first.
    """

    def __init__(
        self, directory: Path, store_id: bytes, files: Files, adoptable: Callable[[], Iterable[int]] | None = None
    ) -> None:
        self.directory = directory
        self._store_id = store_id
        self._files = files
        self._adoptable = adoptable or (lambda: ())
        self._lock = threading.Lock()
        self._writer: _Writer | None = None
        self._retired: list[_Writer] = []
        self._dirty_directory = False

    @Reading("the list of packs")
    def path(self, pack: int) -> Path:
        """The file of a pack, which may not exist."""
        return self.directory / f"{pack & 0xFFFFFFFFFFFFFFFF:016x}.pack"

    # --- writing

    def append(self, data: memoryview, *, phase: int | None) -> Location:
        """Write *data* at the end of this process's pack, so many bytes behind the start of a page, or anywhere.

        Durable after `sync`. Does not keep *data*. After an error nothing was added.

        Raises:
            StoreFullError, StoreReadOnlyError, StoreError.
        """
        with self._writing(data.nbytes) as writer:
            offset = writer.end + ((phase - writer.end) % PAGE if phase is not None else 0)
            self._files.write(writer.fd, data, offset)
            writer.end = offset + data.nbytes
            return Location(writer.pack, offset)

    def pack_for(self, size: int) -> int:
        """The pack to which `append` would add so many bytes now, which is there then. Errors as `append`."""
        with self._writing(size) as writer:
            return writer.pack

    @contextmanager
    def _writing(self, size: int) -> Iterator[_Writer]:
        """The pack to which so many bytes are added, which nobody else adds to meanwhile. Errors as `append`."""
        try:
            candidates: list[int] | None = None
            while True:
                with self._lock:
                    writer = self._writer_for(size, candidates)
                    if writer is not None:
                        yield writer
                        return
                # Asked without the lock: the database has one of its own, whose holders ask for ours.
                candidates = list(self._adoptable())
        except OSError as error:
            raise translate(error, "writing a pack") from error

    def states(self) -> list[PackState]:
        """The packs that this process has written, and how far they are safe."""
        with self._lock:
            return [PackState(w.pack, w.end, w.synced) for w in self._writers()]

    def sync(self) -> None:
        """Make everything appended before this call durable.

        Raises:
            StoreError: the disk refused; nothing more is known to be durable than before.
        """
        with self._lock:
            todo = [(w, os.dup(w.fd), w.end) for w in self._writers() if w.synced < w.end]
            directory, self._dirty_directory = self._dirty_directory, False
        try:
            for writer, fd, end in todo:  # outside the lock: appending goes on while the disk works
                self._files.sync(fd)
                writer.synced = max(writer.synced, end)
            if directory:
                sync_directory(self.directory)
        except OSError as error:
            self._dirty_directory = self._dirty_directory or directory
            raise translate(error, "syncing a pack") from error
        finally:
            for _, fd, _ in todo:
                os.close(fd)

    def retire(self, pack: int | None = None) -> None:
        """Append no more to *pack* (default: the present one). It stays locked until `release_retired`."""
        with self._lock:
            if self._writer is not None and pack in (None, self._writer.pack):
                self._retired.append(self._writer)
                self._writer = None

    def release_retired(self, finished: set[int]) -> None:
        """Close those retired packs that are in *finished*: synced, recorded so, with nothing left to publish."""
        with self._lock:
            for writer in [w for w in self._retired if w.pack in finished]:
                self._retired.remove(writer)
                os.close(writer.fd)

    def written(self) -> set[int]:
        """Numbers of the packs that this process holds."""
        with self._lock:
            return {w.pack for w in self._writers()}

    def close(self) -> None:
        """Close all files without syncing. Harmless a second time."""
        with self._lock:
            for writer in self._writers():
                os.close(writer.fd)
            self._writer, self._retired = None, []

    def abandon(self) -> None:
        """In a forked child: close the inherited descriptors, which leaves the parent's locks in place."""
        self._lock = threading.Lock()  # the inherited one may be held by a thread that does not exist here
        self.close()

    def _writers(self) -> list[_Writer]:
        return self._retired + ([self._writer] if self._writer is not None else [])

    def _writer_for(self, size: int, candidates: Iterable[int] | None) -> _Writer | None:
        """Under the lock; None where a new one is needed and it is not known which packs could be taken up."""
        writer = self._writer
        if writer is not None and writer.end > HEADER_BYTES and writer.end + size > PACK_LIMIT:
            self._retired.append(writer)
            self._writer = writer = None
        if writer is None and candidates is not None:
            writer = self._writer = self._adopt(size, candidates) or self._create()
        return writer

    def _adopt(self, size: int, candidates: Iterable[int]) -> _Writer | None:
        for pack in candidates:
            try:
                fd = os.open(self.path(pack), os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
            except OSError:  # gone, or not ours to write: try the next
                continue
            end = os.fstat(fd).st_size
            if end + size <= PACK_LIMIT and try_lock_descriptor(fd) is True and self._is_current(fd, pack):
                self._dirty_directory = True  # whoever made it may have died before syncing its name
                return _Writer(pack, fd, end, 0)
            os.close(fd)
        return None

    def _is_current(self, fd: int, pack: int) -> bool:
        """Whether the open file is still the one under its name (gc may have removed it before we had the lock)."""
        try:
            same = os.path.samestat(os.fstat(fd), os.stat(self.path(pack)))
            return same and _header_ok(os.pread(fd, _HEADER.size + 4, 0), self._store_id, pack)
        except OSError:  # removed
            return False

    def _create(self) -> _Writer:
        if not os.path.isdir(self.directory):
            os.makedirs(self.directory, mode=0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        while True:
            pack = int.from_bytes(os.urandom(8), "big") >> 1
            fd = os.open(self.path(pack), flags, 0o600)
            try:
                locked = try_lock_descriptor(fd)
                self._files.write(fd, memoryview(_header(self._store_id, pack)), 0)
                usable = locked is None or (locked and self._is_current(fd, pack))
            except BaseException:  # also an injected death: the descriptor must not leak into the test
                os.close(fd)
                raise
            if usable:
                self._dirty_directory = True
                return _Writer(pack, fd, HEADER_BYTES, 0)
            os.close(fd)  # a collector saw the file before it was locked, and took it for a stray one

    # --- reading

    def read_into(self, location: Location, target: memoryview) -> None:
        """Fill *target* from *location*, without a copy in between. What was read is not verified here.

        Raises:
            ChunkMissingError: there is no such pack, or it is too short.
            StoreError: the disk refused.
        """
        try:
            with open_file(self.path(location.pack), "rb", buffering=0) as file:
                file.seek(location.offset)
                while target.nbytes:
                    done = file.readinto(target)
                    if not done:
                        raise ChunkMissingError(f"pack {location.pack:016x} ends before the chunk that should be in it")
                    target = target[done:]
        except FileNotFoundError as error:
            raise ChunkMissingError(f"pack {location.pack:016x} is not there") from error
        except (OSError, ValueError, OverflowError) as error:
            raise _read_error(error) from error

    def open_whole(self, pack: int) -> int | None:
        """A descriptor of a pack for reading, which the caller closes; None when it is not there or not this pack."""
        try:
            fd = os.open(self.path(pack), os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError:  # removed, or not to be read
            return None
        if _header_ok(os.pread(fd, _HEADER.size + 4, 0), self._store_id, pack):
            return fd
        os.close(fd)
        return None

    def check_header(self, pack: int) -> str | None:
        """What is wrong with a pack's header, or None."""
        try:
            with open_file(self.path(pack), "rb") as file:
                head = file.read(_HEADER.size + 4)
        except OSError as error:
            return f"pack {pack:016x} cannot be read ({error.strerror})"
        return None if _header_ok(head, self._store_id, pack) else f"pack {pack:016x} has a wrong header"

    def sizes(self) -> dict[int, int]:
        """Size of every pack file in the directory, bytes, whether the database knows it or not."""
        found: dict[int, int] = {}
        try:
            with os.scandir(self.directory) as entries:
                for entry in entries:
                    stem, _, suffix = entry.name.partition(".")
                    if suffix == "pack" and len(stem) == 16:
                        try:
                            found[_signed(int(stem, 16))] = entry.stat().st_size
                        except (OSError, ValueError):  # unlinked meanwhile, or a stranger's file
                            continue
        except OSError:  # no pack was ever written
            pass
        return found

    # --- removing

    @contextmanager
    def exclusive(self, pack: int, *, alone: bool) -> Iterator[bool]:
        """Hold *pack* against every writer; yields False when some process (or this one) is writing it.

        *alone* is the answer where there are no file locks: whether no other process uses the store.
        """
        try:
            fd = os.open(self.path(pack), os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            yield pack not in self.written()
            return
        except OSError:  # not ours to write: nothing may be done with it
            yield False
            return
        try:
            locked = try_lock_descriptor(fd)
            yield pack not in self.written() and (alone if locked is None else locked)
        finally:
            os.close(fd)

    def remove(self, pack: int) -> None:
        """Unlink a pack. Maps and open descriptors of other processes stay valid. Harmless when it is gone."""
        try:
            self.path(pack).unlink(missing_ok=True)
        except OSError as error:
            raise translate(error, "removing a pack") from error


def _header(store_id: bytes, pack: int) -> bytes:
    fields = _HEADER.pack(_MAGIC, _VERSION, PAGE, store_id, pack)
    return (fields + struct.pack("<I", zlib.crc32(fields))).ljust(HEADER_BYTES, b"\0")


def _header_ok(head: bytes, store_id: bytes, pack: int) -> bool:
    fields, rest = head[: _HEADER.size], head[_HEADER.size : _HEADER.size + 4]
    if len(rest) != 4 or struct.pack("<I", zlib.crc32(fields)) != rest:
        return False
    magic, version, _, store, number = _HEADER.unpack(fields)
    return bool(magic == _MAGIC and version == _VERSION and store == store_id and number == pack)


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def _read_error(error: Exception) -> DamagedStoreError | Exception:
    if isinstance(error, OSError):
        return translate(error, "reading a pack")
    return DamagedStoreError(f"the place of a chunk is impossible ({error})")
