"""`/account/delete` and `/account/deleted`: the end of an account, for whoever types its password and has proved its
second factor, where there is one."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import own_account, sessions
from authserver.accounts.own_account import OutdatedError
from authserver.accounts.sign_in import Reason, Refusal
from authserver.oauth import granted
from authserver.pages import texts
from authserver.pages.forms import REFUSED, read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Owner, forget, fresh_owner, network_address, owner, passes_of, with_factor

PAGE = "account/delete"


async def delete(request: Request) -> Response:
    """What ends with it, and the password. Only the button that says so deletes; the Enter key keeps the account."""
    services = services_of(request)
    form = await read_post(request) if request.method == "POST" else None
    found = await owner(request, PAGE, form)
    if isinstance(found, Owner) and found.user.password_hash is None:
        found = await fresh_owner(request, PAGE, form)
    found = await with_factor(request, PAGE, found)
    if not isinstance(found, Owner):
        return found
    if form is None:
        return await _page(request, found)
    if form.get("action") != "delete":
        return go(f"{services.settings.issuer}/account/data?done=kept")
    typed = form.get("password", "")
    proof: own_account.Proof | Refusal
    if found.user.password_hash is None:
        proof = own_account.prove_without(services, found.user)
    elif not typed:
        return await _page(request, found, 422, password_error=_("Type your password."))
    else:
        proof = await own_account.prove(services, found.user, typed, network_address(request), passes_of(request))
    if isinstance(proof, Refusal):
        return await _refused(request, found, proof)
    try:
        async with services.database.unit() as session:
            await own_account.delete_account(services, session, proof)
    except OutdatedError:  # in another tab somebody was faster
        again = await owner(request, PAGE)
        return await _refused(request, again, Refusal(Reason.WRONG)) if isinstance(again, Owner) else again
    return forget(request, go(f"{services.settings.issuer}/account/deleted"))


async def deleted(request: Request) -> Response:
    """Says that it is done; who is still signed in has an account, and is led to it."""
    services = services_of(request)
    async with services.database.unit() as session:
        _browser, user = await sessions.find(services.settings, session, services.clock(), request.cookies)
    if user is not None:
        return go(f"{services.settings.issuer}/account")
    return page(request, "account_deleted.html", sign_up=services.settings.sign_up)


async def _refused(request: Request, found: Owner, refused: Refusal) -> Response:
    error = texts.password_refusal(refused.reason, refused.wait, services_of(request).settings)
    return await _page(request, found, REFUSED[refused.reason], refused.wait, error)


async def _page(request: Request, found: Owner, status: int = 200, wait: int = 0, password_error: str = "") -> Response:
    services = services_of(request)
    async with services.database.unit() as session:
        links = await granted.granted(session, services.clock(), sub=found.user.sub)
    names = list(dict.fromkeys(link.client_name for link in links))
    return page(
        request,
        "account_delete.html",
        status=status,
        wait=wait,
        owner=found,
        applications=names,
        password_error=password_error,
    )
