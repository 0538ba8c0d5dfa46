"""Answers shown by IPython: neat text in a terminal; HTML with the plain text beside it in a notebook."""

from __future__ import annotations

import sys
from typing import Any

from timeslip.rendering.document import Document
from timeslip.rendering.html import to_html
from timeslip.rendering.registry import document
from timeslip.rendering.spoken import spoken_document
from timeslip.rendering.text import Screen, terminal_screen, to_text
from timeslip.standard import json

NOTEBOOK_WIDTH = 110
"""Columns of the plain text that a notebook keeps beside the HTML."""


def show(shell: Any, answer: dict[str, Any], *, as_json: bool = False) -> None:
    """Show a verb's answer as output of the running cell."""
    if as_json:
        shell.display_pub.publish({"text/plain": json.dumps(answer, indent=2, ensure_ascii=False)})
    else:
        show_document(shell, spoken_document(document(answer), "notebook"))


def show_document(shell: Any, blocks: Document) -> None:
    """Show blocks as output of the running cell."""
    if is_terminal(shell):
        shell.display_pub.publish({"text/plain": to_text(blocks, terminal_screen(sys.stdout))})
    else:
        screen = Screen(NOTEBOOK_WIDTH)
        shell.display_pub.publish({"text/plain": to_text(blocks, screen), "text/html": to_html(blocks)})


def is_terminal(shell: Any) -> bool:
    """Whether the shell writes to a terminal (or a plain stream) instead of to a front end."""
    return not hasattr(shell, "kernel")
