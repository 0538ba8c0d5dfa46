from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.doors.shells import a_shell, run

from timeslip.errors import NamespaceError
from timeslip.ipython.namespace import IPythonNamespace


@pytest.fixture
def shell() -> Iterator[Any]:
    with a_shell() as made:
        yield made


def names(shell: Any) -> set[str]:
    return set(IPythonNamespace(shell).snapshot()) - {"_", "__", "___"}


def test_a_fresh_shell_has_no_state(shell: Any) -> None:
    assert IPythonNamespace(shell).snapshot() == {}


def test_what_is_state(shell: Any) -> None:
    run(shell, "x = [1]\n_mine = 2\n__also__ = 3", "x", "open = 4", "import os", "!true")
    assert names(shell) - {"_exit_code"} == {"x", "_mine", "__also__", "Out[2]", "open", "os"}
    state = IPythonNamespace(shell).snapshot()
    assert state["Out[2]"] is state["x"] is state["_"]


def test_numbered_outputs(shell: Any) -> None:
    namespace = IPythonNamespace(shell)
    run(shell, "[1]", "_1 = 5", "[2]")
    assert set(namespace.snapshot()) - {"_", "__", "___"} == {"Out[1]", "_1", "Out[3]"}
    run(shell, "del Out[3]")
    assert set(namespace.snapshot()) - {"_", "__", "___"} == {"Out[1]", "_1", "_3"}


def test_names_that_no_code_can_write(shell: Any) -> None:
    run(shell, "globals()[1] = 2\nx = 1")
    assert names(shell) == {"x"}


def test_what_ipython_pushes_as_hidden_is_not_state(shell: Any) -> None:
    shell.push({"helper": 1}, interactive=False)
    shell.push({"given": 1})
    assert names(shell) == {"given"}
    run(shell, "helper = 2")
    assert names(shell) == {"given", "helper"}


def test_apply(shell: Any) -> None:
    run(shell, "x = [1]\ny = 2\nx", "_1 = 'mine'", "'second'")
    namespace = IPythonNamespace(shell)
    before = shell.user_ns
    namespace.apply({"x": 9, "Out[3]": "other", "_": "under", "Out[7]": "far"}, ["y", "Out[1]", "nothing"])
    assert shell.user_ns is before
    assert namespace.globals["x"] == 9
    assert "y" not in namespace.globals
    assert shell.user_ns["Out"] == {3: "other", 7: "far"}
    assert namespace.globals["_1"] == "mine", "the user's own name stays"
    assert namespace.globals["_3"] == "other"
    assert namespace.globals["_7"] == "far"
    assert shell.displayhook._ == "under"
    assert names(shell) == {"x", "_1", "Out[3]", "Out[7]"}


def test_a_dropped_alias_of_an_output_is_the_output_again(shell: Any) -> None:
    run(shell, "[1]", "_1 = 'mine'")
    namespace = IPythonNamespace(shell)
    namespace.apply({}, ["_1"])
    assert shell.user_ns["_1"] is shell.user_ns["Out"][1]
    assert names(shell) == {"Out[1]"}
    namespace.apply({}, ["Out[1]"])
    assert "_1" not in shell.user_ns
    assert names(shell) == set()


def test_the_display_hook_goes_on_from_what_was_restored(shell: Any) -> None:
    run(shell, "'a'", "'b'")
    IPythonNamespace(shell).apply({"_": "a", "__": "", "Out[1]": "a"}, ["Out[2]"])
    run(shell, "'c'")
    assert (shell.user_ns["_"], shell.user_ns["__"], shell.user_ns["___"]) == ("c", "a", "")


def test_no_output_yet_is_no_state(shell: Any) -> None:
    namespace = IPythonNamespace(shell)
    run(shell, "'a'")
    assert set(namespace.snapshot()) == {"_", "Out[1]"}
    namespace.apply({}, ["_", "Out[1]"])
    assert namespace.snapshot() == {}
    run(shell, "'b'", "'c'")
    assert (shell.user_ns["_"], shell.user_ns["__"], shell.user_ns["___"]) == ("c", "b", "")


def test_apply_and_snapshot_are_inverse(shell: Any) -> None:
    run(shell, "x = [1]\nx", "_mine = x", "_")
    namespace = IPythonNamespace(shell)
    state = namespace.snapshot()
    run(shell, "x = 2\ndel _mine\n_1 = 5", "'more'", "del Out[1]")
    now = namespace.snapshot()
    namespace.apply(state, [key for key in now if key not in state])
    again = namespace.snapshot()
    assert {key: id(value) for key, value in again.items()} == {key: id(value) for key, value in state.items()}


def test_execute_is_silent_and_awaits(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    namespace = IPythonNamespace(shell)
    code = namespace.transform("import asyncio\nprint('noise')\ndisplay('more')\nawait asyncio.sleep(0)\n%time y = 5")
    namespace.execute(code)
    assert namespace.globals["y"] == 5
    assert capsys.readouterr().out == ""
    with pytest.raises(ZeroDivisionError):
        namespace.execute("1/0")


def test_two_dicts_cannot_be_recorded(shell: Any) -> None:
    shell.user_ns = {"x": 1}
    with pytest.raises(NamespaceError):
        IPythonNamespace(shell)


def test_snapshot_is_fast(shell: Any) -> None:
    shell.user_ns.update({f"name_{i}": i for i in range(20_000)})
    namespace = IPythonNamespace(shell)
    best = min(_timed(namespace.snapshot) for _ in range(20))
    assert best / 20_000 < 0.2e-6, "twice the promise, for busy machines"


def _timed(call: Any) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
