"""Pictures of the front end for docs/images, or for the folder that is given: of a real session in a real browser."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.browser.conftest import ARGUMENTS, chromium  # noqa: E402 - found by the line before
from tests.browser.pages import Notebook  # noqa: E402
from tests.browser.server import Server  # noqa: E402

FRAME = """cities = pd.DataFrame({
    "city": ["Bonn", "Köln", "Trier", "Mainz", "Ulm"],
    "people": [336, 1085, 112, 222, 127],
    "area": [141.1, 405.0, 117.1, 97.7, 118.7],
})
cities"""

CELLS = [
    "import pandas as pd\nimport matplotlib.pyplot as plt",
    FRAME,
    'cities["density"] = (cities["people"] * 1000 / cities["area"]).round()\ncities.head(3)',
    'fig, ax = plt.subplots(figsize=(5, 2))\nax.barh(cities["city"], cities["density"])\nax.set_title("people per km²");',
    'cities["people"] = cities["people"].mask(cities["city"] == "Ulm", 128)\ncities = cities.drop(columns="area")',
    "ratio = people / area",
]


def scene(book: Notebook) -> None:
    """A session with a branch, a tag, a failed cell and a figure."""
    book.start()
    for code in CELLS:
        book.run(code)
    for _ in range(2):
        book.click("undo")
    book.at(4)
    book.run('cities["dense"] = cities["density"] > 2000\ncities["dense"].sum()')
    book.pick(3)
    book.click("tag")
    book.type("with-density")
    book.page.wait_for_timeout(3500)  # what was said has gone


def main(folder: Path) -> None:
    """Take all of them."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as top:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        (Path(top) / "lab").mkdir()
        with Server(Path(top) / "lab") as server:
            take(browser, server, folder)
        (Path(top) / "notebook").mkdir()
        with Server(Path(top) / "notebook", application="notebook") as server:
            book = new(browser, server, "cities", folder, width=1200)
            scene(book)
            book.pick(3)
            book.page.wait_for_timeout(1500)
            book.picture("notebook7")
            book.end()
        browser.close()


def new(browser: Any, server: Server, name: str, folder: Path, *, width: int = 1440, height: int = 900) -> Notebook:
    """A notebook in a tab of its own."""
    context = browser.new_context(reduced_motion="reduce", viewport={"width": width, "height": height})
    server.write(f"{name}.ipynb")
    book = Notebook(server, context.new_page(), f"{name}.ipynb", pictures=folder)
    book.open()
    return book


def take(browser: Any, server: Server, folder: Path) -> None:
    """Those of JupyterLab."""
    book = new(browser, server, "cities", folder)
    book.command("filebrowser:hide-main")
    scene(book)
    book.pick(5)
    book.page.locator("li[data-name=cities] .timeslip-Disclose").click()
    book.page.wait_for_selector("li[data-name=cities] table")
    book.page.wait_for_timeout(300)
    book.picture("light")
    book.page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    book.page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    book.pick(4)
    book.page.locator("li[data-name=fig] .timeslip-Disclose").click()
    book.page.wait_for_selector("li[data-name=fig] img")
    book.page.wait_for_timeout(300)
    book.picture("dark")
    book.page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
    book.page.wait_for_selector("body[data-jp-theme-light=true]", state="attached")
    book.pick(2)
    book.pick(5, also=True)
    book.page.wait_for_selector(".timeslip-Compare li[data-name=cities]")
    book.click("large")
    book.page.locator(".timeslip-CompareWidget li[data-name=cities] .timeslip-Disclose").click()
    book.page.wait_for_selector(".timeslip-CompareWidget table")
    book.page.wait_for_timeout(500)
    book.picture("compare")
    book.page.set_viewport_size({"width": 760, "height": 700})
    book.page.locator(".lm-TabBar-tab.lm-mod-current .lm-TabBar-tabCloseIcon").last.click()
    book.pick(3)
    book.page.wait_for_timeout(500)
    book.picture("narrow")
    book.end()
    many = new(browser, server, "many states", folder)
    many.command("filebrowser:hide-main")
    many.start()
    many.run("x = 0")
    session = "__import__('timeslip.ipython.extension', fromlist=['attached']).attached().session"
    many.ask(f"[{session}.commit(str(number)) and None for number in range(5000)].clear()")
    many.until(lambda: int(many.rows.first.get_attribute("aria-setsize")) > 5000, seconds=60)
    many.page.locator(".timeslip-List").evaluate("list => { list.scrollTop = list.scrollHeight / 2 }")
    many.page.wait_for_timeout(500)
    many.picture("many-states")
    many.end()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
