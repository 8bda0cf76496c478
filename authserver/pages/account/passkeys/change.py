"""`/account/passkeys/change` and `…/remove`: another name for a passkey, or its end, in two steps."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts.passkeys import own
from authserver.models import Passkey
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Owner, browser_of, owner, strong_owner

KEY_LENGTH = 24  # characters of `own.key_of`


async def change(request: Request) -> Response:
    """The name. What is gone, or somebody else's, leads back to the list."""
    services = services_of(request)
    form = await read_post(request) if request.method == "POST" else None
    key = _key(request, form)
    found = await owner(request, f"account/passkeys/change?passkey={key}" if key else "account/passkeys", form)
    if not isinstance(found, Owner):
        return found
    passkey = await _passkey(request, found, key)
    if passkey is None:
        return _to_list(request)
    if form is None:
        return _change_page(request, found, passkey, passkey.name)
    typed = form.get("name", "")
    name = own.read_name(typed)
    if name is None:
        error = (
            _("Use at most {longest} characters.").format(longest=own.LONGEST_NAME)
            if typed.strip()
            else _("Type a name.")
        )
        return _change_page(request, found, passkey, typed[:400], error)
    async with services.database.unit() as session:
        await own.rename(session, found.user.sub, key, name)
    return _to_list(request)


async def remove(request: Request) -> Response:
    """For whoever has just signed in: asks first, and the Enter key keeps it."""
    services = services_of(request)
    form = await read_post(request) if request.method == "POST" else None
    key = _key(request, form)
    found = await strong_owner(request, f"account/passkeys/remove?passkey={key}" if key else "account/passkeys", form)
    if not isinstance(found, Owner):
        return found
    passkey = await _passkey(request, found, key)
    if passkey is None:
        return _to_list(request)
    if form is None:
        return page(request, "passkey_remove.html", owner=found, passkey=passkey, key=key)
    if form.get("action") != "remove":
        return _to_list(request)
    async with services.database.unit() as session:
        removed = await own.remove(services, session, found.user, key, browser_of(request))
    return _to_list(request, "?done=removed" if removed else "")


def _key(request: Request, form: dict[str, str] | None) -> str:
    """The passkey that address or form name; '' for what can name none: it stands in addresses that we write."""
    key = (request.query_params if form is None else form).get("passkey", "")
    proper = len(key) == KEY_LENGTH and key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if proper else ""


async def _passkey(request: Request, found: Owner, key: str) -> Passkey | None:
    async with services_of(request).database.unit() as session:
        return await own.find(session, found.user.sub, key)


def _to_list(request: Request, query: str = "") -> Response:
    return go(f"{services_of(request).settings.issuer}/account/passkeys{query}")


def _change_page(request: Request, found: Owner, passkey: Passkey, name: str, error: str = "") -> Response:
    return page(
        request,
        "passkey_change.html",
        status=422 if error else 200,
        owner=found,
        key=own.key_of(passkey),
        name_typed=name,
        name_error=error,
        longest=own.LONGEST_NAME,
        where=texts.passkey_place(passkey.backup_eligible),
        since=texts.day(passkey.created_at),
    )
