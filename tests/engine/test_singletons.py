"""Names for what a library has one of: restored in place by a facet, and never a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Attach = Callable[..., Any]


@pytest.mark.parametrize(
    ("made", "changed", "there", "shows"),
    [
        ("import random\nr = random._inst; q = random.Random(3)", "r.seed(1); q.seed(1)", "random._inst", "q.random()"),
        (
            "import decimal\nr = decimal.getcontext(); q = decimal.Context(prec=7)",
            "r.prec = 3; q.prec = 4",
            "decimal.getcontext()",
            "q.prec, r.prec",
        ),
        (
            "np = __import__('pytest').importorskip('numpy')\nr = np.random.mtrand._rand; q = np.random.RandomState(1)",
            "np.random.seed(5); q.rand()",
            "np.random.mtrand._rand",
            "q.rand()",
        ),
        (
            "plt = __import__('pytest').importorskip('matplotlib.pyplot')\nr = plt.rcParams; q = r.copy()",
            "r['lines.linewidth'] = 5; q['lines.linewidth'] = 7",
            "plt.rcParams",
            "r['lines.linewidth'], q['lines.linewidth']",
        ),
    ],
)
def test_a_name_for_it_stays_one(attach: Attach, made: str, changed: str, there: str, shows: str) -> None:
    expected: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    exec(made, expected)
    wanted = eval(shows, expected)
    session = attach()
    assert session.run(made).error is None
    assert session.run(changed).error is None
    session.undo()
    names = session.namespace
    assert names["r"] is eval(there, names)
    assert names["q"] is not names["r"]
    assert eval(shows, names) == wanted
    session.redo()
    assert names["r"] is eval(there, names)
    session.undo(2)
