"""Classes of libraries that say themselves what there is to pickle are tried out, the first time that one is recorded.

A trial runs in a forked copy of the process: there are the values as they were recorded, and nothing that loading them
does can reach the session. The copy has no open file, socket or terminal of the session; what it wants from the outside
is stopped; it ends by itself. The session goes on meanwhile, and takes the verdict when it is there. Before values are
brought back, verdicts that are under way are waited for, for a while.

Where a process cannot be forked without harm, classes are not tried (docs/design/014-trials.md).
"""

from __future__ import annotations

import ctypes
import gc
import io
import json
import math
import os
import platform
import re
import select
import signal
import sys
import threading
import time
import traceback
import types
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING, Any

from timeslip.codec.definitions import class_name
from timeslip.codec.proof import FAITHFUL, UNKNOWN, Trial, Verdict, needs_trial
from timeslip.interrupts import uninterrupted
from timeslip.state.fence import Fence, load_fence
from timeslip.state.libraries import origin
from timeslip.store.verdicts import VerdictFile, as_key

if TYPE_CHECKING:
    from timeslip.codec.capture import Encoder

LARGEST = 64 << 20
"""Values with more bytes than this are not tried: the copy of the process needs as much memory again."""
_LOADING = 1.0
"""A value whose loading takes longer than this in a trial counts as one that cannot be loaded, seconds."""
PATIENCE = 2.0
"""How long what wants a verdict waits for it, seconds."""
_LIFE = 20
"""After so many seconds a copy of the process ends, whatever it does."""
_LAST = 1.0
"""How long the end of a session waits for them, seconds."""
_ENOUGH = 3
"""So many values of a class have to come back: the first one may be in a state in which there is little to lose."""
_TRIES = 5
"""A class that was tried so many times by this session is not tried by it again."""
_SMALL_PROCESS = 4 << 30
"""A process with more bytes in memory than this is only forked for the first value of a class."""
_NO_FORK = frozenset({"grpc", "ray"})
"""Modules that do not bear it, or complain on the terminal, when their process is forked."""

_OPENMP = re.compile(r"/lib(g|i)?omp[0-9]?\b[^/]*$")
_FAULT = ""
"""Stands in an answer in the place of a class's name."""

Nodes = list[tuple[str, Any]]


def release(module: str) -> str:
    """The release of the library of a module, as it says itself, or by the time of its file; "" without either."""
    root = module.partition(".")[0]
    if root in sys.stdlib_module_names:
        return f"Python {platform.python_version()}"
    version = getattr(sys.modules.get(root), "__version__", "")
    if isinstance(version, str) and version:
        return f"{root} {version}"
    try:
        return f"{root} of {int(os.stat(str(sys.modules[root].__file__)).st_mtime)}"
    except (KeyError, AttributeError, OSError):  # made by hand, in several folders, in an archive
        return ""


def _is_of_release(name: str) -> bool:
    """Whether a module or class, by its dotted name, is part of the standard library or of an installed release."""
    return bool(release(name)) and origin(name) in ("installed", "standard")


def _is_early(verdict: Verdict) -> bool:
    """Whether a class has only come back so few times that it is tried again (`_ENOUGH`)."""
    return verdict.word == FAITHFUL and verdict.reason.isdecimal() and int(verdict.reason) < _ENOUGH


def _resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def of_release(kept: VerdictFile, name: str, version: str) -> Verdict | None:
    """The verdict that a store keeps on a class of an installed release, or None."""
    found = kept.get(as_key(name, version)) if version else None
    return Verdict(*found) if found is not None else None


@dataclass(slots=True)
class _Running:
    """One copy of the process: where its answers come from, what it was asked, whether it was waited for in vain."""

    pipe: int
    asked: frozenset[str]
    data: bytes = b""
    waited: bool = False
    until: float = field(default_factory=lambda: time.monotonic() + _LIFE + 1)


class Prover:
    """The trials of one session. Used under its lock.

    Args:
        encoder: of the session.
        kept: verdicts on classes of installed libraries, for the whole store.
    """

    def __init__(self, encoder: Encoder, kept: VerdictFile) -> None:
        self._encoder = encoder
        self._kept = kept
        self._own: dict[str, Verdict] = {}
        """Verdicts on classes that are of no release (what is installed in no package): for this session."""
        self._wanted: dict[tuple[str, ...], frozenset[str]] = {}
        self._running: list[_Running] = []
        self._tries: dict[str, int] = {}
        self.faults: list[str] = []
        """Tracebacks of trials that failed by themselves; the reader empties it."""

    # ---- what is known

    def verdict(self, name: str, version: str) -> Verdict | None:
        """The verdict on the class of that name and release, or None."""
        return self._own.get(name) or of_release(self._kept, name, version)

    def doubtful(self, hooked: Iterable[type]) -> dict[str, str]:
        """The classes among *hooked* that are not known to come back as they are: name -> release."""
        found = {}
        for kind in filter(needs_trial, hooked):
            name, version = class_name(kind), release(str(kind.__module__))
            verdict = self.verdict(name, version)
            if verdict is None or verdict.word not in (FAITHFUL, UNKNOWN) or _is_early(verdict):
                found[name] = version
        return found

    def is_known(self, hooked: Mapping[str, str]) -> bool:
        """Whether enough values of all these classes (name -> release) have come back to load them as they are."""
        verdicts = [self.verdict(name, version) for name, version in hooked.items()]
        return all(verdict is not None and verdict.word != UNKNOWN and not _is_early(verdict) for verdict in verdicts)

    # ---- trials

    def want(self, keys: tuple[str, ...], doubtful: Mapping[str, str], size: int) -> None:
        """Try *doubtful* (name -> release) with the values of *keys*, *size* bytes, at the next `begin`."""
        under_way = frozenset().union(*(running.asked for running in self._running))
        untried = {
            name
            for name, version in doubtful.items()
            if self._is_wanted(name, version) and name not in under_way and self._tries.get(name, 0) < _TRIES
        }
        if untried and size <= LARGEST:
            self._wanted[keys] = frozenset(untried)

    def _is_wanted(self, name: str, version: str) -> bool:
        verdict = self.verdict(name, version)
        return verdict is None or (_is_early(verdict) and _resident_bytes() < _SMALL_PROCESS)

    def begin(self, snapshot: Mapping[str, Any]) -> None:
        """Start the trials that are wanted, if any; takes as long as it takes to fork the process twice."""
        wanted, self._wanted = self._wanted, {}
        work: list[tuple[Nodes, frozenset[str]]] = []
        for keys, names in wanted.items():
            nodes = [(key, snapshot[key]) for key in keys if key in snapshot]
            if nodes:
                work.append((nodes, names))
        if not work or not _can_fork():
            return
        asked = frozenset().union(*(names for _, names in work))
        for name in asked:
            self._tries[name] = self._tries.get(name, 0) + 1
        with uninterrupted():
            reading, writing = os.pipe()
            try:
                self._fork(writing, work)
            except OSError:  # for want of memory or processes: the classes are untried, which is all
                os.close(reading)
                self._tries.update(dict.fromkeys(asked, _TRIES))
                return
            finally:
                os.close(writing)
            self._running.append(_Running(reading, asked))

    def _fork(self, writing: int, work: list[tuple[Nodes, frozenset[str]]]) -> None:
        """Fork twice: the copy that works is nobody's child, so that no `os.wait` of the user's ever meets it.

        Raises:
            OSError: there is no memory for it, or no process.
        """
        # Not `catch_warnings`: warnings that were shown once would be shown again after it.
        quiet = ("ignore", None, Warning, None, 0)  # what is warned of are threads that the copy does not have
        filters: list[Any] = warnings.filters  # type: ignore[assignment]  # a list, whatever is said of it
        filters.insert(0, quiet)
        try:
            child = os.fork()
            if child == 0:
                try:
                    if os.fork() == 0:
                        _work(self._encoder, writing, work)
                finally:
                    os._exit(0)
        finally:
            filters.remove(quiet)
        with suppress(ChildProcessError):  # a handler of the user's for ended children was faster
            os.waitpid(child, 0)

    def collect(self, patience: float = 0.0) -> None:
        """Take the verdicts that are there; wait up to *patience* seconds, once, for each that is under way."""
        until = time.monotonic() + patience
        while running := [one for one in self._running if not one.waited]:
            left = max(until - time.monotonic(), 0.0)
            ready = _ready(running, left)
            for one in [one for one in running if one.pipe in ready]:
                data = os.read(one.pipe, 1 << 16)
                one.data += data
                if not data:
                    self._end(one)
            for one in [one for one in self._running if time.monotonic() > one.until]:
                self._end(one)
            if not ready and left == 0.0:
                for one in running if patience else ():
                    one.waited = True  # once is enough: it may hang
                break
        self._take_late()

    def _take_late(self) -> None:
        """What was waited for in vain is only looked at from now on."""
        late = [one for one in self._running if one.waited]
        ready = _ready(late, 0.0)
        for one in late:
            data = os.read(one.pipe, 1 << 16) if one.pipe in ready else None
            one.data += data or b""
            if data == b"" or time.monotonic() > one.until:
                self._end(one)

    def _end(self, running: _Running) -> None:
        self._running.remove(running)
        os.close(running.pipe)
        kept: dict[str, tuple[str, str]] = {}
        answered: set[str] = set()
        for line in running.data.split(b"\n")[:-1]:  # what follows the last end of line was cut off
            answer = json.loads(line)
            fault = answer.pop(_FAULT, None)
            if fault is not None:
                self.faults.append(fault)
                answered |= running.asked
            answered |= answer.keys()
            for name, parts in answer.items():
                if parts is None:  # nothing was found out about this value
                    continue
                verdict = Verdict(*parts)
                if _is_of_release(name):
                    times = self._kept.get(as_key(name, release(name))) or (FAITHFUL, "0")
                    reason = str(int(times[1]) + 1) if verdict.word == times[0] == FAITHFUL else verdict.reason
                    kept[as_key(name, release(name))] = (verdict.word, reason)
                    continue
                self._own[name] = verdict
        for name in running.asked - answered:  # the next trial would not end, too
            self._tries[name] = _TRIES
            if self.verdict(name, release(name)) is None:
                kept[as_key(name, release(name))] = (UNKNOWN, "its trial did not end")
        if kept:
            self._kept.add(kept)

    def close(self) -> None:
        """The session ends: what is under way is waited for a moment."""
        self.collect(_LAST)
        for running in self._running:
            os.close(running.pipe)
        self._running.clear()
        self._wanted.clear()


def _ready(running: Iterable[_Running], patience: float) -> set[int]:
    """The pipes that have something to read, or have ended; waits up to *patience* seconds for the first."""
    poll = select.poll()  # which takes descriptors of any number
    for one in running:
        poll.register(one.pipe, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(math.ceil(patience * 1000))} if running else set()


def _can_fork() -> bool:
    """Whether a copy of this process can be made that harms nobody."""
    if sys.platform != "linux" or _NO_FORK & sys.modules.keys():
        return False
    if sys.gettrace() is not None or type(os.fork) is not types.BuiltinFunctionType:
        return False  # a debugger would follow the copy
    torch: Any = sys.modules.get("torch")
    return not (torch is not None and hasattr(torch, "cuda") and torch.cuda.is_initialized())


def _work(encoder: Encoder, writing: int, work: list[tuple[Nodes, frozenset[str]]]) -> None:
    """What the copy of the process does. Never returns to the caller's code."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, _LIFE)  # the end comes from the kernel, whatever hangs then
        gc.disable()  # no finalizer runs that the session's own garbage is still waiting for
        _let_go(writing)
        _use_one_thread()
        sys.stdout = sys.stderr = io.StringIO()
        trial = Trial(encoder, _guard)
        for nodes, names in work:
            found = trial.verdicts(nodes, sorted(names))
            verdicts = {name: astuple(verdict) for name, verdict in found.items()}
            _answer(writing, {**dict.fromkeys(names), **verdicts})
    except BaseException:  # a fault of our own, or what a value's code raised where nobody expects it: for the session
        _answer(writing, {_FAULT: traceback.format_exc(limit=-8)})
    finally:
        os._exit(0)  # no handler, no finalizer, no flush


def _answer(writing: int, answer: Mapping[str, Any]) -> None:
    data = memoryview(json.dumps(answer).encode() + b"\n")
    while data:
        data = data[os.write(writing, data) :]


class _TooLongError(BaseException):
    """No error: a handler for errors in users' or libraries' code must not catch it and go on."""


@contextmanager
def _guard() -> Iterator[Fence]:
    """Stop what touches the outside, and what does not end."""

    def stop(*_: object) -> None:
        stand.breach = f"does not end within {_LOADING:g} seconds"
        raise _TooLongError(stand.breach)

    with load_fence() as stand:
        signal.signal(signal.SIGUSR1, stop)
        timer = threading.Timer(_LOADING, signal.pthread_kill, (threading.get_ident(), signal.SIGUSR1))
        timer.start()
        try:
            yield stand
        finally:
            timer.cancel()


def _use_one_thread() -> None:
    """Tell the OpenMP runtimes not to use their pools: the threads in them do not exist in the copy."""
    with open("/proc/self/maps") as file:
        paths = {line.split()[-1] for line in file if _OPENMP.search(line)}
    for path in paths:
        with suppress(OSError, AttributeError):  # loaded from a file that is gone, or no such runtime
            ctypes.CDLL(path).omp_set_num_threads(1)
    torch: Any = sys.modules.get("torch")
    if hasattr(torch, "set_num_threads"):
        torch.set_num_threads(1)
    lightgbm: Any = sys.modules.get("lightgbm")  # which says how many threads it wants, whatever the runtime says
    if lightgbm is not None:
        with suppress(AttributeError):  # a release without it
            lightgbm.basic._LIB.LGBM_SetMaxThreads(1)


def _let_go(kept: int) -> None:
    """Point every inherited file descriptor but one to nothing.

    Files share their position with those of the session, and what is written to a socket would arrive.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/proc/self/fd"):
        descriptor = int(name)
        if descriptor not in (kept, nothing):
            with suppress(OSError):  # the one by which the folder was read
                os.dup2(nothing, descriptor)
