"""`/account`: a person's own page. What is linked, where they are signed in, and what they may change."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import devices, sessions
from authserver.accounts.devices import SignedInDevice
from authserver.oauth import granted
from authserver.oauth.granted import Granted
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Owner, forget, owner


async def account(request: Request) -> Response:
    """Every button does one thing and leads back here, which says what was done."""
    form = await read_post(request) if request.method == "POST" else None
    found = await owner(request, "account", form)
    if not isinstance(found, Owner):
        return found
    if form is None:
        return await _shown(request, found)
    if form.get("action") == "sign_out":
        return await _sign_out(request)
    services = services_of(request)
    now = services.clock()
    done = ""
    async with services.database.unit() as session:
        if "unlink" in form:
            origin_jti = form["unlink"][:64]
            # both conditions: nobody ends somebody else's link by its id
            await granted.revoke(session, now, origin_jti=origin_jti, sub=found.user.sub)
            done = f"?unlinked={origin_jti}" if origin_jti.isascii() and origin_jti.replace("-", "").isalnum() else ""
        elif "device" in form:
            device = form["device"]
            if await devices.end(services.settings, services.secret_keys, session, now, found.user, device):
                done = "?done=device"
        elif form.get("action") == "end_others":
            await devices.end_others(session, found.user, found.browser)
            done = "?done=devices"
    return go(f"{services.settings.issuer}/account{done}")


async def _sign_out(request: Request) -> Response:
    services = services_of(request)
    async with services.database.unit() as session:
        await sessions.end(services.settings, session, request.cookies)
    return forget(request, go(f"{services.settings.issuer}/login"))


@dataclass(frozen=True)
class LinkedApplication:
    """A link as the page shows it."""

    link: Granted
    since: str
    last_used: str
    permissions: list[str]


async def _linked(request: Request, session: AsyncSession, links: Sequence[Granted]) -> list[LinkedApplication]:
    """Latest first."""
    shown = []
    for link in reversed(links):
        client = await services_of(request).clients.get(link.client_id, session)
        words = texts.permissions(link.scope, client.row) if client else []
        shown.append(LinkedApplication(link, texts.day(link.created_at), texts.day(link.last_used_at), words))
    return shown


async def _shown(request: Request, found: Owner) -> Response:
    services = services_of(request)
    now = services.clock()
    async with services.database.unit() as session:
        every = await granted.granted(session, now, sub=found.user.sub, ended=True)
        linked = await _linked(request, session, [link for link in every if link.state == "live"])
        places = await devices.signed_in(
            services.settings, services.secret_keys, session, now, found.user, found.browser
        )
    return page(
        request,
        "account.html",
        owner=found,
        since=texts.day(found.user.created_at),
        linked=linked,
        devices=[(place, texts.device(place.device), texts.ago(now - place.last_seen_at)) for place in places],
        notice=_notice(request, found, every, places),
    )


def _notice(request: Request, found: Owner, links: Sequence[Granted], places: list[SignedInDevice]) -> str:
    """What was done. Whoever makes somebody open a link can make this page say nothing that is not so."""
    asked = request.query_params
    done = asked.get("done", "")
    ended = next((one for one in links if one.origin_jti == asked.get("unlinked") and one.state == "revoked"), None)
    if ended is not None:
        return _("{application} is unlinked. The last key that it holds expires by itself.").format(
            application=ended.client_name
        )
    if done == "password" and found.user.updated_at == found.browser.created_at:
        return _("Your new password holds. All other devices are signed out.")
    if done == "devices" and len(places) == 1:
        return _("All other devices are signed out.")
    if done == "kept":
        return _("Nothing was deleted.")
    if done == "device":
        return _("That device is signed out.")
    return ""
