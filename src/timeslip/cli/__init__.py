"""The timeslip command."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; *arguments* default to those of the process. Returns the exit status, never raises."""
    from timeslip.cli.app import run

    return run(arguments)
