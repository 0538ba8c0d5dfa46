"""Mocks of unittest come back with what they were told to answer and what they were asked."""

from __future__ import annotations

from pathlib import Path

from tests.fidelity.recording import attach, fresh, in_another_process

MADE = """
from unittest import mock
class Own(mock.MagicMock): pass
x = mock.MagicMock()
x.a.b.return_value = 5
x(1, k=[2])
spec = mock.MagicMock(spec=dict)
spec.__getitem__.return_value = 7
own, asked, plain = Own(), mock.AsyncMock(return_value=1), mock.NonCallableMock(v=3)
type(own).prop = mock.PropertyMock(return_value=4)
shared = [x.a, mock.call(1, a=2)]
"""
USED = "x.a.b(); x(x); spec['z']; own(8); x.more = 9"
PROBE = (
    "(x.call_args_list, [c[0] for c in x.mock_calls], x.a.b.return_value, x.a.b.call_count, 'more' in vars(x), "
    "x.a is shared[0] and x.a.b._mock_parent is x.a, spec.mock_calls, isinstance(spec, dict), own.call_args, "
    "isinstance(own, Own), asked.await_count, plain.v, callable(plain), shared[1])"
)


def test_undo_redo_and_a_new_process(tmp_path: Path) -> None:
    """What a mock was used for is undone and done again; its children and magic methods are its own."""
    namespace = fresh()
    session = attach(tmp_path, namespace, "mocks")
    try:
        commits, told = [], []
        for cell in (MADE, USED, "held = 1"):
            result = session.run(cell)
            assert result.error is None, result.error
            assert not result.commit.names.inexact
            commits.append(str(result.commit.id))
            told.append(repr(eval(PROBE, namespace)))
        assert not {"x", "own", "spec", "shared"} & set(result.commit.names.changed)
        session.undo(2)
        assert repr(eval(PROBE, namespace)) == told[0]
        session.redo()
        assert len(eval(PROBE, namespace)[0]) == 2
        assert namespace["x"].call_args[0][0] is namespace["x"]
        assert namespace["x"].a.b() == 5
        assert namespace["spec"]["q"] == 7
        session.checkout(commits[-1])
    finally:
        session.close()
    job = {"directory": str(tmp_path), "files": [], "session": "mocks", "name": "x", "commits": commits}
    probe = f"[str({PROBE}[1:8]), {PROBE}[8:], x.call_args[0][0] is x, x.a.b(), own.prop]"
    [[last, _, first]] = in_another_process([job | {"probe": probe}])
    assert (last.fidelity, first.fidelity) == ("exact", "exact")
    assert "call(8), True, 0, 3, False, call(1, a=2)), True, 5, 4]" in last.told
    assert "None, True, 0, 3, False, call(1, a=2)), False, 5, 4]" in first.told
