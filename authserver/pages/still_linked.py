"""`/still-linked`: after a new password, what is linked all the same, each with a button that ends it.

A new password does not unlink Alexa (design, decision 6): whoever took the account over may have linked theirs.
"""

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts.activity import Kind, note
from authserver.oauth import granted
from authserver.oauth.errors import KEEP_ON
from authserver.oauth.interactions import Step
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.render import page, services_of
from authserver.pages.visit import browser_of, load, onward


async def still_linked(request: Request) -> Response:
    """Nothing left, or *Continue*, goes on with what this browser came for."""
    services = services_of(request)
    now = services.clock()
    form = await read_post(request) if request.method == "POST" else None
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        if visit.user is None or visit.step is Step.SIGN_IN:
            return await onward(request, session, visit)
        sub = visit.user.sub
        ended = None
        links = await granted.granted(session, now, sub=sub)
        if form is not None and "unlink" in form:
            # both conditions: nobody ends somebody else's link by its id
            ended = await granted.revoke(session, now, origin_jti=form["unlink"][:64], sub=sub)
            names = [one.client_name for one in links if one.origin_jti == form["unlink"]]
            if ended and names:
                await note(session, sub, Kind.UNLINKED, now, browser_of(request), application=names[0])
            links = await granted.granted(session, now, sub=sub)
        if not links or (form is not None and "unlink" not in form):
            return await onward(request, session, visit)
    return page(
        request,
        "still_linked.html",
        redirect_uri=visit.redirect_uri,
        visit=visit,
        ended=ended,
        links=[(link, texts.day(link.created_at)) for link in links],
    )
