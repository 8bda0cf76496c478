"""`POST /oauth2/revoke` (RFC 7009), with Cognito's answers: an empty 200; 400 `unsupported_token_type`."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.oauth.endpoints.token_questions import answered
from authserver.oauth.responses import CORS, NO_STORE


async def revoke(request: Request) -> Response:
    """End a token. 200 also for an unknown, foreign or ended one, which nothing happens to (RFC 7009 §2.2)."""
    found = await answered(request, request.app.state.services, "revocation", "/oauth2/revoke")
    return found if isinstance(found, Response) else Response(b"", 200, {**NO_STORE, **CORS})
