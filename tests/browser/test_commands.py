"""Menus, the command palette, dialogs that ask for names, and kernels of other kinds."""

from __future__ import annotations

from typing import Any

from tests.browser.server import Server


def test_menu_and_palette(opened: Any, server: Server) -> None:
    book = opened(server)
    off = book.menu("Kernel", "Timeslip")
    assert [name for name, enabled in off.items() if enabled] == ["Start Recording"]
    book.palette("Start Recording")
    book.page.wait_for_selector(".timeslip-Status[data-activity=idle]")
    book.run("x = 1")
    book.run("x = 2")
    on = book.menu("Kernel", "Timeslip")
    assert [name for name, enabled in on.items() if not enabled] == [
        "Start Recording",
        "Bring Back State of Earlier Kernel",
    ]
    book.palette("Undo Last Cell")
    book.at(1)
    assert book.ask("x") == "1"
    book.activate(0)
    book.palette("Restore the State Before This Cell")
    book.page.wait_for_selector(".Toastify__toast >> text=Recording began with this cell")
    book.palette("Undo Last Cell")
    book.page.wait_for_selector(".timeslip-Panel >> text=before the first state")
    assert book.ask("'x' in globals()") == "False"


def test_a_name_that_will_not_do_is_asked_for_again(opened: Any, server: Server) -> None:
    book = opened(server)
    book.start()
    book.run("x = 1")
    book.pick(1)
    book.click("branch")
    for name, why in (("an idea", "cannot be the name"), ("main", "already"), ("-x", "cannot begin with")):
        book.page.locator(".jp-Dialog input").fill(name)
        book.page.locator(".jp-Dialog .jp-mod-accept").last.click()
        book.page.wait_for_selector(f".jp-Dialog >> text={why}")
        assert book.page.locator(".jp-Dialog input").input_value() == name, "what was typed is there to be changed"
    book.type("idea")
    book.page.wait_for_selector('.timeslip-Row .timeslip-Ref >> text="idea"')
    book.click("describe")
    book.type("--help is no option here")
    book.until(lambda: book.state(1)["message"] == "--help is no option here")


def test_kernels_of_other_kinds(opened: Any, server: Server) -> None:
    """Only a kernel of the kind that the user has begun to record is recorded; its history is not lost meanwhile."""
    book = opened(server, kernel="other")
    book.button()
    book.page.wait_for_selector(".timeslip-Empty >> text=speaks R")
    book.change_kernel("python3")
    book.page.wait_for_selector(".timeslip-Empty [data-action=start]")
    book.click("start")
    book.page.wait_for_selector(".timeslip-Status[data-activity=idle]")
    book.run("x = 1")
    book.change_kernel("other")
    book.page.wait_for_selector(".timeslip-Empty >> text=speaks R")
    book.change_kernel("without")
    book.page.locator(".jp-NotebookPanel .timeslip-Bar [data-action=resume]").click()
    book.page.wait_for_selector(".Toastify__toast >> text=could not begin")
    book.page.wait_for_selector(".timeslip-Panel >> text=%pip install timeslip")
    assert book.rows.count() == 1, "what was recorded can be read all the same"
    book.change_kernel("python3")
    book.page.wait_for_selector(".timeslip-Status[data-activity=reading]")
    book.click("resume")
    book.until(lambda: book.ask("globals().get('x')") == "1")
