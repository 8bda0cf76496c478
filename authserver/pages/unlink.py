"""`/unlink?link=…`: from the mail after a linking. Scanners fetch links: only the button does anything (6.68)."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts.activity import Kind, note
from authserver.models import User
from authserver.oauth.errors import PageError
from authserver.oauth.unlink import grant_of_link
from authserver.oauth.unlink import unlink as end_grant
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import browser_of


async def unlink(request: Request) -> Response:
    """The link is all that is needed: whoever reads the mail may end this one linking, signed in or not."""
    services = services_of(request)
    now = services.clock()
    form = await read_post(request) if request.method == "POST" else None
    link = (request.query_params if form is None else form).get("link", "")
    async with services.database.unit() as session:
        grant = await grant_of_link(session, services.secret_keys, link)
        if grant is None:
            raise PageError(
                "link_not_found", _("This link is not complete, or what it was for is gone. Copy the whole link."), 404
            )
        client = await services.clients.get(grant.client_id, session)
        if form is not None and await end_grant(session, grant, now):
            name = client.row.client_name if client else grant.client_id
            await note(session, grant.sub, Kind.UNLINKED, now, browser_of(request), application=name)
        user = await session.get(User, grant.sub)
    if form is not None:
        return go(f"{services.settings.issuer}/unlink?link={link}")
    return page(
        request,
        "unlink.html",
        link=link,
        application=client.row.client_name if client else grant.client_id,
        account=user.email if user else "",
        since=texts.minute(grant.created_at),
        live=grant.revoked_at is None and grant.expires_at > now,
    )
