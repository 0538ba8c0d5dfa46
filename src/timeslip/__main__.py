"""``python -m timeslip`` is the timeslip command."""

from __future__ import annotations

import sys

from timeslip.cli import main

if __name__ == "__main__":
    sys.exit(main())
