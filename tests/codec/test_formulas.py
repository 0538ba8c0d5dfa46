"""Formulas of patsy and models of statsmodels: the design comes back with the session's functions that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.fidelity.recording import attach, fresh, in_another_process

patsy: Any = pytest.importorskip("patsy")

DATA = """
import numpy as np, pandas as pd, patsy
rng = np.random.default_rng(0)
d = pd.DataFrame({'y': rng.normal(size=40), 'x': rng.normal(size=40) + 3, 'g': rng.choice(list('abc'), 40)})
k = 3
def f(x):
    return x * k
class Share:
    def __init__(self): self.n = 0
    def memorize_chunk(self, x): self.n += len(x)
    def memorize_finish(self): pass
    def transform(self, x): return x / self.n
share = patsy.stateful_transform(Share)
"""
DESIGN = "y, X = patsy.dmatrices('y ~ f(x) + center(x) + share(x) + bs(x, df=4) + C(g, Sum)', d); info = X.design_info"
NEW_DATA = "patsy.build_design_matrices([info], d.head(3))[0].tolist()"


@pytest.fixture
def session(tmp_path: Path) -> Any:
    made = attach(tmp_path, fresh(), "formulas")
    yield made
    made.close()


def test_a_design_comes_back_with_what_it_has_learnt_and_the_functions_of_the_session(
    session: Any, tmp_path: Path
) -> None:
    session.run(DATA)
    made = session.run(DESIGN)
    assert made.commit.names.inexact == {}
    space = session.namespace
    probe = f"({NEW_DATA}, X.design_info is info, X.tolist(), info.terms[0] is patsy.desc.INTERCEPT)"
    before = repr(eval(probe, space))
    session.run("del info, X, f\nk = 5\nd['x'] = 0.0")
    result = session.checkout(made.commit.id)
    assert set(result.fidelity.values()) == {"exact"}
    assert repr(eval(probe, space)) == before
    space["k"] = 5  # the function that the design calls is the one that the session has
    assert repr(eval(probe, space)) != before
    session.close()
    job = {
        "directory": str(tmp_path),
        "files": [],
        "session": "formulas",
        "name": "X",
        "commits": [str(made.commit.id)],
    }
    [[there]] = in_another_process([job | {"probe": probe}])
    assert (there.fidelity, there.told) == ("exact", before)


def test_a_model_comes_back_where_the_functions_of_its_formula_are_not_what_they_were(session: Any) -> None:
    pytest.importorskip("statsmodels")
    session.run(DATA + "import statsmodels.formula.api as smf\nd['n'] = rng.negative_binomial(3, 0.3, 40)")
    made = session.run(
        "m = smf.ols('y ~ f(x) + g', d).fit()\nq = m.model\n"
        "n = smf.negativebinomial('n ~ x', d).fit(disp=0, maxiter=200)"
    )
    space = session.namespace
    probe = "(m.predict(d.head(3)).tolist(), n.predict(d.head(3)).tolist(), n.model._transparams, m.model is q)"
    before = repr(eval(probe, space))
    session.run("del m, n, f")
    session.run("f = lambda x: 'no number'")
    result = session.checkout(made.commit.id)
    assert set(result.fidelity.values()) == {"exact"}, result.notes
    assert repr(eval(probe, space)) == before
