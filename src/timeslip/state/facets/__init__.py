"""Facets: process state outside the namespace that cells depend on, one module each.

`FacetSet` takes and restores those that a session records; `REGISTRY` knows all; `Facet` is what each one does.
Importing this loads no library of the user's.
"""

from __future__ import annotations

from timeslip.state.facets import (  # noqa: F401 - each registers itself
    cwd,
    decimal_context,
    environ,
    interpreter,
    library_options,
    locale_categories,
    matplotlib_state,
    numpy_random,
    pandas_options,
    python_random,
    submodules,
    sys_path,
    tensor_options,
    tensorflow_random,
    torch_random,
    warning_filters,
)
from timeslip.state.facets.base import REGISTRY, Facet
from timeslip.state.facets.facetset import FacetSet
from timeslip.state.facets.matplotlib_state import MatplotlibFacet, ShowFigure, show_figure, stays_interactive

__all__ = ["REGISTRY", "Facet", "FacetSet", "MatplotlibFacet", "ShowFigure", "show_figure", "stays_interactive"]
