"""Tensors come back with the memory they share, their gradients and attributes; what does not is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip

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
}  # fmt: skip


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
    session.undo()
    assert session.namespace["y"].tolist() == [2, 2]
    assert session.namespace["y"].requires_grad


def test_nothing_is_written_for_a_tensor_that_did_not_change(attach: Callable[[], Any]) -> None:
    session = attach()
    ran(session, START)
    ran(session, "m = torch.nn.Linear(300, 300)")
    assert ran(session, "m(torch.ones(300)).sum().item()").stats.covariables_written == 0
    assert ran(session, "m.bias.data += 1").stats.bytes_stored < 20_000, "the weights were stored before"
