"""What all tests share: sections, a time limit per test, and a store of their own."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, FunctionType, ModuleType

import pytest
from tests.sections import HERE, section_of

from timeslip.store import database

TIME_LIMIT = 120.0
"""Seconds a test may take without a `time_limit` marker."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(section_of(item.path))
        if item.get_closest_marker("slow") and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run with --slow (`make soak`)"))


_MANY_MODULES = 50
"""From so many modules that a test has brought in, what they hold is worth setting aside."""

_modules_aside = 0


def set_aside_what_stays() -> None:
    """What is there now stays: collecting garbage need not go through it each time.

    Restores and tests collect it often, and with a few libraries loaded that takes longer than most tests.
    """
    global _modules_aside
    gc.collect()
    gc.freeze()
    _modules_aside = len(sys.modules)


_files: dict[str, ModuleType] = {}
"""The modules of all test files, by name: each is loaded, for sessions to see, while its tests run."""


def pytest_collection_finish() -> None:
    """Modules of the user's are looked at by each travel: hundreds of test files would be taken for such."""
    for name, module in list(sys.modules.items()):
        path = Path(str(getattr(module, "__dict__", {}).get("__file__")))
        if path.name.startswith("test_") and HERE in path.parents:
            _files[name] = module
    for name in _files:
        del sys.modules[name]
    set_aside_what_stays()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """While a test runs its file is loaded, and the files of what it has from other tests."""
    own = vars(item.module) if isinstance(item, pytest.Function) else {}
    of_others = {value.__module__ for value in own.values() if isinstance(value, (type, FunctionType))}
    names = [name for name in {own.get("__name__", ""), *of_others} if name in _files]
    sys.modules.update((name, _files[name]) for name in names)
    try:
        return (yield)
    finally:
        for name in names:
            sys.modules.pop(name, None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Libraries that a test was the first to import stay for all that follow; what the test itself made has gone."""
    try:
        return (yield)
    finally:
        if len(sys.modules) >= _modules_aside + _MANY_MODULES:
            set_aside_what_stays()


class TimeLimitExceeded(BaseException):
    """Not an `Exception`, so that code under test that catches everything does not catch this."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """End a test that hangs, with its own traceback (the alarm interrupts the main thread)."""
    marker = item.get_closest_marker("time_limit")
    seconds = float(marker.args[0]) if marker else TIME_LIMIT
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        return (yield)  # the faulthandler timeout of pyproject.toml is the backstop there

    def on_alarm(_signum: int, _frame: FrameType | None) -> None:
        raise TimeLimitExceeded(f"{item.nodeid} took longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return (yield)
    except TimeLimitExceeded as late:
        raise pytest.fail.Exception(str(late)) from late
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """No test reads or writes the store, the key or the configuration of the person who runs it, or leaves one open.

    A connection that is left to the collector is complained about while some other test runs.
    """
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "JPY_SESSION_NAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TIMESLIP_HOME", str(home / "store"))
    monkeypatch.setenv("TIMESLIP_KEY_FILE", str(home / "key"))
    monkeypatch.setenv("IPYTHONDIR", str(home / "ipython"))
    monkeypatch.setenv("MPLBACKEND", os.environ.get("MPLBACKEND", "agg"))
    before = set(map(id, database._open))  # of fixtures for more than one test
    yield home
    left = [held for held in list(database._open) if held._connection is not None and id(held) not in before]
    for held in left:
        held.close()
    assert not left, f"left open: {[str(held.path) for held in left]}"


def pytest_configure(config: pytest.Config) -> None:
    """Choose the hypothesis profile: `quick` while writing, `test` by default, `soak` for hours."""
    from hypothesis import HealthCheck, settings

    shared = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}
    settings.register_profile("quick", max_examples=10, **shared)
    settings.register_profile("test", max_examples=60, **shared)
    settings.register_profile("soak", max_examples=5000, **shared)
    settings.load_profile(os.environ.get("TIMESLIP_TEST_PROFILE", "test"))
