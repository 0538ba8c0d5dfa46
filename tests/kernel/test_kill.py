"""``kill -9`` at random instants: afterwards there is exactly the last finished commit, and the session goes on."""

from __future__ import annotations

import os
import random
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.kernel.kill_me import cell

import timeslip
from timeslip.testing.graphs import compare_states

LONG = bool(os.environ.get("TIMESLIP_LONG")) or os.environ.get("TIMESLIP_TEST_PROFILE") == "soak"
KILLS = 200 if LONG else 25
SEED = int(os.environ.get("TIMESLIP_KILL_SEED", "20"))


class Bare:
    """The same cells without Timeslip, run as far as they are asked for."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.done = -1

    def at(self, last: int) -> dict[str, Any]:
        """The state after cells 0 … *last*; never goes back."""
        while self.done < last:
            self.done += 1
            exec(compile(cell(self.done), "<bare>", "exec", dont_inherit=True), self.namespace)
        assert self.done == last
        return self.namespace


class Victim:
    """A process that commits until it is killed, and what it has reported."""

    def __init__(self, store: Path, start: int) -> None:
        script = Path(__file__).with_name("kill_me.py")
        environment = dict(os.environ, PYTHONPATH=str(Path(timeslip.__file__).parents[1]))
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(store), str(start)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment,
        )  # fmt: skip
        self.reported: list[tuple[str, int]] = []
        self.rest = b""

    def listen(self, seconds: float, at_least: int = 0) -> None:
        """Read reports for so long; go on until there are enough."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + seconds
        limit = time.monotonic() + 60
        while time.monotonic() < deadline or (len(self.reported) < at_least and time.monotonic() < limit):
            ready, _, _ = select.select(
                [self.process.stdout], [], [], max(0.0, min(0.005, deadline - time.monotonic()))
            )
            if ready and not self._take(os.read(self.process.stdout.fileno(), 65536)):
                break

    def _take(self, data: bytes) -> bool:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            commit, number = line.decode().split()
            self.reported.append((commit, int(number)))
        return bool(data)

    def kill(self) -> None:
        """``kill -9``, then the reports that were still in the pipe."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        assert self.process.poll() is None, self.process.stderr.read().decode()
        self.process.kill()
        self.process.wait()
        while self._take(self.process.stdout.read()):
            pass
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.mark.time_limit(3600)
def test_exactly_the_last_finished_commit(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    store = tmp_path / "store"
    start = 0
    known: dict[int, str] = {}
    bare = Bare()
    for _ in range(KILLS):
        victim = Victim(store, start)
        victim.listen(0.0, at_least=1)
        victim.listen(chance.uniform(0.0, 0.25))
        victim.kill()
        known.update({number: commit for commit, number in victim.reported})
        start = reopen(store, known, bare) + 1
    assert start > KILLS


def reopen(store: Path, known: dict[int, str], bare: Bare) -> int:
    """Look at the store as the next kernel would; the number of the last cell that is recorded."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    session = timeslip.attach(namespace, store=store, name="victim", min_free_bytes=0)
    try:
        assert [name for name in namespace if not name.startswith("__")] == [], "attaching brings nothing in"
        session.resume()
        last = count_runs(session, known)
        newest = next(commit for commit in session.log(all=True) if commit.kind == "run")
        went_back = newest.id != session.head
        if went_back and last % 11 == 10:
            session.undo()  # killed between the undo and the redo after that cell: back to before the resume …
            session.checkout(known[last])
        same(bare.at(last), namespace)
        assert not session.verify("HEAD").unrestorable
        past = random.Random(last).randrange(min(last + 1, 200))
        session.checkout(known[past])
        same(Bare().at(past), namespace)
        session.checkout(known[last])
        return last
    finally:
        session.close()


def count_runs(session: Any, known: dict[int, str]) -> int:
    """Every reported cell is there, and at most one that finished after the kill began; the last one's number."""
    runs = [commit for commit in session.log(all=True) if commit.kind == "run"]
    found = {commit.id for commit in runs}
    for number, commit in known.items():
        assert commit in found, f"cell {number} was reported as finished, and is gone"
    assert len(runs) in (len(known), len(known) + 1), "at most one commit finished after its report was due"
    last = len(runs) - 1
    assert runs[0].code == cell(last)
    assert known.setdefault(last, runs[0].id) == runs[0].id
    return last


def same(expected: dict[str, Any], got: dict[str, Any]) -> None:
    found = compare_states(expected, got)
    assert not found, "\n".join(found)
