"""Facet ``cwd``: the working directory."""

from __future__ import annotations

from typing import ClassVar

from timeslip.errors import FacetError
from timeslip.standard import json, os
from timeslip.state.facets.base import FacetBase, change, register


@register
class CwdFacet(FacetBase):
    """The absolute path of the working directory."""

    name: ClassVar[str] = "cwd"

    def capture(self) -> bytes:
        """The path as a JSON string; raises FacetError when the directory is gone."""
        try:
            return json.dumps(os.getcwd()).encode()
        except OSError as error:
            raise FacetError("the working directory does not exist any more") from error

    def restore(self, data: bytes) -> None:
        """Go there; raises FacetError, and stays, when that cannot be done."""
        path = json.loads(data)
        try:
            if _here() != path:
                os.chdir(path)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise FacetError(f"cannot go back to the working directory {path} ({reason})") from error

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """``working directory /a -> /b``."""
        return change("working directory", *(None if data is None else json.loads(data) for data in (before, after)))


def _here() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # gone: wherever we are to go, we are not there
        return None
