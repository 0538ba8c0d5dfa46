"""The closure over code, live values, Timeslip's own commands, and the promise against running programs."""

from __future__ import annotations

import copy
import functools
import gc
import os
import pickle
import sqlite3
import types
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeslip.state.reach import (
    combine,
    facts_of_code,
    facts_of_source,
    facts_reads_before_binding,
    is_timeslip_only,
    is_unrecorded,
    path_of_value,
    reached,
    timeslip_commands,
)


def codes(namespace: dict[str, Any], name: str) -> Iterator[types.CodeType]:
    value = namespace.get(name)
    if isinstance(value, types.FunctionType):
        yield value.__code__


def run(source: str, cell: str) -> Any:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(source, namespace)
    result = reached(
        facts_of_source(cell),
        lambda name: codes(namespace, name),
        lambda name: path_of_value(namespace[name], namespace) if name in namespace else None,
    )
    for value in namespace.values():
        if isinstance(value, (sqlite3.Connection, sqlite3.Cursor)):
            getattr(value, "connection", value).close()
    return result


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("a += 1", {"a"}),
        ("a @= b", {"a"}),
        ("a[:] = 2", {"a"}),
        ("a[...] = b", {"a"}),
        ("for i in range(3):\n    a -= i\n    b |= a", {"a", "b"}),
        ("def f():\n    global a\n    a += 1", set()),
        ("a = a + 1", set()),
        ("a[0] = 1", set()),
        ("a[:5] = 1", set()),
        ("a[1:] = 1", set()),
        ("b[a] = 3", set()),
        ("a.b += 1", set()),
        ("a['c'] += 1", set()),
        ("del a[:]", set()),
        ("b = a[:]", set()),
    ],
)
def test_what_writes_all_of_a_value(code: str, names: set[str]) -> None:
    assert facts_of_source(code).rewrites == names


def test_calls_are_followed_and_cycles_end() -> None:
    result = run("def f(): return g()\ndef g(): return f() + h\nh = 1", "f()")
    assert result.names == {"f", "g", "h"}
    assert not result.everything


def test_the_outside_counts_through_calls() -> None:
    result = run("def save(): open('a', 'w')\ndef work(): save()", "work()")
    assert result.outside == ("opens a file (open)",)


def test_dynamic_code_counts_through_calls() -> None:
    result = run("def f(): exec('x = 1')", "f()")
    assert result.everything
    assert result.reasons == ("runs code made at run time (exec)",)


@pytest.mark.parametrize(
    ("earlier", "cell", "kind"),
    [
        ("import pickle as p", "p.load(f)", "reasons"),
        ("from pickle import loads as l", "l(b)", "reasons"),
        ("e = exec", "e('x = 1')", "reasons"),
        ("g = globals()", "g['x'] = 1", "reasons"),
        ("u = globals().update", "u(x=1)", "reasons"),
        ("import functools; e = functools.partial(exec, 'x = 1')", "e()", "reasons"),
        ("import sys; m = sys.modules['__main__']", "m.x = 1", "reasons"),
        ("from os import remove as rm", "rm('a')", "outside"),
        ("import os as o", "o.rename('a', 'b')", "outside"),
        ("from time import time as now", "now()", "outside"),
        ("import sqlite3; c = sqlite3.connect(':memory:')", "c.total_changes", "outside"),
        ("import sqlite3; cursor = sqlite3.connect(':memory:').cursor()", "cursor.arraysize", "outside"),
    ],
)
def test_names_of_earlier_cells_are_known_by_their_values(earlier: str, cell: str, kind: str) -> None:
    assert getattr(run(earlier, cell), kind)


@pytest.mark.parametrize("earlier", ["time = [1]", "import io; time = io.StringIO()", "def time(): pass"])
def test_a_plain_value_is_not_taken_for_a_module(earlier: str) -> None:
    assert run(earlier, "time").outside == ()
    assert run("requests = [1]", "requests.sort()").outside == ()
    assert run("import io; out = io.StringIO()", "out.write('x')").outside == ()


def test_an_attribute_set_on_a_value_is_no_hook_and_one_set_on_a_library_is() -> None:
    pytest.importorskip("pandas")
    earlier = "import pandas as pd; df = pd.DataFrame({'a': [1]}); D = pd.DataFrame"
    assert run(earlier, "df.columns = ['b']").hooks == ()
    assert run(earlier, "pd.DataFrame.shout = print").hooks
    assert run(earlier, "D.shout = print").hooks
    assert run(earlier, "pd.shout = print").hooks
    assert run("import logging; log = logging.getLogger()", "log.handle = print").hooks


def test_reading_what_hooks_hang_on_is_no_hook_and_setting_it_is() -> None:
    assert run("import sys", "old = sys.displayhook").hooks == ()
    assert run("import sys", "old = sys.excepthook; print(old)").hooks == ()
    assert run("import sys", "sys.displayhook = print").hooks
    assert run("import sys, warnings", "warnings.showwarning = print").hooks


def test_a_class_of_a_namespace_without_a_name_is_none_of_a_library() -> None:
    namespace: dict[str, Any] = {}
    exec("class Node: pass\nnode = Node()", namespace)
    assert namespace["Node"].__module__ == "builtins"
    assert path_of_value(namespace["node"], namespace) == "session"
    assert path_of_value(namespace["Node"], namespace) == "session"
    assert path_of_value(ValueError("x"), namespace) == "builtins.ValueError"


def test_paths_among_the_codes() -> None:
    assert reached(facts_of_source("tools['run']()"), lambda name: ["builtins.exec"]).everything


def test_paths_of_values() -> None:
    namespace: dict[str, Any] = {}
    assert path_of_value(os, namespace) == "os"
    assert path_of_value(os.remove, namespace) == "os.remove"
    assert path_of_value(open, namespace) == "io.open"
    assert path_of_value([], namespace) == "builtins.list"
    assert path_of_value([].append, namespace) == "builtins.list.append"
    assert path_of_value(namespace, namespace) == "builtins.globals"
    assert path_of_value(namespace.setdefault, namespace) == "builtins.globals"
    assert path_of_value(pickle.loads, namespace) == "pickle.loads"
    assert path_of_value(sqlite3.Connection, namespace) == "sqlite3.Connection"
    assert path_of_value(functools.partial(os.remove, "a"), namespace) == "os.remove"


def test_no_code_of_the_user_is_run_by_looking() -> None:
    asked: list[str] = []

    class Spying(type):
        def __getattribute__(cls, name: str) -> Any:
            asked.append(name)
            return super().__getattribute__(name)

    class Thing(metaclass=Spying):
        def __getattribute__(self, name: str) -> Any:
            asked.append(name)
            return super().__getattribute__(name)

    thing = Thing()
    asked.clear()
    paths = [path_of_value(thing, {}), path_of_value(Thing, {})]
    assert asked == []
    assert None not in paths


def test_combine_is_a_union() -> None:
    both = combine([facts_of_source("x = y"), facts_of_source("open(z)")])
    assert both.reads == {"y", "z", "open"}
    assert both.binds == {"x"}
    assert both.outside


def test_the_cache_keeps_no_code_alive() -> None:
    namespace: dict[str, Any] = {}
    exec("def f(): return x", namespace)
    assert facts_of_code(namespace["f"].__code__) is facts_of_code(namespace["f"].__code__)
    gone = weakref.ref(namespace["f"].__code__)
    namespace.clear()
    gc.collect()
    assert gone() is None


def test_analysis_warns_nobody_and_leaves_the_filters() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("error")
        before = list(warnings.filters)
        assert facts_of_source("unique_a = 1\nunique_a is 1\n'\\d'").binds == {"unique_a"}
        assert facts_reads_before_binding("unique_b is 1\n'\\d'") == {"unique_b"}
        assert warnings.filters == before
    assert not seen


# -- lineage --------------------------------------------------------------------------------------------------------

LINEAGE = [
    ("x = 1\ny = x", ""),
    ("y = x\nx = 1", "x"),
    ("x += 1", "x"),
    ("x = 1\nx += y", "y"),
    ("if a:\n    x = 1\nelse:\n    x = 2\nx", "a"),
    ("if a:\n    x = 1\nx", "a x"),
    ("if a:\n    x = 1\nelse:\n    raise b\nx", "a b"),
    ("for i in a:\n    x = i\nx", "a x"),
    ("while a:\n    x = 1\nx", "a x"),
    ("try:\n    x = 1\nexcept E:\n    x = 2\nx", "E"),
    ("try:\n    x = 1\nexcept E:\n    pass\nx", "E x"),
    ("try:\n    import m\nexcept E:\n    raise\nm", "E"),
    ("try:\n    a\nfinally:\n    x = 1\nx", "a"),
    ("with open(p) as f:\n    d = f\nd", "open p"),
    ("with suppress(E):\n    x = f()\nx", "suppress E f x"),
    ("del x\nx = 1", ""),
    ("import m\nm.f()", ""),
    ("def f(): return x\nx = 1\nf()", ""),
    ("def f(): return x\nf()\nx = 1", "x"),
    ("def f(): return x", "x"),
    ("def f(n): return f(n - 1)", ""),
    ("def f(): return g()\ndef g(): return x\nf()", "x"),
    ("@d\ndef f(): return x\nx = 1", "d x"),
    ("g = lambda: x\nx = 1", "x"),
    ("class A:\n    y = x\n    def m(self): return z\nz = 1\nA()", "x"),
    ("class A:\n    y = 1\n    z = y", ""),
    ("[i for i in x]", "x"),
    ("[j for j in x if j in y]", "x y"),
    ("a and (x := 1)\nx", "a x"),
    ("(x := 1) and x", ""),
    ("match v:\n    case [p]: p\n    case _: pass", "v"),
    ("def f(a, b=c): return a + b", "c"),
    ("def f():\n    global q\n    q += 1\nf()", "q"),
    ("get_ipython().run_cell_magic('time', '', 'x = 1\\ny = x + z')", "z"),
    ("get_ipython().run_line_magic('timeit', 'x = z')\nx", "x z"),
    ("x = 1\ndf.query('a > @lim')", "df lim"),
]


@pytest.mark.parametrize(("source", "reads"), LINEAGE)
def test_reads_before_binding(source: str, reads: str) -> None:
    assert facts_reads_before_binding(source) == set(reads.split())


# -- Timeslip's own commands ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "only"),
    [
        ("%undo", True),
        ("%undo 2\n\n# back\n%timeslip status", True),
        ("%load_ext timeslip", True),
        ("%reload_ext timeslip  # again", True),
        ("%unload_ext timeslip", True),
        ("  %timeslip log -n 3", True),
        ("", False),
        ("# only a comment", False),
        ("%undo\nx = 1", False),
        ("%load_ext autoreload", False),
        ("%%timeslip off\nx = 1", False),
        ("%undoing", False),
        ("text = '''\n%undo\n'''", False),
        ("%load_ext timeslipper", False),
        ("x = %timeslip log", False),
    ],
)
def test_timeslip_only(source: str, only: bool) -> None:
    assert is_timeslip_only(source) is only


def test_commands_of_a_mixed_cell() -> None:
    source = (
        "x = '%undo'\nget_ipython().run_line_magic('undo', '2')\ny = get_ipython().run_line_magic('timeslip', 'log')\n"
    )
    assert timeslip_commands(source) == ("undo 2", "timeslip log")
    assert timeslip_commands("x = 1") == ()
    assert is_unrecorded("\n%%timeslip off\nx = 1")
    assert not is_unrecorded("%timeslip off")


# -- against running programs ---------------------------------------------------------------------------------------

NAMES = ["a", "b", "c", "d", "e"]
SETUP = """
a, b, c, d, e = [1], [2, 3], {"k": [4]}, [5], [6]
def grow(): a.append(len(a))
def swap():
    global b
    b = [*b, 0][-3:]
def drop():
    global e
    if "e" in "e": e = []
def both(): grow(); swap()
def setter(v):
    global d
    d = [v]
def outer():
    def inner():
        global c
        c = {"k": [7]}
    inner()
def remover():
    global e
    del e
"""
FUNCTIONS = ["grow", "swap", "drop", "both", "outer", "remover"]

name = st.sampled_from(NAMES)
leaf = st.one_of(
    st.builds("{0} = [{1}]".format, name, st.integers(0, 9)),
    st.builds("{0} = list({1})".format, name, name),
    st.builds("{0} += [{1}]".format, name, st.integers(0, 9)),
    st.builds("{0}.append(1)".format, name),
    st.builds("{0} = [i for i in {1} if {2}]".format, name, name, name),
    st.builds("del {0}".format, name),
    st.builds("{0}()".format, st.sampled_from(FUNCTIONS)),
    st.builds("list(map(setter, {0}))".format, name),
    st.builds("x = ({0} := [8])".format, name),
    st.builds("[({0} := i) for i in {1}]".format, name, name),
    st.builds("{0}, {1} = {1}, {0}".format, name, name),
    st.builds("(lambda: {0}.clear())()".format, name),
    st.builds("def local_{0}():\n    global {0}\n    {0} = [3]\nlocal_{0}()".format, name),
    st.builds("class K:\n    {0} = 1\n    {1}.append(2)".format, name, name),
    st.builds("import math as {0}".format, name),
)


def indent(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


def blocks(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(children, min_size=1, max_size=3).map("\n".join).map(indent)
    return st.one_of(
        st.builds("if {0}:\n{1}\nelse:\n{2}".format, name, body, body),
        st.builds("for {0} in list({1})[:3]:\n{2}".format, name, name, body),
        st.builds("try:\n{0}\nexcept Exception as {1}:\n{2}".format, body, name, body),
        st.builds("with open_nothing() as {0}:\n{1}".format, name, body),
        st.builds(
            "match {0}:\n    case [{1}, *{2}]:\n{3}".format,
            *[st.just("a"), st.just("b"), st.just("c")],
            body.map(indent),
        ),
    )


programs = st.lists(st.recursive(leaf, blocks, max_leaves=6), min_size=1, max_size=6).map("\n".join)


def snapshot(namespace: dict[str, Any]) -> dict[str, tuple[int, Any]]:
    kept = {key: value for key, value in namespace.items() if not key.startswith("__")}
    # Modules and classes cannot be copied by value; functions are compared by identity alone.
    plain = (list, dict, int)
    return {key: (id(value), copy.deepcopy(value) if isinstance(value, plain) else None) for key, value in kept.items()}


@settings(max_examples=300, deadline=None)
@given(program=programs, earlier=programs)
def test_nothing_changes_outside_of_what_was_reached(program: str, earlier: str) -> None:
    import contextlib

    namespace: dict[str, Any] = {"open_nothing": contextlib.nullcontext}
    exec(SETUP, namespace)
    with contextlib.suppress(Exception):
        exec(compile(earlier, "<earlier>", "exec"), namespace)
    alive = dict(namespace)  # keeps old objects alive, so that an id is one object
    before = snapshot(namespace)
    aliases: dict[int, set[str]] = {}
    for key, value in alive.items():
        aliases.setdefault(id(value), set()).add(key)
    try:
        code = compile(program, "<cell>", "exec")
    except SyntaxError:
        return
    with contextlib.suppress(Exception):
        exec(code, namespace)
    after = snapshot(namespace)
    result = reached(facts_of_source(program), lambda key: [*codes(alive, key), *codes(namespace, key)])
    if result.everything:
        return
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    # A change through an alias belongs to all names of the object: grouping them is the work of co-variables.
    linked = {other for key in result.names if key in alive for other in aliases[id(alive[key])]}
    assert changed <= result.names | linked
