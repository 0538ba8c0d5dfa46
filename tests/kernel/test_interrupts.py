"""The stop button during what Timeslip does: one line, no traceback, and everything as it was or as it was to be."""

from __future__ import annotations

import random
import time

import pytest
from tests.kernel.conftest import Kernels, LabKernel, Outcome, wait_for

MODULE = """
import os, time
times = {'saving': 0.0, 'loading': 0.0}
naps = os.open('naps', os.O_CREAT | os.O_WRONLY | os.O_APPEND)
def nap(seconds):
    if seconds: os.write(naps, b'z')
    end = time.monotonic() + seconds
    while time.monotonic() < end: time.sleep(0.005)
def make(items):
    nap(times['loading'])
    return Slow(items)
class Slow(list):
    def __reduce_ex__(self, protocol):
        nap(times['saving'])
        return make, (list(self),)
"""

SLOW = (
    "import os, sys; os.makedirs('site-packages', exist_ok=True)\n"
    f"open('site-packages/slow.py', 'w').write({MODULE!r}) and None\n"
    "sys.path.insert(0, os.path.abspath('site-packages')); import slow\n"
    "os.fork = lambda fork=os.fork: fork()"
)
"""A class whose instances take as long to be saved and loaded as one likes; how long is no state of the session.

It tells of each nap in a file that is open from the beginning: what is loaded may open none. It counts as installed:
what classes of the user's own say of their pickling is not asked. It is not tried out in a copy of the process: that
would find that it takes too long to load.
"""


@pytest.fixture
def slow(kernel: LabKernel) -> LabKernel:
    """A kernel that can be slow, and two steps."""
    kernel.cells(SLOW, "x = [1]", "x.append(2); y = 5")
    return kernel


def last_code(kernel: LabKernel) -> str:
    code = kernel.value("__import__('timeslip').session().log()[0].code")
    assert isinstance(code, str)
    return code


def interrupted_when_slow(kernel: LabKernel, code: str) -> Outcome:
    forget_naps(kernel)
    request = kernel.send(code)
    stop_when_slow(kernel)
    return kernel.collect(request)


def forget_naps(kernel: LabKernel) -> None:
    (kernel.home / "naps").write_bytes(b"")


def stop_when_slow(kernel: LabKernel) -> None:
    """Interrupt *kernel* as soon as it saves or loads an instance of the slow class."""
    wait_for(kernel.home / "naps", filled=True)
    kernel.interrupt()


def interrupted_after(kernel: LabKernel, code: str, seconds: float, timeout: float = 60) -> Outcome:
    request = kernel.send(code)
    time.sleep(seconds)
    kernel.interrupt()
    return kernel.collect(request, timeout)


def test_while_a_cell_is_recorded(slow: LabKernel) -> None:
    request = slow.send("slow.times['saving'] = 3; s = slow.Slow(); z = 1; 'its result'")
    waiting = slow.send("after = 1")
    stop_when_slow(slow)
    outcome, next_one = slow.collect(request), slow.collect(waiting)
    assert outcome.results == ["'its result'"]
    assert outcome.error == "KeyboardInterrupt"
    assert outcome.traceback == ""
    assert outcome.stderr.count("\n") == 1
    assert "recording In[" in outcome.stderr
    assert "nothing is lost" in outcome.stderr
    assert next_one.status == "aborted", "the cells that were waiting stop, as after any interrupt"
    assert last_code(slow) == "x.append(2); y = 5"
    slow.value("slow.times.update(saving=0)")
    slow.cells("%undo")
    assert slow.value("('z' in globals(), y, x)") == [False, 5, [1, 2]]
    slow.cells("%redo")
    assert slow.value("(z, s)") == [1, []]
    assert last_code(slow).startswith("slow.times['saving'] = 3")


def test_while_a_cell_is_recorded_and_another_runs_next(slow: LabKernel) -> None:
    outcome = interrupted_when_slow(slow, "slow.times['saving'] = 3; s = slow.Slow(); x.append(3)")
    assert "nothing is lost" in outcome.stderr
    slow.cells("slow.times['saving'] = 0; w = 1", "v = 2")
    assert slow.value("__import__('timeslip').session().verify().changed") == {}
    slow.cells("%undo", "%undo")
    assert slow.value("('s' in globals(), x)") == [False, [1, 2]]
    slow.cells("%redo")
    assert slow.value("(s, x, w)") == [[], [1, 2, 3], 1]


def test_while_a_verb_prepares(slow: LabKernel) -> None:
    slow.cells("slow.times['loading'] = 3; s = slow.Slow()", "del s; x.append(3)")
    before = slow.head()
    outcome = interrupted_when_slow(slow, "%undo")
    assert outcome.error == "VerbInterrupted"
    assert outcome.traceback.splitlines() == [
        "interrupted: undo was not done; the session is as it was",
        "hint:  run it again",
    ]
    assert (outcome.stdout, outcome.stderr) == ("", "")
    assert slow.head() == before
    assert slow.value("('s' in globals(), x)") == [False, [1, 2, 3]]
    slow.cells("%undo")
    assert slow.value("(s, x)") == [[], [1, 2]]


def test_while_a_verb_ends_it_is_done_first(slow: LabKernel) -> None:
    """What was loaded is saved once more at the end, when all has been put in place."""
    slow.cells("s = slow.Slow()", "del s; x.append(3)", "slow.times['saving'] = 1.5; t = 1")
    outcome = interrupted_when_slow(slow, "%undo 2")
    assert "undo was done before the interrupt came through" in outcome.traceback
    assert slow.value("(s, x, 't' in globals())") == [[], [1, 2], False]
    slow.cells("%redo 2")
    assert slow.value("('s' in globals(), x, t)") == [False, [1, 2, 3], 1]


def test_a_command_from_a_shell(slow: LabKernel) -> None:
    slow.cells("slow.times['loading'] = 3; s = slow.Slow()", "del s; x.append(3)")
    forget_naps(slow)
    call = "__import__('timeslip.ipython.remote', fromlist=['call']).call(['undo'], 1e12).body"
    request = slow.client.execute("", silent=True, store_history=False, user_expressions={"answer": call})
    stop_when_slow(slow)
    while (reply := slow.client.get_shell_msg(timeout=60))["parent_header"].get("msg_id") != request:
        continue
    assert "'code': 'interrupted'" in reply["content"]["user_expressions"]["answer"]["data"]["text/plain"]
    assert slow.value("('s' in globals(), x)") == [False, [1, 2, 3]]


def test_loading_the_extension(kernels: Kernels) -> None:
    kernel = kernels.start(attach=False)
    kernel.cells(SLOW, "slow.times['saving'] = 2; s = slow.Slow(); x = [1]")
    outcome = interrupted_when_slow(kernel, "%load_ext timeslip")
    assert "%load_ext timeslip was not done" in outcome.traceback
    assert len(outcome.traceback.splitlines()) == 2
    kernel.cells("slow.times['saving'] = 0", "%load_ext timeslip", "x.append(2)", "%undo")
    assert kernel.value("(x, s)") == [[1], []]


@pytest.mark.time_limit(300)
def test_at_random_instants(kernel: LabKernel) -> None:
    """Whatever is stopped whenever: the names fit HEAD, and steps can be walked from end to end."""
    kernel.cells("class K: n = 0", "x = [0]; k = K(); kept = list(range(1000))")
    choose = random.Random(5)
    for number in range(1, 13):
        kernel.cells(f"x.append({number}); K.n = {number}; k.v = [{number}]")
        try:
            verb, seconds = choose.choice(["%undo", "%redo"]), choose.uniform(0.0, 0.06)
            outcome = interrupted_after(kernel, verb, seconds, timeout=8)
        except TimeoutError:  # the kernel was hit itself, before it began or after it had ended, and does not answer
            outcome = kernel.cell("pass")
        if "Error in callback" not in outcome.shown:  # IPython's own words, when it is hit while it calls us
            assert "timeslip/" not in outcome.traceback
        x, n, v = kernel.value("(x, K.n, k.v)")
        assert (n, v) == (x[-1], [x[-1]]) or x[-1] == 0
        assert kernel.value("__import__('timeslip').session().verify().changed") == {}
        recorded = kernel.value("__import__('timeslip').session().get('HEAD', 'x')")
        assert recorded == x, "HEAD and the names tell different stories"
    kernel.cells("%timeslip ops")
    assert kernel.cell("y = 1").ok
    kernel.cells("%undo")
    assert kernel.value("'y' in globals()") is False
