"""CONFORMANCE.md: which test holds which demand, and what nothing holds yet."""

import re
from collections import defaultdict

from development.generate.checks import CHECKS, KNOWN, NOT_YET, NOTES
from development.generate.markers import markers

HEAD = """# Conformance

Generated from the tests' `spec` markers by `make docs`; do not edit. Each demand is listed with the tests that hold it.
The first tables are our own lists of checks: the services as Alexa sees them, and as an attacker sees them (after
RFC 9700 and the published advisories of other servers). Sections of the specifications follow.
"""


def conformance() -> str:
    held = markers()
    parts = [HEAD, _summary(held)]
    for title, checks in CHECKS.items():
        parts.append(f"## {title[0].upper()}{title[1:]}\n\n| Check | Demand | Held by |\n|---|---|---|\n")
        parts += [f"| {check} | {words} | {_held_by(check, held)} |\n" for check, words in checks.items()]
        parts.append("\n")
    by_document: dict[str, list[str]] = defaultdict(list)
    for section in held:
        if section not in KNOWN and not section.startswith(("alexa ", "cognito ")):
            by_document[document_of(section)].append(section)
    for document in sorted(by_document, key=_in_order):
        parts.append(f"## {document}\n\n| Section | Held by |\n|---|---|\n")
        parts += [
            f"| {section} | {_tests(held[section])} |\n" for section in sorted(by_document[document], key=_in_order)
        ]
        parts.append("\n")
    parts.append("## Notes on Alexa and Cognito\n\n| Section | Held by |\n|---|---|\n")
    for section in sorted(held, key=_in_order):
        if section.startswith(("alexa ", "cognito ")):
            parts.append(f"| {section}: {title_of(section)} | {_tests(held[section])} |\n")
    return "".join(parts).rstrip("\n") + "\n"


def title_of(section: str) -> str:
    """A row (`cognito 9.12`) has the title of its section."""
    return NOTES.get(section) or NOTES[section.rpartition(".")[0]]


def document_of(section: str) -> str:
    """`RFC 6749 §4.1.2` is of RFC 6749."""
    return re.split(r"\s*§", section)[0].strip()


def _summary(held: dict[str, list[str]]) -> str:
    rows = ["\n| Checks | Held by a test | Not yet | Without a test |\n|---|---|---|---|\n"]
    for title, checks in CHECKS.items():
        with_test = sum(check in held for check in checks)
        planned = sum(check in NOT_YET and check not in held for check in checks)
        rows.append(f"| {title} | {with_test} of {len(checks)} | {planned} | {len(checks) - with_test - planned} |\n")
    return "".join([*rows, "\n"])


def _held_by(check: str, held: dict[str, list[str]]) -> str:
    later = [NOT_YET[check]] if check in NOT_YET else []
    if check in held:
        return "<br>".join([_tests(held[check]), *(words.replace("not yet", "the rest") for words in later)])
    return later[0] if later else "**no test**"


def _tests(names: list[str]) -> str:
    return "<br>".join(f"`{name}`" for name in names)


def _in_order(text: str) -> list[tuple[int, str]]:
    """Numbers in text as numbers: §4.1.2 before §4.1.10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text) if part]
