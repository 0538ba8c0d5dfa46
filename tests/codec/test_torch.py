"""Tensors come back with the memory they share, their gradients and attributes; what does not is said."""

# ruff: noqa: E501, ISC004 - cells in a table

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip.testing.graphs import compare_states

torch: Any = pytest.importorskip("torch")
numpy: Any = pytest.importorskip("numpy")

START = "import torch, numpy as np; torch.manual_seed(0)"


@pytest.fixture
def attach(tmp_path: Path) -> Iterator[Callable[[], Any]]:
    made: list[Any] = []

    def attach() -> Any:
        made.append(timeslip.attach({"__name__": "__main__"}, store=tmp_path / "s", name="torch", min_free_bytes=0))
        return made[-1]

    yield attach
    for session in made:
        session.close()


def ran(session: Any, code: str) -> Any:
    result = session.run(code)
    assert result.error is None, result.error
    return result.commit


CASES = {
    # cell, change, expressions that must have the same value before the change and after undo, and after resume
    "view": (
        "a = torch.arange(6.).reshape(2, 3); v = a[0]; t = a.T", "v.add_(10)",
        "a.tolist(), v.tolist(), t.tolist(), v.data_ptr() == a.data_ptr() == t.data_ptr(), t.stride()",
    ),
    "large view": (
        "a = torch.arange(100_000.); v = a[500:900:2]", "v.zero_()",
        "a.sum().item(), v.tolist(), v.data_ptr() - a.data_ptr()",
    ),
    "names that come one after the other": ("a = torch.zeros(4)", "b = a[1:]; b[0] = 5", "a.tolist()"),
    "array of a tensor": (
        "a = torch.arange(6.); n = a.numpy(); m = n[2:4]", "m[:] = -1",
        "n.tolist(), m.tolist(), a.data_ptr() == n.ctypes.data, np.shares_memory(n, m)",
    ),
    "tensor of an array": (
        "n = np.arange(6.); t = torch.from_numpy(n)[1:]; f = np.zeros((2, 3), order='F'); g = torch.from_numpy(f)",
        "t += 10; g += 1",
        "n.tolist(), t.tolist(), t.data_ptr() - n.ctypes.data, f.tolist(), g.tolist(), g.data_ptr() == f.ctypes.data",
    ),
    "tensor of an array that has no name": ("t = torch.from_numpy(np.arange(3))", "t += 1", "t.tolist()"),
    "module": (
        "m = torch.nn.Linear(3, 2); w = m.weight; held = [w, m]", "m.weight.data.zero_()",
        "w.tolist(), w is m.weight, held[0] is w, isinstance(w, torch.nn.Parameter), w.requires_grad",
    ),
    "parametrized modules": (
        "from torch.nn.utils import parametrizations as p; m = torch.nn.ModuleList([p.weight_norm(torch.nn.Linear(2, 1))]); import copy; c = copy.deepcopy(m)",
        "m[0].parametrizations.weight.original0.data += 1",
        "m[0].weight.tolist(), type(m[0]) is type(c[0]), c[0].weight.tolist(), len(list(m.parameters())), m[0].bias.tolist()",
    ),
    "gradient": (
        "m = torch.nn.Linear(2, 1); m(torch.ones(2)).backward(); g = m.weight.grad", "g.mul_(2)",
        "m.weight.grad.tolist(), g is m.weight.grad",
    ),
    "optimizer": (
        "m = torch.nn.Linear(2, 1); o = torch.optim.Adam(m.parameters()); m(torch.ones(2)).backward(); o.step()",
        "o.step()",
        "o.param_groups[0]['params'][0] is m.weight, o.state[m.weight]['step'].item(), m.weight.tolist()",
    ),
    "kinds of numbers": (
        "k = [torch.ones(2, dtype=d) for d in (torch.bfloat16, torch.float16, torch.bool, torch.cfloat, torch.int8)]",
        "k[0][0] = 7; k.append(torch.empty(0))",
        "[(str(x.dtype), x.tolist()) for x in k]",
    ),
    "attributes": ("a = torch.ones(2); a.note = ['x']", "a.note.append('y')", "a.note"),
    "one number": ("a = torch.tensor(3.5); b = a.view(1)", "b[0] = 4", "a.item(), b.tolist()"),
    "as strided": ("a = torch.arange(6.); s = a.as_strided((2, 2), (1, 1), 1)", "a += 1", "s.tolist(), s.stride()"),
    "expanded": ("a = torch.ones(1); e = a.expand(5)", "a[0] = 2", "e.tolist(), e.stride()"),
    "sparse": ("a = torch.eye(2).to_sparse()", "a = a * 2", "a.to_dense().tolist()"),
    "sparse, with what it is made of": (
        "a = torch.eye(3).to_sparse().requires_grad_(); v = a.detach()._values(); "
        "u = torch.sparse_coo_tensor([[0, 0]], [1., 2.], (3,), check_invariants=False)", "v.add_(1)",
        "a.to_dense().tolist(), v.data_ptr() == a.detach()._values().data_ptr(), a.requires_grad, "
        "a.is_coalesced(), u.is_coalesced()",
    ),
    "compressed": (
        "a = torch.eye(3).to_sparse_csr(); v = a.values(); b = torch.eye(4).to_sparse_bsr((2, 2))", "v.add_(1)",
        "a.to_dense().tolist(), v.tolist(), str(a.layout), b.to_dense().tolist(), str(b.layout)",
    ),
    "quantized": (
        "a = torch.quantize_per_tensor(torch.arange(4.), .5, 1, torch.qint8); v = a[1:]; "
        "b = torch.quantize_per_channel(torch.ones(2, 3), torch.tensor([.1, .2]), torch.tensor([0, 1]), 0, torch.quint8)",
        "a.copy_(torch.zeros(4))",
        "a.dequantize().tolist(), a.q_scale(), v.data_ptr() - a.data_ptr(), b.dequantize().tolist(), str(b.qscheme())",
    ),
    "conjugate": (
        "a = torch.tensor([1+2j, 3-1j]); c = a.conj(); n = c.imag; r = torch.view_as_real(a)", "r.mul_(2)",
        "a.tolist(), c.tolist(), n.tolist(), c.is_conj(), n.is_neg(), c.data_ptr() == a.data_ptr() == r.data_ptr()",
    ),
    "inference": (
        "with torch.inference_mode():\n    a = torch.ones(3); v = a[1:]", "with torch.inference_mode(): a.add_(1)",
        "a.tolist(), v.tolist(), a.is_inference(), v.data_ptr() - a.data_ptr()",
    ),
    "subclasses of the session": (
        "class T(torch.Tensor): pass\nclass P(torch.nn.Parameter): pass\n"
        "t = torch.ones(3).as_subclass(T); t.tag = ['x']; u = t[1:]; p = P(torch.ones(2)); b = t.as_subclass(torch.Tensor)",
        "t.add_(1); t.tag.append('y'); p.data.add_(1)",
        "type(t) is T, t.tolist(), t.tag, type(u) is T, u.data_ptr() - t.data_ptr(), type(p) is P, p.tolist(), "
        "b.data_ptr() == t.data_ptr(), b.tolist()",
    ),
    "hooks of tensors": (
        "seen = []; p = torch.ones(2, requires_grad=True); h = p.register_hook(lambda g: seen.append(g.tolist()))\n"
        "k = p.register_post_accumulate_grad_hook(lambda p: seen.append('done'))",
        "(p * 2).sum().backward()",
        "list(seen), p.grad, list(p._backward_hooks) == [h.id], h.hooks_dict_ref() is p._backward_hooks, "
        "list(p._post_accumulate_grad_hooks) == [k.id]",
    ),
    "hooks of modules and optimizers": (
        "seen = []; m = torch.nn.Linear(2, 1); h = m.register_forward_hook(lambda *a: seen.append(1))\n"
        "s = m.register_state_dict_post_hook(lambda *a: seen.append(2))\n"
        "o = torch.optim.SGD(m.parameters(), lr=.1); k = o.register_step_pre_hook(lambda *a: seen.append(3))",
        "m(torch.ones(2)); m.state_dict(); o.step(); seen.append(4)",
        "list(seen), h.id in m._forward_hooks, k.id in o._optimizer_step_pre_hooks",
    ),
    "schedulers": (
        "m = torch.nn.Linear(2, 1); o = torch.optim.SGD(m.parameters(), lr=1., momentum=.9)\n"
        "s = torch.optim.lr_scheduler.StepLR(o, 2); f = torch.optim.lr_scheduler.LambdaLR(o, lambda e: .5 ** e)",
        "m(torch.ones(2)).backward(); o.step(); s.step(); f.step()",
        "s.optimizer is o is f.optimizer, o.param_groups[0]['lr'], s.last_epoch, f.lr_lambdas[0](2), "
        "hasattr(o.step, '_wrapped_by_lr_sched'), getattr(o, '_opt_called', None), m.weight.tolist()",
    ),
    "tied weights and buffers": (
        "e = torch.nn.Embedding(5, 3); d = torch.nn.Linear(3, 5, bias=False); d.weight = e.weight\n"
        "d.register_buffer('b', torch.ones(2), persistent=False)", "d.weight.data.add_(1); d.b.zero_()",
        "d.weight is e.weight, e.weight.tolist(), d.b.tolist(), 'b' in d.state_dict()",
    ),
    "generator": (
        "g = torch.Generator().manual_seed(5); d = torch.default_generator; l = [g]", "torch.rand(3, generator=g)",
        "g.get_state().sum().item(), g.initial_seed(), d is torch.default_generator, l[0] is g",
    ),
    "data sets": (
        "from torch.utils.data import *\nx = torch.arange(10.); ds = TensorDataset(x, x * 2); sub = Subset(ds, [1, 3])\n"
        "g = torch.Generator().manual_seed(1); dl = DataLoader(ds, batch_size=3, shuffle=True, generator=g)", "x.add_(1)",
        "x.tolist(), sub.dataset is ds is dl.dataset, ds.tensors[0] is x, dl.generator is g, sub[0][0].item()",
    ),
    "helpers": (
        "a = [torch.device('cpu'), torch.float32, torch.Size([1]), torch.strided, torch.finfo(torch.float32), "
        "torch.iinfo(torch.int8), torch.ops.aten.add.Tensor, torch.ops.aten.add]", "a.append(1)",
        "a[:4], a[4].max, a[5].max, a[6] is torch.ops.aten.add.Tensor, a[7] is torch.ops.aten.add, len(a)",
    ),
    "script": (
        "m = torch.jit.script(torch.nn.Sequential(torch.nn.Linear(2, 1))); w = dict(m.named_parameters())['0.weight']",
        "w.data.zero_()", "m(torch.ones(2)).tolist(), w.tolist(), w.data_ptr() == dict(m.named_parameters())['0.weight'].data_ptr()",
    ),
    "traced": (
        "m = torch.jit.trace(torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.ReLU()), torch.ones(2))\n"
        "w = dict(m.named_parameters())['0.weight']; m.register_forward_hook(lambda module, given, out: out * 10)\n"
        "both = torch.jit.script(torch.nn.Sequential(m, torch.nn.Linear(1, 1))); both[1].note = 1", "w.data.fill_(2.); m.training = False",
        "m(torch.ones(2)).tolist(), w.data_ptr() == dict(m.named_parameters())['0.weight'].data_ptr(), "
        "[(n, type(p).__name__) for x in (m, both) for n, p in x.named_modules()], repr(m), m.training, both[1].note",
    ),
    "array in an object": (
        "class Box: pass\nb = Box(); b.n = np.arange(3.); b.t = torch.from_numpy(b.n); d = {'n': np.ones(2)}\n"
        "t = torch.from_numpy(d['n']); raw = bytearray(8); f = torch.frombuffer(raw, dtype=torch.float32)",
        "b.t += 1; t += 1; f += 1",
        "b.n.tolist(), b.t.data_ptr() == b.n.ctypes.data, d['n'].tolist(), t.data_ptr() == d['n'].ctypes.data, bytes(raw)",
    ),
    "tensors over memory that has no name": (
        "def made():\n    a = np.arange(4.); return torch.from_numpy(a), torch.from_numpy(a[1:])\nt, u = made()", "t += 1",
        "t.tolist(), u.tolist(), u.data_ptr() - t.data_ptr()",
    ),
    "distributions": (
        "d = torch.distributions.Normal(torch.zeros(2), torch.ones(2)); loc = d.loc", "loc.add_(1)",
        "d.loc is loc, d.log_prob(torch.ones(2)).tolist()",
    ),
    "scaler": (
        "s = torch.amp.GradScaler('cpu', init_scale=8.); t = s.scale(torch.ones(1)); s.update(4.)", "s.update(2.)",
        "s.get_scale(), s.is_enabled(), s._init_scale",
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # torch is going to give up some of these
@pytest.mark.parametrize("name", CASES)
def test_undo_and_resume(name: str, attach: Callable[[], Any]) -> None:
    first, change, question = CASES[name]
    session = attach()
    ran(session, START)
    ran(session, first)

    def answer(asked: Any) -> str:
        return repr(eval(question, asked.namespace))

    wanted = answer(session)
    ran(session, change)
    changed = answer(session)
    result = session.undo()
    assert answer(session) == wanted != changed
    assert set(result.fidelity.values()) == {"exact"}
    commits = len(session.log(all=True))
    session.redo()
    assert answer(session) == changed
    session.undo()
    assert len(session.log(all=True)) == commits, "nothing of it is found changed without a change"
    session.close()
    again = attach()
    again.resume()
    assert answer(again) == wanted


def test_what_is_written_through_one_tensor_is_seen_in_the_other_after_undo(attach: Callable[[], Any]) -> None:
    session = attach()
    ran(session, START)
    ran(session, "a = torch.zeros(3); v = a[:2]; n = a.numpy()")
    ran(session, "a = v = n = None")
    session.undo()
    ran(session, "v[0] = 5; n[1] = 6")
    assert session.namespace["a"].tolist() == [5, 6, 0]


def test_looking_at_a_tensor_leaves_it_as_it_is(attach: Callable[[], Any]) -> None:
    session = attach()
    ran(session, START)
    ran(session, "a = torch.zeros(3); p = torch.nn.Parameter(torch.ones(1000))")
    ran(session, "a.resize_(4); p.data.resize_(2000)")
    ran(session, "a = None")
    session.undo()
    ran(session, "a.resize_(5)")


def test_a_value_of_a_graph_says_what_it_loses(attach: Callable[[], Any]) -> None:
    session = attach()
    ran(session, START)
    commit = ran(session, "x = torch.ones(2, requires_grad=True); y = x * 2")
    assert list(commit.names.inexact) == ["y"]
    assert "gradients" in commit.names.inexact["y"]
    ran(session, "y = None")
    assert session.undo().fidelity["y"] == "rebuilt"
    assert session.namespace["y"].tolist() == [2, 2]
    assert session.namespace["y"].requires_grad


def test_nothing_is_written_for_a_tensor_that_did_not_change(attach: Callable[[], Any]) -> None:
    session = attach()
    ran(session, START)
    ran(session, "m = torch.nn.Linear(300, 300)")
    assert ran(session, "m(torch.ones(300)).sum().item()").stats.covariables_written == 0
    assert ran(session, "m.bias.data += 1").stats.bytes_stored < 20_000, "the weights were stored before"


def test_an_optimizer_goes_on_as_one_that_never_travelled(attach: Callable[[], Any]) -> None:
    train = """
for _ in range(3):
    o.zero_grad(); l = ((m(x) - 1) ** 2).mean(); l.backward(); o.step(); s.step()
losses.append(l.item())
"""
    start = """
torch.manual_seed(1); x = torch.rand(5, 3); losses = []
m = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
o = torch.optim.Adam(m.parameters(), lr=.1, amsgrad=True); s = torch.optim.lr_scheduler.CosineAnnealingLR(o, 9)
"""
    twin: dict[str, Any] = {}
    for code in (START, start, train, train):
        exec(code, twin)
    session = attach()
    for code in (START, start, train, train, "m = o = None"):
        ran(session, code)
    session.undo(2)
    ran(session, train)
    assert session.namespace["losses"] == twin["losses"]
    session.undo()
    session.close()
    again = attach()
    again.resume()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a scheduler complains about an optimizer that it does not know any more
        ran(again, train)
    assert again.namespace["losses"] == twin["losses"]


def test_hooks_run_after_a_restore(attach: Callable[[], Any]) -> None:
    session = attach()
    ran(session, START)
    first, _, _ = CASES["hooks of tensors"]
    ran(session, first)
    ran(session, "p = h = k = None; seen.clear()")
    session.undo()
    ran(session, "(p * 2).sum().backward()")
    assert session.namespace["seen"] == [[2, 2], "done"]
    ran(session, "h.remove(); (p * 2).sum().backward()")
    assert session.namespace["seen"] == [[2, 2], "done", "done"]


def test_no_code_of_a_subclass_runs_for_a_commit(attach: Callable[[], Any]) -> None:
    session = attach()
    ran(session, START)
    ran(
        session,
        """
class Logged(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        log.append(func)
        return super().__torch_function__(func, types, args, kwargs or {})
log = []
t = torch.ones(2).as_subclass(Logged); log.clear()
""",
    )
    ran(session, "t.note = 1")
    session.undo()
    session.redo()
    session.undo()
    assert session.namespace["log"] == []


def test_a_gradient_that_was_retained_comes_back(attach: Callable[[], Any]) -> None:
    session = attach()
    ran(session, START)
    ran(session, "x = torch.ones(2, requires_grad=True); y = x * 2; y.retain_grad(); (y * 3).sum().backward()")
    ran(session, "y = None")
    session.undo()
    assert session.namespace["y"].grad.tolist() == [3, 3]


def test_parts_of_something_large_are_not_stored_again(attach: Callable[[], Any]) -> None:
    session = attach()
    ran(session, START)
    ran(session, "big = torch.randn(2000, 1000); parts = [big[i, :3] for i in range(50)]")
    assert ran(session, "c = big[5, :3]").stats.bytes_stored < 100_000
    assert ran(session, "parts[3].zero_()").stats.bytes_stored < 2_000_000, "one chunk of eight million bytes"
    ran(session, "parts[3].fill_(7)")
    session.undo()
    assert session.namespace["big"][3, :3].tolist() == [0, 0, 0]


def test_what_is_lost_is_said(attach: Callable[[], Any]) -> None:
    session = attach()
    ran(session, START)
    ran(session, "from torch.utils.data import DataLoader, TensorDataset")
    commit = ran(
        session,
        "it = iter(DataLoader(TensorDataset(torch.arange(9)), 3)); next(it); s = torch.ones(2).share_memory_()",
    )
    assert set(commit.names.inexact) == {"it", "s"}
    assert "no other process" in commit.names.inexact["s"]


def test_compiled_functions_stand_in_no_way(attach: Callable[[], Any]) -> None:
    session = attach()
    ran(session, START)
    ran(session, "def f(x):\n    return x * k\nk = 3; c = torch.compile(f, backend='eager')")
    ran(session, "r = c(torch.ones(2)).tolist()")
    ran(session, "k = 5; r = c(torch.ones(2)).tolist()")
    assert session.namespace["r"] == [5, 5]
    session.undo()
    ran(session, "again = c(torch.ones(2)).tolist()")
    assert session.namespace["again"] == [3, 3]
    assert not [name for name in session.log()[0].names.inexact if name.startswith("__")]


def test_a_module_that_was_compiled_in_place_says_so_and_is_nobodys_fault(attach: Callable[[], Any]) -> None:
    session = attach()
    ran(session, START)
    commit = ran(session, "m = torch.nn.Linear(2, 1); m.compile(backend='eager'); k = torch.nn.Linear(2, 1)")
    assert set(commit.names.inexact) == {"m"}
    ran(session, "m = k = None")
    result = session.undo()
    assert result.fidelity["k"] == "exact"
    assert "compile" in result.notes["m"]


def test_parameters_that_are_not_initialized_can_be_compared(attach: Callable[[], Any]) -> None:
    session = attach()
    ran(session, f"{START}; layer = torch.nn.LazyLinear(3); other = torch.nn.LazyLinear(3)")
    before = copy.deepcopy(session._live.namespace.globals["layer"])
    ran(session, "layer(torch.zeros(2, 4))")
    session.undo()
    after = session._live.namespace.globals["layer"]
    assert compare_states({"x": before}, {"x": after}) == []
    assert compare_states({"x": after}, {"x": torch.nn.Linear(4, 3)})


def test_a_graph_that_a_run_may_have_freed_is_not_called_exact(attach: Callable[[], Any]) -> None:
    session = attach()
    ran(session, f"{START}\nx = torch.ones(2, requires_grad=True); opt = torch.optim.SGD([x], lr=.1)")
    ran(session, "loss = (x ** 2).sum(); other = (x ** 3).sum()\ndef train(): loss.backward(); opt.step()")
    ran(session, "y = 1")
    result = session.undo()
    assert result.fidelity["loss"] == "exact"
    session.redo()
    ran(session, "train()")
    for result in (session.undo(), session.redo(), session.undo(2)):
        assert "loss" in result.kept
        assert result.fidelity["loss"] == "rebuilt"
        assert "without the graph" in result.notes["loss"]
        assert result.fidelity["opt" if "opt" in result.kept else "train"] == "exact"
