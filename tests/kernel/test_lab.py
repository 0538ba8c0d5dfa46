"""A front end and a real kernel: requests while a cell runs, news of what happens, a session that notices nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from tests.kernel.conftest import BUSY, Kernels, LabKernel, wait_for
from tests.kernel.fronts import Front

from timeslip.store.repository import Repository

PROMPT = 0.5
"""A request that needs no value is answered within so long, seconds, whatever the kernel does."""


def open_page(kernel: LabKernel) -> Front:
    front = Front(kernel)
    if front.subshell is None:
        pytest.skip("this ipykernel has no subshells")
    return front


@pytest.fixture
def front(kernel: LabKernel) -> Front:
    """A page on a kernel of its own."""
    return open_page(kernel)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A page on one kernel, for all tests that do not count what others have done."""
    made = Kernels(tmp_path_factory.mktemp("shared"))
    yield open_page(made.start())
    made.stop()


def test_requests_are_answered_while_a_cell_runs_and_while_it_is_recorded(kernels: Kernels, front: Front) -> None:
    kernel = front.kernel
    kernel.cells("import time", "x = 1")
    kernel.send(BUSY)
    wait_for(kernels.home / "runs")
    times = []
    for verb, *words in (("log", "--all"), ("status",), ("show", "HEAD"), ("blame", "x"), ("history",)):
        reply, seconds = front.ask(verb, *words)
        assert "answer" in reply, reply
        times.append(seconds)
    assert front.answer("compare", a="HEAD~1", b="HEAD")["values"][0]["about"] == "new"
    (kernels.home / "answered").touch()
    assert max(times) < PROMPT, times
    # Large enough that a request comes while it is being written; a part of it takes Python's own time.
    kernel.send("blob = __import__('os').urandom(60_000_000); many = [str(n) for n in range(150_000)]")
    front.one_of("recording", "saving")
    times = [front.ask("log", "--all")[1] for _ in range(5)]
    assert max(times) < PROMPT, times
    assert front.recorded("blob = ")["state"]["created"] == ["blob", "many"]


def test_what_happens_is_told_to_every_page_and_in_order(front: Front) -> None:
    kernel = front.kernel
    hello = front.hello["hello"]
    assert (hello["version"], hello["branch"], hello["paused"], hello["seq"]) == (1, "main", None, 0)
    other = Front(kernel)
    kernel.send("x = [1]")
    told = front.event("recorded")
    assert (told["seq"], told["state"]["first"], told["states"]) == (1, "x = [1]", [told["state"]])
    assert told["went"]["kind"] == "run"
    kernel.send("x.append(2)")
    assert front.event("recorded")["state"]["about"] == {"x": "1 → 2 items"}
    kernel.send("%undo")
    moved = front.event("moved")
    assert (moved["head"], moved["went"]["kind"], moved["states"]) == (told["head"], "undo", [])
    kernel.send("%timeslip tag here")
    assert front.event("moved")["tags"] == {"here": told["head"]}
    kernel.send("%timeslip describe HEAD -m 'a note'")
    assert front.event("moved")["states"][0]["message"] == "a note"
    since = front.answer("history", since=1)
    assert (since["since"], [state["first"] for state in since["states"]]) == (1, ["x.append(2)"])
    assert front.answer("history", since=99_999)["since"] is None
    front.silence(0.3)
    assert [data["seq"] for comm, data in front.got if comm == other.events] == [1, 2, 3, 4, 5]


def test_a_hundred_commits_are_few_messages(shared: Front) -> None:
    front = shared
    front.kernel.send("import timeslip\nfor n in range(100): timeslip.session().commit(str(n))")
    messages, seen = 0, set[str]()
    while "99" not in seen:
        told = front.event("recorded", timeout=60)
        messages += 1
        seen.update(state["message"] for state in told["states"])
    assert messages < 60


def test_looking_touches_nothing_of_the_session(shared: Front) -> None:
    front, kernel = shared, shared.kernel
    kernel.cells("import warnings, sys; x = [1]", "x.append(2)", "lent = x")
    state = "[id(x), id(lent), len(warnings.filters), timeslip_moves(), sorted(k for k in globals() if k[0] != '_')]"
    kernel.cells("def timeslip_moves():\n    import timeslip\n    return timeslip.session().moves")
    before = kernel.value(state)
    modules = set(kernel.value("sorted(sys.modules)"))
    assert front.answer("preview", ref="HEAD", names=["x"])["values"][0]["text"] == "[1, 2]"
    assert front.answer("preview", ref="HEAD~3", names=["x"])["values"][0]["text"] == "[1]"
    assert front.answer("compare", a="HEAD~3", b="HEAD", name="x")["value"]["lines"]
    assert front.answer("show", "HEAD", "x")["value"]["text"] == "[1, 2]"
    assert kernel.value(state) == before
    ours = {name for name in set(kernel.value("sorted(sys.modules)")) - modules if not name.startswith("timeslip")}
    assert not {name for name in ours if name.partition(".")[0] in ("numpy", "pandas", "matplotlib")}
    threads = "__import__('timeslip.activity', fromlist=['x']).user_threads(timeslip.session()._live.threads)"
    assert kernel.value(f"(lambda timeslip: {threads})(__import__('timeslip'))") == []
    assert kernel.value("__import__('multiprocessing').active_children()") == []
    assert kernel.run("import os; os.waitpid(-1, 0)").error.startswith("ChildProcessError")


def test_a_request_is_no_cell(shared: Front) -> None:
    """Around messages of other comms the shell tells everybody that a cell has run: figures are shown and closed."""
    front, kernel = shared, shared.kernel
    kernel.cells("seen = []", "get_ipython().events.register('post_execute', lambda: seen.append(1))", "seen.clear()")
    before = kernel.value("len(seen)")
    for _ in range(3):
        front.answer("log")
    assert kernel.value("len(seen)") - before < 3


def test_cells_are_kept_from_the_page(shared: Front) -> None:
    front, kernel = shared, shared.kernel
    kernel.cells("x = 1")
    commit = front.answer("history", limit=1)["head"]
    cells = {"cells": [{"cell_type": "code", "id": "a", "metadata": {}, "source": "x = 1"}], "metadata": {}}
    assert front.answer("keep", commit=commit, cells=cells)["kept"]
    assert not front.answer("keep", commit=commit, cells=cells)["kept"]
    assert front.answer("cells", ref="HEAD")["cells"]["cells"][0]["source"] == "x = 1"
    assert front.answer("history", limit=1)["states"][0]["cells"]
    kernel.cells("%timeslip config max_cells_bytes 10")
    reply, _ = front.ask("keep", commit=commit, cells={"cells": [], "metadata": {"long": "x" * 20}})
    assert "max_cells_bytes" in reply["error"]["hint"]


def test_pages_that_are_gone_are_forgotten(front: Front) -> None:
    kernel = front.kernel
    attached = "__import__('timeslip.ipython.extension', fromlist=['x']).attached()"
    count = f"(lambda f: [len(f._comms), len(f.events._comms)])({attached}.comms._front)"
    assert kernel.value(count) == [1, 1]
    front.send("comm_close", {"comm_id": front.events, "data": {}})
    front.send("comm_close", {"comm_id": front.rpc, "data": {}})
    kernel.cells("x = 1")
    deadline = time.monotonic() + 60  # a subshell may hear of it after the main thread has run the next cell
    while kernel.value(count) != [0, 0]:
        assert time.monotonic() < deadline, kernel.value(count)
        time.sleep(0.05)
    pages = [Front(kernel) for _ in range(3)]
    for number in range(18):
        pages[0].open(f"{number:032x}", "timeslip.events", {})
    pages[0].answer("log")
    assert kernel.value(count) == [3, 16]


def test_versions_are_agreed_on_or_the_reason_is_told(shared: Front) -> None:
    newer = Front(shared.kernel, versions=(7, 1))
    assert newer.hello["hello"]["version"] == 1
    stranger = Front(shared.kernel, versions=(7,))
    assert stranger.hello["refused"]["code"] == "version"
    assert stranger.wait(stranger.rpc) is None


def test_nothing_is_there_before_loading_and_after_unloading(kernels: Kernels) -> None:
    kernel = kernels.start(attach=False)
    early = Front(kernel)
    assert early.hello is None, "closed: this kernel is older, or records nothing"
    kernel.cells("import sys", "%load_ext timeslip")
    assert kernel.value("[n for n in sys.modules if n.startswith(('timeslip.lab', 'timeslip.ipython.front'))]") == []
    front = Front(kernel)
    assert front.hello["hello"]["name"] == "notebook"
    kernel.send("%unload_ext timeslip")
    assert front.event("closed")["seq"] == 1
    with Repository.open(front.hello["hello"]["store"], read_only=True) as store:
        assert [row.lease for row in store.sessions()] == [None], "whoever hears of the end can have the session"
    assert front.wait(front.events) is None
    assert front.wait(front.rpc) is None
    assert kernel.value("[t for t in __import__('comm').get_comm_manager().targets if 'timeslip' in t]") == []
    assert kernel.value("[t.name for t in __import__('threading').enumerate() if 'timeslip' in t.name]") == []


def test_a_pause_is_told_and_its_end(front: Front) -> None:
    kernel = front.kernel
    kernel.cells("%timeslip config min_free_bytes 999999999999999")
    kernel.send("x = 1")
    paused = front.event("paused")
    assert "the floor is" in paused["why"]
    assert front.answer("status")["paused"] == paused["why"]
    kernel.cells("%timeslip config min_free_bytes 0")
    kernel.send("x = 2")
    assert front.event("resumed")["why"] is None
    assert front.recorded("x = 1")["state"]["lines"] == 2, "nothing of what ran meanwhile is lost"


def test_a_renamed_notebook_is_found_again(kernels: Kernels, front: Front) -> None:
    front.kernel.cells("x = 1")
    told = front.answer("renamed", **{"from": "notebook.ipynb", "to": "better.ipynb"})
    assert told["notebook"].endswith("/better.ipynb")
    front.kernel.stop()
    again = Front(kernels.start(notebook="better.ipynb"))
    assert again.answer("history")["states"][0]["first"] == "x = 1"
    assert again.hello["hello"]["resumable"] == again.answer("history")["states"][0]["id"]


def test_a_request_may_come_in_pieces(front: Front) -> None:
    assert front.hello["hello"]["pieces"] is True
    text = json.dumps({"id": "long", "verb": "history", "limit": 1})
    for at, part in enumerate((text[:9], text[9:])):
        data = {"id": "long", "piece": at, "of": 2, "text": part}
        front.send("comm_msg", {"comm_id": front.rpc, "data": data})
    assert front.wait(front.rpc, id="long")["answer"]["states"] == []
    front.send("comm_msg", {"comm_id": front.rpc, "data": {"id": "none", "piece": 2, "of": 2, "text": ""}})
    assert front.wait(front.rpc, id="none")["error"]["code"] == "usage"
