"""The argument vectors with which the tests run kit, read from their source: every call of what runs the program.

A vector is the words of one call. Words that are put in from outside the call are known where they are a test's parameters, a
loop's or an assignment's literals; whatever else is put in is one `UNKNOWN` word. So nothing counts that only looks like a
command somewhere in a test: it must stand in the call.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

UNKNOWN = "\0"
RUNNERS = ("Program", "Kit")  # tests.support: an object of these runs kit when it is called, and by these methods
METHODS = ("must", "start", "argv", "program")
MOST = 500  # vectors of one call

Words = tuple[str, ...]
Values = Mapping[str, Sequence[Words]]  # a name → the words that it may stand for


@dataclass(frozen=True)
class Helper:
    """A function of the tests that runs kit with the words of its caller."""

    before: Words = ()  # the words that it puts before them
    skipped: int = 0  # its arguments before the words


def vectors(file: Path, helpers: Mapping[str, Helper]) -> Iterator[Words]:
    """`helpers` are known by name; those of the file itself are found."""
    text = file.read_text()
    if not any(word in text for word in (*RUNNERS, "invoke", '"-m", "kit"', *helpers)):
        return
    tree = ast.parse(text)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    found, runners = dict(helpers), set(_runners(tree))
    top = [each for each in tree.body if isinstance(each, ast.Assign)]
    known = {name: values for each in top for name, values in _assigned(each) if values}
    scopes = [(function, _Scope(function, known, runners, found)) for function in functions]
    for _ in range(2):  # a helper of a helper
        for function, scope in scopes:
            found.update(_helper(function, scope))
    for function, scope in scopes:
        for node in ast.walk(function):
            yield from scope.words(node)


class _Scope:
    """What runs kit within one function, and what its names may stand for."""

    def __init__(self, function: ast.FunctionDef, known: Values, runners: set[str], helpers: Mapping[str, Helper]) -> None:
        self.names = {**known, **dict(_parameters(function)), **{name: each for name, each in _assigned(function) if each}}
        self._runners = runners
        self._helpers = helpers  # filled while they are found

    def words(self, node: ast.AST) -> Iterator[Words]:
        if (run := self.run(node)) is not None:
            before, arguments = run
            yield from ((*before, *words) for words in _words(arguments, self.names))

    def run(self, node: ast.AST) -> tuple[Words, Sequence[ast.expr]] | None:
        """The words that come first, and the others as they stand in the source; None: kit is not run here."""
        if isinstance(node, ast.List | ast.Tuple):
            said = [each.value if isinstance(each, ast.Constant) else None for each in node.elts]
            at = next((place for place in range(len(said)) if said[place : place + 2] == ["-m", "kit"]), None)
            return None if at is None else ((), node.elts[at + 2 :])
        if not isinstance(node, ast.Call):
            return None
        function, name = node.func, getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in self._helpers:
            return self._helpers[name].before, node.args[self._helpers[name].skipped :]
        if name == "invoke" and isinstance(function, ast.Attribute) and ast.unparse(node.args[0]) == "images":
            return ("images",), getattr(node.args[1], "elts", ())
        is_run = (
            (isinstance(function, ast.Name) and name in self._runners)
            or (isinstance(function, ast.Attribute) and name in METHODS)
            or (isinstance(function, ast.Call) and ast.unparse(function.func) in RUNNERS)
        )
        return ((), node.args) if is_run else None


def _helper(function: ast.FunctionDef, scope: _Scope) -> Iterator[tuple[str, Helper]]:
    if function.args.vararg is None or function.name == "__call__":
        return
    for node in ast.walk(function):
        before, arguments = scope.run(node) or ((), ())
        stars = [place for place, each in enumerate(arguments) if ast.unparse(each) == f"*{function.args.vararg.arg}"]
        for place in stars[:1]:
            first = next(_words(arguments[:place], scope.names))
            arguments_before = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
            yield function.name, Helper((*before, *first), len(arguments_before) - ("self" in arguments_before))


def _runners(scope: ast.AST) -> Iterator[str]:
    """The names that are annotated as, or assigned, something that runs kit."""
    for node in ast.walk(scope):
        if isinstance(node, ast.arg) and node.annotation is not None and ast.unparse(node.annotation) in RUNNERS:
            yield node.arg
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and ast.unparse(node.value.func) in RUNNERS:
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _assigned(scope: ast.AST) -> Iterator[tuple[str, list[Words]]]:
    """Names of literals, and of loops over literals."""
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, [words] if (words := _literal(node.value)) else _each(node.value)
        if isinstance(node, ast.For):
            yield from _unpacked(node.target, node.iter)


def _parameters(test: ast.FunctionDef) -> Iterator[tuple[str, list[Words]]]:
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.parametrize":
            names, values = decorator.args[:2]
            if isinstance(names, ast.Constant):
                yield str(names.value), _each(values)
            elif isinstance(names, ast.Tuple):
                yield from _unpacked(names, values)


def _unpacked(names: ast.expr, values: ast.expr) -> Iterator[tuple[str, list[Words]]]:
    if isinstance(names, ast.Name):
        yield names.id, _each(values)
    elif isinstance(names, ast.Tuple):
        rows = [getattr(row, "elts", ()) for row in getattr(values, "elts", ())]
        for place, name in enumerate(names.elts):
            text = name.id if isinstance(name, ast.Name) else str(getattr(name, "value", ""))
            yield text, [words for row in rows if len(row) == len(names.elts) and (words := _literal(row[place]))]


def _each(values: ast.expr) -> list[Words]:
    """Of a list of words; what is written as `*(…)` in it belongs to it."""
    found: list[Words] = []
    for each in getattr(values, "elts", ()):
        inner = getattr(each.value, "elts", ()) if isinstance(each, ast.Starred) else [each]
        found += [words for word in inner if (words := _literal(word))]
    return found


def _literal(value: ast.expr) -> Words:
    """The words of a text and of a list of texts; of what is no text in such a list, `UNKNOWN`."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return tuple(value.value.split())
    if isinstance(value, ast.List | ast.Tuple) and not any(isinstance(each, ast.List | ast.Tuple) for each in value.elts):
        return tuple(str(each.value) if isinstance(each, ast.Constant) else UNKNOWN for each in value.elts)
    return ()


def _words(arguments: Sequence[ast.expr], names: Values) -> Iterator[Words]:
    """All words that a call may have, for all that its names may stand for."""
    parts: list[Sequence[Words]] = []
    for argument in arguments:
        inner = argument.value if isinstance(argument, ast.Starred) else argument
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr == "split":
            inner = inner.func.value
        if isinstance(argument, ast.Constant):
            parts.append([(str(argument.value),)])
        elif isinstance(inner, ast.Name) and inner.id in names:
            parts.append(names[inner.id])
        else:
            parts.append([_literal(inner) or (UNKNOWN,)])
    combined = 1
    for part in parts:
        combined *= len(part)
    assert combined <= MOST, f"{combined} vectors of one call"
    for chosen in product(*parts):
        yield tuple(word for words in chosen for word in words)
