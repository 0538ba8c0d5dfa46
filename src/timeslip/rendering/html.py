"""A document as HTML for a notebook: everything escaped, colours that are readable on light and on dark pages.

Styles are written on the elements (a shared style sheet would be dropped by viewers such as GitHub's) and use
JupyterLab's theme variables with fall-backs of middle brightness.
"""

from __future__ import annotations

from html import escape

from timeslip.rendering.document import Block, Code, Document, Line, Span, Style, Table, clean

_COLOURS: dict[Style, str] = {
    "id": "color:var(--jp-mirror-editor-number-color,#b07d2b)",
    "branch": "color:var(--jp-success-color1,#3a9a4b);font-weight:600",
    "tag": "color:var(--jp-info-color1,#2b8fa8)",
    "head": "color:var(--jp-mirror-editor-keyword-color,#a05bc0);font-weight:600",
    "prompt": "color:var(--jp-brand-color1,#4a86d8)",
    "created": "color:var(--jp-success-color1,#3a9a4b)",
    "changed": "color:var(--jp-warn-color1,#c07a1a)",
    "deleted": "color:var(--jp-error-color1,#d0504a)",
    "dim": "opacity:.65",
    "warn": "color:var(--jp-warn-color1,#c07a1a);font-weight:600",
    "error": "color:var(--jp-error-color1,#d0504a);font-weight:600",
    "strong": "font-weight:600",
}
_MONO = "font-family:var(--jp-code-font-family,monospace);font-size:var(--jp-code-font-size,13px);line-height:1.3"
_PRE = f"margin:0;padding:0;background:none;border:0;color:inherit;white-space:pre-wrap;{_MONO}"


def to_html(document: Document) -> str:
    """The document as one `div`."""
    parts: list[str] = []
    lines: list[str] = []
    for block in document:
        if isinstance(block, Line):
            lines.append("".join(_span(span) for span in block.spans))
            continue
        parts.extend(_pre(lines))
        lines = []
        parts.append(_block(block))
    parts.extend(_pre(lines))
    return '<div class="timeslip">' + "".join(parts) + "</div>"


def _pre(lines: list[str]) -> list[str]:
    return [f'<pre style="{_PRE}">' + "\n".join(lines) + "</pre>"] if lines else []


def _span(span: Span) -> str:
    text = escape(span.text)
    colour = _COLOURS.get(span.style, "")
    return f'<span style="{colour}">{text}</span>' if colour and text.strip() else text


def _block(block: Block) -> str:
    if isinstance(block, Code):
        margin = f"margin-left:{block.indent}ch"
        shown = [_span(Span(text, _diff_style(text) if block.diff else "")) for text in clean(block.text).split("\n")]
        return f'<pre style="{_PRE};{margin}">' + "\n".join(shown) + "</pre>"
    if isinstance(block, Table):
        return _table(block)
    return "".join(_span(span) for span in block.spans)


def _diff_style(text: str) -> Style:
    return {"+": "created", "-": "deleted"}.get(text[:1], "")  # type: ignore[return-value]


def _table(block: Table) -> str:
    head = "".join(f'<th style="{_cell(i, block)};opacity:.65">{escape(t)}</th>' for i, t in enumerate(block.header))
    body = "".join(
        "<tr>" + "".join(f'<td style="{_cell(i, block)}">{_span(span)}</td>' for i, span in enumerate(row)) + "</tr>"
        for row in block.rows
    )
    opening = f'<table style="margin:0;border-collapse:collapse;{_MONO}">'
    return opening + (f"<thead><tr>{head}</tr></thead>" if head else "") + f"<tbody>{body}</tbody></table>"


def _cell(index: int, block: Table) -> str:
    return f"text-align:{'right' if index in block.right else 'left'};padding:0 1.2em 0 0;font-weight:normal"
