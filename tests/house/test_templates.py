"""Pages are self-contained, and complete without scripts."""

import re
from pathlib import Path

import pytest

from tests.house.sources import ROOT, name_of, tracked

PAGES = [
    path
    for path in tracked()
    if path.relative_to(ROOT).parts[0] in ("authserver", "skill")
    and path.suffix in (".html", ".css", ".js", ".svg", ".j2")
]
LOADS = re.compile(
    r"""(?:\b(?:src|srcset|poster|action|formaction|data)\s*=\s*["']?|<link\b[^>]*\bhref\s*=\s*["']?|url\(\s*["']?|@import\s+["']?|"""
    r"""\bfetch\(\s*["'`]|\bimport\(?\s*["'`]|EventSource\(\s*["'`])(?:https?:)?//""",
    re.IGNORECASE,
)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
@pytest.mark.spec("A01", "security 6.43")
def test_a_page_loads_nothing_from_another_host(page: Path) -> None:
    text = re.sub(r"<!--.*?-->", "", page.read_text(), flags=re.DOTALL)
    assert not LOADS.search(text), LOADS.search(text)


@pytest.mark.parametrize("page", [page for page in PAGES if page.suffix in (".html", ".j2")], ids=name_of)
@pytest.mark.spec("A10", "A11")
def test_a_page_has_no_inline_script_style_or_handler(page: Path) -> None:
    """The Content-Security-Policy would stop them, and the page would be broken there alone."""
    text = page.read_text()
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text), "an inline event handler"
    assert not re.search(r"\sstyle\s*=\s*[\"']", text), "an inline style"
    assert "javascript:" not in text.lower()
    for tag in re.findall(r"<(?:script|style)\b[^>]*>", text):
        assert "src=" in tag or "nonce=" in tag, tag


@pytest.mark.parametrize("page", [page for page in PAGES if page.suffix == ".js"], ids=name_of)
@pytest.mark.spec("A10")
def test_a_script_uses_no_web_storage_and_no_pop_up(page: Path) -> None:
    """The Alexa app's web view has no storage; its guidelines forbid message boxes."""
    for word in ("localStorage", "sessionStorage", "indexedDB", "alert(", "confirm(", "prompt(", "window.open("):
        assert word not in page.read_text(), word


def test_there_are_pages() -> None:
    assert any(page.suffix in (".html", ".j2") for page in PAGES)


def test_the_field_of_a_code_is_written_once() -> None:
    """Where it stands twice one of them forgets what the browser or a screen reader needs."""
    fields = [page.name for page in PAGES for _ in re.findall(r'autocomplete="one-time-code"', page.read_text())]
    assert fields == ["parts.html"]
