"""`/account/passkeys`: the passkeys of a person."""

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import activity
from authserver.accounts.activity import Kind
from authserver.accounts.passkeys import own
from authserver.models import Passkey, User
from authserver.pages import texts
from authserver.pages.account.rows import Row
from authserver.pages.render import page, services_of
from authserver.pages.texts import _, _n
from authserver.pages.visit import Owner, owner

PAGE = "account/passkeys"
JUST_NOW = 300  # seconds


async def row(request: Request, session: AsyncSession, user: User) -> Row | None:
    """None where there are none, and can be none."""
    count = len(await own.every(session, user.sub))
    if not count and not services_of(request).settings.relying_party_id:
        return None
    state = _n("{count} passkey", "{count} passkeys", count).format(count=count) if count else _("No passkey")
    return Row(_("Passkeys"), state, PAGE)


async def passkeys(request: Request) -> Response:
    """Each leads to its own page. A browser that can is told which of them still count, so that the person's password
    manager offers no others (WebAuthn §5.1.10)."""
    services = services_of(request)
    found = await owner(request, PAGE)
    if not isinstance(found, Owner):
        return found
    async with services.database.unit() as session:
        present = await own.every(session, found.user.sub)
        notice = await _notice(request, session, found)
    accepted = {
        "rpId": services.settings.relying_party_id,
        "userId": own.base64url(own.user_handle(found.user)),
        "allAcceptedCredentialIds": [own.base64url(passkey.credential_id) for passkey in present],
    }
    return page(
        request,
        "passkeys.html",
        owner=found,
        passkeys=[_shown(passkey, services.clock()) for passkey in present],
        accepted=accepted,
        possible=bool(services.settings.relying_party_id),
        notice=notice,
    )


def _shown(passkey: Passkey, now: int) -> dict[str, str]:
    used = passkey.last_used_at
    return {
        "key": own.key_of(passkey),
        "name": passkey.name,
        "where": texts.passkey_place(passkey.backup_eligible),
        "since": texts.day(passkey.created_at),
        "used": _("never") if used is None else texts.ago(now - used) if now - used < 86_400 else texts.day(used),
    }


async def _notice(request: Request, session: AsyncSession, found: Owner) -> str:
    """What was done. Whoever makes somebody open a link can make this page say nothing that is not so."""
    said = {
        "added": (Kind.PASSKEY_ADDED, _("Your new passkey is “{name}”. From now on it signs you in.")),
        "removed": (Kind.PASSKEY_REMOVED, _("The passkey “{name}” is removed. It no longer signs anybody in.")),
    }
    kind, text = said.get(request.query_params.get("done", ""), (None, ""))
    earliest = services_of(request).clock() - JUST_NOW
    for event in await activity.recent(session, found.user.sub, 10) if kind else ():
        if event.kind == kind and event.at >= earliest:
            return text.format(name=event.details.get("name", ""))
    return ""
