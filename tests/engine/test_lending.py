"""Objects that take no weak reference are found again in the session, and stay the ones they are."""
# ruff: noqa: E501 - cells are written as users write them

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Attach = Callable[..., Any]


@pytest.mark.parametrize(
    ("made", "shows"),
    [
        ("import struct\nh = {'s': struct.iter_unpack('<B', b'ab'), 'n': 1}", "h['s'].__length_hint__()"),
        ("import sqlite3\nh = {'s': sqlite3.connect(':memory:'), 'n': 1}\nh['s'].execute('create table t(a)')\nh['s'].execute('insert into t values (1)'); h['s'].create_function('two', 0, lambda: 2)", "h['s'].execute('select a, two() from t').fetchall()"),
        ("import hashlib\nh = {'s': hashlib.sha256(b'a'), 'n': 1}", "h['s'].hexdigest()"),
    ],
)  # fmt: skip
def test_what_takes_no_weak_reference_is_found_again(attach: Attach, made: str, shows: str) -> None:
    session = attach()
    session.run("x = 1")
    assert session.run(made).error is None
    session.run("h['n'] = 2")
    held = id(session.namespace["h"]["s"])
    shown = eval(shows, session.namespace)
    for step in (session.undo, session.redo):
        dry = step(dry_run=True)
        result = step()
        assert set(result.fidelity.values()) == {"exact"}, result.notes
        assert dry.fidelity == result.fidelity
        assert id(session.namespace["h"]["s"]) == held
        assert eval(shows, session.namespace) == shown
    getattr(session.namespace["h"]["s"], "close", str)()  # Python 3.13 complains of a connection that nobody closed


def test_a_match_comes_back_as_it_was(attach: Attach) -> None:
    session = attach(replay="never")
    session.run("import re\nm = re.compile('(?P<n>a)|b').search('xab', 1)\nh = {'s': m, 'n': 1}")
    session.run("h['n'] = 2")
    assert set(session.undo().fidelity.values()) == {"exact"}
    found = session.namespace["h"]["s"]
    assert found is session.namespace["m"]
    assert (found["n"], found.span(), found.pos, found.lastgroup) == ("a", (1, 2), 1, "n")


def test_a_large_value_beside_it_is_no_obstacle(attach: Attach) -> None:
    session = attach(replay="never")
    session.run("import re\nd = {'big': list(range(300_000)), 's': re.match('a', 'a'), 'n': 1}")
    session.run("d['n'] = 2")
    assert session.undo().fidelity["d"] == "exact"
    assert session.namespace["d"]["s"].group() == "a"


def test_a_generator_over_a_large_list_stays_when_another_name_changes(attach: Attach) -> None:
    session = attach(replay="never")
    session.run("big = [[i] for i in range(210_000)]\ng = (x for x in big)\nfirst = next(g)")
    session.run("y = 1")
    result = session.undo()
    assert result.fidelity["g"] == "exact"
    assert next(session.namespace["g"]) is session.namespace["big"][1]


def test_what_a_library_calls_while_it_loads_finds_the_names_of_the_session(attach: Attach) -> None:
    pytest.importorskip("sortedcontainers")
    session = attach(replay="never")
    session.run("import math, sortedcontainers\nZERO = 0.5")
    session.run("def size(n): return math.floor(n) + ZERO\nlong = sortedcontainers.SortedKeyList([3.2, 1.5], key=size)")
    session.run("held = [long]; long.add(2.5)")
    session.close()
    session = attach(replay="never")
    session.namespace["mine"] = 1
    result = session.resume()
    assert set(result.fidelity.values()) == {"exact"}, result.notes
    assert list(session.namespace["long"]) == [1.5, 2.5, 3.2]
    assert session.namespace["held"][0] is session.namespace["long"]
    session.checkout(session.log()[-1].id)
    assert "long" not in session.namespace


def test_what_is_made_with_a_value_that_itself_had_to_wait_for_names_waits_for_it(attach: Attach) -> None:
    pytest.importorskip("sortedcontainers")
    session = attach(replay="never")
    session.run("import math, sortedcontainers as s\ndef by_floor(n): return math.floor(n)")
    session.run("last = s.SortedKeyList([3.2, 1.5], key=by_floor)\ndef by_last(n): return n * last[0]")
    session.run("first = s.SortedKeyList([3, 2], key=by_last)")
    session.close()
    session = attach(replay="never")
    result = session.resume()
    assert set(result.fidelity.values()) == {"exact"}, result.notes
    assert list(session.namespace["first"]) == [2, 3]


def test_an_object_that_lacks_an_attribute_while_something_is_loaded_is_asked_for_no_other(attach: Attach) -> None:
    pytest.importorskip("sortedcontainers")
    session = attach(replay="never")
    session.run("import sortedcontainers\nis_odd = False")
    session.run(
        "class Odd:\n"
        "    def __getattr__(self, name): raise (AttributeError if name == 'x' else RuntimeError)(name)\n"
        "def by(n): return Odd().x if is_odd else n"
    )
    session.run("k = sortedcontainers.SortedKeyList([3, 1, 2], key=by)")
    session.run("is_odd = True; k = None")
    result = session.undo()
    assert session.namespace["is_odd"] is False
    assert result.fidelity["k"] == "lost" or list(session.namespace["k"]) == [1, 2, 3]
