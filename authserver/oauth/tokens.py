"""The one mint: every grant's tokens are made here. docs/token-profile.md tells the claims, one by one."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

import orjson

from authserver.oauth.clients import RegisteredClient
from authserver.oauth.keys import KeyRing
from authserver.oauth.token_rules import is_reserved
from authserver.oauth.userinfo import claims_of_scope, groups_of
from authserver.secret_values import new_uuid
from authserver.storage.hot import Row


@dataclass(frozen=True)
class Subject:
    """For whom, and on the strength of which sign-in, tokens are made. Times are Unix seconds."""

    sub: str
    username: str
    email: str
    email_verified: bool
    attributes: dict[str, Any]
    origin_jti: str
    auth_time: int
    amr: list[str]
    acr: str | None
    issued_at: int
    resource: str | None = None
    nonce: str | None = None
    sid: str | None = None  # the browser's session; None for a device, which is in no browser
    groups: tuple[str, ...] = ()  # in the order of tokens
    singly: tuple[str, ...] = ()  # claims that the ID token shall have besides those of the scope (OIDC Core §5.5)
    grant_id: str = field(default="", repr=False)
    expires_at: int | None = None  # an earlier end than the client's lifetime
    actor: dict[str, Any] | None = None  # who acts for the person (RFC 8693 §4.1)
    jkt: str | None = None  # the key that its access tokens are bound to (RFC 9449 §6): `request.jkt`

    @classmethod
    def of_row(cls, row: Row, now: int, origin_jti: str, **others: Any) -> "Subject":
        """`row`: a code or a grant with its person as they are now (`storage.statements.PERSON`); `others`: what is not
        of the row."""
        return cls(
            sub=row["sub"],
            username=row["username"],
            email=row["email"],
            email_verified=bool(row["email_verified"]),
            attributes=orjson.loads(row["attributes"]),
            origin_jti=origin_jti,
            auth_time=row["auth_time"],
            amr=orjson.loads(row["amr"]),
            acr=row["acr"],
            issued_at=now,
            groups=groups_of(row["groups"]),
            **others,
        )

    @property
    def id(self) -> str:
        return self.sub

    @property
    def is_machine(self) -> bool:
        """Nobody signed in: it is the client itself."""
        return not self.origin_jti


def machine(client_id: str, now: int, resource: str | None, jkt: str | None = None) -> Subject:
    """The client in its own name (RFC 6749 §4.4)."""
    return Subject(client_id, "", "", False, {}, "", 0, [], None, now, resource, jkt=jkt)


def lifetime(client: RegisteredClient, subject: Subject) -> int:
    """Seconds that an access token lives."""
    if subject.expires_at is None:
        return client.access_token_lifetime
    return min(client.access_token_lifetime, subject.expires_at - subject.issued_at)


def _encode(keys: KeyRing, alg: str, claims: dict[str, Any], now: int, typ: str | None) -> str:
    """Without `typ` the header says `JWT`."""
    return keys.signing(alg, now).signer.sign(orjson.dumps(claims), typ or "JWT")


def _besides(client: RegisteredClient, kind: str) -> dict[str, Any]:
    """The operator's own claims. Reserved ones are refused at registration, and left out here whatever way a row came:
    a machine with a `username` would pass for a person (contracts/security.md 6.66)."""
    own: dict[str, Any] = client.row.token_claims.get(kind, {})
    return {name: value for name, value in own.items() if not is_reserved(name)}


def access_token(keys: KeyRing, issuer: str, client: RegisteredClient, subject: Subject, scope: str) -> str:
    """Cognito's claims; explicitly typed `at+jwt` after RFC 8725 §3.11, so that no other token of ours passes for one.

    `aud` only where the request's `resource` (RFC 8707) or the client sets it, never the client's id. A machine's token
    has nothing of what tells of a person or a grant. To a client with pairwise subjects the person has no other name
    than that (docs/adr/0038). Raises `KeyRingError`.
    """
    now, row = subject.issued_at, client.row
    sub = subject.sub if subject.is_machine else keys.subject_of(row, subject.sub)
    claims: dict[str, Any] = {
        "sub": sub,
        "iss": issuer,
        "version": 2,
        "client_id": client.client_id,
        "token_use": "access",
        "scope": scope,
        "exp": now + lifetime(client, subject),
        "iat": now,
        "jti": new_uuid(),
    }
    if row.token_claims:
        claims = _besides(client, "access") | claims
    if not subject.is_machine:
        claims["origin_jti"] = subject.origin_jti
        claims["event_id"] = new_uuid()
        claims["auth_time"] = subject.auth_time
        claims["username"] = subject.username if sub == subject.sub else sub
    if subject.groups:
        claims["cognito:groups"] = subject.groups
    if subject.acr:
        claims["acr"] = subject.acr
    if subject.amr:
        claims["amr"] = subject.amr
    audience = subject.resource or row.audience
    if audience:
        claims["aud"] = audience
    if subject.actor:
        claims["act"] = subject.actor
    if subject.jkt:
        claims["cnf"] = {"jkt": subject.jkt}
    return _encode(keys, row.signing_alg, claims, now, "at+jwt")


def id_token(keys: KeyRing, issuer: str, client: RegisteredClient, subject: Subject, scope: str, access: str) -> str:
    """OpenID Connect Core §2 with Cognito's `token_use` and `cognito:username`. Raises `KeyRingError`."""
    now, row = subject.issued_at, client.row
    alg = row.id_token_signing_alg or row.signing_alg
    sub = keys.subject_of(row, subject.sub)
    claims = claims_of_scope(subject.email, subject.email_verified, subject.attributes, scope, singly=subject.singly)
    if row.token_claims:
        claims = _besides(client, "id") | claims
    if subject.groups:
        claims["cognito:groups"] = subject.groups
    claims |= {
        "sub": sub,
        "iss": issuer,
        "aud": client.client_id,
        "token_use": "id",
        "cognito:username": subject.username if sub == subject.sub else sub,
        "at_hash": half_hash(access, alg),
        "origin_jti": subject.origin_jti,
        "event_id": new_uuid(),
        "jti": new_uuid(),
        "auth_time": subject.auth_time,
        "iat": now,
        "exp": now + client.id_token_lifetime,
        "amr": subject.amr,
    }
    if subject.acr:
        claims["acr"] = subject.acr
    if subject.nonce is not None:
        claims["nonce"] = subject.nonce
    if subject.sid is not None:
        claims["sid"] = keys.session_of(row, subject.sid)
    return _encode(keys, alg, claims, now, None)


def signed(keys: KeyRing, alg: str, claims: dict[str, Any], now: int, typ: str | None = None) -> str:
    """A JWT of another kind, each with claims of its own that keep it from passing for one of the above. Raises
    `KeyRingError`."""
    return _encode(keys, alg, claims, now, typ)


def half_hash(value: str, alg: str) -> str:
    """`at_hash`: the left half of the hash that the signature uses (OpenID Connect Core §3.1.3.6)."""
    hashed = (hashlib.sha512 if alg == "EdDSA" else hashlib.sha256)(value.encode()).digest()
    return base64.urlsafe_b64encode(hashed[: len(hashed) // 2]).decode().rstrip("=")
