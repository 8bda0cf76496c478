"""Where a transaction ends is decided in `storage/` alone."""

import ast
import re

import pytest

from tests.house.sources import below, name_of, tree

STATEMENT = re.compile(r"^\s*(COMMIT|ROLLBACK|BEGIN)\b", re.IGNORECASE)


@pytest.mark.parametrize("service", ["authserver", "skill"])
def test_commit_and_rollback_happen_only_in_storage(service: str) -> None:
    """One request is one transaction: a commit elsewhere would tear it in two."""
    found = []
    for path in below(service):
        if name_of(path).startswith(f"{service}/storage/"):
            continue
        for node in ast.walk(tree(path)):
            calls = isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("commit", "rollback")
            says = isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.match(node.value)
            if calls or says:
                found.append(f"{name_of(path)}:{node.lineno}")  # type: ignore[attr-defined]
    assert found == []


@pytest.mark.parametrize("service", ["authserver", "skill"])
def test_storage_is_where_commits_are(service: str) -> None:
    """Otherwise the rule above would hold for the wrong reason."""
    assert any("commit" in path.read_text().lower() for path in below(service) if "/storage/" in name_of(path))
