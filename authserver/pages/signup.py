"""`/signup`: an e-mail address and a new password, and a user name where people sign in with one.

Known and unknown addresses go on to the same page.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import sign_up
from authserver.accounts.password_policy import Weak
from authserver.accounts.sign_up import NotAnAddress, UnusableName, Wait
from authserver.oauth.errors import KEEP_ON, PageError
from authserver.oauth.interactions import Step
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Visit, begin, load, network_address, onward


async def signup(request: Request) -> Response:
    services = services_of(request)
    if not services.settings.sign_up:
        raise PageError(
            "sign_up_closed", _("Accounts on this server are made by its operator. Ask there for one."), 403
        )
    if request.method == "GET":
        if "interaction" not in request.query_params:
            return await begin(request, "signup")
        async with services.database.unit(keep_on=KEEP_ON) as session:
            visit = await load(request, session)
            if visit.step is not Step.SIGN_IN:
                return await onward(request, session, visit)
            waiting = await sign_up.pending(session, visit.interaction.sign_up_id, services.clock())
        username = waiting.username if waiting else None
        return _page(request, visit, email=waiting.email if waiting else "", username=username or "")
    form = await read_post(request)
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        if visit.step is not Step.SIGN_IN:
            return await onward(request, session, visit)
    email, username = form.get("email", ""), form.get("username", "")
    typed: dict[str, Any] = {"email": email, "username": username}
    begun = await sign_up.begin(
        services,
        email,
        form.get("password", ""),
        network_address(request),
        username=username,
        interaction_id=visit.interaction.interaction_id,
    )
    if isinstance(begun, NotAnAddress):
        error = _("Type an e-mail address such as name@example.org.")
        return _page(request, visit, 422, **typed, email_error=error)
    if isinstance(begun, UnusableName):
        return _page(request, visit, 422, **typed, username_error=texts.unusable_name(begun))
    if isinstance(begun, Weak):
        return _page(request, visit, 422, **typed, password_error=texts.weakness(begun, services.settings))
    if isinstance(begun, Wait):
        error = texts.sentences(_("Too many codes were asked for."), texts.wait(begun.seconds))
        return _page(request, visit, 429, begun.seconds, **typed, email_error=error)
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        visit.interaction.sign_up_id = begun.sign_up_id
        session.add(visit.interaction)
    return go(f"{services.settings.issuer}/confirm{visit.query}")


def _page(request: Request, visit: Visit, status: int = 200, wait: int = 0, **values: Any) -> Response:
    settings = services_of(request).settings
    empty = {"email": "", "email_error": "", "username": "", "username_error": "", "password_error": ""}
    return page(
        request,
        "signup.html",
        status=status,
        wait=wait,
        redirect_uri=visit.redirect_uri,
        visit=visit,
        username_label=_("User name (optional)") if settings.email_signs_in else _("User name"),
        username_hint=_("You sign in with it. Others may find out that it is taken."),
        username_required=not settings.email_signs_in,
        **(empty | values),
    )
