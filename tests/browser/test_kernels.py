"""What happens to kernels, tabs and files: the panel tells the truth after each."""

from __future__ import annotations

import time
from importlib import metadata
from typing import Any

import pytest
from tests.browser.server import Server


def test_a_crash_and_one_click(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("precious = list(range(5))")
    book.run("import os; os.kill(os.getpid(), 9)", wait=False)
    book.page.wait_for_selector(".timeslip-Bar:visible >> text=can be brought back", timeout=40_000)
    book.dismiss_dialogs()
    book.ready()
    assert "NameError" in book.ask("precious")
    book.page.locator(".jp-NotebookPanel .timeslip-Bar [data-action=resume]").click()
    book.until(lambda: book.ask("precious") == "[0, 1, 2, 3, 4]")
    book.page.wait_for_selector(".jp-NotebookPanel .timeslip-Bar", state="hidden")
    book.at(1)


def test_recording_goes_on_after_a_restart_from_the_menu(opened: Any, server: Server) -> None:
    """JupyterLab says that the kernel is another one then, though it is the same."""
    book = opened(server)
    book.start()
    book.run("x = 1")
    book.restart_from_menu()
    book.page.wait_for_selector(".jp-NotebookPanel .timeslip-Bar >> text=can be brought back")
    book.page.wait_for_selector(".timeslip-Status[data-activity=idle]")
    book.run("y = 2")
    assert book.state(1)["created"] == ["y"]


def test_one_click_without_a_kernel(opened: Any, server: Server) -> None:
    """There is none to bring the state back into: one is started."""
    book = opened(server)
    book.start()
    book.run("x = [1, 2]")
    book.shut_down()
    book.page.locator(".jp-NotebookPanel .timeslip-Bar [data-action=resume]").click()
    book.page.wait_for_selector(".timeslip-Status[data-activity=idle]")
    book.at(1)
    assert book.ask("x") == "[1, 2]"


def test_run_all(opened: Any, server: Server) -> None:
    """What is asked for between two of its cells is not done after all of them; each state keeps its own notebook."""
    book = opened(server)
    book.start()
    book.edit(0, "x = 0; print(0)")
    for number in (1, 2, 3, 4):
        book.add(f"import time; time.sleep(0.4); x = {number}; print({number})")
    book.command("notebook:run-all-cells", wait=False)
    book.at(1)
    for _ in range(3):  # whichever cell has just ended
        book.click("undo")
        book.page.wait_for_timeout(150)
    book.page.wait_for_selector(".Toastify__toast >> text=A cell is running")
    book.at(5)
    assert book.ask("x") == "4"
    book.until(lambda: all(book.kept(count) is not None for count in (2, 3, 4, 5)))
    printed = [f"{number}\n" for number in range(5)]
    for count in (2, 3, 4, 5):
        assert book.kept(count) == [*printed[:count], *[""] * (5 - count)]


def test_a_kernel_without_timeslip(opened: Any, server: Server) -> None:
    book = opened(server, kernel="without")
    book.button()
    book.page.wait_for_selector(".timeslip-Empty >> text=%pip install timeslip")
    assert book.ask("'timeslip' in __import__('sys').modules") == "False"


def test_reload(opened: Any, server: Server) -> None:
    book = opened(server, tab="own")
    book.start()
    book.run("x = 1")
    book.run("x = 2")
    book.command("docmanager:save")
    book.reload()
    book.show()
    book.at(2)
    assert book.rows.count() == 2
    book.click("undo")
    book.at(1)
    assert book.ask("x") == "1"
    book.until(lambda: book.marks() == ["here", "stale"])


def test_two_tabs_on_one_kernel(opened: Any, server: Server) -> None:
    left = opened(server, tab="own")
    right = opened(server, tab="beside")
    left.page.bring_to_front()
    left.start()
    left.run("x = 1")
    right.page.bring_to_front()
    right.show()
    right.at(1)
    right.run("x = 2")
    left.page.bring_to_front()
    left.at(2)
    left.click("undo")
    left.at(1)
    right.page.bring_to_front()
    right.at(1)
    assert (left.ask("x"), right.ask("x")) == ("1", "1")
    left.page.bring_to_front()
    left.restart_from_menu()
    right.page.bring_to_front()
    right.page.wait_for_selector(".timeslip-Panel >> text=nothing has run in it yet")
    right.page.locator(".jp-NotebookPanel .timeslip-Bar [data-action=resume]").click()
    right.until(lambda: right.ask("globals().get('x')") == "1")


def test_an_unsaved_notebook_keeps_its_cells(opened: Any, server: Server) -> None:
    """Typed, never saved, and some cells never run: going anywhere may not empty it."""
    book = opened(server)
    book.start()
    book.run("x = 1")
    book.until(lambda: book.state(1)["cells"])
    book.run("x = 2")
    book.until(lambda: book.state(2)["cells"])
    book.add("# notes that were never run")
    book.pick(1)
    for what in ("cells", "both"):
        book.choose(what)
        book.click("go")
        book.until(lambda: book.cells() == ["x = 1"])
        book.undo_cells()
        assert book.cells() == ["x = 1", "x = 2", "# notes that were never run"]
    assert '"x = 1"' not in (server.folder / book.path).read_text(), "it was never saved"


def test_a_state_without_kept_cells_changes_no_cell(opened: Any, server: Server) -> None:
    server.set(keepCells=False)
    try:
        book = opened(server, tab="own")
    finally:
        server.set()
    book.start()
    book.run("x = 1")
    book.run("x = 2")
    book.pick(1)
    book.choose("both")
    book.click("go")
    book.page.wait_for_selector(".Toastify__toast >> text=No cells of the notebook were kept")
    assert (book.cells(), book.ask("x"), book.here) == (["x = 1", "x = 2"], "2", "In[2]")


def test_a_notebook_gets_another_name(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("x = 1")
    book.rename("another name.ipynb")
    book.run("x = 2")
    book.at(2)
    book.click("undo")
    book.at(1)
    assert book.ask("x") == "1"
    book.restart()
    book.page.wait_for_selector(".jp-NotebookPanel .timeslip-Bar >> text=can be brought back")
    book.page.locator(".jp-NotebookPanel .timeslip-Bar [data-action=resume]").click()
    book.until(lambda: book.ask("x") == "1")


def test_a_notebook_gets_another_name_while_it_has_no_kernel(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("x = 1")
    book.command("docmanager:save")
    book.shut_down()
    book.page.wait_for_selector(".timeslip-Status[data-activity=reading]")
    book.rename("named later.ipynb")
    book.page.wait_for_timeout(700)
    book.pick(1)
    book.page.wait_for_selector("li[data-name=x] >> text=1")
    book.page.locator(".jp-NotebookPanel .timeslip-Bar [data-action=resume]").click()
    book.page.wait_for_selector(".timeslip-Status[data-activity=idle]")
    book.at(1)
    assert book.ask("x") == "1"
    assert book.ask("__import__('os').environ['JPY_SESSION_NAME']").endswith("named later.ipynb'")


def test_the_connection_goes_and_comes_back(opened: Any, server: Server) -> None:
    """As when a server is started again, or a laptop sleeps: nothing is done meanwhile, and the truth is told after."""
    book = opened(server, tab="held")
    book.start()
    book.run("x = [1]")
    book.run("import time; time.sleep(1.5); x.append(2)", wait=False)
    book.until(lambda: book.busy)
    book.disconnect()
    book.page.wait_for_selector(".timeslip-Status[data-activity=away]")
    book.click("undo")
    book.page.wait_for_selector(".Toastify__toast >> text=cannot be reached")
    book.connect()
    book.page.wait_for_selector(".timeslip-Status[data-activity=idle]")
    book.at(2)
    book.until(lambda: book.ask("x") == "[1, 2]")
    book.click("undo")
    book.at(1)
    assert book.ask("x") == "[1]"


def test_a_console_and_a_second_notebook_on_one_kernel(opened: Any, server: Server) -> None:
    """JupyterLab lets only the first of them have comms; and what one keeps is not put into the other."""
    book = opened(server)
    book.start()
    book.run("x = 1")
    book.until(lambda: book.state(1)["cells"])
    book.in_console("y = 2")
    book.at(2)
    assert book.marks() == [""], "the session is at no cell of the notebook, and nothing is stale"
    server.write("beside it.ipynb")
    book.open_on_same_kernel("beside it.ipynb")
    book.at(2)
    book.run("x = 3")
    book.until(lambda: book.state(3)["cells"])
    book.click("undo")
    book.at(2)
    assert book.ask("x") == "1"
    book.reveal()
    book.pick(3)
    book.choose("cells")
    book.click("go")
    book.page.wait_for_selector(".Toastify__toast >> text=as they were then already")
    assert book.cells() == ["x = 1"]


@pytest.mark.skipif(
    int(metadata.version("ipykernel").partition(".")[0]) < 7, reason="ipykernel 6 answers when the cell has ended"
)
def test_the_panel_answers_while_a_cell_runs(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("words = ['a', 'b']")
    book.pick(1)
    book.page.wait_for_selector("li[data-name=words]")
    book.page.locator(".timeslip-Details-head button").click()
    book.run("import time; time.sleep(5)", wait=False)
    book.until(lambda: book.busy)
    began = time.monotonic()
    book.pick(1)
    book.page.wait_for_selector(".timeslip-Details >> text=words")
    book.page.wait_for_selector("li[data-name=words] >> text=2 items")
    assert time.monotonic() - began < 2.0
    assert book.busy
    book.click("undo")
    book.page.wait_for_selector(".Toastify__toast >> text=A cell is running")
    book.until(lambda: not book.busy)
    book.at(2)


def test_recording_that_is_ended_in_a_cell(opened: Any, server: Server) -> None:
    book = opened(server)
    book.run("%load_ext timeslip")
    book.show()
    book.page.wait_for_selector(".timeslip-Panel")
    book.run("x = 1")
    book.at(2)
    book.run("%unload_ext timeslip", wait=False)
    book.page.wait_for_selector(".timeslip-Status[data-activity=reading]")
    book.until(lambda: book.marks() == ["", "", ""])
    book.until(lambda: book.rows.count() == 1)
    book.click("start")
    book.page.wait_for_selector(".timeslip-Status[data-activity=idle]")
    book.until(lambda: book.rows.count() >= 1)


def test_the_history_is_there_without_a_kernel(opened: Any, server: Server) -> None:
    book = opened(server, tab="own")
    book.start()
    book.run("x = [1]")
    book.run("x.append(2)")
    book.command("docmanager:save")
    book.end()
    book.reload()
    book.page.wait_for_selector(".jp-NotebookPanel .timeslip-Bar >> text=can be brought back")
    book.show()
    book.until(lambda: book.rows.count() == 2)
    assert book.ask("'timeslip' in __import__('sys').modules") == "False", "reading needs no kernel, and changes none"
    book.pick(2)
    book.page.wait_for_selector(".timeslip-Code >> text=x.append(2)")
    book.page.locator(".jp-NotebookPanel .timeslip-Bar [data-action=resume]").click()
    book.until(lambda: book.ask("x") == "[1, 2]")
    book.at(2)


def test_reload_while_a_cell_runs(opened: Any, server: Server) -> None:
    """JupyterLab itself hears of the kernel only when the cell has ended: until then the panel says that it waits."""
    book = opened(server, tab="own")
    book.start()
    book.run("x = 1")
    book.command("docmanager:save")
    book.run("import time; time.sleep(6)", wait=False)
    book.until(lambda: book.busy)
    book.page.reload()
    book.page.wait_for_selector(".jp-Notebook .jp-Cell")
    book.show()
    book.page.wait_for_selector(".timeslip-Empty")
    book.at(2)
    book.click("undo")
    book.at(1)
    assert book.ask("x") == "1"
