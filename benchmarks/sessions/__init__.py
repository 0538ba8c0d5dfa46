"""Whole sessions in real kernels: Timeslip beside a bare kernel and the alternatives that users can have.

What runs inside the kernels is in `inside/`; everything else here runs in the process that drives them. A contender
lives in an environment of its own and is never imported by Timeslip.
"""

from __future__ import annotations

import sys
from pathlib import Path

# What drives kernels and fetches notebooks lies there; `make test` and mypy have it on their paths, too.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))
