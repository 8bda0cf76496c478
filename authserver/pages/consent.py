"""`/consent`: which account, which application, where it returns, what it may do (contracts/security.md 6.57, 6.61)."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import attempts, sessions
from authserver.languages import current
from authserver.oauth import authorization, consents, interactions
from authserver.oauth.device_codes import DEVICE
from authserver.oauth.errors import KEEP_ON
from authserver.oauth.interactions import Step
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.render import page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Visit, forget, leave, load, network_address, onward
from authserver.settings import Settings


async def consent(request: Request) -> Response:
    services = services_of(request)
    settings = services.settings
    form = await read_post(request) if request.method == "POST" else {}
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form if request.method == "POST" else None)
        if visit.step is not Step.CONSENT:
            return await onward(request, session, visit)
        described = (await services.oauth.resources.get(session)).scopes
        action = form.get("action")
        if action == "allow":
            named = visit.user is not None and form.get("account") == visit.user.sub  # the page may be an older one
            if named and visit.interaction.session_digest is not None:  # else nobody was named: `onward` binds and asks
                interactions.agree(session, visit.interaction)
            return await onward(request, session, visit)
        if action == "deny":
            return leave(request, visit, await authorization.refuse(services.oauth, session, visit.interaction))
        if action == "switch":
            await sessions.end(settings, session, visit.now, request.cookies)
            interactions.sign_in_again(session, visit.interaction)
            return forget(request, leave(request, visit, f"{settings.issuer}/login{visit.query}"))
    return page(
        request,
        "consent.html",
        redirect_uri=visit.redirect_uri,
        visit=visit,
        **_permissions(visit, settings, described),
        device=_device(request, visit),
    )


def _device(request: Request, visit: Visit) -> str:
    """Where a device waits: what is known of it, since somebody else may have sent the person here (RFC 8628 §5.4)."""
    asked = visit.interaction.request
    if DEVICE not in asked:
        return ""
    address, here = str(asked.get("address", "")), network_address(request)
    where = texts.place(services_of(request).places.of(address, current().tag)) or address
    same = bool(address) and attempts.network_of(address) == attempts.network_of(here)
    return texts.device_asked(texts.ago(visit.now - int(asked["asked_at"])), where, same_network=same)


def _permissions(visit: Visit, settings: Settings, described: Mapping[str, str]) -> dict[str, Any]:
    """In plain words, each once. `added`: what was not agreed to before, where something was; `agreed`: the rest."""
    assert visit.client is not None
    scope = consents.asked(visit.interaction.request)
    words = texts.permissions(scope, visit.client, settings, described)
    if "refresh_token" in visit.client.grant_types:
        words.append(_("Stay linked until you end it"))
    known = set(visit.remembered.scope.split()) if visit.remembered else set()
    new = [name for name in scope.split() if name not in known]
    added = [texts.scope(name, settings, described) for name in new] if known & set(scope.split()) else []
    return {
        "permissions": [word for word in words if word not in added],
        "added": list(dict.fromkeys(added)),
        "chooses": "select_account" in consents.prompts(visit.interaction.request),
        "remembers": not consents.asks_always(visit.client) and DEVICE not in visit.interaction.request,
    }
