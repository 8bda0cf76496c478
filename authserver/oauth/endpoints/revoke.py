"""`POST /oauth2/revoke` (RFC 7009), with Cognito's answers: empty 200; 400 `unsupported_token_type` for others."""

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from sqlalchemy.util.concurrency import greenlet_spawn
from starlette.requests import Request
from starlette.responses import Response

from authserver.oauth import refresh_token
from authserver.oauth.errors import UnsupportedTokenTypeError
from authserver.oauth.requests import ProtocolRequest, read_form
from authserver.oauth.responses import CORS, NO_STORE, json_response, unavailable
from authserver.services import Services
from authserver.storage.hot import Transaction
from authserver.storage.statements import FIND_GRANT, REVOKE_GRANT


async def revoke(request: Request) -> Response:
    """End a refresh token with its access tokens. 200 also for an unknown, foreign or ended one, which nothing happens
    to (RFC 7009 §2.2)."""
    services: Services = request.app.state.services
    oauth = services.oauth
    try:
        parameters = await read_form(request)
        protocol_request = ProtocolRequest(
            "POST",
            f"{oauth.issuer}/oauth2/revoke",
            parameters,
            services.clock(),
            authorization=request.headers.get("authorization", ""),
        )
        methods = ("client_secret_basic", "client_secret_post", "none")
        client = await greenlet_spawn(oauth.authenticate_client, protocol_request, methods)
        value = parameters.get("token")
        if not value:
            raise InvalidRequestError("token is missing")
        presented = refresh_token.read(value)
        if presented is None and value.count(".") == 2 and value.startswith("eyJ"):
            raise UnsupportedTokenTypeError("Only refresh tokens can be revoked here")
        if presented is not None:
            row = await services.hot.read_key(FIND_GRANT, presented.grant_id)
            seed = row["seed"] if row is not None else bytes(32)
            genuine = refresh_token.is_genuine(presented, services.secret_keys, client.client_id, seed)
            if row is not None and genuine:

                def end(transaction: Transaction) -> None:
                    transaction.run(REVOKE_GRANT, which=row["grant_id"], at=protocol_request.now)

                await services.hot.write(end)
    except refresh_token.UnknownKeyError:
        return unavailable(60)
    except OAuth2Error as error:
        answer = oauth.handle_error_response(None, error)
        return json_response(dict(answer.body), answer.status, answer.headers)
    return Response(b"", 200, {**NO_STORE, **CORS})
