"""`/`, which people type, and `/signed-in`, where a sign-in once ended: bookmarks still lead there."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.pages.render import go, services_of


async def signed_in(request: Request) -> Response:
    """Leads to `/account`."""
    return go(f"{services_of(request).settings.issuer}/account")
