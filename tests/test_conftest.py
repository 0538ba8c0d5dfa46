"""What all tests share."""

from __future__ import annotations

import sys

from tests import conftest


def test_sessions_see_the_file_of_the_test_and_none_of_the_others() -> None:
    assert sys.modules[__name__].__dict__ is globals()
    assert __name__ in conftest._files
    assert conftest._files.keys() & sys.modules.keys() == {__name__}
