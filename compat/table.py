"""``docs/compatibility.md``: one row per class, made from the results that runs have left in ``.cache/classes``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from compat.case import Absent

Row = dict[str, Any]
"""One class: what the table shows, and the verdict in full."""

WORDS = ("exact", "rebuilt", "replayed", "on request", "lost", "wrong", "attached", "unreported", "broken")

HEAD = """\
# Compatibility

Made by `make compat ARGS=--write` from real kernels, each row by the last run of its class. Each class is created,
aliased, recorded, changed, recorded again, undone, redone, checked out, and brought back after a restart of the kernel;
each time its value, type and aliases are compared with those in a bare kernel, and the object that came back is then
used, which
must give what it gives in a bare kernel. *exact*, *rebuilt*, *replayed* and *lost* are explained in [the
glossary](glossary.md). "Record" is the time of the two commits together, from the end of the code to the finished
commit; "back" is the slowest way back (after a restart all objects of the library come back at once); "stored" is
what both commits added to the store. What is random or tells the time differs between two bare kernels; it cannot be
compared and is named in the last column. *On request* is not a fidelity of its own: the name is a placeholder at
first, because its cells are not run unasked, and `replay` makes the object as it was.

"""


def row(label: str, numbers: Sequence[str], version: str, verdict: Any, recorded: Any, remark: str) -> Row:
    """One class as a plain dict."""
    return {
        "label": label,
        "numbers": list(numbers),
        "version": version,
        "word": verdict.word,
        "record": recorded.seconds,
        "stored": recorded.stored,
        "remark": remark,
        **vars(verdict),
    }


def save(rows: Iterable[Row], folder: Path) -> None:
    """Keep the results, each class in a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in rows:
        (folder / f"{one['label'].replace('/', '_')}.json").write_text(json.dumps(one, indent=1), encoding="utf-8")


def load(folder: Path, labels: set[str]) -> list[Row]:
    """The results kept for *labels*, in the order of the published list, further classes by name behind it."""
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    return sorted((one for one in rows if one["label"] in labels), key=_place)


def _place(one: Row) -> tuple[int, int, str]:
    if not one["numbers"]:
        return 2, 0, one["label"].lower()
    number = one["numbers"][0]
    return (1, int(number[1:]), "") if number.startswith("x") else (0, int(number), "")


def text(rows: Sequence[Row], absent: Sequence[Absent]) -> str:
    """The whole document."""
    listed = [one for one in rows if one["numbers"]]
    further = [one for one in rows if not one["numbers"]]
    entries = [number for one in listed for number in one["numbers"]]
    missing = sum(len(one.numbers) for one in absent)
    parts = [
        HEAD,
        (
            f"## The published list\n\n{len(entries)} of its {len(entries) + missing} entries: "
            f"{_counts(listed, by_number=True)}.\n\n"
        ),
        _table(listed),
        f"\n## Further classes\n\n{len(further)} classes: {_counts(further)}.\n\n",
        _table(further),
        "\n## Not looked at\n\n| entry | class | reason |\n|---|---|---|\n",
        *(f"| {', '.join(one.numbers)} | `{one.label}` | {one.reason} |\n" for one in absent),
    ]
    return "".join(parts)


def _counts(rows: Sequence[Row], *, by_number: bool = False) -> str:
    counts: Counter[str] = Counter()
    for one in rows:
        counts[one["word"]] += len(one["numbers"]) if by_number else 1
    return ", ".join(f"{counts[word]} {word}" for word in WORDS if counts[word] or word in WORDS[:6])


def _table(rows: Sequence[Row]) -> str:
    lines = [
        "| entry | class | version | undo, redo | after restart | record ms | back ms | stored kB | |",
        "|---|---|---|---|---|--:|--:|--:|---|",
    ]
    for one in rows:
        back = max(one["live_seconds"], one["restarted_seconds"])
        answers = [one["live"], one["restarted"]]
        if one["word"] not in WORDS[:5]:
            answers = [f"**{one['word']}**"] * 2
        cells = [
            ", ".join(one["numbers"]), f"`{one['label']}`", one["version"], *answers, f"{one['record'] * 1000:.0f}",
            f"{back * 1000:.0f}", f"{one['stored'] / 1000:.1f}", _remark(one),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _remark(one: Row) -> str:
    said = [one["remark"]] if one["remark"] else []
    said += dict.fromkeys(map(_short, one["reasons"]))
    if one["unstable"]:
        said.append("not compared: " + ", ".join(one["unstable"]))
    return "; ".join(said).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _short(reason: str) -> str:
    """What was said, without why nothing was run again and without the names of the case."""
    reason = reason.replace("rebuilt by running its cells again, because ", "").partition("; not replayed")[0]
    return reason if len(reason) <= _LONG else reason[: _LONG - 1] + "…"


_LONG = 160


def problems(rows: Sequence[Row]) -> list[str]:
    """One line for everything that came out as it must not, and for what is lost."""
    found = []
    for one in rows:
        for kind in ("wrong", "unreported", "attached"):
            found += [f"{kind}: {one['label']}: {said}" for said in one[kind]]
        if one["broken"]:
            found.append(f"broken: {one['label']}: {one['broken']}")
        elif one["word"] == "lost":
            found.append(f"lost: {one['label']}: {'; '.join(one['reasons'])}")
    return found
