"""`/confirm`: the six digits from the mail, for a sign-up or for an account whose address was never confirmed."""

from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import sign_in, sign_up, verification
from authserver.accounts.entry import Proof
from authserver.accounts.sign_up import Wait
from authserver.accounts.verification import CodeRefusal, Proven, Purpose
from authserver.models import SignUp
from authserver.oauth.errors import KEEP_ON
from authserver.oauth.interactions import Step
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Visit, browser_of, enter, load, network_address, onward


async def confirm(request: Request) -> Response:
    """Without anything to confirm it leads to where this browser should be."""
    services = services_of(request)
    form = await read_post(request) if request.method == "POST" else None
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        waiting = await _waiting(request, session, visit)
        if visit.step is not Step.VERIFY and waiting is None:
            return await onward(request, session, visit)
    if form is None:
        return _page(request, visit, waiting, sent="sent" in request.query_params)
    if form.get("action") == "resend":
        return await _resend(request, visit, waiting)
    return await _check(request, form, visit, waiting)


async def _waiting(request: Request, session: AsyncSession, visit: Visit) -> SignUp | None:
    """The sign-up that waits here; somebody who is signed in has none."""
    if visit.step is not Step.SIGN_IN:
        return None
    return await sign_up.pending(session, visit.interaction.sign_up_id, services_of(request).clock())


async def _resend(request: Request, visit: Visit, waiting: SignUp | None) -> Response:
    services = services_of(request)
    if waiting is not None:
        refused = await sign_up.resend(services, waiting, network_address(request))
    else:
        assert visit.user is not None
        async with services.database.unit() as session:
            wait = await verification.send_to_user(services, session, visit.user, services.clock(), hurry=False)
        refused = Wait(wait) if wait else None
    if refused is not None:
        error = _("A code was sent just now.") + " " + texts.wait(refused.seconds)
        return _page(request, visit, waiting, 429, wait=refused.seconds, code_error=error)
    return go(f"{services.settings.issuer}/confirm{visit.query}&sent=1")


async def _check(request: Request, form: dict[str, str], visit: Visit, waiting: SignUp | None) -> Response:
    services = services_of(request)
    if waiting is not None:
        asked = (Purpose.SIGN_UP, waiting.sign_up_id, waiting.email_canonical)
    else:
        assert visit.user is not None
        asked = (Purpose.VERIFY_EMAIL, visit.user.sub, visit.user.email_canonical)
    proven = await verification.check(services, *asked, form.get("code", ""), network_address(request))
    if isinstance(proven, CodeRefusal):
        return _page(request, visit, waiting, 422, code_error=texts.code_refusal(proven))
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        waiting = await _waiting(request, session, visit)
        response = await _confirmed(request, session, visit, waiting, proven)
    return response or _page(request, visit, waiting, 422, code_error=texts.code_refusal(CodeRefusal.SPENT))


async def _confirmed(
    request: Request, session: AsyncSession, visit: Visit, waiting: SignUp | None, proven: Proven
) -> Response | None:
    """None when somebody was faster."""
    services = services_of(request)
    now = services.clock()
    if waiting is None:
        if visit.user is None or visit.user.sub != proven.subject:
            return None
        if not await verification.confirm_user(session, proven, now):
            return None
        await session.refresh(visit.user)
        return await onward(request, session, visit)
    user = await sign_up.complete(session, waiting, proven, now, browser_of(request))
    if user is None:
        return None
    return await enter(request, session, visit, Proof(user, sign_in.PASSWORD, now))


def _page(
    request: Request, visit: Visit, waiting: SignUp | None, status: int = 200, wait: int = 0, **values: Any
) -> Response:
    shown = {"code_error": "", "sent": False} | values
    return page(
        request,
        "confirm.html",
        status=status,
        wait=wait,
        redirect_uri=visit.redirect_uri,
        visit=visit,
        email=waiting.email if waiting else visit.user.email if visit.user else "",
        signing_up=waiting is not None,
        **shown,
    )
