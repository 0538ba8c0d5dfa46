"""Why something cannot be stored, told in whole words."""

from __future__ import annotations

import pytest

from timeslip.codec.guarding import one_line
from timeslip.errors import in_brief

SENTENCE = "Pickling a span is not supported, because spans are only views of the parent"


@pytest.mark.parametrize(
    ("text", "most", "said"),
    [
        ("as it is", 20, "as it is"),
        ("two\n lines", 20, "two lines"),
        ("which has practical disadvantages", 20, "which has practical …"),
        ("which has practical disadvantages", 19, "which has practical …"),
        ("which has practical disadvantages", 18, "which has …"),
        ("first, second", 8, "first …"),
        ("see https://example.org/a/long/path", 20, "see https://example.…"),
        ("x" * 30, 20, "x" * 20 + "…"),
        ("", 5, ""),
    ],
)
def test_text_is_cut_between_words(text: str, most: int, said: str) -> None:
    assert in_brief(text, most) == said


def test_the_reason_of_a_hole_ends_with_a_word() -> None:
    long = SENTENCE + ". " + "A pickled span would always have to include its Doc and Vocab, which has practical " * 2
    said = one_line(NotImplementedError(long))
    assert said.startswith(f"NotImplementedError: {SENTENCE}")
    assert said.endswith(" …")
    assert said.removesuffix(" …").rpartition(" ")[2] in long.split()
