"""``%load_ext timeslip`` and ``%unload_ext timeslip``: everything that is hung into a shell, and taken out again."""

from __future__ import annotations

import shlex
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from timeslip.errors import DamagedStoreError, NamespaceError, TimeslipError
from timeslip.interrupts import uninterrupted
from timeslip.ipython.comms import Comms
from timeslip.ipython.completion import matcher
from timeslip.ipython.faults import Faults, interrupted, without_traceback
from timeslip.ipython.magics import TimeslipMagics
from timeslip.ipython.namespace import IPythonNamespace
from timeslip.ipython.place import place_of
from timeslip.ipython.recorder import Recorder
from timeslip.state.magics import is_unrecorded

if TYPE_CHECKING:
    from timeslip.session import Session

_MAGICS = {"line": ("timeslip", "undo", "redo"), "cell": ("timeslip",)}


@dataclass
class Attachment:
    """What has been hung into one shell."""

    shell: Any
    session: Session
    recorder: Recorder
    faults: Faults
    magics: TimeslipMagics
    matcher: Any
    comms: Comms
    replaced: dict[str, dict[str, Any]]


_attached: Attachment | None = None

_left: deque[tuple[Path, str]] = deque(maxlen=1)
"""Store and name of the session that was unloaded last: a kernel that nothing names goes on with it."""


def attached() -> Attachment | None:
    """The attachment of this process, or None."""
    return _attached


def load(shell: Any) -> None:
    """Attach and say in one line what was found.

    Raises:
        TimeslipError: shown without a traceback; the shell is as it was.
    """
    try:
        if _attached is not None and _attached.shell is shell:
            shell.display_pub.publish({"text/plain": f"timeslip: already recording '{_attached.session.name}'"})
            return
        session = attach_shell(shell)
        shell.display_pub.publish({"text/plain": _found_or_damage(session)})
        if _attached is not None:
            _attached.recorder.tell()
    except TimeslipError as error:
        raise without_traceback(error, "shell") from None  # there is no %timeslip yet
    except KeyboardInterrupt:
        raise interrupted("%load_ext timeslip", done=_attached is not None) from None


def attach_shell(
    shell: Any, *, store: Path | str | None = None, name: str | None = None, settings: Mapping[str, Any] | None = None
) -> Session:
    """Begin to record *shell*; the same session when it is recorded already and nothing else is asked.

    Raises:
        UsageError: a setting that does not exist, or a value that it cannot take.
        NamespaceError: another store or name is asked while this shell is being recorded.
        StoreError: the store cannot be used.
    """
    global _attached
    if _attached is not None:
        if store is None and name is None and not settings:
            return _attached.session
        raise NamespaceError(
            f"this kernel is already recorded as '{_attached.session.name}'",
            hint="%timeslip resume --from NAME goes on with another session of this store; for another store or other "
            "settings, %unload_ext timeslip first",
        )
    from timeslip.attaching import attach

    choices = {**_configured(shell), **(settings or {})}
    chosen_store, chosen_name = choices.pop("store", None), choices.pop("name", None)
    place = place_of(shell)
    with uninterrupted():  # a session that nothing tells about runs must not stay open
        session = attach(
            IPythonNamespace(shell),
            store=store or chosen_store or None,
            name=name or chosen_name or place.name or (None if place.notebook else _left_before(store or chosen_store)),
            notebook=place.notebook,
            kernel=place.kernel,
            **choices,
        )
        try:
            _attached = _hang_in(shell, session)
        except BaseException:  # whatever went wrong
            session.close()
            raise
    return session


def _left_before(store: Path | str | None) -> str | None:
    """The session of *store* that this process has unloaded, or None: then the session is a new one."""
    from timeslip.store.repository import default_store_directory

    directory = Path(store) if store else default_store_directory()
    return next((name for place, name in _left if Path(place).resolve() == directory.resolve()), None)


def _configured(shell: Any) -> dict[str, Any]:
    if "Timeslip" not in shell.config:
        return {}
    from timeslip.ipython.configurable import configured

    return configured(shell)


def _hang_in(shell: Any, session: Session) -> Attachment:
    faults = Faults(Path(session.repository.directory))
    comms = Comms(session, faults)
    recorder = Recorder(shell, session, faults, comms.nudge)
    magics = TimeslipMagics(shell, session, recorder, faults)
    table = shell.magics_manager.magics
    replaced = {
        kind: {name: table[kind][name] for name in names if name in table[kind]} for kind, names in _MAGICS.items()
    }
    magics.register()
    shell.input_transformers_cleanup.append(strip_off_line)
    completer = matcher(session)
    if getattr(shell, "Completer", None) is not None:
        shell.Completer.custom_matchers.append(completer)
    recorder.start()
    comms.register(shell)
    return Attachment(shell, session, recorder, faults, magics, completer, comms, replaced)


def unload(shell: Any) -> None:
    """Take everything out again and close the session; the namespace is as IPython made it."""
    global _attached
    attachment = _attached
    if attachment is None or attachment.shell is not shell or _is_reload():
        return
    with uninterrupted():
        _attached = None
        _left.append((attachment.session.repository.directory, attachment.session.name))
        attachment.recorder.stop()
        if strip_off_line in shell.input_transformers_cleanup:
            shell.input_transformers_cleanup.remove(strip_off_line)
        if getattr(shell, "Completer", None) is not None and attachment.matcher in shell.Completer.custom_matchers:
            shell.Completer.custom_matchers.remove(attachment.matcher)
        table = shell.magics_manager.magics
        for kind, names in _MAGICS.items():
            for name in names:
                table[kind].pop(name, None)
            table[kind].update(attachment.replaced[kind])
        with attachment.faults.guard("closing the session"):
            attachment.session.close()
        # Who hears of the end may ask the server at once, and the session has to be free by then.
        attachment.comms.close(shell)


def _is_reload() -> bool:
    """Whether ``%reload_ext`` asks: it would cut the history in two and reload nothing but an empty shell of us."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "reload_extension":
            return True
        frame = frame.f_back
    return False


def strip_off_line(lines: list[str]) -> list[str]:
    """Input transformer: blanks the line ``%%timeslip off``, so that the cell runs exactly as it would without it."""
    try:
        if not lines or "%%timeslip" not in "".join(lines[:3]) or not is_unrecorded("".join(lines)):
            return lines
        place = next(index for index, line in enumerate(lines) if line.strip())
        return [*lines[:place], "\n", *lines[place + 1 :]]
    except Exception:  # rule 8: a fault of ours must not keep the cell from running
        return lines


def _found_or_damage(session: Session) -> str:
    """`found_line`; where what it speaks of is damaged, that: the session is recorded all the same."""
    try:
        return found_line(session)
    except DamagedStoreError as error:
        from timeslip.rendering.document import one_line
        from timeslip.rendering.spoken import spoken  # only where a command is named

        where = f"timeslip: recording '{one_line(session.name)}'; what was recorded before is damaged"
        hint = "`timeslip log --all` lists the commits, `timeslip resume COMMIT` brings back one that is whole"
        return spoken(f"{where}: {one_line(error.message)} ({error.hint}; {hint})", "notebook")


def found_line(session: Session) -> str:
    """One line: what is being recorded, and whether an earlier state can be brought back."""
    from timeslip.rendering.document import one_line
    from timeslip.rendering.units import plural, size

    status = session.status()
    where = f"timeslip: recording '{one_line(status.name)}'"
    if status.paused:
        return f"{where}, but paused: {one_line(status.paused)}"
    commits = next(row.commits for row in session.repository.sessions() if row.id == session.id)
    if status.head is not None and status.head.kind == "attach":
        commits -= 1  # made a moment ago
    if status.resumable is None:
        known = f"; {plural(commits, 'earlier commit')}, %timeslip log --all lists them" if commits else " (new)"
        earlier = _earlier_line(session) if not commits and status.notebook is None else ""
        return f"{where}{known}{earlier or '; %undo takes a cell back, %timeslip help lists the rest'}"
    last = session.show(status.resumable).commit
    place = f"In[{last.execution_count}]" if last.execution_count is not None else last.kind
    stored = f"({size(status.store_bytes)} stored)"
    if status.shared:
        return f"{where} on branch {status.branch}; %timeslip resume brings the other kernel's state in, after {place}"
    what = f"; {plural(commits, 'earlier commit')}, the last after {place}"
    return f"{where}{what}; %timeslip resume brings that state back {stored}"


def _earlier_line(session: Session) -> str:
    """For a new session that no notebook names: how to go on with an earlier one instead, if there is one."""
    from timeslip.listing import earlier_sessions
    from timeslip.rendering.units import Clock, plural

    rows = [row for row in earlier_sessions(session.repository, session.id) if row.lease is None]
    if not rows:
        return ""
    what = f"{plural(rows[0].commits, 'commit')}, last used {Clock.local().moment(rows[0].last_used)}"
    others = "; %timeslip sessions lists others" if len(rows) > 1 else ""
    return f"; %timeslip resume --from {shlex.quote(rows[0].name)} goes on with an earlier session ({what}){others}"
