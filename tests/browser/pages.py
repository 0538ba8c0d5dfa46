"""One open notebook in the browser: what its user does, what its user sees, and what the kernel truly holds."""

from __future__ import annotations

import ast
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.browser.server import Server

_READY = """() => {
    const panel = window.jupyterapp?.shell?.currentWidget;
    const kernel = panel?.sessionContext?.session?.kernel;
    const there = !!kernel && panel.sessionContext.isReady;
    return there && kernel.connectionStatus === 'connected' && kernel.status === 'idle';
}"""

_RUN = """async ([code, wait]) => {
    const panel = window.jupyterapp.shell.currentWidget;
    const shared = panel.content.model.sharedModel;
    let at = shared.cells.length - 1;
    if (shared.cells[at].getSource() !== '') {
        at += 1;
        shared.insertCell(at, {cell_type: 'code', source: '', metadata: {}});
    }
    shared.cells[at].setSource(code);
    panel.content.deselectAll();
    panel.content.activeCellIndex = at;
    const done = window.jupyterapp.commands.execute('notebook:run-cell');
    if (wait) await done;
}"""

_ASK = """async expression => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const reply = await kernel.requestExecute({
        code: '', silent: true, store_history: false, user_expressions: {asked: expression}
    }).done;
    const found = reply.content.user_expressions.asked;
    return found.status === 'ok' ? found.data['text/plain'] : found.ename + ': ' + found.evalue;
}"""

_OPEN = """async path => {
    const panel = await window.jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook'});
    window.jupyterapp.shell.activateById(panel.id);
}"""

_CLOSE = """() => {
    const app = window.jupyterapp;
    for (const widget of [...app.shell.widgets('main')]) widget.dispose();
    document.querySelectorAll('.Toastify__close-button').forEach(button => button.click());
}"""

_CONSOLE = """async code => {
    const app = window.jupyterapp;
    const [panel] = [...app.shell.widgets('main')].filter(one => one.context);
    await app.commands.execute('notebook:create-console');
    const {console} = [...app.shell.widgets('main')].find(one => one.console);
    await console.sessionContext.ready;
    console.promptCell.model.sharedModel.setSource(code);
    await console.execute(true);
    app.shell.activateById(panel.id);
}"""

_BESIDE = """async path => {
    const app = window.jupyterapp;
    const kernel = app.shell.currentWidget.sessionContext.session.kernel.model;
    const panel = await app.commands.execute('docmanager:open', {path, factory: 'Notebook', kernel});
    app.shell.activateById(panel.id);
    await panel.sessionContext.ready;
}"""

_REVEAL = """path => {
    const {shell} = window.jupyterapp;
    shell.activateById([...shell.widgets('main')].find(one => one.context?.path === path).id);
}"""

_SHOWN = "window.jupyterapp.shell.currentWidget"

_VIEW = "__import__('timeslip.ipython.extension', fromlist=['attached']).attached().comms._front.view()"

_CELLS = """() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map(cell => cell.getSource())"""


class Notebook:
    """A tab.

    Args:
        server: where it is open.
        page: the tab, as Playwright has it.
        path: of the notebook.
        pictures: where pictures go.
    """

    def __init__(self, server: Server, page: Any, path: str, pictures: Path) -> None:
        self.server, self.page, self.path = server, page, path
        self.console: list[str] = []
        self._pictures = pictures
        self._away = False
        self._sockets: list[Any] = []
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"page error: {error}"))
        page.set_default_timeout(20_000)

    def open(self, *, within: bool = False) -> None:
        """Open it, and wait for its kernel.

        Args:
            within: the application that the tab shows already opens it; otherwise the page is loaded anew.
        """
        if within:
            self.page.evaluate(_OPEN, self.path)
        else:
            where = "notebooks" if self.server.application == "notebook" else f"lab/workspaces/{id(self)}/tree"
            self.page.goto(f"{self.server.base}/{where}/{self.path}?reset&token={self.server.token}")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.ready()

    def ready(self) -> None:
        """Wait until the kernel is there and idle."""
        self.page.wait_for_function(_READY, timeout=60_000)

    def reload(self) -> None:
        """What F5 does."""
        self.page.reload()
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.ready()

    def close(self) -> None:
        """Close it unsaved, and leave the application as it is."""
        self.page.evaluate(_CLOSE)

    def end(self) -> None:
        """Shut the kernel down, so that no test waits for the kernels of others."""
        for session in self.server.get("api/sessions"):
            if session["path"] == self.path:
                self.server.get(f"api/sessions/{session['id']}", method="DELETE")

    # What its user does

    def command(self, name: str, wait: bool = True) -> None:
        """A command by its id."""
        call = f"window.jupyterapp.commands.execute({json.dumps(name)})"
        self.page.evaluate(f"async () => {{ {'await ' if wait else ''}{call}; }}")

    def button(self) -> None:
        """The button in the toolbar."""
        item = self.page.locator(".jp-NotebookPanel-toolbar [data-jp-item-name=timeslip]")
        item.locator("jp-button, button").first.click()

    def start(self) -> None:
        """The same, and wait until it records."""
        self.button()
        self.page.wait_for_selector(".timeslip-Panel")
        self.page.wait_for_selector(".timeslip-Status[data-activity=idle]")

    def run(self, code: str, wait: bool = True) -> None:
        """A new cell at the end, and run it."""
        count = self.rows.count() if wait and self.recorded else 0
        self.page.evaluate(_RUN, [code, wait])
        if wait and self.recorded:
            self.until(lambda: self.rows.count() > count)

    @property
    def recorded(self) -> bool:
        return bool(self.page.locator(".timeslip-Panel").count())

    def click(self, action: str) -> None:
        """A button of the panel."""
        self.page.locator(f".timeslip-HistoryPanel [data-action={action}]").first.click()

    def pick(self, count: int, *, also: bool = False) -> None:
        """Select the row of In[count]."""
        self.row(count).click(modifiers=["Control"] if also else [])

    def choose(self, what: str) -> None:
        """Whether variables, cells or both go to the state."""
        self.page.locator(f".timeslip-Choice label:has(input[value={what}])").click()

    def activate(self, at: int) -> None:
        """Make a cell the active one."""
        self.page.evaluate(f"() => {{ {_SHOWN}.content.activeCellIndex = {at}; }}")

    def edit(self, at: int, text: str) -> None:
        """Another text for a cell."""
        self.page.evaluate(f"text => {_SHOWN}.content.model.sharedModel.cells[{at}].setSource(text)", text)

    def add(self, text: str) -> None:
        """A cell at the end, which is not run."""
        call = f"{_SHOWN}.content.model.sharedModel"
        cell = "{cell_type: 'code', source: text, metadata: {}}"
        self.page.evaluate(f"text => {{ {call}.insertCell({call}.cells.length, {cell}); }}", text)

    def run_cell(self, at: int) -> None:
        """Run a cell that is there."""
        self.activate(at)
        self.command("notebook:run-cell")

    def undo_cells(self) -> None:
        """Edit > Undo Cell Operation."""
        self.command("notebook:undo-cell-action")

    def rename(self, name: str) -> None:
        """Give the file another name."""
        self.page.evaluate(f"async name => {{ await {_SHOWN}.context.rename(name); }}", name)
        self.path = name

    def show(self) -> None:
        """The panel, whether it is there already or not."""
        self.page.evaluate("() => window.jupyterapp.shell.activateById('timeslip-history')")

    def restart_from_menu(self) -> None:
        """Kernel > Restart Kernel…, and the question that JupyterLab asks."""
        self.command("notebook:restart-kernel", wait=False)
        self.page.wait_for_selector(".jp-Dialog")
        self.accept()

    def theme(self, name: str) -> None:
        """Settings > Theme."""
        self.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name)
        self.page.wait_for_selector(f"body[data-jp-theme-name='{name}']", state="attached")

    def change_kernel(self, name: str) -> None:
        """Kernel > Change Kernel…"""
        self.page.evaluate(f"async name => {{ await {_SHOWN}.sessionContext.changeKernel({{name}}); }}", name)
        self.ready()

    def menu(self, *path: str) -> dict[str, bool]:
        """Open a menu of the menu bar, and those in it; what is in the last one, and whether it can be chosen."""
        self.page.locator(f'.lm-MenuBar-item >> text="{path[0]}"').click()
        for name in path[1:]:
            self.page.locator(f'.lm-Menu-item >> text="{name}"').last.click()
        self.page.locator(".lm-Menu").nth(len(path) - 1).wait_for()
        items = self.page.locator(".lm-Menu").last.locator(".lm-Menu-item[data-type=command]").all()
        found = {
            item.locator(".lm-Menu-itemLabel").inner_text(): "lm-mod-disabled" not in item.get_attribute("class")
            for item in items
        }
        for _ in path:
            self.page.keyboard.press("Escape")
        return found

    def palette(self, words: str) -> None:
        """Type *words* into the command palette, and take what it finds first."""
        self.page.keyboard.press("Control+Shift+c")
        self.page.locator(".lm-CommandPalette-input:visible").fill(words)
        self.page.locator(".lm-CommandPalette-item.lm-mod-active", has_text=words).wait_for()
        self.page.keyboard.press("Enter")

    def shut_down(self) -> None:
        """Kernel > Shut Down Kernel."""
        self.page.evaluate(f"async () => {{ await {_SHOWN}.sessionContext.shutdown(); }}")

    def hold(self) -> None:
        """Have all connections to kernels in the hand, so that they can be taken away."""
        self.page.route_web_socket(re.compile("/api/kernels/"), self._connected)

    def _connected(self, socket: Any) -> None:
        if self._away:
            socket.close(code=1011)
        else:
            socket.connect_to_server()
            self._sockets.append(socket)

    def disconnect(self) -> None:
        """Take the connections away. JupyterLab tries all the time to have them back."""
        self._away = True
        for socket in self._sockets:
            socket.close(code=1011)
        self._sockets = []

    def connect(self) -> None:
        """Give the connection back, and let JupyterLab try at once."""
        self._away = False
        self.page.evaluate(f"async () => {{ await {_SHOWN}.sessionContext.session.kernel.reconnect(); }}")

    def in_console(self, code: str) -> None:
        """File > New Console for Notebook, and run *code* there; the notebook is shown again after."""
        self.page.evaluate(_CONSOLE, code)

    def open_on_same_kernel(self, path: str) -> None:
        """Open another notebook, on the kernel of this one."""
        self.page.evaluate(_BESIDE, path)

    def reveal(self) -> None:
        """Its tab in the application, when another one is in front."""
        self.page.evaluate(_REVEAL, self.path)

    def restart(self) -> None:
        """Restart the kernel."""
        self.page.evaluate(f"async () => {{ await {_SHOWN}.sessionContext.session.kernel.restart(); }}")
        self.ready()

    def dismiss_dialogs(self) -> None:
        """Those of JupyterLab itself, such as that a kernel has died."""
        for _ in range(3):
            button = self.page.locator(".jp-Dialog .jp-mod-accept")
            if button.count():
                button.first.click()
                self.page.wait_for_timeout(200)

    def accept(self) -> None:
        """The dialog as it is."""
        self.page.locator(".jp-Dialog .jp-mod-accept").last.click()
        self.page.wait_for_selector(".jp-Dialog", state="detached")

    def type(self, text: str) -> None:
        """Into the dialog, and accept it."""
        field = self.page.locator(".jp-Dialog input").first
        field.fill(text)
        self.accept()

    # What its user sees

    @property
    def rows(self) -> Any:
        return self.page.locator(".timeslip-Row")

    def row(self, count: int) -> Any:
        """The newest row of In[count]."""
        return self.page.locator(f'.timeslip-Row[data-count="{count}"]').first

    @property
    def here(self) -> str:
        """Where the panel says that the session is."""
        return str(self.page.locator(".timeslip-Row.timeslip-mod-head .timeslip-Count").inner_text())

    def counts(self) -> list[int]:
        """The execution counts in the list, from the top."""
        return [int(row.get_attribute("data-count") or 0) for row in self.rows.all()]

    @property
    def busy(self) -> bool:
        """Whether a cell is running."""
        return bool(self.page.locator('.jp-InputPrompt >> text="[*]:"').count())

    def at(self, count: int) -> None:
        """Wait until the panel says that the session is at In[count]."""
        self.until(lambda: self.page.locator(f'.timeslip-mod-head[data-count="{count}"]').count() == 1)

    def marks(self) -> list[str]:
        """The mark of each cell: here, stale or nothing."""
        return list(
            self.page.evaluate(
                """() => [...document.querySelectorAll('.jp-Notebook .jp-Cell')]
                    .map(cell => cell.querySelector('.timeslip-CellMark')?.dataset.standing ?? '')"""
            )
        )

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).first.inner_text())

    def until(self, condition: Callable[[], bool], seconds: float = 15.0) -> None:
        """Wait until *condition* holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds:g} s"
            self.page.wait_for_timeout(50)

    def picture(self, name: str) -> Path:
        self._pictures.mkdir(parents=True, exist_ok=True)
        path = self._pictures / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    # What is true

    def ask(self, expression: str) -> str:
        """The repr of an expression in the kernel, asked without leaving a trace."""
        return str(self.page.evaluate(_ASK, expression))

    def state(self, count: int) -> dict[str, Any]:
        """The newest state of In[count], as it is recorded; nothing of it when there is none yet."""
        states = "__import__('timeslip.lab.states', fromlist=['page']).page"
        asked = f"[one for one in {states}({_VIEW})['states'] if one['count'] == {count}][:1]"
        found = ast.literal_eval(self.ask(asked))
        return dict(found[0]) if found else {"cells": False, "branch": None}

    def kept(self, count: int) -> list[str] | None:
        """What the cells kept with the newest state of In[count] have printed; None when none are kept with it."""
        found = self.state(count)
        if not found["cells"]:
            return None
        cells = "__import__('timeslip.lab.cells', fromlist=['cells']).cells"
        asked = f"""[''.join(one.get('text', '') for one in cell.get('outputs', ()))
            for cell in {cells}({_VIEW}, {found["id"]!r})['cells']['cells']]"""
        return list(ast.literal_eval(self.ask(asked.replace("\n", " "))))

    def cells(self) -> list[str]:
        """The sources of the cells."""
        return list(self.page.evaluate(_CELLS))
