"""A session in this process and what a front end would see of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.doors.schema import validate

import timeslip
from timeslip.lab import requests
from timeslip.lab.cells import Keeping
from timeslip.lab.view import View
from timeslip.whereabouts import whereabouts


class Looking:
    """One recorded session; answers are checked as a front end gets them."""

    def __init__(self, session: Any, beside: Any) -> None:
        self.session = session
        self.beside = beside
        self.keeping = Keeping(session.repository)

    @property
    def view(self) -> View:
        here = whereabouts(self.session)
        return View(self.beside, here.session, here, here.kernel)

    def run(self, *cells: str) -> str:
        for cell in cells:
            self.session.run(cell)
        return str(self.session.head)

    def reply(self, verb: str, *words: str, **more: Any) -> dict[str, Any]:
        request = {"id": 7, "verb": verb, "words": list(words), **more}
        reply = requests.answered(request, lambda asked: requests.read(self.view, asked))
        assert reply["id"] == 7
        return reply

    def ask(self, verb: str, *words: str, **more: Any) -> dict[str, Any]:
        reply = self.reply(verb, *words, **more)
        assert "answer" in reply, reply
        answer: dict[str, Any] = reply["answer"]
        assert answer["verb"] == verb
        validate(answer)
        return answer

    def keep(self, commit: str, *sources: str, shown: str = "", most: int = 10**7) -> dict[str, Any]:
        cells = [a_cell(source, shown) for source in sources]
        return self.keeping.keep(self.session.id, commit, {"cells": cells, "metadata": {"k": 1}}, most)


def a_cell(source: str, shown: str = "") -> dict[str, Any]:
    outputs = [{"output_type": "stream", "name": "stdout", "text": shown}] if shown else []
    count = 1 if shown else None
    return {
        "cell_type": "code",
        "id": source[:8],
        "metadata": {},
        "source": source,
        "outputs": outputs,
        "execution_count": count,
    }


@contextmanager
def looking(tmp_path: Path) -> Iterator[Looking]:
    with (
        timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="one", min_free_bytes=0) as session,
        session.repository.beside() as beside,
    ):
        yield Looking(session, beside)
