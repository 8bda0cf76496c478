"""`/account/passkeys/change` and `…/remove`: another name for a passkey, or its end, in two steps."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts.passkeys import own
from authserver.models import Passkey
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Owner, browser_of, owner, strong_owner

LIST = "account/passkeys"
KEY_LENGTH = 24  # characters of `own.key_of`

Whose = Callable[[Request, str, dict[str, str] | None], Awaitable[Owner | Response]]


@dataclass(frozen=True)
class Chosen:
    """A passkey of whoever is signed in, and what they sent about it; `form` is None where they only look."""

    owner: Owner
    passkey: Passkey
    form: dict[str, str] | None

    @property
    def key(self) -> str:
        return own.key_of(self.passkey)


async def change(request: Request) -> Response:
    """The name."""
    chosen = await _chosen(request, "change", owner)
    if not isinstance(chosen, Chosen):
        return chosen
    if chosen.form is None:
        return _change_page(request, chosen, chosen.passkey.name)
    typed = chosen.form.get("name", "")
    name = own.read_name(typed)
    if name is None:
        error = (
            _("Use at most {longest} characters.").format(longest=own.LONGEST_NAME)
            if typed.strip()
            else _("Type a name.")
        )
        return _change_page(request, chosen, typed[:400], error)
    async with services_of(request).database.unit() as session:
        await own.rename(session, chosen.owner.user.sub, chosen.key, name)
    return _to_list(request)


async def remove(request: Request) -> Response:
    """For whoever has just signed in: asks first, and the Enter key keeps it."""
    services = services_of(request)
    chosen = await _chosen(request, "remove", strong_owner)
    if not isinstance(chosen, Chosen):
        return chosen
    if chosen.form is None:
        return page(request, "passkey_remove.html", owner=chosen.owner, passkey=chosen.passkey, key=chosen.key)
    if chosen.form.get("action") != "remove":
        return _to_list(request)
    async with services.database.unit() as session:
        removed = await own.remove(services, session, chosen.owner.user, chosen.key, browser_of(request))
    return _to_list(request, "?done=removed" if removed else "")


async def _chosen(request: Request, step: str, whose: Whose) -> Chosen | Response:
    """The passkey that the page is about. What is gone, or somebody else's, leads back to the list; whoever is not
    signed in, or not for long enough ago (`whose`), to sign-in and back to this step."""
    form = await read_post(request) if request.method == "POST" else None
    key = _key(request, form)
    found = await whose(request, f"{LIST}/{step}?passkey={key}" if key else LIST, form)
    if not isinstance(found, Owner):
        return found
    async with services_of(request).database.unit() as session:
        passkey = await own.find(session, found.user.sub, key)
    return _to_list(request) if passkey is None else Chosen(found, passkey, form)


def _key(request: Request, form: dict[str, str] | None) -> str:
    """The passkey that address or form name; '' for what can name none: it stands in addresses that we write."""
    key = (request.query_params if form is None else form).get("passkey", "")
    proper = len(key) == KEY_LENGTH and key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if proper else ""


def _to_list(request: Request, query: str = "") -> Response:
    return go(f"{services_of(request).settings.issuer}/{LIST}{query}")


def _change_page(request: Request, chosen: Chosen, name: str, error: str = "") -> Response:
    return page(
        request,
        "passkey_change.html",
        status=422 if error else 200,
        owner=chosen.owner,
        key=chosen.key,
        name_typed=name,
        name_error=error,
        longest=own.LONGEST_NAME,
        where=texts.passkey_place(chosen.passkey.backup_eligible),
        since=texts.day(chosen.passkey.created_at),
    )
