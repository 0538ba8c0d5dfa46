"""The panel itself: keyboard, filter, many states, Notebook 7."""

from __future__ import annotations

from typing import Any

import pytest
from tests.browser.server import Server

import front_end


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


_SCROLL = """() => new Promise(done => {
    const list = document.querySelector('.timeslip-List');
    const times = [];
    let last = performance.now();
    let most = 0;
    const step = now => {
        times.push(now - last);
        last = now;
        most = Math.max(most, list.querySelectorAll('.timeslip-Row').length);
        list.scrollTop += 333;
        if (times.length < 120) requestAnimationFrame(step);
        else done({times: times.slice(1), most, top: list.scrollTop});
    };
    requestAnimationFrame(step);
})"""


@pytest.mark.slow
def test_five_thousand_states(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("x = 0")
    commit = "__import__('timeslip.ipython.extension', fromlist=['attached']).attached().session.commit"
    book.ask(f"[{commit}(message=str(number)) and None for number in range(5000)].clear()")
    book.until(lambda: int(book.rows.first.get_attribute("aria-setsize")) > 5000, seconds=60)
    found = book.page.evaluate(_SCROLL)
    assert found["top"] > 30_000
    assert found["most"] < 80, "only what is seen is there"
    times = sorted(found["times"])
    print(f"frames: median {times[len(times) // 2]:.0f} ms, longest {times[-1]:.0f} ms")
    assert times[len(times) * 9 // 10] < 50
    book.page.locator(".timeslip-List").focus()
    book.page.keyboard.press("End")
    book.page.wait_for_selector('.timeslip-Row[data-count="1"]')
    book.page.locator(".timeslip-Filters input").fill("4321")
    book.until(lambda: book.rows.count() == 1)


def test_nothing_that_keeps_people_out(opened: Any, server: Server) -> None:
    """The automatic part of an accessibility check, of everything that the panel shows, in both themes."""
    axe = front_end.FOLDER / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not installed (`make lab` does it)")
    book = opened(server, tab="own")
    book.start()
    book.run("import pandas as pd; df = pd.DataFrame({'a': [1, 2]})")
    book.run("df['b'] = df['a'] * 2; rows = (n for n in df['a'])")
    book.run("1 / 0")
    book.page.add_script_tag(path=axe)
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        book.theme(theme)
        book.pick(2)
        book.page.locator("li[data-name=df] .timeslip-Disclose").click()
        book.page.wait_for_selector("li[data-name=df] table")
        assert _violations(book) == [], theme
        book.pick(3)
        book.page.wait_for_selector(".timeslip-Outputs >> text=ZeroDivisionError")
        assert _violations(book) == [], theme
        book.pick(2, also=True)
        book.page.wait_for_selector(".timeslip-Compare h3 >> text=In[2] → In[3]")
        assert _violations(book) == [], theme


def _violations(book: Any) -> list[str]:
    found = book.page.evaluate("async () => (await axe.run('.timeslip-HistoryPanel')).violations")
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:300]}" for one in found for node in one["nodes"]
    ]
