"""spaCy: spans, tokens and lexemes as the places in a text or a vocabulary that they are; it pickles none of them."""

from __future__ import annotations

import operator
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _span(state: Pass, span: Any) -> Any:
    own = (span.doc, span.start, span.end, span.label, span._vector, span._vector_norm, span.kb_id, span.id)
    return make_span, (type(span), *own)


def make_span(
    kind: Any, doc: Any, start: int, end: int, label: int, vector: Any, norm: Any, knowledge: int, name: int
) -> Any:
    """A span of a text."""
    return kind(doc, start, end, label, vector, norm, knowledge, name)


def _token(state: Pass, token: Any) -> Any:
    return operator.getitem, (token.doc, token.i)  # the text remembers it


def _lexeme(state: Pass, lexeme: Any) -> Any:
    return operator.getitem, (lexeme.vocab, lexeme.orth)


def find(kind: type) -> Any:
    """The reducer for parts of a text, or None."""
    tokens = sys.modules.get("spacy.tokens")
    if tokens is None:
        return None
    lexeme = getattr(sys.modules.get("spacy.lexeme"), "Lexeme", None)
    return {tokens.Span: _span, tokens.Token: _token, lexeme: _lexeme}.get(kind)
