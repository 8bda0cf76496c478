"""`GET` and `POST /oauth2/authorize` (RFC 6749 §3.1): checks the request and sends the browser to the page it needs."""

from urllib.parse import quote, urlencode

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from authserver.accounts import sessions
from authserver.oauth import authorization, consents, incoming, interactions, pushed
from authserver.oauth.errors import KEEP_ON, PageError
from authserver.oauth.incoming import Incoming
from authserver.oauth.redirects import FormPost, Reply, mode_of, reply
from authserver.oauth.requests import parse, read_body
from authserver.oauth.responses import NO_STORE, STRICT
from authserver.services import Services

LONGEST_LINK = 8000  # characters of a query, which every proxy lets through


async def _parameters(request: Request) -> dict[str, list[str]]:
    """Those that have a value (RFC 6749 §3.1). Raises `PageError`: nothing is known yet of where an answer could go."""
    try:
        encoded = await read_body(request) if request.method == "POST" else request.scope["query_string"]
        return {name: values for name, values in parse(encoded).items() if any(values)}
    except InvalidRequestError as error:
        status = error.status_code or 400
        if status == 413 and request.method != "POST":
            status = 414
        raise PageError(
            "malformed_request", "The link that brought you here is damaged or too long.", status, go_back=True
        ) from error


async def authorize(request: Request) -> Response:
    """Unknown client or redirect URI: a page. Any other fault: to the client, with `error`, `state` and `iss`. Else the
    request is kept as an interaction and the browser goes to the first page that is missing, or straight back."""
    services: Services = request.app.state.services
    oauth, now = services.oauth, services.clock()
    values = await _parameters(request)
    if link := _link(request, services, values):
        return _answer(request, link)
    found = await incoming.read(oauth, values, now)
    to = found.to
    try:
        if found.error is not None:
            raise found.error
        kept = await authorization.validate(oauth, to, found.parameters, now, found.repeated)
    except OAuth2Error as error:
        return await _error(request, found, error)
    if found.pushed:
        kept[pushed.NAME] = found.pushed
    async with services.database.unit(keep_on=KEEP_ON) as session:
        browser, user = await sessions.find(services.settings, session, now, request.cookies, note=False)
        silent = "none" in consents.prompts(kept)
        if not silent:  # the count before the session: whoever waits for it holds nothing that others wait for
            sub, address = (user.sub if user else ""), network_address(request)
            await interactions.admit(services.settings, services.secret_keys, session, now, address, sub)
        if browser is not None:
            await sessions.note_seen(session, now, browser)
        if silent:
            back = await authorization.silently(oauth, session, kept, to, browser, user)
            return _answer(request, back)
        interaction, cookie = await interactions.create(
            services.settings,
            session,
            now,
            client_id=to.client.client_id,
            request=kept,
            auth_not_before=authorization.freshness(kept, now),
        )
        location = await authorization.advance(oauth, session, interaction, browser, user)
    response = _answer(request, location)
    if interaction.completed_at is None:
        interactions.keep(services.settings, request.cookies, response, interaction.interaction_id, cookie)
    return response


def _link(request: Request, services: Services, values: dict[str, list[str]]) -> str:
    """The same request as a link, where a client's own page has posted it: the browser gives our cookie
    (`SameSite=Lax`) to a navigation, and not to a form of another site, and who is signed in would seem to be nobody.
    '' for any other, and for one that is too long for a link."""
    if request.method != "POST" or request.headers.get("sec-fetch-site") != "cross-site":
        return ""
    if sessions.cookie_name(services.settings) in request.cookies:
        return ""
    query = urlencode(values, doseq=True, quote_via=quote)
    return f"{services.oauth.issuer}/oauth2/authorize?{query}" if len(query) <= LONGEST_LINK else ""


async def _error(request: Request, found: Incoming, error: OAuth2Error) -> Response:
    """To the client; a pushed request is used by that."""
    services: Services = request.app.state.services
    answer = {"error": str(error.error)}
    if error.description:
        answer["error_description"] = error.description
    if found.pushed:
        async with services.database.unit(keep_on=KEEP_ON) as session:
            await pushed.consume(session, {pushed.NAME: found.pushed}, services.clock())
    mode = mode_of(found.to, found.parameters)
    return _answer(request, reply(found.to.redirect_uri, services.oauth.issuer, found.parameters, answer, mode))


def network_address(request: Request) -> str:
    """The client's address as the server knows it; forwarding headers count only from trusted proxies."""
    return request.client.host if request.client else ""


def _answer(request: Request, back: Reply) -> Response:
    """303, so that the body of a POST never travels on (contracts/security.md 6.46); or the page that posts."""
    services: Services = request.app.state.services
    if isinstance(back, FormPost):
        page: Response = request.app.state.form_post_page(request, back)
        return page
    headers = {**NO_STORE, "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
    return RedirectResponse(back, 303, headers | (STRICT if services.settings.secure else {}))
