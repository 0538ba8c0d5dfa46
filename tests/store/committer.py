"""A process that commits until it is killed: ``python committer.py STORE SESSION KERNEL [COUNT [DURABILITY]]``.

Prints a line for every commit that `transaction()` has reported as finished. State n is a function of the number of
commits before it, so the reader can tell whether a state is whole.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from tests.store.steps import Steps

from timeslip.ids import SessionId
from timeslip.store.repository import Repository


def content(seq: int) -> dict[str, bytes]:
    """What commit number *seq* writes: a small value, a large raw one, and now and then a compressible one."""
    random_source = random.Random(seq)
    return {
        f"small{seq % 5}": random_source.randbytes(50),
        "large": random_source.randbytes(17_000 + random_source.randrange(30_000)),
        f"text{seq % 3}": b"%d " % seq * 20_000,
    }


def expected(seq: int) -> dict[str, bytes]:
    """The state after commit number *seq* (one kernel)."""
    state: dict[str, bytes] = {}
    for n in range(max(1, seq - 8), seq + 1):
        state.update(content(n))
    return state


def main() -> None:
    directory, session, kernel, *rest = sys.argv[1:]
    count = int(rest[0]) if rest else 1_000_000
    durability = "full" if "full" in rest else "normal"
    with Repository.open(Path(directory), min_free_bytes=0, durability=durability) as repo:  # type: ignore[arg-type]
        steps = Steps(repo, SessionId(session), kernel)
        done = len(repo.commits(session))
        for seq in range(done + 1, done + count + 1):
            commit = steps.commit(content(seq))
            print(seq, commit, flush=True)


if __name__ == "__main__":
    main()
