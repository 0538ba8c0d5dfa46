"""Running code that a caller gives, outside IPython."""

from __future__ import annotations

from typing import Any

from timeslip.interrupts import open_to_interrupts


def run_code(code: str, names: dict[str, Any]) -> BaseException | None:
    """Run *code* in *names*; what it raised."""
    try:
        with open_to_interrupts():
            # Running what the caller gives is what this function is for.
            exec(compile(code, "<session>", "exec", dont_inherit=True), names)  # noqa: S102
    except (Exception, KeyboardInterrupt, SystemExit) as caught:
        # the user's own code: whatever it raises is a result; the traceback would keep its frames alive
        return caught.with_traceback(None)
    return None


def described(error: BaseException) -> str:
    """*error* in one line."""
    try:
        text = str(error)
    except Exception:  # an exception of the user's may fail to become text
        text = ""
    return f"{type(error).__name__}: {text}"[:500]
