"""What a pass makes of a co-variable: streams, buffers, and what it has found out about the objects."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Container
from dataclasses import dataclass, field
from enum import Enum
from itertools import compress
from typing import Any

from timeslip.codec.addresses import Links, addresses_in
from timeslip.codec.parts import size_of
from timeslip.codec.picklers import met_objects
from timeslip.codec.runs import Runs


@dataclass(frozen=True, slots=True)
class Hole:
    """Something that could not be stored.

    Attributes:
        identity: id of the live object in the `Resources` registry; empty for one that is in the stream, or part of it.
        type_name: of the object.
        reason: why it could not be stored, for people.
        token: cheap state of the live object; it changes when the object is known to have changed.
        fatal: False when a stand-in can be rebuilt, so that the value is "rebuilt" and not lost.
        complete: whether every change of the live object shows in the token (`hidden`).
        runs: code of the session that may run when the live object is used; None where that cannot be told.
    """

    identity: str
    type_name: str
    reason: str
    token: str
    fatal: bool = True
    complete: bool = True
    runs: Runs = frozenset()


@dataclass(frozen=True, slots=True)
class Own:
    """What of a co-variable one of its nodes reaches itself.

    Attributes:
        holes: positions among the holes of the whole.
        hooked: those of its `Captured.hooked`.
    """

    holes: tuple[int, ...]
    hooked: frozenset[type]


class Form(Enum):
    """What the elements of an island are, which decides how its mark is taken."""

    ATOMS = 1
    """Text and numbers: nothing can be told from a copy of them."""
    CONTAINERS = 2
    MIXED = 3
    UNKNOWN = 4
    """It has no mark: its keys may be somebody else's as well."""


@dataclass(frozen=True, slots=True)
class Island:
    """What one island of a value of plain containers has (`codec.islands`).

    Attributes:
        count: elements.
        links: addresses of what of it links, as `Captured.links`.
        held: those of them that something else held as well.
        first: address of the first element, or of its key.
        form: what the elements are.
        mark: of its elements (`codec.earlier`); None where it is not known, or does not count.
        size: of its segment, bytes; known of those of a co-variable.
        is_last: whether its list or dict ends with it.
    """

    count: int
    links: array[int]
    held: frozenset[int] = frozenset()
    first: int = 0
    form: Form = Form.UNKNOWN
    mark: bytes | None = None
    size: int = 0
    is_last: bool = False


@dataclass(slots=True)
class Captured:
    """A co-variable as bytes.

    Attributes:
        keys: node keys, in the order of the payload.
        headers: definition id -> header stream, for the definitions among the keys.
        segments: the skeleton stream, without the prefix that loads the seeds; for islands that were not written again
            their digests.
        buffers: owned buffers in the order of their numbers, or `parts.Part`; valid only until the user's code runs
            again.
        kept: what has to be kept for the next look at arrays of objects to be cheap.
        out_of_band: buffers that a library's own reduction gave to the pickler, in stream order.
        references: ids of all definitions that the streams refer to.
        holes: what could not be stored.
        links: addresses of the objects whose identity links names; empty before `find_links`.
        hidden: those of *links* that only holes hold, so that no copy of them is ever stored; known with *links*.
        spans: memory ranges as (start, stop, plain): *plain* memory links, copy-on-write memory does not.
        mode: the pass that did it.
        islands: whether each of the segments is a piece for itself (`codec.islands`).
        roots: addresses of the arrays that own plain memory, and of extension arrays that are held by themselves.
        blocks: addresses of the arrays that own the memory of copy-on-write blocks, and of their extension arrays.
        parts: the islands, in order; empty where there is more than plain containers, numbers and text on them. What is
            around them may be other.
        rows: for each owned buffer, the bytes of one row (a column of a frame), or 0: where chunks are cut.
        volatile: whether it holds an object that being shown changes (`reducers.VOLATILE`).
        reduced: whether an object of a type that is not known to be steady was reduced by its own code.
        packages: top-level names of the packages whose classes the pass met.
        hooked: the classes of installed packages and of the user's own modules whose instances went into the stream as
            their own pickling hooks say, which may drop or invent anything.
        sought: whether the owner of memory was looked for among what names lead to, which takes as long as there are.
        own: for a co-variable of several names, what each node reaches itself; empty where that is not told.
        plain: whether it is known to hold nothing but what `marks` counts for; known by `find_links`.
        walkable: the same of `walked`.
        memo: everything the pass met, kept alive so that no two captures of one commit see the same address for
            different objects; to be dropped (`release`) before the user's code runs again.
    """

    keys: tuple[str, ...]
    headers: dict[str, bytes] = field(default_factory=dict)
    segments: list[Any] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=list)
    out_of_band: list[Any] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)
    references: dict[str, Any] = field(default_factory=dict)
    holes: list[Hole] = field(default_factory=list)
    links: Links = frozenset()
    hidden: frozenset[int] = frozenset()
    spans: list[tuple[int, int, bool]] = field(default_factory=list)
    mode: str = "fast"
    islands: bool = False
    parts: tuple[Island, ...] = ()
    rows: list[int] = field(default_factory=list)
    roots: set[int] = field(default_factory=set)
    blocks: set[int] = field(default_factory=set)
    volatile: bool = False
    reduced: bool = False
    packages: frozenset[str] = frozenset()
    hooked: frozenset[type] = frozenset()
    sought: bool = False
    own: dict[str, Own] = field(default_factory=dict)
    plain: bool = False
    walkable: bool = False
    memo: Any = None
    find: Callable[[Collection[int]], Links] | None = None

    def find_links(self, weak_roots: Collection[int]) -> None:
        """Fill `links`. Only before `release`."""
        if self.find is not None and not self.links:
            self.links = self.find(weak_roots)

    def objects_at(self, addresses: Container[int]) -> list[Any]:
        """What the pass met at *addresses*. Only before `release`."""
        if self.memo is None:
            return []
        if self.islands:
            found: list[Any] = self.memo[0].objects_at(addresses)
            return found
        met = met_objects(self.memo[0])  # made anew each time: a reference from here would look like a user's
        return list(compress(met, map(addresses.__contains__, addresses_in(met))))

    def forget(self) -> None:
        """Let go of what the pass met; the bytes stay."""
        self.memo = self.find = None

    def release(self) -> None:
        """Let go of the user's objects and of their memory."""
        self.forget()
        self.buffers = []
        self.kept = []
        self.out_of_band = []
        self.segments = []
        self.references = dict.fromkeys(self.references)
        self.hooked = frozenset()
        self.own = {}

    @property
    def is_deep(self) -> bool:
        """Whether the deep pass did it."""
        return self.mode.startswith("deep")

    @property
    def size(self) -> int:
        """Bytes of streams and buffers together."""
        streams = sum(map(len, self.segments)) + sum(map(len, self.headers.values()))
        return streams + sum(map(size_of, (*self.buffers, *self.out_of_band)))
