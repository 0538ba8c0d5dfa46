"""The fence: what would touch the outside raises before it happens, everything else goes on as ever."""

from __future__ import annotations

import _thread
import gc
import os
import queue
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from timeslip.state.fence import OutsideReached, fence, lifted, load_fence

STOPPED = [
    "open('made', 'w')",
    "open('there')",
    "open('there', 'r+')",
    "import os; os.open('made', os.O_CREAT)",
    "import os; os.remove('there')",
    "import os; os.rename('there', 'made')",
    "import os; os.mkdir('made')",
    "import os; os.listdir('.')",
    "import os; list(os.scandir('.'))",
    "import os; os.chdir('/')",
    "import os; os.environ['TIMESLIP_TEST'] = '1'",
    "import os; os.system('true')",
    "import os; os.kill(os.getpid(), 0)",
    "import pathlib; pathlib.Path('made').write_text('x')",
    "import pathlib; list(pathlib.Path('.').glob('*'))",
    "import shutil; shutil.copy('there', 'made')",
    "import tempfile; tempfile.mkdtemp()",
    "import subprocess; subprocess.run(['true'])",
    "import socket; socket.socket()",
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')",
    "import sqlite3; sqlite3.connect('made')",
    "import logging; logging.FileHandler('made')",
    "import gc; gc.get_objects()",
    "import ctypes; ctypes.CDLL('libnothing.so')",
    "import sys; sys.settrace(None)",
    "import mmap, os; mmap.mmap(os.dup(0), 1)",
    "try: open('made', 'w')\nexcept Exception: pass",
    "try: open('made', 'w')\nexcept BaseException: pass",
    "list(map(open, ['there']))",
    "class D:\n    def __del__(self): open('made', 'w')\nD()",
]
PASSED = [
    "x = sorted([3, 1]); y = {i: str(i) for i in range(100)}; print(y)",
    "import json.tool, wave, colorsys, xml.dom.minidom",
    "import zoneinfo; zoneinfo.ZoneInfo('Europe/Berlin')",
    "import os; open(os.devnull).close(); open(os.__file__).close()",
    "import inspect, json; inspect.getsource(json)",
    "import linecache; linecache.getline('there', 1)",
    "import sqlite3, sys\nif sys.version_info >= (3, 11): sqlite3.connect(':memory:').close()",
    "import numpy as np, pandas as pd; pd.DataFrame({'a': np.arange(3)}).describe()",
    "import warnings; warnings.simplefilter('ignore'); warnings.warn('x')",
    "import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int = 1\nP()",
    "try: 1 / 0\nexcept Exception as e: import traceback; traceback.format_exc()",
]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "there").write_text("x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("code", STOPPED)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_stopped(code: str, place: Path) -> None:
    with fence() as wall:
        with suppress(OutsideReached):
            exec(code, {"__name__": "__main__"})
    assert wall.breach is not None
    assert os.getcwd() == str(place)
    assert sorted(path.name for path in place.iterdir()) == ["there"]
    assert "TIMESLIP_TEST" not in os.environ


@pytest.mark.parametrize("code", PASSED)
def test_passed(code: str) -> None:
    with fence() as wall:
        exec(code, {"__name__": "__main__"})
    assert wall.breach is None


def test_nothing_is_stopped_before_and_after(place: Path) -> None:
    with fence():
        pass
    (place / "made").write_text("x")
    subprocess.run([sys.executable, "-c", ""], check=True)
    sqlite3.connect(":memory:").close()


def test_other_threads_go_on(place: Path) -> None:
    """Threads that were there before are not the cell's."""
    begin, done = threading.Event(), threading.Event()

    def write() -> None:
        begin.wait(10)
        (place / "made").write_text("x")
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    with fence() as wall:
        begin.set()
        assert done.wait(10)
    thread.join()
    assert wall.breach is None
    assert (place / "made").exists()


class Writer:
    """Writes a file in threads, and says what came of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.begin = threading.Event()
        self.outcomes: queue.Queue[BaseException | None] = queue.Queue()

    def __call__(self) -> None:
        """Write at once."""
        try:
            (self.folder / "made").write_text("x")
        except BaseException as error:
            self.outcomes.put(error)
        else:
            self.outcomes.put(None)

    def later(self) -> None:
        """Write when told to."""
        self.begin.wait(60)
        self()

    def others(self) -> None:
        """Write in a thread that this one starts when told to."""
        self.begin.wait(60)
        threading.Thread(target=self).start()

    def outcome(self) -> BaseException | None:
        """What stopped the next write, None where nothing did."""
        return self.outcomes.get(timeout=60)


def test_threads_of_the_user_that_nobody_lists_go_on(place: Path) -> None:
    writer = Writer(place)
    _thread.start_new_thread(writer.later, ())
    with load_fence() as wall:
        writer.begin.set()
        assert writer.outcome() is None
    assert wall.breach is None


def test_threads_that_threads_of_the_user_start_meanwhile_go_on(place: Path) -> None:
    writer = Writer(place)
    threading.Thread(target=writer.others).start()
    with load_fence() as wall:
        writer.begin.set()
        assert writer.outcome() is None
    assert wall.breach is None


def test_a_thread_of_the_user_without_code_of_its_own_goes_on(place: Path) -> None:
    writer = Writer(place)
    threading.Thread(target=writer.begin.wait).start()
    with load_fence() as wall:
        _thread.start_new_thread(writer.begin.wait, ())
        threading.Thread(target=lambda: _thread.start_new_thread(time.sleep, (0.01,))).start()
        writer.begin.set()
    assert wall.breach is None


@pytest.mark.parametrize(
    "start", [lambda f: threading.Thread(target=f).start(), lambda f: _thread.start_new_thread(f, ())]
)
def test_threads_that_are_started_behind_the_fence_are_stopped(start: Callable[[Any], Any], place: Path) -> None:
    writer = Writer(place)
    with load_fence() as wall:
        start(writer.__call__)
        assert isinstance(writer.outcome(), OutsideReached)
        start(writer.others)  # and what these start
        writer.begin.set()
        assert isinstance(writer.outcome(), OutsideReached)
    assert wall.breach is not None
    assert not (place / "made").exists()


def test_the_fence_is_lifted_for_one_thread(place: Path) -> None:
    writer = Writer(place)
    with load_fence() as wall:
        threading.Thread(target=writer.later).start()
        with lifted():
            (place / "opened").write_text("x")
            writer.begin.set()
            assert isinstance(writer.outcome(), OutsideReached)
        with pytest.raises(OutsideReached):
            (place / "opened again").write_text("x")
    assert wall.breach is not None


def test_no_garbage_of_the_session_is_collected_meanwhile(place: Path) -> None:
    class Old:
        def __del__(self) -> None:
            (place / "made").write_text("x")

    assert gc.isenabled()
    with fence() as wall:
        old = Old()
        old.me = old  # type: ignore[attr-defined]
        del old
        many = [[] for _ in range(100_000)]
    assert len(many) == 100_000
    assert gc.isenabled()
    assert wall.breach is None
    gc.collect()
    assert (place / "made").exists()
