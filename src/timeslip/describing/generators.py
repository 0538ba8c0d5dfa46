"""Random generators: which algorithm, and where it is; that one was used is all there is to say of a difference."""

from __future__ import annotations

from typing import Any

from timeslip.describing.brief import Patience, brief
from timeslip.describing.kinds import short_name, type_name
from timeslip.describing.report import Report
from timeslip.describing.sameness import same


def generator_state(value: Any) -> dict[str, Any]:
    """The algorithm and everything it needs to go on. Raises what the generator raises."""
    if type_name(type(value)).startswith("numpy.") or hasattr(value, "bit_generator"):
        found = value.get_state(legacy=False) if hasattr(value, "get_state") else None
        return dict(found if found is not None else getattr(value, "bit_generator", value).state)
    version, words, pending = value.getstate()
    return {"version": version, "position": words[-1], "gauss_next": pending, "words": list(words[:-1])}


def generator_lines(value: Any, width: int, lines: int, patience: Patience) -> list[str]:
    """The algorithm, and its state as far as it fits."""
    state = generator_state(value)
    algorithm = state.pop("bit_generator", "MT19937")
    told = (f"  {name}: {brief(held, width - 20, patience=patience)}" for name, held in state.items())
    return [f"{short_name(type(value))}({algorithm}), at this place:", *told]


def diff_generators(before: Any, after: Any, path: str, report: Report, level: int) -> str:
    """Whether a generator has moved, was seeded anew or works by another algorithm."""
    old, new = (getattr(value, "bit_generator", value) for value in (before, after))
    if type(old) is not type(new):
        return f"algorithm {short_name(type(old))} -> {short_name(type(new))}"
    if same(generator_state(before), generator_state(after), report.work):
        return ""
    return "the generator has moved: it gives other numbers next"
