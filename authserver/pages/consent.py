"""`/consent`: which account, which application, where it returns, what it may do (contracts/security.md 6.57, 6.61)."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import sessions
from authserver.oauth import authorization, interactions
from authserver.oauth.errors import KEEP_ON
from authserver.oauth.interactions import Step
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.render import page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Visit, forget, leave, load, onward


async def consent(request: Request) -> Response:
    services = services_of(request)
    settings = services.settings
    form = await read_post(request) if request.method == "POST" else {}
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form if request.method == "POST" else None)
        if visit.step is not Step.CONSENT:
            return await onward(request, session, visit)
        action = form.get("action")
        if action == "allow":
            if visit.interaction.session_digest is not None:  # else nobody was named yet: `onward` binds and asks
                interactions.agree(session, visit.interaction)
            return await onward(request, session, visit)
        if action == "deny":
            return leave(request, visit, await authorization.refuse(services.oauth, session, visit.interaction))
        if action == "switch":
            await sessions.end(settings, session, request.cookies)
            interactions.sign_in_again(session, visit.interaction, services.clock())
            return forget(request, leave(request, visit, f"{settings.issuer}/login{visit.query}"))
    return page(
        request,
        "consent.html",
        redirect_uri=visit.redirect_uri,
        visit=visit,
        permissions=_permissions(visit),
    )


def _permissions(visit: Visit) -> list[str]:
    """In plain words, each once."""
    assert visit.client is not None
    words = texts.permissions(str(visit.interaction.request.get("scope", "")), visit.client)
    if "refresh_token" in visit.client.grant_types:
        words.append(_("Stay linked until you end it"))
    return words
