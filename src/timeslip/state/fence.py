"""The fence around a cell that is run again unasked: it stops what would touch the outside, before it happens.

CPython reports files, processes, sockets and the like to audit hooks, whoever causes them: code of the session, a
library, or native code that uses the interpreter's own functions. While a fence stands, such a report raises
`OutsideReached` in the thread that runs the cell (and in threads that it starts), so that the action does not take
place. All other threads are the user's, and go on as ever, also those that they start meanwhile. What is not reported
(reading a clock, writing to a file that is open, native code with system calls of its own) is the business of
`timeslip.state.rerun`, which is asked first.

What is let through: importing installed modules and whatever that takes, and reading files that belong to the
interpreter or to installed libraries (time zones, fonts, data sets that come with a library).

An audit hook stays for the life of the process. It is put in when the first fence is needed, not before, because with
any hook each call of `id` takes about 0.2 µs longer.
"""

from __future__ import annotations

import _thread
import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, MethodType
from typing import Any

from timeslip.errors import in_brief
from timeslip.standard import os
from timeslip.state.libraries import installed_folders, origin

_STOPPED = {
    "open": "opens a file", "mmap.__new__": "opens a file", "os.listdir": "looks at the file system",
    "os.scandir": "looks at the file system", "os.walk": "looks at the file system",
    "os.fwalk": "looks at the file system", "glob.glob": "looks at the file system",
    "pathlib.Path.glob": "looks at the file system", "pathlib.Path.rglob": "looks at the file system",
    "os.chdir": "changes the environment", "os.fchdir": "changes the environment",
    "os.putenv": "changes the environment", "os.unsetenv": "changes the environment",
    "os.system": "runs or ends a process", "os.exec": "runs or ends a process", "os.fork": "runs or ends a process",
    "os.forkpty": "runs or ends a process", "os.posix_spawn": "runs or ends a process",
    "os.spawn": "runs or ends a process", "os.startfile": "runs or ends a process",
    "os.startfile/2": "runs or ends a process", "os.kill": "runs or ends a process",
    "os.killpg": "runs or ends a process", "pty.spawn": "runs or ends a process",
    "signal.pthread_kill": "runs or ends a process", "subprocess.Popen": "runs or ends a process",
    "time.sleep": "waits", "builtins.input": "asks for input", "builtins.breakpoint": "opens a debugger",
    "sqlite3.connect": "talks to a database", "webbrowser.open": "uses the network",
    "ctypes.dlopen": "loads native code", "gc.get_objects": "reaches every name of the session",
    "gc.get_referrers": "reaches every name of the session", "sys._current_frames": "reaches every name of the session",
    "sys.addaudithook": "changes the interpreter", "sys.setprofile": "changes the interpreter",
    "sys.settrace": "changes the interpreter", "setopencodehook": "changes the interpreter",
}  # fmt: skip
_STOPPED_PREFIXES = {
    "os.": "changes files", "shutil.": "changes files", "tempfile.": "changes files", "fcntl.": "changes files",
    "socket.": "uses the network", "ssl.": "uses the network", "urllib.": "uses the network",
    "http.": "uses the network", "ftplib.": "uses the network", "smtplib.": "uses the network",
    "imaplib.": "uses the network", "poplib.": "uses the network", "nntplib.": "uses the network",
    "telnetlib.": "uses the network", "syslog.": "writes to a log", "resource.": "changes the interpreter",
    "_thread.start": "starts a thread", "winreg.": "changes the environment", "msvcrt.": "uses hardware",
    "_winapi.": "runs or ends a process",
}  # fmt: skip
_PASSED = frozenset({"os.add_dll_directory", "os.listdrives", "os.listmounts", "os.listvolumes"})
_DATA = (
    "/usr/share/zoneinfo/", "/usr/lib/zoneinfo/", "/usr/share/lib/zoneinfo/", "/etc/zoneinfo/",
    "/sys/fs/cgroup/", "/sys/devices/system/cpu/", "/proc/cpuinfo/",
)  # fmt: skip
"""Time zones, and what libraries ask for the number of processors."""
_IMPORT_FILES = "<frozen importlib._bootstrap_external>"
_IMPORT_CALLS = "<frozen importlib._bootstrap>"
_TEXT_READERS = ("linecache", "tokenize")
"""They read source text for messages and tracebacks."""


class OutsideReached(BaseException):
    """Raised where a fenced cell would touch the outside.

    No error: a handler for errors in users' or libraries' code must not catch it and go on.
    """


class _Stance(threading.local):
    """What a fence knows of the thread that asks: by the thread itself, because the number of one that ended is reused.

    Attributes:
        fenced: whether the fence stands around it; None while it was not looked at.
        deciding: whether it is in the middle of deciding, which may open files itself.
        lifted: whether it opens something again on purpose.
    """

    fenced: bool | None = None
    deciding = False
    lifted = False


class Fence:
    """One fenced run, of the thread that makes this, and of those that it starts.

    Attributes:
        breach: what the run wanted to do that it may not, the first of it; None while there was nothing.
        stance: of the thread that asks.
    """

    def __init__(self) -> None:
        self.breach: str | None = None
        self.stance = _Stance()
        self.stance.fenced = True
        self._begun: list[tuple[Any, Any]] = []
        """What threads that fenced ones have started begin with: code, and the object whose method it is."""
        self._folders = tuple(dict.fromkeys((*installed_folders(), *_DATA)))

    def decide(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit event of any thread.

        Raises:
            OutsideReached: it is one of a fenced thread, and stopped.
        """
        phrase = _STOPPED.get(event)
        if phrase is None:
            phrase = next((text for prefix, text in _STOPPED_PREFIXES.items() if event.startswith(prefix)), None)
            if phrase is None or event in _PASSED:
                return
        stance = self.stance
        if stance.fenced is None:
            stance.fenced = self._is_begun(sys._getframe(1).f_back)
        if not stance.fenced or stance.deciding or stance.lifted:
            return
        stance.deciding = True
        try:
            if self._is_harmless(event, arguments, sys._getframe(2)):
                if event.startswith("_thread.start"):
                    self._begun.append(_beginning(arguments[0]))
                return
        finally:
            stance.deciding = False
        if self.breach is None:
            self.breach = self._told(phrase, event, arguments)
        raise OutsideReached(self.breach)

    def _is_begun(self, frame: FrameType | None) -> bool:
        """Whether the thread that *frame* runs in was started by a fenced one; None where it runs no Python code."""
        if frame is None or not self._begun:
            return False
        while frame.f_back is not None:
            frame = frame.f_back
        code = frame.f_code
        owner = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
        return any(code is begun and (bound is None or bound is owner) for begun, bound in self._begun)

    def _told(self, phrase: str, event: str, arguments: tuple[Any, ...]) -> str:
        """What was stopped, for people."""
        return f"{phrase} ({_detail(event, arguments)})"

    def _is_harmless(self, event: str, arguments: tuple[Any, ...], frame: FrameType) -> bool:
        if event == "sqlite3.connect":
            return bool(arguments) and arguments[0] == ":memory:"
        if event == "mmap.__new__":
            return bool(arguments) and arguments[0] == -1
        if frame.f_code.co_filename == _IMPORT_FILES:
            return True
        if event == "open" and self._may_be_read(arguments, frame):
            return True
        if event in ("os.listdir", "os.scandir") and arguments and self._is_installed(arguments[0]):
            return True
        return _importing_installed(frame)

    def _may_be_read(self, arguments: tuple[Any, ...], frame: FrameType) -> bool:
        path, mode, flags = (*arguments, None, None, None)[:3]
        if isinstance(mode, str) and set(mode) & set("wax+"):
            return False
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND):
            return False
        if frame.f_globals.get("__name__") in _TEXT_READERS:
            return True
        return self._is_installed(path)

    def _is_installed(self, path: Any) -> bool:
        """Whether a path belongs to the interpreter or to an installed library."""
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, str):
            return False
        return path == os.devnull or os.path.join(os.path.realpath(path), "").startswith(self._folders)


def _beginning(function: Any) -> tuple[Any, Any]:
    """The code that a thread begins with that is to call *function*, and the object whose method it is."""
    method = function if isinstance(function, MethodType) else None
    return getattr(function, "__code__", None), None if method is None else method.__self__


def _importing_installed(frame: FrameType | None) -> bool:
    """Whether the frame is part of importing a module of the standard library or an installed one."""
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT_CALLS and frame.f_code.co_name == "_load_unlocked":
            name = getattr(frame.f_locals.get("spec"), "name", None)
            if isinstance(name, str) and origin(name) in ("standard", "installed"):
                return True
        frame = frame.f_back
    return False


def _detail(event: str, arguments: tuple[Any, ...]) -> str:
    """The event with its first argument where that is a text."""
    subject = arguments[0] if arguments else None
    if isinstance(subject, (str, bytes, os.PathLike)):
        return f"{event} {in_brief(os.fsdecode(subject), 80)!r}"
    return event


_PATH = (str, bytes, os.PathLike)
_LOAD_PASSED = frozenset(
    "os.listdir os.scandir os.walk os.fwalk glob.glob pathlib.Path.glob pathlib.Path.rglob time.sleep ctypes.dlopen"
    " signal.pthread_kill gc.get_objects gc.get_referrers sys._current_frames socket.__new__ socket.gethostname"
    " mmap.__new__".split()
)
"""What a copy of the process may do while it loads a value: it looks, it waits, and the copy is thrown away."""

_standing: Fence | None = None
_installed = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    standing = _standing  # once: another thread may take it down at any time
    if standing is not None:
        standing.decide(event, arguments)


_REPORTS_THREADS = sys.version_info >= (3, 12)
"""Whether the interpreter reports that a thread is started."""
_start_new_thread = _thread.start_new_thread


def _reported_start(*arguments: Any) -> int:
    """Stands in for `_thread.start_new_thread` behind a fence, where the interpreter itself does not report it.

    Who imports it from there meanwhile has it for ever: it does nothing but what the other one does.
    """
    _hook("_thread.start_new_thread", arguments)
    return _start_new_thread(*arguments)


@contextmanager
def _threads_reported() -> Iterator[None]:
    """Within the block starting a thread is reported by every Python."""
    if _REPORTS_THREADS:
        yield
        return
    places = [(_thread, "start_new_thread"), (threading, "_start_new_thread")]
    before = [(module, name, getattr(module, name)) for module, name in places]
    try:
        for module, name, _ in before:
            setattr(module, name, _reported_start)
        yield
    finally:
        for module, name, function in before:
            setattr(module, name, function)


class LoadFence(Fence):
    """Around all that a copy of the process does with values.

    Reading is let through, and so are temporary files that are made there. What is stopped is told without what it was
    about: that is kept on disk.

    Attributes:
        late: whether what is going on was stopped because it took too long.
    """

    def __init__(self) -> None:
        super().__init__()
        self.late = False
        self._made: set[str] = set()

    def _told(self, phrase: str, event: str, arguments: tuple[Any, ...]) -> str:
        return f"{phrase} ({event})"

    def _is_harmless(self, event: str, arguments: tuple[Any, ...], frame: FrameType) -> bool:
        if event.startswith("tempfile."):
            self._made.add(os.path.realpath(arguments[0]))
        if event in _LOAD_PASSED or event.startswith(("tempfile.", "_thread.", "resource.")):
            return True
        if event.startswith(("open", "os.", "shutil.")) and self._concerns_temporary(event, arguments):
            return True
        return super()._is_harmless(event, arguments, frame)

    def _may_be_read(self, arguments: tuple[Any, ...], frame: FrameType) -> bool:
        path, mode, flags = (*arguments, None, None, None)[:3]
        if isinstance(path, int):
            return True
        writes = isinstance(mode, str) and set(mode) & set("wax+")
        changes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        return not writes and not (isinstance(flags, int) and flags & changes)

    def _concerns_temporary(self, event: str, arguments: tuple[Any, ...]) -> bool:
        """Whether all paths among *arguments* are temporary: such a file may be moved over one that is none."""
        if event == "open":
            return self._is_temporary(arguments[0])
        paths = [one for one in arguments if isinstance(one, _PATH)]
        # Where folders are named by descriptors, these come last, one for each path.
        folders = arguments[-len(paths) :] if paths and len(arguments) >= 2 * len(paths) else (None,) * len(paths)
        return bool(paths) and all(map(self._is_temporary, paths, folders))

    def _is_temporary(self, path: Any, folder: Any = None) -> bool:
        """Whether *path* is a temporary file or folder that was made since the fence stands, or in such a folder."""
        if not isinstance(path, _PATH):
            return False
        name = os.fsdecode(path)
        if type(folder) is int and folder >= 0 and not os.path.isabs(name):
            name = os.path.join(os.path.realpath(f"/proc/self/fd/{folder}"), name)
        real = os.path.realpath(name)
        return any(real == made or real.startswith(made + os.sep) for made in self._made)


@contextmanager
def load_fence() -> Iterator[LoadFence]:
    """As `fence`, for a copy of the process (`LoadFence`)."""
    made = LoadFence()
    with _stand(made):
        yield made


@contextmanager
def fence() -> Iterator[Fence]:
    """Stop what touches the outside while the block runs, in this thread and in those that it starts.

    The block sees `OutsideReached` where something is stopped; whoever runs users' code in it catches that and asks
    `Fence.breach`, because such code may have swallowed it. Garbage is not collected meanwhile: a finalizer of
    something that died before may touch the outside as it likes. Only one fence stands at a time.
    """
    with _stand(Fence()) as made:
        yield made


@contextmanager
def _stand(made: Fence) -> Iterator[Fence]:
    global _standing, _installed
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True
    collecting, before = gc.isenabled(), _standing
    gc.disable()
    _standing = made
    try:
        with _threads_reported():
            yield made
    finally:
        _standing = before
        if collecting:
            gc.enable()


@contextmanager
def lifted() -> Iterator[None]:
    """Within the block the fence does not stand around this thread: for what is opened again on purpose.

    Threads that are started meanwhile belong to what is opened: none of them is fenced.
    """
    standing = _standing
    if standing is None:
        yield
        return
    before, standing.stance.lifted = standing.stance.lifted, True
    try:
        yield
    finally:
        standing.stance.lifted = before
