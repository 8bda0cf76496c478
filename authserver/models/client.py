"""A registered client (RFC 7591's names where it has one) and its policy."""

from typing import Any

from sqlmodel import Field, SQLModel

from authserver.models.columns import digest_column, json_column, seconds


class Client(SQLModel, table=True):
    """Lifetimes are seconds; `None` means the server's setting. The `alexa` preset's values are in oauth/presets.py."""

    __tablename__ = "clients"

    client_id: str = Field(primary_key=True, max_length=128)
    client_name: str = Field(max_length=128)
    preset: str = Field(default="", max_length=16)  # "" or "alexa"
    active: bool = True
    first_party: bool = False  # only such clients skip the consent page
    #: "always": asked for each time; else it is remembered for what was agreed to
    consent: str | None = Field(default=None, max_length=16)
    redirect_uris: list[str] = Field(default_factory=list, sa_column=json_column())
    scopes: list[str] = Field(default_factory=list, sa_column=json_column())
    grant_types: list[str] = Field(default_factory=list, sa_column=json_column())
    token_endpoint_auth_methods: list[str] = Field(default_factory=list, sa_column=json_column())
    require_pkce: bool = False
    signing_alg: str = Field(default="RS256", max_length=16)
    audience: str | None = Field(default=None, max_length=2000)
    access_token_lifetime: int | None = None
    id_token_lifetime: int | None = None
    authorization_code_lifetime: int | None = None
    #: Seconds after the first use of a code in which a second use is taken for a retry and revokes nothing.
    code_retry_window: int = 0
    refresh_rotation: bool = False
    refresh_rotation_grace: int | None = None
    refresh_idle_lifetime: int | None = None
    refresh_absolute_lifetime: int | None = None
    refresh_id_token: bool = True
    #: its refresh tokens end with the browser's session in which they were granted; else they are for offline use
    refresh_with_session: bool = False
    #: public keys (RFC 7517 §5) of its assertions and request objects, or where they are fetched
    jwks: dict[str, Any] | None = Field(default=None, sa_column=json_column(nullable=True))
    jwks_uri: str | None = Field(default=None, max_length=2000)
    require_pushed_authorization_requests: bool = False  # RFC 9126 §6
    require_signed_request_object: bool = False  # RFC 9101 §10.5
    dpop_bound_access_tokens: bool = False  # RFC 9449 §5.2: no token without a proof
    #: None: all that the server has (`query`, `form_post`)
    response_modes: list[str] | None = Field(default=None, sa_column=json_column(nullable=True))
    #: seconds since the sign-in, at most, where a request has no `max_age` (OpenID Connect Registration §2)
    default_max_age: int | None = None
    subject_type: str = Field(default="public", max_length=16)  # or "pairwise" (OpenID Connect Core §8)
    sector_identifier: str | None = Field(default=None, max_length=255)  # `pairwise.sector_of` unless it is named
    id_token_signing_alg: str | None = Field(default=None, max_length=16)  # None: `signing_alg`
    userinfo_signing_alg: str | None = Field(default=None, max_length=16)  # None: JSON
    introspection_signing_alg: str | None = Field(default=None, max_length=16)  # None: JSON unless it is asked for
    #: claims of its tokens besides the protocol's: `{"access": {…}, "id": {…}}`
    token_claims: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    resources: list[str] = Field(default_factory=list, sa_column=json_column())  # identifiers it may name; []: any
    exchange_from: list[str] = Field(default_factory=list, sa_column=json_column())  # clients whose tokens it exchanges
    #: whether an access token can be revoked alone; False: Cognito's `unsupported_token_type`
    revoke_access_tokens: bool = True
    introspects: list[str] = Field(default_factory=list, sa_column=json_column())  # audiences that it stands for
    post_logout_redirect_uris: list[str] = Field(default_factory=list, sa_column=json_column())
    backchannel_logout_uri: str | None = Field(default=None, max_length=2000)
    backchannel_logout_session_required: bool = False
    #: Cognito's userInfo: `openid` alone gives every attribute; booleans are strings.
    userinfo_all_attributes: bool = False
    userinfo_string_booleans: bool = False
    created_at: int = Field(sa_column=seconds())
    updated_at: int = Field(sa_column=seconds())


class ClientSecret(SQLModel, table=True):
    """At most two for each client, so that a secret can be changed without an outage. Only the digest is stored."""

    __tablename__ = "client_secrets"

    secret_id: str = Field(primary_key=True, max_length=32)
    client_id: str = Field(foreign_key="clients.client_id", ondelete="CASCADE", index=True, max_length=128)
    digest: bytes = Field(sa_column=digest_column())
    created_at: int = Field(sa_column=seconds())
