"""`/new-password`: a password of one's own in place of the operator's, before there is a session."""

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import entry, invitations
from authserver.accounts.entry import FirstFactor
from authserver.accounts.password_policy import Weak
from authserver.accounts.sign_up import Wait
from authserver.models import User
from authserver.oauth.errors import KEEP_ON
from authserver.oauth.interactions import Step
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.render import page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Visit, browser_of, enter, load, network_address, onward


async def replace_password(request: Request) -> Response:
    """Only for whoever proved the temporary password in this interaction, and only as long as that stands."""
    services = services_of(request)
    form = await read_post(request) if request.method == "POST" else None
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        first, user = await _proved(session, visit)
        if first is None or user is None:
            return await onward(request, session, visit)
    if form is None:
        return _page(request, visit, user)
    checked = await invitations.check(services, first, user, form.get("password", ""), network_address(request))
    if isinstance(checked, Weak):
        return _page(request, visit, user, 422, password_error=texts.weakness(checked, services.settings))
    if isinstance(checked, Wait):
        error = texts.sentences(_("There were too many attempts from your network."), texts.wait(checked.seconds))
        return _page(request, visit, user, 429, checked.seconds, password_error=error)
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        proof = await invitations.replace(services, session, checked, browser_of(request))
        if proof is None:
            await _proved(session, visit)
            return await onward(request, session, visit)
        return await enter(request, session, visit, proof)


async def _proved(session: AsyncSession, visit: Visit) -> tuple[FirstFactor | None, User | None]:
    """What waits for the new password, and for whom. What no longer stands is forgotten: the way leads to sign-in."""
    if visit.step is not Step.NEW_PASSWORD:
        return None, None
    first = entry.waiting(visit.interaction, visit.now)
    user = await session.get(User, first.sub) if first is not None else None
    if first is None or user is None or not first.stands(user, visit.now) or user.password_expires_at is None:
        visit.interaction.first_factor = None
        session.add(visit.interaction)
        return None, None
    return first, user


def _page(
    request: Request, visit: Visit, user: User, status: int = 200, wait: int = 0, password_error: str = ""
) -> Response:
    return page(
        request,
        "replace_password.html",
        status=status,
        wait=wait,
        redirect_uri=visit.redirect_uri,
        visit=visit,
        email=user.email,
        username=user.username_canonical,
        password_error=password_error,
    )
