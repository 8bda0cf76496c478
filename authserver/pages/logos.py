"""`/client-logo/…`: the picture that an operator gave a client, under an address that changes with it."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from authserver.oauth import logos
from authserver.oauth.clients import RegisteredClient
from authserver.pages.render import services_of

#: it is shown in an `<img>`; opened by itself it may do nothing
HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def path(client: RegisteredClient | None) -> str:
    """The path under the issuer's; '' for a client without a picture."""
    if client is None or not client.logo:
        return ""
    return f"/client-logo/{quote(client.client_id, safe='')}/{client.logo}"


async def client_logo(request: Request) -> Response:
    """Any other version than the present one is not there."""
    async with services_of(request).database.unit() as session:
        logo = await logos.find(session, request.path_params["client_id"])
    if logo is None or logo.version != request.path_params["version"]:
        return Response(status_code=404, headers={"Cache-Control": "no-store"})
    return Response(logo.picture, media_type=logo.media_type, headers=HEADERS)
