"""One set of verbs for every door: the same names, options and words in magics, the command line and the reference."""

from __future__ import annotations

from timeslip.verbs import naming, reading, travel, upkeep
from timeslip.verbs.spec import Answer, Argument, Verb

VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        reading.STATUS,
        reading.LOG,
        reading.SHOW,
        reading.DIFF,
        travel.UNDO,
        travel.REDO,
        travel.CHECKOUT,
        travel.REPLAY,
        travel.GET,
        travel.COMMIT,
        naming.BRANCH,
        naming.SWITCH,
        naming.TAG,
        naming.DESCRIBE,
        reading.BLAME,
        reading.OPS,
        reading.SESSIONS,
        travel.RESUME,
        upkeep.VERIFY,
        upkeep.DU,
        upkeep.GC,
        upkeep.CONFIG,
        upkeep.TRUST,
        upkeep.FORGET,
    )
}
"""Every verb that acts on a session, in the order of the reference."""

__all__ = ["VERBS", "Answer", "Argument", "Verb"]
