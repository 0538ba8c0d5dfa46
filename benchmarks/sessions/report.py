"""``docs/performance.md`` and its plots, from one results file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.sessions import growth
from benchmarks.sessions.bounds import BOUNDS, OURS, Bound, whole_sessions
from benchmarks.sessions.environments import ROOT
from benchmarks.sessions.figures import Spread, in_words, multiple, size_in_words, spread
from benchmarks.sessions.plots import bars, lines
from benchmarks.sessions.results import Result, View

PAGE = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "performance"

HEAD = """# Performance

<!-- Made by `python -m benchmarks report` from {source}. Do not edit. -->

What recording costs and what going back takes, beside a bare kernel and what else there is: whole sessions in real
kernels, each contender in an environment of its own, in turn in one run of each workload. The times of a cell are from
the beginning of its code to the beginning of the next cell's, all cells being sent at once: every wait that a cell
causes is in it, before or after the reply. Given is the median of the repeats, with the least and the most in brackets.
*Added* is what comes on top of the bare kernel in the same repeat; of steps of one kind in a session, the median
counts. Memory, and what is stored, are from a session of their own. Kishu's waits for a browser are switched off, which
flatters it.
"""


def written(spread: Spread | None, shown: Callable[[float], str]) -> str:
    """A figure as it stands in a table."""
    if spread is None:
        return "–"
    if spread.least == spread.most:
        return shown(spread.median)
    return f"{shown(spread.median)} [{shown(spread.least)} … {shown(spread.most)}]"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table, with an empty one after it."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def page(result: Result, source: str) -> str:
    """The whole page."""
    parts = [HEAD.format(source=source)]
    counting = {id(run): [name for name in run.sessions if result.run_of(name) is run] for run in result.parts}
    runs = [run for run in result.parts if counting[id(run)]] or [result]
    for number, run in enumerate(runs, 1):
        title = "This run" if len(runs) == 1 else f"Run {number}: {', '.join(counting[id(run)])}"
        parts += _about(run, title)
    parts += [*_bounds(result), *_whole(result)]
    parts += _growth(result)
    for workload in result.says:
        if workload in result.sessions:
            parts += _workload(result, workload)
    return "\n".join(parts).rstrip() + "\n"


def write(result: Result, source: str, page_path: Path = PAGE, plots: Path = PLOTS) -> None:
    """Page and plots; plots of an earlier page that this one does not have are removed."""
    plots.mkdir(parents=True, exist_ok=True)
    made = drawings(result)
    for old in plots.glob("*.svg"):
        if old.stem not in made:
            old.unlink()
    for name, drawing in made.items():
        (plots / f"{name}.svg").write_text(drawing, encoding="utf-8")
    page_path.write_text(page(result, source), encoding="utf-8")


def _about(result: Result, title: str) -> list[str]:
    about: dict[str, Any] = result.about
    machine = about["machine"]
    loads = about["load"] or [0.0]
    kind = machine["processor"] or "processor unknown"
    text = [
        f"## {title}",
        "",
        f"* {about['date']}, revision {about['revision']}, `{about['command']}`, {about.get('minutes', '?')} minutes",
        f"* scale {about['scale']:g} of the full sizes, {about['repeats']} repeats",
        *([f"* timed once, because a session takes long: {', '.join(about['once'])}"] if about.get("once") else []),
        f"* {kind}, {machine['cores']} cores, {size_in_words(machine['memory'])} of memory, {machine['system']}",
        f"* load average of the machine {min(loads):g} to {max(loads):g} (the run itself is 1 to 2)",
    ]
    if about["scale"] != 1:
        text.append("* **Bounds that are plain times are for scale 1**: at another scale they say little (marked °).")
    if max(loads) > machine["cores"]:
        text.append(
            "* **The machine was shared with other work**: the figures show that everything runs, not what it costs."
        )
    versions = about.get("versions", {})
    base = versions.get("bare", {})
    told = ", ".join(f"{name} {number}" for name, number in base.items())
    text.append(f"* versions in the bare environment: {told}")
    for name, own in versions.items():
        other = [f"{one} {number}" for one, number in own.items() if base.get(one) != number]
        if other:
            text.append(f"* … of {result.titles[name]}, where they differ: {', '.join(other)}")
    text += [f"* {name} does not take part: {why}" for name, why in result.absent.items()]
    text += [
        f"* {name} is {why}"
        if why.startswith("left out")
        else f"* {name} is not in these results: the run was broken off"
        for name, why in result.says.items()
        if name not in result.sessions
    ]
    text += ["", "What the machine itself can do, in the same run:", ""]
    rows = []
    for name, values in result.references.items():
        size = result.sizes.get(name.split()[-1])
        of = size_in_words(size) if size else f"{result.sizes['items']:,} items"
        rows.append([name, of, written(spread(values), in_words)])
    return [*text, *table(("what", "of", "takes"), rows)] if rows else text


def verdict(bound: Bound, view: View) -> str:
    """Whether a bound is met, and if not, by what factor it is missed."""
    missed = bound.missed(view)
    if missed is None:
        return ""
    return " met" if missed <= 1 else f" **missed: {multiple(missed)} of it**"


def _bounds(result: Result) -> list[str]:
    names = [name for name in result.titles if name != "bare"]
    rows = []
    for bound in BOUNDS:
        if bound.workload not in result.sessions:
            continue
        mark = "°" if bound.absolute and result.about["scale"] != 1 else ""
        row = [bound.work, bound.workload, bound.says + mark]
        limit = bound.limit(View(result, bound.workload, "timeslip"))
        if limit is not None and "x" in bound.says and bound.shown is not multiple:
            row[-1] += f" = {bound.shown(limit)}"
        for name in names:
            view = View(result, bound.workload, name)
            row.append(written(bound.value(view), bound.shown) + (verdict(bound, view) if name in OURS else ""))
        rows.append(row)
    head = ("work", "workload", "bound", *(result.titles[name] for name in names))
    return ["## The bounds", "", *table(head, rows)] if rows else []


def _whole(result: Result) -> list[str]:
    text = ["## Whole sessions", "", "![added time](performance/added.svg)", "", "![store](performance/store.svg)", ""]
    for name in OURS:
        if name not in result.titles:
            continue
        for whole in whole_sessions(result, name):
            if whole.beaten:
                lost = {workload: factor for workload, factor in whole.beaten.items() if factor > 1}
                told = ", ".join(f"{workload} {multiple(factor)}" for workload, factor in lost.items())
                text.append(
                    f"* {result.titles[name]}, {whole.work}: at most that of the best alternative that could do "
                    f"everything on {len(whole.beaten) - len(lost)} of {len(whole.beaten)} workloads"
                    + (f"; more on {told}" if told else "")
                )
            if whole.kishu is not None:
                met = "" if whole.kishu >= whole.wanted else f", wanted are {whole.wanted:g} x"
                text.append(f"* … Kishu's by ours, geometric mean: {multiple(whole.kishu)}{met}")
    if "many_cells" in result.sessions:
        text += ["", "![tiny cells](performance/cells.svg)"]
    return [*text, ""]


def _growth(result: Result) -> list[str]:
    """How costs grow: a table and a plot for each family."""
    text: list[str] = []
    for family in growth.FAMILIES:
        rows = []
        names = [name for name in result.titles if name != "bare" and name in growth.CONTENDERS]
        values = sorted({value for curve in family.curves for value, _, _ in growth.values_of(result, family, curve)})
        drawn = [curve for curve in family.curves if any(growth.points(result, family, curve, name) for name in names)]
        for curve in drawn:
            for name in names:
                line = dict(growth.points(result, family, curve, name))
                slope = growth.slope([(value, added.median) for value, added in line.items()])
                cells = [in_words(line[value].median) if value in line else "–" for value in values]
                rows.append([curve, result.titles[name], *cells, "–" if slope is None else f"{slope:.2f}"])
        if values:
            plots = [f"![{curve}](performance/{drawing_name(family, curve)}.svg)" for curve in drawn]
            head = ("", "", *(f"{value:,.0f}" for value in values), "slope")
            text += [f"### … {family.title} ({family.axis})", "", *plots, "", *table(head, rows)]
    if not text:
        return []
    told = (
        "What a step adds, or a travel takes, medians. The slope is the power with which it grows: 0 is not at all,\n"
        "1 is in proportion; what is lost in the noise (not above zero) is left out of it."
    )
    return ["## How costs grow", "", told, "", *text]


def drawing_name(family: growth.Family, curve: str) -> str:
    """File of a curve's plot, without its ending."""
    return f"{family.name}-{curve.replace(' ', '-')}"


def _workload(result: Result, workload: str) -> list[str]:
    names = [name for name in result.titles if name in result.sessions[workload]]
    rows = []
    for name in names:
        view = View(result, workload, name)
        sessions = view.sessions
        assert sessions is not None
        right = "yes" if any(kind.travel for kind in sessions.kinds.values()) else "–"
        if sessions.wrong:
            right = "**no**: " + ", ".join(f"{kind} ({n})" for kind, n in Counter(sessions.wrong).items())
        bare = name == "bare"
        rows.append(
            [
                result.titles[name],
                written(spread(sessions.delay), in_words),
                "–" if bare else written(view.whole_added(), in_words),
                "–" if bare else written(view.whole_ratio(), multiple),
                "–" if bare else written(view.whole_added("cpu"), in_words),
                "–" if bare else (size_in_words(sessions.store) if sessions.store is not None else "–"),
                size_in_words(view.peak()),
                size_in_words(view.peak(travels=True)) if view.peak(travels=True) else "–",
                right,
            ]
        )
    head = (
        "",
        "all cells",
        "added",
        "x bare",
        "processor time added",
        "store",
        "peak memory",
        "… of travels",
        "restored rightly",
    )
    text = [f"## {workload}: {result.says[workload]}", "", *table(head, rows)]
    text += [
        f"* {result.titles[name]}: {told}" + (f" ({count} times)" if count > 1 else "")
        for name in names
        for told, count in Counter(_sessions_failures(result, workload, name)).items()
    ]
    others = [name for name in names if name != "bare"]
    beside = View(result, workload, "bare")
    kinds = dict.fromkeys(kind for name in names for kind in result.sessions[workload][name].kinds)
    rows = []
    for kind in kinds:
        row = [kind, written(spread(beside.series(kind)), in_words)]
        for name in others:
            view = View(result, workload, name)
            stored = view.stored(kind)
            grown = f"; {size_in_words(stored.median)}" if stored and stored.median >= 1 else ""
            row.append(written(view.added(kind), in_words) + grown)
        rows.append(row)
    text += ["", "What each step adds, and what it stores:", ""]
    return [*text, *table(("step", "bare kernel", *(result.titles[name] for name in others)), rows)]


_MOST_FAILURES = 4


def _sessions_failures(result: Result, workload: str, name: str) -> list[str]:
    failures = result.sessions[workload][name].failures
    told = failures[:_MOST_FAILURES]
    more = len(failures) - len(told)
    told = [one.replace("|", "/").replace("\n", " ") for one in told]
    return [*told, f"and {more} more"] if more else told


def drawings(result: Result) -> dict[str, str]:
    """File name -> SVG."""
    names = [name for name in result.titles if name != "bare"]
    titles = [result.titles[name] for name in names]
    added: dict[str, dict[str, float]] = {}
    stores: dict[str, dict[str, float]] = {}
    for workload in result.sessions:
        for name in names:
            view = View(result, workload, name)
            if workload in result.says and (time := view.whole_added()):
                added.setdefault(workload, {})[result.titles[name]] = time.median
            if workload in result.says and view.sessions and view.sessions.store:
                stores.setdefault(workload, {})[result.titles[name]] = view.sessions.store
    found = {
        "added": bars("Time added to all cells of a session (logarithmic)", added, titles, in_words),
        "store": bars("Store after a session (logarithmic)", stores, titles, size_in_words),
    }
    if "many_cells" in result.sessions:
        series: dict[str, list[tuple[float, float]]] = {}
        for name in names:
            view = View(result, "many_cells", name)
            for kind in view.bare.kinds:
                if kind.startswith("cells to ") and (time := view.added(kind)):
                    series.setdefault(result.titles[name], []).append((float(kind.split()[-1]), time.median))
        title = "Added to a tiny cell, by the number of cells before it (logarithmic)"
        found["cells"] = lines(title, series, "cells", in_words)
    for family in growth.FAMILIES:
        for curve in family.curves:
            grown = {
                result.titles[name]: [
                    (value, added.median) for value, added in growth.points(result, family, curve, name)
                ]
                for name in names
                if name in growth.CONTENDERS
            }
            if any(grown.values()):
                title = f"{curve}: added, {family.title} (logarithmic)"
                found[drawing_name(family, curve)] = lines(title, grown, family.axis, in_words, both=True)
    return found
