"""Which of the languages a browser wants, and how it keeps a choice.

In this order: the choice made at the foot of a page, `lang` of this address, `lang` of an address that the browser came
by before, the account's language as the issuer told it at the sign-in, `Accept-Language`.
"""

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from skill.companion.cookies import LANGUAGE, Cookies
from skill.companion.languages.spoken import LANGUAGES, SOURCE, TAGS, Language

LONGEST = 1000  # characters of a list of languages that are looked at
KEPT = 31_536_000  # seconds that a browser keeps a choice
Source = Literal["", "asked", "account"]
"""Where the language in the cookie is from: chosen here, named by an address, told by the issuer. It stands behind the
tag (`de.asked`); the later one in this list never takes the place of an earlier one."""
SOURCES: tuple[Source, ...] = ("", "asked", "account")


def match(tag: str) -> str | None:
    """The one of ours that serves who asks for `tag` (RFC 4647 §3.4): the same, else one of the same language wherever
    it is spoken (`pt-PT` is served with `pt-BR`), else none."""
    wanted = tag.strip().replace("_", "-").lower()
    known = {one.lower(): one for one in TAGS}
    if wanted in known:
        return known[wanted]
    language = wanted.partition("-")[0]
    return next((one for lower, one in known.items() if lower.partition("-")[0] == language), None)


def asked(request: Request) -> str | None:
    """What the address names: one language, or several in order of preference, separated by spaces."""
    given = request.query_params.get("lang", "")[:LONGEST]
    return next(filter(None, map(match, given.split())), None)


def language_of(request: Request, cookies: Cookies) -> Language:
    tag = wish(request, cookies) or preferred(request.headers.get("accept-language", ""))
    return LANGUAGES[tag or SOURCE]


def wish(request: Request, cookies: Cookies) -> str | None:
    """What is known besides `Accept-Language`, which the browser tells the issuer too."""
    tag, source = _kept(request, cookies)
    return (tag if source == "" else None) or asked(request) or tag


def _kept(request: Request, cookies: Cookies) -> tuple[str | None, str]:
    tag, _, source = (cookies.value(request, LANGUAGE) or "").partition(".")
    found = match(tag) if source in SOURCES else None
    return found, source if found else SOURCES[-1]


def keep(request: Request, answer: Response, cookies: Cookies, tag: str | None, source: Source) -> None:
    """For the pages that follow in this browser: a choice for a year, anything else until it is closed."""
    before, source_before = _kept(request, cookies)
    later = SOURCES.index(source) > SOURCES.index(source_before)
    if tag is None or later or (source and (tag, source) == (before, source_before)):
        return
    cookies.set(answer, LANGUAGE, f"{tag}.{source}".rstrip("."), None if source else KEPT)


def preferred(header: str) -> str | None:
    """Of an `Accept-Language` (RFC 9110 §12.5.4); equal weights in the order in which they came; weight 0 is "not that
    one". None where nothing of it is ours."""
    wanted = []
    for place, part in enumerate(header[:LONGEST].split(",")):
        tag, *parameters = (word.strip() for word in part.split(";"))
        weight = _weight(parameters)
        if tag and weight > 0:
            wanted.append((-weight, place, tag))
    return next(filter(None, (match(tag) for _weight_of, _place, tag in sorted(wanted))), None)


def _weight(parameters: list[str]) -> float:
    """1 where none is given; 0, which is ignored, where it cannot be read."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0
            return weight if 0 <= weight <= 1 else 0
    return 1
