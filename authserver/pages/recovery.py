"""`/forgotPassword` and `/confirmforgotPassword`: an address, then the code from the mail with a new password."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import recovery
from authserver.accounts.password_policy import Weak
from authserver.accounts.recovery import NewPassword
from authserver.accounts.sign_up import NotAnAddress, Wait
from authserver.accounts.verification import CodeRefusal, Proven
from authserver.models import Recovery
from authserver.oauth.errors import KEEP_ON
from authserver.oauth.interactions import Step
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Visit, begin, browser_of, enter, load, network_address, onward


async def forgot(request: Request) -> Response:
    """The address. What was typed on the sign-in page comes along (`action=forgot`) and is not yet sent."""
    services = services_of(request)
    if request.method == "GET" and "interaction" not in request.query_params:
        return await begin(request, "forgotPassword")
    form = await read_post(request) if request.method == "POST" else None
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        if visit.step is not Step.SIGN_IN:
            return await onward(request, session, visit)
    if form is None or form.get("action") == "forgot":
        hint = str(visit.interaction.request.get("login_hint", ""))
        return _forgot_page(request, visit, email=(form or {}).get("username", "") or hint[:254])
    email = form.get("email", "")
    begun = await recovery.begin(
        services,
        email,
        network_address(request),
        interaction_id=visit.interaction.interaction_id,
        cookies=request.cookies,
    )
    if isinstance(begun, NotAnAddress):
        error = texts.name_unreadable(services.settings, email)
        return _forgot_page(request, visit, 422, email=email, email_error=error)
    if isinstance(begun, Wait):
        error = texts.sentences(_("A code was sent just now, or too many were asked for."), texts.wait(begun.seconds))
        return _forgot_page(request, visit, 429, begun.seconds, email=email, email_error=error)
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        visit.interaction.recovery_id = begun.recovery_id
        session.add(visit.interaction)
    return go(f"{services.settings.issuer}/confirmforgotPassword{visit.query}")


def _forgot_page(request: Request, visit: Visit, status: int = 200, wait: int = 0, **values: Any) -> Response:
    shown = {"email": "", "email_error": ""} | values
    return page(request, "forgot.html", status=status, wait=wait, redirect_uri=visit.redirect_uri, visit=visit, **shown)


async def new_password(request: Request) -> Response:
    """One form, one step: without the code of this browser's own recovery, or the press of its link, nothing here does
    anything."""
    services = services_of(request)
    form = await read_post(request) if request.method == "POST" else None
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        if visit.step is not Step.SIGN_IN:
            return await onward(request, session, visit)
        now = services.clock()
        waiting = await recovery.pending(session, visit.interaction.recovery_id, now)
        if waiting is None:
            return go(f"{services.settings.issuer}/forgotPassword{visit.query}")
        pressed = await recovery.confirmed(session, waiting, visit.interaction.interaction_id, now)
    if form is None:
        sent = "sent" in request.query_params
        return _password_page(request, visit, waiting, sent=sent, confirmed=pressed is not None)
    if form.get("action") == "resend":
        return await _resend(request, visit, waiting)
    return await _save(request, form, visit, waiting, pressed)


async def _resend(request: Request, visit: Visit, waiting: Recovery) -> Response:
    services = services_of(request)
    refused = await recovery.resend(
        services,
        waiting,
        network_address(request),
        interaction_id=visit.interaction.interaction_id,
        cookies=request.cookies,
    )
    if refused is not None:
        error = texts.sentences(_("A code was sent just now."), texts.wait(refused.seconds))
        return _password_page(request, visit, waiting, 429, wait=refused.seconds, code_error=error)
    return go(f"{services.settings.issuer}/confirmforgotPassword{visit.query}&sent=1")


async def _save(
    request: Request, form: dict[str, str], visit: Visit, waiting: Recovery, pressed: Proven | None
) -> Response:
    """`pressed`: what stands for the code, where the mail's link was pressed in this browser."""
    services = services_of(request)
    code, password = form.get("code", ""), form.get("password", "")
    checked: NewPassword | CodeRefusal | Weak
    if pressed is not None:
        checked = await recovery.check_confirmed(services, waiting, pressed, password)
    else:
        checked = await recovery.check(services, waiting, code, password, network_address(request))
    if isinstance(checked, Weak):
        error = texts.weakness(checked, services.settings)
        confirmed = pressed is not None
        return _password_page(request, visit, waiting, 422, code=code[:12], password_error=error, confirmed=confirmed)
    if isinstance(checked, CodeRefusal):
        return _password_page(request, visit, waiting, 422, code_error=texts.mailed_code_refusal(checked))
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        if visit.interaction.recovery_id == waiting.recovery_id:
            proof = await recovery.complete(services, session, waiting, checked, browser_of(request))
            if proof is not None:
                return await enter(request, session, visit, proof)
    return _password_page(request, visit, waiting, 422, code_error=texts.mailed_code_refusal(CodeRefusal.SPENT))


def _password_page(
    request: Request, visit: Visit, waiting: Recovery, status: int = 200, wait: int = 0, **values: Any
) -> Response:
    shown = {"code": "", "code_error": "", "password_error": "", "sent": False, "confirmed": False} | values
    return page(
        request,
        "new_password.html",
        status=status,
        wait=wait,
        redirect_uri=visit.redirect_uri,
        visit=visit,
        email=waiting.email,
        by_username=waiting.username_canonical is not None,
        **shown,
    )
