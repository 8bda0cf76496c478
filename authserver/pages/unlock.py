"""`/unlock`: a mail that leads past an account's lock, and the code that it carries (`accounts.unlocking`)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import unlocking
from authserver.accounts.verification import CodeRefusal
from authserver.oauth.errors import KEEP_ON
from authserver.oauth.interactions import Step
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Visit, load, network_address, onward


async def unlock(request: Request) -> Response:
    """From the sign-in page (`action=unlock`, with what was typed there); without a mail that was asked for in this
    interaction there is nothing here."""
    services = services_of(request)
    form = await read_post(request) if request.method == "POST" else None
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        if visit.step is not Step.SIGN_IN:
            return await onward(request, session, visit)
        interaction_id = visit.interaction.interaction_id
        name = await unlocking.pending(session, interaction_id, services.clock())
    action = form.get("action") if form is not None else None
    if form is not None and action == "unlock":
        return await _send(request, visit, form.get("username", ""), name)
    if name is None:
        return go(f"{services.settings.issuer}/login{visit.query}")
    if form is None:
        return _page(request, visit, name, sent="sent" in request.query_params)
    if action == "resend":
        return await _send(request, visit, name, name, again=True)
    return await _check(request, form, visit, name)


async def _send(request: Request, visit: Visit, typed: str, waiting: str | None, again: bool = False) -> Response:
    services = services_of(request)
    here = f"{services.settings.issuer}/unlock{visit.query}"
    if not typed.strip():
        return go(f"{services.settings.issuer}/login{visit.query}")
    refused = await unlocking.send(
        services, visit.interaction.interaction_id, typed, network_address(request), request.cookies
    )
    if refused is None:
        return go(f"{here}&sent=1" if again else here)
    error = texts.sentences(_("A mail was sent just now, or too many were asked for."), texts.wait(refused.seconds))
    return _page(request, visit, waiting or "", 429, refused.seconds, code_error=error)


async def _check(request: Request, form: dict[str, str], visit: Visit, name: str) -> Response:
    services = services_of(request)
    interaction_id = visit.interaction.interaction_id
    proven = await unlocking.check(services, interaction_id, name, form.get("code", ""), network_address(request))
    if isinstance(proven, CodeRefusal):
        return _page(request, visit, name, 422, code_error=texts.mailed_code_refusal(proven))
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        if await unlocking.complete(services, session, visit.interaction, proven, services.clock()):
            return go(f"{services.settings.issuer}/login{visit.query}")
    return _page(request, visit, name, 422, code_error=texts.mailed_code_refusal(CodeRefusal.SPENT))


def _page(request: Request, visit: Visit, name: str, status: int = 200, wait: int = 0, **values: Any) -> Response:
    """`name`: where the mail went; '' where none could be sent."""
    shown = {"code_error": "", "sent": False} | values
    return page(
        request,
        "unlock.html",
        status=status,
        wait=wait,
        redirect_uri=visit.redirect_uri,
        visit=visit,
        email=name,
        **shown,
    )
