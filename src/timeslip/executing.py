"""One run of a recorded cell in the lent globals: silent, in a context of its own, behind a fence if it is unasked."""

from __future__ import annotations

import ast
import atexit
import contextlib
import contextvars
import importlib
import io
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from timeslip.errors import ReplayError
from timeslip.live import Live
from timeslip.state.fence import OutsideReached, fence
from timeslip.state.holding import held_by
from timeslip.state.source import facts_of_source, parse, quiet

_RESULT = "_timeslip_result"


class Execution:
    """One run.

    Args:
        live: the session.
        source: plain Python.
        count: execution count of the cell, or None.
        names: what the run has to make.
        fenced: stop it where it would touch the outside.

    Attributes:
        messages: what the run left behind, for the user.

    Raises:
        ReplayError: the names cannot come out of such a run.
    """

    def __init__(self, live: Live, source: str, count: int | None, names: Iterable[str], *, fenced: bool) -> None:
        self.messages: list[str] = []
        self._live = live
        self._fenced = fenced
        self._output = f"Out[{count}]" if count is not None else ""
        others = [name for name in names if name.startswith("Out[") and name != self._output]
        if others:
            raise ReplayError(f"{', '.join(others)} was put there by another cell than the one that changed it")
        self._wants_output = any(name.startswith("Out[") for name in names)
        self._source = _with_result(source) if self._wants_output else source
        self._sink = io.StringIO()

    def run(self) -> dict[str, Any]:
        """Run it; what is bound afterwards, by node key.

        Raises:
            ReplayError: it raised, or wanted to touch the outside.
        """
        threads, callbacks = set(threading.enumerate()), atexit._ncallbacks()
        breach: str | None = None
        with ExitStack() as stack:
            wall = stack.enter_context(fence()) if self._fenced else None
            if wall is not None:
                stack.enter_context(_without_log())
            try:
                self._import_first()
                stack.enter_context(contextlib.redirect_stdout(self._sink))
                stack.enter_context(contextlib.redirect_stderr(self._sink))
                contextvars.copy_context().run(self._live.namespace.execute, self._source)
            except OutsideReached as reached:
                breach = str(reached)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # the user's own code: whatever it raises is the reason, SystemExit too
                if wall is None or wall.breach is None:
                    # A name that is missing was not seen to be needed, which has nothing to do with the outside.
                    missing = isinstance(error, NameError)
                    raise ReplayError(
                        f"running it again failed: {type(error).__name__}: {error}",
                        hint="" if missing else "the recorded inputs may have come from outside the session",
                    ) from error
            breach = breach or (wall.breach if wall is not None else None)
        if breach is not None:
            raise ReplayError(f"it was stopped before it could touch the outside: it {breach}")
        self._look_around(threads, callbacks)
        return self._made()

    def _import_first(self) -> None:
        """Import what the cell imports while the output streams are the real ones: a module may keep them for good."""
        for name in sorted(facts_of_source(self._source).imports):
            if name not in sys.modules and not name.startswith("."):
                with contextlib.suppress(ImportError):  # the cell may be prepared for that
                    importlib.import_module(name)

    def _made(self) -> dict[str, Any]:
        names = self._live.namespace.globals
        result = names.pop(_RESULT, None)
        made = self._live.namespace.snapshot()
        if self._wants_output:
            made[self._output] = made["_"] = result
        return made

    def _look_around(self, threads: set[threading.Thread], callbacks: int) -> None:
        started = [t.name for t in threading.enumerate() if t not in threads and not t.name.startswith("timeslip")]
        if started and self._fenced:
            raise ReplayError(f"it has started a thread ({started[0]}), which runs on")
        if started:
            self.messages.append(f"threads that it has started run on: {', '.join(started)}")
        if atexit._ncallbacks() > callbacks:
            self.messages.append("what it has registered to be called at exit stays registered")

    def check(self, values: Mapping[str, Any]) -> None:
        """Make sure that *values* can live on without the run.

        Raises:
            ReplayError: one of them holds the stream that stood for the output.
        """
        if id(self._sink) in held_by(values.values(), [self._live.namespace.globals]):
            raise ReplayError("what it makes holds the output stream, which is another one while it is run again")


def _with_result(source: str) -> str:
    """The cell with its last expression, which IPython displays, bound to a name.

    Raises:
        ReplayError: it does not end with an expression.
    """
    with quiet():
        tree = parse(source)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        raise ReplayError("its output is not the value of its last line")
    tree.body[-1] = ast.Assign([ast.Name(_RESULT, ast.Store())], last.value)
    return ast.unparse(ast.fix_missing_locations(tree))


@contextmanager
def _without_log() -> Iterator[None]:
    """Nothing is logged meanwhile: a handler may write to a file that is open."""
    logging = sys.modules.get("logging")
    if logging is None:
        yield
        return
    manager = logging.root.manager
    before = manager.disable
    manager.disable = sys.maxsize
    manager._clear_cache()
    try:
        yield
    finally:
        manager.disable = before
        manager._clear_cache()
