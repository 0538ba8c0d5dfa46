"""Facet ``matplotlib``: changed rcParams, and which pyplot figures are open.

The contents of figures are values like any other; only their numbers are recorded here, and which one is current. So
that a restore can open a figure that was closed since, the engine may set `MatplotlibFacet.figure_source`.

Form: ``{"current": number, "figures": [number, ...]}`` beside the parts of the differences of rcParams. What an inline
or other backend of the front end sets is neither recorded nor touched. Of backends, those that draw into files are
recorded (``"backend": "agg"``) where the front end has set another one: that of a new kernel would close the figures.
Whether pyplot is interactive (``"interactive": true``) is recorded when it is, and when it is not although the front
end makes it so, which happens once, with the first figure. Before that, "not" says nothing: setting it back would leave
later figures undrawn, but for the backend of notebooks, which is let go of and sets it up again.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from timeslip.errors import FacetError
from timeslip.state.facets.base import FacetBase, register, shortened
from timeslip.state.facets.differences import EMPTY, canonical, parsed
from timeslip.state.facets.options import Options, changes
from timeslip.state.facets.plain import NotPlainError, kind_of, text_of, value_of
from timeslip.state.facets.watch import Watch

_FOREIGN = frozenset({"backend", "backend_fallback", "interactive", "toolbar", "savefig.directory", "tk.window_focus"})
_CYCLE = "axes.prop_cycle"
_DRAWING = frozenset({"agg", "cairo", "pdf", "pgf", "ps", "svg"})
"""Backends that need no front end."""


@register
class MatplotlibFacet(FacetBase):
    """rcParams that differ from attach, or from matplotlib's own when it was loaded later, and open figures.

    Attributes:
        figure_source: called in a restore with the number of a figure that was open and is not; returns the ``Figure``
            to show under that number, or None. Set by the engine; None means that such figures are only reported.
    """

    name: ClassVar[str] = "matplotlib"
    absent: ClassVar[bytes | None] = EMPTY

    def __init__(self) -> None:
        super().__init__()
        self.figure_source: Callable[[int], Any] | None = None
        self._options: Options | None = None
        self._watch = Watch(skip=_FOREIGN | {_CYCLE})
        self._seen: object = None
        self._data = EMPTY

    def available(self) -> bool:
        """Whether matplotlib is loaded, completely."""
        return hasattr(sys.modules.get("matplotlib"), "rcParamsOrig")

    def attach(self) -> None:
        """Remember the present rcParams; when matplotlib is not loaded yet, those of its own files will do."""
        self._seen = None
        self._options = _options(sys.modules["matplotlib"].rcParams) if self.available() else None

    def capture(self) -> bytes:
        """The differences and the open figures. Values that are objects (path effects …) are left out and reported."""
        params = sys.modules["matplotlib"].rcParams
        seen = self._look(params)
        if seen == self._seen and self._watch.unchanged([params]):
            return self._data
        document = self._known_options().document(_live(params))
        for key in document.get("left", ()):
            self.report(key, f"rcParams[{key!r}] holds an object that cannot be recorded")
        document.update(seen[0])
        if seen[2]:
            document["backend"] = seen[2]
        if seen[3] is not None:
            document["interactive"] = seen[3]
        self._data = canonical(document).encode() if document else EMPTY
        self._seen = seen
        self._watch.remember([params])
        return self._data

    def restore(self, data: bytes) -> None:
        """Set rcParams, close figures that were not open, open those that `figure_source` has, set the current one.

        Loads matplotlib if there is something to restore and it is not loaded.

        Raises:
            FacetError: a parameter is refused, or figures that were open cannot be had; the rest is done.
        """
        if data == EMPTY and not self.available():
            return
        try:
            matplotlib = importlib.import_module("matplotlib")
        except ImportError as error:
            raise FacetError("matplotlib's state was recorded, but matplotlib cannot be loaded here") from error
        document, params = parsed(data), matplotlib.rcParams
        problems = []
        try:
            # Past validation: the values come from rcParams, and setting deprecated ones warns.
            self._known_options().apply(document, _live(params), _putter(params))
        except FacetError as error:
            problems.append(f"rcParams {error}")
        _use(matplotlib, document.get("backend", ""))
        _set_interactive(matplotlib, document.get("interactive"), figures=bool(document.get("figures")))
        missing = self._restore_figures(document.get("figures", []), document.get("current"))
        if missing:
            numbers = ", ".join(map(str, missing))
            problems.append(f"pyplot figures that were open are not any more: {numbers}")
        self._seen = None
        if problems:
            raise FacetError("; ".join(problems))
        self._data, self._seen = data, self._look(params)
        self._watch.remember([params])

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """``matplotlib: figure.dpi -> 150, figures 1, 2 -> none``."""
        old, new = (parsed(data or EMPTY) for data in (before, after))
        parts = [f"rcParams {line}" for line in changes(old, new)]
        backends = [document.get("backend", "of the front end") for document in (old, new)]
        if backends[0] != backends[1]:
            parts.append(f"backend {backends[0]} -> {backends[1]}")
        modes = [document.get("interactive") for document in (old, new)]
        if modes[0] != modes[1]:
            parts.append("interactive " + " -> ".join("" if mode is None else str(mode) for mode in modes).strip())
        figures = [", ".join(map(str, document.get("figures", []))) or "none" for document in (old, new)]
        if figures[0] != figures[1]:
            parts.append(f"open figures {figures[0]} -> {figures[1]}")
        elif old.get("current") != new.get("current"):
            parts.append(f"current figure {old.get('current')} -> {new.get('current')}")
        return "matplotlib: " + (shortened(parts) or "unchanged")

    def _look(self, params: Any) -> tuple[dict[str, Any], str | None, str, bool | None]:
        backend, usual = _backend(params), _usual_backend()
        if usual and backend not in ("", usual) and backend not in _DRAWING and "inline" not in backend:
            self.report("backend", f"the backend {backend} of matplotlib is not recorded: a new kernel has its own")
        drawing = backend if usual and backend != usual and backend in _DRAWING else ""
        return _figures(), _cycle_text(params), drawing, _interactive(params, backend)

    def _known_options(self) -> Options:
        if self._options is None:
            self._options = _options(sys.modules["matplotlib"].rcParamsOrig)
        return self._options

    def _restore_figures(self, numbers: list[int], current: int | None) -> list[int]:
        """Make *numbers* the open figures as far as possible; those that cannot be had."""
        figures = open_figures()
        for number in [n for n in figures if n not in numbers]:
            _manager().destroy(number)
        missing = []
        for number in numbers:
            if number in figures:
                continue
            try:
                figure = self.figure_source(number) if self.figure_source is not None else None
                if figure is not None:
                    show_figure(figure, number)
            except Exception:  # a backend or a figure's own code: the other figures go on, this one is reported
                figure = None
            if figure is None:
                missing.append(number)
        if current in open_figures():
            _manager().set_active(open_figures()[current])
        return missing


def show_figure(figure: Any, number: int) -> None:
    """Make a ``Figure`` the pyplot figure of that number, and the current one.

    For the engine, after it has restored figure objects that pyplot managed. Loads pyplot if it is not loaded.
    """
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    backend = pyplot._get_backend_mod() if hasattr(pyplot, "_get_backend_mod") else pyplot._backend_mod
    manager = backend.new_figure_manager_given_figure(number, figure)
    _manager()._set_new_active_manager(manager)


class ShowFigure:
    """A figure takes its number in pyplot from the one that has it now: a change with its inverse.

    Args:
        figure: a ``Figure``.
        number: the number it had when it was recorded.
    """

    def __init__(self, figure: Any, number: int) -> None:
        self.figure = figure
        self.number = number
        self._before: dict[Any, Any] = {}

    def apply(self) -> None:
        """Show it; which figure is the current one stays as it is, if the number was there."""
        self._before = open_figures()
        show_figure(self.figure, self.number)
        if self.number in self._before:
            for number in self._before:
                _manager().figs.move_to_end(number)

    def invert(self) -> None:
        """Put back what `apply` found."""
        figures = _manager().figs
        figures.clear()
        figures.update(self._before)

    def finish(self) -> None:
        """Close the window of the figure whose place was taken. After this, `invert` is not possible."""
        old = self._before.pop(self.number, None)
        self._before.clear()
        if old is not None:
            old.destroy()


def _options(params: Any) -> Options:
    return Options(_live(params), _encode_cycler, _decode_cycler)


def _live(params: Any) -> dict[str, Any]:
    """The parameters without what is not ours, past its own access methods: reading "backend" would choose one."""
    return {key: value for key, value in dict.items(params) if key not in _FOREIGN and key[0] != "_"}


def _putter(params: Any) -> Callable[[str, Any], None]:
    def put(key: str, value: Any) -> None:
        if key not in params:
            raise KeyError("this matplotlib has no such parameter")
        if key not in _FOREIGN:
            dict.__setitem__(params, key, value)

    return put


def _backend(params: Any) -> str:
    """The name of the backend; empty while none has been chosen."""
    name = dict.get(params, "backend")
    return name.lower() if isinstance(name, str) else ""


def _usual_backend() -> str:
    """The backend that the front end has asked for; empty where matplotlib chooses by itself."""
    return os.environ.get("MPLBACKEND", "").lower()


def _has_backend() -> bool:
    """Whether pyplot is loaded and has made its backend ready, which it does for the first figure."""
    return getattr(sys.modules.get("matplotlib.pyplot"), "_backend_mod", None) is not None


def _is_set_by_front_end(backend: str) -> bool:
    """Whether pyplot becomes interactive when it makes *backend* ready: IPython sees to that."""
    shell = getattr(sys.modules.get("IPython.core.interactiveshell"), "InteractiveShell", None)
    return shell is not None and shell.initialized() and backend not in _DRAWING


def _interactive(params: Any, backend: str) -> bool | None:
    """The mode as it is recorded: None before the front end has set it, and where it is off and nobody sets it."""
    mode = bool(dict.get(params, "interactive"))
    return mode if mode or (_has_backend() and _is_set_by_front_end(backend)) else None


def stays_interactive(data: bytes | None) -> bool:
    """Whether pyplot would stay interactive if *data*, what this facet recorded, were restored although it was not."""
    params = getattr(sys.modules.get("matplotlib"), "rcParams", None)
    if params is None or not dict.get(params, "interactive"):
        return False
    backend, document = _backend(params), parsed(data or EMPTY)
    left = _has_backend() and _is_set_by_front_end(backend) and document.get("interactive") is None
    return left and (bool(document.get("figures")) or not _can_let_go_of_inline(backend))


def _set_interactive(matplotlib: Any, mode: bool | None, *, figures: bool) -> None:
    """Make pyplot interactive or not, None as `_interactive` says it.

    The backend is made ready before it is turned off: the front end would turn it on again for the next figure. For
    the time before the first figure it is let go of, so that the front end does just that. *figures*: some are open.
    """
    params = matplotlib.rcParams
    by_front_end = _is_set_by_front_end(_backend(params))
    if mode is None and by_front_end and _has_backend() and (figures or not _let_go_of_inline(_backend(params))):
        return
    if mode is False and by_front_end and not _has_backend():
        pyplot: Any = importlib.import_module("matplotlib.pyplot")
        pyplot.switch_backend(params["backend"])
    dict.__setitem__(params, "interactive", bool(mode))


_INLINE = "matplotlib_inline.backend_inline"


def _can_let_go_of_inline(backend: str) -> bool:
    """Whether *backend* is that of notebooks, whose module makes pyplot interactive whenever it is imported."""
    return backend in ("inline", f"module://{_INLINE}") and hasattr(sys.modules.get(_INLINE), "flush_figures")


def _let_go_of_inline(backend: str) -> bool:
    """As before the first figure: pyplot has no backend, and importing that of notebooks will set it up. False: cannot.

    Its module is taken out of `sys.modules`; what it has registered with IPython is unregistered. The next figure
    imports it anew, as in a new kernel.
    """
    if not _can_let_go_of_inline(backend):
        return False
    shell = sys.modules["IPython.core.interactiveshell"].InteractiveShell.instance()
    module: Any = sys.modules.pop(_INLINE)
    vars(sys.modules["matplotlib_inline"]).pop("backend_inline", None)
    with suppress(ValueError):  # it was not registered
        shell.events.unregister("post_execute", module.flush_figures)
    vars(sys.modules["matplotlib.pyplot"])["_backend_mod"] = None
    return True


def _use(matplotlib: Any, wanted: str) -> None:
    """Change to the backend *wanted*, empty for that of the front end. Figures that are open stay so."""
    backend, usual = _backend(matplotlib.rcParams), _usual_backend()
    wanted = wanted or usual
    if wanted == backend or not wanted or (wanted == usual and backend not in _DRAWING):
        return
    figures = open_figures()
    matplotlib.use(wanted)
    if figures:
        _manager().figs.update(figures)
    show: Any = getattr(sys.modules.get("matplotlib_inline.backend_inline"), "show", None)
    if show is not None:  # it shows and closes all figures after the cell, once one of them came to it
        show._to_draw, show._draw_called = [], False


def _manager() -> Any:
    return importlib.import_module("matplotlib._pylab_helpers").Gcf


def open_figures() -> dict[Any, Any]:
    """Number -> manager of the figures that pyplot holds open, the current one last."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    gcf = getattr(helpers, "Gcf", None)
    return {} if gcf is None else dict(gcf.figs)


def _figures() -> dict[str, Any]:
    numbers = [number for number in open_figures() if type(number) is int]
    return {"current": numbers[-1], "figures": sorted(numbers)} if numbers else {}


def _cycle_text(params: Any) -> str | None:
    try:
        return text_of(dict.get(params, _CYCLE), _encode_cycler)
    except NotPlainError:
        return None


def _encode_cycler(value: Any) -> Any:
    """``["cycler", [key, values], ...]``, keys sorted."""
    kind = getattr(sys.modules.get("cycler"), "Cycler", None)
    if kind is None or type(value) is not kind:
        raise NotPlainError(kind_of(value))
    columns = value.by_key()
    return ["cycler", *([key, text_of(columns[key])] for key in sorted(columns))]


def _decode_cycler(tree: list[Any]) -> Any:
    if tree[0] != "cycler":
        raise NotPlainError(f"a value of an unknown kind '{tree[0]}'")
    module = importlib.import_module("cycler")
    result: Any = None
    for key, text in tree[1:]:
        column = module.cycler(key, value_of(text))
        result = column if result is None else result + column
    return result
