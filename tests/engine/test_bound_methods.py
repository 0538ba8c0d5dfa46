"""Names for methods written in C: the state of such a method is that of the object that it is bound to."""

from __future__ import annotations

import pytest
from tests.engine.test_cases import Sessions, _quiet, sessions

__all__ = ["_quiet", "sessions"]  # the fixtures

METHODS: dict[str, tuple[str, str, str]] = {
    "list": ("m = [].append", "m(3)", "m.__self__"),
    "list, shortened": ("m = [1, 2, 3].pop", "m()", "m.__self__"),
    "list, sorted": ("m = [1, 2].sort", "m(reverse=True)", "m.__self__"),
    "dict": ("m = {}.setdefault", "m('k', [])", "m.__self__"),
    "set": ("m = set().add", "m(2)", "m.__self__"),
    "bytearray": ("m = bytearray(b'ab').extend", "m(b'c')", "m.__self__"),
    "deque": ("import collections; m = collections.deque([1], 5).append", "m(2)", "m.__self__"),
    "array": ("import array; m = array.array('i', [1]).append", "m(2)", "m.__self__"),
    "text": ("import io; m = io.StringIO().write", "m('x')", "m.__self__.getvalue()"),
    "bytes": ("import io; m = io.BytesIO(b'abc').read", "m(2)", "m.__self__.tell()"),
    "random": ("import random; m = random.Random(1).random", "m()", "m.__self__.getstate()"),
    "queue": ("import queue; m = queue.SimpleQueue().put", "m(1)", "m.__self__.qsize()"),
    "lock": ("import threading; m = threading.Lock().acquire", "m()", "m.__self__.locked()"),
    "decimal": (
        "import decimal; m = decimal.Context(prec=3).divide",
        "m(1, 3)",
        "m.__self__.flags[decimal.Inexact]",
    ),
    "numpy": ("import numpy; m = numpy.zeros(2).fill", "m(7)", "m.__self__.tolist()"),
}


@pytest.mark.parametrize("name", METHODS)
def test_what_a_method_changes_is_noticed_and_comes_back(name: str, sessions: Sessions) -> None:
    if name == "numpy":
        pytest.importorskip("numpy")
    first, change, probe = METHODS[name]
    live = sessions.attach()
    live.run(first)
    before = repr(eval(probe, live.namespace))
    commit = live.session.run(change).commit
    assert commit is not None
    assert commit.names.changed == ("m",)
    after = repr(eval(probe, live.namespace))
    assert after != before
    live.session.undo()
    assert repr(eval(probe, live.namespace)) == before
    live.session.redo()
    assert repr(eval(probe, live.namespace)) == after


def test_a_method_shares_its_object_with_names(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("x = []; push = x.append; same = push", "push(1)")
    live.session.undo()
    live.run("same(2)")
    assert live["x"] == [2]
    assert live["push"] is live["same"]


def test_methods_that_a_library_offers_stay_its_own(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("import random; from random import choice, random as draw, seed; kept = [draw]", "n = 1")
    commit = live.session.run("first = draw(); choice('ab')").commit
    assert commit is not None
    assert commit.names.changed == ()
    live.session.undo(2)
    generator = live["random"]._inst
    assert all(method.__self__ is generator for method in (live["choice"], live["draw"], live["kept"][0]))
    live.session.redo()
    assert live["draw"].__self__ is generator


def test_functions_of_modules_and_of_types_are_not_looked_at(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("import math; a = len; b = math.sin; c = dict.fromkeys; n = 0")
    tracker = live.session._live.tracker
    assert all(tracker.is_atom_name(name) for name in "abc")
    assert not any(group in tracker.queue for group in map(tracker.groups.__getitem__, "abc"))
