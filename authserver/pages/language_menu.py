"""`POST /language`: the choice at the foot of every page."""

from contextlib import suppress
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import own_account, sessions
from authserver.languages import TAGS, match
from authserver.oauth import interactions
from authserver.oauth.errors import KEEP_ON, PageError
from authserver.pages.forms import read_post
from authserver.pages.language import NAMES, cookie_name
from authserver.pages.render import go, services_of
from authserver.settings import Settings

KEPT = 31_536_000  # seconds that a browser keeps a choice
LONGEST = 16_384  # characters of the address of a page that somebody returns to


async def choose(request: Request) -> Response:
    """Keeps the choice in this browser, in what it is on its way with, and in the account of whoever
    is signed in; then back to the page."""
    services = services_of(request)
    form = await read_post(request)
    path, query = _own_page(services.settings, form.get("back", ""))
    response = go(f"{services.settings.origin}{path}" + (f"?{urlencode(query)}" if query else ""))
    tag = match(form.get("language", ""), TAGS)
    if tag is None:
        return response
    await _keep(request, tag, dict(query).get("interaction", ""))
    response.set_cookie(
        cookie_name(services.settings),
        tag,
        max_age=KEPT,
        path="/",
        secure=services.settings.secure,
        httponly=True,
        samesite="lax",
    )
    return response


async def _keep(request: Request, tag: str, interaction_id: str) -> None:
    """Whose session it is is asked in a unit of work of its own: what changes an account begins with the account."""
    services = services_of(request)
    now = services.clock()
    async with services.database.unit() as session:
        _browser, user = await sessions.find(services.settings, session, now, request.cookies)
    async with services.database.unit(keep_on=KEEP_ON) as session:
        if user is not None:
            await own_account.speak(session, user, tag, now)
        if interaction_id:
            with suppress(PageError):  # another browser's, or over: the page itself will say so
                found = await interactions.load(services.settings, session, now, interaction_id, request.cookies)
                found.request = {**found.request, "ui_locales": tag}
                session.add(found)


def _own_page(settings: Settings, back: str) -> tuple[str, list[tuple[str, str]]]:
    """Path and query of a page below the issuer; its account page for anything else (contracts/security.md 6.60)."""
    plain = len(back) <= LONGEST and back.isascii() and back.isprintable() and "\\" not in back and " " not in back
    parts = urlsplit(back) if plain and back.startswith(f"{settings.issuer_path}/") else None
    if parts is None or parts.scheme or parts.netloc or back.startswith("//"):
        return f"{settings.issuer_path}/account", []
    query = parse_qsl(parts.query, keep_blank_values=True)
    return parts.path, [(name, value) for name, value in query if name not in NAMES]
