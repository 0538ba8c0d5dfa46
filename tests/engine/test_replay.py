"""Running recorded cells again changes nothing that is live."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import timeslip


def test_what_live_functions_and_classes_hold_is_not_changed_a_second_time(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    with timeslip.attach(namespace, store=tmp_path, name="s", min_free_bytes=0) as session:
        session.run("def f(x, seen=[]): seen.append(x)\nclass K:\n    n = [0]\n    count = 0")
        session.run("g = (i for i in range(3)); f(1); K.n.append(1); K.count += 1")
        session.run("del g")
        held = namespace["f"].__defaults__[0]
        result = session.undo()
        assert result.replayed == ("g",)
        assert namespace["f"].__defaults__ == ([1],)
        assert namespace["f"].__defaults__[0] is held
        assert (namespace["K"].n, namespace["K"].count) == ([0, 1], 1)
