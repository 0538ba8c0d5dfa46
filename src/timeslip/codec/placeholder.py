"""What stands for a lost or not yet replayed value: any use of it says why it is not there and what to do."""

from __future__ import annotations

from typing import Any, NoReturn

from timeslip.errors import PlaceholderError

_OPERATIONS = """call getitem setitem delitem iter next len contains bool int float complex index bytes
add radd iadd sub rsub isub mul rmul imul truediv rtruediv itruediv floordiv rfloordiv mod rmod pow rpow matmul rmatmul
and rand or ror xor rxor lshift rlshift rshift rrshift neg pos abs invert round lt le gt ge eq ne enter exit await aiter
anext aenter aexit array mro_entries""".split()


class Placeholder:
    """Stands for the value of one name. Raises PlaceholderError when it is used; its repr says what it is.

    Attributes:
        timeslip_name: the name.
        timeslip_record: the recorded version it stands for.
        timeslip_reason: why the value is not here.
        timeslip_commit: the commit that has it.
    """

    __slots__ = ("__weakref__", "timeslip_commit", "timeslip_name", "timeslip_reason", "timeslip_record")

    def __init__(self, name: str, record: str, reason: str, commit: str) -> None:
        self.timeslip_name = name
        self.timeslip_record = record
        self.timeslip_reason = reason
        self.timeslip_commit = commit

    def timeslip_error(self) -> PlaceholderError:
        """The error that any use raises."""
        return PlaceholderError(
            f"'{self.timeslip_name}' is not here: {self.timeslip_reason} (commit {self.timeslip_commit[:8]})",
            hint=f"`%timeslip replay {self.timeslip_name}` runs its recorded cells again",
        )

    def __repr__(self) -> str:
        return f"<placeholder for '{self.timeslip_name}': {self.timeslip_reason}>"

    def __getattr__(self, name: str) -> Any:
        # Front ends probe values for such methods; for them there is simply nothing here.
        if name.startswith(("__", "_repr_", "_ipython_")):
            raise AttributeError(name)
        raise self.timeslip_error()

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in Placeholder.__slots__:
            raise self.timeslip_error()
        object.__setattr__(self, name, value)

    __hash__ = object.__hash__


def _use(self: Placeholder, *args: Any, **options: Any) -> NoReturn:
    raise self.timeslip_error()


for _operation in _OPERATIONS:
    setattr(Placeholder, f"__{_operation}__", _use)
