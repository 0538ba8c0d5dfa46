"""The panel itself: keyboard, filter, many states, Notebook 7."""

from __future__ import annotations

from typing import Any

from tests.browser.server import Server


def test_with_the_keyboard_alone(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    for value in range(4):
        book.run(f"x = {value}")
    book.page.locator(".timeslip-List").focus()
    book.page.keyboard.press("Home")
    book.page.keyboard.press("ArrowDown")
    book.page.keyboard.press("ArrowDown")
    active = book.page.locator(".timeslip-List").get_attribute("aria-activedescendant")
    row = book.page.locator(f'[id="{active}"]')
    assert row.get_attribute("data-count") == "2"
    assert row.get_attribute("aria-selected") == "true"
    assert "x" in (row.get_attribute("aria-label") or "")
    book.page.keyboard.press("Enter")
    book.at(2)
    assert book.ask("x") == "1"
    book.page.locator(".timeslip-List").focus()
    book.page.keyboard.press("Shift+ArrowDown")
    book.page.wait_for_selector(".timeslip-Compare h3 >> text=In[1] → In[2]")
    book.page.keyboard.press("Escape")
    book.page.wait_for_selector(".timeslip-Compare", state="detached")


def test_filter_and_blame(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("a = [1]")
    book.run("b = 'needle'")
    book.run("a.append(2)")
    book.run("1 / 0")
    assert "failed" in book.row(4).inner_text()
    search = book.page.locator(".timeslip-Filters input")
    search.fill("NEEDLE")
    book.until(lambda: book.counts() == [2])
    search.fill("failed")
    book.until(lambda: book.counts() == [4])
    search.fill("")
    book.pick(3)
    book.page.locator("li[data-name=a] .timeslip-Disclose").click()
    book.click("blame")
    book.until(lambda: book.counts() == [3, 1])


def test_start_with_every_notebook(opened: Any, server: Server) -> None:
    server.set(startAlways=True)
    try:
        book = opened(server, tab="own")
    finally:
        server.set()
    book.show()
    book.page.wait_for_selector(".timeslip-Panel")
    book.run("x = 1")
    book.at(1)


def test_in_notebook_7(opened: Any, server7: Server) -> None:
    book = opened(server7)
    book.start()
    book.run("items = [3, 1, 2]")
    book.run("items.sort()")
    book.click("undo")
    book.at(1)
    assert book.ask("items") == "[3, 1, 2]"
    book.until(lambda: book.marks() == ["here", "stale"])
    book.pick(1)
    book.pick(2, also=True)
    book.click("large")
    book.page.wait_for_selector(".jp-Dialog .timeslip-Compare li[data-name=items]")
