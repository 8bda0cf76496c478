"""The authorization code grant (RFC 6749 §4.1) with PKCE (RFC 7636), closed where Authlib leaves it open."""

import logging
from typing import Any

import orjson
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc6749 import grants as authlib_grants
from authlib.oauth2.rfc7636 import CodeChallenge
from sqlalchemy.util.concurrency import await_

from authserver.models import AuthorizationCode
from authserver.oauth.client_auth import METHODS
from authserver.oauth.grants import new_grant, session_use
from authserver.oauth.redirects import reply
from authserver.oauth.requests import ProtocolRequest
from authserver.oauth.responses import Answer
from authserver.oauth.tokens import Subject
from authserver.secret_values import digest, new_secret
from authserver.storage.hot import Row, Transaction
from authserver.storage.statements import (
    CONSUME_CODE,
    COUNT_CODE_FAILURE,
    FIND_CODE,
    INSERT_GRANT,
    INSERT_MAIL,
    REVOKE_GRANT,
    USE_OF_CODE,
)

log = logging.getLogger(__name__)

#: Failed bindings (client, redirect URI, verifier) that a code bears; the fifth burns it.
MOST_FAILURES = 5
INVALID_CODE = "The code is not valid: unknown, expired, used, or issued to another client"


class PresentedCode:
    """A stored code as Authlib asks for it."""

    code_challenge_method = "S256"  # no other is ever stored

    def __init__(self, row: Row) -> None:
        self.row = row
        self.scope = str(row["scope"])  # of the tokens: that of the one resource server they are for
        self.code_challenge: str | None = row["code_challenge"]

    def get_redirect_uri(self) -> str:
        return ""  # compared by `validate_token_request`, which knows whether the request named it

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        nonce: str | None = self.row["nonce"]
        return nonce

    def get_auth_time(self) -> int:
        return int(self.row["auth_time"])

    def get_acr(self) -> str | None:
        return None  # all claims come from the one mint

    def get_amr(self) -> list[str] | None:
        return None


class Sha256CodeChallenge(CodeChallenge):  # type: ignore[misc]
    """S256 only; required where the client's policy says so; a verifier without a challenge is a downgrade."""

    DEFAULT_CODE_CHALLENGE_METHOD = ""
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """RFC 7636 §4.3, §4.4.1."""
        parameters = grant.request.parameters
        challenge = parameters.get("code_challenge")
        if not challenge and grant.request.client.needs_pkce:
            raise InvalidRequestError("This client must send a code_challenge (S256)")
        if challenge and parameters.get("code_challenge_method") != "S256":
            raise InvalidRequestError("code_challenge_method must be S256")
        if challenge and len(challenge) != 43:
            raise InvalidRequestError("code_challenge must have the 43 characters of a SHA-256")
        super().validate_code_challenge(grant, redirect_uri)

    def validate_code_verifier(self, grant: Any, result: Any) -> None:
        """RFC 7636 §4.6; a verifier without a challenge is a downgrade (RFC 9700 §4.8.2)."""
        challenge = grant.request.authorization_code.code_challenge
        verifier = grant.request.parameters.get("code_verifier")
        if bool(challenge) != bool(verifier):
            raise InvalidGrantError("code_verifier and code_challenge go together: one of them is missing")
        try:
            super().validate_code_verifier(grant, result)
        except InvalidRequestError as error:
            raise InvalidGrantError("The code_verifier does not belong to the code") from error


class AuthorizationCodeGrant(authlib_grants.AuthorizationCodeGrant):  # type: ignore[misc]
    """`self.server` is an `OAuthServer`."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    request: ProtocolRequest

    def create_authorization_response(
        self, redirect_uri: str, grant_user: Any
    ) -> tuple[int, Any, list[tuple[str, str]]]:
        """RFC 6749 §4.1.2 with `iss` (RFC 9207); Authlib's would rewrite a query that the registered URI has."""
        code = new_secret()[0]
        self.request.user = grant_user
        self.save_authorization_code(code, self.request)
        answer = Answer.of(reply(redirect_uri, self.server.issuer, self.request.parameters, {"code": code}))
        return answer.status, answer.body, list(answer.headers.items())

    def save_authorization_code(self, code: str, request: ProtocolRequest) -> None:
        """Within the unit of work of the page that finishes the interaction; stored as digest."""
        subject: Subject = request.subject
        parameters = request.parameters
        request.unit.add(
            AuthorizationCode(
                digest=digest(code),
                client_id=request.client.client_id,
                sub=subject.sub,
                epoch=request.user.epoch,
                redirect_uri=parameters["redirect_uri"],
                redirect_uri_sent=request.redirect_uri_sent,
                scope=request.scope,
                nonce=parameters.get("nonce"),
                code_challenge=parameters.get("code_challenge"),
                resource=parameters.get("resource"),
                dpop_jkt=parameters.get("dpop_jkt"),
                auth_time=subject.auth_time,
                amr=subject.amr,
                acr=subject.acr,
                sid=subject.sid,
                claims=request.requested_claims,
                created_at=request.now,
                expires_at=request.now + request.client.authorization_code_lifetime,
            )
        )

    def query_authorization_code(self, code: str, client: Any) -> PresentedCode:
        """The row, whoever asks: `validate_token_request` compares. Raises `InvalidGrantError`."""
        row = await_(self.server.hot.read_key(FIND_CODE, digest(code))) if len(code) <= 128 else None
        if row is None:
            raise InvalidGrantError(INVALID_CODE)
        presented = PresentedCode(row)
        self.request.authorization_code = presented
        if row["client_id"] != client.client_id:
            log.warning("attack? client %s presented a code of client %s", client.client_id, row["client_id"])
            raise InvalidGrantError(INVALID_CODE)
        sent = self.request.parameters.get("redirect_uri")
        if (sent is not None or row["redirect_uri_sent"]) and sent != row["redirect_uri"]:
            raise InvalidGrantError("redirect_uri differs from the one of the authorization request")
        self.request.bound_jkt = row["dpop_jkt"]
        return presented

    def validate_token_request(self) -> None:
        """Proves client, redirect URI and verifier, before anything is consumed. A failed proof is counted."""
        try:
            super().validate_token_request()
        except OAuth2Error:
            presented = self.request.authorization_code
            if presented is not None:
                which = presented.row["digest"]

                def count(transaction: Transaction) -> None:
                    transaction.run(COUNT_CODE_FAILURE, code_digest=which)

                await_(self.server.hot.write(count))
            raise

    def authenticate_user(self, authorization_code: PresentedCode) -> Subject:
        """Consumes the code and makes the grant, in one transaction that the database decides. A second use ends what
        the first produced, except within the client's retry window, when it is taken for a lost answer.

        Raises `InvalidGrantError`; the revocation is committed with the refusal.
        """
        row, now, client = authorization_code.row, self.request.now, self.request.client
        self.server.keys.ready(client.row, now)  # trouble of ours must not burn the code
        target = new_grant.target(self.request, authorization_code, row["resource"])
        if client.row.refresh_with_session and not session_use.stands(self.server, row["sid"], now):
            raise InvalidGrantError(INVALID_CODE)
        grant = new_grant.of_row(
            self.request,
            row,
            resource=row["resource"],
            target=target,
            nonce=row["nonce"],
            sid=row["sid"],
            claims=orjson.loads(row["claims"]),
        )
        subject = grant.subject
        mail = self.server.linked_mail(client, subject, now)

        def consume(transaction: Transaction) -> bool:
            consumed = transaction.one(
                CONSUME_CODE, code_digest=row["digest"], at=now, new_grant=subject.grant_id, most=MOST_FAILURES
            )
            if consumed is not None:
                transaction.run(INSERT_GRANT, **grant.values)
                if mail is not None:
                    transaction.run(INSERT_MAIL, **mail)
                return True
            use = transaction.one(USE_OF_CODE, code_digest=row["digest"])
            window = client.row.code_retry_window
            if use and use["used_at"] is not None and (window == 0 or now - use["used_at"] > window):
                transaction.run(REVOKE_GRANT, which=use["grant_id"], at=now)
            return False

        if not await_(self.server.hot.write(consume)):
            raise InvalidGrantError(INVALID_CODE)
        self.request.subject = subject
        self.request.refresh_value = self.server.refresh_token(subject.grant_id, 1, client.client_id, grant.seed)
        return subject

    def delete_authorization_code(self, authorization_code: PresentedCode) -> None:
        """The row stays, so that a second use is recognised; housekeeping purges it."""
