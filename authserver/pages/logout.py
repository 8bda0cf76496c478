"""Signing out when an application asks for it: `/oauth2/logout` (OpenID Connect RP-Initiated Logout 1.0) and `/logout`
of Cognito's form. The person's own button is on `/account`.

Who knows this very session (`id_token_hint`) signs it out at once. Anybody else's link only asks the person, since it
may have been made by anybody (contracts/security.md 6.78). Cognito's form does what Cognito does, and no more.
"""

from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from authserver.accounts import sessions
from authserver.languages import N_
from authserver.oauth import logout
from authserver.oauth.errors import PageError
from authserver.oauth.logout import LogoutRequest
from authserver.oauth.requests import once, parse, read_form, sent
from authserver.pages.forms import check_origin, check_token, session_cookie, session_token
from authserver.pages.language import settle
from authserver.pages.render import go, page, services_of
from authserver.pages.visit import forget

UNKNOWN = N_("The app that sent you here is not registered with this server.")
ELSEWHERE = N_("The app that sent you here wants you to go on at an address that is not registered.")
UNSEEN = N_("Something wanted to sign you out without showing you this page. You are still signed in.")


async def end_session(request: Request) -> Response:
    """An application asks to sign somebody out: at once where it names this very session, else the person is asked."""
    if request.method == "POST":
        form = await read_form(request)
        if "csrf_token" in form:
            return await _answered(request, form)
        # from a client's own page: the browser gives our cookie to a navigation, and not to a form of another site
        kept = {name: form[name] for name in (*logout.PARAMETERS, "ui_locales") if form.get(name)}
        return go(f"{services_of(request).settings.issuer}/oauth2/logout?{urlencode(kept, quote_via=quote)}")
    services, now = services_of(request), services_of(request).clock()
    asked = await logout.read(services.oauth, _parameters(request))
    async with services.database.unit() as session:
        browser, user = await sessions.find(services.settings, session, now, request.cookies, note=False)
        if browser is None or user is None or (asked.is_of(browser) and is_seen(request)):
            await sessions.end(services.settings, session, now, request.cookies)
            return _leave(request, asked)
    settle(request, None, user)
    return page(
        request,
        "sign_out.html",
        redirect_uri=asked.redirect_uri,
        user=user,
        csrf=session_token(request),
        kept=asked.kept,
        application=asked.client.row.client_name if asked.client else "",
    )


async def _answered(request: Request, form: dict[str, str]) -> Response:
    """The request is read once more: nothing of it rests on what the page held."""
    services = services_of(request)
    check_origin(request)
    check_token(services.secret_keys, form, "session", session_cookie(request))
    if form.get("action") != "sign_out":
        return go(f"{services.settings.issuer}/account")
    asked = await logout.read(services.oauth, form)
    async with services.database.unit() as session:
        await sessions.end(services.settings, session, services.clock(), request.cookies)
    return _leave(request, asked)


def _leave(request: Request, asked: LogoutRequest) -> Response:
    return forget(request, go(asked.location or f"{services_of(request).settings.issuer}/signed-out"))


def _parameters(request: Request) -> dict[str, str]:
    """Each once, those that have a value. Raises `InvalidRequestError`."""
    return sent(once(parse(request.scope["query_string"])))


def is_seen(request: Request) -> bool:
    """Whether a person sees where this leads: a page is opened, not a picture, a frame or something fetched in advance.
    Browsers that tell neither are held by the cookie's `SameSite` alone."""
    told = request.headers
    return (
        told.get("sec-fetch-mode", "navigate") == "navigate"
        and told.get("sec-fetch-dest", "document") == "document"
        and "prefetch" not in told.get("sec-purpose", told.get("purpose", ""))
    )


async def cognito_logout(request: Request) -> Response:
    """`client_id` with `logout_uri`, which wins, or with `redirect_uri` and `response_type` (contracts/cognito.md 1.5).
    It ends the browser's session and revokes nothing."""
    services, given = services_of(request), _parameters(request)
    client = await services.clients.get(given["client_id"]) if given.get("client_id") else None
    if client is None:
        raise PageError("unknown_client", UNKNOWN)
    if "logout_uri" in given:
        location = given["logout_uri"]
        registered = location in client.row.post_logout_redirect_uris
    else:
        location = f"{services.settings.issuer}/login?{urlencode(given, quote_via=quote)}"
        registered = client.check_redirect_uri(given.get("redirect_uri", "")) and "response_type" in given
    if not registered:
        raise PageError("redirect_mismatch", ELSEWHERE)
    if not is_seen(request):
        raise PageError("not_seen", UNSEEN, 403)
    async with services.database.unit() as session:
        await sessions.end(services.settings, session, services.clock(), request.cookies)
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return forget(request, RedirectResponse(location, 302, headers))


async def signed_out(request: Request) -> Response:
    """Where it ends without an application to return to; whoever is signed in after all is led to the account."""
    services = services_of(request)
    async with services.database.unit() as session:
        browser, _user = await sessions.find(services.settings, session, services.clock(), request.cookies, note=False)
    return go(f"{services.settings.issuer}/account") if browser is not None else page(request, "signed_out.html")
