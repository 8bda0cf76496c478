"""`/account/passkeys/add`: a new passkey, for whoever has just signed in."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts.passkeys import PasskeyRefusal, Reason, registrations
from authserver.accounts.user_agents import device_of
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.passkeys.sign_in import REFUSED
from authserver.pages.render import go, page, services_of
from authserver.pages.visit import Owner, browser_of, owner, strong_owner, user_agent

PAGE = "account/passkeys/add"


async def add(request: Request) -> Response:
    """The form needs no fresh sign-in: the challenge that it answers was given for one, to this session (`options`)."""
    services = services_of(request)
    if request.method == "GET":
        found = await strong_owner(request, PAGE)
        return _page(request, found) if isinstance(found, Owner) else found
    form = await read_post(request)
    found = await owner(request, PAGE, form)
    if not isinstance(found, Owner):
        return found
    if not services.settings.relying_party_id:
        return _page(request, found, PasskeyRefusal(Reason.NOTHING))
    name = texts.passkey_name(device_of(user_agent(request)))
    new = await registrations.check(services, found.user, found.browser, form.get("credential", ""), name)
    if isinstance(new, PasskeyRefusal):
        return _page(request, found, new)
    async with services.database.unit() as session:
        added = await registrations.add(services, session, new, found.browser, browser_of(request))
    if isinstance(added, PasskeyRefusal):
        return _page(request, found, added)
    return go(f"{services.settings.issuer}/account/passkeys?done=added")


def _page(request: Request, found: Owner, refused: PasskeyRefusal | None = None) -> Response:
    status = REFUSED.get(refused.reason, 422) if refused else 200
    error = texts.new_passkey_refusal(refused.reason) if refused else ""
    possible = bool(services_of(request).settings.relying_party_id)
    return page(request, "passkey_add.html", status=status, owner=found, passkey_error=error, possible=possible)


async def cognitos_path(request: Request) -> Response:
    """`/passkeys/add` (contracts/cognito.md 1.5)."""
    return go(f"{services_of(request).settings.issuer}/{PAGE}")
