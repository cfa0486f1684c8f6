"""Files with one fault each: where a fault is, what it is called, and all those of a file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from mutation_operators import HOW, MESSAGES, called, changes

SILENT = (ast.JoinedStr, ast.Raise, ast.Import, ast.ImportFrom)


class Mutant(NamedTuple):
    """One fault."""

    path: str  # of the file, from the checkout
    scope: str  # the classes and functions around it, "Objective.precisions"; "" at the top of the file
    first: int  # lines of the statement (of a compound one, its head), from 1
    last: int
    start: int  # bytes that are replaced
    end: int
    before: str
    after: str
    number: int = 0  # among equal changes in one scope

    @property
    def key(self) -> str:
        """What the mutant is called as long as nothing changes within its scope."""
        again = f" #{self.number}" if self.number else ""
        return f"{self.path} {self.scope}: {' '.join(self.before.split())} -> {self.after}{again}"

    def applied(self, source: bytes) -> bytes:
        """Return the file with the fault."""
        return source[: self.start] + self.after.encode() + source[self.end :]


def mutants(path: str, source: bytes) -> list[Mutant]:
    """Return all mutants of a file."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: dict[tuple[str, str, str], list[Mutant]] = {}
    for node, after, scope, (first, last) in _walk(ast.parse(source), "", (1, 1)):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        before = source[start:end].decode()
        same = found.setdefault((scope, before, after), [])
        same.append(Mutant(path, scope, first, last, start, end, before, after, len(same)))
    return [mutant for same in found.values() for mutant in same]


Lines = tuple[int, int]


def _walk(node: ast.AST, scope: str, lines: Lines) -> Iterator[tuple[ast.AST, str, str, Lines]]:
    """Yield every node that may be replaced, by what, in which scope, and the lines of its statement."""
    lines = _lines(node) or lines
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        scope = f"{scope}.{node.name}".lstrip(".")
    for target, after in changes(node):
        if after.strip("()") != ast.unparse(target).strip("()"):
            yield target, after, scope, _lines(target) or lines
    for child in _children(node):
        yield from _walk(child, scope, lines)


def _lines(node: ast.AST) -> Lines | None:
    """Return the first and the last line of a statement, of a compound one without its body."""
    if not isinstance(node, ast.stmt):
        return None
    body = getattr(node, "body", None)
    return node.lineno, max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a node that may be changed."""
    silent = isinstance(node, SILENT) or getattr(node, "name", "") in ("__repr__", "__str__")
    silent |= isinstance(node, ast.keyword) and node.arg in HOW
    if silent or called(node) in MESSAGES or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
        return
    for field, value in ast.iter_fields(node):
        if field not in ("annotation", "returns", "decorator_list", "bases"):
            yield from (part for part in (value if isinstance(value, list) else [value]) if isinstance(part, ast.AST))
