"""The sessions of the benchmarks in real kernels: that everything is measured, not how long it takes."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.sessions.contenders import ALL
from benchmarks.sessions.driving import requests, timed, weighed
from benchmarks.sessions.results import Sessions
from benchmarks.sessions.steps import Script, Workload

pytestmark = pytest.mark.slow

HERE = Path(sys.executable)


def scripted() -> Workload:
    script = Script()
    first = script.cell("make", "x = list(range(1000))")
    script.cell("raise", "1/0")
    script.cell("change", "x.append(2)")
    script.undo("undo")
    script.redo("redo")
    script.checkout("checkout", first)
    return Workload("small", "a list", tuple(script.steps), "repr(len(x))")


@pytest.mark.parametrize("name", ["bare", "timeslip", "timeslip-hashing", "pickle"])
def test_a_session_is_measured_step_by_step(name: str, tmp_path: Path) -> None:
    by_name = {contender.name: contender for contender in ALL}
    pickled = by_name["cloudpickle"]
    # The same with the standard library's pickle, which is in every environment.
    plain = replace(pickled, setup=lambda home: pickled.setup(home).replace("cloudpickle", "pickle"))
    contender = {**by_name, "pickle": plain}[name]
    workload = scripted()
    wanted = requests(contender, workload)
    bare = weighed(by_name["bare"], HERE, workload, tmp_path / "bare", 100)
    assert (bare.failure, bare.probes) == ("", ["1000", "1000", "1001"])
    sessions = Sessions()
    seen = weighed(contender, HERE, workload, tmp_path / "weighed", 100)
    sessions.add_weighed(wanted, seen, bare)
    sessions.add_timed(wanted, timed(contender, HERE, workload, tmp_path / "timed", 100), bare)
    assert sessions.failures == []
    assert sessions.wrong == []
    assert [kind.count for kind in sessions.kinds.values()] == [1] * len(wanted)
    assert all(kind.delay[0] is not None and kind.peak >= 0 for kind in sessions.kinds.values())
    assert (sessions.store or 0) > 0 or name == "bare"
    assert not list(tmp_path.iterdir()), "nothing is left behind"
