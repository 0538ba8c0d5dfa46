"""``timeslip config``: the settings of a store."""

from __future__ import annotations

from timeslip import answers
from timeslip.cli.command import Command, Invocation
from timeslip.config import Settings
from timeslip.errors import UsageError
from timeslip.store.preferences import load_preferences, save_preference
from timeslip.verbs import VERBS
from timeslip.verbs.spec import Answer

VERB = VERBS["config"]


def _run(invocation: Invocation) -> Answer:
    options = invocation.options(VERB)
    with invocation.open_store(read_only=options.value is None) as repository:
        if options.value is not None:
            value = save_preference(repository.directory, options.key, options.value)
            return answers.config_json({options.key: value}, changed=options.key)
        settings = Settings().changed(**load_preferences(repository.directory)).as_dict()
        if options.key is None:
            return answers.config_json(settings)
        if options.key not in settings:
            raise UsageError(f"there is no setting '{options.key}'", hint="settings: " + ", ".join(sorted(settings)))
        return answers.config_json({options.key: settings[options.key]})


COMMAND = Command(VERB, _run, takes_session=False)
