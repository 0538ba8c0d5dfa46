"""Are two namespaces the same graph of objects? See `timeslip.graphs.comparison`, which the engine uses as well."""

from timeslip.graphs.comparison import Comparison, Path, compare_states

__all__ = ["Comparison", "Path", "compare_states"]
