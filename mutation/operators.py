"""Small changes of a module's source, each of which a test should notice.

Changed are comparisons, arithmetic, constants, conditions, statements, keyword arguments, the ends of slices and
choices such as that of a minimum. Left alone are docstrings, annotations, imports, decorators, protocols, and what is
inside a `raise`, which is the text of a message.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
"""A comparison moved by its border, and turned round."""
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mod,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}
NAMES = {
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "any": "all",
    "all": "any",
    "argmax": "argmin",
    "amax": "amin",
    "mean": "sum",
    "sum": "mean",
    "zeros": "ones",
    "ones": "zeros",
    "zeros_like": "ones_like",
    "floor": "ceil",
    "ceil": "floor",
    "abs": "negative",
}
"""Functions and methods that stand for each other in what is called."""
TEXTS = {"summary", "source", "differs"}
"""Keyword arguments and fields that are text for readers."""
UNTOUCHED = {*TEXTS, "strict"}
"""Keyword arguments that stay; `strict` is an assertion that two lists of ours are as long as each other."""
LARGE = 100
"""From here on a whole number is halved: of one more or less nothing is to be seen."""
TINY = 1e-9
"""Constants below this only keep a division from being one by 0."""
WORDS = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes:
        file: of the module, from the root of the repository.
        function: qualified name of the outermost function, of the class, or "" for the module.
        before: the statement as it is, or its head.
        after: the same, changed.
        number: which of several alike in one function it is, from 1.
        line: where it is now; no part of the key.
    """

    file: str
    function: str
    before: str
    after: str
    number: int
    line: int
    names: set[str] = field(compare=False, repr=False)
    """What the statement assigns to."""
    apply: Callable[[], Callable[[], None]] = field(compare=False, repr=False)
    """Changes the tree, and returns what changes it back."""

    @property
    def key(self) -> str:
        """What tells it from others wherever its line has moved to."""
        again = f" #{self.number}" if self.number > 1 else ""
        return f"{self.file}::{self.function}: {self.before} -> {self.after}{again}"


@dataclass
class _Site:
    """A place in the tree, and what may stand there."""

    owner: ast.AST | list
    name: str | int
    others: list[ast.AST | None]

    def put(self, node: ast.AST | None) -> Callable[[], None]:
        def place(what: ast.AST | None) -> None:
            if isinstance(self.owner, list):
                self.owner[self.name] = what  # type: ignore[index]
            else:
                setattr(self.owner, str(self.name), what)

        before = self.owner[self.name] if isinstance(self.owner, list) else getattr(self.owner, str(self.name))  # type: ignore[index]
        place(node)
        return lambda: place(before)


def mutants_of(file: str, tree: ast.Module) -> list[Mutant]:
    """Every change of a module; applying one changes `tree`."""
    mutants, seen = [], Counter[tuple[str, str, str]]()
    for function, statement, site in _sites(tree):
        before, whole = text_of(statement), _is_statement(site, statement)
        for other in site.others:
            if other is not None:
                ast.fix_missing_locations(ast.copy_location(other, _at(site, statement)))
            undo = site.put(other)
            after = text_of(other if whole else statement)
            undo()
            if after == before:
                continue
            seen[function, before, after] += 1
            number = seen[function, before, after]

            def apply(site: _Site = site, other: ast.AST | None = other) -> Callable[[], None]:
                return site.put(other)

            mutants.append(Mutant(file, function, before, after, number, statement.lineno, _assigned(statement), apply))
    return mutants


def text_of(statement: ast.AST | None) -> str:
    """A statement on one line; of one with a body, the head."""
    if statement is None:
        return ""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.If | ast.For | ast.While | ast.With | ast.Try):
        fields = {name: value for name, value in ast.iter_fields(statement) if name not in {"body", "orelse"}}
        if "decorator_list" in fields:
            fields["decorator_list"] = []
        if isinstance(statement, ast.FunctionDef):
            fields["returns"] = None
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.With):
            fields["orelse"] = []
        if isinstance(statement, ast.Try):
            fields |= {"handlers": [], "finalbody": [ast.Pass()]}
        head = type(statement)(**fields, body=[ast.Pass()])
        return ast.unparse(ast.fix_missing_locations(head)).split(":\n")[0] + ":"
    return ast.unparse(_Shorter().visit(copy.deepcopy(statement)))


class _Shorter(ast.NodeTransformer):
    """Leaves texts out, so that a key stays as it is when they are put better."""

    def visit_Call(self, node: ast.Call) -> ast.Call:
        node.keywords = [keyword for keyword in node.keywords if keyword.arg not in TEXTS]
        self.generic_visit(node)
        return node


def _assigned(statement: ast.stmt) -> set[str]:
    nodes = ast.walk(statement)
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _at(site: _Site, statement: ast.stmt) -> ast.AST:
    owner = site.owner
    node = owner[site.name] if isinstance(owner, list) else getattr(owner, str(site.name))  # type: ignore[index]
    return node if isinstance(node, ast.AST) and hasattr(node, "lineno") else statement


def _is_statement(site: _Site, statement: ast.stmt) -> bool:
    return isinstance(site.owner, list) and site.owner[site.name] is statement  # type: ignore[index]


def _sites(tree: ast.Module) -> Iterator[tuple[str, ast.stmt, _Site]]:
    yield from _of_body(tree.body, "", inside=False)


def _of_body(body: list[ast.stmt], function: str, *, inside: bool) -> Iterator[tuple[str, ast.stmt, _Site]]:
    """Places in statements; `inside` a function, names are those of the function."""
    for number, statement in enumerate(body):
        if isinstance(statement, ast.Import | ast.ImportFrom) or _is_text(statement) or _is_typing(statement):
            continue
        if isinstance(statement, ast.ClassDef):
            if not any(getattr(base, "id", "") == "Protocol" for base in statement.bases):
                yield from _of_body(statement.body, _join(function, statement.name), inside=False)
            continue
        if isinstance(statement, ast.FunctionDef):
            name = function if inside else _join(function, statement.name)
            defaults = statement.args
            for parts in (defaults.defaults, defaults.kw_defaults):
                for place, node in enumerate(parts):
                    if node is not None:
                        yield from ((name, statement, site) for site in _of_node(parts, place, node))
            yield from _of_body(statement.body, name, inside=True)
            continue
        yield from ((function, statement, site) for site in _of_statement(body, number, statement))
        for name in ("body", "orelse", "finalbody"):
            yield from _of_body(getattr(statement, name, []), function, inside=inside)
        for handler in getattr(statement, "handlers", []):
            yield from _of_body(handler.body, function, inside=inside)


def _join(function: str, name: str) -> str:
    return f"{function}.{name}" if function else name


def _is_text(statement: ast.stmt) -> bool:
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass)


def _is_typing(statement: ast.stmt) -> bool:
    """A name for a type, the list of public names, or a text."""
    if isinstance(statement, ast.AnnAssign):
        return isinstance(statement.target, ast.Name) and statement.target.id in TEXTS
    if not isinstance(statement, ast.Assign):
        return False
    target, value = statement.targets[0], statement.value
    named = isinstance(target, ast.Name) and target.id == "__all__"
    return named or (isinstance(value, ast.Subscript) and getattr(value.value, "id", "") in {"Literal", "Callable"})


def _of_statement(body: list[ast.stmt], number: int, statement: ast.stmt) -> Iterator[_Site]:
    others = _other_statements(statement)
    if others:
        yield _Site(body, number, others)
    if isinstance(statement, ast.Raise):
        return
    if isinstance(statement, ast.If | ast.While) and not isinstance(statement.test, ast.Compare | ast.UnaryOp):
        yield _Site(statement, "test", [ast.UnaryOp(ast.Not(), statement.test)])
    for name, value in ast.iter_fields(statement):
        if name in {"body", "orelse", "finalbody", "handlers", "annotation", "msg"}:
            continue
        parts = value if isinstance(value, list) else [value]
        if name in {"target", "targets"}:  # names that are written to stay as they are
            for node in parts:
                if isinstance(node, ast.Subscript):
                    yield from _of_node(node, "slice", node.slice)
            continue
        for place, node in enumerate(parts):
            if isinstance(node, ast.AST):
                yield from _of_node(*((value, place) if isinstance(value, list) else (statement, name)), node)


def _other_statements(statement: ast.stmt) -> list[ast.AST | None]:
    """What may stand in the place of a statement."""
    match statement:
        case ast.Raise() | ast.Expr() | ast.Delete():
            return [ast.Pass()]
        case ast.Continue():
            return [ast.Pass(), ast.Break()]
        case ast.Break():
            return [ast.Pass(), ast.Continue()]
        case ast.AugAssign(target, op, value):
            turned = [ast.AugAssign(target, ARITHMETIC[type(op)](), value)] if type(op) in ARITHMETIC else []
            return [ast.Pass(), ast.Assign([target], value), *turned]
        case ast.Assign(targets) if all(isinstance(target, ast.Subscript | ast.Attribute) for target in targets):
            return [ast.Pass()]
        case ast.Return(value) if value is not None and not _is_none(value):
            return [ast.Return(ast.Constant(None))]
    return []


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _of_node(owner: ast.AST | list, name: str | int, node: ast.AST) -> Iterator[_Site]:
    """Places in an expression."""
    if isinstance(node, ast.JoinedStr):
        return
    others = list(_others(node))
    if others:
        yield _Site(owner, name, others)
    if isinstance(node, ast.Call):
        for place, keyword in enumerate(node.keywords):
            if keyword.arg is not None and keyword.arg not in UNTOUCHED:
                fewer = node.keywords[:place] + node.keywords[place + 1 :]
                yield _Site(owner, name, [ast.Call(node.func, node.args, fewer)])
    whole_shape = isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "reshape"
    for part, value in ast.iter_fields(node):
        if part == "args" and whole_shape and ast.unparse(node).endswith("(-1)"):
            continue  # any negative number means the same
        if part in {"annotation", "op", "ops", "ctx"}:
            continue
        for place, child in enumerate(value) if isinstance(value, list) else [(part, value)]:
            if isinstance(child, ast.AST) and getattr(child, "arg", None) not in UNTOUCHED:
                yield from _of_node(value if isinstance(value, list) else node, place, child)


def _others(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of an expression."""
    match node:
        case ast.Compare(left, ops, right):  # of a chain, one at a time
            for place, op in enumerate(ops):
                for other in COMPARISONS[type(op)]:
                    yield ast.Compare(left, [*ops[:place], other(), *ops[place + 1 :]], right)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.BinOp(left, op, right) if type(op) in ARITHMETIC:
            yield ast.BinOp(left, ARITHMETIC[type(op)](), right)
        case ast.UnaryOp(ast.USub() | ast.Not() | ast.Invert(), operand):
            yield operand
        case ast.IfExp(test, body, orelse) if not isinstance(test, ast.Compare):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Slice(lower, upper, step):
            if upper is not None:
                yield ast.Slice(lower, None, step)
            if lower is not None:
                yield ast.Slice(None, upper, step)
        case ast.Call(func, args, keywords):
            yield from _other_calls(func, args, keywords)
        case ast.Constant(value):
            yield from _other_constants(value)


def _other_calls(func: ast.expr, args: list[ast.expr], keywords: list[ast.keyword]) -> Iterator[ast.AST]:
    match func:
        case ast.Name("min" | "max" | "any" | "all" as name):
            yield ast.Call(ast.Name(NAMES[name], ast.Load()), args, keywords)
        case ast.Attribute(value, name) if name in NAMES:
            yield ast.Call(ast.Attribute(value, NAMES[name], ast.Load()), args, keywords)
        case ast.Attribute(_, "where") if len(args) == 3:
            yield ast.Call(func, [args[0], args[2], args[1]], keywords)


def _other_constants(value: object) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield from map(ast.Constant, (value + 1, value - 1) if abs(value) < LARGE else (value // 2,))
    elif isinstance(value, float):
        yield ast.Constant(1.0 if value == 0 else 0.0 if abs(value) < TINY else value * 2)
    elif isinstance(value, str):
        yield ast.Constant(WORDS.get(value, f"XX{value}"))
