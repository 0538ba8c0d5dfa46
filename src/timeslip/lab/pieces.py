"""Requests that come in pieces: a server ends a connection over a message that is too long (10 MB by default)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from timeslip.errors import UsageError
from timeslip.standard import json

MOST_TEXT = 256_000_000
"""So many characters a request has at most. What it is about has a limit of its own, such as `max_cells_bytes`."""

MOST_OPEN = 4
"""So many requests can be half there; of more the oldest is forgotten: whoever asked has gone."""


class Pieces:
    """Puts requests together. Safe from many threads; the same piece may come again."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str, str], dict[int, str]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, comm: str, message: Mapping[str, Any]) -> Any:
        """The request of which *message* was the last piece that was missing; None while others are.

        Args:
            comm: whose request it is.
            message: ``{"id": N, "piece": I, "of": COUNT, "text": …}``; all texts in order are the request as JSON.

        Raises:
            UsageError: it is no piece, or what they make up is no request; what was there of it is forgotten.
        """
        at, count, text = (message.get(key) for key in ("piece", "of", "text"))
        if type(at) is not int or type(count) is not int or not isinstance(text, str) or not 0 <= at < count:
            raise UsageError(
                "a piece of a request is {id, piece, of, text}: its place, how many there are, and its text"
            )
        key = comm, repr(message.get("id"))
        with self._lock:
            there = self._open.setdefault(key, {})
            there[at] = text
            whole = len(there) == count
            long = sum(map(len, there.values())) > MOST_TEXT
            if whole or long:
                del self._open[key]
            while len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
        if long:
            raise UsageError(f"a request has at most {MOST_TEXT:,} characters")
        return _parsed("".join(there[place] for place in sorted(there))) if whole else None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the pieces of the request make up no JSON ({error})") from error
