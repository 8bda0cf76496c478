"""`/account/security`: how somebody signs in, a row for each thing; the pages behind the rows change it."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import activity, usernames
from authserver.accounts.activity import Kind
from authserver.pages.account import email, password, second_factor, username
from authserver.pages.account.passkeys import own as passkeys
from authserver.pages.account.rows import RowOf
from authserver.pages.render import page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Owner, owner

PAGE = "account/security"

#: in the order of the page
ROWS: tuple[RowOf, ...] = (email.row, username.row, password.row, passkeys.row, second_factor.row)


async def security(request: Request) -> Response:
    found = await owner(request, PAGE)
    if not isinstance(found, Owner):
        return found
    async with services_of(request).database.unit() as session:
        rows = [row for make in ROWS if (row := await make(request, session, found.user)) is not None]
        events = await activity.recent(session, found.user.sub, 10)
    # what happened just now, and gave this browser its present session
    happened = {one.kind for one in events if one.at == found.browser.created_at}
    return page(request, "account_security.html", owner=found, rows=rows, notice=_notice(request, found, happened))


def _notice(request: Request, found: Owner, happened: set[str]) -> str:
    """What was done. Whoever makes somebody open a link can make this page say nothing that is not so."""
    done = request.query_params.get("done")
    if done == "password" and Kind.PASSWORD_CHANGED in happened:
        return _("Your new password holds. All other devices are signed out.")
    if done == "username" and usernames.shown(found.user) is not None:
        return _("You sign in as {username} from now on.").format(username=usernames.shown(found.user))
    if done == "email" and Kind.EMAIL_CHANGED in happened:
        return _("Your new address holds. All other devices are signed out; what is linked stays linked.")
    return ""
