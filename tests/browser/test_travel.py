"""The history in the browser, and travel: what the user sees, and what the kernel truly holds."""

from __future__ import annotations

import time
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
    book.page.locator(".jp-Notebook .jp-Cell").nth(1).click()
    book.page.keyboard.press("Escape")
    book.page.keyboard.press("Control+Alt+z")
    book.at(1)
    assert book.ask("items") == "[3, 1, 2]"
    began = time.monotonic()
    book.click("redo")
    book.at(2)
    print(f"from the click to the restored state and the panel: {time.monotonic() - began:.2f} s")
    assert book.ask("items") == "[1, 2, 3]"
    for action in ("redo", "undo", "undo"):  # pressed without waiting: each is a step
        book.click(action)
    book.at(1)
    assert book.ask("items") == "[3, 1, 2]"


def test_what_cannot_be_done_is_said(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.click("undo")
    book.page.wait_for_selector(".Toastify__toast >> text=nothing that can be undone")
    book.run("x = 1")
    attached = "__import__('timeslip.ipython.extension', fromlist=['attached']).attached()"
    # Not by its setting, which holds for the whole store, and all tests.
    book.ask(f"setattr({attached}.session.repository._chunks, '_min_free_bytes', lambda: 10**15)")
    book.run("x = 2", wait=False)
    book.page.wait_for_selector(".timeslip-Paused >> text=the floor is")
    book.click("undo")
    book.page.locator(".Toastify__toast >> text=Read all").click()
    book.page.wait_for_selector(".jp-Dialog >> text=lower the setting `min_free_bytes`")
    book.accept()
    assert book.ask("x") == "2", "nothing was changed"


def test_go_to_a_state_with_variables_cells_and_both(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("x = 1")
    book.run("x = 2")
    book.run("x = 3")
    book.until(lambda: book.state(3)["cells"])
    disk = (server.folder / book.path).read_text()

    book.pick(1)
    book.click("go")
    book.at(1)
    assert (book.ask("x"), book.cells()) == ("1", ["x = 1", "x = 2", "x = 3"])

    book.pick(2)
    book.choose("cells")
    book.click("go")
    book.until(lambda: book.cells() == ["x = 1", "x = 2"])
    assert (book.ask("x"), book.here) == ("1", "In[1]"), "only the cells were asked for"
    book.undo_cells()
    assert book.cells() == ["x = 1", "x = 2", "x = 3"], "one undo of the notebook takes it back"

    book.pick(2)
    book.choose("both")
    book.click("go")
    book.at(2)
    book.until(lambda: book.cells() == ["x = 1", "x = 2"])
    assert book.ask("x") == "2"
    assert (server.folder / book.path).read_text() == disk, "the file is as it was until the user saves"


def test_outputs_and_text_of_cells_come_back(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("print('first')")
    book.until(lambda: book.state(1)["cells"])
    book.edit(0, "print('second')")
    book.run_cell(0)
    book.until(lambda: book.rows.count() >= 2 and book.state(2)["cells"])
    book.pick(1)
    book.choose("cells")
    book.click("go")
    book.until(lambda: book.cells() == ["print('first')"])
    assert book.text(".jp-Cell .jp-OutputArea-output").strip() == "first"
    book.undo_cells()
    assert book.cells() == ["print('second')"]
    assert book.text(".jp-Cell .jp-OutputArea-output").strip() == "second"


def test_one_variable_comes_back_in_its_place_or_beside(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("model, other = {'depth': 3}, 1")
    book.run("model, other = {'depth': 9}, 2")
    book.pick(1)
    book.page.locator("li[data-name=model] .timeslip-Disclose").click()
    assert "depth" in book.text("li[data-name=model] .timeslip-Value")
    book.click("bring-back-as")
    book.type("old_model")
    book.until(lambda: book.ask("old_model") == "{'depth': 3}")
    assert book.ask("(model, other)") == "({'depth': 9}, 2)"
    book.click("bring-back")
    book.until(lambda: book.ask("model") == "{'depth': 3}")
    assert book.ask("other") == "2"


def test_branch_and_switch(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("x = 'main'")
    book.pick(1)
    book.click("branch")
    book.type("idea")
    book.page.wait_for_selector('.timeslip-Row .timeslip-Ref >> text="idea"')
    book.run("x = 'later on main'")
    book.click("switch")
    book.accept()
    book.until(lambda: book.text(".timeslip-Branch") == "idea")
    book.at(1)
    assert book.ask("x") == "'main'"
    book.run("x = 'on idea'")
    book.until(lambda: book.state(3)["branch"] == "idea")
    assert book.page.locator(".timeslip-Row").count() == 3, "what was left is there still"


def test_two_states_of_a_frame_are_compared(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("import pandas as pd; df = pd.DataFrame({'a': [1, 2, 3], 'b': list('xyz'), 'c': 0.5})")
    book.run("df.loc[1, 'a'] = 20; del df['c']")
    assert "df -1 column" in book.row(2).inner_text()
    book.pick(1)
    book.pick(2, also=True)
    book.page.wait_for_selector(".timeslip-Compare table")
    changed = book.page.locator(".timeslip-Compare td.timeslip-mod-changed")
    assert [changed.count(), changed.first.inner_text()] == [1, "2 20"]
    assert book.text(".timeslip-Compare thead .timeslip-mod-removed").startswith("c")
    assert "column 'c' dropped" in book.text(".timeslip-Compare .timeslip-Value p")
    assert "del df['c']" in book.text(".timeslip-Diff .timeslip-mod-added")
    assert book.ask("list(df.columns)") == "['a', 'b']", "looking has touched nothing"


def test_a_loss_is_asked_about_before(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("rows = (n for n in range(3)); first = next(rows)")
    book.run("first = list(rows)")
    book.click("undo")
    book.page.wait_for_selector(".jp-Dialog .timeslip-Confirm >> text=rows")
    book.page.locator(".jp-Dialog .jp-mod-reject").first.click()
    book.page.wait_for_selector(".jp-Dialog", state="detached")
    assert (book.ask("first"), book.here) == ("[1, 2]", "In[2]"), "cancelled: nothing has changed"


def test_cells_that_would_run_again_are_asked_about(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("rows = (n for n in range(3))")
    book.run("rows = 5")
    book.click("undo")
    book.page.wait_for_selector(".jp-Dialog .timeslip-Confirm >> text=run again")
    book.page.locator(".jp-Dialog >> text=Run them").click()
    book.at(1)
    assert book.ask("list(rows)") == "[0, 1, 2]"


def test_what_is_lost_can_be_rebuilt_and_long_work_cancelled(opened: Any, server: Server) -> None:
    """A cell that waits is never run unasked: it is shown, and run when the user says so."""
    book = opened(server)
    book.start()
    book.run("import time")
    book.run("time.sleep(4); rows = (n for n in range(3))")
    book.run("rows = 5")
    book.click("undo")
    book.page.wait_for_selector(".jp-Dialog .timeslip-Confirm >> text=it waits")
    book.accept()
    book.at(2)
    for cancel in (True, False):
        if cancel:
            book.page.locator(".Toastify__toast >> text=Run their cells again").click()
        else:
            book.page.evaluate("() => document.querySelectorAll('.Toastify__close-button').forEach(one => one.click())")
            book.click("redo")
            book.at(3)
            book.click("undo")
            book.page.wait_for_selector(".jp-Dialog .timeslip-Confirm")
            book.accept()
            book.page.locator(".Toastify__toast >> text=Run their cells again").last.click()
        book.page.wait_for_selector(".jp-Dialog .timeslip-Code >> text=time.sleep(4)")
        book.accept()
        book.page.wait_for_selector(".timeslip-Status[data-activity=working]")
        if cancel:
            book.page.locator(".Toastify__toast >> text=Cancel").click()
        book.page.wait_for_selector(".timeslip-Status[data-activity=idle]")
        assert ("generator" in book.ask("type(rows).__name__")) is not cancel
    assert book.ask("list(rows)") == "[0, 1, 2]"


def test_tag_and_describe(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("x = 1")
    book.run("x = 2")
    book.pick(1)
    book.click("tag")
    book.type("good")
    book.page.wait_for_selector('.timeslip-Row .timeslip-mod-tag >> text="good"')
    book.click("describe")
    book.type("before the second try")
    book.until(lambda: "before the second try" in book.row(1).inner_text())
    assert book.state(1)["message"] == "before the second try"
    assert book.here == "In[2]", "naming goes nowhere"


def test_before_and_after_a_cell_from_its_menu(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    for value in range(3):
        book.run(f"x = {value}")
    book.activate(1)
    book.command("timeslip:before-cell")
    book.at(1)
    assert book.ask("x") == "0"
    book.activate(1)
    book.command("timeslip:after-cell")
    book.at(2)
    assert book.ask("x") == "1"
    book.page.locator(".jp-Notebook .jp-Cell").nth(1).locator(".jp-InputPrompt").click(button="right")
    book.page.wait_for_selector(".lm-Menu >> text=Restore the State Before This Cell")
    book.page.keyboard.press("Escape")
