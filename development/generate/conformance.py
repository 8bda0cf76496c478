"""CONFORMANCE.md: which test holds which demand, and what nothing holds yet."""

import re
from collections import defaultdict

from development.generate.checks import CHECKS, DOES_NOT_APPLY, KNOWN, NOT_YET, NOTES
from development.generate.markers import markers

HEAD = """# Conformance

Generated from the tests' `spec` markers by `make docs`; do not edit. Each demand is listed with the tests that hold it.
The first tables are our own lists of checks: the services as Alexa sees them, as an attacker sees them (after RFC 9700
and the published advisories of other servers), in Cognito's place, and as the certification suites see them, in our
words. What does not apply stands there with its reason. Sections of the specifications follow.
"""

#: sections that are not written as `document §section`, by how they begin
DOCUMENTS = {
    "OIDC ": "Modules of the OpenID Connect certification",
    "CVE-": "Advisories of other servers and libraries",
    "GHSA-": "Advisories of other servers and libraries",
    "PYSEC-": "Advisories of other servers and libraries",
    "ASVS ": "ASVS 5.0",
    "alexa ": "Notes on Alexa",
    "cognito ": "Notes on Cognito",
    "performance ": "Notes on performance",
    "Cognito": "Notes on Cognito",
    "decision ": "Decisions of the design",
    "design ": "Decisions of the design",
}


def conformance() -> str:
    held = markers()
    parts = [HEAD, _summary(held)]
    for title, checks in CHECKS.items():
        parts.append(f"## {title[0].upper()}{title[1:]}\n\n| Check | Demand | Held by |\n|---|---|---|\n")
        parts += [f"| {check} | {words} | {_held_by(check, held)} |\n" for check, words in checks.items()]
        parts.append("\n")
    by_document: dict[str, list[str]] = defaultdict(list)
    for section in held:
        if section not in KNOWN:
            by_document[document_of(section)].append(section)
    for document in sorted(by_document, key=_in_order):
        parts.append(f"## {document}\n\n| Section | Held by |\n|---|---|\n")
        for section in sorted(by_document[document], key=_in_order):
            title = f": {NOTES[section]}" if section in NOTES else ""
            parts.append(f"| {section}{title} | {_tests(held[section])} |\n")
        parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n"


def document_of(section: str) -> str:
    """`RFC 6749 §4.1.2` is of RFC 6749."""
    for start, document in DOCUMENTS.items():
        if section.startswith(start):
            return document
    return re.split(r"\s*§", section)[0].strip()


def _summary(held: dict[str, list[str]]) -> str:
    rows = [
        "\n| Checks | Held by tests | In part | Not yet | Does not apply | Without a test |\n",
        f"{'|---' * 6}|\n",
    ]
    for title, checks in CHECKS.items():
        whole = sum(check in held and check not in NOT_YET for check in checks)
        in_part = sum(check in held and check in NOT_YET for check in checks)
        later = sum(check not in held and check in NOT_YET for check in checks)
        never = sum(check in DOES_NOT_APPLY for check in checks)
        rest = len(checks) - whole - in_part - later - never
        rows.append(f"| {title} | {whole} of {len(checks)} | {in_part} | {later} | {never} | {rest} |\n")
    return "".join([*rows, "\n"])


def _held_by(check: str, held: dict[str, list[str]]) -> str:
    later = [NOT_YET[check]] if check in NOT_YET else []
    if check in held:
        return "<br>".join([_tests(held[check]), *(words.replace("not yet", "the rest") for words in later)])
    if check in DOES_NOT_APPLY:
        return f"does not apply: {DOES_NOT_APPLY[check]}"
    return later[0] if later else "**no test**"


def _tests(names: list[str]) -> str:
    return "<br>".join(f"`{name}`" for name in names)


def _in_order(text: str) -> list[tuple[int, str]]:
    """Numbers in text as numbers: §4.1.2 before §4.1.10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text) if part]
