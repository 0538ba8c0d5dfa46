"""The verbs that look after the record: verify, du, gc, config, trust, forget."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from timeslip import answers
from timeslip.verbs.spec import DRY_RUN, JSON, Answer, Argument, Verb, ref


def _verify(session: Any, options: Namespace) -> Answer:
    return answers.verify_json(session.verify(options.ref))


def _du(session: Any, options: Namespace) -> Answer:
    return answers.usage_json(session.du())


def _gc(session: Any, options: Namespace) -> Answer:
    return answers.gc_json(session.gc(dry_run=options.dry_run))


def _config(session: Any, options: Namespace) -> Answer:
    if options.value is not None:
        session.config(options.key, options.value)
        return answers.config_json({options.key: session.config(options.key)}, changed=options.key)
    if options.key is not None:
        return answers.config_json({options.key: session.config(options.key)})
    return answers.config_json(session.config())


def _trust(session: Any, options: Namespace) -> Answer:
    return answers.trusted_json(session.trust())


def _forget(session: Any, options: Namespace) -> Answer:
    return answers.forgotten_json(session.forget(options.target))


VERIFY = Verb(
    name="verify",
    summary="compare the live state with what is recorded, or check that REF can be restored",
    details="Without REF: captures everything again and compares it with what is recorded, skipped names included. "
    "With REF: reads and checks every stored byte that a checkout of REF would need, without restoring it.",
    arguments=(ref(nargs="?"), JSON),
    run=_verify,
)

DU = Verb(
    name="du",
    summary="size of the store by session and by name",
    details="Sizes are bytes on disk after deduplication and compression. What several names or sessions share is "
    "counted for each of them; 'own' is what only they use.",
    arguments=(JSON,),
    run=_du,
    stored=True,
)

GC = Verb(
    name="gc",
    summary="drop what retention no longer keeps",
    details="Compresses large values of earlier states; where that is not enough, drops values, oldest first, never "
    "code or log, never HEAD, tags, branch tips or the last undo steps; then gives the space back to the disk. With "
    "--dry-run it only says how much that would be.",
    arguments=(DRY_RUN, JSON),
    run=_gc,
    effect="reads",
    stored=True,
)

CONFIG = Verb(
    name="config",
    summary="show or change settings",
    details="Without arguments: all settings. With KEY: that one. With KEY and VALUE: sets it for every session of the "
    "store, from now on.",
    arguments=(
        Argument(("key",), "a setting", metavar="KEY", nargs="?", completes="setting"),
        Argument(("value",), "its new value", metavar="VALUE", nargs="?", completes="value"),
        JSON,
    ),
    run=_config,
    free_word=True,
    stored=True,
)

TRUST = Verb(
    name="trust",
    summary="accept a store that another key signed",
    details="Values of such a store are refused until then, because loading them runs code chosen by whoever wrote "
    "them. Do it only for a store that you, or somebody you trust, wrote.",
    arguments=(JSON,),
    run=_trust,
    stored=True,
)

FORGET = Verb(
    name="forget",
    summary="remove a value, code or message for good",
    details="With a NAME: every stored version of it. With a REF: that commit's code, message and values. A tombstone "
    "stays in their place; the ids of later commits do not change.\n\nForgetting a NAME leaves code alone: a cell that "
    "made the value stays recorded, with what was written in it as text, and may make it again. The answer lists such "
    "cells, and says when the value is still in the namespace.\n\nOf the cells of the notebook that a front end has "
    "kept with commits, those in which forgotten code stands go with it; with a NAME go all outputs that were kept.",
    arguments=(Argument(("target",), "a name or a REF", metavar="NAME|REF", completes="name"), JSON),
    run=_forget,
    effect="names",
    free_word=True,
)
