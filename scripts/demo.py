"""Run an example notebook in a real kernel, make the accidents people make, and show how each is taken back.

    python scripts/demo.py               all examples
    python scripts/demo.py accidents     one of them

Each way back is checked: the digest of every name, and which names are one object, must be as before the accident. The
digests come from scripts/state_digest.py, which shares no code with Timeslip. The exit status is 1 when a check fails.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat

from kernels import Kernel, Reply

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ("accidents", "branches")
STORE_SIZE = "__import__('timeslip').session().du().total_bytes"
RULE = "─" * 100


class CheckFailedError(Exception):
    """What the demonstration shows did not come out as it must."""


def size(count: float) -> str:
    """*count* bytes for people."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def milliseconds(seconds: float) -> str:
    """*seconds* for people."""
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"


def shorten(text: str, width: int = 92) -> str:
    """One line of at most *width* characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


class Stage:
    """A notebook, a kernel that runs it, and what the audience sees.

    Args:
        name: of the example.
        home: directory for the kernels' store and configuration.
    """

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.home = home
        notebook = nbformat.read(ROOT / "examples" / f"{name}.ipynb", as_version=4)
        self.waiting = [cell for cell in notebook.cells if cell.cell_type == "code"]
        self.kernel = self._start()
        self.accidents = 0
        self.summary: list[tuple[str, str, str, str]] = []

    def _start(self) -> Kernel:
        return Kernel(self.home, notebook=str(self.home / f"{self.name}.ipynb"))

    def close(self) -> None:
        """End the kernel."""
        self.kernel.stop()

    # ---- running ---------------------------------------------------------------------------------------------------

    def _run(self, code: str) -> Reply:
        reply = self.kernel.run(code)
        if not reply.ok:
            raise CheckFailedError(f"this cell raised {reply.error}:\n{code}\n\n{reply.text}")
        return reply

    def cells(self, until: str | None = None) -> None:
        """Run the cells that have not been run, up to the one with the id *until*."""
        started = time.perf_counter()
        count = 0
        verbs = []
        while self.waiting:
            cell = self.waiting.pop(0)
            reply = self._run(cell.source)
            count += 1
            if cell.source.startswith("%"):
                verbs.append((cell.source, reply))
            if cell.id == until:
                break
        for source, reply in verbs:
            self._show(source, reply.text, limit=60 if "log" in source else 8)
        print(f"\n… {count} cells of examples/{self.name}.ipynb in {time.perf_counter() - started:.1f} s")

    def last_run(self) -> str:
        """A reference to the state just after the last cell, such as ``In[12]``."""
        return f"In[{self.value('len(In) - 1')}]"

    def _show(self, source: str, text: str, limit: int = 8) -> None:
        print()
        for line in source.splitlines():
            print(f"   {line}")
        lines = text.splitlines()
        for line in lines[:limit]:
            print(f"   │ {line}")
        if len(lines) > limit:
            print(f"   │ … {len(lines) - limit} more lines")

    # ---- looking ---------------------------------------------------------------------------------------------------

    def value(self, expression: str) -> Any:
        """The value of *expression*, by way of JSON (tuples become lists)."""
        return self.kernel.ask(f"__import__('json').dumps({expression})")

    def state(self) -> dict[str, Any]:
        """What scripts/state_digest.py sees of the namespace now."""
        path = self.home / "state.json"
        self.kernel.ask(f"__import__('state_digest').write(get_ipython().user_ns, {str(path)!r})")
        return dict(json.loads(path.read_text(encoding="utf-8")))

    def expect(self, expression: str, wanted: Any) -> None:
        """Check one value."""
        found = self.value(expression)
        if found != wanted:
            raise CheckFailedError(f"{expression} is {found!r}, not {wanted!r}")
        print(f"   ✓ {expression} == {wanted!r}")

    # ---- accidents -------------------------------------------------------------------------------------------------

    def _title(self, title: str, story: str) -> None:
        self.accidents += 1
        print(f"\n{RULE}\n{self.accidents}. {title}\n   {story}")

    def step(self, title: str, command: str) -> None:
        """Something that is done, shown and timed, without an accident before it."""
        size_before = self.value(STORE_SIZE)
        reply = self._run(command)
        print(f"\n{RULE}\n{title}")
        self._show(command, reply.text)
        self._report(title, command, reply, size_before)

    def accident(
        self,
        title: str,
        story: str,
        *,
        runs: Sequence[str],
        shows: str,
        back: str,
        only: Sequence[str] = (),
        beside: Mapping[str, str] | None = None,
    ) -> None:
        """Run *runs*, show the damage, take it back with *back*, and check that it is.

        Args:
            title: of the accident.
            story: one sentence.
            runs: cells that do the damage.
            shows: expression in which the damage is seen.
            back: the command that takes it back.
            only: names that go back; all of them when empty. The others must stay as they are.
            beside: new name -> name of which it must be the former value. The others must stay as they are.
        """
        self._title(title, story)
        before, was, size_before = self.state(), self.value(shows), self.value(STORE_SIZE)
        for code in runs:
            self._run(code)
        after, became = self.state(), self.value(shows)
        for code in runs:
            print(f"   {shorten(code)}")
        print(f"   damage: {shorten(shows, 60)} was {shorten(str(was), 40)}, is {shorten(str(became), 40)}")
        if was == became:
            raise CheckFailedError("the accident did no damage")
        reply = self._run(back)
        self._show(back, reply.text)
        now = self.state()
        if beside:
            wanted = dict(after["digests"]) | {new: before["digests"][old] for new, old in beside.items()}
        elif only:
            wanted = dict(after["digests"]) | {name: before["digests"][name] for name in only}
        else:
            wanted = before["digests"]
        same_aliases = before if not (only or beside) else None
        self._check(wanted, now, same_aliases)
        self._report(title, back, reply, size_before)

    def crash(self, title: str, story: str, *, during: str, back: str) -> None:
        """Kill the kernel while it runs *during*, start another, and bring the state back with *back*."""
        self._title(title, story)
        before, size_before = self.state(), self.value(STORE_SIZE)
        self.kernel.client.execute(during)
        time.sleep(1.0)
        self.kernel.kill()
        print(f"   kill -9 {self.kernel.process.pid}")
        self.kernel = self._start()
        found = self._run("%load_ext timeslip")
        self._show("%load_ext timeslip", found.text)
        reply = self._run(back)
        self._show(back, reply.text)
        self._check(before["digests"], self.state(), before)
        self._report(title, back, reply, size_before)

    def _check(self, wanted: Mapping[str, str], now: Mapping[str, Any], alias_source: Mapping[str, Any] | None) -> None:
        found = now["digests"]
        wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        if wrong:
            missing, new = wanted.keys() - found.keys(), found.keys() - wanted.keys()
            how = [
                f"{name} ({'missing' if name in missing else 'new' if name in new else 'differs'})" for name in wrong
            ]
            raise CheckFailedError(f"not as it was: {', '.join(how)}")
        if alias_source is not None:
            for relation in ("aliases", "shared_memory"):
                if alias_source[relation] != now[relation]:
                    raise CheckFailedError(f"{relation} were {alias_source[relation]}, are {now[relation]}")
        extra = " and the same aliases" if alias_source is not None else ""
        print(f"\n   ✓ {len(wanted)} names have the values they must have{extra}")

    def _report(self, title: str, command: str, reply: Reply, size_before: int) -> None:
        total = self.value(STORE_SIZE)
        took, grown = milliseconds(reply.seconds), size(max(0, total - size_before))
        print(f"   ✓ {took}; the store grew by {grown} and has {size(total)} on disk")
        self.summary.append((title, command, took, grown))

    def end(self) -> None:
        """The table and the history graph."""
        print(f"\n{RULE}\nWhat was done, by which command, in what time, at what size\n")
        for title, command, duration, added in self.summary:
            print(f"   {shorten(title, 52):<53}{shorten(command, 42):<43}{duration:>8}{added:>10}")
        reply = self._run("%timeslip log --all")
        self._show("%timeslip log --all", reply.text, limit=400)


def play(name: str) -> None:
    """Play one example."""
    path = ROOT / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    if spec is None or spec.loader is None:
        raise CheckFailedError(f"{path} cannot be loaded")
    scenario = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scenario)
    print(f"\n{RULE.replace('─', '═')}\nexamples/{name}.ipynb, in a real kernel")
    with tempfile.TemporaryDirectory(prefix="timeslip-demo-") as home:
        stage = Stage(name, Path(home))
        try:
            scenario.play(stage)
            stage.end()
        finally:
            stage.close()


def main() -> int:
    """Play what was asked for; 1 when something did not come out as it must."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("example", nargs="*", choices=[*EXAMPLES, []], help="which one; all by default")
    names = parser.parse_args().example or EXAMPLES
    started = time.perf_counter()
    for name in names:
        try:
            play(name)
        except CheckFailedError as error:
            print(f"\n   ✗ {error}")
            return 1
    print(f"\nAll checks passed in {time.perf_counter() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
