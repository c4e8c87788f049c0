"""Which answers of a class look alike: a place to look at, and no proof.

Compared are the structures of two answers, as Python reads them: names of variables, comments, docstrings and the
form of lines do not count. What everybody has (the stub, the solution that came with the lesson) and what many in the
class wrote says nothing and is left out; so does an answer of a line or two, which has few other forms.

An answer is cut into pieces of a few parts in a row, each piece overlapping the next (k-grams). S. Schleimer,
D. Wilkerson and A. Aiken, "Winnowing: local algorithms for document fingerprinting", 2003, tell why that works.
"""

from __future__ import annotations

import ast
import itertools
import re
import warnings
from collections import Counter
from typing import NamedTuple

from points import PATTERN, learner_of
from tables import Row, by_number

PIECE = 6  # parts of the program's structure in a row; a call with two arguments has about that many
SHORTEST = 20  # pieces that an answer needs beyond what everybody has: about four lines
ALIKE = 0.7  # of the pieces that either of two answers has, both must have so many
MANY = 0.1  # of the learners: what more of them wrote is a standard answer,
FEW = 4  # but not what so few of them wrote, in however small a class
LONGEST = 20_000  # letters; the longest solution of the lesson has about 1,100
DOCUMENTED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler)


class Pair(NamedTuple):
    """Two answers that look alike: `share` of the pieces that either has, both have, from 0 to 1."""

    exercise: str
    one: Row
    other: Row
    share: float


def similar_answers(rows: list[Row], known: dict[str, list[str]], pattern: str = PATTERN) -> list[Pair]:
    """Return the pairs of answers that look alike, those that share most first.

    `known` holds for each exercise what everybody has: stub and solution. Two files of one learner are no pair.
    """
    by_exercise: dict[str, list[Row]] = {}
    for row in rows:
        if row.exercise and row.answer.strip():
            by_exercise.setdefault(row.exercise, []).append(row)
    pairs = []
    for exercise in sorted(by_exercise, key=by_number):
        pairs += pairs_of(exercise, by_exercise[exercise], known.get(exercise, []), pattern)
    return sorted(pairs, key=lambda pair: -pair.share)


def pairs_of(exercise: str, rows: list[Row], known: list[str], pattern: str) -> list[Pair]:
    """Return the pairs among the answers to one exercise."""
    learners = [learner_of(row.file, pattern) for row in rows]
    everybodys = set().union(*(pieces(text) for text in known))
    own = [pieces(row.answer) - everybodys for row in rows]
    authors = Counter(piece for _, piece in {(who, piece) for who, some in zip(learners, own) for piece in some})
    most = max(FEW, MANY * len(set(learners)))
    rare = [{piece for piece in some if authors[piece] <= most} for some in own]
    long_enough = [index for index, some in enumerate(rare) if len(some) >= SHORTEST]
    pairs = []
    for one, other in itertools.combinations(long_enough, 2):
        if learners[one] == learners[other] or len(rare[one] & rare[other]) < SHORTEST:
            continue
        share = len(own[one] & own[other]) / len(own[one] | own[other])
        if share >= ALIKE:
            pairs.append(Pair(exercise, rows[one], rows[other], share))
    return pairs


def pieces(code: str) -> set[int]:
    """Return all pieces of an answer, as numbers that differ where the pieces do."""
    parts = structure(code)
    return {hash(tuple(parts[start : start + PIECE])) for start in range(max(0, len(parts) - PIECE + 1))}


def structure(code: str) -> list[str]:
    """Return the parts of a program in their order, or its words where Python cannot read it or it is too long."""
    try:
        if len(code) <= LONGEST:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python warns of some texts of a learner
                return parts_of(ast.parse(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    return re.findall(r"\w+|[^\w\s]", re.sub(r"#.*", "", code[:LONGEST]))


def parts_of(tree: ast.Module) -> list[str]:
    """Return the kinds of all parts of a program, with what they say: the text of a number, the name of a method.

    The program's own names are one and the same: those of variables, and those of attributes that it sets. Nothing
    here calls itself: a program may be deep.
    """
    nodes = list(ast.walk(tree))
    own, own_attributes = own_names(nodes), stored(nodes, ast.Attribute, "attr")
    parts: list[str] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.expr_context):
            continue
        parts.append(f"{type(node).__name__} {said_by(node, own, own_attributes)}")
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, DOCUMENTED) and has_docstring(node):
            children.remove(node.body[0])
        waiting += reversed(children)
    return parts


def said_by(node: ast.AST, own: set[str], own_attributes: set[str]) -> str:
    """Return what a part says beyond its kind: a name, or a constant."""
    if isinstance(node, (ast.Name, ast.arg)):
        name = node.id if isinstance(node, ast.Name) else node.arg
        return "of its own" if name in own else name
    if isinstance(node, ast.Attribute):
        return "of its own" if node.attr in own_attributes else node.attr
    if isinstance(node, ast.keyword):  # what a library calls its arguments; a "**" has no name
        return node.arg or ""
    if isinstance(node, ast.Constant):  # to write out a long number would take long
        return str(hash(node.value)) if isinstance(node.value, int) else ascii(node.value)[:100]
    return ""


def stored(nodes: list[ast.AST], kind: type[ast.AST], field: str) -> set[str]:
    """Return the names or the attributes that a program sets."""
    return {getattr(node, field) for node in nodes if isinstance(node, kind) and isinstance(node.ctx, ast.Store)}


def own_names(nodes: list[ast.AST]) -> set[str]:
    """Return the names that a program gives: to variables, arguments, functions, classes, imports and errors."""
    names = stored(nodes, ast.Name, "id") | {node.arg for node in nodes if isinstance(node, ast.arg)}
    names |= {node.asname for node in nodes if isinstance(node, ast.alias) and node.asname}
    return names | {node.name for node in nodes if isinstance(node, NAMED) and node.name}


def has_docstring(node: ast.AST) -> bool:
    first = node.body[0] if node.body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
