"""Every parameter that there is, read from where it is read or described: none can be forgotten."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from authserver import pages
from development.generate.describe import routes
from development.openapi import document

FORM = "application/x-www-form-urlencoded"


def _read_in(tree: ast.Module) -> Iterator[str]:
    """Names in `form.get("name")`, `form["name"]` and `"name" in form`."""
    for node in ast.walk(tree):
        found: ast.expr | None = None
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("get", "getlist", "pop") and node.args:
            found = node.args[0]
        elif isinstance(node, ast.Subscript):
            found = node.slice
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            found = node.left
        if isinstance(found, ast.Constant) and isinstance(found.value, str) and found.value.isidentifier():
            yield found.value


@cache
def of_pages() -> list[str]:
    """What any page reads; a few words more, since source tells no dict from another."""
    folder = Path(pages.__file__).parent
    read = {name for path in folder.rglob("*.py") for name in _read_in(ast.parse(path.read_text()))}
    shown = {name for path in folder.rglob("*.html") for name in re.findall(r' name="(\w+)"', path.read_text())}
    return sorted(read | shown)


@cache
def paths(method: str) -> list[str]:
    """Where people go."""
    described = document()["paths"]
    return [
        route["path"] for route in routes("authserver") if method in route["methods"] and route["path"] not in described
    ]


def in_query(path: str, method: str = "get") -> list[str]:
    return [one["name"] for one in document()["paths"][path][method].get("parameters", []) if one["in"] == "query"]


def in_form(path: str, method: str = "post") -> list[str]:
    schema = document()["paths"][path][method]["requestBody"]["content"][FORM]["schema"]
    kinds = schema.get("oneOf", [schema])
    return sorted({name for kind in kinds for name in kind["properties"]})


def posted() -> list[str]:
    """The operations of programs that take a form."""
    return [
        path
        for path, operations in document()["paths"].items()
        if path != "/oauth2/authorize" and FORM in operations.get("post", {}).get("requestBody", {}).get("content", {})
    ]
