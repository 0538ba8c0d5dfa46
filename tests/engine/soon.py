"""The driver for commits that are finished in the background: several cells run before anything looks at the store."""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable
from typing import Any

from tests.engine.driver import Driver, Namespace

from timeslip import saving
from timeslip.running import run_code
from timeslip.testing.copies import copy_namespace

TINY = {"background_bytes": 100}
"""Settings under which nearly everything is written in the background."""


def without_price() -> Callable[[], None]:
    """Let small values be saved from snapshots, too; what undoes that."""
    before = saving._WRITING, saving._FORKS_ARE_WARNED_OF
    saving._WRITING, saving._FORKS_ARE_WARNED_OF = 1e9, False

    def back() -> None:
        saving._WRITING, saving._FORKS_ARE_WARNED_OF = before

    return back


class SoonDriver(Driver):
    """Runs are recorded without waiting; before anything else the model learns of the commits and all is compared."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self.waiting: list[tuple[Namespace, dict[str, Any]]] = []
        self.put_off = 0
        super().__init__(*args, **{**TINY, **settings})

    def run(self, code: str, *, outside: bool = False) -> Any:
        if outside or self.ahead is not None:
            self.settle()
            return super().run(code, outside=outside)
        held = {
            key: weakref.ref(obj) if type(obj) is types.FunctionType else obj for key, obj in self.namespace.items()
        }
        self.script.append(f"d.run({code!r})")
        self.session.before_run(code)
        error = run_code(code, self.namespace)
        outcome = "ok" if error is None else "error"
        self.session.record_soon(code, outcome=outcome, execution_count=len(self.script))
        self.put_off += bool(self.session._live.backlog)
        if self.twin is not None:
            there = self._run_twin(code)
            self._demand(type(there) is type(error), f"raised {error!r}, the twin {there!r}")
        self.waiting.append((copy_namespace(self.namespace), held))
        return None

    def settle(self) -> None:
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return
        made = self.session.log(limit=len(waiting))[::-1]
        now = self.namespace
        for commit, (state, held) in zip(made, waiting, strict=True):
            parents = (self.model.head,) if self.model.head else ()
            self._demand(commit.parents == parents, f"parents of the commit of {commit.code!r}")
            self._model(self.model.ran, commit.id, state, commit.branch)
            try:
                self.namespace = state
                self._know(commit.id, held)
            finally:
                self.namespace = now
            self.rebound[commit.id] = {*now}  # which objects there were is not known any more
        self.check()


def _after_settling(name: str) -> Any:
    def method(self: SoonDriver, *args: Any, **options: Any) -> Any:
        self.settle()
        return getattr(Driver, name)(self, *args, **options)

    return method


for _name in (
    *("undo", "redo", "checkout", "dry_run", "switch", "checkout_names", "get", "branch", "tag", "collect", "commit"),
    *("verify", "restart", "touch"),
):
    setattr(SoonDriver, _name, _after_settling(_name))
