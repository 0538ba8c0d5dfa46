"""Objects that hold something outside the namespace: files, locks, threads, sockets, generators, pools.

Each has a decided answer: *rebuilt* (made again, and the live object itself is used while it lives and is in the
recorded state) or a *hole* with the reason, which is told when the commit is made.
"""

from __future__ import annotations

import _thread
import io
import re
import sys
import threading
import types
from typing import TYPE_CHECKING, Any

from timeslip.codec import load
from timeslip.codec.hidden import Hidden, state_of
from timeslip.standard import open_file, os

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _lock(state: Pass, lock: Any) -> Any:
    locked = lock.locked()
    return state.resource(lock, "a new lock in the same position", f"{locked}", make_lock, (locked,))


def make_lock(locked: bool) -> Any:
    """A lock, acquired if *locked*."""
    lock = threading.Lock()
    if locked:
        lock.acquire()
    return lock


def _rlock(state: Pass, lock: Any) -> Any:
    count = _count(lock)
    return state.resource(lock, "a new lock in the same position", f"{count}", make_rlock, (count,))


def _count(lock: Any) -> int:
    """How often this thread has acquired a re-entrant lock."""
    if not lock._is_owned():
        return 0
    found = re.search(r"count=(\d+)", repr(lock))  # it is told nowhere else before Python 3.13
    return int(found[1]) if found is not None else 1


def make_rlock(owned: int) -> Any:
    """A re-entrant lock, acquired so often by this thread."""
    lock = threading.RLock()
    for _ in range(owned):
        lock.acquire()
    return lock


def _generator(state: Pass, generator: types.GeneratorType[Any, Any, Any]) -> Any:
    return state.hole(generator, "a generator's position cannot be stored")


def _suspended(state: Pass, value: Any) -> Any:
    return state.hole(value, f"a {type(value).__name__} cannot be stored")


def _thread_object(state: Pass, thread: threading.Thread) -> Any:
    return state.hole(thread, "a thread cannot be stored")


def _frame(state: Pass, frame: Any) -> Any:
    return state.hole(frame, f"a {type(frame).__name__} cannot be stored")


_STREAMS = ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__")


def standard_stream(usual: Any) -> Any:
    """The reducer for what may be ``sys.stdout`` and the like, of any class; *usual* for all others."""

    def reduce(state: Pass, stream: Any) -> Any:
        found = _standard(state, stream)
        return found if found is not None else NotImplemented if usual is None else usual(state, stream)

    return reduce


def _standard(state: Pass, stream: Any) -> Any:
    for name in _STREAMS:
        if getattr(sys, name, None) is stream:
            state.keep.append(stream)  # it belongs to the process and links nothing
            return load.attribute, ("sys", name)
    return None


def file(state: Pass, file: Any) -> Any:
    """A file, by its path and how far it is."""
    stream = _standard(state, file)
    if stream is not None:
        return stream
    name = getattr(file, "name", None)
    if file.closed:
        mode = str(getattr(file, "mode", "rb"))
        return state.resource(file, "a closed file", "closed", closed_file, (type(file), str(name), mode))
    if not isinstance(name, (str, os.PathLike)):
        return state.hole(file, "a file without a path cannot be opened again", _progress(file))
    position = _position(file)
    if position < 0 and file.seekable():
        return state.hole(file, "a file in the middle of a loop over its lines does not tell its position")
    path = os.path.abspath(os.fspath(name))
    arguments = (
        path,
        getattr(file, "mode", "rb"),
        position,
        getattr(file, "encoding", None),
        getattr(file, "errors", None),
        isinstance(file, io.FileIO),
        None if file.writable() else stamp_of(path),
    )
    token = f"open at {position}"
    reason = "a file, opened again at the same position"
    if file.writable():
        reason += ", without what was not written out yet"
    return state.resource(file, reason, token, reopen, arguments, complete=_progress(file).complete)


def _progress(file: Any) -> Hidden:
    """How far a file has come. What is still to be written is seen nowhere, nor the position in a loop over lines."""
    position = _position(file)
    return Hidden(f"at {position}", position >= 0 and not file.writable())


def _position(file: Any) -> int:
    """Where a file stands; -1 when it cannot be told.

    What the user has written to a file of text is not flushed for it. Of one that is read from as well nothing else
    tells how far that is: its buffer has read ahead.
    """
    try:
        if isinstance(file, io.TextIOWrapper) and file.writable() and not file.readable():
            return int(file.buffer.tell())
        return int(file.tell())
    except (OSError, ValueError):
        return -1


def reopen(
    path: str,
    mode: str,
    position: int,
    encoding: str | None,
    errors: str | None,
    raw: bool = False,
    stamp: tuple[int, int] | None = None,
) -> Any:
    """The file, open again and at *position*; never truncated, never created.

    Args:
        path: of the file.
        mode: as it was opened.
        position: to go to, or -1.
        encoding: of text.
        errors: how text that does not fit is handled.
        raw: without a buffer.
        stamp: what `stamp_of` said of it; see `has_changed`.
    """
    options: dict[str, Any] = (
        {"buffering": 0} if raw else {} if "b" in mode else {"encoding": encoding, "errors": errors}
    )
    file = open_file(path, mode, opener=_open_what_is_there, **options)
    if position >= 0 and file.seekable():
        file.seek(position)
    return file


_MAKING = os.O_CREAT | os.O_EXCL | os.O_TRUNC


def _open_what_is_there(path: str, flags: int) -> int:
    return os.open(path, flags & ~_MAKING)


def stamp_of(path: str) -> tuple[int, int] | None:
    """What tells that a file was written to: its size, and when."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def has_changed(path: str, stamp: tuple[int, int] | None = None) -> bool:
    """Whether a file that was read from is not as it was then."""
    return stamp is not None and stamp_of(path) != tuple(stamp)


def closed_file(kind: Any, name: str, mode: str | None = None) -> Any:
    """A closed file object."""
    if issubclass(kind, (io.BytesIO, io.StringIO)):
        made = kind()
        made.close()
        return made
    mode = mode if mode is not None else "r" if kind is io.TextIOWrapper else "rb"
    options: dict[str, Any] = {"buffering": 0} if kind is io.FileIO else {}
    with open_file(os.devnull, mode, opener=_open_nothing, **options) as file:
        raw: Any = getattr(getattr(file, "buffer", file), "raw", file)
        if name:
            raw.name = name
        return file


def _open_nothing(path: str, flags: int) -> int:
    return os.open(os.devnull, os.O_RDWR)


def _archive(state: Pass, archive: Any) -> Any:
    """An archive that is written ends what it has written when it dies: made again, it would end another time."""
    file = getattr(archive, "fp", None) or getattr(archive, "fileobj", None)
    if archive.mode == "r" or file is None or isinstance(file, io.BytesIO):
        return NotImplemented
    return state.hole(archive, "an archive that is being written cannot be stored")


def _writing(state: Pass, writer: Any) -> Any:
    """What completes its file when it is closed or dies, or empties one to open it: a copy would do that, too."""
    mode = getattr(writer, "mode", None) or getattr(getattr(writer, "request", None), "mode", "w")
    if str(getattr(mode, "io_mode", mode)).startswith("r"):
        return NotImplemented
    return state.hole(writer, "a file that is being written as a whole cannot be stored")


def _library_of_c(state: Pass, library: Any) -> Any:
    if library is sys.modules["ctypes"].pythonapi:
        return load.attribute, ("ctypes", "pythonapi")
    reason = "the shared library, loaded again by its name"
    return state.resource(library, reason, "", load_library, (type(library), library._name))


def load_library(kind: Any, name: str | None) -> Any:
    """A shared library, by its name."""
    return kind(name)


def _map(state: Pass, memory: Any) -> Any:
    """A memory map, of no file: by what is in it. One of a file does not tell which."""
    if memory.closed:
        return state.hole(memory, "a closed memory map cannot be stored")
    try:
        memory.size()
    except OSError:  # it has no file
        known = state_of(memory)
        reason = "memory of the same content, which no other process shares"
        content = (bytes(memory), memory.tell())
        return state.resource(memory, reason, known.token, make_map, content, complete=known.complete)
    return state.hole(memory, "a memory map does not tell which file it shows")


def make_map(content: bytes, position: int) -> Any:
    """A memory map of no file."""
    import mmap

    made = mmap.mmap(-1, len(content))
    made[:] = content
    made.seek(position)
    return made


_BY_NAME = {
    ("zipfile", "ZipFile"): _archive,
    ("tarfile", "TarFile"): _archive,
    ("aifc", "Aifc_write"): _writing,
    ("fileinput", "FileInput"): _writing,
    ("fsspec.implementations.zip", "ZipFileSystem"): _writing,
    ("imageio.core.format", "Writer"): _writing,
    ("imageio.core.v3_plugin_api", "PluginV3"): _writing,
    ("scipy.io._netcdf", "netcdf_file"): _writing,
    ("sunau", "Au_write"): _writing,
    ("wave", "Wave_write"): _writing,
    ("ctypes", "CDLL"): _library_of_c,
    ("mmap", "mmap"): _map,
}

_HOLES = {
    ("multiprocessing.connection", "_ConnectionBase"): "a connection to another process cannot be stored",
    ("multiprocessing.connection", "Listener"): "a connection to another process cannot be stored",
    ("multiprocessing.shared_memory", "SharedMemory"): "memory that processes share cannot be stored",
    ("multiprocessing.managers", "BaseManager"): "a process cannot be stored",
    ("multiprocessing.managers", "BaseProxy"): "what another process holds cannot be stored",
    ("shelve", "DbfilenameShelf"): "an open database cannot be stored",
    ("dbm.dumb", "_Database"): "an open database cannot be stored",
    ("_socket", "socket"): "an open socket cannot be stored",
    ("socket", "socket"): "an open socket cannot be stored",
    ("subprocess", "Popen"): "a running process cannot be stored",
    ("concurrent.futures", "ThreadPoolExecutor"): "a pool of threads cannot be stored",
    ("concurrent.futures", "ProcessPoolExecutor"): "a pool of processes cannot be stored",
    ("multiprocessing.pool", "Pool"): "a pool of processes cannot be stored",
    ("multiprocessing.pool", "ThreadPool"): "a pool of threads cannot be stored",
    ("multiprocessing.context", "Process"): "a process cannot be stored",
    ("multiprocessing.process", "BaseProcess"): "a process cannot be stored",
    ("asyncio.futures", "Future"): "a future belongs to a running event loop",
    ("asyncio.tasks", "Task"): "a task belongs to a running event loop",
    ("_asyncio", "Future"): "a future belongs to a running event loop",
    ("_asyncio", "Task"): "a task belongs to a running event loop",
    ("concurrent.futures._base", "Future"): "a future belongs to a running pool",
    ("concurrent.futures.thread", "ThreadPoolExecutor"): "a pool of threads cannot be stored",
    ("concurrent.futures.process", "ProcessPoolExecutor"): "a pool of processes cannot be stored",
    ("asyncio.events", "AbstractEventLoop"): "an event loop cannot be stored",
    ("weakref", "finalize"): "a finalizer is known to the interpreter alone",
    ("tempfile", "TemporaryDirectory"): "a temporary directory is removed with its object",
    ("tempfile", "_TemporaryFileWrapper"): "a temporary file is removed with its object",
    ("tempfile", "_TemporaryFileCloser"): "a temporary file is removed with its object",
}


def find(kind: type) -> Any:
    """The reducer for a subclass of something in this file, or None."""
    if issubclass(kind, threading.Thread):
        return _thread_object
    if issubclass(kind, (io.FileIO, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper)):
        return file
    for base in kind.__mro__:
        named = _BY_NAME.get((base.__module__, base.__name__))
        if named is not None:
            return named
        reason = _HOLES.get((base.__module__, base.__name__))
        if reason is not None:
            return lambda state, obj, reason=reason: state.hole(obj, reason)
    return None


class Borrowed:
    """A part that cannot be stored, of a value that is worth having without it: the live object while there is one.

    Args:
        value: the part.
        reason: what is said of it at commit time.
    """

    __slots__ = ("reason", "value")

    def __init__(self, value: Any, reason: str) -> None:
        self.value = value
        self.reason = reason


MISSING = "timeslip: this part could not be stored"
"""What comes back in the place of a borrowed part that is not there any more."""


def missing() -> str:
    """That very text."""
    return MISSING


def _borrowed(state: Pass, part: Borrowed) -> Any:
    return state.resource(part.value, part.reason, "", missing, ())


REDUCERS: dict[type, Any] = {
    Borrowed: _borrowed,
    _thread.LockType: _lock,
    type(threading.RLock()): _rlock,
    types.GeneratorType: _generator,
    types.CoroutineType: _suspended,
    types.AsyncGeneratorType: _suspended,
    types.FrameType: _frame,
    types.TracebackType: _frame,
    io.TextIOWrapper: file,
    io.BufferedReader: file,
    io.BufferedWriter: file,
    io.BufferedRandom: file,
    io.FileIO: file,
}
