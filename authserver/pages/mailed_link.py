"""`/confirmUser?link=…`: the link of a mail, which stands for the mail's code (`accounts.mailed_links`).

Whoever fetches it sees a page, and nothing happens. The button is there only in the browser that asked for the mail;
any other one is told to go back there. `PRESSED` says what the button does for each purpose.
"""

from collections.abc import Awaitable, Callable

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import email_change, mailed_links, recovery, unlocking
from authserver.accounts.email_change import OutdatedError, Person, SpentError
from authserver.accounts.mailed_links import Link
from authserver.accounts.verification import Purpose
from authserver.oauth.errors import KEEP_ON, PageError
from authserver.oauth.interactions import Step
from authserver.pages import confirm, texts
from authserver.pages.account import email
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.visit import Visit, load, onward

LONGEST = 128  # characters of a link's secret; ours have 43

#: None: somebody was faster, or this browser has asked for something else since
Pressed = Callable[[Request, AsyncSession, Visit, Link], Awaitable[Response | None]]


async def mailed_link(request: Request) -> Response:
    return await _posted(request) if request.method == "POST" else await _shown(request)


async def _shown(request: Request) -> Response:
    secret = request.query_params.get("link", "")[:LONGEST]
    services = services_of(request)
    async with services.database.unit(keep_on=KEEP_ON) as session:
        link = await mailed_links.find(session, secret, services.clock())
        if link is None:
            return _gone(request)
        try:
            visit = await load(request, session, interaction_id=link.owner)
        except PageError:
            return _elsewhere(request)
    if visit.step is not _STEP.get(link.purpose, Step.SIGN_IN):
        return _gone(request, visit)
    return page(
        request,
        "mailed_link.html",
        redirect_uri=visit.redirect_uri,
        visit=visit,
        secret=secret,
        email=link.proven.email,
        words=texts.mailed_link(link.purpose),
    )


async def _posted(request: Request) -> Response:
    form = await read_post(request)
    services = services_of(request)
    async with services.database.unit(keep_on=KEEP_ON) as session:
        link = await mailed_links.find(session, form.get("link", "")[:LONGEST], services.clock())
        if link is not None and link.owner != request.query_params.get("interaction"):
            return _elsewhere(request, 403)
        visit = await load(request, session, form)
        response = await PRESSED[link.purpose](request, session, visit, link) if link is not None else None
        if response is None and visit.step is not Step.SIGN_IN:
            response = await onward(request, session, visit)
    return response or _gone(request, visit)


def _gone(request: Request, visit: Visit | None = None) -> Response:
    """Unknown, used, replaced or too old: it does not say which."""
    return page(request, "link_gone.html", status=404, visit=visit)


def _elsewhere(request: Request, status: int = 200) -> Response:
    """Not the browser that asked for the mail, or it took too long there. Whose mail it is is not said."""
    return page(request, "link_elsewhere.html", status=status)


async def _sign_up(request: Request, session: AsyncSession, visit: Visit, link: Link) -> Response | None:
    """As the right code: this browser typed the password of that sign-up."""
    waiting = await confirm.waiting_here(request, session, visit)
    if waiting is None or waiting.sign_up_id != link.proven.subject:
        return None
    return await confirm.confirmed(request, session, visit, waiting, link.proven)


async def _verify_email(request: Request, session: AsyncSession, visit: Visit, link: Link) -> Response | None:
    """As the right code: somebody is signed in at this browser."""
    return await confirm.confirmed(request, session, visit, None, link.proven) if visit.step is Step.VERIFY else None


async def _recovery(request: Request, session: AsyncSession, visit: Visit, link: Link) -> Response | None:
    """The page for the new password then asks for no code."""
    services = services_of(request)
    now = services.clock()
    waiting = await recovery.pending(session, visit.interaction.recovery_id, now)
    if visit.step is not Step.SIGN_IN or waiting is None or waiting.recovery_id != link.proven.subject:
        return None
    if not await mailed_links.confirm(session, link, now):
        return None
    return go(f"{services.settings.issuer}/confirmforgotPassword{visit.query}")


async def _unlock(request: Request, session: AsyncSession, visit: Visit, link: Link) -> Response | None:
    """The account's lock holds here no longer; who it is has still to be proved."""
    services = services_of(request)
    if visit.step is not Step.SIGN_IN:
        return None
    if not await unlocking.complete(services, session, visit.interaction, link.proven, services.clock()):
        return None
    return go(f"{services.settings.issuer}/login{visit.query}")


async def _email_change(request: Request, session: AsyncSession, visit: Visit, link: Link) -> Response | None:
    """As the right code, for the account that asked for the change: its owner is signed in at this browser."""
    if visit.step is not Step.FINISH or visit.user is None or visit.browser is None:
        return None
    waiting = await email_change.pending(session, visit.user.sub, visit.now)
    if waiting is None or waiting.change_id != link.proven.subject:
        return None
    try:
        async with session.begin_nested():
            person = Person(visit.user, visit.browser)
            return await email.confirmed(request, session, person, waiting, link.proven)
    except (
        OutdatedError,
        SpentError,
    ):  # what was loaded before has gone with the savepoint: nothing more is asked of it
        return go(f"{services_of(request).settings.issuer}/{email.PAGE}")


PRESSED: dict[Purpose, Pressed] = {
    Purpose.SIGN_UP: _sign_up,
    Purpose.VERIFY_EMAIL: _verify_email,
    Purpose.RECOVERY: _recovery,
    Purpose.UNLOCK: _unlock,
    Purpose.EMAIL_CHANGE: _email_change,
}

#: where a flow stands whose link may be pressed; sign-in unless it is told here
_STEP = {Purpose.VERIFY_EMAIL: Step.VERIFY, Purpose.EMAIL_CHANGE: Step.FINISH}
