"""The doors of live kernels: what is shown, what a command reaches, what is found when a kernel starts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.doors.schema import validate
from tests.kernel.conftest import BUSY, Kernels, LabKernel, wait_for

import timeslip


@pytest.fixture
def kernels(tmp_path: Path) -> Iterator[Kernels]:
    made = Kernels(tmp_path / "home")
    yield made
    made.stop()


def environment(kernels: Kernels) -> dict[str, str]:
    return {
        **os.environ,
        "TIMESLIP_HOME": str(kernels.home / "store"),
        "TIMESLIP_KEY_FILE": str(kernels.home / "key"),
        "HOME": str(kernels.home),
        "PYTHONPATH": str(Path(timeslip.__file__).parents[1]),
    }


def command(kernels: Kernels, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "timeslip", *words],
        env=environment(kernels),
        capture_output=True,
        text=True,
        timeout=60,
    )


def answer(kernels: Kernels, *words: str) -> dict[str, Any]:
    done = command(kernels, words[0], "--json", *words[1:])
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    validate(told)
    return told


def test_acting_commands_reach_the_kernel(kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells("x = [1]\ny = x", "x.append(2)", "z = 1")
    assert answer(kernels, "sessions")["sessions"][0]["reachable"]
    assert answer(kernels, "undo", "2")["loaded"] == ["x", "y"]
    assert kernel.value("[x, y is x, 'z' in globals()]") == [[1], True, False]
    answer(kernels, "redo")
    assert kernel.value("x") == [1, 2]
    answer(kernels, "get", "HEAD~1", "x", "--as", "old")
    assert kernel.value("old") == [1]
    answer(kernels, "commit", "-m", "it's a 'test'")
    assert answer(kernels, "log", "-n", "1")["commits"][0]["message"] == "it's a 'test'"
    answer(kernels, "branch", "side")
    answer(kernels, "tag", "v1")
    answer(kernels, "checkout", "In[2]", "--", "x")
    assert kernel.value("x") == [1]
    answer(kernels, "switch", "side")
    assert kernel.value("[x, old]") == [[1, 2], [1]]
    assert answer(kernels, "diff", "In[2]", ".")["b"] == "."
    refused = command(kernels, "checkout", "nowhere")
    assert refused.returncode == 1
    assert "[commit-not-found]" in refused.stderr
    assert refused.stdout == ""


def test_a_command_leaves_no_trace_in_the_notebook(kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells("x = 1", "x")
    before = kernel.value("[len(In), sorted(Out), _, get_ipython().execution_count]")
    answer(kernels, "undo")
    answer(kernels, "redo")
    assert kernel.value("[len(In), sorted(Out), _, get_ipython().execution_count]") == before


def test_a_running_cell_is_never_disturbed(kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells("x = 1", "x = 2")
    request = kernel.send(BUSY + "x = 3")
    wait_for(kernels.home / "runs")
    done = command(kernels, "undo")
    (kernels.home / "answered").touch()
    assert done.returncode == 1
    assert "[session-busy]" in done.stderr
    assert "hint:" in done.stderr
    assert kernel.collect(request).ok
    time.sleep(0.2)
    assert kernel.value("x") == 3, "the request that came too late does nothing"


def test_a_dead_kernel(kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells("x = 1")
    kernel.kill()
    done = command(kernels, "undo")
    assert done.returncode == 1
    assert "[no-kernel]" in done.stderr
    assert answer(kernels, "log")["commits"][0]["code"] == "x = 1"


def test_resume_after_a_kill(kernels: Kernels) -> None:
    first = kernels.start(notebook="work.ipynb")
    shown = first.cell("%load_ext timeslip")
    assert shown.ok
    first.cells("x = [1, 2, 3]\ny = x")
    first.kill()
    second = kernels.start(notebook="work.ipynb", attach=False)
    found = second.cell("%load_ext timeslip").shown
    assert "%timeslip resume" in found
    assert len(found.strip().splitlines()) == 1
    assert second.value("'x' in globals()") is False
    assert "resumed" in second.cell("%timeslip resume").shown
    assert second.value("[x, y is x]") == [[1, 2, 3], True]
    second.cells("x.append(4)", "%undo")
    assert second.value("y") == [1, 2, 3]


def test_two_kernels_of_one_notebook(kernels: Kernels) -> None:
    first = kernels.start(notebook="work.ipynb")
    first.cells("x = 1")
    second = kernels.start(notebook="work.ipynb", attach=False)
    assert "another kernel" in second.cell("%load_ext timeslip").shown
    second.cells("x = 2")
    first.cells("x = 3", "%undo")
    assert (first.value("x"), second.value("x")) == (1, 2)


def displays(kernel: LabKernel, code: str) -> list[dict[str, str]]:
    """The data of everything a cell shows."""
    request = kernel.send(code)
    shown = []
    while True:
        message = kernel.client.get_iopub_msg(timeout=30)
        if message["parent_header"].get("msg_id") != request:
            continue
        if message["header"]["msg_type"] == "display_data":
            shown.append(message["content"]["data"])
        if message["content"].get("execution_state") == "idle":
            return shown


def test_answers_are_html_with_the_text_beside_it(kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells("x = '<b>'")
    for line in ("%timeslip", "%timeslip log", "%timeslip show HEAD", "%timeslip diff", "%undo"):
        (data,) = displays(kernel, line)
        assert set(data) == {"text/plain", "text/html"}
        assert data["text/html"].startswith('<div class="timeslip">')
        assert "<b>" not in data["text/html"]
        assert "<" not in data["text/plain"].replace("'<b>'", "")


def complete(kernel: LabKernel, text: str) -> list[str]:
    request = kernel.client.complete(text, len(text))
    while True:
        reply = kernel.client.get_shell_msg(timeout=30)
        if reply["parent_header"].get("msg_id") == request:
            content = reply["content"]
            return [text[: content["cursor_start"]] + match for match in content["matches"]]


def test_completion_in_a_kernel(kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells("frame = 1")
    assert complete(kernel, "%timeslip ch") == ["%timeslip checkout"]
    assert complete(kernel, "%timeslip checkout In[") == ["%timeslip checkout In[2]"]
    assert complete(kernel, "%timeslip blame fr") == ["%timeslip blame frame"]
    assert "%undo --dry-run" in complete(kernel, "%undo --d")


def test_unload(kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells("x = 1", "%unload_ext timeslip", "y = x + 1")
    assert kernel.value("[x, y, type(globals()).__name__]") == [1, 2, "dict"]
    assert kernel.value("__import__('timeslip').session()") is None
    assert not kernel.cell("%undo").ok
    assert "no kernel" in command(kernels, "sessions").stdout
    assert "[no-kernel]" in command(kernels, "undo").stderr
    kernel.cells("%load_ext timeslip", "y = 5", "%undo")
    assert kernel.value("y") == 2


def test_attach_in_a_cell_that_does_more(kernels: Kernels) -> None:
    kernel = kernels.start(attach=False)
    kernel.cells("a = 1\n%load_ext timeslip\nb = 2", "c = 3", "%undo 2")
    assert kernel.value("['a' in globals(), 'b' in globals(), 'c' in globals()]") == [True, False, False]


def test_the_python_api_is_the_same_session(kernels: Kernels) -> None:
    kernel = kernels.start(attach=False)
    kernel.cells("import timeslip\nsession = timeslip.attach()", "x = 1", "x = 2")
    assert kernel.value("timeslip.session() is session and timeslip.attach() is session")
    kernel.cells("%undo")
    assert kernel.value("x") == 1
    kernel.cells("%timeslip checkout HEAD", "%undo")
    assert kernel.value("timeslip.session() is session")
    outcome = kernel.cell("timeslip.attach(name='other')")
    assert outcome.error == "NamespaceError"


def test_a_forked_child_is_left_alone(kernels: Kernels) -> None:
    kernel = kernels.start()
    outcome = kernel.cell(
        "import os\npid = os.fork()\nif pid == 0:\n    get_ipython().run_cell('y = 1')\n    os._exit(0)\n"
        "status = os.waitpid(pid, 0)[1]"
    )
    assert outcome.ok
    kernel.cells("x = 1", "x = 2", "%undo")
    assert kernel.value("[x, status]") == [1, 0]


IPYTHON = """
import sys
from IPython.terminal.ipapp import TerminalIPythonApp
from traitlets.config import Config
c = Config()
c.InteractiveShellApp.extensions = ["timeslip"]
c.Timeslip.keep_commits = 9
c.Timeslip.name = "console"
c.TerminalIPythonApp.display_banner = False
c.HistoryManager.enabled = False
c.TerminalInteractiveShell.simple_prompt = True
TerminalIPythonApp.instance(config=c).initialize(argv=[])
from IPython import get_ipython
for line in sys.argv[1:]:
    get_ipython().run_cell(line, store_history=True)
"""


def test_terminal_ipython_with_configuration(kernels: Kernels) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IPYTHON,
         "x = 1", "x = 2", "%undo", "print('x is', x)", "%timeslip config keep_commits", "%timeslip log"],
        env={**environment(kernels), "IPYTHONDIR": str(kernels.home / "ipython")},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "recording 'console'" in done.stdout, done.stderr
    assert "x is 1" in done.stdout
    assert "keep_commits  9" in done.stdout
    assert "\x1b[" not in done.stdout.partition("recording")[2], "no colour where there is no terminal"
    assert "<div" not in done.stdout


def test_wrong_configuration_is_told(kernels: Kernels) -> None:
    for line in ("c.Timeslip.keep_comits = 9", "c.Timeslip.keep_commits = 'many'", "c.Timeslip.replay = 'maybe'"):
        program = IPYTHON.replace("c.Timeslip.keep_commits = 9", line).replace(
            'c.InteractiveShellApp.extensions = ["timeslip"]', ""
        )
        done = subprocess.run(
            [sys.executable, "-c", program, "%load_ext timeslip"],
            env={**environment(kernels), "IPYTHONDIR": str(kernels.home / "ipython")},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert "[usage]" in done.stdout, (line, done.stdout, done.stderr)
        assert "Traceback" not in done.stdout


def test_a_branch_that_starts_by_itself_is_said_once(kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells("x = 1", "x = 2", "%undo")
    said = kernel.cell("x = 3").stderr
    assert said == "timeslip: the session was not at the tip of main, so this step creates branch main-2\n"
    assert kernel.cell("x = 4").shown.strip() == ""
    kernel.cells("%undo 2")
    assert kernel.cell("x = 5; x").stderr.endswith("creates branch main-3\n")


def test_after_two_kernels_died_the_load_line_says_what_works(kernels: Kernels) -> None:
    first = kernels.start(notebook="work.ipynb")
    first.cells("x = 'first'")
    second = kernels.start(notebook="work.ipynb", attach=False)
    shown = second.cell("%load_ext timeslip").shown
    assert "%timeslip resume brings the other kernel's state in" in shown
    assert "resumed" in second.cell("%timeslip resume").shown
    assert second.value("x") == "first"
    second.cells("x = 'second'")
    first.kill()
    second.kill()
    third = kernels.start(notebook="work.ipynb", attach=False)
    shown = third.cell("%load_ext timeslip").shown
    assert "the last after In[2]; %timeslip resume brings that state back" in shown
    assert "`%timeslip resume main-2` brings its last state" in shown
    assert answer(kernels, "log")["commits"][0]["code"] == "x = 'first'"
    third.cells("%timeslip resume")
    assert third.value("x") == "first"
    third.cells("%timeslip resume main-2")
    assert third.value("x") == "second"


def test_a_look_at_the_live_state_in_a_mixed_cell(kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells("x = 1", "x = 2\n%timeslip diff HEAD~1 .\ny = 1")
    assert [commit["code"] for commit in answer(kernels, "log")["commits"]] == ["y = 1", "x = 2", "x = 1"]
    kernel.cells("%undo 2")
    assert kernel.value("[x, 'y' in globals()]") == [1, False]


def test_a_store_at_its_limit_is_told_once(kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells("%timeslip config max_store_bytes 3000000", "import os", "x = os.urandom(2_000_000)")
    said = kernel.cell("x = os.urandom(2_000_000)").stderr
    assert said.startswith("timeslip: recording is paused: ")
    assert "its limit is 3.0 MB" in said
    for code in ("y = 1", "y = 2", "y = 3"):
        assert kernel.cell(code).shown.strip() == ""
    assert "recording is paused" in kernel.cell("%timeslip").shown
    assert "3 runs not recorded since then" in kernel.cell("%timeslip").shown
    kernel.cells("%timeslip config max_store_bytes 0")
    assert kernel.cell("z = 1").stderr == "timeslip: recording goes on\n"
    kernel.cells("%undo")
    assert kernel.value("['y' in globals(), 'z' in globals()]") == [False, False]


def test_a_kernel_without_a_notebook_goes_on_with_an_earlier_session(kernels: Kernels) -> None:
    first = kernels.start(notebook="", attach=False)
    assert first.cell("%load_ext timeslip").shown.strip().endswith("(new); %undo takes a cell back, " + HELP)
    first.cells("x = [1]; y = x", "x.append(2)")
    name = first.value("__import__('timeslip').session().name")
    first.kill()
    second = kernels.start(notebook="", attach=False)
    shown = second.cell("%load_ext timeslip").shown.strip()
    assert f"%timeslip resume --from {name} goes on with an earlier session (2 commits, last used " in shown
    assert "\n" not in shown, "one line"
    refused = second.cell("%timeslip resume").shown
    assert f"resume --from {name}" in refused
    assert "Traceback" not in refused
    assert re.search(rf"{name} +no kernel", second.cell("%timeslip sessions").shown)
    offered = second.client.complete("%timeslip resume --from sess", reply=True, timeout=20)["content"]["matches"]
    assert offered == [name], "not its own"
    second.cells("z = 1")
    assert f"is recorded in session '{name}' from now on" in second.cell(f"%timeslip resume --from {name}").shown
    assert second.value("[x, y is x, 'z' in globals()]") == [[1, 2], True, False]
    second.cells("y.append(3)")
    commits = answer(kernels, "log", name)["commits"]
    assert [commit["code"] for commit in commits if commit["code"]] == ["y.append(3)", "x.append(2)", "x = [1]; y = x"]
    answer(kernels, "undo", name)
    assert second.value("[x, y is x]") == [[1, 2], True]
    assert answer(kernels, "status", name)["kernel"] == "live"


HELP = "%timeslip help lists the rest"


def test_two_terminals_one_after_the_other(kernels: Kernels) -> None:
    def ipython(*cells: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit"],
            env={**environment(kernels), "IPYTHONDIR": str(kernels.home / "ipython"), "JPY_SESSION_NAME": ""},
            input="\n".join(cells) + "\n", capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        return done.stdout + done.stderr

    shown = ipython("%load_ext timeslip", "x = [1]; y = x", "x.append(2)", "%undo", "%redo")
    assert "(new); %undo takes a cell back" in shown
    name = answer(kernels, "sessions")["sessions"][0]["name"]
    shown = ipython("%load_ext timeslip", f"%timeslip resume --from {name}", "(x, y is x)", "%timeslip nosuch")
    assert f"%timeslip resume --from {name} goes on with an earlier session (2 commits" in shown
    assert "([1, 2], True)" in shown
    assert "there is no verb 'nosuch'" in shown
    assert "Traceback" not in shown
    assert [row["name"] for row in answer(kernels, "sessions")["sessions"]] == [name]


def test_kernels_without_a_name_that_start_in_the_same_second(kernels: Kernels) -> None:
    fixed = "import time; time.strftime = lambda *_: 'session-20261127-181500'"
    two = [kernels.start(notebook="", attach=False) for _ in range(2)]
    for kernel in two:
        kernel.cells(fixed, "%load_ext timeslip", "x = 1")
    names = [row["name"] for row in answer(kernels, "sessions")["sessions"]]
    assert sorted(names) == ["session-20261127-181500", "session-20261127-181500-2"]
    first = two[0]
    first.cells("%unload_ext timeslip", "y = 1")
    shown = first.cell("%load_ext timeslip").shown
    assert "recording 'session-20261127-181500'; 2 earlier commits" in shown, "the same kernel goes on with its own"
    first.cells("%timeslip resume")
    assert first.value("'y' in globals()") is False


def test_a_late_attach_is_not_called_an_earlier_commit(kernels: Kernels) -> None:
    kernel = kernels.start(attach=False)
    kernel.cells("x = 1")
    assert "(new)" in kernel.cell("%load_ext timeslip").shown
    kernel.cells("y = 1")
    kernel.kill()
    again = kernels.start(attach=False)
    again.cells("x = 1")
    assert "; 2 earlier commits, the last after In[3]; " in again.cell("%load_ext timeslip").shown


def test_a_number_of_another_kernel_is_told(kernels: Kernels) -> None:
    first = kernels.start(notebook="work.ipynb")
    first.cells("x = 1", "x = 2", "x = 3")
    first.kill()
    second = kernels.start(notebook="work.ipynb")
    said = second.cell("%timeslip show In[3]")
    assert said.ok
    assert said.stderr.startswith("timeslip: In[3] is a run of another kernel than the present one: commit ")
    second.cells("x = 4", "y = 1")
    told = second.cell("%timeslip show In[3]")
    assert told.stderr == ""
    assert "x = 4" in told.shown
    done = command(kernels, "show", "In[2]")
    assert done.returncode == 0
    assert done.stderr.startswith("note: In[2] is a run of another kernel")
    assert command(kernels, "show", "In[3]").stderr == ""


def test_a_fault_in_a_verb_is_a_message(kernels: Kernels) -> None:
    kernel = kernels.start()
    kernel.cells("x = 1", "__import__('timeslip').session().log = lambda *a, **k: 1 / 0")
    shown = kernel.cell("%timeslip log").shown
    assert "error: log failed inside Timeslip (ZeroDivisionError: division by zero)   [internal]" in shown
    assert "timeslip.log" in shown
    assert "Traceback" not in shown
    assert "ZeroDivisionError" in (kernels.home / "store" / "timeslip.log").read_text()
