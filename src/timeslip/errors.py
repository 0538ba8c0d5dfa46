"""Every error that Timeslip raises, drawn by what the caller can do about it.

TimeslipError                        anything below; has a message, a hint, a stable code and an exit status
├── UsageError                       the call itself is wrong: read the hint
├── NotFoundError (also LookupError) ask for something else
│   ├── CommitNotFoundError
│   ├── AmbiguousReferenceError      give more characters
│   ├── NameNotFoundError
│   ├── SessionNotFoundError
│   ├── NoSessionError               attach first
│   ├── NoKernelError                no live kernel can be reached
│   └── NothingToUndoError
├── ConflictError                    look at the state, then retry
│   ├── NameTakenError               choose another name
│   ├── SessionBusyError             a cell is running, or another kernel holds the session
│   └── NamespaceError               the kernel cannot be recorded as it is
├── UnstorableError                  fall back to replay
├── UnrestorableError                a promised value cannot be brought back: nothing was changed
├── PlaceholderError                 a lost or not yet replayed name was used
├── ReplayError                      a recorded cell could not be run again
├── FacetError                       one facet of the process could not be read or put back; the rest goes on
├── StoreError                       something about the store
│   ├── StoreNotFoundError           no store there
│   ├── StoreReadOnlyError           the folder cannot be written
│   ├── StoreFullError               free space, then `timeslip gc`
│   ├── StoreBusyError               another process holds the write lock for too long
│   ├── NewerStoreError              update Timeslip
│   ├── UntrustedStoreError          run `timeslip trust`
│   ├── ForgottenError               the value was removed for good
│   └── DamagedStoreError            run `timeslip check`
│       └── ChunkMissingError
└── InternalError                    report a bug

``code`` never changes between releases; messages and hints may. ``exit_status`` is what the ``timeslip`` command ends
with: 1 for a problem that the message explains, 2 for wrong usage.
"""

from __future__ import annotations

from typing import ClassVar

_LONG = 250
"""A word of a message that is longer is cut where it is shown, characters: a path may be long, a reference is not."""


class TimeslipError(Exception):
    """Base of all errors of Timeslip.

    Args:
        message: what happened, to which object, and what still holds. One sentence, no final full stop needed.
        hint: what to do next; empty for what the class usually says, if anything.
    """

    code: ClassVar[str] = "timeslip-error"
    exit_status: ClassVar[int] = 1
    usual_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.usual_hint

    def __str__(self) -> str:
        return self.message

    def render(self) -> str:
        """The message and the hint as the doors show them, without a traceback: a line each, however long a word is."""
        text = f"error: {_in_one_line(self.message)}   [{self.code}]"
        return f"{text}\nhint:  {_in_one_line(self.hint)}" if self.hint else text


def in_brief(text: str, most: int = 200) -> str:
    """*text* on one line of about *most* characters at most: what is cut ends between words, and with an ellipsis."""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    words = text[: most + 1].rpartition(" ")[0]
    return f"{words.rstrip(' ,;:(')} …" if len(words) * 2 >= most else f"{text[:most]}…"


def _in_one_line(text: str) -> str:
    words = text.split()
    return " ".join(word if len(word) <= _LONG else f"{word[: _LONG // 2]}…{word[-20:]}" for word in words)


class UsageError(TimeslipError):
    """The call itself is wrong (unknown verb, wrong option, wrong number of arguments)."""

    code = "usage"
    exit_status = 2


class NotFoundError(TimeslipError, LookupError):
    """What was asked for does not exist."""

    code = "not-found"


class CommitNotFoundError(NotFoundError):
    """No commit, branch, tag or execution count of this session matches the reference."""

    code = "commit-not-found"


class AmbiguousReferenceError(NotFoundError):
    """A prefix matches several commits or sessions."""

    code = "ambiguous-reference"


class NameNotFoundError(NotFoundError):
    """No such name in the state that was asked."""

    code = "name-not-found"


class SessionNotFoundError(NotFoundError):
    """The store holds no session of that name or path."""

    code = "session-not-found"


class NoSessionError(NotFoundError):
    """Nothing is being recorded in this process."""

    code = "no-session"


class NoKernelError(NotFoundError):
    """The session has no live kernel that can be reached."""

    code = "no-kernel"


class NothingToUndoError(NotFoundError):
    """The cursor is at the end of the operations that could be undone or redone."""

    code = "nothing-to-undo"


class ConflictError(TimeslipError):
    """The request contradicts the present state; nothing was changed."""

    code = "conflict"


class NameTakenError(ConflictError):
    """A branch, tag, session or variable of that name exists already."""

    code = "name-taken"


class SessionBusyError(ConflictError):
    """A cell is running in the kernel, or another kernel holds the session."""

    code = "session-busy"


class NamespaceError(ConflictError):
    """The namespace cannot be recorded (not a dict, already recorded, wrong kind of kernel)."""

    code = "namespace"


class UnstorableError(TimeslipError):
    """A value cannot be written to the store; it can only come back by replay."""

    code = "unstorable"


class UnrestorableError(TimeslipError):
    """A promised value cannot be brought back, replay included. The live state is as it was before the call."""

    code = "unrestorable"


class PlaceholderError(TimeslipError):
    """A name that stands for a lost or not yet replayed value was used."""

    code = "placeholder"


class ReplayError(TimeslipError):
    """A recorded cell could not be run again. The live state is as it was before the call."""

    code = "replay"


class FacetError(TimeslipError):
    """A facet (working directory, environment, options …) could not be read or put back. Never aborts a checkout."""

    code = "facet"


class StoreError(TimeslipError):
    """Something about the store; the session itself goes on."""

    code = "store"


class StoreNotFoundError(StoreError):
    """There is no store in that folder."""

    code = "store-not-found"


class StoreReadOnlyError(StoreError):
    """The store's folder cannot be written."""

    code = "store-read-only"
    usual_hint = "change the folder's permissions, or choose another one with TIMESLIP_HOME"


class StoreFullError(StoreError):
    """The disk or the store's own limit is full; nothing of the interrupted write is visible."""

    code = "store-full"


class StoreBusyError(StoreError):
    """Another process held the store's write lock for too long."""

    code = "store-busy"


class NewerStoreError(StoreError):
    """The store was written by a later format than this release knows; nothing was touched."""

    code = "store-newer"


class UntrustedStoreError(StoreError):
    """Records are signed with a key that is not this user's; history is readable, values are refused."""

    code = "store-untrusted"


class ForgottenError(StoreError):
    """The record was removed for good with `forget`."""

    code = "forgotten"


class DamagedStoreError(StoreError):
    """Stored bytes do not match their id or their MAC."""

    code = "store-damaged"
    usual_hint = "`timeslip check` lists all damage"


class ChunkMissingError(DamagedStoreError):
    """A chunk that a value needs is not in the store (dropped by retention, or lost)."""

    code = "chunk-missing"


class InternalError(TimeslipError):
    """A fault inside Timeslip. The user's session is untouched."""

    code = "internal"
