"""Attaching breaks nothing: each of these cells gives in a recording kernel what it gives in a bare one."""
# ruff: noqa: E501 - cells are written as users write them

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.kernel.conftest import Kernels, LabKernel

CELLS: dict[str, list[str]] = {
    "pickle own class and function": ["import pickle\nclass A:\n    def __init__(self): self.x = [1]\ndef f(v): return v + 1", "b = pickle.loads(pickle.dumps(A())); type(b) is A, b.x", "pickle.loads(pickle.dumps(f)) is f", "pickle.dumps(f)"],
    "copy and deepcopy": ["import copy\nclass A: pass\na = A(); a.me = a", "c = copy.deepcopy(a); c.me is c, type(c) is A, copy.copy(a).me is a"],
    "multiprocessing with fork": ["import multiprocessing as mp\ndef sq(x): return x * x", "with mp.get_context('fork').Pool(2) as p: r = p.map(sq, range(5))", "r"],
    "multiprocessing with an initializer": ["import multiprocessing as mp\nstate = {'n': 3}\ndef get(_): return state['n']", "with mp.get_context('fork').Pool(1) as p: print(p.map(get, [0]))"],
    "concurrent futures": ["from concurrent.futures import ThreadPoolExecutor, ProcessPoolExecutor\nimport multiprocessing as mp\ndef add(x, y): return x + y", "with ThreadPoolExecutor(2) as e: print(list(e.map(add, [1, 2], [3, 4])))", "with ProcessPoolExecutor(1, mp_context=mp.get_context('fork')) as e: print(e.submit(add, 1, 2).result())"],
    "fork and exit": ["import os, sys\npid = os.fork()\nif pid == 0:\n    x = 'in the child'; os._exit(7)\nos.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])"],
    "typing.get_type_hints": ["import typing\nclass A:\n    x: 'B'\nclass B: pass\ndef f(a: 'A') -> 'list[B]': ...", "typing.get_type_hints(A), typing.get_type_hints(f)"],
    "string-annotated dataclass": ["from __future__ import annotations\nfrom dataclasses import dataclass, field, fields, asdict\nfrom typing import ClassVar\n@dataclass(order=True)\nclass P:\n    x: int\n    c: ClassVar[int] = 3\n    y: list[int] = field(default_factory=list)", "P(1) < P(2), [f.name for f in fields(P)], asdict(P(1))", "P(1, [2])"],
    "__main__ attributes": ["x = 5\nimport __main__", "__main__.x, __main__.__dict__ is globals(), __name__", "__main__.y = 6; y", "import sys; sys.modules['__main__'] is __main__, vars(__main__)['x']"],
    "namespace is a plain dict": ["type(globals()), globals() is get_ipython().user_ns, globals() is locals()", "(lambda: 0).__globals__ is globals()", "def f(): global zz; zz = 1\nf(); zz"],
    "inspect": ["import inspect\ndef f(a, b=[1], *c, d: int = 2, **e) -> int:\n    'doc'\n    return a\nclass K:\n    def m(self): pass", "inspect.getsource(f)", "inspect.signature(f), inspect.getdoc(f), inspect.getmodule(f)", "inspect.getsource(K.m)", "inspect.getmembers(K(), inspect.ismethod)[0][0]", "inspect.currentframe().f_code.co_name"],
    "tracebacks": ["def f(x): return 1 / x\ndef g(): return f(0)", "g()", "import traceback\ntry: g()\nexcept ZeroDivisionError: print(traceback.format_exc().count('File'))"],
    "exceptions chained": ["try:\n    try: 1 / 0\n    except ZeroDivisionError as e: raise KeyError('k') from e\nexcept KeyError as e: print(repr(e.__cause__), e.__suppress_context__)", "raise ValueError('text') from None", "'e' in globals()"],
    "SystemExit and asserts": ["raise SystemExit(3)", "assert False, 'msg'", "x = 1"],
    "%debug after an error": ["def f(): v = 41; return 1 / 0\nf()", "import sys\ntb = sys.last_traceback\nwhile tb.tb_next: tb = tb.tb_next\ntb.tb_frame.f_locals['v']"],
    "pdb without a terminal": ["import pdb, io, sys\ndef f(x):\n    y = x + 1\n    return y", "p = pdb.Pdb(stdin=io.StringIO('n\\nn\\np y\\nc\\n'), stdout=sys.stdout, nosigint=True); p.use_rawinput = False\np.prompt = ''\np.runcall(f, 1)"],
    "%prun": ["def f(): return sum(range(10))", "%prun -q -T prof.txt f()", "import os; os.path.exists('prof.txt')"],
    "%timeit": ["x = 3\n%timeit -n 2 -r 1 x + 1", "t = %timeit -n 1 -r 1 -o -q pass\ntype(t).__name__"],
    "%time and %%time results": ["y = 2\n%time y + 1", "%%time\nz = y * 2\nz", "z"],
    "%autoreload": ["open('amod.py', 'w').write('def v(): return 1\\n') and None", "%load_ext autoreload\n%autoreload 2\nimport sys; sys.path.insert(0, '.'); import amod; print(amod.v())", "import time, os\nopen('amod.py', 'w').write('def v(): return 22222\\n'); os.utime('amod.py', (time.time() + 10,) * 2)", "amod.v()", "%autoreload 0\nsys.path.remove('.')"],
    "%run -i and %run": ["v = [1]; open('p.py', 'w').write('v.append(len(v))\\nw = 3\\n') and None", "%run -i p.py\nv, w", "%run p.py", "v"],
    "%%capture and %%writefile": ["%%capture c\nprint('inside')\n5", "c.stdout, c.outputs[0].data['text/plain']", "%%writefile w.txt\nabc", "open('w.txt').read()"],
    "%who, %whos, %reset_selective": ["alpha = 1; beta = 'x'", "%who int", "%reset_selective -f ^alpha$", "'alpha' in globals(), beta"],
    "%xdel and %store-like dicts": ["big = [1]; ref = big", "%xdel big", "'big' in globals(), 'ref' in globals()"],
    "history and In": ["x = 1", "In[-2], len(In) == get_ipython().execution_count + 1, _i", "%history -l 2"],
    "Out and underscore": ["41 + 1", "_", "_ + 1", "Out[max(Out)], _, __, ___", "_ = 5", "6", "_", "del _", "7", "_"],
    "semicolon suppresses": ["3;", "_ if '_' in globals() else None", "None"],
    "objects that raise": ["class Bad:\n    def __repr__(self): raise RuntimeError('repr')\n    def __eq__(self, o): raise RuntimeError('eq')\n    def __bool__(self): raise RuntimeError('bool')\n    def __getattr__(self, n): raise RuntimeError('attr ' + n)\n    def __reduce__(self): raise RuntimeError('reduce')\n    def __hash__(self): raise RuntimeError('hash')\n    def __len__(self): raise RuntimeError('len')\nb = Bad()", "x = [b]; y = 1", "y", "b.zzz"],
    "object with class lies": ["class Liar:\n    @property\n    def __class__(self): raise RuntimeError('class')\n    def __getattribute__(self, n): raise RuntimeError('get ' + n)\nl = Liar()", "d = {'l': l}", "type(l).__name__"],
    "slow repr and slow getattr": ["import time\nclass S:\n    def __repr__(self): time.sleep(0.2); return 'slow'\n    def __reduce__(self): time.sleep(0.2); return (S, ())\ns = S()", "s", "t = s"],
    "reference counts": ["import sys\nclass K: pass\nk = K(); l = [1]", "sys.getrefcount(k), sys.getrefcount(l)", "m = l\nsys.getrefcount(l)"],
    "finalizers": ["class F:\n    def __del__(self): print('gone')\nf = F()", "f = None", "g = F(); h = [g]", "del g", "h.clear()"],
    "weak references": ["import weakref, gc\nclass K: pass\nk = K(); r = weakref.ref(k); f = weakref.finalize(k, print, 'finalized')", "len(weakref.getweakrefs(k)) >= 1", "del k", "r() is None"],
    "garbage collection": ["import gc\nclass C: pass\nc = C(); c.me = c\nimport weakref; w = weakref.ref(c)", "del c", "_n = gc.collect(); w() is None", "len(gc.garbage), gc.isenabled()"],
    "memory after del": ["import tracemalloc\ntracemalloc.start(); big = bytearray(30_000_000)", "del big", "tracemalloc.get_traced_memory()[0] < 10_000_000", "tracemalloc.stop()"],
    "bytearray can be resized": ["b = bytearray(100_000); import array; a = array.array('i', range(1000)); import numpy as np; n = np.zeros(1000)", "b.extend(b'x'); a.append(1); n.resize(2000); len(b), len(a), len(n)"],
    "recursion limit": ["import sys; sys.getrecursionlimit()", "def deep(n): return n and deep(n - 1)\ndeep(500)", "def forever(): forever()\nforever()", "sys.setrecursionlimit(5000)", "sys.getrecursionlimit()", "sys.setrecursionlimit(3000)"],
    "tracing and profiling hooks": ["import sys\nsys.gettrace(), sys.getprofile()", "calls = []\ndef prof(f, e, a): calls.append(e) if e == 'call' else None\ndef target(): return 1\nsys.setprofile(prof); target(); sys.setprofile(None)\n'call' in calls", "sys.gettrace(), sys.getprofile()"],
    "sys.monitoring is free for others": ["import sys\nhasattr(sys, 'monitoring') and [sys.monitoring.get_tool(i) for i in (0, 1)]", "if hasattr(sys, 'monitoring'):\n    sys.monitoring.use_tool_id(sys.monitoring.PROFILER_ID, 'mine'); sys.monitoring.free_tool_id(sys.monitoring.PROFILER_ID)", "1"],
    "threads": ["import threading\nr = []\nt = threading.Thread(target=lambda: r.append(threading.current_thread().name), name='mine'); t.start(); t.join(); r", "local = threading.local(); local.x = 1; local.x"],
    "asyncio": ["import asyncio\nasync def f(): await asyncio.sleep(0.01); return 5\nawait f()", "t = asyncio.create_task(f())", "await t", "asyncio.get_running_loop().is_running()"],
    "async generators and context managers": ["import contextlib\n@contextlib.asynccontextmanager\nasync def cm(): yield 3\nasync with cm() as v: print(v)", "v"],
    "signal handlers": ["import signal\nsignal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)", "old = signal.signal(signal.SIGUSR1, lambda *a: print('usr1')); signal.raise_signal(signal.SIGUSR1)", "signal.signal(signal.SIGUSR1, old) is not None"],
    "atexit, excepthook, displayhook": ["import sys, atexit\nsys.excepthook.__name__, type(sys.displayhook).__name__, type(sys.stdout).__name__", "sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__"],
    "custom exception handler": ["def handler(self, etype, value, tb, tb_offset=None): print('handled', etype.__name__)\nget_ipython().set_custom_exc((KeyError,), handler)", "{}['x']", "get_ipython().set_custom_exc((), None)"],
    "IPython events": ["seen = []\nip = get_ipython()\ndef pre(*a): seen.append('pre')\ndef post(*a): seen.append('post')\nip.events.register('pre_run_cell', pre); ip.events.register('post_run_cell', post)", "x = 1", "ip.events.unregister('pre_run_cell', pre); ip.events.unregister('post_run_cell', post); seen"],
    "input transformers": ["def up(lines): return [l.replace('TWO', '2') for l in lines]\nget_ipython().input_transformers_cleanup.append(up)", "TWO + 1", "get_ipython().input_transformers_cleanup.remove(up)"],
    "ast transformers": ["import ast\nclass D(ast.NodeTransformer):\n    def visit_Constant(self, n): return ast.copy_location(ast.Constant(n.value * 2 if type(n.value) is int else n.value), n)\nd = D(); get_ipython().ast_transformers.append(d)", "21", "get_ipython().ast_transformers.clear()"],
    "object inspection": ["def f(a):\n    'what it does'\n    return a\nx = 3", "get_ipython().object_inspect('f')['docstring']", "get_ipython().object_inspect('x')['type_name']"],
    "completion": ["abc_def = 1", "'abc_def' in get_ipython().complete('abc_')[1]"],
    "numpy": ["import numpy as np\na = np.arange(6).reshape(2, 3); v = a[0]", "v[0] = 9; a", "a.flags.owndata, a.base is None, v.base is None, a.flags.writeable", "a.resize((2, 3), refcheck=False); a.shape"],
    "pandas": ["import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})", "df['b'] = df.a * 2; df", "s = df['a']; s.iloc[0] = 5; df.a.tolist()"],
    "matplotlib": ["%matplotlib inline\nimport matplotlib.pyplot as plt", "fig, ax = plt.subplots(); _ = ax.plot([1, 2])", "plt.get_fignums()", "_ = plt.plot([1]); plt.gcf().number"],
    "subinterpreters or none": ["try:\n    import _xxsubinterpreters as si\nexcept ImportError:\n    si = None\nif si is not None:\n    i = si.create(); si.run_string(i, 'x = 1'); si.destroy(i)\nprint('done')"],
    "subprocess": ["import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True, text=True).stdout", "!echo shell", "r = !echo captured\nlist(r)"],
    "warnings": ["import warnings\nwarnings.warn('first')", "len(warnings.filters) >= 1", "with warnings.catch_warnings(record=True) as w:\n    warnings.simplefilter('always'); warnings.warn('x')\nlen(w)"],
    "logging": ["import logging\nlogging.getLogger().handlers, logging.getLogger().level", "logging.warning('shown')"],
    "environment, cwd and path": ["import os, sys\nos.environ.get('TIMESLIP_NOTHING'), os.path.isdir(os.getcwd())", "len(sys.path) == len(set(sys.path)), sys.path[-1].endswith('site-packages')", "os.environ['HARM'] = '1'; os.environ.pop('HARM')"],
    "random state": ["import random\nrandom.seed(5); [random.random() for _i0 in range(2)]", "random.random()", "import numpy as np; np.random.seed(1); np.random.rand()", "float(np.random.rand())"],
    "big loop with print": ["for i in range(300): print(i)", "i"],
    "walrus, match, star": ["if (n := 3) > 2: print(n)", "match [1, 2]:\n    case [a, *rest]: print(a, rest)", "a, *b = range(4); b"],
    "globals changed while iterating": ["for k in list(globals()): pass", "k2 = [n for n in list(globals()) if n == 'k']; k2", "exec('dyn = 1'); dyn"],
    "__builtins__ and builtins": ["import builtins\nbuiltins.extra = 5", "extra", "del builtins.extra", "extra", "type(__builtins__).__name__"],
    "locals in a class body": ["class A:\n    x = 1\n    y = [1]\n    print(sorted(k for k in locals() if not k.startswith('__')))"],
    "user_ns updates": ["get_ipython().user_ns['injected'] = 5", "injected", "get_ipython().ev('injected + 1'), get_ipython().ex('injected = 7')", "injected"],
    "unhashable, unorderable keys": ["d = {(): 1, frozenset(): 2, None: 3, 1.0: 4, True: 5}", "d", "import sys; sys.intern('a' * 50) is sys.intern('a' * 50)"],
    "name that shadows": ["list = [1, 2]; print = print", "list", "del list", "list((1,))", "len = 5", "len", "del len", "len('ab')"],
    "display objects": ["from IPython.display import display, HTML, Markdown\ndisplay({'a': 1})", "HTML('<b>x</b>')", "class R:\n    def _repr_html_(self): return '<i>'\n    def __repr__(self): return 'R!'\nR()", "h = display('one', display_id='d1'); h.update('two')"],
}  # fmt: skip


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LabKernel, LabKernel]]:
    """A bare and a recording kernel, used for all cells: what one leaves behind must not harm the next, either."""
    one, other = Kernels(tmp_path_factory.mktemp("bare")), Kernels(tmp_path_factory.mktemp("recorded"))
    yield one.start(attach=False), other.start(attach=False)
    one.stop()
    other.stop()


def test_there_are_enough_cells() -> None:
    assert len(CELLS) >= 40


@pytest.mark.parametrize("name", CELLS)
def test_same_as_in_a_bare_kernel(name: str, pair: tuple[LabKernel, LabKernel]) -> None:
    bare, recorded = pair
    for kernel in pair:
        kernel.cells("%reset -f")
    recorded.cells("%load_ext timeslip")
    bare.cells("pass")
    try:
        for index, cell in enumerate(CELLS[name]):
            expected, got = bare.cell(cell), recorded.cell(cell)
            assert got.comparable() == expected.comparable(), f"cell {index}: {cell}\n{got.shown}"
            assert frames(got.traceback) == frames(expected.traceback), "frames of a traceback"
        assert recorded.value("__import__('timeslip').session() is not None") is True
        assert "warning" not in recorded.cell("%timeslip status").stderr.lower()
    finally:
        recorded.cell("%unload_ext timeslip")


def frames(traceback: str) -> list[str]:
    """The functions that a traceback goes through: none may be ours."""
    assert "timeslip" not in traceback
    return re.findall(r"in (\w+)\(", traceback)


def test_importing_brings_no_library_of_the_users(kernels: Kernels) -> None:
    kernel = kernels.start(attach=False)
    before = set(kernel.value("list(__import__('sys').modules)"))
    kernel.cells("%load_ext timeslip", "x = 1", "x = [2]", "%undo")
    added = {name.split(".")[0] for name in set(kernel.value("list(__import__('sys').modules)")) - before}
    assert not added & {"numpy", "pandas", "matplotlib", "scipy", "sklearn", "torch", "polars", "pyarrow"}


def test_attaching_is_small(kernels: Kernels) -> None:
    kernel = kernels.start(attach=False)  # how long it takes is measured by `python -m benchmarks attach`
    kernel.cells("import resource\nrss0 = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss")
    kernel.cells("%load_ext timeslip\nrss1 = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss")
    megabytes = kernel.value("(rss1 - rss0) / 1024")
    assert megabytes < 25, "15 MB is the aim; the kernel's own high-water mark is coarse"
