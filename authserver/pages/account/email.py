"""`/account/email`: a new address, and the code that went to it. The old one holds until then."""

from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import email_change, verification
from authserver.accounts.email_change import OutdatedError, OwnAddress, Person, SpentError
from authserver.accounts.sign_up import NotAnAddress, Wait
from authserver.accounts.verification import CodeRefusal, Proven, Purpose
from authserver.models import EmailChange, User
from authserver.pages import texts
from authserver.pages.account.rows import Row
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Owner, begin_here, browser_of, network_address, owner, remember, strong_owner

PAGE = "account/email"


async def row(request: Request, session: AsyncSession, user: User) -> Row:
    waiting = await email_change.pending(session, user.sub, services_of(request).clock())
    state = _("{address} waits for its code").format(address=waiting.email) if waiting else user.email
    return Row(_("E-mail address"), state, PAGE)


async def email(request: Request) -> Response:
    """To ask for a change takes a fresh sign-in, with the second factor of who has one. To type its code, to have it
    sent again or to give it up does not: the code is the proof."""
    form = await read_post(request) if request.method == "POST" else None
    found = await owner(request, PAGE, form)
    if not isinstance(found, Owner):
        return found
    services = services_of(request)
    async with services.database.unit() as session:
        waiting = await email_change.pending(session, found.user.sub, services.clock())
    action = (form or {}).get("action", "")
    if action == "ask" or waiting is None:
        again = await strong_owner(request, PAGE, form)
        if not isinstance(again, Owner):
            return again
    try:
        if form is None or action not in ACTIONS:
            return _shown(request, found, waiting)
        if action == "ask":
            return await _ask(request, form, found)
        if waiting is None:  # given up, confirmed or expired: in another tab, or meanwhile
            return go(f"{services.settings.issuer}/{PAGE}")
        if action == "confirm":
            return await _confirm(request, form, found, waiting)
        if action == "resend":
            return await _resend(request, found, waiting)
        async with services.database.unit() as session:
            await email_change.cancel(session, Person(found.user, found.browser))
        return go(f"{services.settings.issuer}/account/security")
    except OutdatedError:  # in another tab, or at another device, somebody was faster
        return go(f"{services.settings.issuer}/{PAGE}")


ACTIONS = frozenset({"ask", "confirm", "resend", "cancel"})


async def _ask(request: Request, form: dict[str, str], found: Owner) -> Response:
    services, typed = services_of(request), form.get("email", "")
    here, person = await begin_here(request, {"page": PAGE}), Person(found.user, found.browser)
    begun = await email_change.begin(
        services, person, typed, network_address(request), interaction_id=here.interaction_id
    )
    if isinstance(begun, NotAnAddress):
        error = _("Type an e-mail address such as name@example.org.")
        return _shown(request, found, None, 422, email=typed, email_error=error)
    if isinstance(begun, OwnAddress):
        return _shown(request, found, None, 422, email=typed, email_error=_("This is your address already."))
    if isinstance(begun, Wait):
        error = texts.sentences(_("Too many codes were asked for."), texts.wait(begun.seconds))
        return _shown(request, found, None, 429, begun.seconds, email=typed, email_error=error)
    return here.keep(request, go(f"{services.settings.issuer}/{PAGE}"))


async def _resend(request: Request, found: Owner, waiting: EmailChange) -> Response:
    services = services_of(request)
    here, person = await begin_here(request, {"page": PAGE}), Person(found.user, found.browser)
    refused = await email_change.resend(
        services, person, waiting, network_address(request), interaction_id=here.interaction_id
    )
    if refused is not None:
        error = texts.sentences(_("A code was sent just now."), texts.wait(refused.seconds))
        return _shown(request, found, waiting, 429, refused.seconds, code_error=error)
    return here.keep(request, go(f"{services.settings.issuer}/{PAGE}?sent=1"))


async def _confirm(request: Request, form: dict[str, str], found: Owner, waiting: EmailChange) -> Response:
    services = services_of(request)
    asked = (Purpose.EMAIL_CHANGE, waiting.change_id, waiting.email_canonical)
    proven = await verification.check(services, *asked, form.get("code", ""), network_address(request))
    if isinstance(proven, CodeRefusal):
        return _shown(request, found, waiting, 422, code_error=texts.code_refusal(proven))
    try:
        async with services.database.unit() as session:
            return await confirmed(request, session, Person(found.user, found.browser), waiting, proven)
    except SpentError:
        return _shown(request, found, waiting, 422, code_error=texts.code_refusal(CodeRefusal.SPENT))


async def confirmed(
    request: Request, session: AsyncSession, person: Person, waiting: EmailChange, proven: Proven
) -> Response:
    """The new address holds. Raises `OutdatedError` and `SpentError`, upon which the caller rolls back."""
    services = services_of(request)
    browser = browser_of(request)
    _session, cookie = await email_change.complete(services, session, person, waiting, proven, browser)
    return remember(request, go(f"{services.settings.issuer}/account/security?done=email"), cookie)


def _shown(
    request: Request, found: Owner, waiting: EmailChange | None, status: int = 200, wait: int = 0, **values: Any
) -> Response:
    """The form for a new address, or, while one waits, the form for its code."""
    shown = {"email": "", "email_error": "", "code_error": ""} | values
    return page(
        request,
        "account_email.html",
        status=status,
        wait=wait,
        owner=found,
        waiting=waiting,
        sent="sent" in request.query_params,
        **shown,
    )
