"""One session of one contender in a real kernel: what it took, step by step.

There are two ways of it. *Timed*: all steps are sent at once, as with "run all", and nothing is asked in between: the
time from the beginning of a cell's code to the beginning of the next one holds every wait that the cell has caused.
*Weighed*: one step after the other, and after each the memory and the store are measured and, where the session has
travelled, whether the right state is there. Times of a weighed session do not count.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.sessions.contenders import INSIDE, ROOT, Contender
from benchmarks.sessions.steps import Step, Workload
from kernels import Kernel, KernelDiedError


@dataclass
class Timed:
    """What the steps of a session took, seconds.

    Attributes:
        attach: setting the contender up in the kernel.
        code: for each step that the contender can do, the code itself.
        reply: from the beginning of the code to the reply.
        delay: from the beginning of the code to the beginning of the next one: all that the step costs.
        cpu: processor time within delay, of the kernel and its ended children.
        failure: why the session ended early; empty when it did not.
        raised: error of each step that raised, by number.
    """

    attach: float = 0.0
    code: list[float] = field(default_factory=list)
    reply: list[float] = field(default_factory=list)
    delay: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    failure: str = ""
    raised: dict[int, str] = field(default_factory=dict)


@dataclass
class Weighed:
    """What the steps of a session left behind, bytes.

    Attributes:
        attached: resident memory after setting up, less that before.
        stored: growth of the store by each step.
        peak: most resident memory during each step.
        resident: resident memory after each step.
        probes: value of the workload's probe after each step; "" where it was not asked.
        total: the store after the kernel has ended.
        failure: why the session ended early; empty when it did not.
        raised: error of each step that raised, by number.
        notes: what the contender itself says of it.
    """

    attached: int = 0
    stored: list[int] = field(default_factory=list)
    peak: list[int] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)
    probes: list[str] = field(default_factory=list)
    total: int = 0
    failure: str = ""
    raised: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


_AHEAD = 200
"""So many cells are sent before the first of them is answered: sockets drop what is more than a thousand."""


def size_of(folder: Path) -> int:
    """Bytes of all files in *folder*. Some may go while it is looked at."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            pass
    return size


def without_logs(folder: Path) -> None:
    """Let what is in write-ahead logs of databases in *folder* go to its place.

    Else it would be there twice, and count for the step at which SQLite happens to do that.
    """
    for log in folder.rglob("*-wal"):
        database = log.with_name(log.name.removesuffix("-wal"))
        with closing(sqlite3.connect(database, timeout=10)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def settled_size_of(folder: Path, *, pause: float = 0.02, most: float = 30.0) -> int:
    """The same when it does not grow any more: what is written after the reply belongs to the step, too."""
    size = size_of(folder)
    for _ in range(int(most / pause)):
        time.sleep(pause)
        before, size = size, size_of(folder)
        if before == size:
            break
    return size


def in_one_line(words: str) -> str:
    """What went wrong, short, and without the folders of this machine: it goes into results."""
    return re.sub(r"(?<![\w.])(?:/[\w.@+-]+){2,}/", "…/", " ".join(words.split()))[:160]


@contextmanager
def opened(contender: Contender, python: Path, workload: Workload, folder: Path) -> Iterator[tuple[Kernel, Path]]:
    """A kernel of *contender*, not yet set up, and its home folder. Both are gone afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    home = folder / "home"
    home.mkdir(parents=True)
    work = folder / "work"
    if workload.folder:
        shutil.copytree(workload.folder, work, ignore=shutil.ignore_patterns("_build", "*.nc"))
    else:
        work.mkdir()
    contender.prepare(home)
    paths = [str(INSIDE), *([str(contender.source)] if contender.source else [])]
    # Bytecode is kept as in an installed package, wherever the environment forbids it.
    environ = {
        "PYTHONPATH": ":".join(paths),
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(ROOT / ".cache" / "bench" / "bytecode"),
        "KISHU_PATH_ROOT": str(home),
        "MPLBACKEND": "agg",
    }
    try:
        with Kernel(home, notebook=str(work / "benchmark.ipynb"), python=python, cwd=work, environ=environ) as kernel:
            yield kernel, home
    except KernelDiedError as error:
        log = home / "kernel.log"
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.is_file() else []
        raise KernelDiedError(f"{error}: {lines[-1] if lines else 'it said nothing'}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _set_up(kernel: Kernel, contender: Contender, home: Path) -> float:
    """Install the clock and the contender; seconds of the latter.

    Raises:
        RuntimeError: the contender cannot be set up.
    """
    kernel.run("__import__('session_clock').install(get_ipython())", silent=True)
    reply = kernel.run(contender.setup(home) or "pass", silent=True)
    if not reply.ok:
        raise RuntimeError(f"cannot be set up: {reply.error[:200]}")
    return reply.seconds


@dataclass(frozen=True)
class Request:
    """A step as it is sent to the kernel."""

    number: int
    step: Step
    code: str
    hidden: bool


def requests(contender: Contender, workload: Workload) -> list[Request]:
    """The steps that *contender* can do. A bare kernel cannot travel."""
    counts: list[int] = []
    found: list[Request] = []
    shown = 0
    for number, step in enumerate(workload.steps):
        if step.code:
            shown += 1
            counts.append(shown)
            found.append(Request(number, step, step.code, False))
        elif contender.travel:
            shown += not contender.hidden
            found.append(Request(number, step, contender.travel(step, counts[step.to]), contender.hidden))
    return found


def timed(contender: Contender, python: Path, workload: Workload, folder: Path, limit: float) -> Timed:
    """One session with all steps sent at once, at most *limit* seconds."""
    made = Timed()
    try:
        with opened(contender, python, workload, folder) as (kernel, home):
            made.attach = _set_up(kernel, contender, home)
            wanted = requests(contender, workload)
            replies = _run_all(kernel, wanted, limit, made)
            path = home / "notes.json"
            # The cells of the set-up have notes, too: the last ones are those of the steps and of the one after them.
            kernel.run(f"__import__('session_clock').write({str(path)!r}, {-len(wanted) - 1})", silent=True)
            notes = json.loads(path.read_text(encoding="utf-8"))
    except (RuntimeError, KernelDiedError, TimeoutError, OSError) as error:
        made.failure = in_one_line(f"{type(error).__name__}: {error}")
        return made
    if len(notes) != len(wanted) + 1:
        made.failure = f"{len(wanted) + 1} cells were sent, and the code of {len(notes)} was begun"
        return made
    for (began, ended, used, _), following, replied in zip(notes[:-1], notes[1:], replies, strict=True):
        made.code.append(ended - began)
        made.reply.append(max(replied, ended) - began)
        made.delay.append(following[0] - began)
        made.cpu.append(following[2] - used)
    return made


def _send(kernel: Kernel, request: Request) -> str:
    return str(
        kernel.client.execute(
            request.code,
            silent=request.hidden,
            store_history=not request.hidden,
            allow_stdin=False,
            stop_on_error=False,
        )
    )


def _run_all(kernel: Kernel, wanted: Sequence[Request], limit: float, made: Timed) -> list[float]:
    """When the reply to each came. A tiny cell follows, whose beginning is the end of the last wait.

    Raises:
        KernelDiedError: the kernel ended.
        TimeoutError: it takes too long.
    """
    closing = Request(-1, Step(""), "pass", False)
    waiting = deque([*wanted, closing])
    pending: dict[str, Request] = {}
    replied: dict[int, float] = {}
    deadline = time.perf_counter() + limit
    while waiting or pending:
        while waiting and len(pending) < _AHEAD:
            request = waiting.popleft()
            pending[_send(kernel, request)] = request
        try:
            message = kernel.client.get_shell_msg(timeout=1.0)
        except Exception as error:  # queue.Empty; what else a socket may raise is looked into the same way
            if kernel.process.poll() is not None:
                raise KernelDiedError(f"the kernel ended with status {kernel.process.returncode}") from error
            if time.perf_counter() > deadline:
                kernel.process.kill()
                raise TimeoutError(f"the session took longer than {limit:.0f} s") from None
            continue
        answered = pending.pop(message["parent_header"].get("msg_id"), None)
        if answered is None or answered is closing:
            continue
        replied[answered.number] = time.perf_counter()
        if message["content"]["status"] != "ok":
            told = f"{message['content'].get('ename')}: {message['content'].get('evalue')}"
            made.raised[answered.number] = in_one_line(told)
    return [replied[request.number] for request in wanted]


def weighed(contender: Contender, python: Path, workload: Workload, folder: Path, limit: float) -> Weighed:
    """One session step by step, at most *limit* seconds."""
    made = Weighed()
    deadline = time.perf_counter() + limit
    try:
        with opened(contender, python, workload, folder) as (kernel, home):
            before = _memory(kernel, "VmRSS")
            _set_up(kernel, contender, home)
            made.attached = _memory(kernel, "VmRSS") - before
            without_logs(home / "store")
            size = size_of(home / "store")
            for request in requests(contender, workload):
                _weigh(kernel, request, workload, made, contender, deadline)
                settled_size_of(home / "store")
                without_logs(home / "store")
                now = size_of(home / "store")
                made.stored.append(now - size)
                size = now
            made.notes = _notes(kernel, contender)
            kernel.stop()
            made.total = size_of(home / "store")
    except (RuntimeError, KernelDiedError, TimeoutError, OSError) as error:
        made.failure = in_one_line(f"{type(error).__name__}: {error}")
    return made


def _weigh(
    kernel: Kernel, request: Request, workload: Workload, made: Weighed, contender: Contender, deadline: float
) -> None:
    _forget_peak(kernel)
    left = max(1.0, deadline - time.perf_counter())
    reply = kernel.run(request.code, silent=request.hidden, timeout=left)
    made.peak.append(_memory(kernel, "VmHWM"))
    made.resident.append(_memory(kernel, "VmRSS"))
    if not reply.ok:
        made.raised[request.number] = in_one_line(reply.error)
    # In the bare kernel every state is looked at, in the others what they have brought back.
    asked = request.step.travel or contender.travel is None
    made.probes.append(_probe(kernel, workload.probe) if asked else "")


def _probe(kernel: Kernel, expression: str) -> str:
    try:
        return str(kernel.ask(f"__import__('json').dumps({expression})"))
    except RuntimeError as error:
        return in_one_line(f"raised {str(error).splitlines()[-1]}")


def _notes(kernel: Kernel, contender: Contender) -> list[str]:
    """What the contender could not save."""
    if "whole_namespace" not in contender.setup(Path("home")):
        return []
    told = kernel.ask("__import__('json').dumps(__import__('whole_namespace').FAILURES)")
    return [in_one_line(one) for one in told]


def _memory(kernel: Kernel, what: str) -> int:
    """Bytes of the kernel process, as the system tells; 0 where it does not."""
    try:
        lines = Path(f"/proc/{kernel.process.pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:")), 0)


def _forget_peak(kernel: Kernel) -> None:
    """Let the peak begin anew (Linux); where that is forbidden, peaks are those since the kernel's start."""
    try:
        Path(f"/proc/{kernel.process.pid}/clear_refs").write_text("5", encoding="utf-8")
    except OSError:
        pass


def kept(what: Timed | Weighed) -> dict[str, Any]:
    """For the results: plain, rounded to what a clock can tell."""
    plain: dict[str, Any] = {}
    for name, value in vars(what).items():
        if isinstance(value, list) and value and isinstance(value[0], float):
            value = [float(f"{one:.4g}") for one in value]
        plain[name] = value
    return plain
