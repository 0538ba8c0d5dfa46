"""A session that commits as fast as it can and says so after each commit, until somebody kills it.

Usage: ``kill_me.py STORE SEED``. Each line on stdout is ``<commit id> <n>``, written after `Session.run` returned.
"""

from __future__ import annotations

import os
import sys

import timeslip

CELLS = (
    "n = {n}",
    "log.append({n}); alias = log",
    "big = bytes([{n} % 256]) * 300_000",
    "a[{n} % len(a)] = {n}; view = a[{n} % 7:]",
    "class K:\n    tag = {n}\nk = K(); k.log = log",
    "def f(): return {n}, log",
    "table = dict((i, [i, {n}]) for i in range(2000))",
)
"""What cell ``n`` does is ``CELLS[n % 7]``, with ``n`` filled in; n counts from 1."""

FIRST = "import array\nlog = []; alias = log; a = array.array('q', range(50_000)); view = None; n = 0"


def cell(number: int) -> str:
    """The code of cell *number*; 0 is the first."""
    return CELLS[number % len(CELLS)].format(n=number) if number else FIRST


def main() -> None:
    store, start = sys.argv[1], int(sys.argv[2])
    session = timeslip.attach({"__name__": "__main__"}, store=store, name="victim", min_free_bytes=0)
    if start:
        session.resume()
    for number in range(start, 1_000_000):
        result = session.run(cell(number))
        if result.error is not None:
            raise result.error
        if number % 11 == 10:
            session.undo()
            session.redo()
        os.write(1, f"{result.commit.id} {number}\n".encode())


if __name__ == "__main__":
    main()
