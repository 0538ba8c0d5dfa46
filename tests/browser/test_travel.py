"""The history in the browser, and travel: what the user sees, and what the kernel truly holds."""

from __future__ import annotations

from typing import Any

from tests.browser.server import Server


def test_record_run_undo_redo(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("items = [3, 1, 2]")
    book.run("items.sort()")
    book.run("items.clear()")
    book.at(3)
    assert "items" in book.row(3).inner_text()
    assert book.ask("items") == "[]"

    book.click("undo")
    book.at(2)
    assert book.ask("items") == "[1, 2, 3]"
    book.until(lambda: book.marks() == ["", "here", "stale"])
    book.click("undo")
    book.at(1)
    assert book.ask("items") == "[3, 1, 2]"
    book.click("redo")
    book.at(2)
    assert book.ask("items") == "[1, 2, 3]"
