"""`/choose-account`: with this account or with another? Where a client asks for it (`prompt=select_account`) and no
consent page does so anyway."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import sessions
from authserver.oauth import authorization, interactions
from authserver.oauth.errors import KEEP_ON
from authserver.oauth.interactions import Step
from authserver.pages.forms import read_post
from authserver.pages.render import page, services_of
from authserver.pages.visit import forget, leave, load, onward


async def choose_account(request: Request) -> Response:
    """The form names the account that the page showed: whoever signed in meanwhile was not chosen."""
    services = services_of(request)
    form = await read_post(request) if request.method == "POST" else None
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        if visit.step is not Step.CHOOSE_ACCOUNT or visit.browser is None or visit.user is None:
            return await onward(request, session, visit)
        action = (form or {}).get("action")
        if action == "continue" and (form or {}).get("account") == visit.user.sub:
            interactions.bind(session, visit.interaction, visit.browser)
            return await onward(request, session, visit)
        if action == "switch":
            await sessions.end(services.settings, session, services.clock(), request.cookies)
            interactions.sign_in_again(session, visit.interaction)
            return forget(request, leave(request, visit, f"{services.settings.issuer}/login{visit.query}"))
        if action == "cancel":
            return leave(request, visit, await authorization.refuse(services.oauth, session, visit.interaction))
    return page(request, "choose_account.html", redirect_uri=visit.redirect_uri, visit=visit)
