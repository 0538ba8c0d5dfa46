"""Facts from compiled code: names, dotted paths and imports, read off the bytecode of CPython 3.10 to 3.13.

Bytecode rather than syntax trees, because functions and classes of the session are at hand only as code objects, and
because the compiler has then settled which name is global and which is local. What is read is coarse on purpose: no
data flow, so a name counts as read wherever it is loaded. A *path* is a load of a name followed by loads of attributes.
"""

from __future__ import annotations

import dis
import inspect
import re
import sys
import threading
import types
import weakref
from collections.abc import Iterator

from timeslip.state.facts import CodeFacts, Use, make_facts
from timeslip.state.outside import CONVENTIONAL, Finding

_SHIFT = {
    name: shift
    for name, shift, since in (("LOAD_GLOBAL", 1, (3, 11)), ("LOAD_ATTR", 1, (3, 12)), ("LOAD_SUPER_ATTR", 2, (3, 12)))
    if sys.version_info >= since
}
"""How many low bits of the argument are flags, not part of the index of the name."""

_SILENT = frozenset({
    "PUSH_NULL", "PRECALL", "CACHE", "NOP", "RESUME", "COPY_FREE_VARS", "MAKE_CELL", "EXTENDED_ARG", "NOT_TAKEN",
})  # fmt: skip
_GLOBAL_LOADS = frozenset({"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"})
_LOCAL_LOADS = frozenset({
    "LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF", "LOAD_FAST_BORROW",
})  # fmt: skip
_CLOSURE = frozenset({"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF", "STORE_DEREF"})
_STORES = frozenset({"STORE_NAME", "STORE_GLOBAL", "STORE_FAST", "STORE_DEREF"})
_DELETES = frozenset({"DELETE_NAME", "DELETE_GLOBAL"})
_IMPORTS = frozenset({"IMPORT_NAME", "IMPORT_FROM", "IMPORT_STAR", "CALL_INTRINSIC_1", "POP_TOP"})
_INTRINSIC_IMPORT_STAR = 2
_ATTRIBUTE_CHANGES = frozenset({"STORE_ATTR", "DELETE_ATTR"})
_PAIRED_LOADS = frozenset({"LOAD_FAST_LOAD_FAST", "STORE_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"})
_LOADS = _GLOBAL_LOADS | _LOCAL_LOADS | _PAIRED_LOADS | {"LOAD_SUPER_ATTR"}
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_PLAIN_CALLS = frozenset({"CALL", "CALL_FUNCTION", "CALL_METHOD"})
_VALUE_USES = frozenset({
    "STORE_SUBSCR", "POP_TOP", "COMPARE_OP",
    "BINARY_OP", "BINARY_ADD", "BINARY_SUBTRACT", "BINARY_MULTIPLY", "BINARY_TRUE_DIVIDE", "BINARY_SLICE", "GET_ITER",
    "POP_JUMP_IF_FALSE", "POP_JUMP_IF_TRUE", "BINARY_SUBSCR", "PRINT_EXPR", "FORMAT_VALUE", "FORMAT_SIMPLE",
})  # fmt: skip
"""After one of these the attribute was used as a value; it was not called there."""
_SLICE_STORES = frozenset({"STORE_SUBSCR", "STORE_SLICE"})
_FIRST_IN_PLACE = 13
"""From this argument of BINARY_OP on, since 3.11, it is that of an augmented assignment (NB_INPLACE_ADD, opcode.h)."""

_NAME_OF = tuple(dis.opname)
_AT_NAME = re.compile(r"@\s*([^\W\d]\w*)")
_WORD = re.compile(r"[^\W\d]\w*")
_FORMULA = re.compile(r"[\w\s.()+*:^\-/,|=\[\]\"']*~[\w\s.()+*:^\-/,|=\[\]\"'%]+")
_FORMULA_LENGTH = 2000
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_TAKING = frozenset({"getattr", "attrgetter", "methodcaller", "__getattribute__"})
_SETTING = frozenset({"setattr", "delattr", "vars", "__dict__", "__setattr__", "__delattr__"})
_BY_NAME = _TAKING | _SETTING
_EVALUATORS = frozenset({"query", "eval"})
_ALL_WORDS = frozenset({"evaluate", "sql", "execute", "from_formula"})


def facts_of_code(code: types.CodeType) -> CodeFacts:
    """Facts of a function, class or module body and of all code nested in it.

    Cached for as long as the code object lives; the cache keeps nothing alive. Safe in any thread.
    """
    entry = _cache.get(id(code))
    if entry is not None and entry[0]() is code:
        return entry[1]
    facts = scan(code)
    key = id(code)
    with _cache_lock:
        _cache[key] = (weakref.ref(code, lambda _, key=key: _cache.pop(key, None)), facts)  # type: ignore[misc]
    return facts


_cache: dict[int, tuple[weakref.ref[types.CodeType], CodeFacts]] = {}
_cache_lock = threading.Lock()


def scan(code: types.CodeType, extra: tuple[Use, ...] = ()) -> CodeFacts:
    """Facts of *code*, not cached; *extra* uses are merged in."""
    scanner = _Scanner()
    scanner.scan(code, is_module=not code.co_flags & inspect.CO_OPTIMIZED)
    scanner.read_names_in_text()
    scanner.read_attributes_in_text()
    return make_facts(
        reads=scanner.reads,
        binds=scanner.binds,
        deletes=scanner.deletes,
        attributes=scanner.attributes,
        uses=(*extra, *scanner.resolved()),
        imports=scanner.imports,
        stores=scanner.stores,
        rewrites=scanner.rewrites,
        computed=scanner.computed,
    )


def _instructions(code: types.CodeType) -> Iterator[tuple[str, int]]:
    """Operations with their arguments, without the silent ones. (`dis` would cost ten times as much.)"""
    raw = code.co_code
    extended = 0
    names = _NAME_OF
    for index in range(0, len(raw), 2):
        operation = names[raw[index]]
        argument = raw[index + 1] | extended
        if operation == "EXTENDED_ARG":
            extended = argument << 8
            continue
        extended = 0
        if operation not in _SILENT:
            yield operation, argument


class _Body:
    """One code object on the way through it.

    Attributes:
        path: the dotted path being read, None between paths; `is_global` tells where it starts.
        importing: module, whether with a from-list, and the path that the next store binds; None between imports.
        constant, earlier: the constant loaded last, and the one before it.
        subscripted: the global name that was loaded last, when nothing but subscripts for all of it came after; None
            for none. `is_all`: such a subscript came.
        is_in_place: the operation before may have changed its left side and gives it back.
    """

    __slots__ = (
        "closure", "constant", "constants", "earlier", "fast", "importing", "is_all", "is_global", "is_in_place",
        "is_module", "names", "optimized", "path", "subscripted",
    )  # fmt: skip

    def __init__(self, code: types.CodeType, is_module: bool) -> None:
        self.names = code.co_names
        self.fast, self.closure = _local_names(code)
        self.constants = code.co_consts
        self.optimized = bool(code.co_flags & inspect.CO_OPTIMIZED)
        self.is_module = is_module
        self.path: list[str] | None = None
        self.is_global = False
        self.importing: tuple[str, bool, str] | None = None
        self.constant: object = None
        self.earlier: object = None
        self.subscripted: str | None = None
        self.is_all = self.is_in_place = False

    def local(self, operation: str, index: int) -> str:
        """Name of a local or closure variable."""
        table = self.closure if operation in _CLOSURE else self.fast
        return table[index] if index < len(table) else "?"


class _Scanner:
    """Collects from one code object and the code nested in it."""

    def __init__(self) -> None:
        self.reads: set[str] = set()
        self.binds: set[str] = set()
        self.deletes: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: set[str] = set()
        self.aliases: dict[str, set[str]] = {}
        self.fixed: list[Use] = []
        self.imports: set[str] = set()
        self.stores: set[str] = set()
        self.rewrites: set[str] = set()
        self.computed = False
        self._raw: dict[tuple[str, bool, tuple[str, ...], str], None] = {}

    # -- the walk ---------------------------------------------------------------------------------------------------

    def scan(self, code: types.CodeType, is_module: bool) -> None:
        """Collect from *code*. `is_module`: its plain stores bind global names."""
        pending = [(code, is_module)]
        while pending:  # a loop, not recursion: nesting may be deep
            code, is_module = pending.pop()
            for constant in code.co_consts:
                if isinstance(constant, types.CodeType):
                    pending.append((constant, False))
                elif type(constant) is str:
                    self.texts.add(constant)
                elif type(constant) is tuple:
                    self.texts.update(item for item in constant if type(item) is str)
            self._scan_body(code, _Body(code, is_module))

    def _scan_body(self, code: types.CodeType, body: _Body) -> None:
        for operation, argument in _instructions(code):
            if body.is_module:
                self._note_rewritten(operation, argument, body)
            if operation in _ATTRIBUTES:
                if body.path is None:
                    body.path, body.is_global = ["?"], False
                body.path.append(self._attribute(operation, argument, body))
                continue
            if operation in _ATTRIBUTE_CHANGES:
                name = self._attribute(operation, argument, body)
                self.stores.add(name)
                if body.path is not None:
                    body.path.append(name)
            if body.path is not None:
                follow = _follow(operation, argument, body.constants, body.optimized)
                self._raw[(body.path[0], body.is_global, tuple(body.path[1:]), follow)] = None
                body.path = None
            if operation in _LOADS:
                self._load(operation, argument, body)
            elif operation in _STORES:
                self._store(operation, argument, body)
            elif operation in _DELETES:
                if body.is_module or operation == "DELETE_GLOBAL":
                    self.deletes.add(body.names[argument])
            elif operation == "LOAD_CONST":
                body.earlier, body.constant = body.constant, body.constants[argument]
            elif operation in _IMPORTS:
                self._import(operation, argument, body)

    def _note_rewritten(self, operation: str, argument: int, body: _Body) -> None:
        if operation in _GLOBAL_LOADS:
            body.subscripted, body.is_all = body.names[argument >> _SHIFT.get(operation, 0)], False
        elif operation == "LOAD_CONST" and _is_for_all(body.constants[argument]):
            body.is_all = True
        elif operation != "BUILD_SLICE":
            if body.subscripted is not None and body.is_all and operation in _SLICE_STORES:
                self.rewrites.add(body.subscripted)
            body.subscripted = None
        if body.is_in_place and operation in ("STORE_NAME", "STORE_GLOBAL"):
            self.rewrites.add(body.names[argument])
        body.is_in_place = _is_in_place(operation, argument)

    def _attribute(self, operation: str, argument: int, body: _Body) -> str:
        name = body.names[argument >> _SHIFT.get(operation, 0)]
        self.attributes.add(name)
        return name

    def _load(self, operation: str, argument: int, body: _Body) -> None:
        """A path begins."""
        body.is_global = operation in _GLOBAL_LOADS
        if body.is_global:
            name = body.names[argument >> _SHIFT.get(operation, 0)]
            body.path = [name]
            if not (name == "__name__" and operation == "LOAD_NAME" and not body.is_module):  # every class body has it
                self.reads.add(name)
        elif operation in _PAIRED_LOADS:
            body.path = [body.fast[argument & 15]]
            if operation != "STORE_FAST_LOAD_FAST":
                self._raw[(body.fast[argument >> 4], False, (), "name")] = None
        elif operation == "LOAD_SUPER_ATTR":
            body.path = ["?", self._attribute(operation, argument, body)]
        else:
            body.path = [body.local(operation, argument)]

    def _store(self, operation: str, argument: int, body: _Body) -> None:
        if operation in ("STORE_GLOBAL", "STORE_NAME"):
            name = body.names[argument]
            if body.is_module or operation == "STORE_GLOBAL":
                self.binds.add(name)
        else:
            name = body.local(operation, argument)
        if body.importing is not None:
            self.aliases.setdefault(name, set()).add(body.importing[2])
            if not body.importing[1]:  # `import a.b as c` ends with its store; `from a import b, c` goes on
                body.importing = None

    def _import(self, operation: str, argument: int, body: _Body) -> None:
        if operation == "IMPORT_NAME":
            level = body.earlier if type(body.earlier) is int else 0  # the dots of a relative import
            module, has_list = "." * level + body.names[argument], body.constant is not None
            self.imports.add(module)
            body.importing = (module, has_list, module if has_list or level else module.split(".")[0])
        elif operation == "IMPORT_FROM" and body.importing is not None:
            module, has_list, _ = body.importing
            path = f"{module}.{body.names[argument]}" if module.strip(".") else module + body.names[argument]
            body.importing = (module, has_list, path if has_list else module)
        elif operation == "IMPORT_STAR" or (operation == "CALL_INTRINSIC_1" and argument == _INTRINSIC_IMPORT_STAR):
            finding = Finding("dynamic", "binds names that the code does not say (import *)")
            self.fixed.append(Use("", "", "", True, "", finding))
        elif operation == "POP_TOP":
            body.importing = None  # the end of `from a import b, c`

    # -- afterwards -------------------------------------------------------------------------------------------------

    def read_names_in_text(self) -> None:
        """Add names that libraries look up in the caller from a text: queries of pandas, formulas of statsmodels."""
        if self.attributes & _EVALUATORS:
            for text in self.texts:
                self.reads.update(_AT_NAME.findall(text))
        all_words = bool(self.attributes & _ALL_WORDS) or "duckdb" in self.reads
        for text in self.texts:
            if all_words or ("~" in text and len(text) < _FORMULA_LENGTH and _FORMULA.fullmatch(text)):
                self.reads.update(_WORD.findall(text))

    def read_attributes_in_text(self) -> None:
        """Add attributes that are named in a text: ``getattr(x, "name")``, ``setattr(x, "name", 1)``."""
        names = self.reads | self.attributes
        words = {text for text in self.texts if _DOTTED.fullmatch(text)} if names & _BY_NAME else set()
        if names & _TAKING:
            self.computed = not words
            for word in words:
                self._raw[("?", False, tuple(word.split(".")), "")] = None
        if names & _SETTING:
            self.stores |= words

    def resolved(self) -> Iterator[Use]:
        """The uses, with what the imports in the code say about their roots."""
        yield from self.fixed
        for base, is_global, attributes, follow in self._raw:
            rest = "".join(f".{name}" for name in attributes)
            root = base if is_global else ""
            targets = self.aliases.get(base)
            if targets:
                for target in sorted(targets):
                    yield Use(root, target + rest, rest, True, follow)
            elif is_global:
                yield Use(root, CONVENTIONAL.get(base, base) + rest, rest, False, follow)
            elif rest:
                yield Use("", "?" + rest, rest, False, follow)


def _is_for_all(constant: object) -> bool:
    """Whether it is one of which a subscript for all elements is made."""
    return constant is None or constant is Ellipsis or (type(constant) is slice and constant == slice(None))


def _is_in_place(operation: str, argument: int) -> bool:
    """Whether an operation is that of an augmented assignment."""
    return operation.startswith("INPLACE_") or (operation == "BINARY_OP" and argument >= _FIRST_IN_PLACE)


def _local_names(code: types.CodeType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names by the index that loads and stores of local, and of closure, variables use."""
    own = code.co_varnames
    if sys.version_info >= (3, 11):
        every = (*own, *(name for name in code.co_cellvars if name not in own), *code.co_freevars)
        return every, every
    return own, (*code.co_cellvars, *code.co_freevars)  # 3.10 counts them apart


def _follow(operation: str, argument: int, constants: tuple[object, ...], optimized: bool) -> str:
    """What comes after a path, in the words of `timeslip.state.outside.classify`."""
    if operation in _PLAIN_CALLS and argument == 0:
        return "(local)" if optimized else "()"
    if operation in _LOADS:
        return "name"
    if operation == "LOAD_CONST":
        constant = constants[argument]
        if type(constant) is str:
            return f"text:{constant}" if len(constant) < 20 else "text:"
        return "none" if constant is None else ""
    if operation in _ATTRIBUTE_CHANGES:
        return "="
    return "." if operation in _VALUE_USES else ""
