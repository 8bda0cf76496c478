"""`/account/password`: the present password and a new one."""

from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import own_account
from authserver.accounts.own_account import NewPassword, OutdatedError
from authserver.accounts.password_policy import Weak
from authserver.accounts.sign_in import Reason, Refusal
from authserver.models import User
from authserver.pages import texts
from authserver.pages.account.rows import Row
from authserver.pages.forms import REFUSED, read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Owner, fresh_owner, know, network_address, owner, passes_of, remember, user_agent

PAGE = "account/password"


async def row(_request: Request, _session: AsyncSession, user: User) -> Row:
    return Row(_("Password"), _("Set") if user.password_hash else _("Not set"), PAGE)


async def password(request: Request) -> Response:
    """Afterwards this browser alone is signed in, under a new id."""
    form = await read_post(request) if request.method == "POST" else None
    found = await owner(request, PAGE, form)
    if isinstance(found, Owner) and found.user.password_hash is None:
        found = await fresh_owner(request, PAGE, form)
    if not isinstance(found, Owner):
        return found
    if form is None:
        return _page(request, found)
    checked = await _checked(request, found, form)
    if isinstance(checked, Response):
        return checked
    services = services_of(request)
    try:
        async with services.database.unit() as session:
            _browser, cookie = await own_account.change_password(
                services,
                session,
                checked,
                cookies=request.cookies,
                user_agent=user_agent(request),
                address=network_address(request),
            )
            response = remember(request, go(f"{services.settings.issuer}/account/security?done=password"), cookie)
            return await know(request, session, response, found.user)
    except OutdatedError:  # in another tab somebody was faster; this session may have ended with it
        again = await owner(request, PAGE)
        return _refused(request, again, Refusal(Reason.WRONG)) if isinstance(again, Owner) else again


async def _checked(request: Request, found: Owner, form: dict[str, str]) -> NewPassword | Response:
    """The proof, or the page that says what is wrong."""
    services, present, new = services_of(request), form.get("present_password", ""), form.get("password", "")
    checked: NewPassword | Weak | Refusal
    if found.user.password_hash is None:
        checked = await own_account.check_first(services, found.user, new)
    elif not present:
        return _page(request, found, 422, present_error=_("Type your present password."))
    else:
        checked = await own_account.check_change(
            services, found.user, present, new, network_address(request), passes_of(request)
        )
    if isinstance(checked, Weak):
        return _page(request, found, 422, password_error=texts.weakness(checked, services.settings))
    return _refused(request, found, checked) if isinstance(checked, Refusal) else checked


def _refused(request: Request, found: Owner, refused: Refusal) -> Response:
    error = texts.password_refusal(refused.reason, refused.wait, services_of(request).settings)
    return _page(request, found, REFUSED[refused.reason], refused.wait, present_error=error)


def _page(request: Request, found: Owner, status: int = 200, wait: int = 0, **values: Any) -> Response:
    shown = {"present_error": "", "password_error": ""} | values
    return page(request, "account_password.html", status=status, wait=wait, owner=found, **shown)
