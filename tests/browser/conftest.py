"""A real Jupyter server, a real Chromium, and kernels of their own: what the browser tests need."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.browser.pages import Notebook
from tests.browser.server import Server

import front_end

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


VIEW = {"width": 1280, "height": 860}


def chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("TIMESLIP_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def why_not() -> str | None:
    """Why no browser test can run here, or None."""
    for module in ("playwright", "jupyterlab", "notebook"):
        try:
            __import__(module)
        except ImportError:
            return f"{module} is not installed (`pip install --group browser`, or `.ci/run`)"
    if chromium() is None:
        return "there is no Chromium"
    return None if front_end.is_current() else "the front end is not built (`make lab` builds it)"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def server(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture(scope="session")
def server7(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Notebook 7 instead of JupyterLab."""
    with Server(tmp_path_factory.mktemp("notebook"), application="notebook") as started:
        yield started


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test that failed leaves a picture of what its user would have seen."""
    report = yield
    pages = getattr(item, "timeslip_pages", [])
    if report.when == "call" and report.failed:
        for number, notebook in enumerate(pages):
            notebook.picture(f"{item.name}-{number}")
            report.sections.append(("console", "\n".join(notebook.console[-20:])))
    return report


class Opener:
    """Opens notebooks, in one tab that all tests of a server share, or in tabs of their own."""

    _shared: ClassVar[dict[str, Any]] = {}
    """The tab of each server: loading the application takes longer than most tests."""

    def __init__(self, request: pytest.FixtureRequest, browser: Any) -> None:
        self._browser = browser
        self._contexts: list[Any] = []
        self._notebooks: list[Notebook] = []
        self._name = request.node.name.replace("[", "-").replace("]", "")
        request.node.timeslip_pages = self._notebooks

    def __call__(
        self, server: Server, name: str | None = None, *, kernel: str = "python3", tab: str = "shared"
    ) -> Notebook:
        """Open a notebook that has one empty cell.

        Args:
            server: where.
            name: of the file; by default that of the test.
            kernel: its kernel.
            tab: ``shared``, ``own`` (another person's browser), ``held`` (the same; the test can take its
                connections to kernels away), or ``beside`` (another tab of the last one).
        """
        path = f"{name or self._name}.ipynb"
        if not (server.folder / path).exists():
            server.write(path, kernel=kernel)
        within = tab == "shared" and server.application == "lab"
        page = self._page(server, tab) if within else self._new(tab)
        notebook = Notebook(server, page, path, pictures=Path(os.environ.get("TIMESLIP_PICTURES", server.top)))
        self._notebooks.append(notebook)
        if tab == "held":
            notebook.hold()
        notebook.open(within=within and page.url != "about:blank")
        return notebook

    def _page(self, server: Server, tab: str) -> Any:
        page = self._shared.get(server.base)
        if page is None or page.is_closed():
            context = self._browser.new_context(reduced_motion="reduce", viewport=VIEW)
            page = self._shared[server.base] = context.new_page()
        return page

    def _new(self, tab: str) -> Any:
        if tab != "beside":
            self._contexts.append(self._browser.new_context(reduced_motion="reduce", viewport=VIEW))
        return self._contexts[-1].new_page()

    def close(self) -> None:
        for notebook in self._notebooks:
            notebook.end()
            if notebook.page in self._shared.values():
                notebook.close()
        for context in self._contexts:
            context.close()


@pytest.fixture
def opened(request: pytest.FixtureRequest, browser: Any) -> Iterator[Opener]:
    opener = Opener(request, browser)
    yield opener
    opener.close()
