"""`/account/applications`: what is linked, what each may do, and the page that ends one link."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts.activity import Kind, note
from authserver.models import Client, User
from authserver.oauth import consents, granted
from authserver.oauth.granted import Granted
from authserver.pages import logos, texts
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.visit import Owner, browser_of, owner

PAGE = "account/applications"


@dataclass(frozen=True)
class LinkedApplication:
    """A link as the page shows it. `alexa`: the client has that preset."""

    link: Granted
    since: str
    last_used: str
    permissions: list[str]
    alexa: bool
    logo: str


@dataclass(frozen=True)
class AllowedApplication:
    """An application that is not linked now and would not ask again."""

    client_id: str
    name: str
    since: str
    logo: str


async def applications(request: Request) -> Response:
    """Latest first. `?unlinked=…`: what was ended just now, with what that means. Its form takes back what was agreed
    to, so that the application asks again."""
    form = await read_post(request) if request.method == "POST" else None
    found = await owner(request, PAGE, form)
    if not isinstance(found, Owner):
        return found
    services = services_of(request)
    if form is not None:
        async with services.database.unit() as session:
            client_id = form.get("forget", "")[:128]
            await consents.forget(session, services.clock(), sub=found.user.sub, client_id=client_id)
        return go(f"{services.settings.issuer}/{PAGE}")
    async with services.database.unit() as session:
        every = await granted.granted(session, services.clock(), sub=found.user.sub, ended=True)
        live = [link for link in every if link.state == "live"]
        linked = [await _shown(request, session, link) for link in reversed(live)]
        allowed = await _allowed(request, session, found.user, live)
        ended = _ended(every, request.query_params.get("unlinked", ""))
        shown = await _shown(request, session, ended) if ended else None
    return page(request, "account_applications.html", owner=found, linked=linked, allowed=allowed, ended=shown)


async def unlink(request: Request) -> Response:
    """`?link=…`: asks, and with the button ends this link and no other."""
    services = services_of(request)
    issuer, now = services.settings.issuer, services.clock()
    form = await read_post(request) if request.method == "POST" else None
    found = await owner(request, PAGE, form)
    if not isinstance(found, Owner):
        return found
    if form is not None and form.get("action") == "keep":
        return go(f"{issuer}/{PAGE}")
    asked = (request.query_params if form is None else form).get("link", "")
    async with services.database.unit() as session:
        links = await granted.granted(session, now, sub=found.user.sub)
        link = next((one for one in links if one.origin_jti == asked), None)
        if link is None:  # another person's, or ended in another tab
            return go(f"{issuer}/{PAGE}")
        shown = await _shown(request, session, link)
    if form is None:
        return page(request, "account_unlink.html", owner=found, item=shown)
    async with services.database.unit() as session:
        # both conditions: nobody ends somebody else's link by its id
        if await granted.revoke(session, now, origin_jti=link.origin_jti, sub=found.user.sub):
            browser = browser_of(request)
            await note(session, found.user.sub, Kind.UNLINKED, now, browser, application=link.client_name)
    return go(f"{issuer}/{PAGE}?unlinked={link.origin_jti}")


def _ended(links: Sequence[Granted], origin_jti: str) -> Granted | None:
    """Whoever makes somebody open a link can make the page say nothing that is not so."""
    return next((one for one in links if one.origin_jti == origin_jti and one.state == "revoked"), None)


async def _allowed(
    request: Request, session: AsyncSession, user: User, links: Sequence[Granted]
) -> list[AllowedApplication]:
    """What was agreed to of applications that have no link now."""
    shown, linked = [], {link.client_id for link in links}
    for agreed in await consents.of_person(session, user):
        client = await services_of(request).clients.get(agreed.client_id, session)
        if agreed.client_id not in linked and client is not None and not consents.asks_always(client.row):
            name = client.row.client_name
            shown.append(AllowedApplication(agreed.client_id, name, texts.day(agreed.at), logos.path(client)))
    return shown


async def _shown(request: Request, session: AsyncSession, link: Granted) -> LinkedApplication:
    client = await services_of(request).clients.get(link.client_id, session)
    row: Client | None = client.row if client else None
    described = (await services_of(request).oauth.resources.get(session)).scopes
    agreed = consents.with_claims(link.scope, {"userinfo": link.claims})
    return LinkedApplication(
        link,
        texts.day(link.created_at),
        texts.day(link.last_used_at),
        texts.permissions(agreed, row, services_of(request).settings, described) if row else [],
        row is not None and row.preset == "alexa",
        logos.path(client),
    )
