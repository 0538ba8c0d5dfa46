"""Attaching brings in no library of the user's. (What it costs in time and memory: benchmarks/attach.py.)"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import timeslip

PROGRAM = """
import sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config)
before = set(sys.modules)
shell.run_cell("%load_ext timeslip", store_history=True)
shell.run_cell("x = [1]", store_history=True)
after_cell = set(sys.modules)
shell.run_cell("%undo", store_history=True)
shell.run_cell("%timeslip log", store_history=True)
print(sorted(after_cell - before))
print(sorted(set(sys.modules) - after_cell))
"""
USERS = {"numpy", "pandas", "matplotlib", "scipy", "sklearn", "torch", "polars", "pyarrow", "cloudpickle", "dill"}


def test_no_user_library_is_imported(own_home: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(timeslip.__file__).parents[1]),
        "TIMESLIP_HOME": str(own_home / "store"),
    }
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    attached, used = (set(eval(line)) for line in done.stdout.strip().splitlines()[-2:])
    assert "timeslip.session" in attached
    assert not {name.partition(".")[0] for name in attached | used} & USERS
    late = {"timeslip.verbs", "timeslip.rendering.html", "timeslip.rendering.registry"}
    assert late <= used, "what only verbs need is imported by the first verb"
