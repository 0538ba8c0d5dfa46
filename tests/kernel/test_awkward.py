"""Awkward cells in real kernels: after every undo, redo and checkout each probe answers as it did in a bare kernel."""
# ruff: noqa: E501 - cells are written as users write them

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest
from tests.kernel.conftest import Kernels, LabKernel, reset, wait_for


@dataclass(frozen=True)
class Case:
    """Cells, and expressions that tell one state from another."""

    cells: list[str]
    probes: list[str]
    raises: bool = False


DEPTH = "(lambda n: (lambda: n)())(__import__('functools').reduce(lambda s, _: (s[0][0], s[1] + 1) if isinstance(s[0], list) and s[0] else s, range(100_005), (x, 0))[1])"

CASES: dict[str, Case] = {
    "numpy view": Case(["import numpy as np\na = np.arange(10.); v = a[2:5]", "v[:] = -1", "a += 1", "v = v.copy(); v[0] = 7"], ["a.tolist()", "v.tolist()", "np.shares_memory(a, v)", "v.base is a"]),
    "closure": Case(["def make():\n    n = [0]\n    def inc(): n[0] += 1; return n[0]\n    def get(): return n[0]\n    return inc, get\ninc, get = make()", "inc()", "x = inc()"], ["get()", "inc.__closure__[0] is get.__closure__[0]", "'x' in globals()"]),
    "default argument": Case(["def f(x, acc=[]): acc.append(x); return acc", "f(1)", "a = f(2)"], ["f.__defaults__[0]", "'a' in globals() and a is f.__defaults__[0]"]),
    "class attribute": Case(["class A:\n    items = []\n    n = 0", "A.items.append(1); a = A()", "A.n += 5; a.items.append(2)"], ["A.items", "A.n", "'a' in globals() and (isinstance(a, A), a.items is A.items)"]),
    "background thread": Case(["import threading\nlog = []", "t = threading.Thread(target=lambda: log.append(1)); t.start(); t.join(); del t", "t = threading.Thread(target=log.extend, args=([2, 3],)); t.start(); t.join(); del t"], ["log"]),
    "callback of IPython": Case(["calls = []\ndef note(*a): calls.append(len(calls))", "get_ipython().events.register('pre_run_cell', note)", "x = 1", "y = 2", "get_ipython().events.unregister('pre_run_cell', note)"], ["'x' in globals()", "'y' in globals()"]),
    "globals()[...]": Case(["globals()['x'] = [1]", "globals().update(y=x)", "y.append(2)", "del globals()['y']"], ["x", "'y' in globals() and y is x"]),
    "exec": Case(["exec('a = [1]; b = a')", "exec('b.append(2)')", "exec('del b')"], ["a", "'b' in globals() and b is a"]),
    "get_ipython().push": Case(["x = 1", "get_ipython().push({'x': [2], 'y': 3})", "get_ipython().run_cell('z = x; z.append(9)') and None"], ["x", "[n for n in ('y', 'z') if n in globals()]", "'z' in globals() and z is x"]),
    "%time and %%time": Case(["%time x = [1]", "%%time\nx.append(2)\ny = x", "%time y.append(3)"], ["x", "'y' in globals() and y is x"]),
    "%%capture": Case(["%%capture out\nprint('hi'); x = [1]", "%%capture\nx.append(2)", "text = out.stdout"], ["x", "'text' in globals() and text"]),
    "%run": Case(["open('prog.py', 'w').write('v = [1]\\ndef f(): return v\\n') and None", "%run prog.py", "v.append(2); r = f()", "%run -i prog.py"], ["'v' in globals() and v", "'r' in globals() and r is f()"]),
    "a magic of the user's": Case(["x = [1]\ndef grow(line): x.append(line)\nget_ipython().register_magic_function(grow, 'line', 'grow')", "%grow a", "%grow b"], ["x"]),
    "unknown magic": Case(["x = 1", "%nosuchmagic", "x = 2"], ["x"], raises=True),
    "shell escapes": Case(["out = !echo hello", "n = len(out)", "x = 3"], ["list(out)", "'n' in globals() and n"]),
    "%%writefile and %pwd": Case(["x = %pwd\ny = [1]", "%%writefile note.txt\nhello", "y.append(open('note.txt').read())"], ["y", "type(x).__name__"]),
    "raised after changing": Case(["x = [1]", "x.append(2)\ny = 1\n1 / 0", "x.append(3)"], ["x", "'y' in globals()"], raises=True),
    "syntax error": Case(["x = [1]", "x = = 3", "x.append(2)"], ["x"], raises=True),
    "alias cut by an equal value": Case(["x=[1,2]; y=x", "x=[1,2]", "y.append(3)"], ["x", "y", "x is y"]),
    "independent frames": Case(["import pandas as pd\na = pd.DataFrame({'p': [1, 2]}); b = pd.DataFrame({'p': [1, 2]})", "a['q'] = 5", "b.loc[0, 'p'] = 9", "c = a[['p']]; c.iloc[0, 0] = -1"], ["a.to_dict('list')", "b.to_dict('list')", "'c' in globals() and c.to_dict('list')"]),
    "recursive structures": Case(["x = []; x.append(x); d = {}; d['d'] = d", "x.append(d)", "d['x'] = x"], ["x[0] is x", "d['d'] is d", "len(x)", "'x' in d and d['x'] is x"]),
    "100,000 deep": Case(["end = [0]\nx = end\nfor i in range(100_000): x = [x]", "end.append(1)", "y = 1"], ["end", DEPTH, "__import__('sys').getrecursionlimit()"]),
    "NaN": Case(["n = float('nan'); m = n; d = {n: 1}; s = {n, 1}", "m = float('nan')", "s.add(m); d[m] = 2"], ["n is m", "n in d", "m in d", "len(s), n in s, m in s"]),
    "pickling raises": Case(["class Bad:\n    def __init__(self): self.v = [1]\n    def __reduce__(self): raise RuntimeError('no')\nx = [1]", "b = Bad()", "x.append(2)"], ["x", "'b' in globals()"]),
    "class redefined": Case(["class A:\n    def f(self): return 1\na = A()", "class A:\n    def f(self): return 2\nb = A()", "c = type(a)()"], ["a.f()", "isinstance(a, A)", "'b' in globals() and (b.f(), type(b) is A)", "'c' in globals() and type(c) is type(a)"]),
    "await": Case(["import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return [x]", "r = await f(1)", "r.append(2)\nawait asyncio.sleep(0.01)\nq = r", "q.append(await f(3))"], ["'r' in globals() and r", "'q' in globals() and q is r"]),
    "task that goes on between cells": Case(["import asyncio\nlog = []\nasync def work():\n    for i in range(3):\n        await asyncio.sleep(0.01); log.append(i)", "t = asyncio.ensure_future(work())\nawait asyncio.sleep(0.3)\ndel t", "done = list(log)"], ["log"]),
    "Out and underscores": Case(["x = [1]", "x", "_.append(2)", "[3]", "__.append(4)", "_"], ["x", "_ if isinstance(globals().get('_'), list) else None", "globals().get('_') is x", "[v for v in Out.values() if isinstance(v, list)]", "any(v is x for v in Out.values())"]),
    "outputs of one object": Case(["x = {'a': [1]}", "x['a']", "x", "x['a'].append(2)"], ["x", "[v is x or v is x['a'] for v in Out.values() if isinstance(v, (list, dict))]"]),
    "names with underscores": Case(["_a = [1]; __b = _a", "_a.append(2)", "del __b", "_a = 3"], ["_a", "'__b' in globals() and globals()['__b'] is _a"]),
    "%matplotlib and figures": Case(["%matplotlib inline\nimport matplotlib.pyplot as plt", "fig, ax = plt.subplots(); ax.plot([1, 2]); plt.close(fig)", "ax.set_title('t')", "n = len(ax.lines)"], ["'fig' in globals() and len(fig.axes)", "'ax' in globals() and ax.get_title()", "'ax' in globals() and ax.figure is fig"]),
    "random generators": Case(["import random, numpy as np\nrandom.seed(1); np.random.seed(2)", "a = random.random(); b = float(np.random.rand())", "c = random.random(); d = float(np.random.rand())"], ["(lambda r: (r.setstate(random.getstate()), r.random())[1])(random.Random())", "np.random.get_state()[2], int(np.random.get_state()[1][0])"]),
    "working directory and environment": Case(["import os\nos.makedirs('sub', exist_ok=True); top = os.getcwd()", "os.chdir('sub'); os.environ['CASE_X'] = '1'", "os.chdir('..'); del os.environ['CASE_X']", "%cd sub"], ["os.path.relpath(os.getcwd(), top)", "os.environ.get('CASE_X')"]),
    "dataclass with string annotations": Case(["from __future__ import annotations\nfrom dataclasses import dataclass, fields\n@dataclass\nclass P:\n    x: int = 1\n    y: 'list' = None\np = P()", "p.x = 2; p.y = [p.x]", "names = [f.name for f in fields(P)]; q = P(*range(2))"], ["(p.x, p.y)", "isinstance(p, P)", "'q' in globals() and type(q) is type(p)"]),
    "%%timeslip off": Case(["x = [1]", "y = 2"], ["x", "'y' in globals()"]),
    "loop variables and big ints": Case(["for i in range(3): v = i", "i += 10 ** 30", "del v"], ["str(i)", "'v' in globals()"]),
}  # fmt: skip


def answers(kernel: LabKernel, case: Case) -> list[Any]:
    return [kernel.value(probe) for probe in case.probes]


@pytest.mark.parametrize("name", CASES)
def test_every_state_comes_back(name: str, kernels: Kernels, bare: LabKernel) -> None:
    case = CASES[name]
    reset(bare)
    expected, outcomes = [], []
    for cell in case.cells:
        outcomes.append(bare.cell(cell).comparable())
        expected.append(answers(bare, case))
    assert case.raises or all(outcome["status"] == "ok" for outcome in outcomes), outcomes
    kernel = kernels.start()
    counts = []
    for index, cell in enumerate(case.cells):
        outcome = kernel.cell(cell)
        counts.append(outcome.count)
        assert outcome.comparable() == outcomes[index], f"cell {index}"
        assert answers(kernel, case) == expected[index], f"after cell {index}"
    for index in reversed(range(len(case.cells) - 1)):
        kernel.cells("%undo")
        assert answers(kernel, case) == expected[index], f"undo to cell {index}"
    for index in range(1, len(case.cells)):
        kernel.cells("%redo")
        assert answers(kernel, case) == expected[index], f"redo to cell {index}"
    order = [*range(len(case.cells))]
    random.Random(name).shuffle(order)
    for index in order:
        kernel.cells(f"%timeslip checkout In[{counts[index]}]")
        assert answers(kernel, case) == expected[index], f"checkout of cell {index}, order {order}"
    before = counts[-1]
    assert before is not None
    assert kernel.cell("pass").count > before, "the prompt counter keeps counting forward"


def test_an_interrupted_cell_is_recorded_as_far_as_it_came(kernel: LabKernel) -> None:
    kernel.cells("import time\nx = [0]")
    request = kernel.send(
        "for i in range(1, 9000):\n    x.append(i)\n    if i == 5: open('far', 'w').close()\n    time.sleep(0.02)"
    )
    wait_for(kernel.home / "far")
    kernel.interrupt()
    outcome = kernel.collect(request)
    assert outcome.error == "KeyboardInterrupt"
    grown = kernel.value("x")
    assert len(grown) > 2
    assert kernel.value("__import__('timeslip').session().log()[0].outcome") == "interrupted"
    kernel.cells("%undo")
    assert kernel.value("x") == [0]
    assert kernel.value("'i' in globals()") is False
    kernel.cells("%redo")
    assert kernel.value("x") == grown


def test_outputs_come_back_as_objects_that_share(kernel: LabKernel) -> None:
    kernel.cells("x = [1]")
    count = kernel.cells("x").count
    kernel.cells(f"y = Out[{count}]", "[5]")
    assert kernel.value("(_, __ is x)") == [[5], True]
    kernel.cells("x.append(2)", "del x, y; 7")
    assert kernel.value("_") == 7
    kernel.cells("%undo")
    assert kernel.value(f"x is y and y is Out[{count}] and __ is x") is True
    assert kernel.value("_") == [5]
    assert (
        kernel.value("get_ipython().displayhook._ == [5] if hasattr(get_ipython().displayhook, '_') else True") is True
    )
    kernel.cells("%undo")
    assert kernel.value("x") == [1]
    kernel.cells("_.append(6)")
    assert kernel.value("_") == [5, 6]


def test_five_hundred_megabytes_of_bytes(kernel: LabKernel) -> None:
    kernel.cells("b = bytes(range(250)) * 2_000_000; c = b", "n = len(b)")
    kernel.cells("del b, c", "%undo")
    assert kernel.value("len(b), b is c, b[:3] == bytes(range(3))") == [500_000_000, True, True]


def test_off_cells_belong_to_the_next_step(kernel: LabKernel) -> None:
    kernel.cells("x = [1]", "%%timeslip off\nx.append(2)", "y = 1", "%undo")
    assert kernel.value("x") == [1], "the change of the unrecorded cell belongs to the step after it"
    kernel.cells("%redo")
    assert kernel.value("x, y") == [[1, 2], 1]


def test_silent_requests_are_not_steps(kernel: LabKernel) -> None:
    kernel.cells("x = [1]")
    kernel.cell("x.append(2)", silent=True)
    kernel.cells("y = 1", "%undo")
    assert kernel.value("x") == [1]


def test_in_a_mixed_cell_the_commands_act_at_once(kernel: LabKernel) -> None:
    kernel.cells("x = 1", "x = 2")
    kernel.cells("x = 3\n%undo\ny = x")
    assert kernel.value("x, y") == [2, 2], "what ran before the verb was a step of its own"
    kernel.cells("%undo")
    assert kernel.value("x, 'y' in globals()") == [2, False]


def test_commands_alone_are_no_steps(kernel: LabKernel) -> None:
    kernel.cells("x = 1", "x = 2")
    head = kernel.head()
    kernel.cells("%timeslip", "%timeslip log", "%timeslip ops", "%timeslip status\n%timeslip blame x")
    assert kernel.head() == head


def test_kill_and_resume(kernels: Kernels) -> None:
    first = kernels.start()
    first.cells("x = [1]; y = x\nclass A: pass\na = A(); a.x = x", "x.append(2)")
    first.kill()
    second = kernels.start(attach=False)
    outcome = second.cells("%load_ext timeslip")
    assert "resume" in outcome.shown
    assert second.value("'x' in globals()") is False
    second.cells("%timeslip resume")
    assert second.value("x, y is x, a.x is x, isinstance(a, A)") == [[1, 2], True, True, True]
    second.cells("y.append(3)", "%undo")
    assert second.value("x") == [1, 2]


def test_restart_and_a_first_run_without_resume_starts_a_new_root(kernels: Kernels) -> None:
    first = kernels.start()
    first.cells("x = 1")
    first.stop()
    second = kernels.start()
    second.cells("y = 2")
    assert second.value("len(__import__('timeslip').session().log(all=True))") == 2
    assert second.value("__import__('timeslip').session().log()[0].parents") == []
    second.cells("%undo")
    assert second.value("'y' in globals()") is False


def test_two_kernels_on_one_notebook(kernels: Kernels) -> None:
    first, second = kernels.start(), kernels.start()
    first.cells("x = 'first'")
    second.cells("x = 'second'")
    first.cells("y = 1")
    second.cells("y = 2")
    branches = {k.value("__import__('timeslip').session().branch_name") for k in (first, second)}
    assert len(branches) == 2, "the second kernel got a branch of its own"
    first.cells("%undo")
    assert first.value("x, 'y' in globals()") == ["first", False]
    assert second.value("x, y") == ["second", 2]
    second.cells("%undo 2")
    assert second.value("'x' in globals()") is False
    assert first.value("x") == "first"


def test_several_notebooks_at_once(kernels: Kernels) -> None:
    one, two = kernels.start(notebook="one.ipynb"), kernels.start(notebook="two.ipynb")
    one.cells("x = 1")
    two.cells("x = 2", "x = 3", "%undo")
    assert one.value("x") == 1
    assert two.value("x") == 2
    assert one.value("len(__import__('timeslip').session().log(all=True))") == 1


def test_unload_leaves_the_session_as_it_is(kernels: Kernels) -> None:
    kernel, bare = kernels.start(), kernels.start(attach=False)
    probe = "sorted(n for n in globals() if not n.startswith(('_i', '_o', '_d')))"
    for k in (kernel, bare):
        k.cells("x = [1]", "x")
    kernel.cells("%unload_ext timeslip")
    assert kernel.value("x") == [1]
    assert kernel.value("type(get_ipython().user_ns).__name__") == "dict"
    names = set(kernel.value(probe)) ^ set(bare.value(probe))
    assert not {name for name in names if not name.lstrip("_").isdigit()}, names
    assert kernel.cell("%undo").error == "UsageError" or not kernel.cell("%undo").ok
    kernel.cells("%load_ext timeslip", "x.append(2)", "%undo")
    assert kernel.value("x") == [1]


def test_attach_late(kernels: Kernels) -> None:
    kernel = kernels.start(attach=False)
    kernel.cells("x = [1]; y = x", "%load_ext timeslip", "x = None; del y", "%undo")
    assert kernel.value("x is y, x") == [True, [1]]
