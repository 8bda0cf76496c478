"""The `spec` markers of all tests, read from their source: nothing is imported, so a broken test hides no other."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class MarkerError(Exception):
    """A marker that cannot be read: sections are literal strings."""


def markers(tests: Path = ROOT / "tests") -> dict[str, list[str]]:
    """Each section with the tests that hold it, as `path::name`, sorted."""
    held: dict[str, set[str]] = defaultdict(set)
    for path in sorted(tests.rglob("test_*.py")):
        tree = ast.parse(path.read_text(), str(path))
        for name, section in _of_module(tree, path):
            held[section].add(f"{path.relative_to(ROOT).as_posix()}::{name}")
    return {section: sorted(names) for section, names in sorted(held.items())}


def _of_module(tree: ast.Module, path: Path) -> Iterator[tuple[str, str]]:
    inherited = [
        section
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in statement.targets)
        for section in _sections(statement.value, path)
    ]
    yield from _of_body(tree.body, path, inherited, "")


def _of_body(body: list[ast.stmt], path: Path, inherited: list[str], prefix: str) -> Iterator[tuple[str, str]]:
    for statement in body:
        if isinstance(statement, ast.ClassDef) and statement.name.startswith("Test"):
            own = [section for decorator in statement.decorator_list for section in _sections(decorator, path)]
            yield from _of_body(statement.body, path, inherited + own, f"{prefix}{statement.name}::")
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and statement.name.startswith("test"):
            own = [section for decorator in statement.decorator_list for section in _sections(decorator, path)]
            for section in inherited + own:
                yield prefix + statement.name, section


def _sections(node: ast.AST, path: Path) -> Iterator[str]:
    """The arguments of every `pytest.mark.spec(...)` below this node: `pytest.param(..., marks=...)` too."""
    for call in ast.walk(node):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "spec"):
            continue
        for argument in call.args:
            if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                raise MarkerError(f"{path}:{argument.lineno}: sections of `spec` are literal strings")
            yield argument.value
