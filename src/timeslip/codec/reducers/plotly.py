"""plotly: figures and their parts by their attributes.

Their own pickling gives what the figure looks like: a trace that a name is bound to would come back beside its figure
and no longer in it, arrays as the text that is sent to a browser, and keys in another order.
"""

from __future__ import annotations

import sys
from typing import Any

from timeslip.codec.reducers import instances


def find(kind: type) -> Any:
    """The reducer for figures, traces, layouts and their parts, or None. Widgets are another library's."""
    library = sys.modules.get("plotly.basedatatypes")
    if library is None or not issubclass(kind, (library.BaseFigure, library.BasePlotlyType)):
        return None
    return None if any(base.__name__ == "HasTraits" for base in kind.__mro__) else instances.by_attributes(kind)
