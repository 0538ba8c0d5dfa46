"""What the tests of facets share: a fresh process, and the process state put back after every test."""

from __future__ import annotations

import decimal
import locale
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest


@pytest.fixture(autouse=True)
def _process_state() -> Iterator[None]:
    environ, path, cwd, state = dict(os.environ), list(sys.path), os.getcwd(), random.getstate()
    context, category = decimal.getcontext().copy(), locale.setlocale(locale.LC_ALL)
    yield
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environ)
    sys.path[:] = path
    random.setstate(state)
    decimal.setcontext(context)
    locale.setlocale(locale.LC_ALL, category)


@pytest.fixture
def fresh() -> Callable[..., str]:
    """Run code in a new interpreter; its standard output. Arguments are in ``sys.argv[1:]``."""

    def run(code: str, *arguments: str, **environ: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
