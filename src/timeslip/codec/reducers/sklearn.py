"""scikit-learn: bunches with what belongs to them beside their items, which their own pickling forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _bunch(state: Pass, bunch: Any) -> Any:
    attributes = dict(vars(bunch))
    state.keep.append(attributes)
    return make_bunch, (type(bunch),), attributes, None, iter(dict.items(bunch)), set_bunch


def make_bunch(kind: Any) -> Any:
    """A bunch in which nothing is yet."""
    return kind()


def set_bunch(bunch: Any, attributes: dict[str, Any]) -> None:
    """State setter for bunches."""
    vars(bunch).update(attributes)


def find(kind: type) -> Any:
    """The reducer for bunches, or None."""
    return _bunch if (kind.__module__, kind.__name__) == ("sklearn.utils._bunch", "Bunch") else None
