"""The device authorization grant (RFC 8628 §3.4, §3.5): a device asks again and again, until somebody has decided."""

import logging
from typing import Any

import orjson
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE, DeviceCodeGrant
from sqlalchemy.util.concurrency import await_

from authserver.oauth.client_auth import METHODS
from authserver.oauth.clients import RegisteredClient
from authserver.oauth.device_codes import APPROVED, DENIED
from authserver.oauth.grants import new_grant
from authserver.oauth.requests import ProtocolRequest
from authserver.oauth.tokens import Subject
from authserver.secret_values import digest
from authserver.storage.device_statements import (
    CONSUME_DEVICE_CODE,
    FIND_DEVICE_CODE,
    POLL_IN_TIME,
    POLL_TOO_SOON,
)
from authserver.storage.hot import Row, Transaction
from authserver.storage.statements import INSERT_GRANT, INSERT_MAIL

log = logging.getLogger(__name__)

GRANT_TYPE = str(DEVICE_CODE_GRANT_TYPE)
INVALID_CODE = "The device code is not valid: unknown, used, or issued to another client"


class PresentedDeviceCode:
    """A stored device code as Authlib asks for it."""

    def __init__(self, row: Row, now: int) -> None:
        self.row = row
        self.scope = str(row["scope"])  # of the tokens: that of the one resource server they are for
        self._now = now

    def get_client_id(self) -> str:
        return str(self.row["client_id"])

    def get_scope(self) -> str:
        return self.scope

    def get_user_code(self) -> "PresentedDeviceCode":
        """Authlib would ask by it who has decided. It is not stored, and what stands in the row is the answer."""
        return self

    def is_expired(self) -> bool:
        return bool(self.row["expires_at"] <= self._now)


class DeviceGrant(DeviceCodeGrant):  # type: ignore[misc]
    """`self.server` is an `OAuthServer`. The code is used once, by its client; what was approved is looked at again."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    request: ProtocolRequest

    def validate_token_request(self) -> None:
        """As Authlib's; its text for a missing code has quotes, which not every client can read."""
        if not self.request.parameters.get("device_code"):
            raise InvalidRequestError("device_code is missing")
        super().validate_token_request()

    def authenticate_token_endpoint_client(self) -> RegisteredClient:
        """Known before the code is looked up: `query_device_credential` compares."""
        client: RegisteredClient = super().authenticate_token_endpoint_client()
        self.request.client = client
        return client

    def query_device_credential(self, device_code: str) -> PresentedDeviceCode:
        """Raises `InvalidGrantError`, also for another client's, whose device may still fetch what it waits for."""
        found = self.server.hot.read_key(FIND_DEVICE_CODE, digest(device_code)) if len(device_code) <= 128 else None
        row = await_(found) if found is not None else None
        if row is None or row["used_at"] is not None:
            raise InvalidGrantError(INVALID_CODE)
        if row["client_id"] != self.request.client.client_id:
            log.warning(
                "attack? client %s presented a device code of client %s",
                self.request.client.client_id,
                row["client_id"],
            )
            raise InvalidGrantError(INVALID_CODE)
        self.request.bound_jkt = row["dpop_jkt"]
        return PresentedDeviceCode(row, self.request.now)

    def query_user_grant(self, user_code: PresentedDeviceCode) -> tuple[Row, bool] | None:
        decision = user_code.row["decision"]
        return (user_code.row, decision == APPROVED) if decision in (APPROVED, DENIED) else None

    def should_slow_down(self, credential: PresentedDeviceCode) -> bool:
        """RFC 8628 §3.5: five seconds more, for this and all that follow; kept, so that every replica knows."""
        which, now = credential.row["digest"], self.request.now

        def poll(transaction: Transaction) -> bool:
            if transaction.one(POLL_IN_TIME, code_digest=which, at=now) is not None:
                return False
            transaction.run(POLL_TOO_SOON, code_digest=which, at=now)
            return True

        return bool(await_(self.server.hot.write(poll)))

    def generate_token(self, **options: Any) -> Any:
        """Consumes the code first: whatever else has to be proved (`dpop.binding`) was proved before."""
        subject = self._consume()
        return super().generate_token(**options | {"user": subject, "scope": self.request.credential.get_scope()})

    def _consume(self) -> Subject:
        """Makes the grant, in one transaction that the database decides: who polls twice at once gets tokens once, and
        keeps them. Raises `InvalidGrantError`, `KeyRingError`."""
        row, client, now = self.request.credential.row, self.request.client, self.request.now
        self.server.keys.ready(client.row, now)  # trouble of ours must not burn the code
        # in no browser's session: whoever signs out at the phone does not switch off the television
        granted = _resource(row)
        target = new_grant.target(self.request, self.request.credential, granted)
        grant = new_grant.of_row(self.request, row, resource=granted, target=target, nonce=None, sid=None, claims={})
        subject = grant.subject
        mail = self.server.linked_mail(client, subject, now)

        def consume(transaction: Transaction) -> bool:
            consumed = transaction.one(
                CONSUME_DEVICE_CODE,
                code_digest=row["digest"],
                asking=client.client_id,
                at=now,
                new_grant=subject.grant_id,
            )
            if consumed is None:
                return False
            transaction.run(INSERT_GRANT, **grant.values)
            if mail is not None:
                transaction.run(INSERT_MAIL, **mail)
            return True

        if not await_(self.server.hot.write(consume)):
            raise InvalidGrantError(INVALID_CODE)
        self.request.user = self.request.subject = subject
        self.request.refresh_value = self.server.refresh_token(subject.grant_id, 1, client.client_id, grant.seed)
        return subject


def _resource(row: Row) -> str | None:
    found = orjson.loads(row["request"]).get("resource")
    return str(found) if found else None
