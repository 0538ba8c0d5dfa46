"""pydantic: models of the session, whose own pickling takes along all that there is and puts it back as it was.

What the library says of an instance is its attribute dict itself, its private attributes, what was given beside the
fields, and which fields were given. Nothing need be stored beside that, and nobody need be asked for each instance.
"""

from __future__ import annotations

from typing import Any

from timeslip.codec.definitions import of
from timeslip.codec.kinds import is_imported, is_of_session, library_of, own_slots
from timeslip.codec.reducers import instances

_MODELS = frozenset({("pydantic.main", "BaseModel"), ("pydantic.root_model", "RootModel")})


def find(kind: type) -> Any:
    """The reducer for models of the session that leave their pickling to pydantic, or None."""
    if not is_of_session(kind):
        return None
    library = library_of(kind)
    if (of(library, "__module__"), of(library, "__name__")) not in _MODELS or own_slots(kind):
        return None
    if any(of(kind, hook) is not of(library, hook) for hook in instances.HOOKS):
        return None
    found = instances.AsPickle()
    return instances.named(kind, found) if is_imported(kind) else found
