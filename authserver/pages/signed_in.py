"""`/signed-in`: where a sign-in ends that no application asked for. Signing out is here."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import sessions
from authserver.pages.forms import check_token, read_post, session_cookie, session_token
from authserver.pages.render import go, page, services_of


async def signed_in(request: Request) -> Response:
    services = services_of(request)
    settings = services.settings
    if request.method == "POST":
        form = await read_post(request)
        check_token(services.secret_keys, form, "session", session_cookie(request))
        async with services.database.unit() as session:
            await sessions.end(settings, session, request.cookies)
        response = go(f"{settings.issuer}/login")
        response.delete_cookie(sessions.cookie_name(settings), **sessions.cookie_options(settings))
        return response
    async with services.database.unit() as session:
        _, user = await sessions.find(settings, session, services.clock(), request.cookies)
    if user is None:
        return go(f"{settings.issuer}/login")
    return page(request, "signed_in.html", user=user, csrf=session_token(request))
