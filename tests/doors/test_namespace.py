from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.calls import calls_of
from tests.doors.shells import a_shell, run

from timeslip.errors import NamespaceError
from timeslip.ipython import extension
from timeslip.ipython import namespace as module
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


def test_a_snapshot_calls_nothing_for_each_name(shell: Any) -> None:
    namespace, counts = IPythonNamespace(shell), []
    for many in (200, 20_000):
        shell.user_ns.update({f"name_{i}": i for i in range(many)})
        namespace.snapshot()
        counts.append(calls_of(namespace.snapshot))
    assert counts[0] == counts[1]


def by_the_rules(shell: Any, seen: set[int]) -> dict[str, Any]:
    """What is state, going through everything; *seen* are the outputs that there were."""
    names, hidden, outputs = shell.user_ns, shell.user_ns_hidden, shell.user_ns["_oh"]
    seen.update(outputs)
    state = {}
    for name, value in names.items():
        if type(name) is not str:
            continue
        is_hidden = name in hidden and hidden[name] is value
        number = int(name[1:]) if re.fullmatch(r"_\d+", name) else None
        if number in outputs:
            is_hidden = is_hidden or value is outputs[number]
        elif number in seen:
            is_hidden = False
        if not is_hidden and name not in ("_i", "_ii", "_iii", "_", "__", "___"):
            state[name] = value
    return state | {f"Out[{number}]": value for number, value in outputs.items()}


@pytest.mark.parametrize("seed", range(40))
def test_what_is_set_aside_is_found_when_it_is_state(seed: int) -> None:
    """Any order of cells, outputs, deletions and names bound again, against the rules taken word by word."""
    draw = random.Random(seed)
    names: dict[str, Any] = {"_oh": {}, "In": [], "x": 1}
    shell = SimpleNamespace(
        user_ns=names, user_global_ns=names, user_ns_hidden={"_oh": names["_oh"], "In": names["In"]}
    )
    namespace, seen, outputs, hidden = IPythonNamespace(shell), set[int](), names["_oh"], shell.user_ns_hidden
    for count in range(1, 60):
        put = {f"_i{count}": f"cell {count}"}
        names.update(put)
        hidden.update(put)
        if draw.random() < 0.5:
            value = outputs[count] = object()
            names[f"_{count}"] = hidden[f"_{count}"] = value
        for _ in range(draw.randrange(3)):
            number = draw.randint(1, count)
            name = draw.choice(
                [f"_i{number}", f"_{number}", f"n{number}", "x", "In", f"_{count + 3}", f"_i{count + 2}"]
            )
            deed = draw.random()
            if deed < 0.4:
                names[name] = draw.choice([object(), outputs.get(number), hidden.get(name, 5)])
            elif deed < 0.6:
                names.pop(name, None)
            elif deed < 0.7:
                outputs.pop(number, None)
            elif deed < 0.75:
                outputs[number] = object()
            elif deed < 0.8:
                hidden.pop(name, None)
            elif deed < 0.85 and not seed % 4:
                names[draw.choice([7, (1,)])] = 1  # no code can write it: it is no state, and stays
        state = namespace.snapshot()
        expected = by_the_rules(shell, seen)
        assert {key: id(value) for key, value in state.items()} == {key: id(value) for key, value in expected.items()}


def test_many_cells_and_outputs_are_not_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {"_oh": {}, "x": 1}
    shell = SimpleNamespace(user_ns=names, user_global_ns=names, user_ns_hidden={"_oh": names["_oh"]})
    namespace = IPythonNamespace(shell)
    for count in range(1, 3001):
        value = names["_oh"][count] = [count]
        names[f"_i{count}"] = shell.user_ns_hidden[f"_i{count}"] = str(count)
        names[f"_{count}"] = shell.user_ns_hidden[f"_{count}"] = value
    assert len(namespace.snapshot()) == 3001
    monkeypatch.setattr(module, "_LEFT_BEHIND", None)  # nothing is sorted a second time
    names["y"] = 2
    assert len(namespace.snapshot()) == 3002
    del names["x"]
    names["_7"] = "mine"
    assert len(namespace.snapshot()) == 3002
    monkeypatch.undo()
    names["_i7"] = "mine"
    names["In"] = ["", "_i7 = 'mine'"]
    assert namespace.snapshot()["_i7"] == "mine", "what the user binds to a name of the log is state"
    names["_i2500"] = "mine too"
    found = [namespace.snapshot() for _ in range(3000 // module._IN_TURN + 1)]
    assert "_i2500" in found[-1], "also when no cell names it, be it later"
    del names["_i7"]
    assert "_i7" not in namespace.snapshot()


def test_undo_of_a_cleared_namespace_leaves_a_working_shell(tmp_path: Path) -> None:
    with a_shell(min_free_bytes=0) as shell:
        extension.attach_shell(shell, store=tmp_path, name="s")
        try:
            run(shell, "x = 1", "1 + 1", "globals().clear()", "%undo")
            result = run(shell, "(x + 1, In[1], Out[2], __name__, get_ipython() is not None)")
            assert result.result == (2, "x = 1", 2, "__main__", True)
        finally:
            extension.unload(shell)


REBOUND = ("__name__", "__doc__", "__spec__", "exit", "open", "In", "Out", "_dh", "display", "helper")


def test_what_ipython_put_there_is_its_own_again(tmp_path: Path) -> None:
    with a_shell(min_free_bytes=0) as shell:
        shell.push({"helper": [1]}, interactive=False)
        extension.attach_shell(shell, store=tmp_path, name="s")
        try:
            before = {name: shell.user_ns.get(name) for name in REBOUND}
            history = shell.user_ns["In"]
            run(shell, "x = 1", "; ".join(f"{name} = 'mine'" for name in REBOUND))
            run(shell, "get_ipython = lambda it=get_ipython: it()", "%undo 2")
            assert shell.user_ns["get_ipython"] == shell.get_ipython
            assert all(shell.user_ns.get(name) is value for name, value in before.items())
            assert run(shell, "class A: pass\nA.__module__, In is not None").result == ("__main__", True)
            assert shell.user_ns["In"] is history
            run(shell, "%undo 2", "%redo 2", "__name__ = 'other'; y = 2", "%reset -f", "%undo")
            assert (shell.user_ns["__name__"], shell.user_ns["y"]) == ("other", 2)
            assert shell.user_ns["__doc__"] is before["__doc__"], "%reset has taken it"
            run(shell, "%undo")
            assert shell.user_ns["__name__"] == "__main__"
        finally:
            extension.unload(shell)
