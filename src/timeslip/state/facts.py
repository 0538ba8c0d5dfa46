"""The record of what static analysis found in a piece of code.

Immutable and without behaviour beyond building and merging: safe to share between threads and to keep in caches.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from timeslip.state.outside import Finding, classify


class Use(NamedTuple):
    """One use of a dotted name.

    Attributes:
        root: the global name that it starts from, whose live value can say more; empty when it starts elsewhere.
        path: dotted path as far as the code alone tells, ``?`` standing for an unknown root.
        rest: the attributes after the root, each with its dot: ``.path.exists``.
        known: an import in the same code says what the root is.
        follow: what comes next in the code, see `timeslip.state.outside.classify`.
        fixed: a finding that needs no look-up (a magic, a star import); then the other fields are empty.
    """

    root: str
    path: str
    rest: str
    known: bool
    follow: str
    fixed: Finding | None = None

    def findings(self) -> tuple[Finding, ...]:
        """What this use says without knowing live values."""
        return (self.fixed,) if self.fixed is not None else classify(self.path, self.known, self.follow)


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """What a piece of code may do, from its text or bytecode alone.

    Names are those written in the code, builtins included: whoever uses them intersects them with the namespace.

    Attributes:
        reads: global names it may read, in nested functions and classes too.
        binds: global names it may bind or rebind, in whatever way.
        deletes: global names it may delete.
        attributes: attribute names used.
        dynamic: why the names cannot be known; empty when they are all in the other fields.
        outside: why it seems to touch files, network, processes, clocks and so on; phrases for people.
        starts_threads: it seems to start a thread or a task that may run on after it.
        hooks: why code of the session may be kept by a library and be run by a later, unrelated cell.
        imports: modules it imports, as written: relative ones with their dots.
        stores: attribute names it may set or delete on some object.
        rewrites: global names of whose value it seems to write all: ``x += 1``, ``x[:] = y``, at its top level.
        computed: it seems to take attributes by names that are not written in it (``getattr(x, name)``).
        uses: the dotted names behind the reasons, for a second look with live values (`timeslip.state.reach.reached`).
    """

    reads: frozenset[str] = frozenset()
    binds: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    dynamic: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    starts_threads: bool = False
    hooks: tuple[str, ...] = ()
    imports: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    rewrites: frozenset[str] = frozenset()
    computed: bool = False
    uses: tuple[Use, ...] = field(default=(), repr=False)

    @property
    def names(self) -> frozenset[str]:
        """Every global name that the code mentions."""
        return self.reads | self.binds | self.deletes


NOTHING = CodeFacts()
"""Facts of code that does nothing, or that cannot have run."""


class Reasons:
    """Findings gathered by kind, each reason once, in order of appearance. Not safe for use by several threads."""

    __slots__ = ("dynamic", "hooks", "outside", "threads")

    def __init__(self) -> None:
        self.dynamic: dict[str, None] = {}
        self.outside: dict[str, None] = {}
        self.hooks: dict[str, None] = {}
        self.threads = False

    def add(self, findings: Iterable[Finding]) -> None:
        """Take in *findings*."""
        for finding in findings:
            if finding.kind == "threads":
                self.threads = True
            elif finding.kind == "dynamic":
                self.dynamic[finding.reason] = None
            elif finding.kind == "outside":
                self.outside[finding.reason] = None
            else:
                self.hooks[finding.reason] = None


def make_facts(
    *,
    reads: Iterable[str],
    binds: Iterable[str],
    deletes: Iterable[str],
    attributes: Iterable[str],
    uses: Iterable[Use],
    imports: Iterable[str] = (),
    stores: Iterable[str] = (),
    rewrites: Iterable[str] = (),
    computed: bool = False,
) -> CodeFacts:
    """Build facts, deriving the reasons from *uses*."""
    uses = tuple(dict.fromkeys(uses))
    reasons = Reasons()
    for use in uses:
        reasons.add(use.findings())
    return CodeFacts(
        reads=frozenset(reads),
        binds=frozenset(binds),
        deletes=frozenset(deletes),
        attributes=frozenset(attributes),
        dynamic=tuple(reasons.dynamic),
        outside=tuple(reasons.outside),
        starts_threads=reasons.threads,
        hooks=tuple(reasons.hooks),
        imports=frozenset(imports),
        stores=frozenset(stores),
        rewrites=frozenset(rewrites),
        computed=computed,
        # A use that says nothing now and starts from no global name or import can say nothing later either.
        uses=tuple(use for use in uses if use.root or use.known or use.findings()),
    )


def combine(facts: Iterable[CodeFacts]) -> CodeFacts:
    """Facts of several pieces of code that all may run: the union of each field."""
    pieces = tuple(facts)
    if len(pieces) == 1:
        return pieces[0]
    return make_facts(
        reads=frozenset().union(*(piece.reads for piece in pieces)),
        binds=frozenset().union(*(piece.binds for piece in pieces)),
        deletes=frozenset().union(*(piece.deletes for piece in pieces)),
        attributes=frozenset().union(*(piece.attributes for piece in pieces)),
        uses=(use for piece in pieces for use in piece.uses),
        imports=frozenset().union(*(piece.imports for piece in pieces)),
        stores=frozenset().union(*(piece.stores for piece in pieces)),
        rewrites=frozenset().union(*(piece.rewrites for piece in pieces)),
        computed=any(piece.computed for piece in pieces),
    )
