"""What the option facets of libraries share: texts of values, against texts at attach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from timeslip.errors import FacetError
from timeslip.state.facets.base import shortened
from timeslip.state.facets.differences import MapDifference
from timeslip.state.facets.plain import IMMUTABLE, NotPlainError, Other, text_of, value_of


class Options:
    """Options of one library as differences from a baseline.

    Args:
        baseline: the options that belong to the process, not to the session.
        encode: text form of values that `plain` does not know.
        decode: its inverse.
    """

    def __init__(self, baseline: Mapping[str, Any], encode: Other | None = None, decode: Other | None = None) -> None:
        self._encode, self._decode = encode, decode
        self._same: dict[str, Any] = {}
        self._texts: dict[str, str] = {}
        self._difference = MapDifference(self.texts(baseline))

    def texts(self, live: Mapping[str, Any]) -> dict[str, str]:
        """Key -> canonical text, or "!..." for a value that has none. Immutable values are encoded once."""
        texts = {}
        for key, value in live.items():
            if key in self._same and self._same[key] is value:
                texts[key] = self._texts[key]
                continue
            texts[key] = self._text(value)
            if type(value) in IMMUTABLE:
                self._same[key], self._texts[key] = value, texts[key]
        return texts

    def learn(self, defaults: Mapping[str, Any]) -> None:
        """Add options that the baseline does not have yet."""
        baseline = self._difference.baseline
        new = {key: value for key, value in defaults.items() if key not in baseline}
        if new:
            baseline.update(self.texts(new))

    def document(self, live: Mapping[str, Any]) -> dict[str, Any]:
        """The differences of *live*, JSON-ready."""
        return self._difference.document(self.texts(live))

    def apply(
        self,
        document: Mapping[str, Any],
        live: Mapping[str, Any],
        put: Callable[[str, Any], None],
    ) -> None:
        """Call *put* for every option that has to change. Options that do not exist here are left.

        Raises:
            FacetError: some could not be set; the others are.
        """
        steps = self._difference.steps(document, self.texts(live))
        failed = list(steps.unknown)
        for key, text in sorted(steps.put.items()):
            try:
                put(key, value_of(text, self._decode))
            except Exception as error:  # the library's own validators raise what they like
                failed.append(f"{key} ({error})")
        if failed:
            raise FacetError(f"could not be put back: {shortened(failed)}")

    def _text(self, value: Any) -> str:
        try:
            return text_of(value, self._encode)
        except NotPlainError:
            return f"!{id(value)}"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Names of the options that differ between two documents, with what happened to them."""
    old, new = ({**d.get("set", {}), **dict.fromkeys(d.get("left", ()), "!")} for d in (before, after))
    different = (
        key for key in sorted(old.keys() | new.keys()) if (key in old, old.get(key)) != (key in new, new.get(key))
    )
    return [f"{key} -> {_shown(new[key])}" if key in new else f"{key} back to the start" for key in different]


def _shown(tree: Any) -> str:
    text = repr(_readable(tree))
    return text if len(text) <= 40 else text[:37] + "..."


def _readable(tree: Any) -> Any:
    """A readable stand-in for a recorded value: containers as lists."""
    if isinstance(tree, list) and tree and tree[0] in ("l", "t"):
        return [_readable(item) for item in tree[1:]]
    return tree
