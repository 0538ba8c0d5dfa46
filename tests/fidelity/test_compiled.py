"""Functions that jax, TensorFlow and numba compile: no restore leaves code that was compiled in another state."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from tests.fidelity.recording import attach, fresh, in_another_process

from timeslip.codec.reducers import traced

pytestmark = pytest.mark.filterwarnings("ignore")

JAX = "import jax\nk = 3.\n@jax.jit\ndef f(x): return x * k"
JAX_NESTED = "import jax\nk = 3.\n@jax.jit\ndef g(x): return x * k\n@jax.jit\ndef f(x): return g(x)"
NUMBA = "import numba\nk = 3.\n@numba.njit\ndef f(x): return x * k"
NUMBA_NESTED = "import numba\nk = 3.\n@numba.njit\ndef g(x): return x * k\n@numba.njit\ndef f(x): return g(x)"
TENSORFLOW = "import tensorflow as tf\nk = 3.\n@tf.function(autograph=False)\ndef f(x): return x * k"

CASES = {
    "jax": (JAX, "f(1.)"),
    "jax, one in another": (JAX_NESTED, "f(1.)"),
    "numba": (NUMBA, "f(1.)"),
    "numba, one in another": (NUMBA_NESTED, "f(1.)"),
    "tensorflow": (TENSORFLOW, "f(tf.constant(1.))"),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A cell that makes ``f``, and a call of it."""
    library = request.param.partition(",")[0]
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    return CASES[request.param]


def run(session: Any, cell: str) -> Any:
    """The commit of a cell that has to succeed."""
    result = session.run(cell)
    assert result.error is None, (cell, result.error)
    return result.commit


def test_undo_of_a_run_that_compiled(case: tuple[str, str], tmp_path: Path) -> None:
    """The function is not compiled again by the restore, and computes with what is there when it is."""
    make, call = case
    namespace = fresh()
    session = attach(tmp_path, namespace, "compiled")
    try:
        run(session, make)
        run(session, f"k = 5.; x = float({call})")
        assert namespace["x"] == 5.0
        session.undo()
        assert "x" not in namespace
        run(session, f"x = float({call})")
        assert namespace["x"] == 3.0
    finally:
        session.close()


def test_only_compiling_is_a_change(case: tuple[str, str], tmp_path: Path) -> None:
    """A call of what is compiled is none; compiling is, and is said, because the code has taken data in."""
    make, call = case
    namespace = fresh()
    session = attach(tmp_path, namespace, "compiled")
    try:
        assert "f" not in run(session, make).names.inexact
        first = run(session, f"x = float({call})")
        assert "f" in first.names.changed
        assert "compiled again" in first.names.inexact["f"]
        held = namespace["f"]
        assert "f" not in run(session, f"x = float({call})").names.changed
        session.undo()
        assert namespace["f"] is held
    finally:
        session.close()


def test_as_often_compiled_is_not_the_same(case: tuple[str, str], tmp_path: Path) -> None:
    """Going to another branch, where the function was compiled as often."""
    make, call = case
    namespace = fresh()
    session = attach(tmp_path, namespace, "compiled")
    try:
        run(session, make)
        other = run(session, f"k = 5.; x = float({call})")
        session.undo()
        run(session, f"x = float({call})")
        session.checkout(other.id)
        run(session, f"x = float({call})")
        assert namespace["x"] == 5.0
    finally:
        session.close()


def test_a_new_process(case: tuple[str, str], tmp_path: Path) -> None:
    """It comes back where nothing of its library is loaded."""
    make, call = case
    session = attach(tmp_path, fresh(), "compiled")
    try:
        commits = [str(run(session, cell).id) for cell in (make, f"k = 5.; x = float({call})")]
    finally:
        session.close()
    job = {"directory": str(tmp_path), "files": [], "session": "compiled", "name": "f", "commits": commits}
    [[last, first]] = in_another_process([job | {"probe": f"float({call})"}])
    assert (last.told, last.fidelity) == ("5.0", "rebuilt")
    assert (first.told, first.fidelity) == ("3.0", "exact")


def test_arrays_of_jax_in_a_new_process(tmp_path: Path) -> None:
    """An array alone, with nothing beside it that would load jax."""
    pytest.importorskip("jax")
    session = attach(tmp_path, fresh(), "compiled")
    try:
        commits = [str(run(session, cell).id) for cell in ("from jax.numpy import arange", "x = arange(3); del arange")]
    finally:
        session.close()
    job = {"directory": str(tmp_path), "files": [], "session": "compiled", "name": "x", "commits": commits}
    [[last, *_]] = in_another_process([job | {"probe": "x.tolist()"}])
    assert (last.told, last.fidelity) == ("[0, 1, 2]", "exact")


def test_what_a_function_uses() -> None:
    """What its names and those of the functions give that it uses; no modules, no classes."""
    scope: dict[str, Any] = {}
    exec("import math\nk = [3]\ndef g(): return k, math.pi\ndef f(): return [g() for _ in range(2)]", scope)
    assert list(traced.used_by(scope["f"])) == [scope["g"], scope["k"]]
    assert list(traced.used_by(print)) == []


def test_functions_around_one_of_the_session() -> None:
    """Of a function of a library, what it is made around, and none of what its own module has."""
    jax = pytest.importorskip("jax")
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec("k = [3]\ndef f(x): return x * k[0]", scope)
    used = list(traced.used_by(jax.grad(scope["f"])))
    assert scope["f"] in used
    assert [value for value in used if not callable(value)] == [scope["k"]]


def test_lists_of_numba_come_back_by_content(tmp_path: Path) -> None:
    """What numba holds in memory of its own is no less a value: of one type, in the same order, and frozen or not."""
    typed: Any = pytest.importorskip("numba.typed")
    namespace = fresh()
    session = attach(tmp_path, namespace, "typed")
    try:
        namespace["typed"] = typed
        run(session, "a = typed.List([1, 2]); b = a; empty = typed.List()")
        run(session, "a.append(3); a._make_immutable()")
        session.undo()
        assert (list(namespace["a"]), namespace["b"] is namespace["a"]) == ([1, 2], True)
        assert not namespace["empty"]._typed
        result = session.redo()
        assert (list(namespace["a"]), namespace["a"]._is_mutable()) == ([1, 2, 3], False)
        assert set(result.fidelity.values()) == {"exact"}, result.notes
    finally:
        session.close()
