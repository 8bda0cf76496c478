"""`/confirm`: the six digits from the mail, for a sign-up or for an account whose address was never confirmed."""

from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import first_confirmation, sessions, sign_in, sign_up, verification
from authserver.accounts.entry import Proof
from authserver.accounts.sign_up import Wait
from authserver.accounts.verification import CodeRefusal, Proven, Purpose
from authserver.models import SignUp
from authserver.oauth import interactions
from authserver.oauth.errors import KEEP_ON
from authserver.oauth.interactions import Step
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Visit, browser_of, enter, forget, load, network_address, onward


async def confirm(request: Request) -> Response:
    """Without anything to confirm it leads to where this browser should be."""
    services = services_of(request)
    form = await read_post(request) if request.method == "POST" else None
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        waiting = await waiting_here(request, session, visit)
        if visit.step is not Step.VERIFY and waiting is None:
            return await onward(request, session, visit)
    if form is None:
        return _page(request, visit, waiting, sent="sent" in request.query_params)
    if form.get("action") == "resend":
        return await _resend(request, visit, waiting)
    return await _check(request, form, visit, waiting)


async def waiting_here(request: Request, session: AsyncSession, visit: Visit) -> SignUp | None:
    """The sign-up that waits here; somebody who is signed in has none."""
    if visit.step is not Step.SIGN_IN:
        return None
    return await sign_up.pending(session, visit.interaction.sign_up_id, services_of(request).clock())


async def _resend(request: Request, visit: Visit, waiting: SignUp | None) -> Response:
    services = services_of(request)
    if waiting is not None:
        refused = await sign_up.resend(
            services, waiting, network_address(request), interaction_id=visit.interaction.interaction_id
        )
    else:
        assert visit.user is not None
        async with services.database.unit() as session:
            wait = await verification.send_to_user(
                services,
                session,
                visit.user,
                services.clock(),
                hurry=False,
                interaction_id=visit.interaction.interaction_id,
                network=network_address(request),
            )
        refused = Wait(wait) if wait else None
    if refused is not None:
        error = texts.sentences(_("A code was sent just now."), texts.wait(refused.seconds))
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
        return _page(request, visit, waiting, 422, code_error=texts.mailed_code_refusal(proven))
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        waiting = await waiting_here(request, session, visit)
        response = await confirmed(request, session, visit, waiting, proven)
    return response or _page(request, visit, waiting, 422, code_error=texts.mailed_code_refusal(CodeRefusal.SPENT))


async def confirmed(
    request: Request, session: AsyncSession, visit: Visit, waiting: SignUp | None, proven: Proven
) -> Response | None:
    """Whoever is at this browser reads the mail. None when somebody was faster, or it was asked for something else."""
    services = services_of(request)
    now = services.clock()
    if waiting is None:
        return await _choose_password(request, session, visit, proven, now)
    user = await sign_up.complete(session, waiting, proven, now, browser_of(request))
    if user is None:
        return None
    return await enter(request, session, visit, Proof(user, sign_in.PASSWORD, now))


async def _choose_password(
    request: Request, session: AsyncSession, visit: Visit, proven: Proven, now: int
) -> Response | None:
    """The account was made by somebody else, and so was its password: this browser is signed out and chooses another
    one (`first_confirmation.begin`)."""
    services = services_of(request)
    if visit.step is not Step.VERIFY or visit.user is None:
        return None
    interaction = visit.interaction
    begun = await first_confirmation.begin(services, session, visit.user, proven, interaction.interaction_id, now)
    if begun is None:
        return None
    interaction.recovery_id = begun.recovery_id
    await sessions.end(services.settings, session, services.clock(), request.cookies)
    interactions.sign_in_again(session, interaction)
    return forget(request, go(f"{services.settings.issuer}/confirmforgotPassword{visit.query}"))


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
