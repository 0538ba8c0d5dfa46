"""IPython's magics and shell escapes in transformed cells, turned back into the plain Python that they run.

The source here is what IPython makes of a cell before running it: a magic is a call such as
``get_ipython().run_line_magic('time', 'f()')``. `expand` replaces each known one by the code that it runs (or by
nothing), so that analysis sees ordinary Python; of the others it says what they mean. A `get_ipython` left over after
that is reported by the analysis itself as reaching everything.

Nothing here imports IPython. Pure functions, safe in any thread.
"""

from __future__ import annotations

import ast
import itertools
import keyword
import re
import sys
from collections.abc import Iterable

from timeslip.state.facts import Use
from timeslip.state.outside import Finding

TIMED = "<timed>"
"""Name of the function that stands for the body of `%timeit`; no identifier, so it meets no name of the user."""

COMMANDS = frozenset({"undo", "redo", "timeslip"})
"""Timeslip's own magics."""

_RUNS_CODE = {  # magic -> its options that take a value (getopt style)
    "time": "",
    "prun": "lsTD",
    "capture": "",
    "timeit": "nrt",
}
_HARMLESS = frozenset({
    "matplotlib", "config", "load_ext", "reload_ext", "unload_ext", "who", "who_ls", "whos", "precision", "pinfo",
    "pinfo2",
    "pdoc", "pdef", "psource", "pfile", "lsmagic", "magic", "colors", "xmode", "pprint", "automagic",
    "autoindent", "quickref",
    "history", "hist", "doctest_mode", "page", "tb", "autocall", "alias_magic", "aimport", "autoreload", "html", "HTML",
    "markdown", "latex", "svg", "SVG", "javascript", "js", "rehashx", "subplots", "connect_info", "qtconsole",
    "gui", "pdb",
    "logstate", "psearch", "autosave", "clear", "cls", "guiref", "notebook_info", "pycat", "prun_off",
})  # fmt: skip
_OUTSIDE = {
    "bash": "runs a shell command", "sh": "runs a shell command", "script": "runs a shell command",
    "cmd": "runs a shell command",
    "sx": "runs a shell command", "system": "runs a shell command", "!": "runs a shell command",
    "!!": "runs a shell command",
    "perl": "runs another program", "ruby": "runs another program", "node": "runs another program",
    "python2": "runs another program", "pypy": "runs another program", "python3": "runs another program",
    "python": "runs another program",
    "writefile": "writes a file", "file": "writes a file", "save": "writes a file", "logstart": "writes a file",
    "notebook": "writes a file", "pip": "installs packages", "conda": "installs packages", "mamba": "installs packages",
    "micromamba": "installs packages", "uv": "installs packages", "cd": "changes the environment",
    "pushd": "changes the environment",
    "popd": "changes the environment", "env": "changes the environment", "set_env": "changes the environment",
    "pwd": "looks at the file system", "ls": "looks at the file system", "ll": "looks at the file system",
    "dirs": "looks at the file system",
    "cat": "reads a file", "head": "reads a file", "less": "reads a file", "more": "reads a file",
    "man": "reads a file",
    "mkdir": "changes files", "rmdir": "changes files", "rm": "changes files", "cp": "changes files",
    "mv": "changes files",
    "dhist": "looks at the file system", "pastebin": "uses the network", "sql": "talks to a database",
    "killbgscripts": "runs or ends a process",
    "tensorboard": "runs or ends a process", "bookmark": "changes the environment", "logoff": "writes a file",
    "logon": "writes a file",
    "logstop": "writes a file", "javascript": "runs code in the browser", "js": "runs code in the browser",
}  # fmt: skip
_SHELL_CALLS = {"system": "!", "getoutput": "!", "getoutput_split": "!", "system_raw": "!"}
_ASSIGNING_OPTIONS = ("--out", "--err", "--proc")
_NAME = re.compile(r"[^\W\d]\w*")
_DOLLAR = re.compile(r"\$([^\W\d]\w*)")

_COMMAND_LINE = re.compile(
    r"%\s*(?:(?:undo|redo|timeslip)(?:\s.*)?|(?:load_ext|unload_ext|reload_ext)\s+timeslip(?:\.\w+)*\s*(?:#.*)?)\Z"
)
_OFF_LINE = re.compile(r"%%timeslip\s+off\s*(?:#.*)?\Z")


def is_timeslip_only(source: str) -> bool:
    """Whether the raw text of a cell holds Timeslip's own commands (at least one), comments and blank lines only."""
    lines = [line.strip() for line in source.splitlines()]
    code = [line for line in lines if line and not line.startswith("#")]
    return bool(code) and all(_COMMAND_LINE.match(line) for line in code)


def is_unrecorded(source: str) -> bool:
    """Whether the raw text of a cell begins with ``%%timeslip off``."""
    first = next((line.strip() for line in source.splitlines() if line.strip()), "")
    return _OFF_LINE.match(first) is not None


def timeslip_commands(source: str) -> tuple[str, ...]:
    """Timeslip's commands in a transformed cell, in order, as ``"undo 2"``; empty when there are none.

    A cell where this is not empty and `is_timeslip_only` is false is a mixed one. Text of strings is not mistaken for a
    command. A cell that does not parse has none.
    """
    if "get_ipython" not in source:
        return ()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    found = []
    for node in ast.walk(tree):
        call = _shell_call(node) if isinstance(node, ast.Call) else None
        if call is not None and call[0].startswith("run_") and call[1] and call[1][0] in COMMANDS:
            found.append((node.lineno, node.col_offset, " ".join(call[1]).strip()))  # type: ignore[attr-defined]
    return tuple(text for *_, text in sorted(found))


def expand(tree: ast.Module) -> tuple[Use, ...]:
    """Replace, in place, the magics of *tree* by the code they run; returns what else is to be said of them."""
    expander = _Expander()
    expander.visit(tree)
    ast.fix_missing_locations(tree)
    return tuple(expander.uses)


def _shell_call(node: ast.Call) -> tuple[str, list[str]] | None:
    """The method and constant arguments of a call ``get_ipython().method(…)``, or None for anything else."""
    function = node.func
    if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call)):
        return None
    shell = function.value.func
    if not (isinstance(shell, ast.Name) and shell.id == "get_ipython" and not function.value.args) or node.keywords:
        return None
    arguments = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return (function.attr, arguments) if len(arguments) == len(node.args) else None


class _Expander(ast.NodeTransformer):
    """Rewrites statements that hold magics. Inner code goes before the statement, where it runs or nearly so."""

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self._before: list[ast.stmt] = []

    def visit(self, node: ast.AST) -> ast.AST | list[ast.stmt]:
        """Visit *node*; a statement may become several."""
        if not isinstance(node, ast.stmt):
            visited: ast.AST = super().visit(node)
            return visited
        outer, self._before = self._before, []
        new: ast.stmt = super().visit(node)
        before, self._before = self._before, outer
        if not before:
            return new
        return [*before, new]

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Replace a magic call by None and remember the code that it runs."""
        call = _shell_call(node)
        if call is None:
            return self.generic_visit(node)
        method, arguments = call
        if method in _SHELL_CALLS and len(arguments) == 1:
            self._say("outside", f"runs a shell command (!{arguments[0].strip()[:40]})")
            self._read_expanded(arguments[0])
        elif method == "run_line_magic" and len(arguments) == 2:
            self._magic(arguments[0], arguments[1], None)
        elif method == "run_cell_magic" and len(arguments) == 3:
            self._magic(*arguments)
        else:
            return self.generic_visit(node)
        return ast.Constant(None)

    # -- what a magic does ------------------------------------------------------------------------------------------

    def _magic(self, name: str, line: str, body: str | None) -> None:
        prefix = "%" if body is None else "%%"
        if name in COMMANDS:
            self._say("outside", f"travels in time ({prefix}{name})")
        elif name in _RUNS_CODE and not (name == "capture" and body is None):
            self._run_code(name, line, body)
        elif body is None and name in _HARMLESS:
            self._read_expanded(line)
        elif body is not None and name in ("html", "HTML", "markdown", "latex", "svg", "SVG"):
            pass
        elif name in _OUTSIDE:
            self._say("outside", f"{_OUTSIDE[name]} ({prefix}{name})")
            self._read_expanded(f"{line}\n{body or ''}")
            self._bind_options(line)
            if name in ("set_env", "env", "sql"):
                self._read(_NAME.findall(line))
        else:
            self._say("dynamic", f"runs a magic that is not known ({prefix}{name})")
            self._say("outside", f"runs a magic that is not known ({prefix}{name})")

    def _run_code(self, name: str, line: str, body: str | None) -> None:
        if name == "capture":
            for target in _NAME.findall(re.sub(r"--?[\w-]+", " ", line)):
                self._bind(target)
            code = [body or ""]
        else:
            options, statement = _split_options(line, _RUNS_CODE[name])
            if options is None:
                self._say("dynamic", f"runs a magic in a way that is not known (%{name})")
                return
            if any(option in line.split() for option in ("-D", "-T")) and name == "prun":
                self._say("outside", "writes a file (%prun -D)")
            code = [statement, body or ""]
        statements: list[ast.stmt] = []
        for piece in code:
            try:
                statements += ast.parse(piece).body
            except (SyntaxError, ValueError):
                self._say("dynamic", f"runs a magic in a way that is not known (%{name})")
                return
        if name == "timeit" and statements:
            self._before += _as_function(statements)
        else:
            self._before += [item for s in statements for item in _listed(self.visit(s))]

    def _read_expanded(self, text: str) -> None:
        """Names that IPython fills into a line: ``$name`` and ``{expression}``."""
        self._read(_DOLLAR.findall(text))
        for expression in re.findall(r"(?<!\{)\{([^{}]+)\}", text):
            try:
                node = ast.parse(expression.split("!")[0].split(":")[0].strip(), mode="eval").body
            except (SyntaxError, ValueError):
                continue  # IPython leaves such text as it is
            self._before.append(ast.Expr(node))

    def _bind_options(self, line: str) -> None:
        """``%%bash --out name`` binds a name."""
        words = line.replace("=", " ").split()
        for option, name in itertools.pairwise(words):
            if option in _ASSIGNING_OPTIONS:
                self._bind(name)

    def _read(self, names: Iterable[str]) -> None:
        self._before += [ast.Expr(ast.Name(name, ast.Load())) for name in names if not keyword.iskeyword(name)]

    def _bind(self, name: str) -> None:
        if name.isidentifier() and not keyword.iskeyword(name):
            self._before.append(ast.Assign([ast.Name(name, ast.Store())], ast.Constant(None), lineno=1))

    def _say(self, kind: str, reason: str) -> None:
        finding = Finding("dynamic" if kind == "dynamic" else "outside", reason)
        self.uses.append(Use("", "", "", True, "", finding))


def _listed(node: ast.AST | list[ast.stmt]) -> list[ast.stmt]:
    if isinstance(node, list):
        return node
    return [node] if isinstance(node, ast.stmt) else []


def _as_function(statements: list[ast.stmt]) -> list[ast.stmt]:
    """A function of these statements and its call: `%timeit` runs its code so, its names are local."""
    empty = ast.arguments(posonlyargs=[], args=[], vararg=None, kwonlyargs=[], kw_defaults=[], kwarg=None, defaults=[])
    function = ast.FunctionDef(name=TIMED, args=empty, body=statements, decorator_list=[], returns=None, lineno=1)
    if sys.version_info >= (3, 12):
        function.type_params = []
    call = ast.Expr(ast.Call(ast.Name(TIMED, ast.Load()), [], []))
    return [function, call]


def _split_options(line: str, with_value: str) -> tuple[list[str] | None, str]:
    """Values of the short options before a statement, and the statement; None for options that are not understood."""
    values: list[str] = []
    rest = line.lstrip()
    while rest.startswith("-"):
        option, _, after = rest.partition(" ")
        if option == "--":
            return values, after.lstrip()
        if option.startswith("--"):
            if option in ("--no-raise-error", "--no_raise_error"):
                rest = after.lstrip()
                continue
            return None, line
        if len(option) < 2 or not option[1].isalpha():
            return values, rest  # a minus sign: the statement begins here
        rest = after.lstrip()
        if option[1] in with_value:
            value = option[2:]
            if not value:
                value, _, rest = rest.partition(" ")
            values.append(value)
            rest = rest.lstrip()
    return values, rest
