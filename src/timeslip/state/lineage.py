"""Names whose value at the start of a cell matters to it.

A walk over the syntax tree in the order of execution that knows which names are certainly bound by then. In doubt a
name is read: replay then restores one value too many, never one too few.

* A branch, a loop body, a handler, a `with` body that may swallow an exception: what only they bind is not certain.
* The body of a function reads when the function's name is first used after the `def`, or at the end of the cell (a
  later cell may call it); with decorators, and for lambdas and generator expressions, at once.
* `del x` needs no old value, and none can be seen after it: it counts as bound.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from timeslip.state.facts import CodeFacts
from timeslip.state.magics import TIMED, expand
from timeslip.state.source import facts_of_source, parse, quiet

_Functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_Comprehensions = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_NEVER_SWALLOW = frozenset({
    "open", "catch_warnings", "errstate", "no_grad", "inference_mode", "option_context", "rc_context", "style", "plt",
    "localcontext", "printoptions", "TemporaryDirectory", "NamedTemporaryFile", "nullcontext", "closing",
    "redirect_stdout",
    "redirect_stderr", "ThreadPoolExecutor", "ProcessPoolExecutor", "Pool", "Lock", "RLock", "memoryview", "StringIO",
    "BytesIO",
    "ZipFile", "ExcelWriter", "config_context", "parallel_backend", "set_grad_enabled", "urlopen", "scandir",
})  # fmt: skip
"""Last names of context managers that are known to let exceptions pass."""


@lru_cache(maxsize=2048)
def facts_reads_before_binding(source: str) -> frozenset[str]:
    """Names read by a transformed cell whose value at its start matters.

    A subset of ``facts_of_source(source).reads`` and, like it, with the names of builtins. Cached; safe in any thread.
    A cell with reasons to be dynamic may read more. A text that cannot be analysed gives all its reads.
    """
    facts: CodeFacts = facts_of_source(source)
    try:
        with quiet():
            tree = parse(source)
            expand(tree)
            walker = _Walker()
            walker.block(tree.body)
            walker.finish()
    except RecursionError:
        return facts.reads
    except (SyntaxError, ValueError, MemoryError):
        return facts.reads
    # Names found in texts (queries, formulas) are in `facts.reads` only; whether they are bound first is not looked at.
    in_text = facts.reads - _identifiers(tree)
    return frozenset((walker.reads & facts.reads) | in_text) - {TIMED}


def _identifiers(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


class _Walker:
    """State of the walk: names certainly bound so far, or None after a statement that does not go on."""

    def __init__(self) -> None:
        self.reads: set[str] = set()
        self.bound: set[str] = set()
        self.pending: dict[str, frozenset[str]] = {}

    def finish(self) -> None:
        """The end of the cell: bodies not used so far are read by whoever calls them later."""
        for name in list(self.pending):
            self._use_body(name)

    # -- names ------------------------------------------------------------------------------------------------------

    def load(self, name: str) -> None:
        """The value of *name* is used here."""
        if name in self.pending:
            self._use_body(name)
        if name not in self.bound:
            self.reads.add(name)

    def _use_body(self, name: str) -> None:
        for free in sorted(self.pending.pop(name, ())):
            self.load(free)

    def bind(self, name: str) -> None:
        """*name* is certainly bound (or deleted) from here on."""
        self.bound.add(name)

    # -- statements -------------------------------------------------------------------------------------------------

    def block(self, statements: Sequence[ast.stmt]) -> bool:
        """Walk statements in order; returns whether control can reach their end."""
        goes_on = True
        for statement in statements:
            goes_on = self.statement(statement) and goes_on
        return goes_on

    def statement(self, node: ast.stmt) -> bool:
        """Walk one statement; returns whether control can go on after it."""
        method = getattr(self, f"_do_{type(node).__name__.lower()}", None)
        if method is not None:
            result = method(node)
            return result is not False
        self.expressions(ast.iter_child_nodes(node))
        return True

    def _do_assign(self, node: ast.Assign) -> None:
        self.expression(node.value)
        self.expressions(node.targets)

    def _do_augassign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.load(node.target.id)
        self.expression(node.value)
        self.expression(node.target)

    def _do_annassign(self, node: ast.AnnAssign) -> None:
        self.expression(node.annotation)
        if node.value is not None:
            self.expressions([node.value, node.target])
        elif not isinstance(node.target, ast.Name):
            self.expression(node.target)

    def _do_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self.bind(alias.asname or alias.name.split(".")[0])

    _do_importfrom = _do_import

    def _do_raise(self, node: ast.Raise) -> bool:
        self.expressions(ast.iter_child_nodes(node))
        return False

    def _do_continue(self, node: ast.stmt) -> bool:
        return False

    _do_break = _do_continue

    def _do_return(self, node: ast.Return) -> bool:  # only in a broken cell, or in the stand-in for %timeit
        self.expressions(ast.iter_child_nodes(node))
        return False

    def _do_functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.expressions(node.decorator_list)
        self.expressions(_defaults(node.args))
        self.expressions(_annotations(node))
        self._definition(node.name, free_names(node), bool(node.decorator_list))

    _do_asyncfunctiondef = _do_functiondef

    def _definition(self, name: str, free: frozenset[str], at_once: bool) -> None:
        self.pending.pop(name, None)
        if at_once:
            for other in sorted(free - {name}):
                self.load(other)
        self.bind(name)
        if not at_once:
            self.pending[name] = free - {name}

    def _do_classdef(self, node: ast.ClassDef) -> None:
        self.expressions([*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)])
        body = _Walker()
        body.bound = {"__name__", "__qualname__", "__module__"}
        methods: set[str] = set()
        for statement in node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and not statement.decorator_list:
                methods |= free_names(statement)
                body.expressions([*_defaults(statement.args), *_annotations(statement)])
                body.bind(statement.name)
            else:
                body.statement(statement)
        body.finish()
        for name in sorted(body.reads - _type_parameters(node)):
            self.load(name)
        free = frozenset(methods - _type_parameters(node))
        self._definition(node.name, free, bool(node.decorator_list or node.bases))

    def _do_if(self, node: ast.If) -> bool:
        self.expression(node.test)
        return self._branches([node.body, node.orelse])

    def _branches(self, branches: Iterable[Sequence[ast.stmt]], names: Iterable[Iterable[str]] = ()) -> bool:
        """Alternatives, one of which runs: bound after it is what all that go on have bound."""
        before = set(self.bound)
        pending = dict(self.pending)
        ends: list[set[str]] = []
        first_names = list(names)
        for position, branch in enumerate(branches):
            self.bound = set(before)
            if position < len(first_names):
                self.bound.update(first_names[position])
            if self.block(branch):
                ends.append(self.bound)
            self._keep_pending(pending)
        self.bound = set.intersection(*ends) if ends else before
        return bool(ends)

    def _keep_pending(self, earlier: dict[str, frozenset[str]]) -> None:
        """A name defined on a branch may be any of its definitions afterwards."""
        for name, free in earlier.items():
            if name in self.pending:
                self.pending[name] = self.pending[name] | free

    def _maybe(self, statements: Sequence[ast.stmt], bound: Iterable[str] = ()) -> None:
        """Statements that may run not at all, in part, or often."""
        before = set(self.bound)
        self.bound |= set(bound)
        self.block(statements)
        self.bound = before

    def _do_for(self, node: ast.For | ast.AsyncFor) -> None:
        self.expression(node.iter)
        before = set(self.bound)
        self.expression(node.target)
        self._maybe(node.body)
        self.bound = before
        self._maybe(node.orelse)

    _do_asyncfor = _do_for

    def _do_while(self, node: ast.While) -> None:
        self.expression(node.test)
        self._maybe(node.body)
        self._maybe(node.orelse)

    def _do_with(self, node: ast.With | ast.AsyncWith) -> bool:
        passes = True
        for item in node.items:
            self.expression(item.context_expr)
            passes = passes and _last_name(item.context_expr) in _NEVER_SWALLOW
            if item.optional_vars is not None:
                self.expression(item.optional_vars)
        if passes:
            return self.block(node.body)
        self._maybe(node.body)
        return True

    _do_asyncwith = _do_with

    def _do_try(self, node: ast.Try) -> bool:
        before = set(self.bound)
        ends: list[set[str]] = []
        if self.block([*node.body, *node.orelse]):
            ends.append(self.bound)
        for handler in node.handlers:
            self.bound = set(before)
            if handler.type is not None:
                self.expression(handler.type)
            if handler.name is not None:
                self.bind(handler.name)
            if self.block(handler.body):
                ends.append(self.bound)
        self.bound = set(before)
        goes_on = self.block(node.finalbody)
        if ends:
            self.bound |= set.intersection(*ends)
        return goes_on and bool(ends)

    _do_trystar = _do_try

    def _do_match(self, node: ast.Match) -> bool:
        self.expression(node.subject)
        captured = []
        for case in node.cases:
            names = _captures(case.pattern)
            captured.append(names)
            before = set(self.bound)
            self.expressions(_pattern_values(case.pattern))
            self.bound |= names
            if case.guard is not None:
                self.expression(case.guard)
            self.bound = before
        return self._branches([*(case.body for case in node.cases), []], captured)

    def _do_global(self, node: ast.Global) -> None:
        pass

    def _do_typealias(self, node: ast.stmt) -> None:  # Python 3.12: `type X[T] = …`, evaluated when asked for
        parameters = _type_parameters(node)
        value: ast.expr = node.value  # type: ignore[attr-defined]
        for name in sorted(_loaded(value) - parameters):
            self.load(name)
        self.bind(node.name.id)  # type: ignore[attr-defined]

    # -- expressions --------------------------------------------------------------------------------------------

    def expressions(self, nodes: Iterable[ast.AST]) -> None:
        """Walk nodes in order."""
        for node in nodes:
            self.expression(node)

    def expression(self, node: ast.AST) -> None:
        """Walk one expression, or one target of an assignment."""
        if isinstance(node, ast.stmt):
            self.statement(node)
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self.load(node.id)
            else:
                self.pending.pop(node.id, None) if isinstance(node.ctx, ast.Del) else None
                self.bind(node.id)
        elif isinstance(node, ast.NamedExpr):
            self.expression(node.value)
            self.expression(node.target)
        elif isinstance(node, ast.Lambda):
            self.expressions(_defaults(node.args))
            for name in sorted(free_names(node)):
                self.load(name)
        elif isinstance(node, _Comprehensions):
            self._comprehension(node)
        elif isinstance(node, ast.BoolOp):
            self.expression(node.values[0])
            self._uncertain(node.values[1:])
        elif isinstance(node, ast.IfExp):
            self.expression(node.test)
            self._uncertain([node.body])
            self._uncertain([node.orelse])
        elif isinstance(node, ast.Compare):
            self.expressions([node.left, node.comparators[0]])
            self._uncertain(node.comparators[1:])
        else:
            self.expressions(ast.iter_child_nodes(node))

    def _uncertain(self, nodes: Iterable[ast.AST]) -> None:
        before = set(self.bound)
        self.expressions(nodes)
        self.bound = before

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.expression(node.generators[0].iter)
        for name in sorted(free_names(node)):
            self.load(name)


# -- names of nested scopes -----------------------------------------------------------------------------------------


class _Scope(ast.NodeVisitor):
    """Names of one function, lambda or comprehension, and free names of what is nested in it."""

    def __init__(self) -> None:
        self.own: set[str] = set()
        self.declared: set[str] = set()
        self.used: set[str] = set()
        self.nested: set[str] = set()

    @property
    def free(self) -> frozenset[str]:
        """Names that are looked up outside of this scope."""
        return frozenset(((self.used | self.nested) - (self.own - self.declared)) | (self.used & self.declared))

    def visit_Name(self, node: ast.Name) -> None:
        (self.used if isinstance(node.ctx, ast.Load) else self.own).add(node.id)
        if node.id in self.declared:
            self.used.add(node.id)  # `global x; x += 1` reads, and a plain store loses nothing by being counted

    def visit_Global(self, node: ast.Global) -> None:
        self.declared.update(node.names)
        self.used.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.used.update(node.names)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.own.add(node.name)
        for outer in (*node.decorator_list, *_defaults(node.args), *_annotations(node)):
            self.visit(outer)
        self.nested |= free_names(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815  (the name is the ast module's)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for default in _defaults(node.args):
            self.visit(default)
        self.nested |= free_names(node)

    def _nested_comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.visit(node.generators[0].iter)
        self.nested |= free_names(node)
        self.own |= {inner.target.id for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)}

    visit_ListComp = visit_SetComp = _nested_comprehension  # noqa: N815
    visit_DictComp = visit_GeneratorExp = _nested_comprehension  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.own.add(node.name)
        for outer in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
            self.visit(outer)
        body = _Scope()
        for statement in node.body:
            body.visit(statement)
        # A name bound in a class body may still be looked up outside before it is bound, and is not seen by methods.
        self.nested |= (body.used | body.nested) - _type_parameters(node)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.own.update(alias.asname or alias.name.split(".")[0] for alias in node.names)

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name is not None:
            self.own.add(node.name)
        self.generic_visit(node)

    def visit_Match(self, node: ast.Match) -> None:
        for case in node.cases:
            self.own |= _captures(case.pattern)
        self.generic_visit(node)


def free_names(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.expr) -> frozenset[str]:
    """Global names (or names of enclosing scopes) that the body of a function, lambda or comprehension uses."""
    scope = _Scope()
    if isinstance(node, _Functions):
        scope.own |= _parameters(node.args)
        body = node.body if isinstance(node.body, list) else [node.body]
        for statement in body:
            scope.visit(statement)
        return frozenset(scope.free - _type_parameters(node))
    assert isinstance(node, _Comprehensions)
    for position, generator in enumerate(node.generators):
        if position:
            scope.visit(generator.iter)
        scope.visit(generator.target)
        for condition in generator.ifs:
            scope.visit(condition)
    for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
        scope.visit(part)
    # A walrus in a comprehension binds outside of it: its name may be read from there as well.
    walrus = {inner.target.id for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)}
    return frozenset(scope.free | (scope.used & walrus))


def _parameters(arguments: ast.arguments) -> set[str]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
    return {argument.arg for argument in every}


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *(default for default in arguments.kw_defaults if default is not None)]


def _annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """Annotations of a function; with type parameters none, their names would be mistaken for globals."""
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
    found = [argument.annotation for argument in every if argument.annotation is not None]
    found += [node.returns] if node.returns is not None else []
    parameters = _type_parameters(node)
    if not parameters:
        return found
    return [ast.Name(name, ast.Load()) for piece in found for name in sorted(_loaded(piece) - parameters)]


def _type_parameters(node: ast.AST) -> set[str]:
    return {parameter.name for parameter in getattr(node, "type_params", ())}


def _loaded(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _captures(pattern: ast.pattern) -> set[str]:
    """Names that a pattern of `match` binds."""
    names: set[str] = set()
    for node in ast.walk(pattern):
        if isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name is not None:
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest is not None:
            names.add(node.rest)
    return names


def _pattern_values(pattern: ast.pattern) -> Iterator[ast.expr]:
    for node in ast.walk(pattern):
        if isinstance(node, ast.MatchValue):
            yield node.value
        elif isinstance(node, ast.MatchClass):
            yield node.cls
        elif isinstance(node, ast.MatchMapping):
            yield from node.keys


def _last_name(node: ast.expr) -> str:
    """The last name of a context manager's expression: ``errstate`` for ``np.errstate()``."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
