"""What holds for every answer, whatever was asked."""

import html
import re
from urllib.parse import urlsplit

import httpx2

from tests.fuzz.drawing import MARK, Fields

#: every header that an answer of ours may have
HEADERS = frozenset(
    {
        "access-control-allow-headers", "access-control-allow-methods", "access-control-allow-origin",
        "access-control-expose-headers", "access-control-max-age", "allow", "cache-control", "content-disposition",
        "content-language", "content-length", "content-security-policy", "content-type", "date", "dpop-nonce", "etag",
        "location", "pragma", "referrer-policy", "retry-after", "server", "set-cookie", "strict-transport-security",
        "transfer-encoding", "connection", "vary", "www-authenticate", "x-content-type-options", "x-frame-options",
        "last-modified", "content-encoding",
    }
)  # fmt: skip
#: what is refused before anything of the request is weighed: a form that is none, a client that is not known
UNREAD = (
    "A parameter is repeated", "A parameter holds a NUL", "The parameters are not valid", "The request is larger",
    "grant_type is missing", "Parameters belong in the body",
)  # fmt: skip
COOKIE = re.compile(r"authserver_[a-zA-Z0-9_-]+=")
MARKUP = frozenset("<>\"'`")
TRACE = ("Traceback (most", "site-packages", "sqlalchemy", "asyncpg", "sqlite3.")


def leads_home(location: str, issuer: str, registered: list[str]) -> bool:
    """To a page of ours, or exactly to a registered address with an answer appended."""
    if any(location.startswith((f"{uri}?", f"{uri}&")) for uri in registered):
        return True
    ours, there = urlsplit(issuer), urlsplit(location)
    return (there.scheme, there.netloc) == (ours.scheme, ours.netloc) and location.startswith(f"{issuer}/")


def check(answer: httpx2.Response, sent: Fields, issuer: str, registered: list[str]) -> None:
    """Raises `AssertionError` with what was wrong."""
    about = f"{answer.request.method} {answer.request.url} {answer.request.content[:500]!r}: {answer.status_code}"
    assert answer.status_code < 500, f"{about} {answer.text[:300]}"
    names = {name.lower() for name, _ in answer.headers.multi_items()}
    assert names <= HEADERS, f"{about} {names - HEADERS}"
    for cookie in answer.headers.get_list("set-cookie"):
        assert COOKIE.match(cookie), f"{about} {cookie}"
        assert MARK not in cookie, f"{about} {cookie}"
    location = answer.headers.get("location")
    if location is not None:
        assert answer.status_code in (302, 303), about  # 302: Cognito's `/logout`
        assert leads_home(location, issuer, registered), f"{about} {location}"
        assert all(0x20 < ord(character) < 0x7F for character in location), f"{about} {location!r}"
    body = answer.text
    for word in TRACE:
        assert word not in body, f"{about} {word}"
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/html"):
        for name, value in sent:
            for part in (name, value):
                if MARK in part and MARKUP & set(part):
                    assert part not in body, f"{about} {name}={value!r} comes back as it was sent"
        assert f"<{MARK}" not in body, about
        for target in re.findall(r"<form[^>]*action=\"([^\"]*)\"", body):  # `form_post` leads to the client
            there = html.unescape(target)
            away = urlsplit(there).netloc or not there.startswith("/") or there.startswith(("//", "/\\"))
            assert not away or there in registered or leads_home(there, issuer, []), f"{about} {there}"
        assert not re.search(
            rf"(href|src|action|formaction)=[\"']?\s*(javascript|data|vbscript):[^\"']*{MARK}", body
        ), about
    elif kind.startswith("application/json"):
        assert MARK not in body or not answer.is_error, f"{about} {body[:300]}"
    else:
        assert MARK not in body, f"{about} {kind}"


def is_past_the_first(answer: httpx2.Response) -> bool:
    """Whether more than the form and the client was looked at. Of pages only what shows in the status."""
    if not answer.is_error:
        return True
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return False
    told = answer.json()
    known = told["error"] not in ("invalid_client", "unsupported_grant_type")
    return known and not str(told.get("error_description", "")).startswith(UNREAD)
