"""`/account/second-factor`: what signs in beside the password, for whoever has just signed in with all of it."""

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import second_factor, sessions
from authserver.accounts.activity import Kind, just_happened
from authserver.accounts.second_factor import FACTORS, asking, changes, email_code, recovery_codes
from authserver.accounts.second_factor.asking import Refusal
from authserver.accounts.second_factor.changes import NeededError
from authserver.models import User
from authserver.pages import setting_up, texts
from authserver.pages.account.rows import Row
from authserver.pages.errors import not_found
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.setting_up import Place
from authserver.pages.texts import _
from authserver.pages.visit import Owner, browser_of, network_address, strong_owner

PAGE = "account/second-factor"


async def second_factors(request: Request) -> Response:
    services = services_of(request)
    if services.settings.second_factor == "off":
        return await not_found(request)
    form = await read_post(request) if request.method == "POST" else None
    found = await strong_owner(request, PAGE, form)
    if not isinstance(found, Owner):
        return found
    action = (form or {}).get("action")
    if action == "set_up" and form is not None:
        return await _set_up(request, found, form)
    if action in ("send", "remove", "new_codes") and form is not None:
        return await _change(request, found, action, form)
    return go(f"{services.settings.issuer}/{PAGE}") if form is not None else await _shown(request, found)


async def row(request: Request, session: AsyncSession, user: User) -> Row | None:
    settings = services_of(request).settings
    if settings.second_factor == "off":
        return None
    held = await second_factor.held(settings, session, user)
    return Row(_("Two-step sign-in"), _("On") if held.set_up else _("Off"), PAGE)


def _place(found: Owner) -> Place:
    return Place(PAGE, found.csrf, owner=found.browser.digest.hex(), back=PAGE)


async def _shown(request: Request, found: Owner) -> Response:
    services, asked = services_of(request), request.query_params
    async with services.database.unit() as session:
        held = await second_factor.held(services.settings, session, found.user)
        name = asked.get("set_up", "")
        if name in setting_up.choices(request, held.set_up):
            shown = await setting_up.form_page(request, session, _place(found), found.user, name, sent="sent" in asked)
            if shown is not None:
                return shown
        return await _overview(request, session, found)


async def _overview(
    request: Request, session: AsyncSession, found: Owner, *, needed: str = "", wait: int = 0
) -> Response:
    services, asked = services_of(request), request.query_params
    held = await second_factor.held(services.settings, session, found.user)
    since = {name: await FACTORS[name].since(session, found.user) for name in held.set_up}
    left = await recovery_codes.left(session, found.user)
    notices = {
        "added": (Kind.SECOND_FACTOR_ADDED, _("It is set up.")),
        "removed": (Kind.SECOND_FACTOR_REMOVED, _("It is removed.")),
    }
    kind, notice = notices.get(asked.get("done", ""), (None, ""))
    if needed or wait or not kind or not await just_happened(session, found.user.sub, kind, services.clock()):
        notice = ""
    return page(
        request,
        "account_second_factor.html",
        status=409 if needed else 429 if wait else 200,
        wait=wait,
        owner=found,
        place=_place(found),
        since={name: texts.day(moment) for name, moment in since.items() if moment is not None},
        choices=setting_up.choices(request, held.set_up),
        email=found.user.email,
        left=left,
        needed=needed,
        required=services.settings.second_factor == "required",
        mail_error=texts.wait(wait) if wait else "",
        notice=notice,
    )


async def _held(session: AsyncSession, found: Owner) -> User | None:
    """The account, if it and this session are as they were; the account first, as wherever sessions end."""
    user = await asking.hold(session, found.user)
    return user if user is not None and await sessions.hold(session, found.browser) else None


async def _change(request: Request, found: Owner, action: str, form: dict[str, str]) -> Response:
    services, name = services_of(request), form.get("method", "")
    issuer = services.settings.issuer
    async with services.database.unit() as session:
        user = await _held(session, found)
        if user is None:
            return go(f"{issuer}/{PAGE}")
        if action == "new_codes":
            codes = await changes.new_recovery_codes(services, session, user, browser_of(request))
            return setting_up.codes_page(request, codes, onward=PAGE, first=False) if codes else go(f"{issuer}/{PAGE}")
        if action == "remove":
            try:
                removed = await changes.remove(services, session, user, name, browser_of(request))
            except NeededError:
                return await _overview(request, session, found, needed=name)
            return go(f"{issuer}/{PAGE}{'?done=removed' if removed else ''}")
        held = await second_factor.held(services.settings, session, user)
        if email_code.NAME not in setting_up.choices(request, held.set_up):
            return go(f"{issuer}/{PAGE}")
        wait = await email_code.send(services, session, user, user.sub, network_address(request), setting_up=True)
        if not wait:
            return go(f"{issuer}/{_place(found).at(email_code.NAME)}&sent=1")
        if not await email_code.was_sent(session, user.sub, setting_up=True):
            return await _overview(request, session, found, wait=wait)
        refused = Refusal(asking.Reason.TOO_MANY, wait)
        shown = await setting_up.form_page(request, session, _place(found), user, email_code.NAME, refused=refused)
        assert shown is not None
        return shown


async def _set_up(request: Request, found: Owner, form: dict[str, str]) -> Response:
    services, name = services_of(request), form.get("method", "")
    issuer = services.settings.issuer
    async with services.database.unit() as session:
        held = await second_factor.held(services.settings, session, found.user)
    if name not in setting_up.choices(request, held.set_up):
        return go(f"{issuer}/{PAGE}")
    right = await setting_up.check(request, _place(found), found.user, name, form.get("code", ""))
    if isinstance(right, Refusal):
        async with services.database.unit() as session:
            shown = await setting_up.form_page(request, session, _place(found), found.user, name, refused=right)
        return shown or go(f"{issuer}/{PAGE}")
    async with services.database.unit() as session:
        user = await _held(session, found)
        if user is None or not await right.consume(session, services.clock()):
            return go(f"{issuer}/{PAGE}")
        codes = await changes.added(services, session, user, name, browser_of(request))
    if codes:
        return setting_up.codes_page(request, codes, onward=PAGE, first=True)
    return go(f"{issuer}/{PAGE}?done=added")
