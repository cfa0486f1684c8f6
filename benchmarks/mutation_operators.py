"""The faults that `mutants.py` puts into a file, one at a time.

Each is a small change of an expression or a statement that a person could have made: another comparison or operation,
a number off by one, another sign, axis or reduction, a dropped term, argument or statement, exchanged arguments, a
condition the other way round, a gradient that is not stopped, another value returned. Docstrings, annotations,
decorators, messages and `__repr__` are left alone.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from functools import singledispatch
from typing import Any

COMPARISONS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATIONS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
_PAIRS = (
    "reduce_sum reduce_mean, reduce_max reduce_min, reduce_any reduce_all, maximum minimum, zeros ones, "
    "zeros_like ones_like, max min, any all, floor ceil, sorted list"
)
FUNCTIONS = {one: other for pair in _PAIRS.split(", ") for one, other in (pair.split(), pair.split()[::-1])}
DROPPED = (ast.Raise, ast.Continue, ast.Break)
MESSAGES = ("warn", "print", "echo")  # what they say is not behaviour
HOW = (
    "name",
    "autograph",
    "parallel_iterations",
    "watch_accessed_variables",
)  # of TensorFlow: what it gives is the same
IN_ORDER = (
    "isinstance",
    "issubclass",
    "getattr",
    "setattr",
    "min",
    "max",
    "minimum",
    "maximum",
)  # equal, or of no kind
RETURNED = {"tf.Tensor": "-", "float": "-", "int": "-", "bool": "not "}


Changes = Iterator[tuple[ast.AST, str]]


def called(node: ast.AST) -> str:
    """Return the last name of the function that is called, or ""."""
    function = getattr(node, "func", None)
    return getattr(function, "attr", getattr(function, "id", ""))


def _code(node: ast.AST, **fields: object) -> str:
    """Return the code of an expression with other fields, in parentheses."""
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return f"({ast.unparse(other)})"


def _without(items: list[Any], at: int, *instead: Any) -> list[Any]:
    return [*items[:at], *instead, *items[at + 1 :]]


@singledispatch
def changes(node: ast.AST) -> Changes:
    """Yield what may be changed at a node: it or a part of it, and the code in its place."""
    if isinstance(node, DROPPED):
        yield node, "pass"


@changes.register
def _(node: ast.Compare) -> Changes:
    for at, op in enumerate(node.ops):
        yield node, _code(node, ops=_without(node.ops, at, COMPARISONS[type(op)]()))


@changes.register
def _(node: ast.BinOp) -> Changes:
    if isinstance(node.right, ast.Constant) and node.right.value is None:  # a type
        return
    if type(node.op) in OPERATIONS:
        yield node, _code(node, op=OPERATIONS[type(node.op)]())
    yield node, _code(node.left)
    if isinstance(node.op, ast.Add | ast.Mult | ast.BitOr | ast.BitAnd):
        yield node, _code(node.right)


@changes.register
def _(node: ast.AugAssign) -> Changes:
    yield node, "pass"
    yield node, _code(node, op=OPERATIONS.get(type(node.op), ast.Add)())[1:-1]


@changes.register
def _(node: ast.UnaryOp) -> Changes:
    if isinstance(node.op, ast.USub | ast.Not):
        yield node, _code(node.operand)


@changes.register
def _(node: ast.Constant) -> Changes:
    if isinstance(node.value, bool):
        yield node, repr(not node.value)
    elif isinstance(node.value, int | float):
        yield node, repr(node.value + 1)


@changes.register
def _(node: ast.BoolOp) -> Changes:
    yield node, _code(node, op=ast.And() if isinstance(node.op, ast.Or) else ast.Or())
    for at in range(len(node.values)):
        rest = _without(node.values, at)
        yield node, _code(node, values=rest) if len(rest) > 1 else _code(rest[0])


@changes.register(ast.If)
@changes.register(ast.While)
@changes.register(ast.IfExp)
def _(node: ast.If | ast.While | ast.IfExp) -> Changes:
    yield from _negated(node.test)


@changes.register
def _(node: ast.comprehension) -> Changes:
    for test in node.ifs:
        yield from _negated(test)


def _negated(test: ast.expr) -> Changes:
    """Yield the negation of a condition, unless another change gives the same."""
    opposite = isinstance(test, ast.Compare) and not isinstance(test.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
    if not opposite and not isinstance(test, ast.UnaryOp):
        yield test, _code(ast.UnaryOp(ast.Not(), test))


@changes.register
def _(node: ast.Call) -> Changes:
    name = called(node)
    if name in MESSAGES:
        return
    if name == "stop_gradient":
        yield node, _code(node.args[0])
    if name in FUNCTIONS:
        field = "attr" if isinstance(node.func, ast.Attribute) else "id"
        other = copy.copy(node.func)
        setattr(other, field, FUNCTIONS[name])
        yield node, _code(node, func=other)
    if len(node.args) > 1 and name not in IN_ORDER and not any(isinstance(arg, ast.Starred) for arg in node.args[:2]):
        yield node, _code(node, args=[node.args[1], node.args[0], *node.args[2:]])
    for at, keyword in enumerate(node.keywords):
        if keyword.arg not in (*HOW, None):
            yield node, _code(node, keywords=_without(node.keywords, at))
        if keyword.arg == "axis":  # counted from the other end
            axis = ast.parse(f"-1 - ({ast.unparse(keyword.value)})", mode="eval").body
            yield node, _code(node, keywords=_without(node.keywords, at, ast.keyword("axis", axis)))


@changes.register
def _(node: ast.Expr) -> Changes:
    if called(node.value) not in ("", *MESSAGES):
        yield node, "pass"


@changes.register
def _(node: ast.Assign) -> Changes:
    if isinstance(node.targets[0], ast.Attribute | ast.Subscript):
        yield node, "pass"


@changes.register
def _(node: ast.FunctionDef) -> Changes:
    annotation = ast.unparse(node.returns) if node.returns else ""
    for statement in ast.walk(node) if annotation in RETURNED else ():
        if isinstance(statement, ast.Return) and not isinstance(statement.value, ast.Tuple | None):
            yield statement, f"return {RETURNED[annotation]}({ast.unparse(statement.value)})"


@changes.register
def _(node: ast.Return) -> Changes:
    if isinstance(node.value, ast.Tuple) and len(node.value.elts) > 1:
        one, other, *rest = node.value.elts
        yield node, f"return {_code(node.value, elts=[other, one, *rest])}"
