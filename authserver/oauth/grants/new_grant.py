"""What a person agreed to becomes a grant: the row, and for whom tokens are made; the same from a code and a device."""

import uuid
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from authserver.oauth import resources
from authserver.oauth.requests import ProtocolRequest
from authserver.oauth.tokens import Subject
from authserver.secret_values import random_token
from authserver.storage.hot import Row


@dataclass(frozen=True)
class NewGrant:
    """Not yet stored: `values` are all columns of its row (`INSERT_GRANT`)."""

    subject: Subject
    values: dict[str, Any] = field(repr=False)

    @property
    def seed(self) -> bytes:
        seed: bytes = self.values["seed"]
        return seed


class Presented(Protocol):
    """A code. `scope`: of its tokens."""

    scope: str


def target(request: ProtocolRequest, presented: Presented, granted: str | None) -> str | None:
    """RFC 8707 §2.2: the one resource server that the tokens are for, and with it their scope; before the code is
    consumed. Raises `InvalidTargetError`, `InvalidScopeError`."""
    asked = request.parameters.get("resource")
    if not granted and not asked:
        return None
    servers = request.server.resource_servers()
    chosen = resources.chosen(servers, request.client.row, granted, asked)
    presented.scope = servers.scope_for(presented.scope, chosen)
    return chosen


def of_row(
    request: ProtocolRequest,
    row: Row,
    *,
    resource: str | None,
    target: str | None,
    nonce: str | None,
    sid: str | None,
    claims: dict[str, Any],
) -> NewGrant:
    """`request`: of the token endpoint, its client known; `row`: an authorization code or a device code with its person
    (`FIND_CODE`, `FIND_DEVICE_CODE`); `resource`: all that was granted, `target`: whom these tokens are for; `sid`: the
    browser's session that the grant belongs to, if any; `claims`: those asked for one by one."""
    client, now = request.client, request.now
    subject = Subject.of_row(
        row,
        now,
        str(uuid.uuid4()),
        resource=target,
        nonce=nonce,
        sid=sid,
        singly=tuple(claims.get("id_token", ())),
        grant_id=random_token(16),
        jkt=request.jkt,
    )
    values = {
        "grant_id": subject.grant_id,
        "origin_jti": subject.origin_jti,
        "sub": subject.sub,
        "client_id": client.client_id,
        "scope": row["scope"],
        "seed": random_token(24).encode()[:32],
        "generation": 1,
        "epoch": row["epoch"],
        "auth_time": row["auth_time"],
        "amr": row["amr"],
        "acr": row["acr"],
        "claims": orjson.dumps(claims | ({"resource": resource} if resource else {})).decode(),
        # RFC 9449 §5: refresh tokens of confidential clients are bound to the client, which authenticates
        "dpop_jkt": request.jkt if client.is_public else None,
        "sid": sid,
        "created_at": now,
        "rotated_at": None,
        "last_used_at": now,
        "expires_at": now + client.refresh_absolute_lifetime,
        "revoked_at": None,
    }
    return NewGrant(subject, values)
