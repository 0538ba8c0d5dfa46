"""Random sessions against the reference: after every step the same values *and* the same aliasing.

Each rule is one thing that people do. What a rule needs (a list, an array, a class …) is looked up among the names that
are there; when there is none, it is made. A failure prints the session as a script.

``TIMESLIP_LONG=1`` (or ``TIMESLIP_TEST_PROFILE=soak``) runs many more and longer sessions, each time others.
"""

# ruff: noqa: E501 - cells are written as users write them

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.engine.driver import Driver
from tests.engine.soon import SoonDriver, without_price

LONG = bool(os.environ.get("TIMESLIP_LONG")) or os.environ.get("TIMESLIP_TEST_PROFILE") == "soak"

NAMES = st.sampled_from("abcdefgh")
PICK = st.integers(0, 7)
BACK = st.integers(0, 30)
SMALL = st.integers(0, 5)

VALUES = [
    "1", "-0.0", "'text'", "None", "True", "(1, 'a')", "float('nan')", "object()", "bytes(2000)", "'é' * 1500", "1 << 9000",
    "[1, 2]", "[]", "[[1], [2]]", "{'k': 1}", "{'k': [1], 2: {}}", "{1, 2, 3}", "frozenset({1, 2})", "([1], {})", "range(3)",
    "[float('nan')] * 2", "bytearray(b'ab')", "{float('nan'): [1]}", "[object()] * 2", "complex(1, -0.0)", "print", "int",
]  # fmt: skip


def outside_module() -> types.ModuleType:
    """A module that keeps objects of its own, as caches and registries of libraries do."""
    cache: dict[str, Any] = {}
    module = types.ModuleType("timeslip_outside")
    module.get = lambda key: cache.setdefault(key, [key])  # type: ignore[attr-defined]
    return module


class Sessions(RuleBasedStateMachine):
    """One random session."""

    drive: Callable[[Path], Driver] = Driver

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="timeslip-machine-"))
        # A library of its own for each session: a class of one session has no business in the next.
        sys.modules["timeslip_outside"] = outside_module()
        self.driver = self.drive(self.directory)
        self.refs = 0

    def teardown(self) -> None:
        try:
            self.driver.close()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)
            sys.modules.pop("timeslip_outside", None)
            for which in ("one", "two"):
                logging.Logger.manager.loggerDict.pop(f"timeslip.machine.{which}", None)

    # ---- what is there

    def run(self, code: str, *, outside: bool = False) -> None:
        self.driver.run(code, outside=outside)

    def having(self, pick: int, *kinds: Any) -> str | None:
        """A name that holds an instance of one of *kinds*."""
        found = sorted(name for name, value in self.driver.namespace.items() if len(name) <= 3 and type(value) in kinds)
        return found[pick % len(found)] if found else None

    def any_name(self, pick: int) -> str | None:
        found = sorted(name for name in self.driver.namespace if len(name) <= 3)
        return found[pick % len(found)] if found else None

    def list_name(self, pick: int) -> str:
        return self.having(pick, list) or self.make("a", "[1]")

    def make(self, name: str, expression: str) -> str:
        self.run(f"{name} = {expression}")
        return name

    def array_name(self, pick: int) -> str:
        import numpy as np

        found = sorted(
            name
            for name, value in self.driver.namespace.items()
            if type(value) is np.ndarray and value.size > 1 and value.dtype.kind == "f"
        )
        if found:
            return found[pick % len(found)]
        self.run("import numpy as np\ni = np.arange(6.)")
        return "i"

    def frame_name(self, pick: int) -> str:
        import pandas as pd

        found = self.having(pick, pd.DataFrame)
        if found is None:
            self.run("import pandas as pd\nj = pd.DataFrame({'p': [1, 2, 3], 'q': [1., 2., 3.], 'r': list('xyz')})")
            return "j"
        return found

    def class_name(self, pick: int) -> str:
        found = sorted(
            name for name, value in self.driver.namespace.items() if isinstance(value, type) and value is not int
        )
        if not found:
            self.run("class K:\n    items = []\n    n = 0\n    def add(self, v): self.items.append(v); return self")
            return "K"
        return found[pick % len(found)]

    def instance_name(self, pick: int) -> str:
        found = sorted(
            name for name, value in self.driver.namespace.items() if type(value).__module__ == "__main__" and
            not isinstance(value, type)
        )  # fmt: skip
        if not found:
            self.run(f"k = {self.class_name(pick)}()")
            return "k"
        return found[pick % len(found)]

    # ---- binding

    @initialize()
    def begin(self) -> None:
        self.run("a = [1, 2]; b = a; c = {'k': a}")

    @rule(name=NAMES, value=st.sampled_from(VALUES))
    def bind(self, name: str, value: str) -> None:
        self.run(f"{name} = {value}")

    @rule(name=NAMES, value=st.sampled_from(VALUES))
    def rebind_an_equal_value(self, name: str, value: str) -> None:
        self.run(f"{name} = {value}")
        self.run(f"{name} = {value}")

    @rule(pick=PICK)
    def delete(self, pick: int) -> None:
        name = self.any_name(pick)
        if name:
            self.run(f"del {name}")

    @rule(pick=PICK, name=NAMES)
    def alias(self, pick: int, name: str) -> None:
        other = self.any_name(pick)
        if other:
            self.run(f"{name} = {other}")

    @rule(pick=PICK)
    def cut_an_alias(self, pick: int) -> None:
        name = self.having(pick, list, dict, set, bytearray)
        if name:
            self.run(f"{name} = {name}.copy()")

    @rule(pick=PICK, other=PICK)
    def swap(self, pick: int, other: int) -> None:
        one, two = self.any_name(pick), self.any_name(other)
        if one and two:
            self.run(f"{one}, {two} = {two}, {one}")

    @rule(pick=PICK, other=PICK, key=SMALL)
    def nest(self, pick: int, other: int, key: int) -> None:
        inner = self.any_name(other)
        outer = self.having(pick, list, dict)
        if inner and outer:
            is_list = type(self.driver.namespace[outer]) is list
            self.run(f"{outer}.append({inner})" if is_list else f"{outer}[{key}] = {inner}")

    @rule(pick=PICK)
    def take_out(self, pick: int) -> None:
        name = self.having(pick, list)
        if name and self.driver.namespace[name]:
            self.run(f"h = {name}.pop()")

    @rule(names=st.lists(NAMES, min_size=2, max_size=4, unique=True))
    def several_at_once(self, names: list[str]) -> None:
        self.run(f"{' = '.join(names)} = {{'shared': [1]}}")

    # ---- changing in place

    @rule(pick=PICK, value=SMALL)
    def change_through_a_name(self, pick: int, value: int) -> None:
        self.run(f"{self.list_name(pick)}.append({value})")

    @rule(pick=PICK, value=SMALL)
    def change_deep_inside(self, pick: int, value: int) -> None:
        name = self.having(pick, list, dict, tuple)
        if name:
            self.run(
                f"_deep = {name}\nfor _ in range({value} + 1):\n"
                "    _inner = [v for v in (_deep.values() if type(_deep) is dict else _deep) if type(v) in (list, dict)]\n"
                "    if not _inner: break\n    _deep = _inner[0]\n"
                f"if type(_deep) is list: _deep.append({value})\nelif type(_deep) is dict: _deep[{value}] = [{value}]\n"
                "del _deep, _, _inner"
            )

    @rule(pick=PICK)
    def empty(self, pick: int) -> None:
        name = self.having(pick, list, dict, set)
        if name:
            self.run(f"{name}.clear()")

    @rule(pick=PICK, value=SMALL)
    def change_through_globals(self, pick: int, value: int) -> None:
        self.run(f"globals()['{self.list_name(pick)}'].insert(0, {value})")

    @rule(name=NAMES, value=SMALL)
    def change_through_exec(self, name: str, value: int) -> None:
        self.run(f"exec({f'{name} = [{value}]; x = {name}'!r})")

    @rule(pick=PICK)
    def raise_half_way(self, pick: int) -> None:
        self.run(f"{self.list_name(pick)}.append('before')\ne = 'bound'\n1 / 0\ne = 'never'")

    @rule()
    def nothing(self) -> None:
        self.run("pass")

    @rule(pick=PICK, value=SMALL)
    def change_behind_the_back(self, pick: int, value: int) -> None:
        name = self.having(pick, list)
        if name:
            self.driver.touch(f"{name}.append({value})")

    # ---- arrays and frames

    @rule(name=st.sampled_from("imn"), shape=st.sampled_from(["6", "(2, 3)", "(3, 2)[:, ::-1]"]))
    def array(self, name: str, shape: str) -> None:
        shape, _, view = shape.partition("[")
        self.run(f"import numpy as np\n{name} = np.arange(6.).reshape({shape}){'[' + view if view else ''}")

    @rule(
        pick=PICK, name=st.sampled_from("imn"), part=st.sampled_from(["[1:]", "[::-1]", ".T", "[:1]", ".reshape(-1)"])
    )
    def view(self, pick: int, name: str, part: str) -> None:
        self.run(f"{name} = {self.array_name(pick)}{part}")

    @rule(pick=PICK, value=SMALL)
    def write_through_a_view(self, pick: int, value: int) -> None:
        self.run(f"{self.array_name(pick)}[-1] = {value}")

    @rule(pick=PICK)
    def copy_of_an_array(self, pick: int) -> None:
        self.run(f"m = {self.array_name(pick)}.copy()")

    @rule(pick=PICK, column=st.sampled_from("pqst"), value=SMALL)
    def add_a_column(self, pick: int, column: str, value: int) -> None:
        self.run(f"{self.frame_name(pick)}['{column}'] = {value} + 0.5")

    @rule(pick=PICK)
    def drop_a_column(self, pick: int) -> None:
        name = self.frame_name(pick)
        columns = list(self.driver.namespace[name].columns)
        if len(columns) > 1:
            self.run(f"del {name}[{columns[pick % len(columns)]!r}]")

    @rule(pick=PICK, value=SMALL)
    def modify_a_column(self, pick: int, value: int) -> None:
        self.run(f"{self.frame_name(pick)}.iloc[0, 0] = {value}")

    @rule(pick=PICK, name=st.sampled_from(["j", "o"]))
    def frame_from_a_frame(self, pick: int, name: str) -> None:
        self.run(f"{name} = {self.frame_name(pick)}.iloc[:2].copy() if {pick} % 2 else {self.frame_name(pick)}.head(3)")

    @rule(pick=PICK)
    def series_of_a_frame(self, pick: int) -> None:
        self.run(f"s = {self.frame_name(pick)}.iloc[:, 0]")

    # ---- functions and classes

    @rule(value=SMALL)
    def closures(self, value: int) -> None:
        self.run(
            f"def make():\n    kept = [{value}]\n    n = 0\n    def add(v):\n        nonlocal n\n        n += 1; kept.append(v)\n"
            "    def get(): return n, kept\n    return add, get\nadd, get = make()"
        )

    @rule(value=SMALL)
    def change_through_a_closure(self, value: int) -> None:
        if callable(self.driver.namespace.get("add")):
            self.run(f"add({value})")

    @rule(pick=PICK)
    def closure_over_what_is_there(self, pick: int) -> None:
        name = self.list_name(pick)
        self.run(f"def hold(x): return lambda: x\nget = hold({name})")

    @rule(value=SMALL)
    def default_argument(self, value: int) -> None:
        if "f" not in self.driver.namespace or not isinstance(self.driver.namespace["f"], types.FunctionType):
            self.run("def f(v, seen=[]):\n    seen.append(v)\n    return seen")
        self.run(f"r = f({value})")

    @rule(pick=PICK)
    def function_attribute(self, pick: int) -> None:
        if isinstance(self.driver.namespace.get("f"), types.FunctionType):
            self.run(f"f.note = {self.list_name(pick)}")

    @rule(value=SMALL)
    def function_that_reads_and_writes_globals(self, value: int) -> None:
        self.run(f"total = {value}\ndef up():\n    global total\n    total += 1\n    return total")

    @rule()
    def call_it(self) -> None:
        if isinstance(self.driver.namespace.get("up"), types.FunctionType):
            self.run("r = up()")

    @rule(value=SMALL)
    def define_a_class_anew(self, value: int) -> None:
        self.run(
            f"class K:\n    items = [{value}]\n    n = {value}\n    def add(self, v): self.items.append(v); return self"
        )

    @rule(pick=PICK)
    def subclass(self, pick: int) -> None:
        self.run(f"class L({self.class_name(pick)}):\n    def add(self, v): return super().add(v)")

    @rule(pick=PICK, name=st.sampled_from(["k", "l"]))
    def instance(self, pick: int, name: str) -> None:
        self.run(f"{name} = {self.class_name(pick)}()")

    @rule(pick=PICK, value=SMALL)
    def class_attribute(self, pick: int, value: int) -> None:
        self.run(f"{self.class_name(pick)}.n = {value}")

    @rule(pick=PICK, value=SMALL)
    def change_through_a_method(self, pick: int, value: int) -> None:
        name = self.instance_name(pick)
        if hasattr(self.driver.namespace[name], "add"):
            self.run(f"{name}.add({value})")

    @rule(pick=PICK, other=PICK)
    def instance_attribute(self, pick: int, other: int) -> None:
        name, value = self.instance_name(pick), self.any_name(other)
        if value:
            self.run(f"{name}.x = {value}")

    @rule(pick=PICK)
    def bound_method(self, pick: int) -> None:
        name = self.instance_name(pick)
        if hasattr(self.driver.namespace[name], "add"):
            self.run(f"m2 = {name}.add")

    @rule(pick=PICK)
    def monkey_patch(self, pick: int) -> None:
        self.run(f"{self.class_name(pick)}.extra = lambda self: self")

    # ---- from outside

    @rule(name=st.sampled_from(["p", "q"]), which=st.sampled_from(["one", "two"]))
    def logger(self, name: str, which: str) -> None:
        self.run(f"import logging\n{name} = logging.getLogger('timeslip.machine.{which}')", outside=True)

    @rule(name=st.sampled_from(["u", "v"]), which=st.sampled_from(["one", "two"]))
    def cached_value(self, name: str, which: str) -> None:
        """The second name of an object that somebody outside holds."""
        self.run(f"import timeslip_outside as out\n{name} = out.get({which!r})", outside=True)

    @rule(name=st.sampled_from(["u", "v"]), value=SMALL)
    def change_a_cached_value(self, name: str, value: int) -> None:
        if type(self.driver.namespace.get(name)) is list:
            self.run(f"{name}.append({value})", outside=True)

    # ---- travelling

    @rule(n=st.sampled_from([1, 1, 1, 2, 3]))
    def undo(self, n: int) -> None:
        self.driver.undo(n)

    @rule(n=st.sampled_from([1, 1, 2]))
    def redo(self, n: int) -> None:
        self.driver.redo(n)

    def commits(self) -> int:
        return len(self.driver.commits)

    @precondition(lambda self: self.commits() > 1)
    @rule(back=BACK)
    def checkout(self, back: int) -> None:
        self.driver.checkout(self.commits() - 1 - back % self.commits())

    @precondition(lambda self: self.commits() > 1)
    @rule(back=BACK)
    def dry_run(self, back: int) -> None:
        self.driver.dry_run(self.commits() - 1 - back % self.commits())

    @precondition(lambda self: self.driver.model.head is not None)
    @rule()
    def new_branch(self) -> None:
        self.refs += 1
        self.driver.branch(f"branch{self.refs}")

    @precondition(lambda self: self.driver.model.head is not None)
    @rule()
    def new_tag(self) -> None:
        self.refs += 1
        self.driver.tag(f"tag{self.refs}")

    @precondition(lambda self: len(self.driver.model.branches) > 1)
    @rule(pick=PICK)
    def switch(self, pick: int) -> None:
        branches = sorted(self.driver.model.branches)
        self.driver.switch(branches[pick % len(branches)])

    def plain_names(self, position: int) -> list[str]:
        """Names of a past state whose values reach no class or function made in the session.

        Bringing those back changes definitions in place, and so what other instances do: that is looked at in the
        table of cases.
        """
        state = self.driver.model.states[self.driver.commits[position]]
        return sorted(self.driver.plain_groups(state))

    @precondition(lambda self: self.commits() > 1)
    @rule(back=BACK, pick=PICK)
    def partial_checkout(self, back: int, pick: int) -> None:
        position = self.commits() - 1 - back % self.commits()
        names = self.plain_names(position)
        if names:
            self.driver.checkout_names(position, names[pick % len(names)])

    @precondition(lambda self: self.commits() > 1)
    @rule(back=BACK, pick=PICK)
    def get(self, back: int, pick: int) -> None:
        position = self.commits() - 1 - back % self.commits()
        names = self.plain_names(position)
        if names:
            self.refs += 1
            self.driver.get(position, names[pick % len(names)], f"got{self.refs}")

    # ---- upkeep and ends

    @rule()
    def collect_garbage(self) -> None:
        self.driver.collect()

    @rule()
    def verify(self) -> None:
        self.driver.verify()

    @rule()
    def commit_by_hand(self) -> None:
        self.driver.commit("by hand")

    @rule()
    def restart_and_resume(self) -> None:
        self.driver.restart()

    @rule()
    def kill_and_reopen(self) -> None:
        self.driver.restart(kill=True)

    @invariant()
    def history_holds_every_commit(self) -> None:
        log = {commit.id for commit in self.driver.session.log(all=True)}
        assert log == set(self.driver.commits)


class SoonSessions(Sessions):
    """The same, with commits that are finished in the background."""

    drive = SoonDriver

    def __init__(self) -> None:
        self.back = without_price()
        super().__init__()

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.back()

    @invariant()
    def history_holds_every_commit(self) -> None:
        if not self.driver.waiting:
            super().history_holds_every_commit()


TestSessions = pytest.mark.time_limit(24 * 3600 if LONG else 600)(Sessions.TestCase)
PROFILE = settings(
    max_examples=int(os.environ.get("TIMESLIP_MACHINE_EXAMPLES", "2000" if LONG else "25")),
    stateful_step_count=100 if LONG else 40,
    derandomize=not LONG,
    database=None,
    deadline=None,
    print_blob=False,
    phases=[Phase.generate] if os.environ.get("TIMESLIP_MACHINE_NO_SHRINK") else [Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestSessions.settings = PROFILE
TestSoonSessions = pytest.mark.time_limit(24 * 3600 if LONG else 600)(SoonSessions.TestCase)
TestSoonSessions.settings = PROFILE
