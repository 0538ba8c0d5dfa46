"""A name more or a name less for an object is no reason to load it: the very object stays."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.test_cases import Sessions, _quiet, sessions

__all__ = ["_quiet", "sessions"]  # the fixtures

KEPT: dict[str, tuple[list[str], str, tuple[str, ...]]] = {
    "a second name": (["x = [1]"], "y = x", ("x",)),
    "a second name for what has two": (["x = [1]; y = x"], "z = y", ("x", "y")),
    "an item": (["x = [1]"], "d = {'k': x}", ("x",)),
    "two that share are taken in": (["x = [1]; y = {'k': x}"], "z = [y]", ("x", "y")),
    "two apart are joined": (["x = [1]", "y = [2]"], "z = [x, y]", ("x", "y")),
    "a name less": (["x = [1]; y = x"], "del y", ("x", "y")),
    "the first name less": (["x = [1]; y = x"], "del x", ("x", "y")),
    "a name for something else": (["x = [1]; y = x"], "y = 3", ("x", "y")),
    "another name in its place": (["x = [1]; y = x"], "z = x; del x", ("x", "y")),
    "a name of another one": (["x = [1]; y = [2]"], "y = x", ("x",)),
    "beside a change": (["x = [1]; n = [0]"], "y = x; n.append(1)", ("x",)),
    "of a frame": (["import pandas as pd; x = pd.DataFrame({'a': [1, 2]})"], "y = x", ("x",)),
    "of a class's instance": (["class A: pass\nx = A()"], "y = x", ("x", "A")),
    "of a part of a frame": (
        ["import pandas as pd; x = pd.DataFrame({'a': [1, 2]}); y = [x]"],
        "z = x.columns",
        ("x", "y"),
    ),
    "a generator holds it": (["x = [1, 2]; g = (v for v in x)"], "y = x", ("x", "g")),
}

BY_NAME = frozenset(
    {"a second name", "a second name for what has two", "a name less", "the first name less", "of a frame"}
)
"""Those whose run makes nothing but names of what is there, so that redo leaves the object, too."""


@pytest.mark.parametrize("name", KEPT)
def test_undo_and_redo_of_a_name_leave_the_object(name: str, sessions: Sessions) -> None:
    if "frame" in name:
        pytest.importorskip("pandas")
    cells, last, kept = KEPT[name]
    live = sessions.attach()
    live.run(*cells)
    before = dict(live.namespace)
    live.run(last)
    result = live.session.undo()
    assert {key for key in before if live.namespace[key] is not before[key]} <= before.keys() - set(kept)
    assert set(live.namespace) == set(before)
    assert all(result.fidelity[key] == "exact" for key in kept)
    if name in BY_NAME:
        live.session.redo()
        assert all(live.namespace[key] is before[key] for key in kept if key in live.namespace)


def test_undo_over_many_steps_leaves_the_object(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("x = [1]")
    x = live["x"]
    live.run("a = x", "b = x", "a = 0", "n = 1", "del b", "a = x", "c = [x]")
    for _ in range(7):
        live.session.undo()
    assert live["x"] is x
    live.session.redo(3)
    assert (live["x"] is x, live["b"] is x, live["a"]) == (True, True, 0)


DIFFERENT: dict[str, tuple[list[str], int, str]] = {
    "changed by another name": (["x = [1]", "y = x", "y.append(2)"], 1, "x == [1] and y is x"),
    "changed by another name, all undone": (["x = [1]", "y = x", "y.append(2)"], 2, "x == [1]"),
    "changed in the same run": (["x = [1]", "y = x; y.append(2)"], 1, "x == [1]"),
    "changed and changed back": (["x = [1]", "y = x; x[0] = 2", "y[0] = 1", "z = y"], 3, "x == [1]"),
    "an equal one inside": (
        ["s = [1]; a = [s]; b = [s]", "c = [a, b]", "a[0] = [1]"],
        1,
        "a[0] is b[0] is c[0][0] is s",
    ),
    "an equal one inside, all undone": (
        ["s = [1]; a = [s]; b = [s]", "c = [a, b]", "a[0] = [1]"],
        2,
        "a[0] is b[0] is s",
    ),
    "an equal one inside in the run that joins": (
        ["s = [1]; a = [s]; b = [s]", "c = [a, b]; a[0] = [1]"],
        1,
        "a[0] is b[0] is s",
    ),
    "an equal one by a name": (["x = [1]", "y = x", "x = [1]"], 1, "x is y"),
    "equal ones exchanged": (["x = [1]; y = [1]; z = [x]", "x, y = y, x"], 1, "z[0] is x and x is not y"),
    "a name that went to another and back": (["x = [1]; y = [2]", "y = x", "y = [2]"], 2, "y == [2] and x == [1]"),
    "an equal part of another": (["a = [[1]]; b = [[1]]", "b[0] = a[0]"], 1, "a[0] is not b[0]"),
    "an equal part of another, beside a name": (["a = [[1]]; b = [[1]]", "b[0] = a[0]; c = 5"], 1, "a[0] is not b[0]"),
    "an equal part of another, a name less": (
        ["a = [[1]]; b = c = [[1]]", "b[0] = a[0]; del c"],
        1,
        "a[0] is not b[0] and b is c",
    ),
    "an equal part of another, by a function": (
        ["a = [[1]]; b = [[1]]\ndef share(p, q): q[0] = p[0]", "share(a, b)"],
        1,
        "a[0] is not b[0]",
    ),
    "an equal part of another, when both live on": (
        ["a = [[1]]; b = [[1]]", "c = [a, b]", "b[0] = a[0]"],
        2,
        "a[0] is not b[0]",
    ),
    "an equal value of an attribute": (
        ["class N: pass\na = N(); a.v = [1]; b = N(); b.v = [1]", "b.v = a.v"],
        1,
        "a.v is not b.v",
    ),
    "an equal value in the place of a named one": (
        ["a = {'x': 1}; b = {'p': {'x': 1}}", "b['p'] = a"],
        1,
        "a is not b['p']",
    ),
    "an equal array in a list": (
        ["import numpy as np; a = [np.zeros(3)]; b = [np.zeros(3)]", "b[0] = a[0]"],
        1,
        "a[0] is not b[0]",
    ),
    "an equal object in an array": (
        ["import numpy as np; a = [1]; b = np.empty(1, object); b[0] = [1]", "b[0] = a"],
        1,
        "a is not b[0]",
    ),
    "part of another": (["x = {'k': [1]}; y = x['k']", "y = x", "y['k'] = 5"], 2, "x['k'] is y == [1]"),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_did_change_comes_back(name: str, sessions: Sessions) -> None:
    cells, steps, probe = DIFFERENT[name]
    if probe.endswith("is y == [1]"):
        probe = "x['k'] is y and y == [1]"
    if "numpy" in cells[0]:
        pytest.importorskip("numpy")
    live = sessions.attach()
    live.run(*cells)
    live.session.undo(steps)
    assert eval(probe, live.namespace), {key: live[key] for key in ("x", "y", "a", "b") if key in live.namespace}


NAMES = ("a", "b", "c")
CELLS = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.builds("{} = [{}]".format, st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.builds("{} = [0]".format, st.sampled_from(NAMES)),
    st.builds("{}.append(0)".format, st.sampled_from(NAMES)),
    st.builds("{0}.append(list({0}.pop()) if {0} and type({0}[-1]) is list else 0)".format, st.sampled_from(NAMES)),
    st.builds("{0}[-1:] = {1}[-1:]".format, st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.builds("{} = [[0]]".format, st.sampled_from(NAMES)),
    st.builds("{} = list({})".format, st.sampled_from(NAMES), st.sampled_from(NAMES)),
)


def _picture(values: list[object]) -> str:
    """Lists in lists, with a number for each one."""
    seen: dict[int, int] = {}

    def tell(value: object) -> str:
        if not isinstance(value, list):
            return repr(value)
        known = id(value) in seen
        number = seen.setdefault(id(value), len(seen))
        return f"#{number}" if known else f"{number}[{', '.join(map(tell, value))}]"

    return "; ".join(map(tell, values))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(CELLS, min_size=2, max_size=8), moves=st.lists(st.integers(0, 8), max_size=5))
def test_names_of_lists_of_lists_are_what_they_were(cells: list[str], moves: list[int], sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("a = [1]; b = [2]; c = [a]")
    pictures = [_picture([live[name] for name in NAMES])]
    commits = [live.session.head]
    for cell in cells:
        if cell.startswith(("a = [a]", "b = [b]", "c = [c]")) and cell[0] == cell[5]:
            continue
        live.run(cell)
        pictures.append(_picture([live[name] for name in NAMES]))
        commits.append(live.session.head)
    for move in moves:
        step = move % len(commits)
        live.session.checkout(str(commits[step]))
        assert _picture([live[name] for name in NAMES]) == pictures[step]


def test_what_a_function_joined_is_as_it_was_when_the_function_is_undone(sessions: Sessions) -> None:
    """The function may live on: something outside holds it."""
    session = sessions.attach().session
    session.run("a = [1, 2]; b = a; c = {'k': a}")
    session.run("def hold(x): return lambda: x\nget = hold(a)")
    held = session.namespace["get"]
    session.undo()
    count = len(session.log(all=True))
    session.redo()
    session.undo()
    assert len(session.log(all=True)) == count, "nothing had changed that would have to be recorded"
    assert not session.verify().changed
    assert held() == [1, 2]
