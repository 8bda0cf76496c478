"""One way to make a page: the template, and the headers that every page has."""

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from authserver.accounts.password_policy import Policy
from authserver.languages import current
from authserver.oauth.responses import STRICT
from authserver.pages import texts
from authserver.pages.language import here
from authserver.pages.look import Look
from authserver.services import Services
from authserver.settings import Settings, is_loopback

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def form_targets(redirect_uri: str) -> str:
    """Where a form may lead besides ourselves: Chromium and WebKit hold `form-action` against the whole chain of
    redirects, and Amazon hops on (contracts/alexa.md 1.3). The URI is registered: nothing is smuggled in."""
    parts = urlsplit(redirect_uri)
    if parts.scheme == "https":
        return " https:"
    if parts.scheme == "http" and is_loopback(redirect_uri):
        here = "http:" if ":" in (parts.hostname or "") else f"http://{parts.netloc}"  # CSP knows no IPv6 host
        return f" https: {here}"
    return f" https: {parts.scheme}:" if parts.scheme else " https:"


def headers(settings: Settings, *, redirect_uri: str = "", referrer: str = "same-origin") -> dict[str, str]:
    """`same-origin` tells no other host where the browser comes from. `no-referrer` would do so too, but makes browsers
    send `Origin: null` with our own forms (Fetch, "append a request `Origin` header"), which `forms` refuses."""
    found = {
        "Content-Security-Policy": POLICY + (form_targets(redirect_uri) if redirect_uri else ""),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": referrer,
        "Cache-Control": "no-store",
        "Content-Language": current().tag,
        "Vary": "Accept-Language, Cookie",
    }
    return found | (STRICT if settings.secure else {})


def _is_authorize(request: Request) -> bool:
    """There nothing of what was sent is shown again, not even in a field: it may be anybody's."""
    return bool(request.scope["path"] == f"{request.app.state.settings.issuer_path}/oauth2/authorize")


def page(
    request: Request, template: str, *, status: int = 200, redirect_uri: str = "", wait: int = 0, **values: Any
) -> Response:
    """`wait`: seconds for `Retry-After`."""
    settings: Settings = request.app.state.settings
    look: Look = request.app.state.look
    shared = {
        "name": settings.name,
        "root": settings.issuer_path,
        "asset": look.files.url,
        "look": look,
        "language": current(),
        "here": "" if status == 503 or _is_authorize(request) else here(request),
        "name_label": texts.name_label(settings),
        "email_alone": not settings.username_signs_in,
        "policy": Policy.of(settings),
    }
    body = look.templates.render(template, values | shared)
    response = HTMLResponse(body, status, headers(settings, redirect_uri=redirect_uri))
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response


def go(location: str) -> Response:
    """303: a POST never travels on with its password (contracts/security.md 6.46), nor does our address."""
    return RedirectResponse(location, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
