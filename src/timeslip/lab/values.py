"""What recorded values look like, for a front end: text, tables, pictures. Runs where nothing is live (`helping`)."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from timeslip.describing.brief import FAILURES
from timeslip.describing.kinds import kind_of
from timeslip.errors import TimeslipError, UnrestorableError, in_brief
from timeslip.history import name_not_found
from timeslip.lab.tables import table_of
from timeslip.looking import Cells, show
from timeslip.past import PastState
from timeslip.preview import preview as in_text
from timeslip.standard import time
from timeslip.state.fence import OutsideReached, lifted, load_fence

if TYPE_CHECKING:
    from timeslip.lab.view import View

SECONDS = 8.0
"""After so long no further value is loaded for one answer, seconds."""

_LINES, _WIDTH = 40, 120
_PIXELS = 1200
_INCH = 100
_MOST_PNG = 4 << 20

Json = dict[str, Any]


def preview(view: View, ref: str, names: Sequence[str] | None) -> Json:
    """Values as they were at *ref*: those of *names*, or of all.

    Raises:
        CommitNotFoundError, NameNotFoundError, DamagedStoreError.
    """
    history = view.history
    commit = history.resolve(ref)
    lines = {line.name: line for line in show(history, commit).values}
    for name in names or ():
        if name not in lines:
            raise name_not_found(name, sorted(lines))
    wanted = list(lines if names is None else dict.fromkeys(names))
    past = PastState(view.repository, history.state(commit))
    cells = Cells(history, commit, names=names or ())
    end = time.monotonic() + SECONDS
    values = []
    for name in wanted:
        line = lines[name]
        body: Json = {**_EMPTY, "name": name, "kind": line.type, "summary": line.summary, "note": line.note}
        if time.monotonic() > end:
            body["note"] = "; ".join(filter(None, (line.note, "not loaded: the others took too long")))
        else:
            body.update(_loaded(past, name, body, cells))
        values.append(body)
    return {"commit": commit, "values": values}


_EMPTY: Json = {
    "sort": "",
    "text": "",
    "html": None,
    "png": None,
    "columns": None,
    "index": None,
    "rows": None,
    "shape": None,
}


def _loaded(past: PastState, name: str, known: Json, cells: Cells) -> Json:
    try:
        with behind_fence():
            value = past.value(name)
            found = in_text(name, value, width=_WIDTH, lines=_LINES, cells=cells)
            body: Json = {"sort": kind_of(type(value))[0], "kind": found.type, "summary": found.summary}
            notes = [known["note"], found.note]
            body.update(text=found.text, **_pictured(value, body["sort"], notes))
    except TimeslipError as error:
        return {"note": "; ".join(dict.fromkeys(filter(None, (known["note"], _why(error)))))}
    return {**body, "note": "; ".join(dict.fromkeys(filter(None, notes)))}


def _why(error: TimeslipError) -> str:
    return f"{error.message}: {error.hint}" if error.code == "store-untrusted" else error.message


@contextmanager
def behind_fence() -> Iterator[None]:
    """Around everything that loads values or runs code of theirs: nothing of the outside may be touched.

    Raises:
        UnrestorableError: something wanted to.
    """
    with load_fence() as fence:
        try:
            yield
        except OutsideReached:
            raise UnrestorableError(f"it is not shown, because loading it {fence.breach}") from None
        except FAILURES:
            raise
        except BaseException as error:  # of the value's own code: nobody interrupts this process
            raise UnrestorableError(f"it is not shown, because looking at it raised {type(error).__name__}") from None
    if fence.breach is not None:  # what stopped it was swallowed by a library
        raise UnrestorableError(f"it is not shown, because loading it {fence.breach}")


def _pictured(value: Any, sort: str, notes: list[str]) -> Json:
    """What *value* is beside its text: a table or a picture; what fails there is a note."""
    try:
        if sort in ("figure", "axes"):
            return {"png": _png(value, notes)}
        return table_of(value, sort, notes)
    except FAILURES as error:  # an object of the user's, or a release of its library that we do not know
        notes.append(f"it is shown as text only ({type(error).__name__}: {in_brief(str(error), 120)})")
    return {}


def _png(value: Any, notes: list[str]) -> str | None:
    """A figure, or the one that axes stand in, drawn as a picture."""
    with lifted():  # what it takes to draw at all: fonts are looked up, and noted in a file, the first time
        import matplotlib.backends.backend_agg as agg
        import matplotlib.font_manager as fonts

        fonts.findfont("sans")
    figure = value if hasattr(value, "get_size_inches") else value.figure
    width, height = figure.get_size_inches()
    dpi = min(_INCH, _PIXELS / max(float(width), float(height), 0.01))
    room = io.BytesIO()
    agg.FigureCanvasAgg(figure)
    figure.savefig(room, format="png", dpi=dpi)
    if room.tell() > _MOST_PNG:
        notes.append("the picture is too large to be shown")
        return None
    return base64.b64encode(room.getvalue()).decode("ascii")
