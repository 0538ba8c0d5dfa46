"""What a user puts in place of functions of the standard library is no part of what records, stores and restores."""

from __future__ import annotations

import builtins
import datetime
import hashlib
import importlib.metadata
import io
import json
import os
import pathlib
import pickle
import random
import secrets
import shutil
import signal
import sqlite3
import sys
import sysconfig
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest

from timeslip import standard
from timeslip.codec.reducers import brought
from timeslip.store.maintenance import check

PATCHES = {
    "json.dumps, another text": "json.dumps = lambda *a, **k: 'patched'",
    "json.dumps, another form": "import functools; json.dumps = functools.partial(json.dumps, default=str, indent=2)",
    "json.dumps, bytes": "usual = json.dumps; json.dumps = lambda *a, **k: usual(*a, **k).encode()",
    "json.dumps, mocked": "from unittest import mock; mock.patch('json.dumps', return_value='{\"ok\":true}').start()",
    "json.loads": "json.loads = lambda *a, **k: {}",
    "the encoder of json": "json.JSONEncoder.default = lambda *_: 'x'; json.JSONEncoder.encode = lambda *_: 'x'",
    "the default encoder of json": "json._default_encoder.indent = 3; json._default_encoder.sort_keys = True",
    "the parts of json": "json.encoder.c_make_encoder = json.scanner.c_make_scanner = json.decoder.scanstring = None",
    "pickle.dumps": "import pickle; pickle.dumps = lambda *a, **k: b''; pickle.loads = lambda *a, **k: None",
    "the classes of pickle": "import pickle; pickle.Pickler = pickle.Unpickler = None",
    "os.getcwd": "import os; os.getcwd = lambda: '/fake'",
    "os.fork": "import os\ndef fork(): raise OSError('no')\nos.fork = fork",
    "files": "import os\ndef no(*a, **k): raise OSError('no')\nos.open = os.stat = os.replace = os.write = no",
    "os.path": "import os; os.path.exists = os.path.isdir = lambda path: True; os.path.abspath = lambda path: '/fake'",
    "os.getpid": "import os; os.getpid = lambda: 1; os.urandom = lambda n: bytes(n)",
    "open": "import builtins, io; builtins.open = io.open = lambda *a, **k: io.StringIO('d')",
    "pathlib": "from pathlib import Path; Path.exists = lambda s: False; Path.open = Path.read_text = Path.stat = None",
    "a frozen clock": "import time; time.time = time.monotonic = time.perf_counter = lambda: 1000.0",
    "dates": "import datetime; datetime.datetime = type('Frozen', (datetime.datetime,), {'now': lambda *_: None})",
    "chance": "import random, secrets, uuid; random.random = lambda: 4; secrets.token_hex = uuid.uuid4 = print",
    "hashlib": "import hashlib; hashlib.blake2b = hashlib.sha256 = None",
    "temporary files": "import tempfile, shutil; tempfile.mkstemp = tempfile.mkdtemp = shutil.disk_usage = None",
    "signals": "import signal; signal.signal = signal.setitimer = lambda *a: None",
    "sqlite3": "import sqlite3; sqlite3.connect = None",
    "what is shown": "import builtins, warnings; builtins.print = warnings.warn = lambda *a, **k: 1 / 0",
}
MODULES = (
    *(
        json,
        json.encoder,
        json.decoder,
        json.scanner,
        json.JSONEncoder,
        pickle,
        os,
        os.path,
        builtins,
        io,
        pathlib.Path,
    ),
    *(time, datetime, random, secrets, uuid, hashlib, tempfile, shutil, signal, sqlite3, warnings),
)


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    """Everything that a test may have patched is as before when it ends."""
    before = [dict(vars(module)) for module in MODULES]
    encoder = dict(vars(json._default_encoder))
    yield
    mock.patch.stopall()
    for module, names in zip(MODULES, before, strict=True):
        for name in vars(module).keys() - names.keys():
            delattr(module, name)
        for name, value in names.items():
            if vars(module)[name] is not value:
                setattr(module, name, value)
    vars(json._default_encoder).update(encoder)


@pytest.mark.parametrize("patch", PATCHES)
def test_recording_and_travel_go_on(patch: str, attach: Callable[..., Any]) -> None:
    session = attach()
    session.run("import json; x = [1]; f = lambda: x")
    assert session.run(PATCHES[patch] + "\nx.append(2)").error is None
    session.run("x.append(3); y = {'a': 2.5}")
    session.run("x.append(4)")
    session.undo()
    assert session.namespace["x"] == [1, 2, 3]
    session.undo(2)
    assert session.namespace["x"] == [1]
    session.redo(2)
    assert session.namespace["x"] == [1, 2, 3] == session.namespace["f"]()
    assert session.status().paused is None
    assert session.verify().changed == {}
    repository, name = session.repository, session.name
    assert check(repository).problems == ()
    session.close()

    second = attach(name)
    second.resume()
    assert second.namespace["x"] == [1, 2, 3]
    assert second.namespace["y"] == {"a": 2.5}
    second.run("x.append(5)")
    second.undo()
    assert second.namespace["x"] == [1, 2, 3]


def test_the_modules_that_are_used_are_no_modules_of_the_process() -> None:
    os.getcwd = lambda: "/fake"  # type: ignore[assignment]
    os.stat = None  # type: ignore[assignment]
    json.encoder.c_make_encoder = json.scanner.make_scanner = None  # type: ignore[attr-defined, assignment]
    time.time = lambda: 0.0  # type: ignore[assignment]
    assert standard.os.getcwd() != "/fake"
    assert standard.os.path.exists(standard.os.path.abspath(os.sep))
    assert standard.json.loads(standard.json.dumps({"a": [1, None]}, indent=2)) == {"a": [1, None]}
    assert standard.time.time() > 0
    assert standard.os.environ is os.environ, "what is live is the very object"
    with pytest.raises(TypeError, match="not JSON serializable"):
        standard.json.dumps(object())


@pytest.mark.parametrize("path", ["sys.path[:] = ['/my/only']", "sys.path = None", "sys.path = [5, b'x']"])
def test_nothing_of_ours_is_imported_once_a_cell_can_keep_it_from_being_found(
    path: str, attach: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = attach()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "path", list(sys.path))
        for name in [name for name in sys.modules if name.partition(".")[0] in ("zstandard", "sysconfig")]:
            patched.delitem(sys.modules, name)
        for name in ("get_path", "get_paths", "get_config_var", "get_config_vars"):
            patched.setattr(sysconfig, name, None)
        session.run(f"import sys\nclass H:\n    def __del__(self): pass\nh = H(); h.n = 0\n{path}")
        session.run("h.n = 1; text = 'ab' * 10_000")
        session.undo()
        assert session.namespace["h"].n == 0
        session.redo()
        assert session.namespace["text"] == "ab" * 10_000


def test_reducers_of_libraries_that_cannot_be_looked_for_now_are_looked_for_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    brought._brought.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(importlib.metadata, "entry_points", None)
        assert brought.find("some_library", int) is None
    assert brought._brought.cache_info().currsize == 0
    assert brought.find("some_library", int) is None
    assert brought._brought.cache_info().currsize == 1
