"""What runs by itself, or is waited for, stays the very object when a run that did not touch it is undone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.engine.test_cases import Sessions, _quiet, sessions

__all__ = ["_quiet", "sessions"]  # the fixtures

WORK = "async def work(d):\n    while True: d.append(1); await asyncio.sleep(.001)\n"
WAIT = "async def wait(): await asyncio.sleep(100)\n"
HANDLES = {
    "a task": (WAIT + "h = asyncio.create_task(wait())", "h.cancel()"),
    "tasks in containers": (WAIT + "h = [asyncio.create_task(wait())]; c = {'t': h[0]}", "c['t'].cancel()"),
    "a task that works on a list": (WORK + "d = []; h = asyncio.create_task(work(d))", "h.cancel()"),
    "several, gathered": (WAIT + "h = asyncio.gather(asyncio.create_task(wait()))", "h.cancel()"),
    "a future": ("h = asyncio.get_running_loop().create_future()", "h.set_result(1)"),
    "an event that is waited for": (
        "h = asyncio.Event()\nasync def wait(): await h.wait()\ntask = asyncio.create_task(wait())",
        "h.set()",
    ),
    "a queue that is waited for": (
        "h = asyncio.Queue()\nasync def wait(): await h.get()\ntask = asyncio.create_task(wait())",
        "h.put_nowait(1)",
    ),
    "a lock that is waited for": (
        """
h = asyncio.Lock()
async def wait():
    async with h: await asyncio.sleep(100)
tasks = [asyncio.create_task(wait()) for _ in range(2)]
""",
        "tasks[0].cancel()",
    ),
    "the loop": ("h = asyncio.get_running_loop()", "h.call_soon(print)"),
    "a future of a pool": (
        "go = threading.Event(); pool = futures.ThreadPoolExecutor(1); h = pool.submit(go.wait)",
        "go.set(); assert h.result(10); pool.shutdown()",
    ),
    "a thread that works on a list": (
        """
import time
d = []; end = threading.Event()
def work(d):
    while not end.is_set(): d.append(1); time.sleep(.001)
h = threading.Thread(target=work, args=(d,), daemon=True); h.start()
""",
        "end.set(); h.join(10); assert not h.is_alive()",
    ),
    "a process": ("h = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=-1)", "h.communicate(); h.wait(10)"),
}


async def _end(loop_tasks: set[Any]) -> None:
    for task in loop_tasks:
        task.cancel()
    await asyncio.gather(*loop_tasks, return_exceptions=True)


@pytest.mark.parametrize("name", HANDLES)
def test_a_handle_is_kept(name: str, sessions: Sessions) -> None:
    first, use = HANDLES[name]
    live = sessions.attach()

    async def session() -> None:
        live.run("import asyncio, subprocess, sys, threading\nfrom concurrent import futures", first)
        await asyncio.sleep(0.01)
        live.run("x = 1")
        await asyncio.sleep(0.01)
        before = live["h"]
        live.run("y = 2")
        await asyncio.sleep(0.01)
        result = live.session.undo()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        try:
            assert live["h"] is before
            assert "h" in result.kept
            assert result.placeholders == ()
            if "works on" in name:
                assert result.loaded == ("d",)
                assert any("goes on with d as it was before" in message for message in result.messages)
            exec(use, live.namespace)
            await asyncio.sleep(0.01)
        finally:
            await _end(others)

    asyncio.run(session())


def test_a_task_that_has_ended_since_is_not_the_one_that_ran(sessions: Sessions) -> None:
    live = sessions.attach(replay="never")

    async def session() -> None:
        live.run(
            "import asyncio\nasync def work(): await asyncio.sleep(.02); return [1]\nt = asyncio.create_task(work())"
        )
        live.run("x = 1")
        await live["t"]
        live.run("y = t.result()")
        assert live.session.undo().placeholders == ("t",)

    asyncio.run(session())
