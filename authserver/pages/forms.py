"""Forms: read strictly, and only from our own pages (contracts/security.md 6.45, 6.73)."""

from starlette.requests import Request

from authserver.accounts import sessions
from authserver.accounts.sign_in import Reason
from authserver.oauth.errors import PageError
from authserver.oauth.interactions import START_OVER, csrf_token
from authserver.oauth.requests import read_form
from authserver.pages.render import services_of
from authserver.secret_values import SecretKeys, same

#: the status of a page whose password was refused
REFUSED = {Reason.WRONG: 422, Reason.LOCKED: 429, Reason.TOO_MANY: 429}


async def read_post(request: Request) -> dict[str, str]:
    """The fields of a form. Raises `PageError` when another site's page sent it, and `InvalidRequestError`.

    The token that each form carries is checked beside it: neighbours on other ports share cookies, siblings of the
    domain are same-site. Browsers that tell neither `Origin` nor `Sec-Fetch-Site` are held by the token alone.
    """
    check_origin(request)
    return await read_form(request)


def check_origin(request: Request) -> None:
    """Raises `PageError` when another site's page sent this form."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if (origin is not None and origin != services_of(request).settings.origin) or site not in ("same-origin", "none"):
        raise PageError("foreign_form", START_OVER, 403)


def check_token(keys: SecretKeys, form: dict[str, str], owner: str, cookie: str) -> None:
    """The hidden field belongs to this owner (an interaction, or `session`) and the cookie of this browser."""
    presented = form.get("csrf_token", "").encode()
    expected = [csrf_token(key, owner, cookie).encode() for key in keys.all()]
    if not cookie or not any(same(presented, token) for token in expected):
        raise PageError("csrf", START_OVER, 403)


def session_token(request: Request) -> str:
    """The token for forms that belong to the browser's session instead of an interaction."""
    services = services_of(request)
    return csrf_token(services.secret_keys.current, "session", session_cookie(request))


def session_cookie(request: Request) -> str:
    return request.cookies.get(sessions.cookie_name(services_of(request).settings), "")
