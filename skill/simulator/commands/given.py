"""What is given on a command line, before it is used: raises `typer.BadParameter` where it cannot be."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import typer

FAR = 1_000_000
"""Beyond every range by far, and still a number of JSON."""


def a_text(given: list[str] | str | None) -> list[str] | str | None:
    """Messages are UTF-8; an argument of other bytes is none."""
    try:
        for each in given if isinstance(given, list) else [given or ""]:
            each.encode()
    except UnicodeEncodeError as error:
        raise typer.BadParameter("is no UTF-8") from error
    return given


def an_http_url(given: str | None) -> str | None:
    if given is None:
        return None
    try:
        parts = urlsplit(given)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or not all("!" <= character <= "~" for character in given):
        raise typer.BadParameter("is no http:// or https:// URL")
    return given


def read(file: Path, option: str, what: str) -> str:
    """What stands in the file (`-` is standard input), which holds a `what`."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
        text.encode()
    except (OSError, UnicodeError) as error:
        raise typer.BadParameter(f"cannot be read ({type(error).__name__})", param_hint=option) from error
    if not text.strip():
        raise typer.BadParameter(f"holds no {what}", param_hint=option)
    return text.strip()
