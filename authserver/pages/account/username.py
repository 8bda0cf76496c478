"""`/account/username`: another name to sign in with, for whoever types the password."""

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import own_account, usernames
from authserver.accounts.names import NotAUsernameError, read_username
from authserver.accounts.own_account import OutdatedError
from authserver.accounts.sign_in import Reason, Refusal
from authserver.accounts.sign_up import UnusableName
from authserver.models import User
from authserver.pages import texts
from authserver.pages.account.rows import Row
from authserver.pages.errors import not_found
from authserver.pages.forms import REFUSED, read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Owner, browser_of, fresh_owner, network_address, owner, passes_of

PAGE = "account/username"


async def row(request: Request, _session: AsyncSession, user: User) -> Row | None:
    if not services_of(request).settings.username_signs_in:
        return None
    return Row(_("User name"), usernames.shown(user) or _("Not set"), PAGE)


async def username(request: Request) -> Response:
    """There where people sign in with user names."""
    services = services_of(request)
    if not services.settings.username_signs_in:
        return await not_found(request)
    form = await read_post(request) if request.method == "POST" else None
    found = await owner(request, PAGE, form)
    if isinstance(found, Owner) and found.user.password_hash is None:
        found = await fresh_owner(request, PAGE, form)
    if not isinstance(found, Owner):
        return found
    if form is None:
        return _page(request, found, usernames.shown(found.user) or "")
    typed, password = form.get("username", ""), form.get("password", "")
    try:
        chosen = read_username(typed)
    except NotAUsernameError:
        return _unusable(request, found, typed, UnusableName.MALFORMED if typed.strip() else UnusableName.MISSING)
    proof: own_account.Proof | Refusal
    if found.user.password_hash is None:
        proof = own_account.prove_without(services, found.user)
    elif not password:
        return _page(request, found, typed, 422, password_error=_("Type your password."))
    else:
        proof = await own_account.prove(services, found.user, password, network_address(request), passes_of(request))
    if isinstance(proof, Refusal):
        return _refused(request, found, typed, proof)
    try:
        async with services.database.unit() as session:
            given = await own_account.change_username(services, session, proof, chosen, browser_of(request))
    except OutdatedError:  # in another tab somebody was faster
        again = await owner(request, PAGE)
        return _refused(request, again, typed, Refusal(Reason.WRONG)) if isinstance(again, Owner) else again
    if not given:
        return _unusable(request, found, typed, UnusableName.TAKEN)
    return go(f"{services.settings.issuer}/account/security?done=username")


def _unusable(request: Request, found: Owner, typed: str, reason: UnusableName) -> Response:
    return _page(request, found, typed, 422, username_error=texts.unusable_name(reason))


def _refused(request: Request, found: Owner, typed: str, refused: Refusal) -> Response:
    error = texts.password_refusal(refused.reason, refused.wait, services_of(request).settings)
    return _page(request, found, typed, REFUSED[refused.reason], refused.wait, password_error=error)


def _page(
    request: Request,
    found: Owner,
    typed: str,
    status: int = 200,
    wait: int = 0,
    *,
    username_error: str = "",
    password_error: str = "",
) -> Response:
    return page(
        request,
        "account_username.html",
        status=status,
        wait=wait,
        owner=found,
        username=typed,
        username_error=username_error,
        password_error=password_error,
    )
