"""`POST /oauth2/device_authorization` (RFC 8628 §3.1, §3.2): a device gets a code to wait with and one to show."""

from typing import Any

import orjson
from authlib.oauth2.rfc6749 import InvalidRequestError, InvalidScopeError, OAuth2Error, UnauthorizedClientError
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint
from sqlalchemy.util.concurrency import await_, greenlet_spawn
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import attempts
from authserver.oauth import resources, user_codes
from authserver.oauth.client_auth import METHODS
from authserver.oauth.clients import RegisteredClient
from authserver.oauth.grants.device_code import GRANT_TYPE
from authserver.oauth.requests import ProtocolRequest, read_parameters, refuse_query
from authserver.oauth.responses import error_response, json_response
from authserver.oauth.server import OAuthServer
from authserver.secret_values import digest, random_token
from authserver.services import Services
from authserver.storage.device_statements import INSERT_DEVICE_CODE

INTERVAL = 5  # seconds between two polls, to begin with
LONGEST_ACR_VALUES = 1024  # characters
TRIES = 5  # at a user code that no other device has


class TooManyError(Exception):
    """This network has asked too often in the names of public clients."""


class DeviceAuthorization(DeviceAuthorizationEndpoint):  # type: ignore[misc]
    """Authlib's, bound to our storage. It asks for the scope of the server; ours is the client's.

    One for each request: how long a code lives is a setting. `address`: of the network of who asks."""

    INTERVAL = INTERVAL
    CLIENT_AUTH_METHODS = METHODS
    server: OAuthServer

    def __init__(self, server: OAuthServer, address: str) -> None:
        super().__init__(server)
        self.EXPIRES_IN = server.settings.device_code_lifetime
        self._address = address
        self._request: ProtocolRequest | None = None

    def authenticate_client(self, request: ProtocolRequest) -> RegisteredClient:
        """And what it may ask for. Anybody may ask in the name of a public client: what one network can have kept is
        bounded. Raises `OAuth2Error`, `TooManyError`."""
        client: RegisteredClient = super().authenticate_client(request)
        if not client.check_grant_type(GRANT_TYPE):
            raise UnauthorizedClientError("This client may not use the device authorization grant")
        scope = client.get_allowed_scope(request.parameters.get("scope"))
        if scope is None:
            raise InvalidScopeError("The scope is not one of this client")
        resource = request.parameters.get("resource")
        if resource:
            self.server.resource_servers().check(client.row, resources.split(resource))
        if len(request.parameters.get("acr_values", "")) > LONGEST_ACR_VALUES:
            raise InvalidRequestError("acr_values is too long")
        if client.is_public and not await_(self._admitted(request.now)):
            raise TooManyError
        request.parameters["scope"] = scope
        self._request = request
        return client

    async def _admitted(self, now: int) -> bool:
        name = attempts.counter(self.server.secret_keys, "devices", attempts.network_of(self._address))
        most = self.server.settings.address_visits
        return await attempts.count_up_to(self.server.hot, name, most, attempts.ADDRESS_WINDOW, now)

    def generate_device_code(self) -> str:
        return random_token()

    def generate_user_code(self) -> str:
        return user_codes.new()

    def get_verification_uri(self) -> str:
        return f"{self.server.issuer}/device"

    def save_device_credential(self, client_id: str, scope: str, data: dict[str, Any]) -> None:
        """Neither code is stored as it is. A user code that another device has is replaced by a new one."""
        request = self._request
        assert request is not None
        kept = {name: request.parameters[name] for name in ("resource", "acr_values") if request.parameters.get(name)}
        if request.client.is_public:  # any other asks from the network of its server, which tells nobody anything
            kept["address"] = self._address[:64]
        values = {
            "digest": digest(data["device_code"]),
            "client_id": client_id,
            "scope": request.parameters["scope"],
            "request": orjson.dumps(kept).decode(),
            "dpop_jkt": None, "interval": INTERVAL, "polled_at": None, "created_at": request.now,
            "expires_at": request.now + self.EXPIRES_IN, "decision": "", "decided_at": None, "sub": None, "epoch": 0,
            "auth_time": None, "amr": "[]", "acr": None, "sid": None, "used_at": None, "grant_id": None,
        }  # fmt: skip
        for _ in range(TRIES):
            letters = user_codes.read(data["user_code"])
            assert letters is not None
            stored = user_codes.digest(self.server.secret_keys.current, letters)
            if await_(self.server.hot.execute(INSERT_DEVICE_CODE, **values, user_code_digest=stored)) is not None:
                break
            data["user_code"] = self.generate_user_code()
        else:
            raise RuntimeError("no user code is free")
        data["verification_uri_complete"] = f"{data['verification_uri']}?user_code={data['user_code']}"


async def device_authorization(request: Request) -> Response:
    """Errors are those of the token endpoint (RFC 8628 §3.2)."""
    services: Services = request.app.state.services
    oauth, now = services.oauth, services.clock()
    address = request.client.host if request.client else ""
    try:
        refuse_query(request)
        parameters = await read_parameters(request)
    except OAuth2Error as error:
        answer = oauth.handle_error_response(None, error)
        return json_response(dict(answer.body), answer.status)
    protocol_request = ProtocolRequest(
        "POST",
        f"{oauth.issuer}/oauth2/device_authorization",
        parameters,
        now,
        authorization=request.headers.get("authorization", ""),
    )
    endpoint = DeviceAuthorization(oauth, address)

    def respond() -> Any:
        try:
            return oauth.handle_response(*endpoint(oauth.create_oauth2_request(protocol_request)))
        except OAuth2Error as error:
            return oauth.handle_error_response(None, error)

    try:
        answer = await greenlet_spawn(respond)
    except TooManyError:
        headers = {"Retry-After": str(attempts.ADDRESS_WINDOW)}
        return error_response("temporarily_unavailable", "Too many devices ask from this network", 429, headers)
    headers = {name: value for name, value in answer.headers.items() if name == "WWW-Authenticate"}
    return json_response(dict(answer.body), answer.status, headers)
