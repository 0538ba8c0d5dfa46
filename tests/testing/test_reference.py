# ruff: noqa: E501 - cells in one line each
"""The reference model is checked by hand: it is what everything else is compared with."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

from timeslip.testing.copies import copy_namespace
from timeslip.testing.graphs import compare_states
from timeslip.testing.links import linked_names
from timeslip.testing.reference import NotThereError, ReferenceHistory

Namespace = dict[str, Any]


def run(code: str) -> Namespace:
    namespace: Namespace = {"__name__": "__main__", "__builtins__": builtins}
    exec(compile(code, "<cell>", "exec", dont_inherit=True), namespace)
    return namespace


COPIED = [
    "x = [1, 2]; y = x; z = {'x': x, 's': {1, (2, 3)}}; n = float('nan'); m = n; b = bytes(3000); c = b; o = object(); p = o",
    "def make():\n    n = []\n    def add(v): n.append(v)\n    def get(): return n\n    return add, get\nadd, get = make(); add(1)",
    "class A:\n    items = []\n    def f(self): return self.items\nclass B(A):\n    __slots__ = ('z',)\nb = B(); b.z = [A, b]; m = b.f",
    "def f(x, acc=[]): acc.append(x)\nf(1); g = f; f.calls = [f]",
    "import numpy as np\na = np.arange(12.).reshape(3, 4); v = a[1:, ::2]; w = v[0]; t = a.T; o = np.array([[1], [2]], dtype=object)",
    "import pandas as pd\nd = pd.DataFrame({'a': [1, 2]}); e = d",
    "import functools\n@functools.lru_cache\ndef f(x): return x\np = functools.partial(f, [1])",
    "import logging\nl = logging.getLogger('x')\nx = [l]",
]  # fmt: skip


@pytest.mark.parametrize("code", COPIED)
def test_a_copy_is_isomorphic_and_shares_nothing_that_can_change(code: str) -> None:
    namespace = run(code)
    copied = copy_namespace(namespace)
    assert compare_states(namespace, copied) == []
    for name, value in namespace.items():
        if isinstance(value, (list, dict, type)) and name != "__builtins__":
            assert copied[name] is not value


def test_functions_of_a_copy_live_in_the_copy() -> None:
    namespace = run("x = 1\ndef f():\n    global x\n    x += 1\n    return x")
    copied = copy_namespace(namespace)
    assert copied["f"]() == 2
    assert (namespace["x"], copied["x"]) == (1, 2)


def test_instances_of_a_copy_belong_to_the_class_of_the_copy() -> None:
    copied = copy_namespace(run("class A: n = 0\na = A()"))
    copied["A"].n = 5
    assert copied["a"].n == 5


def test_a_view_of_a_copy_writes_into_the_copy() -> None:
    namespace = run("import numpy as np\na = np.zeros((2, 3)); v = a[:, 1]")
    copied = copy_namespace(namespace)
    copied["v"][:] = 7
    assert copied["a"].sum() == 14
    assert namespace["a"].sum() == 0


def test_what_cannot_be_copied_is_refused() -> None:
    with pytest.raises(TypeError, match="generator"):
        copy_namespace(run("g = (i for i in ())"))


def test_linked_names() -> None:
    namespace = run(
        "import numpy as np\na = [1]; b = {'a': a}; c = 3; d = 3; e = np.zeros(3); f = e[1:]\n"
        "class K: pass\nk = K(); l = [2]; s = 'x' * 3000; t = s"
    )
    groups = {frozenset(group) for group in linked_names(namespace)}
    wanted = ["ab", "c", "d", "ef", "Kk", "l", "st"]
    assert groups >= {frozenset(group) for group in wanted}


def test_undo_walks_over_steps_and_a_run_clears_redo() -> None:
    model = ReferenceHistory()
    model.ran("1", {"x": 1})
    model.ran("2", {"x": 2})
    model.ran("3", {"x": 3})
    assert model.undo(2) == "1"
    assert model.branches == {"main": "3"}
    assert model.redo() == "2"
    model.ran("4", {"x": 4}, branch="main-2")
    assert (model.head, model.branch) == ("4", "main-2")
    with pytest.raises(NotThereError):
        model.redo()
    assert model.undo(3) is None
    assert model.expected() == {}
    with pytest.raises(NotThereError):
        model.undo()


def test_a_checkout_is_a_step_and_history_behind_it_stays() -> None:
    model = ReferenceHistory()
    model.ran("1", {"x": 1})
    model.ran("2", {"x": 2})
    model.checked_out("1")
    assert model.head == "1"
    assert model.undo() == "2"
    assert model.undo() == "1"
    assert model.redo(2) == "1"
    model.ran("3", {"x": 3})
    assert model.branches == {"main": "2", "main-2": "3"}
    assert model.ancestors("3") == ["3", "1"]


def test_what_is_found_late_belongs_to_the_last_step() -> None:
    model = ReferenceHistory()
    model.ran("1", {"x": 1})
    model.ran("2", {"x": 2})
    model.found_late("3", {"x": 3})
    assert model.undo() == "1"
    assert model.redo() == "3"
    model.undo()
    model.found_late("4", {"x": 4}, branch="main-2")
    assert model.redo() == "3"
    assert model.undo(2) is None


def test_a_commit_off_the_tip_may_not_stay_on_the_branch() -> None:
    model = ReferenceHistory()
    model.ran("1", {})
    model.ran("2", {})
    model.undo()
    with pytest.raises(AssertionError, match="is not new"):
        model.ran("3", {}, branch="main")


def test_branches_that_start_by_themselves_are_numbered_by_family() -> None:
    model = ReferenceHistory()
    model.ran("1", {})
    model.ran("2", {})
    model.undo()
    model.ran("3", {}, branch="main-2")
    model.undo()
    with pytest.raises(AssertionError, match="next free name"):
        model.ran("4", {}, branch="main-2-2")
    model.ran("4", {}, branch="main-3")
    assert model.branches == {"main": "2", "main-2": "3", "main-3": "4"}
