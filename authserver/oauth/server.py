"""Authlib's `AuthorizationServer`, bound once to our storage and to Starlette.

Authlib is synchronous. It runs in a greenlet (`greenlet_spawn`), and its hooks wait for the database through `await_`:
no threads, one code path. Everything is registered at start; what belongs to a request is on the request.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from authlib.oauth2.rfc6749 import AuthorizationServer, InvalidClientError, OAuth2Error
from authlib.oidc.core.grants.code import OpenIDCode, OpenIDToken
from sqlalchemy.util.concurrency import await_

from authserver.egress import Egress
from authserver.oauth import client_assertion, refresh_token, tokens
from authserver.oauth.client_auth import authenticate
from authserver.oauth.client_keys import ClientKeys
from authserver.oauth.clients import Clients, RegisteredClient
from authserver.oauth.dpop.binding import ProofOfPossession
from authserver.oauth.dpop.proof import Proofs
from authserver.oauth.dpop.resource import BEARER, DPOP
from authserver.oauth.dynamic import first_tokens
from authserver.oauth.grants import device_code
from authserver.oauth.grants.authorization_code import AuthorizationCodeGrant, Sha256CodeChallenge
from authserver.oauth.grants.client_credentials import ClientCredentialsGrant
from authserver.oauth.grants.device_code import DeviceGrant
from authserver.oauth.grants.refresh_token import RefreshTokenGrant
from authserver.oauth.grants.token_exchange import TokenExchangeGrant
from authserver.oauth.introspection import Introspection
from authserver.oauth.keys import KeyRing
from authserver.oauth.presets import CLIENT_CREDENTIALS, TOKEN_EXCHANGE
from authserver.oauth.redirects import reply
from authserver.oauth.requests import ProtocolRequest
from authserver.oauth.resources import Resources, ResourceServers
from authserver.oauth.responses import Answer
from authserver.oauth.revocation import Revocation
from authserver.oauth.tokens import Subject
from authserver.secret_values import SecretKeys
from authserver.settings import Settings
from authserver.storage.hot import HotStore

GRANT_TYPES = (
    "authorization_code",
    "refresh_token",
    CLIENT_CREDENTIALS,
    TOKEN_EXCHANGE,
    device_code.GRANT_TYPE,
)
RESPONSE_TYPES = ("code",)
CODE_CHALLENGE_METHODS = ("S256",)


class LinkedMail(Protocol):
    """Writes the mail that goes out after a linking, as a row of the outbox; None for clients that want none."""

    def __call__(self, client: RegisteredClient, subject: Subject, now: int) -> dict[str, Any] | None: ...


class IdTokenOfCode(OpenIDCode):  # type: ignore[misc]
    """Authlib decides when an ID token is due (scope `openid`); the one mint makes it."""

    def exists_nonce(self, nonce: str, request: ProtocolRequest) -> bool:
        """A nonce is the client's own defence (OpenID Connect Core §3.1.2.1); the code it belongs to is used once."""
        return False

    def encode_id_token(self, token: dict[str, Any], request: ProtocolRequest) -> str:
        return str(request.server.id_token(token, request))


class IdTokenOfDevice(OpenIDToken):  # type: ignore[misc]
    """The same at the end of a device's waiting."""

    def encode_id_token(self, token: dict[str, Any], request: ProtocolRequest) -> str:
        return str(request.server.id_token(token, request))


class IdTokenOfRefresh(OpenIDToken):  # type: ignore[misc]
    """The same on refresh, where the client's policy asks for it: as Cognito by default, not for Alexa."""

    def process_token(self, grant: Any, response: Any) -> Any:
        if grant.request.client.row.refresh_id_token:
            return super().process_token(grant, response)
        return response[1]

    def encode_id_token(self, token: dict[str, Any], request: ProtocolRequest) -> str:
        return str(request.server.id_token(token, request))


class OAuthServer(AuthorizationServer):  # type: ignore[misc]
    """`keys` is replaced as a whole when the key ring changes."""

    def __init__(
        self,
        settings: Settings,
        secret_keys: SecretKeys,
        clock: Callable[[], int],
        clients: Clients,
        hot: HotStore,
        keys: KeyRing,
        linked_mail: LinkedMail,
        resources: Resources,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.issuer = settings.issuer
        self.secret_keys = secret_keys
        self.key_id = secret_keys.current.key_id
        self.clock = clock
        self.clients = clients
        self.hot = hot
        self.keys = keys
        self.linked_mail = linked_mail
        self.resources = resources
        self.dpop = Proofs(settings.issuer, secret_keys, nonce_required=settings.dpop_nonce_required)
        self.egress = Egress(settings)
        self.client_keys = ClientKeys(self.egress, clock)
        self.register_token_generator("default", self._generate)
        self.register_grant(AuthorizationCodeGrant, [Sha256CodeChallenge(required=False), IdTokenOfCode()])
        self.register_grant(RefreshTokenGrant, [IdTokenOfRefresh()])
        self.register_grant(ClientCredentialsGrant)
        self.register_grant(TokenExchangeGrant)
        self.register_grant(DeviceGrant, [IdTokenOfDevice()])
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)

    def register_grant(self, grant_cls: type[Any], extensions: Sequence[Any] | None = None) -> None:
        """Every grant with the proof of possession: none can be registered without."""
        super().register_grant(grant_cls, [*(extensions or ()), ProofOfPossession()])

    # --- Authlib's storage questions -------------------------------------------------------------------------------

    def query_client(self, client_id: str) -> RegisteredClient | None:
        return self.clients.cached(client_id) or await_(self.clients.get(client_id))

    def resource_servers(self) -> ResourceServers:
        """In Authlib's greenlet."""
        servers: ResourceServers = self.resources.cached or await_(self.resources.get())
        return servers

    def authenticate_client(self, request: ProtocolRequest, methods: Any, endpoint: str = "token") -> RegisteredClient:
        if client_assertion.is_presented(request):
            return client_assertion.authenticate(self, request, methods)
        return authenticate(self.query_client, request, methods)

    def save_token(self, token: dict[str, Any], request: ProtocolRequest) -> None:
        """The grant's row was written before the tokens were made; only the refresh token, which belongs to a
        generation that the grant chose, is still missing."""
        if request.proof is not None and token["token_type"] != DPOP:
            raise RuntimeError("a grant forgot to bind its token: Subject.jkt is request.jkt")
        if "refresh_token" in token:
            token["refresh_token"] = request.refresh_value
        if request.client.unused:
            await_(first_tokens.note(self.hot, self.clients, request.client.client_id, request.now))

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """No signals: who wants to know reads the log."""

    def _generate(
        self,
        grant_type: str,
        client: RegisteredClient,
        user: Subject,
        scope: str,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> dict[str, Any]:
        """The answer's members (RFC 6749 §5.1): Cognito's, and `scope`. Raises `KeyRingError`."""
        token: dict[str, Any] = {"access_token": tokens.access_token(self.keys, self.issuer, client, user, scope)}
        if include_refresh_token:
            token["refresh_token"] = ""  # `save_token` puts it in
        return token | {
            "token_type": DPOP if user.jkt else BEARER,
            "expires_in": tokens.lifetime(client, user),
            "scope": scope,
        }

    def id_token(self, token: dict[str, Any], request: ProtocolRequest) -> str:
        return tokens.id_token(
            self.keys, self.issuer, request.client, request.subject, token["scope"], token["access_token"]
        )

    def refresh_token(self, grant_id: str, generation: int, client_id: str, seed: bytes) -> str:
        return refresh_token.make(self.secret_keys.current, grant_id, generation, client_id, seed)

    # --- Authlib's framework questions -----------------------------------------------------------------------------

    def create_oauth2_request(self, request: ProtocolRequest) -> ProtocolRequest:
        request.server = self
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Answer:
        return Answer(status, body, dict(headers))

    def handle_error_response(self, request: ProtocolRequest | None, error: OAuth2Error) -> Answer:
        """With a redirect URI (then proven to be the client's) to the client, with `state` and `iss`; else as JSON."""
        if error.redirect_uri and request is not None:
            parameters = {"error": str(error.error)}
            if error.description:
                parameters["error_description"] = error.description
            return Answer.of(reply(error.redirect_uri, self.issuer, request.parameters, parameters))
        if isinstance(error, InvalidClientError):
            error.status_code = 401
        status, body, headers = error()
        told = dict(headers)
        if challenge := told.get("WWW-Authenticate"):  # RFC 7617 §2: the realm, which Authlib leaves out, is REQUIRED
            told["WWW-Authenticate"] = challenge.replace("Basic ", 'Basic realm="clients", ', 1)
        return Answer(status, body, told)
