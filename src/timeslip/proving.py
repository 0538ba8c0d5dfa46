"""Classes of libraries that say themselves what there is to pickle are tried out, the first time that one is recorded.

A trial runs in a forked copy of the process: there are the values as they were recorded, and nothing that loading them
does can reach the session. The copy has no open file, socket or terminal of the session; what it wants from the outside
is stopped, from its first step to its last; it ends by itself, and if it does not, it is ended. The session goes on
meanwhile, and takes the verdict when it is there. Before values are brought back, verdicts that are under way are
waited for, for a while.

Where a process cannot be forked without harm, classes are not tried (docs/design/014-trials.md).
"""

from __future__ import annotations

import ctypes
import gc
import io
import math
import platform
import re
import select
import sys
import threading
import traceback
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from timeslip.codec.definitions import class_name
from timeslip.codec.proof import FAITHFUL, UNKNOWN, Trial, Verdict, needs_trial
from timeslip.interrupts import uninterrupted
from timeslip.standard import json, open_file, os, signal, time
from timeslip.state.fence import LoadFence, load_fence
from timeslip.state.libraries import origin
from timeslip.store.verdicts import VerdictFile, as_key

if TYPE_CHECKING:
    from timeslip.codec.capture import Encoder

LARGEST = 64 << 20
"""Values with more bytes than this are not tried: the copy of the process needs as much memory again."""
PATIENCE = 2.0
"""How long what wants a verdict waits for it, seconds."""
_LIFE = 20
"""After so many seconds a copy of the process ends, whatever it does."""
_BIRTH = 2.0
"""A copy that has not come into being after so many seconds is given up: somebody's at-fork handler hangs in it."""
_LAST = 1.0
"""How long the end of a session waits for them, seconds."""
_ENOUGH = 3
"""So many values of a class have to come back: the first one may be in a state in which there is little to lose.

And after so many trials that did not end, in as many sessions, a class is not tried again. It is not trusted for that.
"""
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


def is_of_release(name: str) -> bool:
    """Whether a module or class, by its dotted name, is part of the standard library or of an installed release."""
    return bool(release(name)) and origin(name) in ("installed", "standard")


def _times(verdict: Verdict) -> int:
    """How often this came out; a text that is no number is of a damaged file."""
    return int(verdict.reason) if verdict.reason.isdecimal() else 0


def _is_early(verdict: Verdict) -> bool:
    """Whether a class has only come back so few times that it is tried again (`_ENOUGH`)."""
    return verdict.word == FAITHFUL and _times(verdict) < _ENOUGH


def _resident_bytes() -> int:
    with open_file("/proc/self/statm", "rb") as file:
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
    process: int | None
    """A descriptor of the copy itself; None where the system has no such."""
    data: bytes = b""
    waited: bool = False
    until: float = field(default_factory=lambda: time.monotonic() + _LIFE + 1)

    def close(self, *, kill: bool) -> None:
        """Listen no more; *kill*: and end the copy, which has not ended by itself."""
        os.close(self.pipe)
        if self.process is None:
            return
        if kill:
            with suppress(OSError):  # it has ended
                signal.pidfd_send_signal(self.process, signal.SIGKILL)
        os.close(self.process)


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
        self._hangs = False
        """Whether copies of this process do not come into being."""
        self.faults: list[str] = []
        """Tracebacks of trials that failed by themselves, for the log; the reader empties it."""

    # ---- what is known

    def verdict(self, name: str, version: str) -> Verdict | None:
        """The verdict on the class of that name and release, or None."""
        return self._own.get(name) or of_release(self._kept, name, version)

    def doubtful(self, hooked: Iterable[type]) -> dict[str, str]:
        """The classes among *hooked* if one of them is not known to come back as it is: name -> release.

        All of them: a trial of the value may find that one which was trusted is to blame.
        """
        found = {class_name(kind): release(str(kind.__module__)) for kind in filter(needs_trial, hooked)}
        return {} if all(self._is_trusted(name, version) for name, version in found.items()) else found

    def _is_trusted(self, name: str, version: str) -> bool:
        verdict = self.verdict(name, version)
        return verdict is not None and verdict.word == FAITHFUL and not _is_early(verdict)

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
        if verdict is None or (verdict.word == UNKNOWN and _times(verdict) < _ENOUGH):
            return True
        return _is_early(verdict) and _resident_bytes() < _SMALL_PROCESS

    def begin(self, snapshot: Callable[[], Mapping[str, Any]]) -> None:
        """Start the trials that are wanted, if any; takes as long as it takes to fork the process twice.

        *snapshot* gives the object of every name, and is asked only where there is something to try.
        """
        if not self._wanted:
            return
        wanted, self._wanted = self._wanted, {}
        present = snapshot()
        work: list[tuple[Nodes, frozenset[str]]] = []
        for keys, names in wanted.items():
            nodes = [(key, present[key]) for key in keys if key in present]
            if nodes:
                work.append((nodes, names))
        if not work or self._hangs or not _can_fork():
            return
        asked = frozenset().union(*(names for _, names in work))
        for name in asked:
            self._tries[name] = self._tries.get(name, 0) + 1
        with uninterrupted():
            ends: tuple[int, ...] = ()
            try:
                ends = reading, writing = os.pipe()
                process = self._fork(writing, work)
            except OSError:  # for want of memory, processes or descriptors: the classes are untried, which is all
                for end in ends:
                    os.close(end)
                self._tries.update(dict.fromkeys(asked, _TRIES))
                return
            os.close(writing)
            self._running.append(_Running(reading, asked, process))

    def _fork(self, writing: int, work: list[tuple[Nodes, frozenset[str]]]) -> int | None:
        """Fork twice: the copy that works is nobody's child, so that no `os.wait` of the user's ever meets it.

        Returns:
            A descriptor of the copy, or None.

        Raises:
            OSError: there is no memory for it, or no process, or it does not come into being.
        """
        told, telling = os.pipe()
        try:
            child = self._fork_first(writing, telling, work)
            self._hangs = not _has_ended(child, _BIRTH)
            if self._hangs:
                self.faults.append("a forked copy of the process did not come into being: no class is tried any more\n")
            os.set_blocking(told, False)
            number = os.read(told, 32)  # written before the first copy ended, or never
            return _descriptor_of(int(number))
        finally:
            os.close(told)
            os.close(telling)

    def _fork_first(self, writing: int, telling: int, work: list[tuple[Nodes, frozenset[str]]]) -> int:
        # Not `catch_warnings`: warnings that were shown once would be shown again after it.
        quiet = ("ignore", None, Warning, None, 0)  # what is warned of are threads that the copy does not have
        filters: list[Any] = warnings.filters  # type: ignore[assignment]  # a list, whatever is said of it
        filters.insert(0, quiet)
        try:
            child = os.fork()
            if child == 0:
                try:
                    second = os.fork()
                    if second == 0:
                        _work(self._encoder, writing, work)
                    os.write(telling, b"%d" % second)
                finally:
                    os._exit(0)
        finally:
            filters.remove(quiet)
        return child

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
                self._end(one, kill=True)
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
                self._end(one, kill=data != b"")

    def _end(self, running: _Running, *, kill: bool = False) -> None:
        self._running.remove(running)
        running.close(kill=kill)
        found: dict[str, Verdict] = {}
        answered: set[str] = set()
        for line in running.data.split(b"\n")[:-1]:  # what follows the last end of line was cut off
            answer = json.loads(line)
            fault = answer.pop(_FAULT, None)
            if fault is not None:
                self.faults.append(fault)
                answered |= running.asked
            answered |= answer.keys()
            for name, parts in answer.items():
                if parts is not None:  # else nothing was found out about this value
                    self._learn(found, name, Verdict(*parts))
        for name in running.asked - answered:
            self._learn(found, name, Verdict(UNKNOWN))
        kept: dict[str, tuple[str, str]] = {}
        for name, verdict in found.items():
            if is_of_release(name):
                kept[as_key(name, release(name))] = (verdict.word, verdict.reason)
            else:
                self._own[name] = verdict
        if kept:
            self._kept.add(kept)

    def _learn(self, found: dict[str, Verdict], name: str, verdict: Verdict) -> None:
        """Note in *found* what has come out for the class of that name, with how often it has."""
        before = found.get(name) or self.verdict(name, release(name))
        if verdict.word == UNKNOWN:  # the next trial of this session would not end, too
            self._tries[name] = _TRIES
        if verdict.word not in (FAITHFUL, UNKNOWN):
            found[name] = verdict
        elif before is None or before.word in (verdict.word, UNKNOWN):
            times = _times(before) if before is not None and before.word == verdict.word else 0
            found[name] = Verdict(verdict.word, str(times + 1))

    def close(self) -> None:
        """The session ends: what is under way is waited for a moment."""
        self.collect(_LAST)
        for running in self._running:
            running.close(kill=True)
        self._running.clear()
        self._wanted.clear()


def _has_ended(child: int, patience: float) -> bool:
    """Whether a child has ended by itself within *patience* seconds; it has ended in any case."""
    until, pause = time.monotonic() + patience, 0.0005
    with suppress(ChildProcessError):  # a handler of the user's for ended children was faster
        while os.waitpid(child, os.WNOHANG)[0] == 0:
            if time.monotonic() > until:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return False
            time.sleep(pause)
            pause = min(pause * 2, 0.02)
    return True


def _descriptor_of(process: int) -> int | None:
    try:
        return os.pidfd_open(process)
    except (OSError, AttributeError):  # it has ended already, or the system or what Python was built on is an old one
        return None


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
    # What has been put in the place of the session's own does something when a process is forked (gevent).
    theirs = getattr(sys.modules.get("os"), "fork", None)
    if sys.gettrace() is not None or type(os.fork) is not types.BuiltinFunctionType or theirs is not os.fork:
        return False  # a debugger would follow the copy
    torch: Any = sys.modules.get("torch")
    return not (torch is not None and hasattr(torch, "cuda") and torch.cuda.is_initialized())


def _work(encoder: Encoder, writing: int, work: list[tuple[Nodes, frozenset[str]]]) -> None:
    """What the copy of the process does. Never returns to the caller's code."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, _LIFE)  # the end comes from the kernel, whatever hangs then
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM, signal.SIGUSR1})  # which the session may block
        gc.disable()  # no finalizer runs that the session's own garbage is still waiting for
        _let_go(writing)
        _use_one_thread()
        sys.stdout = sys.stderr = io.StringIO()
        with load_fence() as fence:  # it stands until the end: what is made here may be let go of at any time
            _try_all(Trial(encoder, partial(_guard, fence)), writing, work)
    except BaseException as error:  # a fault of our own
        _answer(writing, {_FAULT: _told(error)})
    finally:
        os._exit(0)  # no handler, no finalizer, no flush


def _try_all(trial: Trial, writing: int, work: list[tuple[Nodes, frozenset[str]]]) -> None:
    """Does not return: what it made would die."""
    try:
        for nodes, names in work:
            found = trial.verdicts(nodes, sorted(names))
            verdicts = {name: astuple(verdict) for name, verdict in found.items()}
            _answer(writing, {**dict.fromkeys(names), **verdicts})
    except BaseException as error:  # a fault of our own, or what a value's code raised where nobody expects it
        _answer(writing, {_FAULT: _told(error)})
    finally:
        os._exit(0)


def _told(error: BaseException) -> str:
    """A fault with the way to it; not its message, which may quote what is in a value."""
    return "".join([*traceback.format_tb(error.__traceback__, limit=-8), f"{type(error).__name__}\n"])


def _answer(writing: int, answer: Mapping[str, Any]) -> None:
    data = memoryview(json.dumps(answer).encode() + b"\n")
    while data:
        data = data[os.write(writing, data) :]


class _TooLongError(BaseException):
    """No error: a handler for errors in users' or libraries' code must not catch it and go on."""


@contextmanager
def _guard(fence: LoadFence, seconds: float) -> Iterator[LoadFence]:
    """Note in *fence*, which stands already, what is stopped in the block; stop what does not end within *seconds*."""
    under_way = True

    def stop(*_: object) -> None:
        if under_way:
            fence.breach, fence.late = f"does not end within {seconds:g} seconds", True
            raise _TooLongError(fence.breach)

    fence.breach, fence.late = None, False
    signal.signal(signal.SIGUSR1, stop)
    timer = threading.Timer(seconds, signal.pthread_kill, (threading.get_ident(), signal.SIGUSR1))
    timer.start()
    try:
        yield fence
    finally:
        under_way = False
        timer.cancel()


def _use_one_thread() -> None:
    """Tell the OpenMP runtimes not to use their pools: the threads in them do not exist in the copy."""
    with open_file("/proc/self/maps") as file:
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
